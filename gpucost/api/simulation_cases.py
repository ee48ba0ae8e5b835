"""The deployments of a simulation: how each serves, starts and stops, and what is billed of it."""

from collections.abc import Sequence

from gpucost.api.billed import Costing
from gpucost.api.deployments import Deployment, resolve
from gpucost.api.execution import Timed
from gpucost.api.flags import whole
from gpucost.api.fleets import UNLIMITED, fixed, manned
from gpucost.api.request import Slo
from gpucost.api.service_times import Served, TokenTimes, served
from gpucost.api.simulated_bill import Case
from gpucost.api.simulation_asked import Asked
from gpucost.domain.rules import ProductKind
from gpucost.domain.simulated import Setting
from gpucost.errors import UsageError


def cases_of(
    asked: Asked, chosen: Sequence[Deployment], times: TokenTimes
) -> tuple[list[Case | Costing], str]:
    """The deployments that can serve, and why the first other one cannot."""
    setup = asked.setup
    able, reason = setup.able(chosen)
    found: list[Case | Costing] = []
    for each, timed in able:
        if each.rule.kind is ProductKind.TOKENS:
            costing = setup.costing(each, timed)
            given, made = asked.arriving.input_tokens, asked.arriving.output_tokens
            if given is not None and made is not None:  # not the whole ones of the model's speed
                costing.demand = costing.demand._replace(input_tokens=given, output_tokens=made)
            found.append(costing)
            continue
        service = served(setup, asked.arriving, times, timed)
        if not service.mean_s > 0:
            raise UsageError("the requests take no time at all: nothing can be billed by it")
        costing = setup.costing(each, timed._replace(execution_s=service.mean_s))
        found.append(_case(asked, costing, service, timed))
    return found, reason


def _case(asked: Asked, costing: Costing, service: Served, timed: Timed) -> Case:
    stays = costing.rule.kind is ProductKind.WORKERS and asked.scaling.get("scaler") is not None
    if costing.kind is not ProductKind.WORKERS and not stays:
        count = costing.settings.workers or _busiest(asked, costing, service)
        if costing.settings.workers is None:
            asked.setup.ledger.note(
                f"{costing.deployment.label}: {count} workers, which the busiest minute needs; see --workers"
            )
        fleet = fixed(count, costing, asked.scaling)._replace(speeds=service.speeds)
        return Case(costing, fleet, service, timed, always_on=count)
    scaling = asked.setup.shelf.catalog.scaling(costing.rule.product)
    clock = asked.arriving.clock_s
    if asked.scaling.get("schedule") and clock is None:
        asked.setup.ledger.note(
            "--schedule counts from the first request: its time of day is unknown", "warning"
        )
    ways = manned(asked.setup.ledger, costing, scaling, asked.scaling, clock_s=clock or 0.0)
    fleet, assumed = ways
    if stays and not costing.scales:
        fleet = fleet._replace(kept=max(1, fleet.kept))  # it scales, but not to zero
    return Case(costing, fleet._replace(speeds=service.speeds), service, timed, assumed)


def _busiest(asked: Asked, costing: Costing, service: Served) -> int:
    """Always-on workers that carry the busiest minute, or the highest rate of a profile."""
    slots = costing.settings.slots
    gain = slots * (service.speeds[slots - 1] if service.speeds else 1.0)
    count = int(-(-asked.arriving.peak_per_s * service.mean_s // gain))
    if count > 100_000:
        raise UsageError(f"the busiest minute needs {count:,} workers; check the time of a request")
    return max(1, count, costing.settings.min_workers)


def with_baseline(asked: Asked, case: Case | Costing, name: str | None, count: int | None) -> Case:
    """Workers of a baseline that are kept on and take a request before the deployment's own do."""
    if name is None or count is None:
        raise UsageError("--baseline and --baseline-workers go together")
    whole("--baseline-workers", count, 1, 10_000)
    if not isinstance(case, Case) or case.always_on:
        raise UsageError("--baseline: the rest goes to workers that scale, not to what is always on")
    if case.fleet.kept:
        raise UsageError("--baseline takes the place of --min-workers")
    base = resolve(asked.setup.shelf, name)
    if base.rule.kind is ProductKind.TOKENS:
        raise UsageError(f"--baseline {base.label} is paid per token and cannot be kept on")
    own = case.costing.deployment
    if asked.setup.execution.question is not None and (base.gpu, base.cards) != (own.gpu, own.cards):
        raise UsageError(
            f"--baseline {base.label} serves the model at another speed than {own.label}: take the same card "
            "for both, or give --execution-s"
        )
    costing = asked.setup.costing(base, asked.setup.execution.of(base)._replace(execution_s=1.0))
    fleet = case.fleet._replace(kept=count, most=min(case.fleet.most + count, UNLIMITED))
    return case._replace(baseline=costing, fleet=fleet)


def check_limits(limits: Sequence[Slo], cases: Sequence[Case | Costing]) -> None:
    """Raises UsageError for a limit on a latency that nothing gives."""
    for slo in limits:
        for case in cases:
            if not isinstance(case, Case):
                continue
            known = {"wait", "e2e"}
            if case.served.service.by_tokens:
                known |= {"ttft", "tpot"} if case.served.service.per_output_token_s else {"ttft"}
            if slo.metric not in known:
                raise UsageError(
                    f"--slo {slo.text}: {slo.metric} needs times of tokens: a --model, or "
                    "--prefill-tokens-per-s and --tpot-ms"
                )


def at_setting(case: Case, best: Setting) -> Case:
    """The deployment with the setting that a search found."""
    fleet = case.fleet._replace(
        idle_timeout_s=best.idle_timeout_s,
        kept=best.min_workers,
        most=case.fleet.most if best.max_workers is None else best.max_workers,
    )
    return case._replace(fleet=fleet)
