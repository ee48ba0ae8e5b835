"""What does real traffic cost, and how long does it wait, under each provider's scaling and billing rules?"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Unpack, cast

from gpucost.api.bill_notes import cite_bill
from gpucost.api.bill_setup import BillingFlags, Setup, set_up
from gpucost.api.billed import Costing, Period
from gpucost.api.deployments import Deployment, resolve
from gpucost.api.flags import rate, whole
from gpucost.api.fleets import UNLIMITED, ScalingFlags, checked, fixed, manned
from gpucost.api.named import named
from gpucost.api.price_evidence import cite_prices
from gpucost.api.request import Slo, parse_slo
from gpucost.api.service_times import Served, TokenTimes, served
from gpucost.api.settings_search import search
from gpucost.api.simulated_bill import Case, lines_of, merged, run_of, simulated_bill, token_bill
from gpucost.api.simulation_notes import say, say_unused
from gpucost.api.simulation_runs import Runs
from gpucost.api.traffic_source import Arriving, SourceFlags, Wanted, from_file, generated
from gpucost.calc.bill_lines import total
from gpucost.calc.fleet import Fleet, Starts
from gpucost.calc.replication import Point, Source
from gpucost.calc.simulation import Limit, Replayed
from gpucost.catalog.names import several
from gpucost.catalog.store import Catalog
from gpucost.domain.billing import Bill
from gpucost.domain.report import Report
from gpucost.domain.rules import ProductKind
from gpucost.domain.scaling import Binding, Policy, Routing
from gpucost.domain.simulated import Run, Setting, SimulateResult, Variant
from gpucost.errors import UnknownNameError, UsageError
from gpucost.units import HOURS_PER_DAY, SECONDS_PER_HOUR

PERIODS = ("month", "trace", "day", "year")
YEAR_MONTHS = 12
TRAFFIC = (
    "requests_per_month",
    "requests_per_day",
    "requests_per_second",
    "pattern",
    "burst_size",
    "burst_interval_s",
    "peak_to_mean",
    "hours",
    "items",
)
"""Flags of traffic that a simulation reads itself."""
MODEL = ("model", "params", "quant", "engine", "input_tokens", "output_tokens")
"""Flags of the model, whose lengths may stand in the trace."""


class SimulateFlags(BillingFlags, SourceFlags, ScalingFlags, total=False):
    """All flags of `simulate` that other questions share, or that describe traffic and scaling."""


class Asked(NamedTuple):
    """A question about deployments, as understood."""

    setup: Setup
    arriving: Arriving
    period: Period
    limits: tuple[Slo, ...]
    scaling: ScalingFlags
    told: SimulateFlags

    @property
    def factor(self) -> float:
        """Billed period ÷ simulated time."""
        return self.period.seconds / self.arriving.made.span_s


def simulate(
    *,
    trace: Path | str | None = None,
    deployment: Sequence[str] | str = (),
    gpu: str | None = None,
    gpus: int | None = None,
    flex_vs_active: bool = False,
    provider: Sequence[str] | str = (),
    billing: Sequence[str] | str = (),
    period: str = "month",
    slo: Sequence[str] | str = (),
    optimise: str | None = None,
    baseline: str | None = None,
    baseline_workers: int | None = None,
    prefill_tokens_per_s: float | None = None,
    tpot_ms: float | None = None,
    replications: int = 1,
    seed: int = 0,
    variants: bool = True,
    processes: int | None = None,
    scheduler: str | None = None,
    results: Path | str | None = None,
    progress: bool = False,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
    **flags: Unpack[SimulateFlags],
) -> Report:
    """Replays a trace, or traffic of a generator, through deployments, and bills what their workers did.

    A request runs `execution_s` [s], or as long as the trace, the model's speed or the times of its tokens
    say. `slo` are limits such as `ttft:p95<=500ms`; `optimise` names settings to search, such as
    `idle-timeout,max-workers`; `baseline` is kept on with `baseline_workers` before the deployment takes the
    rest. `SimulateFlags` names the others. What runs longer than the period is scaled down, what is shorter
    extrapolated. Equal questions with equal seeds have equal answers, wherever they run.

    Raises UsageError for a question that cannot be asked, DataError for wrong files, RemoteError when a
    cluster cannot be reached.
    """
    limits = tuple(parse_slo(text, waits=True) for text in several(slo))
    _check(period, replications, seed, processes)
    for flag, value in (("--prefill-tokens-per-s", prefill_tokens_per_s), ("--tpot-ms", tpot_ms)):
        rate(flag, value)
    checked(flags)
    asked = _asked(trace, period, limits, flags, seed, catalog=catalog, today=today)
    setup, times = asked.setup, TokenTimes(prefill_tokens_per_s, tpot_ms)
    chosen = named(setup, several(deployment), gpu, gpus, flex_vs_active, several(provider), several(billing))
    cases, reason = _cases(asked, chosen, times)
    if baseline is not None or baseline_workers is not None:
        cases = [_with_baseline(asked, each, baseline, baseline_workers) for each in cases]
    _check_limits(limits, cases)
    runs = Runs(
        asked.arriving,
        seed=seed,
        processes=processes,
        scheduler=scheduler,
        results=None if results is None else Path(results),
        progress=progress,
    )
    settings: tuple[Setting, ...] = ()
    best = None
    say_unused(setup.ledger, cases, flags)
    if optimise is not None:
        one = cases[0] if len(cases) == 1 else None
        if not isinstance(one, Case):
            raise UsageError("--optimise searches the settings of one deployment whose workers scale")
        settings, best = search(asked, one, optimise, runs)
        if best is not None:
            cases = [_at_setting(one, best)]
    if replications > 1 and not _chance(asked, cases):
        setup.ledger.note("nothing is random here: replications would all be equal, one is shown")
        replications = 1
    answer = _answered(asked, cases, runs, replications, variants=variants)
    _cite(asked, answer)
    say(asked, [(each.case, each.run) for each in answer if each.case and each.run], runs, variants=variants)
    bills = [each.bill for each in answer]
    result = SimulateResult(
        source=asked.arriving.kind,
        period=period,
        simulated_s=asked.arriving.made.span_s,
        extrapolation=asked.factor,
        requests=max(
            (each.run.requests for each in answer if each.run), default=round(asked.arriving.requests)
        ),
        skipped_rows=asked.arriving.skipped,
        replications=replications,
        seed=seed,
        bills=tuple(_against_first(bills)),
        runs=tuple(each.run for each in answer if each.run is not None),
        variants=tuple(variant for each in answer for variant in each.variants),
        settings=settings,
        best=best,
        cheapest=_cheapest(asked, answer),
        interrupted=runs.interrupted,
        reason="" if answer else reason,
    )
    unmet = bool(limits) and result.cheapest is None
    return Report(
        question="simulate",
        inputs=_inputs(asked, trace, times, replications, seed, bills),
        result=result,
        evidence=setup.ledger.evidence,
        notes=setup.ledger.notes,
        answered_no=not bills or unmet,
    )


class Answer(NamedTuple):
    """One deployment, simulated; a hosted model has a bill alone."""

    case: Case | None
    costing: Costing
    bill: Bill
    run: Run | None
    variants: tuple[Variant, ...]


def _check(period: str, replications: int, seed: int, processes: int | None) -> None:
    if period not in PERIODS:
        raise UnknownNameError("--period", period, PERIODS)
    whole("--replications", replications, 1, 10_000)
    whole("--seed", seed, 0, 2**62)
    whole("--processes", processes, 1, 1024)


def _asked(
    trace: Path | str | None,
    period: str,
    limits: tuple[Slo, ...],
    flags: SimulateFlags,
    seed: int,
    *,
    catalog: Sequence[Path | str] | Catalog,
    today: date | None,
) -> Asked:
    """Reads the traffic first: its mean lengths are those of the model's speed."""
    rest = cast(BillingFlags, {name: value for name, value in flags.items() if name not in TRAFFIC})
    bare = {name: value for name, value in rest.items() if name not in MODEL}
    if flags.get("items") is not None or flags.get("burst_interval_s") is not None:
        raise UsageError(
            "simulate takes --burst-size with a rate; --items and --burst-interval-s go with bill"
        )
    if period == "trace" and trace is None:
        raise UsageError("--period trace bills the time of a trace file; name one")
    given = [flags.get(name) for name in ("requests_per_month", "requests_per_day", "requests_per_second")]
    if trace is not None and any(value is not None for value in (*given, flags.get("pattern"))):
        raise UsageError("a trace has its own rate: leave --requests-per-… and --pattern out")
    amount = {name: flags.get(name) for name in TRAFFIC[:3] if flags.get(name) is not None}
    plain = set_up(cast(BillingFlags, {**bare, **amount}), catalog=catalog, today=today)
    if trace is not None:
        arriving = from_file(plain.ledger, Path(trace), flags, random=seed)
    else:
        wanted = Wanted(
            flags.get("pattern"),
            plain.asked.level,
            flags.get("burst_size"),
            flags.get("peak_to_mean"),
            flags.get("hours"),
        )
        arriving = generated(plain.ledger, wanted, flags, period_s=plain.month.seconds)
    filled = dict(rest)
    for name, mean in (("input_tokens", arriving.input_tokens), ("output_tokens", arriving.output_tokens)):
        if mean is not None:
            if flags.get(name) is not None:
                raise UsageError(f"the trace has its own tokens: leave --{name.replace('_', '-')} out")
            filled[name] = max(1, round(mean))
    setup = set_up(cast(BillingFlags, filled), catalog=plain.shelf.catalog, today=today)
    for note in plain.ledger.notes:
        setup.ledger.note(note.text, note.level)
    for each in plain.ledger.evidence:
        if each.field.startswith("--requests-per"):
            setup.ledger.user(each.field, each.value, each.unit)
    month = setup.month
    hours = {
        "month": month.hours,
        "day": float(HOURS_PER_DAY),
        "year": YEAR_MONTHS * month.hours,
        "trace": arriving.made.span_s / SECONDS_PER_HOUR,
    }[period]
    return Asked(setup, arriving, Period(period, hours, month.hours), limits, flags, flags)


