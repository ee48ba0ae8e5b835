"""llama.cpp and ik_llama.cpp logs: weights on the card and compute buffers, in MiB."""

from __future__ import annotations

import pytest

from gpucost.calc.activations import llama_cpp_compute_bytes
from gpucost.calc.weights import ExpertPadding, weights_by_part
from gpucost.domain.deployment import Parallelism
from gpucost.units import GIB, MIB
from tests.reference.loading import catalog, model_of


@pytest.mark.parametrize(
    ("model", "form", "mib"),
    [
        # XiongjieDai/GPU-Benchmarks-on-LLM-Inference@aa72e0e; ikawrakow/ik_llama.cpp#370
        ("meta-llama/Llama-2-70b-hf", "q4-0", 36_930.11),
        ("zai-org/GLM-Z1-32B-0414", "iq4-xs", 16_303.48),
    ],
)
def test_weights_on_the_card_are_the_file_without_the_embedding(model: str, form: str, mib: float) -> None:
    parts = weights_by_part(
        model_of(model),
        quantization=catalog().quantization(form),
        parallel=Parallelism(),
        padding=ExpertPadding(),
    )
    on_card = sum(size for part, size in parts.items() if part != "embedding")
    assert on_card / MIB == pytest.approx(mib, rel=2e-5)


COMPUTE = [
    # model, context, micro-batch, flash attention, printed MiB
    ("meta-llama/Llama-2-70b-hf", 512, 512, False, 148.19),  # XiongjieDai@aa72e0e, late 2023
    ("meta-llama/Llama-3.1-8B", 8192, 512, False, 560.0),
    ("zai-org/GLM-Z1-Rumination-32B-0414", 8192, 512, False, 832.0),  # ikawrakow/ik_llama.cpp#333
    ("zai-org/GLM-Z1-32B-0414", 32_768, 512, True, 353.0),  # mainline run in #370
    ("Qwen/Qwen3-32B", 8192, 1024, True, 633.5),  # discussion #397
    ("Qwen/Qwen3-235B-A22B", 32_768, 2048, True, 1251.0),  # #629, second card
    ("Qwen/Qwen3-235B-A22B", 40_960, 4096, True, 2502.0),  # #514
]


@pytest.mark.parametrize(("model", "context", "micro_batch", "flash", "printed"), COMPUTE)
def test_compute_buffer_is_logits_or_scores_and_a_base(
    model: str, context: int, micro_batch: int, flash: bool, printed: float
) -> None:
    """What a log prints above the larger of logits and scores lies in the catalogue's range of the base."""
    row = next(c for c in catalog().engine("llama.cpp").constants if c.name == "graph-gib")
    low, high = (
        llama_cpp_compute_bytes(
            model_of(model),
            context=context,
            micro_batch=micro_batch,
            flash_attention=flash,
            base_bytes=(base or 0.0) * GIB,
        )
        / MIB
        for base in (row.low, row.high)
    )
    assert low < printed < high


@pytest.mark.parametrize(
    ("model", "micro_batch", "printed"),
    [(model, micro, printed) for model, _, micro, flash, printed in COMPUTE if flash and "Qwen3" in model],
)
def test_the_base_of_ik_llama_cpp_is_two_hidden_states(model: str, micro_batch: int, printed: float) -> None:
    """Logits and 2 x hidden x micro-batch x 4 B are the printed figure, to its last digit."""
    found = model_of(model)
    states = 2 * found.hidden_size * micro_batch * 4
    whole = llama_cpp_compute_bytes(
        found, context=1, micro_batch=micro_batch, flash_attention=True, base_bytes=states
    )
    assert whole / MIB == printed
