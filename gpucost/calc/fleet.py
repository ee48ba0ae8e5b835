"""Workers that start, serve, idle and stop: their settings, and the sums of what they did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from gpucost.domain.scaling import Binding, Policy, Routing

FOREVER = float("inf")
TIMELINE_S = 60.0
"""Width of a window of the workers over time [s]."""
LONGEST_TIMELINE = 200_000
"""Windows after which two become one."""
BLOCK = 4096
"""Values that are Python objects at a time, so that they stay in the cache."""


def floats(values: np.ndarray) -> Iterator[float]:
    """The values one by one, with few of them in memory as objects."""
    blocks = range(0, len(values), BLOCK)
    return chain.from_iterable(values[first : first + BLOCK].tolist() for first in blocks)


class Starts(NamedTuple):
    """How long a start takes."""

    seconds: tuple[float, ...] = (0.0,)
    """One value, or equally likely ones that were measured [s]."""
    free_s: float = 0.0
    """Part of each start that is not billed [s]."""
    hit_s: float | None = None
    """A start from a saved worker [s]; None: there is no such thing."""
    memory_s: float = 0.0
    """A saved worker is still there after g seconds with probability exp(−g / memory_s)."""

    @property
    def constant(self) -> bool:
        """Whether all starts take the same time."""
        return len(set(self.seconds)) == 1 and self.hit_s is None

    def draw(self, since_last_s: float, rng: np.random.Generator) -> float:
        """Seconds of one start, `since_last_s` after a worker last stopped [s]."""
        if self.hit_s is not None and since_last_s < FOREVER:
            kept = np.exp(-since_last_s / self.memory_s) if self.memory_s > 0 else 0.0
            if rng.random() < kept:
                return self.hit_s
        if len(self.seconds) == 1:
            return self.seconds[0]
        return self.seconds[int(rng.integers(len(self.seconds)))]


class Turn(NamedTuple):
    """A daily time in which a number of workers is held ready."""

    from_s: float
    """After midnight [s]."""
    to_s: float
    workers: int
    ready: bool = False
    """It is under way when the traffic begins: its first workers are up."""


class Fleet(NamedTuple):
    """How a deployment serves, starts, stops and chooses its workers."""

    most: int
    """Workers at once, those that are kept on included."""
    idle_timeout_s: float
    starts: Starts = Starts()
    kept: int = 0
    """Never stop, and take a request before others do."""
    slots: int = 1
    speeds: tuple[float, ...] = ()
    """Speed of each request with 1, 2, … in flight on a worker, against alone; empty: always 1."""
    policy: Policy = Policy.EACH_REQUEST
    delay_s: float = 0.0
    per_worker: float = 1.0
    buffer: int = 0
    interval_s: float = 15.0
    utilisation: float = 1.0
    up_after_s: float = 0.0
    down_after_s: float = 0.0
    step: int = 1
    routing: Routing = Routing.MOST_RECENT
    binding: Binding = Binding.FIRST_FREE
    queue: int | None = None
    """Requests that may wait; None: all."""
    timeout_s: float = FOREVER
    """A request is ended after it [s]."""
    fails: bool = False
    """Requests that find no worker up fail, and come again."""
    retry_s: float = 30.0
    tries: int = 100
    turns: tuple[Turn, ...] = ()

    @property
    def in_order(self) -> bool:
        """Whether a request's worker is settled when it arrives, which `ordered_loop` needs.

        So it is while nothing that comes later can be ready earlier for it.
        """
        return (
            self.slots == 1
            and self.policy in (Policy.EACH_REQUEST, Policy.QUEUE_DELAY, Policy.FIXED)
            and self.routing in (Routing.MOST_RECENT, Routing.LEAST_RECENT)
            and (self.starts.constant or self.binding is Binding.BOUND)
            and (self.binding is Binding.FIRST_FREE or self.policy is not Policy.QUEUE_DELAY)
            and self.queue is None
            and not self.fails
            and not self.turns
        )


class Done(NamedTuple):
    """Requests that were served, in any order; arrays of one length."""

    index: Any
    """Place among all arrivals."""
    wait_s: Any
    """From the arrival to the first work on it."""
    run_s: Any
    """From there to its end."""
    lost: Any = ()
    """Places of requests that were rejected."""


class Life(NamedTuple):
    """One worker that was started and stopped again [s]."""

    began_s: float
    start_s: float
    end_s: float


@dataclass
class Lives:
    """Sums over lives; `rounding_s` and `least_s` are the billing step and the minimum of a life [s]."""

    free_s: float
    rounding_s: float = 0.0
    least_s: float = 0.0
    count: int = 0
    start_s: float = 0.0
    free_start_s: float = 0.0
    """Part of the starts that is not billed."""
    on_s: float = 0.0
    """From ready to the end."""
    extra_s: float = 0.0
    """Added by rounding and minimum."""
    hit_s: float = 0.0
    """Starts up to this long come from a saved worker: nothing of them is free [s]."""
    width_s: float = TIMELINE_S
    windows: Any = field(default_factory=lambda: np.zeros(1024))
    """Worker-seconds in each window, starts included."""
    _open: Any = field(default_factory=lambda: np.zeros(1025))

    def add(self, lives: Sequence[Life]) -> None:
        """Counts lives that ended."""
        if not lives:
            return
        values = np.fromiter(chain.from_iterable(lives), dtype=np.float64, count=3 * len(lives))
        began, start, end = values.reshape(-1, 3).T
        free = np.where(start <= self.hit_s, 0.0, np.minimum(self.free_s, start))
        billed = end - began - free
        if self.rounding_s or self.least_s:
            full = billed
            if self.rounding_s:
                full = np.ceil(billed / self.rounding_s - 1e-9) * self.rounding_s
            self.extra_s += float((np.maximum(full, self.least_s) - billed).sum())
        self.count += len(lives)
        self.start_s += float(start.sum())
        self.free_start_s += float(free.sum())
        self.on_s += float((end - began - start).sum())
        self._into_windows(began, end)

    def _into_windows(self, began: Any, end: Any) -> None:
        while end.max() / self.width_s >= LONGEST_TIMELINE:
            self._halve()
        last = int(end.max() // self.width_s) + 2
        if last > len(self.windows):
            size = max(last, 2 * len(self.windows))
            self.windows = np.concatenate([self.windows, np.zeros(size - len(self.windows))])
            self._open = np.concatenate([self._open, np.zeros(size + 1 - len(self._open))])
        first, stop = (began // self.width_s).astype(np.int64), (end // self.width_s).astype(np.int64)
        np.add.at(self.windows, first, -(began - first * self.width_s))
        np.add.at(self.windows, stop, end - stop * self.width_s)
        np.add.at(self._open, first, 1.0)  # whole windows from the first to before the last
        np.add.at(self._open, stop, -1.0)

    def _halve(self) -> None:
        whole = self.windows + np.cumsum(self._open)[:-1] * self.width_s
        whole = np.concatenate([whole, np.zeros(len(whole) % 2)])
        self.width_s *= 2
        self.windows = whole.reshape(-1, 2).sum(axis=1)
        self._open = np.zeros(len(self.windows) + 1)

    def timeline(self, span_s: float) -> Any:
        """Mean workers in each window of `width_s` up to a time [s]."""
        whole = self.windows + np.cumsum(self._open)[: len(self.windows)] * self.width_s
        return whole[: max(1, int(np.ceil(span_s / self.width_s)))] / self.width_s


class Totals(NamedTuple):
    """What the workers of a fleet did."""

    requests: int
    served: int
    rejected: int
    """Found no room in the queue, or gave up after all tries."""
    timed_out: int
    retries: int
    waited: int
    """Requests that did not start at once."""
    starts: int
    start_s: float
    free_start_s: float
    busy_s: float
    """With at least one request, kept workers included."""
    kept_busy_s: float
    kept_s: float
    """Idle time of the workers that are kept on."""
    gaps_s: float
    tail_s: float
    extra_s: float
    """Rounding and minimum."""
    end_s: float
    """When the last worker stopped, or the asked end."""
    peak: int
    """Most workers at once, starting ones included."""

    @property
    def unserved(self) -> int:
        """Requests that were rejected or ended by their timeout."""
        return self.rejected + self.timed_out

    @property
    def on_s(self) -> float:
        """Worker-seconds in all, starts included."""
        return self.start_s + self.busy_s + self.kept_s + self.gaps_s + self.tail_s
