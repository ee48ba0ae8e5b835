"""What a question takes, read off the signature of its function: a JSON Schema, and a check against it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from inspect import Parameter, cleandoc, signature
from math import isfinite
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, Unpack, get_args, get_origin, get_type_hints

import gpucost
from gpucost.catalog.names import MAX_NAME, nearest
from gpucost.domain.report import Report
from gpucost.errors import UnknownNameError, UsageError
from gpucost.io.json_safe import shown

Schema = dict[str, Any]

QUESTIONS = tuple(name for name in gpucost.__all__ if not name.startswith("_"))
"""Functions of the package that answer a question, by name."""
REFUSED: Mapping[str, str] = {
    "catalog": "one catalogue answers all questions; --catalog of the command names it",
    "hf": "there is no network here; give config, a file below the root",
    "scheduler": "there is no network here",
    "processes": "all questions are answered in one process",
    "progress": "all questions are answered in one process",
    "results": "no file is written here",
    "update_lock": "no file is written here",
    "today": "all questions are asked today; as_of takes the prices of another day",
}
"""Arguments that a question from outside may not have, and why."""
MOST = 2**63
"""Whole numbers beyond this are no count of anything."""
LONGEST = 4096
"""Characters of a text: as many as a path may have."""
_KINDS: Mapping[Any, str] = {
    NoneType: "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    Path: "string",
    list: "array",
    dict: "object",
}
_WORDS = {
    "null": "null",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "an object",
}


def function_of(question: str) -> Callable[..., Report]:
    """The function that answers a question. Raises UnknownNameError."""
    if question not in QUESTIONS:
        raise _unknown("question", question, QUESTIONS)
    found: Callable[..., Report] = getattr(gpucost, question)
    return found


@cache
def accepted(question: str) -> frozenset[str]:
    """All arguments of a question's function, those included that `REFUSED` names."""
    return frozenset(_parameters(question))


@cache
def schema_of(question: str) -> Schema:
    """The JSON Schema of a question's arguments. Raises UnknownNameError."""
    asked = {name: each for name, each in _parameters(question).items() if name not in REFUSED}
    properties = {}
    for name, (annotation, default) in asked.items():
        properties[name] = _of(annotation)
        if default is not Parameter.empty and default is not None:
            properties[name]["default"] = list(default) if isinstance(default, tuple) else default
    return {
        "type": "object",
        "description": cleandoc(function_of(question).__doc__ or ""),
        "properties": properties,
        "required": [name for name in _required(question) if name in properties],
        "additionalProperties": False,
    }


@cache
def paths_of(question: str) -> tuple[str, ...]:
    """Arguments that name files."""
    properties = schema_of(question)["properties"]
    return tuple(name for name, each in properties.items() if each.get("format") == "path")


def checked(question: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the function takes them, if they are what its signature says.

    Raises UsageError for an unknown, a refused or a missing argument and for a value of another kind.
    """
    schema = schema_of(question)
    properties = schema["properties"]
    found = {}
    for name, value in arguments.items():
        if name not in properties:
            if name in REFUSED and name in accepted(question):
                raise UsageError(f"{name}: {REFUSED[name]}")
            raise _unknown(f"argument of {question}", name, properties)
        found[name] = _value(name, properties[name], value)
    missing = [name for name in schema["required"] if name not in found]
    if missing:
        raise UsageError(f"{question} needs {' and '.join(missing)}")
    return found


def _unknown(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """A name of whatever length that stands for nothing, with the nearest ones, else all."""
    names = tuple(known)
    short = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…"
    return UnknownNameError(kind, short, nearest(short, list(names)) or names)


def _parameters(question: str) -> dict[str, tuple[Any, Any]]:
    """Annotation and default of every argument, the flags of `**flags` included."""
    function = function_of(question)
    hints = get_type_hints(function, include_extras=True)
    found: dict[str, tuple[Any, Any]] = {}
    for name, each in signature(function).parameters.items():
        if each.kind is Parameter.VAR_KEYWORD:
            found |= _flags(question, hints[name])
        else:
            found[name] = (hints[name], each.default)
    return found


def _flags(question: str, annotation: Any) -> dict[str, tuple[Any, Any]]:
    """Flags of `Unpack[a TypedDict]`, whose defaults nobody knows, or of `Annotated[Any, a NamedTuple]`."""
    if get_origin(annotation) not in (Unpack, Annotated):
        raise TypeError(f"{question}: its flags have no types: **flags: Unpack[…] or Annotated[Any, …]")
    kind = get_args(annotation)[-1]
    defaults = getattr(kind, "_field_defaults", {})
    return {flag: (hint, defaults.get(flag)) for flag, hint in get_type_hints(kind).items()}


def _required(question: str) -> list[str]:
    return [name for name, (_, default) in _parameters(question).items() if default is Parameter.empty]


def _of(annotation: Any) -> Schema:
    """Schema of one annotation. Raises TypeError for a type that JSON does not have."""
    if annotation in _KINDS:
        schema: Schema = {"type": [_KINDS[annotation]]}
        return {**schema, "format": "path"} if annotation is Path else schema
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (UnionType, Union):
        return _merged([_of(each) for each in arguments])
    if origin in (Sequence, tuple):
        return {"type": ["array"], "items": _of(arguments[0])}
    raise TypeError(f"a question cannot take {annotation!r}")


def _merged(choices: list[Schema]) -> Schema:
    """One schema of several: their kinds together, and what is said of one of them."""
    merged: Schema = {}
    for choice in choices:
        merged |= choice
    merged["type"] = list(dict.fromkeys(kind for choice in choices for kind in choice["type"]))
    return merged


def _value(name: str, schema: Schema, value: Any) -> Any:
    kinds, kind = schema["type"], _KINDS[type(value)]
    whole_for_number = kind == "integer" and "integer" not in kinds and "number" in kinds
    if kind not in kinds and not whole_for_number:
        raise UsageError(f"{name} must be {_wanted(schema)}, not {_named(value)}")
    if (kind == "integer" and abs(value) > MOST) or (kind == "number" and not isfinite(value)):
        raise UsageError(f"{name} is out of range")
    if kind == "string" and len(value) > LONGEST:
        raise UsageError(f"{name} is longer than {LONGEST:,} characters")
    if whole_for_number and "string" not in kinds:
        return float(value)  # as the command line reads it; a size that may be "8x7B" stays as it is written
    if kind == "array":
        return tuple(_value(f"{name}[{place}]", schema["items"], each) for place, each in enumerate(value))
    return value


def _wanted(schema: Schema) -> str:
    words = []
    for kind in schema["type"]:
        if kind == "array":
            words.append(f"a list of {_wanted(schema['items'])}")
        elif kind != "null" or len(schema["type"]) == 1:
            words.append(_WORDS[kind])
    return " or ".join(words)


def _named(value: Any) -> str:
    """A value for a message: itself where it is short, else its kind."""
    kind = _KINDS[type(value)]
    if kind in ("null", "boolean"):
        return {None: "null", True: "true", False: "false"}[value]
    return _WORDS[kind] if kind in ("array", "object") else f"{_WORDS[kind]}: {shown(value)}"
