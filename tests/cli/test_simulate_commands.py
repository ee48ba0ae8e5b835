"""`gpucost simulate` and `gpucost traffic` as they are typed."""

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
from gpucost.view.terminal import Terminal

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]
AZURE = str(ROOT / "examples" / "05-real-traffic" / "azure_llm_2023_code.csv.gz")
SIMULATE = (
    *("simulate", AZURE, "--prefill-tokens-per-s", "8000", "--tpot-ms", "20", "--start-s", "20"),
    *("--processes", "1", "-d", "runpod/flex/l40s"),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def answer(capsys: Capture, *words: str) -> dict[str, Any]:
    assert run([*words, "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, schema(words[0]))
    return found


def test_bills_and_latencies_stand_side_by_side(capsys: Capture) -> None:
    found = answer(capsys, *SIMULATE, "-d", "runpod/secure/l40s")["result"]
    assert [each["deployment"] for each in found["bills"]] == [each["deployment"] for each in found["runs"]]
    for bill in found["bills"]:
        assert bill["total_usd"] == pytest.approx(sum(line["usd"] for line in bill["lines"]))
    assert found["bills"][1]["delta_usd"] == pytest.approx(
        found["bills"][1]["total_usd"] - found["bills"][0]["total_usd"]
    )
    assert set(found["runs"][0]["latencies"]) == {"wait", "ttft", "tpot", "e2e"}
    assert len(found["runs"][0]["workers_over_time"]) > 10


def test_every_format_answers(capsys: Capture) -> None:
    for name in ("table", "csv", "markdown"):
        assert run([*SIMULATE, "--format", name, "--no-variants"]) == 0
        shown = capsys.readouterr().out
        assert "runpod/flex/48gb-pro" in shown
        if name == "csv":
            (row,) = csv.DictReader(io.StringIO(shown))
            assert float(row["total_usd"]) > 0


def test_one_value_for_a_script(capsys: Capture) -> None:
    assert run([*SIMULATE, "--no-variants", "--field", "result.runs.0.latencies.wait.p95"]) == 0
    assert float(capsys.readouterr().out) > 1


def test_a_scenario_is_the_flags(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "hour.yaml"
    path.write_text(
        f"trace: {AZURE}\nprefill_tokens_per_s: 8000\ntpot_ms: 20\nstart_s: 20\nprocesses: 1\n"
        "deployment: runpod/flex/l40s\nslo: ['ttft:p95<=60s']\nvariants: false\n",
        encoding="utf-8",
    )
    typed = answer(capsys, *SIMULATE, "--slo", "ttft:p95<=60s", "--no-variants")
    read = answer(capsys, "simulate", "--scenario", str(path))
    assert read["result"] == typed["result"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("simulate",), 2),
        (("simulate", "/nonexistent.csv", "-d", "runpod/flex/l40s", "--execution-s", "1"), 3),
        (("simulate", AZURE, "-d", "runpod/flex/l40s"), 2),
        ((*SIMULATE, "--slo", "ttft:p95<=1ms"), 1),
        ((*SIMULATE, "--slo", "nonsense"), 2),
        ((*SIMULATE, "--routing", "nearest"), 2),
        ((*SIMULATE, "--replications", "0"), 2),
        ((*SIMULATE, "--scheduler", "tcp://127.0.0.1:1"), 4),
        ((*SIMULATE, "--results", "/dev/null/results.jsonl"), 3),
        ((*SIMULATE, "--time-unit", "weeks"), 2),
        ((*SIMULATE, "--input-column", "prompt"), 3),
        (("traffic",), 2),
        (("traffic", "/nonexistent.csv"), 3),
        (("traffic", str(ROOT / "README.md")), 3),
    ],
)
def test_exit_codes(
    words: tuple[str, ...], code: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpucost.run.cluster.CONNECT_S", 0.5)  # nobody answers, however long one waits
    assert run(list(words)) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert captured.err or code == 1


def test_traffic_describes_a_file(capsys: Capture) -> None:
    found = answer(capsys, "traffic", AZURE)["result"]
    assert found["stats"]["requests"] == 8819
    assert run(["traffic", AZURE]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("8,819 requests in 3,436 s")


def test_plots_draw_workers_and_rates(capsys: Capture) -> None:
    pytest.importorskip("plotext")
    assert run([*SIMULATE, "--no-variants", "--plot"]) == 0
    assert "┤" in capsys.readouterr().out
    assert run(["traffic", AZURE, "--plot"]) == 0
    assert "┤" in capsys.readouterr().out


def test_a_plot_is_ascii_where_the_terminal_is(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("plotext")
    monkeypatch.setattr("gpucost.view.plot.pick_terminal", lambda _: Terminal(80, False, False))
    assert run(["traffic", AZURE, "--plot"]) == 0
    chart = capsys.readouterr().out.partition("requests per second over time")[2]
    assert chart.isascii()
    assert "|" in chart


def test_an_interrupt_shows_what_there_is(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from gpucost.calc.replication import run_point

    calls = []

    def stops(shared: Any, point: Any) -> Any:
        calls.append(point)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run_point(shared, point)

    monkeypatch.setattr("gpucost.api.simulation_runs.run_point", stops)
    assert run([*SIMULATE, "--no-variants", "--optimise", "idle-timeout"]) == 130
    captured = capsys.readouterr()
    assert "Frontier of 2 settings" in captured.out
    assert "interrupted" in captured.err
