"""Request traces in Parquet, read by DuckDB (an optional extra), some rows at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gpucost.errors import DataError, UsageError
from gpucost.io.trace_blocks import Block, Faults, block_of, exact_rows, merged, seconds_of
from gpucost.io.trace_bytes import Times, seconds
from gpucost.io.trace_columns import DIGITS, ISO, ROLES, Columns, Plan, plan_of
from gpucost.io.trace_exact import DECIMALS, MOST_TOKENS, Tags, unit_of

Array = Any
ROWS = 500_000
"""Rows that are asked for at once."""
WHOLE, REAL, CALENDAR, TEXT = "whole", "real", "calendar", "text"
KINDS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), WHOLE),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), WHOLE),
    **dict.fromkeys(("FLOAT", "DOUBLE"), REAL),
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), CALENDAR),
    "TIMESTAMP WITH TIME ZONE": CALENDAR,
}
CASTS = {
    WHOLE: "TRY_CAST({} AS BIGINT)",
    REAL: "CAST({} AS DOUBLE)",
    CALENDAR: "epoch_ns(CAST({} AS {}))",
    TEXT: "CAST({} AS VARCHAR)",
}


class ParquetSource:
    """A Parquet file. Raises UsageError without DuckDB, DataError when the file cannot be read."""

    def __init__(self, path: Path, columns: Columns, faults: Faults) -> None:
        try:
            import duckdb
        except ImportError:
            raise UsageError(f"{path}: Parquet needs an extra: pip install 'gpucost[parquet]'") from None
        self.path, self.faults, self.error = path, faults, duckdb.Error
        faults.place = "row "
        self.database = duckdb.connect()
        described = self._asked("DESCRIBE SELECT * FROM read_parquet(?)").fetchall()
        types = {name: str(kind) for name, kind, *_ in described}
        self.plan = plan_of(path, list(types), columns)
        self.tags = Tags(self.plan.columns.tag)
        self.kinds: dict[str, str] = {}
        self.casts: dict[str, str] = {}
        for role in ROLES:
            name = getattr(self.plan.columns, role)
            if name is not None:
                kind = TEXT if role == "tag" else KINDS.get(types[name], TEXT)
                self.kinds[role] = kind
                quoted = '"' + name.replace('"', '""') + '"'
                zoned = types[name] if "ZONE" in types[name] else "TIMESTAMP_NS"
                self.casts[role] = CASTS[kind].format(quoted, zoned)
        self.read_plan = self._with_unit()

    def _with_unit(self) -> Plan:
        """The plan by which single rows are read; stamps of a calendar type come as nanoseconds."""
        unit: str | None
        if self.kinds["timestamp"] == CALENDAR:
            unit, read = ISO, "ns"
        else:
            cast = self.casts["timestamp"]
            first = self._asked(
                f"SELECT CAST({cast} AS VARCHAR) FROM read_parquet(?) WHERE {cast} IS NOT NULL LIMIT 1"  # noqa: S608
            ).fetchone()
            read = unit = (unit_of(self.plan, first[0]) if first else None) or "s"
            if unit == ISO and self.kinds["timestamp"] != TEXT:
                raise UsageError(f"{self.path}: the stamps are numbers: set --time-unit to s, ms, us or ns")
        columns = self.plan.columns
        self.plan = self.plan._replace(columns=columns._replace(time_unit=unit))
        return self.plan._replace(columns=columns._replace(time_unit=read))

    def _asked(self, query: str, *values: int) -> Any:
        try:
            return self.database.execute(query, [str(self.path), *values])
        except self.error as error:
            raise DataError(f"{self.path}: no Parquet file ({str(error).splitlines()[0]})") from None

    def blocks(self) -> Iterator[Block]:
        """All rows. Raises DataError."""
        count = self._asked("SELECT count(*) FROM read_parquet(?)").fetchone()[0]
        words = ", ".join(f"{cast} AS {role}" for role, cast in self.casts.items())
        # DuckDB compares the range with those of the row groups, so that each is read once or twice.
        query = (
            f"SELECT {words} FROM read_parquet(?, file_row_number = true) "  # noqa: S608
            "WHERE file_row_number BETWEEN ? AND ? ORDER BY file_row_number"
        )
        for start in range(0, count, ROWS):
            asked = self._asked(query, start, start + ROWS - 1)
            try:
                arrays: dict[str, Array] = asked.fetchnumpy()
            except self.error as error:
                raise DataError(f"{self.path}: cannot be read ({str(error).splitlines()[0]})") from None
            yield self._block(arrays, start + 1)

    def _block(self, arrays: dict[str, Array], first: int) -> Block:
        count = len(arrays["timestamp"])
        numbers = [role for role in self.kinds if role != "tag"]
        if any(self.kinds[role] == TEXT for role in numbers):
            return self._exact(arrays, np.arange(count), first)
        good = np.ones(count, bool)
        for role in numbers:
            good &= ~np.ma.getmaskarray(arrays[role])
        data = {role: np.ma.getdata(arrays[role]) for role in numbers}
        stamp = self._times("timestamp", data["timestamp"], self.read_plan.columns.time_unit, good)
        counts = [self._tokens(data.get(role), good) for role in ("input_tokens", "output_tokens")]
        execution = None
        if "execution_s" in data:
            times = self._times("execution_s", data["execution_s"], self.plan.execution_unit, good)
            good &= times.ns >= 0
            execution = seconds_of(times.ns, times.rest)
        tag = self._tags(arrays["tag"], good) if "tag" in arrays else None
        block = Block._make([stamp.ns, stamp.rest, *counts, execution, tag, first, None])
        if good.all():
            return block
        kept = (None if array is None else array[good] for array in block[:6])
        fine = Block._make([*kept, 0, np.flatnonzero(good) + first])
        return merged(fine, self._exact(arrays, np.flatnonzero(~good), first))

    def _times(self, role: str, data: Array, unit: str, good: Array) -> Times:
        keep = DIGITS[unit]
        if self.kinds[role] != REAL:
            times = seconds(np.abs(data), None, good, keep)
            good &= times.good
            return Times(np.sign(data) * times.ns, None, good)
        good &= np.abs(np.nan_to_num(data, nan=np.inf)) < (2**63 - 1) // 10**keep
        values = np.where(good, data, 0.0)
        whole = np.floor(values)
        parts = (values - whole) * float(10**keep)
        more = np.floor(parts)
        return Times(whole.astype(np.int64) * 10**keep + more.astype(np.int64), parts - more, good)

    def _tokens(self, data: Array, good: Array) -> Array:
        if data is None:
            return None
        if data.dtype.kind == "f":
            good &= np.isfinite(data) & (np.floor(data) == data)
            data = np.where(good, data, 0.0)
        good &= (data >= 0) & (data <= MOST_TOKENS)
        return np.where(good, data, 0).astype(np.int64)

    def _tags(self, names: Array, good: Array) -> Array:
        texts = np.where(np.ma.getmaskarray(names), "", np.ma.getdata(names)).tolist()
        codes = [
            self._code(name.strip()) if fit else 0 for name, fit in zip(texts, good.tolist(), strict=True)
        ]
        return np.array(codes, np.int32)

    def _code(self, name: str) -> int:
        try:
            return self.tags.code(name)
        except OverflowError as error:
            raise DataError(f"{self.path}: {error}") from None

    def _exact(self, arrays: dict[str, Array], chosen: Array, first: int) -> Block:
        """Rows one by one."""
        columns = {role: arrays[role][chosen].tolist() for role in arrays}
        rows = [
            (first + row, {role: _text(columns[role][at]) for role in columns})
            for at, row in enumerate(chosen.tolist())
        ]
        try:
            return block_of(self.read_plan, *exact_rows(self.read_plan, rows, self.faults), self.tags)
        except OverflowError as error:
            raise DataError(f"{self.path}: {error}") from None


def _text(value: Any) -> object:
    return f"{value:.{DECIMALS}f}" if isinstance(value, float) else None if value is None else str(value)
