"""KV bytes per token and rank, as pools divided by printed tokens show them."""

from __future__ import annotations

import pytest

from gpucost.units import GIB, MIB
from tests.reference.loading import kv_bytes


@pytest.mark.parametrize(
    ("model", "kv_dtype", "tp", "expected"),
    [
        # layers x 2 x KV heads x head size x 2 B
        ("meta-llama/Llama-3.1-8B", "bf16", 1, 131_072),
        ("Qwen/Qwen3-14B", "bf16", 1, 163_840),
        ("Qwen/Qwen3-4B", "bf16", 1, 147_456),
        ("CohereForAI/c4ai-command-r-v01", "bf16", 1, 1.25 * MIB),
        ("zai-org/GLM-Z1-32B-0414", "bf16", 1, 62_464),
        ("zai-org/GLM-Z1-Rumination-32B-0414", "bf16", 1, 249_856),
        ("meta-llama/Llama-2-70b-hf", "bf16", 1, 327_680),
        # four KV heads: one per rank at TP4 (vllm-project/vllm#21348) and at TP8 (log of eight L40S)
        ("Qwen/Qwen3-235B-A22B", "bf16", 4, 48_128),
        ("Qwen/Qwen3-235B-A22B", "bf16", 8, 48_128),
        ("Qwen/Qwen3-235B-A22B", "bf16", 2, 96_256),
        # latent attention: layers x (512 + 64) x 2 B on every rank (vllm-project/recipes@8959cf6)
        ("deepseek-ai/DeepSeek-V3", "bf16", 1, 70_272),
        ("deepseek-ai/DeepSeek-V3", "bf16", 8, 70_272),
        ("moonshotai/Kimi-K2-Thinking", "bf16", 8, 70_272),
        ("deepseek-ai/DeepSeek-V2-Lite", "bf16", 1, 31_104),
        # 78 x 1,152 + 21 x 132 (aws-samples/sample-claude-code-multi-model@152d9f0)
        ("zai-org/GLM-5.2", "bf16", 8, 92_628),
        # ikawrakow/ik_llama.cpp#514 and #377
        ("Qwen/Qwen3-235B-A22B", "q8_0", 1, 94 * 2 * 4 * 128 * 8.5 / 8),
        ("nvidia/Llama-3_1-Nemotron-Ultra-253B-v1", "K q8_0 / V q4_0", 1, 64 * 8 * 128 * (8.5 + 4.5) / 8),
    ],
)
def test_bytes_per_token(model: str, kv_dtype: str, tp: int, expected: float) -> None:
    assert kv_bytes(model, kv_dtype, tp=tp) == expected


def test_eight_bit_caches_hold_twice_the_blocks() -> None:
    """ROCm/rocm-blogs, Llama-3-8B on MI300X: 78,897 blocks with 16 bit, 157,794 with 8."""
    model = "meta-llama/Meta-Llama-3-8B-Instruct"
    assert kv_bytes(model) / kv_bytes(model, "fp8") == 157_794 / 78_897


def test_nvfp4_values_take_72_bytes_for_128() -> None:
    assert kv_bytes("Qwen/Qwen3-8B", "fp8") / kv_bytes("Qwen/Qwen3-8B", "nvfp4") == 128 / 72


@pytest.mark.parametrize(
    ("model", "kv_dtype", "context", "mib"),
    [
        # llama.cpp allocates n_ctx x bytes per token: XiongjieDai/GPU-Benchmarks-on-LLM-Inference@aa72e0e,
        # ikawrakow/ik_llama.cpp#370, #333, #397, #514, #377, abetlen/llama-cpp-python#1014
        ("meta-llama/Llama-2-70b-hf", "f16", 512, 160.0),
        ("zai-org/GLM-Z1-32B-0414", "f16", 32_768, 1952.0),
        ("zai-org/GLM-Z1-Rumination-32B-0414", "f16", 8192, 1952.0),
        ("Qwen/Qwen3-32B", "f16", 8192, 2048.0),
        ("Qwen/Qwen3-235B-A22B", "f16", 32_768, 3520.0 + 2496.0),
        ("Qwen/Qwen3-235B-A22B", "q8_0", 40_960, 3995.0),
        ("nvidia/Llama-3_1-Nemotron-Ultra-253B-v1", "K q8_0 / V q4_0", 12_288, 1248.0),
        ("mistralai/Mixtral-8x7B-v0.1", "f16", 2048, 256.0),
    ],
)
def test_llama_cpp_prints_context_times_bytes(model: str, kv_dtype: str, context: int, mib: float) -> None:
    assert kv_bytes(model, kv_dtype) * context / MIB == mib


def test_sglang_prints_keys_and_values_apart() -> None:
    """vllm-project/vllm#21348: 367,404 tokens of Qwen3-235B at TP4, K and V of 8.23 GB (2**30 B) each."""
    each = 367_404 * kv_bytes("Qwen/Qwen3-235B-A22B", tp=4) / 2
    assert round(each / GIB, 2) == 8.23


def test_stages_and_ranks_leave_the_same_cache_per_card() -> None:
    """Notes on two L4 with Qwen3-14B-AWQ: PP2 and TP2 give pools of 14.04 and 14.38 GiB."""
    assert kv_bytes("Qwen/Qwen3-14B", tp=2) == kv_bytes("Qwen/Qwen3-14B", pp=2) == 81_920
