"""`gpucost bill`, `breakeven` and `compare` as they are typed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gpucost.api.schema import schema
from gpucost.cli.app import run

Capture = pytest.CaptureFixture[str]
LIFE = ("--requests-per-day", "5000", "--execution-s", "1.2")
BILL = ("bill", "-d", "runpod/flex/l40s", "-d", "runpod/secure/l40s", *LIFE)
BREAKEVEN = ("breakeven", "runpod/flex/l40s", "runpod/secure/l40s", "--execution-s", "2")
COMPARE = ("compare", "--gpu", "l40s")


def answer(capsys: Capture, *words: str, code: int = 0) -> dict[str, Any]:
    assert run([*words, "--format", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    "words",
    [
        BILL,
        (*BILL, "--growth", "0.1", "--keep-warm"),
        ("bill", "--gpu", "l40s", *LIFE),
        ("bill", "--hybrid", "runpod/secure/l40s", "--hybrid", "runpod/flex/l40s", *LIFE),
        BREAKEVEN,
        ("breakeven", "runpod/flex/l40s", "runpod/secure/l40s", "modal/functions/l40s"),
        ("breakeven", "runpod/secure/h100=2.99/h", "--sell-usd-per-million", "2"),
        COMPARE,
        ("compare", "--features"),
        ("compare", "--cold-start", "--weights-gb", "40"),
        ("compare", "--by-generation"),
        ("compare", "--prices", "seeds"),
    ],
)
def test_answers_have_their_schema_a_table_and_csv_with_json_names(
    words: tuple[str, ...], capsys: Capture
) -> None:
    found = answer(capsys, *words)
    jsonschema.validate(found, schema(words[0]))
    assert run(list(words)) == 0
    assert "─" in capsys.readouterr().out
    assert run([*words, "--format", "csv"]) == 0
    assert list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert run([*words, "--format", "markdown"]) == 0
    assert "| --- |" in capsys.readouterr().out.replace(" ---: ", " --- ")


def test_flex_against_active_is_one_line(capsys: Capture) -> None:
    words = ("--flex-vs-active", "--gpu", "l40s", "--requests-per-day", "5000", "--execution-s", "1.2")
    found = answer(capsys, "bill", *words)
    names = [each["deployment"] for each in found["result"]["bills"]]
    assert names == ["runpod/flex/48gb-pro", "runpod/active/48gb-pro"]
    assert run(["bill", *words]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "less than" in first


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("bill",), 2),
        (("bill", "--gpu", "l40s"), 2),
        (("bill", "-d", "runpod/flex/l40s", "--requests-per-day", "5"), 2),
        ((*BILL, "--requests-per-month", "5"), 2),
        ((*BILL, "--period", "fortnight"), 2),
        ((*BILL, "--pattern", "chaos"), 2),
        ((*BILL, "--hours", "3", "--pattern", "uniform"), 2),
        (("bill", "-d", "runpod/flex/l40s", "--requests-per-day", "-5", "--execution-s", "1"), 2),
        (("bill", "-d", "runpod/flex/l40s", "--requests-per-day", "nan", "--execution-s", "1"), 2),
        (("bill", "-d", "runpod/flex/l40s", "--requests-per-day", "5", "--execution-s", "inf"), 2),
        ((*BILL, "--min-workers", "3", "--max-workers", "2"), 2),
        ((*BILL, "--plan", "golden"), 2),
        ((*BILL, "--usage", "/nonexistent.csv"), 3),
        ((*BILL, "--scenario", "/nonexistent.yaml"), 3),
        (("bill", "-d", "runpod/flex/l40s", "--model", "Llama-3.3-70B", "--requests-per-day", "5"), 1),
        (("breakeven",), 2),
        (("breakeven", "runpod/flex/l40s"), 2),
        (("compare",), 2),
        (("compare", "--gpu", "h1000"), 2),
    ],
)
def test_exit_codes(words: tuple[str, ...], code: int, capsys: Capture) -> None:
    assert run(list(words)) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert captured.err or code == 1


def test_a_scenario_is_the_flags_and_flags_win(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "month.yaml"
    path.write_text(
        "deployment: [runpod/flex/l40s, runpod/secure/l40s]\nrequests_per_day: 5000\nexecution_s: 9\n"
        "scale_to_zero: true\n",
        encoding="utf-8",
    )
    typed = answer(capsys, *BILL, "--scale-to-zero")
    read = answer(capsys, "bill", "--scenario", str(path), "--execution-s", "1.2")
    assert read["result"] == typed["result"]


def test_all_faults_of_a_scenario_come_with_their_lines(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "month.yaml"
    path.write_text("deploymet: runpod/flex/l40s\nexecution_s: {a: 1}\nscale_to_zero: 3\n", encoding="utf-8")
    assert run(["bill", "--scenario", str(path)]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(".yaml:")[2][0] for line in lines] == ["1", "2", "3"]
    assert "did you mean deployment" in lines[0]


def test_one_value_for_a_script(capsys: Capture) -> None:
    assert run([*BILL, "--field", "result.bills.1.total_usd"]) == 0
    assert float(capsys.readouterr().out) > 0


def test_a_plot_draws_both_bills(capsys: Capture) -> None:
    pytest.importorskip("plotext")
    assert run([*BREAKEVEN, "--plot"]) == 0
    shown = capsys.readouterr().out
    assert "runpod/flex/48gb-pro" in shown
    assert "┤" in shown
