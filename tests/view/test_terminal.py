from __future__ import annotations

import io
import os

import pytest

from gpucost.view.terminal import Terminal, pick_terminal


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal, self._encoding = terminal, encoding

    def isatty(self) -> bool:
        return self._terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def test_a_pipe_is_never_narrow_nor_coloured() -> None:
    assert pick_terminal(Stream(terminal=False), {"COLUMNS": "80", "TERM": "xterm"}) == Terminal(
        None, False, True
    )


def test_a_terminal_has_width_and_colour() -> None:
    assert pick_terminal(Stream(terminal=True), {"COLUMNS": "97", "TERM": "xterm"}) == Terminal(
        97, True, True
    )
    assert pick_terminal(Stream(terminal=True), {"COLUMNS": "x"}).width == 80


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert pick_terminal(stream, {}).width is None


@pytest.mark.parametrize(
    ("terminal", "environ", "color"),
    [
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (True, {"FORCE_COLOR": "0"}, False),
        (True, {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        (True, {}, True),
    ],
)
def test_colour(terminal: bool, environ: dict[str, str], color: bool) -> None:
    assert pick_terminal(Stream(terminal=terminal), environ).color is color


@pytest.mark.parametrize(
    ("encoding", "environ", "unicode"),
    [
        ("utf-8", {}, True),
        ("ascii", {}, False),
        ("latin-1", {}, False),
        ("cp1252", {}, False),
        ("no-such-encoding", {}, False),
        ("utf-8", {"LANG": "C"}, False),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ("utf-8", {"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, False),
        ("utf-8", {"LANG": "C", "LC_ALL": "C.UTF-8"}, True),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, True),
        ("utf-8", {"LANG": "C", "PYTHONIOENCODING": "utf-8"}, True),
        ("utf-8", {"LANG": "C.UTF-8"}, True),
    ],
)
def test_character_set(encoding: str, environ: dict[str, str], unicode: bool) -> None:
    assert pick_terminal(Stream(terminal=False, encoding=encoding), environ).unicode is unicode


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "COLUMNS", "123")
    assert pick_terminal(Stream(terminal=True)).width == 123
