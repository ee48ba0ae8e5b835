"""Laws of the memory budget: the identity closes, and every cause moves the pool its own way."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.api.engines import EngineFlags, EngineSetup
from gpucost.calc.activations import forward_bytes_per_token, llama_cpp_compute_bytes, sampler_bytes
from gpucost.calc.kv_cache import cache_specs, sequence_bytes
from gpucost.calc.memory import (
    V0_CHUNKED_ABOVE,
    EngineSettings,
    MemoryBudget,
    activation_bytes,
    graph_bytes,
    memory_budget,
)
from gpucost.calc.sglang import sglang_defaults
from gpucost.catalog.names import resolve_version
from gpucost.catalog.store import load
from gpucost.domain.cache import CacheKind, CacheSpec
from gpucost.domain.deployment import EngineKind, Version
from gpucost.domain.model import Model, MoeMlp, SoftmaxAttention
from gpucost.units import GIB
from tests.calc.strategies import BF16_CACHE, count, engine_settings, law, models

CONTEXT = st.integers(1, 1_000_000)
WEIGHTS = st.floats(0, 1e12)
USABLE = st.integers(GIB, 300 * GIB)
VLLM = engine_settings(EngineKind.VLLM)
BYTE = 1e-3
"""Far below a byte: 10**12 B in double precision."""


def budget_of(
    model: Model,
    settings: EngineSettings,
    *,
    weights: float = 1e10,
    usable: int = 80 * GIB,
    context: int = 8192,
    tp: int = 1,
) -> MemoryBudget:
    return memory_budget(
        model,
        settings,
        weights_bytes=weights,
        specs=cache_specs(model, cache=BF16_CACHE, tp=tp),
        usable_bytes=usable,
        context=context,
        tp=tp,
    )


@law
@given(models(), VLLM, WEIGHTS, USABLE, CONTEXT, count(1, 8))
def test_the_identity_of_vllm_closes(
    model: Model, settings: EngineSettings, weights: float, usable: int, context: int, tp: int
) -> None:
    got = budget_of(model, settings, weights=weights, usable=usable, context=context, tp=tp)
    inside = got.cuda_graphs_bytes if settings.graphs_in_budget else 0.0
    parts = (
        got.weights_bytes,
        got.activations_bytes,
        got.non_torch_bytes,
        inside,
        got.states_bytes,
        got.kv_available_bytes,
    )
    share = usable * settings.utilization
    assert got.budget_bytes == share
    scale = max(abs(part) for part in parts)
    assert math.fsum(parts) == pytest.approx(share, abs=max(BYTE, 1e-14 * scale))


@law
@given(models(), engine_settings(EngineKind.SGLANG), WEIGHTS, USABLE, CONTEXT, count(1, 8))
def test_the_identity_of_sglang_closes(
    model: Model, settings: EngineSettings, weights: float, usable: int, context: int, tp: int
) -> None:
    got = budget_of(model, settings, weights=weights, usable=usable, context=context, tp=tp)
    share = (usable - got.non_torch_bytes) * settings.utilization
    inside = math.fsum((got.weights_bytes, got.states_bytes, got.kv_available_bytes))
    assert inside == pytest.approx(share, abs=max(BYTE, 1e-14 * (weights + got.states_bytes)))


@law
@given(models(), engine_settings(EngineKind.TENSORRT_LLM), WEIGHTS, USABLE, CONTEXT, count(1, 8))
def test_tensorrt_llm_takes_its_share_of_what_is_free(
    model: Model, settings: EngineSettings, weights: float, usable: int, context: int, tp: int
) -> None:
    got = budget_of(model, settings, weights=weights, usable=usable, context=context, tp=tp)
    taken = math.fsum((weights, got.activations_bytes, got.non_torch_bytes, got.cuda_graphs_bytes))
    free = usable - taken
    assert got.kv_available_bytes == pytest.approx(settings.utilization * free, abs=BYTE, rel=1e-12)


@law
@given(models(), engine_settings(), WEIGHTS, WEIGHTS, CONTEXT)
def test_the_pool_falls_with_weights(
    model: Model, settings: EngineSettings, one: float, other: float, context: int
) -> None:
    light, heavy = sorted((one, other))
    with_light = budget_of(model, settings, weights=light, context=context).kv_available_bytes
    with_heavy = budget_of(model, settings, weights=heavy, context=context).kv_available_bytes
    share = settings.utilization if settings.engine is EngineKind.TENSORRT_LLM else 1.0
    assert with_light - with_heavy == pytest.approx(share * (heavy - light), abs=1.0, rel=1e-9)


@law
@given(models(), engine_settings(), USABLE, USABLE)
def test_the_pool_grows_with_the_card(model: Model, settings: EngineSettings, one: int, other: int) -> None:
    small, large = sorted((one, other))
    on_small = budget_of(model, settings, usable=small).kv_available_bytes
    assert on_small <= budget_of(model, settings, usable=large).kv_available_bytes


@law
@given(models(), engine_settings(), count(1, 4096), count(1, 65_536))
def test_larger_batches_never_enlarge_the_pool(
    model: Model, settings: EngineSettings, more_sequences: int, more_tokens: int
) -> None:
    here = budget_of(model, settings).kv_available_bytes
    wider = settings._replace(max_num_seqs=settings.max_num_seqs + more_sequences)
    longer = settings._replace(max_num_batched_tokens=settings.max_num_batched_tokens + more_tokens)
    assert budget_of(model, wider).kv_available_bytes <= here
    assert budget_of(model, longer).kv_available_bytes <= here


@law
@given(models(), engine_settings(), count(1, 7))
def test_further_ranks_add_communication(model: Model, settings: EngineSettings, tp: int) -> None:
    one, more = budget_of(model, settings, tp=1), budget_of(model, settings, tp=1 + tp)
    added = settings.constants.communication_bytes_per_peer * tp
    assert one.non_torch_bytes == settings.constants.non_torch_bytes
    assert more.non_torch_bytes - one.non_torch_bytes == pytest.approx(added, abs=1e-3)


@law
@given(models(), engine_settings())
def test_eager_runs_capture_no_graphs(model: Model, settings: EngineSettings) -> None:
    assert graph_bytes(model, settings._replace(eager=True)) == 0
    drawn = settings.constants.graph_bytes_base + settings.constants.graph_bytes_per_layer * model.layers
    without = settings.engine in (EngineKind.LLAMA_CPP, EngineKind.TRANSFORMERS)
    assert graph_bytes(model, settings._replace(eager=False)) == (0 if without else drawn)


@law
@given(models(), VLLM)
def test_graphs_take_from_the_pool_only_where_the_version_says_so(
    model: Model, settings: EngineSettings
) -> None:
    settings = settings._replace(eager=False)
    outside = budget_of(model, settings._replace(graphs_in_budget=False))
    inside = budget_of(model, settings._replace(graphs_in_budget=True))
    taken = outside.kv_available_bytes - inside.kv_available_bytes
    assert taken == pytest.approx(inside.cuda_graphs_bytes, abs=BYTE)
    assert outside.cuda_graphs_bytes == inside.cuda_graphs_bytes


@law
@given(models(), engine_settings())
def test_state_pools_stand_apart_only_in_v0_and_sglang(model: Model, settings: EngineSettings) -> None:
    states = [spec for spec in cache_specs(model, cache=BF16_CACHE, tp=1) if spec.kind is CacheKind.STATE]
    reserved = sequence_bytes(states, tokens=0) * settings.max_num_seqs
    apart = settings.v0 or settings.engine is EngineKind.SGLANG
    assert budget_of(model, settings).states_bytes == (reserved if apart else 0)


@law
@given(models(), engine_settings(EngineKind.VLLM), CONTEXT, count(1, 8))
def test_v1_profiles_a_chunk_whatever_the_context(
    model: Model, settings: EngineSettings, context: int, tp: int
) -> None:
    settings = settings._replace(v0=False)
    peak = activation_bytes(model, settings, context=context, tp=tp)
    assert peak == activation_bytes(model, settings, context=1, tp=tp)


@law
@given(models(), engine_settings(EngineKind.VLLM))
def test_v1_takes_the_larger_of_chunk_and_sampling_and_the_encoder(
    model: Model, settings: EngineSettings
) -> None:
    settings = settings._replace(v0=False)
    chunk = forward_bytes_per_token(model, tp=1) * settings.max_num_batched_tokens
    logits = settings.max_num_seqs * model.vocab_size * settings.constants.sampler_bytes_per_logit
    patches = 0 if model.vision is None else model.vision.max_patches or 0
    encoder = patches * settings.constants.encoder_bytes_per_patch
    peak = activation_bytes(model, settings, context=1, tp=1)
    assert peak == pytest.approx(max(chunk, logits) + encoder, rel=1e-12)


@pytest.mark.parametrize(
    ("tp", "latent", "expected"),
    [
        # Qwen3-30B-A3B: 2 B x (8 routed x (max(2 x 768, 2,048) + 768) + 3 x 2,048)
        (1, None, 2 * (8 * (2048 + 768) + 3 * 2048)),
        (2, None, 2 * (8 * (2048 + 384) + 3 * 2048)),
        (1, 512, 2 * (8 * (1536 + 768) + 3 * 2048)),  # in a narrow space gate and up are the wider
    ],
)
def test_a_token_visits_its_routed_experts_at_once(tp: int, latent: int | None, expected: int) -> None:
    mlp = MoeMlp(48, experts=128, experts_per_token=8, intermediate_size=768, latent_size=latent)
    attention = SoftmaxAttention(48, 32, 4, 128, 128)
    model = Model(
        "test/moe",
        "moe",
        "test",
        2048,
        151_936,
        48,
        (attention,),
        (mlp,),
        tied_embeddings=False,
        max_context=None,
    )
    assert forward_bytes_per_token(model, tp=tp) == expected


@pytest.mark.parametrize(
    ("engine", "text", "v0", "graphs", "context", "hybrid", "states"),
    [
        ("vllm", "0.7.3", True, False, False, False, 1),
        ("vllm", "V0 (0.8.5 era)", True, False, False, False, 1),
        ("vllm", "0.9.2", False, False, False, False, 1),
        ("vllm", "0.10.0", False, False, False, True, 1),
        ("vllm", "0.19.1", False, False, False, True, 1),
        ("vllm", "0.20.0", False, True, False, True, 1),  # VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS on
        ("vllm", "0.21.0", False, True, True, True, 1),
        ("vllm", "0.24.0", False, True, True, True, 2),
        ("vllm", "0.33.0", False, True, True, True, 2),
        ("sglang", "0.5.3", False, False, False, True, 1),
    ],
)
def test_rules_by_version(
    engine: str, text: str, v0: bool, graphs: bool, context: bool, hybrid: bool, states: int
) -> None:
    catalog = load()
    found = catalog.engine(engine)
    setup = EngineSetup(found, resolve_version(found, text), EngineFlags())
    settings = setup.settings(catalog.gpus["h100-sxm-80gb"])
    assert (settings.v0, settings.graphs_in_budget) == (v0, graphs)
    assert (setup.reports_context, setup.hybrid, setup.state_blocks) == (context, hybrid, states)


@law
@given(models(), engine_settings(EngineKind.VLLM), count(1, V0_CHUNKED_ABOVE))
def test_v0_profiles_a_whole_prefill_until_it_chunks(
    model: Model, settings: EngineSettings, context: int
) -> None:
    text = model._replace(vision=None)
    settings = settings._replace(v0=True, chunked_prefill=None)
    each = forward_bytes_per_token(text, tp=1)
    assert activation_bytes(text, settings, context=context, tp=1) == each * context
    beyond = activation_bytes(text, settings, context=V0_CHUNKED_ABOVE + context, tp=1)
    assert beyond == each * settings.max_num_batched_tokens
    last = activation_bytes(text, settings, context=V0_CHUNKED_ABOVE, tp=1)
    assert last == each * V0_CHUNKED_ABOVE
    told = settings._replace(chunked_prefill=False)
    assert activation_bytes(text, told, context=10**6, tp=1) == each * 10**6


@law
@given(models(), count(1, 4096), st.floats(0, 40))
def test_sampling_is_bilinear(model: Model, sequences: int, each: float) -> None:
    one = sampler_bytes(sequences=1, vocab_size=model.vocab_size, bytes_per_logit=each)
    many = sampler_bytes(sequences=sequences, vocab_size=model.vocab_size, bytes_per_logit=each)
    assert many == pytest.approx(sequences * one, rel=1e-12)


@law
@given(models())
def test_a_forward_pass_is_divided_over_ranks_down_to_the_residual(model: Model) -> None:
    peaks = [forward_bytes_per_token(model, tp=tp) for tp in (1, 2, 4, 8, 1024)]
    residual = 2 * 3 * model.hidden_size
    assert all(before >= after >= residual for before, after in pairwise(peaks))
    wider = model._replace(hidden_size=model.hidden_size + 1)
    assert forward_bytes_per_token(wider, tp=1) > peaks[0]


@law
@given(models(), CONTEXT, count(1, 4096), st.floats(0, 1e9))
def test_flash_attention_never_costs_llama_cpp_memory(
    model: Model, context: int, micro_batch: int, base: float
) -> None:
    with_it, without = (
        llama_cpp_compute_bytes(
            model, context=context, micro_batch=micro_batch, flash_attention=flash, base_bytes=base
        )
        for flash in (True, False)
    )
    assert with_it == micro_batch * model.vocab_size * 4 + base
    assert without >= with_it


@law
@given(st.integers(GIB, 400 * GIB), count(1, 64), st.sampled_from((Version(0, 4), Version(0, 5))))
def test_sglang_fractions_are_shares_that_fall_with_cards(device: int, cards: int, version: Version) -> None:
    found = sglang_defaults(device_bytes=device, cards=cards, version=version)
    assert 0.1 <= found.static_fraction < 1
    assert round(found.static_fraction, 3) == found.static_fraction
    more = sglang_defaults(device_bytes=device, cards=cards + 1, version=version)
    assert more.static_fraction <= found.static_fraction


@law
@given(models(), engine_settings())
def test_no_memory_leaves_a_negative_pool_not_an_error(model: Model, settings: EngineSettings) -> None:
    got = budget_of(model, settings, weights=1e15, usable=1)
    assert got.kv_available_bytes < 0
    assert math.isfinite(got.kv_available_bytes)


def test_states_are_counted_per_sequence() -> None:
    spec = CacheSpec(CacheKind.STATE, 3, 0.0, state_bytes=10)
    assert sequence_bytes([spec], tokens=0) == 30
