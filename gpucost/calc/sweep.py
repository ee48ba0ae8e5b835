"""Many deployments and loads at once: the formulas of speed on arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gpucost.calc.machine import SpeedConstants, Traits, machine_of
from gpucost.calc.speed import Round, closed_loop, sequence_cache_bytes
from gpucost.calc.work import Work

Array = NDArray[np.float64]


def stacked_work(works: Sequence[Work]) -> Work:
    """Works as one whose fields are columns, shape (deployments, 1)."""
    return Work(*(np.array([[each] for each in column], dtype=float) for column in zip(*works, strict=True)))


def stacked_traits(traits: Sequence[Traits]) -> Traits:
    """Traits as one whose fields are columns, shape (deployments, 1)."""
    return Traits(
        *(np.array([[each] for each in column], dtype=float) for column in zip(*traits, strict=True))
    )


def sweep(
    work: Work,
    traits: Traits,
    constants: SpeedConstants,
    *,
    pools_bytes: Array,
    concurrency: Array,
    input_tokens: float,
    output_tokens: float,
) -> Round:
    """Closed loops of every deployment at every load.

    `work` and `traits` hold columns, shape (deployments, 1); `pools_bytes` [B per card] has one entry per
    deployment, `concurrency` [sequences per rank group] one per load. The fields of the result have the
    shape (deployments, loads), or (deployments, 1) where the load does not matter.
    """
    context = input_tokens + output_tokens / 2
    each = np.maximum(sequence_cache_bytes(work, context), 1.0)
    room = np.maximum(1.0, pools_bytes[:, None] / each * work.pp)
    return closed_loop(
        work,
        machine_of(work, traits, constants),
        concurrency=concurrency[None, :],
        room=room,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )
