"""Rows of a trace on their way: blocks of arrays, rows that are wrong, and rows that were read one by one."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from gpucost.errors import DataError
from gpucost.io.trace_columns import Plan
from gpucost.io.trace_exact import Exact, Row, RowError, Tags, row_of
from gpucost.units import BILLION

Array = Any


class Block(NamedTuple):
    """Some rows in the order of the file; None where there is no such column."""

    ns: Array
    rest: Array
    """What is left of a nanosecond, None where all are whole."""
    input_tokens: Array
    output_tokens: Array
    execution_s: Array
    tag: Array
    first_line: int
    lines: Array
    """Line of each row, None where they follow each other from the first."""

    def line(self, row: int) -> int:
        """Line of a row in the file."""
        return self.first_line + row if self.lines is None else int(self.lines[row])


class Source(Protocol):
    """A file that is open for reading."""

    plan: Plan
    tags: Tags

    def blocks(self) -> Iterator[Block]:
        """All rows; can be asked for once."""
        ...


class Faults:
    """Rows that are wrong: collected for one error, or counted when they are to be skipped."""

    SHOWN = 20
    EXAMPLES = 5
    MOST = 1000
    """After so many the rest of a file is not read, since it is another kind of file."""

    def __init__(self, path: object, *, skip: bool, place: str = "") -> None:
        self.path, self.skip, self.place = path, skip, place
        self.rows = 0
        self.messages: list[str] = []

    def add(self, line: int, faults: Iterable[str]) -> None:
        """One row that is wrong, with all that is wrong with it. Raises DataError after the most."""
        self.rows += 1
        if len(self.messages) < self.SHOWN:
            self.messages += [f"{self.path}:{self.place}{line}: {fault}" for fault in faults]
        if not self.skip and self.rows >= self.MOST:
            self.end(f"; rows after line {line} were not read")

    def end(self, note: str = "") -> None:
        """Raises DataError when rows are wrong that were not to be skipped."""
        if self.rows and not self.skip:
            more = self.rows - self.SHOWN
            last = [f"{self.path}: and {more} more wrong rows{note}"] if more > 0 else []
            hint = "(--skip-bad-rows leaves wrong rows out and counts them)"
            raise DataError("\n".join([*self.messages[: self.SHOWN], *last, hint]))


def seconds_of(ns: Array, rest: Array) -> Array:
    """Seconds from nanoseconds and what is left of one."""
    return (ns if rest is None else ns + rest) / BILLION


def exact_rows(
    plan: Plan, rows: Iterable[tuple[int, dict[str, object] | str]], faults: Faults
) -> tuple[list[Row], list[int]]:
    """Requests of rows with their lines; a row is its fields by role, or what is wrong with it."""
    good: list[Row] = []
    lines: list[int] = []
    for line, fields in rows:
        if isinstance(fields, str):
            faults.add(line, [fields])
            continue
        try:
            good.append(row_of(plan, fields))
        except RowError as error:
            faults.add(line, error.faults)
        else:
            lines.append(line)
    return good, lines


def block_of(plan: Plan, rows: list[Row], lines: list[int], tags: Tags) -> Block:
    """Arrays of requests that were read one by one."""
    columns = plan.columns
    ns, rest = _times([row.at for row in rows])
    execution = None
    if columns.execution_s is not None:
        execution = seconds_of(*_times([row.execution for row in rows]))
    tag = None
    if columns.tag is not None:
        tag = np.array([tags.code(row.tag or "") for row in rows], np.int32)
    counts = [
        None if name is None else np.array([getattr(row, role) for row in rows], np.int64)
        for role, name in (
            ("input_tokens", columns.input_tokens),
            ("output_tokens", columns.output_tokens),
        )
    ]
    first = lines[0] if lines else 0
    consecutive = bool(lines) and lines[-1] - first == len(lines) - 1
    numbers = None if consecutive else np.array(lines, np.int64)
    return Block._make([ns, rest, *counts, execution, tag, first, numbers])


def _times(times: list[Any]) -> tuple[Array, Array]:
    values: list[Exact] = times
    rest = np.array([value.rest for value in values], np.float64)
    return np.array([value.ns for value in values], np.int64), rest if rest.any() else None


def joined(blocks: list[Block]) -> Block:
    """Blocks that follow each other as one; lines are not kept."""
    if len(blocks) == 1:
        return blocks[0]
    rest = None
    if any(block.rest is not None for block in blocks):
        rest = np.concatenate([np.zeros(len(b.ns)) if b.rest is None else b.rest for b in blocks])
    others = (
        None if blocks[0][at] is None else np.concatenate([block[at] for block in blocks])
        for at in range(2, 6)
    )
    ns = np.concatenate([block.ns for block in blocks])
    return Block._make([ns, rest, *others, blocks[0].first_line, None])


def in_order(blocks: list[Block]) -> bool:
    """Whether no row comes before the one in front of it."""
    last = (-(2**63), 0.0)
    for block in blocks:
        earlier = block.ns[1:] < block.ns[:-1]
        if block.rest is not None:
            earlier |= (block.ns[1:] == block.ns[:-1]) & (block.rest[1:] < block.rest[:-1])
        ends = [(int(block.ns[at]), 0.0 if block.rest is None else float(block.rest[at])) for at in (0, -1)]
        if earlier.any() or ends[0] < last:
            return False
        last = ends[1]
    return True


def taken(block: Block, order: Array) -> Block:
    """Rows of a block in another order, or some of them; lines are not kept."""
    arrays = (None if array is None else array[order] for array in block[:6])
    return Block._make([*arrays, block.first_line, None])


def merged(fine: Block, exact: Block) -> Block:
    """Rows of two blocks in the order of their lines; the first has the line of each row."""
    if not len(exact.ns):
        return fine
    lines = exact.lines if exact.lines is not None else exact.first_line + np.arange(len(exact.ns))
    both = np.concatenate([fine.lines, lines])
    order = np.argsort(both, kind="stable")
    arrays: list[Array] = []
    for at, (one, other) in enumerate(zip(fine[:6], exact[:6], strict=True)):
        if at == 1 and (one is not None or other is not None):
            pair = [np.zeros(len(b.ns)) if b.rest is None else b.rest for b in (fine, exact)]
            arrays.append(np.concatenate(pair)[order])
        else:
            arrays.append(None if one is None else np.concatenate([one, other])[order])
    return Block._make([*arrays, 0, both[order]])
