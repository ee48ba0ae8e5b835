"""Hosted prices per token of a model, beside a deployment that is rented all month."""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from gpucost.api.ledger import Ledger
from gpucost.api.offers import choose
from gpucost.api.request import Lengths
from gpucost.calc.tensors import active_parameters, total_parameters
from gpucost.calc.token_cost import api_usd_per_request, break_even_requests
from gpucost.catalog import build
from gpucost.catalog.names import squeeze
from gpucost.catalog.store import Catalog
from gpucost.domain.model import Model
from gpucost.domain.offer import Price
from gpucost.domain.provenance import Confidence
from gpucost.domain.speed import ApiCost
from gpucost.units import HOURS_PER_MONTH, MILLION, SECONDS_PER_HOUR

_EXTRA = re.compile(r"\b(meta|turbo|instruct|versatile|instant|lite|fp8|fp4|nvfp4|it|chat|maas|hf)\b")
"""Words by which hosts name a variant or a speed of the same architecture."""
LIKE_SIZE = 1.25
"""A model within this ratio of total and of active parameters is comparable."""
INPUT, OUTPUT = "usd_per_million_input_tokens", "usd_per_million_output_tokens"


def _key(name: str) -> str:
    tail = name.lower().rsplit("/", 1)[-1].replace("-", " ").replace("_", " ")
    return squeeze(_EXTRA.sub(" ", tail))


Statements = dict[str, dict[str, list[Mapping[str, Any]]]]
"""Rows by offer and unit."""


def _statements(catalog: Catalog, keys: Collection[str]) -> Statements:
    """Per-token statements of the models with these keys."""
    out: Statements = {}
    for row in catalog.price_rows():
        if row.get("billing") != "per-token" or _key(row["sku"]) not in keys:
            continue
        unit = INPUT if INPUT in row else OUTPUT
        out.setdefault(row["offer"], {}).setdefault(unit, []).append(row)
    return out


def _hosted(catalog: Catalog, ledger: Ledger, model: Model) -> Statements:
    """Statements of the model, else of those of about its size, which is said."""
    found = _statements(catalog, {_key(name) for name in (model.id, model.name, *model.aliases)})
    if found:
        return found
    sold = {_key(row["sku"]) for row in catalog.price_rows() if row.get("billing") == "per-token"}
    near: dict[str, str] = {}
    for identity, row in catalog.model_rows.items():
        key = _key(identity)
        if key not in sold:
            continue
        other = catalog.model(identity)
        pairs = (
            (total_parameters(other), total_parameters(model)),
            (active_parameters(other), active_parameters(model)),
        )
        if all(1 / LIKE_SIZE <= one / two <= LIKE_SIZE for one, two in pairs):
            near[key] = row["name"]
    if near:
        names = ", ".join(sorted(near.values()))
        ledger.note(f"no hosted price of {model.id} is known; models of about its size: {names}")
    else:
        ledger.note(f"no hosted price of {model.id}, or of a model of about its size, is known")
    return _statements(catalog, near)


def api_costs(
    catalog: Catalog,
    ledger: Ledger,
    *,
    model: Model | None,
    lengths: Lengths | None,
    usd_per_hour: float,
    tokens_per_s_limit: float | None,
    today: date,
    stated: float | None,
) -> tuple[ApiCost, ...]:
    """Hosted prices of the model, cheapest first, and where a deployment at `usd_per_hour` beats them.

    `stated` is a price of the user [USD per million tokens, input and output alike].
    """
    month = usd_per_hour * HOURS_PER_MONTH
    most = None if tokens_per_s_limit is None else tokens_per_s_limit * HOURS_PER_MONTH * SECONDS_PER_HOUR
    out = []
    if stated is not None:
        ledger.user("--api-usd-per-million", stated, "USD per million tokens")
        out.append(_cost("user", "user", stated, stated, lengths, month, most, ""))
    for offer, units in _hosted(catalog, ledger, model).items() if model is not None else ():
        prices = {unit: _current(rows, today) for unit, rows in units.items()}
        given, made = prices.get(INPUT), prices.get(OUTPUT)
        if made is None:
            continue
        for price in (given, made):
            if price is not None:
                ledger.cite(
                    f"prices.{price.offer}.{price.unit}",
                    price.usd,
                    price.unit,
                    price.source,
                    as_of=price.as_of,
                    confidence=Confidence.PUBLISHED,
                    note=f"stated by {price.stated_by.value}",
                )
        usd_in = None if given is None else given.usd
        out.append(_cost(offer, made.provider, usd_in, made.usd, lengths, month, most, made.as_of))
    return tuple(sorted(out, key=lambda each: each.usd_per_million_output_tokens))


def _current(rows: list[Mapping[str, Any]], today: date) -> Price | None:
    found = choose((build.price(dict(row)) for row in rows), today=today)
    return None if found is None else found.price


def _cost(
    offer: str,
    provider: str,
    usd_in: float | None,
    usd_out: float,
    lengths: Lengths | None,
    month: float,
    most: float | None,
    as_of: str,
) -> ApiCost:
    """One hosted price; without lengths every token counts the same."""
    if lengths is None:
        tokens = break_even_requests(usd_fixed=month, usd_per_request=usd_out / MILLION)
        return ApiCost(
            offer, provider, usd_in, usd_out, None, tokens, None if most is None else tokens <= most, as_of
        )
    if usd_in is None:
        note = "the price of input tokens is not known"
        return ApiCost(offer, provider, None, usd_out, None, None, None, as_of, note)
    made = lengths.generated * lengths.best_of  # a host bills every generated token, a prompt once
    request = api_usd_per_request(
        input_tokens=lengths.input_tokens,
        output_tokens=made,
        usd_per_million_input=usd_in,
        usd_per_million_output=usd_out,
    )
    tokens = (
        break_even_requests(usd_fixed=month, usd_per_request=request) * lengths.generated * lengths.best_of
    )
    reachable = None if most is None else tokens <= most
    note = "" if reachable is not False else "more than one such deployment makes: the API stays cheaper"
    return ApiCost(offer, provider, usd_in, usd_out, request, tokens, reachable, as_of, note)
