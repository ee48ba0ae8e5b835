"""What would change the answer of a plan, and how far it moves with its assumptions."""

from collections.abc import Callable, Sequence

from gpucost.api.plan_bills import Costed, curve_of
from gpucost.api.plan_rows import latency_of
from gpucost.calc.crossings import brackets, levels_between, settle
from gpucost.domain.plans import Change, PlanRow, Sensitivity
from gpucost.domain.rules import ProductKind
from gpucost.units import DAY_S

Curve = Callable[[float], float]
REACH = 100.0
"""Traffic is looked at from this many times less to this many times more."""
LEVELS = 25
BEYOND = 1e-4
"""Where several rivals win from the same traffic on, the cheapest so much further is named."""
RIVALS = 10
"""Plans of other kinds that are followed over traffic."""
TRAFFIC = (0.5, 2.0)
CENT = 0.01
"""A bill that is higher by less is the same one [USD]."""
LITTLE = 0.05
CLOSE = 1e-9
"""A difference that counts as none [USD]."""


def name_of(each: Costed, *, beside: Costed) -> str:
    """A deployment, with the format, engine and model in which it differs from another plan."""
    option, other = each.option, beside.option
    parts = [each.bill.deployment]
    model = option.question.chosen.model.id
    if model != other.question.chosen.model.id:
        parts.append(f"with {model}")
    if option.quantization.id != other.quantization.id:
        parts.append(f"in {option.quantization.id}")
    if option.question.engine.id != other.question.engine.id:
        parts.append(f"on {option.question.engine.id}")
    if option.speculates != other.speculates:
        parts.append("drafting" if option.speculates else "without drafting")
    return " ".join(parts)


def _percent(share: float) -> str:
    """Whole percent, or a tenth where that is little."""
    return f"{share:.0%}" if share >= LITTLE else f"{share:.1%}"


def _kind(each: Costed) -> tuple[str, ...]:
    """What makes two plans rivals instead of settings of one."""
    option = each.option
    model, engine = option.question.chosen.model.id, option.question.engine.id
    return each.bill.deployment, model, option.quantization.id, engine, str(option.speculates)


def rivals_of(best: Costed, found: Sequence[Costed]) -> list[Costed]:
    """The cheapest plan of every other deployment, format, engine and model."""
    kinds = {_kind(best)}
    out = []
    for each in found:
        kind = _kind(each)
        if kind not in kinds:
            kinds.add(kind)
            out.append(each)
    modes: dict[str | None, Costed] = {}
    for each in out:  # a rival of every way of paying, then the cheapest of the rest
        modes.setdefault(each.bill.billing, each)
    chosen = [*modes.values(), *(each for each in out if each not in modes.values())]
    return chosen[:RIVALS]


def changes_of(best: Costed, found: Sequence[Costed], row: PlanRow) -> tuple[Change, ...]:
    """Traffic, price, length and latency at which another plan is the answer."""
    rivals = rivals_of(best, found)
    out = [*_traffic(best, rivals)]
    dearer = [each for each in rivals if each.usd > best.usd]
    if dearer:
        next_one = min(dearer, key=lambda each: each.usd)
        cut = 1 - best.usd / next_one.usd
        rise = next_one.usd / best.usd - 1
        name = name_of(next_one, beside=best)
        text = f"{name} wins if its bill falls by {_percent(cut)}, or this one's rises by {_percent(rise)}"
        out.append(Change("price", text, cut, next_one.bill.deployment))
    out.append(
        Change(
            "context",
            f"with more than {row.max_context:,} tokens in a sequence on average, "
            f"fewer than {best.slots} run at once",
            float(row.max_context),
            "",
        )
    )
    faster = [each for each in found if latency_of(each) < 0.95 * latency_of(best)]
    if faster:
        quick = min(faster, key=lambda each: each.usd)
        more = f"{quick.usd - best.usd:,.2f} USD more per month"
        text = (
            f"{name_of(quick, beside=best)} answers in {latency_of(quick):.2g} s instead of "
            f"{latency_of(best):.2g} s for {more if quick.usd - best.usd >= CENT else 'the same bill'}"
        )
        out.append(Change("latency", text, latency_of(quick), quick.bill.deployment))
    return tuple(out)


