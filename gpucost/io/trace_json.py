"""Request traces with a JSON object per line, such as Mooncake's and access logs."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO

from gpucost.errors import DataError
from gpucost.io.trace_blocks import Block, Faults, block_of, exact_rows
from gpucost.io.trace_columns import ROLES, Plan
from gpucost.io.trace_exact import Tags, unit_of
from gpucost.io.trace_open import decoded, regions

Fields = dict[str, object]
DECODER = json.JSONDecoder(parse_float=Decimal)
"""Decimals keep the digits of a stamp that a float would round."""


def record_of(line: str) -> Fields:
    """The object of one line. Raises ValueError."""
    try:
        record = DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON ({error})") from None
    if not isinstance(record, dict):
        raise ValueError("no JSON object; write one object per line (jq -c '.[]' makes them of an array)")
    return record


class JsonSource:
    """A JSON Lines file; `line` and `number` are its first line, the file stands behind it."""

    def __init__(
        self, path: Path, file: IO[bytes], plan: Plan, *, line: str, number: int, faults: Faults
    ) -> None:
        self.path, self.file, self.plan, self.faults = path, file, plan, faults
        self.line, self.number = line, number
        self.tags = Tags(plan.columns.tag)
        names = ((role, getattr(plan.columns, role)) for role in ROLES)
        self.names = {role: name for role, name in names if name is not None}

    def blocks(self) -> Iterator[Block]:
        """All rows. Raises DataError."""
        yield self._block([self.line], self.number)
        for region in regions(self.path, self.file, self.number + 1, pad=0):
            lines = decoded(self.path, region.content, region.first_line).split("\n")
            yield self._block(lines, region.first_line)

    def _block(self, lines: list[str], first: int) -> Block:
        rows = [(number, self._fields(line)) for number, line in enumerate(lines, first) if line.strip()]
        if self.plan.columns.time_unit == "auto":
            stamps = (row.get("timestamp") for _, row in rows if not isinstance(row, str))
            unit = next(filter(None, (unit_of(self.plan, stamp) for stamp in stamps)), None)
            # The first line stands alone: when it is wrong, the next ones tell.
            unit = unit or ("auto" if first == self.number else "s")
            self.plan = self.plan._replace(columns=self.plan.columns._replace(time_unit=unit))
        try:
            return block_of(self.plan, *exact_rows(self.plan, rows, self.faults), self.tags)
        except OverflowError as error:
            raise DataError(f"{self.path}: {error}") from None

    def _fields(self, line: str) -> Fields | str:
        try:
            record = record_of(line)
        except ValueError as error:
            return str(error)
        return {role: record.get(name) for role, name in self.names.items()}
