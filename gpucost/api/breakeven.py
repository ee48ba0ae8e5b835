"""From which traffic on does another deployment become the cheaper one?"""

from collections.abc import Callable, Sequence
from datetime import date
from math import floor
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from gpucost.api.bill_made import bill_of
from gpucost.api.bill_notes import cite_bill
from gpucost.api.bill_setup import BillingFlags, Setup, set_up
from gpucost.api.billed import Costing
from gpucost.api.deployments import resolve
from gpucost.api.execution import Timed
from gpucost.api.flags import rate
from gpucost.api.price_evidence import cite_prices
from gpucost.calc.arrays import Values
from gpucost.calc.bill_lines import total, whole_usd_per_hour
from gpucost.calc.crossings import Bracket, brackets, by_table, levels_between, settle, staircase
from gpucost.calc.traffic import Arrivals, Traffic
from gpucost.catalog.names import several
from gpucost.catalog.store import Catalog
from gpucost.domain.billing import BreakevenResult, Crossing, Overhead, SellingPrice, Tier
from gpucost.domain.report import Report
from gpucost.domain.rules import ProductKind
from gpucost.errors import UsageError
from gpucost.units import DAY_S, MILLION, SECONDS_PER_HOUR

CENT = 0.01
BUSY_WORKERS = 16.0
"""How far traffic is looked at unless told: this many workers always busy."""
GRID = 32
"""Levels at which two bills are compared before a crossing is narrowed down."""
FINE_GRID = 10_000
"""Levels of a staircase over more than two deployments."""
CURVE = 61
LEAST_PER_DAY = 1
HAIR = 1e-6
"""A level this much above a step, as a share of it, is on the other side of it."""


class Side(NamedTuple):
    """One deployment with what was asked of it."""

    costing: Costing
    timed: Timed

    @property
    def label(self) -> str:
        """Its name."""
        return self.costing.deployment.label


def breakeven(
    deployments: Sequence[str] | str,
    *,
    sell_usd_per_million: float | None = None,
    up_to_requests_per_day: float | None = None,
    curve: bool = False,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
    **flags: Unpack[BillingFlags],
) -> Report:
    """Traffic at which the bills of a month are equal or change their order, for every pair with the first.

    Without a time per request traffic is counted in busy hours of packed workers. With more than two
    deployments the cheapest one by traffic is given as well. `sell_usd_per_million` is a selling price [USD
    per million tokens]: the tokens that pay for a deployment. `curve` adds points of the bills over traffic.

    Raises UsageError for a question that cannot be asked, DataError for wrong files.
    """
    names = several(deployments)
    rate("--sell-usd-per-million", sell_usd_per_million)
    if up_to_requests_per_day is not None and not LEAST_PER_DAY <= up_to_requests_per_day <= 1e11:
        raise UsageError(f"--up-to-requests-per-day must be from 1 to 1e11, not {up_to_requests_per_day}")
    if len(names) < 2 and sell_usd_per_million is None:
        raise UsageError("name two deployments, such as runpod/flex/l40s runpod/secure/l40s")
    for name in ("requests_per_month", "requests_per_day", "requests_per_second", "burst_interval_s"):
        if flags.get(name) is not None:
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag}: traffic is what is looked for; --up-to-requests-per-day limits it")
    abstract = _in_busy_seconds(flags)
    setup = set_up(flags, abstract=abstract, catalog=catalog, today=today)
    if setup.asked.jobs:
        raise UsageError("--pattern batch has one size of job; use bursty with --burst-size")
    sides, reason = _sides(setup, names)
    if len({side.label for side in sides}) < len(sides):
        raise UsageError("a deployment is named twice")
    setup.check_plan([side.costing for side in sides])
    most = _most(setup, sides, up_to_requests_per_day)
    crossings: list[Crossing] = []
    overhead = None
    for other in sides[1:]:
        found = _crossings(setup, sides[0], other, most, abstract=abstract)
        crossings += found
        if len(sides) == 2:
            overhead = _overhead(setup, sides[0], other, found[0], most)
    tiers = _staircase(setup, sides, most, abstract=abstract) if len(sides) > 2 else ()
    points = _curve(setup, sides, most, crossings) if curve and len(sides) > 1 else ()
    _cite(setup, sides, crossings, most)
    result = BreakevenResult(
        crossings=tuple(crossings),
        overhead=overhead,
        staircase=tiers,
        selling=_selling(setup, sides, sell_usd_per_million),
        curve=points,
        deployments=tuple(side.label for side in sides),
        reason=reason,
    )
    return Report(
        question="breakeven",
        inputs={
            "deployments": [side.label for side in sides],
            "sell_usd_per_million": sell_usd_per_million,
            "up_to_requests_per_day": most * DAY_S,
            "busy_seconds": abstract,
            **setup.inputs(),
        },
        result=result,
        evidence=setup.ledger.evidence,
        notes=setup.ledger.notes,
        answered_no=not (crossings or result.selling),
    )


