"""Traffic as stretches of constant rate within a day, and the seconds that workers spend on it."""

from enum import StrEnum
from typing import NamedTuple

from gpucost.calc.arrays import Values, ceiling, choose, largest, smallest
from gpucost.calc.usage import TINY, Flow, Workers, bursts, packed, poisson, tabulated, uniform
from gpucost.units import DAY_S, HOURS_PER_DAY


class Arrivals(StrEnum):
    """How requests follow each other within a stretch."""

    PACKED = "packed"
    UNIFORM = "uniform"
    POISSON = "poisson"
    BURSTS = "bursts"


class Stretch(NamedTuple):
    """A part of every day at one rate: shares of the time and of the requests [0-1]."""

    of_time: float
    of_requests: float


class Traffic(NamedTuple):
    """A day's shape; `level` is requests per second averaged over all hours."""

    arrivals: Arrivals
    stretches: tuple[Stretch, ...] = (Stretch(1.0, 1.0),)
    burst: float = 1.0
    """Requests that come at once."""

    @property
    def peak(self) -> float:
        """Highest rate over the mean rate."""
        return max(each.of_requests / each.of_time for each in self.stretches)


def diurnal(*, peak_to_mean: float, hours: float, arrivals: Arrivals) -> Traffic:
    """`hours` of each day at `peak_to_mean` times the mean rate, the rest at one lower rate.

    Raises ValueError when the peak alone would hold more than all requests.
    """
    share = peak_to_mean * hours / HOURS_PER_DAY
    if not 0 < hours < HOURS_PER_DAY or peak_to_mean < 1 or share > 1:
        raise ValueError(
            f"{hours:g} hours at {peak_to_mean:g} times the mean hold {share:.0%} of the requests; "
            "peak × hours / 24 must be at most 1"
        )
    high = hours / HOURS_PER_DAY
    return Traffic(arrivals, (Stretch(high, share), Stretch(1 - high, 1 - share)))


def busy_hours(*, hours: float, arrivals: Arrivals) -> Traffic:
    """All requests within `hours` of each day, none in the rest."""
    high = hours / HOURS_PER_DAY
    if high >= 1:
        return Traffic(arrivals)
    return Traffic(arrivals, (Stretch(high, 1.0), Stretch(1 - high, 0.0)))


class Spent(NamedTuple):
    """Worker-seconds of a period."""

    requests: Values
    busy_s: Values
    kept_s: Values
    """Idle of workers that are kept on."""
    starts: Values
    gaps_s: Values
    tail_s: Values
    wait_s: Values | None
    """Mean wait of a request."""
    saturated: Values
    room_s: Values = float("inf")
    """Seconds of as many workers as there may be."""

    def paid_s(self, start_s: float) -> Values:
        """All seconds, starts of `start_s` [s] each included."""
        return self.busy_s + self.kept_s + self.starts * start_s + self.gaps_s + self.tail_s


def flow(traffic: Traffic, rate: Values, workers: Workers) -> Flow:
    """Means per second of one stretch at a rate [1/s], never more workers than there may be."""
    if traffic.arrivals is Arrivals.PACKED:
        found = packed(rate, workers)
    elif traffic.arrivals is Arrivals.UNIFORM:
        found = uniform(rate, workers)
    elif traffic.arrivals is Arrivals.BURSTS:
        found = bursts(rate, workers, traffic.burst)
    else:
        found = poisson(rate, workers) if isinstance(rate, (int, float)) else tabulated(rate, workers)
    most = float(workers.most)
    busy = smallest(found.busy, rate * 0 + most)
    beside = found.kept + found.starts * workers.start_s + found.gaps + found.tail
    share = smallest((most - busy) / largest(beside, TINY), rate * 0 + 1)
    return found._replace(
        busy=busy,
        kept=found.kept * share,
        starts=found.starts * share,
        gaps=found.gaps * share,
        tail=found.tail * share,
        held=smallest(found.held, rate * 0 + most),
    )


def spend(traffic: Traffic, level: Values, workers: Workers, *, period_s: float) -> Spent:
    """Worker-seconds at a mean `level` [requests/s] over a period [s].

    Workers that are on when a silent stretch begins idle out, and start again after it.
    """
    nothing = level * 0.0
    total = Spent(level * period_s, *(nothing,) * 5, nothing, level < 0)
    days = period_s / DAY_S
    waits: Values | None = nothing
    for index, each in enumerate(traffic.stretches):
        seconds = each.of_time * period_s
        if each.of_requests == 0:
            total = total._replace(kept_s=total.kept_s + workers.least * seconds)
            continue
        found = flow(traffic, level * (each.of_requests / each.of_time), workers)
        after = traffic.stretches[(index + 1) % len(traffic.stretches)]
        ends, outlasts = (days, nothing) if after.of_requests == 0 else (0.0, nothing)
        silence = after.of_time * DAY_S if after.of_requests == 0 else 0.0
        over = silence <= workers.idle_timeout_s  # the silence is too short to stop a worker
        held = found.held * ends
        outlasts = held * silence if over else nothing
        stopping = nothing if over else held
        total = Spent(
            total.requests,
            total.busy_s + found.busy * seconds,
            total.kept_s + found.kept * seconds,
            total.starts + found.starts * seconds + stopping,
            total.gaps_s + found.gaps * seconds + outlasts,
            total.tail_s + found.tail * seconds + stopping * workers.idle_timeout_s,
            None,
            total.saturated | found.saturated,
        )
        waits = None if waits is None or found.wait_s is None else waits + found.wait_s * each.of_requests
    return total._replace(wait_s=waits, room_s=workers.most * period_s)


def up_to(seconds: Values, step_s: float, least_s: float) -> Values:
    """Seconds rounded up to a step, and at least a minimum [s]."""
    found = seconds if step_s <= 0 else ceiling(seconds / step_s) * step_s
    return largest(found, seconds * 0 + least_s)


def rounded_s(
    traffic: Traffic, spent: Spent, billed_s: Values, *, step_s: float, least_s: float, lone_s: float = 0.0
) -> Values:
    """Seconds that rounding up to `step_s` and a minimum per life add to `billed_s` of the lives that ended.

    Lives of equal requests at equal distances are all alike and rounded exactly. Of random ones those with
    one request take `lone_s` [s] each and are rounded exactly too: a request is the last of its life with the
    probability starts / requests, and so the only one. The others gain half a step on average; the minimum
    is applied to their mean, a lower bound where they differ.
    """
    starts = largest(spent.starts, 1e-300)
    life = billed_s / starts
    if traffic.arrivals in (Arrivals.UNIFORM, Arrivals.BURSTS):
        extra = up_to(life, step_s, least_s) - life
    else:
        lone = smallest(spent.starts / largest(spent.requests, 1e-300), life * 0 + (1.0 if lone_s else 0.0))
        others = largest((life - lone * lone_s) / largest(1 - lone, TINY), life * 0)
        extra = lone * (up_to(lone_s, step_s, least_s) - lone_s)
        extra = extra + (1 - lone) * largest(step_s / 2 + life * 0, least_s - others)
    room = largest(spent.room_s - spent.kept_s - billed_s, spent.starts * 0)
    return choose(spent.starts > 0, smallest(extra * spent.starts, room), spent.starts * 0)


def needed(traffic: Traffic, level: Values, *, service_s: float, slots: int) -> Values:
    """Fewest always-on workers that carry the busiest stretch: its load / slots, rounded up, at least 1."""
    return largest(ceiling(level * traffic.peak * service_s / slots), level * 0 + 1.0)
