"""Rules by which products bill."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class ProductKind(StrEnum):
    """Which formula bills a product."""

    WORKERS = "workers"
    """Scaled with traffic: seconds of workers."""
    ACTIVE = "active"
    """Workers that are kept on."""
    INSTANCE = "instance"
    """A machine, from its start until it is stopped."""
    TOKENS = "tokens"
    NONE = "none"
    """Nobody can be billed by it."""


class Term(NamedTuple):
    """One number of a rule, with the range it may lie in."""

    value: float
    low: float
    high: float
    source: str
    note: str = ""
    settable: bool = False
    """`low` and `high` are what a user can set, no uncertainty."""


class Parts(NamedTuple):
    """Which seconds of a worker's life are billed: `billed`, `free` or `unknown` (counted, and said)."""

    image: str = "billed"
    load: str = "billed"
    busy: str = "billed"
    gaps: str = "billed"
    tail: str = "billed"


class Plan(NamedTuple):
    """A plan of a provider: the offer that states its fee, and its credit [USD per month]."""

    id: str
    price: str | None
    credit_usd: float
    source: str


class Rule(NamedTuple):
    """How one product bills."""

    product: str
    kind: ProductKind
    to_zero: str
    """`always`, `optional` or `never`."""
    during_start: str
    """What happens to a request that finds no worker: `queued`, `failed`, `lost`, `unknown`."""
    parts: Parts
    committed: bool
    priced_as: str
    priced_as_since: str
    eliminated: str
    terms: Mapping[str, Term]
    beside: Mapping[str, tuple[str, ...]]
    """Offers by line of the bill, in the order of their tiers."""
    plans: Mapping[str, Plan]
    note: str
    sources: tuple[str, ...]

    def find(self, name: str, gpu: str | None = None) -> tuple[str, Term] | None:
        """A term with the key under which it stands: that of a card before the one of all cards."""
        for key in (f"{name}@{gpu}", name):
            if key in self.terms:
                return key, self.terms[key]
        return None

    def term(self, name: str, *, end: str = "value", gpu: str | None = None) -> float | None:
        """A number of the rule, or None where nothing is known.

        `end` is value, or the low or high end of an uncertain one.
        """
        found = self.find(name, gpu)
        if found is None:
            return None
        return float(found[1].value if found[1].settable else getattr(found[1], end))
