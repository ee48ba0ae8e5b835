"""Memory of one card in a training job: what is resident, and what the busiest moment adds.

Resident are weights, gradients and the optimizer's states (ZeRO, Rajbhandari et al. 2020, section 3). On top
comes the busiest of three moments: the loss (all saved activations, and the logits), the backward pass of
the last layer (what it computes again), the optimizer's step (its scratch).
"""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Literal, NamedTuple

from gpucost.calc.training_activations import Saved, live_bytes, saved_per_layer, selected_bytes
from gpucost.calc.training_parameters import (
    HALF_BYTES,
    Parameters,
    base_bits,
    bytes_per_parameter,
    frozen_bytes,
    parameters_of,
)
from gpucost.domain.model import Model
from gpucost.domain.training import TrainingSetup
from gpucost.units import BITS_PER_BYTE, GIB

Counted = Literal["device", "reserved", "allocated"]
"""What a peak counts: all that a process holds on the card, what PyTorch's allocator has reserved, or what
tensors take of it."""

UNDIVIDED = 4
"""Beyond ZeRO's last stage: divided by nothing."""
NORMALISED_VALUES = 2.0
"""The normalised copy in 32 bit, which only a norm whose own weight is trained saves."""
MOMENT_BYTES = 8.0
"""Of Adam's two moments of an embedding, kept in 32 bit by 8-bit optimizers (transformers' Trainer) [B]."""
LOSS_CHUNKS = 8
"""Of a compiled loss: all logits in 16 bit, the rest for one chunk at a time (torchtune's default)."""
PARALLEL_LOGIT_BYTES = 18.0
"""Logits in 16 bit, and in 32 bit the logits, their distance to the maximum, its exponential and the result
(`torch.distributed.tensor.parallel.loss`) [B]."""

HALF_LOGIT_BYTES = 8.0
"""Where no autocast raises the loss to 32 bit (DeepSpeed's fp16 engine): logits, their shifted copy, the
logarithm of softmax and its gradient in 16 bit [B]."""


class TrainingMemoryConstants(NamedTuple):
    """Constants of the memory model; meaning and unit stand in `training_constants`."""

    context_gib: float
    communication_gib: float
    fragmentation: float
    norm_values: float
    logit_bytes: float
    chunked_logit_bytes: float
    compiled_logit_bytes: float
    quantised_input_bytes: float


class TrainingMemory(NamedTuple):
    """The fullest card at its busiest moment [B]; the six parts sum to `total_bytes`."""

    parameters_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: int
    logits_bytes: int
    overhead_bytes: int
    total_bytes: int
    overhead_by_part: Mapping[str, int]
    moment: str
    """When: `loss`, `backward` or `step`."""


class _Resident(NamedTuple):
    parameters: float
    gradients: float
    optimizer: float
    step_gradients: float
    """Once they are reduced."""
    gathered: float
    scratch: float


def _resident(parameters: Parameters, setup: TrainingSetup) -> _Resident:
    """What data-parallel ranks hold after sharding, gathered units and the scratch of the step [B]."""
    division = setup.division
    per = bytes_per_parameter(setup)
    copy = per if per.master else bytes_per_parameter(setup._replace(precision="bf16"))

    def divided(stage: int, trained: float, copied: float) -> float:
        shards = division.shards if division.sharding >= stage else 1
        experts = division.expert_shards if division.sharding >= stage else 1
        return (
            trained * (parameters.trained / shards + parameters.trained_experts / experts)
            + copied * parameters.copied / shards
        )

    frozen = frozen_bytes(parameters, setup) / (division.shards if division.sharding >= 3 else 1)
    weights = frozen + divided(3, per.weight, copy.weight)
    whole = division.deferred_reduction and setup.grad_accumulation > 1
    step_gradients = divided(2, per.gradient, copy.gradient)
    gradients = divided(UNDIVIDED, per.gradient, copy.gradient) if whole else step_gradients
    optimizer = divided(1, per.master + per.moments, copy.master + copy.moments)
    if setup.optimizer.endswith(("8bit", "4bit")):
        wide = MOMENT_BYTES - (copy if parameters.copied else per).moments
        optimizer += wide * parameters.embedding / (division.shards if division.sharding else 1)
    scratch = 0.0 if setup.compile else divided(1, per.master or per.weight, copy.master or copy.weight)
    gathered = 0.0
    if division.sharding >= 3 and division.shards > 1:
        # the layer at work and the next one, and the ends from the first to the last layer; frozen matrices
        # travel in their few bits and are dequantised one by one
        width = HALF_BYTES if setup.method == "full" else base_bits(setup) / BITS_PER_BYTE
        gathered = 2 * width * parameters.layer + HALF_BYTES * parameters.ends
        if setup.method == "full":
            gathered += per.gradient * parameters.layer  # before it is reduced
    if setup.optimizer_in_backward:
        gradients = min(gradients, per.gradient * max(parameters.layer, parameters.ends / 2))
        step_gradients = scratch = 0.0
    if setup.optimizer == "muon" and setup.method == "full":
        # it steps matrices of layers; embedding and head have Adam's second moment besides
        optimizer += per.moments * parameters.ends / (division.shards if division.sharding else 1)
    if setup.optimizer.startswith("paged"):
        # moments lie in unified memory and move to the host where the card is full
        optimizer = divided(1, per.master, copy.master)
    if setup.optimizer_offload:
        optimizer = scratch = 0.0
        if division.sharding >= 3:
            weights = gradients = step_gradients = 0.0
    return _Resident(weights, gradients, optimizer, step_gradients, gathered, scratch)


