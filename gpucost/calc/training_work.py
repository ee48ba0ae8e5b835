"""What one pass of a training job asks of a card: operations, bytes, layers and messages.

All figures are those of one card of one pipeline stage (layers divided evenly), for the forward pass of
one micro-batch unless a name says otherwise; `training_speed` turns them into seconds.
"""

from functools import lru_cache
from typing import NamedTuple

from gpucost.calc.tensors import Split, Tensor, active_parameters, model_tensors, parameter_scale
from gpucost.calc.training_parameters import adapter_parameters, is_adapted, joined_matrices
from gpucost.calc.weights import shard_shape
from gpucost.calc.work import NO_PADDING, ROUTED
from gpucost.domain.deployment import Parallelism
from gpucost.domain.model import LatentAttention, LinearAttention, Model, MoeMlp, SoftmaxAttention, StateSpace
from gpucost.domain.training import TrainingSetup

VALUE_BYTES = 2
"""Activations, and weights where they are multiplied or sent."""
LOOKED_UP = frozenset({"embedding", "vision", "norm"})
"""Parts that multiply no token: looked up, not run, or vectors."""
SCAN_CHUNK = 128
"""Tokens of a chunk in which state spaces and linear attention are computed as matrices (Mamba-2 §6)."""
HEAD_WIDTH = 2
"""Logits are taken to 32 bit for the loss: each moves as much as two values."""


class TrainingWork(NamedTuple):
    """Work of one card in the forward pass of one micro-batch."""

    tokens: float
    """Tokens of the pass, as many as the card's data-parallel rank and share of the sequence hold."""
    dense_flops: float
    """Multiplications with matrices that every token passes, of layers [FLOP]."""
    head_flops: float
    """The same of the head [FLOP]."""
    expert_flops: float
    """Multiplications with routed experts [FLOP]."""
    dense_bytes: float
    """Matrices, inputs and results of the dense multiplications, head included [B]."""
    expert_bytes: float
    attention_flops: float
    """Scores and values of causal attention [FLOP]."""
    scan_flops: float
    """The recurrence of state spaces and linear attention, in chunks [FLOP]."""
    outputs: float
    """Values that all multiplications of layers and head write; the loss counts twice (32 bit)."""
    permuted: float
    """Values of tokens copied to their experts and back."""
    adapter_outputs: float
    """Values that adapters read and write beside the matrices."""
    adapter_flops: float
    layers: float
    moe_layers: float
    parameters: float
    """Parameters of the rank's tensor- and pipeline-parallel share, before shards [parameters]."""
    expert_parameters: float
    """Of them, routed experts, divided by `ep` [parameters]."""
    trained_parameters: float
    """Those that the optimizer steps, before shards [parameters]."""
    reduced_bytes: float
    """One activation that tensor parallelism sums over its ranks [B]."""
    exchanged_bytes: float
    """One copy of the tokens that a rank sends to experts [B]."""
    experts_per_token: int


def _context(seq_len: int, window: int | None) -> float:
    """Mean number of tokens that a token of a causal sequence attends to [tokens]."""
    if window is None or window >= seq_len:
        return seq_len / 2
    return window * (1 - window / (2 * seq_len))


def attention_flops_per_token(model: Model, seq_len: int, *, full_square: bool = False) -> float:
    """FLOP per token of the forward pass of attention, without its matrices [FLOP].

    2·heads·(d_qk + d_v)·context per layer; context is S/2 for causal sequences, or S with `full_square`, as
    many publications count.
    """
    total = 0.0
    for mixer in model.mixers:
        match mixer:
            case SoftmaxAttention():
                seen = seq_len if full_square else _context(seq_len, mixer.window)
                total += 2.0 * mixer.layers * mixer.heads * (mixer.head_dim + mixer.value_head_dim) * seen
            case LatentAttention():
                seen = seq_len if full_square else _context(seq_len, None)
                width = mixer.nope_head_dim + mixer.rope_head_dim + mixer.value_head_dim
                total += 2.0 * mixer.layers * mixer.heads * width * seen
            case StateSpace() | LinearAttention():
                pass
    return total


def scan_flops_per_token(model: Model) -> float:
    """FLOP per token of the forward pass of recurrent layers, without their matrices [FLOP].

    In chunks of Q tokens, 2·heads·(Q/2·(d_k + d_v) + 2·d_k·d_v) per layer: Dao and Gu, "Transformers are
    SSMs", 2024, section 6.
    """
    total = 0.0
    for mixer in model.mixers:
        if isinstance(mixer, StateSpace):
            total += _scan(mixer.layers, mixer.heads, mixer.state_size, mixer.head_dim)
        elif isinstance(mixer, LinearAttention):
            total += _scan(mixer.layers, mixer.value_heads, mixer.key_head_dim, mixer.value_head_dim)
    return total


def _scan(layers: int, heads: int, keys: int, values: int) -> float:
    return 2.0 * layers * heads * (SCAN_CHUNK / 2 * (keys + values) + 2 * keys * values)


