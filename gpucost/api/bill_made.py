"""One deployment at one level of traffic becomes a bill."""

from collections.abc import Sequence

from gpucost.api.bill_setup import Setup
from gpucost.api.billed import Costed, Costing, Period
from gpucost.api.offers import is_stale
from gpucost.calc.bill_lines import Billed, billed, total, worker_lines
from gpucost.calc.traffic import Arrivals, Spent, Traffic
from gpucost.calc.usage import constant_wait_s
from gpucost.domain.billing import Bill, Line
from gpucost.domain.rules import ProductKind
from gpucost.errors import UsageError
from gpucost.units import MILLION


def bill_of(setup: Setup, costing: Costing, span: Period | None) -> Bill:
    """One bill, with its optimistic and pessimistic ends where a rule leaves something open."""
    level = setup.asked.level
    if span is None:
        return _request_bill(setup, costing)
    if level is None:
        raise UsageError(
            "how much comes? give --requests-per-month, --requests-per-day or --requests-per-second"
        )
    costed = costing.at(level, span)
    lines = costing.with_credit(costed.lines, span)
    ends = [costing.with_credit(costing.at(level, span, end=end).lines, span) for end in ("low", "high")]
    return _made(setup, costing, span, level, costed, lines, ends)


def _request_bill(setup: Setup, costing: Costing) -> Bill:
    """The bill of one request: of the average one where traffic is given, else of one alone."""
    level, hour = setup.asked.level, Period("request", 1.0, setup.month.hours)
    if level is not None:
        whole_month = setup.month
        costed = costing.at(level, whole_month)
        count = level * whole_month.seconds
        lines = [_scaled(each, 1 / count) for each in costing.with_credit(costed.lines, whole_month)]
        ends = []
        for end in ("low", "high"):
            found = costing.with_credit(costing.at(level, whole_month, end=end).lines, whole_month)
            ends.append([_scaled(each, 1 / count) for each in found])
        made = _made(setup, costing, whole_month, level, costed, lines, ends)
        each = made.total_usd
        return made._replace(
            period_hours=whole_month.hours / count,
            requests=1.0,
            usd_per_request=each,
            usd_per_million_tokens=per_million(each, 1.0, setup.execution.tokens[1]),
        )
    if costing.kind is ProductKind.TOKENS:
        costed = costing.at(1 / hour.seconds, hour)
        return _made(setup, costing, hour, 1 / hour.seconds, costed, costed.lines, [costed.lines] * 2)
    if costing.kind is not ProductKind.WORKERS:
        raise UsageError(
            f"{costing.deployment.label} is paid by the month: a request has a price only at a rate; "
            "give --requests-per-day"
        )
    runs = [_alone(costing, end) for end in ("value", "low", "high")]
    paid, lines = runs[0]
    costed = Costed(lines, None, paid, 1.0)
    made = _made(setup, costing, hour, 1 / hour.seconds, costed, lines, [run[1] for run in runs[1:]])
    return made._replace(method="exact", starts=1.0, cold_share=1.0, wait_s=costing.clock().start_s)


def _alone(costing: Costing, end: str) -> tuple[Billed, list[Line]]:
    """A worker that starts for one request, serves it and idles out."""
    busy = costing.execution_s or 0.0
    spent = Spent(1.0, busy, 0.0, 1.0, 0.0, costing.idle_timeout_s(end), costing.clock(end).start_s, False)
    paid = billed(Traffic(Arrivals.UNIFORM), spent, costing.clock(end))
    return paid, worker_lines(paid, costing.rate())


def _scaled(each: Line, factor: float) -> Line:
    return each._replace(quantity=each.quantity * factor, usd=None if each.usd is None else each.usd * factor)


def per_million(usd: float | None, requests: float | None, tokens: float | None) -> float | None:
    """USD per million tokens of requests that have `tokens` each; None where something is unknown."""
    if usd is None or not requests or not tokens:
        return None
    return usd / (requests * tokens) * MILLION


