"""The main table as CSV: raw values in full precision under their JSON names."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

from gpucost.view.format import as_number
from gpucost.view.sanitize import sanitize
from gpucost.view.table import Bar, Kind, Table

_FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for a formula, the full-width forms that some of them accept included."""


def render_csv(tables: Sequence[Table]) -> str:
    """Render the table marked `main` (the first one if none is); empty without tables."""
    if not tables:
        return ""
    table = next((t for t in tables if t.main), tables[0])
    kept = [i for i, column in enumerate(table.columns) if column.kind is not Kind.BAR]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow([text_cell(table.columns[i].key) for i in kept])
    for row in table.rows:
        writer.writerow([cell(row[i]) for i in kept])
    return out.getvalue()


def cell(value: Any) -> str:
    """One raw value; unknown is empty, and so is a number that is not finite."""
    if value is None or isinstance(value, Bar):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return cell(value.value)
    number = as_number(value)
    if isinstance(number, float):
        return repr(number) if math.isfinite(number) else ""
    return text_cell(_text(value)) if number is None else str(number)


def text_cell(text: str) -> str:
    """Text on one line that no spreadsheet runs: an apostrophe stands before what looks like a formula."""
    formula = text[:1] in _FORMULA_STARTS or text.lstrip()[:1] in _FORMULA_STARTS
    return ("'" if text and formula else "") + sanitize(text)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ";".join(f"{_item(k)}={_item(v)}" for k, v in value.items())
    if isinstance(value, AbstractSet):
        return ";".join(sorted(_item(v) for v in value))
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return ";".join(_item(v) for v in value)
    return str(value)


def _item(value: Any) -> str:
    return value if isinstance(value, str) and not isinstance(value, Enum) else cell(value)
