"""`gpucost check` and `diff` as they are typed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from gpucost.api.schema import schema
from gpucost.cli.app import run
from tests.api.ci_samples import changed, write

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    write(folder / "gpucost.yaml")
    return folder


def answer(capsys: Capture, *words: str, code: int = 0) -> dict[str, Any]:
    assert run([*words, "--format", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_answers_have_their_schema_and_csv_with_json_names(capsys: Capture) -> None:
    assert run(["check", "--update-lock"]) == 0
    capsys.readouterr()
    write(Path("gpucost.yaml"), changed(workload={"requests_per_day": 400_000}))
    checked = answer(capsys, "check")
    jsonschema.validate(checked, schema("check"))
    jsonschema.validate(answer(capsys, "diff", "gpucost.lock"), schema("diff"))
    for words, of in ((["check"], "policies"), (["diff", "gpucost.lock"], "lines")):
        assert run([*words, "--format", "csv"]) == 0
        (first, *_) = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        known = checked["result"]["policies"][0] if of == "policies" else answer(capsys, *words)
        fields = known if of == "policies" else known["result"]["differences"][0]["lines"][0]
        assert set(first) <= set(fields)
        assert run([*words, "--format", "markdown"]) == 0
        assert "| ---" in capsys.readouterr().out


def test_exit_codes(capsys: Capture) -> None:
    assert run(["check"]) == 0
    write(Path("gpucost.yaml"), changed(budget={"usd_per_month": 1}))
    for kind in ("table", "json", "csv", "markdown", "junit", "sarif", "github"):
        assert run(["check", "--format", kind]) == 1, kind
    capsys.readouterr()
    assert run(["check", "--field", "result.policies.0.policy"]) == 1
    assert capsys.readouterr().out == "usd_per_month\n"
    write(Path("gpucost.yaml"), changed(budget=None))
    assert run(["check"]) == 2
    assert "nothing would be checked" in capsys.readouterr().err
    assert run(["check", "absent.yaml"]) == 3
    assert run(["check", "--as-of", "soon"]) == 2
    assert run(["diff", "absent.json"]) == 3
    Path("foreign.json").write_text("{}", encoding="utf-8")
    assert run(["diff", "foreign.json"]) == 3
    assert "give a report of gpucost plan or gpucost bill" in capsys.readouterr().err


def test_a_difference_ends_with_0_however_large(capsys: Capture) -> None:
    assert run(["check", "--update-lock"]) == 0
    write(Path("gpucost.yaml"), changed(workload={"requests_per_day": 400_000}))
    capsys.readouterr()
    assert run(["diff", "gpucost.lock"]) == 0
    assert "traffic +" in capsys.readouterr().out
    assert run(["diff", "gpucost.lock", "--format", "github", "--output", "body.md"]) == 0
    assert capsys.readouterr().out.startswith("::notice title=gpucost diff::chat")
    assert Path("body.md").read_text(encoding="utf-8").startswith("<!-- gpucost diff -->\n")


def test_github_writes_annotations_and_a_comment(capsys: Capture) -> None:
    write(Path("gpucost.yaml"), changed(budget={"usd_per_month": 1}))
    assert run(["check", "--format", "github", "--output", "body.md"]) == 1
    shown = capsys.readouterr().out
    line = Path("gpucost.yaml").read_text(encoding="utf-8").splitlines().index("      usd_per_month: 1") + 1
    assert shown.startswith(f"::error file=gpucost.yaml,line={line},title=chat usd_per_month broken::")
    assert "usd_per_month" in Path("body.md").read_text(encoding="utf-8")


def test_junit_and_sarif_go_to_files(capsys: Capture) -> None:
    for kind, name in (("junit", "out.xml"), ("sarif", "out.sarif")):
        assert run(["check", "--format", kind, "--output", name]) == 0
    assert capsys.readouterr().out == ""
    assert ET.parse("out.xml").getroot().attrib["failures"] == "0"
    assert json.loads(Path("out.sarif").read_text(encoding="utf-8"))["runs"][0]["results"] == []


def test_a_hostile_name_of_a_scenario(capsys: Capture) -> None:
    name = "x]]><!--<img>%0A"
    write(Path("gpucost.yaml"), changed(budget={"usd_per_month": 1}), names=(name,))
    assert run(["check", "--update-lock"]) == 1
    capsys.readouterr()
    assert run(["check", "--format", "junit"]) == 1
    assert ET.fromstring(capsys.readouterr().out)[0].attrib["name"] == name
    assert run(["check", "--format", "github", "--output", "body.md"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert "<img>" not in Path("body.md").read_text(encoding="utf-8")


def test_frozen_refuses_and_update_lock_accepts(capsys: Capture) -> None:
    assert run(["check", "--frozen"]) == 2
    assert run(["check", "--update-lock"]) == 0
    assert run(["check", "--frozen"]) == 0
    write(Path("gpucost.yaml"), changed(workload={"output_tokens": 251}))
    capsys.readouterr()
    assert run(["check", "--frozen"]) == 1
    assert "output_tokens 250 → 251" in capsys.readouterr().out
    assert run(["check"]) == 0
    assert run(["check", "--update-lock"]) == 0
    assert run(["check", "--frozen"]) == 0