def _traffic(best: Costed, rivals: Sequence[Costed]) -> list[Change]:
    """The nearest traffic below and above at which a rival's bill becomes the lower one."""
    level = best.option.setup.asked.level
    if not level or best.option.setup.asked.jobs:
        return []
    own = curve_of(best)
    nearest: dict[bool, tuple[float, float, float, Costed]] = {}
    for rival in rivals:
        gap = _gap(own, curve_of(rival))
        for low, high, above in ((level / REACH, level, False), (level, level * REACH, True)):
            levels = levels_between(low, high, LEVELS)
            gaps = [gap(each) for each in levels]
            spans = brackets(levels, gaps)
            if not spans:
                continue
            rate = settle(gap, spans[0] if above else spans[-1])
            beyond = rate * (1 + BEYOND) if above else rate / (1 + BEYOND)
            found = (round(abs(rate / level - 1), 6), curve_of(rival)(beyond), rate, rival)
            if above not in nearest or found[:2] < nearest[above][:2]:
                nearest[above] = found
    out = []
    for above, (_, _, rate, rival) in sorted(nearest.items()):
        per_day, name = rate * DAY_S, name_of(rival, beside=best)
        side = "above" if above else "below"
        text = f"{side} {per_day:,.0f} requests per day {name} is cheaper, at the settings of its plan"
        out.append(Change("traffic", text, per_day, rival.bill.deployment))
    return out


def _gap(own: Curve, other: Curve) -> Curve:
    """By how much the first bill is above the other [USD]; of equal bills the first one is the lower."""

    def gap(rate: float) -> float:
        found = own(rate) - other(rate)
        return found if abs(found) >= CLOSE else -2 * CLOSE

    return gap


def sensitivity_of(best: Costed, found: Sequence[Costed]) -> tuple[Sensitivity, ...]:
    """The plan's month at the ends of one assumption after the other, and whether it stays the cheapest."""
    option, setup = best.option, best.setup
    level, month = option.setup.asked.level or 0.0, setup.month
    others = [each for each in found if each is not best]
    rows = []

    def usd(each: Costed, factor: float, slower: float) -> float:
        costing = each.costing
        if slower != 1.0 and costing.execution_s is not None:
            costing = costing.slower(slower)
        return costing.total_usd(level * factor, month)

    def end(factor: float, slower: float) -> tuple[float, bool]:
        """The month at one end, and whether no other plan is cheaper there."""
        total = usd(best, factor, slower)
        return total, all(total <= usd(each, factor, slower) + CLOSE for each in others)

    def row(name: str, ends: tuple[str, str], low: tuple[float, float], high: tuple[float, float]) -> None:
        (least, first), (most, last) = end(*low), end(*high)
        rows.append(Sensitivity(name, *ends, least, most, first, last))

    row("traffic", (f"× {TRAFFIC[0]:g}", f"× {TRAFFIC[1]:g}"), (TRAFFIC[0], 1.0), (TRAFFIC[1], 1.0))
    band = option.server.band
    row(
        "speed, 80 % band of left-out measurements",
        (f"× {band.high:.2f}", f"× {band.low:.2f}"),
        (1.0, 1 / band.high),
        (1.0, 1 / band.low),
    )
    if best.costing.rule.kind is ProductKind.WORKERS and best.costing.scales:
        bill = best.bill
        cheaper = [each.bill.low_usd for each in others if each.bill.low_usd is not None]
        dearer = [each.bill.high_usd for each in others if each.bill.high_usd is not None]
        rows.append(
            Sensitivity(
                "starts and idle times, as far as the provider leaves them open",
                "shortest",
                "longest",
                bill.low_usd,
                bill.high_usd,
                bill.low_usd is not None and all(bill.low_usd <= each for each in cheaper),
                bill.high_usd is not None and all(bill.high_usd <= each for each in dearer),
            )
        )
    return tuple(rows)
