"""The one shape of every answer."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gpucost.domain.provenance import Evidence

SCHEMA_VERSION = "1.0"


class Note(NamedTuple):
    """Something the reader must know: `level` is `info`, `warning` or `error`."""

    text: str
    level: str = "info"


class Report(NamedTuple):
    """Question, inputs as understood, result (dataclass), evidence and notes; all that views receive."""

    question: str
    inputs: Mapping[str, Any]
    result: Any
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[Note, ...] = ()
    answered_no: bool = False
    """The answer is "no" (nothing fits, budget broken): exit code 1."""
    schema_version: str = SCHEMA_VERSION
