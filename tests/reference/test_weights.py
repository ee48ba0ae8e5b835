"""Load sizes that engines print, per card in GiB, against the tensors of the model."""

from __future__ import annotations

import pytest

from gpucost.units import GIB
from tests.reference.loading import A100, H100, in_segments_gib, loaded_gib, unsplit_bytes

TWO_DECIMALS = 0.005
FOUR_DECIMALS = 0.0002
"""Rounding of the figure, and 0.15 MiB of buffers that every log carries."""
STATED_VALIDITY = 0.01
"""What the docstring of `weights_by_part` claims."""

LLMD = "llm-d-incubation/llm-d-planner@e50305a, vLLM 0.11.0 on H100"
KYUZO = "kyuz0/amd-r9700-vllm-toolboxes@18a88f1, vLLM 0.12.0 on NVIDIA cards"


@pytest.mark.parametrize(
    ("model", "form", "tp", "ep", "gpu", "printed"),
    [
        # LLMD: bf16, tp 1; 14.99 is 2 x 8.03e9 B and 0.031 GiB of rotary table
        ("meta-llama/Llama-3.1-8B", "bf16", 1, 1, H100, 14.99),
        ("Qwen/Qwen3-0.6B", "bf16", 1, 1, H100, 1.12),
        ("Qwen/Qwen3-32B", "bf16", 1, 1, H100, 61.03),
        ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", "bf16", 1, 1, H100, 44.76),
        # Korean lab notes on "Hands-On LLM Serving and Optimization", vLLM 0.28.0 on an L40S
        ("Qwen/Qwen3-14B", "bf16", 1, 1, "l40s-48gb", 27.52),
        # notes on four RTX 2080 Ti of 22 GB, vLLM 0.8.5, fp16
        ("Qwen/Qwen3-30B-A3B", "bf16", 4, 1, "rtx-2080-ti-22gb", 14.25),
        # hosting notes and full server log, 2025-09-24, vLLM 0.10.2 on eight L40S, 16 experts of 128 each
        ("Qwen/Qwen3-235B-A22B-Instruct-2507", "fp8-block", 8, 8, "l40s-48gb", 27.72),
    ],
)
def test_load_size_to_the_printed_digit(
    model: str, form: str, tp: int, ep: int, gpu: str, printed: float
) -> None:
    assert loaded_gib(model, form, tp=tp, ep=ep, gpu=gpu) == pytest.approx(printed, abs=TWO_DECIMALS)


def two(rows: int, columns: int) -> int:
    """Bytes of a 16-bit matrix [B]."""
    return 2 * rows * columns


OSS = (two(5120, 2880), two(2880, 4096))
OSS_ENDS = (two(201_088, 2880),) * 2


@pytest.mark.parametrize(
    ("model", "form", "tp", "gpu", "printed", "digit"),
    [
        # kyuz0 logs of vLLM 0.12, RTX 3090 to A100
        ("meta-llama/Llama-3.1-8B", "bf16", 1, "rtx-3090-24gb", 14.9889, 0.00015),
        # dennislee22/vLLM-benchmarking, vLLM 0.10.1.1
        ("Qwen/Qwen2-7B-Instruct", "bf16", 1, A100, 14.2488, 0.00015),
        ("Qwen/Qwen2-7B-Instruct", "bf16", 2, A100, 7.1217, 0.00015),
        # README of a local service, RTX 2060 12 GB, vLLM V0, May 2025
        ("Qwen/Qwen3-4B", "bf16", 1, "rtx-2060-12gb", 7.5552, 0.00015),
        # llm-d planner, two H100, vLLM 0.11
        ("Qwen/Qwen3-32B", "bf16", 2, H100, 30.59, 0.005),
        # kyuz0 logs: the scales of 40 layers (2.8 MiB) stand in small blocks of their own
        ("Qwen/Qwen3-14B", "fp8-dynamic", 1, "rtx-4090-24gb", 15.3388, 0.003),
        # kyuz0 logs: Marlin layout of 32 experts
        ("openai/gpt-oss-20b", "mxfp4", 1, "rtx-3090-24gb", 13.7194, 0.00015),
        # vllm-project/vllm#23278: 1.4 MiB of expert biases per layer share segments
        ("openai/gpt-oss-120b", "mxfp4", 1, A100, 65.9651, 0.005),
        # dennislee22/vLLM-benchmarking, four cards: 7 to 9 MiB matrices share segments
        ("openai/gpt-oss-120b", "mxfp4", 4, A100, 17.2217, 0.03),
    ],
)
def test_load_size_is_the_tensors_in_whole_segments(
    model: str, form: str, tp: int, gpu: str, printed: float, digit: float
) -> None:
    """The weights, in the 2 MiB steps in which PyTorch hands memory out, are what the log prints."""
    assert in_segments_gib(model, form, tp=tp, gpu=gpu) == pytest.approx(printed, abs=digit)


