"""The answers of `bill`, `breakeven` and `compare`; field names are the JSON names."""

from collections.abc import Mapping
from typing import NamedTuple


class Line(NamedTuple):
    """One line of a bill: `usd` = `quantity` × `usd_per_unit`; both are None where the price is unknown."""

    name: str
    quantity: float
    unit: str
    usd_per_unit: float | None
    usd: float | None
    price_state: str = "known"
    """`known`, or `unknown`: nobody states the price, which is not the same as free."""
    offer: str = ""


class Exposure(NamedTuple):
    """The largest bill that the settings allow: every worker busy all the time."""

    workers: int
    usd: float


class KeepWarm(NamedTuple):
    """One worker kept on by pings, beside a worker that is paid to stay."""

    interval_s: float
    pings: float
    usd: float
    active: str
    active_usd: float | None


class Bill(NamedTuple):
    """What one deployment costs in the period."""

    deployment: str
    product: str
    billing: str | None
    gpu: str | None
    gpus_per_worker: int
    workers: float
    """Kept on, or the most that run at once in this traffic."""
    period_hours: float
    requests: float | None
    execution_s: float | None
    lines: tuple[Line, ...]
    total_usd: float | None
    """None where the price of a line is unknown."""
    known_usd: float
    """Sum of the lines whose price is known."""
    price_state: str
    usd_per_request: float | None
    usd_per_million_tokens: float | None
    """Per million tokens that are generated."""
    utilisation: float | None
    """Busy ÷ paid time of the workers [0-1]."""
    low_usd: float | None
    """The same bill at the optimistic ends of what is not documented or not given."""
    high_usd: float | None
    starts: float | None
    cold_share: float | None
    """Share of the requests that find no worker ready."""
    wait_s: float | None
    """Mean wait for a worker [s]; None where no closed form holds."""
    during_start: str
    method: str
    """How the seconds were found: `exact`, `steady state` or `approximation`."""
    max_exposure_usd: float | None
    max_workers: int | None
    as_of: str
    stale: bool
    delta_usd: float | None = None
    delta_fraction: float | None = None


class Month(NamedTuple):
    """One month of growing traffic."""

    month: int
    requests: float
    totals_usd: tuple[float | None, ...]
    """In the order of the bills."""
    cheapest: str


class HybridRow(NamedTuple):
    """A number of baseline workers, the rest of the load on serverless workers."""

    baseline_workers: int
    baseline_usd: float
    overflow_usd: float
    total_usd: float
    overflow_share: float
    """Share of the busy time that overflows [0-1]."""


class Hybrid(NamedTuple):
    """A reserved baseline with serverless overflow."""

    baseline: str
    overflow: str
    best_workers: int
    rows: tuple[HybridRow, ...]
    reserved_workers: int
    """Baseline workers alone that carry the peak."""
    reserved_usd: float
    serverless_usd: float
    saving_against_reserved: float
    saving_against_serverless: float
    spike: float
    """Peak load that baseline and overflow workers carry together, over the mean load."""


class Share(NamedTuple):
    """What one tag owes."""

    tag: str
    quantity: float
    unit: str
    share: float
    usd: float


class BillResult(NamedTuple):
    """Bills side by side."""

    period: str
    bills: tuple[Bill, ...]
    cheapest: str | None
    searched: int
    """Deployments that were billed, shown or not."""
    months: tuple[Month, ...] = ()
    keep_warm: tuple[KeepWarm, ...] = ()
    hybrid: Hybrid | None = None
    chargeback: tuple[Share, ...] = ()
    reason: str = ""


class Crossing(NamedTuple):
    """Traffic at which two bills are equal, or change their order."""

    a: str
    b: str
    verdict: str
    """`a_always`, `b_always` (the cheaper at every traffic looked at), `crosses`, or `equal_always`."""
    cheaper_below: str | None = None
    cheaper_above: str | None = None
    utilisation: float | None = None
    """Busy time over one always-on worker's time, or over the workers that are kept on [0-1]."""
    busy_hours_per_month: float | None = None
    requests_per_day: float | None = None
    requests_per_month: float | None = None
    tokens_per_month: float | None = None
    kind: str = "none"
    """`continuous`: both bills are equal there; `step`: the order flips between two whole requests."""
    a_usd: float | None = None
    b_usd: float | None = None
    a_next_usd: float | None = None
    """Bill of A one request per month later."""
    b_next_usd: float | None = None


