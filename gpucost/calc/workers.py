"""Workers of an event simulation: how they start, idle and end, and the policies that ask for them."""

from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from heapq import heappush
from itertools import count
from math import ceil
from typing import Any, TypeAlias

import numpy as np

from gpucost.calc.fleet import FOREVER, Fleet, Life, Lives
from gpucost.domain.scaling import Policy, Routing
from gpucost.units import DAY_S

UP, ARRIVAL, AGAIN, WAITED, TURN, LOOK, IDLE, NEVER = range(8)
"""Kinds of events, in the order in which they happen at one time."""
SAMPLE_S, AVERAGED_S = 5.0, 60.0
"""The load that a target is compared with is a mean over a minute, of which samples are taken."""

Request: TypeAlias = tuple[int, float, float]
"""A request on its way: its place among all arrivals, its arrival [s] and its work [s]."""
Job: TypeAlias = tuple[float, int, int, float, float]
"""A request on a shared worker: clock at its end, number for ties, place, wait and begin [s]."""


class Worker:
    """One worker, from the start of its start to its end."""

    __slots__ = (
        "began", "busy_since", "clock", "due", "idle_since", "jobs", "kept", "known", "name", "own",
        "running", "seen", "start", "stopping", "up", "watched",
    )  # fmt: skip

    def __init__(self, name: int, began: float, start: float, *, kept: bool, watched: bool) -> None:
        self.name, self.began, self.start, self.kept = name, began, start, kept
        self.watched = watched
        """An idle time needs no event, or has one."""
        self.up = self.stopping = False
        self.running = 0
        self.busy_since = self.idle_since = self.seen = self.clock = 0.0
        self.own: Request | None = None
        self.jobs: list[Job] = []
        """Of shared workers, a heap."""
        self.due: tuple[Any, ...] | None = None
        """Of shared workers: the next end."""
        self.known: tuple[Any, ...] | None = None
        """The end that stands in the heap: `due`, or an earlier one that has moved."""


