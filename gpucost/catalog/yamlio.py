"""A strict, bounded YAML reader that remembers lines.

PyYAML's own loaders turn `NO` into False, `1:30` into 90 and `1e-3` into a string, let the last of two
equal keys win, and expand aliases without bound. Here scalars follow the YAML 1.2 core schema, equal
keys and aliases are errors, and depth, size and node count are limited. Events come from the C parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpucost.errors import DataError

MAX_BYTES = 8 * 2**20
MAX_DEPTH = 32
MAX_NODES = 1_000_000

_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {"": None, "null": None, "~": None, "true": True, "false": False}
_YAML_11_BOOLEANS = frozenset({"yes", "no", "on", "off"})


@dataclass
class YamlDocument:
    """Plain data of one file, and the line of every key and item by its path."""

    path: Path
    data: Any
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict)

    def line(self, path: tuple[str | int, ...]) -> int:
        """Line [1-based] of the deepest known part of `path`."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text) and len(text) < 40:
        return int(text)
    if _FLOAT.match(text) and len(text) < 40:
        return float(text)
    return text


class _Frame:
    """A container under construction."""

    def __init__(self, value: Any, path: tuple[str | int, ...]) -> None:
        self.value = value
        self.path = path
        self.key: str | None = None


class _Builder:
    def __init__(self, path: Path) -> None:
        self.document = YamlDocument(path, None)
        self.stack: list[_Frame] = []
        self.nodes = 0
        self.done = False

    def fault(self, line: int, text: str) -> DataError:
        return DataError(f"{self.document.path}:{line}: {text}")

    def place(self, value: Any, line: int, *, plain_text: str | None) -> tuple[str | int, ...]:
        """Put a value where the parser stands; returns its path."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.fault(line, f"more than {MAX_NODES:,} values; split the file")
        if not self.stack:
            if self.done:
                raise self.fault(line, "a second document; keep one document in a file")
            self.document.data, self.done = value, True
            path: tuple[str | int, ...] = ()
        else:
            top = self.stack[-1]
            if isinstance(top.value, list):
                path = (*top.path, len(top.value))
                top.value.append(value)
            elif top.key is None:
                if not isinstance(value, (str, int, float)) or isinstance(value, bool):
                    raise self.fault(line, "keys must be plain text")
                key = str(value if plain_text is None else plain_text)
                if key in top.value:
                    first = self.document.lines.get((*top.path, key), 0)
                    raise self.fault(line, f"{key}: stands twice (first on line {first}); remove one")
                top.key = key
                top.value[key] = None
                self.document.lines[(*top.path, key)] = line
                return (*top.path, key)
            else:
                path = (*top.path, top.key)
                top.value[top.key] = value
                top.key = None
        self.document.lines.setdefault(path, line)
        return path


def parse_yaml(text: str, path: Path) -> YamlDocument:
    """Data and lines of one YAML document.

    Raises DataError (`file:line: what to do`) for syntax errors, aliases, equal keys and excess.
    """
    import yaml

    if len(text) > MAX_BYTES:
        raise DataError(f"{path}:1: larger than {MAX_BYTES // 2**20} MiB; split the file")
    build = _Builder(path)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        while loader.check_event():
            _handle(build, loader.get_event())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise build.fault(line, f"not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise build.fault(1, f"not valid YAML: {str(error).splitlines()[0]}") from None
    finally:
        loader.dispose()
    return build.document


def _handle(build: _Builder, event: Any) -> None:
    import yaml

    line = event.start_mark.line + 1 if event.start_mark else 1
    anchor = getattr(event, "anchor", None)
    if isinstance(event, yaml.AliasEvent) or anchor:
        raise build.fault(line, f"anchors and aliases (&, *{anchor}) are not allowed; write the value out")
    if isinstance(event, yaml.ScalarEvent):
        value = _scalar(event.value) if event.implicit[0] else event.value
        if isinstance(value, str) and event.implicit[0] and value.lower() in _YAML_11_BOOLEANS:
            raise build.fault(line, f"{value}: write true or false, or quote it if the word is meant")
        build.place(value, line, plain_text=event.value)
    elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
        if len(build.stack) >= MAX_DEPTH:
            raise build.fault(line, f"nested deeper than {MAX_DEPTH} levels")
        container: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        build.stack.append(_Frame(container, build.place(container, line, plain_text=None)))
    elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
        build.stack.pop()


def read_yaml(path: Path) -> YamlDocument:
    """`parse_yaml` of a file. Raises DataError when it cannot be read."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}:1: larger than {MAX_BYTES // 2**20} MiB; split the file")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path}:1: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise DataError(f"{path}: no name of a file: {error}") from None
    return parse_yaml(text, path)


def write_overlay(path: Path, sections: Mapping[str, list[dict[str, Any]]]) -> None:
    """Writes rows as an overlay file. Raises DataError when the file cannot be written."""
    import yaml

    text = yaml.safe_dump(dict(sections), sort_keys=False, allow_unicode=True)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
