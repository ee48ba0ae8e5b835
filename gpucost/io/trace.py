"""Request traces as files have them: CSV, JSON Lines or Parquet, as arrays in the order of the arrivals."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gpucost.domain.trace import Trace
from gpucost.errors import DataError
from gpucost.io.trace_columns import EPOCH_FROM_S, Columns, plan_of
from gpucost.io.trace_open import PARQUET, first_line, magic, reading

if TYPE_CHECKING:
    from gpucost.io.trace_blocks import Block, Faults, Source

MOST_SORTED = 5_000_000
"""Rows of a file that are put into order in memory."""
CHUNK_ROWS = 500_000


class ReadTrace:
    """A trace that is read while its chunks are taken; what is known of it stands here afterwards."""

    chunks: Iterator[Trace]
    """Requests in rising order of their arrivals, from the first one on. Raises DataError."""
    rows: int
    skipped: int
    """Wrong rows that were left out."""
    skipped_examples: tuple[str, ...]
    """The first of them, as `file:line: column: what`."""
    sorted_here: bool
    """The rows of the file were not in order and were sorted."""
    origin_s: float | None
    """First request in seconds since 1970, None when the stamps are no calendar times [s]."""
    columns: Columns
    """The columns of the file that were used, None where not, and the unit of its stamps."""
    tags: tuple[str, ...]
    """Names of the tags, which the numbers in the chunks count from 0."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self.path, self.columns = path, columns
        self.rows = self.skipped = 0
        self.skipped_examples, self.tags = (), ()
        self.sorted_here, self.origin_s = False, None

    @property
    def time_unit(self) -> str:
        """Unit of the stamps: s, ms, us, ns or iso."""
        return self.columns.time_unit


def read_trace(
    path: Path,
    columns: Columns | None = None,
    *,
    skip_bad_rows: bool = False,
    most_sorted: int = MOST_SORTED,
    chunk_rows: int = CHUNK_ROWS,
) -> ReadTrace:
    """A trace of which at most `most_sorted` rows are held in memory before they are handed on.

    `columns` names those that do not bear a usual name, and the unit of the stamps. With `skip_bad_rows` rows
    that are wrong are counted, otherwise all of them are an error. `chunk_rows` is the size of a chunk
    [requests].

    Raises UsageError for an unknown unit and for Parquet without duckdb. Taking the chunks raises DataError:
    for a file that is no trace, for wrong rows, all at once as `file:line: column: what`, and for a row out
    of order in a file of more than `most_sorted` rows.
    """
    trace = ReadTrace(path, columns or Columns())
    trace.chunks = _chunks(trace, skip=skip_bad_rows, most_sorted=most_sorted, chunk_rows=chunk_rows)
    return trace


def columns_in(path: Path, columns: Columns | None = None) -> Columns:
    """The columns of a file that `read_trace` would use, by its first line. Raises DataError."""
    from gpucost.io.trace_blocks import Faults

    trace = ReadTrace(path, columns or Columns())
    with ExitStack() as stack:
        return _source(trace, Faults(path, skip=False), stack).plan.columns


def load_trace(
    path: Path,
    columns: Columns | None = None,
    *,
    skip_bad_rows: bool = False,
    most_sorted: int = MOST_SORTED,
) -> tuple[Trace, ReadTrace]:
    """A whole trace in memory and what is known of it; arguments and errors are those of `read_trace`."""
    info = read_trace(path, columns, skip_bad_rows=skip_bad_rows, most_sorted=most_sorted, chunk_rows=0)
    chunks = list(info.chunks)
    if len(chunks) == 1:
        return chunks[0], info
    from numpy import concatenate

    parts = zip(*chunks, strict=True)
    return Trace(*(None if part[0] is None else concatenate(part) for part in parts)), info


def _chunks(trace: ReadTrace, *, skip: bool, most_sorted: int, chunk_rows: int) -> Iterator[Trace]:
    """Chunks of a file; `chunk_rows` 0: as they come."""
    from gpucost.io.trace_blocks import Faults

    faults = Faults(trace.path, skip=skip)
    with ExitStack() as stack:
        source = _source(trace, faults, stack)
        trace.columns = source.plan.columns
        ordered = _ordered(trace, source, faults, most_sorted)
        yield from ordered if not chunk_rows else _sized(ordered, chunk_rows)


def _source(trace: ReadTrace, faults: "Faults", stack: ExitStack) -> "Source":
    path, columns = trace.path, trace.columns
    if magic(path) == PARQUET:
        from gpucost.io.trace_parquet import ParquetSource

        parquet = ParquetSource(path, columns, faults)
        stack.callback(parquet.database.close)
        return parquet
    file: IO[bytes] = stack.enter_context(reading(path))
    line, number = first_line(path, file)
    if line.lstrip().startswith(("{", "[")):
        from gpucost.io.trace_json import JsonSource, record_of

        try:
            named = list(record_of(line))
        except ValueError as error:
            raise DataError(f"{path}:{number}: {error}") from None
        return JsonSource(path, file, plan_of(path, named, columns), line=line, number=number, faults=faults)
    from gpucost.io.trace_csv import CsvSource, header_of

    named, delimiter = header_of(path, line, number)
    return CsvSource(path, file, plan_of(path, named, columns), delimiter, number + 1, faults)


