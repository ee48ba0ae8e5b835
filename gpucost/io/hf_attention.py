"""Token mixers from a Hugging Face configuration."""

from __future__ import annotations

from collections import Counter

from gpucost.domain.model import (
    Indexer,
    LatentAttention,
    LinearAttention,
    Mixer,
    SoftmaxAttention,
    StateSpace,
)
from gpucost.io.hf_families import Family
from gpucost.io.hf_keys import MAX_CONTEXT, MAX_LAYERS, Keys
from gpucost.io.json_safe import shown

FULL, SLIDING, CHUNKED, LINEAR, STATE_SPACE = "full", "sliding", "chunked", "linear", "state-space"
_KINDS = {
    "full_attention": FULL,
    "attention": FULL,
    "full": FULL,
    "*": FULL,
    "deepseek_sparse_attention": FULL,
    "sliding_attention": SLIDING,
    "sliding_window_attention": SLIDING,
    "local": SLIDING,
    "chunked_attention": CHUNKED,
    "linear_attention": LINEAR,
    "kda": LINEAR,
    "mamba": STATE_SPACE,
    "mamba2": STATE_SPACE,
}
_CONTEXT = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length")
_INDEX_SCALE_BLOCK = 128
_INDEX_SCALE_BYTES = 4


def max_context(keys: Keys) -> int | None:
    """Longest sequence [tokens]; None where the file does not say."""
    return keys.whole(*_CONTEXT, "model_max_length", maximum=MAX_CONTEXT)


def mixers(keys: Keys, family: Family, model_type: str, layers: int) -> tuple[Mixer, ...]:
    """The groups of token-mixing layers."""
    kinds = layer_kinds(keys, family, model_type, layers)
    counts = Counter(kinds)
    attention: list[Mixer]
    if keys.has("kv_lora_rank"):
        plain = counts[FULL] + counts[SLIDING] + counts[CHUNKED]
        attention = [_latent(keys, plain)] if plain else []
    else:
        attention = _softmax_groups(keys, family, model_type, kinds)
    if counts[LINEAR]:
        attention.append(_linear(keys, counts[LINEAR]))
    if counts[STATE_SPACE]:
        attention.append(_state_space(keys, counts[STATE_SPACE]))
    return tuple(attention)


def layer_kinds(keys: Keys, family: Family, model_type: str, layers: int) -> list[str]:
    """What mixes tokens in each layer."""
    types = keys.items("layer_types", "layers_block_type", length=layers)
    if types is not None:
        return [_kind(keys, item) for item in types]
    linear = keys.section("linear_attn_config")
    if linear is not None and linear.has("full_attn_layers"):
        full = linear.items("full_attn_layers") or []
        count = len({item for item in full if isinstance(item, int)})
        return [FULL] * min(count, layers) + [LINEAR] * max(layers - count, 0)
    if keys.has("attn_layer_indices"):
        at = set(map(str, keys.items("attn_layer_indices") or []))
        return [FULL if str(layer) in at else STATE_SPACE for layer in range(layers)]
    if keys.has("linear_num_value_heads", "full_attention_interval"):
        step = keys.whole("full_attention_interval", maximum=MAX_LAYERS) or 4
        return [LINEAR if (layer + 1) % step else FULL for layer in range(layers)]
    if model_type == "mamba2":
        return [STATE_SPACE] * layers
    return _window_kinds(keys, family, model_type, layers)


def _kind(keys: Keys, item: object) -> str:
    kind = _KINDS.get(item) if isinstance(item, str) else None
    if kind is None:
        keys.unread(f"layers of type {shown(item)} are counted as full attention")
    return kind or FULL


