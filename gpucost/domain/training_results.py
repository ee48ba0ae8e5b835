"""What `train` answers; field names are the JSON names."""

from collections.abc import Mapping
from typing import NamedTuple

from gpucost.domain.billing import Line
from gpucost.domain.results import Equation, Offer


class TrainingMemoryPerGpu(NamedTuple):
    """The fullest card at its busiest moment, in bytes [B]."""

    parameters_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: int
    logits_bytes: int
    overhead_bytes: int
    """Gathered shards, scratch, dequantised matrices, fragmentation, context and buffers."""
    total_bytes: int
    """Sum of the six above."""
    usable_bytes: int
    """Device memory that the runtime reports."""
    free_bytes: int
    """usable − total; negative when it does not fit."""
    overhead_by_part: Mapping[str, int]
    moment: str
    """The busiest moment: `loss`, `backward` or `step`."""


class StepParts(NamedTuple):
    """One step of the optimizer by what takes its time [s]; the parts sum to `total_s`."""

    compute_s: float
    """Matrices, experts, attention and element-wise kernels, launches included."""
    recomputation_s: float
    communication_s: float
    """Of tensor, expert and data parallelism, as far as computing does not hide it."""
    bubble_s: float
    """Pipeline stages that wait."""
    optimizer_s: float
    total_s: float


class Settings(NamedTuple):
    """The plan of a candidate."""

    tp: int
    pp: int
    ep: int
    cp: int
    dp: int
    sharding: str
    """`none`, `zero-1`, `zero-2` or `zero-3` (which is FSDP's full shard)."""
    micro_batch: int
    grad_accumulation: int
    checkpointing: str
    optimizer: str
    precision: str


class TrainCandidate(NamedTuple):
    """One way to train."""

    gpu: str
    gpus: int
    settings: Settings
    fits: bool
    """In memory, and within deadline and budget."""
    reason: str
    """What is missing, in words; empty where it fits."""
    memory_per_gpu: TrainingMemoryPerGpu
    step: StepParts | None
    tokens_per_s: float | None
    """Of the whole job [tokens/s]; None where the card's speed is not known."""
    mfu: float | None
    hours: float | None
    """With checkpoints, interruptions and restarts [h]; None where the job has no size or no known speed."""
    lost_hours: float | None
    """Of them, for checkpoints and rework."""
    lines: tuple[Line, ...]
    """The bill of the job: cards, and what keeping its checkpoints costs where that is asked."""
    usd: float | None
    """Sum of the lines; None where one is not known."""
    usd_per_hour: float | None
    usd_per_billion_tokens: float | None
    offer: Offer | None
    price_state: str
    notes: tuple[str, ...] = ()


class SweepPoint(NamedTuple):
    """The recommended card at one number of cards."""

    gpus: int
    hours: float | None
    usd: float | None
    mfu: float | None
    knee: bool
    """The most cards whose bill is within a tenth of the cheapest."""
    reason: str


class BillingRow(NamedTuple):
    """The recommended cards at one way of paying."""

    billing: str
    offer: str
    usd_per_hour: float
    hours: float | None
    usd: float | None
    note: str


class PerParameterBytes(NamedTuple):
    """Bytes of a trained parameter, and the rules that people use beside them."""

    weight: float
    gradient: float
    master: float
    moments: float
    total: float
    parameters: int
    trained_parameters: int
    state_gb: float
    """Weights, gradients and optimizer of the whole model, undivided [10^9 B]."""
    rule_12_gb: float
    """12 B per parameter: 2 of weight, 2 of gradient, 8 of two moments, no master weights."""
    rule_16_gb: float
    """16 B per parameter: with master weights."""
    explanation: str


class TrainModel(NamedTuple):
    """The model as understood."""

    id: str
    name: str
    parameters: int
    active_parameters: int
    trained_parameters: int
    layers: int


class TrainRecommendation(NamedTuple):
    """The one candidate to take, and why."""

    gpu: str
    gpus: int
    settings: Settings
    offer: str | None
    hours: float | None
    usd: float | None
    reasons: tuple[str, ...]


class TrainResult(NamedTuple):
    """The answer of `train`."""

    model: TrainModel
    tokens: float | None
    """Trained in all [tokens]."""
    steps: int | None
    candidates: tuple[TrainCandidate, ...]
    recommendation: TrainRecommendation | None
    sweep: tuple[SweepPoint, ...]
    billing: tuple[BillingRow, ...]
    per_parameter: PerParameterBytes
    checkpoint_gb: float
    """One checkpoint from which training can go on [10^9 B]."""
    searched: int
    equations: tuple[Equation, ...] = ()
