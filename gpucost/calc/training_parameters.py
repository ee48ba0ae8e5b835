"""Parameters of one card in a training job: what is frozen, what is trained, and in how many bytes each."""

from math import ceil
from typing import NamedTuple

from gpucost.calc.tensors import Split, Tensor, model_tensors, parameter_scale
from gpucost.calc.weights import ExpertPadding, shard_shape
from gpucost.domain.deployment import Parallelism
from gpucost.domain.model import Model, MoeMlp
from gpucost.domain.training import LoraTarget, Optimizer, TrainingSetup
from gpucost.units import BITS_PER_BYTE

NO_PADDING = ExpertPadding()
ROUTED = frozenset({Split.EXPERT_ROWS, Split.EXPERT_COLUMNS})
TARGET_OF: dict[str, LoraTarget] = {
    "attention_q": "q",
    "attention_k": "k",
    "attention_v": "v",
    "attention_o": "o",
    "latent_projection": "k",
    "linear_attention": "q",
    "state_space": "q",
    "mlp_gate_up": "mlp",
    "mlp_down": "mlp",
    "shared_expert": "mlp",
    "lm_head": "head",
}
"""The adapter's name for a matrix. Routed experts have adapters only where all linear layers do."""
MOMENTS: dict[Optimizer, int] = {"lion": 1, "muon": 1, "sgd": 0, "adafactor": 0}
"""Moments per parameter, where not Adam's two; Adafactor keeps rows and columns of one, next to nothing."""
STATE_BYTES = {"fp32": 4.0, "bf16": 2.0, "int8": 1 + 4 / 256, "int4": 0.5 + 4 / 128}
"""Of one moment: blocks of 256 (8 bit) and 128 (4 bit) values share a 32-bit scale [B]."""
BASE_BITS = {"bf16": 16.0, "fp16": 16.0, "int8": 8.0, "int4": 4 + 20 / 128, "nf4": 4 + 32 / 64}
"""Of a frozen weight: int4 in groups of 128 with a 16-bit scale and a zero point, nf4 in blocks of 64 with a
32-bit scale [bit]."""
DOUBLE_QUANTISED_BITS = 4 + 8 / 64 + 32 / (64 * 256)
"""Of nf4 whose scales are 8 bit, in blocks of 256 with a 32-bit scale (QLoRA, section 3) [bit]."""
HALF_BYTES = 2.0


class PerParameter(NamedTuple):
    """Bytes of every trained parameter [B]."""

    weight: float
    gradient: float
    master: float
    moments: float

    @property
    def total(self) -> float:
        """Weight, gradient and optimizer together [B]."""
        return self.weight + self.gradient + self.master + self.moments


def bytes_per_parameter(setup: TrainingSetup) -> PerParameter:
    """What a trained parameter takes by precision and optimizer [B].

    Mixed precision: 2 of weight, 2 of gradient, 4 of master weight and 2 × 4 of moments, 16 in all (ZeRO,
    section 3.1); 18 where passes accumulate into 32-bit gradients that ZeRO does not divide (Megatron's
    distributed optimizer). Without master weights 2 + 2 + 8 = 12. Weights and moments in pure 16 bit: 8.
    """
    weight, gradient, master, moment = {
        "fp32": (4.0, 4.0, 0.0, 4.0),
        "bf16": (2.0, 2.0, 0.0, 2.0),
        "bf16-autocast": (4.0, 4.0, 0.0, 4.0),
        "fp8-autocast": (4.0, 4.0, 0.0, 4.0),
    }.get(setup.precision, (2.0, 2.0, 4.0, 4.0))
    if (
        master
        and setup.precision != "fp16-mixed"
        and setup.grad_accumulation > 1
        and setup.division.sharding < 2
    ):
        gradient = 4.0
    optimizer = setup.optimizer
    if setup.state_format is not None:
        moment = STATE_BYTES[setup.state_format]
    elif optimizer.endswith("8bit"):
        moment = STATE_BYTES["int8"]
    elif optimizer.endswith("4bit"):
        moment = STATE_BYTES["int4"]
    return PerParameter(weight, gradient, master, moment * MOMENTS.get(optimizer, 2))


def base_bits(setup: TrainingSetup) -> float:
    """Of a frozen weight, scales included [bit]."""
    if setup.base_format == "nf4" and setup.double_quantised:
        return DOUBLE_QUANTISED_BITS
    return BASE_BITS[setup.base_format]