def _window_kinds(keys: Keys, family: Family, model_type: str, layers: int) -> list[str]:
    hybrid = keys.items("hybrid_layer_pattern", length=layers)
    if hybrid is not None:
        return [SLIDING if item == 1 else FULL for item in hybrid]
    if model_type.startswith("llama4"):
        if not keys.has("attention_chunk_size"):
            return [FULL] * layers
        rope = keys.items("no_rope_layers")
        if rope:
            return [CHUNKED if item == 1 else FULL for item in (rope + [1] * layers)[:layers]]
        step = keys.whole("no_rope_layer_interval", maximum=MAX_LAYERS) or 4
        return [CHUNKED if (layer + 1) % step else FULL for layer in range(layers)]
    if not keys.has("sliding_window") or keys.data.get("use_sliding_window") is False:
        return [FULL] * layers
    if keys.has("sliding_window_pattern", "_sliding_window_pattern") or family.window_pattern:
        text = keys.text("sliding_window_pattern")
        if text:
            repeated = (text * layers)[:layers].upper()
            return [SLIDING if letter == "L" else FULL for letter in repeated]
        given = keys.whole("sliding_window_pattern", "_sliding_window_pattern", maximum=MAX_LAYERS)
        step = given or family.window_pattern or 1
        return [SLIDING if (layer + 1) % step else FULL for layer in range(layers)]
    if keys.flag("use_sliding_window"):
        first = keys.whole("max_window_layers", minimum=0, maximum=MAX_LAYERS) or 0
        return [SLIDING if layer >= first else FULL for layer in range(layers)]
    if family.windows_all_layers:
        return [SLIDING] * layers
    keys.note("sliding_window is given without saying which layers slide; all are counted as full attention")
    return [FULL] * layers


def _window(keys: Keys, kind: str) -> int | None:
    """Tokens [tokens] kept by a layer; None where the window is not shorter than the context."""
    if kind == FULL:
        return None
    names = ("attention_chunk_size",) if kind == CHUNKED else ("sliding_window", "sliding_window_size")
    window = keys.whole(*names, maximum=MAX_CONTEXT)
    context = max_context(keys)
    if window is None:
        keys.fault(names[0], "missing; layer_types has layers that need it")
        return None
    return None if context is not None and window >= context else window


def _softmax_groups(keys: Keys, family: Family, model_type: str, kinds: list[str]) -> list[Mixer]:
    shared = keys.whole("num_kv_shared_layers", minimum=0, maximum=MAX_LAYERS) or 0
    reused = Counter(kinds[len(kinds) - shared :] if shared else ())
    merged: dict[SoftmaxAttention, SoftmaxAttention] = {}
    for kind in (FULL, SLIDING, CHUNKED):
        count = kinds.count(kind)
        if not count:
            continue
        group = _softmax(keys, family, model_type, kind=kind, layers=count, reused=min(reused[kind], count))
        # Equal shapes are one group: a window that is no shorter than the context is none.
        shape = group._replace(layers=0, kv_reused_layers=0)
        if shape in merged:
            other = merged[shape]
            reused_layers = other.kv_reused_layers + group.kv_reused_layers
            group = group._replace(layers=other.layers + group.layers, kv_reused_layers=reused_layers)
        merged[shape] = group
    return list(merged.values())


