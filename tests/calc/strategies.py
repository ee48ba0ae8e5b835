"""Random architectures, formats and settings for property tests."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st

from gpucost.calc.memory import EngineSettings, MemoryConstants
from gpucost.calc.weights import ExpertPadding, weights_by_part
from gpucost.domain.cache import CacheFormat, CacheKind, CacheSpec
from gpucost.domain.deployment import EngineKind, Parallelism
from gpucost.domain.model import (
    DenseMlp,
    Indexer,
    LatentAttention,
    LinearAttention,
    Mixer,
    Mlp,
    Model,
    MoeMlp,
    SoftmaxAttention,
    StateSpace,
    VisionTower,
)
from gpucost.domain.quantization import PARTS, Quantization

law = settings(max_examples=30, deadline=None, derandomize=True, database=None)
"""Fixed examples: a test that passes today passes tomorrow."""

BF16 = Quantization("bf16", "16 bit", 16, frozenset(PARTS))
BF16_CACHE = CacheFormat("bf16", 16, 16)
UNPADDED = ExpertPadding()
TENSOR_PARALLEL = st.sampled_from((1, 2, 4, 8))


def count(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


def steps(step: int, high: int) -> st.SearchStrategy[int]:
    """Multiples of `step`."""
    return st.integers(1, high).map(lambda n: n * step)


@st.composite
def softmax_groups(draw: st.DrawFn, *, divisible: bool = False) -> SoftmaxAttention:
    """`divisible`: up to eight ranks take whole query heads."""
    kv_heads = draw(st.sampled_from((1, 2, 4, 8, 16)) if divisible else count(1, 40))
    heads = (max(kv_heads, 8) if divisible else kv_heads) * draw(count(1, 8))
    return SoftmaxAttention(
        layers=draw(count(1, 90)),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=draw(st.sampled_from((64, 80, 96, 128, 256))),
        value_head_dim=draw(st.sampled_from((64, 128, 256))),
        window=draw(st.none() | count(1, 8192)),
        value_from_key=False if divisible else draw(st.booleans()),
        output_gate=draw(st.booleans()),
        qkv_bias=False if divisible else draw(st.booleans()),
        output_bias=False if divisible else draw(st.booleans()),
        qk_norm=False if divisible else draw(st.booleans()),
    )


@st.composite
def latent_groups(draw: st.DrawFn, *, sparse: bool = True) -> LatentAttention:
    layers = draw(count(1, 90))
    indexer = None
    if sparse and draw(st.booleans()):
        indexer = Indexer(draw(count(1, layers)), draw(count(1, 64)), 128, 2048, draw(count(64, 256)))
    return LatentAttention(
        layers=layers,
        heads=8 * draw(count(1, 16)),
        kv_lora_rank=draw(steps(64, 16)),
        rope_head_dim=draw(st.sampled_from((32, 64))),
        nope_head_dim=draw(st.sampled_from((64, 128))),
        value_head_dim=draw(st.sampled_from((64, 128))),
        q_lora_rank=draw(st.none() | steps(64, 32)),
        indexer=indexer,
    )


@st.composite
def linear_groups(draw: st.DrawFn) -> LinearAttention:
    key_heads = 8 * draw(count(1, 4))
    return LinearAttention(
        layers=draw(count(1, 90)),
        key_heads=key_heads,
        value_heads=key_heads * draw(count(1, 4)),
        key_head_dim=draw(st.sampled_from((64, 128))),
        value_head_dim=draw(st.sampled_from((64, 128))),
        conv_kernel=draw(count(2, 8)),
        state_bytes=draw(st.sampled_from((2, 4))),
    )


@st.composite
def state_space_groups(draw: st.DrawFn) -> StateSpace:
    return StateSpace(
        layers=draw(count(1, 90)),
        heads=8 * draw(count(1, 32)),
        head_dim=draw(st.sampled_from((64, 80))),
        state_size=draw(st.sampled_from((64, 128, 256))),
        groups=draw(st.sampled_from((1, 2, 8))),
        conv_kernel=draw(count(2, 8)),
        state_bytes=draw(st.sampled_from((2, 4))),
    )


def dense_mlps(layers: int, *, bias: bool = True) -> st.SearchStrategy[DenseMlp]:
    biases = st.booleans() if bias else st.just(False)
    return st.builds(DenseMlp, st.just(layers), steps(128, 400), st.booleans(), biases)


@st.composite
def moe_mlps(draw: st.DrawFn, layers: int) -> MoeMlp:
    experts = draw(count(1, 300))
    return MoeMlp(
        layers=layers,
        experts=experts,
        experts_per_token=draw(count(1, experts)),
        intermediate_size=draw(steps(64, 64)),
        shared_intermediate_size=draw(st.just(0) | steps(64, 64)),
        gated=draw(st.booleans()),
        expert_bias=draw(st.booleans()),
        shared_gate=draw(st.booleans()),
        latent_size=draw(st.none() | steps(64, 16)),
    )


def _model(mixers: tuple[Mixer, ...], mlps: tuple[Mlp, ...], *, hidden_size: int, vocab_size: int) -> Model:
    return Model(
        id="test/random",
        name="random",
        family="random",
        hidden_size=hidden_size,
        vocab_size=vocab_size,
        layers=sum(mixer.layers for mixer in mixers),
        mixers=mixers,
        mlps=mlps,
        tied_embeddings=False,
        max_context=131_072,
    )


def softmax_of(model: Model) -> tuple[SoftmaxAttention, ...]:
    """The groups of a dense model."""
    groups = tuple(mixer for mixer in model.mixers if isinstance(mixer, SoftmaxAttention))
    assert len(groups) == len(model.mixers)
    return groups


@st.composite
def dense_models(draw: st.DrawFn) -> Model:
    """Softmax attention and a plain MLP; up to eight ranks divide everything but norms and KV heads."""
    mixers = tuple(draw(st.lists(softmax_groups(divisible=True), min_size=1, max_size=2)))
    layers = sum(mixer.layers for mixer in mixers)
    return _model(
        mixers,
        (draw(dense_mlps(layers, bias=False)),),
        hidden_size=draw(steps(64, 128)),
        vocab_size=draw(steps(512, 512)),
    )._replace(tied_embeddings=draw(st.booleans()))


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Any mixture of layer kinds, with sizes that divide by nothing in particular."""
    kinds = st.one_of(softmax_groups(), latent_groups(), linear_groups(), state_space_groups())
    mixers = tuple(draw(st.lists(kinds, min_size=1, max_size=3)))
    layers = sum(mixer.layers for mixer in mixers)
    vision = st.builds(VisionTower, count(1, 10**9), st.none() | count(1, 20_000), st.booleans())
    return _model(
        mixers,
        (draw(st.one_of(dense_mlps(layers), moe_mlps(layers))),),
        hidden_size=draw(count(64, 9000)),
        vocab_size=draw(count(100, 300_000)),
    )._replace(
        tied_embeddings=draw(st.booleans()),
        vision=draw(st.none() | vision),
        mtp_layers=draw(count(0, 2)),
        norms_per_layer=draw(count(0, 4)),
    )


