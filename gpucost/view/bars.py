"""Stacked bars as runs of cells: which label fills how many, without any drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gpucost.view.table import Bar

FREE = "free"
_KNOWN = {"weights": 0, "kv": 1, "kv cache": 1, "activations": 2, "overhead": 3}
"""Labels that look the same in every table; others take the next looks that are left."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one part is drawn: its fill says what it is even without colour."""

    unicode: str
    ascii: str
    style: str


LOOKS = (
    Look("█", "#", "blue"),
    Look("▓", "=", "cyan"),
    Look("▒", "+", "magenta"),
    Look("░", "-", "yellow"),
    Look("▚", "%", "green"),
    Look("▞", "o", "red"),
    Look("▤", "*", "bright_blue"),
    Look("▥", "x", "bright_magenta"),
)
FREE_LOOK = Look("·", ".", "bright_black")
END_LOOK = Look("│", "|", "bold red")


def looks(bars: Iterable[Bar]) -> dict[str, Look]:
    """One look for each label that the bars of a column draw, `free` last; looks recur beyond eight."""
    labels = list(dict.fromkeys(label for bar in bars for label, value in bar.parts if _drawn(value)))
    taken = {label: _KNOWN[label.lower()] for label in labels if label.lower() in _KNOWN}
    left = [i for i in range(len(LOOKS)) if i not in taken.values()] or list(range(len(LOOKS)))
    others = [label for label in labels if label not in taken and label != FREE]
    taken |= {label: left[i % len(left)] for i, label in enumerate(others)}
    ordered = {label: LOOKS[taken[label]] for label in labels if label in taken}
    return ordered | {FREE: FREE_LOOK}


def cells(bar: Bar, width: int) -> list[tuple[str, int]]:
    """Label and number of cells of each run; together `width` cells.

    Every part above zero gets a cell as long as there are enough. What is left of the total is free.
    Where the parts need more than the total, the whole width is what they need (see `end_of_total`).
    """
    if not _drawn(bar.total):
        return []
    parts = [(label, value) for label, value in bar.parts if label != FREE and _drawn(value)]
    need = math.fsum(value for _, value in parts)
    parts.append((FREE, max(0.0, bar.total - need)))
    whole = max(bar.total, need)
    exact = [width * (value / whole) for _, value in parts]
    counts = [max(1, math.floor(size)) if size > 0 else 0 for size in exact]
    while (missing := width - sum(counts)) != 0:
        step = 1 if missing > 0 else -1
        candidates = [i for i, size in enumerate(exact) if size > 0 and (step > 0 or counts[i] > 1)]
        if not candidates:  # more parts than cells
            counts[max(i for i, count in enumerate(counts) if count)] -= 1
            continue
        counts[max(candidates, key=lambda i: step * (exact[i] - counts[i]))] += step
    return [(label, count) for (label, _), count in zip(parts, counts, strict=True) if count]


def end_of_total(bar: Bar, width: int) -> int | None:
    """Cell at which the total ends, where the parts need more than that; else None."""
    need = math.fsum(value for label, value in bar.parts if label != FREE and _drawn(value))
    if not _drawn(bar.total) or need <= bar.total:
        return None
    return min(width - 1, int(width * (bar.total / need)))


def _drawn(value: float) -> bool:
    return math.isfinite(value) and value > 0
