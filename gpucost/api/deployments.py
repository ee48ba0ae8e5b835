"""Names of deployments, `provider/product/sku[xN][=PRICE/UNIT]`, resolved to a price and a billing rule."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from gpucost.api.offers import Choice, choose, first_day
from gpucost.calc.arrays import Values
from gpucost.calc.traffic import Spent, Traffic, spend
from gpucost.calc.usage import Workers
from gpucost.catalog import build
from gpucost.catalog.names import nearest, resolve_gpu
from gpucost.catalog.store import Catalog
from gpucost.domain.hardware import Gpu
from gpucost.domain.offer import Billing, Price
from gpucost.domain.rules import ProductKind, Rule
from gpucost.errors import AmbiguousNameError, UnknownNameError, UsageError
from gpucost.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

Row = Mapping[str, Any]
PER_HOUR = {"s": SECONDS_PER_HOUR, "min": SECONDS_PER_HOUR / SECONDS_PER_MINUTE, "h": 1.0}
INPUT, OUTPUT = "usd_per_million_input_tokens", "usd_per_million_output_tokens"
_PRICE = re.compile(r"(?:(usd|\$)\s*)?(\d+(?:\.\d+)?(?:e-?\d+)?)\s*(usd)?\s*(?:/\s*([a-z]+))?", re.IGNORECASE)
_CARDS = re.compile(r"(.+?)x(\d{1,4})")
WORDS = {
    "pod": "secure",
    "pods": "secure",
    "serverless": "flex",
    "real-time": "sagemaker",
    "async": "sagemaker-async",
}
"""What people call products whose id is another word."""


class Deployment(NamedTuple):
    """What is rented, and how it is billed."""

    label: str
    product: str
    rule: Rule
    gpu: Gpu | None
    cards: int
    """Of one worker or machine."""
    usd_per_hour: float | None
    """Of one worker with all its cards; None for prices per token, and where the price is unknown."""
    choice: Choice | None
    """The dated statement behind the price; None for a price of the user."""
    tokens: tuple[Price | None, Price | None] = (None, None)
    """Prices of input and output tokens."""
    notes: tuple[str, ...] = ()
    """What was understood of the card's name."""

    @property
    def billing(self) -> str | None:
        """The billing mode of its price."""
        price = self.choice.price if self.choice else self.tokens[1]
        return mode_of(self.rule, None if price is None or price.billing is None else price.billing.value)


def mode_of(rule: Rule, stated: str | None) -> str | None:
    """The billing mode of a product: its own, where it takes its price from another one."""
    if rule.kind is ProductKind.ACTIVE:
        return Billing.ACTIVE.value
    tail = rule.product.partition("/")[2]
    return tail if rule.priced_as and tail == Billing.SAVINGS_PLAN.value else stated


