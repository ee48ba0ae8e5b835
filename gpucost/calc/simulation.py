"""Replays requests through a fleet: picks the loop, and collects latencies."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gpucost.calc.event_loop import EventLoop
from gpucost.calc.fleet import FOREVER, Done, Fleet, Lives, Totals
from gpucost.calc.ordered_loop import OrderedLoop
from gpucost.calc.percentiles import LogHistogram, quantiles
from gpucost.calc.traffic import up_to
from gpucost.domain.simulated import Latency

SHARES = (0.5, 0.9, 0.95, 0.99)
MOST_KEPT = 5_000_000
"""Requests up to which percentiles are exact; beyond, a histogram gives them to 0.1 %."""
POINTS = 240
"""Windows of the workers over time in a result."""


class Load(NamedTuple):
    """Requests to be served; arrays of one length."""

    at_s: Any
    work_s: Any
    """Alone on a worker [s]."""
    prefill_s: Any = None
    """Part of `work_s` until the first token has come; None: unknown."""
    output_tokens: Any = None


class Limit(NamedTuple):
    """A limit on a latency."""

    metric: str
    """`wait`, `ttft`, `tpot` or `e2e`."""
    share: float | None
    """Of the requests that must keep it; None: their mean."""
    limit_s: float


class Kept(NamedTuple):
    """A limit, and what became of it."""

    value_s: float
    share: float
    """Of all requests within the limit, rejected ones not among them [0-1]."""
    met: bool


class Replayed(NamedTuple):
    """What a fleet did with the requests."""

    totals: Totals
    latencies: dict[str, Latency]
    kept: tuple[Kept, ...]
    exact: bool
    """Percentiles are of all values, not of a histogram."""
    window_s: float
    workers: tuple[float, ...]
    """Mean workers in each window, starting ones included."""
    floor_s: float
    """Work of the requests that were finished, alone on a worker [s]: no bill by the second is below it."""


class _Values:
    """Values of one latency: all of them, or a histogram beyond MOST_KEPT."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self.size = 0
        self._histogram: LogHistogram | None = None

    def add(self, values: np.ndarray) -> None:
        self.size += len(values)
        if self._histogram is not None:
            self._histogram.add(values)
            return
        self._parts.append(values)
        if self.size > MOST_KEPT:
            self._histogram = LogHistogram()
            for part in self._parts:
                self._histogram.add(part)
            self._parts = []

    @property
    def exact(self) -> bool:
        return self._histogram is None

    def at(self, shares: Sequence[float]) -> list[float]:
        if self._histogram is not None:
            return [self._histogram.quantile(share) for share in shares]
        return quantiles(np.concatenate(self._parts), shares)

    @property
    def mean(self) -> float:
        if self._histogram is not None:
            return float(self._histogram.mean)
        return sum(float(part.sum()) for part in self._parts) / self.size

    def summary(self) -> Latency:
        p50, p90, p95, p99 = self.at(SHARES)
        held = self._histogram
        top = max(float(part.max()) for part in self._parts) if held is None else float(held.max)
        return Latency(self.mean, p50, p90, p95, p99, top)


