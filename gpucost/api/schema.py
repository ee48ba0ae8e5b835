"""JSON Schemas: of catalogue and scenario files, for editors, and of reports and batches, for programs.

The schema of a report is read off the annotations of its NamedTuples, so that it cannot drift.
"""

from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gpucost.domain.report import SCHEMA_VERSION, Report
from gpucost.errors import UnknownNameError

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
KINDS = (
    "catalog",
    "report",
    "size",
    "throughput",
    "cost",
    "bill",
    "breakeven",
    "compare",
    "simulate",
    "traffic",
    "train",
    "plan",
    "deploy",
    "check",
    "diff",
    "batch",
    "scenario",
)
RESULTS = {
    "size": ("gpucost.domain.results", "SizeResult"),
    "throughput": ("gpucost.domain.speed", "ThroughputResult"),
    "cost": ("gpucost.domain.speed", "CostResult"),
    "bill": ("gpucost.domain.billing", "BillResult"),
    "breakeven": ("gpucost.domain.billing", "BreakevenResult"),
    "compare": ("gpucost.domain.billing", "CompareResult"),
    "simulate": ("gpucost.domain.simulated", "SimulateResult"),
    "traffic": ("gpucost.domain.simulated", "TrafficResult"),
    "train": ("gpucost.domain.training_results", "TrainResult"),
    "plan": ("gpucost.domain.plans", "PlanResult"),
    "deploy": ("gpucost.domain.deployed", "DeployResult"),
    "check": ("gpucost.domain.checks", "BudgetResult"),
    "diff": ("gpucost.domain.checks", "DiffResult"),
    "cost measured": ("gpucost.domain.speed", "MeasuredCostResult"),
    "bench import": ("gpucost.domain.speed", "ImportResult"),
    "explain": ("gpucost.api.explain", "TermsResult"),
    "validate": ("gpucost.api.validate", "ValidateResult"),
    "catalog list": ("gpucost.api.catalog", "Listing"),
    "catalog show": ("gpucost.api.catalog_show", "ShowResult"),
    "catalog check": ("gpucost.api.catalog_check", "CheckResult"),
}
"""What `result` holds, by question; a question that is not named here may hold anything."""
_NOT_PUBLISHED = ("answered_no",)
"""The exit code says it."""
_PLAIN: Mapping[Any, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    None: {"type": "null"},
    Any: {},
    object: {},
}


def schema(kind: str) -> Schema:
    """The JSON Schema of `catalog` and `scenario` files, any `report`, a command's, or lines of a `batch`.

    Raises UnknownNameError for another kind.
    """
    if kind == "catalog":
        from gpucost.catalog.rows import CatalogFile

        return {"$schema": DRAFT, **CatalogFile.model_json_schema(), "title": "gpucost catalogue file"}
    if kind == "scenario":
        from gpucost.catalog.rows_scenario import ScenarioFileRow

        return {"$schema": DRAFT, **ScenarioFileRow.model_json_schema(), "title": "gpucost scenario file"}
    if kind == "report":
        return report_schema(None)
    if kind == "batch":
        return batch_schema()
    if kind in RESULTS:
        return report_schema(kind)
    raise UnknownNameError("schema", kind, KINDS)


