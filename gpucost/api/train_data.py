"""The settings of `train` as given, and the size of its data and limits in words."""

import math
from typing import NamedTuple

from gpucost.api.flags import MAX_TOKENS
from gpucost.api.ledger import Ledger
from gpucost.errors import UsageError
from gpucost.units import BILLION, HOURS_PER_DAY, MILLION, SECONDS_PER_MINUTE, TERA

DEFAULT_MOST_CARDS = 64
COUNT_UNITS = {"k": 1000, "m": MILLION, "b": BILLION, "t": TERA}
MOST_DATA = 1000 * TERA
"""More tokens than anybody has [tokens]."""
MOST_HOURS = 100_000


class TrainFlags(NamedTuple):
    """The settings as given; None: not given."""

    method: str = "full"
    dataset_tokens: str | float | None = None
    examples: float | None = None
    tokens_per_example: float | None = None
    epochs: float = 1.0
    seq_len: int | None = None
    batch: int | None = None
    micro_batch: int | None = None
    grad_accumulation: int | None = None
    precision: str | None = None
    optimizer: str = "adamw"
    state_format: str | None = None
    lora_rank: int | None = None
    lora_targets: tuple[str, ...] = ()
    trained_embeddings: bool = False
    dora: bool = False
    load_in_4bit: bool = False
    load_in_8bit: bool = False
    double_quant: bool = True
    flash_attention: bool = True
    chunked_ce: bool | None = None
    packed: bool = True
    compile: bool = False
    checkpointing: str | None = None
    selective: str | None = None
    activation_offloading: bool = False
    optimizer_offload: bool = False
    optimizer_in_backward: bool = False
    zero: int | None = None
    fsdp: bool = False
    shard_degree: int | None = None
    deferred_reduction: bool = False
    tp: int | None = None
    pp: int = 1
    virtual_pp: int = 1
    ep: int = 1
    cp: int = 1
    sequence_parallel: bool | None = None
    gpus: int | None = None
    max_gpus: int = DEFAULT_MOST_CARDS
    deadline: str | float | None = None
    budget: float | None = None
    interruptions_per_day: float | None = None
    checkpoint_minutes: float | None = None
    restart_minutes: float | None = None
    checkpoint_gb_per_s: float | None = None
    keep_checkpoints: int = 0
    keep_months: float = 0.0
    egress_checkpoints: int = 0


def positive(flag: str, value: float | None, most: float, *, zero: bool = False) -> None:
    """Checks a number [any unit]. Raises UsageError unless it is above 0, or `zero` itself."""
    if value is None:
        return
    low = value >= 0 if zero else value > 0
    if not (math.isfinite(value) and low and value <= most):
        raise UsageError(
            f"{flag} must be {'at least' if zero else 'above'} 0 and at most {most:,.0f}, not {value}"
        )


def hours_of(text: str | float | None) -> float | None:
    """Hours in `12h`, `90m`, `3d` or a plain number of hours [h]. Raises UsageError."""
    if text is None:
        return None
    word = str(text).strip().lower()
    scale = {"m": 1 / SECONDS_PER_MINUTE, "h": 1.0, "d": float(HOURS_PER_DAY)}.get(word[-1:])
    number = word[:-1] if scale is not None else word
    try:
        value = float(number) * (scale or 1.0)
    except ValueError:
        raise UsageError(f"--deadline {str(text)[:40]!r}: write 12h, 90m or 3d") from None
    if not (math.isfinite(value) and 0 < value <= MOST_HOURS):
        raise UsageError(f"--deadline must be above 0 and at most {MOST_HOURS:,} h, not {str(text)[:40]}")
    return value


def data_tokens(flags: TrainFlags, ledger: Ledger, seq_len: int) -> tuple[float | None, float | None]:
    """Tokens trained in all, and with padding. Raises UsageError."""
    positive("--epochs", flags.epochs, 10_000)
    positive("--examples", flags.examples, 1e12)
    positive("--tokens-per-example", flags.tokens_per_example, MAX_TOKENS)
    if flags.dataset_tokens is not None and flags.examples is not None:
        raise UsageError("give --dataset-tokens or --examples, not both")
    mean = flags.tokens_per_example
    if flags.dataset_tokens is not None:
        try:
            tokens = float(parse_count(flags.dataset_tokens))
        except ValueError as error:
            raise UsageError(f"--dataset-tokens: {error}") from None
        ledger.user("--dataset-tokens", tokens, "tokens")
    elif flags.examples is not None:
        if mean is None:
            raise UsageError("--examples needs --tokens-per-example")
        tokens = flags.examples * mean
        ledger.user("--examples", flags.examples, "examples")
        ledger.user("--tokens-per-example", mean, "tokens")
    else:
        ledger.note(
            "no size of the data given: shown per billion tokens; --dataset-tokens gives hours and USD"
        )
        return None, None
    trained = tokens * flags.epochs
    if flags.epochs != 1:
        ledger.user("--epochs", flags.epochs, "epochs")
    if flags.packed:
        return trained, trained
    if mean is None:
        raise UsageError("--no-packed needs --tokens-per-example: every sequence is padded to --seq-len")
    if mean > seq_len:
        ledger.note(f"examples of {mean:,.0f} tokens are cut at --seq-len {seq_len:,}", "warning")
        return trained * seq_len / mean, trained * seq_len / mean
    padded = trained * seq_len / mean
    ledger.note(
        f"not packed: sequences are padded from {mean:,.0f} to {seq_len:,} tokens, so that "
        f"{padded / trained - 1:.0%} more are computed than trained"
    )
    return trained, padded


def parse_count(value: str | float) -> int:
    """Tokens of `100M`, `1.5B`, `2T`, or a plain number [tokens]. Raises ValueError."""
    text = str(value).strip()
    scale = COUNT_UNITS.get(text[-1:].lower())
    number = text if scale is None else text[:-1]
    try:
        count = float(number.replace(",", "")) * (scale or 1)
    except ValueError:
        count = math.nan
    if not 1 <= count <= MOST_DATA:
        raise ValueError(f"write a count of tokens such as 100M or 1.5B, at most 1000T, not {text[:40]!r}")
    return round(count)
