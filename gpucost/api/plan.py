"""One scenario in, the best deployment out: what fits, keeps the limits, and costs least by the month."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from gpucost.api.api_prices import api_costs
from gpucost.api.bill_notes import cite_bill
from gpucost.api.billed import default_period
from gpucost.api.flags import whole
from gpucost.api.ledger import Ledger
from gpucost.api.plan_bills import Billed, Costed, bills_of
from gpucost.api.plan_changes import CENT, changes_of, sensitivity_of
from gpucost.api.plan_options import Found, Rejections, limits_of, options_of
from gpucost.api.plan_rows import order, pareto_of, row_of
from gpucost.api.plan_traffic import with_rate
from gpucost.api.plan_waterfall import waterfall_of
from gpucost.api.price_evidence import cite_prices
from gpucost.api.scenario import open_scenario, traffic_at
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.plans import ApiPrice, PlanRecommendation, PlanResult, PlanRow
from gpucost.domain.report import Report
from gpucost.domain.scenario import SCENARIO_FILE, Scenario

KEPT = 12
"""The search ends where nothing can be cheaper than this many deployments that were found."""
MOST = 1000
"""Deployments that can be asked for."""
FRONT_SHARE = 4
"""Of the rows that are asked for, as many more come from the front of dearer but faster plans."""
TIGHT = 0.2
"""Free capacity below this is worth a word."""
APIS = 4
"""Hosted APIs that are shown beside the plan."""


class Planned(NamedTuple):
    """A scenario with all that was found for it, best first."""

    scenario: Scenario
    found: list[Costed]
    looked: Found
    billed: Billed
    rejections: Rejections
    requests: float
    """Of a month."""

    @property
    def best(self) -> Costed | None:
        """The cheapest that keeps every limit."""
        return self.found[0] if self.found else None


def planned(catalog: Catalog, scenario: Scenario, *, today: date | None, keep: int = KEPT) -> Planned:
    """Every option of a scenario that can be among the `keep` cheapest deployments, billed and in order.

    Raises UsageError for what cannot be asked.
    """
    scenario = with_rate(catalog, scenario)
    rejections = Rejections()
    looked = options_of(catalog, scenario, rejections, today=today)
    billed = bills_of(scenario, looked.options, limits_of(scenario), rejections, keep=keep)
    level = traffic_at(scenario.workload, catalog).level or 0.0
    requests = level * default_period().seconds
    return Planned(scenario, sorted(billed.found, key=order), looked, billed, rejections, requests)


def plan(
    *,
    scenario: Path | str = SCENARIO_FILE,
    baseline: bool = False,
    top: int = 8,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """The best deployment of a scenario, the ones that come next, and what would change the answer.

    `scenario` is a file, or `FILE:NAME` where it holds several. `baseline` adds the way from the
    scenario's baseline to the plan, one change at a time. Every plan keeps the scenario's limits; they are
    ranked by their monthly bill [USD].

    Raises UsageError for a question that cannot be asked, DataError for a wrong scenario file. A report whose
    `answered_no` is true found nothing that keeps every limit.
    """
    whole("--top", top, 1, MOST)
    cat = opened(catalog)
    return plan_of(cat, open_scenario(scenario, cat), baseline=baseline, top=top, today=today)


def plan_of(
    cat: Catalog, asked: Scenario, *, baseline: bool = False, top: int = 8, today: date | None = None
) -> Report:
    """The answer of `plan` for a scenario that is read already."""
    made = planned(cat, asked, today=today, keep=max(KEPT, top))
    front = pareto_of(made.found)
    shown = _shown(made.found, front, top)
    rows = [row_of(cat, each, pareto=index in front) for index, each in shown]
    best, options = made.best, made.looked.options
    if best is None:
        ledger = options[0].setup.ledger if options else Ledger(cat)
    else:
        ledger = best.setup.ledger
        _cite(ledger, made, [each for _, each in shown])
    apis = _apis(cat, ledger, best, made.requests) if best is not None else ()
    result = PlanResult(
        scenario=asked.name,
        requests_per_month=made.requests,
        recommendation=None if best is None else _recommendation(best, rows, made, apis),
        plans=tuple(rows),
        rejected=made.rejections.all(),
        changes=changes_of(best, made.found, rows[0]) if best is not None else (),
        sensitivity=sensitivity_of(best, made.found) if best is not None else (),
        apis=apis,
        searched=made.looked.searched,
        billed=made.billed.billed,
        waterfall=waterfall_of(cat, made.scenario, best, ledger) if baseline and best is not None else (),
    )
    return Report(
        question="plan",
        inputs=inputs_of(made.scenario, made),
        result=result,
        evidence=ledger.evidence,
        notes=ledger.notes,
        answered_no=best is None,
    )


def _shown(found: Sequence[Costed], front: set[int], top: int) -> list[tuple[int, Costed]]:
    """The cheapest of every deployment, one line each, and the Pareto front; with their positions."""
    seen: set[str] = set()
    first, rest = [], []
    for index, each in enumerate(found):
        if each.bill.deployment not in seen:
            seen.add(each.bill.deployment)
            first.append((index, each))
        elif index in front:
            rest.append((index, each))
    more = max(1, top // FRONT_SHARE)
    chosen = first[:top] + [each for each in first[top:] if each[0] in front][:more] + rest[:more]
    return sorted(chosen, key=lambda each: each[0])


def _reasons(
    best: Costed, rows: Sequence[PlanRow], made: Planned, apis: Sequence[ApiPrice]
) -> tuple[str, ...]:
    """Why this one, in plain sentences with numbers."""
    row = rows[0]
    cards = f"{row.gpus_per_worker} × {row.gpu}" if row.gpus_per_worker > 1 else f"one {row.gpu}"
    kept = f"{row.workers:,.2g} on average, {row.max_workers:,} at the busiest time"
    if best.costing.scales:
        kept = f"workers that scale to zero, {kept}" if not row.min_workers else f"workers that scale, {kept}"
    else:
        count = round(row.workers)
        kept = "a worker that stays on" if count == 1 else f"{count:,} workers that stay on"
    first = (
        f"{row.model} in {row.quantization} on {cards} per worker at {row.deployment}: "
        f"{row.usd_per_month:,.2f} USD per month with {kept}"
    )
    reasons = [first]
    if made.scenario.slo:
        waits = "" if not row.wait_s else f" and a mean wait of {row.wait_s:.2g} s"
        reasons.append(
            f"keeps {', '.join(made.scenario.slo)} with {row.concurrency} requests at once: "
            f"first token after {row.ttft_s:.2g} s, {row.tpot_s * 1000:.3g} ms per token{waits}"
        )
    others = [each for each in rows[1:] if each.deployment != row.deployment]
    if others:
        more = others[0].usd_per_month - row.usd_per_month
        text = f"{more:,.2f} USD more per month" if more >= CENT else "for the same bill"
        reasons.append(f"next is {others[0].deployment} in {others[0].quantization}, {text}")
    other = next((each for each in others if each.billing != row.billing), None)
    if other is not None and other is not others[0]:
        reasons.append(
            f"paid {row.billing}, not {other.billing}: {other.deployment} would cost "
            f"{other.usd_per_month:,.2f} USD"
        )
    if row.headroom < TIGHT:
        reasons.append(f"tight: only {row.headroom:.0%} of its capacity is free at the mean rate")
    if apis and apis[0].usd_per_month < row.usd_per_month:
        reasons.append(
            f"a hosted API would be cheaper, whose latency and format are not modelled: {apis[0].offer} for "
            f"{apis[0].usd_per_month:,.2f} USD"
        )
    return tuple(reasons)


def _recommendation(
    best: Costed, rows: Sequence[PlanRow], made: Planned, apis: Sequence[ApiPrice]
) -> PlanRecommendation:
    row = rows[0]
    return PlanRecommendation(
        model=row.model,
        quantization=row.quantization,
        engine=row.engine,
        gpu=row.gpu,
        gpus_per_worker=row.gpus_per_worker,
        deployment=row.deployment,
        billing=row.billing,
        concurrency=row.concurrency,
        min_workers=row.min_workers,
        max_workers=row.max_workers,
        idle_timeout_s=row.idle_timeout_s,
        usd_per_month=row.usd_per_month,
        usd_per_million_tokens=row.usd_per_million_tokens,
        reasons=_reasons(best, rows, made, apis),
    )


def _cite(ledger: Ledger, made: Planned, shown: Sequence[Costed]) -> None:
    """Evidence of the plan in full, and the prices of the others."""
    best = shown[0]
    cite_bill(best.setup, best.costing, best.bill, best.timed)
    choices = [each.costing.deployment.choice for each in shown]
    cite_prices(ledger, [each for each in choices if each is not None], today=best.setup.shelf.day)
    if made.scenario.slo:
        ledger.note(
            "limits are checked on a worker's steady load with mean waits and starts; "
            "gpucost simulate replays single requests"
        )
    load = made.scenario.workload
    if load.trace is not None:
        ledger.note(
            f"{load.trace}: its mean rate and lengths are planned for, in the pattern of the scenario; "
            "gpucost simulate replays its bursts"
        )


def _apis(catalog: Catalog, ledger: Ledger, best: Costed, requests: float) -> tuple[ApiPrice, ...]:
    """The same month at hosted APIs, cheapest first."""
    option = best.option
    hourly = best.costing.deployment.usd_per_hour or 1.0
    limit = option.server.limit_per_s * option.server.lengths.generated
    aside = Ledger(catalog)
    found = api_costs(
        catalog,
        aside,
        model=option.question.chosen.model,
        lengths=option.server.lengths,
        usd_per_hour=hourly,
        tokens_per_s_limit=limit,
        today=best.setup.shelf.day,
        stated=None,
    )
    rows = [
        ApiPrice(each.offer, each.usd_per_request * requests, each.as_of)
        for each in found
        if each.usd_per_request is not None
    ]
    cheapest = sorted(rows, key=lambda each: each.usd_per_month)[:APIS]
    shown = tuple(f"prices.{each.offer}." for each in cheapest)
    ledger.add(each for each in aside.evidence if each.field.startswith(shown))
    for note in aside.notes:
        ledger.note(note.text, note.level)
    return tuple(cheapest)


def inputs_of(asked: Scenario, made: Planned) -> dict[str, object]:
    """The scenario as understood."""
    load, limits = asked.workload, asked.constraints
    return {
        "scenario": asked.name,
        "models": [each.model or each.config or each.params for each in asked.models],
        "quantizations": sorted({option.quantization.id for option in made.looked.options}),
        "engines": list(limits.engines),
        "input_tokens": load.input_tokens,
        "output_tokens": load.output_tokens,
        "requests_per_month": made.requests,
        "pattern": load.pattern or "poisson",
        "slo": list(asked.slo),
        "providers": list(limits.providers),
        "regions": list(limits.regions),
        "gpus": list(limits.gpus),
        "max_cold_start_s": limits.max_cold_start_s,
        "max_usd_per_month": limits.max_usd_per_month,
        "as_of": made.found[0].setup.shelf.day.isoformat() if made.found else asked.as_of,
    }
