"""Which prices does the catalogue state, and which of them answer on a day?"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from gpucost.api.offers import choose, day_of, first_day, is_stale
from gpucost.catalog import build
from gpucost.catalog.names import nearest, resolve_gpu
from gpucost.catalog.store import Catalog
from gpucost.domain.offer import Billing, Price
from gpucost.domain.report import Note
from gpucost.errors import UnknownNameError

Entry = Mapping[str, Any]
Row = dict[str, Any]


class Statement(NamedTuple):
    """A dated price with the place where it stands."""

    price: Price
    entry: Entry


def kind_of_price(price: Price) -> tuple[str, str, str]:
    """What competes to answer: prices of one offer and region, per time or in one other unit."""
    unit = "time" if price.usd_per_hour is not None else price.unit
    return price.offer.lower(), price.region, unit


def answering(statements: Iterable[Statement], *, today: date) -> list[Statement]:
    """The statement that answers on a day for each offer, region and kind of unit."""
    groups: dict[tuple[str, str, str], list[Statement]] = {}
    for statement in statements:
        groups.setdefault(kind_of_price(statement.price), []).append(statement)
    found = []
    for group in groups.values():
        choice = choose((statement.price for statement in group), today=today)
        if choice is not None:
            found.append(next(each for each in group if each.price is choice.price))
    return found


def newest_first(statements: Iterable[Statement]) -> list[Statement]:
    """By date, the undated last."""

    def day(statement: Statement) -> date:
        return first_day(statement.price.as_of) or date.min

    return sorted(statements, key=day, reverse=True)


def list_prices(
    catalog: Catalog, used: Mapping[str, Any], *, as_of: str | None, seeds: bool, today: date
) -> tuple[list[Row], tuple[Note, ...]]:
    """Rows that pass the flags in `used`, and what was understood of the names.

    Raises UnknownNameError or AmbiguousNameError for a name that no row has.
    """
    entries = [e for e in catalog.sections["prices"] if (e["row"]["stated_by"] == "seed") == seeds]
    notes = tuple(
        Note(text, "warning")
        for text in ["prices as the seed documents state them; many are refuted"]
        if seeds
    )
    for name in used.get("--provider", ()):
        if name.lower() not in catalog.providers:
            raise UnknownNameError("provider", name, nearest(name, list(catalog.providers)))
    regions = {entry["row"].get("region", "global").lower() for entry in entries}
    for name in used.get("--region", ()):
        if name.lower() not in regions:
            raise UnknownNameError(
                "region", name, nearest(name, sorted(regions)) or tuple(sorted(regions)[:8])
            )
    modes = [mode.value for mode in Billing]
    for name in used.get("--billing", ()):
        if name not in modes:
            raise UnknownNameError("billing mode", name, tuple(modes))
    cards = set()
    for name in used.get("--gpu", ()):
        found = resolve_gpu(catalog, name)
        cards.add(found.gpu.id)
        notes += tuple(Note(text) for text in found.notes)
    allowed = {
        "provider": {name.lower() for name in used.get("--provider", ())},
        "region": {name.lower() for name in used.get("--region", ())},
        "billing": set(used.get("--billing", ())),
    }
    statements = [
        Statement(build.price(entry["row"]), entry) for entry in entries if _allowed(entry["row"], allowed)
    ]
    day = day_of(as_of, today)
    chosen = statements if "--all-dates" in used else answering(statements, today=day)
    chosen = [each for each in newest_first(chosen) if not cards or cards.intersection(each.price.gpus)]
    chosen.sort(key=lambda each: kind_of_price(each.price))
    return [price_row(each, today=day) for each in chosen], notes


def _allowed(row: Mapping[str, Any], allowed: Mapping[str, set[str]]) -> bool:
    has = {
        "provider": row["provider"].lower(),
        "region": row.get("region", "global").lower(),
        "billing": row.get("billing"),
    }
    return all(not wanted or has[key] in wanted for key, wanted in allowed.items())


def price_row(statement: Statement, *, today: date) -> Row:
    """A price as its row states it, with the one price under `usd` and `unit`, and per hour of the SKU."""
    price, entry = statement
    return {
        **entry["row"],
        "gpus": list(price.gpus),
        "gpu_count": float(price.gpu_count),
        "region": price.region,
        "usd": price.usd,
        "unit": price.unit,
        "usd_per_hour": price.usd_per_hour,
        "stale": is_stale(price.as_of, today),
        "file": entry["file"],
        "line": entry["line"],
    }
