"""What two bills differ in: lines that belong together, and the money that quantity and price moved."""

from collections.abc import Sequence
from typing import NamedTuple

from gpucost.domain.billing import Line


class LinePair(NamedTuple):
    """A line before and after; None on the side that has no such line."""

    before: Line | None
    after: Line | None


class Effects(NamedTuple):
    """The change of a line [USD]; both sum to it."""

    quantity_usd: float
    price_usd: float

    @property
    def usd(self) -> float:
        """All of it [USD]."""
        return self.quantity_usd + self.price_usd


def paired(before: Sequence[Line], after: Sequence[Line]) -> list[LinePair]:
    """Lines of two bills that belong together: same name, unit and offer, then same name and unit.

    In the order of the bill after; lines that are gone stand last.
    """
    left, found = list(before), dict[int, Line]()
    for same in (_whole, _short):
        for at, line in enumerate(after):
            match = next((each for each in left if same(each) == same(line)), None)
            if at not in found and match is not None:
                found[at] = match
                left.remove(match)
    pairs = [LinePair(found.get(at), line) for at, line in enumerate(after)]
    return pairs + [LinePair(line, None) for line in left]


def _whole(line: Line) -> tuple[str, ...]:
    return line.name, line.unit, line.offer


def _short(line: Line) -> tuple[str, ...]:
    return line.name, line.unit


def effects(pair: LinePair) -> Effects | None:
    r"""What moved a line; None where a price is unknown.

    $\Delta = (q_1 - q_0)\,p_0 + (p_1 - p_0)\,q_1$; the second part is taken as what the first leaves, so that
    both sum to the difference of the bills. A line that only one side has is quantity alone.
    """
    before, after = pair
    if (before is not None and before.usd is None) or (after is not None and after.usd is None):
        return None
    change = (0.0 if after is None else after.usd or 0.0) - (0.0 if before is None else before.usd or 0.0)
    if before is None or after is None or before.usd_per_unit == after.usd_per_unit:
        return Effects(change, 0.0)
    if before.quantity == after.quantity:
        return Effects(0.0, change)
    moved = (after.quantity - before.quantity) * (before.usd_per_unit or 0.0)
    return Effects(moved, change - moved)
