"""Rows of how products bill, scale and start, and of what they offer."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from gpucost.catalog.rows_base import Id, NonNegative, Row, Slug, Sources, Text

ProductId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")]
Part = Literal["billed", "free", "unknown"]
Term = Literal[
    "rounding_s",
    "minimum_s",
    "idle_timeout_s",
    "image_s",
    "load_s",
    "execution_timeout_s",
    "longest_execution_s",
    "max_workers",
    "min_workers",
    "scale_up_after_s",
    "scale_down_after_s",
    "vcpus",
    "memory_gib",
    "region_factor",
    "discount",
    "window_hours",
]


class PartsRow(Row):
    """Which seconds of a worker's life are billed."""

    image: Part = Field(description="getting a machine and its container image")
    load: Part = Field(description="process start, weights to the card, engine start")
    busy: Part = Field(description="at least one request runs")
    gaps: Part = Field(description="idle, and used again before it stops")
    tail: Part = Field(description="idle until it stops")


class _NumberRow(Row):
    """A number, with the range it may lie in."""

    value: NonNegative
    low: NonNegative | None = None
    high: NonNegative | None = None
    settable: bool = Field(False, description="low and high are what a user can set, no uncertainty")
    note: Text | None = None
    source: Id

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        ends = [end for end in (self.low, self.value, self.high) if end is not None]
        if ends != sorted(ends):
            raise ValueError("low, value and high must be in this order")
        return self


class TermOfRow(_NumberRow):
    """One number of a rule; `low` and `high` where nobody documents it or it varies."""

    term: Term
    gpus: list[Slug] = Field([], description="the cards for which it holds; all where left out")


class BesideRow(Row):
    """What is billed beside the cards: a line of the bill, and the offers that price it, by tier."""

    line: Literal[
        "network-volume", "container-disk", "volume-disk", "egress", "cpu", "memory", "execution-fee"
    ]
    prices: Annotated[list[Id], Field(min_length=1)]


class PlanRow(Row):
    """A plan of the provider: its monthly fee, and the credit that it includes [USD per month]."""

    id: Slug
    price: Id | None = Field(None, description="the offer that states the fee; left out where it is free")
    credit_usd: NonNegative
    source: Id


class BillingRow(Row):
    """How one product bills. A part that nobody documents is `unknown`: it counts, and the answer says so."""

    id: ProductId
    kind: Literal["workers", "active", "instance", "tokens", "none"] = Field(
        description="scaled with traffic; kept on; a machine until it is stopped; per token; not sold so"
    )
    to_zero: Literal["always", "optional", "never"] = "never"
    during_start: Literal["queued", "failed", "lost", "unknown"] | None = Field(
        None, description="what happens to a request that finds no worker"
    )
    parts: PartsRow | None = None
    committed: bool = Field(False, description="paid for the whole term, used or not")
    priced_as: ProductId | None = Field(None, description="the product whose price holds for this one")
    priced_as_since: Text | None = Field(None, description="first day on which that is so")
    eliminated: Text | None = Field(None, description="why nobody can be billed by it")
    terms: list[TermOfRow] = []
    beside: list[BesideRow] = []
    plans: list[PlanRow] = []
    note: Text | None = None
    sources: Sources

    @model_validator(mode="after")
    def _whole(self) -> BillingRow:
        if self.kind == "workers" and (self.parts is None or self.during_start is None):
            raise ValueError("workers need parts and during_start")
        if self.kind == "none" and self.eliminated is None:
            raise ValueError("say under eliminated why")
        names = [(row.term, tuple(row.gpus)) for row in self.terms]
        if len(set(names)) < len(names):
            raise ValueError("a term stands twice")
        return self


class FeatureRow(Row):
    """What a product can do, as its provider states it; a feature without a row is unknown."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+/[a-z0-9-]+:[a-z-]+$")] = Field(
        description="provider/product:feature"
    )
    product: ProductId
    feature: Literal[
        "queueing",
        "concurrency",
        "execution-timeout",
        "scale-to-zero",
        "during-cold-start",
        "multi-gpu",
        "multi-region",
        "versioning",
        "logs",
        "usage-by-request",
    ]
    value: Text
    source: Id


class PhaseRow(Row):
    """One phase of a cold start: seconds, or a rate at which the weights are read."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+/[a-z0-9-]+:[a-z-]+$")] = Field(
        description="provider/product:phase"
    )
    product: ProductId
    phase: Literal["trigger", "provision", "image", "weights", "engine", "snapshot"]
    value_s: NonNegative | None = None
    low_s: NonNegative | None = None
    high_s: NonNegative | None = None
    value_gb_per_s: NonNegative | None = Field(None, description="weights only [10^9 B/s]")
    low_gb_per_s: NonNegative | None = None
    high_gb_per_s: NonNegative | None = None
    covers: list[Literal["provision", "image", "weights", "engine"]] = Field(
        [], description="phases that this one includes"
    )
    note: Text | None = None
    source: Id

    @model_validator(mode="after")
    def _one(self) -> PhaseRow:
        if (self.value_s is None) == (self.value_gb_per_s is None):
            raise ValueError("give value_s or value_gb_per_s")
        for ends in (
            (self.low_s, self.value_s, self.high_s),
            (self.low_gb_per_s, self.value_gb_per_s, self.high_gb_per_s),
        ):
            given = [end for end in ends if end is not None]
            if given != sorted(given):
                raise ValueError("low, value and high must be in this order")
        return self


class ScalingTermRow(_NumberRow):
    """One number of how a product scales."""

    term: Literal[
        "delay_s",
        "per_worker",
        "buffer",
        "interval_s",
        "utilisation",
        "up_after_s",
        "down_after_s",
        "step",
        "hit_s",
        "memory_s",
    ]


class ScalingRow(Row):
    """How a product starts, stops and chooses its workers, as far as anybody documents it."""

    id: ProductId = Field(description="a product of billing")
    policy: Literal["each-request", "queue-delay", "request-count", "target", "alarm", "fixed"] | None = (
        Field(None, description="when workers are started; left out where it is not documented")
    )
    terms: list[ScalingTermRow] = []
    routing: Literal["most-recent", "least-recent", "random", "newest"] | None = Field(
        None, description="which of several free workers takes a request"
    )
    binding: Literal["first-free", "bound"] | None = Field(
        None, description="who serves a request for which a worker was started"
    )
    note: Text | None = None
    sources: Sources

    @model_validator(mode="after")
    def _once(self) -> ScalingRow:
        names = [row.term for row in self.terms]
        if len(set(names)) < len(names):
            raise ValueError("a term stands twice")
        return self