def useful_flops_per_token(model: Model, seq_len: int, formula: str = "6N+causal-attention") -> float:
    """Operations per trained token that utilisation counts [FLOP]: 6 per active parameter, and attention.

    Forward 2, backward 4 per parameter (Chowdhery et al., "PaLM", 2022, appendix B); attention three times
    its forward pass, over the full square (`6N+attention`) or its causal half. Without recomputation.
    """
    useful = 6.0 * active_parameters(model)
    if formula == "6N":
        return useful
    mixing = attention_flops_per_token(model, seq_len, full_square=formula == "6N+attention")
    return useful + 3 * (mixing + scan_flops_per_token(model))


@lru_cache(maxsize=4096)
def training_work(model: Model, setup: TrainingSetup) -> TrainingWork:
    """Work of one card in the forward pass of one micro-batch.

    A matrix of r × c takes 2·r·c operations per token and moves r·c weights, c inputs and r results.
    Routed experts see k of E times the tokens, and as whole experts under EP each card's tokens are those
    that its group sends (balanced routing). Layers are divided evenly over stages, the head too.
    """
    division = setup.division
    tp, pp = division.tp, division.pp
    parallel = Parallelism(tp, 1, division.ep)
    scale = parameter_scale(model)
    tokens = setup.micro_batch * setup.seq_len / division.cp
    moe = [mlp for mlp in model.mlps if isinstance(mlp, MoeMlp)]
    experts, chosen = (moe[0].experts, moe[0].experts_per_token) if moe else (1, 1)
    spread = tp if division.ep > 1 else 1
    between = tp if division.sequence_parallel else 1
    dense = head = routed = dense_bytes = routed_bytes = outputs = 0.0
    parameters = routed_parameters = adapters = adapter_outputs = adapter_flops = 0.0
    for tensor in model_tensors(model):
        count, rows, columns = shard_shape(tensor, parallel, NO_PADDING)
        count *= scale / pp
        held = count * rows * columns
        parameters += held
        is_head = tensor.part == "lm_head" or (tensor.part == "embedding" and model.tied_embeddings)
        if tensor.part in LOOKED_UP and not is_head:
            continue
        if tensor.part in ROUTED:
            # tokens per expert on this card times its experts: k of them for every token of the group
            share = chosen / experts * (division.ep if division.ep > 1 else 1)
            seen = tokens / spread * share
            routed_parameters += held
            routed += 2 * held * seen
            routed_bytes += VALUE_BYTES * (held + count * seen * (rows + columns))
            outputs += count * seen * rows
        else:
            seen = tokens
            flops = 2 * held * tokens
            head, dense = (head + flops, dense) if is_head else (head, dense + flops)
            dense_bytes += VALUE_BYTES * (held + count * tokens * (rows + columns))
            outputs += count * tokens * _width(tensor, rows, between) * (HEAD_WIDTH if is_head else 1)
        if is_adapted(tensor, setup):
            factors = adapter_parameters(model, tensor, setup, parallel) * scale / pp
            adapters += factors
            adapter_flops += 2 * factors * seen
            adapter_outputs += count * seen * (rows + joined_matrices(model, tensor) * columns)
    moe_layers = sum(mlp.layers for mlp in moe) / pp
    width = (moe[0].latent_size or model.hidden_size) if moe else 0
    slots = tokens / spread * chosen
    trained = parameters if setup.method == "full" else adapters
    if setup.method != "full" and setup.trained_embeddings:
        trained += _embeddings(model, parallel) / pp
    return TrainingWork(
        tokens=tokens,
        dense_flops=dense,
        head_flops=head,
        expert_flops=routed,
        dense_bytes=dense_bytes,
        expert_bytes=routed_bytes,
        attention_flops=tokens * attention_flops_per_token(model, setup.seq_len) / (tp * pp),
        scan_flops=tokens * scan_flops_per_token(model) / (tp * pp),
        outputs=outputs,
        permuted=2 * moe_layers * slots * width,
        adapter_outputs=adapter_outputs,
        adapter_flops=adapter_flops,
        layers=model.layers / pp,
        moe_layers=moe_layers,
        parameters=parameters,
        expert_parameters=routed_parameters,
        trained_parameters=trained,
        reduced_bytes=VALUE_BYTES * tokens * model.hidden_size,
        exchanged_bytes=VALUE_BYTES * tokens / spread * width,
        experts_per_token=chosen,
    )


def _width(tensor: Tensor, rows: int, between: int) -> float:
    """Results per token of a matrix on one rank [values]; sums over ranks are kept whole, or cut."""
    return rows / between if tensor.split is Split.COLUMNS else rows


def _embeddings(model: Model, parallel: Parallelism) -> float:
    total = 0.0
    for tensor in model_tensors(model):
        if tensor.part in ("embedding", "lm_head"):
            count, rows, columns = shard_shape(tensor, parallel, NO_PADDING)
            total += count * rows * columns
    return total
