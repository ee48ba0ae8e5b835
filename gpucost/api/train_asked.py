"""What `train` is asked: a job with settings that are fixed, and others that are searched."""

import math
from typing import NamedTuple, get_args

from gpucost.api.flags import MAX_CARDS, MAX_SEQUENCES, MAX_TOKENS, whole
from gpucost.api.ledger import Ledger
from gpucost.api.train_data import TrainFlags, data_tokens, hours_of, positive
from gpucost.domain.model import Model, MoeMlp
from gpucost.domain.training import (
    BaseFormat,
    Checkpointing,
    Division,
    LoraTarget,
    Method,
    Optimizer,
    Precision,
    Selective,
    StateFormat,
    TrainingSetup,
)
from gpucost.errors import UnknownNameError, UsageError
from gpucost.units import GB, SECONDS_PER_MINUTE

COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Numbers of cards that a search looks at."""
DEFAULT_BATCH = 64
DEFAULT_SEQ_LEN = 2048
DEFAULT_RANK = 16
DEFAULT_TARGETS: tuple[LoraTarget, ...] = ("q", "k", "v", "o", "mlp")
DEFAULT_PRECISION: dict[Method, Precision] = {
    "full": "bf16-mixed",
    "lora": "bf16-autocast",
    "qlora": "bf16-autocast",
}
"""Master weights for what is trained whole; adapters in 32 bit, as PEFT keeps them."""
DEFAULT_RESTART_MINUTES = 10.0
DEFAULT_WRITE_GB_PER_S = 1.0
SORTS = ("usd", "hours", "gpus")


class Job(NamedTuple):
    """A training job: one model, what is fixed, and what may be chosen."""

    model: Model
    setup: TrainingSetup
    """All that is the same for every candidate."""
    tokens: float | None
    """Trained in all, epochs included [tokens]."""
    passed_tokens: float | None
    """With what padding adds [tokens]."""
    batch: int
    """Sequences per step of all cards."""
    micro_batch: int | None
    grad_accumulation: int | None
    checkpointing: Checkpointing | None
    sharding: int | None
    tp: int | None
    sequence_parallel: bool
    counts: tuple[int, ...]
    deadline_h: float | None
    budget_usd: float | None
    interruptions_per_day: float | None
    interval_s: float | None
    restart_s: float
    write_bytes_per_s: float
    kept: int
    kept_months: float
    egress: int

    @property
    def steps(self) -> int | None:
        """Steps of the optimizer."""
        if self.passed_tokens is None:
            return None
        return math.ceil(self.passed_tokens / (self.batch * self.setup.seq_len))


def _choice(flag: str, value: str, kind: object) -> str:
    known = get_args(kind)
    if value not in known:
        raise UnknownNameError(flag, value, known)
    return value


def _setup(flags: TrainFlags, model: Model, ledger: Ledger) -> TrainingSetup:
    """What is the same for every candidate."""
    method: Method = _choice("--method", flags.method, Method)  # type: ignore[assignment]
    if flags.load_in_4bit and flags.load_in_8bit:
        raise UsageError("give --load-in-4bit or --load-in-8bit, not both")
    base: BaseFormat = "nf4" if flags.load_in_4bit else "int8" if flags.load_in_8bit else "bf16"
    if base != "bf16":
        if method == "full":
            raise UsageError(
                "a base in few bits is frozen: --load-in-4bit and --load-in-8bit go with --method qlora"
            )
        method = "qlora"
    elif method == "qlora":
        base = "nf4"
    adapters = method != "full"
    if not adapters:
        given = [
            flag
            for flag, value in (
                ("--lora-rank", flags.lora_rank),
                ("--lora-targets", flags.lora_targets or None),
                ("--trained-embeddings", flags.trained_embeddings or None),
                ("--dora", flags.dora or None),
            )
            if value is not None
        ]
        if given:
            raise UsageError(f"--method full has no adapters: drop {', '.join(given)}")
    precision = flags.precision or DEFAULT_PRECISION[method]
    _choice("--precision", precision, Precision)
    _choice("--optimizer", flags.optimizer, Optimizer)
    if flags.state_format is not None:
        _choice("--state-format", flags.state_format, StateFormat)
    if flags.checkpointing is not None:
        _choice("--checkpointing", flags.checkpointing, Checkpointing)
    if flags.selective is not None:
        _choice("--selective", flags.selective, Selective)
        if flags.checkpointing != "selective":
            raise UsageError("--selective goes with --checkpointing selective")
    words = tuple(part.strip() for word in flags.lora_targets for part in word.split(","))
    for word in words:
        _choice("--lora-targets", word, LoraTarget)
    whole("--lora-rank", flags.lora_rank, 1, 4096)
    whole("--seq-len", flags.seq_len, 1, MAX_TOKENS)
    if flags.seq_len is None:
        ledger.note(f"--seq-len not given: {DEFAULT_SEQ_LEN:,} tokens")
    else:
        ledger.user("--seq-len", flags.seq_len, "tokens")
    length = flags.seq_len or min(DEFAULT_SEQ_LEN, model.max_context or DEFAULT_SEQ_LEN)
    if model.max_context is not None and length > model.max_context:
        ledger.note(
            f"--seq-len {length:,} is beyond the {model.max_context:,} tokens that {model.id} is made for",
            "warning",
        )
    experts = any(isinstance(mlp, MoeMlp) for mlp in model.mlps)
    if flags.ep > 1 and not experts:
        raise UsageError(f"--ep {flags.ep}: {model.id} has no experts to divide")
    if flags.virtual_pp > 1 and not 1 < flags.pp <= model.layers // flags.virtual_pp:
        raise UsageError(
            f"--virtual-pp {flags.virtual_pp} needs --pp above 1, and pp × virtual-pp at most "
            f"the {model.layers} layers"
        )
    division = Division(
        pp=flags.pp,
        virtual_pp=flags.virtual_pp,
        ep=flags.ep,
        cp=flags.cp,
        shard_degree=flags.shard_degree,
        deferred_reduction=flags.deferred_reduction,
    )
    return TrainingSetup(
        method=method,
        precision=precision,  # type: ignore[arg-type]
        optimizer=flags.optimizer,  # type: ignore[arg-type]
        state_format=flags.state_format,  # type: ignore[arg-type]
        seq_len=length,
        packed=flags.packed,
        selective=flags.selective or "ops",  # type: ignore[arg-type]
        flash_attention=flags.flash_attention,
        compile=flags.compile,
        chunked_ce=flags.chunked_ce,
        activation_offloading=flags.activation_offloading,
        optimizer_offload=flags.optimizer_offload,
        optimizer_in_backward=flags.optimizer_in_backward,
        lora_rank=(flags.lora_rank or DEFAULT_RANK) if adapters else 0,
        lora_targets=(words or DEFAULT_TARGETS) if adapters else (),  # type: ignore[arg-type]
        dora=flags.dora,
        trained_embeddings=flags.trained_embeddings,
        base_format=base,
        double_quantised=flags.double_quant,
        division=division,
    )


def job_of(flags: TrainFlags, model: Model, ledger: Ledger) -> Job:
    """The job behind the flags. Raises UsageError."""
    for flag, count in (
        ("--gpus", flags.gpus),
        ("--max-gpus", flags.max_gpus),
        ("--tp", flags.tp),
        ("--pp", flags.pp),
        ("--virtual-pp", flags.virtual_pp),
        ("--ep", flags.ep),
        ("--cp", flags.cp),
        ("--shard-degree", flags.shard_degree),
    ):
        whole(flag, count, 1, MAX_CARDS)
    for flag, count in (
        ("--batch", flags.batch),
        ("--micro-batch", flags.micro_batch),
        ("--grad-accumulation", flags.grad_accumulation),
    ):
        whole(flag, count, 1, MAX_SEQUENCES)
    whole("--zero", flags.zero, 0, 3)
    whole("--keep-checkpoints", flags.keep_checkpoints, 0, 10_000)
    whole("--egress-checkpoints", flags.egress_checkpoints, 0, 10_000)
    positive("--keep-months", flags.keep_months, 1200, zero=True)
    positive("--budget", flags.budget, 1e12)
    positive("--interruptions-per-day", flags.interruptions_per_day, 10_000, zero=True)
    positive("--checkpoint-minutes", flags.checkpoint_minutes, 1e6)
    positive("--restart-minutes", flags.restart_minutes, 1e5, zero=True)
    positive("--checkpoint-gb-per-s", flags.checkpoint_gb_per_s, 1e5)
    if flags.fsdp and flags.zero not in (None, 3):
        raise UsageError(f"--fsdp divides all that --zero 3 divides; --zero {flags.zero} asks for less")
    if flags.optimizer_in_backward and (flags.grad_accumulation or 1) > 1:
        raise UsageError(
            "--optimizer-in-backward applies every gradient at once: --grad-accumulation must be 1"
        )
    deadline = hours_of(flags.deadline)
    setup = _setup(flags, model, ledger)
    tokens, padded = data_tokens(flags, ledger, setup.seq_len)
    if tokens is None and (deadline is not None or flags.budget is not None):
        raise UsageError("--deadline and --budget need the size of the data: add --dataset-tokens")
    batch = flags.batch
    shape = (flags.tp or 1) * flags.pp * flags.cp
    if batch is None and flags.micro_batch and flags.gpus:
        batch = flags.micro_batch * (flags.grad_accumulation or 1) * max(1, flags.gpus // shape)
    if batch is None:
        batch = DEFAULT_BATCH
        ledger.note(f"--batch not given: {batch} sequences per step of all cards")
    else:
        ledger.user("--batch", batch, "sequences")
    counts = (flags.gpus,) if flags.gpus else tuple(n for n in COUNTS if n <= flags.max_gpus)
    interval = None if flags.checkpoint_minutes is None else flags.checkpoint_minutes * SECONDS_PER_MINUTE
    restart = DEFAULT_RESTART_MINUTES if flags.restart_minutes is None else flags.restart_minutes
    write = DEFAULT_WRITE_GB_PER_S if flags.checkpoint_gb_per_s is None else flags.checkpoint_gb_per_s
    return Job(
        model=model,
        setup=setup,
        tokens=tokens,
        passed_tokens=padded,
        batch=batch,
        micro_batch=flags.micro_batch,
        grad_accumulation=flags.grad_accumulation,
        checkpointing=flags.checkpointing,  # type: ignore[arg-type]
        sharding=3 if flags.fsdp else flags.zero,
        tp=flags.tp,
        sequence_parallel=flags.sequence_parallel is not False,
        counts=counts,
        deadline_h=deadline,
        budget_usd=flags.budget,
        interruptions_per_day=flags.interruptions_per_day,
        interval_s=interval,
        restart_s=restart * SECONDS_PER_MINUTE,
        write_bytes_per_s=write * GB,
        kept=flags.keep_checkpoints,
        kept_months=flags.keep_months,
        egress=flags.egress_checkpoints,
    )
