"""Statements about training from five documents, reproduced through the command line.

Those that hold are rows here, with the numbers of those that hold in part. Those that do not are rows of
`examples/claims.md` as well, with the value that holds instead and the command that gives it.
"""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gpucost.cli.app import run

GB = 1e9
TODAY = "--as-of 2026-11-20"
Reading = Callable[[dict[str, Any]], float]
# As the third document counts: weights and gradients in 16 bit, two moments in 32, no master weights.
TWELVE = "--precision bf16 --state-format fp32"
EIGHT_B = (
    "train --model meta-llama/Llama-3.1-8B --compile --checkpointing none --micro-batch 4 --batch 4 "
    f"--seq-len 2048 --gpus 1 {TWELVE}"
)
ONE = "train --gpu b300-sxm --max-gpus 64"
EIGHT_H100 = "train --model meta-llama/Llama-3.1-8B --gpu h100-sxm-80gb --gpus 8 --micro-batch 1"


def rule(field: str) -> Reading:
    """A field of what is said per parameter."""
    return lambda result: float(result["per_parameter"][field])


def card(field: str) -> Reading:
    """A field of the first candidate's card [GB]."""
    return lambda result: float(result["candidates"][0]["memory_per_gpu"][field]) / GB


def first(field: str) -> Reading:
    """A field of the first candidate."""
    return lambda result: float(result["candidates"][0][field])


def states(result: dict[str, Any]) -> float:
    """Weights, gradients and optimizer of the first candidate's card [GB]."""
    return sum(card(field)(result) for field in ("parameters_bytes", "gradients_bytes", "optimizer_bytes"))


def paid(mode: str) -> Reading:
    """The bill of the job by one way of paying [USD]."""
    return lambda result: next(row["usd"] for row in result["billing"] if row["billing"] == mode)


class Claim(NamedTuple):
    """A statement, the question that checks it, and the interval that the answer must lie in."""

    id: str
    stated: str
    question: str
    read: Reading
    low: float
    high: float
    code: int = 0


def about(value: float) -> tuple[float, float]:
    """As good as a sum of parts is."""
    return value * (1 - 1e-9), value * (1 + 1e-9)


