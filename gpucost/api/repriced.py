"""Prices that an earlier answer rests on, as they are now, though the plan no longer looks at them."""

from datetime import date

from gpucost.api.changed_facts import PRICE
from gpucost.api.offers import choose
from gpucost.catalog import build
from gpucost.catalog.store import Catalog
from gpucost.domain.checks import Fact, Snapshot


def repriced(catalog: Catalog, now: Snapshot, before: Snapshot | None, *, day: date) -> Snapshot:
    """An answer of now with the prices of a day that only the answer before has."""
    if before is None:
        return now
    wanted = {
        field: field.removeprefix(PRICE).rpartition(".")
        for field in before.facts
        if field.startswith(PRICE) and field not in now.facts
    }
    offers = {offer for offer, _, _ in wanted.values()}
    statements = (
        [build.price(row) for row in catalog.price_rows() if row["offer"] in offers] if offers else []
    )
    found = dict(now.facts)
    for field, (offer, _, unit) in wanted.items():
        of_unit = (each for each in statements if each.offer == offer and each.unit == unit)
        choice = choose(of_unit, today=day)
        if choice is not None:
            price = choice.price
            found[field] = Fact(price.usd, price.unit, price.as_of, price.source)
    return now._replace(facts=found)