@st.composite
def moe_models(draw: st.DrawFn) -> Model:
    mixer = draw(st.one_of(softmax_groups(divisible=True), latent_groups()))
    return _model(
        (mixer,),
        (draw(moe_mlps(mixer.layers)),),
        hidden_size=draw(steps(64, 128)),
        vocab_size=draw(steps(512, 512)),
    )


@st.composite
def quantizations(draw: st.DrawFn) -> Quantization:
    """Any format with scales; the parts that it does not hold keep 16 bit."""
    return Quantization(
        id="random",
        name="random",
        weight_bits=draw(st.sampled_from((2, 3, 4, 5, 6, 8, 16))),
        parts=frozenset(draw(st.lists(st.sampled_from(PARTS), unique=True))),
        group_size=draw(st.sampled_from((None, 32, 64, 128))),
        scale_bits=draw(st.sampled_from((0, 8, 16, 32))),
        zero_point_bits=draw(st.sampled_from((0, 4, 8))),
        per_channel_scale_bits=draw(st.sampled_from((0, 16, 32))),
    )


def cache_formats() -> st.SearchStrategy[CacheFormat]:
    bits = st.sampled_from((4.0, 4.5, 5.5, 8.0, 8.5, 16.0, 32.0))
    return st.builds(CacheFormat, st.just("random"), bits, bits)


@st.composite
def growing_specs(draw: st.DrawFn) -> CacheSpec:
    width = 64.0 * draw(count(1, 200))
    window = draw(st.none() | count(1, 8192))
    kind = CacheKind.FULL if window is None else CacheKind.WINDOW
    return CacheSpec(kind, draw(count(1, 90)), width, window)


def state_specs() -> st.SearchStrategy[CacheSpec]:
    return st.builds(
        CacheSpec, st.just(CacheKind.STATE), count(1, 90), st.just(0.0), st.none(), count(1, 5_000_000)
    )


def spec_lists(*, states: bool = True) -> st.SearchStrategy[tuple[CacheSpec, ...]]:
    """One to three growing kinds, perhaps with states."""
    growing = st.lists(growing_specs(), min_size=1, max_size=3)
    extra = st.lists(state_specs(), max_size=1 if states else 0)
    return st.tuples(growing, extra).map(lambda pair: (*pair[0], *pair[1]))


CONSTANTS = st.builds(
    MemoryConstants,
    sampler_bytes_per_logit=st.floats(0, 40),
    non_torch_bytes=st.floats(0, 3e9),
    communication_bytes_per_peer=st.floats(0, 5e8),
    graph_bytes_base=st.floats(0, 3e9),
    graph_bytes_per_layer=st.floats(0, 5e7),
    encoder_bytes_per_patch=st.floats(0, 40_000),
)


@st.composite
def engine_settings(draw: st.DrawFn, *kinds: EngineKind) -> EngineSettings:
    kind = draw(st.sampled_from(kinds or tuple(EngineKind)))
    v0 = kind is EngineKind.VLLM and draw(st.booleans())
    return EngineSettings(
        engine=kind,
        v0=v0,
        graphs_in_budget=kind is EngineKind.VLLM and not v0 and draw(st.booleans()),
        utilization=draw(st.floats(0.05, 1.0)),
        max_num_seqs=draw(count(1, 4096)),
        max_num_batched_tokens=draw(count(1, 65_536)),
        eager=draw(st.booleans()),
        chunked_prefill=draw(st.none() | st.booleans()) if v0 else None,
        flash_attention=draw(st.booleans()),
        constants=draw(CONSTANTS),
    )


def per_gpu(
    model: Model,
    quantization: Quantization = BF16,
    *,
    tp: int = 1,
    pp: int = 1,
    ep: int = 1,
    padding: ExpertPadding = UNPADDED,
    with_mtp: bool = False,
) -> float:
    """Bytes of the fullest rank [B]."""
    parts = weights_by_part(
        model,
        quantization=quantization,
        parallel=Parallelism(tp, pp, ep),
        padding=padding,
        with_mtp=with_mtp,
    )
    return math.fsum(parts.values())
