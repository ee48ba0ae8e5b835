"""The tensors of a model, from its architecture.

Every weight of a transformer is a matrix [rows × columns] (output × input features) or a vector. A
`Tensor` stands for `copies` equal ones and says how tensor parallelism divides it.
"""

from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from gpucost.domain.model import (
    DenseMlp,
    LatentAttention,
    LinearAttention,
    Mixer,
    Mlp,
    Model,
    MoeMlp,
    SoftmaxAttention,
    StateSpace,
)


class Split(Enum):
    """How the ranks of one tensor-parallel group share a tensor."""

    NONE = auto()
    """Every rank holds all of it (norms, routers, latent down-projections)."""
    ROWS = auto()
    """Output features are divided."""
    COLUMNS = auto()
    """Input features are divided."""
    KV_HEADS = auto()
    """Output features are KV heads: divided until each rank holds one, then replicated."""
    VOCAB = auto()
    """Rows of the vocabulary, padded to a multiple of 64, are divided."""
    EXPERT_ROWS = auto()
    """Routed experts: whole experts under EP, else output features."""
    EXPERT_COLUMNS = auto()
    """Routed experts: whole experts under EP, else input features."""


class Tensor(NamedTuple):
    """`copies` equal matrices of `rows` × `columns` (columns = 1 for vectors)."""

    part: str
    copies: int
    rows: int
    columns: int
    split: Split
    units: int = 1
    """Heads or experts that cannot be cut."""
    per_layer: bool = True
    """Belongs to a layer, which pipeline parallelism places; false for embedding, lm_head, vision."""

    @property
    def parameters(self) -> int:
        """Weights in all copies [parameters]."""
        return self.copies * self.rows * self.columns


def _softmax(group: SoftmaxAttention, hidden: int) -> list[Tensor]:
    n, hd, vd = group.layers, group.head_dim, group.value_head_dim
    queries = group.heads * hd * (2 if group.output_gate else 1)
    out = [
        Tensor("attention_q", n, queries, hidden, Split.ROWS),
        Tensor("attention_k", n, group.kv_heads * hd, hidden, Split.KV_HEADS, group.kv_heads),
        Tensor("attention_o", n, hidden, group.heads * vd, Split.COLUMNS),
    ]
    if not group.value_from_key:
        out.append(Tensor("attention_v", n, group.kv_heads * vd, hidden, Split.KV_HEADS, group.kv_heads))
    if group.qkv_bias:
        out.append(Tensor("norm", n, group.heads * hd + group.kv_heads * (hd + vd), 1, Split.ROWS))
    if group.output_bias:
        out.append(Tensor("norm", n, hidden, 1, Split.NONE))
    if group.qk_norm:
        out.append(Tensor("norm", n, 2 * hd, 1, Split.NONE))
    return out


def _latent(group: LatentAttention, hidden: int) -> list[Tensor]:
    n = group.layers
    query_dim = group.nope_head_dim + group.rope_head_dim
    out = [
        Tensor("latent_projection", n, group.kv_lora_rank + group.rope_head_dim, hidden, Split.NONE),
        Tensor(
            "attention_v",
            n,
            group.heads * (group.nope_head_dim + group.value_head_dim),
            group.kv_lora_rank,
            Split.ROWS,
        ),
        Tensor("attention_o", n, hidden, group.heads * group.value_head_dim, Split.COLUMNS),
        Tensor("norm", n, group.kv_lora_rank + (group.q_lora_rank or 0), 1, Split.NONE),
    ]
    if group.q_lora_rank is None:
        out.append(Tensor("attention_q", n, group.heads * query_dim, hidden, Split.ROWS))
    else:
        out.append(Tensor("latent_projection", n, group.q_lora_rank, hidden, Split.NONE))
        out.append(Tensor("attention_q", n, group.heads * query_dim, group.q_lora_rank, Split.ROWS))
    if group.indexer is not None:
        index = group.indexer
        source = group.q_lora_rank or hidden
        out.append(
            Tensor("latent_projection", index.layers, index.heads * index.head_dim, source, Split.NONE)
        )
        out.append(Tensor("latent_projection", index.layers, index.head_dim, hidden, Split.NONE))
        out.append(Tensor("router", index.layers, index.heads, hidden, Split.NONE))
    return out


