"""The rows of `cost`: a speed and an offer give money per token and per request."""

import math
from typing import NamedTuple

from gpucost.api.offers import Choice, OfferBook, is_stale
from gpucost.api.serving import Server
from gpucost.calc.token_cost import usd_per_million, usd_per_request
from gpucost.domain.speed import CostRow, SpeedRow


class Priced(NamedTuple):
    """A row with what made it."""

    row: CostRow
    choice: Choice | None
    server: Server | None


def latency(row: CostRow) -> float:
    """Time per token [s]; infinite where it is not known, so that it sorts last."""
    return row.tpot_s if row.tpot_s is not None else math.inf


def stated_row(usd_per_hour: float, tokens_per_second: float, utilization: float | None) -> CostRow:
    """A price [USD/h] and a full speed [output tokens/s] of the user, used for a share of the time."""
    served = tokens_per_second * (utilization or 1.0)
    return CostRow(
        offer="user",
        provider="user",
        billing=None,
        gpu="",
        gpus=0,
        tp=0,
        pp=0,
        ep=0,
        replicas=0,
        quantization="",
        usd_per_hour=usd_per_hour,
        concurrency=None,
        output_tokens_per_s=served,
        ttft_s=None,
        tpot_s=None,
        requests_per_s=None,
        utilisation=utilization,
        usd_per_million_output_tokens=usd_per_million(usd_per_hour=usd_per_hour, tokens_per_s=served),
        usd_per_million_input_tokens=None,
        usd_per_request=None,
        requests_per_usd=None,
        low_usd_per_million_output_tokens=None,
        high_usd_per_million_output_tokens=None,
        confidence="user",
        bound="",
        pareto=True,
        as_of="",
        stale=False,
    )


def restated(row: SpeedRow, tokens_per_second: float, utilisation: float) -> SpeedRow:
    """The row with a speed [output tokens/s] and the share of full load at which the user states it."""
    scale = tokens_per_second / row.output_tokens_per_s
    total = None if row.total_tokens_per_s is None else row.total_tokens_per_s * scale
    return row._replace(
        output_tokens_per_s=tokens_per_second,
        total_tokens_per_s=total,
        requests_per_s=row.requests_per_s * scale,
        ttft_s=None,
        tpot_s=None,
        e2e_s=None,
        utilisation=utilisation,
        low=None,
        high=None,
        confidence="user",
    )


def priced(
    book: OfferBook, server: Server, row: SpeedRow, split: str, usd_per_hour: float | None
) -> list[Priced]:
    """One row per offer of the card that holds the deployment, or one at a stated price [USD/h]."""
    if usd_per_hour is not None:
        return [Priced(_cost_row(row, server, split, usd_per_hour, None, "user"), None, server)]
    out = []
    for choice in book.choices(server.gpu.id):
        price = choice.price
        units = book.units(price, cards=server.gpus, per_replica=server.gpus // server.replicas)
        if units is None or price.usd_per_hour is None:
            continue
        total = units * price.usd_per_hour
        each = _cost_row(row, server, split, total, choice, price.offer)
        out.append(Priced(each._replace(stale=is_stale(price.as_of, book.today)), choice, server))
    return out


def _cost_row(
    row: SpeedRow, server: Server, split: str, usd_per_hour: float, choice: Choice | None, offer: str
) -> CostRow:
    output, total = row.output_tokens_per_s, row.total_tokens_per_s or row.output_tokens_per_s
    given = max(total - output, 1e-12)
    per_output = usd_per_million(usd_per_hour=usd_per_hour, tokens_per_s=output)
    per_input: float | None = None
    share = 1.0
    if split == "blended":
        share, per_input = output / total, usd_per_million(usd_per_hour=usd_per_hour, tokens_per_s=total)
    elif split == "time":
        share = server.decode_share(row.concurrency)
        per_input = usd_per_million(usd_per_hour=usd_per_hour * (1 - share), tokens_per_s=given)
    request = usd_per_request(usd_per_hour=usd_per_hour, requests_per_s=row.requests_per_s)
    dear = None if row.low is None else per_output * share * output / row.low
    cheap = None if row.high is None else per_output * share * output / row.high
    return CostRow(
        offer=offer,
        provider="user" if choice is None else choice.price.provider,
        billing=None if choice is None or choice.price.billing is None else choice.price.billing.value,
        gpu=row.gpu,
        gpus=row.gpus,
        tp=row.tp,
        pp=row.pp,
        ep=row.ep,
        replicas=row.replicas,
        quantization=row.quantization,
        usd_per_hour=usd_per_hour,
        concurrency=row.concurrency,
        output_tokens_per_s=output,
        ttft_s=row.ttft_s,
        tpot_s=row.tpot_s,
        requests_per_s=row.requests_per_s,
        utilisation=row.utilisation,
        usd_per_million_output_tokens=per_output * share,
        usd_per_million_input_tokens=per_input,
        usd_per_request=request,
        requests_per_usd=1 / request,
        low_usd_per_million_output_tokens=cheap,
        high_usd_per_million_output_tokens=dear,
        confidence=row.confidence,
        bound=row.bound,
        pareto=False,
        as_of="" if choice is None else choice.price.as_of,
        stale=False,
    )


def with_pareto(found: list[Priced]) -> list[Priced]:
    """Marks the rows than which none is both cheaper per request and faster per token."""
    order = sorted(found, key=lambda each: (each.row.usd_per_request or 0.0, latency(each.row)))
    best, front = math.inf, set()
    for each in order:
        if latency(each.row) < best:
            best = latency(each.row)
            front.add(id(each))
    return [each._replace(row=each.row._replace(pareto=id(each) in front)) for each in found]


def worth_showing(found: list[Priced]) -> list[Priced]:
    """The cheapest way to use each offer in each format, and all of the Pareto front.

    Of equally cheap ways the likelier card of a tier counts, then the faster.
    """
    best: dict[tuple[str, str], Priced] = {}
    for each in sorted(found, key=_rank):
        best.setdefault((each.row.offer, each.row.quantization), each)
    kept = {id(each) for each in best.values()}
    return [each for each in found if id(each) in kept or each.row.pareto]


def _rank(each: Priced) -> tuple[float, int, float]:
    place = 0 if each.choice is None else each.choice.price.gpus.index(each.row.gpu)
    usd = float(f"{each.row.usd_per_million_output_tokens:.6g}")  # a rate is met to nine digits only
    return usd, place, latency(each.row)
