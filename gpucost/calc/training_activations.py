"""What the backward pass needs to find again: bytes saved per token and layer, and the logits.

Counted tensor by tensor, as PyTorch's autograd saves them: a matrix that is trained saves its input, a
product saves both factors, an activation function its argument, a norm its input, flash attention
q, k, v, its output and one statistic per head. Frozen matrices save nothing.
"""

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
)
from gpucost.domain.training import LoraTarget, TrainingSetup

FULL_TARGETS: frozenset[LoraTarget] = frozenset({"q", "k", "v", "o", "mlp", "head"})
HALF_BYTES, FULL_BYTES = 2.0, 4.0
STATISTIC_BYTES = 4
"""Log-sum-exp that flash attention keeps per token and head [B]."""
SCORE_BYTES = 6
"""Of one attention score without flash attention: probabilities in 32 and in 16 bit [B]."""


ADAPTER_INPUTS = 1.5
"""Values that an adapter saves of its input: a copy after dropout in 16 bit, and a mask of 8 bit."""


class Saved(NamedTuple):
    """What one layer saves per token, counted in values of the activations' width."""

    stream: float
    """Values of the residual stream and its norms, which only sequence parallelism divides."""
    reads: float
    """Inputs of trained matrices that read the stream: whole on every tensor-parallel rank."""
    inner: float
    """Values between the matrices, which tensor parallelism divides."""
    matrices: float
    """Outputs of the matrices, of which selective checkpointing keeps half."""
    inputs: float
    """Inputs of all matrices, for layers that keep them in 32 bit."""
    attention: float = 0.0
    """Output of attention, which selective checkpointing keeps."""
    statistics_bytes: float = 0.0
    scores: float = 0.0
    """Attention scores per token and attended token, without flash attention."""

    def plus(self, other: "Saved") -> "Saved":
        """Both together."""
        return Saved(*(a + b for a, b in zip(self, other, strict=True)))


def trained_targets(setup: TrainingSetup) -> frozenset[LoraTarget]:
    """Matrices whose inputs are saved: all, or those with an adapter."""
    if setup.method == "full" or "all-linear" in setup.lora_targets:
        return FULL_TARGETS
    return frozenset(setup.lora_targets)


def kept_inputs(setup: TrainingSetup) -> float:
    """Copies of its input that a trained matrix saves."""
    return 1.0 if setup.method == "full" else ADAPTER_INPUTS


def _mixer(mixer: Mixer, hidden: int, setup: TrainingSetup, norm_values: float) -> Saved:
    trained = trained_targets(setup)
    match mixer:
        case SoftmaxAttention():
            queries = mixer.heads * mixer.head_dim
            keys, values = mixer.kv_heads * mixer.head_dim, mixer.kv_heads * mixer.value_head_dim
            out = mixer.heads * mixer.value_head_dim
            projected = queries * (2 if mixer.output_gate else 1) + keys + values
            kept = float(queries + keys + values + out)
            if mixer.output_gate:
                kept += queries + out
            if mixer.qk_norm:
                kept += (queries + keys) * norm_values
            statistics, scores = float(STATISTIC_BYTES * mixer.heads), float(mixer.heads)
        case LatentAttention():
            width = mixer.nope_head_dim + mixer.rope_head_dim
            queries = keys = mixer.heads * width
            values = out = mixer.heads * mixer.value_head_dim
            latent = mixer.kv_lora_rank + mixer.rope_head_dim + (mixer.q_lora_rank or 0)
            projected = queries + values + mixer.heads * mixer.nope_head_dim + latent
            kept = queries + keys + values + out + latent * (1 + norm_values)
            statistics, scores = float(STATISTIC_BYTES * mixer.heads), float(mixer.heads)
        case LinearAttention():
            keys = mixer.key_heads * mixer.key_head_dim
            values = out = mixer.value_heads * mixer.value_head_dim
            projected = 2 * keys + 2 * values
            kept = 2 * projected + 2 * out
            statistics = scores = 0.0
        case _:
            inner, states = mixer.heads * mixer.head_dim, mixer.groups * mixer.state_size
            projected, out = 2 * inner + 2 * states, inner
            kept = 2 * projected + 2 * out
            statistics = scores = 0.0
    reads = hidden * kept_inputs(setup) if trained & {"q", "k", "v"} else 0.0
    if setup.method != "full" and "o" in trained:
        kept += out * kept_inputs(setup)
    return Saved(
        stream=hidden * norm_values,
        reads=reads,
        inner=float(kept),
        matrices=float(projected + hidden),
        inputs=float(hidden + out),
        attention=float(out),
        statistics_bytes=statistics,
        scores=scores,
    )


