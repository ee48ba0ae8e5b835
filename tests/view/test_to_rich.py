from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from gpucost.domain.provenance import Confidence
from gpucost.domain.report import Note, Report
from gpucost.view.sanitize import sanitize, to_ascii
from gpucost.view.table import Bar, Column, Kind, Table
from gpucost.view.to_rich import render, render_notes
from tests.view.samples import HOSTILE, evidence, sizing_report, sizing_tables

EMPTY = Report("q", {}, None)


def small() -> tuple[Report, list[Table]]:
    columns = (
        Column("gpu", "GPU"),
        Column("usd", "USD/h", Kind.USD_PER_HOUR),
        Column("bar", "use", Kind.BAR),
    )
    rows = [
        ("h100", 1.75, Bar((("weights", 60.0), ("KV", 20.0)), 100.0)),
        ("l40s", None, Bar((("weights", 150.0),), 100.0)),
    ]
    table = Table("Cards", columns, rows, caption="Per card.", headline="Take one × h100.", emphasis=(0,))
    return Report("q", {}, None, (evidence(Confidence.PUBLISHED),), (Note("old", "warning"), Note("hi"))), [
        table
    ]


def test_golden_in_a_pipe() -> None:
    report, tables = small()
    assert render(report, tables, console_width=None, color=False, unicode=True) == (
        "Take one × h100.\n"
        "\n"
        "Cards\n"
        "   GPU   USD/h  use\n"
        "────────────────────────────────────────────────────────────────\n"
        "▸  h100   1.75  ████████████████████████▓▓▓▓▓▓▓▓········  80.0 %\n"
        "   l40s      –  ██████████████████████████│█████████████ 150.0 %\n"
        "█ weights   ▓ KV   · free   │ limit\n"
        "Per card.\n"
        "\n"
        "warning: old\n"
        "note: hi\n"
        "\n"
        "Inputs: 1 published · oldest 2026-06-02 — list with --sources\n"
    )


def test_golden_ascii_with_sources() -> None:
    report, tables = small()
    assert render(report, tables, console_width=40, color=False, unicode=False, sources=True) == (
        "Take one x h100.\n"
        "\n"
        "Cards\n"
        "   GPU   USD/h  use\n"
        "----------------------------------------\n"
        ">  h100   1.75  ##########===...  80.0 %\n"
        "   l40s      -  ##########|##### 150.0 %\n"
        "# weights   = KV   . free   | limit\n"
        "Per card.\n"
        "\n"
        "warning: old\n"
        "note: hi\n"
        "\n"
        "Inputs: 1 published, oldest 2026-06-02\n"
        "\n"
        "  gpus.h100-sxm-80gb.memory_gib = 79.19 GiB, published, 2026-06-02\n"
        "      Driver log of an H100 SXM -- https://example.org/h100\n"
    )


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_a_terminal_is_wide_enough(width: int) -> None:
    output = render(sizing_report(), sizing_tables(), console_width=width, color=False, unicode=True)
    assert max(map(cell_len, output.splitlines())) <= width


def test_columns_go_by_priority_and_are_named() -> None:
    wide = render(sizing_report(), sizing_tables(), console_width=200, color=False, unicode=True)
    assert "No room" not in wide
    narrow = render(sizing_report(), sizing_tables(), console_width=100, color=False, unicode=True)
    assert "No room for: TP, act., overhead, KV tokens. --format json or csv has them." not in wide
    match = re.search(r"No room for: (.*)\. --format", narrow)
    assert match is not None
    assert set(match[1].split(", ")) == {"act.", "overhead", "KV tokens", "TP"}
    assert " free " in narrow


def test_nothing_is_left_out_of_a_pipe() -> None:
    pipe = render(sizing_report(), sizing_tables(), console_width=None, color=False, unicode=True)
    assert "No room" not in pipe
    assert "…" not in pipe
    assert "overhead [GiB]" in pipe
    assert "is older than the 90 days that prices are taken for current; ask for prices" in pipe


def test_numbers_are_never_cut_however_narrow() -> None:
    output = render(sizing_report(), sizing_tables(), console_width=20, color=False, unicode=True)
    for number in ("131.4", "65.7", "3.99", "5.98"):
        assert number in output


