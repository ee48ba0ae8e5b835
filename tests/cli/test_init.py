"""`gpucost init`: a file that reads back, says everything, and overwrites nothing."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from gpucost.api.scenario import open_scenario
from gpucost.catalog import rows_scenario as rows
from gpucost.catalog.scenario_file import read_scenarios
from gpucost.catalog.store import Catalog, load
from gpucost.cli.app import run
from gpucost.errors import DataError
from gpucost.view.scenario_template import TEMPLATE
from tests.repo import documents

Capture = pytest.CaptureFixture[str]
OFF = re.compile(r"^( *)#([a-z_0-9]+:.*|  [a-z_]+:.*)$", re.MULTILINE)
"""A key that is left out."""
ROWS = (
    rows.ModelRow,
    rows.WorkloadRow,
    rows.ConstraintsRow,
    rows.BudgetRow,
    rows.BaselineRow,
    rows.SpeculationRow,
    rows.ScenarioRow,
    rows.ScenarioFileRow,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture(scope="module")
def shipped() -> Catalog:
    return load()


def test_the_file_reads_back_without_faults(capsys: Capture, shipped: Catalog) -> None:
    assert run(["init"]) == 0
    assert capsys.readouterr().out == "wrote gpucost.yaml; try: gpucost plan gpucost.yaml:chat\n"
    assert Path("gpucost.yaml").read_text(encoding="utf-8") == TEMPLATE
    assert list(read_scenarios(Path("gpucost.yaml")).scenarios) == ["chat", "batch-70b"]
    chat = open_scenario("gpucost.yaml:chat", shipped)
    assert chat.models[0].quantizations == ("bf16", "fp8", "awq")
    assert open_scenario("gpucost.yaml:batch-70b", shipped).constraints.spot


def test_every_key_of_the_format_stands_in_it_with_a_comment() -> None:
    first = TEMPLATE.partition("  batch-70b:")[0]
    for row in ROWS:
        for name in row.model_fields:
            assert re.search(rf"^[ #-]*{name}:", first, re.MULTILINE), name
    for line in TEMPLATE.splitlines():
        if re.match(r" *#?[ -]*[a-z][a-z0-9_-]*:", line) and not line.startswith("# "):
            assert "  # " in line, line


def test_every_key_that_is_left_out_can_be_switched_on(shipped: Catalog) -> None:
    """Together they contradict each other, by keys of which only one may stand, and by nothing else."""
    Path("config.json").write_text("{}", encoding="utf-8")
    Path("requests.csv").write_text("timestamp\n0\n1\n", encoding="utf-8")
    on = OFF.sub(lambda found: f"{found[1]}{found[2]}", TEMPLATE)
    assert on.count("#") < TEMPLATE.count("#")
    Path("all.yaml").write_text(on, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        open_scenario("all.yaml:chat", shipped)
    told = str(caught.value).splitlines()
    assert len(told) == 4
    assert all("already; leave one of them out" in line for line in told)


def test_nothing_is_overwritten_unless_asked(capsys: Capture) -> None:
    Path("gpucost.yaml").write_text("mine", encoding="utf-8")
    assert run(["init"]) == 2
    assert capsys.readouterr().err == "error: gpucost.yaml exists; --force overwrites it\n"
    assert Path("gpucost.yaml").read_text(encoding="utf-8") == "mine"
    assert run(["init", "--force"]) == 0
    assert Path("gpucost.yaml").read_text(encoding="utf-8") == TEMPLATE


def test_another_name(capsys: Capture) -> None:
    assert run(["init", "my file.yaml"]) == 0
    assert capsys.readouterr().out.endswith("try: gpucost plan 'my file.yaml:chat'\n")
    assert run(["cost", "--scenario", "my file.yaml:chat", "--field", "result.searched"]) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([".."], "is a folder; name a file in it"),
        (["..", "--force"], "Is a directory"),
        (["none/gpucost.yaml"], "No such file or directory"),
        (["x" * 300], "File name too long"),
        (["/proc/gpucost.yaml"], "error: /proc/gpucost.yaml: "),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="names of errors")
def test_where_no_file_can_be_written(words: list[str], told: str, capsys: Capture) -> None:
    assert run(["init", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="rights bind here")
def test_a_folder_that_nobody_may_write_to(capsys: Capture) -> None:
    Path("locked").mkdir(mode=0o555)
    assert run(["init", "locked/gpucost.yaml"]) == 2
    assert capsys.readouterr().err == "error: locked/gpucost.yaml: Permission denied\n"


@pytest.mark.parametrize("name", ["chat", "batch-70b"])
def test_its_scenarios_have_answers(name: str, capsys: Capture) -> None:
    assert run(["init"]) == 0
    capsys.readouterr()
    assert run(["cost", "--scenario", f"gpucost.yaml:{name}", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["rows"]


def test_the_readme_shows_one_that_reads(shipped: Catalog) -> None:
    readme = (documents.ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = documents.blocks(readme.partition("## A scenario file")[2].partition("\n## ")[0], "yaml")
    Path("readme.yaml").write_text(block, encoding="utf-8")
    assert open_scenario("readme.yaml", shipped).budget.usd_per_month == 1500
    bad = block.replace("- model:", "- modle:")
    Path("gpucost.yaml").write_text(bad, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        open_scenario("gpucost.yaml", shipped)
    assert f"`{caught.value}`" in readme
