"""Looks for ways to train: card, count, sharding, what is computed again, micro-batch."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gpucost.api.offers import MACHINE_CARDS
from gpucost.api.train_asked import Job
from gpucost.api.training_speed import domain_cards, with_peak
from gpucost.calc.tensors import active_parameters
from gpucost.calc.training_memory import TrainingMemory, TrainingMemoryConstants, training_memory
from gpucost.calc.training_speed import StepTime, TrainingSpeedConstants, step_time
from gpucost.catalog.store import Catalog
from gpucost.domain.hardware import Gpu
from gpucost.domain.model import LinearAttention, Model, MoeMlp
from gpucost.domain.training import Checkpointing, TrainingSetup

MOST_MICRO_BATCH = 64
"""Beyond this a larger micro-batch gains nothing that the search could see."""
TIGHT_SHARE = 0.05
"""Of a card's memory: the median error of the memory model is of this size."""
CHECKPOINTING: tuple[Checkpointing, ...] = ("none", "selective", "full")
ADAPTER_CHECKPOINTING: tuple[Checkpointing, ...] = ("none", "full")
"""What PEFT's trainers offer."""


class Constants(NamedTuple):
    """Of the two models."""

    memory: TrainingMemoryConstants
    speed: TrainingSpeedConstants


class Way(NamedTuple):
    """One evaluated way to train on a number of cards."""

    gpu: Gpu
    setup: TrainingSetup
    memory: TrainingMemory
    step: StepTime | None
    """None where the card's speed is not known, or the load does not fit."""

    @property
    def missing_bytes(self) -> int:
        """What the card lacks; not above 0 when it fits [B]."""
        return self.memory.total_bytes - self.gpu.memory_bytes

    @property
    def fits(self) -> bool:
        """In the card's memory."""
        return self.missing_bytes <= 0

    @property
    def tight(self) -> bool:
        """Less is free than the memory model is usually off."""
        return self.missing_bytes > -TIGHT_SHARE * self.gpu.memory_bytes


def utilisation(model: Model, way: Way) -> float | None:
    """Useful operations over the dense 16-bit peak [0-1], or None where the speed is not known.

    Frozen weights have no gradient: of the 6 operations per parameter and token 4 are left.
    """
    if way.step is None:
        return None
    useful = way.step.useful_flops
    if way.setup.method != "full":
        useful -= 2 * active_parameters(model) * way.step.tokens
    return useful / way.step.total / way.step.gpus / way.step.peak_flops


