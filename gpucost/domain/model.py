"""The architecture of an LLM, as far as memory and speed depend on it.

A model is two lists of layer groups: what mixes tokens (attention, linear attention, state space)
and what follows it (dense or mixture-of-experts MLP). The order of layers is not kept: no memory
or speed figure depends on it.
"""

from typing import NamedTuple


class SoftmaxAttention(NamedTuple):
    """MHA, GQA or MQA layers; `window` tokens are kept when set (sliding or chunked attention)."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    value_head_dim: int
    window: int | None = None
    kv_reused_layers: int = 0
    """Layers of this group that read the KV of another layer and hold none."""
    value_from_key: bool = False
    """The value projection does not exist: values are the keys (weights only, both are cached)."""
    output_gate: bool = False
    """A gate as wide as the queries is projected too (Qwen3-Next and later)."""
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False


class Indexer(NamedTuple):
    """The selector of sparse attention, which caches keys of its own."""

    layers: int
    heads: int
    head_dim: int
    top_k: int
    bytes_per_token: int
    """Cache per token and layer, scales included [B]."""


class LatentAttention(NamedTuple):
    """MLA layers: one compressed latent and one rotary key per token, shared by all heads."""

    layers: int
    heads: int
    kv_lora_rank: int
    rope_head_dim: int
    nope_head_dim: int
    value_head_dim: int
    q_lora_rank: int | None = None
    compression: int = 1
    """One cache entry stands for this many tokens (compressed attention)."""
    indexer: Indexer | None = None


class LinearAttention(NamedTuple):
    """Gated delta rule and its kin: a matrix state per value head and sequence, no growing cache."""

    layers: int
    key_heads: int
    value_heads: int
    key_head_dim: int
    value_head_dim: int
    conv_kernel: int
    state_bytes: int
    """Bytes per element of the recurrent state [B]."""


class StateSpace(NamedTuple):
    """Mamba-2 layers: a state of heads × head_dim × state_size per sequence, no growing cache."""

    layers: int
    heads: int
    head_dim: int
    state_size: int
    groups: int
    conv_kernel: int
    state_bytes: int


Mixer = SoftmaxAttention | LatentAttention | LinearAttention | StateSpace


class DenseMlp(NamedTuple):
    """A plain MLP: three matrices when gated, two when not."""

    layers: int
    intermediate_size: int
    gated: bool = True
    bias: bool = False


class MoeMlp(NamedTuple):
    """Routed experts, with shared experts that every token passes."""

    layers: int
    experts: int
    experts_per_token: int
    intermediate_size: int
    shared_intermediate_size: int = 0
    """All shared experts together."""
    gated: bool = True
    expert_bias: bool = False
    shared_gate: bool = False
    latent_size: int | None = None
    """Routed experts work in this narrower space, with a projection before and after."""


Mlp = DenseMlp | MoeMlp


class VisionTower(NamedTuple):
    """The image encoder and its projector, which every rank loads in 16 bit."""

    parameters: int
    max_patches: int | None = None
    """Patches of the largest image that the engine profiles."""
    sharded: bool = False
    """Divided over tensor-parallel ranks instead of replicated."""


class Model(NamedTuple):
    """An LLM: dimensions, layer groups and the form of its released checkpoint."""

    id: str
    name: str
    family: str
    hidden_size: int
    vocab_size: int
    layers: int
    mixers: tuple[Mixer, ...]
    mlps: tuple[Mlp, ...]
    tied_embeddings: bool
    max_context: int | None
    native_quantization: str = "bf16"
    vision: VisionTower | None = None
    mtp_layers: int = 0
    """Multi-token-prediction layers of the checkpoint; loaded only for speculative decoding."""
    norms_per_layer: int = 2
    stated_parameters: int | None = None
    stated_active_parameters: int | None = None
    use_stated_parameters: bool = False
    """The layer groups do not describe all tensors; the stated total decides."""
    incomplete: str = ""
    """What is not known of the architecture, in words."""
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
