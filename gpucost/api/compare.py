"""Who rents this card, or one that holds this model: prices side by side, starts, features, and history."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from gpucost.api.billed import Settings, rate_of, tiers_of
from gpucost.api.cold_start import cold_start
from gpucost.api.deployments import Deployment, Shelf, of_card, resolve, smallest
from gpucost.api.execution import Execution, Work
from gpucost.api.flags import whole
from gpucost.api.ledger import Ledger
from gpucost.api.offers import day_of, is_stale
from gpucost.api.price_evidence import cite_prices
from gpucost.calc.bill_lines import whole_usd_per_hour
from gpucost.catalog import build
from gpucost.catalog.names import nearest, resolve_gpu, several
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.billing import (
    ColdStart,
    Compared,
    CompareResult,
    Feature,
    Generation,
    GenerationOffer,
    SeedPrice,
)
from gpucost.domain.offer import Billing
from gpucost.domain.report import Report
from gpucost.domain.rules import ProductKind, Rule
from gpucost.errors import UnknownNameError, UsageError
from gpucost.units import GB, HOURS_PER_MONTH

COUNTS = (1, 2, 4, 8)
"""Cards per worker that a model is tried on."""
BASES = {"serverless": "runpod/flex", "always-on": "runpod/secure", "reserved": ""}
"""What the other products of a group are compared with, as seed 001 maps them; else the cheapest."""
MAPPED = ("runpod/flex", "aws/sagemaker", "runpod/secure", "aws/ec2")
"""Products that seed 001 maps onto each other: serverless to real-time endpoints, pods to machines."""
ALL_MODES = frozenset(mode.value for mode in Billing if mode is not Billing.PER_TOKEN)


def compare(
    *,
    gpu: Sequence[str] | str = (),
    model: str | None = None,
    params: str | float | None = None,
    quant: str | None = None,
    features: bool = False,
    cold_starts: bool = False,
    weights_gb: float | None = None,
    product: Sequence[str] | str = (),
    provider: Sequence[str] | str = (),
    by_generation: bool = False,
    all_offers: bool = False,
    top: int = 16,
    as_of: str | None = None,
    prices: str = "catalog",
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """Offers of cards, or of the smallest workers that hold a model, by product and price per card.

    `features` tells what products can do, `cold_starts` adds up their phases for a model or `weights_gb`
    [10^9 B]; `by_generation` sets the price per card of four products side by side for every card that they
    rent; `prices="seeds"` gives the tables of the seed documents with what is refuted in them.

    Raises UsageError for a question that cannot be asked, DataError for wrong files.
    """
    if prices not in ("catalog", "seeds"):
        raise UnknownNameError("--prices", prices, ("catalog", "seeds"))
    whole("--top", top, 1, 100_000)
    if weights_gb is not None and not 0 < weights_gb <= 1e6:
        raise UsageError(f"--weights-gb must be above 0 and at most 1,000,000, not {weights_gb}")
    cat = opened(catalog)
    execution = Execution(cat, Work(model=model, params=params, quant=quant), slots=1)
    ledger, day = execution.ledger, day_of(as_of, today or date.today())
    shelf = Shelf(cat, day=day)
    chosen = several(product) or (MAPPED if by_generation else ())
    wanted = _wanted(shelf, chosen, several(provider))
    named = several(gpu)
    if by_generation and not named:
        named, top = _rented(shelf, wanted), 100_000
    asked = bool(named) or execution.work.names_model
    if not (asked or features or cold_starts or prices == "seeds"):
        raise UsageError("name --gpu or --model, or ask for --features, --cold-start or --prices seeds")
    cards = []
    for name in named:
        found = resolve_gpu(cat, name)
        for text in found.notes:
            ledger.note(text)
        cards.append(found.gpu.id)
    offers: tuple[Compared, ...] = ()
    if prices == "seeds":
        ledger.note("prices as the seed documents state them; many are refuted", "warning")
    elif asked and not (features and not named) and not (cold_starts and not named):
        offers = _offers(shelf, ledger, execution, cards, wanted, all_offers=all_offers, top=top)
    size = None if weights_gb is None else weights_gb * GB
    if size is None and execution.question is not None and cold_starts:
        size = _weights(execution)
    result = CompareResult(
        offers=offers,
        features=_features(cat, ledger, wanted) if features else (),
        cold_starts=_cold_starts(cat, ledger, wanted, size) if cold_starts else (),
        seeds=_seeds(shelf, cards) if prices == "seeds" else (),
        eliminated=tuple(
            (name, str(row["eliminated"]))
            for name, row in sorted(cat.billing_rows.items())
            if row.get("eliminated") and name in wanted
        ),
        guide=() if by_generation else _guide(offers, by_card=execution.question is None),
        generations=_generations(shelf, offers) if by_generation else (),
    )
    empty = not (result.offers or result.features or result.cold_starts or result.seeds)
    return Report(
        question="compare",
        inputs={
            "gpu": cards,
            "model": None if execution.question is None else execution.question.chosen.model.id,
            "weights_gb": None if size is None else size / GB,
            "features": features,
            "cold_start": cold_starts,
            "product": sorted(wanted) if several(product) or several(provider) else [],
            "prices": prices,
            "as_of": day.isoformat(),
        },
        result=result,
        evidence=ledger.evidence,
        notes=ledger.notes,
        answered_no=empty,
    )


def _wanted(shelf: Shelf, products: Sequence[str], providers: Sequence[str]) -> set[str]:
    """Products that may answer. Raises UnknownNameError."""
    known = set(shelf.catalog.billing_rows)
    for name in products:
        if name.lower() not in known:
            raise UnknownNameError("product", name, nearest(name, sorted(known)))
    for name in providers:
        if name.lower() not in shelf.catalog.providers:
            raise UnknownNameError("provider", name, nearest(name, list(shelf.catalog.providers)))
    return {
        each
        for each in known
        if (not products or each in {name.lower() for name in products})
        and (not providers or each.partition("/")[0] in {name.lower() for name in providers})
    }


def _rented(shelf: Shelf, products: Iterable[str]) -> tuple[str, ...]:
    """Cards of NVIDIA that a product rents, the fastest first."""
    ids = {
        gpu
        for product in products
        for rows in shelf.offers(product).values()
        for row in rows
        for gpu in row.get("gpus", ())
    }
    cards = [shelf.catalog.gpus[each] for each in ids if shelf.catalog.gpus[each].vendor == "nvidia"]
    cards.sort(key=lambda card: (-(card.dense_flops.get("bf16") or 0.0), card.id))
    return tuple(card.id for card in cards)


def _generations(shelf: Shelf, offers: Sequence[Compared]) -> tuple[Generation, ...]:
    """Offers of each card by product."""
    found = []
    for gpu in dict.fromkeys(row.gpu for row in offers):
        own = tuple(
            GenerationOffer(row.product, row.offer, row.usd_per_gpu_hour, row.cards)
            for row in offers
            if row.gpu == gpu
        )
        found.append(Generation(gpu, shelf.catalog.gpus[gpu].architecture, own))
    return tuple(found)


def _weights(execution: Execution) -> float | None:
    """Weights of the model in its format [B]."""
    question = execution.question
    if question is None:
        return None
    from gpucost.calc.weights import whole_copy_bits
    from gpucost.units import BITS_PER_BYTE

    return whole_copy_bits(question.chosen.model, question.formats[0]) / BITS_PER_BYTE


def group_of(rule: Rule) -> str:
    """`serverless`, `always-on` or `reserved`."""
    if rule.committed:
        return "reserved"
    scales = rule.kind is ProductKind.WORKERS and rule.to_zero != "never"
    return "serverless" if scales else "always-on"


def _offers(
    shelf: Shelf,
    ledger: Ledger,
    execution: Execution,
    cards: Sequence[str],
    wanted: set[str],
    *,
    all_offers: bool,
    top: int,
) -> tuple[Compared, ...]:
    """One row per product and card: its smallest machine, then its cheapest; all with `all_offers`."""
    found: list[Deployment] = []
    if execution.question is None:
        for card in cards:
            found += of_card(shelf, card, billing=ALL_MODES)
    else:
        found = _holding(shelf, execution, cards or list(shelf.catalog.gpus))
    found = [each for each in found if each.product in wanted and each.usd_per_hour is not None]
    if not all_offers:
        found = smallest(found, by_size=execution.question is None)
    rows = [_row(shelf, each) for each in found]
    by_card = execution.question is None
    rows = _with_delta(rows, by_card=by_card)
    order = {name: index for index, name in enumerate(BASES)}
    place = {card: index for index, card in enumerate(cards if by_card else ())}
    rows.sort(key=lambda row: (place.get(row.gpu, 0), order[row.group], _price(row, by_card=by_card)))
    kept = [row for group in BASES for row in [each for each in rows if each.group == group][:top]]
    rows = [row for row in rows if row in kept]
    labels = {row.offer for row in rows}
    chosen = [each.choice for each in found if each.label in labels and each.choice is not None]
    cite_prices(ledger, chosen, today=shelf.day)
    return tuple(rows)


def _holding(shelf: Shelf, execution: Execution, cards: Iterable[str]) -> list[Deployment]:
    """Deployments whose worker holds the model, on the fewest cards of each kind."""
    found = []
    for card in cards:
        for count in COUNTS:
            offers = of_card(shelf, card, billing=ALL_MODES, cards=count)
            fitting = [each for each in offers if each.cards >= count]
            if not fitting:
                continue
            timed = execution.of(fitting[0]._replace(cards=count))
            if not timed.reason:
                found += fitting
                break
    return found


def _row(shelf: Shelf, each: Deployment) -> Compared:
    rule, gpu = each.rule, "" if each.gpu is None else each.gpu.id
    hourly = whole_usd_per_hour(rate_of(shelf, each, Settings()))
    price = None if each.choice is None else each.choice.price
    known = cold_start(shelf.catalog, each.product, weights_bytes=None)
    ends = [
        (rule.term("image_s", end=end, gpu=gpu), rule.term("load_s", end=end, gpu=gpu))
        for end in ("low", "high")
    ]
    sums = [None if load is None else (image or 0.0) + load for image, load in ends]
    if known is not None and known.snapshot_low_s is not None and sums[0] is not None:
        sums[0] = min(sums[0], known.snapshot_low_s)
    return Compared(
        group=group_of(rule),
        product=each.product,
        offer=each.label,
        gpu=gpu,
        cards=float(each.cards if price is None or price.gpu_count >= 1 else price.gpu_count),
        billing=each.billing,
        usd_per_hour=hourly,
        usd_per_gpu_hour=None if hourly is None else hourly / each.cards,
        delta_fraction=None,
        to_zero=rule.to_zero,
        during_start=rule.during_start if group_of(rule) == "serverless" else "ready",
        cold_start_low_s=sums[0],
        cold_start_high_s=sums[1],
        execution_timeout_s=rule.term("execution_timeout_s"),
        longest_execution_s=rule.term("longest_execution_s"),
        egress_usd_per_gb=_egress(shelf, each),
        region="" if price is None else price.region,
        as_of="" if price is None else price.as_of,
        stale=price is not None and is_stale(price.as_of, shelf.day),
        note="" if price is None else price.note,
    )


def _egress(shelf: Shelf, each: Deployment) -> float | None:
    """The first price of traffic out that is not free [USD per GB]; 0 where all is free."""
    tiers = tiers_of(shelf, each, "egress")
    return next((tier.usd for tier in sorted(tiers) if tier.usd), 0.0) if tiers else None


def _with_delta(rows: list[Compared], *, by_card: bool) -> list[Compared]:
    """Each row beside the base of its group: by price per card, or per worker that holds a model."""
    out = []
    for row in rows:
        same = [each for each in rows if each.group == row.group and (not by_card or each.gpu == row.gpu)]
        base = next((each for each in same if each.product == BASES[row.group]), None)
        base = base or min(same, key=lambda each: _price(each, by_card=by_card))
        if base is row:
            out.append(row)
        else:
            delta = _price(row, by_card=by_card) / _price(base, by_card=by_card) - 1
            out.append(row._replace(delta_fraction=delta))
    return out


def _price(row: Compared, *, by_card: bool) -> float:
    return (row.usd_per_gpu_hour if by_card else row.usd_per_hour) or 0.0


def _guide(offers: Sequence[Compared], *, by_card: bool) -> tuple[str, ...]:
    """When to use which: the share of a month from which the cheapest always-on worker beats serverless."""
    said = []
    for gpu in dict.fromkeys(row.gpu for row in offers) if by_card else [""]:
        own = [row for row in offers if gpu in (row.gpu, "") and (row.cards <= 1 or not by_card)]
        kept = [row for row in own if row.group == "always-on" and row.billing != Billing.SPOT]
        scaling = [row for row in own if row.group == "serverless" and row.to_zero == "always"]
        if not kept or not scaling:
            continue
        pod = min(kept, key=lambda row: _price(row, by_card=by_card))
        flex = min(scaling, key=lambda row: _price(row, by_card=by_card))
        share = _price(pod, by_card=by_card) / _price(flex, by_card=by_card)
        if share >= 1:
            said.append(f"{flex.offer} costs less than {pod.offer} even when busy all month")
            continue
        said.append(
            f"{flex.offer} below {share:.0%} of a month busy ({share * HOURS_PER_MONTH:,.0f} of "
            f"{HOURS_PER_MONTH} h), {pod.offer} above"
        )
    return tuple(said)


def _features(catalog: Catalog, ledger: Ledger, wanted: set[str]) -> tuple[Feature, ...]:
    names: list[str] = []
    found: dict[str, dict[str, str]] = {}
    for entry in catalog.sections["features"]:
        row = entry["row"]
        if row["product"] not in wanted:
            continue
        names.append(row["feature"])
        found.setdefault(row["product"], {})[row["feature"]] = row["value"]
        ledger.cite(f"features.{row['id']}", row["value"], "", row["source"])
    order = dict.fromkeys(sorted(set(names)))
    return tuple(
        Feature(product, {name: values.get(name, "unknown") for name in order})
        for product, values in sorted(found.items())
    )


def _cold_starts(
    catalog: Catalog, ledger: Ledger, wanted: set[str], weights_bytes: float | None
) -> tuple[ColdStart, ...]:
    if weights_bytes is None:
        ledger.note("weights not known: name --model or --weights-gb, or the time to read them is left out")
    found = [cold_start(catalog, product, weights_bytes=weights_bytes) for product in sorted(wanted)]
    out = [each for each in found if each is not None]
    for start in out:
        for phase in start.phases:
            if phase.value_s is not None:
                field = f"cold_starts.{phase.product}:{phase.phase}"
                ledger.cite(field, phase.value_s, "s", phase.source, note=phase.note)
    return tuple(sorted(out, key=lambda each: (len(each.unknown), each.total_s or 0.0)))


def _seeds(shelf: Shelf, cards: Sequence[str]) -> tuple[SeedPrice, ...]:
    """What the documents state, each beside the price of the same offer that holds on the day."""
    found = []
    for row in shelf.catalog.price_rows(seeds=True):
        price = build.price(row)
        if cards and not set(cards) & set(price.gpus):
            continue
        found.append(
            SeedPrice(
                offer=price.offer,
                billing=None if price.billing is None else price.billing.value,
                stated_usd=price.usd,
                unit=price.unit,
                usd_per_hour=price.usd_per_hour,
                as_of=price.as_of,
                refuted=price.refuted,
                today_usd_per_hour=_now(shelf, price.offer),
            )
        )
    return tuple(found)


def _now(shelf: Shelf, offer: str) -> float | None:
    """What the same offer costs on the day [USD/h]; None where it is not sold."""
    try:
        return resolve(shelf, offer).usd_per_hour
    except UsageError:
        return None
