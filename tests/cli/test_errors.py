"""Wrong flags and wrong files: one clear line on stderr, nothing on stdout, the right exit code."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gpucost.cli.app import run
from gpucost.errors import DataError, GpucostError, RemoteError, UnknownNameError, UsageError

Capture = pytest.CaptureFixture[str]
QWEN = ("--model", "Qwen/Qwen3-8B")
USAGE, DATA, REMOTE, FAULT = 2, 3, 4, 70
LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128_256,
    "max_position_embeddings": 8192,
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)


def refusal(capsys: Capture, *words: str, code: int = USAGE) -> list[str]:
    """The lines of an error, checked for what every error keeps to."""
    assert run(list(words)) == code
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines
    assert "Traceback" not in err
    for line in lines:
        assert line.startswith("error: "), line
        assert line.isprintable()
        assert len(line) < 700
    return lines


def one_line(capsys: Capture, *words: str, code: int = USAGE) -> str:
    lines = refusal(capsys, *words, code=code)
    assert len(lines) == 1
    return lines[0]


WRONG: list[tuple[tuple[str, ...], str]] = [
    ((), "name the model in one way (--params, --model, --config, --hf), not none"),
    (("--params", "7", *QWEN), "not --params and --model"),
    (("--params", "7", "--hf", "a/b"), "not --params and --hf"),
    (("--model", "Qwen3-8X"), "did you mean Qwen3-8B"),
    (("--model", ""), "the model name is empty"),
    (("--model", " \t"), "the model name is empty"),
    (("--model", "a" * 400), "longer than 300 characters"),
    (("--model", "\x1b[31mred\x1b[0m"), r"unknown model '\x1b[31mred\x1b[0m'"),
    (("--model", "a\nb\r\u202ec"), r"unknown model 'a\nb\r\u202ec'"),
    (("--model", "[bold]x[/bold]"), "unknown model '[bold]x[/bold]'"),
    (("--model", "\udcff\udcfe"), r"unknown model '\udcff\udcfe'"),
    ((*QWEN, "--gpu", "rtx-5091"), "did you mean RTX 5090"),
    ((*QWEN, "--gpu", "\x1b[2J"), r"unknown GPU '\x1b[2J'"),
    ((*QWEN, "--gpu", ""), "the GPU name is empty"),
    ((*QWEN, "--gpu", "GPU not named"), "not named"),
    ((*QWEN, "--gpu", "a100"), "write one of: a100-sxm-80gb"),
    ((*QWEN, "--quant", "awqq"), "did you mean awq"),
    ((*QWEN, "--quant", ""), "the quantization name is empty"),
    ((*QWEN, "--kv-dtype", "fp9"), "did you mean fp8"),
    ((*QWEN, "--kv-dtype", "foo"), "did you mean auto, bf16"),
    ((*QWEN, "--engine", "vlm"), "did you mean vllm"),
    ((*QWEN, "--engine", ""), "the engine name is empty"),
    ((*QWEN, "--engine", "exllamav2"), "--engine takes vllm"),
    ((*QWEN, "--engine-version", "7"), "write MAJOR.MINOR"),
    ((*QWEN, "--engine-version", ""), "is empty"),
    ((*QWEN, "--provider", "runpodd"), "did you mean runpod"),
    ((*QWEN, "--provider", ""), "unknown provider ''"),
    ((*QWEN, "--region", "us-esat-1"), "us-east-1"),
    ((*QWEN, "--billing", "flexx"), "did you mean flex, active, on-demand"),
    ((*QWEN, "--sort", "price"), "did you mean usd, gpus, concurrency, headroom"),
    ((*QWEN, "--prices", "seed"), "did you mean catalog, seeds"),
    ((*QWEN, "--tp", "3"), "tp 3 does not divide 32 attention heads"),
    ((*QWEN, "--gpus", "3", "--tp", "2"), "gpus = tp × pp × replicas"),
    ((*QWEN, "--ep", "2"), "has no experts"),
    (("--model", "deepseek-ai/DeepSeek-V3", "--ep", "4", "--tp", "2"), "--ep 4 must equal --tp 2"),
    ((*QWEN, "--mtp"), "no multi-token-prediction layers"),
    ((*QWEN, "--context", "5000000"), "beyond the 40,960 tokens"),
    ((*QWEN, "--context", "0"), "--context must be from 1"),
    ((*QWEN, "--context", "-5"), "--context must be from 1"),
    ((*QWEN, "--context", "9" * 40), "--context must be from 1"),
    ((*QWEN, "--concurrency", "0"), "--concurrency must be from 1"),
    ((*QWEN, "--gpus", "-1"), "--gpus must be from 1"),
    ((*QWEN, "--top", "0"), "--top must be from 1"),
    ((*QWEN, "--gpu-memory-utilization", "nan"), "a share above 0 and at most 1"),
    ((*QWEN, "--gpu-memory-utilization", "inf"), "a share above 0 and at most 1"),
    ((*QWEN, "--gpu-memory-utilization", "1e400"), "a share above 0 and at most 1"),
    ((*QWEN, "--gpu-memory-utilization", "90"), "a share above 0 and at most 1"),
    ((*QWEN, "--max-usd-per-hour", "0"), "--max-usd-per-hour must be above 0"),
    ((*QWEN, "--max-usd-per-hour", "nan"), "--max-usd-per-hour must be above 0"),
    ((*QWEN, "--max-usd-per-hour", "-3"), "--max-usd-per-hour must be above 0"),
    ((*QWEN, "--kv-cache-memory-bytes", "0"), "--kv-cache-memory-bytes must be from 1"),
    ((*QWEN, "--as-of", "garbage"), "--as-of takes a date such as 2026-10-01"),
    ((*QWEN, "--as-of", "2026-02-30"), "--as-of takes a date such as 2026-10-01"),
    ((*QWEN, "--as-of", ""), "--as-of takes a date such as 2026-10-01"),
    ((*QWEN, "--active-params", "3"), "goes with --params"),
    (("--params", "7", "--active-params", "70"), "more than --params 7"),
    (("--params", "70GB"), "write billions (70), or 70B, 500M, 1.2T, 8x7B"),
    (("--params", "20000"), "more than any model has"),
    (("--params", "0"), "must be positive"),
    (("--params", "-7"), "is not a parameter count"),
    (("--params", "nan"), "is not a parameter count"),
    (("--params", "1e400"), "is not a parameter count"),
    (("--params", ""), "is not a parameter count"),
    (("--params", "9" * 20 + "T"), "more than 1,000T parameters"),
    (("--params", "9" * 600 + "T"), "parameter count"),
    (("--params", "8x.B"), "is not a parameter count"),
    (("--params", "8x1.2.3B"), "is not a parameter count"),
    (("--hf", ""), "is not a repository; write OWNER/NAME"),
    (("--hf", "../.."), "is not a repository"),
    (("--hf", "a/b@../c"), "is not a revision"),
    ((*QWEN, "--field", "nope"), "no field 'nope'"),
    ((*QWEN, "--field", "result.recommendation.gp"), "did you mean result.recommendation.gpu"),
    ((*QWEN, "--field", "result.candidates.99"), "write an index from 0 to"),
    ((*QWEN, "--field", "result.candidates.0.gpu.x"), "is a single value"),
]


@pytest.mark.parametrize(("words", "text"), WRONG, ids=lambda value: ascii(value)[:60])
def test_a_wrong_flag_is_one_line_that_says_what_to_do(
    capsys: Capture, words: tuple[str, ...], text: str
) -> None:
    assert text in one_line(capsys, "size", *words)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("explain", "foo"), "gpucost explain lists all of them"),
        (("explain", "\x1b[31m"), r"\x1b[31m"),
        (("explain", "--field", "nope"), "no field 'nope'"),
        (("validate", "--case", "no-such-case"), "gpucost validate lists them all"),
    ],
    ids=str,
)
def test_other_commands_keep_to_it_too(capsys: Capture, words: tuple[str, ...], text: str) -> None:
    assert text in one_line(capsys, *words)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("size", "--nope"), "No such option"),
        (("size", *QWEN, "extra"), "unexpected extra argument"),
        (("size", *QWEN, "--format", "xml"), "'table', 'json', 'csv', 'markdown'"),
        (("size", *QWEN, "--context", "8k"), "--max-model-len"),
        (("size", *QWEN, "--context", "1e400"), "integer"),
        (("size", *QWEN, "--tp", "nan"), "integer"),
        (("size", *QWEN, "--max-usd-per-hour", "cheap"), "--max-usd-per-hour"),
        (("size", *QWEN, "--format"), "requires an argument"),
        (("no-such-command",), "No such command"),
    ],
    ids=str,
)
def test_what_the_parser_refuses(capsys: Capture, words: tuple[str, ...], text: str) -> None:
    assert run(list(words)) == USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert text in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 6


class TestOutput:
    def test_a_folder_that_does_not_exist(self, capsys: Capture, tmp_path: Path) -> None:
        path = tmp_path / "missing" / "answer.txt"
        assert "No such file or directory" in one_line(capsys, "size", *QWEN, "--output", str(path))

    def test_a_folder(self, capsys: Capture, tmp_path: Path) -> None:
        assert "Is a directory" in one_line(capsys, "size", *QWEN, "-o", str(tmp_path))

    def test_a_name_with_control_characters(self, capsys: Capture, tmp_path: Path) -> None:
        line = one_line(capsys, "size", *QWEN, "-o", str(tmp_path / "no" / "\x1b[31m"))
        assert r"\x1b[31m" in line


def write(path: Path, content: str | bytes | dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        content = json.dumps(content)
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return path


def laughs() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefghi", "bcdefghij", strict=True):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 9)}]")
    return "\n".join(lines) + "\n"


class TestCatalogueFiles:
    def test_one_that_does_not_exist(self, capsys: Capture, tmp_path: Path) -> None:
        line = one_line(capsys, "size", *QWEN, "--catalog", str(tmp_path / "none.yaml"), code=DATA)
        assert "give a YAML file or a folder of them" in line

    def test_one_named_by_the_environment(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GPUCOST_CATALOG", "/nonexistent/catalogue")
        assert "no such catalogue file" in one_line(capsys, "size", *QWEN, code=DATA)

    def test_every_fault_is_listed_with_file_and_line(self, capsys: Capture, tmp_path: Path) -> None:
        path = write(
            tmp_path / "own.yaml",
            "sources:\n- id: s1\n  title: x\ngpus:\n- id: foo\n  name: bar\n  memory_gib: '3'\n  blah: 1\n"
            "prices:\n- offer: a/b/c\n  usd_per_hour: -3\n",
        )
        lines = refusal(capsys, "size", *QWEN, "--catalog", str(path), code=DATA)
        assert len(lines) > 10
        assert all(re.match(rf"error: {re.escape(str(path))}:\d+: \S+: ", line) for line in lines)
        text = "\n".join(lines)
        for part in (
            "sources.s1.publisher: missing; add it",
            "unknown key; remove it",
            "gpus.foo.memory_gib",
        ):
            assert part in text

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (laughs(), "anchors and aliases"),
            ("a: [1, 2\nb: }", "not valid YAML"),
            ("sources: []\nsources: []\n", "stands twice"),
            ("[" * 5000, "nested deeper than"),
            ("- 1\n- 2\n", "must map section names"),
            ("!!python/object/apply:os.system ['echo hi']\n", ""),
            ('"\\e[31mred": 1\n', r"\x1b[31mred: unknown key"),
            (bytes(range(256)), "not UTF-8"),
            (b"a: \x00\n", "not valid YAML"),
            ("gpus: 7\n", "gpus"),
        ],
        ids=lambda value: ascii(value)[:30],
    )
    def test_hostile_yaml(self, capsys: Capture, tmp_path: Path, content: str | bytes, text: str) -> None:
        path = write(tmp_path / "own.yaml", content)
        lines = refusal(capsys, "size", *QWEN, "--catalog", str(path), code=DATA)
        assert text in lines[0]
        assert "own.yaml:" in lines[0]

    def test_a_row_that_names_what_is_not_there(self, capsys: Capture, tmp_path: Path) -> None:
        path = write(
            tmp_path / "own.yaml",
            "prices:\n- {offer: a/b/c, provider: a, product: b, billing: on-demand, sku: X, gpus: [no-such],"
            " usd_per_hour: 1, as_of: '2026-01-01', stated_by: provider, source: nowhere}\n",
        )
        text = "\n".join(refusal(capsys, "size", *QWEN, "--catalog", str(path), code=DATA))
        assert "source 'nowhere' is not declared" in text
        assert "GPU 'no-such' is not in the catalogue" in text


class TestModelFiles:
    @pytest.mark.parametrize(
        ("name", "content", "text"),
        [
            ("config.json", "", "not valid JSON"),
            ("config.json", "null", "a JSON object is needed"),
            ("config.json", "[1, 2]", "a JSON object is needed"),
            ("config.json", "[" * 200_000, "nested deeper than"),
            ("config.json", '{"hidden_size": NaN}', "NaN is not JSON"),
            ("config.json", '{"hidden_size": 1e999}', "too large"),
            ("config.json", '{"hidden_size": ' + "9" * 5000 + "}", "digits"),
            ("config.json", {**LLAMA, "hidden_size": -5}, "hidden_size: write a number from 1"),
            ("config.json", {**LLAMA, "hidden_size": "4096"}, "write a whole number"),
            ("config.json", {**LLAMA, "num_hidden_layers": 10**9}, "num_hidden_layers"),
            ("config.json", {**LLAMA, "max_position_embeddings": 10**15}, "max_position_embeddings"),
            ("config.json", {"model_type": "\x1b[2Jx"}, "hidden_size: missing"),
            ("m.gguf", b"", "not a GGUF file"),
            ("m.gguf", b"GGUF", "not a GGUF file"),
            ("m.gguf", b"GGUF" + struct.pack("<IQQ", 3, 10**18, 10**18), "damaged"),
            ("m.gguf", b"something else entirely", "not a GGUF file"),
            ("m.safetensors", struct.pack("<Q", 2**63), "weights alone do not describe a model"),
            ("notes.txt", "hello", "give a folder, a config.json or a .gguf file"),
        ],
        ids=lambda value: ascii(value)[:40],
    )
    def test_hostile_files(
        self, capsys: Capture, tmp_path: Path, name: str, content: str | bytes | dict[str, Any], text: str
    ) -> None:
        path = write(tmp_path / name, content)
        lines = refusal(capsys, "size", "--config", str(path), code=DATA)
        assert text in "\n".join(lines)
        assert str(path) in lines[0]

    def test_a_folder_without_config(self, capsys: Capture, tmp_path: Path) -> None:
        line = one_line(capsys, "size", "--config", str(tmp_path), code=DATA)
        assert "give the folder of a model" in line

    def test_a_missing_file(self, capsys: Capture, tmp_path: Path) -> None:
        line = one_line(capsys, "size", "--config", str(tmp_path / "none"), code=DATA)
        assert "no such file or folder" in line

    def test_weights_whose_header_claims_a_gigabyte(self, capsys: Capture, tmp_path: Path) -> None:
        write(tmp_path / "config.json", LLAMA)
        write(tmp_path / "model.safetensors", struct.pack("<Q", 10**9) + b"{}")
        line = one_line(capsys, "size", "--config", str(tmp_path), code=DATA)
        assert "1,000,000,000 bytes in a file of 10" in line

    def test_devices_are_not_read(self, capsys: Capture) -> None:
        for path in ("/dev/zero", "/dev/null"):
            assert "give a folder" in one_line(capsys, "size", "--config", path, code=DATA)

    def test_text_from_a_config_cannot_drive_the_terminal(self, capsys: Capture, tmp_path: Path) -> None:
        write(tmp_path / "config.json", {**LLAMA, "_name_or_path": "\x1b[31m[bold]=cmd|' /C calc'!A0"})
        for form in ("table", "csv", "markdown", "json"):
            assert run(["size", "--config", str(tmp_path), "--top", "1", "--format", form]) == 0
            out, err = capsys.readouterr()
            assert "\x1b" not in out + err


@pytest.mark.parametrize("token", ["hf_" + "Secret" * 5, "hf_naïve-tøken", "hf_broken\nin two"])
def test_a_hub_that_does_not_answer(tmp_path: Path, token: str) -> None:
    pytest.importorskip("huggingface_hub")
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_TOKEN": token,
        "HF_HOME": str(tmp_path),
    }
    found = subprocess.run(
        [sys.executable, "-m", "gpucost", "--debug", "size", "--hf", "owner/name"],
        env=env,
        capture_output=True,
        check=False,
        timeout=60,
    )
    text = found.stderr.decode()
    assert found.stdout == b""
    assert found.returncode == (REMOTE if token.isascii() else USAGE)
    assert text.startswith("error: ")
    assert text.count("\n") == 1
    for secret in (token, "Secret", "broken", "in two", "tøken", "ken\\x"):
        assert secret not in text


@pytest.mark.parametrize("endpoint", ["file:///etc", "http://user:password@host:x", "nothing"])
def test_an_endpoint_that_is_none(capsys: Capture, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    line = one_line(capsys, "size", "--hf", "owner/name")
    assert "is not an address; write https://HOST" in line
    assert "password" not in line


class TestFaultsOfOurs:
    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(**_: object) -> None:
            raise ZeroDivisionError("division\nby zero")

        monkeypatch.setattr("gpucost.api.size.size", fail)

    @pytest.mark.usefixtures("broken")
    def test_one_line_and_how_to_report(self, capsys: Capture) -> None:
        line = one_line(capsys, "size", *QWEN, code=FAULT)
        assert line.startswith("error: gpucost failed (ZeroDivisionError: division by zero)")
        assert "gpucost --debug" in line

    @pytest.mark.usefixtures("broken")
    def test_debug_shows_where(self) -> None:
        with pytest.raises(ZeroDivisionError):
            run(["--debug", "size", *QWEN])

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (UsageError("x"), USAGE),
            (UnknownNameError("model", "x"), USAGE),
            (DataError("x"), DATA),
            (RemoteError("x"), REMOTE),
            (GpucostError("x"), FAULT),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_each_kind_has_its_code(
        self, capsys: Capture, monkeypatch: pytest.MonkeyPatch, error: GpucostError, code: int
    ) -> None:
        def fail(**_: object) -> None:
            raise error

        monkeypatch.setattr("gpucost.api.size.size", fail)
        one_line(capsys, "size", *QWEN, code=code)
