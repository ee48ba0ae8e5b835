"""What a trace looks like: rates, bursts, lengths; of a whole one or of one that comes in chunks.

Windows begin at the first arrival, or at 0 where the length of the trace is stated. Only whole windows count:
the rest of a trace after the last of them says nothing of a rate.

The index of dispersion of counts, variance / mean, is 1 for Poisson arrivals in any window, and grows with
the window where rates vary for longer than it. Reference: Cox and Lewis, The Statistical Analysis of Series
of Events (1966), ch. 4.
"""

from collections import Counter
from math import inf, isfinite, sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gpucost.calc.percentiles import Floats, LogHistogram, known, quantiles
from gpucost.domain.trace import Trace
from gpucost.domain.traffic import Spread, TraceStats
from gpucost.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

EXACT = 5_000_000
"""Requests up to which percentiles are exact; beyond they are to 0.1 %."""
SHARES = 0.5, 0.9, 0.95, 0.99
WINDOWS = 120
"""Most windows of a shape."""
COARSER = 5, 3, 4, 5, 3, 4, 3, 2, 2, 2, 7
"""From 1 s to 5, 15 s, 1, 5, 15 min, 1, 3, 6, 12 h, 1 and 7 days; then by 2."""
TICKS_PER_S = 1000
LEAST_TICKS = 100
"""Rounding to this or finer does not matter."""
LEAST_GAPS = 10
"""Gaps, fewer of which may be multiples of a step by chance."""
MOST_GAPS = 10_000
"""Different gaps of rounded stamps."""
DRIFT = 0.05
"""Of a step: what a gap may miss a multiple by."""

Counts = npt.NDArray[np.int64]


def describe(trace: Trace, *, span_s: float | None = None) -> TraceStats:
    """Statistics of a trace; `span_s` [s] is its length where that is known, from 0 on.

    Raises ValueError for a trace without requests, arrivals that fall, or one outside the span.
    """
    describer = Describer(span_s=span_s)
    describer.add(trace)
    return describer.result()


class Describer:
    """`describe` of a trace that comes in chunks, in the order of their arrivals, in little memory."""

    def __init__(self, *, span_s: float | None = None, exact: int = EXACT) -> None:
        self._span_s = span_s
        self._origin = 0.0
        self._last: float | None = None
        """Latest arrival, after the origin."""
        self._requests = 0
        self._gaps, self._input, self._output, self._execution = (_Sample(exact) for _ in range(4))
        self._second, self._ten, self._minute, self._hour = (
            _Windows(width) for width in (1, 10, SECONDS_PER_MINUTE, SECONDS_PER_HOUR)
        )
        self._shape = _Shape()
        self._stamps = _Stamps()

    def add(self, chunk: Trace) -> None:
        """Take more requests, none of which came before those that were taken.

        Raises ValueError for arrivals that fall, or lie outside the stated span.
        """
        at = np.asarray(chunk.at_s, dtype=np.float64)
        if not at.size:
            return
        if self._last is None and self._span_s is None:
            self._origin = float(at[0])
        at = at - self._origin
        gaps = np.diff(at, prepend=at[:1] if self._last is None else self._last)
        if not (gaps >= 0).all() or at[0] < 0 or not isfinite(at[-1]):
            raise ValueError("arrivals must be finite and rise, from 0 on where the span is stated")
        if self._span_s is not None and at[-1] > self._span_s:
            raise ValueError(f"an arrival at {at[-1]:g} s of a trace that lasts {self._span_s:g} s")
        self._stamps.add(gaps, first=self._last is None)
        self._gaps.add(gaps[1:] if self._last is None else gaps)
        seconds = np.floor(at).astype(np.int64)
        starts = np.concatenate([[0], np.flatnonzero(np.diff(seconds)) + 1])
        seconds, counts = seconds[starts], np.diff(starts, append=at.size)
        for windows in (self._second, self._ten, self._minute, self._hour):
            windows.add(seconds, counts)
        self._shape.add(seconds, counts)
        columns = (chunk.input_tokens, chunk.output_tokens, chunk.execution_s)
        for sample, values in zip((self._input, self._output, self._execution), columns, strict=True):
            if values is not None:
                sample.add(np.asarray(values))
        self._last = float(at[-1])
        self._requests += at.size

    def result(self) -> TraceStats:
        """Statistics of what was taken so far.

        Raises ValueError when that is nothing.
        """
        if self._last is None:
            raise ValueError("a trace without requests")
        span = self._last if self._span_s is None else self._span_s
        rate = self._requests / span if span > 0 else None
        second, ten, minute, hour = (
            windows.result(span) for windows in (self._second, self._ten, self._minute, self._hour)
        )
        execution = self._execution.result()
        shape_window_s, shape = self._shape.result(span)
        return TraceStats(
            requests=self._requests,
            span_s=span,
            requests_per_second=rate,
            minute_peak_requests_per_second=minute and minute.peak / SECONDS_PER_MINUTE,
            minute_peak_to_mean=minute and minute.peak_to_mean,
            hour_peak_requests_per_second=hour and hour.peak / SECONDS_PER_HOUR,
            hour_peak_to_mean=hour and hour.peak_to_mean,
            idle_minute_share=minute and minute.idle_share,
            gap_s=self._gaps.result(),
            dispersion_1s=second and second.dispersion,
            dispersion_10s=ten and ten.dispersion,
            dispersion_60s=minute and minute.dispersion,
            input_tokens=self._input.result(),
            output_tokens=self._output.result(),
            execution_s=execution,
            offered_load=None if execution is None or rate is None else execution.mean * rate,
            most_at_once=self._stamps.most,
            equal_stamp_share=self._stamps.equal / (self._requests - 1) if self._requests > 1 else None,
            stamp_step_s=self._stamps.step_s(),
            shape_window_s=shape_window_s,
            shape_requests_per_second=shape,
        )