class Parameters(NamedTuple):
    """Parameters of the fullest rank before data-parallel sharding [parameters]."""

    base: float
    """Frozen matrices, which a quantised base stores in few bits."""
    plain: float
    """Frozen, in 16 bit whatever the base: embedding, head, norms."""
    trained: float
    trained_experts: float
    """Trained and routed, which fewer ranks share."""
    copied: float
    """Trained whole beside the adapters, as copies of embedding and head."""
    layer: float
    """Of one layer: the unit that sharding gathers."""
    ends: float
    """Embedding, head and last norm: the unit that stays gathered."""
    largest_matrix: float
    embedding: float
    """Of the embedding, where it is trained."""

    @property
    def all_trained(self) -> float:
        """Trained parameters [parameters]."""
        return self.trained + self.trained_experts + self.copied


def is_adapted(tensor: Tensor, setup: TrainingSetup) -> bool:
    """Whether adapters stand beside a matrix: a target, or any linear layer but head and routers."""
    if setup.method == "full":
        return False
    if TARGET_OF.get(tensor.part) in setup.lora_targets:
        return True
    linear = tensor.per_layer and tensor.columns > 1 and tensor.part not in ("norm", "router")
    return "all-linear" in setup.lora_targets and linear


def joined_matrices(model: Model, tensor: Tensor) -> int:
    """Matrices that one tensor joins: a gated MLP has two that read its input, each with its own adapter."""
    if tensor.part == "shared_expert" and tensor.split is not Split.ROWS:
        return 1
    if tensor.part not in ("mlp_gate_up", "expert_gate_up", "shared_expert"):
        return 1
    routed = tensor.part != "mlp_gate_up"
    return 2 if any(mlp.gated for mlp in model.mlps if isinstance(mlp, MoeMlp) is routed) else 1


def adapter_parameters(model: Model, tensor: Tensor, setup: TrainingSetup, parallel: Parallelism) -> float:
    """Parameters of the low-rank factors of every copy of a tensor on a rank [parameters].

    rank × (rows + columns) of each matrix; DoRA adds the length of every row (Liu et al. 2024, equation 5).
    """
    count, rows, columns = shard_shape(tensor, parallel, NO_PADDING)
    matrices = joined_matrices(model, tensor)
    return count * (setup.lora_rank * (rows + matrices * columns) + (rows if setup.dora else 0))


def parameters_of(model: Model, setup: TrainingSetup) -> Parameters:
    """Frozen and trained parameters of the fullest rank.

    The fullest pipeline stage holds ceil(layers / pp); the ends stand on the first and last stage, half on
    each, and a tied embedding on both.
    """
    division = setup.division
    parallel = Parallelism(division.tp, division.pp, division.ep)
    stage = ceil(model.layers / division.pp) / model.layers
    scale = parameter_scale(model)
    end_share = 0.5 if division.pp > 1 and not model.tied_embeddings else 1.0
    base = plain = trained = experts = copied = layer = ends = largest = embedding = 0.0
    for tensor in model_tensors(model):
        count, rows, columns = shard_shape(tensor, parallel, NO_PADDING)
        whole = count * rows * columns * scale
        here = whole * (stage if tensor.per_layer else end_share)
        routed = tensor.split in ROUTED
        if tensor.per_layer:
            layer += whole / model.layers
            largest = max(largest, float(rows * columns) / joined_matrices(model, tensor))
        else:
            ends += here
        if tensor.part == "embedding" and (setup.method == "full" or setup.trained_embeddings):
            embedding += here
        if setup.method == "full":
            trained, experts = (trained, experts + here) if routed else (trained + here, experts)
            continue
        matrix = tensor.per_layer and columns > 1
        base, plain = (base + here, plain) if matrix else (base, plain + here)
        if setup.trained_embeddings and tensor.part in ("embedding", "lm_head"):
            copied += here
        if is_adapted(tensor, setup):
            factors = adapter_parameters(model, tensor, setup, parallel) * here / whole * scale
            trained, experts = (trained, experts + factors) if routed else (trained + factors, experts)
    return Parameters(base, plain, trained, experts, copied, layer, ends, largest, embedding)


def frozen_bytes(parameters: Parameters, setup: TrainingSetup) -> float:
    """Frozen weights of a rank [B]."""
    return parameters.base * base_bits(setup) / BITS_PER_BYTE + parameters.plain * HALF_BYTES