FITS = (first("fits"), 1.0, 1.0)
LACKS = (first("fits"), 0.0, 0.0, 1)
# fmt: off
CLAIMS = (
    Claim("S003-03", "12 bytes per parameter: 2 + 2 + 8", f"{ONE} --params 8 {TWELVE}",
          rule("total"), 12, 12),
    Claim("S003-03", "8 of them moments", f"{ONE} --params 8 {TWELVE}", rule("moments"), 8, 8),
    Claim("S003-03", "no master weights", f"{ONE} --params 8 {TWELVE}", rule("master"), 0, 0),
    Claim("S003-03", "standard mixed precision takes 16", f"{ONE} --params 8", rule("total"), 16, 16),
    Claim("S003-03", "4 of them master weights", f"{ONE} --params 8", rule("master"), 4, 4),
    Claim("S003-04", "8B needs about 96 GB", f"{ONE} --params 8 {TWELVE}", rule("state_gb"), *about(96)),
    Claim("S003-04", "as the rule has it", f"{ONE} --params 8", rule("rule_12_gb"), *about(96)),
    Claim("S003-04", "96.4 GB for 8.03B, on the card", f"{EIGHT_B} --gpu h200-sxm", states, 96.3, 96.5),
    Claim("S003-04", "128 GB with master weights", f"{ONE} --params 8", rule("state_gb"), *about(128)),
    Claim("S003-05", "activations of 8B: about 35 GB at 4 x 2,048 tokens, kernels fused",
          f"{EIGHT_B} --gpu h200-sxm", card("activations_bytes"), 34, 37),
    Claim("S003-05", "they double with the batch",
          f"{EIGHT_B} --micro-batch 8 --batch 8 --gpu b300-sxm", card("activations_bytes"), 73.0, 73.2),
    Claim("S003-05", "and with the length, by flash attention",
          f"{EIGHT_B} --seq-len 4096 --gpu b300-sxm", card("activations_bytes"), 73.0, 73.2),
    Claim("S003-05", "but grow with its square without it: 6 bytes of 32 heads, 32 layers, 4 x 2,048^2 pairs",
          f"{EIGHT_B} --no-flash-attention --gpu b300-sxm", card("activations_bytes"), 139.5, 139.8),
    Claim("S003-06", "131 GB in all, and what the loss and the process take", f"{EIGHT_B} --gpu h200-sxm",
          card("total_bytes"), 131, 141),
    Claim("S003-06", "more than one card holds: an H200 does", f"{EIGHT_B} --gpu h200-sxm", *FITS),
    Claim("S003-06", "and a B200", f"{EIGHT_B} --gpu b200-sxm", *FITS),
    Claim("S003-06", "and an MI300X", f"{EIGHT_B} --gpu mi300x", *FITS),
    Claim("S003-06", "but no card of 80 GB", f"{EIGHT_B} --gpu h100-sxm-80gb --gpu a100-sxm-80gb", *LACKS),
    Claim("S003-09", "70B: 840 GB", f"{ONE} --params 70 {TWELVE}", rule("state_gb"), *about(840)),
    Claim("S003-09", "1,120 GB with master weights", f"{ONE} --params 70", rule("state_gb"), *about(1120)),
    Claim("S003-10", "70B needs several machines of 80 GB cards",
          f"train --params 70 {TWELVE} --gpu h100-sxm-80gb", first("gpus"), 16, 64),
    Claim("S003-10", "one of eight is not enough",
          f"train --params 70 {TWELVE} --gpu h100-sxm-80gb --gpus 8", *LACKS),
    Claim("S003-10", "but eight H200 are", f"train --params 70 {TWELVE} --gpu h200-sxm --gpus 8", *FITS),
    Claim("S003-14", "training against quantised inference: 840 GB for 70B",
          f"{ONE} --params 70 {TWELVE}", rule("state_gb"), 795 + 40, 800 + 45),
    Claim("S003-14", "less 40 to 45 GB",
          "size --model meta-llama/Llama-3.3-70B-Instruct --quant awq --gpu l40s --gpus 1 --context 4096",
          card("total_bytes"), 40, 45),
    Claim("S003-14", "the 95 to 100 GB stated are those of 8B: 96",
          f"{ONE} --params 8 {TWELVE}", rule("state_gb"), 95, 100),
    Claim("S003-16", "LoRA of 8B on one A100 80 GB",
          "train --params 8 --method lora --gpu a100-sxm-80gb --gpus 1", *FITS),
    Claim("S003-16", "QLoRA of 13B on one A100 80 GB",
          "train --params 13 --method qlora --gpu a100-sxm-80gb --gpus 1", *FITS),
    Claim("S003-16", "which holds QLoRA of 70B",
          "train --params 70 --method qlora --gpu a100-sxm-80gb --gpus 1", *FITS),
    Claim("S003-17", "four A100 80 GB train 70B",
          f"train --params 70 {TWELVE} --gpu a100-sxm-80gb --gpus 4", *LACKS),
    Claim("S003-17", "as inference they hold it",
          "size --params 70 --quant bf16 --gpu a100-sxm-80gb --gpus 4", *FITS),
    Claim("S003-18", "eight H100 train 405B in FP8",
          "train --params 405 --precision fp8-mixed --gpu h100-sxm-80gb --gpus 8", *LACKS),
    Claim("S003-18", "it takes 4,860 GB at 12 bytes",
          f"{ONE} --params 405 {TWELVE}", rule("state_gb"), *about(4860)),
    Claim("S003-18", "as inference in FP8 they hold it",
          "size --params 405 --quant fp8 --gpu h100-sxm-80gb --gpus 8", *FITS),
    # 4.788 USD/h of a flex worker against 2.69 of a pod; the document has 4.176
    Claim("S002-42", "reserved costs 10 to 20 times less for training: 1.78 times",
          f"{EIGHT_H100} --dataset-tokens 1B --provider runpod",
          lambda result: paid("flex")(result) / paid("community")(result), 1.775, 1.785),
)
# fmt: on


@pytest.fixture(autouse=True)
def _shipped_catalogue_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def answered(question: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    """The result of a question."""
    assert run([*shlex.split(f"{question} {TODAY}"), "--format", "json"]) == code
    result: dict[str, Any] = json.loads(capsys.readouterr().out)["result"]
    return result


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.id} {claim.stated}")
def test_a_claim(claim: Claim, capsys: pytest.CaptureFixture[str]) -> None:
    value = claim.read(answered(claim.question, capsys, claim.code))
    assert claim.low <= value <= claim.high


@pytest.mark.parametrize("seq_len", [2048, 4096])
def test_checkpointing_costs_20_to_30_percent_of_the_throughput(
    seq_len: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """S003-07: what is computed again is one of four parts, and launches and sums do not grow with it."""
    job = f"{EIGHT_H100} --tp 1 --seq-len {seq_len}"
    none, full = (
        first("tokens_per_s")(answered(f"{job} --checkpointing {each}", capsys)) for each in ("none", "full")
    )
    assert 0.20 <= 1 - full / none <= 0.30


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        (f"train --params 70 {TWELVE} --gpu a100-sxm-80gb --gpus 4", "optimizer states"),
        ("train --params 405 --gpu h100-sxm-80gb --gpus 8", "optimizer states"),
        (f"{EIGHT_B} --gpu h100-sxm-80gb", "optimizer states"),
    ],
)
def test_what_does_not_fit_says_why(question: str, missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = answered(question, capsys, 1)
    reason, memory = result["candidates"][0]["reason"], result["candidates"][0]["memory_per_gpu"]
    assert reason.startswith(f"lacks {-memory['free_bytes'] / 2**30:,.1f} GiB per card")
    assert reason.endswith(missing)