class Tier(NamedTuple):
    """The cheapest deployment over a range of traffic."""

    deployment: str
    from_requests_per_day: float | None
    to_requests_per_day: float | None
    """None at the end: as far as was looked."""
    from_busy_hours_per_month: float
    to_busy_hours_per_month: float | None
    from_usd: float
    to_usd: float


class SellingPrice(NamedTuple):
    """Tokens that pay for a deployment at a price per token."""

    deployment: str
    usd_per_hour: float
    usd_per_million: float
    tokens_per_hour: float
    tokens_per_s: float


class Overhead(NamedTuple):
    """What idle tails and cold starts do to a crossing."""

    packed_busy_hours: float | None
    """Where the crossing would be if only busy seconds were billed."""
    billed_over_busy: float | None
    """Billed ÷ busy seconds of the serverless side at the crossing."""


class BreakevenResult(NamedTuple):
    """Where bills cross."""

    crossings: tuple[Crossing, ...]
    overhead: Overhead | None
    staircase: tuple[Tier, ...]
    selling: tuple[SellingPrice, ...]
    curve: tuple[tuple[float, ...], ...]
    """Points of the chart: busy hours per month, then each bill [USD]."""
    deployments: tuple[str, ...]
    reason: str = ""


class Compared(NamedTuple):
    """One offer of a card, beside the first of its group."""

    group: str
    """`serverless`, `always-on` or `reserved`."""
    product: str
    offer: str
    gpu: str
    cards: float
    """Fewest cards that can be rented."""
    billing: str | None
    usd_per_hour: float | None
    """Of the machine or worker, with CPU and memory where they are billed apart."""
    usd_per_gpu_hour: float | None
    delta_fraction: float | None
    to_zero: str
    during_start: str
    cold_start_low_s: float | None
    cold_start_high_s: float | None
    execution_timeout_s: float | None
    longest_execution_s: float | None
    egress_usd_per_gb: float | None
    region: str
    as_of: str
    stale: bool
    note: str = ""


class Phase(NamedTuple):
    """One phase of a cold start [s]."""

    product: str
    phase: str
    value_s: float | None
    low_s: float | None
    high_s: float | None
    note: str
    source: str
    as_of: str


class ColdStart(NamedTuple):
    """A cold start as a sum of phases [s], and a hit of a snapshot instead."""

    product: str
    total_s: float | None
    low_s: float | None
    high_s: float | None
    snapshot_s: float | None
    snapshot_low_s: float | None
    snapshot_high_s: float | None
    unknown: tuple[str, ...]
    """Phases of which nothing is known: they are not in the sum."""
    phases: tuple[Phase, ...]


class Feature(NamedTuple):
    """What a product can do, by feature; `unknown` where nobody verified it."""

    product: str
    features: Mapping[str, str]


class SeedPrice(NamedTuple):
    """A price as a seed document states it, and whether that holds."""

    offer: str
    billing: str | None
    stated_usd: float
    unit: str
    usd_per_hour: float | None
    as_of: str
    refuted: str
    today_usd_per_hour: float | None


class GenerationOffer(NamedTuple):
    """A card at one product."""

    product: str
    offer: str
    usd_per_gpu_hour: float | None
    cards: float
    """Fewest that can be rented."""


class Generation(NamedTuple):
    """A card with what each product asks for it."""

    gpu: str
    architecture: str
    offers: tuple[GenerationOffer, ...]


class CompareResult(NamedTuple):
    """Offers side by side, by what was asked."""

    offers: tuple[Compared, ...] = ()
    features: tuple[Feature, ...] = ()
    cold_starts: tuple[ColdStart, ...] = ()
    seeds: tuple[SeedPrice, ...] = ()
    generations: tuple[Generation, ...] = ()
    eliminated: tuple[tuple[str, str], ...] = ()
    """Products that nobody can compare, each with the reason."""
    guide: tuple[str, ...] = ()
    """When to use which, as the numbers of this question say."""