def test_colour_only_when_asked() -> None:
    report, tables = small()
    plain = render(report, tables, console_width=100, color=False, unicode=True)
    colored = render(report, tables, console_width=100, color=True, unicode=True)
    assert "\x1b" not in plain
    assert "\x1b[1mTake one × h100.\x1b[0m" in colored
    assert "\x1b[34m█" in colored
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    report, tables = small()
    before = render(report, tables, console_width=None, color=False, unicode=True)
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "20", "TERM": "dumb", "TTY_COMPATIBLE": "1"}.items():
        monkeypatch.setenv(name, value)
    assert render(report, tables, console_width=None, color=False, unicode=True) == before


def test_decimal_points_stand_below_each_other() -> None:
    table = Table("", (Column("u", "USD", Kind.USD),), [(0.00116,), (1137.6,), (None,), ("unknown",)])
    assert render(EMPTY, [table], console_width=None, color=False, unicode=True).splitlines()[2:] == [
        *("    0.00116", "1,137.60", "          –", "    unknown")
    ]


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("color", [True, False])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_shown_and_do_nothing(text: str, color: bool, unicode: bool) -> None:
    table = Table(text, (Column("k", text),), [(text,)], caption=text, headline=text, emphasis=(0,))
    report = Report("q", {}, None, (evidence(Confidence.PUBLISHED),), (Note(text), Note(text, text)))
    output = render(report, [table], console_width=None, color=color, unicode=unicode, sources=True)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", output) if color else output
    assert all(line.isprintable() for line in shown.split("\n"))
    expected = sanitize(text) if unicode else to_ascii(sanitize(text))
    assert shown.count(expected.rstrip(" ")) >= 6
    if not unicode:
        assert output.isascii()


_CELLS = st.text(max_size=60) | st.sampled_from(HOSTILE)


@settings(deadline=None)
@given(st.lists(st.tuples(_CELLS, st.floats() | st.none(), _CELLS), min_size=1, max_size=4), st.booleans())
def test_every_row_of_a_pipe_has_its_cells_in_full(
    rows: list[tuple[str, float | None, str]], unicode: bool
) -> None:
    columns = (Column("a", "a"), Column("b", "b", Kind.NUMBER), Column("c", "c", priority=9))
    output = render(EMPTY, [Table("", columns, rows)], console_width=None, color=False, unicode=unicode)
    lines = output.split("\n")[2:-1]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        for value in (row[0], row[2]):
            text = sanitize(value) if unicode else to_ascii(sanitize(value))
            assert text.rstrip(" ") in line


@settings(deadline=None)
@given(st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=3), st.integers(40, 90))
def test_wrapping_loses_nothing(rows: list[tuple[str, str]], width: int) -> None:
    table = Table("", (Column("a", "a"), Column("b", "b")), rows)
    output = render(EMPTY, [table], console_width=width, color=False, unicode=False)
    assert all(len(line) <= width for line in output.splitlines())
    body = re.split("^-+$", output, maxsplit=1, flags=re.MULTILINE)[1]
    letters = sorted(re.sub(r"\s", "", body))
    assert letters == sorted(re.sub(r"\s", "", "".join(to_ascii(sanitize(t)) for row in rows for t in row)))


def test_notes_alone() -> None:
    notes = (Note("one two three four five six"), Note("bad", "error"))
    assert render_notes(notes, console_width=30, color=False, unicode=True) == (
        "note: one two three four five\n      six\nerror: bad\n"
    )
    assert render_notes((), console_width=None, color=False, unicode=True) == ""
    report, tables = small()
    assert "warning:" not in render(
        report, tables, console_width=None, color=False, unicode=True, notes=False
    )


def test_empty_tables_and_unknown_bars() -> None:
    assert render(EMPTY, [], console_width=80, color=False, unicode=True) == ""
    no_rows = Table("None", (Column("a", "a"), Column("b", "b", Kind.BAR)), [])
    assert "None" in render(EMPTY, [no_rows], console_width=80, color=False, unicode=True)
    unknown = Table("", (Column("b", "b", Kind.BAR),), [(None,), (Bar((), 0.0),)])
    assert render(EMPTY, [unknown], console_width=80, color=False, unicode=True).count("–") == 2
