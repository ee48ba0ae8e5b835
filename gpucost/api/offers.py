"""Which price answers: the newest statement up to a date, the provider's own before a third party's."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

from gpucost.catalog import build
from gpucost.domain.offer import Billing, Price, StatedBy
from gpucost.domain.results import Offer
from gpucost.errors import UsageError

CLOSE_DAYS = 30
"""Within this many days the provider's own statement beats a newer reading by a third party."""
MACHINE_CARDS = 8
"""Most cards that a product priced per card puts into one machine."""
STALE_DAYS = 90
"""Older prices are flagged."""
MOST_FOUND = 8192
"""Cheapest offers that a book keeps."""
RUNNING_BILLING = frozenset({Billing.ON_DEMAND, Billing.COMMUNITY, Billing.FLEX})
"""What a search compares unless --billing says otherwise: anybody can rent it now without commitment."""


def first_day(as_of: str) -> date | None:
    """Earliest day of a date, month or year; None for `unknown`."""
    parts = as_of.split("-")
    if not parts[0].isdigit():
        return None
    year, month, day = (
        int(parts[0]),
        int(parts[1]) if len(parts) > 1 else 1,
        int(parts[2]) if len(parts) > 2 else 1,
    )
    return date(year, month, day)


def day_of(as_of: str | None, today: date) -> date:
    """The day that `--as-of` names, today without it. Raises UsageError."""
    if as_of is None:
        return today
    try:
        day = first_day(as_of) if len(as_of) in (4, 7, 10) else None
    except ValueError:
        day = None
    if day is None:
        raise UsageError(f"--as-of takes a date such as 2026-10-01, not {as_of!r}")
    return day


def is_stale(as_of: str, today: date) -> bool:
    """Older than 90 days, or undated."""
    day = first_day(as_of)
    return day is None or (today - day).days > STALE_DAYS


class Choice(NamedTuple):
    """The statement that answers for an offer, and the ones that differ from it."""

    price: Price
    differing: tuple[Price, ...]


def choose(statements: Iterable[Price], *, today: date) -> Choice | None:
    """The statement that answers on `today`, or None when every one is later.

    Newest first; among those within 30 days of the newest the provider's own wins; undated ones rank
    below every dated one. Statements within those 30 days with another price are returned as differing.
    """
    known: list[tuple[date, Price]] = []
    undated: list[Price] = []
    for price in statements:
        day = first_day(price.as_of)
        if day is None:
            undated.append(price)
        elif day <= today:
            known.append((day, price))
    if not known:
        if not undated:
            return None
        best = max(undated, key=lambda p: (p.stated_by is StatedBy.PROVIDER, -p.usd))
        return Choice(best, tuple(p for p in undated if p.usd != best.usd))
    newest = max(day for day, _ in known)
    close = [(day, price) for day, price in known if (newest - day).days <= CLOSE_DAYS]
    _, best = max(close, key=lambda item: (item[1].stated_by is StatedBy.PROVIDER, item[0], -item[1].usd))
    same_unit = [price for _, price in close if price.unit == best.unit]
    hourly = best.usd_per_hour
    differing = [
        price
        for _, price in close
        if price is not best
        and hourly
        and price.usd_per_hour
        and abs(price.usd_per_hour / hourly - 1) > 0.005
        and (price.unit != best.unit or price in same_unit)
    ]
    return Choice(best, tuple(differing))


class OfferFilter(NamedTuple):
    """What the user allows."""

    providers: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    billing: frozenset[Billing] = RUNNING_BILLING
    refused: frozenset[str] = frozenset()
    """Products that cannot do what is asked."""

    def allows(self, row: Mapping[str, Any]) -> bool:
        """Whether a statement may answer; asked of the plain row, since most are never needed."""
        return (
            row.get("billing") in self.billing
            and "gpus" in row
            and f"{row['provider']}/{row['product']}" not in self.refused
            and (not self.providers or row["provider"] in self.providers)
            and (not self.regions or row.get("region", "global").lower() in self.regions)
        )


class OfferBook:
    """Answers "what does this many of this card cost" for one date and filter."""

    def __init__(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        today: date,
        allowed: OfferFilter,
        per_card: Collection[str],
    ) -> None:
        by_offer: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for row in rows:
            if allowed.allows(row):
                by_offer.setdefault((row["offer"], row.get("region", "global")), []).append(row)
        self.today = today
        self.per_card = frozenset(per_card)
        self._by_offer = by_offer
        self._by_gpu: dict[str, list[tuple[str, str]]] = {}
        for key, statements in by_offer.items():
            for gpu in {gpu for row in statements for gpu in row["gpus"]}:
                self._by_gpu.setdefault(gpu, []).append(key)
        self._chosen: dict[tuple[str, str], Choice | None] = {}
        self._choices: dict[str, list[Choice]] = {}
        self._cheapest = lru_cache(MOST_FOUND)(self._find)

    def choices(self, gpu: str) -> list[Choice]:
        """The statement that answers for every offer of a card."""
        if gpu not in self._choices:
            found = [self._choice(key) for key in self._by_gpu.get(gpu, ())]
            self._choices[gpu] = [choice for choice in found if choice and gpu in choice.price.gpus]
        return self._choices[gpu]

    def _choice(self, key: tuple[str, str]) -> Choice | None:
        """The statement that answers for an offer in a region; a tier of several cards is asked once."""
        if key not in self._chosen:
            prices = [build.price(dict(row)) for row in self._by_offer[key]]
            timed = (price for price in prices if price.usd_per_hour is not None)
            self._chosen[key] = choose(timed, today=self.today)
        return self._chosen[key]

    def units(self, price: Price, *, cards: int, per_replica: int) -> int | None:
        """Priced units that hold `cards` cards in copies of `per_replica`, or None when they cannot.

        A product priced per card gives any number up to eight in a machine; an instance type holds whole
        copies only, since a copy does not span instances.
        """
        by_card = f"{price.provider}/{price.product}" in self.per_card or price.unit == "usd_per_gpu_hour"
        if by_card and price.gpu_count == 1:
            return cards if per_replica <= MACHINE_CARDS else None
        if price.gpu_count < per_replica:
            return None
        copies = int(price.gpu_count // per_replica)
        return ceil(cards / per_replica / copies)

    def cheapest(self, gpu: str, *, cards: int, per_replica: int) -> tuple[Offer, Choice] | tuple[None, None]:
        """The cheapest way to rent the cards, with the statement behind it; (None, None) without one."""
        return self._cheapest(gpu, cards, per_replica)

    def _find(self, gpu: str, cards: int, per_replica: int) -> tuple[Offer, Choice] | tuple[None, None]:
        best: tuple[float, int, Choice] | None = None
        for choice in self.choices(gpu):
            units = self.units(choice.price, cards=cards, per_replica=per_replica)
            if units is None or choice.price.usd_per_hour is None:
                continue
            total = units * choice.price.usd_per_hour
            if best is None or (total, choice.price.offer) < (best[0], best[2].price.offer):
                best = (total, units, choice)
        if best is None:
            return None, None
        total, units, choice = best
        price = choice.price
        return (
            Offer(
                id=price.offer,
                provider=price.provider,
                product=price.product,
                billing=None if price.billing is None else price.billing.value,
                sku=price.sku,
                region=price.region,
                cards=price.gpu_count,
                units=units,
                usd_per_hour=total,
                usd_per_gpu_hour=total / cards,
                as_of=price.as_of,
                stated_by=price.stated_by.value,
                source=price.source,
                stale=is_stale(price.as_of, self.today),
                note=price.note,
            ),
            choice,
        )
