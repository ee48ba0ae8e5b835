"""Usage by tag from a CSV: who used how many GPU seconds or tokens."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

from gpucost.errors import DataError

QUANTITIES = {
    "gpu_seconds": "GPU-s",
    "gpu_s": "GPU-s",
    "seconds": "GPU-s",
    "tokens": "tokens",
    "requests": "requests",
}
"""Columns that are looked for in this order, with the unit of each."""
TAGS = ("tag", "team", "tenant", "user", "project")
MOST_FAULTS = 20
MOST = 1e30
"""Largest sum of a file, in any unit."""


class Used(NamedTuple):
    """Sum of one tag."""

    tag: str
    quantity: float


class Usage(NamedTuple):
    """Sums by tag, largest first, in one unit."""

    unit: str
    rows: tuple[Used, ...]


def read_usage(path: Path, *, tag: str | None, quantity: str | None) -> Usage:
    """Sums by tag; the columns are found by their usual names unless given.

    Raises DataError with all faults at once, as `file:line: …`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            tags = _column(path, names, "--tag-column", tag, TAGS)
            values = _column(path, names, "--quantity-column", quantity, tuple(QUANTITIES))
            sums: dict[str, float] = {}
            faults: list[str] = []
            for row in reader:
                value = _number(row.get(values))
                if value is None:
                    faults.append(
                        f"{path}:{reader.line_num}: {values}: {row.get(values)!r} is no number of 0 or more"
                    )
                else:
                    name = (row.get(tags) or "").strip() or "(no tag)"
                    sums[name] = sums.get(name, 0.0) + value
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: no CSV in UTF-8 ({error})") from None
    if faults:
        more = [f"{path}: and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        raise DataError("\n".join(faults[:MOST_FAULTS] + more))
    if not sums or not 0 < sum(sums.values()) < MOST:
        raise DataError(
            f"{path}: the quantities add up to {sum(sums.values()):g}; nothing can be divided by that"
        )
    order = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    unit = QUANTITIES.get(values.lower(), values)
    return Usage(unit, tuple(Used(name, value) for name, value in order))


def _column(path: Path, names: list[str], flag: str, asked: str | None, usual: tuple[str, ...]) -> str:
    for name in names:
        if asked is not None and name == asked:
            return name
    if asked is None:
        for word in usual:
            for name in names:
                if name.lower() == word:
                    return name
    what = f"no column {asked!r}" if asked is not None else f"none of the columns {', '.join(usual)}"
    raise DataError(f"{path}:1: {what}; it has {', '.join(names) or 'none'}: set {flag}")


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
