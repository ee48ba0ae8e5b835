"""Requests per second of the traffic simulator, as multiples of SimPy's and of Ciw's on the same models.

`python -m tests.benchmarks.simulation [N] [--long]` prints a Markdown table. All take turns on the same
arrivals and work, the best of N (3) rounds counts, and SimPy and Ciw get fewer requests, since their time per
request does not depend on the number. What they find for the requests they had is compared with what gpucost
finds: waits, and on a fleet that starts and stops workers also starts and billed seconds. `--long` streams 50
million requests through a process of its own, whose peak memory is printed.
"""

import math
import os
import platform
import resource
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from importlib.metadata import version
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import simpy

from gpucost.calc.event_loop import EventLoop
from gpucost.calc.fleet import FOREVER, Fleet, Lives, Starts, Totals
from gpucost.calc.ordered_loop import OrderedLoop
from gpucost.calc.replication import Made, Point, Service, Source, run_point
from gpucost.calc.simulation import Load, replay
from gpucost.domain.scaling import Policy
from gpucost.run.executors import Executor, Pool, Serial, run_all
from gpucost.run.groups import Shared

ROUNDS = 3
OURS, SIMPY, CIW = 1_000_000, 50_000, 15_000
LONG = 50_000_000
WORKERS, SLOTS, LOAD = 8, 8, 0.9
POINTS, POINT_REQUESTS = 12, 1_500_000
START_S, IDLE_S, DELAY_S, MOST = 20.0, 5.0, 4.0, 12
FLEX = Fleet(most=MOST, idle_timeout_s=IDLE_S, starts=Starts((START_S,)))
RATE, WORK_S = 3.0, 2.0
"""Of the fleets that start and stop workers [1/s, s]."""


Process: TypeAlias = Generator[simpy.Event, Any, None]
Kind: TypeAlias = type[OrderedLoop] | type[EventLoop]


class Requests(NamedTuple):
    at_s: Any
    work_s: Any

    def first(self, number: int) -> "Requests":
        return Requests(self.at_s[:number], self.work_s[:number])


def poisson(rate: float, work_s: float, *, constant: bool) -> Requests:
    """Poisson arrivals with constant or exponential work."""
    rng = np.random.default_rng(1)
    at_s = np.cumsum(rng.exponential(1 / rate, OURS))
    return Requests(at_s, np.full(OURS, work_s) if constant else rng.exponential(work_s, OURS))


def timed(run: Callable[[Requests], Any], requests: Requests) -> tuple[float, Any]:
    """Seconds per request, and what was found."""
    start = time.perf_counter()
    found = run(requests)
    return (time.perf_counter() - start) / len(requests.at_s), found


def fastest(runs: dict[str, tuple[Callable[[Requests], Any], Requests]], rounds: int) -> dict[str, float]:
    """Least seconds per request of each, in turn."""
    every = [{name: timed(run, each)[0] for name, (run, each) in runs.items()} for _ in range(rounds)]
    return {name: min(taken[name] for taken in every) for name in runs}


def close(found: float, wanted: float, share: float = 1e-6) -> None:
    assert math.isclose(found, wanted, rel_tol=share), (found, wanted)


# A queue in the order of arrival


class Served(NamedTuple):
    wait_s: Any
    busy_s: float


def loop_waits(kind: Kind, slots: int) -> Callable[[Requests], Served]:
    """gpucost: waits in the order of arrival, and the seconds in which workers were busy."""
    fleet = Fleet(WORKERS, FOREVER, kept=WORKERS, slots=slots, policy=Policy.FIXED)

    def run(requests: Requests) -> Served:
        loop = kind(fleet, Lives(0.0), np.random.default_rng(0))
        parts = [loop.feed(*requests)]
        if isinstance(loop, EventLoop):
            rest, totals = loop.finish(0.0)
            parts.append(rest)
        else:
            totals = loop.finish(0.0)
        waits = np.empty(len(requests.at_s))
        for part in parts:
            waits[part.index] = part.wait_s
        return Served(waits, totals.busy_s)

    return run


