"""Statements about memory from five documents, reproduced through the command line.

Those that hold are rows here. Those that do not are rows of `examples/claims.md`, with the value that holds
instead and the command that gives it.
"""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gpucost.cli.app import run

CLAIMS = Path(__file__).resolve().parents[1] / "examples" / "claims.md"
LLAMA_70B_AWQ = "--model meta-llama/Llama-3.3-70B-Instruct --quant awq"
GB = 1e9
Reading = Callable[[dict[str, Any]], float]


def rule(field: str) -> Reading:
    """A field of the rule of thumb, or of the model beside it [GB]."""
    return lambda result: float(result["rule_of_thumb"][field])


def card(field: str) -> Reading:
    """A field of the first candidate's card [GB]."""
    return lambda result: float(result["candidates"][0]["memory_per_gpu"][field]) / GB


def first(field: str) -> Reading:
    """A field of the first candidate."""
    return lambda result: float(result["candidates"][0][field])


def utilization(result: dict[str, Any]) -> float:
    """The engine's share of the card [0-1]."""
    return card("budget_bytes")(result) / card("usable_bytes")(result)


def cache_of_all(result: dict[str, Any]) -> float:
    """Cache that the asked load needs on all cards [GB]."""
    return first("gpus")(result) * card("kv_cache_bytes")(result)


class Claim(NamedTuple):
    """A statement, the question that checks it, and the interval that the answer must lie in."""

    id: str
    stated: str
    question: str
    read: Reading
    low: float
    high: float


FITS = (first("fits"), 1.0, 1.0)
# fmt: off
HOLDS = (
    Claim("S003-08", "2 GB per billion parameters in FP16", "--params 1 --quant fp16",
          rule("weights_gb"), 2.0, 2.0),
    Claim("S003-08", "2 GB per billion parameters in FP16", "--params 70 --quant fp16",
          rule("modelled_weights_gb"), 139.5, 140.5),
    Claim("S003-11", "70B in FP16 needs two A100 80 GB", "--params 70 --quant fp16 --gpu a100-sxm-80gb",
          first("gpus"), 2, 2),
    Claim("S003-12", "70B in 4 bit: 35 GB at least", "--params 70 --quant awq",
          rule("weights_gb"), 35, 35),
    Claim("S003-12", "the AWQ file of 70B is about 39.8 GB", LLAMA_70B_AWQ,
          rule("modelled_weights_gb"), 39.4, 40.2),
    Claim("S003-13", "really 40 to 45 GB", f"{LLAMA_70B_AWQ} --gpu l40s --gpus 1 --context 4096",
          card("total_bytes"), 40, 45),
    Claim("S003-13", "one L40S covers it", f"{LLAMA_70B_AWQ} --gpu l40s --gpus 1 --context 4096", *FITS),
    Claim("S003-13", "with 1 or 2 long sequences; vLLM's share raised to 0.95",
          f"{LLAMA_70B_AWQ} --gpu l40s --gpus 1 --context 8192 --gpu-memory-utilization 0.95",
          first("max_concurrency"), 1, 2),
    Claim("S003-13", "0.328 MB of cache per token", LLAMA_70B_AWQ,
          lambda result: first("tp")(result) * first("kv_bytes_per_token")(result), 327_680, 327_680),
    Claim("S003-13", "2.7 GB of cache per sequence of 8,192 tokens", f"{LLAMA_70B_AWQ} --context 8192",
          cache_of_all, 2.65, 2.75),
    Claim("S003-21", "a 4090 serves 8B in FP16", "--params 8 --quant fp16 --gpu rtx-4090 --gpus 1", *FITS),
    Claim("S003-21", "a 4090 serves 13B in INT4", "--params 13 --quant int4 --gpu rtx-4090 --gpus 1", *FITS),
    Claim("S003-22", "70B in INT4 takes about 42 GB", "--params 70 --quant int4", rule("total_gb"), 42, 42),
    Claim("S003-23", "two A100 80 GB leave at most 55k tokens of cache to 70B in FP16",
          "--params 70 --quant fp16 --gpu a100-sxm-80gb --gpus 2", first("kv_tokens"), 20_000, 55_000),
    Claim("S003-34", "4 bit takes 140 GB to 40-45 GB, 3.1 to 3.5 times less",
          f"{LLAMA_70B_AWQ} --gpu rtx-a6000 --gpus 1",
          lambda result: 140 / rule("modelled_total_gb")(result), 3.1, 3.5),
    Claim("S003-38", "8B in FP16: 19.2 GB with 20 % on top", "--params 8 --quant fp16",
          rule("total_gb"), 19.2, 19.2),
    Claim("S003-39", "70B in 4 bit: 42 GB with 20 % on top", "--params 70 --quant awq",
          rule("total_gb"), 42, 42),
    Claim("S003-39", "and that fits 48 GB", f"{LLAMA_70B_AWQ} --gpu rtx-a6000 --gpus 1", *FITS),
    Claim("S003-41", "0.5 GB per billion parameters in 4 bit", "--params 1 --quant awq",
          rule("weights_gb"), 0.5, 0.5),
    Claim("S003-42", "an H100 80 GB holds a 70B model in FP8, tightly",
          "--params 70 --quant fp8 --gpu h100-sxm-80gb --gpus 1 --context 1024", *FITS),
    Claim("S003-42", "with 24k tokens at most, whatever is saved elsewhere",
          "--params 70 --quant fp8 --gpu h100-sxm-80gb --gpus 1 --context 1024 --kv-dtype fp8 "
          "--gpu-memory-utilization 0.95 --max-num-batched-tokens 2048", first("kv_tokens"), 1024, 24_000),
    Claim("S004-02", "70B in FP16: 140 GB on two H100", "--params 70 --quant fp16 --gpu h100-sxm-80gb",
          first("gpus"), 2, 2),
    Claim("S004-06", "8B at 2 bytes: 16 GB", "--params 8 --quant fp16",
          rule("modelled_weights_gb"), 15.9, 16.1),
    Claim("S004-06", "Mixtral 8x7B at 2 bytes: about 93 GB",
          "--model mistralai/Mixtral-8x7B-v0.1 --quant fp16", rule("modelled_weights_gb"), 93.0, 93.9),
    Claim("S004-12", "two 48 GB cards give 96 GB (as marketed)",
          f"{LLAMA_70B_AWQ} --gpu rtx-6000-ada --gpus 2 --tp 2",
          lambda result: 2 * card("usable_bytes")(result), 96, 103.1),
    Claim("S004-13", "Mixtral 8x7B in FP8 fits 80 GB",
          "--model mistralai/Mixtral-8x7B-v0.1 --quant fp8 --gpu h100-sxm-80gb --gpus 1", *FITS),
    Claim("S004-15", "8 bit halves the weights", "--params 70 --quant fp8",
          lambda result: rule("weights_gb")(result) / 140, 0.5, 0.5),
    Claim("S004-15", "4 bit leaves a quarter", "--params 70 --quant awq",
          lambda result: rule("weights_gb")(result) / 140, 0.25, 0.25),
    Claim("S004-27", "the pool of a 4090 beside 8B AWQ is about 15.9 GB, less what the engine takes",
          "--model Llama-3.1-8B --quant awq --gpu rtx-4090 --gpu-memory-utilization 0.9",
          card("kv_available_bytes"), 14.9, 15.9),
    Claim("S004-29", "vLLM's share of the card is 0.90", "--params 8 --gpu l40s --engine-version 0.10",
          utilization, 0.8999, 0.9001),
    Claim("S004-29", "and 0.92 in the newest versions", "--params 8 --gpu l40s --engine-version 0.33",
          utilization, 0.9199, 0.9201),
    Claim("S004-62", "64 sequences of 256 + 512 tokens need 16.1 GB of cache on two 48 GB cards",
          f"{LLAMA_70B_AWQ} --gpu rtx-6000-ada --gpus 2 --tp 2 --context 768 --concurrency 64",
          cache_of_all, 16.0, 16.2),
    Claim("S004-62", "and fit",
          f"{LLAMA_70B_AWQ} --gpu rtx-6000-ada --gpus 2 --tp 2 --context 768 --concurrency 64", *FITS),
    Claim("S004-63", "the files fit a container disk of 50 GB", LLAMA_70B_AWQ,
          rule("modelled_weights_gb"), 39, 50),
)
# fmt: on