class Shelf:
    """All prices of a day, by product."""

    def __init__(self, catalog: Catalog, *, day: date, seeds: bool = False) -> None:
        self.catalog, self.day, self.seeds = catalog, day, seeds
        self.rows: dict[str, list[Row]] = {}
        for row in catalog.price_rows(seeds=seeds):
            self.rows.setdefault(f"{row['provider']}/{row['product']}", []).append(row)
        self._rules: dict[str, Rule] = {}
        self._spent: dict[tuple[int, Traffic, Workers, float], tuple[Values, Spent]] = {}

    def rule(self, product: str) -> Rule:
        """The rule of a product. Raises UsageError where none is known."""
        if product not in self._rules:
            if product not in self.catalog.billing_rows:
                raise UsageError(f"how {product} bills is not in the catalogue: no rule is known")
            self._rules[product] = self.catalog.rule(product)
        return self._rules[product]

    def spent(self, traffic: Traffic, level: Values, workers: Workers, period_s: float) -> Spent:
        """What workers spend on the traffic; deployments that serve alike share an array of levels."""
        if isinstance(level, (int, float)):
            return _spend(traffic, level, workers, period_s)
        key = (id(level), traffic, workers, period_s)
        if key not in self._spent:
            self._spent[key] = (level, spend(traffic, level, workers, period_s=period_s))
        return self._spent[key][1]

    def price_product(self, product: str) -> str:
        """The product whose price holds for this one on the day."""
        rule = self.rule(product)
        since = first_day(rule.priced_as_since) if rule.priced_as_since else None
        if rule.priced_as and (since is None or self.day >= since) and not self.seeds:
            return rule.priced_as
        return product

    def products(self) -> list[str]:
        """Products that can be named, whether anybody can be billed by them or not."""
        return sorted({*self.rows, *self.catalog.billing_rows})

    def offers(self, product: str) -> dict[str, list[Row]]:
        """Statements of each offer of a product."""
        found: dict[str, list[Row]] = {}
        for row in self.rows.get(self.price_product(product), ()):
            if row.get("region") is not None and "gpus" not in row and row.get("billing") is None:
                continue
            found.setdefault(row["offer"], []).append(row)
        return found

    def beside(self, offer: str) -> Price | None:
        """The statement that answers for an offer of storage, traffic, CPU, memory or a plan."""
        provider, product, _ = offer.split("/", 2)
        rows = [row for row in self.rows.get(f"{provider}/{product}", ()) if row["offer"] == offer]
        if not rows:
            return None
        unit = next(key for key in rows[0] if key.startswith("usd_per_"))
        found = self.choice(rows, unit)
        return None if found is None else found.price

    def choice(self, rows: Iterable[Row], unit: str | None = None) -> Choice | None:
        """The statement that answers on the day: per time, or in one unit."""
        prices = [build.price(dict(row)) for row in rows]
        fitting = (p for p in prices if (p.unit == unit if unit else p.usd_per_hour is not None))
        return choose(fitting, today=self.day)


@lru_cache(maxsize=4096)
def _spend(traffic: Traffic, level: float, workers: Workers, period_s: float) -> Spent:
    """The ends of a bill, and plans that are looked at again, often ask for the same seconds."""
    return spend(traffic, level, workers, period_s=period_s)


def resolve(shelf: Shelf, text: str) -> Deployment:
    """The deployment behind `runpod/flex/l40s`, `aws/ec2/g6e.xlarge`, `runpod/flex/h100x2=4.18/h` and so on.

    A short GPU name resolves where one offer of the product has that card; several are listed. Raises
    UsageError, UnknownNameError or AmbiguousNameError.
    """
    name, _, stated = text.partition("=")
    usd = _stated(stated, text) if stated or "=" in text else None
    parts = name.strip().lower().split("/", 2)
    if len(parts) < 2 or not all(parts):
        raise UsageError(f"--deployment {text[:80]!r}: write provider/product/card, such as runpod/flex/l40s")
    product = _product(shelf, parts[0], parts[1])
    rule = shelf.rule(product)
    ended = shelf.catalog.providers[parts[0]].ended if parts[0] in shelf.catalog.providers else ""
    if rule.kind is ProductKind.NONE and not shelf.seeds:
        raise UsageError(f"{product} cannot be billed: {rule.eliminated}")
    if ended and shelf.day.isoformat() > ended and not shelf.seeds:
        raise UsageError(f"{product} cannot be billed: the service ended on {ended}")
    if len(parts) < 3 or not parts[2]:
        known = sorted(shelf.offers(product))
        raise UsageError(f"--deployment {text[:80]!r} names no card; {product} has {_some(known)}")
    if rule.kind is ProductKind.TOKENS:
        if usd is not None:
            raise UsageError(f"{product} is paid per token: leave the price out")
        return _per_token(shelf, product, rule, parts[2])
    return _timed(shelf, product, rule, parts[2], usd)


def _some(names: Sequence[str], count: int = 12) -> str:
    more = len(names) - count
    return ", ".join(names[:count]) + (f" and {more} more" if more > 0 else "") if names else "no offer"


def _stated(text: str, whole: str) -> float:
    """USD per hour of a price such as `2.69/h` or `USD 0.00116/s`. Raises UsageError."""
    found = _PRICE.fullmatch(text.strip())
    if not found:
        raise UsageError(f"--deployment {whole[:80]!r}: write the price as =2.69/h, in USD per s, min or h")
    unit = (found[4] or "").lower()
    if unit not in PER_HOUR:
        said = f"unit {unit!r} is unknown" if unit else "the unit is missing"
        raise UsageError(f"--deployment {whole[:80]!r}: {said}; write =PRICE/s, /min or /h")
    value = float(found[2]) * PER_HOUR[unit]
    if not 0 < value < 1e7:
        raise UsageError(f"--deployment {whole[:80]!r}: the price must be above 0")
    return value