def _gated(inner: float, hidden: float, setup: TrainingSetup, *, gated: bool) -> Saved:
    """An MLP of one token: argument of the activation, both factors of the product, and the product."""
    trained = "mlp" in trained_targets(setup)
    kept = inner * (2 if gated else 1)
    if gated and not setup.compile:
        kept += inner
    reads = 0.0
    if trained:
        kept += inner * kept_inputs(setup)
        matrices = 2 if gated and setup.method != "full" else 1
        reads = hidden * kept_inputs(setup) * matrices
    return Saved(
        stream=0.0,
        reads=reads,
        inner=kept,
        matrices=inner * (2 if gated else 1) + hidden,
        inputs=hidden + inner,
    )


def _mlp(mlp: Mlp, hidden: int, setup: TrainingSetup) -> Saved:
    if isinstance(mlp, DenseMlp):
        return _gated(mlp.intermediate_size, hidden, setup, gated=mlp.gated)
    return _experts(mlp, hidden, setup)


def _experts(mlp: MoeMlp, hidden: int, setup: TrainingSetup) -> Saved:
    width, chosen = mlp.latent_size or hidden, mlp.experts_per_token
    each = _gated(mlp.intermediate_size, width, setup, gated=mlp.gated)
    # permuted inputs lie with the experts; their weighted sum needs each expert's output
    routed = Saved(
        0.0, hidden, chosen * (each.inner + each.reads + width), chosen * each.matrices, chosen * each.inputs
    )
    out = routed.plus(Saved(0.0, 0.0, 2.0 * mlp.experts, float(mlp.experts), float(hidden)))
    if mlp.shared_intermediate_size:
        out = out.plus(_gated(mlp.shared_intermediate_size, hidden, setup, gated=mlp.gated))
    return out


def saved_per_layer(
    model: Model, setup: TrainingSetup, *, norm_values: float
) -> tuple[tuple[int, Saved], ...]:
    """Layers of each kind and what one of them saves per token.

    `norm_values` counts the copies of its input that a norm saves, in values of the activations' width.
    """
    hidden = model.hidden_size
    others = (model.norms_per_layer - 1) * hidden * norm_values
    other_norms = Saved(others, 0.0, 0.0, 0.0, 0.0)
    mixers = [(mixer.layers, _mixer(mixer, hidden, setup, norm_values)) for mixer in model.mixers]
    mlps = [(mlp.layers, _mlp(mlp, hidden, setup).plus(other_norms)) for mlp in model.mlps]
    return tuple(mixers + mlps)


def live_bytes(kind: Saved, setup: TrainingSetup, *, quantised_input_bytes: float) -> float:
    """What a layer saves per token on one rank, nothing computed again [B].

    `quantised_input_bytes` is what a quantised matrix keeps of its input besides [B per value].
    """
    division = setup.division
    width = FULL_BYTES if setup.precision == "fp32" else HALF_BYTES
    stream = kind.stream / (division.tp if division.sequence_parallel else 1)
    size = width * (stream + kind.reads + kind.inner / division.tp)
    size += (kind.statistics_bytes + quantised_input_bytes * kind.inputs) / division.tp
    if not setup.flash_attention:
        size += SCORE_BYTES * kind.scores * setup.seq_len / division.tp
    return size


def selected_bytes(kind: Saved, setup: TrainingSetup) -> float:
    """What selective checkpointing keeps per token of a layer: half of the matrices, and attention [B]."""
    return HALF_BYTES * (kind.matrices / 2 + kind.attention) / setup.division.tp
