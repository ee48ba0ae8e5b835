"""What a simulation says of one deployment: its bill for the period, and how it served."""

from collections.abc import Sequence
from typing import NamedTuple

from gpucost.api.bill_made import per_million
from gpucost.api.bill_setup import Setup
from gpucost.api.billed import Costing, Period
from gpucost.api.execution import Timed
from gpucost.api.fleets import UNLIMITED
from gpucost.api.offers import is_stale
from gpucost.api.request import Slo
from gpucost.api.service_times import Served
from gpucost.calc.bill_lines import Billed, always_on_lines, total, worker_lines
from gpucost.calc.fleet import FOREVER, Fleet, Totals
from gpucost.calc.simulation import Replayed
from gpucost.calc.statistics import confidence
from gpucost.domain.billing import Bill, Line
from gpucost.domain.scaling import Policy
from gpucost.domain.simulated import Attained, Latency, Run, Spreading


class Case(NamedTuple):
    """One deployment to simulate."""

    costing: Costing
    fleet: Fleet
    served: Served
    timed: Timed
    assumed: tuple[str, ...] = ()
    """Ways of the fleet that nobody documents."""
    always_on: int = 0
    """Workers that are paid whatever comes."""
    baseline: Costing | None = None
    """What the workers that are kept on are instead, where they are another product."""

    @property
    def label(self) -> str:
        """Name of the deployment."""
        own = self.costing.deployment.label
        if self.baseline is None:
            return own
        return f"{self.fleet.kept} × {self.baseline.deployment.label} + {own}"


def merged(runs: Sequence[Replayed]) -> Replayed:
    """Means over replications."""
    if len(runs) == 1:
        return runs[0]
    count = len(runs)
    totals = Totals(*(sum(values) / count for values in zip(*(run.totals for run in runs), strict=True)))
    totals = totals._replace(peak=max(run.totals.peak for run in runs))
    names = runs[0].latencies.keys()
    latencies = {
        name: Latency(*(sum(v) / count for v in zip(*(run.latencies[name] for run in runs), strict=True)))
        for name in names
        if all(name in run.latencies for run in runs)
    }
    kept = tuple(
        each[0]._replace(
            value_s=sum(one.value_s for one in each) / count,
            share=sum(one.share for one in each) / count,
            met=sum(one.met for one in each) * 2 > count,
        )
        for each in zip(*(run.kept for run in runs), strict=True)
    )
    first = runs[0]
    floor = sum(run.floor_s for run in runs) / count
    return first._replace(totals=totals, latencies=latencies, kept=kept, floor_s=floor)


def lines_of(case: Case, totals: Totals, period: Period, factor: float) -> tuple[list[Line], Billed | None]:
    """Lines of the period; `factor` is its length over the simulated time."""
    costing = case.costing
    requests = totals.requests * factor
    if case.always_on:
        lines = always_on_lines(case.always_on * period.hours, costing.rate())
        paid, mean = None, float(case.always_on)
    else:
        parts = costing.clock().parts
        gaps = 0.0 if parts.gaps == "free" else totals.gaps_s
        tail = 0.0 if parts.tail == "free" else totals.tail_s
        own = case.baseline is None
        paid = Billed(
            busy_s=(totals.busy_s - (0.0 if own else totals.kept_busy_s)) * factor,
            start_s=(totals.start_s - totals.free_start_s) * factor,
            idle_s=(gaps + tail) * factor,
            kept_s=(totals.kept_s if own else 0.0) * factor,
            rounding_s=totals.extra_s * factor,
        )
        lines = worker_lines(paid, costing.rate())
        mean = paid.all_s / period.seconds
        if case.baseline is not None:
            kept = case.baseline.at_kept(float(case.fleet.kept), period)
            lines = [*(each._replace(name=f"baseline, {each.name}") for each in kept), *lines]
    lines = [*lines, *costing.beside_lines(mean, requests, period), *costing.fees(period)]
    return [each for each in costing.with_credit(lines, period) if each.quantity], paid


def usd_of(case: Case, totals: Totals, period: Period, factor: float) -> float | None:
    """The bill of the period [USD]; None where a price is unknown."""
    usd, known = total(lines_of(case, totals, period, factor)[0])
    return float(usd) if known else None


def token_bill(
    setup: Setup, costing: Costing, period: Period, *, requests: float, tokens: float | None
) -> Bill:
    """The bill of a hosted model for a number of requests of the period."""
    lines = costing.with_credit([*costing.token_lines(requests), *costing.fees(period)], period)
    return _bill(setup, costing, period, lines, requests=requests, tokens=tokens)


def simulated_bill(
    setup: Setup, case: Case, period: Period, run: Replayed, *, span_s: float, tokens: float | None
) -> Bill:
    """The bill of one deployment whose workers were simulated for `span_s` [s]."""
    costing, totals, factor = case.costing, run.totals, period.seconds / span_s
    lines, paid = lines_of(case, totals, period, factor)
    served = totals.served - totals.timed_out
    made = _bill(setup, costing, period, lines, requests=served * factor, tokens=tokens)
    workers = float(case.always_on or totals.on_s / max(span_s, totals.end_s))
    exposure = costing.exposure_usd(period, workers)
    scaled = not case.always_on
    return made._replace(
        deployment=case.label,
        workers=workers,
        execution_s=case.served.mean_s,
        utilisation=_utilisation(case, totals, paid, period.seconds / span_s),
        starts=totals.starts * factor if scaled else None,
        cold_share=min(1.0, totals.starts / max(totals.requests, 1)) if scaled else None,
        wait_s=run.latencies["wait"].mean if "wait" in run.latencies else None,
        during_start=costing.rule.during_start if scaled else "ready",
        method="simulated",
        max_exposure_usd=None if exposure is None else exposure[1],
        max_workers=None if exposure is None else exposure[0],
    )


