"""A table of raw values: what every view renders, and no view computes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a column holds, which decides its unit and formatting.

    Raw values are in core units: bytes, seconds, USD. A share and an error are fractions (0.05 is 5 %).
    """

    TEXT = "text"
    COUNT = "count"
    TOKENS = "tokens"
    BYTES = "bytes"
    USD = "usd"
    USD_PER_HOUR = "usd_per_hour"
    USD_PER_SECOND = "usd_per_second"
    SECONDS = "seconds"
    SHARE = "share"
    PERCENT_ERROR = "percent_error"
    NUMBER = "number"
    BOOL = "bool"
    BAR = "bar"


@dataclass(frozen=True, slots=True)
class Column:
    """`key` is the JSON field and CSV header; `title` the word a person reads, without its unit.

    On a terminal that is too narrow, columns go in order of `priority`, the highest number first;
    those of priority 0 always stay.
    """

    key: str
    title: str
    kind: Kind = Kind.TEXT
    priority: int = 0


def cells(columns: Sequence[Column], items: Iterable[object]) -> list[list[Any]]:
    """Rows of a table whose columns name the fields of its items."""
    return [[getattr(item, column.key) for column in columns] for item in items]


@dataclass(frozen=True, slots=True)
class Bar:
    """A stacked bar: parts are (label, value) in one unit; `total` is its full width.

    What the parts leave of the total is drawn as free; a part called `free` counts as unused.
    """

    parts: tuple[tuple[str, float], ...]
    total: float


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of raw values, None where unknown; `main` marks the table that CSV prints.

    `headline` is the sentence that answers the question, printed in bold above the rows, and
    `emphasis` names the rows (counted from 0) that it speaks of.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    main: bool = False
    caption: str = ""
    headline: str = ""
    emphasis: tuple[int, ...] = ()
