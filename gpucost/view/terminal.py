"""What the stream that an answer is written to can show."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, NamedTuple

_SAMPLE = "█▓▒░▚▞│─▸·–—"
_C_LOCALES = frozenset({"C", "POSIX"})
# Python itself puts one of these into LC_CTYPE when it is started in the C locale.
_COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
_FALLBACK_WIDTH = 80


class Terminal(NamedTuple):
    """Width in columns, None where nothing may be cut or wrapped; whether to use colour and Unicode."""

    width: int | None
    color: bool
    unicode: bool


def pick_terminal(stream: IO[str], environ: Mapping[str, str] | None = None) -> Terminal:
    """Ask the stream and the environment: COLUMNS, NO_COLOR, FORCE_COLOR, TERM and the locale."""
    env = os.environ if environ is None else environ
    is_terminal = _is_terminal(stream)
    return Terminal(
        width=_width(stream, env) if is_terminal else None,
        color=_color(is_terminal, env),
        unicode=_unicode(stream, env),
    )


def _is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # no stream at all, or a closed one
        return False


def _width(stream: IO[str], env: Mapping[str, str]) -> int:
    columns = env.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _FALLBACK_WIDTH
    except (AttributeError, ValueError, OSError):
        return _FALLBACK_WIDTH


def _color(is_terminal: bool, env: Mapping[str, str]) -> bool:
    if env.get("NO_COLOR"):
        return False
    force = env.get("FORCE_COLOR", "")
    if force:
        return force.lower() not in ("0", "false", "no")
    return is_terminal and env.get("TERM", "").lower() not in ("dumb", "unknown")


def _unicode(stream: IO[str], env: Mapping[str, str]) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        _SAMPLE.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    # In the C locale Python writes UTF-8 nevertheless, so the encoding alone does not tell.
    if env.get("PYTHONIOENCODING") or env.get("PYTHONUTF8") == "1":
        return True
    everything, ctype, language = (env.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    if everything:
        return everything not in _C_LOCALES
    if ctype and ctype not in _COERCED:
        return ctype not in _C_LOCALES
    return language not in _C_LOCALES
