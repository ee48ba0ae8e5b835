"""JSON from untrusted files: bounded size, depth and numbers, no equal keys, no NaN."""

from __future__ import annotations

import json
import math
import re
import stat
from pathlib import Path
from typing import Any

from gpucost.errors import DataError
from gpucost.units import MIB

MAX_CONFIG_BYTES = 4 * MIB
MAX_INDEX_BYTES = 64 * MIB
MAX_DEPTH = 64
MAX_VALUES = 4_000_000
MAX_DIGITS = 40
LFS_POINTER = b"version https://git-lfs.github.com/spec/"

# Strings first, so that brackets inside them do not count; an unterminated one runs to the end.
_TOKENS = re.compile(r'"[^"\\]*+(?:\\.?[^"\\]*+)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
_COLON = re.compile(r"\s*:")


class _FaultError(ValueError):
    """A fault found by a parser hook, with text near which it stands."""

    def __init__(self, text: str, near: str = "") -> None:
        super().__init__(text)
        self.near = near


def open_size(path: Path) -> int:
    """Bytes [B] of a regular file.

    Raises DataError for anything else: a pipe would block and a device never ends.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a usable path"
        raise DataError(f"{path}: {reason}") from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise DataError(f"{path}: {kind}; give the path of a file")
    return found.st_size


def read_bounded(path: Path, *, max_bytes: int) -> bytes:
    """All bytes of a regular file of at most `max_bytes` [B]."""
    size = open_size(path)
    if size <= max_bytes:
        try:
            with path.open("rb") as file:
                data = file.read(max_bytes + 1)
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}") from None
        if len(data) <= max_bytes:
            return data
    raise DataError(f"{path}: larger than {max_bytes // MIB} MiB; is it the right file?")


def load_json(path: Path, *, max_bytes: int = MAX_CONFIG_BYTES) -> Any:
    """`parse_json` of a file of at most `max_bytes` [B]."""
    return parse_json(read_bounded(path, max_bytes=max_bytes), str(path))


def load_json_object(path: Path, *, max_bytes: int = MAX_CONFIG_BYTES) -> dict[str, Any]:
    """`load_json` of a file that must hold an object."""
    data = load_json(path, max_bytes=max_bytes)
    if not isinstance(data, dict):
        raise DataError(f"{path}:1: holds {_kind(data)}; a JSON object is needed")
    return data


def parse_json(data: bytes, where: str) -> Any:
    """The value of one JSON document.

    Raises DataError (`where:line: what to do`) for syntax errors, equal keys, NaN and infinities,
    numbers of more than 40 digits, more than 64 levels or 4,000,000 values.
    """
    if data.startswith(LFS_POINTER):
        raise DataError(f"{where}:1: a Git LFS pointer, not the file itself; fetch it with `git lfs pull`")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{where}:{line}: not UTF-8 text; is it the right file?") from None
    _check_shape(text, where)
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_constant,
        )
    except _FaultError as fault:
        at = text.find(fault.near) if fault.near else _second_key(text)
        line = text.count("\n", 0, max(at, 0)) + 1
        raise DataError(f"{where}:{line}: {fault}") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{where}:{error.lineno}: not valid JSON: {error.msg}") from None
    except (RecursionError, ValueError, MemoryError):
        raise DataError(
            f"{where}:1: JSON that cannot be read: nested too deep or a number too long"
        ) from None


def _check_shape(text: str, where: str) -> None:
    if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
        raise DataError(f"{where}:1: more than {MAX_VALUES:,} values; is it the right file?")
    depth = 0
    for match in _TOKENS.finditer(text):
        first = text[match.start()]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                line = text.count("\n", 0, match.start()) + 1
                raise DataError(f"{where}:{line}: nested deeper than {MAX_DEPTH} levels")
        elif first in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _FaultError(f"{shown(key)}: stands twice; remove one")
            seen.add(key)
    return out


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _FaultError(f"a number of {len(text):,} digits; at most {MAX_DIGITS} are read", text[:200])
    return int(text)


def _number(text: str) -> float:
    value = float(text) if len(text) <= 400 else math.inf
    if not math.isfinite(value):
        raise _FaultError("a number that is too large or too long", text[:200])
    return value


def _constant(text: str) -> Any:
    raise _FaultError(f"{text} is not JSON; write a number or null", text)


def _second_key(text: str) -> int:
    """Where the first key stands that its object already has."""
    stack: list[set[str] | None] = []
    for match in _TOKENS.finditer(text):
        lexeme = match.group()
        if lexeme in "[{":
            stack.append(set() if lexeme == "{" else None)
        elif lexeme in "]}":
            stack.pop()
        elif stack and stack[-1] is not None and _COLON.match(text, match.end()):
            key = json.loads(lexeme, strict=False)
            if key in stack[-1]:
                return match.start()
            stack[-1].add(key)
    return 0


def _kind(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def shown(value: object, limit: int = 60) -> str:
    """A foreign value for a message: on one line, escaped, cut to `limit` characters."""
    if isinstance(value, (list, dict)):
        return f"{_kind(value) if isinstance(value, list) else 'an object'} of {len(value):,}"
    if isinstance(value, str) and len(value) > limit:
        value = value[:limit] + "…"
    return ascii(value) if isinstance(value, str) else str(value)