def simpy_queue(servers: int) -> Callable[[Requests], Served]:
    """The same with SimPy: a resource with so many servers."""

    def run(requests: Requests) -> Served:
        env = simpy.Environment()
        pool = simpy.Resource(env, capacity=servers)
        waits = []

        def request(work: float) -> Process:
            came = env.now
            with pool.request() as place:
                yield place
                waits.append(env.now - came)
                yield env.timeout(work)

        def arrivals() -> Process:
            for at, work in zip(requests.at_s.tolist(), requests.work_s.tolist(), strict=True):
                yield env.timeout(at - env.now)
                env.process(request(work))

        env.process(arrivals())
        env.run()
        return Served(np.array(waits), float(requests.work_s.sum()))

    return run


def simpy_store(workers: int, slots: int) -> Callable[[Requests], Served]:
    """The same with SimPy: a store of slots, each of a worker; it tells nothing of when a worker is busy."""

    def run(requests: Requests) -> Served:
        env = simpy.Environment()
        pool = simpy.Store(env)
        pool.items.extend(worker for worker in range(workers) for _ in range(slots))
        waits = []

        def request(work: float) -> Process:
            came = env.now
            worker = yield pool.get()
            waits.append(env.now - came)
            yield env.timeout(work)
            yield pool.put(worker)

        def arrivals() -> Process:
            for at, work in zip(requests.at_s.tolist(), requests.work_s.tolist(), strict=True):
                yield env.timeout(at - env.now)
                env.process(request(work))

        env.process(arrivals())
        env.run()
        return Served(np.array(waits), math.nan)

    return run


class _Server:
    def __init__(self) -> None:
        self.running, self.since = 0, 0.0


def simpy_slots(workers: int, slots: int) -> Callable[[Requests], Served]:
    """The same with SimPy only as a clock, and lists of workers, of which the one used last serves."""

    def run(requests: Requests) -> Served:
        env = simpy.Environment()
        room = [_Server() for _ in range(workers)]
        queue: deque[Any] = deque()
        waits: list[float] = []
        busy: list[float] = []

        def request(work: float) -> Process:
            came = env.now
            if room:
                worker: _Server = room[-1]
                if not worker.running:
                    worker.since = env.now
                worker.running += 1
                if worker.running == slots:
                    room.pop()
            else:
                place = env.event()
                queue.append(place)
                worker = yield place
            waits.append(env.now - came)
            yield env.timeout(work)
            if queue:
                queue.popleft().succeed(worker)
                return
            worker.running -= 1
            if not worker.running:
                busy.append(env.now - worker.since)
            if worker in room:
                room.remove(worker)
            room.append(worker)

        def arrivals() -> Process:
            for at, work in zip(requests.at_s.tolist(), requests.work_s.tolist(), strict=True):
                yield env.timeout(at - env.now)
                env.process(request(work))

        env.process(arrivals())
        env.run()
        return Served(np.array(waits), sum(busy))

    return run


def ciw_waits(servers: int) -> Callable[[Requests], dict[int, float]]:
    """The same with Ciw: the waits of those that ended, by their place."""
    import ciw  # type: ignore[import-untyped]

    def run(requests: Requests) -> dict[int, float]:
        between = np.diff(requests.at_s, prepend=0.0).tolist()
        network = ciw.create_network(
            arrival_distributions=[ciw.dists.Sequential(between)],
            service_distributions=[ciw.dists.Sequential(requests.work_s.tolist())],
            number_of_servers=[servers],
        )
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_customers(len(requests.at_s), method="Arrive")
        return {each.id_number - 1: each.waiting_time for each in simulation.get_all_records()}

    return run


