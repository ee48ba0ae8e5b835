"""`gpucost throughput`, `cost` and `bench import` as they are typed."""

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
SPEED = ("throughput", "--model", "Llama-3.1-8B", "--gpu", "l40s", "--isl", "1000", "--osl", "250")
COST = ("cost", "--model", "Llama-3.1-8B", "--quant", "fp8", "--rps", "2", "--as-of", "2026-11-20")
ROW = (
    *("gpu", "gpus", "tp", "concurrency", "prefill_tokens_per_s", "decode_tokens_per_s"),
    *("output_tokens_per_s", "total_tokens_per_s", "ttft_s", "tpot_s", "e2e_s", "requests_per_s"),
    *("bound", "low", "high", "confidence"),
)


def answer(capsys: Capture, *words: str, code: int = 0) -> dict[str, Any]:
    assert run([*words, "--format", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_rows_have_the_published_fields_in_the_order_asked(capsys: Capture) -> None:
    found = answer(capsys, *SPEED, "--concurrency", "8,1,32", "--estimate-only")
    rows = found["result"]["rows"]
    assert [row["concurrency"] for row in rows] == [8, 1, 32]
    for row in rows:
        assert set(ROW) <= set(row)
        assert row["low"] < row["output_tokens_per_s"] < row["high"]
        assert row["bound"] in ("compute", "bandwidth", "interconnect", "overhead", "capacity")
        assert row["e2e_s"] == pytest.approx(row["ttft_s"] + 249 * row["tpot_s"])
    jsonschema.validate(found, schema("throughput"))


def test_cost_answers_by_its_schema(capsys: Capture) -> None:
    jsonschema.validate(answer(capsys, *COST), schema("cost"))


@pytest.mark.parametrize("words", [SPEED, COST])
def test_csv_has_the_json_names_and_markdown_a_table(words: tuple[str, ...], capsys: Capture) -> None:
    assert run([*words, "--format", "csv"]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert float(table[0]["output_tokens_per_s"]) > 0
    assert run([*words, "--format", "markdown"]) == 0
    assert "| --- |" in capsys.readouterr().out.replace(" ---: ", " --- ")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*SPEED, "--rps", "1e9"), 2),
        ((*SPEED, "--rps", "500"), 1),
        ((*SPEED, "--slo", "tpot<=1us"), 2),
        ((*SPEED, "--slo", "tpot<=1ms"), 1),
        ((*SPEED, "--concurrency", "1,x"), 2),
        ((*SPEED, "--concurrency", "-1"), 2),
        ((*SPEED, "--tp", "3"), 1),
        (("throughput", "--model", "Llama-3.1-8"), 2),
        (("throughput",), 2),
        ((*COST, "--split", "thirds"), 2),
        (("cost",), 2),
        (("cost", "--usd-per-hour", "1"), 2),
        (("cost", "--measured", "/nonexistent.csv"), 3),
        (("bench", "import", "/nonexistent.json", "--to", "/tmp/x.yaml", "--gpu", "l40s"), 3),
    ],
)
def test_exit_codes(words: tuple[str, ...], code: int, capsys: Capture) -> None:
    assert run(list(words)) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    if code in (2, 3):
        assert captured.err.startswith(("error: ", "Usage"))


def test_what_does_not_fit_shows_where_the_memory_goes(capsys: Capture) -> None:
    assert run(["throughput", "--model", "Llama-3.1-70B", "--gpu", "l40s", "--tp", "1"]) == 1
    shown = capsys.readouterr().out
    assert "No speed" in shown
    assert "weights" in shown
    assert "output tok/s" not in shown


def test_own_numbers_need_no_model(capsys: Capture) -> None:
    words = ["cost", "--usd-per-hour", "1.58", "--tokens-per-second", "850"]
    assert run([*words, "--field", "result.rows.0.usd_per_million_output_tokens"]) == 0
    assert float(capsys.readouterr().out) == pytest.approx(0.5163, abs=5e-5)


def test_import_prints_what_it_wrote(tmp_path: Path, capsys: Capture) -> None:
    result = tmp_path / "r.json"
    point = {"n_prompt": 0, "n_gen": 128, "avg_ts": 150.0, "test_time": "2026-11-03T10:00:00Z"}
    result.write_text(json.dumps([point]), encoding="utf-8")
    overlay = tmp_path / "o.yaml"
    words = ["bench", "import", str(result), "--to", str(overlay), "--gpu", "rtx-4090"]
    assert run([*words, "--model", "meta-llama/Llama-2-7b-hf", "--quant", "q4_0"]) == 0
    assert "1 measured loads written" in capsys.readouterr().out
    assert run(["catalog", "check", "--catalog", str(overlay)]) == 0


def test_a_plot_is_drawn_or_its_extra_is_named(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run([*SPEED, "--plot"]) == 0
    assert "output tokens/s over requests in flight" in capsys.readouterr().out
    monkeypatch.setitem(__import__("sys").modules, "plotext", None)
    assert run([*SPEED, "--plot"]) == 2
    assert "gpucost[plot]" in capsys.readouterr().err