def _cases(asked: Asked, chosen: Sequence[Deployment], times: TokenTimes) -> tuple[list[Case | Costing], str]:
    """The deployments that can serve, and why the first other one cannot."""
    setup, ledger = asked.setup, asked.setup.ledger
    found: list[Case | Costing] = []
    reason = ""
    for each in chosen:
        timed = setup.execution.of(each)
        if timed.reason:
            reason = reason or f"{each.label}: {timed.reason}"
            ledger.note(f"{each.label} is left out: {timed.reason}", "warning")
            continue
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
        found.append(_case(asked, costing, service))
    return found, reason


def _case(asked: Asked, costing: Costing, service: Served) -> Case:
    stays = costing.rule.kind is ProductKind.WORKERS and asked.scaling.get("scaler") is not None
    if costing.kind is not ProductKind.WORKERS and not stays:
        count = costing.settings.workers or _busiest(asked, costing, service)
        if costing.settings.workers is None:
            asked.setup.ledger.note(
                f"{costing.deployment.label}: {count} workers, which the busiest minute needs; see --workers"
            )
        fleet = fixed(count, costing, asked.scaling)._replace(speeds=service.speeds)
        return Case(costing, fleet, service, always_on=count)
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
    return Case(costing, fleet._replace(speeds=service.speeds), service, assumed)


