"""Many independent points over large shared arrays: in this process, on several, or on a dask cluster."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias

from gpucost.run.groups import Function, Pairs, Point, Result, Shared, read_only


@dataclass(frozen=True)
class Serial:
    """One point after the other in this process."""


@dataclass(frozen=True)
class Pool:
    """Processes of this machine, one per core unless told otherwise."""

    processes: int | None = None


@dataclass(frozen=True)
class Cluster:
    """A dask cluster by the address of its scheduler, such as tcp://10.0.0.7:8786."""

    address: str


Executor: TypeAlias = Serial | Pool | Cluster


def run_all(
    function: Function[Point, Result],
    points: Sequence[Point],
    *,
    shared: Shared | None,
    executor: Executor,
    on_done: Callable[[int, Result], None] | None = None,
) -> Pairs[Result]:
    """Index and result of every point, as they complete; the order differs between executors, no result does.

    `function` is called with the shared arrays and one point. Where others run it, it must stand at the top
    level of a module, points and results must be picklable and small, and no array may hold objects; a
    script must keep its own start below `if __name__ == "__main__"`. `on_done` is called with each pair
    before it is yielded.

    An error or an interrupt, from `function`, `on_done` or a signal, cancels what is not done, ends the
    processes, removes their files and is raised. A caller that may stop in between wraps the iterator in
    `contextlib.closing`.

    Raises UsageError for fewer than one process, without dask, and when workers of a cluster have another
    gpucost; RemoteError when the cluster cannot be reached or loses its workers again and again;
    GpucostError when processes of this machine die again and again; and whatever `function` raises.
    """
    arrays = {name: read_only(array) for name, array in (shared or {}).items()}
    with closing(_pairs(function, points, arrays, executor)) as pairs:
        for index, result in pairs:
            if on_done is not None:
                on_done(index, result)
            yield index, result


def _pairs(
    function: Function[Point, Result], points: Sequence[Point], arrays: Shared, executor: Executor
) -> Pairs[Result]:
    match executor:
        case Pool(processes):
            from gpucost.run.processes import on_processes

            yield from on_processes(function, points, arrays, processes)
        case Cluster(address):
            from gpucost.run.cluster import on_cluster

            yield from on_cluster(function, points, arrays, address)
        case Serial():
            for index, point in enumerate(points):
                yield index, function(arrays, point)