class Collector:
    """Latencies of requests as they end."""

    def __init__(self, limits: Sequence[Limit], timeout_s: float = FOREVER, *, shared: bool = False) -> None:
        self._limits, self._timeout_s, self._shared = limits, timeout_s, shared
        self.done_s = 0.0
        """Work of the requests that were finished [s]."""
        self._values: dict[str, _Values] = {}
        self._within = [0] * len(limits)
        self._held: list[tuple[int, Load]] = []
        """Loads whose requests have not all ended, with the number of their first request."""
        self._left: list[int] = []

    def hold(self, first: int, load: Load) -> None:
        """Remembers what a latency needs of requests that have not ended."""
        self._held.append((first, load))
        self._left.append(len(load.at_s))

    def add(self, done: Done) -> None:
        """Counts requests that ended; one that its timeout ended has a wait and nothing else."""
        self._release(done.lost)
        if not len(done.index):
            return
        loads = [load for _, load in self._held]
        work = np.concatenate([load.work_s for load in loads])[done.index - self._held[0][0]]
        longest = self._timeout_s
        whole = done.run_s < longest * (1 - 1e-9) if self._shared else work <= longest
        place, wait, run = (each[whole] for each in (done.index - self._held[0][0], done.wait_s, done.run_s))
        found, work = {"wait": done.wait_s, "e2e": wait + run}, work[whole]
        self.done_s += float(work.sum())
        if all(load.prefill_s is not None for load in loads):
            prefill = np.concatenate([load.prefill_s for load in loads])[place]
            slowed = prefill * run / np.maximum(work, 1e-300)  # as the rest of the request
            found["ttft"] = wait + slowed
            if all(load.output_tokens is not None for load in loads):
                tokens = np.concatenate([load.output_tokens for load in loads])[place]
                several = tokens > 1
                found["tpot"] = (run - slowed)[several] / (tokens[several] - 1)
        for name, values in found.items():
            if len(values):
                self._values.setdefault(name, _Values()).add(values)
        for index, limit in enumerate(self._limits):
            values = found.get(limit.metric, wait)[whole if limit.metric == "wait" else slice(None)]
            self._within[index] += int((values <= limit.limit_s * (1 + 1e-12)).sum())
        self._release(done.index)

    def _release(self, places: Any) -> None:
        """Forgets loads whose requests have all ended, the first ones first."""
        if not len(places):
            return
        starts = [first for first, _ in self._held]
        counts = np.bincount(np.searchsorted(starts, places, side="right") - 1, minlength=len(starts))
        self._left = [left - int(ended) for left, ended in zip(self._left, counts, strict=True)]
        while self._left and self._left[0] <= 0 and len(self._left) > 1:
            del self._left[0], self._held[0]

    def latencies(self) -> dict[str, Latency]:
        """Distributions by name."""
        return {name: values.summary() for name, values in self._values.items()}

    def kept(self, totals: Totals) -> tuple[Kept, ...]:
        """What became of each limit. A request that was rejected or ended by its timeout keeps none."""
        lost = totals.unserved
        found = []
        for limit, within in zip(self._limits, self._within, strict=True):
            values = self._values.get(limit.metric)
            if values is None:
                found.append(Kept(float("nan"), float("nan"), not lost))  # nothing breaks it
                continue
            asked = values.size + (totals.rejected if limit.metric == "wait" else lost)
            share = within / asked
            if limit.share is None:
                value, met = values.mean, not lost
            else:
                value, met = values.at([limit.share])[0], not lost or share >= limit.share
            found.append(Kept(value, share, bool(met and value <= limit.limit_s)))
        return tuple(found)

    @property
    def exact(self) -> bool:
        """Whether percentiles are of all values."""
        return all(values.exact for values in self._values.values())


def replay(
    fleet: Fleet,
    loads: Iterable[Load],
    *,
    until_s: float | None,
    rounding_s: float = 0.0,
    least_s: float = 0.0,
    by_request: bool = False,
    limits: Sequence[Limit] = (),
    rng: np.random.Generator | None = None,
) -> Replayed:
    """Serves requests that arrive in rising order, chunk by chunk.

    Workers that never stop do so at `until_s` [s], or with the last request; `rounding_s` and `least_s` are
    the billing step and minimum of a life, or of a request [s]. Percentiles are linear between neighbours.
    """
    lives = Lives(fleet.starts.free_s, hit_s=fleet.starts.hit_s or 0.0)
    if not by_request:
        lives.rounding_s, lives.least_s = rounding_s, least_s
    kind = OrderedLoop if fleet.in_order else EventLoop
    loop = kind(fleet, lives, np.random.default_rng(0) if rng is None else rng)
    collector = Collector(limits, fleet.timeout_s, shared=bool(fleet.speeds))
    count, last, extra = 0, 0.0, 0.0
    for load in loads:
        if not len(load.at_s):
            continue
        collector.hold(count, load)
        count += len(load.at_s)
        last = float(load.at_s[-1])
        done = loop.feed(load.at_s, load.work_s)
        collector.add(done)
        extra += _rounding(done, rounding_s, least_s) if by_request else 0.0
    end = last if until_s is None else max(until_s, last)
    if isinstance(loop, EventLoop):
        rest, totals = loop.finish(end)
        collector.add(rest)
        extra += _rounding(rest, rounding_s, least_s) if by_request else 0.0
    else:
        totals = loop.finish(end)
    if by_request:
        totals = totals._replace(extra_s=extra)
    shown = lives.timeline(max(end, totals.end_s)) + fleet.kept
    return Replayed(
        totals,
        collector.latencies(),
        collector.kept(totals),
        collector.exact,
        *_thinned(shown, lives.width_s),
        collector.done_s,
    )


def _rounding(done: Done, step_s: float, least_s: float) -> float:
    """Seconds that rounding adds to requests that are paid one by one."""
    return float((up_to(done.run_s, step_s, least_s) - done.run_s).sum()) if len(done.run_s) else 0.0


def _thinned(values: Any, width_s: float) -> tuple[float, tuple[float, ...]]:
    """At most POINTS windows: means of equal groups."""
    group = -(-len(values) // POINTS)
    whole = len(values) // group * group
    means = values[:whole].reshape(-1, group).mean(axis=1).tolist()
    if whole < len(values):
        means.append(float(values[whole:].mean()))
    return width_s * group, tuple(means)
