"""Pools of vLLM reproduced to the token: printed GiB, tokens and concurrency belong together."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from gpucost.units import GIB
from tests.reference.loading import layout_of


class Log(NamedTuple):
    model: str
    version: str
    tp: int
    kv_dtype: str
    context: int
    batched: int
    pool_gib: float
    tokens: int
    concurrency: float


LLAMA, OSS20, OSS120 = "meta-llama/Llama-3.1-8B", "openai/gpt-oss-20b", "openai/gpt-oss-120b"
GEMMA12, GEMMA27 = "google/gemma-3-12b-it", "google/gemma-3-27b-it"
NEXT, QWEN36 = "Qwen/Qwen3-Next-80B-A3B-Instruct", "Qwen/Qwen3.6-35B-A3B"

LOGS = [
    # dennislee22/vLLM-benchmarking, four A100
    Log(OSS120, "0.10.1.1", 4, "bf16", 16_384, 2048, 45.32, 2_640_144, 284.25),
    # kyuz0/amd-r9700-vllm-toolboxes@18a88f1: RTX 5090, RTX 3090 and Radeon R9700
    Log(OSS20, "0.12.0", 1, "bf16", 32_768, 2048, 15.37, 335_664, 19.20),
    Log(OSS20, "0.12.0", 1, "bf16", 16_384, 2048, 7.12, 155_584, 16.75),
    Log(OSS20, "0.12.0", 1, "bf16", 16_384, 2048, 7.11, 155_344, 16.73),
    Log(GEMMA12, "0.13.0rc2", 1, "bf16", 9900, 2048, 16.25, 44_368, 10.51),
    Log(GEMMA12, "0.11.2", 1, "bf16", 32_768, 2048, 16.25, 44_368, 5.52),
    Log(GEMMA12, "0.13.0rc2", 2, "bf16", 9900, 2048, 22.66, 123_744, 29.30),
    Log(NEXT, "0.13.0rc2", 2, "bf16", 16_384, 2048, 7.09, 154_496, 33.47),
    Log(LLAMA, "0.12.0", 1, "bf16", 31_800, 2048, 6.95, 56_880, 1.79),
    Log(LLAMA, "0.12.0", 1, "bf16", 65_536, 2048, 14.31, 117_232, 1.79),
    # noonghunna/club-3090#652 and #612, RTX 5090: tokens are concurrency x context from 0.21 on
    Log(QWEN36, "0.24.0", 1, "fp8", 131_072, 8192, 6.01, 569_878, 4.35),
    Log(QWEN36, "0.24.0", 1, "fp8", 131_072, 8192, 5.98, 567_978, 4.33),
    # lab notes, L40S; sukritRunara/gpt-oss-120b-blockwise-h100, GB10; log of eight L40S
    Log("Qwen/Qwen3-14B", "0.28.0", 1, "bf16", 40_960, 2048, 11.57, 75_824, 1.85),
    Log("deepseek-ai/DeepSeek-V2-Lite", "0.23.1", 1, "bf16", 2048, 8192, 75.49, 2_606_080, 1272.5),
    Log("Qwen/Qwen3-235B-A22B-Instruct-2507", "0.10.2", 8, "bf16", 32_768, 2048, 10.68, 238_208, 7.27),
]


@pytest.mark.parametrize("log", LOGS, ids=lambda log: f"{log.model}-{log.tokens}")
def test_tokens_and_concurrency_to_the_printed_digit(log: Log) -> None:
    """Some pool that prints as the logged GiB gives exactly the logged tokens and concurrency."""
    layout = layout_of(log.model, log.version, log.kv_dtype, tp=log.tp)
    first, last = (layout.blocks((log.pool_gib + edge) * GIB) for edge in (-0.005, 0.005))
    printed = set()
    for blocks in range(first, last + 1):
        pool = blocks * layout.bytes_per_block
        tokens = layout.tokens(pool, context=log.context, batched_tokens=log.batched)
        at_once = layout.concurrency(pool, context=log.context, batched_tokens=log.batched)
        printed.add((tokens, f"{at_once:.2f}"))
    assert (log.tokens, f"{log.concurrency:.2f}") in printed


@pytest.mark.parametrize(
    ("version", "context", "rank0_gib", "tokens", "concurrency"),
    [("0.13.0rc2", 28_900, 14.58, 54_464, "8.04"), ("0.11.2", 29_000, 14.71, 54_960, "8.09")],
)
def test_gemma_27b_pads_62_layers_to_70_slots(
    version: str, context: int, rank0_gib: float, tokens: int, concurrency: str
) -> None:
    """kyuz0/amd-r9700-vllm-toolboxes@18a88f1, TP2: tokens and concurrency agree with each other.

    The tokens are those of the smaller rank, whose pool is not printed: it lies within 0.05 GiB below
    that of rank 0.
    """
    layout = layout_of(GEMMA27, version, tp=2)
    assert sum(groups for _, _, groups in layout.groups) == 7
    assert layout.bytes_per_block == 10 * 16 * 4096
    found = set()
    for blocks in range(tokens // 16 * 7, (tokens // 16 + 1) * 7):
        pool = blocks * layout.bytes_per_block
        assert layout.tokens(pool, context=context, batched_tokens=2048) == tokens
        assert rank0_gib - 0.05 < pool / GIB < rank0_gib
        found.add(f"{layout.concurrency(pool, context=context, batched_tokens=2048):.2f}")
    assert concurrency in found


@pytest.mark.parametrize(
    ("model", "version", "kv_dtype", "tp", "block"),
    [
        # 544 tokens in the logs of kyuz0; 2,096 follows from the tokens of club-3090#652
        (NEXT, "0.13", "bf16", 2, 544),
        (QWEN36, "0.24", "fp8", 1, 2096),
        (OSS20, "0.12", "bf16", 1, 16),
    ],
)
def test_block_of_a_model_with_states(model: str, version: str, kv_dtype: str, tp: int, block: int) -> None:
    assert layout_of(model, version, kv_dtype, tp=tp).block_tokens == block


def test_the_meaning_of_printed_tokens_changed_in_0_21() -> None:
    """vllm-project/vllm#43308: the same pool prints its tokens (0.20), then concurrency x context (0.21)."""
    old, new = layout_of(OSS20, "0.20"), layout_of(OSS20, "0.21")
    assert old._replace(reports_context=True) == new
    load = {"context": 131_072, "batched_tokens": 2048}
    assert new.tokens(8 * GIB, **load) == int(old.concurrency(8 * GIB, **load) * 131_072)
    assert new.tokens(8 * GIB, **load) > 1.8 * old.tokens(8 * GIB, **load)
