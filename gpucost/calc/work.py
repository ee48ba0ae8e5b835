"""What one step of a model asks of a card: bytes to read, operations to do, layers to launch.

All figures are those of one rank of one pipeline stage. With attention data parallelism a rank holds all
of the attention and its share of the experts, and works on its own sequences.
"""

from typing import NamedTuple

from gpucost.calc.arrays import Values
from gpucost.calc.kv_cache import cache_specs
from gpucost.calc.tensors import model_tensors, parameter_scale
from gpucost.calc.weights import ExpertPadding, shard_shape, tensor_bytes_per_gpu
from gpucost.domain.cache import CacheFormat, CacheKind
from gpucost.domain.deployment import Parallelism
from gpucost.domain.model import LatentAttention, Mixer, Model, MoeMlp, SoftmaxAttention
from gpucost.domain.quantization import Quantization

ROUTED = frozenset({"expert_gate_up", "expert_down"})
IDLE = frozenset({"embedding", "vision", "norm", "mtp"})
"""Parts that a decoding step does not stream: looked up, run once per image, or too small to matter."""
NO_PADDING = ExpertPadding()
FULL_BITS = 16


class Work(NamedTuple):
    """Work of one rank; every field is a number, or an array with one value per deployment."""

    dense_bytes: Values
    """Layer weights that every token passes, shared experts included [B]."""
    expert_bytes: Values
    """All routed experts of the rank [B]."""
    head_bytes: Values
    low_flops: Values
    """Of the dense weights stored in fewer than 16 bits, per token [FLOP]."""
    full_flops: Values
    """Of the dense weights stored in 16 bits, per token [FLOP]."""
    expert_flops: Values
    """Of the routed experts, per token [FLOP]."""
    head_flops: Values
    experts: Values
    experts_per_token: Values
    hidden: Values
    layers: Values
    moe_layers: Values
    latent_layers: Values
    linear_layers: Values
    indexer_layers: Values
    qk_norm_layers: Values
    cache_bytes: Values
    """Cache that grows without bound, per token and sequence [B]."""
    window_bytes: Values
    """Cache of windowed layers, per token and sequence [B]."""
    window: Values
    """Tokens that windowed layers keep."""
    state_bytes: Values
    """Recurrent states per sequence [B]."""
    attention_flops: Values
    """Prompt attention of full layers, per token and token attended to [FLOP]."""
    window_flops: Values
    decode_flops: Values
    """Attention of a decoding step in compressed space (MLA), per token of context [FLOP]."""
    tp: Values
    pp: Values
    dp: Values
    """Ranks that attend to their own sequences; 1 without attention data parallelism."""


def work_of(
    model: Model,
    *,
    quantization: Quantization,
    parallel: Parallelism,
    cache: CacheFormat,
    attention_dp: bool = False,
) -> Work:
    """Work of one rank of `parallel`; with `attention_dp`, of its `ep` ranks.

    A matrix of r × c takes r·c·bits/8 bytes once a step and 2·r·c operations per token. Routed experts
    count k/E of their operations. The input embedding is a look-up.
    """
    tp, pp = parallel.tp, parallel.pp
    scale = parameter_scale(model)
    whole = Parallelism(tp)
    shared = Parallelism(tp, 1, parallel.ep)
    moe = [mlp for mlp in model.mlps if isinstance(mlp, MoeMlp)]
    experts, chosen = (moe[0].experts, moe[0].experts_per_token) if moe else (1, 1)
    dense = routed = head = low = full = expert = head_flops = 0.0
    for tensor in model_tensors(model):
        is_head = tensor.part == "lm_head" or (tensor.part == "embedding" and model.tied_embeddings)
        if tensor.part in IDLE and not is_head:
            continue
        size = scale * tensor_bytes_per_gpu(
            tensor, quantization=quantization, parallel=shared, padding=NO_PADDING, tied=model.tied_embeddings
        )
        count, rows, columns = shard_shape(tensor, whole, NO_PADDING)
        flops = scale * 2.0 * count * rows * columns
        if is_head:
            head, head_flops = head + size, head_flops + flops
        elif tensor.part in ROUTED:
            routed, expert = routed + size, expert + flops * chosen / experts
        else:
            dense += size
            if quantization.bits(tensor.part, columns) < FULL_BITS:
                low += flops
            else:
                full += flops
    specs = cache_specs(model, cache=cache, tp=tp, pp=pp)
    windows = [spec for spec in specs if spec.kind is CacheKind.WINDOW]
    full_attention, window_attention, decode_attention = _attention_flops(model.mixers, tp)
    latent = [mixer for mixer in model.mixers if isinstance(mixer, LatentAttention)]
    softmax = [mixer for mixer in model.mixers if isinstance(mixer, SoftmaxAttention)]
    attending = sum(mixer.layers for mixer in latent) + sum(mixer.layers for mixer in softmax)
    return Work(
        dense_bytes=dense / pp,
        expert_bytes=routed / pp,
        head_bytes=head,
        low_flops=low / pp,
        full_flops=full / pp,
        expert_flops=expert / pp,
        head_flops=head_flops,
        experts=experts,
        experts_per_token=chosen,
        hidden=model.hidden_size,
        layers=model.layers / pp,
        moe_layers=sum(mlp.layers for mlp in moe) / pp,
        latent_layers=sum(mixer.layers for mixer in latent) / pp,
        linear_layers=(model.layers - attending) / pp,
        indexer_layers=sum(mixer.indexer.layers for mixer in latent if mixer.indexer) / pp,
        qk_norm_layers=sum(mixer.layers for mixer in softmax if mixer.qk_norm) / pp,
        cache_bytes=sum(s.layers * s.bytes_per_token for s in specs if s.kind is CacheKind.FULL),
        window_bytes=sum(spec.layers * spec.bytes_per_token for spec in windows),
        window=max((spec.window or 0 for spec in windows), default=0),
        state_bytes=sum(spec.layers * spec.state_bytes for spec in specs),
        attention_flops=full_attention / pp,
        window_flops=window_attention / pp,
        decode_flops=decode_attention / pp,
        tp=tp,
        pp=pp,
        dp=parallel.ep if attention_dp else 1,
    )


def _attention_flops(mixers: tuple[Mixer, ...], tp: int) -> tuple[float, float, float]:
    """FLOP per token and attended token of full layers, windowed layers, and decoding in latent space."""
    full = window = decode = 0.0
    for mixer in mixers:
        if isinstance(mixer, SoftmaxAttention):
            each = 2.0 * mixer.layers * max(1, mixer.heads / tp) * (mixer.head_dim + mixer.value_head_dim)
            if mixer.window:
                window += each
            else:
                full += each
                decode += each
        elif isinstance(mixer, LatentAttention):
            heads = 2.0 * mixer.layers * max(1, mixer.heads / tp)
            full += heads * (mixer.nope_head_dim + mixer.rope_head_dim + mixer.value_head_dim)
            decode += heads * (2 * mixer.kv_lora_rank + mixer.rope_head_dim)
    return full, window, decode