def test_load_size_of_llama_405b_with_whole_scales_on_every_rank() -> None:
    """dstackai/benchmarks, eight H100, November 2024: 56.7677 GiB per card.

    The scale per output channel of the down projection stays whole where its inputs are cut by eight; the
    format states an average for whole columns, so (32 / 6,656 - 32 / 53,248) bits are added, and 1 MiB
    for each of embedding and head.
    """
    columns = 53_248 // 8
    inner = 126 * 16_384 * columns * (8 + 16 / 126 + 32 / columns - 8.128) / 8
    ends = unsplit_bytes(two(128_256 // 8, 16_384)) * 2
    exact = loaded_gib("meta-llama/Llama-3.1-405B", "fp8-fbgemm", tp=8) + (inner + ends) / GIB
    assert exact == pytest.approx(56.77, abs=TWO_DECIMALS)


@pytest.mark.parametrize(
    ("model", "form", "tp", "ep", "gpu", "printed"),
    [
        ("deepseek-ai/DeepSeek-V2-Lite", "bf16", 1, 1, "dgx-spark-gb10-128gb", 29.34),
        ("Qwen/Qwen2-7B-Instruct", "bf16", 1, 1, A100, 14.2488),
        ("Qwen/Qwen2.5-1.5B-Instruct", "bf16", 1, 1, "t4-16gb", 2.8884),
        ("Qwen/Qwen3-4B", "bf16", 1, 1, "rtx-2060-12gb", 7.5552),
        ("Qwen/Qwen3-14B", "fp8-dynamic", 1, 1, "rtx-3090-24gb", 15.3291),
        ("Qwen/Qwen3-14B", "fp8-dynamic", 1, 1, "rtx-5090-32gb", 15.3388),
        # LLMD, 20b; vllm-project/vllm#33155, 0.14.1, 120b: the layout of Hopper
        ("openai/gpt-oss-20b", "mxfp4", 1, 1, H100, 13.47),
        ("openai/gpt-oss-120b", "mxfp4", 1, 1, H100, 64.38),
        ("openai/gpt-oss-20b", "mxfp4", 1, 1, "rtx-4090-24gb", 13.72),
        ("openai/gpt-oss-120b", "mxfp4", 1, 1, A100, 65.97),
        ("openai/gpt-oss-120b", "mxfp4", 4, 1, A100, 17.22),
        ("meta-llama/Llama-3.1-405B", "fp8-fbgemm", 8, 1, H100, 56.77),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "fp8", 1, 1, H100, 8.46),
        ("meta-llama/Llama-3.3-70B-Instruct", "fp8", 1, 1, H100, 67.72),
        ("meta-llama/Llama-3.3-70B-Instruct", "fp8", 2, 1, H100, 33.88),
    ],
)
def test_load_size_within_the_stated_validity(
    model: str, form: str, tp: int, ep: int, gpu: str, printed: float
) -> None:
    """Sources as above; DeepSeek-V2-Lite sukritRunara, Qwen2.5-1.5B a note of a Colab T4, Llama FP8 vLLM."""
    assert loaded_gib(model, form, tp=tp, ep=ep, gpu=gpu) == pytest.approx(printed, rel=STATED_VALIDITY)


def test_parameters_over_two_is_far_from_a_four_bit_checkpoint() -> None:
    """Qwen3-14B-AWQ loads 9.44 GiB where half a byte per parameter is 6.88: the vocabulary stays 16 bit."""
    naive = 14.768e9 / 2 / GIB
    modelled = loaded_gib("Qwen/Qwen3-14B", "awq")
    assert modelled == pytest.approx(9.44, rel=0.02)  # "all within 2 %" is what the comparison states
    assert naive < 0.75 * modelled
