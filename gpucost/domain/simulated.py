"""The answers of `simulate` and `traffic`; field names are the JSON names."""

from collections.abc import Mapping
from typing import NamedTuple

from gpucost.domain.billing import Bill
from gpucost.domain.traffic import TraceStats


class Latency(NamedTuple):
    """Distribution of one latency [s]."""

    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


class Attained(NamedTuple):
    """A limit on a latency, and what became of it."""

    slo: str
    value_s: float | None
    share: float | None
    """Of all requests within the limit [0-1]."""
    met: bool


class Spreading(NamedTuple):
    """Mean over replications, with its 95 % confidence interval."""

    name: str
    mean: float
    low: float
    high: float


class Run(NamedTuple):
    """How one deployment served the traffic."""

    deployment: str
    policy: str
    routing: str
    binding: str
    assumed: tuple[str, ...]
    """Which of these three nobody documents."""
    slots: int
    start_s: float | None
    idle_timeout_s: float | None
    kept_workers: int
    max_workers: int | None
    requests: int
    rejected: int
    timed_out: int
    """Ended by the execution timeout: not served, but paid."""
    retries: int
    cold_starts: int
    """In the simulated time."""
    starts_per_request: float | None
    waited_share: float
    """Requests that did not start at once [0-1]."""
    latencies: Mapping[str, Latency]
    """By `wait`, `ttft`, `tpot` and `e2e`, where known."""
    exact_percentiles: bool
    """Of all values; False: of a histogram, to 0.1 %."""
    utilisation: float | None
    """Busy ÷ paid time of the workers [0-1]."""
    mean_workers: float
    peak_workers: float
    floor_usd: float | None
    """The bill if only work were paid, on full workers."""
    floor_ratio: float | None
    slo: tuple[Attained, ...]
    meets_slo: bool
    intervals: tuple[Spreading, ...]
    window_s: float
    workers_over_time: tuple[float, ...]
    """Mean workers in each window."""


class Variant(NamedTuple):
    """The same under another assumption on what is not documented."""

    deployment: str
    what: str
    total_usd: float | None
    cold_starts: int
    wait_p95_s: float | None


class Setting(NamedTuple):
    """One setting of a deployment that was tried."""

    idle_timeout_s: float
    min_workers: int
    max_workers: int | None
    total_usd: float | None
    latency_s: float | None
    """The first limit's latency, or the 95th percentile of the wait."""
    meets_slo: bool
    cold_starts: int
    unserved: int
    """Requests that were rejected or ended by their timeout."""
    on_frontier: bool
    """Nothing is both cheaper and quicker."""


class SimulateResult(NamedTuple):
    """Bills together with the latency that they buy."""

    source: str
    """`trace`, `profile × sample` or `generated`."""
    period: str
    simulated_s: float
    extrapolation: float
    """Billed period ÷ simulated time."""
    requests: int
    skipped_rows: int
    replications: int
    seed: int | None
    bills: tuple[Bill, ...]
    runs: tuple[Run, ...]
    """In the order of the bills."""
    variants: tuple[Variant, ...]
    settings: tuple[Setting, ...]
    best: Setting | None
    """The cheapest setting that meets every limit."""
    cheapest: str | None
    """Deployment with the smallest bill among those that meet every limit and leave fewest requests."""
    interrupted: bool = False
    reason: str = ""


class TrafficResult(NamedTuple):
    """What a trace looks like, and what it asks for."""

    file: str
    kind: str
    """`trace` or `profile`."""
    skipped_rows: int
    sorted_here: bool
    starts_at: str | None
    """First request (UTC), where stamps are calendar times."""
    columns: Mapping[str, str]
    time_unit: str
    stats: TraceStats | None
    offered_load_workers: float | None
    """Workers that are busy on average, where the time of a request is known."""
    tags: Mapping[str, int]
    profile_requests_per_second: float | None = None
    profile_peak_to_mean: float | None = None
    profile_window_s: float | None = None
    profile_span_s: float | None = None
    profile_shape_requests_per_second: tuple[float, ...] = ()
    """Mean rate in each of at most 120 equal windows."""