def _product(shelf: Shelf, provider: str, word: str) -> str:
    products = shelf.products()
    own = [each for each in products if each.startswith(f"{provider}/")]
    if not own:
        known = sorted({each.partition("/")[0] for each in products})
        raise UnknownNameError("provider", provider, nearest(provider, known) or tuple(known[:8]))
    for name in (word, WORDS.get(word, word)):
        if f"{provider}/{name}" in own:
            return f"{provider}/{name}"
    by_billing = [
        each for each in own if any(row.get("billing") == word for row in shelf.rows.get(each, ())[:1])
    ]
    if len(by_billing) == 1:
        return by_billing[0]
    if by_billing:
        raise AmbiguousNameError("product", f"{provider}/{word}", tuple(by_billing))
    billable = tuple(each for each in own if each in shelf.catalog.billing_rows)
    raise UnknownNameError("product", f"{provider}/{word}", nearest(word, list(billable)) or billable)


def _timed(
    shelf: Shelf, product: str, rule: Rule, sku: str, usd: float | None, gpu: Gpu | None = None
) -> Deployment:
    """A product that is paid by time; `gpu` is the card of a tier that was asked for, where it is known."""
    offers = shelf.offers(product)
    priced = shelf.price_product(product)
    cards = 1
    name = f"{priced}/{sku}"
    exact = _named(offers, name)
    if exact is None and (found := _CARDS.fullmatch(sku)):
        name, cards = f"{priced}/{found[1]}", int(found[2])
        exact = _named(offers, name)
    wanted = name.partition("/")[2].partition("/")[2]
    notes: tuple[str, ...] = ()
    if exact is None:
        exact, gpu, notes = _by_card(shelf, product, offers, wanted, cards)
    if not 1 <= cards <= 4096:
        raise UsageError(f"{product}/{sku}: from 1 to 4,096 cards")
    choice = shelf.choice(offers[exact])
    if choice is None:
        raise UsageError(f"{exact} has no price on {shelf.day}")
    price = choice.price
    if gpu is None and price.gpus:
        gpu = _card_of(shelf, price, wanted)
    count = int(price.gpu_count) if price.gpu_count >= 1 else 1
    several = f"{price.provider}/{price.product}" in shelf.catalog.per_card_products
    if cards > 1 and count == 1 and not several and price.unit != "usd_per_gpu_hour":
        raise UsageError(f"{exact} is one machine with 1 card: name the instance that has {cards}")
    if cards > 1 and count > 1:
        raise UsageError(f"{exact} has {count} cards already; leave x{cards} out, --workers rents several")
    hourly = price.usd_per_hour or 0.0
    if cards > 1 and count == 1:
        count, hourly = cards, hourly * cards
    discount = rule.term("discount")
    if discount and rule.kind is not ProductKind.WORKERS:
        hourly *= 1 - discount
    label = exact if priced == product else f"{product}/{exact.removeprefix(priced + '/')}"
    if cards > 1 and price.gpu_count == 1:
        label += f"x{cards}"
    if usd is not None:
        return Deployment(f"{label}={usd:.6g}/h", product, rule, gpu, count, usd, None, notes=notes)
    return Deployment(label, product, rule, gpu, count, hourly, choice, notes=notes)


def _named(offers: Mapping[str, list[Row]], name: str) -> str | None:
    """The offer with this id, its id without the region, or this alias."""
    for offer, rows in offers.items():
        if name in (offer.lower(), *(alias.lower() for row in rows for alias in row.get("aliases", ()))):
            return offer
    same = [offer for offer in offers if offer.lower().partition("@")[0] == name]
    if len(same) > 1:
        raise AmbiguousNameError("deployment", name, tuple(sorted(same)))
    return same[0] if same else None


