"""What workers spend on a stream of requests: busy, starting, idle.

A worker serves `slots` requests at once, takes `start_s` before its first one, and stops when it has been
idle for `idle_timeout_s`. Everything is a mean per second of the stream, so a number of workers: `busy` = 0.3
is 0.3 worker-seconds per second. All functions take a rate, or an array of rates.

Poisson arrivals: a request takes the first worker (in a fixed order) that has a free slot, as with routing to
the most recently used one. Of the offered load a = rate × service, the first n slots then carry
a·(1 − B(n)), B Erlang's loss formula; worker i carries A_i = a·(B((i−1)c) − B(ic)). What the last of all
workers would lose waits instead and fills the idle time of all in proportion, A_i + (c − A_i)·θ. The gaps
of a worker are exponential with the mean that its load implies, so it stops with probability exp(−T/gap)
and idles gap·(1 − exp(−T/gap)) per gap. A start holds a worker too: the share of cold requests is the root
of share = starts(service + share·start) / rate. For one worker with one slot this is the M/G/1 queue with
set-up and delayed stop, exactly: starts per second = (1 − ρ) / (L + exp(qT)/q).

References: Erlang (1917); Welch, Operations Research 12 (1964) 736 (waits with a set-up).
"""

from typing import NamedTuple

from gpucost.calc.arrays import (
    Values,
    choose,
    exponential,
    floor,
    largest,
    over_rows,
    smallest,
    together,
)

TINY = 1e-12
ROOTS = 16
"""Steps towards the share of cold requests (Illinois method)."""
CLOSE = 1e-8
"""Precision of that share."""
NEGLIGIBLE = 1e-6
"""Load that is left for further workers, below which they are not looked at."""
MOST_GROUPS = 4096
TABLE = 64
"""Rates at which many are interpolated."""


class Workers(NamedTuple):
    """How a deployment serves, starts and stops."""

    service_s: float
    """Of one request, at as many in flight as a worker has slots."""
    slots: int = 1
    start_s: float = 0.0
    idle_timeout_s: float = 0.0
    least: int = 0
    """Kept on, whatever comes."""
    most: int = MOST_GROUPS


class Flow(NamedTuple):
    """Means per second of a stream."""

    busy: Values
    """Workers with at least one request."""
    kept: Values
    """Idle among those that are kept on."""
    starts: Values
    gaps: Values
    """Idle, and used again."""
    tail: Values
    """Idle until they stop."""
    held: Values
    """On at the end of a stretch, and still to stop."""
    wait_s: Values | None
    """Mean wait of a request; None where no formula holds."""
    saturated: Values
    """More comes in than the most workers can serve."""


def erlang_b(load: float, servers: int) -> float:
    """Share of calls lost, load [erlang] offered to `servers`: B(k) = aB(k−1) / (k + aB(k−1)), B(0) = 1."""
    lost = 1.0
    for count in range(1, servers + 1):
        lost = load * lost / (count + load * lost)
    return lost


def erlang_c(load: float, servers: int) -> float:
    """Share of calls that wait, load [erlang] below `servers`: C = nB / (n − a(1 − B)); 1 from there on."""
    if load >= servers:
        return 1.0
    lost = erlang_b(load, servers)
    return servers * lost / (servers - load * (1 - lost))


def queue_wait_s(rate: float, service_s: float, servers: int) -> float:
    """Mean wait [s] of M/M/n: C·S / (n − a); infinite at or above capacity."""
    load = rate * service_s
    if load >= servers:
        return float("inf")
    return erlang_c(load, servers) * service_s / (servers - load)


def packed(rate: Values, workers: Workers) -> Flow:
    """Requests back to back on full workers: busy seconds alone, which no real traffic reaches."""
    busy = rate * workers.service_s / workers.slots
    nothing = busy * 0
    kept = largest(workers.least - busy, nothing)
    return Flow(busy, kept, nothing, nothing, nothing, nothing, None, busy > workers.most)


def poisson(rate: Values, workers: Workers) -> Flow:
    """Random arrivals at a mean `rate` [1/s]; see the head of this module.

    Exact for one worker with one slot. With several it is an approximation: simulated totals lie within a
    quarter of it where a worker is started for every request that finds none idle, mostly within 7 %; an
    autoscaler that counts the workers that are starting needs fewer.
    """
    if workers.start_s == 0 or workers.least >= workers.most:
        return _hunt(rate, workers, rate * 0)
    share = low = rate * 0
    high, side = rate * 0 + 1, rate * 0
    f_low, f_high = _excess(rate, workers, low), _excess(rate, workers, high)
    for _ in range(ROOTS):
        share = low + (high - low) * f_low / largest(f_low - f_high, TINY)
        found = _excess(rate, workers, share)
        if _most(found) < CLOSE and _most(-found) < CLOSE:
            break
        up = found > 0
        f_high = choose(
            up, choose(side > 0, f_high / 2, f_high), found
        )  # an end that stays twice counts half
        f_low = choose(up, found, choose(side < 0, f_low / 2, f_low))
        low, high = choose(up, share, low), choose(up, high, share)
        side = choose(up, side * 0 + 1, side * 0 - 1)
    return _hunt(rate, workers, share)


