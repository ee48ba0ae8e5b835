"""Whether a plan keeps each limit of a budget; what cannot be told does not pass."""

from collections.abc import Callable, Iterator
from math import isfinite
from typing import NamedTuple

from gpucost.api.offers import first_day
from gpucost.api.plan_bills import Costed
from gpucost.api.plan_limits import load_of, wait_s
from gpucost.api.request import parse_slo
from gpucost.api.snapshots import Answered
from gpucost.domain.checks import PolicyResult, Snapshot
from gpucost.domain.plans import PlanRow
from gpucost.domain.scenario import Budget, Scenario

COLD = 0.01
"""Where more requests than this meet a start, the 99th percentile holds one [0-1]."""
EXACT = 1e-9
"""A limit that is passed by less than this share is kept: that is rounding."""
REASONS = 3
"""Why nothing answers: the first of the reasons."""


class Found(NamedTuple):
    """What a plan comes to; `actual` is None where nobody can tell, and `said` is why."""

    actual: float | str | None
    said: str


class Plan(NamedTuple):
    """A plan and what its increase counts from."""

    best: Costed
    row: PlanRow
    snapshot: Snapshot
    locked: Snapshot | None


class Limited(NamedTuple):
    """A key of the budget, the unit of its limit, and what looks at the plan."""

    policy: str
    unit: str
    look: Callable[[Plan], Found]
    least: bool = False
    """The limit is the least that is wanted, not the most."""


def has_limits(budget: Budget) -> bool:
    """Whether there is anything to keep."""
    return any(each is not None and each != () for each in budget)


def needs_lock(budget: Budget) -> bool:
    """Whether a limit counts from a locked answer."""
    return budget.max_increase is not None or budget.max_increase_usd is not None


def policies_of(
    scenario: Scenario, now: Answered, locked: Snapshot | None, *, file: str, line_of: Callable[..., int]
) -> Iterator[PolicyResult]:
    """Every limit of the scenario's budget, and that there is a plan at all.

    `line_of` gives the line of a key of the scenario; `locked` is the answer that increases count from.
    """
    name, budget = scenario.name, scenario.budget
    plan = None
    if now.made.best is not None and now.row is not None:
        plan = Plan(now.made.best, now.row, now.snapshot, locked)
    deployed = None if plan is None else plan.row.deployment
    reasons = [f"{each.reason} ({each.count})" for each in now.made.rejections.all()[:REASONS]]
    said = (
        f"{deployed} keeps every limit of the scenario"
        if plan
        else "; ".join(["nothing keeps every limit of the scenario", *reasons])
    )
    place = (file, line_of())
    answer = "found" if plan else "none"
    yield PolicyResult(name, "plan", plan is not None, None, answer, "", None, said, *place)
    for each in LIMITS:
        limit = getattr(budget, each.policy)
        if limit is None:
            continue
        found = each.look(plan) if plan else Found(None, "there is no plan to look at")
        ok = left = None
        if isinstance(found.actual, float):
            sign = -1 if each.least else 1
            over = sign * (found.actual - limit)
            ok, left = over <= EXACT * abs(limit), -over / limit if limit else None
        place = (file, line_of("budget", each.policy))
        yield PolicyResult(
            name, each.policy, ok, float(limit), found.actual, each.unit, left, found.said, *place
        )
    if budget.providers:
        place = (file, line_of("budget", "providers"))
        used = _providers(plan) if plan else []
        wrong = [each for each in used if each not in {one.lower() for one in budget.providers}]
        said = f"{', '.join(wrong)} is not allowed" if wrong else f"the bill is {' and '.join(used)}'s"
        yield PolicyResult(
            name,
            "providers",
            not wrong if plan else None,
            ", ".join(budget.providers),
            ", ".join(used) or None,
            "",
            None,
            said if plan else "there is no plan to look at",
            *place,
        )


def _month(plan: Plan) -> Found:
    usd = plan.snapshot.usd_per_month
    return Found(usd, "the price of a line is not known" if usd is None else f"{usd:,.2f} USD per month")


