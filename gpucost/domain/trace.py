"""Requests as they came, or as a generator makes them; arrays are NumPy's."""

from typing import Any, NamedTuple


class Trace(NamedTuple):
    """Requests in the order of their arrival, or a chunk of them; arrays of one length, None: unknown."""

    at_s: Any
    """Arrivals, rising, after the first one or the start of the generated time [s] (float64)."""
    input_tokens: Any = None
    output_tokens: Any = None
    execution_s: Any = None
    tag: Any = None
    """Index into the names of the tags (int32)."""


class Profile(NamedTuple):
    """A rate over time: windows that follow each other without gaps."""

    edges_s: Any
    """Starts of the windows, and the end of the last one [s]: one more than there are rates."""
    rates: Any
    """Mean requests per second in each window."""

    @property
    def span_s(self) -> float:
        """Time from the first edge to the last [s]."""
        return float(self.edges_s[-1] - self.edges_s[0])

    @property
    def mean(self) -> float:
        """Mean requests per second."""
        widths = self.edges_s[1:] - self.edges_s[:-1]
        return float((self.rates * widths).sum()) / self.span_s
