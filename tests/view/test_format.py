from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.view.format import as_number, format_column, format_fact, format_value, used_share
from gpucost.view.table import Bar, Column, Kind
from tests.view.samples import GIB, Verdict


def cells(kind: Kind, *values: object) -> list[str]:
    return list(format_column(Column("k", "title", kind), values).cells)


def header(title: str, kind: Kind, *values: object) -> str:
    return format_column(Column("k", title, kind), values).header


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00116, "0.00116"),
        (1.75, "1.75"),
        (1137.6, "1,137.60"),
        (0, "0.00"),
        (-0.0, "0.00"),
        (0.5, "0.50"),
        (0.125, "0.125"),
        (0.9999, "1.00"),
        (-3.2, "-3.20"),
        (0.000000123, "0.000000123"),
        (1e-12, "<0.000000001"),
        (-1e-12, ">-0.000000001"),
        (1e18, "1.00e+18"),
        (10**400, "1.00e+400"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        ("price unknown", "price unknown"),
    ],
)
def test_money_has_sensible_digits_and_unknown_is_never_zero(value: object, text: str) -> None:
    assert cells(Kind.USD, value) == [text]


def test_bytes_of_a_column_share_the_unit_of_its_header() -> None:
    assert header("weights", Kind.BYTES, 131.43 * GIB, 0.5 * GIB) == "weights [GiB]"
    assert cells(Kind.BYTES, 131.43 * GIB, 0.5 * GIB, None) == ["131.4", "0.5", "–"]
    assert cells(Kind.BYTES, 131.43 * GIB, 0.03 * GIB) == ["131.43", "0.03"]
    assert cells(Kind.BYTES, 20 * GIB, 1) == ["20.000", "<0.001"]
    assert cells(Kind.BYTES, -2 * GIB, 0) == ["-2.00", "0.00"]


@pytest.mark.parametrize(
    ("values", "unit", "texts"),
    [
        ((327_680, 163_840), "KiB", ["320.0", "160.0"]),
        ((5 * 2**20,), "MiB", ["5.00"]),
        ((512,), "B", ["512"]),
        ((0,), "GiB", ["0.00"]),
        ((None,), "GiB", ["–"]),
    ],
)
def test_small_bytes_take_a_smaller_unit(values: tuple[object, ...], unit: str, texts: list[str]) -> None:
    column = format_column(Column("k", "KV", Kind.BYTES), values)
    assert (column.unit, list(column.cells)) == (unit, texts)


@pytest.mark.parametrize(
    ("values", "unit", "texts"),
    [
        ((0.35, 0.042), "ms", ["350", "42"]),
        ((0.0124, 0.0098), "ms", ["12.4", "9.8"]),
        ((90.5, 4.2), "s", ["90.5", "4.2"]),
        ((36_000, 90), "h", ["10.00", "0.03"]),
        ((0,), "s", ["0.00"]),
        ((None, math.inf), "s", ["–", "∞"]),
    ],
)
def test_seconds_of_a_column_share_one_unit(values: tuple[object, ...], unit: str, texts: list[str]) -> None:
    column = format_column(Column("k", "TTFT", Kind.SECONDS), values)
    assert (column.unit, list(column.cells)) == (unit, texts)


def test_shares_and_errors_are_percent() -> None:
    assert cells(Kind.SHARE, 0.8231, 1, 0, None) == ["82.3", "100.0", "0.0", "–"]
    assert cells(Kind.SHARE, 1e-9) == ["<0.001"]
    assert cells(Kind.PERCENT_ERROR, 0.052, -0.031, 0.0) == ["+5.2", "-3.1", "0.0"]
    assert header("busy", Kind.SHARE, 0.5) == "busy [%]"


def test_counts_tokens_and_numbers() -> None:
    assert cells(Kind.TOKENS, 134217, 8192.4, 0) == ["134,217", "8,192", "0"]
    assert cells(Kind.COUNT, 8, 0.5, 1000) == ["8", "0.50", "1,000"]
    assert cells(Kind.NUMBER, 3, 0.04567, 12.345, 345.67, 12345.6) == [
        "3",
        "0.0457",
        "12.35",
        "345.7",
        "12,346",
    ]
    assert cells(Kind.BOOL, True, False, None) == ["yes", "no", "–"]


def test_texts_come_as_they_are() -> None:
    assert cells(Kind.TEXT, "a", Verdict.FITS, ("x", 1), {"b", "a"}, {"k": 2.5}, None) == [
        *("a", "fits", "x, 1", "a, b", "k: 2.5", "–")
    ]


@pytest.mark.parametrize(
    ("title", "kind", "expected"),
    [
        ("USD/h", Kind.USD_PER_HOUR, "USD/h"),
        ("price", Kind.USD_PER_HOUR, "price [USD/h]"),
        ("USD per month", Kind.USD, "USD per month"),
        ("total", Kind.USD, "total [USD]"),
        ("rate", Kind.USD_PER_SECOND, "rate [USD/s]"),
        ("KV tokens", Kind.TOKENS, "KV tokens"),
        ("context", Kind.TOKENS, "context [tokens]"),
        ("n", Kind.COUNT, "n"),
    ],
)
def test_the_header_says_the_unit_once(title: str, kind: Kind, expected: str) -> None:
    assert header(title, kind, 1) == expected


def test_one_value_for_a_sentence() -> None:
    assert format_value(1.75, Kind.USD_PER_HOUR) == "1.75 USD/h"
    assert format_value(73.214 * GIB, Kind.BYTES) == "73.21 GiB"
    assert format_value(0.823, Kind.SHARE) == "82.3 %"
    assert format_value(None, Kind.USD) == "–"
    assert format_value(0.35, Kind.SECONDS) == "350 ms"


def test_values_at_the_edge_of_floats() -> None:
    assert cells(Kind.SHARE, 1.7e308) == ["1.70e+310"]
    assert cells(Kind.SECONDS, 5e-324) == ["<0.001"]


def test_facts_are_not_cut() -> None:
    assert [format_fact(v) for v in (79.19, 8192, "fp8", 0.1 + 0.2, -0.0, math.nan, 3.35e12)] == [
        *("79.19", "8,192", "fp8", "0.3", "0", "–", "3,350,000,000,000")
    ]


def test_bars_as_text_and_share() -> None:
    bar = Bar((("weights", 60.0), ("KV", 20.0), ("free", 20.0)), 100.0)
    assert cells(Kind.BAR, bar, None) == ["weights 60.0 %, KV 20.0 %, free 20.0 %", "–"]
    assert used_share(bar) == pytest.approx(0.8)
    assert used_share(Bar((), 0.0)) is None


@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()), max_size=5))
def test_every_kind_takes_every_value(values: list[object]) -> None:
    for kind in Kind:
        column = format_column(Column("k", "t", kind), values)
        assert len(column.cells) == len(values)
        for value, cell in zip(values, column.cells, strict=True):
            if value is None:
                assert cell == "–"


@given(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([Kind.USD, Kind.BYTES, Kind.SECONDS])
)
def test_nothing_but_zero_reads_as_zero(value: float, kind: Kind) -> None:
    text = cells(kind, value)[0]
    if text[0] not in "<>":
        assert (float(text.replace(",", "")) == 0) == (value == 0)
    assert not text.startswith("-0.00") or float(text) != 0


def test_only_numbers_are_numbers() -> None:
    assert [as_number(v) for v in (1, 1.5, True, "1", None, Verdict.FITS)] == [1, 1.5, None, None, None, None]
