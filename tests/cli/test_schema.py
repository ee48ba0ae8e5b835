from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Optional

import jsonschema
import pytest

from gpucost.api.schema import KINDS, RESULTS, _of, report_schema, schema
from gpucost.api.size import size
from gpucost.catalog.store import load
from gpucost.catalog.yamlio import parse_yaml
from gpucost.cli.app import run
from gpucost.cli.schema import Kind
from gpucost.domain.report import Report
from gpucost.errors import UnknownNameError
from gpucost.view.to_json import render_json
from tests.catalog.samples import FORMATS, GPUS, PRICES, SOURCES

Capture = pytest.CaptureFixture[str]


def validator(found: dict[str, Any]) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def as_json(report: Report) -> Any:
    return json.loads(render_json(report))


@cache
def answer() -> Any:
    return as_json(
        size(model="llama-3.1-8b", quant="all", top=2, explain=True, scenarios=True, catalog=load())
    )


@pytest.mark.parametrize("kind", ["size", "report"])
@pytest.mark.parametrize(
    "question",
    [
        {"params": "70"},
        {"params": "400", "gpu": "t4"},
        {"params": "8", "as_of": "2020-01-01"},
        {"model": "deepseek-ai/DeepSeek-V3", "engine": "sglang"},
    ],
)
def test_a_real_report_of_size(kind: str, question: dict[str, Any]) -> None:
    validator(schema(kind)).validate(as_json(size(**question, catalog=load())))


@pytest.mark.parametrize("kind", ["size", "report"])
def test_a_report_with_everything_in_it(kind: str) -> None:
    validator(schema(kind)).validate(answer())


WRONG: list[tuple[tuple[str | int, ...], Any]] = [
    (("schema_version",), "0.9"),
    (("result", "searched"), "many"),
    (("result", "searched"), 1.5),
    (("result", "candidates", 0, "fits"), "yes"),
    (("result", "candidates", 0, "gpu"), None),
    (("result", "candidates", 0, "memory_per_gpu", "weights_by_part", "norm"), "1"),
    (("result", "model", "weights_gib_range"), [1.0]),
    (("evidence", 0, "confidence"), "certain"),
    (("evidence", 0, "extra"), 1),
    (("notes",), {}),
]


@pytest.mark.parametrize("kind", ["size", "report"])
@pytest.mark.parametrize(("path", "value"), WRONG)
def test_an_invalid_report(kind: str, path: tuple[str | int, ...], value: Any) -> None:
    broken = copy.deepcopy(answer())
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not validator(schema(kind)).is_valid(broken)


@pytest.mark.parametrize("kind", ["size", "report"])
def test_a_report_with_a_field_missing(kind: str) -> None:
    broken = copy.deepcopy(answer())
    del broken["result"]["candidates"][0]["offer"]
    assert not validator(schema(kind)).is_valid(broken)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("explain", ["explain", "ttft"]),
        ("catalog list", ["catalog", "list", "prices"]),
        ("catalog show", ["catalog", "show", "runpod/flex/h100-80gb"]),
        ("catalog show", ["catalog", "show", "vllm"]),
    ],
)
def test_reports_of_other_questions(question: str, words: list[str], capsys: Capture) -> None:
    assert run([*words, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["question"] == question
    validator(schema("report")).validate(report)
    assert not validator(schema("size")).is_valid(report)


def test_every_named_result_can_be_described() -> None:
    for question in RESULTS:
        found = report_schema(question)
        validator(found)
        assert found["properties"]["question"] == {"const": question}


def test_fields_carry_their_words_and_units() -> None:
    definitions = schema("size")["$defs"]
    assert "[B]" in definitions["MemoryPerGpu"]["description"]
    assert "runtime" in definitions["MemoryPerGpu"]["properties"]["usable_bytes"]["description"]


class Colour(StrEnum):
    RED = "red"


class Inner(NamedTuple):
    """Held by others."""

    pair: tuple[int, float]
    colour: Colour


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        (int, [1], [1.5, "1", True, None]),
        (float, [1, 1.5], ["1", True, None]),
        (bool, [True], [1, "true"]),
        (str | None, ["a", None], [1]),
        (Optional[int], [1, None], ["1"]),  # noqa: UP045
        (
            int | Inner | None,
            [1, None, {"pair": [1, 2.0], "colour": "red"}],
            [{"pair": [1], "colour": "red"}],
        ),
        (tuple[int, ...], [[], [1, 2]], [[1, "2"], {}]),
        (tuple[int, str], [[1, "a"]], [[1], [1, "a", 2], ["a", 1]]),
        (Mapping[str, float], [{}, {"a": 1}], [{"a": "1"}, []]),
        (Inner, [{"pair": [1, 2], "colour": "red"}], [{"pair": [1, 2]}, {"pair": [1, 2], "colour": "blue"}]),
        (Literal["a", 1], ["a", 1], ["b"]),
        (Any, [1, None, {}], []),
    ],
)
def test_annotations(annotation: Any, right: list[Any], wrong: list[Any]) -> None:
    definitions: dict[type, dict[str, Any]] = {}
    found = _of(annotation, definitions)
    check = validator({**found, "$defs": {kind.__name__: each for kind, each in definitions.items()}})
    assert all(check.is_valid(value) for value in right)
    assert not any(check.is_valid(value) for value in wrong)


@pytest.mark.parametrize("annotation", [bytes, set[int], list[int], object()])
def test_what_no_report_may_hold(annotation: Any) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        _of(annotation, {})


@pytest.mark.parametrize("kind", ["catalog", "report", "size"])
def test_the_command_prints_the_schema(kind: str, capsys: Capture) -> None:
    assert run(["schema", kind]) == 0
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == schema(kind)


@pytest.mark.parametrize("words", [[], ["nope"], ["size", "more"]])
def test_an_unknown_kind(words: list[str], capsys: Capture) -> None:
    assert run(["schema", *words]) == 2
    assert capsys.readouterr().out == ""


def test_an_unknown_kind_from_python() -> None:
    with pytest.raises(UnknownNameError, match="did you mean catalog, report, size"):
        schema("nope")


@pytest.mark.parametrize("text", [SOURCES, GPUS, PRICES, FORMATS])
def test_catalogue_files(text: str) -> None:
    check = validator(schema("catalog"))
    data = parse_yaml(text, Path("rows.yaml")).data
    check.validate(data)
    first = next(iter(data))
    assert not check.is_valid({**data, first: [{**data[first][0], "colour": "red"}]})
    assert not check.is_valid({**data, "unknown": []})


def test_the_command_offers_every_schema() -> None:
    assert tuple(each.value for each in Kind) == KINDS