def _bill(
    setup: Setup,
    costing: Costing,
    period: Period,
    lines: list[Line],
    *,
    requests: float,
    tokens: float | None,
) -> Bill:
    deployment = costing.deployment
    known, whole = total(lines)
    usd = float(known) if whole else None
    return Bill(
        deployment=deployment.label,
        product=deployment.product,
        billing=deployment.billing,
        gpu=None if deployment.gpu is None else deployment.gpu.id,
        gpus_per_worker=deployment.cards,
        workers=0.0,
        period_hours=period.hours,
        requests=requests,
        execution_s=None,
        lines=tuple(lines),
        total_usd=usd,
        known_usd=float(known),
        price_state="known" if whole else "unknown",
        usd_per_request=None if usd is None or not requests else usd / requests,
        usd_per_million_tokens=per_million(usd, requests, tokens),
        utilisation=None,
        low_usd=usd,
        high_usd=usd,
        starts=None,
        cold_share=None,
        wait_s=None,
        during_start="ready",
        method="exact",
        max_exposure_usd=None,
        max_workers=None,
        as_of="" if deployment.choice is None else deployment.choice.price.as_of,
        stale=deployment.choice is not None and is_stale(deployment.choice.price.as_of, setup.shelf.day),
    )


def _utilisation(case: Case, totals: Totals, paid: Billed | None, factor: float) -> float | None:
    """Busy ÷ paid time of all workers, those of a baseline among them."""
    kept_s = totals.kept_busy_s + totals.kept_s
    if paid is None:
        return totals.busy_s / kept_s if kept_s else None
    whole = paid.all_s + (kept_s * factor if case.baseline is not None else 0.0)
    return float(totals.busy_s * factor / whole) if whole else None


def run_of(
    case: Case,
    bill: Bill,
    run: Replayed,
    runs: Sequence[Replayed],
    slos: Sequence[Slo],
    *,
    period: Period,
    span_s: float,
) -> Run:
    """How a deployment served; `runs` are its replications, `run` their mean."""
    fleet, totals = case.fleet, run.totals
    gain = max((n * speed for n, speed in enumerate(fleet.speeds, 1)), default=float(fleet.slots))
    floor = _floor_usd(case, run.floor_s / gain * period.seconds / span_s)
    attained = tuple(
        Attained(slo.text, _number(each.value_s), _number(each.share), each.met)
        for slo, each in zip(slos, run.kept, strict=True)
    )
    return Run(
        deployment=case.label,
        policy=fleet.policy.value,
        routing=fleet.routing.value,
        binding=fleet.binding.value,
        assumed=case.assumed,
        slots=fleet.slots,
        start_s=None if case.always_on else _mean_start(run.totals, fleet.starts.seconds),
        idle_timeout_s=None if fleet.idle_timeout_s == FOREVER else fleet.idle_timeout_s,
        kept_workers=fleet.kept,
        max_workers=None if fleet.most >= UNLIMITED else fleet.most,
        requests=round(totals.requests),
        rejected=round(totals.rejected),
        timed_out=round(totals.timed_out),
        retries=round(totals.retries),
        cold_starts=round(totals.starts),
        starts_per_request=None if fleet.policy is Policy.FIXED else totals.starts / max(totals.requests, 1),
        waited_share=totals.waited / max(totals.requests, 1),
        latencies=run.latencies,
        exact_percentiles=run.exact,
        utilisation=bill.utilisation,
        mean_workers=bill.workers,
        peak_workers=totals.peak,
        floor_usd=floor,
        floor_ratio=None if not floor or bill.total_usd is None else bill.total_usd / floor,
        slo=attained,
        meets_slo=all(each.met for each in attained),
        intervals=_intervals(case, runs, period, span_s),
        window_s=run.window_s,
        workers_over_time=run.workers,
    )


def _number(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - not a number is not itself


def _mean_start(totals: Totals, seconds: Sequence[float]) -> float:
    return totals.start_s / totals.starts if totals.starts else sum(seconds) / len(seconds)


def _floor_usd(case: Case, floor_s: float) -> float | None:
    """The bill of the work alone [USD]."""
    rate = case.costing.rate()
    found, whole = total(worker_lines(Billed(floor_s, 0.0, 0.0, 0.0, 0.0), rate))
    return float(found) if whole else None


def _intervals(case: Case, runs: Sequence[Replayed], period: Period, span_s: float) -> tuple[Spreading, ...]:
    """Means with 95 % confidence over replications."""
    if len(runs) < 2:
        return ()
    factor = period.seconds / span_s
    found: dict[str, list[float]] = {}
    for run in runs:
        lines, _ = lines_of(case, run.totals, period, factor)
        found.setdefault("total_usd", []).append(float(total(lines)[0]))
        found.setdefault("cold_starts", []).append(float(run.totals.starts))
        for name in ("wait", "ttft", "e2e"):
            if name in run.latencies:
                found.setdefault(f"{name}_p95_s", []).append(run.latencies[name].p95)
    return tuple(Spreading(name, *confidence(values)) for name, values in found.items())
