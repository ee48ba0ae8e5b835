"""Statistics of plain numbers."""

from collections.abc import Sequence
from math import sqrt

LARGE = 30
T_975 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604,
    2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555,
    2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
"""Quantile 0.975 of Student's t with 1 to 30 degrees of freedom."""


def quantile(values: Sequence[float], share: float) -> float:
    """Linear-interpolation quantile of a non-empty sequence."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def confidence(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean of at least two independent values, and the ends of its 95 % confidence interval.

    mean ± t(0.975, n − 1) · s / √n; above 30 degrees of freedom t = z + (z³ + z) / (4(n − 1)), z = 1.96
    (Abramowitz and Stegun 26.7.5, first term).
    """
    count = len(values)
    mean = sum(values) / count
    spread = sqrt(sum((each - mean) ** 2 for each in values) / (count - 1) / count)
    free = count - 1
    z = 1.959964
    width = (T_975[free - 1] if free <= LARGE else z + (z**3 + z) / (4 * free)) * spread
    return mean, mean - width, mean + width
