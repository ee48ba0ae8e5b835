"""Points on processes of this machine.

Processes are spawned, not forked: a fork copies whatever locks the threads of a library hold at that moment,
and exists on some systems only. What a spawned process costs, an interpreter and NumPy, is paid only where
the points are worth it. The arrays reach it as files that it maps; a task carries its points alone.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gpucost.errors import GpucostError, UsageError
from gpucost.run.groups import (
    RESTARTS,
    Function,
    Outcome,
    Pairs,
    Point,
    Result,
    Shared,
    drive,
    group_size,
    run_group,
)

START_S = 0.5
"""What the start of processes costs; less work than they would save is done without them."""
_MOST_ON_WINDOWS = 61


def on_processes(
    function: Function[Point, Result], points: Sequence[Point], shared: Shared, processes: int | None
) -> Pairs[Result]:
    """Results of all points: here as long as processes would not pay, then on processes.

    Raises UsageError for fewer than one process, GpucostError when processes die again and again.
    """
    if processes is not None and processes < 1:
        raise UsageError(f"{processes} processes cannot run anything; ask for 1 or more")
    most = min(processes or cores(), len(points))
    if most < 2:
        yield from ((index, function(shared, point)) for index, point in enumerate(points))
        return
    # A thread, so that one long point does not keep all processes waiting.
    first = _in_thread(function, shared, points[:1])
    wait([first], timeout=START_S)
    known, spent = 0, START_S
    if first.done():
        spent, results = first.result()
        known = 1
        yield 0, results[0]
        while known < len(points) and _saved(spent / known, len(points) - known, most) < START_S:
            seconds, results = run_group(function, shared, [points[known]])
            known, spent = known + 1, spent + seconds
            yield known - 1, results[0]
    if known == len(points):
        return
    waiting = deque(range(max(1, known), len(points)))
    size = group_size(spent, max(1, known))
    with TemporaryDirectory(prefix="gpucost-") as folder:
        files = _written(shared, Path(folder))
        with _Processes(most, files) as workers:
            yield from drive(function, points, waiting, workers, size=size, first=None if known else first)


def cores() -> int:
    """Cores that this process may use."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _saved(point_s: float, points: int, processes: int) -> float:
    """Seconds that processes would save."""
    return point_s * points * (1 - 1 / processes)


def _in_thread(function: Function[Any, Any], shared: Shared, points: Sequence[Any]) -> Future[Outcome]:
    future: Future[Outcome] = Future()

    def work() -> None:
        try:
            future.set_result(run_group(function, shared, points))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def _written(shared: Shared, folder: Path) -> dict[str, str | None]:
    """Files of the arrays by name."""
    files: dict[str, str | None] = {}
    for number, (name, array) in enumerate(shared.items()):
        files[name] = None
        if array is not None:
            from numpy import save

            files[name] = str(folder / f"{number}.npy")
            save(folder / f"{number}.npy", array, allow_pickle=False)
    return files


class _Processes:
    """A pool whose processes end at once when told to, and when this process dies.

    They watch a pipe whose other end only this process holds.
    """

    lost = (BrokenProcessPool,)

    def __init__(self, processes: int, files: dict[str, str | None]) -> None:
        self._processes = min(processes, _MOST_ON_WINDOWS) if os.name == "nt" else processes
        self._files = files
        self._start()

    def __enter__(self) -> "_Processes":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._held.close()
        self._end()

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._watched, self._held = spawn.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            self._processes, mp_context=spawn, initializer=_open, initargs=(self._watched, self._files)
        )

    def _end(self) -> None:
        self._pool.shutdown()
        self._held.close()
        self._watched.close()

    def slots(self) -> int:
        return self._processes

    def submit(self, function: Function[Any, Any], points: Sequence[Any]) -> Future[Outcome]:
        try:
            with _interrupts_held():
                return self._pool.submit(_run_mapped, function, points)
        except BrokenProcessPool as error:
            failed: Future[Outcome] = Future()
            failed.set_exception(error)
            return failed

    def restart(self) -> None:
        self._end()
        self._start()

    def gave_up(self) -> GpucostError:
        # Neither the question nor the data is known to be at fault, so it counts as a fault of ours.
        return GpucostError(
            f"processes died {RESTARTS + 1} times while they ran points; mostly the memory is too small for "
            f"{self._processes} of them: ask for fewer, or for 1 to see what happens"
        )


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while processes start: it would cut their start short and show their tracebacks.

    They inherit that it is blocked. Here that is not enough, since another thread may receive it.
    """
    arrived: list[object] = []
    before = signal.getsignal(signal.SIGINT)
    ours = before is not None and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, lambda *received: arrived.append(received))
    blocks = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocks else set()
    try:
        yield
    finally:
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if ours:
            signal.signal(signal.SIGINT, before)
        if arrived:
            signal.raise_signal(signal.SIGINT)


_mapped: dict[str, Any] = {}
"""In a process of a pool: its view of the shared arrays."""


def _open(watched: connection.Connection, files: dict[str, str | None]) -> None:
    """Make a process of a pool ready."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whether to go on is for the parent to say
    threading.Thread(target=_end_with, args=(watched,), daemon=True).start()
    for name, file in files.items():
        _mapped[name] = None
        if file is not None:
            from numpy import asarray, load

            _mapped[name] = asarray(load(file, mmap_mode="r"))  # a plain array over the map, as elsewhere


def _end_with(watched: connection.Connection) -> None:
    connection.wait([watched])
    os._exit(1)


def _run_mapped(function: Function[Any, Any], points: Sequence[Any]) -> Outcome:
    return run_group(function, _mapped, points)
