from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.domain.report import Report
from gpucost.view.to_json import field, render_json
from tests.view.samples import HOSTILE, Verdict, sizing_report

Find = Callable[[str], str]


def test_golden() -> None:
    report = Report(
        "cost", {"model": "é", "hours": 2.5}, {"usd": None, "set": frozenset({"b", "a"})}, answered_no=True
    )
    assert render_json(report) == (
        "{\n"
        '  "schema_version": "1.0",\n'
        '  "question": "cost",\n'
        '  "inputs": {\n    "model": "é",\n    "hours": 2.5\n  },\n'
        '  "result": {\n    "usd": null,\n    "set": [\n      "a",\n      "b"\n    ]\n  },\n'
        '  "evidence": [],\n'
        '  "notes": []\n'
        "}\n"
    )


def test_the_report_itself_with_nested_results() -> None:
    data = json.loads(render_json(sizing_report()))
    assert list(data) == ["schema_version", "question", "inputs", "result", "evidence", "notes"]
    assert data["result"]["verdict"] == "fits"
    assert data["result"]["headroom"] is None
    assert data["result"]["candidates"][1] == {
        "gpu": "h100-sxm-80gb",
        "gpus": 2,
        "total_usd": None,
        "precisions": ["bf16", "fp8"],
    }
    assert data["evidence"][0]["confidence"] == "published"
    assert data["notes"][1]["level"] == "warning"


@dataclass(frozen=True)
class Odd:
    values: object


def test_odd_values() -> None:
    odd = Odd(
        (
            math.inf,
            -math.inf,
            Decimal("1.5"),
            date(2026, 6, 2),
            Verdict.FITS,
            frozenset({3, 1}),
            {1: {None: 2}},
        )
    )
    result = json.loads(render_json(Report("q", {}, odd)))["result"]
    assert result == {"values": [None, None, 1.5, "2026-06-02", "fits", [1, 3], {"1": {"null": 2}}]}
    with pytest.raises(TypeError, match="cannot hold a object"):
        render_json(Report("q", {}, object()))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_inside_their_string(text: str) -> None:
    output = render_json(Report("q", {text: text}, None))
    assert json.loads(output)["inputs"] == {text: text}
    output.encode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800]", output)
    assert output.count("\n") == render_json(Report("q", {"a": "b"}, None)).count("\n")


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(_ANY)
def test_what_comes_out_is_json_of_full_precision(value: object) -> None:
    output = render_json(Report("q", {}, value))
    output.encode()
    assert json.loads(output)["result"] == _finite(value)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return {key: _finite(item) for key, item in value.items()} if isinstance(value, dict) else value


@pytest.fixture
def find() -> Find:
    report = sizing_report()._replace(inputs={"gpus.h100-sxm-80gb": {"n": 2}, "esc": "\x1b[2J", "ok": True})
    return lambda path: field(report, path)


def test_field_gives_one_bare_value(find: Find) -> None:
    assert find("result.recommendation.gpu") == "h200-sxm-141gb"
    assert find("result.candidates.0.gpu") == find("result.candidates[0].gpu") == "h200-sxm-141gb"
    assert find("result.candidates[-1].gpu") == "h100-sxm-80gb"
    assert find("result.recommendation.total_usd") == "3.99"
    assert find("result.candidates[1].total_usd") == "null"
    assert find("inputs.ok") == "true"
    assert find("inputs.gpus.h100-sxm-80gb.n") == "2"
    assert find("inputs.esc") == "\\x1b[2J"
    assert find("result.recommendation.precisions") == '["bf16","fp8"]'
    assert find("schema_version") == "1.0"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "result.recomendation.gpu",
            "no field 'result.recomendation.gpu'; did you mean result.recommendation?",
        ),
        ("gpu", "did you mean result.recommendation.gpu, result.candidates.0.gpu?"),
        ("result.candidates.7", "result.candidates is a list of 2; write an index from 0 to 1"),
        ("result.candidates.x", "result.candidates is a list of 2"),
        ("result.verdict.x", "result.verdict is a single value; write that"),
        ("zzz", "the report has: schema_version, question, inputs, result, evidence, notes"),
        ("\x1b[2J", "no field"),
    ],
)
def test_field_names_what_is_near(find: Find, path: str, message: str) -> None:
    with pytest.raises(LookupError) as caught:
        find(path)
    assert message in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_json_csv_and_markdown_do_not_load_rich() -> None:
    import subprocess
    import sys

    names = "format, to_json, to_csv, to_markdown, terminal, bars, layout"
    code = f"from gpucost.view import {names}; import sys; sys.exit('rich' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