@pytest.fixture(autouse=True)
def _shipped_catalogue_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("claim", HOLDS, ids=lambda claim: f"{claim.id} {claim.stated}")
def test_a_claim_that_holds(claim: Claim, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["size", *shlex.split(claim.question), "--as-of", "2026-11-20", "--format", "json"])
    value = claim.read(json.loads(capsys.readouterr().out)["result"])
    assert code == 0
    assert claim.low <= value <= claim.high


class Refuted(NamedTuple):
    """A row of `examples/claims.md`."""

    claim: str
    stated: str
    value: str
    why: str
    command: str


def refuted() -> list[Refuted]:
    """Rows of the table, in order."""
    rows = [line for line in CLAIMS.read_text(encoding="utf-8").splitlines() if line.startswith("| S")]
    return [Refuted(*(cell.strip() for cell in row.strip("|").split("|"))) for row in rows]


@pytest.mark.parametrize("row", refuted(), ids=lambda row: row.claim)
def test_a_claim_that_does_not_hold(row: Refuted, capsys: pytest.CaptureFixture[str]) -> None:
    program, *words = shlex.split(row.command.strip("`"))
    assert program == "gpucost"
    run(words)
    out, err = capsys.readouterr()
    number = re.fullmatch(r"(\d+)(?:\.(\d+))?( GB)?", row.value)
    if number is None:
        assert row.value in out + err
        return
    shown = float(out) / (GB if words[-1].endswith("_bytes") else 1)
    assert f"{shown:.{len(number[2] or '')}f}" == row.value.removesuffix(" GB")


def test_every_claim_stands_once_in_the_table() -> None:
    names = [row.claim for row in refuted()]
    assert len(names) == len(set(names)) == 17