def report_schema(question: str | None) -> Schema:
    """A report whose result is that of `question`, or of whichever question it names."""
    definitions: dict[type, Schema] = {}
    envelope = _record(Report, definitions, skip=_NOT_PUBLISHED)
    envelope["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    if question is not None:
        envelope["properties"]["question"] = {"const": question}
        envelope["properties"]["result"] = _of(_result_type(question), definitions)
    else:
        envelope["allOf"] = [
            {
                "if": {"properties": {"question": {"const": name}}},
                "then": {"properties": {"result": _of(_result_type(name), definitions)}},
            }
            for name in RESULTS
        ]
    title = "gpucost report" if question is None else f"gpucost report of {question}"
    return {"$schema": DRAFT, "title": title, **envelope, "$defs": _by_name(definitions)}


def batch_schema() -> Schema:
    """A line that `gpucost run` reads, or one that it writes; `$defs` has each of them as well."""
    from gpucost.api.arguments import QUESTIONS
    from gpucost.api.batch import KINDS as FAULTS

    report = report_schema(None)
    definitions = report.pop("$defs")
    del report["$schema"], report["title"]
    head = {"id": {"description": "Of the question; null where it has none."}}
    answered = {**head, "exit_code": {"enum": [0, 1], "description": "0, or 1 where the answer is no."}}
    error = {
        "type": "object",
        "properties": {"kind": {"enum": list(FAULTS.values())}, "message": {"type": "string"}},
        "required": ["kind", "message"],
        "additionalProperties": False,
    }
    failed = {
        "type": "object",
        "description": "Why a question has no answer.",
        "properties": {**head, "exit_code": {"enum": list(FAULTS)}, "error": error},
        "required": [*head, "exit_code", "error"],
        "additionalProperties": False,
    }
    report["properties"] = {**answered, **report["properties"]}
    report["required"] = [*answered, *report["required"]]
    return {
        "$schema": DRAFT,
        "title": "gpucost batch",
        "anyOf": [{"$ref": "#/$defs/question"}, {"$ref": "#/$defs/answer"}],
        "$defs": {
            "question": {"oneOf": [_asked(question) for question in QUESTIONS]},
            "answer": {"oneOf": [report, failed]},
            **definitions,
        },
    }


def _asked(question: str) -> Schema:
    from gpucost.api.arguments import schema_of

    arguments = schema_of(question)
    head = {"id": {"description": "Anything; the answer has it too."}, "question": {"const": question}}
    return {
        **arguments,
        "properties": {**head, **arguments["properties"]},
        "required": ["question", *arguments["required"]],
    }


def _result_type(question: str) -> type:
    module, name = RESULTS[question]
    found: type = getattr(import_module(module), name)
    return found


def _of(annotation: Any, definitions: dict[type, Schema]) -> Schema:
    """Schema of one annotation; records and enumerations go to `definitions`.

    Raises TypeError for a type that no report may hold.
    """
    if annotation in _PLAIN:
        return dict(_PLAIN[annotation])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (UnionType, Union):
        return _union([_of(each, definitions) for each in arguments])
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return {"type": "array", "items": _of(arguments[0], definitions)}
        items = [_of(each, definitions) for each in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _of(arguments[1], definitions)}
    if isinstance(annotation, type):
        return _named(annotation, definitions)
    raise TypeError(f"a report cannot hold {annotation!r}")


def _union(choices: list[Schema]) -> Schema:
    if all(list(choice) == ["type"] for choice in choices):
        return {"type": [choice["type"] for choice in choices]}
    return {"anyOf": choices}


def _named(kind: type, definitions: dict[type, Schema]) -> Schema:
    if kind not in definitions:
        definitions[kind] = {}
        if issubclass(kind, Enum):
            definitions[kind] = {"enum": [member.value for member in kind]}
        elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
            definitions[kind] = _record(kind, definitions)
        else:
            raise TypeError(f"a report cannot hold {kind.__name__}")
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _by_name(definitions: dict[type, Schema]) -> dict[str, Schema]:
    named = {kind.__name__: found for kind, found in definitions.items()}
    if len(named) < len(definitions):
        raise TypeError("two types of a report share a name; rename one of them")
    return dict(sorted(named.items()))


def _record(kind: type, definitions: dict[type, Schema], skip: tuple[str, ...] = ()) -> Schema:
    """A NamedTuple: every field is always written, and no other."""
    words = _descriptions(kind)
    properties = {}
    for name, annotation in get_type_hints(kind).items():
        if name not in skip:
            properties[name] = _of(annotation, definitions)
            if name in words:
                properties[name]["description"] = words[name]
    return {
        "type": "object",
        "description": cleandoc(kind.__doc__ or ""),
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _descriptions(kind: type) -> dict[str, str]:
    """The strings that stand below the fields of a class; none where its source is not at hand."""
    import ast

    try:
        body = ast.parse(dedent(getsource(kind))).body[0]
    except (OSError, TypeError):
        return {}
    found: dict[str, str] = {}
    lines = body.body if isinstance(body, ast.ClassDef) else []
    for line, below in pairwise(lines):
        if (
            isinstance(line, ast.AnnAssign)
            and isinstance(line.target, ast.Name)
            and isinstance(below, ast.Expr)
        ):
            text = below.value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[line.target.id] = cleandoc(text.value)
    return found
