"""Cites the statements behind prices, and says which of them are old, contradicted or refuted."""

from collections.abc import Sequence
from datetime import date

from gpucost.api.ledger import Ledger
from gpucost.api.offers import Choice, is_stale
from gpucost.domain.provenance import Confidence


def cite_price(ledger: Ledger, choice: Choice, *, today: date) -> None:
    """The statement behind an offer, with a note when it is old, contradicted or refuted."""
    _cite_statement(ledger, choice)
    price = choice.price
    if is_stale(price.as_of, today):
        ledger.note(f"{price.offer}: price of {price.as_of}, check it before you decide", "warning")
    for other in choice.differing[:1]:
        ledger.note(
            f"{price.offer}: {price.usd:g} {price.unit} ({price.stated_by.value}, {price.as_of}) is used; "
            f"{other.stated_by.value} reading of {other.as_of} says {other.usd:g} {other.unit}"
        )
    if price.refuted:
        ledger.note(f"{price.offer}: refuted, {price.refuted}", "warning")


FOLDED = 3
"""More old prices than this are one note."""


def cite_prices(ledger: Ledger, choices: Sequence[Choice], *, today: date) -> None:
    """The statements behind many offers; old ones share a note when they are many."""
    old = [choice for choice in choices if is_stale(choice.price.as_of, today)]
    if len(old) <= FOLDED:
        for choice in choices:
            cite_price(ledger, choice, today=today)
        return
    for choice in choices:
        if choice in old:
            _cite_statement(ledger, choice)
        else:
            cite_price(ledger, choice, today=today)
    ledger.note(
        f"{len(old)} of {len(choices)} prices are older than 90 days or undated: check them first",
        "warning",
    )


def _cite_statement(ledger: Ledger, choice: Choice) -> None:
    price = choice.price
    for field, value, unit in (
        (price.unit, price.usd, price.unit),
        ("gpu_count", price.gpu_count, "cards"),
    ):
        if field != "gpu_count" or value != 1:
            ledger.cite(
                f"prices.{price.offer}.{field}",
                value,
                unit,
                price.source,
                as_of=price.as_of,
                confidence=Confidence.PUBLISHED,
                note=f"stated by {price.stated_by.value}",
            )
