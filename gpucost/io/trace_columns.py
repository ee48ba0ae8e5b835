"""Which column of a request trace says what, and in which unit its stamps are."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from gpucost.errors import DataError, UsageError


class Columns(NamedTuple):
    """Names of the columns as the file writes them; None: found by their usual names, "": not used."""

    timestamp: str | None = None
    input_tokens: str | None = None
    output_tokens: str | None = None
    execution_s: str | None = None
    tag: str | None = None
    time_unit: str = "auto"
    """Unit of the stamps: one of `TIME_UNITS`."""


ROLES = ("timestamp", "input_tokens", "output_tokens", "execution_s", "tag")
FLAGS = {
    "timestamp": "--timestamp-column",
    "input_tokens": "--input-column",
    "output_tokens": "--output-column",
    "execution_s": "--execution-column",
    "tag": "--tag-column",
}
USUAL = {
    "timestamp": (
        "timestamp timestamp_s timestamp_ms timestamp_us timestamp_ns ts ts_ms arrival_s arrival_time "
        "arrival arrived_at at_s time time_s time_ms datetime date_time created_at request_timestamp "
        "start_time time_iso8601 msec"
    ),
    "input_tokens": (
        "input_tokens context_tokens contexttokens request_tokens input_length prompt_tokens "
        "num_prompt_tokens input_token_length input_len prompt_len tokens_in"
    ),
    "output_tokens": (
        "output_tokens generated_tokens generatedtokens response_tokens output_length completion_tokens "
        "num_generation_tokens generation_tokens output_token_length output_len tokens_out"
    ),
    "execution_s": (
        "execution_s execution_time_s execution_seconds execution_time executiontime execution_ms "
        "execution_time_ms duration_s duration_seconds duration_ms duration request_time service_time_s "
        "service_time service_s upstream_response_time"
    ),
    "tag": "tag team tenant project model",
}
"""Names that are looked for in this order; capitals, spaces, hyphens and underscores do not count."""
DIGITS = {"s": 9, "ms": 6, "us": 3, "ns": 0}
"""Decimal digits of a stamp in each unit down to the nanosecond."""
ISO = "iso"
TIME_UNITS = ("auto", *DIGITS, ISO)
MILLISECOND_LAYOUTS = ({"timestamp", "inputlength", "outputlength"},)
"""Layouts that are known to count in milliseconds (Mooncake), by columns that they have."""
EPOCH_FROM_S = 1e8
"""Stamps from here on are seconds since 1970; smaller ones are seconds of a log that starts at 0."""
EPOCH_STEPS = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"))
"""Stamps from here on would lie centuries ahead in the next larger unit."""
EXAMPLE = "timestamp,input_tokens,output_tokens"
MOST_SHOWN = 20


class Plan(NamedTuple):
    """The columns of one file that are read."""

    columns: Columns
    """Names as found in the file, None where not used."""
    named: tuple[str, ...]
    """All columns of the file."""
    execution_unit: str
    usual_unit: str | None
    """Unit of stamps that are numbers, where the name of their column or the layout of the file tells it."""

    def position(self, role: str) -> int | None:
        """Index of the column of a role in the file."""
        name = getattr(self.columns, role)
        return None if name is None else self.named.index(name)


def plan_of(path: object, named: Sequence[str], asked: Columns) -> Plan:
    """Columns to read; `named` are those of the file.

    Raises DataError when there is none for the stamps or one that was asked for is missing, UsageError for a
    unit that is not known.
    """
    if asked.time_unit not in TIME_UNITS:
        raise UsageError(f"--time-unit {asked.time_unit!r} is not one of {', '.join(TIME_UNITS)}")
    found = {role: _found(path, named, role, getattr(asked, role)) for role in ROLES}
    stamp, execution = found["timestamp"], found["execution_s"]
    if stamp is None:
        if not any(re.match(r"\s*[A-Za-z_]", name) for name in named):
            raise DataError(
                f"{path}:1: no names of columns; the first line must tell them, such as {EXAMPLE}"
            )
        raise DataError(
            f"{path}:1: no column of time stamps such as timestamp, arrival_s or time; it has {shown(named)}"
            f": set {FLAGS['timestamp']}"
        )
    columns = Columns(**found, time_unit=asked.time_unit)
    usual = _unit_of_name(stamp) or _unit_of_layout(named)
    return Plan(columns, tuple(named), (execution and _unit_of_name(execution)) or "s", usual)


def shown(named: Sequence[str]) -> str:
    """Names for a message, cut where there are many."""
    more = f" and {len(named) - MOST_SHOWN} more" if len(named) > MOST_SHOWN else ""
    return (", ".join(name[:60] for name in named[:MOST_SHOWN]) or "none") + more


def plain(name: str) -> str:
    """A name without what does not count."""
    return re.sub(r"[\s_-]+", "", name).lower()


def column_of(named: Sequence[str], usual: str) -> str | None:
    """The first column that bears one of the usual names, in their order."""
    known = {plain(name): name for name in reversed(named)}
    return next((known[plain(word)] for word in usual.split() if plain(word) in known), None)


def guessed_unit(number: float, usual: str | None) -> str:
    """Unit of stamps of which this is one: the usual one, or else by its size."""
    return usual or next((unit for least, unit in EPOCH_STEPS if abs(number) >= least), "s")


def _found(path: object, named: Sequence[str], role: str, asked: str | None) -> str | None:
    if asked is None:
        return column_of(named, USUAL[role])
    if asked == "":
        return None
    if asked in named:
        return asked
    name = column_of(named, asked.replace(" ", "_"))
    if name is None:
        raise DataError(f"{path}:1: no column {asked!r}; it has {shown(named)}: set {FLAGS[role]}")
    return name


def _unit_of_name(name: str) -> str | None:
    ending = re.search(r"[_\s-](s|ms|us|ns)\Z", name.strip().lower())
    return ending[1] if ending else None


def _unit_of_layout(named: Sequence[str]) -> str | None:
    known = {plain(name) for name in named}
    return "ms" if any(layout <= known for layout in MILLISECOND_LAYOUTS) else None
