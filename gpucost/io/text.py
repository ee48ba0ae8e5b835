"""Small files of users: bounded reading, and numbers that must make sense."""

import math
from pathlib import Path

from gpucost.errors import DataError

MOST_BYTES = 64_000_000
LEAST, MOST = 1e-12, 1e15
"""Numbers beyond these are typing faults, not measurements."""


def read_text(path: Path) -> str:
    """UTF-8 text of a file of at most 64 MB. Raises DataError."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    if len(content) > MOST_BYTES:
        raise DataError(f"{path}: more than {MOST_BYTES // 1_000_000} MB; give the summary, not the requests")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text") from None


def positive(name: str, value: object) -> float:
    """A positive number. Raises ValueError with the name."""
    try:
        number = float(str(value))
    except ValueError:
        raise ValueError(f"{name}: {str(value)[:40]!r} is not a number") from None
    if not (math.isfinite(number) and LEAST <= number <= MOST):
        raise ValueError(f"{name}: must be above 0, not {str(value)[:40]}")
    return number
