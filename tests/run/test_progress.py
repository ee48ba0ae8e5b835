import io

import pytest

from gpucost.run.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def screen(text: str) -> str:
    """What a terminal shows of one line after carriage returns."""
    row: list[str] = []
    for part in text.split("\r"):
        row[: len(part)] = part
    return "".join(row)


def test_nothing_is_written_where_no_terminal_listens() -> None:
    stream = io.StringIO()
    with Progress(10, "points", stream) as progress:
        for _ in range(10):
            progress.advance()
    assert stream.getvalue() == ""


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(10, "points") as progress:
        progress.advance()
    assert capsys.readouterr() == ("", "")


def test_the_line_says_what_is_done_how_fast_and_how_long_it_takes() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(7400, "sweep", stream, clock=clock)
    clock.now += 4
    progress.advance(8)
    assert screen(stream.getvalue()) == "sweep: 8/7400, 2.0/s, 1:01:36 left"
    progress.close()
    assert screen(stream.getvalue()).strip() == ""


def test_slow_points_are_counted_by_the_minute() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(3, "sweep", stream, clock=clock)
    clock.now += 20
    progress.advance()
    assert screen(stream.getvalue()) == "sweep: 1/3, 3.0/min, 0:00:40 left"


def test_a_shorter_line_leaves_nothing_of_a_longer_one() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(100, "sweep", stream, clock=clock)
    clock.now += 3000
    progress.advance()
    clock.now += 1
    progress.advance(99)
    assert screen(stream.getvalue()).rstrip() == "sweep: 100/100, 2.0/min, 0:00:00 left"


def test_it_is_redrawn_five_times_a_second_at_most() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(1000, "sweep", stream, clock=clock)
    for _ in range(1000):
        clock.now += 0.01
        progress.advance()
    assert 45 <= stream.getvalue().count("\r") <= 51


def test_a_line_fits_the_terminal_and_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    stream, clock = Terminal(), Clock()
    progress = Progress(1000, "größer", stream, clock=clock)
    clock.now += 1
    progress.advance()
    assert screen(stream.getvalue()) == "gr??er: 1/1000, 1.0"


def test_no_time_and_no_points_are_no_division_by_zero() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(0, "sweep", stream, clock=clock)
    progress.advance(0)
    clock.now += 1
    progress.advance(0)
    assert screen(stream.getvalue()) == "sweep: 0/0"