def queue_rows(rounds: int) -> Iterator[tuple[str, float, float, float]]:
    """Name, requests per second, and ratios to SimPy and Ciw."""
    servers, slotted = simpy_queue(WORKERS), simpy_store(WORKERS, SLOTS)
    listed = simpy_slots(WORKERS, SLOTS)
    cases: list[tuple[str, Kind, int, bool, Callable[[Requests], Served]]] = [
        ("M/M/8, one slot per worker", OrderedLoop, 1, False, servers),
        ("M/D/8, one slot per worker", OrderedLoop, 1, True, servers),
        ("M/D/8, one slot, general loop", EventLoop, 1, True, servers),
        ("M/M/64, 8 workers × 8 slots", EventLoop, SLOTS, False, slotted),
        ("M/D/64, 8 workers × 8 slots", EventLoop, SLOTS, True, slotted),
        ("M/M/64, against lists of workers", EventLoop, SLOTS, False, listed),
    ]
    for name, kind, slots, constant, by_simpy in cases:
        whole = poisson(LOAD * WORKERS * slots / WORK_S, WORK_S, constant=constant)
        some, few = whole.first(SIMPY), whole.first(CIW)
        ours, by_ciw = loop_waits(kind, slots), ciw_waits(WORKERS * slots)
        wanted, found = ours(some), by_simpy(some)
        close(float(found.wait_s.mean()), float(wanted.wait_s.mean()))
        if not math.isnan(found.busy_s):
            close(found.busy_s, wanted.busy_s)
        ended = by_ciw(few)
        assert len(ended) > 0.98 * CIW
        close(sum(ended.values()), float(wanted.wait_s[list(ended)].sum()))
        best = fastest({"ours": (ours, whole), "simpy": (by_simpy, some), "ciw": (by_ciw, few)}, rounds)
        yield name, 1 / best["ours"], best["simpy"] / best["ours"], best["ciw"] / best["ours"]


# Workers that start and stop


class Found(NamedTuple):
    wait_s: float
    """Mean."""
    starts: int
    billed_s: float


def replayed(fleet: Fleet) -> Callable[[Requests], Found]:
    """gpucost, with all it reports."""

    def run(requests: Requests) -> Found:
        done = replay(fleet, [Load(*requests)], until_s=None, rounding_s=1.0)
        totals: Totals = done.totals
        return Found(done.latencies["wait"].mean, totals.starts, totals.on_s + totals.extra_s)

    return run


class _Worker:
    def __init__(self, began: float) -> None:
        self.began, self.idle_since = began, FOREVER


def simpy_flex(fleet: Fleet) -> Callable[[Requests], Found]:
    """The same with SimPy: the idle worker used last serves, else the request queues and may start one."""
    delayed = fleet.policy is Policy.QUEUE_DELAY
    start_s = fleet.starts.seconds[0]

    def run(requests: Requests) -> Found:
        env = simpy.Environment()
        alive: set[_Worker] = set()
        idle: list[_Worker] = []
        queue: deque[Any] = deque()
        waits: list[float] = []
        lives: list[float] = []

        def start() -> Process:
            worker = _Worker(env.now)
            alive.add(worker)
            yield env.timeout(start_s)
            release(worker)

        def release(worker: _Worker) -> None:
            if queue:
                queue.popleft().succeed(worker)
                return
            idle.append(worker)
            worker.idle_since = env.now
            env.process(stop(worker, env.now))

        def stop(worker: _Worker, since: float) -> Process:
            yield env.timeout(fleet.idle_timeout_s)
            if worker.idle_since == since:
                idle.remove(worker)
                alive.remove(worker)
                lives.append(env.now - worker.began)

        def request(work: float) -> Process:
            came = env.now
            if idle:
                worker: _Worker = idle.pop()
                worker.idle_since = FOREVER
            else:
                place = env.event()
                queue.append(place)
                if delayed and alive:
                    yield place | env.timeout(fleet.delay_s)
                if not place.triggered and len(alive) < fleet.most:
                    env.process(start())
                worker = yield place
            waits.append(env.now - came)
            yield env.timeout(work)
            release(worker)

        def arrivals() -> Process:
            for at, work in zip(requests.at_s.tolist(), requests.work_s.tolist(), strict=True):
                yield env.timeout(at - env.now)
                env.process(request(work))

        env.process(arrivals())
        env.run()
        billed = sum(math.ceil(life - 1e-9) for life in lives)
        return Found(sum(waits) / len(waits), len(lives), billed)

    return run


def by_point(fleet: Fleet) -> Callable[[Requests], Any]:
    """As `gpucost simulate`: requests are made, served and summed up in chunks."""

    def run(requests: Requests) -> Any:
        return run_point({}, point(fleet, len(requests.at_s), 0))

    return run