def _linear(group: LinearAttention, hidden: int) -> list[Tensor]:
    n = group.layers
    keys, values = group.key_heads * group.key_head_dim, group.value_heads * group.value_head_dim
    return [
        Tensor("linear_attention", n, 2 * keys + 2 * values, hidden, Split.ROWS),
        Tensor("linear_attention", n, hidden, values, Split.COLUMNS),
        Tensor("norm", n, 2 * group.value_heads, hidden, Split.ROWS),
        Tensor("norm", n, (2 * keys + values) * group.conv_kernel, 1, Split.ROWS),
        Tensor("norm", n, 2 * group.value_heads + group.value_head_dim, 1, Split.NONE),
    ]


def _state_space(group: StateSpace, hidden: int) -> list[Tensor]:
    n, inner = group.layers, group.heads * group.head_dim
    states = group.groups * group.state_size
    return [
        Tensor("state_space", n, 2 * inner + group.heads, hidden, Split.ROWS),
        Tensor("state_space", n, 2 * states, hidden, Split.KV_HEADS, group.groups),
        Tensor("state_space", n, hidden, inner, Split.COLUMNS),
        Tensor("norm", n, (inner + 2 * states) * (group.conv_kernel + 1), 1, Split.ROWS),
        Tensor("norm", n, 3 * group.heads + inner, 1, Split.ROWS),
    ]


def _dense(group: DenseMlp, hidden: int) -> list[Tensor]:
    n, inner = group.layers, group.intermediate_size
    out = [
        Tensor("mlp_gate_up", n, inner * (2 if group.gated else 1), hidden, Split.ROWS),
        Tensor("mlp_down", n, hidden, inner, Split.COLUMNS),
    ]
    if group.bias:
        out.append(Tensor("norm", n, inner * (2 if group.gated else 1), 1, Split.ROWS))
        out.append(Tensor("norm", n, hidden, 1, Split.NONE))
    return out


def _moe(group: MoeMlp, hidden: int) -> list[Tensor]:
    n, experts, inner = group.layers, group.experts, group.intermediate_size
    width = group.latent_size or hidden
    factor = 2 if group.gated else 1
    out = [
        Tensor("expert_gate_up", n * experts, inner * factor, width, Split.EXPERT_ROWS, experts),
        Tensor("expert_down", n * experts, width, inner, Split.EXPERT_COLUMNS, experts),
        Tensor("router", n, experts, hidden, Split.NONE),
    ]
    if group.latent_size is not None:
        out.append(Tensor("shared_expert", n, width, hidden, Split.NONE))
        out.append(Tensor("shared_expert", n, hidden, width, Split.NONE))
    if group.shared_intermediate_size:
        shared = group.shared_intermediate_size
        out.append(Tensor("shared_expert", n, shared * factor, hidden, Split.ROWS))
        out.append(Tensor("shared_expert", n, hidden, shared, Split.COLUMNS))
    if group.shared_gate:
        out.append(Tensor("router", n, 1, hidden, Split.NONE))
    if group.expert_bias:
        out.append(Tensor("norm", n * experts, inner * factor, 1, Split.EXPERT_ROWS, experts))
        out.append(Tensor("norm", n * experts, hidden, 1, Split.EXPERT_COLUMNS, experts))
    return out


def mixer_tensors(mixer: Mixer, hidden: int) -> list[Tensor]:
    """Tensors of one group of token-mixing layers."""
    match mixer:
        case SoftmaxAttention():
            return _softmax(mixer, hidden)
        case LatentAttention():
            return _latent(mixer, hidden)
        case LinearAttention():
            return _linear(mixer, hidden)
        case StateSpace():
            return _state_space(mixer, hidden)