class _Transient(NamedTuple):
    activations: float
    again: float
    """What one layer computes again."""
    logits: float


def bytes_per_logit(setup: TrainingSetup, k: TrainingMemoryConstants) -> float:
    """What the loss holds per token and word of the vocabulary [B]."""
    if setup.chunked_ce and setup.compile:
        return HALF_BYTES + k.compiled_logit_bytes / LOSS_CHUNKS
    if setup.chunked_ce:
        return k.chunked_logit_bytes
    if setup.compile and setup.chunked_ce is None:
        return k.compiled_logit_bytes
    if setup.precision == "fp16-mixed":
        return HALF_LOGIT_BYTES
    return PARALLEL_LOGIT_BYTES if setup.division.tp > 1 else k.logit_bytes


def _passes(model: Model, setup: TrainingSetup, k: TrainingMemoryConstants) -> tuple[_Transient, ...]:
    """Saved activations and logits of the pipeline stages that may be the fullest: first and last [B]."""
    division = setup.division
    tokens = setup.micro_batch * setup.seq_len / division.cp
    norm_values = 1.0 if setup.compile else k.norm_values
    if setup.method != "full" and not setup.compile:
        norm_values = max(1.0, norm_values - NORMALISED_VALUES)
    kinds = saved_per_layer(model, setup, norm_values=norm_values)
    quantised = k.quantised_input_bytes if setup.method == "qlora" and setup.base_format == "nf4" else 0.0
    live = _mean(model, kinds, lambda kind: live_bytes(kind, setup, quantised_input_bytes=quantised))
    boundary = HALF_BYTES * model.hidden_size / (division.tp if division.sequence_parallel else 1)
    if setup.activation_offloading:
        boundary = 0.0
    each, again = live, 0.0
    if setup.checkpointing == "full":
        each, again = boundary, live
    elif setup.checkpointing == "selective" and setup.selective == "layers":
        each, again = (live + boundary) / 2, live
    elif setup.checkpointing == "selective" and setup.selective != "attention":
        each = boundary + _mean(model, kinds, lambda kind: selected_bytes(kind, setup))
        again = live
    elif setup.activation_offloading:
        each, again = 0.0, live
    stage = ceil(model.layers / division.pp)
    logits = tokens * model.vocab_size / division.tp * bytes_per_logit(setup, k)
    if division.pp == 1:
        return (_Transient(tokens * each * stage, tokens * again, logits),)
    flight = float(min(division.pp, setup.grad_accumulation))
    if division.virtual_pp > 1:
        flight *= 1 + (division.pp - 1) / (division.pp * division.virtual_pp)
    first = _Transient(tokens * each * stage * flight, tokens * again, 0.0)
    return first, _Transient(tokens * each * stage, tokens * again, logits)


def _mean(model: Model, kinds: tuple[tuple[int, Saved], ...], size: Callable[[Saved], float]) -> float:
    return sum(layers * size(kind) for layers, kind in kinds) / model.layers


def training_memory(
    model: Model, setup: TrainingSetup, k: TrainingMemoryConstants, *, counted: Counted = "device"
) -> TrainingMemory:
    """Memory of the fullest card [B].

    total = weights + gradients + optimizer + max(activations + logits, activations + one layer again, scratch
    of the step) + gathered units + buffers. `device` and `reserved` keep gradients throughout: their blocks
    do not serve activations of other sizes, of which a share is lost besides. Valid for what `gpucost
    validate` shows; adapters, gradient norms and data loaders beyond that are not counted.
    """
    parameters = parameters_of(model, setup)
    held = _resident(parameters, setup)
    kept = held.gradients if counted != "allocated" or setup.grad_accumulation > 1 else 0.0
    lost = 0.0 if counted == "allocated" else k.fragmentation
    found: list[tuple[float, str, _Transient, float, float]] = []
    for stage in _passes(model, setup, k):
        moments = (
            ("loss", stage._replace(again=0.0), kept, 0.0),
            ("backward", stage._replace(logits=0.0), kept, 0.0),
            ("step", _Transient(0.0, 0.0, 0.0), held.step_gradients, held.scratch),
        )
        for name, passing, gradients, scratch in moments:
            total = sum(passing) * (1 + lost) + gradients + scratch
            found.append((total, name, passing, gradients, scratch))
    _, moment, passing, gradients, scratch = max(found, key=lambda each: each[0])
    whole = setup.method == "qlora" or setup.dora  # DoRA builds the merged matrix to take its rows' lengths
    dequantised = HALF_BYTES * parameters.largest_matrix if whole else 0.0
    device = counted == "device"
    buffered = setup.division.gpus > 1 or setup.precision == "fp16-mixed"
    overhead = {
        "gathered": held.gathered,
        "step_scratch": scratch,
        "dequantised": dequantised,
        "fragmentation": sum(passing) * lost,
        "context": k.context_gib * GIB if device else 0.0,
        "communication": k.communication_gib * GIB if device and buffered else 0.0,
    }
    parts = (
        round(held.parameters),
        round(gradients),
        round(held.optimizer),
        round(passing.activations + passing.again),
        round(passing.logits),
    )
    rounded = {name: round(size) for name, size in overhead.items()}
    rest = sum(rounded.values())
    return TrainingMemory(*parts, rest, sum(parts) + rest, rounded, moment)