class _Sample:
    """Values, all of them up to `exact`, then their histogram; NaN counts for nothing."""

    def __init__(self, exact: int) -> None:
        self._exact = exact
        self._count, self._mean, self._squares = 0, 0.0, 0.0
        self._most = -inf
        self._held: list[Floats] = []
        self._histogram: LogHistogram | None = None

    def add(self, values: npt.NDArray[Any]) -> None:
        found = known(values)
        if not found.size:
            return
        # Sums of squares about the mean, merged as by Chan, Golub and LeVeque (1979): nothing cancels.
        count, mean = self._count + found.size, float(found.mean())
        apart = mean - self._mean
        self._squares += float(np.square(found - mean).sum()) + apart**2 * self._count * found.size / count
        self._mean += apart * found.size / count
        self._most = max(self._most, float(found.max()))
        self._count = count
        self._held.append(found)
        if count > self._exact:
            self._histogram = self._histogram or LogHistogram()
            for each in self._held:
                self._histogram.add(each)
            self._held.clear()

    def result(self) -> Spread | None:
        if not self._count:
            return None
        cv = sqrt(self._squares / self._count) / self._mean if self._mean else None
        if self._histogram is None:
            p50, p90, p95, p99 = quantiles(np.concatenate(self._held), SHARES)
        else:
            p50, p90, p95, p99 = (self._histogram.quantile(share) for share in SHARES)
        return Spread(self._mean, cv, p50, p90, p95, p99, self._most)


class _Found(NamedTuple):
    """Counts of the whole windows."""

    peak: int
    peak_to_mean: float | None
    idle_share: float
    dispersion: float | None


