"""Request traces in CSV: most rows by whole arrays, what is odd about the others by the csv module."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from gpucost.errors import DataError
from gpucost.io.trace_blocks import Block, Faults, block_of, exact_rows, merged, seconds_of
from gpucost.io.trace_bytes import PAD, Decimals, Text, Times, seconds, stamps
from gpucost.io.trace_columns import DIGITS, ISO, ROLES, Plan
from gpucost.io.trace_exact import MOST_TOKENS, Tags, offset_s, unit_of
from gpucost.io.trace_open import Region, decoded, regions

Array = Any
QUOTE, RETURN, NEWLINE = 34, 13, 10
DELIMITERS = ",;\t|"


def fields_of(line: str, delimiter: str) -> list[str]:
    """Fields of one line, with or without quotes. Raises ValueError."""
    if '"' not in line and "\r" not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader((line,), delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        raise ValueError(f"no CSV ({error})") from None


def delimiter_of(header: str) -> str:
    """The delimiter that a header uses most outside of quotes."""
    bare = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=bare.count)


def header_of(path: Path, line: str, number: int) -> tuple[list[str], str]:
    """Names of the columns and their delimiter. Raises DataError."""
    delimiter = delimiter_of(line)
    try:
        return [name.strip() for name in fields_of(line, delimiter)], delimiter
    except ValueError as error:
        raise DataError(f"{path}:{number}: {error}") from None


class CsvSource:
    """A CSV file behind its header."""

    def __init__(
        self, path: Path, file: IO[bytes], plan: Plan, delimiter: str, line: int, faults: Faults
    ) -> None:
        self.path, self.file, self.plan, self.delimiter, self.faults = path, file, plan, delimiter, faults
        self.line = line
        self.tags = Tags(plan.columns.tag)
        self.at = {role: at for role in ROLES if (at := plan.position(role)) is not None}
        self.decimals = {role: Decimals() for role in self.at}
        self.codes: dict[bytes, int] = {}

    def blocks(self, *, fast: bool = True, size: int | None = None) -> Iterator[Block]:
        """All rows. Raises DataError."""
        for region in regions(self.path, self.file, self.line, pad=PAD, size=size):
            block = self._fast(region) if fast else None
            yield self._slow(region) if block is None else block

    def _slow(self, region: Region) -> Block:
        lines = decoded(self.path, region.content, region.first_line).split("\n")[:-1]
        return self._exact(list(enumerate(lines, region.first_line)))

    def _exact(self, lines: list[tuple[int, str]]) -> Block:
        rows = [(number, self._fields(line)) for number, line in lines if line.strip()]
        if self.plan.columns.time_unit == "auto":
            self._settle(fields for _, fields in rows)
        good, numbers = exact_rows(self.plan, rows, self.faults)
        try:
            return block_of(self.plan, good, numbers, self.tags)
        except OverflowError as error:
            raise DataError(f"{self.path}: {error}") from None

    def _fields(self, line: str) -> dict[str, object] | str:
        try:
            fields = fields_of(line.removesuffix("\r"), self.delimiter)
        except ValueError as error:
            return str(error)
        if len(fields) != len(self.plan.named):
            return f"{len(fields)} columns; the header names {len(self.plan.named)}"
        return {role: fields[at] for role, at in self.at.items()}

    def _settle(self, rows: Iterable[dict[str, object] | str]) -> None:
        """Takes the unit of the stamps from the first row that tells it."""
        units = (unit_of(self.plan, row["timestamp"]) for row in rows if not isinstance(row, str))
        unit = next(filter(None, units), "s")
        self.plan = self.plan._replace(columns=self.plan.columns._replace(time_unit=unit))

    def _fast(self, region: Region) -> Block | None:
        """Rows by whole arrays; None when the region needs the exact way."""
        if self.plan.columns.time_unit == "auto":
            # The first row tells the unit; later regions know it.
            return self._first(region)
        return _FastRegion(self, region).block()

    def _first(self, region: Region) -> Block | None:
        text = decoded(self.path, region.content, region.first_line)
        self._settle(self._fields(line) for line in text.split("\n") if line.strip())
        return _FastRegion(self, region).block()


class _FastRegion:
    """One region on the fast path."""

    def __init__(self, source: CsvSource, region: Region) -> None:
        self.source, self.region = source, region
        self.text = Text(region.buffer)
        self.bytes = self.text.bytes[region.start : region.end]

    def block(self) -> Block:
        """Rows of the region; those that are odd were read exactly."""
        source, region = self.source, self.region
        if (self.bytes > 127).any():
            decoded(source.path, region.content, region.first_line)
        cuts, rows = self._cuts()
        count = region.lines = len(self.ends)
        self.starts = np.empty_like(self.ends)
        self.starts[0], self.starts[1:] = region.start, self.ends[:-1] + 1
        if not len(rows):
            return self._rest(np.arange(count))
        good = np.ones(len(rows), bool)
        starts = self.starts if len(rows) == count else self.starts[rows]
        arrays = self._columns(starts, cuts, good)
        if len(rows) == count and good.all():
            return Block._make([*arrays, region.first_line, None])
        left = np.ones(count, bool)
        left[rows[good]] = False
        kept = (None if array is None else array[good] for array in arrays)
        fine = Block._make([*kept, 0, rows[good] + region.first_line])
        return merged(fine, self._rest(np.flatnonzero(left)))

    def _cuts(self) -> tuple[Array, Array]:
        """Ends of all fields of rows of the right shape, row by row, and the numbers of these rows."""
        source, region = self.source, self.region
        wide = len(source.plan.named)
        newline = self.bytes == NEWLINE
        count = int(np.count_nonzero(newline))
        cuts = np.flatnonzero((self.bytes == ord(source.delimiter)) | newline)
        cuts += region.start
        table: Array = cuts
        right: Array = None
        self.ends = cuts[wide - 1 :: wide]
        regular = len(cuts) == wide * count and (self.text.bytes.take(self.ends) == NEWLINE).all()
        if regular:
            table = cuts.reshape(count, wide)
        else:
            self.ends = np.flatnonzero(newline) + region.start
            last = np.searchsorted(cuts, self.ends)
            right = np.diff(last, prepend=-1) == wide
        odd = []
        if region.buffer.find(b'"', region.start, region.end) >= 0:
            odd.append(np.flatnonzero(self.bytes == QUOTE) + region.start)
        returns = int(np.count_nonzero(self.bytes == RETURN))
        before = self.text.bytes.take(self.ends - 1) == RETURN if returns else None
        if before is not None and np.count_nonzero(before) != returns:
            inside = np.flatnonzero(self.bytes == RETURN) + region.start
            odd.append(inside[self.text.bytes.take(inside + 1) != NEWLINE])
        for positions in odd:
            right = np.ones(count, bool) if right is None else right
            right[np.searchsorted(self.ends, positions)] = False
        if right is None:
            rows = np.arange(count)
        else:
            rows = np.flatnonzero(right)
            table = table[rows] if regular else cuts[last[rows][:, None] + np.arange(1 - wide, 1)]
        if before is not None:
            table = table.copy()
            table[:, -1] -= before if right is None else before[rows]
        return table, rows

    def _columns(self, starts: Array, cuts: Array, good: Array) -> list[Array]:
        """Arrays of the columns of a block; `good` loses the rows that were not understood."""
        source = self.source
        arrays: list[Array] = []
        for role in ROLES:
            at = source.at.get(role)
            if at is None:
                arrays += [None, None] if role == "timestamp" else [None]
                continue
            end = np.ascontiguousarray(cuts[:, at])
            start = cuts[:, at - 1] + 1 if at else starts
            if role == "timestamp":
                times = self._stamps(start, end)
                good &= times.good
                arrays += [times.ns, times.rest]
            elif role == "tag":
                tags = np.zeros(len(good), np.int32)
                tags[good] = self._tags(start[good], end[good])
                arrays.append(tags)
            else:
                whole, decimals, fit = source.decimals[role].read(self.text, start, end)
                if role == "execution_s":
                    times = seconds(whole, decimals, fit, DIGITS[source.plan.execution_unit])
                    good &= times.good
                    arrays.append(seconds_of(times.ns, times.rest))
                else:
                    good &= fit & (whole <= MOST_TOKENS)
                    if decimals is not None:
                        good &= decimals == 0
                    arrays.append(whole)
        return arrays

    def _stamps(self, start: Array, end: Array) -> Times:
        unit = self.source.plan.columns.time_unit
        if unit != ISO:
            whole, decimals, good = self.source.decimals["timestamp"].read(self.text, start, end)
            return seconds(whole, decimals, good, DIGITS[unit])
        sample = bytes(self.region.buffer[start[0] : end[0]])
        zone = sample[19:].lstrip(b".0123456789")
        known = zone in (b"", b"Z") or (len(zone) in (5, 6) and zone[:1] in (b"+", b"-"))
        between = "T" if sample[10:11] == b"T" else " "
        offset = offset_s(zone.decode("ascii", "replace")) if known else 0
        return stamps(self.text, start, end, between=between, zone=zone if known else b"", offset_s=offset)

    def _tags(self, start: Array, end: Array) -> Array:
        """Indices of tags; one name has few spellings, which are remembered."""
        codes, buffer = self.source.codes, self.region.buffer
        found = []
        for first, last in zip(start.tolist(), end.tolist(), strict=True):
            name = bytes(buffer[first:last])
            code = codes.get(name)
            if code is None:
                code = codes[name] = self._new_tag(name)
            found.append(code)
        return np.array(found, np.int32)

    def _new_tag(self, name: bytes) -> int:
        try:
            return self.source.tags.code(name.decode("utf-8").strip())
        except OverflowError as error:
            raise DataError(f"{self.source.path}: {error}") from None

    def _rest(self, rows: Array) -> Block:
        """Rows one by one."""
        buffer, first = self.region.buffer, self.region.first_line
        lines = [
            (first + row, buffer[self.starts[row] : self.ends[row]].decode("utf-8")) for row in rows.tolist()
        ]
        return self.source._exact(lines)