def division_fault(model: Model, job: Job, tp: int, count: int) -> str | None:
    """Why a job cannot be divided over `count` cards like this, or None."""
    division = job.setup.division
    shape = tp * division.pp * division.cp
    if count % shape:
        return f"{count} cards are not a multiple of tp × pp × cp = {shape}"
    ranks = count // shape
    if ranks > job.batch:
        return f"a batch of {job.batch:,} sequences cannot feed {ranks:,} data-parallel ranks"
    if job.batch % ranks:
        return f"a batch of {job.batch:,} sequences does not divide over {ranks:,} data-parallel ranks"
    if division.pp > model.layers:
        return f"pp {division.pp} is more than the {model.layers} layers"
    for mixer in model.mixers:
        heads = mixer.value_heads if isinstance(mixer, LinearAttention) else mixer.heads
        if heads % tp:
            return f"tp {tp} does not divide {heads} heads"
    for mlp in model.mlps:
        if (
            isinstance(mlp, MoeMlp)
            and division.ep > 1
            and (mlp.experts % division.ep or (count // division.pp) % division.ep)
        ):
            return (
                f"ep {division.ep} does not divide {mlp.experts} experts or the {count // division.pp} cards"
            )
        if mlp.intermediate_size % tp:
            return f"tp {tp} does not divide the intermediate size {mlp.intermediate_size}"
    if job.setup.seq_len % division.cp:
        return f"cp {division.cp} does not divide sequences of {job.setup.seq_len:,} tokens"
    sharing = ranks * division.cp
    if division.shard_degree is not None and sharing % division.shard_degree:
        return (
            f"shards over {division.shard_degree} cards do not divide {sharing:,} cards with the same layers"
        )
    if not _micro_batches(job, ranks):
        return _batch_fault(job, ranks)
    return None


def _batch_fault(job: Job, ranks: int) -> str:
    """Why a rank's share of the batch cannot be passed as asked."""
    asked = []
    if job.micro_batch is not None:
        asked.append(f"micro-batches of {job.micro_batch:,}")
    if job.grad_accumulation is not None:
        asked.append(f"{job.grad_accumulation:,} passes")
    if job.setup.optimizer_in_backward:
        asked.append("one pass (the optimizer works in backward)")
    return (
        f"a batch of {job.batch:,} leaves {job.batch // ranks:,} sequences to each data-parallel rank, "
        f"which {' and '.join(asked)} cannot take"
    )


def _micro_batches(job: Job, ranks: int) -> tuple[int, ...]:
    """Sequences per pass to try, the largest first; none where what is fixed contradicts the batch."""
    each = job.batch // ranks
    passes = 1 if job.setup.optimizer_in_backward else job.grad_accumulation
    if passes is not None:
        sizes: Iterable[int] = (each // passes,) if each % passes == 0 else ()
    elif job.micro_batch is not None:
        sizes = (job.micro_batch,)
    else:
        sizes = range(min(each, MOST_MICRO_BATCH), 0, -1)
    fixed = job.micro_batch
    return tuple(size for size in sizes if each % size == 0 and fixed in (None, size))


def _setups(job: Job, count: int, tp: int) -> Iterator[tuple[TrainingSetup, ...]]:
    """Ways to try, in groups that differ in the micro-batch only, the largest first."""
    division = job.setup.division
    ranks = count // (tp * division.pp * division.cp)
    shards = ranks * division.cp
    shardings = (job.sharding,) if job.sharding is not None else (0,) if shards == 1 else (0, 3)
    searched = CHECKPOINTING if job.setup.method == "full" else ADAPTER_CHECKPOINTING
    wanted = searched if job.checkpointing is None else (job.checkpointing,)
    for sharding in shardings:
        divided = division._replace(
            gpus=count, tp=tp, sharding=sharding, sequence_parallel=tp > 1 and job.sequence_parallel
        )
        for checkpointing in wanted:
            yield tuple(
                job.setup._replace(
                    division=divided,
                    checkpointing=checkpointing,
                    selective=job.setup.selective if checkpointing == "selective" else None,
                    micro_batch=size,
                    grad_accumulation=job.batch // ranks // size,
                )
                for size in _micro_batches(job, ranks)
            )


class Trainer:
    """Evaluates ways to train one job; memory does not depend on the card, and is kept."""

    def __init__(self, catalog: Catalog, job: Job, constants: Constants) -> None:
        self.catalog, self.job, self.constants = catalog, job, constants
        self._memory: dict[TrainingSetup, TrainingMemory] = {}
        self.searched = 0

    def with_constants(self, constants: Constants) -> "Trainer":
        """The same job with other constants; what they do not change is kept."""
        other = Trainer(self.catalog, self.job, constants)
        if constants.memory == self.constants.memory:
            other._memory = self._memory
        return other

    def memory(self, setup: TrainingSetup) -> TrainingMemory:
        """Memory of the fullest card [B]."""
        if setup not in self._memory:
            self._memory[setup] = training_memory(self.job.model, setup, self.constants.memory)
        return self._memory[setup]

    def step(self, gpu: Gpu, setup: TrainingSetup) -> StepTime | None:
        """Time of a step, or None where the card's peak, or its link, is not known."""
        known = with_peak(self.catalog, gpu)
        if known is None or (setup.division.gpus > 1 and gpu.link.bytes_per_s_each_way is None):
            return None
        return step_time(self.job.model, known, setup, self.constants.speed, nodes_cards=domain_cards(gpu))

    def best(self, gpu: Gpu, count: int) -> Way | str:
        """The fastest way that fits, else the one that lacks least; a text where it cannot be divided so."""
        faults = []
        fitting: list[Way] = []
        nearest: Way | None = None
        for tp in self._tensor_parallel(count):
            fault = division_fault(self.job.model, self.job, tp, count)
            if fault is not None:
                faults.append(fault)
                continue
            for group in _setups(self.job, count, tp):
                for setup in group:
                    self.searched += 1
                    way = Way(gpu, setup, self.memory(setup), None)
                    if way.fits:
                        fitting.append(way)
                    elif nearest is None or way.missing_bytes <= nearest.missing_bytes:
                        nearest = way
                    if way.fits and not way.tight:
                        break
            if any(not way.tight for way in fitting):
                break
        if fitting:
            safe = [way for way in fitting if not way.tight] or fitting
            timed = [way._replace(step=self.step(gpu, way.setup)) for way in safe]
            return min(timed, key=lambda way: way.step.total if way.step else 0.0)
        return nearest or faults[0]

    def _tensor_parallel(self, count: int) -> tuple[int, ...]:
        """Tensor-parallel ranks to try in order: one, and a whole machine where one is not enough."""
        if self.job.tp is not None:
            return (self.job.tp,)
        return (1, MACHINE_CARDS) if count >= MACHINE_CARDS else (1,)


def trainable(gpu: Gpu) -> bool:
    """Whether a search looks at a card: one whose frameworks the model knows, with a 16-bit peak."""
    return gpu.vendor in ("nvidia", "amd") and bool(gpu.dense_flops.get("bf16"))
