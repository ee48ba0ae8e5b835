"""Simulates deployments, with what nobody documents varied, and bills what their workers did."""

from collections.abc import Sequence
from typing import NamedTuple

from gpucost.api.billed import Costing
from gpucost.api.request import Slo
from gpucost.api.simulated_bill import Case, merged, run_of, simulated_bill, token_bill, usd_of
from gpucost.api.simulation_asked import Asked
from gpucost.api.simulation_runs import Runs
from gpucost.calc.fleet import Fleet, Starts
from gpucost.calc.replication import Point
from gpucost.calc.simulation import Limit, Replayed
from gpucost.domain.billing import Bill
from gpucost.domain.scaling import Binding, Policy, Routing
from gpucost.domain.simulated import Run, Variant
from gpucost.errors import UsageError


class Answer(NamedTuple):
    """One deployment, simulated; a hosted model has a bill alone."""

    case: Case | None
    costing: Costing
    bill: Bill
    run: Run | None
    variants: tuple[Variant, ...]


def _limits_of(slos: Sequence[Slo]) -> tuple[Limit, ...]:
    """Limits as the simulation counts them."""
    return tuple(Limit(slo.metric, slo.share, slo.limit_s) for slo in slos)


def point_of(asked: Asked, case: Case, fleet: Fleet, seed: tuple[int, ...]) -> Point:
    """One replication of a deployment."""
    clock = case.costing.clock()
    return Point(
        fleet,
        case.served.service,
        asked.arriving.made,
        seed,
        _limits_of(asked.limits),
        clock.rounding_s,
        clock.minimum_s,
        by_request=clock.parts.gaps == "free",
    )


def answers_of(
    asked: Asked, cases: Sequence[Case | Costing], runs: Runs, replications: int, *, variants: bool
) -> list[Answer]:
    """Every deployment that was simulated, in order. Raises UsageError where no request came."""
    points: list[Point] = []
    places: list[tuple[int, str | None]] = []
    for index, case in enumerate(cases):
        if not isinstance(case, Case):
            continue
        for replication in range(replications):
            points.append(point_of(asked, case, case.fleet, (runs.seed, replication)))
            places.append((index, None))
        if variants:
            for name, other in _variants(asked, case):
                points.append(point_of(asked, case, other, (runs.seed, 0)))
                places.append((index, name))
    done = runs.run(points)
    found: dict[int, list[tuple[str | None, Replayed]]] = {}
    for (index, what), replayed in zip(places, done, strict=True):
        if replayed is not None:
            found.setdefault(index, []).append((what, replayed))
    answers = []
    for index, case in enumerate(cases):
        if not isinstance(case, Case):
            requests = asked.arriving.requests * asked.factor
            tokens = asked.output_tokens
            if asked.limits:
                asked.setup.ledger.note(
                    f"{case.deployment.label}: how quickly it answers is not known: it keeps no limit",
                    "warning",
                )
            bill = token_bill(asked.setup, case, asked.period, requests=requests, tokens=tokens)
            answers.append(Answer(None, case, bill, None, ()))
        elif any(name is None for name, _ in found.get(index, [])):
            if not found[index][0][1].totals.requests:
                raise UsageError("no request came in the simulated time; --simulated-days makes it longer")
            answers.append(_answer(asked, case, found[index]))
    return answers


def _answer(asked: Asked, case: Case, found: Sequence[tuple[str | None, Replayed]]) -> Answer:
    span = asked.arriving.made.span_s
    tokens = asked.output_tokens
    runs = [replayed for what, replayed in found if what is None]
    base = merged(runs)
    bill = simulated_bill(asked.setup, case, asked.period, base, span_s=span, tokens=tokens)
    others = tuple(_variant(asked, case, what, replayed) for what, replayed in found if what is not None)
    alike = usd_of(case, runs[0].totals, asked.period, asked.factor)  # the one that the others repeat
    if bill.total_usd is not None and alike is not None:
        usd = [bill.total_usd + each.total_usd - alike for each in others if each.total_usd is not None]
        bill = bill._replace(low_usd=min([bill.total_usd, *usd]), high_usd=max([bill.total_usd, *usd]))
    run = run_of(case, bill, base, runs, asked.limits, period=asked.period, span_s=span)
    return Answer(case, case.costing, bill, run, others)


def _variant(asked: Asked, case: Case, what: str, replayed: Replayed) -> Variant:
    wait = replayed.latencies.get("wait")
    return Variant(
        case.label,
        what,
        usd_of(case, replayed.totals, asked.period, asked.factor),
        replayed.totals.starts,
        None if wait is None else wait.p95,
    )


def _variants(asked: Asked, case: Case) -> list[tuple[str, Fleet]]:
    """The same fleet under other assumptions on what is not documented."""
    fleet, found = case.fleet, []
    if "scaler" in case.assumed and fleet.policy is not Policy.REQUEST_COUNT:
        other = fleet._replace(policy=Policy.REQUEST_COUNT, per_worker=float(fleet.slots))
        found.append(("scaler request-count", other))
    if "routing" in case.assumed:
        found.append(("routing least-recent", fleet._replace(routing=Routing.LEAST_RECENT)))
    if "binding" in case.assumed and fleet.policy is Policy.EACH_REQUEST:
        found.append(("bound to the started worker", fleet._replace(binding=Binding.BOUND)))
    given = asked.scaling
    told = asked.setup.settings.start_s is not None or given.get("start_samples_s") is not None
    if not told and not case.always_on:
        clock = case.costing.clock()
        for end in ("low", "high"):
            edge = case.costing.clock(end)
            if edge.start_s != clock.start_s:
                starts = Starts((edge.start_s,), edge.start_s - edge.billed_start_s)
                found.append((f"starts of {edge.start_s:,.1f} s", fleet._replace(starts=starts)))
    return found


def chance(asked: Asked, cases: Sequence[Case | Costing]) -> bool:
    """Whether another seed gives another answer."""
    fleets = [each.fleet for each in cases if isinstance(each, Case)]
    return asked.arriving.random or any(
        not fleet.starts.constant or fleet.routing is Routing.RANDOM for fleet in fleets
    )


def _unserved(answer: Answer) -> int:
    return 0 if answer.run is None else answer.run.rejected + answer.run.timed_out


def cheapest_of(asked: Asked, answers: Sequence[Answer]) -> str | None:
    """The smallest bill that keeps every limit, of those that serve most requests.

    The latency of a hosted model is not known, so that it keeps no limit.
    """
    able = [
        each
        for each in answers
        if each.bill.total_usd is not None and (each.run.meets_slo if each.run else not asked.limits)
    ]
    lost = min((_unserved(each) for each in able), default=0)
    able = [each for each in able if _unserved(each) == lost]
    best = min(able, key=lambda each: each.bill.total_usd or 0.0, default=None)
    return None if best is None else best.bill.deployment
