"""Laws of what sequences need in a KV cache."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.calc.kv_cache import cache_specs, kv_bytes_per_token, sequence_bytes
from gpucost.domain.cache import CacheFormat, CacheKind, CacheSpec
from gpucost.domain.model import LatentAttention, LinearAttention, Model, StateSpace
from tests.calc.strategies import (
    BF16_CACHE,
    cache_formats,
    count,
    dense_models,
    latent_groups,
    law,
    models,
    softmax_of,
    spec_lists,
    state_specs,
)

EXACT = 1e-12


def per_token(model: Model, cache: CacheFormat = BF16_CACHE, *, tp: int = 1, pp: int = 1) -> float:
    return kv_bytes_per_token(cache_specs(model, cache=cache, tp=tp, pp=pp))


@law
@given(dense_models(), cache_formats(), count(1, 8))
def test_heads_are_replicated_once_ranks_outnumber_them(model: Model, cache: CacheFormat, times: int) -> None:
    """Each rank keeps one whole head: the same bytes at tp = KV heads and at any more ranks."""
    mixers = tuple(group._replace(kv_heads=4) for group in softmax_of(model))
    model = model._replace(mixers=mixers)
    one_head = cache_specs(model, cache=cache, tp=4)
    assert cache_specs(model, cache=cache, tp=4 * times) == one_head
    assert 4 * kv_bytes_per_token(one_head) == pytest.approx(per_token(model, cache), rel=EXACT)


@law
@given(models(), cache_formats())
def test_more_ranks_never_cost_more_and_never_lose_heads(model: Model, cache: CacheFormat) -> None:
    sizes = {tp: per_token(model, cache, tp=tp) for tp in (1, 2, 3, 4, 8, 16)}
    assert all(before >= after for before, after in pairwise(sizes.values()))
    assert all(tp * size >= sizes[1] * (1 - EXACT) for tp, size in sizes.items())


@law
@given(dense_models(), latent_groups(), cache_formats(), count(1, 64))
def test_a_latent_cache_is_the_same_on_every_rank(
    model: Model, latent: LatentAttention, cache: CacheFormat, tp: int
) -> None:
    model = model._replace(mixers=(latent,))
    assert cache_specs(model, cache=cache, tp=tp) == cache_specs(model, cache=cache, tp=1)


@law
@given(dense_models(), count(2, 12))
def test_stages_keep_the_cache_of_their_layers(model: Model, pp: int) -> None:
    whole = cache_specs(model, cache=BF16_CACHE, tp=1)
    stage = cache_specs(model, cache=BF16_CACHE, tp=1, pp=pp)
    for before, after in zip(whole, stage, strict=True):
        assert after.layers == math.ceil(before.layers / pp)
        assert after._replace(layers=before.layers) == before


@law
@given(dense_models())
def test_eight_bits_are_half_of_sixteen(model: Model) -> None:
    eight = CacheFormat("fp8", 8, 8)
    assert 2 * per_token(model, eight) == per_token(model)


@law
@given(dense_models(), cache_formats())
def test_keys_and_values_add_up(model: Model, cache: CacheFormat) -> None:
    keys = per_token(model, cache._replace(value_bits=0))
    values = per_token(model, cache._replace(key_bits=0))
    assert keys + values == pytest.approx(per_token(model, cache), rel=EXACT)


@law
@given(models(), cache_formats())
def test_states_do_not_depend_on_the_cache_format(model: Model, cache: CacheFormat) -> None:
    kept = [
        [spec for spec in cache_specs(model, cache=each, tp=2) if spec.kind is CacheKind.STATE]
        for each in (cache, BF16_CACHE)
    ]
    assert kept[0] == kept[1]
    assert all(spec.bytes_per_token == 0 and spec.state_bytes > 0 for spec in kept[0])


@law
@given(dense_models(), count(1, 3))
def test_draft_layers_share_the_pool(model: Model, drafts: int) -> None:
    """Llama-8B with a one-layer draft behaves as 33 layers (vLLM logs with EAGLE)."""
    mixers = (softmax_of(model)[0]._replace(window=None), *model.mixers[1:])
    model = model._replace(mixers=mixers, mtp_layers=drafts)
    plain = cache_specs(model, cache=BF16_CACHE, tp=1)
    drafting = cache_specs(model, cache=BF16_CACHE, tp=1, with_mtp=True)
    full = next(spec for spec in plain if spec.kind is CacheKind.FULL)
    assert kv_bytes_per_token(drafting) == kv_bytes_per_token(plain) + drafts * full.bytes_per_token


@law
@given(dense_models(), st.data())
def test_layers_that_reuse_a_cache_hold_none(model: Model, data: st.DataObject) -> None:
    first = softmax_of(model)[0]
    reused = data.draw(st.integers(0, first.layers - 1))
    saving = model._replace(mixers=(first._replace(kv_reused_layers=reused), *model.mixers[1:]))
    each = cache_specs(model, cache=BF16_CACHE, tp=1)[0].bytes_per_token
    assert per_token(saving) == pytest.approx(per_token(model) - reused * each, rel=EXACT)


CONTEXT = st.integers(0, 10**7)


@law
@given(spec_lists(), CONTEXT, CONTEXT)
def test_need_grows_with_context(specs: tuple[CacheSpec, ...], one: int, other: int) -> None:
    shorter, longer = sorted((one, other))
    assert sequence_bytes(specs, tokens=shorter) <= sequence_bytes(specs, tokens=longer)


@law
@given(spec_lists(), CONTEXT, st.integers(0, 10**6))
def test_need_is_concave(specs: tuple[CacheSpec, ...], tokens: int, step: int) -> None:
    """A window that fills up only ever slows the growth."""
    low, middle, high = (sequence_bytes(specs, tokens=tokens + n * step) for n in range(3))
    assert low + high <= 2 * middle * (1 + EXACT)


@law
@given(spec_lists(), CONTEXT)
def test_an_open_window_costs_what_full_attention_costs(specs: tuple[CacheSpec, ...], tokens: int) -> None:
    full = tuple(spec._replace(kind=CacheKind.FULL, window=None) for spec in specs)
    windows = [spec.window for spec in specs if spec.window is not None]
    need, unlimited = sequence_bytes(specs, tokens=tokens), sequence_bytes(full, tokens=tokens)
    assert need <= unlimited
    if tokens <= min(windows, default=tokens):
        assert need == unlimited
    else:
        assert need < unlimited


@law
@given(spec_lists(states=False), CONTEXT)
def test_need_is_bytes_per_token_while_windows_are_open(specs: tuple[CacheSpec, ...], tokens: int) -> None:
    tokens = min([tokens, *(spec.window for spec in specs if spec.window is not None)])
    assert sequence_bytes(specs, tokens=tokens) == pytest.approx(
        kv_bytes_per_token(specs) * tokens, rel=EXACT
    )


@law
@given(spec_lists(), spec_lists(), CONTEXT)
def test_layers_add_up(left: tuple[CacheSpec, ...], right: tuple[CacheSpec, ...], tokens: int) -> None:
    apart = sequence_bytes(left, tokens=tokens) + sequence_bytes(right, tokens=tokens)
    assert sequence_bytes((*left, *right), tokens=tokens) == pytest.approx(apart, rel=EXACT)


@law
@given(state_specs(), CONTEXT)
def test_states_do_not_grow(spec: CacheSpec, tokens: int) -> None:
    assert sequence_bytes([spec], tokens=tokens) == spec.layers * spec.state_bytes
    assert kv_bytes_per_token([spec]) == 0


def test_a_trillion_tokens_stay_exact() -> None:
    spec = CacheSpec(CacheKind.FULL, 61, 1152.0)
    assert sequence_bytes([spec], tokens=10**12) == 61 * 1152 * 10**12


def test_states_of_nemotron_h_and_qwen3_next_by_hand() -> None:
    """Per layer on one rank: convolution of kernel - 1 columns in 16 bit, and the matrix state."""
    mamba = StateSpace(24, heads=128, head_dim=80, state_size=128, groups=8, conv_kernel=4, state_bytes=4)
    delta = LinearAttention(36, 16, 32, 128, 128, conv_kernel=4, state_bytes=2)
    expected: dict[tuple[StateSpace | LinearAttention, int], int] = {
        (mamba, 1): 3 * (128 * 80 + 2 * 8 * 128) * 2 + 128 * 80 * 128 * 4,
        (mamba, 8): 3 * (16 * 80 + 2 * 1 * 128) * 2 + 16 * 80 * 128 * 4,
        (mamba, 16): 3 * (8 * 80 + 2 * 1 * 128) * 2 + 8 * 80 * 128 * 4,  # the one group is repeated
        (delta, 1): 3 * (2 * 16 * 128 + 32 * 128) * 2 + 32 * 128 * 128 * 2,
        (delta, 2): 3 * (16 * 128 + 16 * 128) * 2 + 16 * 128 * 128 * 2,
    }
    for (mixer, tp), size in expected.items():
        model = Model(
            "test/states",
            "states",
            "test",
            2048,
            64,
            mixer.layers,
            (mixer,),
            (),
            tied_embeddings=True,
            max_context=None,
        )
        (spec,) = cache_specs(model, cache=BF16_CACHE, tp=tp)
        assert spec == CacheSpec(CacheKind.STATE, mixer.layers, 0.0, state_bytes=size)
