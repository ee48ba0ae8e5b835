"""Points on the workers of a dask cluster."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any

from gpucost.errors import GpucostError, RemoteError, UsageError
from gpucost.run.groups import (
    LOOK_S,
    RESTARTS,
    Function,
    Outcome,
    Pairs,
    Point,
    Result,
    Shared,
    drive,
    read_only,
    run_group,
)

CONNECT_S = 10.0
PATIENCE_S = 60.0
"""How long a cluster may be without any worker."""


def on_cluster(
    function: Function[Point, Result], points: Sequence[Point], shared: Shared, address: str
) -> Pairs[Result]:
    """Results of all points.

    Raises UsageError without dask and when workers have another gpucost, RemoteError when the cluster does
    not answer or loses its workers again and again.
    """
    if points:
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise UsageError("a cluster needs dask: pip install 'gpucost[cluster]'") from None
        with _quiet(), _Dask(address, shared) as workers:
            try:
                yield from drive(function, points, deque(range(len(points))), workers)
            except workers.killed as error:
                raise workers.gave_up("several times over") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep tracebacks of a client that lost its scheduler off stderr: our own error says what to do.

    The import of distributed sets the level, so it comes first.
    """
    log = logging.getLogger("distributed.client")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


class _Dask:
    """A dask cluster whose workers were sent the arrays once.

    The scheduler itself repeats what ran on a lost worker; after as many losses of one task as its
    `allowed-failures` states, it answers KilledWorker, and that is the end: the task may well be what kills.
    When the arrays went with the last worker that had them, it cancels all tasks, and they are sent again.
    """

    lost = (CancelledError,)

    def __init__(self, address: str, shared: Shared) -> None:
        from distributed import Client, KilledWorker

        self.killed: type[Exception] = KilledWorker
        self._address, self._shared = address, shared
        self._slots, self._look_at, self._seen_at = 0, 0.0, time.monotonic()
        connect: Any = Client
        with self._reaching():
            try:
                self._client = connect(address, timeout=CONNECT_S, set_as_default=False)
            except ValueError as error:
                raise UsageError(f"{address!r} is no address of a dask scheduler: {error}") from error
        try:
            with self._reaching():
                self._client.wait_for_workers(1, timeout=CONNECT_S)
            self._check_versions()
            self._send()
        except BaseException:
            self._client.close()
            raise

    def __enter__(self) -> "_Dask":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._executor.shutdown(wait=False)
        finally:
            self._client.close()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError) as error:  # RuntimeError: the client gave up and closed itself
            raise RemoteError(
                f"the dask cluster at {self._address} does not answer; see that its scheduler runs and has "
                f"workers ({error})"
            ) from error

    def _check_versions(self) -> None:
        ours = _version()
        try:
            with self._reaching():
                theirs = set(self._client.run(_version).values())
        except ImportError:
            theirs = {"none"}
        if theirs != {ours}:
            raise UsageError(
                f"workers of {self._address} have gpucost {', '.join(sorted(theirs))}, not {ours}; install "
                "the same version on all of them"
            )

    def _send(self) -> None:
        # In a list, since the names of a mapping would become keys of the cluster; not hashed, which takes
        # longer than sending.
        with self._reaching():
            (self._arrays,) = self._client.scatter([self._shared], broadcast=True, hash=False)
            self._executor = self._client.get_executor(pure=False)

    def slots(self) -> int:
        now = time.monotonic()
        if now >= self._look_at:  # workers come and go
            self._look_at = now + LOOK_S
            with self._reaching():
                self._slots = sum(self._client.nthreads().values())
            if self._slots:
                self._seen_at = now
            elif now > self._seen_at + PATIENCE_S:
                raise RemoteError(
                    f"the dask cluster at {self._address} has had no worker for {PATIENCE_S:g} s"
                )
        return max(1, self._slots)

    def submit(self, function: Function[Any, Any], points: Sequence[Any]) -> Future[Outcome]:
        with self._reaching():
            future: Future[Outcome] = self._executor.submit(_run_on_worker, function, self._arrays, points)
        return future

    def restart(self) -> None:
        with self._reaching():
            self._client.wait_for_workers(1, timeout=PATIENCE_S)
        self._send()

    def gave_up(self, times: str = f"{RESTARTS + 1} times") -> GpucostError:
        return RemoteError(
            f"the dask cluster at {self._address} lost points with their workers {times}; mostly the memory "
            "of its workers is too small, and their logs tell"
        )


def _version() -> str:
    from gpucost import __version__

    return __version__


def _run_on_worker(function: Function[Any, Any], shared: Shared, points: Sequence[Any]) -> Outcome:
    return run_group(function, {name: read_only(array) for name, array in shared.items()}, points)
