"""Rates over time from a CSV with a row per window: a start, and a rate or a count of requests."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gpucost.domain.trace import Profile
from gpucost.errors import DataError, UnknownNameError, UsageError
from gpucost.io.trace_columns import USUAL, column_of, shown
from gpucost.io.trace_csv import delimiter_of, fields_of, header_of
from gpucost.io.trace_exact import UNIT, calendar, parts
from gpucost.io.trace_open import PARQUET, decoded, first_line, magic, reading
from gpucost.units import BILLION, SECONDS_PER_HOUR, SECONDS_PER_MINUTE

STARTS = "start_s window_start_s time_s at_s window_start start timestamp time"
COUNTED = {"hour": SECONDS_PER_HOUR, "minute": SECONDS_PER_MINUTE}
"""Columns that number the windows, with the width of one [s]."""
RATES = "rate_rps rps rate requests_per_second requests_per_s"
COUNTS = "requests count request_count num_requests invocations"
GROUPS = "model name workload category"
MOST_BYTES = 64_000_000
MOST_WINDOWS = 10_000_000
MOST_SHOWN = 20
TOLERANCE = 1e-6
"""Share of a window by which starts may miss the grid."""


class Layout(NamedTuple):
    """Columns of a profile."""

    start: str
    scale_s: float
    """What one step of the start is [s]."""
    value: str
    is_rate: bool
    group: str | None


def is_profile(path: Path) -> bool:
    """Whether the header of a file is that of a rate over time; files that cannot be read are none."""
    try:
        if magic(path) == PARQUET:
            return False
        with reading(path) as file:
            line, _ = first_line(path, file)
        names = [name.strip() for name in fields_of(line, delimiter_of(line))]
    except (DataError, ValueError):
        return False
    return _layout(names) is not None


def read_profile(path: Path, *, model: str | None = None) -> Profile:
    """Rates of a file, window by window; a window without a row has the rate 0.

    `model` picks one where the file holds several.

    Raises UsageError when several stand in the file and none is picked, UnknownNameError for one that does
    not, DataError with all faults at once, as `file:line: column: what`.
    """
    with reading(path) as file:
        line, number = first_line(path, file)
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DataError(f"{path}: more than {MOST_BYTES // 1_000_000} MB; this is no rate over time")
    names, delimiter = header_of(path, line, number)
    layout = _layout(names)
    if layout is None:
        raise DataError(
            f"{path}:{number}: no rate over time; it needs a start (start_s or hour) and a rate (rate_rps) "
            f"or a count (requests), and has {shown(names)}"
        )
    text = decoded(path, content, number + 1)
    table: list[tuple[int, list[str]]] = []
    faults = []
    for at, words in enumerate(text.split("\n"), number + 1):
        if words.strip():
            try:
                table.append((at, fields_of(words.removesuffix("\r"), delimiter)))
            except ValueError as error:
                faults.append(f"{path}:{at}: {error}")
    if faults:
        raise _faults(path, faults)
    return _profile(path, layout, _picked(path, names, layout, table, model))


def _layout(names: Sequence[str]) -> Layout | None:
    if any(column_of(names, USUAL[role]) for role in ("input_tokens", "output_tokens", "execution_s")):
        return None
    rate = column_of(names, RATES)
    value = rate or column_of(names, COUNTS)
    start, scale = column_of(names, STARTS), 1.0
    for word, width in COUNTED.items():
        if start is None:
            start, scale = column_of(names, word), width
    if value is None or start is None:
        return None
    return Layout(start, scale, value, rate is not None, column_of(names, GROUPS))


def _picked(
    path: Path, names: list[str], layout: Layout, table: list[tuple[int, list[str]]], model: str | None
) -> list[tuple[int, str, str]]:
    """Lines, starts and values of the rows of one model."""
    start, value = names.index(layout.start), names.index(layout.value)
    needed = max(start, value)
    if layout.group is not None:
        group = names.index(layout.group)
        needed = max(needed, group)
        choices = tuple(dict.fromkeys(row[group].strip() for _, row in table if len(row) > group))
        if model is None and len(choices) > 1:
            raise UsageError(f"{path} holds several rates: set --profile-model to one of {shown(choices)}")
        if model is not None and model not in choices:
            raise UnknownNameError(layout.group, model, choices[:MOST_SHOWN], f"it is not in {path}")
        if model is not None:
            table = [(line, row) for line, row in table if len(row) > group and row[group].strip() == model]
    elif model is not None:
        raise UsageError(f"{path}: no column to pick {model!r} from; it has {shown(names)}")
    short = [
        f"{path}:{line}: {len(row)} columns; the header names {len(names)}"
        for line, row in table
        if len(row) <= needed
    ]
    if short:
        raise _faults(path, short)
    return [(line, row[start].strip(), row[value].strip()) for line, row in table]


def _profile(path: Path, layout: Layout, rows: list[tuple[int, str, str]]) -> Profile:
    faults: list[str] = []
    starts: dict[float, float] = {}
    for line, start, value in rows:
        at = amount = None
        try:
            at = _start(start) * layout.scale_s
        except ValueError as error:
            faults.append(f"{path}:{line}: {layout.start}: {error}")
        try:
            amount = _amount(value)
        except ValueError as error:
            faults.append(f"{path}:{line}: {layout.value}: {error}")
        if at is not None and at in starts:
            faults.append(f"{path}:{line}: {layout.start}: a second row of {start}; add them up first")
        elif at is not None and amount is not None:
            starts[at] = amount
    if faults:
        raise _faults(path, faults)
    if not starts or not any(starts.values()):
        raise DataError(f"{path}: no requests in the file")
    return _windows(path, layout, sorted(starts.items()))


def _windows(path: Path, layout: Layout, rows: list[tuple[float, float]]) -> Profile:
    from numpy import arange, array, rint, zeros

    starts, amounts = array([row[0] for row in rows]), array([row[1] for row in rows])
    if len(rows) == 1 and layout.scale_s == 1:
        raise DataError(f"{path}: one window only; its width cannot be told from it")
    steps = starts[1:] - starts[:-1]
    width = float(steps.min()) if len(rows) > 1 else layout.scale_s
    slots = rint((starts - starts[0]) / width)
    off = abs((starts - starts[0]) / width - slots) > TOLERANCE * (1 + slots)
    if off.any():
        raise DataError(
            f"{path}: {layout.start}: windows of {width:g} s and others; {starts[off.argmax()]:g} s is not "
            "on their grid"
        )
    count = int(slots[-1]) + 1
    if count > MOST_WINDOWS:
        raise DataError(f"{path}: {layout.start}: {count:,} windows of {width:g} s; the gaps are too large")
    rates = zeros(count)
    rates[slots.astype(int)] = amounts if layout.is_rate else amounts / width
    return Profile(starts[0] + arange(count + 1) * width, rates)


def _start(text: str) -> float:
    try:
        whole, decimals = parts(text)
    except ValueError:
        at = calendar(text)
        return (at.ns + at.rest) / BILLION
    return float(whole + decimals / UNIT)


def _amount(text: str) -> float:
    whole, decimals = parts(text)
    if not 0 <= whole <= BILLION:
        raise ValueError(f"{text} is not from 0 to {BILLION:,}")
    return float(whole + decimals / UNIT)


def _faults(path: Path, faults: list[str]) -> DataError:
    more = [f"{path}: and {len(faults) - MOST_SHOWN} more"] if len(faults) > MOST_SHOWN else []
    return DataError("\n".join(faults[:MOST_SHOWN] + more))
