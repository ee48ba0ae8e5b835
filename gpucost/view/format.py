"""Raw values to text: the only place that rounds, and that chooses the unit of a column."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from typing import Any

from gpucost import units
from gpucost.view.table import Bar, Column, Kind

UNKNOWN = "–"
_HUGE = 1e15
_MOST_DECIMALS = 9
_NOT_NUMERIC = frozenset({Kind.TEXT, Kind.BOOL, Kind.BAR})
_MONEY = {Kind.USD: "USD", Kind.USD_PER_HOUR: "USD/h", Kind.USD_PER_SECOND: "USD/s"}
_BYTE_UNITS = (
    (units.GIB / 100, "GiB", units.GIB),
    (units.MIB, "MiB", units.MIB),
    (units.KIB, "KiB", units.KIB),
)


@dataclass(frozen=True, slots=True)
class FormattedColumn:
    """A column as text: every cell in `unit`, which the header says once."""

    title: str
    unit: str
    cells: tuple[str, ...]
    right: bool

    @property
    def header(self) -> str:
        """Title with its unit in brackets, unless the title says it already."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title


def as_number(value: Any) -> int | float | None:
    """Give a number as int or float; None for everything else, and booleans are no numbers."""
    if isinstance(value, bool | Enum):
        return None
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real | Decimal) else None


def format_column(column: Column, values: Sequence[Any]) -> FormattedColumn:
    """Text of all the cells of one column, in one unit."""
    numbers = [as_number(value) for value in values]
    finite = [float(n) for n in numbers if n is not None and _is_finite(n)]
    unit, divisor = _unit(column.kind, finite)
    decimals = _decimals(column.kind, unit, [n / divisor for n in finite])
    cells = tuple(
        _text(value) if number is None else _number(number, column.kind, divisor, decimals)
        for value, number in zip(values, numbers, strict=True)
    )
    shown = "" if _says(column.title, unit) else unit
    return FormattedColumn(column.title, shown, cells, right=column.kind not in _NOT_NUMERIC)


def format_value(value: Any, kind: Kind) -> str:
    """One value with its unit, for a sentence: `1.75 USD/h`, `73.21 GiB`, `82.3 %`."""
    formatted = format_column(Column("", "", kind), (value,))
    cell = formatted.cells[0]
    number = as_number(value)
    if not formatted.unit or number is None or not _is_finite(number):
        return cell
    return f"{cell} {formatted.unit}"


def format_fact(value: float | int | str) -> str:
    """A number as its source states it, thousands separated and not cut."""
    number = as_number(value)
    if number is None:
        return _text(value)
    if not _is_finite(number):
        return _not_finite(number)
    if isinstance(number, int):
        return f"{number:,}"
    if number.is_integer() and abs(number) < _HUGE:
        return f"{int(number):,}"
    return f"{number:,.12g}"


def used_share(bar: Bar) -> float | None:
    """Share of the bar's total that its parts take [0-], the one called `free` apart; None if unknown."""
    if not bar.total > 0 or not math.isfinite(bar.total):
        return None
    return sum(value for label, value in bar.parts if label != "free" and _is_drawn(value)) / bar.total


def _is_drawn(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _is_finite(number: int | float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an int beyond the range of floats
        return False


def _not_finite(number: int | float) -> str:
    if isinstance(number, int):
        return f"{Decimal(number):.2e}"
    if math.isnan(number):
        return UNKNOWN
    return "∞" if number > 0 else "-∞"


def _unit(kind: Kind, values: Sequence[float]) -> tuple[str, float]:
    largest = max((abs(v) for v in values), default=math.inf)
    if kind is Kind.BYTES:
        return next(
            ((u, float(d)) for least, u, d in _BYTE_UNITS if largest >= least or not largest), ("B", 1.0)
        )
    if kind is Kind.SECONDS:
        if 0 < largest < 1:
            return "ms", 1e-3
        return (
            ("s", 1.0)
            if largest < 2 * units.SECONDS_PER_HOUR or not values
            else ("h", units.SECONDS_PER_HOUR)
        )
    if kind in (Kind.SHARE, Kind.PERCENT_ERROR):
        return "%", 1e-2
    return ("tokens" if kind is Kind.TOKENS else _MONEY.get(kind, "")), 1.0


def _says(title: str, unit: str) -> bool:
    if unit.startswith("USD") and "USD" in title:
        return True
    return not unit or title == unit or title.endswith((f" {unit}", f"[{unit}]"))


def _decimals(kind: Kind, unit: str, values: Iterable[float]) -> int:
    """Decimals that a whole column shares: few, but enough for its smallest number."""
    sizes = [abs(v) for v in values if v and math.isfinite(v)]
    largest, smallest = max(sizes, default=0.0), min(sizes, default=1.0)
    if kind is Kind.BYTES:
        base = 0 if unit == "B" else 1 if largest >= 100 else 2
    elif kind is Kind.SECONDS:
        base = 0 if largest >= 100 else 1 if largest >= 10 else 2
    elif kind in (Kind.SHARE, Kind.PERCENT_ERROR):
        base = 1
    else:
        return 0
    return max(base, min(3, -math.floor(math.log10(smallest)))) if unit != "B" else base


def _number(number: int | float, kind: Kind, divisor: float, decimals: int) -> str:
    if not _is_finite(number):
        return _not_finite(number)
    scaled = number / divisor
    if abs(scaled) >= _HUGE:
        return f"{Decimal(number) / Decimal(divisor):.2e}"
    if kind in _MONEY:
        return _significant(scaled)
    if kind is Kind.COUNT or kind in _NOT_NUMERIC:
        return f"{number:,.0f}" if number == int(number) else _significant(scaled)
    if kind is Kind.NUMBER:
        whole = scaled == int(scaled) or abs(scaled) >= 1000
        return (
            f"{scaled:,.0f}" if whole else _fixed(scaled, 1) if abs(scaled) >= 100 else _significant(scaled)
        )
    text = _fixed(scaled, decimals)
    return f"+{text}" if kind is Kind.PERCENT_ERROR and scaled > 0 and not text.startswith("<") else text


def _fixed(value: float, decimals: int) -> str:
    """Decimal notation without a negative zero; a number that would read as 0 says what it is less than."""
    text = f"{value:,.{decimals}f}"
    if float(text.replace(",", "")) != 0:
        return text
    least = f"{10.0**-decimals:.{decimals}f}"
    if value == 0:
        return f"{0:.{decimals}f}"
    return f"<{least}" if value > 0 else f">-{least}"


def _significant(value: float) -> str:
    """Two decimals; below 1, as many as three significant digits take."""
    size = abs(value)
    if size >= 1 or size == 0:
        return _fixed(value, 2)
    decimals = min(_MOST_DECIMALS, 2 - math.floor(math.log10(size)))
    text = _fixed(value, decimals)
    while text[-1] == "0" and len(text) - text.index(".") > 3:
        text = text[:-1]
    return text


def _text(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Bar):
        parts = (
            f"{label} {format_value(v / value.total, Kind.SHARE)}"
            for label, v in value.parts
            if value.total > 0
        )
        return ", ".join(parts) or UNKNOWN
    if isinstance(value, Mapping):
        return ", ".join(f"{_item(k)}: {_item(v)}" for k, v in value.items())
    if isinstance(value, AbstractSet):
        return ", ".join(sorted(_item(v) for v in value))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return ", ".join(_item(v) for v in value)
    return str(value)


def _item(value: Any) -> str:
    number = as_number(value)
    return _text(value) if number is None else format_fact(number)
