"""Workers that start, serve, idle and stop, as SimPy processes: the independent check of both loops.

Written from what the policies say. Times that are whole multiples of a power of two add up exactly, so that
waits and sums must be equal to the last digit, in whatever order they are added.
"""

from collections import deque
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, TypeAlias

import simpy

from gpucost.domain.scaling import Policy, Routing

Steps: TypeAlias = Generator[simpy.Event, Any, None]


class Rules(NamedTuple):
    """How workers are started, chosen and stopped."""

    most: int
    idle_s: float
    start_s: float
    kept: int = 0
    slots: int = 1
    policy: Policy = Policy.EACH_REQUEST
    routing: Routing = Routing.MOST_RECENT
    bound: bool = False
    delay_s: float = 0.0
    per_worker: float = 1.0
    buffer: int = 0


class Outcome(NamedTuple):
    """What became of the requests, and of the workers that were started."""

    wait_s: list[float]
    """By arrival."""
    starts: int
    start_s: float
    busy_s: float
    """With at least one request, kept workers included."""
    kept_busy_s: float
    idle_s: float
    """Of workers that were started."""
    kept_idle_s: float
    lives: list[tuple[float, float]]
    """Begins and ends of those workers, sorted [s]."""


class _Worker:
    def __init__(self, number: int, began: float, *, kept: bool) -> None:
        self.number, self.began, self.kept = number, began, kept
        self.up = False
        self.inside = 0
        self.used = 0
        """Rises with every use."""
        self.busy_s = self.since = 0.0


class _Fleet:
    def __init__(self, rules: Rules, works: Sequence[float]) -> None:
        self.env, self.rules, self.works = simpy.Environment(), rules, works
        self.waits = [-1.0] * len(works)
        self.queue: deque[tuple[int, float]] = deque()
        self.alive: list[_Worker] = []
        self.gone: list[tuple[_Worker, float]] = []
        self.in_hand = self.clock = self.names = 0
        self.last = 0.0
        self.eased = self.env.event()
        """Happens when a request has left."""
        for _ in range(rules.kept):
            self.came_up(self.new(kept=True))

    def new(self, *, kept: bool = False) -> _Worker:
        self.names += 1
        worker = _Worker(self.names, self.env.now, kept=kept)
        self.alive.append(worker)
        return worker

    # Requests

    def arrivals(self, times: Sequence[float]) -> Steps:
        for number, time in enumerate(times):
            if time > self.env.now:
                yield self.env.timeout(time - self.env.now)
            self.arrived(number)

    def arrived(self, number: int) -> None:
        rules, now = self.rules, self.env.now
        self.last = max(self.last, now)
        self.in_hand += 1
        self.queue.append((number, now))
        self.dispatch()
        waits = bool(self.queue) and self.queue[-1][0] == number
        if rules.policy is Policy.REQUEST_COUNT:
            while len(self.alive) < self.wanted():
                self.env.process(self.starting(self.new()))
        elif waits and rules.policy is Policy.QUEUE_DELAY and self.alive:
            self.env.process(self.patience(number))
        elif waits and rules.policy is not Policy.FIXED and len(self.alive) < rules.most:
            own = self.queue.pop() if rules.bound else None
            self.env.process(self.starting(self.new(), own))

    def wanted(self) -> int:
        rules = self.rules
        if not self.in_hand or rules.policy is not Policy.REQUEST_COUNT:
            return 0
        whole = 0
        while whole * rules.per_worker < self.in_hand:
            whole += 1
        return min(rules.most, whole + rules.buffer)

    def patience(self, number: int) -> Steps:
        yield self.env.timeout(self.rules.delay_s)
        if any(each == number for each, _ in self.queue) and len(self.alive) < self.rules.most:
            self.env.process(self.starting(self.new()))

    def dispatch(self) -> None:
        while self.queue:
            free = [each for each in self.alive if each.up and each.inside < self.rules.slots]
            if not free:
                return
            self.seat(self.chosen(free), *self.queue.popleft())

    def chosen(self, free: list[_Worker]) -> _Worker:
        kept = [each for each in free if each.kept]
        if kept:
            return max(kept, key=lambda each: each.used)
        if self.rules.routing is Routing.NEWEST:
            return max(free, key=lambda each: each.number)
        if self.rules.routing is Routing.LEAST_RECENT:
            return min(free, key=lambda each: each.used)
        return max(free, key=lambda each: each.used)

    def seat(self, worker: _Worker, number: int, came: float) -> None:
        self.waits[number] = self.env.now - came
        self.touch(worker)
        if not worker.inside:
            worker.since = self.env.now
        worker.inside += 1
        self.env.process(self.serving(worker, self.works[number]))

    def serving(self, worker: _Worker, work: float) -> Steps:
        yield self.env.timeout(work)
        self.last = max(self.last, self.env.now)
        self.in_hand -= 1
        worker.inside -= 1
        if not worker.inside:
            worker.busy_s += self.env.now - worker.since
        self.touch(worker)
        self.dispatch()
        if not worker.inside and not worker.kept:
            self.env.process(self.idling(worker, worker.used))
        self.eased.succeed()
        self.eased = self.env.event()

    # Workers

    def touch(self, worker: _Worker) -> None:
        self.clock += 1
        worker.used = self.clock

    def starting(self, worker: _Worker, own: tuple[int, float] | None = None) -> Steps:
        yield self.env.timeout(self.rules.start_s)
        self.came_up(worker, own)

    def came_up(self, worker: _Worker, own: tuple[int, float] | None = None) -> None:
        worker.up = True
        self.touch(worker)
        if own is not None:
            self.seat(worker, *own)
        self.dispatch()
        if not worker.inside and not worker.kept:
            self.env.process(self.idling(worker, worker.used))

    def idling(self, worker: _Worker, stamp: int) -> Steps:
        """Stops a worker that is not used for the timeout, as soon as no more than the others are wanted."""
        yield self.env.timeout(self.rules.idle_s)
        while worker.used == stamp:
            if len(self.alive) > max(self.wanted(), self.rules.kept):
                self.alive.remove(worker)
                self.gone.append((worker, self.env.now))
                return
            yield self.eased


def simulate(times: Sequence[float], works: Sequence[float], rules: Rules) -> Outcome:
    """Serves requests that arrive at rising times [s] and take `works` [s] each."""
    fleet = _Fleet(rules, works)
    fleet.env.process(fleet.arrivals(times))
    fleet.env.run()
    kept = [each for each in fleet.alive if each.kept]
    assert len(kept) == len(fleet.alive), "only kept workers stay"
    scaled_busy = sum(each.busy_s for each, _ in fleet.gone)
    kept_busy = sum(each.busy_s for each in kept)
    start = rules.start_s * len(fleet.gone)
    return Outcome(
        wait_s=fleet.waits,
        starts=len(fleet.gone),
        start_s=start,
        busy_s=scaled_busy + kept_busy,
        kept_busy_s=kept_busy,
        idle_s=sum(end - each.began for each, end in fleet.gone) - start - scaled_busy,
        kept_idle_s=rules.kept * fleet.last - kept_busy,
        lives=sorted((each.began, end) for each, end in fleet.gone),
    )