def _busiest(asked: Asked, costing: Costing, service: Served) -> int:
    """Always-on workers that carry the busiest minute, or the highest rate of a profile."""
    slots = costing.settings.slots
    gain = slots * (service.speeds[slots - 1] if service.speeds else 1.0)
    count = int(-(-asked.arriving.peak_per_s * service.mean_s // gain))
    if count > 100_000:
        raise UsageError(f"the busiest minute needs {count:,} workers; check the time of a request")
    return max(1, count, costing.settings.min_workers)


def _with_baseline(asked: Asked, case: Case | Costing, name: str | None, count: int | None) -> Case:
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


def _check_limits(limits: Sequence[Slo], cases: Sequence[Case | Costing]) -> None:
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


def limits_of(slos: Sequence[Slo]) -> tuple[Limit, ...]:
    """Limits as the simulation counts them."""
    return tuple(Limit(slo.metric, slo.share, slo.limit_s) for slo in slos)


def point_of(asked: Asked, case: Case, fleet: Fleet, seed: tuple[int, ...]) -> Point:
    """One replication of a deployment."""
    clock = case.costing.clock()
    lives = clock.parts.gaps != "free"
    return Point(
        fleet,
        case.served.service,
        asked.arriving.made,
        seed,
        limits_of(asked.limits),
        clock.rounding_s if lives else 0.0,
        clock.minimum_s if lives else 0.0,
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


def _answered(
    asked: Asked, cases: Sequence[Case | Costing], runs: Runs, replications: int, *, variants: bool
) -> list[Answer]:
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
            tokens = asked.setup.execution.tokens[1]
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
    tokens = asked.setup.execution.tokens[1]
    runs = [replayed for what, replayed in found if what is None]
    base = merged(runs)
    bill = simulated_bill(asked.setup, case, asked.period, base, span_s=span, tokens=tokens)
    others = tuple(_variant(asked, case, what, replayed) for what, replayed in found if what is not None)
    totals = [each.total_usd for each in others if each.total_usd is not None]
    if bill.total_usd is not None:
        low, high = min([bill.total_usd, *totals]), max([bill.total_usd, *totals])
        bill = bill._replace(low_usd=low, high_usd=high)
    run = run_of(case, bill, base, runs, asked.limits, period=asked.period, span_s=span)
    return Answer(case, case.costing, bill, run, others)


def _variant(asked: Asked, case: Case, what: str, replayed: Replayed) -> Variant:
    lines, _ = lines_of(case, replayed.totals, asked.period, asked.factor)
    usd, whole_bill = total(lines)
    wait = replayed.latencies.get("wait")
    return Variant(
        case.label,
        what,
        float(usd) if whole_bill else None,
        replayed.totals.starts,
        None if wait is None else wait.p95,
    )


def _at_setting(case: Case, best: Setting) -> Case:
    fleet = case.fleet._replace(
        idle_timeout_s=best.idle_timeout_s,
        kept=best.min_workers,
        most=case.fleet.most if best.max_workers is None else best.max_workers,
    )
    return case._replace(fleet=fleet)


def _chance(asked: Asked, cases: Sequence[Case | Costing]) -> bool:
    """Whether another seed gives another answer."""
    fleets = [each.fleet for each in cases if isinstance(each, Case)]
    return asked.arriving.random or any(
        not fleet.starts.constant or fleet.routing is Routing.RANDOM for fleet in fleets
    )


def _cheapest(asked: Asked, answers: Sequence[Answer]) -> str | None:
    """The smallest bill that keeps every limit, of those that serve most requests.

    The latency of a hosted model is not known, so that it keeps no limit.
    """
    able = [
        each
        for each in answers
        if each.bill.total_usd is not None and (each.run.meets_slo if each.run else not asked.limits)
    ]
    lost = min((each.run.rejected if each.run else 0 for each in able), default=0)
    able = [each for each in able if (each.run.rejected if each.run else 0) == lost]
    best = min(able, key=lambda each: each.bill.total_usd or 0.0, default=None)
    return None if best is None else best.bill.deployment


def _against_first(bills: list[Bill]) -> list[Bill]:
    base = bills[0].total_usd if bills else None
    out = bills[:1]
    for each in bills[1:]:
        if base is None or each.total_usd is None:
            out.append(each)
        else:
            delta = each.total_usd - base
            out.append(each._replace(delta_usd=delta, delta_fraction=delta / base if base else None))
    return out


def _cite(asked: Asked, answers: Sequence[Answer]) -> None:
    setup = asked.setup
    choices = [each.costing.deployment.choice for each in answers]
    cite_prices(setup.ledger, [each for each in choices if each is not None], today=setup.shelf.day)
    level = setup._replace(asked=setup.asked._replace(level=asked.arriving.per_s))
    for each in answers:
        cite_bill(level, each.costing, each.bill, setup.execution.of(each.costing.deployment))


def _inputs(
    asked: Asked,
    trace: Path | str | None,
    times: TokenTimes,
    replications: int,
    seed: int,
    bills: Sequence[Bill],
) -> dict[str, Any]:
    inputs = asked.setup.inputs()
    inputs.pop("pattern")
    made = asked.arriving.made
    told = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asked.told.items()
        if name not in inputs and value not in (None, (), False)
    }
    return {
        "deployment": [bill.deployment for bill in bills],
        "trace": None if trace is None else str(trace),
        "traffic": asked.arriving.kind,
        "pattern": None if made.source is Source.TRACE else made.source.value,
        "period": asked.period.name,
        "period_hours": asked.period.hours,
        **inputs,
        **told,
        **times._asdict(),
        "requests_per_second": asked.arriving.per_s,
        "slo": [slo.text for slo in asked.limits],
        "replications": replications,
        "seed": seed,
    }
