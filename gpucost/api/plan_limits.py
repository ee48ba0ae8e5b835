"""Limits of a plan: starts, waits and latencies of a deployment with its settings, and its busiest time."""

from math import ceil, inf, sqrt

from gpucost.api.billed import Costing
from gpucost.api.plan_options import ROUND, Option
from gpucost.api.request import Slo
from gpucost.calc.traffic import Arrivals
from gpucost.domain.billing import Bill
from gpucost.domain.scenario import Scenario

SPREAD = 3.0
"""Standard deviations above the mean number of requests in flight that workers are planned for."""


def start_fault(scenario: Scenario, option: Option, costing: Costing) -> str | None:
    """Why starts are too long, or not known, for the scenario; workers that all stay do not start."""
    limit = scenario.constraints.max_cold_start_s
    if limit is None or not costing.scales or costing.settings.min_workers >= most_workers(option, costing):
        return None
    clock = costing.clock()
    if clock.start_s == 0:
        return "how long it takes to start is not documented"
    if clock.start_s > limit:
        return f"starts take longer than {limit:g} s"
    return None


def too_slow(option: Option, costing: Costing, bill: Bill, slos: tuple[Slo, ...]) -> str:
    """Which limit the starts of workers that scale break, or the waits for those that stay; or nothing."""
    if costing.scales:
        return broken_by_starts(option, costing, bill.cold_share or 0.0, slos)
    found = option.server.round(max(1.0, load_of(option, costing, bill)))
    for slo in slos:
        latency = option.server.latency_s(found, slo)
        if slo.metric != "tpot" and latency + wait_s(option, costing, bill, slo.share) > slo.limit_s + ROUND:
            return f"{slo.text} is broken by waits for a worker"
    return ""


def broken_by_starts(option: Option, costing: Costing, cold: float, slos: tuple[Slo, ...]) -> str:
    """Which limit starts break where `cold` is the share of the requests that meet one [0-1], or nothing.

    A percentile holds a start where more requests than it leaves out meet one; a mean holds its share.
    """
    found = option.server.round(float(costing.settings.slots))
    start = costing.clock().start_s
    for slo in slos:
        share = cold if slo.share is None else float(cold > 1 - slo.share)
        latency = option.server.latency_s(found, slo) + share * start
        if slo.metric != "tpot" and latency > slo.limit_s + ROUND:
            return f"{slo.text} is broken by starts"
    return ""


def wait_s(option: Option, costing: Costing, bill: Bill, share: float | None) -> float:
    """Wait for a place on workers that never stop [s]: the mean one; of bursts what `share` stay within.

    The requests of a burst are served in waves, as many at once as there are places.
    """
    traffic = option.setup.asked.traffic
    if traffic.arrivals is Arrivals.BURSTS:
        places, size = bill.workers * costing.settings.slots, traffic.burst
        last = ceil(size / places - ROUND) - 1  # the waves are numbered from 0
        before = (places * last * (last - 1) / 2 + last * (size - places * last)) / size
        if share is not None:
            before = ceil(share * size / places - ROUND) - 1
        return before * (costing.execution_s or 0.0)
    if bill.wait_s is None and traffic.arrivals is Arrivals.POISSON:
        return inf  # the queue grows without end
    return bill.wait_s or 0.0


def load_of(option: Option, costing: Costing, bill: Bill) -> float:
    """Requests at once on one worker: the mean one of workers that stay, a full one of those that scale."""
    slots = float(costing.settings.slots)
    if costing.scales or not bill.workers:
        return slots
    level = (option.setup.asked.level or 0.0) / bill.workers
    return min(slots, option.server.load_of(level) or slots)


def most_workers(option: Option, costing: Costing) -> int:
    """Workers that the busiest time needs: requests in flight ÷ requests at once.

    In flight are c = peak rate × time of a request on average; of random arrivals, whose number is Poisson,
    c + 3·√c is exceeded about once in a thousand; all requests of a burst fly together.
    """
    asked = option.setup.asked
    flying = (asked.level or 0.0) * asked.traffic.peak * (costing.execution_s or 0.0)
    if asked.traffic.arrivals is Arrivals.POISSON:
        flying += SPREAD * sqrt(flying)
    flying = max(flying, asked.traffic.burst)
    return max(1, ceil(flying / costing.settings.slots - ROUND))