def mlp_tensors(mlp: Mlp, hidden: int) -> list[Tensor]:
    """Tensors of one group of MLP layers."""
    return _moe(mlp, hidden) if isinstance(mlp, MoeMlp) else _dense(mlp, hidden)


def layer_tensors(model: Model) -> list[Tensor]:
    """Tensors of all layers, norms included, without embedding and head."""
    hidden = model.hidden_size
    out: list[Tensor] = []
    for mixer in model.mixers:
        out += mixer_tensors(mixer, hidden)
    for mlp in model.mlps:
        out += mlp_tensors(mlp, hidden)
    out.append(Tensor("norm", model.layers * model.norms_per_layer, hidden, 1, Split.NONE))
    return out


@lru_cache(maxsize=128)
def model_tensors(model: Model, *, with_mtp: bool = False) -> tuple[Tensor, ...]:
    """All tensors that an engine loads.

    Multi-token-prediction layers are left out unless `with_mtp`: engines load them only for speculative
    decoding, with an embedding and a head of their own (5.53 GiB for Qwen3.8-27B, as SGLang prints it).
    """
    hidden = model.hidden_size
    out = layer_tensors(model)
    out.append(Tensor("embedding", 1, model.vocab_size, hidden, Split.VOCAB, per_layer=False))
    if not model.tied_embeddings:
        out.append(Tensor("lm_head", 1, model.vocab_size, hidden, Split.VOCAB, per_layer=False))
    out.append(Tensor("norm", 1, hidden, 1, Split.NONE, per_layer=False))
    if model.vision is not None:
        split = Split.ROWS if model.vision.sharded else Split.NONE
        out.append(Tensor("vision", 1, model.vision.parameters, 1, split, per_layer=False))
    if with_mtp and model.mtp_layers:
        out += [Tensor("mtp", 2, model.vocab_size, hidden, Split.VOCAB, per_layer=False)]
        out.append(
            Tensor(
                "mtp",
                model.mtp_layers,
                mtp_parameters_per_layer(model) // hidden,
                hidden,
                Split.ROWS,
                per_layer=False,
            )
        )
    return tuple(out)


def mtp_parameters_per_layer(model: Model) -> int:
    """Parameters of one multi-token-prediction layer: one decoder layer and a 2h → h projection."""
    body = sum(tensor.parameters for tensor in layer_tensors(model))
    return body // model.layers + 2 * model.hidden_size**2


@lru_cache(maxsize=128)
def parameter_scale(model: Model) -> float:
    """Stated over modelled parameters [ratio]; 1 unless the layer groups do not describe all tensors."""
    if not model.use_stated_parameters or model.stated_parameters is None:
        return 1.0
    return model.stated_parameters / sum(tensor.parameters for tensor in model_tensors(model))


@lru_cache(maxsize=256)
def total_parameters(model: Model) -> int:
    """Parameters that an engine loads [parameters], vision tower included, MTP left out."""
    return round(parameter_scale(model) * sum(tensor.parameters for tensor in model_tensors(model)))


@lru_cache(maxsize=256)
def active_parameters(model: Model) -> int:
    """Parameters that multiply each token [parameters]: routed experts by top-k, no input embedding.

    The head counts, since every output token passes it; the embedding is a look-up. Where the layer
    groups are incomplete the stated figure counts, less the embedding that publishers include.
    """
    embedding = 0 if model.tied_embeddings else model.vocab_size * model.hidden_size
    if model.use_stated_parameters and model.stated_active_parameters is not None:
        return model.stated_active_parameters - embedding
    active = total_parameters(model) - embedding
    if model.vision is not None:
        active -= model.vision.parameters
    for mlp in model.mlps:
        if isinstance(mlp, MoeMlp):
            width = mlp.latent_size or model.hidden_size
            each = mlp.intermediate_size * width * (3 if mlp.gated else 2)
            if mlp.expert_bias:
                each += mlp.intermediate_size * (2 if mlp.gated else 1) + model.hidden_size
            active -= mlp.layers * each * (mlp.experts - mlp.experts_per_token)
    return active
