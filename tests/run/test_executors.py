"""Serial and Pool; the cluster has a file of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpucost.errors import GpucostError, UsageError
from gpucost.run.executors import Executor, Pool, Serial, run_all
from gpucost.run.groups import TASK_S, group_size
from tests.run import work

TWO = Pool(2)


def results(function: Any, points: Any, executor: Executor, shared: Any = None) -> list[Any]:
    return [result for _, result in sorted(run_all(function, points, shared=shared, executor=executor))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made, which must be empty in the end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_group_size_makes_tasks_of_the_wanted_length() -> None:
    assert group_size(0.001, 1) == round(TASK_S / 0.001)
    assert group_size(5 * TASK_S, 5) == 1
    assert group_size(100.0, 1) == 1
    assert group_size(0.0, 1) > 1000


def test_no_points_give_no_results() -> None:
    for executor in (Serial(), TWO):
        assert results(work.mean, [], executor) == []


def test_serial_runs_in_order_and_calls_back() -> None:
    told = []
    points = work.points(5)
    pairs = run_all(
        work.mean,
        points,
        shared=work.shared(),
        executor=Serial(),
        on_done=lambda index, result: told.append((index, result)),
    )
    assert list(pairs) == told
    assert [index for index, _ in told] == list(range(5))


def test_little_work_starts_no_process() -> None:
    found = results(work.describes, [0.001] * 10, TWO, work.shared())
    assert found == [(os.getpid(), "ndarray", False, False)] * 10


def test_one_process_is_this_one() -> None:
    found = results(work.describes, [0.05] * 4, Pool(1), work.shared())
    assert {each[0] for each in found} == {os.getpid()}


def test_no_processes_are_a_wrong_question() -> None:
    with pytest.raises(UsageError, match="1 or more"):
        results(work.mean, work.points(5), Pool(0))


@pytest.mark.parametrize("executor", [Serial(), TWO], ids=["serial", "pool"])
def test_shared_arrays_cannot_be_written(executor: Executor) -> None:
    shared = work.shared()
    with pytest.raises(ValueError, match="read-only"):
        results(work.writes, [1, 2, 3], executor, shared)
    assert shared["at_s"].flags.writeable


def test_a_pool_gives_what_serial_gives_and_leaves_nothing(folder: Path) -> None:
    points = work.points(60, takes_s=0.03)
    serial = results(work.mean, work.points(60), Serial(), work.shared())
    assert results(work.mean, points, TWO, work.shared()) == serial
    assert list(folder.iterdir()) == []


def test_a_pool_maps_the_arrays_and_does_not_wait_for_a_long_first_point(folder: Path) -> None:
    shared = {**work.shared(), "none": np.empty(0), "number": np.array(3.0)}
    pairs = run_all(work.describes, [1.5, *[0.1] * 8], shared=shared, executor=TWO)
    found = list(pairs)
    here = {result[0] for index, result in found if index == 0}
    there = [result for index, result in found if index != 0]
    assert here == {os.getpid()}
    assert os.getpid() not in {each[0] for each in there}
    assert {each[1:] for each in there} == {("ndarray", False, True)}


def test_a_process_that_dies_is_replaced(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    marker = tmp_path_factory.mktemp("marker") / "died"
    points = [(number, str(marker)) for number in range(60)]
    assert results(work.dies_once, points, TWO, work.shared()) == [n * n for n in range(60)]
    assert marker.exists()
    assert list(folder.iterdir()) == []


def test_processes_that_always_die_are_an_error(folder: Path) -> None:
    with pytest.raises(GpucostError, match="died 4 times") as caught:
        results(work.dies, range(8), TWO, work.shared())
    assert caught.value.exit_code == 70
    assert list(folder.iterdir()) == []


def test_an_error_of_the_function_ends_the_run(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError, match="point 40"):
        results(work.fails, range(100), TWO, work.shared())
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("stop", ["interrupt", "close"])
def test_a_stop_in_between_ends_processes_at_once(
    stop: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    marks = tmp_path_factory.mktemp("marks")
    seen = 0

    def on_done(index: int, result: tuple[int, int]) -> None:
        nonlocal seen
        seen += result[1] != os.getpid()
        if seen == 10 and stop == "interrupt":
            raise KeyboardInterrupt

    points = [(number, str(marks)) for number in range(5000)]
    start = time.monotonic()
    pairs = run_all(work.marks, points, shared=work.shared(), executor=TWO, on_done=on_done)
    try:
        with closing(pairs):
            for _ in pairs:
                if seen == 10:
                    break
    except KeyboardInterrupt:
        assert stop == "interrupt"
    assert time.monotonic() - start < 10
    processes = {int(each.name) for each in marks.iterdir()} - {os.getpid()}
    assert processes
    assert not [each for each in processes if is_running(each)]
    assert list(folder.iterdir()) == []


SCRIPT = """
import signal, sys
from gpucost.run.executors import Pool, run_all
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from tests.run import work

if __name__ == "__main__":
    points = [(number, sys.argv[1]) for number in range(5000)]
    try:
        for index, result in run_all(work.marks, points, shared=work.shared(), executor=Pool(2)):
            print(index, flush=True)
    except KeyboardInterrupt:
        print("stopped")
"""


def started(tmp_path: Path) -> "subprocess.Popen[str]":
    """A script that runs points for minutes, as the leader of a group of processes."""
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "marks").mkdir()
    (tmp_path / "temporary").mkdir()
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "marks")],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary"), "PYTHONPATH": "."},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


needs_groups = pytest.mark.skipif(os.name == "nt", reason="needs groups of processes")


@needs_groups
@pytest.mark.parametrize("while_starting", [True, False])
def test_ctrl_c_leaves_no_traceback_no_process_no_file(while_starting: bool, tmp_path: Path) -> None:
    script = started(tmp_path)
    assert script.stdout is not None
    if while_starting:
        while not list((tmp_path / "temporary").iterdir()):
            time.sleep(0.005)
    else:
        for line in script.stdout:
            if int(line) > 100:
                break
    os.killpg(script.pid, signal.SIGINT)
    out, err = script.communicate(timeout=20)
    assert out.splitlines()[-1] == "stopped"
    assert err == ""
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not [each for each in (tmp_path / "marks").iterdir() if is_running(int(each.name))]


@needs_groups
def test_processes_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = started(tmp_path)
    assert script.stdout is not None
    for line in script.stdout:
        if int(line) > 100:
            break
    script.kill()
    script.communicate(timeout=20)  # their end of its output is closed, too
    assert len(list((tmp_path / "marks").iterdir())) > 1
