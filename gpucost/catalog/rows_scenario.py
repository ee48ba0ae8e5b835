"""The rows of a scenario file, exactly as they may be written; `domain/scenario.py` field by field.

Units stand in the descriptions. A key that may be left out is None here, so that what is taken instead is
said once, by the default of the domain.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from gpucost.catalog.rows_base import Count, CountOrZero, NonNegative, Positive, Row

NAME = r"^[^\s:/\\\x00-\x1f\x7f]+$"
"""Whatever can follow the colon of FILE:NAME and become part of a file name."""

Name = Annotated[str, StringConstraints(pattern=NAME, max_length=80)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Words = Annotated[list[Word], Field(max_length=100)]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Tokens = Annotated[int, Field(ge=1, le=100_000_000)]
Cards = Annotated[int, Field(ge=1, le=4096)]
Rate = Annotated[float, Field(gt=0, le=10_000_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Part = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Usd = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]
UsdOrZero = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Pattern = Literal["poisson", "uniform", "bursty", "diurnal", "busy-hours"]

ONE_MODEL = ("model", "params", "config")
"""Exactly one of them names a model."""
ONE_AMOUNT = ("requests_per_month", "requests_per_day", "requests_per_second", "trace")
"""At most one of them says how much comes."""


def _as_text(value: object) -> object:
    """Parameters may be written as a number of billions."""
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if plain else value


def _as_whole(value: object) -> object:
    """A literal takes what equals it: true and 1.0 too."""
    if isinstance(value, (bool, float)):
        raise ValueError("write a whole number")
    return value


Parameters = Annotated[
    str,
    StringConstraints(min_length=1, max_length=40),
    BeforeValidator(_as_text),
    WithJsonSchema({"type": ["string", "number"], "maxLength": 40}),
]


class ModelRow(Row):
    """A model that may answer; exactly one of `model`, `params` and `config` names it."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in ONE_MODEL]})

    model: Word | None = Field(None, description="repository id, short id, or family and size")
    params: Parameters | None = Field(
        None, description="parameters instead: 70 [10^9 parameters], 70B, 500M, 8x7B"
    )
    config: FilePath | None = Field(
        None, description="config.json, a model folder or a .gguf file instead, seen from this file's folder"
    )
    quantizations: Words | None = Field(
        None, description="weight formats allowed; left out: the model's own, and usual ones of the engine"
    )