def _per_million(plan: Plan) -> Found:
    usd = plan.snapshot.usd_per_million_tokens
    return Found(usd, "not known" if usd is None else f"{usd:,.3f} USD per million tokens generated")


def _first_token(plan: Plan) -> Found:
    """99th percentile of the first token at the plan's load [s], with the start that it holds and waits."""
    option, bill, costing = plan.best.option, plan.best.bill, plan.best.costing
    found = option.server.round(max(1.0, load_of(option, costing, bill)))
    slo = parse_slo("ttft:p99<=1s")
    seconds, cold = float(option.server.latency_s(found, slo)), bill.cold_share
    if cold is None:
        wait = wait_s(option, costing, bill, slo.share)
        if not isfinite(wait):
            return Found(None, "requests wait without end at the busiest time; gpucost simulate replays them")
        return Found(seconds + wait, f"{seconds:.3g} s and a wait of {wait:.2g} s for a worker")
    if cold <= COLD:
        return Found(seconds, f"{seconds:.3g} s; {cold:.1%} of the requests meet a start")
    start = costing.clock().start_s
    if not start:
        return Found(None, f"{cold:.1%} of the requests meet a start, whose time is not documented")
    said = f"{seconds:.3g} s and a start of {start:.3g} s, which {cold:.1%} of the requests meet"
    return Found(seconds + start, said)


def _headroom(plan: Plan) -> Found:
    free = float(plan.row.headroom)
    return Found(free, f"{free:.1%} of the capacity is free at the mean rate")


def _age(plan: Plan) -> Found:
    """Age of the oldest price of the bill, on the day whose prices answer [days]."""
    day, choice = plan.best.setup.shelf.day, plan.best.costing.deployment.choice
    dated = {} if choice is None else {choice.price.offer: choice.price.as_of}
    for line in plan.snapshot.lines:
        beside = plan.best.costing.beside_price(line.offer) if line.offer else None
        if beside is not None:
            dated[beside.offer] = beside.as_of
    if not dated:
        return Found(None, "the price has no date")
    days = {}
    for offer, as_of in dated.items():
        first = first_day(as_of)
        if first is None:
            return Found(None, f"the price of {offer} has no date")
        days[offer] = first
    oldest = min(days, key=lambda offer: days[offer])
    age = (day - days[oldest]).days
    return Found(float(age), f"the price of {oldest} is of {dated[oldest]}, {age} days before {day}")


def _increase_usd(plan: Plan) -> Found:
    if plan.locked is None:
        return Found(None, "no locked answer to count from; gpucost check --update-lock writes one")
    before, after = plan.locked.usd_per_month, plan.snapshot.usd_per_month
    if before is None or after is None:
        return Found(None, "the locked answer has no bill to count from")
    return Found(after - before, f"{before:,.2f} → {after:,.2f} USD per month, {after - before:+,.2f} USD")


def _increase(plan: Plan) -> Found:
    found = _increase_usd(plan)
    before = None if plan.locked is None else plan.locked.usd_per_month
    if not isinstance(found.actual, float):
        return found
    if not before:
        return Found(None, "the locked month costs nothing: there is no share of it")
    return Found(found.actual / before, f"{found.said} ({found.actual / before:+.1%})")


def _providers(plan: Plan) -> list[str]:
    offers = {line.offer for line in plan.snapshot.lines if line.offer} | {plan.row.deployment}
    return sorted({offer.partition("/")[0] for offer in offers})


LIMITS = (
    Limited("usd_per_month", "USD/month", _month),
    Limited("usd_per_million_tokens", "USD/10^6 tokens", _per_million),
    Limited("ttft_p99_s", "s", _first_token),
    Limited("min_headroom", "of 1", _headroom, least=True),
    Limited("max_price_age_days", "days", _age),
    Limited("max_increase_usd", "USD/month", _increase_usd),
    Limited("max_increase", "of 1", _increase),
)
