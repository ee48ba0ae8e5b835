"""Event simulation of workers with any number of slots, under any policy of starting, stopping and routing.

Ends of requests stand in one heap by time, all other events in a second one; of those at the same time, what
frees a worker comes before an arrival, and what stops one after it. Where speed depends on the requests in
flight, they share the worker equally: each worker has a clock of work done per request, on which a request
ends when its own work is reached. A change of speed moves the end of the next request; the heap learns of a
later end only when the earlier one comes up.

Reference: Kleinrock, Queueing Systems II (1976), egalitarian processor sharing; here with rates by state.
"""

from array import array
from collections import deque
from heapq import heapify, heappop, heappush, heapreplace
from typing import Any

import numpy as np

from gpucost.calc.fleet import FOREVER, Done, Fleet, Lives, Totals, floats
from gpucost.calc.workers import (
    AGAIN,
    ARRIVAL,
    IDLE,
    LOOK,
    NEVER,
    UP,
    WAITED,
    Request,
    Worker,
    Workers,
)
from gpucost.domain.scaling import Binding, Policy


class EventLoop(Workers):
    """Serves chunks of requests; results come in the order in which requests end."""

    def __init__(self, fleet: Fleet, lives: Lives, rng: np.random.Generator) -> None:
        self._ends: list[tuple[Any, ...]] = [(FOREVER, NEVER)]
        """Ends by time and number, with worker, place, wait and begin [s]; of shared workers with a job."""
        self._queue: deque[Request] = deque()
        self._lost: list[int] = []
        self._requests = self._served = 0
        self._rejected = self._timed_out = self._retries = self._waited = 0
        self._busy_s, self._gaps_s = [0.0, 0.0], [0.0, 0.0]
        """Of workers that may stop, and of those that are kept."""
        self._places = array("q")
        """Requests that ended since results were taken, with their waits and runs [s]."""
        self._waits = array("d")
        self._runs = array("d")
        self._rates = (0.0, *fleet.speeds)
        """Speed of each request with 0, 1, 2, … in flight."""
        self._shared = any(speed != 1.0 for speed in fleet.speeds)
        super().__init__(fleet, lives, rng)

    def feed(self, at_s: np.ndarray, work_s: np.ndarray) -> Done:
        """Serves requests that arrive at rising times [s] and take `work_s` [s] alone on a worker."""
        slots, limit, shared = self.fleet.slots, self.fleet.timeout_s, self._shared
        ends, events, queue, workers = self._ends, self._events, self._queue, self._all
        opened, kept_open, pick, number = self._open, self._kept_open, self._pick, self._number
        gaps_s, counts, crowd = self._gaps_s, self._counts, self._crowd()
        until = self._until_shared if shared else self._until
        places = range(self._requests, self._requests + len(at_s))
        # `_arrive` and `_take` with what is frequent in them written out
        for request in zip(places, floats(at_s), floats(work_s), strict=True):
            place, now, work = request
            if ends[0][0] <= now or events[0][0] <= now:
                until(now)
            self._requests, self._last_arrival = place + 1, now
            if not opened and not kept_open:
                if len(workers) >= crowd:
                    queue.append(request)
                else:
                    self._arrive(now, request)
                continue
            name, worker = kept_open.popitem() if kept_open else pick()
            running = worker.running
            if not running:
                gaps_s[worker.kept] += now - worker.idle_since
                worker.busy_since = now
            if running + 1 < slots:
                (kept_open if worker.kept else opened)[name] = worker
            if shared:
                self._share(now, worker, request)
            else:
                worker.running = running + 1
                if work > limit:
                    work = limit
                    self._timed_out += 1
                heappush(ends, (now + work, number(), worker, place, 0.0, now))
            if counts:
                self._count(now)
        return self._take_done()

    def _until(self, now: float) -> None:
        """Everything that happens before an arrival: `_step`, with the ends of requests written out."""
        if self._shared:
            self._until_shared(now)
            return
        ends, events, queue, slots = self._ends, self._events, self._queue, self.fleet.slots
        while ends[0][0] <= now or events[0][0] <= now:
            if events[0][0] < ends[0][0]:
                if events[0][0] == now and events[0][1] > ARRIVAL:
                    return
                self._step()
                continue
            end, _, worker, place, wait, began = ends[0]
            self._places.append(place)
            self._waits.append(wait)
            self._runs.append(end - began)
            left = worker.running - 1
            if not left:
                self._busy_s[worker.kept] += end - worker.busy_since
                worker.busy_since = worker.idle_since = end
            if queue and not worker.stopping:  # the next request takes the slot
                place, came, work = queue.popleft()
                if work > self.fleet.timeout_s:
                    work = self.fleet.timeout_s
                    self._timed_out += 1
                heapreplace(ends, (end + work, self._number(), worker, place, end - came, end))
            else:
                heappop(ends)
                worker.running = left
                if worker.stopping or not (left or worker.watched):
                    self._stand(end, worker)
                else:
                    among = self._kept_open if worker.kept else self._open
                    if left + 1 < slots:
                        del among[worker.name]
                    among[worker.name] = worker
            if self._counts and self._overdue:
                self._let_go(end)

    def _until_shared(self, now: float) -> None:
        """As `_until`, for workers whose speed depends on the requests in flight."""
        ends, events, queue, slots = self._ends, self._events, self._queue, self.fleet.slots
        while ends[0][0] <= now or events[0][0] <= now:
            if events[0][0] < ends[0][0]:
                if events[0][0] == now and events[0][1] > ARRIVAL:
                    return
                self._step()
                continue
            entry = ends[0]
            end, _, worker, _ = entry
            if entry is not worker.due:
                self._next_end()
                continue
            clock, _, place, wait, began = heappop(worker.jobs)
            worker.clock, worker.seen = clock, end  # without the rounding of many steps
            self._places.append(place)
            self._waits.append(wait)
            self._runs.append(end - began)
            left = worker.running - 1
            worker.running = left
            if not left:
                self._busy_s[worker.kept] += end - worker.busy_since
                worker.busy_since = worker.idle_since = end
            if queue and not worker.stopping:
                self._share(end, worker, queue.popleft())
            else:
                self._plan(end, worker)
                if worker.stopping or not (left or worker.watched):
                    self._stand(end, worker)
                else:
                    among = self._kept_open if worker.kept else self._open
                    if left + 1 < slots:
                        del among[worker.name]
                    among[worker.name] = worker
            worker.known = worker.due
            if worker.jobs:
                heapreplace(ends, worker.due)
            else:
                heappop(ends)
            if self._counts and self._overdue:
                self._let_go(end)

    def _crowd(self) -> float:
        """Workers from which on a request that finds none free joins the queue, and that is all."""
        fleet = self.fleet
        if fleet.queue is not None or fleet.fails or fleet.policy not in (Policy.EACH_REQUEST, Policy.FIXED):
            return FOREVER
        return 0 if fleet.policy is Policy.FIXED else fleet.most

    def finish(self, until_s: float) -> tuple[Done, Totals]:
        """Serves what waits, lets workers end, and sums up; what never stops ends at `until_s` [s]."""
        self._until(until_s)
        self._closed = True
        self._by_turns = 0  # who knows what comes after
        self._let_go(until_s)
        end = max(until_s, self._last_arrival)
        while min(self._ends[0][0], self._events[0][0]) < FOREVER:
            busy = self._in_hand or self._retrying
            if not busy and not self._scaled:
                break
            now = self._step()
            end = max(end, now) if busy else end
        for worker in list(self._all.values()):
            if not worker.kept:
                self._end(max(end, worker.idle_since), worker)
        self.lives.add(self._ended)
        self._ended = []
        done, lives = self._take_done(), self.lives
        busy_s, kept_busy_s = self._busy_s
        totals = Totals(
            requests=self._requests,
            served=self._requests - self._rejected,
            rejected=self._rejected,
            timed_out=self._timed_out,
            retries=self._retries,
            waited=self._waited,
            starts=lives.count,
            start_s=lives.start_s,
            free_start_s=lives.free_start_s,
            busy_s=busy_s + kept_busy_s,
            kept_busy_s=kept_busy_s,
            kept_s=self.fleet.kept * end - kept_busy_s,
            gaps_s=self._gaps_s[0],
            tail_s=self._tail_s,
            extra_s=lives.extra_s,
            end_s=max(end, self._stopped),
            peak=self._peak,
        )
        return done, totals

    @property
    def _in_hand(self) -> int:
        """Requests that wait or are served."""
        return self._requests - self._rejected - self._retrying - self._served - len(self._places)

    def _step(self) -> float:
        """What happens next, and when [s]."""
        if self._ends[0][0] <= self._events[0][0]:
            return self._next_end()
        now, kind, _, *what = heappop(self._events)
        if kind == UP:
            self._is_up(now, *what)
        elif kind == IDLE:
            self._idled(now, *what)
        elif kind == WAITED:
            self._has_waited(now, *what)
        elif kind == AGAIN:
            self._retrying -= 1
            self._arrive(now, *what)
        elif kind == LOOK:
            self._look(now)
        else:
            self._turn(now, *what)
        return float(now)

    # Requests

    def _arrive(self, now: float, request: Request, tries: int = 0) -> None:
        fleet = self.fleet
        if fleet.fails and not self._up:
            self._fail(now, request, tries)
            return
        if self._kept_open or self._open:
            _, worker = self._kept_open.popitem() if self._kept_open else self._pick()
            self._take(now, worker, request)
        elif self._starts_for(now, request):
            return
        elif fleet.queue is not None and len(self._queue) >= fleet.queue:
            self._reject(request)
            self._wake(now)
            return
        else:
            self._queue.append(request)
        if self._counts:
            self._count(now)

    def _reject(self, request: Request) -> None:
        self._rejected += 1
        self._lost.append(request[0])

    def _fail(self, now: float, request: Request, tries: int) -> None:
        self._failed = True
        self._wake(now)
        if tries + 1 >= self.fleet.tries:
            self._reject(request)
            return
        self._retries += 1
        self._retrying += 1
        self._push(now + self.fleet.retry_s, AGAIN, request, tries + 1)

    def _starts_for(self, now: float, request: Request) -> bool:
        """Starts a worker for a request that found none free; whether it serves this request."""
        fleet = self.fleet
        if fleet.policy is Policy.TARGET:
            self._wake(now)
        elif fleet.policy is Policy.QUEUE_DELAY and self._all:
            self._push(now + fleet.delay_s, WAITED, request)
        elif fleet.policy in (Policy.EACH_REQUEST, Policy.QUEUE_DELAY) and len(self._all) < fleet.most:
            worker = self._begin(now)
            if fleet.binding is Binding.BOUND:
                worker.own = request
                return True
        return False

    def _has_waited(self, now: float, request: Request) -> None:
        """A request that still waits starts a worker: the queue is in order of arrival."""
        queue = self._queue
        if queue and queue[0][0] <= request[0] and len(self._all) < self.fleet.most:
            self._begin(now)

    def _take(self, now: float, worker: Worker, request: Request) -> None:
        place, came, work = request
        places = self._kept_open if worker.kept else self._open
        places.pop(worker.name, None)
        if worker.running == 0:
            self._gaps_s[worker.kept] += now - worker.idle_since
            worker.busy_since = now
        if worker.running + 1 < self.fleet.slots:
            places[worker.name] = worker
        if self._shared:
            self._share(now, worker, request)
            return
        worker.running += 1
        if work > self.fleet.timeout_s:
            work = self.fleet.timeout_s
            self._timed_out += 1
        heappush(self._ends, (now + work, self._number(), worker, place, now - came, now))

    def _share(self, now: float, worker: Worker, request: Request) -> None:
        """Adds a request to those that share a worker."""
        place, came, work = request
        self._progress(now, worker)
        worker.running += 1
        job = (worker.clock + work, self._number(), place, now - came, now)
        heappush(worker.jobs, job)
        self._plan(now, worker)
        if self.fleet.timeout_s < FOREVER:
            heappush(self._ends, (now + self.fleet.timeout_s, self._number(), worker, job))

    def _progress(self, now: float, worker: Worker) -> None:
        """Moves the clock of a shared worker to now."""
        running, rates = worker.running, self._rates
        if running:
            worker.clock += (now - worker.seen) * (rates[running] if running < len(rates) else rates[-1])
        worker.seen = now

    def _plan(self, now: float, worker: Worker) -> None:
        """Finds the next end on a shared worker; the heap is told of one that is earlier than what it has."""
        if not worker.jobs:
            worker.due = None
            return
        running, rates = worker.running, self._rates
        left = worker.jobs[0][0] - worker.clock
        if left > 0.0:
            now += left / (rates[running] if running < len(rates) else rates[-1])
        worker.due = due = (now, self._number(), worker, None)
        known = worker.known
        if known is None or now < known[0]:
            worker.known = due
            heappush(self._ends, due)

    def _next_end(self) -> float:
        """The next end of a request, and when [s]."""
        if not self._shared:
            now, _, worker, place, wait, began = heappop(self._ends)
        else:
            now, _, worker, job = end = self._ends[0]
            if job is None:
                if end is not worker.due:
                    self._correct(end, worker)
                    return float(now)
                heappop(self._ends)
                worker.known = None
                job = heappop(worker.jobs)
                worker.clock, worker.seen = job[0], now  # without the rounding of many steps
            else:
                heappop(self._ends)
                if job not in worker.jobs:
                    return float(now)
                self._timed_out += 1
                self._progress(now, worker)
                worker.jobs.remove(job)
                heapify(worker.jobs)
            _, _, place, wait, began = job
        self._places.append(place)
        self._waits.append(wait)
        self._runs.append(now - began)
        worker.running -= 1
        if worker.running == 0:
            self._busy_s[worker.kept] += now - worker.busy_since
            worker.idle_since = now
        if self._shared:
            self._plan(now, worker)
        self._has_room(now, worker)
        if self._counts and self._overdue:
            self._let_go(now)
        return float(now)

    def _correct(self, end: tuple[Any, ...], worker: Worker) -> None:
        """An end that has moved gives way to the one that is due."""
        if end is not worker.known or worker.due is None:
            heappop(self._ends)
            worker.known = None if end is worker.known else worker.known
            return
        worker.known = worker.due
        heapreplace(self._ends, worker.due)

    def _has_room(self, now: float, worker: Worker) -> None:
        """A worker with a free slot takes what waits, else stands ready."""
        while self._queue and worker.running < self.fleet.slots and not worker.stopping:
            self._take(now, worker, self._queue.popleft())
        if worker.running < self.fleet.slots:
            self._stand(now, worker)

    def _is_up(self, now: float, worker: Worker) -> None:
        worker.up = True
        self._up += 1
        worker.idle_since = now
        if worker.own is not None:
            request, worker.own = worker.own, None
            self._take(now, worker, request)
        self._has_room(now, worker)

    def _take_done(self) -> Done:
        done = Done(
            np.array(self._places, dtype=np.int64),
            np.array(self._waits, dtype=np.float64),
            np.array(self._runs, dtype=np.float64),
            np.array(self._lost, dtype=np.int64),
        )
        self._lost = []
        self._served += len(self._places)
        self._waited += int(np.count_nonzero(done.wait_s))
        self._places, self._waits, self._runs = array("q"), array("d"), array("d")
        return done