class WorkloadRow(Row):
    """What comes; at most one of the three rates and `trace`."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "anyOf": [
                    {"required": [one, other]}
                    for place, one in enumerate(ONE_AMOUNT)
                    for other in ONE_AMOUNT[place + 1 :]
                ]
            }
        }
    )

    input_tokens: Tokens = Field(description="prompt of a request [tokens]")
    output_tokens: Tokens = Field(description="answer of a request [tokens]")
    requests_per_month: Annotated[float, Field(gt=0, le=1e13, allow_inf_nan=False)] | None = Field(
        None, description="mean rate [requests per month of 730 h]"
    )
    requests_per_day: Annotated[float, Field(gt=0, le=1e11, allow_inf_nan=False)] | None = Field(
        None, description="mean rate [requests/day]"
    )
    requests_per_second: Rate | None = Field(None, description="mean rate [requests/s]")
    pattern: Pattern | None = Field(
        None, description="how requests come; left out: as the keys below imply, else poisson (random)"
    )
    burst_size: Annotated[int, Field(ge=1, le=100_000_000)] | None = Field(
        None, description="bursty: requests that come at once [requests]"
    )
    burst_interval_s: Rate | None = Field(None, description="bursty: time between two bursts [s]")
    peak_to_mean: Rate | None = Field(None, description="diurnal: rate of the peak over the mean rate")
    hours: Annotated[float, Field(gt=0, le=24, allow_inf_nan=False)] | None = Field(
        None, description="diurnal: hours of the peak; busy-hours: hours of all traffic [h per day]"
    )
    prefix_cache_hit: Share | None = Field(
        None, description="share of the prompt that a prefix cache holds [0-1]; left out: 0"
    )
    max_context: Tokens | None = Field(
        None, description="longest sequence that must fit [tokens]; left out: input and output"
    )
    trace: FilePath | None = Field(
        None, description="file of requests (CSV, JSON Lines, Parquet), seen from this file's folder"
    )


class ConstraintsRow(Row):
    """What is allowed; a list that is left out allows everything."""

    providers: Words | None = Field(None, description="only these providers")
    regions: Words | None = Field(None, description="only offers of these regions")
    gpus: Words | None = Field(None, description="only these cards")
    engines: Annotated[list[Word], Field(min_length=1, max_length=100)] | None = Field(
        None, description="engines that may serve; left out: vllm"
    )
    billing: Words | None = Field(
        None, description="only these billing modes; left out: those without a commitment"
    )
    max_gpus: Cards | None = Field(None, description="most cards of one copy [cards]; left out: 8")
    max_cold_start_s: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] | None = Field(
        None, description="longest start of a worker [s]"
    )
    single_provider: bool | None = Field(
        None, description="no overflow from one provider to another; left out: false"
    )
    ecc: bool | None = Field(None, description="only cards with error-correcting memory; left out: false")
    spot: bool | None = Field(
        None, description="machines that the provider may take back are allowed; left out: false"
    )
    max_usd_per_month: Usd | None = Field(None, description="most that a month may cost [USD/month]")


class BudgetRow(Row):
    """Limits that `gpucost check` keeps; what is left out is no limit."""

    usd_per_month: Usd | None = Field(None, description="most that a month may cost [USD/month]")
    usd_per_million_tokens: Usd | None = Field(
        None, description="most per million tokens that are generated [USD/10^6 tokens]"
    )
    ttft_p99_s: Positive | None = Field(None, description="99th percentile of the first token [s]")
    min_headroom: Share | None = Field(
        None, description="share of the capacity that stays free at the mean traffic [0-1]"
    )
    max_price_age_days: CountOrZero | None = Field(None, description="oldest price that may count [days]")
    providers: Words | None = Field(None, description="only these providers")
    max_increase_usd: UsdOrZero | None = Field(
        None, description="most that a month may cost above the locked answer [USD/month]"
    )
    max_increase: NonNegative | None = Field(None, description="the same as a share [0.1 = 10 %]")


class BaselineRow(Row):
    """What runs today, or what somebody would rent without thinking."""

    gpu: Word = Field(description="card")
    gpus: Cards | None = Field(None, description="cards of the deployment [cards]; left out: 1")
    quantization: Word | None = Field(None, description="weight format; left out: the model's own")
    engine: Word | None = Field(None, description="engine that serves; left out: vllm")
    usd_per_hour: Rate | None = Field(
        None, description="price of the whole deployment [USD/h]; left out: the cheapest on demand"
    )
    tokens_per_second: Rate | None = Field(
        None, description="measured speed [output tokens/s]; left out: by the model of speed"
    )
    concurrency: Annotated[Count, Field(le=1_000_000)] | None = Field(
        None, description="requests in flight [requests]"
    )
    utilisation: Part | None = Field(None, description="share of its speed that is used [0-1]; left out: 1")


class SpeculationRow(Row):
    """Speculative decoding that may be switched on."""

    draft_tokens: Annotated[int, Field(ge=1, le=64)] = Field(description="tokens drafted per pass [tokens]")
    acceptance: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        description="probability that a drafted token is accepted [0-1]"
    )
    draft_model: Word | None = Field(
        None, description="model that drafts; left out: the model's own prediction layers"
    )


class ScenarioRow(Row):
    """One named scenario."""

    models: Annotated[list[ModelRow], Field(min_length=1, max_length=100)] = Field(
        description="models that may answer; commands that take one take the first"
    )
    workload: WorkloadRow = Field(description="what comes")
    slo: Words | None = Field(
        None, description="limits on latency such as ttft:p95<=500ms (ttft, tpot or e2e; mean or p50 to p99)"
    )
    constraints: ConstraintsRow | None = Field(None, description="what is allowed; left out: everything")
    budget: BudgetRow | None = Field(None, description="limits that gpucost check keeps")
    baseline: BaselineRow | None = Field(None, description="what the answer is compared with")
    speculation: SpeculationRow | None = Field(None, description="drafting that may be switched on")
    as_of: Word | None = Field(
        None,
        description="prices of this day, YYYY-MM-DD; left out: of today",
        json_schema_extra={"pattern": r"^\d{4}(-\d{2}(-\d{2})?)?$"},
    )


class ScenarioFileRow(Row):
    """A whole file."""

    version: Annotated[Literal[1], BeforeValidator(_as_whole)] = Field(description="of this format")
    scenarios: Annotated[dict[Name, ScenarioRow], Field(min_length=1, max_length=1000)] = Field(
        description="scenarios by name", json_schema_extra={"additionalProperties": False}
    )
