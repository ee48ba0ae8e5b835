"""One field of a trace at a time, exactly: what the fast path leaves over, and what it is tested against.

A stamp is whole nanoseconds and the part of one beyond them, so that differences are exact down to 1e-16 of
its unit; digits behind the sixteenth decimal are cut.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from gpucost.io.trace_columns import DIGITS, FLAGS, ISO, ROLES, Plan, guessed_unit
from gpucost.units import BILLION, SECONDS_PER_MINUTE

DECIMALS = 16
UNIT: int = 10**DECIMALS
STEPS: dict[str, tuple[int, int]] = {
    unit: (10**keep, 10 ** (DECIMALS - keep)) for unit, keep in DIGITS.items()
}
"""Nanoseconds of each unit, and what sixteen decimals of one are divided by to get them."""
MOST_NS = 2**63 - 1
MOST_TOKENS = BILLION
"""No request has more."""
LONGEST = 60
"""No number or stamp is written with more characters."""
FIRST_YEAR, LAST_YEAR = 1678, 2261
"""Years whose nanoseconds since 1970 fit into 64 bits."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\Z")
_ZONE = r"(?P<zone>Z|UTC|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})?"
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
_SECOND = r":(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?"
_STAMPS = (
    re.compile(
        r"(?P<year>[0-9]{4})(?P<by>[-/])(?P<month>[0-9]{2})(?P=by)(?P<day>[0-9]{2})"
        rf"(?:[T ]{_CLOCK}(?:{_SECOND})?\s?{_ZONE})?\Z"
    ),
    re.compile(
        rf"\[?(?P<day>[0-9]{{2}})/(?P<month>[A-Za-z]{{3}})/(?P<year>[0-9]{{4}}):{_CLOCK}{_SECOND}\s?{_ZONE}\]?\Z"
    ),
)


class Exact(NamedTuple):
    """A time: whole nanoseconds, and the fraction of one that is left."""

    ns: int
    rest: float


class Row(NamedTuple):
    """One request; None where the column is not read."""

    at: Exact
    input_tokens: int | None
    output_tokens: int | None
    execution: Exact | None
    tag: str | None


