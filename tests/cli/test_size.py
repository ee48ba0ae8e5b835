"""`gpucost size` as it is typed: flags and their other spellings, formats, streams and terminals."""

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

from gpucost.cli.app import run
from gpucost.domain.results import Candidate, MemoryPerGpu, Offer

Capture = pytest.CaptureFixture[str]
QWEN = ("--model", "Qwen/Qwen3-8B")
H100 = ("--gpu", "h100-sxm-80gb", "--tp", "1")
DEEPSEEK = ("--model", "deepseek-ai/DeepSeek-V3", "--gpu", "h200-sxm-141gb")
NUMBERS: dict[str, Any] = {"type": "number", "minimum": 0}
BYTES: dict[str, Any] = {"type": "integer", "minimum": 0}
MEMORY = (
    "weights_bytes",
    "kv_cache_bytes",
    "activations_bytes",
    "cuda_graphs_bytes",
    "non_torch_bytes",
    "total_bytes",
    "usable_bytes",
    "kv_available_bytes",
)
CANDIDATE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "gpu": {"type": "string"},
        **{name: {"type": "integer", "minimum": 1} for name in ("gpus", "tp", "pp", "ep", "replicas")},
        "fits": {"type": "boolean"},
        "reason": {"type": "string", "minLength": 1},
        "offer": {"type": ["object", "null"]},
        "usd_per_hour": {"type": ["number", "null"]},
        "memory_per_gpu": {
            "type": "object",
            "properties": dict.fromkeys(MEMORY, BYTES),
            "required": list(MEMORY),
        },
        "kv_tokens": BYTES,
        "max_concurrency": NUMBERS,
        "max_context": BYTES,
    },
    "required": [
        *("gpu", "gpus", "tp", "pp", "ep", "replicas", "fits", "reason", "offer", "usd_per_hour"),
        *("memory_per_gpu", "kv_tokens", "max_concurrency", "max_context"),
    ],
}
ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "schema_version": {"type": "string", "pattern": r"^\d+\.\d+$"},
        "question": {"const": "size"},
        "inputs": {"type": "object"},
        "result": {
            "type": "object",
            "properties": {
                "candidates": {"type": "array", "items": CANDIDATE, "minItems": 1},
                "recommendation": {
                    "type": ["object", "null"],
                    "properties": {"reasons": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
                    "required": ["gpu", "gpus", "reasons"],
                },
                "model": {"type": "object", "required": ["id", "parameters", "layers", "quantization"]},
                "rule_of_thumb": {"type": "object", "required": ["weights_gb", "total_gb", "explanation"]},
            },
            "required": ["candidates", "recommendation", "model", "rule_of_thumb"],
        },
        "evidence": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["field", "value", "unit", "source", "title", "as_of", "confidence", "binding"],
            },
        },
        "notes": {"type": "array", "items": {"type": "object", "required": ["text", "level"]}},
    },
    "required": ["schema_version", "question", "inputs", "result", "evidence", "notes"],
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    for name in ("GPUCOST_CATALOG", "FORCE_COLOR", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def say(capsys: Capture, *words: str, code: int = 0) -> tuple[str, str]:
    assert run(["size", *words]) == code
    return capsys.readouterr()


def ask(capsys: Capture, *words: str, code: int = 0) -> Any:
    out, err = say(capsys, *words, "--format", "json", code=code)
    assert err == ""
    return json.loads(out)


def process(
    *words: str, env: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    return subprocess.run(
        [sys.executable, "-m", "gpucost", *words],
        env=kept if env is None else env,
        check=False,
        timeout=60,
        **{"capture_output": True, **options},
    )


class TestFlags:
    @pytest.mark.parametrize(
        ("spellings", "value", "key"),
        [
            (("--context", "--max-model-len", "--context-length", "--ctx-size"), "4096", "context"),
            (("--kv-dtype", "--kv-cache-dtype"), "fp8", "kv_dtype"),
            (("--gpus", "--gpu-count"), "2", "gpus"),
            (("--tp", "--tensor-parallel-size", "--tp-size"), "2", "tp"),
            (("--pp", "--pipeline-parallel-size", "--pp-size"), "2", "pp"),
        ],
    )
    def test_other_spellings_mean_the_same(
        self, capsys: Capture, spellings: tuple[str, ...], value: str, key: str
    ) -> None:
        answers = [ask(capsys, *QWEN, "--gpu", "l4-24gb", each, value) for each in spellings]
        assert all(each == answers[0] for each in answers)
        assert str(answers[0]["inputs"][key]) == value

    def test_other_spellings_of_expert_parallelism(self, capsys: Capture) -> None:
        names = ("--ep", "--expert-parallel-size", "--ep-size")
        answers = [ask(capsys, *DEEPSEEK, name, "8") for name in names]
        assert all(each == answers[0] for each in answers)
        assert answers[0]["result"]["candidates"][0]["ep"] == 8

    @pytest.mark.parametrize(
        ("spellings", "value"),
        [
            (
                (
                    "--gpu-memory-utilization",
                    "--mem-fraction-static",
                    "--kv-cache-free-gpu-memory-fraction",
                ),
                "0.5",
            ),
            (("--max-num-seqs", "--max-running-requests", "--max-batch-size"), "4096"),
            (
                (
                    "--max-num-batched-tokens",
                    "--chunked-prefill-size",
                    "--max-num-tokens",
                    "--ubatch-size",
                ),
                "131072",
            ),
            (("--block-size", "--page-size", "--tokens-per-block"), "1000"),
            (("--enforce-eager", "--disable-cuda-graph"), None),
            (("--kv-cache-memory-bytes",), "2147483648"),
        ],
    )
    def test_engine_settings_change_the_answer(
        self, capsys: Capture, spellings: tuple[str, ...], value: str | None
    ) -> None:
        given = [] if value is None else [value]
        answers = [ask(capsys, *QWEN, *H100, each, *given)["result"] for each in spellings]
        assert all(each == answers[0] for each in answers)
        assert answers[0]["candidates"] != ask(capsys, *QWEN, *H100)["result"]["candidates"]

    def test_flags_of_one_engine_only(self, capsys: Capture) -> None:
        llama = (*QWEN, "--gpu", "rtx-4090-24gb", "--engine", "llama.cpp", "--quant", "q4_k_m")
        long = (*llama, "--context", "32768")
        flash, plain = (ask(capsys, *long, flag) for flag in ("--flash-attn", "--no-flash-attn"))
        first, second = (
            each["result"]["candidates"][0]["memory_per_gpu"]["activations_bytes"] for each in (flash, plain)
        )
        assert first < second
        old = (*QWEN, *H100, "--engine-version", "0.6", "--context", "30000")
        chunked, whole = (
            ask(capsys, *old, flag) for flag in ("--enable-chunked-prefill", "--no-enable-chunked-prefill")
        )
        first, second = (
            each["result"]["candidates"][0]["memory_per_gpu"]["activations_bytes"]
            for each in (chunked, whole)
        )
        assert first < second

    def test_flags_that_repeat(self, capsys: Capture) -> None:
        found = ask(
            capsys,
            *QWEN,
            *("--gpu", "l4-24gb", "--gpu", "h100-sxm-80gb"),
            *("--quant", "awq", "--quant", "fp8"),
            *("--provider", "runpod", "--provider", "aws"),
            *("--region", "global", "--region", "us-east-1"),
            *("--billing", "spot", "--billing", "on-demand"),
        )
        inputs = found["inputs"]
        assert inputs["gpu"] == ["l4-24gb", "h100-sxm-80gb"]
        assert inputs["quantization"] == ["awq", "fp8"]
        assert inputs["provider"] == ["aws", "runpod"]
        assert inputs["region"] == ["global", "us-east-1"]
        assert inputs["billing"] == ["on-demand", "spot"]
        for each in found["result"]["candidates"]:
            if each["offer"]:
                assert each["offer"]["provider"] in ("aws", "runpod")
                assert each["offer"]["billing"] in ("spot", "on-demand")

    def test_naming_the_model(self, capsys: Capture, tmp_path: Path) -> None:
        assert ask(capsys, "--params", "70")["inputs"]["params"] == "70"
        found = ask(capsys, "--params", "30B", "--active-params", "3B")
        assert found["result"]["model"]["representative"] is True
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
            "torch_dtype": "bfloat16",
        }
        path = tmp_path / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        for given in (path, tmp_path):
            assert ask(capsys, "--config", str(given), *H100)["result"]["model"]["layers"] == 16

    def test_loading_layers_that_draft(self, capsys: Capture) -> None:
        plain, more = (ask(capsys, *DEEPSEEK, "--tp", "8", *flag) for flag in ((), ("--mtp",)))
        sizes = [each["result"]["candidates"][0]["memory_per_gpu"]["weights_bytes"] for each in (plain, more)]
        assert sizes[0] < sizes[1]

    def test_top_and_sort(self, capsys: Capture) -> None:
        found = ask(capsys, *QWEN, "--top", "2", "--sort", "gpus")["result"]["candidates"]
        assert sum(each["fits"] for each in found) == 2
        assert [each["gpus"] for each in found[:2]] == [1, 1]

    def test_prices_of_a_day_and_of_the_seeds(self, capsys: Capture) -> None:
        own = ("--provider", "runpod", "--billing", "flex")
        found = ask(capsys, *QWEN, *H100, *own, "--as-of", "2026-08-01")
        assert found["result"]["recommendation"]["usd_per_hour"] == 4.55
        seeds = ask(capsys, *QWEN, *H100, "--prices", "seeds")
        assert any("refuted" in note["text"] for note in seeds["notes"])

    def test_an_overlay_is_laid_over_the_catalogue(self, capsys: Capture, tmp_path: Path) -> None:
        path = tmp_path / "own.yaml"
        path.write_text(
            "sources:\n"
            "  - {id: my-quote, title: Quote, publisher: me, address: mail, as_of: '2026-11-01',"
            " confidence: published}\n"
            "providers:\n  - {id: mine, name: My cloud, sources: [my-quote]}\n"
            "prices:\n"
            "  - {offer: mine/vm/h100, provider: mine, product: vm, billing: on-demand, sku: H100,"
            " gpus: [h100-sxm-80gb], usd_per_hour: 0.01, as_of: '2026-11-01', stated_by: provider,"
            " source: my-quote}\n",
            encoding="utf-8",
        )
        found = ask(capsys, *QWEN, *H100, "--catalog", str(path))
        assert found["result"]["recommendation"]["offer"] == "mine/vm/h100"
        assert found["result"]["recommendation"]["usd_per_hour"] == 0.01


class TestFormats:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (QWEN, 0),
            ((*QWEN, "--quant", "all", "--range", "--explain"), 0),
            (("--params", "70"), 0),
            ((*QWEN, "--max-usd-per-hour", "0.01"), 1),
            ((*DEEPSEEK, "--tp", "1"), 1),
        ],
        ids=str,
    )
    def test_json_holds_what_is_promised(self, capsys: Capture, words: tuple[str, ...], code: int) -> None:
        found = ask(capsys, *words, code=code)
        jsonschema.validate(found, ANSWER)
        assert (found["result"]["recommendation"] is None) == (code == 1)

    def test_json_is_one_line_on_a_pipe_and_keeps_precision(self, capsys: Capture) -> None:
        out, _ = say(capsys, *QWEN, *H100, "--format", "json")
        assert out.count("\n") == 1
        assert isinstance(json.loads(out)["result"]["candidates"][0]["max_concurrency"], float)

    @pytest.mark.parametrize("words", [QWEN, (*QWEN, "--quant", "all")], ids=str)
    def test_csv_headers_are_json_names(self, capsys: Capture, words: tuple[str, ...]) -> None:
        out, err = say(capsys, *words, "--format", "csv")
        assert err == ""
        lines = list(csv.DictReader(io.StringIO(out)))
        names = {*Candidate._fields, *MemoryPerGpu._fields, *Offer._fields}
        assert set(lines[0]) <= names
        found = ask(capsys, *words)["result"]["candidates"]
        assert len(lines) == len(found)
        for line, each in zip(lines, found, strict=True):
            assert line["gpu"] == each["gpu"]
            assert int(line["weights_bytes"]) == each["memory_per_gpu"]["weights_bytes"]
            assert line["fits"] == str(each["fits"]).lower()
            assert line["usd_per_hour"] == ("" if each["usd_per_hour"] is None else str(each["usd_per_hour"]))

    def test_markdown_is_a_table_with_sources_on_demand(self, capsys: Capture) -> None:
        out, _ = say(capsys, *QWEN, *H100, "--format", "markdown")
        more, _ = say(capsys, *QWEN, *H100, "--format", "markdown", "--sources")
        assert "| GPU |" in out
        assert "--- |" in out
        assert len(more) > len(out)
        assert "\x1b" not in out

    def test_the_table_answers_in_its_first_line_and_notes_stand_apart(self, capsys: Capture) -> None:
        out, err = say(capsys, *QWEN, *H100)
        assert out.startswith("Take one NVIDIA H100 SXM 80GB: weights take ")
        assert "Memory of one card" in out
        assert "Rule of thumb" in out
        assert re.search(r"^Inputs: \d+ published .* --sources$", out, re.MULTILINE)
        assert all(line.startswith(("note: ", "warning: ")) for line in err.splitlines())
        assert "\x1b" not in out + err

    def test_sources_range_and_equations_are_shown_on_demand(self, capsys: Capture) -> None:
        plain, _ = say(capsys, *QWEN, *H100)
        out, _ = say(capsys, *QWEN, *H100, "--sources", "--range", "--explain")
        for text in ("gpus.h100-sxm-80gb.memory_gib", "pessimistic", "optimistic", "KV bytes per token"):
            assert text in out
            assert text not in plain

    def test_nothing_fits_is_said_with_numbers(self, capsys: Capture) -> None:
        out, _ = say(capsys, *DEEPSEEK, "--tp", "1", code=1)
        assert out.startswith("Nothing looked at fits")
        assert re.search(r"exceed the engine's share of the card by [\d,.]+ GiB", out)

    def test_a_budget_that_is_too_low_is_said(self, capsys: Capture) -> None:
        out, _ = say(capsys, *QWEN, "--max-usd-per-hour", "0.01", code=1)
        assert out.startswith("Nothing fits for that price")

    def test_a_bare_field(self, capsys: Capture) -> None:
        out, err = say(capsys, *QWEN, *H100, "--field", "result.recommendation.gpu")
        assert (out, err) == ("h100-sxm-80gb\n", "")
        out, _ = say(capsys, *QWEN, *H100, "--field", "result.candidates[0].memory_per_gpu.weights_bytes")
        assert int(out) > 15 * 10**9
        out, _ = say(capsys, *QWEN, "--max-usd-per-hour", "0.01", "--field", "result.recommendation", code=1)
        assert out == "null\n"

    def test_output_goes_to_a_file(self, capsys: Capture, tmp_path: Path) -> None:
        path = tmp_path / "answer.json"
        out, err = say(capsys, *QWEN, "--format", "json", "--output", str(path))
        assert (out, err) == ("", "")
        jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), ANSWER)
        table = tmp_path / "answer.txt"
        out, _ = say(capsys, *QWEN, "-o", str(table))
        assert out == ""
        text = table.read_text(encoding="utf-8")
        assert text.startswith("Take ")
        assert "\x1b" not in text


