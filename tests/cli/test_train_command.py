"""`gpucost train` as it is typed: flags, formats, streams, and one clear line for what cannot be asked."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gpucost.api.schema import schema
from gpucost.cli.app import run
from gpucost.domain.results import Offer
from gpucost.domain.training_results import Settings, TrainCandidate, TrainingMemoryPerGpu

Capture = pytest.CaptureFixture[str]
LLAMA = ("--model", "meta-llama/Llama-3.1-8B")
DAY = ("--as-of", "2026-11-20")
EIGHT = (*LLAMA, "--gpu", "h100-sxm-80gb", "--gpus", "8", *DAY)
ADAPTERS = (*LLAMA, "--method", "lora", "--gpu", "l40s-48gb", *DAY)
USAGE, DATA = 2, 3
MEMORY = (
    "parameters_bytes",
    "gradients_bytes",
    "optimizer_bytes",
    "activations_bytes",
    "logits_bytes",
    "overhead_bytes",
    "total_bytes",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    for name in ("GPUCOST_CATALOG", "FORCE_COLOR", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def say(capsys: Capture, *words: str, code: int = 0) -> tuple[str, str]:
    assert run(["train", *words]) == code
    return capsys.readouterr()


def ask(capsys: Capture, *words: str, code: int = 0) -> Any:
    out, err = say(capsys, *words, "--format", "json", code=code)
    assert err == ""
    return json.loads(out)


def one_line(capsys: Capture, *words: str, code: int = USAGE) -> str:
    """The one line of an error, checked for what every error keeps to."""
    out, err = say(capsys, *words, code=code)
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert line.isprintable()
    assert len(line) < 700
    return line


def process(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "gpucost", "train", *words],
        env={**os.environ, **(env or {})},
        capture_output=True,
        check=False,
        timeout=60,
    )


class TestFormats:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ((*EIGHT, "--dataset-tokens", "1B"), 0),
            ((*ADAPTERS, "--dataset-tokens", "10M", "--explain", "--keep-checkpoints", "2"), 0),
            ((*LLAMA, *DAY, "--method", "qlora"), 0),
            (("--params", "13", "--method", "qlora", *DAY, "--top", "2"), 0),
            (("--model", "meta-llama/Llama-3.1-70B", "--gpu", "a100-sxm-80gb", "--gpus", "4", *DAY), 1),
            ((*EIGHT, "--dataset-tokens", "1B", "--budget", "1"), 1),
        ],
        ids=str,
    )
    def test_json_is_what_the_schema_says(self, capsys: Capture, words: tuple[str, ...], code: int) -> None:
        found = ask(capsys, *words, code=code)
        for kind in ("train", "report"):
            jsonschema.Draft202012Validator(schema(kind)).validate(found)
        assert found["question"] == "train"
        assert (found["result"]["recommendation"] is None) == (code == 1)
        for each in found["result"]["candidates"]:
            memory = each["memory_per_gpu"]
            assert all(isinstance(memory[name], int) for name in MEMORY)
            assert sum(memory[name] for name in MEMORY[:-1]) == memory["total_bytes"]

    def test_a_report_that_is_not_so_is_refused(self, capsys: Capture) -> None:
        found = ask(capsys, *EIGHT)
        found["result"]["candidates"][0]["memory_per_gpu"]["logits_bytes"] = "many"
        assert not jsonschema.Draft202012Validator(schema("train")).is_valid(found)

    def test_the_schema_is_printed(self, capsys: Capture) -> None:
        assert run(["schema", "train"]) == 0
        assert json.loads(capsys.readouterr().out)["title"] == "gpucost report of train"

    def test_json_is_one_line_on_a_pipe(self, capsys: Capture) -> None:
        out, _ = say(capsys, *EIGHT, "--format", "json")
        assert out.count("\n") == 1

    def test_csv_headers_are_json_names(self, capsys: Capture) -> None:
        words = (*LLAMA, *DAY, "--method", "lora", "--dataset-tokens", "10M", "--top", "4")
        out, err = say(capsys, *words, "--format", "csv")
        assert err == ""
        lines = list(csv.DictReader(io.StringIO(out)))
        names = {*TrainCandidate._fields, *Settings._fields, *TrainingMemoryPerGpu._fields, *Offer._fields}
        assert set(lines[0]) <= names
        found = ask(capsys, *words)["result"]["candidates"]
        assert len(lines) == len(found)
        for line, each in zip(lines, found, strict=True):
            assert line["gpu"] == each["gpu"]
            assert line["fits"] == str(each["fits"]).lower()
            assert int(line["total_bytes"]) == each["memory_per_gpu"]["total_bytes"]
            assert line["hours"] == ("" if each["hours"] is None else str(each["hours"]))

    def test_markdown_is_a_table(self, capsys: Capture) -> None:
        out, _ = say(capsys, *EIGHT, "--dataset-tokens", "1B", "--format", "markdown")
        assert "| GPU |" in out
        assert "| **8** |" in out
        assert "\x1b" not in out

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("result.recommendation.gpu", "h100-sxm-80gb"),
            ("result.candidates.0.gpus", "8"),
            ("result.model.parameters", "8030261248"),
            ("result.per_parameter.total", "16.0"),
            ("result.candidates.0.fits", "true"),
        ],
    )
    def test_one_field_is_a_bare_value(self, capsys: Capture, field: str, value: str) -> None:
        out, _ = say(capsys, *EIGHT, "--field", field)
        assert out == f"{value}\n"

    def test_a_field_that_is_not_there(self, capsys: Capture) -> None:
        line = one_line(capsys, *EIGHT, "--field", "result.candidates.0.memory_per_gpu.activation_bytes")
        assert "did you mean result.candidates.0.memory_per_gpu.activations_bytes" in line

    def test_the_table_answers_in_its_first_line(self, capsys: Capture) -> None:
        out, err = say(capsys, *EIGHT, "--dataset-tokens", "1B")
        assert re.match(
            r"Take 8 × NVIDIA H100 SXM 80GB: [\d.]+ of 79.2 GiB per card with micro-batch \d+, ", out
        )
        for text in ("Memory of one card", "The same cards by way of paying", "rule: 12 B", "█ weights"):
            assert text in out
        assert all(line.startswith(("note: ", "warning: ", "      ")) for line in err.splitlines())
        assert "\x1b" not in out + err

    def test_a_sweep_names_its_knee(self, capsys: Capture) -> None:
        out, _ = say(
            capsys, *LLAMA, *DAY, "--gpu", "h100-sxm-80gb", "--dataset-tokens", "1B", "--max-gpus", "16"
        )
        assert "Time against cost on h100-sxm-80gb" in out
        assert re.search(r"Knee at \d+: the most cards whose bill is within a tenth", out)

    def test_nothing_fits_is_said_with_numbers(self, capsys: Capture) -> None:
        words = ("--model", "meta-llama/Llama-3.1-70B", "--gpu", "a100-sxm-80gb", "--gpus", "4", *DAY)
        out, _ = say(capsys, *words, code=1)
        assert out.startswith("Nothing looked at fits")
        text = " ".join(out.split())
        assert re.search(
            r"lacks [\d.]+ GiB per card: needs [\d.]+, of which [\d.]+ are optimizer states", text
        )

    def test_a_deadline_that_is_missed_is_said(self, capsys: Capture) -> None:
        out, _ = say(capsys, *EIGHT, "--dataset-tokens", "1B", "--deadline", "30m", code=1)
        assert out.startswith("Nothing keeps deadline and budget")
        assert "beyond the deadline of 0.50 h" in " ".join(out.split())

    def test_equations_and_sources_on_demand(self, capsys: Capture) -> None:
        plain, _ = say(capsys, *EIGHT)
        out, _ = say(capsys, *EIGHT, "--explain", "--sources")
        for text in ("weights + gradients + optimizer", "training_constants.memory-norm-values.value"):
            assert text in " ".join(out.split())
            assert text not in " ".join(plain.split())


class TestFlags:
    @pytest.mark.parametrize(
        ("spellings", "value"),
        [
            (("--seq-len", "--max-seq-length", "--cutoff-len"), "1024"),
            (("--batch", "--global-batch-size"), "128"),
            (("--micro-batch", "--per-device-train-batch-size"), "2"),
            (("--grad-accumulation", "--gradient-accumulation-steps"), "4"),
            (("--checkpointing", "--gradient-checkpointing"), "full"),
            (("--tp", "--tensor-parallel-size"), "2"),
            (("--gpus", "--gpu-count"), "8"),
        ],
    )
    def test_other_spellings_mean_the_same(
        self, capsys: Capture, spellings: tuple[str, ...], value: str
    ) -> None:
        answers = [ask(capsys, *EIGHT, "--batch", "128", each, value) for each in spellings]
        assert all(each == answers[0] for each in answers)

    @pytest.mark.parametrize(
        ("flags", "part", "sign"),
        [
            (("--optimizer", "adamw-8bit"), "optimizer_bytes", -1),
            (("--precision", "fp32"), "parameters_bytes", 1),
            (("--checkpointing", "full"), "activations_bytes", -1),
            (("--compile",), "activations_bytes", -1),
            (("--chunked-ce",), "logits_bytes", -1),
            (("--activation-offloading",), "activations_bytes", -1),
            (("--optimizer-offload",), "optimizer_bytes", -1),
            (("--state-format", "bf16"), "optimizer_bytes", -1),
            (("--zero", "0"), "parameters_bytes", 1),
            (("--deferred-reduction",), "gradients_bytes", 1),
            (("--tp", "2"), "logits_bytes", -1),
            (("--no-flash-attention",), "activations_bytes", 1),
            (("--shard-degree", "2"), "optimizer_bytes", 1),
        ],
        ids=str,
    )
    def test_settings_move_their_part(
        self, capsys: Capture, flags: tuple[str, ...], part: str, sign: int
    ) -> None:
        fixed = (*EIGHT, "--micro-batch", "1", "--checkpointing", "none", "--batch", "64", "--zero", "3")
        here, there = (
            json.loads(capsys.readouterr().out)["result"]["candidates"][0]["memory_per_gpu"]
            for more in ((), flags)
            if run(["train", *fixed, *more, "--format", "json"]) in (0, 1)
        )
        assert (there[part] - here[part]) * sign > 0

    @pytest.mark.parametrize(
        ("flags", "part", "sign"),
        [
            (("--lora-rank", "64"), "optimizer_bytes", 1),
            (("--lora-targets", "q,v"), "optimizer_bytes", -1),
            (("--lora-targets", "q", "--lora-targets", "v"), "optimizer_bytes", -1),
            (("--dora",), "overhead_bytes", 1),
            (("--trained-embeddings",), "gradients_bytes", 1),
            (("--load-in-4bit",), "parameters_bytes", -1),
            (("--load-in-8bit",), "parameters_bytes", -1),
        ],
        ids=str,
    )
    def test_settings_of_adapters(
        self, capsys: Capture, flags: tuple[str, ...], part: str, sign: int
    ) -> None:
        fixed = (*ADAPTERS, "--gpus", "1", "--micro-batch", "1", "--checkpointing", "full", "--batch", "8")
        here, there = (
            ask(capsys, *fixed, *more)["result"]["candidates"][0]["memory_per_gpu"] for more in ((), flags)
        )
        assert (there[part] - here[part]) * sign > 0

    def test_a_base_in_few_bits_is_qlora(self, capsys: Capture) -> None:
        base = (*LLAMA, *DAY, "--gpu", "l40s-48gb")
        four = ask(capsys, *base, "--method", "lora", "--load-in-4bit")
        assert four["result"] == ask(capsys, *base, "--method", "qlora")["result"]
        double, single = (
            ask(capsys, *base, "--method", "qlora", "--micro-batch", "1", flag)["result"]["candidates"][0]
            for flag in ("--double-quant", "--no-double-quant")
        )
        assert double["memory_per_gpu"]["parameters_bytes"] < single["memory_per_gpu"]["parameters_bytes"]

    def test_experts_and_sequence_parallelism(self, capsys: Capture) -> None:
        base = ("--model", "Qwen/Qwen3-30B-A3B", "--gpu", "h200-sxm-141gb", "--gpus", "8", *DAY)
        found = ask(capsys, *base, "--ep", "8", "--zero", "1")["result"]["candidates"][0]
        whole = ask(capsys, *base, "--zero", "1", "--tp", "1", code=1)["result"]["candidates"][0]
        assert found["settings"]["ep"] == 8
        assert found["memory_per_gpu"]["parameters_bytes"] < whole["memory_per_gpu"]["parameters_bytes"] / 2
        shared, plain = (
            ask(capsys, *EIGHT, "--tp", "8", "--micro-batch", "8", flag)["result"]["candidates"][0]
            for flag in ("--sequence-parallel", "--no-sequence-parallel")
        )
        sizes = [each["memory_per_gpu"]["activations_bytes"] for each in (shared, plain)]
        assert sizes[0] < sizes[1]

    def test_a_scenario_names_flags_and_flags_win(self, capsys: Capture, tmp_path: Path) -> None:
        path = tmp_path / "job.yaml"
        path.write_text(
            "model: meta-llama/Llama-3.1-8B\nmethod: lora\nlora_rank: 32\nlora_targets: [q, v]\n"
            "gpu: [l40s-48gb]\ndataset_tokens: 10M\ndeadline: 12h\n",
            encoding="utf-8",
        )
        found = ask(capsys, "--scenario", str(path), *DAY)["inputs"]
        assert (found["lora_rank"], found["lora_targets"], found["tokens"]) == (32, ["q", "v"], 1e7)
        assert found["deadline_h"] == 12
        assert ask(capsys, "--scenario", str(path), *DAY, "--lora-rank", "4")["inputs"]["lora_rank"] == 4

    def test_naming_the_model_by_its_files(self, capsys: Capture, tmp_path: Path) -> None:
        config = {
            "model_type": "llama",
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 16,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "vocab_size": 128_256,
            "max_position_embeddings": 8192,
            "tie_word_embeddings": True,
        }
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        found = ask(capsys, "--config", str(tmp_path), "--gpu", "h100-sxm-80gb", *DAY)
        assert found["result"]["model"]["layers"] == 16
        assert found["result"]["model"]["parameters"] == 1_235_814_400


WRONG: list[tuple[tuple[str, ...], str]] = [
    ((), "name the model in one way"),
    (("--model", "Llama-3.1-8X"), "did you mean"),
    (("--model", ""), "the model name is empty"),
    ((*LLAMA, "--params", "8"), "not --params and --model"),
    ((*LLAMA, "--method", "loraa"), "did you mean full, lora, qlora"),
    ((*LLAMA, "--method", ""), "did you mean full, lora, qlora"),
    ((*LLAMA, "--method", "\x1b[31m"), r"unknown --method '\x1b[31m'"),
    ((*LLAMA, "--optimizer", "adamw8bit"), "did you mean adamw, adamw-8bit"),
    ((*LLAMA, "--precision", "bf17"), "did you mean fp32, bf16, bf16-autocast"),
    ((*LLAMA, "--state-format", "fp8"), "did you mean fp32, bf16, int8, int4"),
    ((*LLAMA, "--checkpointing", "half"), "did you mean none, selective, full"),
    ((*LLAMA, "--checkpointing", "selective", "--selective", "x"), "did you mean ops, layers, attention"),
    ((*LLAMA, "--selective", "ops"), "goes with --checkpointing selective"),
    ((*LLAMA, "--method", "lora", "--lora-targets", "q,w"), "did you mean q, k, v, o, mlp, head, all-linear"),
    ((*LLAMA, "--method", "lora", "--lora-targets", ""), "unknown --lora-targets ''"),
    ((*LLAMA, "--gpu", "rtx-5091"), "did you mean RTX 5090"),
    ((*LLAMA, "--sort", "price"), "did you mean usd, hours, gpus"),
    ((*LLAMA, "--billing", "flexx"), "did you mean flex"),
    ((*LLAMA, "--prices", "seed"), "did you mean catalog, seeds"),
    ((*LLAMA, "--as-of", "garbage"), "takes a date"),
    ((*LLAMA, "--dataset-tokens", "5X"), "such as 100M or 1.5B"),
    ((*LLAMA, "--dataset-tokens", ""), "such as 100M or 1.5B"),
    ((*LLAMA, "--dataset-tokens", "nan"), "such as 100M or 1.5B"),
    ((*LLAMA, "--dataset-tokens", "-5M"), "such as 100M or 1.5B"),
    ((*LLAMA, "--dataset-tokens", "9" * 500), "at most 1000T"),
    ((*LLAMA, "--dataset-tokens", "1M", "--examples", "5"), "not both"),
    ((*LLAMA, "--examples", "5"), "needs --tokens-per-example"),
    ((*LLAMA, "--examples", "nan", "--tokens-per-example", "9"), "--examples must be above 0"),
    ((*LLAMA, "--examples", "5", "--tokens-per-example", "inf"), "--tokens-per-example must be above 0"),
    ((*LLAMA, "--epochs", "0"), "--epochs must be above 0"),
    ((*LLAMA, "--epochs", "1e400"), "--epochs must be above 0"),
    ((*LLAMA, "--no-packed", "--dataset-tokens", "1M"), "needs --tokens-per-example"),
    ((*LLAMA, "--deadline", "12y"), "write 12h, 90m or 3d"),
    ((*LLAMA, "--deadline", ""), "write 12h, 90m or 3d"),
    ((*LLAMA, "--deadline", "nan"), "--deadline must be above 0"),
    ((*LLAMA, "--deadline", "0"), "--deadline must be above 0"),
    ((*LLAMA, "--deadline", "12h"), "add --dataset-tokens"),
    ((*LLAMA, "--budget", "200"), "add --dataset-tokens"),
    ((*LLAMA, "--budget", "0"), "--budget must be above 0"),
    ((*LLAMA, "--budget", "nan"), "--budget must be above 0"),
    ((*LLAMA, "--budget", "-inf"), "--budget must be above 0"),
    ((*LLAMA, "--seq-len", "0"), "--seq-len must be from 1"),
    ((*LLAMA, "--seq-len", "9" * 30), "--seq-len must be from 1"),
    ((*LLAMA, "--batch", "-1"), "--batch must be from 1"),
    ((*LLAMA, "--micro-batch", "0"), "--micro-batch must be from 1"),
    ((*LLAMA, "--grad-accumulation", "0"), "--grad-accumulation must be from 1"),
    ((*LLAMA, "--gpus", "0"), "--gpus must be from 1"),
    ((*LLAMA, "--max-gpus", "5000"), "--max-gpus must be from 1 to 4,096"),
    ((*LLAMA, "--zero", "7"), "--zero must be from 0 to 3"),
    ((*LLAMA, "--zero", "-1"), "--zero must be from 0 to 3"),
    ((*LLAMA, "--fsdp", "--zero", "2"), "--zero 2 asks for less"),
    ((*LLAMA, "--top", "0"), "--top must be from 1"),
    ((*LLAMA, "--lora-rank", "8"), "has no adapters: drop --lora-rank"),
    ((*LLAMA, "--dora", "--lora-targets", "q"), "drop --lora-targets, --dora"),
    ((*LLAMA, "--method", "lora", "--lora-rank", "0"), "--lora-rank must be from 1"),
    ((*LLAMA, "--load-in-4bit"), "go with --method qlora"),
    ((*LLAMA, "--method", "qlora", "--load-in-4bit", "--load-in-8bit"), "not both"),
    ((*LLAMA, "--ep", "2"), "has no experts"),
    (
        ("--model", "Qwen/Qwen3-30B-A3B", "--ep", "3", "--gpus", "3", "--batch", "6"),
        "does not divide 128 experts",
    ),
    ((*EIGHT, "--tp", "3"), "not a multiple of tp"),
    ((*EIGHT, "--tp", "1", "--batch", "12"), "does not divide over 8"),
    ((*EIGHT, "--tp", "1", "--batch", "64", "--micro-batch", "3"), "micro-batches of 3"),
    ((*EIGHT, "--tp", "1", "--batch", "64", "--micro-batch", "2", "--grad-accumulation", "2"), "2 passes"),
    ((*EIGHT, "--pp", "64", "--gpus", "64"), "more than the 32 layers"),
    ((*LLAMA, "--virtual-pp", "2"), "needs --pp above 1"),
    ((*EIGHT, "--shard-degree", "3"), "shards over 3 cards"),
    ((*LLAMA, "--optimizer-in-backward", "--grad-accumulation", "4"), "--grad-accumulation must be 1"),
    ((*LLAMA, "--interruptions-per-day", "nan"), "--interruptions-per-day must be at least 0"),
    ((*LLAMA, "--checkpoint-minutes", "0"), "--checkpoint-minutes must be above 0"),
    ((*LLAMA, "--restart-minutes", "inf"), "--restart-minutes must be at least 0"),
    ((*LLAMA, "--checkpoint-gb-per-s", "0"), "--checkpoint-gb-per-s must be above 0"),
    ((*LLAMA, "--keep-checkpoints", "-1"), "--keep-checkpoints must be from 0"),
    ((*LLAMA, "--keep-months", "nan"), "--keep-months must be at least 0"),
    ((*LLAMA, "--egress-checkpoints", "-2"), "--egress-checkpoints must be from 0"),
]


@pytest.mark.parametrize(("words", "text"), WRONG, ids=lambda value: ascii(value)[-60:])
def test_a_wrong_flag_is_one_line_that_says_what_to_do(
    capsys: Capture, words: tuple[str, ...], text: str
) -> None:
    assert text in one_line(capsys, *words)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((*LLAMA, "--nope"), "No such option"),
        ((*LLAMA, "extra"), "unexpected extra argument"),
        ((*LLAMA, "--seq-len", "4k"), "integer"),
        ((*LLAMA, "--zero", "three"), "integer"),
        ((*LLAMA, "--budget", "cheap"), "--budget"),
        ((*LLAMA, "--format", "xml"), "'table', 'json', 'csv', 'markdown'"),
    ],
    ids=str,
)
def test_what_the_parser_refuses(capsys: Capture, words: tuple[str, ...], text: str) -> None:
    out, err = say(capsys, *words, code=USAGE)
    assert out == ""
    assert text in err
    assert "Traceback" not in err


class TestFiles:
    def test_a_missing_config(self, capsys: Capture, tmp_path: Path) -> None:
        line = one_line(capsys, "--config", str(tmp_path / "none"), code=DATA)
        assert "no such file or folder" in line

    @pytest.mark.parametrize("text", ["", "{", "[1]", '{"hidden_size": NaN}'])
    def test_a_broken_config(self, capsys: Capture, tmp_path: Path, text: str) -> None:
        path = tmp_path / "config.json"
        path.write_text(text, encoding="utf-8")
        assert str(path) in one_line(capsys, "--config", str(path), code=DATA)

    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("modle: x\n", "modle"),
            ("model: [1\n", "job.yaml"),
            ("- 1\n", "job.yaml"),
        ],
    )
    def test_a_scenario_that_is_wrong(self, capsys: Capture, tmp_path: Path, text: str, word: str) -> None:
        path = tmp_path / "job.yaml"
        path.write_text(text, encoding="utf-8")
        out, err = say(capsys, "--scenario", str(path), code=DATA)
        assert out == ""
        assert err.startswith("error: ")
        assert word in err

    def test_a_value_of_a_scenario_that_is_none(self, capsys: Capture, tmp_path: Path) -> None:
        path = tmp_path / "job.yaml"
        for text, flag in (("seq_len: many\n", "--seq-len"), ("lora_rank: 1.5\n", "--lora-rank")):
            path.write_text(text, encoding="utf-8")
            out, err = say(capsys, "--scenario", str(path), code=USAGE)
            assert out == ""
            assert flag in err

    def test_a_scenario_that_is_not_there(self, capsys: Capture, tmp_path: Path) -> None:
        assert "No such file" in one_line(capsys, "--scenario", str(tmp_path / "none.yaml"), code=DATA)

    def test_an_overlay_that_is_not_there(self, capsys: Capture, tmp_path: Path) -> None:
        line = one_line(capsys, *LLAMA, "--catalog", str(tmp_path / "none.yaml"), code=DATA)
        assert "give a YAML file" in line


class TestStreams:
    def test_a_home_that_cannot_be_written_or_read(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        found = process(*ADAPTERS, env={"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""})
        assert found.returncode == 0
        assert found.stdout.decode().startswith("Take ")

    def test_a_pipe_that_closes_early_ends_quietly(self) -> None:
        command = (
            f"{sys.executable} -m gpucost train {' '.join(ADAPTERS)} --dataset-tokens 1M 2>&1 | head -n 1"
        )
        found = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False, timeout=60
        )
        assert found.stdout.count(b"\n") == 1
        assert b"Traceback" not in found.stdout + found.stderr

    def test_an_old_locale_draws_bars_in_ascii(self) -> None:
        found = process(
            *ADAPTERS, env={"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}
        )
        assert found.returncode == 0
        assert found.stdout.isascii()

    def test_a_narrow_terminal_keeps_what_decides(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setenv("FORCE_COLOR", "1")
        out, _ = say(capsys, *LLAMA, *DAY, "--method", "lora", "--dataset-tokens", "100M")
        text = re.sub(r"\x1b\[[0-9;]*m", "", out)
        for word in ("GPU", "fits", "hours", "job", "offer"):
            assert word in text
