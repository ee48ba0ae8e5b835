"""What processes and a dask cluster cost on points of pure Python, as ratios within one run.

`python -m tests.benchmarks.executors [SECONDS]` prints a Markdown table for that much work (60) in points of
about 150 ms, over 64 MB of shared arrays. Pool and cluster take turns, and the better of two runs of each
counts. Beside the ratio of wall times, which another load on the machine disturbs, stands the share of the
workers' time that points took by their own clocks.
"""

import os
import platform
import sys
import time
from typing import Any

import numpy as np

from gpucost.run.executors import Cluster, Executor, Pool, Serial, run_all
from gpucost.run.groups import Shared
from tests.run.work import spins

WORK_S = 60.0
POINT_S = 0.15
WORKERS = 2


def timed(shared: Shared, rounds: int) -> tuple[int, float]:
    """A result and the seconds that it took."""
    start = time.perf_counter()
    return spins(shared, rounds), time.perf_counter() - start


def wall(executor: Executor, points: list[int], shared: Shared) -> tuple[float, float, list[int]]:
    """Wall time [s] of all points, the sum of their own times [s], and their results."""
    start = time.perf_counter()
    pairs = sorted(run_all(timed, points, shared=shared, executor=executor))
    elapsed = time.perf_counter() - start
    return elapsed, sum(seconds for _, (_, seconds) in pairs), [value for _, (value, _) in pairs]


def main() -> None:
    """Time one process, two, and two workers of a cluster, and print a table."""
    from distributed import LocalCluster

    work_s = float(sys.argv[1]) if len(sys.argv) > 1 else WORK_S
    trial = 300_000
    rounds = round(trial * POINT_S / min(timed({}, trial)[1] for _ in range(5)))
    points = [rounds + number % 7 for number in range(round(work_s / POINT_S))]
    shared = {"at_s": np.zeros(8_000_000)}
    start: Any = LocalCluster
    with start(
        n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        dask = Cluster(cluster.scheduler_address)
        print(f"{len(points)} points, {os.cpu_count()} cores, Python {platform.python_version()}\n")
        print("| executor | wall time, s | over one process | over the pool | in points |")
        print("|---|---:|---:|---:|---:|")
        serial, _, wanted = wall(Serial(), points, shared)
        print(f"| serial | {serial:.1f} | 1.00x | – | 100.0% |", flush=True)
        best: dict[str, tuple[float, float]] = {}
        for _ in range(2):
            for name, executor in ((f"pool of {WORKERS}", Pool(WORKERS)), (f"dask, {WORKERS} workers", dask)):
                elapsed, inside, results = wall(executor, points, shared)
                assert results == wanted
                best[name] = min(best.get(name, (elapsed, inside)), (elapsed, inside))
        pool = next(iter(best.values()))[0]
        for name, (elapsed, inside) in best.items():
            share = inside / WORKERS / elapsed
            over = elapsed / pool
            print(f"| {name} | {elapsed:.1f} | {serial / elapsed:.2f}x | {over:.3f} | {share:.1%} |")


if __name__ == "__main__":
    main()
