"""What is asked of a server: lengths, drafts, and limits on latency."""

import re
from typing import NamedTuple

from gpucost.domain.model import Model
from gpucost.domain.quantization import Quantization
from gpucost.errors import UsageError


class Lengths(NamedTuple):
    """What one request asks for."""

    input_tokens: int
    output_tokens: int
    """Tokens of one answer that somebody reads."""
    reasoning_tokens: int = 0
    """Generated before the answer, in the same sequence."""
    best_of: int = 1
    """Answers generated per request, of which one is kept; they share the prompt."""
    cached_share: float = 0.0
    """Part of the prompt that a prefix cache holds."""

    @property
    def generated(self) -> int:
        """Tokens that one sequence generates."""
        return self.output_tokens + self.reasoning_tokens

    @property
    def computed(self) -> float:
        """Prompt tokens that no cache holds, computed once for all answers of a request."""
        return max(1.0, self.input_tokens * (1 - self.cached_share))

    @property
    def context(self) -> int:
        """Longest sequence [tokens]."""
        return self.input_tokens + self.generated


class Draft(NamedTuple):
    """Speculative decoding: what drafts, how many tokens, and how often they are accepted."""

    drafted: int
    accepted: float
    model: Model | None
    """None: the model's own multi-token-prediction layers."""
    quantization: Quantization | None = None


class Slo(NamedTuple):
    """A limit on latency."""

    text: str
    metric: str
    """`ttft`, `tpot`, `e2e` or `wait`."""
    share: float | None
    """None: the mean."""
    limit_s: float


_SLO = re.compile(
    r"(ttft|tpot|itl|e2e|wait)\s*(?::\s*(mean|avg|p\d{2}(?:\.\d+)?))?\s*(?:<=|<|=)\s*(\d+(?:\.\d+)?)\s*(ms|s)",
    re.IGNORECASE,
)


def parse_slo(text: str, *, waits: bool = False) -> Slo:
    """A limit such as `ttft:p95<=500ms` or `tpot<=40ms` (mean); `waits`: also on the wait for a worker.

    Raises UsageError.
    """
    found = _SLO.fullmatch(text.strip())
    if not found:
        raise UsageError(
            f"--slo {text[:60]!r} is not a limit; "
            "write ttft:p95<=500ms (ttft, tpot, e2e or wait; mean or p50 to p99; ms or s)"
        )
    metric, word, value, unit = found.groups()
    metric = "tpot" if metric.lower() == "itl" else metric.lower()
    if metric == "wait" and not waits:
        raise UsageError(f"--slo {text!r}: the wait for a worker is known to gpucost simulate")
    share = None
    if word and word.lower().startswith("p"):
        share = float(word[1:]) / 100
        if not 0.5 <= share < 1:
            raise UsageError(f"--slo {text!r}: percentiles from p50 to p99")
    limit = float(value) / (1000 if unit.lower() == "ms" else 1)
    if limit <= 0:
        raise UsageError(f"--slo {text!r}: the limit must be above 0")
    return Slo(text.strip(), metric, share, limit)
