"""Laws of arrivals, and what is said of a trace; field names are the JSON names."""

from enum import StrEnum
from typing import NamedTuple


class Law(StrEnum):
    """Distribution of the times between arrivals."""

    EXPONENTIAL = "exponential"
    GAMMA = "gamma"
    WEIBULL = "weibull"


class Spread(NamedTuple):
    """Values in the unit of the field that holds them."""

    mean: float
    cv: float | None
    """Standard deviation / mean; None where the mean is 0."""
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


class TraceStats(NamedTuple):
    """What a trace looks like. Windows are whole ones alone; None where there are not enough of them."""

    requests: int
    span_s: float
    """From the first arrival to the last, or the time that was stated."""
    requests_per_second: float | None
    """Requests / span; None where all came at once."""
    minute_peak_requests_per_second: float | None
    """Mean rate of the busiest minute."""
    minute_peak_to_mean: float | None
    """That rate / the mean rate of the whole minutes."""
    hour_peak_requests_per_second: float | None
    hour_peak_to_mean: float | None
    idle_minute_share: float | None
    """Minutes without an arrival [0-1]."""
    gap_s: Spread | None
    """Between one arrival and the next; None for one request."""
    dispersion_1s: float | None
    """Variance / mean of the requests per second; 1 for random (Poisson) arrivals."""
    dispersion_10s: float | None
    dispersion_60s: float | None
    input_tokens: Spread | None
    output_tokens: Spread | None
    execution_s: Spread | None
    offered_load: float | None
    """Mean requests in execution: rate × mean execution time."""
    most_at_once: int
    """Requests with the same stamp."""
    equal_stamp_share: float | None
    """Requests, after the first, that have the stamp of the one before [0-1]."""
    stamp_step_s: float | None
    """Step of which all gaps are multiples, where it is coarser than 0.1 s: the stamps are rounded."""
    shape_window_s: float
    """Length of the windows of the shape."""
    shape_requests_per_second: tuple[float, ...]
    """Mean rate in each of at most 120 equal windows."""
