"""What `throughput` and `cost` answer; field names are the JSON names."""

from typing import NamedTuple

from gpucost.domain.results import MemoryPerGpu, ModelSummary


class SpeedRow(NamedTuple):
    """Speeds of a whole deployment at one load."""

    gpu: str
    gpus: int
    tp: int
    pp: int
    ep: int
    replicas: int
    quantization: str
    concurrency: float
    """Sequences in flight over the deployment, waiting ones included."""
    running: float
    """Of them, those that hold cache and make progress."""
    prefill_tokens_per_s: float | None
    """Of prompts computed one after the other, nothing else running."""
    decode_tokens_per_s: float | None
    """Of steps without prompts between them."""
    output_tokens_per_s: float
    total_tokens_per_s: float | None
    """Input and output."""
    output_tokens_per_s_per_gpu: float
    ttft_s: float | None
    tpot_s: float | None
    e2e_s: float | None
    requests_per_s: float
    utilisation: float | None
    """Of the most requests per second that this deployment reaches."""
    bound: str
    """`compute`, `bandwidth`, `interconnect`, `overhead`, or `capacity` where requests wait for a place."""
    low: float | None
    high: float | None
    """Between which 80 % of left-out measurements lie, of `output_tokens_per_s`."""
    confidence: str
    """`measured`, `scaled` (by a measured point), `estimated`, or `user`."""
    source: str = ""
    """The measured point, by its id."""
    note: str = ""


class Limit(NamedTuple):
    """A latency limit and the latency reached."""

    slo: str
    reached_s: float
    met: bool


class ThroughputResult(NamedTuple):
    """The answer of `throughput`."""

    model: ModelSummary
    rows: tuple[SpeedRow, ...]
    capacity: float | None
    """Most sequences that run at once."""
    requests_per_s_limit: float | None
    """Most requests per second."""
    limits: tuple[Limit, ...] = ()
    memory_per_gpu: MemoryPerGpu | None = None
    """The split of a card, where the model does not fit."""
    reason: str = ""
    """Why there is no speed."""


class CostRow(NamedTuple):
    """What tokens and requests cost on one offer at one load."""

    offer: str
    provider: str
    billing: str | None
    gpu: str
    gpus: int
    tp: int
    pp: int
    ep: int
    replicas: int
    quantization: str
    usd_per_hour: float
    concurrency: float | None
    output_tokens_per_s: float
    ttft_s: float | None
    tpot_s: float | None
    requests_per_s: float | None
    utilisation: float | None
    """Of the most requests per second that the deployment reaches."""
    usd_per_million_output_tokens: float
    usd_per_million_input_tokens: float | None
    """None where the split puts everything on the output."""
    usd_per_request: float | None
    requests_per_usd: float | None
    low_usd_per_million_output_tokens: float | None
    high_usd_per_million_output_tokens: float | None
    """At the speeds between which 80 % of left-out measurements lie."""
    confidence: str
    bound: str
    pareto: bool
    """No other row is both cheaper per token and faster per request."""
    as_of: str
    stale: bool


class ApiCost(NamedTuple):
    """A hosted price of the same model beside the cheapest deployment."""

    offer: str
    provider: str
    usd_per_million_input_tokens: float | None
    usd_per_million_output_tokens: float
    usd_per_request: float | None
    break_even_output_tokens_per_month: float | None
    """Answer tokens per month from which the cheapest deployment, rented all month, costs less."""
    reachable: bool | None
    """Whether that deployment can make so many."""
    as_of: str
    note: str = ""


class CostResult(NamedTuple):
    """The answer of `cost`."""

    model: ModelSummary | None
    split: str
    rows: tuple[CostRow, ...]
    cheapest: str | None
    fastest: str | None
    pareto: tuple[str, ...]
    """Cards and offer of every row of the front, fastest first."""
    apis: tuple[ApiCost, ...]
    searched: int
    """Offers looked at, over all cards, counts and formats that fit."""
    reason: str = ""


class MeasuredCost(NamedTuple):
    """One row of a benchmark file, priced."""

    name: str
    execution_s: float
    usd_per_second: float
    usd_per_request: float
    """Execution time × rate: a worker that is always full."""
    requests_per_usd: float
    saving_fraction: float
    """Against the dearest row."""
    billed_usd_per_request: float
    """One request alone, time rounded up to whole seconds, idle tail billed."""
    offer: str = ""


class MeasuredCostResult(NamedTuple):
    """The answer of `cost --measured`, cheapest first."""

    rows: tuple[MeasuredCost, ...]
    idle_s: float


class ImportedPoint(NamedTuple):
    """One measured load beside the estimate."""

    load: str
    input_tokens: int
    output_tokens: int
    concurrency: float
    tpot_ms: float | None
    ttft_ms: float | None
    tokens_per_s: float | None
    estimated_over_measured: float | None
    """Of the speed of whole requests; None where the estimate says that the model does not fit."""


class ImportResult(NamedTuple):
    """What was read and where it was written."""

    overlay: str
    series: int
    points: tuple[ImportedPoint, ...]
