"""A report as JSON: the report itself, in full precision."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import lru_cache
from typing import Any

from gpucost.domain.provenance import Evidence
from gpucost.domain.report import Report
from gpucost.view.sanitize import is_unsafe, sanitize

_BEFORE_EVIDENCE = ("schema_version", "question", "inputs", "result")
_KEYS = (*_BEFORE_EVIDENCE, "evidence", "notes")
_INDEX = r"\[(-?[0-9]+)\]"
_NOT_PLAIN_ASCII = "[^\x20-\x7e\n]"
_ON_ONE_LINE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_MOST_SUGGESTIONS = 6
_AS_IT_IS = frozenset({str, int, bool, type(None)})
MOST_CITED = 8192
"""Numbers whose text is kept."""


def plain(value: Any) -> Any:
    """Dataclasses, enums, mappings and sets as what JSON has; None for a number that is not finite."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is list:
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        if names is None:
            return [plain(item) for item in value]
        return {
            name: item if type(item) in _AS_IT_IS else plain(item)
            for name, item in zip(names, value, strict=True)
        }
    if isinstance(value, Mapping):
        return {
            key if type(key) is str else _key(key): item if type(item) in _AS_IT_IS else plain(item)
            for key, item in value.items()
        }
    if isinstance(value, Enum):
        return plain(value.value)
    return _rare(value)


def _rare(value: Any) -> Any:
    """What few reports hold, where the order of questions matters more than their speed."""
    from dataclasses import fields, is_dataclass
    from datetime import date
    from decimal import Decimal
    from numbers import Integral, Real

    if isinstance(value, str):
        return str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real | Decimal):
        return plain(float(value))
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, AbstractSet):
        return sorted((plain(item) for item in value), key=_sort_key)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(item) for item in value]
    raise TypeError(f"a report cannot hold a {type(value).__name__}")


def report_to_plain(report: Report) -> dict[str, Any]:
    """Give the published fields of a report, in their published order."""
    return {key: plain(getattr(report, key)) for key in _KEYS}


def render_json(report: Report, *, indent: int | None = 2) -> str:
    """Render the report as JSON that ends with a newline; `indent` None puts it on one line, for machines."""
    if indent is None:
        return render_answer({}, report)
    return _dump(report_to_plain(report), indent=indent) + "\n"


def render_answer(head: Mapping[str, Any], report: Report | None) -> str:
    """One line that has the members of `head`, then those of a report."""
    members = plain(head)
    if report is None:
        return _dump(members, indent=None) + "\n"
    members |= {key: plain(getattr(report, key)) for key in _BEFORE_EVIDENCE}
    start, notes = _dump(members, indent=None)[:-1], _dump(plain(report.notes), indent=None)
    cited = ",".join([_cited(each, repr(each.value)) for each in report.evidence])
    return f'{start},"evidence":[{cited}],"notes":{notes}}}\n'


@lru_cache(MOST_CITED)
def _cited(evidence: Evidence, _written: str) -> str:
    """One number with its source: answers of one catalogue cite the same ones over and over.

    How the value is written keeps 1, 1.0 and True apart, which are equal.
    """
    return _dump(plain(evidence), indent=None)


def field(report: Report, path: str) -> str:
    """Give one bare value by its path, such as `result.candidates.0.gpu` or `result.candidates[0].gpu`.

    Strings come without quotes (control characters escaped), numbers, booleans and null as JSON,
    lists and objects as JSON on one line.

    Raises LookupError that names the nearest paths.
    """
    root = report_to_plain(report)
    parts = [part for part in re.sub(_INDEX, r".\1", path.strip()).split(".") if part]
    try:
        value = _find(root, parts, "") if parts else root
    except _NotFoundError as fault:
        raise LookupError(_explain(root, path, fault)) from None
    return sanitize(value) if isinstance(value, str) else _dump(value, indent=None)


class _NotFoundError(Exception):
    """How far a path could be followed: `at`, holding `value`, has no `part`."""

    def __init__(self, at: str, value: Any, part: str) -> None:
        super().__init__(at)
        self.at, self.value, self.part = at, value, part


def _find(value: Any, parts: Sequence[str], at: str) -> Any:
    if not parts:
        return value
    if isinstance(value, list):
        if not re.fullmatch(r"-?[0-9]{1,9}", parts[0]) or not -len(value) <= int(parts[0]) < len(value):
            raise _NotFoundError(at, value, parts[0])
        return _find(value[int(parts[0])], parts[1:], _join(at, parts[0]))
    if isinstance(value, dict):
        # A key may hold a dot itself (a GPU id, a version): try the shortest key first.
        deepest: _NotFoundError | None = None
        for end in range(1, len(parts) + 1):
            key = ".".join(parts[:end])
            if key not in value:
                continue
            try:
                return _find(value[key], parts[end:], _join(at, key))
            except _NotFoundError as fault:
                deepest = fault
        if deepest is not None:
            raise deepest
    raise _NotFoundError(at, value, parts[0])


def _explain(root: Any, path: str, fault: _NotFoundError) -> str:
    import difflib

    text = f"no field {sanitize(path)!r}"
    if isinstance(fault.value, list):
        count = len(fault.value)
        indexes = f"write an index from 0 to {count - 1}" if count else "it is empty"
        return f"{text}: {sanitize(fault.at)} is a list of {count}; {indexes}"
    if not isinstance(fault.value, dict):
        return f"{text}: {sanitize(fault.at)} is a single value; write that"
    near = difflib.get_close_matches(fault.part, list(fault.value), n=_MOST_SUGGESTIONS, cutoff=0.5)
    suggestions = [_join(fault.at, key) for key in near]
    suggestions += [
        p for p in _paths(root, "") if p.rpartition(".")[2] == fault.part and p not in suggestions
    ]
    if suggestions:
        return f"{text}; did you mean {', '.join(map(sanitize, suggestions[:_MOST_SUGGESTIONS]))}?"
    where = sanitize(fault.at) if fault.at else "the report"
    return f"{text}; {where} has: {', '.join(map(sanitize, fault.value)) or 'nothing'}"


def _paths(value: Any, at: str) -> Iterator[str]:
    """Give every path of a report; of a list, its first entry stands for all."""
    children: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = [("0", item) for item in value[:1]]
    for key, child in children:
        yield _join(at, key)
        yield from _paths(child, _join(at, key))


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def _key(key: Any) -> str:
    value = plain(key)
    return value if isinstance(value, str) else _dump(value, indent=None)


def _sort_key(value: Any) -> tuple[str, Any]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "", value
    return (type(value).__name__, value if isinstance(value, str) else _dump(value, indent=None))


def _dump(value: Any, *, indent: int | None) -> str:
    if indent is None:
        text = _ON_ONE_LINE.encode(value)
    else:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    if text.isascii() and "\x7f" not in text:
        return text
    # json.dumps escapes the control characters below U+0020; the others occur inside strings only.
    return re.sub(
        _NOT_PLAIN_ASCII, lambda found: _escape(found[0]) if is_unsafe(found[0]) else found[0], text
    )


def _escape(character: str) -> str:
    number = ord(character)
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