def _in_busy_seconds(flags: BillingFlags) -> bool:
    """Counts traffic in busy seconds where no request is described: packed, a second each."""
    named = (
        "execution_s",
        "model",
        "params",
        "input_tokens",
        "output_tokens",
        "pattern",
        "burst_size",
        "hours",
    )
    if any(flags.get(name) is not None for name in named):
        return False
    flags["execution_s"], flags["pattern"] = 1.0, "packed"
    return True


def _sides(setup: Setup, names: Sequence[str]) -> tuple[list[Side], str]:
    able, reason = setup.able(resolve(setup.shelf, name) for name in names)
    sides = []
    for deployment, timed in able:
        if deployment.usd_per_hour is None and deployment.rule.kind is not ProductKind.TOKENS:
            raise UsageError(f"the price of {deployment.label} is unknown")
        sides.append(Side(setup.costing(deployment, timed), timed))
    return sides, reason


def _most(setup: Setup, sides: Sequence[Side], up_to: float | None) -> float:
    """The most traffic that is looked at [requests/s]."""
    if up_to is not None:
        return up_to / DAY_S
    times = [side.costing.execution_s for side in sides if side.costing.execution_s is not None]
    if not times:
        return 1e7 / DAY_S
    limits = [each for each in (setup.settings.max_workers, setup.settings.workers) if each is not None]
    busy = min([BUSY_WORKERS, *(each / setup.asked.traffic.peak for each in limits)])  # what they can serve
    return busy * setup.settings.slots / max(times)


def bill_at(setup: Setup, costing: Costing) -> Callable[[Values], Values]:
    """The bill of a month as a function of traffic [requests/s to USD]."""

    def usd(level: Values) -> Values:
        if costing.fails_while_starting and not isinstance(level, (int, float)):
            return by_table(usd, level)
        known, whole = total(costing.with_credit(costing.at(level, setup.month).lines, setup.month))
        if not whole:
            raise UsageError(f"{costing.deployment.label}: a price of its bill is unknown")
        return known

    return usd


def _steps(setup: Setup, sides: Sequence[Side], most: float) -> list[float]:
    """Levels at which an always-on side needs one worker more, and a hair above each [requests/s]."""
    found = []
    for side in sides:
        costing = side.costing
        if costing.kind in (ProductKind.WORKERS, ProductKind.TOKENS) or setup.settings.workers is not None:
            continue
        one = setup.settings.slots / (costing.execution_s or 1.0) / setup.asked.traffic.peak
        count = 1
        while count * one < most and count <= 2 * BUSY_WORKERS:
            found += [count * one, count * one * (1 + HAIR)]
            count += 1
    return found


def _along(side: Side, usd: Callable[[Values], Values], levels: Sequence[float]) -> list[float]:
    """A bill at rising levels; one that has no steps is not worked out twice a hair apart."""
    smooth = (
        side.costing.kind is ProductKind.WORKERS and side.costing.demand.traffic.arrivals is Arrivals.POISSON
    )
    found: list[float] = []
    for index, level in enumerate(levels):
        if smooth and index and level / levels[index - 1] < 1 + 2 * HAIR:
            found.append(found[-1])
        else:
            found.append(float(usd(level)))
    return found