def tabulated(rate: Values, workers: Workers) -> Flow:
    """`poisson` for many rates: worked out at TABLE of them and interpolated between, per request.

    What is read off it says where to look; an answer is worked out at its own rate.
    """
    import numpy as np

    if rate.size <= TABLE:
        return poisson(rate, workers)
    knots = np.geomspace(rate.min(), rate.max(), TABLE)
    known, at = poisson(knots, workers), np.log(knots)
    place = np.log(rate)

    def read(values: Values) -> Values:
        return np.interp(place, at, values / knots) * rate

    return Flow(
        busy=read(known.busy),
        kept=read(known.kept),
        starts=read(known.starts),
        gaps=read(known.gaps),
        tail=read(known.tail),
        held=read(known.held),
        wait_s=None,
        saturated=rate * workers.service_s >= float(workers.most) * workers.slots,
    )


def _excess(rate: Values, workers: Workers, share: Values) -> Values:
    """Starts per request that a share of cold requests leads to, less that share."""
    return _hunt(rate, workers, share).starts / rate - share


class Carried(NamedTuple):
    """Load of ordered workers under Erlang's loss formula."""

    load: Values
    parts: list[Values]
    lost: Values
    """Share of requests that find all of them full."""
    filled: Values
    """Share of idle time that is filled when what would be lost waits instead."""


def _carried(load: Values, slots: int, most: int) -> Carried:
    lost, parts = load * 0 + 1, []
    for group in range(min(most, MOST_GROUPS)):
        before = lost
        for slot in range(1, slots + 1):
            lost = load * lost / (group * slots + slot + load * lost)
        parts.append(load * (before - lost))
        if _most(load * lost) < NEGLIGIBLE:
            break
    left = load * lost
    room = float(len(parts) * slots)
    filled = smallest(left / largest(room - load * (1 - lost), TINY), 1.0)
    return Carried(load, parts, lost, filled)


def _hunt(rate: Values, workers: Workers, cold: Values) -> Flow:
    """Flow when a share `cold` of the requests starts a worker each, and holds it meanwhile.

    Requests that workers which are starting delay come to the later ones, so that those see the load with the
    starts in it; the kept ones serve alone.
    """
    service, slots, timeout = workers.service_s, workers.slots, workers.idle_timeout_s
    spent = service + cold * workers.start_s
    found = _carried(rate * spent, slots, workers.most)
    nothing = rate * 0
    saturated = found.load >= float(len(found.parts) * slots)
    starts, gaps, tail, union = nothing, nothing, nothing, nothing
    for part in together(found.parts[workers.least :]):
        empty, gap = _idle(part, slots, spent)
        empty = choose(saturated, nothing, empty * (1 - found.filled))
        union = union + over_rows(1 - empty)
        stops = exponential(-smallest(timeout / gap, 700.0))
        onsets = empty / gap  # per second, over on and off: an off worker is empty too
        starts = starts + over_rows(onsets * stops)
        gaps = gaps + over_rows(onsets * (gap * (1 - stops) - timeout * stops))
        tail = tail + over_rows(onsets * timeout * stops)
    kept_busy = nothing
    if workers.least:
        alone = _carried(rate * service, slots, workers.most)
        for part in alone.parts[: workers.least]:
            kept_busy = kept_busy + 1 - _idle(part, slots, service)[0] * (1 - alone.filled)
        kept_busy = smallest(kept_busy, float(workers.least))
    load_s = starts * workers.start_s
    if slots == 1:
        busy = smallest(rate * service, float(min(workers.most, MOST_GROUPS)))
    else:
        busy = largest(kept_busy + union - load_s, rate * service / slots)
    on = largest(busy - kept_busy, nothing) + load_s + gaps + tail
    idle = workers.least - smallest(kept_busy, busy)
    return Flow(busy, idle, starts, gaps, tail, on, _wait(rate, workers), saturated)


def _most(load: Values) -> float:
    return float(load if isinstance(load, (int, float)) else load.max())


def _idle(carried: Values, slots: int, service_s: Values) -> tuple[Values, Values]:
    """Share of time without a request, and mean gap [s], of a worker that carries `carried` [erlang].

    It is taken as a group of slots that loses what it cannot serve: offered load α, α(1 − B(α)) = carried,
    P(0) = 1 / Σ α^k/k!, gap = service / α.
    """
    carried = largest(carried, TINY)
    if slots == 1:
        carried = smallest(carried, 1 - 1e-9)
        return 1 - carried, service_s * (1 - carried) / carried
    offered = carried
    for _ in range(8):
        lost = offered * 0 + 1
        for slot in range(1, slots + 1):
            lost = offered * lost / (slot + offered * lost)
        offered = carried / largest(1 - lost, 1e-6)
    term = offered * 0 + 1
    whole = term
    for slot in range(1, slots + 1):
        term = term * offered / slot
        whole = whole + term
    return 1 / whole, service_s / offered