def _softmax(
    keys: Keys, family: Family, model_type: str, *, kind: str, layers: int, reused: int
) -> SoftmaxAttention:
    heads = keys.need("num_attention_heads", "n_head", "n_heads")
    hidden = keys.whole("hidden_size", "n_embd", "d_model") or heads
    kv_heads = _kv_heads(keys, model_type, heads)
    head_dim = keys.whole("head_dim", "kv_channels", "attention_head_dim") or max(1, hidden // heads)
    value_dim = keys.whole("v_head_dim") or head_dim
    from_key = False
    if kind == FULL and model_type.startswith("gemma4"):
        head_dim = keys.whole("global_head_dim") or 512
        from_key = keys.flag("attention_k_eq_v")
        if from_key:
            kv_heads = keys.whole("num_global_key_value_heads") or kv_heads
        value_dim = head_dim
    if kind == SLIDING:
        heads = keys.whole("swa_num_attention_heads") or heads
        kv_heads = keys.whole("swa_num_key_value_heads") or kv_heads
        head_dim = keys.whole("swa_head_dim") or head_dim
        value_dim = keys.whole("swa_v_head_dim") or (head_dim if not keys.has("v_head_dim") else value_dim)
    if heads % kv_heads:
        keys.fault("num_key_value_heads", f"must divide the {heads:,} heads, {kv_heads:,} does not")
    biased = keys.flag("attention_bias", "use_bias", "bias") if model_type != "mpt" else False
    return SoftmaxAttention(
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        value_head_dim=value_dim,
        window=_window(keys, kind),
        kv_reused_layers=reused,
        value_from_key=from_key,
        output_gate=family.output_gate and keys.flag("attn_output_gate", default=True),
        qkv_bias=family.qkv_bias or biased or keys.flag("use_qkv_bias", "add_qkv_bias"),
        output_bias=family.output_bias
        or (biased and family.bias_on_output)
        or keys.flag("attention_out_bias"),
        qk_norm=family.qk_norm or keys.flag("use_qk_norm", "qk_layernorm"),
    )


def _kv_heads(keys: Keys, model_type: str, heads: int) -> int:
    if model_type == "falcon" and not keys.flag("new_decoder_architecture"):
        return 1 if keys.flag("multi_query", default=True) else heads
    if model_type == "gpt_bigcode" and keys.flag("multi_query", default=True):
        return 1
    inner = keys.section("attn_config")
    if inner is not None and inner.has("kv_n_heads"):
        return inner.whole("kv_n_heads") or heads
    names = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")
    return keys.whole(*names) or heads


def _latent(keys: Keys, layers: int) -> LatentAttention:
    indexer = None
    if keys.has("index_head_dim", "index_n_heads"):
        types = keys.items("indexer_types", length=layers)
        dim = keys.need("index_head_dim")
        indexer = Indexer(
            layers=layers if types is None else max(1, sum(item == "full" for item in types)),
            heads=keys.need("index_n_heads"),
            head_dim=dim,
            top_k=keys.need("index_topk"),
            bytes_per_token=dim + _INDEX_SCALE_BYTES * -(-dim // _INDEX_SCALE_BLOCK),
        )
    return LatentAttention(
        layers=layers,
        heads=keys.need("num_attention_heads"),
        kv_lora_rank=keys.need("kv_lora_rank"),
        rope_head_dim=keys.whole("qk_rope_head_dim", minimum=0) or 0,
        nope_head_dim=keys.need("qk_nope_head_dim"),
        value_head_dim=keys.need("v_head_dim"),
        q_lora_rank=keys.whole("q_lora_rank"),
        indexer=indexer,
    )


def _state_bytes(keys: Keys) -> int:
    """Bytes per element [B] of a recurrent state."""
    name = keys.text("mamba_ssm_cache_dtype", "mamba_ssm_dtype", "ssm_dtype")
    if name in {"bfloat16", "float16"}:
        return 2
    if name != "float32":
        keys.note("the type of the recurrent state is not given; counted as 32 bit")
    return 4


def _linear(keys: Keys, layers: int) -> LinearAttention:
    inner = keys.section("linear_attn_config")
    if inner is not None:
        heads, dim = inner.need("num_heads"), inner.need("head_dim")
        kernel = inner.whole("short_conv_kernel_size") or 4
        return LinearAttention(layers, heads, heads, dim, dim, kernel, _state_bytes(keys))
    return LinearAttention(
        layers=layers,
        key_heads=keys.need("linear_num_key_heads"),
        value_heads=keys.need("linear_num_value_heads"),
        key_head_dim=keys.need("linear_key_head_dim"),
        value_head_dim=keys.need("linear_value_head_dim"),
        conv_kernel=keys.need("linear_conv_kernel_dim"),
        state_bytes=_state_bytes(keys),
    )


def _state_space(keys: Keys, layers: int) -> StateSpace:
    heads = keys.need("mamba_num_heads", "mamba_n_heads", "num_heads")
    if keys.data.get("mamba_d_head") == "auto":
        inner = (keys.whole("mamba_expand") or 2) * keys.need("hidden_size")
        head_dim = max(1, inner // heads)
    elif keys.has("mamba_num_heads", "mamba_n_heads"):
        head_dim = keys.need("mamba_head_dim", "mamba_d_head")
    else:
        head_dim = keys.need("head_dim")
    return StateSpace(
        layers=layers,
        heads=heads,
        head_dim=head_dim,
        state_size=keys.need("ssm_state_size", "mamba_d_state", "state_size"),
        groups=keys.whole("n_groups", "mamba_n_groups") or 1,
        conv_kernel=keys.whole("conv_kernel", "mamba_d_conv", "conv_kernel_size") or 4,
        state_bytes=_state_bytes(keys),
    )
