"""Percentiles of arrays, and of more values than fit into memory."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
DROPPED_BITS = 43
"""Of the 52 of a fraction: 2**9 bins between a power of two and the next."""


def known(values: npt.NDArray[Any]) -> Floats:
    """The values that are not NaN, as floats."""
    found = np.asarray(values, dtype=np.float64)
    missing = np.isnan(found)
    return found[~missing] if missing.any() else found


def quantiles(values: npt.NDArray[Any], shares: Sequence[float]) -> list[float]:
    """Quantiles at `shares` [0-1], linear between the two nearest values (Hyndman and Fan's type 7).

    NaN counts for nothing. Raises ValueError when no value is left, or a share is outside 0 to 1.
    """
    found = known(values)
    if not found.size:
        raise ValueError("no values to take a quantile of")
    return [float(each) for each in np.quantile(found, shares)]


class LogHistogram:
    """Counts of values >= 0 in bins whose width is at most 1/512 of the value: 0.1 % error at the most.

    A bin is the exponent and the nine leading bits of the fraction of a float, which, read as a whole number,
    rise with the value: no logarithm is rounded at the edge of a bin. The middle of a bin stands for it, at
    most 2**-10 of the value away from any other in it, subnormal numbers apart. Zero, the least and the
    largest value are exact. Bins take 14 kB per factor of ten between the least and the largest value.

    References: Tene, HdrHistogram (2012); Masson, Rim and Lee, DDSketch, PVLDB 12 (2019) 2195.
    """

    def __init__(self) -> None:
        self.count = 0
        self.missing = 0
        """Values that were NaN."""
        self.sum = 0.0
        self.min = np.inf
        self.max = -np.inf
        self._zeros = 0
        self._first = 0
        """Number of the first bin that is held."""
        self._bins: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    @property
    def mean(self) -> float:
        """Sum / count; NaN of nothing."""
        return self.sum / self.count if self.count else np.nan

    def add(self, values: npt.NDArray[Any]) -> None:
        """Count more values.

        Raises ValueError for a value below 0 or infinite; then none of them is counted.
        """
        found = known(values)
        missing = values.size - found.size
        if not found.size:
            self.missing += missing
            return
        low, high = float(found.min()), float(found.max())
        if low < 0 or high == np.inf:
            raise ValueError(f"values must be finite and at least 0, not {low if low < 0 else high:g}")
        positive = found[found > 0]
        if positive.size:
            bins = positive.view(np.int64) >> DROPPED_BITS
            first = int(bins.min())
            self._put(first, np.bincount(bins - first))
        self._tally(found.size, missing, float(found.sum()), low, high, found.size - positive.size)

    def merge(self, other: "LogHistogram") -> None:
        """Count all that `other` has counted."""
        if other._bins.size:
            self._put(other._first, other._bins)
        self._tally(other.count, other.missing, other.sum, other.min, other.max, other._zeros)

    def quantile(self, share: float) -> float:
        """What `quantiles` gives at a share [0-1], to 0.1 %.

        Raises ValueError when nothing was counted, or the share is outside 0 to 1.
        """
        if not self.count or not 0 <= share <= 1:
            raise ValueError("a quantile needs values, and a share between 0 and 1")
        place = share * (self.count - 1)
        low = int(place)
        below, above = self._at(low), self._at(min(low + 1, self.count - 1))
        return below + (place - low) * (above - below)

    def _tally(self, count: int, missing: int, total: float, low: float, high: float, zeros: int) -> None:
        self.count += count
        self.missing += missing
        self.sum += total
        self.min, self.max = min(self.min, low), max(self.max, high)
        self._zeros += zeros

    def _put(self, first: int, counts: npt.NDArray[np.int64]) -> None:
        """Add counts of the bins from `first` on, and hold more bins where these lie outside."""
        if not self._bins.size:
            self._first, self._bins = first, counts.copy()
            return
        start = min(first, self._first)
        end = max(first + counts.size, self._first + self._bins.size)
        if end - start > self._bins.size:
            held = np.zeros(end - start, dtype=np.int64)
            held[self._first - start :][: self._bins.size] = self._bins
            self._first, self._bins = start, held
        self._bins[first - self._first :][: counts.size] += counts

    def _at(self, rank: int) -> float:
        """The value at a place of the sorted ones, from 0 on."""
        if rank < self._zeros:
            return 0.0
        if rank in (0, self.count - 1):
            return self.min if rank == 0 else self.max
        place = int(np.searchsorted(np.cumsum(self._bins), rank - self._zeros, side="right"))
        edges = np.arange(2, dtype=np.int64) + self._first + place
        middle = float((edges << DROPPED_BITS).view(np.float64).mean())
        return min(max(middle, self.min), self.max)
