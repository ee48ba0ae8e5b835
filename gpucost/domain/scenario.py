"""A scenario: what is to be served, how well, within which limits; one named part of a scenario file."""

from typing import NamedTuple

SCENARIO_VERSION = 1
SCENARIO_FILE = "gpucost.yaml"
"""What a scenario file is called unless somebody says otherwise."""


class ModelChoice(NamedTuple):
    """A model that may answer, in the formats that are allowed; one of the first three names it."""

    model: str | None = None
    params: str | None = None
    config: str | None = None
    quantizations: tuple[str, ...] = ()
    """Weight formats; empty: the model's own, and those that the engine runs well."""


class Workload(NamedTuple):
    """What comes: lengths of a request, how many, in which pattern."""

    input_tokens: int
    output_tokens: int
    requests_per_month: float | None = None
    requests_per_day: float | None = None
    requests_per_second: float | None = None
    pattern: str | None = None
    """`poisson`, `uniform`, `bursty`, `diurnal`, `busy-hours`; random where None."""
    burst_size: int | None = None
    burst_interval_s: float | None = None
    peak_to_mean: float | None = None
    hours: float | None = None
    prefix_cache_hit: float = 0.0
    max_context: int | None = None
    """Longest sequence that must fit [tokens]; input and output where None."""
    trace: str | None = None
    """A file of requests; `simulate` replays it, `plan` takes its rate and mean lengths."""


class Constraints(NamedTuple):
    """What is allowed; empty or None: everything."""

    providers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
    engines: tuple[str, ...] = ("vllm",)
    billing: tuple[str, ...] = ()
    max_gpus: int = 8
    """Cards of one copy."""
    max_cold_start_s: float | None = None
    single_provider: bool = False
    """All of the bill at one provider: no overflow to another one."""
    ecc: bool = False
    """Only cards with error-correcting memory."""
    spot: bool = False
    """Machines that the provider may take back are allowed."""
    max_usd_per_month: float | None = None


class Budget(NamedTuple):
    """Limits that `gpucost check` keeps; None: no limit."""

    usd_per_month: float | None = None
    usd_per_million_tokens: float | None = None
    ttft_p99_s: float | None = None
    min_headroom: float | None = None
    """Share of the plan's capacity that must stay free at its mean traffic [0-1]."""
    max_price_age_days: int | None = None
    providers: tuple[str, ...] = ()
    max_increase_usd: float | None = None
    """Of the month, against the locked answer."""
    max_increase: float | None = None
    """The same as a share [0.1 = 10 %]."""


class Baseline(NamedTuple):
    """What runs today, or what somebody would rent without thinking: `plan --baseline` starts there."""

    gpu: str
    gpus: int = 1
    quantization: str | None = None
    engine: str = "vllm"
    usd_per_hour: float | None = None
    """Of the whole deployment; the catalogue's cheapest on-demand price where None."""
    tokens_per_second: float | None = None
    """As measured today; the model's where None."""
    concurrency: int | None = None
    utilisation: float = 1.0
    """Share of its speed that is used [0-1]."""


class Speculation(NamedTuple):
    """Speculative decoding that may be switched on."""

    draft_tokens: int
    acceptance: float
    draft_model: str | None = None


class Scenario(NamedTuple):
    """One named scenario."""

    name: str
    models: tuple[ModelChoice, ...]
    workload: Workload
    slo: tuple[str, ...] = ()
    """Limits such as `ttft:p95<=500ms`."""
    constraints: Constraints = Constraints()
    budget: Budget = Budget()
    baseline: Baseline | None = None
    speculation: Speculation | None = None
    as_of: str | None = None
    """Prices of this day; of today where None."""