def _crossings(setup: Setup, a: Side, b: Side, most: float, *, abstract: bool) -> list[Crossing]:
    of_a, of_b = bill_at(setup, a.costing), bill_at(setup, b.costing)
    least = 1 / setup.month.seconds
    levels = levels_between(least, most, GRID, _steps(setup, (a, b), most))
    bills = [_along(side, usd, levels) for side, usd in ((a, of_a), (b, of_b))]
    gaps = [one - other for one, other in zip(*bills, strict=True)]
    found = [
        each
        for each in brackets(levels, gaps)
        if (of_a(each.low) < of_b(each.low)) != (of_a(each.high) < of_b(each.high))
    ]
    if not found:
        verdict = "a_always" if min(gaps) < 0 else "b_always"
        if max(map(abs, gaps)) < CENT:
            verdict = "equal_always"
        return [Crossing(a.label, b.label, verdict)]
    return [_crossing(setup, a, b, (of_a, of_b), each, abstract=abstract) for each in found]


def _crossing(
    setup: Setup,
    a: Side,
    b: Side,
    bills: tuple[Callable[[Values], Values], Callable[[Values], Values]],
    bracket: Bracket,
    *,
    abstract: bool,
) -> Crossing:
    of_a, of_b = bills
    level = settle(lambda x: float(of_a(x) - of_b(x)), bracket)
    seconds = setup.month.seconds
    count = level * seconds
    continuous = abs(float(of_a(level) - of_b(level))) < CENT
    if not continuous:
        near = floor(count + 0.5)
        for whole in (near, near - 1, near + 1):
            now, then = (of_a(each / seconds) - of_b(each / seconds) for each in (whole, whole + 1))
            if (now < 0) != (then < 0):
                count = float(whole)
                break
        level = count / seconds
    one_more = (count + 1) / seconds
    hours = _busy_hours(setup, (a, b), level)
    made = setup.execution.tokens[1]
    below, above = (a.label, b.label) if bracket.low_gap < 0 else (b.label, a.label)
    return Crossing(
        a=a.label,
        b=b.label,
        verdict="crosses",
        cheaper_below=below,
        cheaper_above=above,
        utilisation=None if hours is None else hours / (_kept(setup, (a, b), level) * setup.month.hours),
        busy_hours_per_month=hours,
        requests_per_day=None if abstract else level * DAY_S,
        requests_per_month=None if abstract else count,
        tokens_per_month=None if made is None else count * made,
        kind="continuous" if continuous else "step",
        a_usd=float(of_a(level)),
        b_usd=float(of_b(level)),
        a_next_usd=float(of_a(one_more)),
        b_next_usd=float(of_b(one_more)),
    )


def _busy_hours(setup: Setup, sides: Sequence[Side], level: float) -> float | None:
    """Worker-hours of work in the month: requests × time / slots; None where all sides are paid per token."""
    time = next((side.costing.execution_s for side in sides if side.costing.execution_s is not None), None)
    if time is None:
        return None
    return level * setup.month.seconds * time / setup.settings.slots / SECONDS_PER_HOUR


def _kept(setup: Setup, sides: Sequence[Side], level: float) -> float:
    """Workers that the always-on side keeps on at a level; one where no side does."""
    for side in sides:
        if side.costing.kind not in (ProductKind.WORKERS, ProductKind.TOKENS):
            return float(side.costing.at(level, setup.month).workers)
    return 1.0


def _overhead(setup: Setup, a: Side, b: Side, first: Crossing, most: float) -> Overhead | None:
    """Where the crossing would be with busy seconds alone, and what is billed beyond them."""
    scaling = next((side for side in (a, b) if side.costing.kind is ProductKind.WORKERS), None)
    if scaling is None or first.requests_per_month is None:
        return None
    packed = setup._replace(asked=setup.asked._replace(traffic=Traffic(Arrivals.PACKED)))
    ideal = [Side(packed.costing(side.costing.deployment, side.timed), side.timed) for side in (a, b)]
    found = _crossings(packed, ideal[0], ideal[1], most, abstract=False)[0]
    level = first.requests_per_month / setup.month.seconds
    paid = scaling.costing.at(level, setup.month).paid
    if paid is None or not float(paid.busy_s):
        return None
    return Overhead(found.busy_hours_per_month, float(paid.all_s) / float(paid.busy_s))


