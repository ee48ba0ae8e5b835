"""`--scenario FILE[:NAME]`: one file for every command, flags win over it, faults come all at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from gpucost.cli.app import build, run
from gpucost.cli.scenario import COMMANDS, WHOLE, spliced

Capture = pytest.CaptureFixture[str]
FILE = """\
version: 1
scenarios:
  chat:
    models:
      - model: Llama-3.1-8B
        quantizations: [fp8, awq]
      - model: Qwen/Qwen3-8B
    workload:
      input_tokens: 1000
      output_tokens: 250
      requests_per_day: 20000
      peak_to_mean: 2
      hours: 6
      prefix_cache_hit: 0.25
    slo: ["ttft:p95<=60s", "tpot<=1s"]
    constraints:
      providers: [runpod, aws]
      regions: [global, us-east-1]
      gpus: [l40s, h100-sxm]
      engines: [sglang, vllm]
      billing: [flex, on-demand]
      max_gpus: 2
      spot: true
    budget: {usd_per_month: 500}
    baseline: {gpu: a100-sxm-80gb}
    speculation: {draft_tokens: 3, acceptance: 0.7, draft_model: Llama-3.2-1B}
    as_of: "2026-11-20"
  size-70b:
    models:
      - params: 70
    workload: {input_tokens: 3000, output_tokens: 1000, max_context: 16384}
