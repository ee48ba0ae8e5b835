"""Where curves over traffic cross, and which of several is the lowest."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from gpucost.calc.arrays import Values

HALVINGS = 120
PRECISION = 1e-12
CLOSE = 1e-9
"""A difference that counts as none [USD]."""


class Bracket(NamedTuple):
    """Two levels between which a difference changes its sign."""

    low: float
    high: float
    low_gap: float


def levels_between(least: float, most: float, count: int, extra: Iterable[float] = ()) -> list[float]:
    """`count` levels from `least` to `most` at equal ratios, with `extra` ones, in order."""
    ratio = (most / least) ** (1 / (count - 1))
    found = {least * ratio**index for index in range(count - 1)} | {most}
    return sorted(found | {each for each in extra if least < each < most})


def brackets(levels: Sequence[float], gaps: Sequence[float]) -> list[Bracket]:
    """Neighbouring levels with a change of sign; a difference of 0 does not count by itself."""
    found = []
    last: tuple[float, float] | None = None
    for level, gap in zip(levels, gaps, strict=True):
        if gap == 0:
            continue
        if last is not None and (gap < 0) != (last[1] < 0):
            found.append(Bracket(last[0], level, last[1]))
        last = (level, gap)
    return found


def settle(gap: Callable[[float], float], bracket: Bracket) -> float:
    """The level in a bracket where the difference becomes 0 or changes its sign.

    False position, with a halving after every second step, which alone gets across a jump.
    """
    low, high, f_low = bracket.low, bracket.high, bracket.low_gap
    f_high = gap(high)
    for step in range(HALVINGS):
        if high - low <= PRECISION * high or f_high == 0:
            break
        middle = (low + high) / 2
        if step % 3 != 2 and (f_low < 0) != (f_high < 0):
            guess = low + (high - low) * f_low / (f_low - f_high)
            nudge = (high - low) * 1e-3 if step % 3 else 0.0  # to come from the other side of the root
            guess += nudge if abs(f_low) < abs(f_high) else -nudge
            middle = guess if low < guess < high else middle
        found = gap(middle)
        if abs(found) < CLOSE:
            return middle
        if (found < 0) == (f_low < 0):
            low, f_low = middle, found
        else:
            high, f_high = middle, found
    return low


TABLE = 256


def by_table(curve: Callable[[float], Values], levels: Values) -> Values:
    """A curve over an array, worked out at a number at a time at `TABLE` of its levels and read between."""
    import numpy as np

    knots = np.geomspace(levels.min(), levels.max(), TABLE)
    return np.interp(levels, knots, [float(curve(float(knot))) for knot in knots])


def _difference(
    one: Callable[[Values], Values], other: Callable[[Values], Values]
) -> Callable[[float], float]:
    return lambda level: float(one(level) - other(level))


def staircase(
    curves: Sequence[Callable[[Values], Values]], least: float, most: float, count: int
) -> list[tuple[int, float, float]]:
    """The lowest curve over levels, as (index, from, to) in order; changes are narrowed down by halving."""
    import numpy as np

    levels = np.geomspace(least, most, count)
    flat = np.zeros_like(levels)
    values = np.stack([curve(levels) + flat for curve in curves])
    lowest = np.argmin(values, axis=0)
    changes = np.flatnonzero(np.diff(lowest))
    edges = [least]
    for at in changes:
        one, other = curves[lowest[at]], curves[lowest[at + 1]]
        low, high = float(levels[at]), float(levels[at + 1])
        gap = float(values[lowest[at], at] - values[lowest[at + 1], at])
        if gap == 0:
            edges.append(low)
            continue
        edges.append(settle(_difference(one, other), Bracket(low, high, gap)))
    edges.append(most)
    which = [int(lowest[at]) for at in changes] + [int(lowest[-1])]
    return [(index, edges[step], edges[step + 1]) for step, index in enumerate(which)]
