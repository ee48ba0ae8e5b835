"""Event simulation of workers that serve one request at a time, in the order of arrival.

The next free time of each worker stands in a heap. A request takes an idle worker, else it may start one,
and waits for the earliest free time. That settles its whole future when it arrives: with equal start times a
worker that is started later is ready later, so that nothing which comes after can serve it sooner. Idle
workers that have outlived their timeout are noticed when one is looked for; the one used last stops last.

Reference: the recursion of Kiefer and Wolfowitz, Trans. AMS 78 (1955) 1, with a changing number of servers.
"""

from collections import deque
from heapq import heappop, heappush, heapreplace
from itertools import count

import numpy as np

from gpucost.calc.fleet import FOREVER, Done, Fleet, Life, Lives, Totals, floats
from gpucost.domain.scaling import Binding, Policy, Routing


class OrderedLoop:
    """Serves chunks of requests; `fleet.in_order` must hold."""

    def __init__(self, fleet: Fleet, lives: Lives, rng: np.random.Generator) -> None:
        self.fleet, self.lives, self.rng = fleet, lives, rng
        self._busy: list[tuple[float, int]] = [(0.0, -1 - each) for each in range(fleet.kept)]
        self._spare: list[tuple[float, int]] = []
        self._idle: deque[tuple[float, int]] = deque()
        self._began: dict[int, tuple[float, float]] = {}
        self._ids = count()
        self._stopped = -FOREVER
        self._start_s = fleet.starts.seconds[0] if fleet.starts.constant else None
        self._requests = self._waited = self._timed_out = 0
        self._peak = fleet.kept
        self._service_s = self._gaps_s = self._tail_s = 0.0
        self._end = self._last = 0.0
        """`_last`: end of the last request so far [s]."""

    def feed(self, at_s: np.ndarray, work_s: np.ndarray) -> Done:
        """Serves requests that arrive at rising times [s] and take `work_s` [s] each."""
        fleet = self.fleet
        work_s = self._cut(work_s)
        busy, idle, spare = self._busy, self._idle, self._spare
        timeout, most = fleet.idle_timeout_s, 0 if fleet.policy is Policy.FIXED else fleet.most
        delay = fleet.delay_s if fleet.policy is Policy.QUEUE_DELAY else 0.0
        side, take = (-1, idle.pop) if fleet.routing is Routing.MOST_RECENT else (0, idle.popleft)
        bound = fleet.binding is Binding.BOUND
        ended: list[Life] = []
        waits: list[float] = []
        wait = waits.append
        gaps = 0.0
        for now, work in zip(floats(at_s), floats(work_s), strict=True):
            while busy and busy[0][0] <= now:
                free = heappop(busy)
                if free[1] < 0:
                    spare.append(free)
                else:
                    idle.append(free)
            if spare:
                heappush(busy, (now + work, spare.pop()[1]))
                wait(0.0)
                continue
            if idle and now - idle[side][0] > timeout:
                self._expire(now, ended)
            if idle:
                since, worker = take()
                gaps += now - since
                heappush(busy, (now + work, worker))
                wait(0.0)
                continue
            if len(busy) < most and (not busy or busy[0][0] > now + delay):
                begins = now + delay if busy else now
                start = self._start(begins)
                worker = next(self._ids)
                self._began[worker] = (begins, start)
                if bound:
                    heappush(busy, (begins + start + work, worker))
                    wait(start)
                    continue
                heappush(busy, (begins + start, worker))
            free_at, worker = busy[0]
            heapreplace(busy, (free_at + work, worker))
            wait(free_at - now)
        self._gaps_s += gaps
        self.lives.add(ended)
        return self._done(at_s, np.array(waits), work_s)

    def _cut(self, work_s: np.ndarray) -> np.ndarray:
        """Work up to the timeout of a request [s]."""
        late = work_s > self.fleet.timeout_s
        if late.any():
            self._timed_out += int(late.sum())
            work_s = np.minimum(work_s, self.fleet.timeout_s)
        return work_s

    def _done(self, at_s: np.ndarray, wait_s: np.ndarray, work_s: np.ndarray) -> Done:
        self._service_s += float(work_s.sum())
        self._last = max(self._last, float((at_s + wait_s + work_s).max(initial=0.0)))
        self._waited += int(np.count_nonzero(wait_s))
        first = self._requests
        self._requests += len(wait_s)
        return Done(np.arange(first, self._requests), wait_s, work_s)

    def _start(self, begins: float) -> float:
        self._peak = max(self._peak, len(self._busy) + 1)  # all are busy, else none would be started
        if self._start_s is not None:
            return self._start_s
        return self.fleet.starts.draw(begins - self._stopped, self.rng)

    def _expire(self, now: float, ended: list[Life]) -> None:
        """Ends the idle workers whose timeout is over, those idle for longest first."""
        idle, began, timeout = self._idle, self._began, self.fleet.idle_timeout_s
        first = len(ended)
        while idle and now - idle[0][0] > timeout:
            since, worker = idle.popleft()
            at, start = began.pop(worker)
            ended.append(Life(at, start, since + timeout))
        self._tail_s += timeout * (len(ended) - first)
        self._stopped = max(self._stopped, ended[-1].end_s)

    def finish(self, until_s: float) -> Totals:
        """Lets all workers end, and sums up; those that never time out end at `until_s` [s]."""
        ended: list[Life] = []
        self._end = max(until_s, self._last)
        timeout = self.fleet.idle_timeout_s
        for since, worker in [*self._idle, *self._busy]:
            if worker >= 0:
                end = since + timeout if timeout < FOREVER else max(since, self._end)
                ended.append(Life(*self._began.pop(worker), end))
                self._tail_s += end - since
                self._stopped = max(self._stopped, end)
        self.lives.add(ended)
        scaled_busy = self.lives.on_s - self._gaps_s - self._tail_s
        kept_busy = self._service_s - scaled_busy if self.fleet.kept else 0.0
        return Totals(
            requests=self._requests,
            served=self._requests,
            rejected=0,
            timed_out=self._timed_out,
            retries=0,
            waited=self._waited,
            starts=self.lives.count,
            start_s=self.lives.start_s,
            free_start_s=self.lives.free_start_s,
            busy_s=self._service_s,
            kept_busy_s=kept_busy,
            kept_s=self.fleet.kept * self._end - kept_busy,
            gaps_s=self._gaps_s,
            tail_s=self._tail_s,
            extra_s=self.lives.extra_s,
            end_s=max(self._end, self._stopped),
            peak=self._peak,
        )