def _wait(rate: Values, workers: Workers) -> Values | None:
    """Mean wait [s] of one worker with one slot and equal services: M/D/1 with set-up; None for others."""
    service, start = workers.service_s, workers.start_s
    if workers.most > 1 or workers.slots > 1:
        return None
    load = smallest(rate * service, 1 - 1e-9)
    queue = rate * service**2 / (2 * (1 - load))
    if workers.least:
        return queue
    stopped = exponential(-smallest(rate * workers.idle_timeout_s, 700.0))
    first, second = stopped * start, stopped * start**2
    return queue + (2 * first + rate * second) / (2 * (1 + rate * first))


def uniform(rate: Values, workers: Workers) -> Flow:
    """Requests at equal distances, 1/rate [s] apart. Exact while starts do not overlap arrivals.

    Between n and n+1 requests are in flight, n = floor(load). Workers below are always busy; the next one
    idles (1 − f)/rate per request, f the fraction of the load. It is kept when that is within the idle
    timeout, else every request starts a worker of its own.
    """
    warm_busy, warm_idle, gap = _steady(rate, workers, rate * workers.service_s)
    _, _, cold_gap = _steady(rate, workers, rate * (workers.service_s + workers.start_s))
    cold = _cold_share(gap, cold_gap, workers.idle_timeout_s)
    warm_on = warm_busy + warm_idle
    kept = largest(workers.least - warm_busy, rate * 0)
    cold = choose(warm_on <= workers.least, rate * 0, cold)
    idle = largest(warm_on - largest(warm_busy, workers.least + rate * 0), rate * 0)
    cold_busy = rate * workers.service_s
    busy = choose(cold > 0.75, cold_busy, warm_busy) if workers.slots > 1 else warm_busy
    starts = rate * cold
    between = choose(cold > 0.25, choose(cold < 0.75, largest(cold_gap, rate * 0) * rate / 2, rate * 0), idle)
    return Flow(
        busy=busy,
        kept=kept,
        starts=starts,
        gaps=between,
        tail=starts * workers.idle_timeout_s,
        held=choose(cold > 0, rate * 0, largest(warm_on - workers.least, rate * 0)),
        wait_s=cold * workers.start_s,
        saturated=rate * workers.service_s > workers.most * workers.slots,
    )


def _steady(rate: Values, workers: Workers, load: Values) -> tuple[Values, Values, Values]:
    """Workers busy, workers idle between requests, and the gap of the idle one [s], at equal distances."""
    load = smallest(load, float(workers.most * workers.slots))
    whole = floor(load)
    part = load - whole
    full = floor(whole / workers.slots)
    inside = whole - full * workers.slots  # requests in the last worker that never run out
    alone = choose(inside > 0, 1.0 + part * 0, part)
    idle = choose((inside > 0) | (part < TINY), part * 0, 1 - part)
    gap = choose((inside > 0) | (part < TINY), part * 0, (1 - part) / largest(rate, TINY))
    return full + alone, idle, gap


def _cold_share(gap: Values, cold_gap: Values, timeout_s: float) -> Values:
    """Share of requests that start a worker: all, none, or every other one.

    After a cold start the gap is shorter by the start, so that the next request may find the worker idle.
    """
    return choose(gap <= timeout_s, gap * 0, choose(cold_gap > timeout_s, gap * 0 + 1, gap * 0 + 0.5))


def bursts(rate: Values, workers: Workers, size: float) -> Flow:
    """`size` requests at once, size/rate [s] apart, on as many workers as they need or there are. Exact.

    Each of w = min(most, size/slots) workers takes its equal share one after the other, `slots` at a time.
    """
    used = float(min(workers.most, -(-size // workers.slots)))
    spread, more = divmod(size, used)
    interval = size / largest(rate, TINY)
    nothing = rate * 0
    busy, kept, starts, gaps, held = nothing, nothing, nothing, nothing, nothing
    saturated, taken, waited = nothing > 1, 0.0, nothing
    for count, each in ((more, spread + 1), (used - more, spread)):
        if not count:
            continue
        rounds, rest = divmod(each, workers.slots)
        took = -(-each // workers.slots) * workers.service_s
        always = min(max(workers.least - taken, 0.0), count)
        scaled = count - always
        taken += count
        gap = largest(interval - took, nothing)
        cold_gap = largest(gap - workers.start_s, nothing)
        cold = _cold_share(gap, cold_gap, workers.idle_timeout_s)
        stays = choose(cold == 0.5, cold_gap / 2, (1 - cold) * gap)
        busy = busy + count * smallest(took / interval, 1.0)
        kept = kept + always * gap / interval
        starts = starts + scaled * cold / interval
        gaps = gaps + scaled * stays / interval
        held = held + choose(cold == 0, scaled + nothing, nothing)
        saturated = saturated | (took > interval)
        turns = workers.slots * rounds * (rounds - 1) / 2 + rest * rounds
        waited = waited + count * turns * workers.service_s + scaled * each * cold * workers.start_s
    return Flow(
        busy=busy,
        kept=kept + max(0.0, workers.least - used),
        starts=starts,
        gaps=gaps,
        tail=starts * workers.idle_timeout_s,
        held=held,
        wait_s=waited / size,
        saturated=saturated,
    )
