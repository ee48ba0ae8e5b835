"""How long a job takes in all: checkpoints, interruptions and what must be computed again."""

from math import sqrt
from typing import NamedTuple


class Losses(NamedTuple):
    """What costs time beside training."""

    checkpoint_s: float = 0.0
    """To write one checkpoint, training waiting [s]."""
    interval_s: float | None = None
    """Training between two checkpoints [s]; None: the best one against interruptions, none without them."""
    interruptions_per_s: float = 0.0
    """Of the whole job [1/s]."""
    restart_s: float = 0.0
    """From an interruption until training goes on [s]."""


def best_interval_s(*, checkpoint_s: float, interruptions_per_s: float) -> float:
    """The interval between checkpoints that loses the least time [s].

    √(2 · checkpoint_s / interruptions_per_s) (Young, "A first order approximation to the optimum checkpoint
    interval", 1974). Valid while it is short beside the time between interruptions.
    """
    return sqrt(2 * checkpoint_s / interruptions_per_s)


def job_s(work_s: float, losses: Losses) -> float | None:
    """Time of a whole job [s], or None where interruptions come faster than work can be done again.

    T = W·(1 + c/I) + λ·T·(I/2 + R), hence T = W·(1 + c/I) / (1 − λ·(I/2 + R)): each of λ·T interruptions
    costs half an interval of work and a restart. An interval is at most the whole job. Valid while an
    interval is short beside the time between interruptions.
    """
    rate, interval, checkpoint_s = losses.interruptions_per_s, losses.interval_s, losses.checkpoint_s
    if interval is None and rate > 0:
        interval = best_interval_s(checkpoint_s=checkpoint_s, interruptions_per_s=rate)
    if interval is None:
        return work_s
    interval = min(interval, work_s)
    left = 1 - rate * (interval / 2 + losses.restart_s)
    written = checkpoint_s / interval if interval else 0.0
    return work_s * (1 + written) / left if left > 0 else None