def _staircase(setup: Setup, sides: Sequence[Side], most: float, *, abstract: bool) -> tuple[Tier, ...]:
    bills = [bill_at(setup, side.costing) for side in sides]
    least = 1 / setup.month.seconds
    found = staircase(bills, least, most, FINE_GRID)
    out = []
    for index, (which, start, end) in enumerate(found):
        last = index + 1 == len(found)
        out.append(
            Tier(
                deployment=sides[which].label,
                from_requests_per_day=None if abstract else start * DAY_S,
                to_requests_per_day=None if abstract or last else end * DAY_S,
                from_busy_hours_per_month=_busy_hours(setup, sides, start) or 0.0,
                to_busy_hours_per_month=None if last else _busy_hours(setup, sides, end),
                from_usd=float(bills[which](start)),
                to_usd=float(bills[which](end)),
            )
        )
    return tuple(out)


def _curve(
    setup: Setup, sides: Sequence[Side], most: float, crossings: Sequence[Crossing]
) -> tuple[tuple[float, ...], ...]:
    """Points of the bills: busy hours per month (requests per day where there are none), then USD of each."""
    reached = [each.requests_per_day or 0.0 for each in crossings if each.verdict == "crosses"]
    top = most if not reached or not max(reached) else min(most, 2 * max(reached) / DAY_S)
    hours = [each.busy_hours_per_month or 0.0 for each in crossings if each.verdict == "crosses"]
    one = _busy_hours(setup, sides, 1.0)
    if one and hours and not max(reached or [0.0]):
        top = min(most, 2 * max(hours) / one)
    bills = [bill_at(setup, side.costing) for side in sides]
    out = []
    for index in range(CURVE):
        level = max(top * index / (CURVE - 1), 1 / setup.month.seconds)
        x = _busy_hours(setup, sides, level)
        out.append((level * DAY_S if x is None else x, *(float(usd(level)) for usd in bills)))
    return tuple(out)


def _selling(setup: Setup, sides: Sequence[Side], usd_per_million: float | None) -> tuple[SellingPrice, ...]:
    if usd_per_million is None:
        return ()
    setup.ledger.user("--sell-usd-per-million", usd_per_million, "USD per million tokens")
    found = []
    for side in sides:
        priced = side.costing.kind is not ProductKind.TOKENS
        hourly = whole_usd_per_hour(side.costing.rate()) if priced else None
        if hourly is not None:
            tokens = hourly / usd_per_million * MILLION
            found.append(SellingPrice(side.label, hourly, usd_per_million, tokens, tokens / SECONDS_PER_HOUR))
    return tuple(found)


def _cite(setup: Setup, sides: Sequence[Side], crossings: Sequence[Crossing], most: float) -> None:
    """Evidence of the bills at the first crossing, or at the most traffic."""
    found = next((each for each in crossings if each.verdict == "crosses"), None)
    level = most
    if found is not None and found.requests_per_month is not None:
        level = found.requests_per_month / setup.month.seconds
    elif found is not None and found.busy_hours_per_month is not None:
        level = found.busy_hours_per_month / (_busy_hours(setup, sides, 1.0) or 1.0)
    there = setup._replace(asked=setup.asked._replace(level=level))
    choices = [side.costing.deployment.choice for side in sides]
    cite_prices(setup.ledger, [each for each in choices if each is not None], today=setup.shelf.day)
    for side in sides:
        one = bill_of(there, side.costing, setup.month)
        cite_bill(there, side.costing, one, side.timed)
    if any(each.verdict != "crosses" for each in crossings):
        days: Any = most * DAY_S
        setup.ledger.note(f"looked up to {days:,.0f} requests per day; --up-to-requests-per-day goes further")