def _made(
    setup: Setup,
    costing: Costing,
    span: Period,
    level: float,
    costed: Costed,
    lines: list[Line],
    ends: Sequence[list[Line]],
) -> Bill:
    deployment, requests = costing.deployment, level * span.seconds
    kept = [each for each in lines if each.quantity]
    known, whole_bill = total(kept)
    usd = float(known) if whole_bill else None
    sums = [total(each) for each in ends]
    low, high = (float(found) if all_known else None for found, all_known in sums)
    ends_usd = [each for each in (low, usd, high) if each is not None]
    if len(ends_usd) == 3:  # a shorter idle time can cost more starts than it saves
        low, high = min(ends_usd), max(ends_usd)
    spent = costed.spent
    exposure = costing.exposure_usd(span, float(costed.workers)) if span.name != "request" else None
    if high is not None and exposure is not None and costed.workers <= exposure[0]:
        high = max(usd or 0.0, min(high, exposure[1]))  # the limit of workers holds then as well
    return Bill(
        deployment=deployment.label,
        product=deployment.product,
        billing=deployment.billing,
        gpu=None if deployment.gpu is None else deployment.gpu.id,
        gpus_per_worker=deployment.cards,
        workers=float(costed.workers),
        period_hours=span.hours,
        requests=requests,
        execution_s=costing.execution_s,
        lines=tuple(kept),
        total_usd=usd,
        known_usd=float(known),
        price_state="known" if whole_bill else "unknown",
        usd_per_request=None if usd is None or not requests else usd / requests,
        usd_per_million_tokens=per_million(usd, requests, setup.execution.tokens[1]),
        utilisation=_utilisation(costing, costed, level),
        low_usd=low,
        high_usd=high,
        starts=None if spent is None else float(spent.starts),
        cold_share=None if spent is None else min(1.0, float(spent.starts / spent.requests)),
        wait_s=_wait(setup, costing, costed, level),
        during_start=costing.rule.during_start if costing.scales else "ready",
        method=_method(setup, costing),
        max_exposure_usd=None if exposure is None else exposure[1],
        max_workers=None if exposure is None else exposure[0],
        as_of="" if deployment.choice is None else deployment.choice.price.as_of,
        stale=deployment.choice is not None and is_stale(deployment.choice.price.as_of, setup.shelf.day),
    )


def _utilisation(costing: Costing, costed: Costed, level: float) -> float | None:
    """Busy ÷ paid time; of always-on workers the share of their slots that is used."""
    if costing.kind is ProductKind.TOKENS:
        return None
    if costed.paid is not None:
        paid = float(costed.paid.all_s)
        return float(costed.paid.busy_s) / paid if paid else None
    load = level * (costing.execution_s or 0.0) / costing.settings.slots
    return min(1.0, load / float(costed.workers))


def _wait(setup: Setup, costing: Costing, costed: Costed, level: float) -> float | None:
    """Mean wait for a worker [s]; None where no closed form holds, or where the queue grows without end."""
    if costed.spent is not None:
        wait = costed.spent.wait_s
        return None if wait is None or bool(costed.spent.saturated) else float(wait)
    traffic = setup.asked.traffic
    if (
        costing.kind is ProductKind.TOKENS
        or traffic.arrivals is not Arrivals.POISSON
        or costed.paid is not None
    ):
        return None
    servers, found = int(costed.workers) * costing.settings.slots, 0.0
    for each in traffic.stretches:
        if each.of_requests:
            rate = level * each.of_requests / each.of_time
            found += each.of_requests * constant_wait_s(rate, costing.execution_s or 0.0, servers)
    return found if found < float("inf") else None


def _method(setup: Setup, costing: Costing) -> str:
    if costing.kind is not ProductKind.WORKERS or setup.asked.traffic.arrivals is not Arrivals.POISSON:
        return "exact"
    one = costing.settings.max_workers == 1 and costing.settings.slots == 1
    return "steady state" if one else "approximation"


def against_first(bills: list[Bill]) -> list[Bill]:
    """The bills with their difference to the first one."""
    if len(bills) < 2:
        return bills
    base = bills[0].total_usd
    out = [bills[0]]
    for each in bills[1:]:
        if base is None or each.total_usd is None:
            out.append(each)
        else:
            delta = each.total_usd - base
            out.append(each._replace(delta_usd=delta, delta_fraction=delta / base if base else None))
    return out