def point(fleet: Fleet, number: int, seed: int) -> Point:
    """A replication of about so many requests."""
    made = Made(Source.RENEWAL, span_s=number / RATE, rate=RATE)
    return Point(fleet, Service(fixed_s=WORK_S), made, (seed,), rounding_s=1.0)


def flex_rows(rounds: int) -> Iterator[tuple[str, float, float, float]]:
    """Name, requests per second, and the ratio to SimPy."""
    whole = poisson(RATE, WORK_S, constant=False)
    delayed = FLEX._replace(policy=Policy.QUEUE_DELAY, delay_s=DELAY_S)
    for name, fleet in (("each-request", FLEX), ("queue-delay", delayed)):
        ours, theirs = replayed(fleet), simpy_flex(fleet)
        for found, wanted in zip(theirs(whole.first(SIMPY)), ours(whole.first(SIMPY)), strict=True):
            close(found, wanted, 1e-3)
        best = fastest(
            {
                "ours": (ours, whole),
                "made": (by_point(fleet), whole),
                "simpy": (theirs, whole.first(SIMPY)),
            },
            rounds,
        )
        yield f"flex, {name}", 1 / best["ours"], best["simpy"] / best["ours"], math.nan
        yield f"flex, {name}, as `simulate`", 1 / best["made"], best["simpy"] / best["made"], math.nan


# Memory, and processes


def stream(number: int) -> None:
    """Serves many requests and prints how many, the seconds and the peak memory of this process [MB]."""
    start = time.perf_counter()
    done = run_point({}, point(FLEX, number, 0))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(done.totals.requests, time.perf_counter() - start, peak)


def counted(shared: Shared, each: Point) -> tuple[Totals, float]:
    """What the workers of a point did, and the processor time that it took [s]."""
    start = time.process_time()
    return run_point(shared, each).totals, time.process_time() - start


def processes(rounds: int) -> tuple[float, float]:
    """How much faster two processes are than one on the same points, and the processor time they take."""
    points = [point(FLEX, POINT_REQUESTS, seed) for seed in range(POINTS)]
    executors: dict[Executor, list[tuple[float, float]]] = {Serial(): [], Pool(2): []}
    results = []
    for _ in range(rounds):
        for executor, taken in executors.items():
            start = time.perf_counter()
            found = dict(run_all(counted, points, shared={}, executor=executor))
            taken.append((time.perf_counter() - start, sum(each for _, each in found.values())))
            results.append([found[number][0] for number in range(POINTS)])
    assert all(each == results[0] for each in results)
    (one, alone), (two, beside) = (map(min, zip(*taken, strict=True)) for taken in executors.values())
    return one / two, beside / alone


def main(words: list[str]) -> None:
    """Measure and print."""
    numbers = [int(word) for word in words if word.isdigit()]
    if "--stream" in words:
        stream(*numbers)
        return
    rounds = numbers[0] if numbers else ROUNDS
    print("| model | requests/s | over SimPy (goal 15, flex 14) | over Ciw (goal 30) |")
    print("| --- | ---: | ---: | ---: |")
    for rows in (queue_rows, flex_rows):
        for name, rate, over_simpy, over_ciw in rows(rounds):
            last = "–" if math.isnan(over_ciw) else f"{over_ciw:.0f}"
            print(f"| {name} | {rate:,.0f} | {over_simpy:.1f} | {last} |", flush=True)
    gain, effort = processes(rounds)
    print(
        f"\n{POINTS} points of {POINT_REQUESTS:,} requests: two processes {gain:.2f} times as fast as one ",
        end="",
    )
    print(f"(goal 1.7), with {effort:.2f} times the processor time; load {os.getloadavg()[0]:.1f}.")
    if "--long" in words:
        command = [sys.executable, "-m", "tests.benchmarks.simulation", "--stream", str(LONG)]
        served, seconds, peak = subprocess.run(command, check=True, capture_output=True).stdout.split()
        print(f"{int(served):,} requests in {float(seconds):.0f} s, peak {float(peak):.0f} MB (goal 1000).")
    print(f"\nPython {platform.python_version()}, SimPy {version('simpy')}, Ciw {version('ciw')}, ", end="")
    print(f"best of {rounds} alternating runs.")


if __name__ == "__main__":
    main(sys.argv[1:])
