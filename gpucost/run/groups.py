"""Groups of points, large enough to be worth handing over, and what becomes of them."""

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeAlias, TypeVar

from gpucost.errors import GpucostError

Point = TypeVar("Point")
Result = TypeVar("Result")
Shared: TypeAlias = Mapping[str, Any]
"""NumPy arrays by name, None for those that are not known. They can be read only."""
Function: TypeAlias = Callable[[Shared, Point], Result]
Pairs: TypeAlias = Generator[tuple[int, Result], None, None]
"""Index of a point and its result."""
Outcome: TypeAlias = tuple[float, list[Any]]
"""Seconds that a group of points took, and its results."""

TASK_S = 0.1
"""Points are grouped to tasks of about this length, long against the ~1 ms that handing over takes."""
AHEAD = 2
"""Tasks handed over per worker, so that none waits for the next one."""
RESTARTS = 3
LOOK_S = 5.0


def read_only(array: Any) -> Any:
    """The array as every worker gets it, so that a function that writes to it fails everywhere."""
    if array is None:
        return None
    view = array.view()
    view.flags.writeable = False
    return view


def run_group(function: Function[Any, Any], shared: Shared, points: Sequence[Any]) -> Outcome:
    """Run some points, one after the other."""
    start = time.perf_counter()
    results = [function(shared, point) for point in points]
    return time.perf_counter() - start, results


def group_size(seconds: float, points: int) -> int:
    """Points that make up a task, after some took `seconds`."""
    return max(1, math.ceil(TASK_S * points / max(seconds, 1e-9)))


class Workers(Protocol):
    """Where groups of points run."""

    @property
    def lost(self) -> tuple[type[Exception], ...]:
        """What a future raises when its worker is gone and its points are not to blame."""

    def slots(self) -> int:
        """Tasks that run at once."""

    def submit(self, function: Function[Any, Any], points: Sequence[Any]) -> Future[Outcome]:
        """Hand over a group."""

    def restart(self) -> None:
        """Make ready again after a loss."""

    def gave_up(self) -> GpucostError:
        """The error after too many losses."""


def drive(
    function: Function[Point, Result],
    points: Sequence[Point],
    waiting: deque[int],
    workers: Workers,
    *,
    size: int = 1,
    first: Future[Outcome] | None = None,
) -> Pairs[Result]:
    """Results of the waiting points, and of the first one where a future for it runs already.

    `size` is the number of points in the first groups.
    """
    done: SimpleQueue[Future[Outcome]] = SimpleQueue()
    running: dict[Future[Outcome], tuple[int, list[int]]] = {}
    restarts = 0

    def follow(future: Future[Outcome], group: list[int]) -> None:
        running[future] = restarts, group
        future.add_done_callback(done.put)

    if first is not None:
        follow(first, [0])
    while waiting or running:
        room = AHEAD * workers.slots()
        while waiting and len(running) < room:
            group = [waiting.popleft() for _ in range(min(size, len(waiting)))]
            follow(workers.submit(function, [points[index] for index in group]), group)
        try:
            future = done.get(timeout=LOOK_S)
        except Empty:
            continue
        handed_over, group = running.pop(future)
        try:
            seconds, results = future.result()
        except workers.lost as error:
            waiting.extendleft(reversed(group))
            if handed_over == restarts:  # the first to tell of this loss
                restarts += 1
                if restarts > RESTARTS:
                    raise workers.gave_up() from error
                workers.restart()
            continue
        # The latest task tells most about the next, but it may have been cheap by chance.
        size = min(2 * size, group_size(seconds, len(group)))
        yield from zip(group, results, strict=True)