def _by_card(
    shelf: Shelf, product: str, offers: Mapping[str, list[Row]], name: str, cards: int
) -> tuple[str, Gpu, tuple[str, ...]]:
    """The offer of a product that has a card of this name, the card, and what was understood."""
    known = sorted(offers)
    notes: tuple[str, ...] = ()
    try:
        read = resolve_gpu(shelf.catalog, name)
        choices, notes = [read.gpu.id], read.notes
    except AmbiguousNameError as error:
        choices = list(error.choices)
    except UnknownNameError:
        near = nearest(name, [offer.rpartition("/")[2] for offer in known])
        raise UnknownNameError("deployment", f"{product}/{name}", near or tuple(known[:6])) from None
    found: dict[str, str] = {}
    for offer, rows in offers.items():
        timed = [row for row in rows if set(choices) & set(row.get("gpus", ()))]
        if timed:
            found[offer] = next(gpu for gpu in choices if gpu in timed[0]["gpus"])
    exact = {o: g for o, g in found.items() if offers[o][0].get("gpu_count", 1) == cards}
    single = {o: g for o, g in found.items() if offers[o][0].get("gpu_count", 1) == 1}
    found = exact or single or found
    if not found:
        raise UsageError(f"{product} has no {name}; it has {_some(known)}")
    if len(found) > 1:
        raise AmbiguousNameError("deployment", f"{product}/{name}", tuple(sorted(found)))
    offer, gpu = next(iter(found.items()))
    return offer, shelf.catalog.gpus[gpu], notes


def _card_of(shelf: Shelf, price: Price, name: str) -> Gpu:
    """The card that a tier was asked for by, else its first."""
    if len(price.gpus) == 1:
        return shelf.catalog.gpus[price.gpus[0]]
    try:
        asked = resolve_gpu(shelf.catalog, name).gpu.id
    except (AmbiguousNameError, UnknownNameError):
        asked = ""
    return shelf.catalog.gpus[asked if asked in price.gpus else price.gpus[0]]


def _per_token(shelf: Shelf, product: str, rule: Rule, sku: str) -> Deployment:
    offers = shelf.offers(product)
    offer = _named(offers, f"{product}/{sku}")
    if offer is None:
        known = [each.rpartition("/")[2] for each in offers]
        raise UnknownNameError("deployment", f"{product}/{sku}", nearest(sku, known) or tuple(known[:6]))
    chosen = [shelf.choice(offers[offer], unit) for unit in (INPUT, OUTPUT)]
    if chosen[1] is None:
        raise UsageError(f"{offer} has no price on {shelf.day}")
    prices = tuple(None if each is None else each.price for each in chosen)
    return Deployment(offer, product, rule, None, 0, None, chosen[1], (prices[0], prices[1]))


def of_card(shelf: Shelf, gpu: str, *, billing: Iterable[str], cards: int = 1) -> list[Deployment]:
    """Every deployment of a card whose price holds on the day, by product."""
    modes, found = set(billing), []
    for product in shelf.products():
        if product not in shelf.catalog.billing_rows or product in shelf.catalog.not_serving:
            continue
        rule = shelf.rule(product)
        if rule.kind in (ProductKind.NONE, ProductKind.TOKENS):
            continue
        for offer, rows in shelf.offers(product).items():
            if gpu not in rows[0].get("gpus", ()) or rows[0].get("gpu_count", 1) < 1:
                continue  # another card, or a slice of this one
            if mode_of(rule, rows[0].get("billing")) in modes:
                sku = offer.removeprefix(shelf.price_product(product) + "/")
                more = f"x{cards}" if cards > 1 else ""
                try:
                    found.append(_timed(shelf, product, rule, sku + more, None, shelf.catalog.gpus[gpu]))
                except UsageError:
                    continue  # this machine does not hold so many cards
    return found


def smallest(found: Iterable[Deployment], *, by_size: bool = True) -> list[Deployment]:
    """One deployment of each product and card, on the fewest cards; or the cheapest of each product."""

    def rank(each: Deployment) -> tuple[float, float, str]:
        return float(each.cards) if by_size else 0.0, each.usd_per_hour or 0.0, each.label

    best: dict[tuple[str, str], Deployment] = {}
    for each in sorted(found, key=rank):
        best.setdefault((each.product, each.gpu.id if by_size and each.gpu else ""), each)
    return list(best.values())
