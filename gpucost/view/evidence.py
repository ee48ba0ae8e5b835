"""The one line that says how well an answer is founded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gpucost.domain.provenance import Confidence, Evidence

_ORDER = (Confidence.PUBLISHED, Confidence.MEASURED, Confidence.ESTIMATED, Confidence.USER)
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?\Z")


@dataclass(frozen=True, slots=True)
class EvidenceCount:
    """How many numbers of each confidence can move the answer, and how old the oldest of them is.

    What the user gave has no age, so it counts neither into `oldest` nor as undated.
    """

    by_confidence: tuple[tuple[Confidence, int], ...]
    oldest: str | None
    undated: int
    not_binding: int


def count_evidence(evidence: Iterable[Evidence]) -> EvidenceCount:
    """Count numbers by confidence, those that cannot move the answer apart."""
    items = list(evidence)
    binding = [item for item in items if item.binding]
    counted = Counter(item.confidence for item in binding)
    dated = [item.as_of for item in binding if item.confidence is not Confidence.USER]
    dates = [as_of for as_of in dated if _DATE.match(as_of)]
    return EvidenceCount(
        by_confidence=tuple((c, counted[c]) for c in _ORDER if counted[c]),
        oldest=min(dates, default=None),
        undated=len(dated) - len(dates),
        not_binding=len(items) - len(binding),
    )


def evidence_line(evidence: Sequence[Evidence], *, unicode: bool = True, hint: bool = True) -> str:
    """Say `Inputs: 5 published · oldest 2026-06-02 — list with --sources`; nothing without evidence.

    `hint` is false where the list itself follows.
    """
    if not evidence:
        return ""
    count = count_evidence(evidence)
    parts = [f"{number} {confidence.value}" for confidence, number in count.by_confidence]
    if count.oldest is not None:
        parts.append(f"oldest {count.oldest}")
    if count.undated:
        parts.append(f"{count.undated} undated")
    if count.not_binding:
        parts.append(f"{count.not_binding} not binding")
    separator, dash = (" · ", " — ") if unicode else (", ", " -- ")
    return "Inputs: " + separator.join(parts) + (f"{dash}list with --sources" if hint else "")