class TestStreams:
    def test_a_reader_that_goes_away_is_no_fault(self) -> None:
        found = subprocess.run(
            [
                "bash",
                "-c",
                'set -o pipefail; "$0" -m gpucost size --params 70 -f json | true',
                sys.executable,
            ],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")

    def test_a_reader_that_goes_away_does_not_hide_a_no(self) -> None:
        line = (
            '"$0" -m gpucost size --params 70 --max-usd-per-hour 0.01 -f json | true; exit ${PIPESTATUS[0]}'
        )
        found = subprocess.run(
            ["bash", "-c", line, sys.executable], capture_output=True, check=False, timeout=60
        )
        assert (found.returncode, found.stderr) == (1, b"")

    @pytest.mark.parametrize(("closed", "code"), [(">&-", 0), ("2>&-", 0), ("<&-", 0), (">&- 2>&-", 0)])
    def test_closed_streams_are_no_fault(self, closed: str, code: int) -> None:
        line = f'"$0" -m gpucost size --params 8 {closed}'
        found = subprocess.run(
            ["bash", "-c", line, sys.executable], capture_output=True, check=False, timeout=60
        )
        assert found.returncode == code
        assert b"Traceback" not in found.stderr

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_a_full_disk_is_one_line(self) -> None:
        with open("/dev/full", "wb") as full:
            found = process(
                "size", "--params", "8", capture_output=False, stdout=full, stderr=subprocess.PIPE
            )
        assert found.returncode == 2
        assert found.stderr == b"error: stdout: No space left on device\n"

    def test_the_c_locale_gets_ascii(self) -> None:
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
        table = process("size", *QWEN, *H100, env=env)
        assert table.returncode == 0
        assert table.stdout.isascii()
        assert table.stderr.isascii()
        assert b"\\x" not in table.stdout
        markdown = process("size", *QWEN, *H100, "-f", "markdown", "--explain", env=env)
        assert markdown.stdout.isascii()
        error = process("size", *QWEN, "--gpus", "3", "--tp", "2", env=env)
        assert error.stderr.startswith(b"error: --gpus 3 is not a multiple of tp x pp = 2")

    def test_json_stays_json_where_only_ascii_can_be_written(self, tmp_path: Path) -> None:
        env = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii", "HOME": str(tmp_path)}
        overlay = tmp_path / "o.yaml"
        overlay.write_text(
            "sources:\n  - {id: s, title: 'Größe × 模型', publisher: p, address: a, as_of: '2026-01-01',"
            " confidence: measured}\n"
            "gpus:\n  - {id: my-card, name: 'Größe × 模型', vendor: nvidia, architecture: hopper,"
            " marketing_memory_gb: 80, memory_gib: 79, memory_basis: derived, bandwidth_gb_per_s: 3000,"
            " dense_tflops: {}, native_precisions: [bf16], link: {kind: PCIe}, sources: [s]}\n",
            encoding="utf-8",
        )
        words = ("size", *QWEN, "--gpu", "my-card", "--tp", "1", "--catalog", str(overlay))
        found = process(*words, "-f", "json", env=env)
        assert found.stderr == b""
        assert found.stdout.isascii()
        assert "Größe × 模型" in json.dumps(json.loads(found.stdout), ensure_ascii=False)
        assert process(*words, env=env).stdout.isascii()

    @pytest.mark.parametrize("folder", ["/nonexistent", "/dev/null", ""])
    def test_a_home_that_cannot_be_used(self, folder: str, tmp_path: Path) -> None:
        overlay = tmp_path / "o.yaml"
        overlay.write_text("sources: []\n", encoding="utf-8")
        env = {"PATH": os.environ["PATH"], "HOME": folder}
        words = ("size", *QWEN, *H100, "--catalog", str(overlay), "--field", "result.recommendation.gpu")
        found = process(*words, env=env)
        assert (found.returncode, found.stdout, found.stderr) == (0, b"h100-sxm-80gb\n", b"")

    def test_a_read_only_home(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        found = process("size", *QWEN, *H100, "--field", "result.recommendation.gpu", env=env)
        tmp_path.chmod(0o700)
        assert (found.returncode, found.stderr) == (0, b"")
        assert list(tmp_path.iterdir()) == []


def at_terminal(columns: int, *words: str, **env: str) -> tuple[int, str]:
    """Exit code and screen text of a run at a terminal of that width."""
    pty = pytest.importorskip("pty")
    pid, terminal = pty.fork()
    if pid == 0:
        for name in ("NO_COLOR", "FORCE_COLOR"):
            os.environ.pop(name, None)
        os.environ.update({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "COLUMNS": str(columns), **env})
        os.execv(sys.executable, [sys.executable, "-m", "gpucost", *words])
    seen = bytearray()
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode().replace("\r\n", "\n")


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


class TestTerminals:
    @pytest.mark.parametrize("columns", [60, 100, 200])
    def test_tables_keep_to_the_width(self, columns: int) -> None:
        code, text = at_terminal(columns, "size", *QWEN, "--top", "3")
        assert code == 0
        assert "\x1b[" in text
        lines = without_colour(text).splitlines()
        # The title of a table is one sentence, which the terminal wraps.
        assert [each for each in lines if len(each) > columns and " in bf16 (" not in each] == []
        shown = any("runpod" in line for line in lines)
        assert shown or columns < 100

    @pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
    def test_no_colour_on_demand(self, env: dict[str, str]) -> None:
        code, text = at_terminal(100, "size", *QWEN, *H100, **env)
        assert code == 0
        assert "\x1b" not in text

    def test_a_pipe_is_neither_coloured_nor_cut(self) -> None:
        found = process("size", *QWEN, env={**os.environ, "COLUMNS": "40"})
        assert b"\x1b" not in found.stdout
        assert b"No room for" not in found.stdout

    def test_ctrl_c_ends_with_130(self, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
        def interrupt(**_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("gpucost.api.size.size", interrupt)
        assert run(["size", *QWEN]) == 130
        assert capsys.readouterr().out == ""
