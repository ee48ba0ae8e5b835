"""A small simulation of workers with SimPy, the independent check of the closed forms."""

import random
from statistics import fmean, stdev
from typing import Any, NamedTuple

import simpy

BATCHES = 20


class Simulated(NamedTuple):
    """Means of a run, each with its standard error over batches."""

    paid: float
    """Workers on: busy, starting or idle."""
    paid_error: float
    cold: float
    """Share of requests that started a worker."""
    wait_s: float
    wait_error: float


class _Worker:
    def __init__(self) -> None:
        self.since, self.gone = 0.0, False


def simulate(
    *,
    rate: float,
    service_s: float,
    start_s: float = 0.0,
    idle_timeout_s: float = 0.0,
    most: int = 10_000,
    kept: int = 0,
    bound: bool = False,
    exponential: bool = False,
    requests: int = 40_000,
    seed: int = 1,
) -> Simulated:
    """Poisson arrivals; the idle worker used last serves, else one is started, else the request queues.

    `bound`: a request stays with the worker that it started; else the first free worker takes it.
    """
    draw = random.Random(seed)
    env = simpy.Environment()
    idle: list[_Worker] = []
    queue: list[simpy.Event] = []
    state: dict[str, float] = {"on": float(kept), "last": 0.0, "paid": 0.0, "starts": 0.0, "done": 0.0}
    batches: list[tuple[float, float, float]] = []
    waits: list[float] = []

    def count(change: float) -> None:
        state["paid"] += state["on"] * (env.now - state["last"])
        state["last"] = env.now
        state["on"] += change

    def release(worker: _Worker) -> None:
        if queue:
            queue.pop(0).succeed(worker)
            return
        idle.append(worker)
        worker.since = env.now
        if not worker.gone:
            env.process(stop(worker, env.now))

    def stop(worker: _Worker, since: float) -> Any:
        if id(worker) in forever:
            return
        yield env.timeout(idle_timeout_s)
        if worker in idle and worker.since == since:
            idle.remove(worker)
            count(-1)

    def started() -> Any:
        worker = _Worker()
        yield env.timeout(start_s)
        release(worker)

    def request() -> Any:
        came = env.now
        if idle:
            worker = idle.pop()
        elif state["on"] < most:
            count(+1)
            state["starts"] += 1
            if bound:
                worker = _Worker()
                yield env.timeout(start_s)
            else:
                place = env.event()
                queue.append(place)
                env.process(started())
                worker = yield place
        else:
            place = env.event()
            queue.append(place)
            worker = yield place
        waits.append(env.now - came)
        yield env.timeout(draw.expovariate(1 / service_s) if exponential else service_s)
        state["done"] += 1
        release(worker)

    def arrivals() -> Any:
        while True:
            yield env.timeout(draw.expovariate(rate))
            env.process(request())

    always = [_Worker() for _ in range(kept)]
    forever = {id(worker) for worker in always}
    idle.extend(always)
    env.process(arrivals())
    for _ in range(BATCHES):
        first, paid, begin = len(waits), state["paid"], env.now
        goal = len(waits) + requests // BATCHES
        while len(waits) < goal:
            env.step()
        count(0)
        batches.append((state["paid"] - paid, env.now - begin, fmean(waits[first:])))
    means = [paid / time for paid, time, _ in batches]
    each = [wait for *_, wait in batches]
    return Simulated(
        paid=fmean(means),
        paid_error=stdev(means) / BATCHES**0.5,
        cold=state["starts"] / len(waits),
        wait_s=fmean(each),
        wait_error=stdev(each) / BATCHES**0.5,
    )
