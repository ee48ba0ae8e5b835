"""Rows of a plan: what a billed deployment is, what it reaches, which of them no other one beats."""

from math import inf

from gpucost.api.plan_bills import Costed
from gpucost.api.plan_limits import load_of, most_workers
from gpucost.api.sizing import Load, longest_context
from gpucost.calc.tensors import total_parameters
from gpucost.calc.weights import whole_copy_bits
from gpucost.catalog.store import Catalog
from gpucost.domain.plans import PlanRow

MOST_CONTEXT = 10_000_000
"""Where a model does not say what it is made for."""


def row_of(catalog: Catalog, each: Costed, *, pareto: bool) -> PlanRow:
    """A billed deployment as a row."""
    option, bill, costing, server = each.option, each.bill, each.costing, each.option.server
    evaluation, settings = server.evaluation, each.setup.settings
    load = load_of(option, costing, bill)
    found = server.round(max(1.0, load))
    model = option.question.chosen.model
    plain = catalog.quantization_rows[option.quantization.id]
    level = option.setup.asked.level or 0.0
    most = most_workers(option, costing)
    workers = most if costing.scales else max(1.0, bill.workers)
    capacity = server.requests_per_s(float(settings.slots)) * workers
    held = evaluation.max_concurrency
    return PlanRow(
        model=model.id,
        quantization=option.quantization.id,
        bits_per_weight=whole_copy_bits(model, option.quantization) / total_parameters(model),
        quality=plain.get("quality", ""),
        engine=option.question.engine.id,
        engine_version=option.question.engine_version,
        speculation=option.speculates,
        gpu=option.gpu.id,
        gpus_per_worker=option.cards,
        tp=evaluation.parallel.tp,
        deployment=bill.deployment,
        provider=bill.product.partition("/")[0],
        product=bill.product,
        billing=bill.billing,
        workers=bill.workers,
        max_workers=most if costing.scales else max(most, round(bill.workers)),
        concurrency=settings.slots,
        idle_timeout_s=costing.idle_timeout_s() if costing.scales else None,
        min_workers=settings.min_workers,
        usd_per_month=each.usd,
        low_usd=bill.low_usd,
        high_usd=bill.high_usd,
        usd_per_million_tokens=bill.usd_per_million_tokens,
        usd_per_request=bill.usd_per_request,
        ttft_s=float(found.ttft_s),
        tpot_s=float(found.tpot_s),
        e2e_s=float(found.e2e_s),
        wait_s=bill.wait_s,
        cold_share=bill.cold_share,
        start_s=costing.clock().start_s if costing.scales else None,
        utilisation=bill.utilisation,
        headroom=max(0.0, 1 - level / capacity) if capacity else 0.0,
        max_concurrency=held,
        max_context=_longest(each),
        pareto=pareto,
        as_of=bill.as_of,
        stale=bill.stale,
        lines=bill.lines,
    )


def _longest(each: Costed) -> int:
    """Longest sequence that the cache holds beside as many others as run at once [tokens]."""
    evaluation, model = each.option.server.evaluation, each.option.question.chosen.model
    return longest_context(evaluation, Load(1, each.slots), model.max_context or MOST_CONTEXT)


def latency_of(each: Costed) -> float:
    """Time of a request with its mean wait and its share of a start [s]."""
    bill, costing = each.bill, each.costing
    found = each.option.server.round(max(1.0, load_of(each.option, costing, bill)))
    start = (bill.cold_share or 0.0) * costing.clock().start_s if costing.scales else 0.0
    return float(found.e2e_s) + (bill.wait_s or 0.0) * (bill.cold_share is None) + start


def bits_of(each: Costed) -> float:
    """Bits per weight of the format [bit]."""
    return each.option.quantization.effective_bits


def order(each: Costed) -> tuple[float, float, float, str]:
    """The cheapest first; of equal bills the one that keeps more bits, then the faster one."""
    usd = inf if each.usd == inf else round(each.usd, 2)
    return (usd, -bits_of(each), latency_of(each), each.bill.deployment)


def pareto_of(found: list[Costed]) -> set[int]:
    """Positions of plans that no other one beats in bill, latency and bits at once."""
    points = [(each.usd, latency_of(each), -bits_of(each)) for each in found]
    return {
        index
        for index, point in enumerate(points)
        if not any(
            all(a <= b for a, b in zip(other, point, strict=True)) and other != point for other in points
        )
    }
