"""Flags that several questions share: their limits, and what they name in the catalogue."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from gpucost.api.ledger import Ledger
from gpucost.api.models import ChosenModel
from gpucost.api.offers import RUNNING_BILLING, OfferBook, OfferFilter, day_of
from gpucost.catalog.names import nearest, resolve_gpu, resolve_quantization
from gpucost.catalog.remember import remember
from gpucost.catalog.store import Catalog
from gpucost.domain.hardware import Gpu
from gpucost.domain.offer import Billing
from gpucost.domain.quantization import Quantization
from gpucost.errors import UnknownNameError, UsageError

MAX_TOKENS = 100_000_000
MAX_SEQUENCES = 1_000_000
MAX_CARDS = 4096
MAX_RATE = 10_000_000
MOST_BOOKS = 32
"""Days and filters whose offers are kept."""


def whole(flag: str, value: int | None, low: int, high: int) -> None:
    """Checks a whole number [any unit]. Raises UsageError beyond its limits."""
    if value is not None and not low <= value <= high:
        raise UsageError(f"{flag} must be from {low:,} to {high:,}, not {value:,}")


def card_counts(*, gpus: int | None, tp: int | None, pp: int | None, ep: int | None) -> None:
    """Checks numbers of cards. Raises UsageError beyond their limits."""
    for flag, count in (("--gpus", gpus), ("--tp", tp), ("--pp", pp), ("--ep", ep)):
        whole(flag, count, 1, MAX_CARDS)


def rate(flag: str, value: float | None) -> None:
    """Checks a price, a speed or a request rate [any unit]. Raises UsageError unless above 0."""
    if value is not None and not (math.isfinite(value) and 0 < value <= MAX_RATE):
        raise UsageError(f"{flag} must be above 0 and at most {MAX_RATE:,}, not {value}")


def share(flag: str, value: float | None) -> None:
    """Checks a share above 0 and at most 1. Raises UsageError."""
    if value is not None and not (math.isfinite(value) and 0 < value <= 1):
        raise UsageError(f"{flag} is a share above 0 and at most 1, not {value}")


def formats(
    catalog: Catalog, ledger: Ledger, chosen: ChosenModel, quant: Sequence[str], engine: str
) -> list[Quantization]:
    """The weight formats that --quant names, else the one that the model comes in."""
    if not quant:
        identity = chosen.quantization or chosen.model.native_quantization
        found = [resolve_quantization(catalog, identity)]
    elif "all" in {word.strip().lower() for word in quant}:
        native = chosen.quantization or chosen.model.native_quantization
        found = [
            catalog.quantization(identity)
            for identity, row in catalog.quantization_rows.items()
            if engine in row["engines"] or identity == native
        ]
    else:
        found = [resolve_quantization(catalog, word) for word in quant]
        stated = chosen.quantization
        if stated and all(row.id != stated for row in found):
            asked = ", ".join(row.id for row in found)
            ledger.note(f"the name states {stated}; --quant asks for {asked}, which is used")
    for row in found:
        if engine not in row.engines and row.id not in ("bf16", "fp16", "fp32"):
            ledger.note(
                f"{row.name} is not a format of {engine} (but of {', '.join(row.engines)})", "warning"
            )
    return list({row.id: row for row in found}.values())


def cards(catalog: Catalog, ledger: Ledger, names: Sequence[str]) -> tuple[list[Gpu], dict[str, int]]:
    """Cards by name, and the device totals that the names state [B by GPU id]."""
    found_cards: dict[str, Gpu] = {}
    totals: dict[str, int] = {}
    for name in names:
        found = resolve_gpu(catalog, name)
        for text in found.notes:
            ledger.note(text)
        found_cards[found.gpu.id] = found.gpu
        if found.memory_bytes is not None:
            totals[found.gpu.id] = found.memory_bytes
            ledger.note(f"{name}: the device total stated in the name is used")
    return list(found_cards.values()), totals


def check_provider(catalog: Catalog, name: str) -> None:
    """Raises UnknownNameError for a provider that the catalogue does not know."""
    if name.lower() not in catalog.providers:
        near = nearest(name, list(catalog.providers))
        raise UnknownNameError("provider", name, near or tuple(sorted(catalog.providers)))


def check_region(prices: Sequence[Mapping[str, Any]], name: str) -> None:
    """Raises UnknownNameError for a region that no price names."""
    regions = {row.get("region", "global").lower() for row in prices}
    if name.lower() not in regions:
        raise UnknownNameError("region", name, nearest(name, sorted(regions)))


def modes_of(billing: Sequence[str]) -> frozenset[Billing]:
    """Billing modes by name. Raises UnknownNameError."""
    known = [mode.value for mode in Billing]
    for word in billing:
        if word.strip().lower() not in known:
            raise UnknownNameError("billing mode", word, tuple(known))
    return frozenset(Billing(word.strip().lower()) for word in billing)


@remember(MOST_BOOKS)
def _book(
    catalog: Catalog,
    provider: tuple[str, ...],
    region: tuple[str, ...],
    billing: tuple[str, ...],
    *,
    seeds: bool,
    training: bool,
    day: date,
) -> tuple[OfferBook, OfferFilter]:
    """The offers of a day that may answer, and what was allowed. Raises UnknownNameError."""
    prices = catalog.price_rows(seeds=seeds)
    for name in provider:
        check_provider(catalog, name)
    for name in region:
        check_region(prices, name)
    modes = modes_of(billing) or RUNNING_BILLING
    allowed = OfferFilter(
        providers=frozenset(name.lower() for name in provider),
        regions=frozenset(name.lower() for name in region),
        billing=modes,
        refused=catalog.not_training if training else catalog.not_serving,
    )
    return OfferBook(prices, today=day, allowed=allowed, per_card=catalog.per_card_products), allowed


def offer_book(
    catalog: Catalog,
    ledger: Ledger,
    *,
    prices: str = "catalog",
    provider: Sequence[str] = (),
    region: Sequence[str] = (),
    billing: Sequence[str] = (),
    as_of: str | None = None,
    today: date | None = None,
    training: bool = False,
) -> tuple[OfferBook, OfferFilter]:
    """The offers that may answer on a day, and what was allowed; `training`: for a job, not a deployment.

    Raises UsageError, UnknownNameError.
    """
    if prices == "seeds":
        ledger.note("prices as the seed documents state them; many are refuted", "warning")
    day = day_of(as_of, today or date.today())
    return _book(
        catalog,
        tuple(provider),
        tuple(region),
        tuple(billing),
        seeds=prices == "seeds",
        training=training,
        day=day,
    )
