"""What does real traffic cost, and how long does it wait, under each provider's scaling and billing rules?"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Unpack

from gpucost.api.bill_made import against_first
from gpucost.api.bill_notes import cite_bill
from gpucost.api.bill_setup import known_flags
from gpucost.api.execution import Timed
from gpucost.api.flags import rate, whole
from gpucost.api.fleets import checked
from gpucost.api.named import named
from gpucost.api.price_evidence import cite_prices
from gpucost.api.request import parse_slo
from gpucost.api.service_times import TokenTimes
from gpucost.api.settings_search import search
from gpucost.api.simulated_bill import Case
from gpucost.api.simulation_answers import Answer, answers_of, chance, cheapest_of
from gpucost.api.simulation_asked import Asked, SimulateFlags, asked_of, inputs_of
from gpucost.api.simulation_cases import at_setting, cases_of, check_limits, with_baseline
from gpucost.api.simulation_notes import say, say_unused
from gpucost.api.simulation_runs import Runs
from gpucost.catalog.names import several
from gpucost.catalog.store import Catalog
from gpucost.domain.report import Report
from gpucost.domain.simulated import Setting, SimulateResult
from gpucost.errors import UsageError


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
    processes: int | None = 1,
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
    rest. `processes` None takes all cores; with more than one, a script calls this below
    `if __name__ == "__main__"`. `SimulateFlags` names the other arguments. What runs longer than the period
    is scaled down, what is shorter extrapolated. Equal questions with equal seeds have equal answers,
    wherever they run.

    Raises UsageError for a question that cannot be asked, DataError for wrong files, RemoteError when a
    cluster cannot be reached.
    """
    known_flags(flags, SimulateFlags)
    limits = tuple(parse_slo(text, waits=True) for text in several(slo))
    _check(replications, seed, processes)
    for flag, value in (("--prefill-tokens-per-s", prefill_tokens_per_s), ("--tpot-ms", tpot_ms)):
        rate(flag, value)
    checked(flags)
    asked = asked_of(trace, period, limits, flags, seed, catalog=catalog, today=today)
    setup, times = asked.setup, TokenTimes(prefill_tokens_per_s, tpot_ms)
    chosen = named(setup, several(deployment), gpu, gpus, flex_vs_active, several(provider), several(billing))
    cases, reason = cases_of(asked, chosen, times)
    if baseline is not None or baseline_workers is not None:
        cases = [with_baseline(asked, each, baseline, baseline_workers) for each in cases]
    check_limits(limits, cases)
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
            cases = [at_setting(one, best)]
    if replications > 1 and not chance(asked, cases):
        setup.ledger.note("nothing is random here: replications would all be equal, one is shown")
        replications = 1
    answer = answers_of(asked, cases, runs, replications, variants=variants)
    _cite(asked, answer)
    say(asked, [(each.case, each.run) for each in answer if each.case and each.run], runs, variants=variants)
    if not several(deployment) and not flex_vs_active:
        answer.sort(key=lambda each: (each.bill.total_usd is None, each.bill.total_usd or 0.0))
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
        bills=tuple(against_first(bills)),
        runs=tuple(each.run for each in answer if each.run is not None),
        variants=tuple(variant for each in answer for variant in each.variants),
        settings=settings,
        best=best,
        cheapest=cheapest_of(asked, answer),
        interrupted=runs.interrupted,
        reason="" if answer else reason,
    )
    unmet = bool(limits) and result.cheapest is None
    return Report(
        question="simulate",
        inputs=inputs_of(asked, trace, times, replications, seed, [bill.deployment for bill in bills]),
        result=result,
        evidence=setup.ledger.evidence,
        notes=setup.ledger.notes,
        answered_no=not bills or unmet,
    )


def _check(replications: int, seed: int, processes: int | None) -> None:
    whole("--replications", replications, 1, 10_000)
    whole("--seed", seed, 0, 2**62)
    whole("--processes", processes, 1, 1024)


def _cite(asked: Asked, answers: Sequence[Answer]) -> None:
    setup = asked.setup
    choices = [each.costing.deployment.choice for each in answers]
    cite_prices(setup.ledger, [each for each in choices if each is not None], today=setup.shelf.day)
    level = setup._replace(asked=setup.asked._replace(level=asked.arriving.per_s))
    for each in answers:
        timed = Timed(None) if each.case is None else each.case.timed
        cite_bill(level, each.costing, each.bill, timed)