"""
LENGTHS = ["--input-tokens=1000", "--output-tokens=250"]
SHAPE = ["--pattern=diurnal", "--peak-to-mean=2.0", "--hours=6.0"]
DAY = ["--requests-per-day=20000.0"]
RATE = [f"--rps={20000 / 86400}"]
MODEL = ["--model=Llama-3.1-8B"]
QUANTS = ["--quant=fp8", "--quant=awq"]
SLOS = ["--slo=ttft:p95<=60s", "--slo=tpot<=1s"]
PROVIDERS = ["--provider=runpod", "--provider=aws"]
REGIONS = ["--region=global", "--region=us-east-1"]
GPUS = ["--gpu=l40s", "--gpu=h100-sxm"]
BILLING = ["--billing=flex", "--billing=on-demand"]
ENGINE = ["--engine=sglang"]
AS_OF = ["--as-of=2026-11-20"]
LENGTHS_70B = ["--input-tokens=3000", "--output-tokens=1000"]
CACHED = ["--prefix-cache-hit=0.25"]
FLAGS: dict[str, list[str]] = {
    "size": [*MODEL, *QUANTS, "--context=1250", *GPUS, *ENGINE, *PROVIDERS, *REGIONS, *BILLING, *AS_OF],
    "throughput": [*MODEL, *QUANTS, *GPUS, *ENGINE, *LENGTHS, *SLOS, *CACHED],
    "cost": [
        *(*MODEL, *QUANTS, *GPUS, *ENGINE, *LENGTHS, *RATE, *SLOS, *CACHED),
        *(*PROVIDERS, *REGIONS, *BILLING, *AS_OF),
    ],
    "bill": [
        *(*MODEL, "--quant=fp8", *ENGINE, *LENGTHS, *CACHED, *DAY, *SHAPE),
        *("--gpu=l40s", *PROVIDERS, *BILLING, *AS_OF),
    ],
    "breakeven": [*MODEL, "--quant=fp8", *ENGINE, *LENGTHS, *CACHED, *SHAPE, *AS_OF],
    "compare": [*MODEL, "--quant=fp8", *GPUS, *PROVIDERS, *AS_OF],
    "simulate": [
        *(*MODEL, "--quant=fp8", *ENGINE, *LENGTHS, *CACHED, *DAY, *SHAPE, *SLOS),
        *("--gpu=l40s", *PROVIDERS, *BILLING, *AS_OF),
    ],
    "traffic": [],
    "train": [*MODEL, *GPUS, *PROVIDERS, *REGIONS, *BILLING, *AS_OF],
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(FILE, encoding="utf-8")


def added(*words: str, file: str = "s.yaml:chat") -> list[str]:
    """Words that the file adds to a command line."""
    made = spliced(build(list(words)), [*words, "--scenario", file])
    rest = list(words)
    found = []
    for word in made:
        if rest and word == rest[0]:
            rest.pop(0)
        else:
            found.append(word)
    assert not rest
    return found


def answer(capsys: Capture, *words: str) -> Any:
    code = run([*words, "--format", "json"])
    captured = capsys.readouterr()
    assert code in (0, 1), captured.err
    return json.loads(captured.out)["result"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_what_it_has_flags_for(command: str) -> None:
    assert sorted(added(command)) == sorted(FLAGS[command])


def test_every_command_that_takes_it_says_so(capsys: Capture) -> None:
    for command in COMMANDS:
        assert run([command, "--help"]) == 0
        assert "--scenario FILE[:NAME]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "gone", "kept"),
    [
        (("cost", "--gpu", "l4"), GPUS, MODEL),
        (("cost", "--gpu=l4"), GPUS, MODEL),
        (("cost", "--isl", "5"), ["--input-tokens=1000"], ["--output-tokens=250"]),
        (("cost", "--params", "70"), [*MODEL, *QUANTS], LENGTHS),
        (("cost", "--config", "config.json"), [*MODEL, *QUANTS], LENGTHS),
        (("cost", "--quant", "bf16"), QUANTS, MODEL),
        (("cost", "--concurrency", "5"), [*RATE, *SLOS], MODEL),
        (("cost", "--utilization", "0.5"), [*RATE, *SLOS], MODEL),
        (("cost", "--rps", "5"), RATE, SLOS),
        (("cost", "--slo", "tpot<=1s"), SLOS, RATE),
        (("throughput", "--rps", "5"), SLOS, MODEL),
        (("throughput", "--concurrency", "1,2"), SLOS, MODEL),
        (("throughput", "--tokens-per-second", "900"), SLOS, MODEL),
        (("bill", "--requests-per-month", "5"), DAY, SHAPE),
        (("bill", "--rps", "5"), DAY, SHAPE),
        (("bill", "--items", "5"), [*DAY, *SHAPE], MODEL),
        (("bill", "--pattern", "uniform"), SHAPE, DAY),
        (("bill", "--hours", "3"), ["--hours=6.0"], ["--pattern=diurnal", "--peak-to-mean=2.0"]),
        (("bill", "-d", "runpod/flex/l40s"), ["--gpu=l40s", *PROVIDERS, *BILLING], DAY),
        (("bill", "-drunpod/flex/l40s"), ["--gpu=l40s", *PROVIDERS, *BILLING], DAY),
        (("bill", "--hybrid", "a", "--hybrid", "b"), ["--gpu=l40s", *PROVIDERS, *BILLING], DAY),
        (("bill", "--execution-s", "1.2"), [], [*MODEL, *DAY]),
        (("simulate", "t.csv"), [*DAY, *SHAPE], MODEL),
        (("simulate", "--seed", "3"), [], [*DAY, *SHAPE]),
        (("simulate", "--no-variants", "--", "t.csv"), [*DAY, *SHAPE], MODEL),
        (("simulate", "--profile", "rates.csv"), SHAPE, DAY),
        (("size", "--ctx-size", "9"), ["--context=1250"], MODEL),
    ],
    ids=lambda part: " ".join(part)[:40],
)
def test_a_flag_wins_with_what_contradicts_it(
    words: tuple[str, ...], gone: list[str], kept: list[str]
) -> None:
    (command, *rest) = words
    left = [flag for flag in FLAGS[command] if flag not in gone]
    assert sorted(added(*words)) == sorted(left)
    assert set(kept) <= set(left)
    assert rest


def test_the_other_scenario_and_its_longest_sequence() -> None:
    assert added("size", file="s.yaml:size-70b") == ["--params=70", "--context=16384", "--engine=vllm"]
    assert added("throughput", file="s.yaml:size-70b") == ["--params=70", *LENGTHS_70B, "--engine=vllm"]


def test_bursts_are_a_rate_where_a_command_has_no_interval() -> None:
    text = FILE.replace(
        "      requests_per_day: 20000\n      peak_to_mean: 2\n      hours: 6\n",
        "      burst_size: 50\n      burst_interval_s: 100\n",
    )
    Path("s.yaml").write_text(text, encoding="utf-8")
    bursts = ["--pattern=bursty", "--burst-size=50"]
    assert {*bursts, "--burst-interval-s=100.0"} < set(added("bill"))
    assert not any(word.startswith("--requests") for word in added("bill"))
    assert {*bursts, "--requests-per-second=0.5"} < set(added("simulate"))
    assert "--rps=0.5" in added("cost")
    assert set(bursts) < set(added("breakeven"))
    assert not any(word.startswith(("--requests", "--burst-i")) for word in added("breakeven"))


@pytest.fixture
def traced() -> None:
    text = FILE.replace("requests_per_day: 20000\n      peak_to_mean: 2\n      hours: 6", "trace: t.csv")
    Path("s.yaml").write_text(text, encoding="utf-8")
    Path("t.csv").write_text("timestamp,input_tokens\n0,500\n1,600\n", encoding="utf-8")


@pytest.mark.usefixtures("traced")
def test_a_trace_goes_to_the_commands_that_read_one() -> None:
    assert added("traffic") == ["t.csv"]
    found = added("simulate")
    assert "t.csv" in found
    assert "--output-tokens=250" in found
    assert "--input-tokens=1000" not in found  # the trace has its own
    assert not any(word.startswith(("--requests", "--pattern")) for word in found)
    assert set(LENGTHS) < set(added("cost"))
    assert not any("rps" in word for word in added("cost"))
    assert added("traffic", "other.csv") == []
    assert "t.csv" not in added("simulate", "--requests-per-day", "5")
    assert "t.csv" in added("simulate", "-d", "runpod/flex/l40s")
    assert "--output-tokens=250" not in added("simulate", "--output-column", "made")


@pytest.mark.usefixtures("traced")
def test_a_trace_is_replayed(capsys: Capture) -> None:
    found = answer(
        capsys,
        *("simulate", "--scenario", "s.yaml:chat", "-d", "runpod/secure/l40s", "--processes", "1"),
        *("--no-variants", "--period", "trace"),
    )
    assert found["requests"] == 2
    assert answer(capsys, "traffic", "--scenario=s.yaml:chat")["file"] == "t.csv"


def test_a_value_is_no_flag(tmp_path: Path) -> None:
    Path("-o=x.csv").write_text("timestamp\n0\n1\n", encoding="utf-8")
    Path("s.yaml").write_text(
        "version: 1\nscenarios:\n  a:\n    models: [{model: Llama-3.1-8B}]\n"
        "    workload: {input_tokens: 1, output_tokens: 1, trace: -o=x.csv}\n",
        encoding="utf-8",
    )
    assert added("traffic", file="s.yaml") == ["./-o=x.csv"]


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (
            ("size", "--top", "3"),
            ("size", "--top", "3", *FLAGS["size"]),
        ),
        (("bill", "-d", "runpod/flex/l40s"), ("bill", "-d", "runpod/flex/l40s", *MODEL, "--quant", "fp8")),
    ],
)
def test_the_answer_is_that_of_the_flags(
    words: tuple[str, ...], typed: tuple[str, ...], capsys: Capture
) -> None:
    if words[0] == "bill":
        typed = (*typed, *ENGINE, *LENGTHS, *CACHED, *DAY, *SHAPE, *AS_OF)
    read = answer(capsys, *words, "--scenario", "s.yaml:chat")
    assert read == answer(capsys, *typed)


@pytest.mark.parametrize(
    "words",
    [
        ("throughput",),
        ("cost", "--top", "2"),
        ("bill",),
        ("breakeven", "runpod/flex/l40s", "runpod/secure/l40s"),
        ("compare", "--top", "2"),
        ("train", "--top", "2", "--dataset-tokens", "1M"),
    ],
    ids=lambda words: words[0],
)
def test_every_command_answers(words: tuple[str, ...], capsys: Capture) -> None:
    assert answer(capsys, *words, "--scenario", "s.yaml:chat")


def refusal(capsys: Capture, *words: str, code: int) -> list[str]:
    assert run(list(words)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err.splitlines()


def test_all_faults_come_at_once_on_every_command(capsys: Capture) -> None:
    bad = FILE.replace("- model: Llama", "- model: Lama").replace("gpus: [l40s", "gpus: [l40z")
    bad = bad.replace("output_tokens: 250", "output_tokens: many").replace("  budget:", "  buget:")
    Path("s.yaml").write_text(bad, encoding="utf-8")
    for command in COMMANDS:
        lines = refusal(capsys, command, "--scenario", "s.yaml:size-70b", code=3)
        assert [line.split(":")[2] for line in lines] == ["5", "10", "19", "24"]
        assert all(line.startswith("error: s.yaml:") for line in lines)


def test_names_of_an_overlay_are_known(capsys: Capture) -> None:
    Path("own.yaml").write_text(
        "sources:\n  - {id: own, title: Own, publisher: Us, address: x, as_of: 2026-11-01,"
        " confidence: measured}\n"
        "gpu_names:\n  - {name: ours, gpu: l40s-48gb, note: the cards in the cellar, sources: [own]}\n",
        encoding="utf-8",
    )
    Path("s.yaml").write_text(FILE.replace("[l40s,", "[ours,"), encoding="utf-8")
    assert refusal(capsys, "size", "--scenario", "s.yaml:chat", code=3)
    for words in (("--catalog", "own.yaml"), ("--catalog=own.yaml",)):
        assert run(["size", "--scenario", "s.yaml:chat", *words, "--field", "result.searched"]) == 0
        capsys.readouterr()


@pytest.mark.parametrize(
    ("file", "code", "told"),
    [
        ("s.yaml", 2, "s.yaml holds 2 scenarios; name one of s.yaml:chat, s.yaml:size-70b"),
        ("s.yaml:chta", 2, "unknown scenario of s.yaml 'chta'; did you mean chat?"),
        ("none.yaml", 3, "none.yaml: No such file or directory"),
        ("none.yaml:chat", 3, "none.yaml: No such file or directory"),
        (".", 3, "Is a directory"),
        ("", 3, "Is a directory"),
        ("flat.yaml:chat", 2, "flat.yaml holds flags, no scenarios: leave :chat out"),
        ("empty.yaml", 3, "empty.yaml:1: a scenario maps flags"),
        ("list.yaml", 3, "list.yaml:1: a scenario maps flags"),
        ("bool.yaml", 3, "bool.yaml:1: NO: write true or false"),
    ],
)
def test_files_that_are_none(file: str, code: int, told: str, capsys: Capture) -> None:
    for name, text in (("flat", "gpu: l4\n"), ("empty", ""), ("list", "- gpu\n"), ("bool", "gpu: NO\n")):
        Path(f"{name}.yaml").write_text(text, encoding="utf-8")
    (line,) = refusal(capsys, "cost", "--scenario", file, code=code)
    assert told in line


def test_flags_as_yaml_go_on_working(capsys: Capture) -> None:
    Path("flat.yaml").write_text("params: 8\nquant: [awq, fp8]\ngpu: l4\ntop: 2\n", encoding="utf-8")
    read = answer(capsys, "size", "--scenario", "flat.yaml")
    assert read == answer(
        capsys, "size", "--params", "8", "--quant", "awq", "--quant", "fp8", "--gpu", "l4", "--top", "2"
    )
    (line,) = refusal(capsys, "compare", "--scenario", "flat.yaml", "--model", "Llama-3.1-8B", code=3)
    assert "flat.yaml:2: quant: takes one value, not 2" in line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("cost", "--scenario"), "--scenario needs a file"),
        (("cost", "--scenario", "s.yaml:chat", "--scenario=s.yaml"), "--scenario stands twice"),
    ],
)
def test_the_flag_itself(words: tuple[str, ...], told: str, capsys: Capture) -> None:
    (line,) = refusal(capsys, *words, code=2)
    assert told in line


def test_commands_that_read_the_file_themselves_get_its_name() -> None:
    for command in WHOLE:
        words = [command, "--top", "3", "--scenario", "s.yaml:chat"]
        assert spliced(typer.Typer(), words) == [command, "s.yaml:chat", "--top", "3"]


def test_commands_that_ask_nothing_of_it_do_not_know_it(capsys: Capture) -> None:
    for command in ("explain", "validate", "schema"):
        assert any(
            "No such option" in line for line in refusal(capsys, command, "--scenario", "s.yaml", code=2)
        )