class _Windows:
    """Counts per window of whole seconds; windows without arrivals need no memory."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._index, self._count = 0, 0
        """The window that may still get more."""
        self._busy, self._peak, self._total, self._squares = 0, 0, 0, 0.0

    def add(self, seconds: Counts, counts: Counts) -> None:
        """Take arrivals per second, of seconds that rise."""
        index = np.concatenate([[self._index], seconds // self._width])
        starts = np.concatenate([[0], np.flatnonzero(np.diff(index)) + 1])
        sums = np.add.reduceat(np.concatenate([[self._count], counts]), starts)
        done = sums[:-1]
        self._busy += int((done > 0).sum())
        self._peak = max(self._peak, int(done.max(initial=0)))
        self._total += int(done.sum())
        self._squares += float(np.square(done, dtype=np.float64).sum())
        self._index, self._count = int(index[-1]), int(sums[-1])

    def result(self, span_s: float) -> _Found | None:
        """Of the whole windows of a span [s]; None where there is none."""
        windows = int(span_s // self._width)
        if not windows:
            return None
        last = self._count if self._index < windows else 0
        peak, total = max(self._peak, last), self._total + last
        mean = total / windows
        spread = (self._squares + last**2 - windows * mean**2) / (windows - 1) if windows > 1 else 0.0
        known_spread = windows > 1 and total > 0
        return _Found(
            peak=peak,
            peak_to_mean=peak / mean if total else None,
            idle_share=1 - (self._busy + (last > 0)) / windows,
            dispersion=max(spread, 0.0) / mean if known_spread else None,
        )


class _Shape:
    """Counts in windows that get wider as a trace gets longer."""

    def __init__(self) -> None:
        self._width, self._steps = 1, list(COARSER)
        self._counts: Counts = np.zeros(WINDOWS, dtype=np.int64)

    def add(self, seconds: Counts, counts: Counts) -> None:
        self._widen(int(seconds[-1]) + 1)
        index = seconds // self._width
        self._counts += np.bincount(index, counts, minlength=WINDOWS).astype(np.int64)

    def result(self, span_s: float) -> tuple[float, tuple[float, ...]]:
        """Width [s] and rates [1/s] of the whole windows of a span [s]."""
        self._widen(int(span_s))
        rates = self._counts[: int(span_s) // self._width] / self._width
        return float(self._width), tuple(float(each) for each in rates)

    def _widen(self, seconds: int) -> None:
        """Until the windows hold that many seconds."""
        while seconds > WINDOWS * self._width:
            factor = self._steps.pop(0) if self._steps else 2
            padded = np.append(self._counts, np.zeros(-WINDOWS % factor, dtype=np.int64))
            merged = padded.reshape(-1, factor).sum(axis=1)
            self._counts = np.append(merged, np.zeros(WINDOWS - merged.size, dtype=np.int64))
            self._width *= factor


class _Stamps:
    """Arrivals with equal stamps, and the step to which stamps are rounded: all gaps are multiples of it."""

    def __init__(self) -> None:
        self.most, self.equal = 0, 0
        self._open = 0
        """Arrivals so far with the latest stamp."""
        self._ticks: Counter[int] | None = Counter()
        """How often each gap [ticks] was seen; None once they are too fine or too many for rounded stamps."""

    def add(self, gaps: Floats, *, first: bool) -> None:
        """Take the gaps before arrivals; the gap before the very first arrival is no gap."""
        changes = np.flatnonzero(gaps > 0)
        self.equal += gaps.size - changes.size - first
        runs = np.diff(changes, prepend=0, append=gaps.size)
        runs[0] += self._open
        self.most, self._open = max(self.most, int(runs.max())), int(runs[-1])
        if self._ticks is None or not changes.size:
            return
        ticks = np.rint(gaps[changes] * TICKS_PER_S).astype(np.int64)
        if ticks.min() <= LEAST_TICKS:
            self._ticks = None
            return
        values, counts = np.unique(ticks, return_counts=True)
        self._ticks.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        if len(self._ticks) > MOST_GAPS:
            self._ticks = None

    def step_s(self) -> float | None:
        """The most frequent of the gaps near the least one [s]; None where others are not multiples of it.

        Clocks drift, so that gaps are near multiples only. None, too, of too few gaps to tell.
        """
        if not self._ticks or self._ticks.total() < LEAST_GAPS:
            return None
        least = min(self._ticks)
        steps = {gap: gap / least for gap in self._ticks}
        if any(abs(step - round(step)) > DRIFT for step in steps.values()):
            return None
        single = (gap for gap, step in steps.items() if round(step) == 1)
        return max(single, key=self._ticks.__getitem__) / TICKS_PER_S