def _ordered(trace: ReadTrace, source: "Source", faults: "Faults", most_sorted: int) -> Iterator[Trace]:
    """Rows in order: sorted where all of them are held, else as they come, which must be in order."""
    held: list[Block] = []
    order = _Order(trace)
    streams = False
    for block in source.blocks():
        if faults.rows and not faults.skip:
            continue  # only to tell all faults at once
        if not len(block.ns):
            continue
        trace.rows += len(block.ns)
        if streams:
            yield order.checked(block)
            continue
        held.append(block)
        if trace.rows > most_sorted:
            streams = True
            while held:
                yield order.checked(held.pop(0))
    faults.end()
    if faults.rows:
        trace.skipped, trace.skipped_examples = faults.rows, tuple(faults.messages[: faults.EXAMPLES])
    trace.columns = source.plan.columns
    trace.tags = tuple(source.tags.names)
    if not trace.rows:
        first = "".join(f"\n{message}" for message in trace.skipped_examples)
        raise DataError(
            f"{trace.path}: no request in the file{', all rows are wrong:' if first else ''}{first}"
        )
    if held:
        yield from order.sorted(held)


class _Order:
    """Arrivals after the first one, in order."""

    def __init__(self, trace: ReadTrace) -> None:
        self.trace = trace
        self.origin: tuple[int, float] | None = None
        self.last = 0.0

    def checked(self, block: "Block") -> Trace:
        """Requests of a block that must not come before those of the last one. Raises DataError."""
        at = self._arrivals(block)
        wrong = at[1:] < at[:-1]
        row = 0 if at[0] < self.last else int(wrong.argmax()) + 1 if wrong.any() else None
        if row is not None:
            raise DataError(
                f"{self.trace.path}:{block.line(row)}: {self.trace.columns.timestamp}: earlier than the row "
                "before; a file of so many rows must be in order: sort it first"
            )
        self.last = float(at[-1])
        return _trace(at, block)

    def sorted(self, blocks: "list[Block]") -> Iterator[Trace]:
        """Requests of all blocks, sorted where they are out of order; equal stamps stay in their order."""
        from gpucost.io.trace_blocks import in_order, joined, taken

        if not in_order(blocks):
            from numpy import argsort, lexsort

            block = joined(blocks)
            rows = argsort(block.ns, kind="stable") if block.rest is None else lexsort((block.rest, block.ns))
            blocks[:] = [taken(block, rows)]
            self.trace.sorted_here = True
        blocks.reverse()
        while blocks:
            block = blocks.pop()
            yield _trace(self._arrivals(block), block)

    def _arrivals(self, block: "Block") -> Any:
        """Seconds after the first request; nanoseconds are subtracted before they become floats."""
        from gpucost.io.trace_blocks import seconds_of

        if self.origin is None:
            rest = 0.0 if block.rest is None else float(block.rest[0])
            self.origin = (int(block.ns[0]), rest)
            start = float(seconds_of(self.origin[0], None))
            self.trace.origin_s = start if start >= EPOCH_FROM_S else None
        ns, rest = self.origin
        left = block.rest
        if left is not None or rest:
            left = (0.0 if left is None else left) - rest
        return seconds_of(block.ns - ns, left)


def _trace(at: Any, block: "Block") -> Trace:
    return Trace(at, block.input_tokens, block.output_tokens, block.execution_s, block.tag)


def _sized(chunks: Iterator[Trace], size: int) -> Iterator[Trace]:
    """The same requests in chunks of one size; the last one may be smaller."""
    from numpy import concatenate

    held: list[Trace] = []
    count = 0
    for chunk in chunks:
        held.append(chunk)
        count += len(chunk.at_s)
        if count < size:
            continue
        whole = held[0]
        if len(held) > 1:
            parts = zip(*held, strict=True)
            whole = Trace(*(None if part[0] is None else concatenate(part) for part in parts))
        full = count - count % size
        for start in range(0, full, size):
            yield _slice(whole, start, start + size)
        held, count = ([_slice(whole, full, count)], count - full) if count > full else ([], 0)
    if held:
        parts = zip(*held, strict=True)
        yield Trace(*(None if part[0] is None else concatenate(part) for part in parts))


def _slice(trace: Trace, start: int, end: int) -> Trace:
    return Trace(*(None if array is None else array[start:end] for array in trace))
