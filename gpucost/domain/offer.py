"""Prices and the offers they belong to."""

from enum import StrEnum
from typing import NamedTuple


class Billing(StrEnum):
    """How an offer is paid for."""

    FLEX = "flex"
    ACTIVE = "active"
    ON_DEMAND = "on-demand"
    COMMUNITY = "community"
    SPOT = "spot"
    RESERVED = "reserved"
    SAVINGS_PLAN = "savings-plan"
    CAPACITY_BLOCK = "capacity-block"
    PER_TOKEN = "per-token"


class StatedBy(StrEnum):
    """Who said so: the provider itself, a third party that read it there, or a seed document."""

    PROVIDER = "provider"
    THIRD_PARTY = "third-party"
    SEED = "seed"


class Price(NamedTuple):
    """One dated statement of one price.

    `offer` is `provider/product/sku[@region][xN]`. `usd` is per `unit` for the whole SKU of
    `gpu_count` cards.
    """

    offer: str
    provider: str
    product: str
    billing: Billing | None
    sku: str
    gpus: tuple[str, ...]
    """Catalogue ids of the cards that this SKU may hand out; empty for storage, network and tokens."""
    gpu_count: float
    memory_gb: float | None
    usd: float
    unit: str
    usd_per_hour: float | None
    """For the whole SKU; None where the unit is not time."""
    region: str
    as_of: str
    stated_by: StatedBy
    source: str
    note: str = ""
    refuted: str = ""
    """Seed rows only: id of the claim that fails and the right value."""
    aliases: tuple[str, ...] = ()
    tier_from_gb: float | None = None
    """The price holds for what is above this [GB per month]."""


class Provider(NamedTuple):
    """Somebody who rents out accelerators or sells tokens."""

    id: str
    name: str
    ended: str = ""
    """Date on which the service ended, if it did."""
    note: str = ""
    sources: tuple[str, ...] = ()
