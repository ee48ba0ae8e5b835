"""Fits the constants of training memory; writes them to `data/training/memory_constants.yaml`.

    python -m tests.reference.fit_training_memory

Only rows of use `fit` are seen. Constants are positive and fitted as logarithms with a prior at the count of
tensors that explains them; runs of one model, method and source share one weight. `low` and `high` span the
refits without one source. Needs SciPy (extra `dev`).
"""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from gpucost.api.training_memory import PREFIX, MemoryCase, memory_cases
from gpucost.calc.training_memory import TrainingMemoryConstants
from gpucost.catalog.store import load
from gpucost.units import GIB

FILE = Path(__file__).parents[2] / "data" / "training" / "memory_constants.yaml"
START = TrainingMemoryConstants(
    context_gib=0.5,
    communication_gib=1.0,
    fragmentation=0.05,
    norm_values=5.0,
    logit_bytes=12.0,
    chunked_logit_bytes=8.0,
    compiled_logit_bytes=4.0,
    quantised_input_bytes=4.0,
)
PRIOR = {"fragmentation": 1.0, "norm_values": 1.0, "logit_bytes": 2.0, "chunked_logit_bytes": 2.0}
PRIOR |= {"quantised_input_bytes": 1.0}
"""Fitted constants, and how strongly each is held to where it starts."""
ERROR = 0.05
MEANING = {
    "context_gib": ("GiB", "of a process on a card before its first tensor: CUDA context and libraries"),
    "communication_gib": (
        "GiB",
        "of buffers that NCCL and the sharding take where several cards work together",
    ),
    "fragmentation": ("share", "of activations and logits that PyTorch's allocator loses between blocks"),
    "norm_values": (
        "values",
        "of the stream that a norm saves where no compiler fuses it: input, 32-bit copies",
    ),
    "logit_bytes": (
        "B",
        "per token and word: logits in 16 bit, their copy and gradient in 32 bit, their gradient",
    ),
    "chunked_logit_bytes": ("B", "the same where the loss is taken in chunks of tokens"),
    "compiled_logit_bytes": ("B", "the same where the loss is compiled: logits and their gradient in 16 bit"),
    "quantised_input_bytes": (
        "B",
        "per value that a 4-bit matrix keeps of its input (bitsandbytes): one 32-bit copy",
    ),
}
HEAD = """# Constants of training memory. Written by `python -m tests.reference.fit_training_memory` from
# rows of use `fit` only; `low` and `high` span the refits without one source. Constants that are not fitted
# count tensors, or are what a process is seen to take.

sources:
  - id: training-memory-fit
    title: Fitted on the measured training peaks of this catalogue
    publisher: gpucost
    address: tests/reference/fit_training_memory.py
    as_of: '2026-11-21'
    confidence: estimated

training_constants:
"""


def group(case: MemoryCase) -> tuple[str, str, str]:
    """Runs that differ in their lengths only."""
    return case.row["source"], case.model.id, case.row["method"]


def fit(cases: Sequence[MemoryCase]) -> TrainingMemoryConstants:
    """The constants that explain the cases best."""
    counts = Counter(group(case) for case in cases)
    weights = np.array([1 / math.sqrt(counts[group(case)]) for case in cases])
    start = np.log([getattr(START, name) for name in PRIOR])
    hold = np.array(list(PRIOR.values()))

    def constants(logs: NDArray[np.float64]) -> TrainingMemoryConstants:
        return START._replace(**dict(zip(PRIOR, (float(value) for value in np.exp(logs)), strict=True)))

    def residuals(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        found = constants(logs)
        ratios = [case.predicted(found).total_bytes / GIB / case.row["peak_gib"] for case in cases]
        return np.concatenate([np.log(ratios) * weights / ERROR, (logs - start) * hold])

    return constants(least_squares(residuals, start, loss="soft_l1").x)


def errors(cases: Sequence[MemoryCase], constants: TrainingMemoryConstants) -> str:
    """Median and 90th percentile of the cases, in words."""
    ratios = [case.predicted(constants).total_bytes / GIB / case.row["peak_gib"] - 1 for case in cases]
    off = np.abs(ratios)
    far, bias = np.quantile(off, 0.9), np.median(ratios)
    return f"{len(off):3} cases: median {np.median(off):.1%}, p90 {far:.1%}, bias {bias:+.1%}"


def main() -> None:
    """Fit, print and write."""
    cases = list(memory_cases(load(())))
    known = [case for case in cases if case.row["use"] == "fit"]
    best = fit(known)
    sources = sorted({case.row["source"] for case in known})
    refits = []
    for source in sources:
        refits.append(fit([case for case in known if case.row["source"] != source]))
        left = [case for case in known if case.row["source"] == source]
        print(f"without {source}: {errors(left, refits[-1])}")
    print("fit  ", errors(known, best))
    print("score", errors([case for case in cases if case.row["use"] == "score"], best))
    lines = []
    for name, (unit, meaning) in MEANING.items():
        values = [getattr(each, name) for each in (best, *refits)]
        value, low, high = (f"{each:.4g}" for each in (values[0], min(values), max(values)))
        fitted = "" if name in PRIOR else ", fitted: false"
        lines.append(
            f"  - {{id: {PREFIX}{name.replace('_', '-')}, value: {value}, low: {low}, high: {high}, "
            f'unit: {unit}, meaning: "{meaning}"{fitted}, source: training-memory-fit}}\n'
        )
    FILE.write_text(HEAD + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
