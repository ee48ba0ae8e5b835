"""Parameter counts as people write them, conversions, and where unit constants may stand."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpucost
from gpucost.units import (
    GB,
    GIB,
    HOURS_PER_DAY,
    HOURS_PER_MONTH,
    KIB,
    MIB,
    SECONDS_PER_HOUR,
    SECONDS_PER_MINUTE,
    bytes_to_gib,
    gb_to_bytes,
    gib_to_bytes,
    mib_to_bytes,
    parse_parameters,
    tflops_to_flops,
)

law = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("70", 70 * 10**9),
        ("70B", 70 * 10**9),
        ("70b", 70 * 10**9),
        (" 70 B ", 70 * 10**9),
        ("70.6B", 70_600_000_000),
        ("0.5", 500_000_000),
        (".5B", 500_000_000),
        ("7.", 7 * 10**9),
        ("500M", 500_000_000),
        ("125m", 125_000_000),
        ("350k", 350_000),
        ("1.2T", 1_200_000_000_000),
        ("1T", 10**12),
        ("1,000M", 10**9),
        ("1_000M", 10**9),
        ("19999", 19_999 * 10**9),
        ("1000T", 10**15),
        ("8x7B", 56 * 10**9),
        ("8X7b", 56 * 10**9),
        ("8 x 22B", 176 * 10**9),
        ("8x7", 56 * 10**9),
        ("16x500M", 8 * 10**9),
        ("2x1.5T", 3 * 10**12),
    ],
)
def test_counts_that_people_write(text: str, parameters: int) -> None:
    got = parse_parameters(text)
    assert got == parameters
    assert isinstance(got, int)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "B",
        "-70",
        "-70B",
        "+70",
        "nan",
        "NaN",
        "inf",
        "1e9",
        "7e10",
        "70BB",
        "70 billion",
        "7 0",
        "8x",
        "x7B",
        "8x-7B",
        "8x7x2B",
        "8x7k",
        "70B\nrm",
        "70B;",
        "[red]70[/red]",
        "٧٠B",  # Arabic-Indic digits
        "７０B",  # full-width digits
        "७०",  # Devanagari digits
        "²B",
        "½",
        "Ⅻ",
        "70Ｂ",  # a full-width letter
        "\x1b[31m70",
        "lone \ud800",
    ],
)
def test_anything_else_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"write billions \(70\), or 70B, 500M, 1\.2T, 8x7B"):
        parse_parameters(text)


@pytest.mark.parametrize("text", ["0", "0B", "0.0", "0x46", "0x7B", "8x0", "0.0000000001"])
def test_a_count_is_positive(text: str) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        parse_parameters(text)


@pytest.mark.parametrize(
    ("text", "short"), [("20000", "20K"), ("7000000000", "7B"), ("70,553,706,496", "70.5537B")]
)
def test_a_bare_count_of_parameters_is_asked_back(text: str, short: str) -> None:
    """Nobody means 7,000,000,000 billions: the message shows the two ways to write it."""
    with pytest.raises(ValueError, match=rf"for [0-9,]+ parameters write {short}, or give a unit"):
        parse_parameters(text)


@pytest.mark.parametrize("text", ["1001T", "9" * 30 + "M", "1000000x7B", "10000000B"])
def test_more_than_a_thousand_trillions_is_refused(text: str) -> None:
    assert parse_parameters("1000000B") == 10**15
    with pytest.raises(ValueError, match="more than 1,000T parameters"):
        parse_parameters(text)


@law
@given(st.text(max_size=30))
def test_no_text_does_anything_but_parse_or_explain(text: str) -> None:
    try:
        assert parse_parameters(text) >= 1
    except ValueError as error:
        assert str(error)  # noqa: PT017


@law
@given(st.integers(1, 19_999), st.sampled_from(("", "k", "M", "b", "T")))
def test_the_scale_is_what_the_letter_says(number: int, letter: str) -> None:
    scale = {"": 9, "k": 3, "m": 6, "b": 9, "t": 12}[letter.lower()]
    if number * 10**scale <= 10**15:
        assert parse_parameters(f"{number}{letter}") == number * 10**scale


@law
@given(st.integers(0, 2**53))
def test_bytes_survive_a_round_trip(size: int) -> None:
    assert gib_to_bytes(bytes_to_gib(size)) == size


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (gib_to_bytes(1), 1_073_741_824),
        (gib_to_bytes(79.1), 84_932_978_278),
        (mib_to_bytes(81_559), 85_520_809_984),
        (gb_to_bytes(80), 80_000_000_000),
        (gb_to_bytes(0.5), 500_000_000),
        (bytes_to_gib(2**31), 2.0),
        (tflops_to_flops(989), 9.89e14),
        (KIB * KIB, MIB),
        (KIB * MIB, GIB),
        (GB, 10**9),
        (SECONDS_PER_MINUTE**2, SECONDS_PER_HOUR),
        (HOURS_PER_DAY * 365, 12 * HOURS_PER_MONTH),
    ],
)
def test_conversions(got: float, expected: float) -> None:
    assert got == expected


@pytest.mark.parametrize("size", [math.nan, math.inf])
def test_sizes_are_finite(size: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        gib_to_bytes(size)


PACKAGE = Path(gpucost.__file__).parent
FORBIDDEN = frozenset({2**30, 10**9, 3600, 730})


def value_of(node: ast.AST) -> float | None:
    """Value of a number or of a product, power or shift of numbers."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.BinOp(left=left, op=ast.Pow() | ast.LShift() | ast.Mult() as op, right=right):
            one, other = value_of(left), value_of(right)
            if one is None or other is None or (abs(other) > 64 and not isinstance(op, ast.Mult)):
                return None
            if isinstance(op, ast.LShift):
                return int(one) << int(other)
            return float(one * other if isinstance(op, ast.Mult) else one**other)
    return None


def literals(path: Path) -> list[int]:
    """Lines on which a unit constant is written out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return sorted({node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr) and found(node)})


def found(node: ast.expr) -> bool:
    value = value_of(node)
    return value is not None and value in FORBIDDEN


def test_the_search_sees_every_spelling(tmp_path: Path) -> None:
    spellings = ["2**30", "1024**3", "1 << 30", "1024 * 1024 * 1024", "1e9", "10**9", "1_000_000_000"]
    spellings += ["3600", "3600.0", "60 * 60", "730", "x / 1e9", "f(730)"]
    path = tmp_path / "sample.py"
    path.write_text("\n".join([*spellings, "1024", "True", "x * 60", "2**31", "'3600'"]), encoding="utf-8")
    assert literals(path) == list(range(1, len(spellings) + 1))
    assert literals(PACKAGE / "units.py")


def test_only_units_knows_the_conversions() -> None:
    modules = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
    assert len(modules) > 40
    offenders = {
        name: lines for name, path in modules.items() if name != "units.py" and (lines := literals(path))
    }
    assert not offenders
