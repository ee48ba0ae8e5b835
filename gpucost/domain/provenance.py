"""Where a number comes from."""

from enum import StrEnum
from typing import NamedTuple


class Confidence(StrEnum):
    """How a number was come by, best first for facts about hardware and software."""

    MEASURED = "measured"
    PUBLISHED = "published"
    ESTIMATED = "estimated"
    USER = "user"


class Source(NamedTuple):
    """A place where facts were read, as stated in `data/sources.yaml`."""

    id: str
    title: str
    publisher: str
    address: str
    as_of: str
    confidence: Confidence
    note: str = ""


class Evidence(NamedTuple):
    """One number that an answer used, and its source.

    `field` names the catalogue entry (`gpus.h100-sxm-80gb.memory_gib`) or the flag (`--context`).
    `binding` is false for a number that was looked at but cannot move this answer.
    """

    field: str
    value: float | int | str
    unit: str
    source: str
    title: str
    address: str
    as_of: str
    confidence: Confidence
    binding: bool = True
    note: str = ""