class RowError(ValueError):
    """What is wrong with a row, as `column: what`."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


def row_of(plan: Plan, fields: dict[str, object]) -> Row:
    """A request from the fields of its roles. Raises RowError with all that is wrong."""
    faults: list[str] = []
    values: dict[str, object] = {}
    for role, name in zip(ROLES, plan.columns, strict=False):
        if name is None:
            continue
        try:
            values[role] = _value(role, plan, fields.get(role))
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise RowError(faults)
    return Row._make(map(values.get, ROLES))


def _value(role: str, plan: Plan, field: object) -> object:
    text = _text(field)
    if role == "tag":
        return text
    if not text:
        raise ValueError("is empty")
    if role == "timestamp":
        unit = plan.columns.time_unit
        return calendar(text) if unit == ISO else number(text, unit)
    if role == "execution_s":
        return positive(number(text, plan.execution_unit), text)
    return tokens(text)


def _text(field: object) -> str:
    if isinstance(field, str):
        return field.strip()
    if field is None:
        return ""
    if isinstance(field, (int, Decimal)) and not isinstance(field, bool):
        return str(field)
    raise ValueError(f"{str(field)[:40]!r} is neither a number nor text")


def parts(text: str) -> tuple[int, int]:
    """Whole part and sixteen decimals of a number, both rounded down. Raises ValueError."""
    if text.isascii() and text.isdecimal() and len(text) <= LONGEST:
        return int(text), 0
    if not (len(text) <= LONGEST and _NUMBER.match(text)):
        raise ValueError(f"{text[:40]!r} is not a number")
    before, _, behind = text.partition(".")
    if before.isdigit() and (behind.isdigit() or not behind):
        return int(before), int(behind[:DECIMALS].ljust(DECIMALS, "0"))
    value = Decimal(text)
    if value.adjusted() > LONGEST:
        raise ValueError(f"{text} is out of range")
    scaled = math.floor(Fraction(value) * UNIT) if value.adjusted() > -LONGEST else 0
    return divmod(scaled, UNIT)


def number(text: str, unit: str) -> Exact:
    """A time from a number in a unit of `DIGITS`. Raises ValueError."""
    try:
        whole, decimals = parts(text)
    except ValueError:
        if _looks_like_a_date(text):
            raise ValueError(
                f"{text[:40]!r} is a date, the stamps are numbers: set --time-unit iso"
            ) from None
        raise
    step, cut = STEPS[unit]
    ns = whole * step + decimals // cut
    if abs(ns) >= MOST_NS:
        raise ValueError(f"{text} {unit} is out of range: set --time-unit")
    return Exact(ns, float(decimals % cut) / float(cut) if decimals else 0.0)


def positive(value: Exact, text: str) -> Exact:
    """The same time if it is not below 0. Raises ValueError."""
    if value.ns < 0:
        raise ValueError(f"{text} is below 0")
    return value


def tokens(text: str) -> int:
    """A count of tokens. Raises ValueError."""
    whole, decimals = parts(text)
    if decimals:
        raise ValueError(f"{text} is not a whole number")
    if not 0 <= whole <= MOST_TOKENS:
        raise ValueError(f"{text} is not from 0 to {MOST_TOKENS:,} tokens")
    return whole


def calendar(text: str) -> Exact:
    """A time since 1970 from an ISO 8601 stamp or one of an access log; UTC unless it has an offset.

    Raises ValueError.
    """
    for pattern in _STAMPS:
        match = pattern.match(text) if len(text) <= LONGEST else None
        if match:
            return _instant(text, match)
    raise ValueError(f"{text[:40]!r} is not a date with time such as 2026-01-31 13:45:00.25")


def _instant(text: str, match: re.Match[str]) -> Exact:
    month = match["month"].lower()
    try:
        at = datetime(
            int(match["year"]),
            MONTHS.index(month) + 1 if month.isalpha() else int(month),
            int(match["day"]),
            int(match["hour"] or 0),
            int(match["minute"] or 0),
            int(match["second"] or 0),
            tzinfo=UTC,
        )
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no date of the calendar") from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"{text[:40]!r} is out of range")
    seconds = round((at - EPOCH) / timedelta(seconds=1)) - offset_s(match["zone"] or "")
    decimals = int((match["fraction"] or "0")[:DECIMALS].ljust(DECIMALS, "0"))
    cut = 10 ** (DECIMALS - DIGITS["s"])
    return Exact(seconds * BILLION + decimals // cut, float(decimals % cut) / float(cut))


def offset_s(zone: str) -> int:
    """Offset from UTC [s] of `Z`, `+01:00`, `+0100`, `+01` or nothing."""
    figures = zone.lstrip("+-").replace(":", "")
    if not figures.isdigit():
        return 0
    minutes = int(figures[:2]) * 60 + int(figures[2:] or 0)
    return (-minutes if zone[0] == "-" else minutes) * SECONDS_PER_MINUTE


def _looks_like_a_date(text: str) -> bool:
    try:
        calendar(text)
    except ValueError:
        return False
    return True


def unit_of(plan: Plan, stamp: object) -> str | None:
    """Unit of the stamps by the first of them, None where it says nothing."""
    if plan.columns.time_unit != "auto":
        return plan.columns.time_unit
    try:
        text = _text(stamp)
        return ISO if _looks_like_a_date(text) else guessed_unit(parts(text)[0], plan.usual_unit)
    except ValueError:
        return None


class Tags:
    """Names of the tags in the order of their first request."""

    MOST = 100_000

    def __init__(self, column: str | None) -> None:
        self.column = column
        self.names: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, name: str) -> int:
        """Index of a tag; a new one is added. Raises OverflowError when there are too many."""
        code = self._codes.get(name)
        if code is None:
            if len(self.names) >= self.MOST:
                raise OverflowError(
                    f"{self.column}: more than {self.MOST:,} different tags; this names requests, not groups"
                    f": set {FLAGS['tag']}"
                )
            code = self._codes[name] = len(self.names)
            self.names.append(name)
        return code