class Workers:
    """Starts and ends workers as the policy of a fleet says; what requests do stands in a subclass."""

    def __init__(self, fleet: Fleet, lives: Lives, rng: np.random.Generator) -> None:
        self.fleet, self.lives, self.rng = fleet, lives, rng
        self._events: list[tuple[Any, ...]] = [(FOREVER, NEVER)]
        """All but the ends of requests, by time, kind and number."""
        self._number = count().__next__
        self._open: dict[int, Worker] = OrderedDict() if fleet.routing is Routing.LEAST_RECENT else {}
        """Workers with a free slot, by their last use."""
        self._kept_open: dict[int, Worker] = {}
        self._pick = self._picker()
        self._all: dict[int, Worker] = {}
        self._up = self._peak = 0
        self._by_turns = 0
        """Workers that turns hold now."""
        self._overdue: OrderedDict[int, Worker] = OrderedDict()
        """Workers that were held when their timeout was over, unless they have been used since."""
        self._retrying = 0
        self._failed = False
        self._wanted: deque[tuple[float, int]] = deque()
        self._samples: deque[tuple[float, int]] = deque()
        """Requests in hand over the last AVERAGED_S."""
        self._decides = fleet.interval_s
        self._active = -FOREVER
        """When requests were last seen, in hand or to come again [s]."""
        self._sample_s = fleet.interval_s / ceil(fleet.interval_s / SAMPLE_S)
        self._last_arrival = 0.0
        self._stopped = -FOREVER
        self._tail_s = 0.0
        self._ended: list[Life] = []
        self._closed = False
        self._looks = fleet.policy in (Policy.TARGET, Policy.ALARM)
        self._counts = fleet.policy is Policy.REQUEST_COUNT
        for _ in range(fleet.kept):
            self._begin(0.0, kept=True)
        for turn in fleet.turns:
            self._push(turn.from_s, TURN, turn, True)
            self._push(turn.to_s, TURN, turn, False)
        if self._looks:
            self._push(self._sample_s, LOOK)

    @property
    def _in_hand(self) -> int:
        """Requests that wait or are served."""
        raise NotImplementedError

    @property
    def _scaled(self) -> int:
        """Workers that may stop."""
        return len(self._all) - self.fleet.kept

    def _push(self, time: float, kind: int, *what: object) -> None:
        heappush(self._events, (time, kind, self._number(), *what))

    def _picker(self) -> Callable[[], tuple[int, Worker]]:
        """What takes the worker for the next request out of the open ones."""
        found, rng = self._open, self.rng

        def newest() -> tuple[int, Worker]:
            name = max(found)
            return name, found.pop(name)

        def random() -> tuple[int, Worker]:
            name = list(found)[int(rng.integers(len(found)))]
            return name, found.pop(name)

        if isinstance(found, OrderedDict):
            return partial(found.popitem, last=False)
        return {Routing.NEWEST: newest, Routing.RANDOM: random}.get(self.fleet.routing, found.popitem)

    def _begin(self, now: float, *, kept: bool = False, ready: bool = False) -> Worker:
        start = 0.0 if kept or ready else self.fleet.starts.draw(now - self._stopped, self.rng)
        worker = Worker(self._number(), now, start, kept=kept, watched=kept or self._looks)
        self._all[worker.name] = worker
        self._peak = max(self._peak, len(self._all))
        self._push(now + start, UP, worker)
        return worker

    def _wake(self, now: float) -> None:
        """The first request at zero starts a worker, where no alarm has to notice it."""
        if not self._all and self.fleet.policy is not Policy.ALARM and self.fleet.most:
            self._begin(now)

    def _stand(self, now: float, worker: Worker) -> None:
        """A worker with a free slot stands ready, as the one used last, or ends if it has to."""
        places = self._kept_open if worker.kept else self._open
        places.pop(worker.name, None)
        if worker.stopping:
            if worker.running == 0:
                self._end(now, worker)
            return
        places[worker.name] = worker
        if worker.running == 0 and not worker.watched:
            worker.watched = True
            self._push(now + self.fleet.idle_timeout_s, IDLE, worker)

    def _idled(self, now: float, worker: Worker) -> None:
        """The timeout of an idle time that may have ended since."""
        worker.watched = False
        if worker.running or worker.name not in self._all:
            return
        over = worker.idle_since + self.fleet.idle_timeout_s
        if over > now:
            worker.watched = True
            self._push(over, IDLE, worker)
        elif len(self._all) > max(self._held, self.fleet.kept):
            self._end(now, worker)
        else:
            self._overdue[worker.name] = worker
            self._overdue.move_to_end(worker.name)

    def _let_go(self, now: float) -> None:
        """Stops workers that were only held, those idle for longest first."""
        overdue = self._overdue
        while overdue and len(self._all) > max(self._held, self.fleet.kept):
            _, worker = overdue.popitem(last=False)
            idle = worker.name in self._all and not worker.running
            if idle and worker.idle_since + self.fleet.idle_timeout_s <= now:
                self._end(now, worker)

    def _end(self, now: float, worker: Worker) -> None:
        self._open.pop(worker.name, None)
        del self._all[worker.name]
        self._up -= worker.up
        ready = worker.began + worker.start
        self._tail_s += max(0.0, now - worker.idle_since) if worker.up else 0.0
        self._stopped = max(self._stopped, now)
        self._ended.append(Life(worker.began, min(worker.start, now - worker.began), max(now, ready)))
        if len(self._ended) >= 10_000:
            self.lives.add(self._ended)
            self._ended = []

    # Policies

    @property
    def _held(self) -> int:
        """Workers that do not time out now: those of turns, or as many as the requests in hand ask for."""
        if not self._counts:
            return self._by_turns
        fleet, in_hand = self.fleet, self._in_hand
        wanted = ceil(in_hand / fleet.per_worker - 1e-9) + (fleet.buffer if in_hand else 0)
        return max(self._by_turns, min(wanted, fleet.most))

    def _count(self, now: float, *, ready: bool = False) -> None:
        """Starts workers up to those that are held."""
        for _ in range(min(self._held, self.fleet.most) - len(self._all)):
            self._begin(now, ready=ready)

    def _look(self, now: float) -> None:
        """Takes a sample of the load, and decides by them when it is time."""
        fleet, in_hand, samples = self.fleet, self._in_hand, self._samples
        if in_hand or self._retrying:
            self._active = now
        samples.append((now, in_hand))
        while samples[0][0] <= now - AVERAGED_S:
            samples.popleft()
        if now >= self._decides - 1e-9:
            self._decides = now + fleet.interval_s
            self._decide(now, in_hand)
        stop = self._scaled and fleet.idle_timeout_s < FOREVER
        if in_hand or self._retrying or stop or not self._closed:
            self._push(now + self._sample_s, LOOK)

    def _decide(self, now: float, in_hand: int) -> None:
        """Sets the number of workers that the load asks for, not below what was asked for just before.

        The last one stays until the idle timeout of the whole is over.
        """
        fleet = self.fleet
        alive = sum(not worker.stopping for worker in self._all.values())
        mean = sum(each for _, each in self._samples) / len(self._samples)
        wanted = max(ceil(mean / (fleet.slots * fleet.utilisation) - 1e-9), min(in_hand, 1))
        quiet = not in_hand and now - max(self._active, self._last_arrival) >= fleet.idle_timeout_s
        if alive == 0 and (self._failed or wanted):
            wanted = fleet.step if fleet.policy is Policy.ALARM else wanted
        elif quiet:
            wanted = 0
        elif alive:
            wanted = max(wanted, 1)
        self._failed = False
        wanted = min(max(wanted, self._held, fleet.kept), fleet.most)
        seen = self._wanted
        seen.append((now, wanted))
        while seen[0][0] < now - max(fleet.up_after_s, fleet.down_after_s):
            seen.popleft()
        rise = min(each for at, each in seen if at >= now - fleet.up_after_s)
        if now < fleet.up_after_s:  # nothing was asked for before
            rise = min(rise, alive)
        keep = max(each for at, each in seen if at >= now - fleet.down_after_s)
        if alive == 0 and wanted:
            rise = wanted
        for _ in range(min(rise - alive, fleet.most - len(self._all))):
            self._begin(now)
        self._drop(now, alive - (wanted if quiet else keep))

    def _drop(self, now: float, number: int) -> None:
        """Stops workers: idle ones at once, then those with the fewest requests, when these are done."""
        if number <= 0:
            return
        able = [each for each in self._all.values() if each.up and not each.stopping and not each.kept]
        for worker in sorted(able, key=lambda each: (each.running, each.idle_since))[:number]:
            self._open.pop(worker.name, None)
            if worker.running == 0:
                self._end(now, worker)
            else:
                worker.stopping = True

    def _turn(self, now: float, turn: Any, begins: bool) -> None:
        """A daily time with workers held ready begins or ends, and comes again the next day."""
        if self._closed and begins:
            return
        self._by_turns = max(0, self._by_turns + (turn.workers if begins else -turn.workers))
        self._count(now, ready=turn.ready and now == 0.0)
        self._let_go(now)
        if not self._closed:
            self._push(now + DAY_S, TURN, turn, begins)
