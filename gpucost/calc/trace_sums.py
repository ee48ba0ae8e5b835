"""Sums over a trace that may be too long to be held, and chunks of one that is not."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpucost.domain.trace import Trace
from gpucost.units import SECONDS_PER_MINUTE


class TraceSums:
    """Requests, tokens and the busiest minute of a trace whose chunks come in order."""

    def __init__(self) -> None:
        self.rows = 0
        self.last = 0.0
        """Latest arrival [s]."""
        self.input: float | None = None
        self.output: float | None = None
        self.execution_s: float | None = None
        self.tags: dict[int, int] = {}
        self._minutes: dict[int, int] = {}

    def add(self, chunk: Trace) -> None:
        """Counts more requests."""
        self.rows += len(chunk.at_s)
        self.last = float(chunk.at_s[-1])
        self.input = _more(self.input, chunk.input_tokens)
        self.output = _more(self.output, chunk.output_tokens)
        self.execution_s = _more(self.execution_s, chunk.execution_s)
        minutes = (chunk.at_s // SECONDS_PER_MINUTE).astype(np.int64)
        _count(self._minutes, minutes)
        if chunk.tag is not None:
            _count(self.tags, chunk.tag)

    def busiest_per_s(self, span_s: float) -> float:
        """Requests per second of the busiest minute of a trace that covers `span_s` [s]."""
        return max(self._minutes.values()) / min(SECONDS_PER_MINUTE, span_s)


def _more(total: float | None, values: Any) -> float | None:
    return total if values is None else (total or 0.0) + float(values.sum())


def _count(counts: dict[int, int], values: Any) -> None:
    found, numbers = np.unique(values, return_counts=True)
    for value, number in zip(found.tolist(), numbers.tolist(), strict=True):
        counts[value] = counts.get(value, 0) + number


def joined(chunks: Sequence[Trace]) -> dict[str, Any]:
    """The arrays of a whole trace by their names; None for what it lacks."""
    parts = zip(Trace._fields, zip(*chunks, strict=True), strict=True)
    return {name: None if arrays[0] is None else np.concatenate(arrays) for name, arrays in parts}
