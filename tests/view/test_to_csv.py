from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.view.sanitize import sanitize
from gpucost.view.table import Bar, Column, Kind, Table
from gpucost.view.to_csv import cell, render_csv, text_cell
from tests.view.samples import HOSTILE, Verdict, sizing_tables


def test_golden() -> None:
    columns = (
        Column("gpu", "GPU"),
        Column("memory", "memory", Kind.BAR),
        Column("usd", "USD", Kind.USD),
        Column("fits", "fits", Kind.BOOL),
        Column("tags", "tags"),
    )
    rows = [
        ("h100, sxm", Bar((("weights", 1.0),), 2.0), 0.1 + 0.2, True, ("a", "b")),
        ('"x"', None, -3, False, Verdict.FITS),
        (None, None, math.nan, None, {"k": 1.5}),
    ]
    tables = [Table("other", (Column("a", "a"),), [(1,)]), Table("main", columns, rows, main=True)]
    assert render_csv(tables) == (
        'gpu,usd,fits,tags\n"h100, sxm",0.30000000000000004,true,a;b\n"""x""",-3,false,fits\n,,,k=1.5\n'
    )


def test_the_first_table_stands_in_for_a_main_one() -> None:
    assert render_csv([Table("t", (Column("a", "A"),), [(None,)])]) == 'a\n""\n'
    assert render_csv([]) == ""


def test_headers_are_keys() -> None:
    assert render_csv(sizing_tables()).splitlines()[0].startswith("gpu,gpus,tp,fits,weights_bytes,")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@sum", "'@sum"),
        ("\tx", "'\\tx"),
        ("\rx", "'\\rx"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=b", "a=b"),
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("two\nlines", "two\\nlines"),
        ("\u202egnp", "\\u202egnp"),
        ("", ""),
    ],
)
def test_texts_are_never_formulas(text: str, expected: str) -> None:
    assert text_cell(text) == expected


def test_numbers_are_not_text() -> None:
    assert [cell(v) for v in (-1, -1.5, 0, True, math.inf, 1e300)] == [
        "-1",
        "-1.5",
        "0",
        "true",
        "",
        "1e+300",
    ]


_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(HOSTILE)


@given(st.lists(st.tuples(_VALUES, _VALUES), max_size=6))
def test_round_trip(rows: list[tuple[object, object]]) -> None:
    output = render_csv([Table("t", (Column("a", "A"), Column("b", "B")), rows, main=True)])
    output.encode()
    read = list(csv.reader(io.StringIO(output, newline="")))
    assert read == [["a", "b"], *([cell(v) for v in row] for row in rows)]
    assert output.count("\n") == len(rows) + 1
    for row, texts in zip(rows, read[1:], strict=True):
        for value, text in zip(row, texts, strict=True):
            if isinstance(value, str):
                assert text.removeprefix("'") == sanitize(value).removeprefix("'")
                assert text[:1] not in ("=", "+", "-", "@")
            elif isinstance(value, float) and math.isfinite(value):
                assert float(text) == value
