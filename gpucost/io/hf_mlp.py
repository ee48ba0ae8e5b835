"""MLP layers from a Hugging Face configuration."""

from __future__ import annotations

from collections import Counter

from gpucost.domain.model import DenseMlp, Mlp, MoeMlp
from gpucost.io.hf_families import Family
from gpucost.io.hf_keys import MAX_EXPERTS, MAX_LAYERS, Keys

_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_TOP_K = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_top_k", "moe_topk", "moe_k")
_EXPERT_SIZE = (
    "moe_intermediate_size",
    "expert_intermediate_size",
    "expert_ffn_hidden_size",
    "ffn_hidden_size",
)
_SHARED_COUNT = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert")
_DENSE_SIZE = ("intermediate_size", "ffn_hidden_size", "n_inner", "ffn_dim")


def mlps(keys: Keys, family: Family, model_type: str, layers: int) -> tuple[Mlp, ...]:
    """The groups of MLP layers."""
    if model_type == "mamba2":
        return ()
    source = keys.section("ffn_config") or keys  # DBRX writes its experts there
    experts = source.whole(*_EXPERTS, minimum=0, maximum=MAX_EXPERTS) or 0
    beside = keys.flag("enable_moe_block")
    if model_type.startswith("gemma4") and not beside:
        experts = 0
    sparse = _sparse_layers(keys, model_type, layers) if experts > 1 else [False] * layers
    out: list[Mlp] = list(_dense(keys, family, model_type, sparse))
    count = sum(sparse)
    if count:
        out.append(moe(source, family, model_type, layers=count, experts=experts))
    return tuple(out)


def _sparse_layers(keys: Keys, model_type: str, layers: int) -> list[bool]:
    """Whether each layer has routed experts."""
    types = keys.items("mlp_layer_types", length=layers)
    if types is not None:
        return [item == "sparse" for item in types]
    numbers = range(layers)
    if model_type.startswith("llama4"):
        listed = keys.items("moe_layers")
        if listed is not None:
            routed = _whole_numbers(listed)
            return [number in routed for number in numbers]
        step = keys.whole("interleave_moe_layer_step", maximum=MAX_LAYERS) or 1
        return [number % step == step - 1 for number in numbers]
    if isinstance(keys.data.get("moe_layer_freq"), list):
        each = keys.items("moe_layer_freq", length=layers) or []
        return [bool(item) for item in each] or [True] * layers
    first = keys.whole("first_k_dense_replace", "moe_layer_start_index", minimum=0, maximum=MAX_LAYERS) or 0
    step = keys.whole("decoder_sparse_step", "moe_layer_freq", "moe_layer_interval", maximum=MAX_LAYERS) or 1
    shift = 1 if keys.has("decoder_sparse_step") else 0
    dense = _whole_numbers(keys.items("mlp_only_layers") or [])
    return [number >= first and (number + shift) % step == 0 and number not in dense for number in numbers]


def _whole_numbers(items: list[object]) -> set[int]:
    return {item for item in items if isinstance(item, int)}


def _dense(keys: Keys, family: Family, model_type: str, sparse: list[bool]) -> list[DenseMlp]:
    numbers = [number for number, routed in enumerate(sparse) if not routed]
    if not numbers:
        return []
    sizes = _dense_sizes(keys, model_type, numbers, len(sparse))
    gated = family.gated and keys.data.get("is_gated_act") is not False
    bias = family.mlp_bias or keys.flag("mlp_bias", "use_mlp_bias", "use_bias")
    return [
        DenseMlp(layers=count, intermediate_size=size, gated=gated, bias=bias)
        for size, count in sorted(Counter(sizes).items())
    ]


def _dense_sizes(keys: Keys, model_type: str, numbers: list[int], layers: int) -> list[int]:
    """Intermediate size of each dense layer."""
    if isinstance(keys.data.get("intermediate_size"), list):
        each = keys.items("intermediate_size", length=layers) or [1] * layers
        if not all(isinstance(size, int) and 0 < size < 2**24 for size in each):
            keys.fault("intermediate_size", "write whole positive numbers in the list")
            return [1] * len(numbers)
        return [each[number] for number in numbers]
    hidden = keys.whole("hidden_size", "n_embd", "d_model") or 1
    if model_type == "mpt":
        size = hidden * (keys.whole("expansion_ratio", maximum=64) or 4)
    elif model_type in {"falcon", "gptj", "gpt2", "gpt_bigcode"} and not keys.has(*_DENSE_SIZE):
        size = 4 * hidden
    elif model_type.startswith("llama4") and keys.has("intermediate_size_mlp"):
        size = keys.need("intermediate_size_mlp")
    else:
        names = (
            ("dense_intermediate_size", *_DENSE_SIZE) if keys.has("dense_intermediate_size") else _DENSE_SIZE
        )
        size = keys.need(*names)
    shared = keys.whole("num_kv_shared_layers", minimum=0, maximum=MAX_LAYERS) or 0
    if shared and keys.flag("use_double_wide_mlp"):
        return [size * (2 if number >= layers - shared else 1) for number in numbers]
    return [size] * len(numbers)


def moe(keys: Keys, family: Family, model_type: str, *, layers: int, experts: int) -> MoeMlp:
    """A group of layers with routed experts."""
    size = keys.need(*_EXPERT_SIZE, "intermediate_size")
    top_k = keys.need(*_TOP_K, maximum=MAX_EXPERTS)
    if top_k > experts:
        keys.fault(_TOP_K[0], f"{top_k:,} of {experts:,} experts; write at most their number")
    return MoeMlp(
        layers=layers,
        experts=experts,
        experts_per_token=top_k,
        intermediate_size=size,
        shared_intermediate_size=_shared_size(keys, model_type, size),
        gated=family.gated,
        expert_bias=family.expert_bias,
        shared_gate=family.shared_gate,
        latent_size=keys.whole("moe_latent_size", "routed_expert_hidden_size"),
    )


def _shared_size(keys: Keys, model_type: str, expert_size: int) -> int:
    """Intermediate size of all shared experts together; 0 where there are none."""
    if model_type.startswith("gemma4"):  # the dense MLP runs beside the experts
        return keys.whole("intermediate_size") or 0
    if model_type.startswith("llama4"):
        return expert_size
    total = keys.whole(
        "shared_expert_intermediate_size", "shared_intermediate_size", "share_expert_dim", minimum=0
    )
    if total is not None:
        return total
    count = keys.whole(*_SHARED_COUNT, minimum=0, maximum=MAX_EXPERTS)
    each = keys.whole("moe_shared_expert_intermediate_size")
    if each is not None:
        return each * (1 if count is None else count)
    return expert_size * (count or 0)
