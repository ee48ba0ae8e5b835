"""Benchmark tables of one's own: CSV or JSON rows with a name, an execution time and a price."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.errors import DataError
from gpucost.io.text import positive, read_text

TIMES = {"execution_ms": 1e-3, "execution_s": 1.0}
"""Columns of the execution time, and seconds in one of their units."""
PRICES = ("usd_per_second", "usd_per_hour", "offer")
MOST_ROWS = 100_000


class TimedRow(NamedTuple):
    """One row: who ran how long, and what names its price."""

    line: int
    name: str
    execution_s: float
    usd_per_second: float | None
    usd_per_hour: float | None
    gpu: str
    offer: str


def read_timed(path: Path) -> list[TimedRow]:
    """Rows of a `.json` list of objects, or of a CSV with a header. Raises DataError with every fault."""
    text = read_text(path)
    try:
        rows = _json_rows(path, text) if path.suffix.lower() == ".json" else _csv_rows(text)
    except csv.Error as error:
        raise DataError(f"{path}: {error}") from None
    if not rows:
        raise DataError(f"{path}: no rows; give name, execution_ms and usd_per_second, usd_per_hour or offer")
    if len(rows) > MOST_ROWS:
        raise DataError(f"{path}: more than {MOST_ROWS:,} rows")
    found, faults = [], []
    for line, row in rows:
        try:
            found.append(_row(line, row))
        except ValueError as error:
            faults.append(f"{path}:{line}: {error}")
    if faults:
        raise DataError("\n".join(faults))
    return found


def _json_rows(path: Path, text: str) -> list[tuple[int, Mapping[str, Any]]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise DataError(f"{path}: a list of objects is expected")
    return list(enumerate(data, start=1))


def _csv_rows(text: str) -> list[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(text.splitlines())
    return [(reader.line_num, row) for row in reader if any(value for value in row.values())]


def _number(row: Mapping[str, Any], key: str) -> float | None:
    value = row.get(key)
    if value is None or value == "":
        return None
    return positive(key, value)


def _row(line: int, row: Mapping[str, Any]) -> TimedRow:
    times = [(key, _number(row, key)) for key in TIMES]
    known = [(key, value) for key, value in times if value is not None]
    if len(known) != 1:
        raise ValueError(f"give one of {', '.join(TIMES)}")
    ((key, value),) = known
    second, hour = _number(row, "usd_per_second"), _number(row, "usd_per_hour")
    offer = str(row.get("offer") or "")
    if sum((second is not None, hour is not None, bool(offer))) != 1:
        raise ValueError(f"give one of {', '.join(PRICES)}")
    name = str(row.get("name") or "").strip()
    if not name:
        raise ValueError("name: missing; say what was run")
    return TimedRow(line, name, value * TIMES[key], second, hour, str(row.get("gpu") or ""), offer)
