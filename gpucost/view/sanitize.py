"""Makes text from files, names and tags safe to show: nothing in it can drive a terminal."""

import unicodedata

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control, format (bidirectional overrides, zero-width), lone surrogates, line and paragraph separators."""

_ASCII = {
    "–": "-",
    "—": "--",
    "−": "-",
    "·": "|",
    "×": "x",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "±": "+/-",
    "∞": "inf",
    "µ": "u",
    "μ": "u",
    "…": "...",
    "÷": "/",
    "─": "-",
    **dict.fromkeys("│┤├", "|"),
    **dict.fromkeys("┌┐└┘┬┴┼", "+"),
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "\N{NO-BREAK SPACE}": " ",
}


def _code(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def is_unsafe(character: str) -> bool:
    """Whether a character is invisible, moves the cursor, reorders text or cannot be encoded."""
    return unicodedata.category(character) in _UNSAFE_CATEGORIES


def sanitize(text: str) -> str:
    r"""Text on one line, its control characters and direction overrides visible as `\n`, `\x1b`, `\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_SHORT.get(c, _code(c)) if is_unsafe(c) else c for c in text)


def to_ascii(text: str) -> str:
    r"""Sanitized text for a stream that shows ASCII only; what has no likeness becomes `\u20ac`."""
    return "".join(c if c.isascii() else _ASCII.get(c, _code(c)) for c in text)
