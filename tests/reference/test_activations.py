"""Transient memory against logs: vLLM's profile, transformers' peaks."""

from __future__ import annotations

import pytest

from gpucost.calc.activations import forward_bytes_per_token, sampler_bytes
from gpucost.calc.kv_cache import cache_specs, sequence_bytes
from gpucost.calc.tensors import total_parameters
from gpucost.catalog.names import CACHE_FORMATS
from gpucost.units import GIB
from tests.reference.loading import catalog, model_of


@pytest.mark.parametrize(("tokens", "printed"), [(20_000, 2.07), (29_000, 2.99)])
def test_v0_profiles_110592_bytes_per_token_of_an_8b_llama(tokens: int, printed: float) -> None:
    """Activation peaks that V0 prints without chunked prefill: 2 B x 3 x (14,336 + 4,096) per token.

    The prompt lengths are given as 20k and 29k, hence 1 %.
    """
    each = forward_bytes_per_token(model_of("meta-llama/Llama-3.1-8B"), tp=1)
    assert each == 110_592
    assert each * tokens / GIB == pytest.approx(printed, rel=0.01)


@pytest.mark.parametrize(
    ("model", "printed"),
    [
        # llm-d-incubation/llm-d-planner@e50305a, 0.11.0 on H100, 1,024 sequences
        ("meta-llama/Llama-3.1-8B", 4.76),
        ("Qwen/Qwen3-0.6B", 5.56),
        ("Qwen/Qwen3-32B", 5.64),
        ("openai/gpt-oss-20b", 7.38),
    ],
)
def test_v1_profiles_the_sampler(model: str, printed: float) -> None:
    """The bytes per logit of a log lie in the range that the catalogue gives, next to its middle."""
    vocabulary = model_of(model).vocab_size
    each = printed * GIB / (1024 * vocabulary)
    row = catalog().engine("vllm").constants
    newest = [c for c in row if c.name == "sampler-bytes-per-logit" and c.since is not None][-1]
    assert newest.low is not None
    assert newest.high is not None
    assert newest.low <= each <= newest.high
    modelled = sampler_bytes(sequences=1024, vocab_size=vocabulary, bytes_per_logit=newest.value)
    assert abs(modelled / GIB - printed) < 0.07  # the spread of 5.56 and 5.64 for one vocabulary


def transformers_gib(model: str, tokens_in: int, tokens_out: int, cards: int) -> float:
    """Two bytes per parameter, cache, and one prefill's transient tensors on each card [GiB]."""
    found = model_of(model)
    specs = cache_specs(found, cache=CACHE_FORMATS["bf16"], tp=1)
    cache = sequence_bytes(specs, tokens=tokens_in + tokens_out)
    peak = cards * tokens_in * forward_bytes_per_token(found, tp=1)
    return (2 * total_parameters(found) + cache + peak) / GIB


@pytest.mark.parametrize(
    ("model", "cards", "printed"),
    [
        ("Qwen/Qwen2.5-32B-Instruct", 1, 74.47),
        ("Qwen/Qwen2.5-72B-Instruct", 3, 164.79),
    ],
)
def test_transformers_peak_of_a_30k_prompt(model: str, cards: int, printed: float) -> None:
    """QwenLM/Qwen3@a912d23 speed page of Qwen2.5 on A100: 30,720 tokens in, 2,048 out, bf16, within 1 %."""
    assert transformers_gib(model, 30_720, 2048, cards) == pytest.approx(printed, rel=0.01)


@pytest.mark.parametrize(
    ("model", "printed"),
    [
        # the same page, and that of Qwen3 (QwenLM/Qwen3@7a2f61f, H20, MB means MiB), one token in
        ("Qwen/Qwen2.5-1.5B-Instruct", 2.95),
        ("Qwen/Qwen2.5-32B-Instruct", 61.58),
        ("Qwen/Qwen2.5-72B-Instruct", 136.20),
        ("Qwen/Qwen3-0.6B", 1394 / 1024),
        ("Qwen/Qwen3-4B", 7973 / 1024),
        ("Qwen/Qwen3-8B", 15_947 / 1024),
        ("Qwen/Qwen3-30B-A3B", 58_462 / 1024),
    ],
)
def test_transformers_holds_weights_and_cache(model: str, printed: float) -> None:
    """Bf16, one token in and 2,048 out: what is left over is below 0.2 GiB."""
    assert abs(transformers_gib(model, 1, 2048, 1) - printed) < 0.2
