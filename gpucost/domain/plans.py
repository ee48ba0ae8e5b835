"""What `plan` answers; field names are the JSON names."""

from typing import NamedTuple

from gpucost.domain.billing import Line


class PlanRow(NamedTuple):
    """One way to serve the scenario within its limits."""

    model: str
    quantization: str
    bits_per_weight: float
    quality: str
    """What is published of the format's loss; empty where nothing is."""
    engine: str
    engine_version: str
    speculation: bool
    """Tokens are drafted as the scenario allows."""
    gpu: str
    gpus_per_worker: int
    tp: int
    deployment: str
    """What `gpucost bill --deployment` takes."""
    provider: str
    product: str
    billing: str | None
    workers: float
    """Kept on, or running on average."""
    max_workers: int
    """Enough for the busiest time."""
    concurrency: int
    """Requests at once on one worker (`--concurrency`, the engine's limit of sequences)."""
    idle_timeout_s: float | None
    """None for workers that never stop."""
    min_workers: int
    usd_per_month: float
    low_usd: float | None
    high_usd: float | None
    usd_per_million_tokens: float | None
    """Per million tokens that are generated."""
    usd_per_request: float | None
    ttft_s: float
    """First token on a worker with its usual load, waits and starts left out [s]."""
    tpot_s: float
    e2e_s: float
    wait_s: float | None
    """Mean wait for a worker [s]; None where no closed form holds."""
    cold_share: float | None
    start_s: float | None
    """Start of a worker [s]; None for workers that never stop."""
    utilisation: float | None
    headroom: float
    """Share of the capacity of all workers that the mean traffic leaves free [0-1]."""
    max_concurrency: float
    """Sequences of the asked length that one worker's cache holds."""
    max_context: int
    """Tokens that each sequence may hold on average at that concurrency."""
    pareto: bool
    """No other plan is cheaper, faster and keeps as many bits."""
    as_of: str
    stale: bool
    lines: tuple[Line, ...]


class Rejected(NamedTuple):
    """What was looked at and cannot serve; like ones are one line."""

    stage: str
    """`memory`, `speed`, `slo`, `start`, `price`, `budget` or `constraint`."""
    reason: str
    times: int
    example: str


class Change(NamedTuple):
    """What would make another plan the answer."""

    what: str
    """`traffic`, `price`, `context` or `latency`."""
    text: str
    value: float | None
    """Requests per day, share of the price, tokens, or seconds."""
    then: str
    """The deployment that wins then; empty where nothing does."""


class Sensitivity(NamedTuple):
    """The recommended plan's month at the ends of one assumption, everything else as planned."""

    assumption: str
    low: str
    high: str
    low_usd: float | None
    high_usd: float | None
    best_at_low: bool
    """Still the cheapest of the plans that are shown."""
    best_at_high: bool


class Step(NamedTuple):
    """One step of the way from the baseline to the plan."""

    step: str
    """`baseline`, `hardware`, `quantization`, `engine`, `speculation` or `billing`."""
    what: str
    usd_per_million_tokens: float
    delta_usd: float
    """Against the step before; all of them sum to plan − baseline."""
    delta: float
    """The same as a share of the step before."""
    tpot_s: float | None
    confidence: str
    """`user`, `estimated`, or why the step is skipped."""


class ApiPrice(NamedTuple):
    """The same month at a hosted API."""

    offer: str
    usd_per_month: float
    as_of: str


class PlanRecommendation(NamedTuple):
    """The plan to take, and why."""

    model: str
    quantization: str
    engine: str
    gpu: str
    gpus_per_worker: int
    deployment: str
    billing: str | None
    concurrency: int
    min_workers: int
    max_workers: int
    idle_timeout_s: float | None
    usd_per_month: float
    usd_per_million_tokens: float | None
    reasons: tuple[str, ...]


class PlanResult(NamedTuple):
    """The answer of `plan`."""

    scenario: str
    requests_per_month: float
    recommendation: PlanRecommendation | None
    plans: tuple[PlanRow, ...]
    rejected: tuple[Rejected, ...]
    changes: tuple[Change, ...]
    sensitivity: tuple[Sensitivity, ...]
    apis: tuple[ApiPrice, ...]
    searched: int
    """Combinations of model, format, engine, card and count looked at."""
    billed: int
    """Deployments and settings billed."""
    waterfall: tuple[Step, ...] = ()
