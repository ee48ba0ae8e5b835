"""Points on a dask cluster of this machine, whose workers are processes."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import gpucost
from gpucost.errors import RemoteError, UsageError
from gpucost.run import cluster as module
from gpucost.run.executors import Cluster, Serial, run_all
from tests.run import work

needs_signals = pytest.mark.skipif(os.name == "nt", reason="kills processes by signals")


@contextmanager
def local(workers: int) -> Iterator[str]:
    """Address of a cluster whose workers have a thread each, and are replaced when they die."""
    from distributed import LocalCluster

    start: Any = LocalCluster
    with start(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with local(2) as address:
        yield address


def results(function: Any, points: Any, address: str, **more: Any) -> list[Any]:
    pairs = run_all(function, points, shared=work.shared(), executor=Cluster(address), **more)
    return [result for _, result in sorted(pairs)]


def expected(count: int) -> list[float]:
    pairs = run_all(work.mean, work.points(count), shared=work.shared(), executor=Serial())
    return [result for _, result in pairs]


def test_without_dask_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'gpucost\[cluster\]'"):
        results(work.mean, work.points(2), "tcp://127.0.0.1:1")


@pytest.mark.parametrize("address", ["127.0.0.1:port", "nothing://127.0.0.1:1"])
def test_what_is_no_address_is_a_wrong_question(address: str) -> None:
    with pytest.raises(UsageError, match="no address of a dask scheduler"):
        results(work.mean, work.points(2), address)


def test_a_scheduler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_S", 0.3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(RemoteError, match="does not answer; see that its scheduler runs") as caught:
            results(work.mean, work.points(2), f"tcp://127.0.0.1:{free.getsockname()[1]}")
    assert caught.value.exit_code == 4


def test_a_cluster_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_S", 0.3)
    with local(0) as address, pytest.raises(RemoteError, match="has workers"):
        results(work.mean, work.points(2), address)


def test_a_cluster_gives_what_serial_gives(address: str) -> None:
    assert results(work.mean, work.points(300), address) == expected(300)
    assert results(work.mean, [], address) == []


def test_workers_get_arrays_that_cannot_be_written(address: str) -> None:
    found = results(work.describes, [0.01] * 20, address)
    assert os.getpid() not in {each[0] for each in found}
    assert {each[1:3] for each in found} == {("ndarray", False)}
    with pytest.raises(ValueError, match="read-only"):
        results(work.writes, [1], address)


def test_an_error_of_the_function_ends_the_run(address: str) -> None:
    with pytest.raises(ZeroDivisionError, match="point 40"):
        results(work.fails, range(100), address)


def test_workers_need_the_same_gpucost(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpucost, "__version__", "0.0.7")
    with pytest.raises(UsageError, match=f"have gpucost .*, not {gpucost.__version__}; install"):
        results(work.mean, work.points(2), address)


def test_an_interrupt_cancels_what_is_not_done(address: str) -> None:
    def interrupt(index: int, result: float) -> None:
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        results(work.mean, work.points(1000, takes_s=0.1), address, on_done=interrupt)
    assert results(work.mean, work.points(3), address) == expected(3)
    assert time.monotonic() - start < 20


@needs_signals
@pytest.mark.parametrize("killed", [1, 2])
def test_lost_workers_change_no_result(killed: int) -> None:
    """With the second one, the arrays are gone, too."""
    processes: set[int] = set()

    def kill(index: int, result: tuple[float, int]) -> None:
        processes.add(result[1])
        if len(processes) == 2 and not done:
            done.extend(list(processes)[:killed])
            for process in done:
                os.kill(process, signal.SIGKILL)

    done: list[int] = []
    with local(2) as address:
        found = results(work.mean_and_process, work.points(100, takes_s=0.03), address, on_done=kill)
    assert len(done) == killed
    assert [each[0] for each in found] == expected(100)
    assert len({each[1] for each in found}) > 2


def test_points_that_kill_their_workers_are_an_error() -> None:
    import dask

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        local(1) as address,
        pytest.raises(RemoteError, match="lost points with their workers"),
    ):
        results(work.dies, [1, 2], address)
