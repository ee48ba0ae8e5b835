"""What workers spend on a stream of requests: busy, starting, idle.

A worker serves `slots` requests at once, takes `start_s` before its first one, and stops when it has been
idle for `idle_timeout_s`. Everything is a mean per second of the stream, so a number of workers: `busy` = 0.3
is 0.3 worker-seconds per second. All functions take a rate, or an array of rates.

Poisson arrivals: a request takes the idle worker that was used last, else starts one. The number N of
requests in hand is that of M/G/∞ with the load a = rate × service (M/M/n where workers are limited), and the
idle workers are a stack: the n-th is idle exactly while N < n. So it falls idle rate·π(n−1) times per second,
for P(N < n) / (rate·π(n−1)) on average. The gap is that of a birth-death process: with p = rate/(rate + ends)
the next event is an arrival, which closes it, else N falls further; it is taken as a mixture of two
exponentials with that p and the right mean. The worker stops with P(gap > T). A start holds its worker too:
the share of cold requests is the root of share = starts(service + share·start) / rate. For one worker with
one slot this is the M/G/1 queue with set-up and delayed stop, exactly: starts per second =
(1 − ρ) / (L + exp(qT)/q). Of rare requests a share exp(−qT) is cold, so that a longer timeout pays where
rate × start > 1.

References: Erlang (1917); Welch, Operations Research 12 (1964) 736 (waits with a set-up).
"""

from math import exp, log, sqrt
from typing import NamedTuple

from gpucost.calc.arrays import (
    Values,
    ceiling,
    choose,
    exponential,
    floor,
    largest,
    over_rows,
    smallest,
)

TINY = 1e-12
RARE = 1e-11
"""Probability of so many requests in hand, below which a worker is as good as never wanted, or always."""
NEVER = 1e-200
"""Times per second of what does not happen; it divides."""
ROOTS = 16
"""Steps towards the share of cold requests (Illinois method)."""
CLOSE = 1e-8
"""Precision of that share."""
SPREAD = 8.0
"""Standard deviations of the requests in hand that are looked at."""
FAINT = 30.0
"""Logarithm of the weight, below the largest one, from which on more requests in hand do not count."""
MOST_GROUPS = 1_000_000
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


def constant_wait_s(rate: float, service_s: float, servers: int) -> float:
    """Mean wait [s] of M/D/n, where every request takes the same time: about half of M/M/n.

    ½ · (1 + (1 − ρ)(n − 1)(√(4 + 5n) − 2) / (16ρn)) · W(M/M/n), ρ the load of one server; exact for n = 1,
    within 2 % from ρ = 0.5 on, and never above W(M/M/n). Reference: Cosmetatos, Operational Research
    Quarterly 26 (1975) 615.
    """
    wait = queue_wait_s(rate, service_s, servers)
    busy = rate * service_s / servers
    if busy >= 1 or servers == 1:
        return wait / 2
    bend = 1 + (1 - busy) * (servers - 1) * (sqrt(4 + 5 * servers) - 2) / (16 * busy * servers)
    return wait * min(bend / 2, 1.0)


def packed(rate: Values, workers: Workers) -> Flow:
    """Requests back to back on full workers: busy seconds alone, which no real traffic reaches."""
    load = rate * workers.service_s / workers.slots
    busy = smallest(load, load * 0 + float(workers.most))
    nothing = busy * 0
    kept = largest(workers.least - busy, nothing)
    return Flow(busy, kept, nothing, nothing, nothing, nothing, None, load > workers.most)


def poisson(rate: Values, workers: Workers) -> Flow:
    """Random arrivals at a mean `rate` [1/s]; see the head of this module.

    Exact for one worker with one slot. With several it lies between two simulated policies, a request that
    stays with the worker that it started and one that the first free worker takes, or within 7 % of one of
    them. Workers that are kept on lose what finds them busy to the others, which see random arrivals.
    """
    least, slots = workers.least, workers.slots
    if not least:
        return _scaled(rate, workers, _cold_share(rate, workers))
    full, levels = _levels(rate * workers.service_s, slots, min(workers.most, MOST_GROUPS))
    kept_busy = rate * 0 + min(full, least)
    for level in levels:
        inside = level.inside < least * slots
        kept_busy = kept_busy + over_rows(choose(inside, 1 - level.below, level.below * 0))
    nothing = rate * 0
    if least >= workers.most:
        saturated = rate * workers.service_s >= float(least * slots)
        idle = choose(saturated, nothing, least - kept_busy)
        return Flow(least - idle, idle, nothing, nothing, nothing, nothing, _wait(rate, workers), saturated)
    lost = nothing + 1
    for place in range(1, least * slots + 1):
        lost = rate * workers.service_s * lost / (place + rate * workers.service_s * lost)
    if slots == 1:
        kept_busy = rate * workers.service_s * (1 - lost)
    beyond = largest(rate * lost, TINY)
    rest = workers._replace(least=0, most=workers.most - least)
    found = _scaled(beyond, rest, _cold_share(beyond, rest))
    return found._replace(busy=found.busy + kept_busy, kept=least - kept_busy, wait_s=None)


def _cold_share(rate: Values, workers: Workers) -> Values:
    """Share of requests that start a worker, by the Illinois method."""
    share = low = rate * 0
    if workers.start_s == 0:
        return share
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
    return share


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
    return _scaled(rate, workers, share).starts / rate - share


class Level(NamedTuple):
    """One worker of the stack; of arrays a row per worker."""

    inside: Values
    """Requests in hand at which it is idle and one more would need it."""
    at: Values
    """P(N = inside)."""
    below: Values
    """P(N <= inside): it is idle."""


def _levels(load: Values, slots: int, most: int) -> tuple[int, list[Level]]:
    """Workers that are practically always busy, and those above them that requests in hand reach.

    N has weights load^n/n!, beyond all slots a geometric tail.
    """
    places = most * slots
    peak = _most(load)
    top = min(places, int(peak + SPREAD * sqrt(peak) + 2 * SPREAD))
    if not isinstance(load, (int, float)):
        return 0, _level_rows(load, slots, places, top)
    full = max(0, min(int(peak - SPREAD * sqrt(peak)), places - 1) // slots)
    logs, highest = [0.0], 0.0
    for count in range(full * slots + 1, top + 1):
        logs.append(logs[-1] + log(load / count))
        highest = max(highest, logs[-1])
        if logs[-1] < highest - FAINT:
            top = count
            break
    weights = [exp(each - highest) for each in logs]
    whole = sum(weights)
    if top == places:
        whole += weights[-1] * load / (places - load) if load < places else float("inf")
        weights.pop()
    found, below = [], 0.0
    for count, weight in enumerate(weights, full * slots):
        below += weight
        if count % slots == 0:
            found.append(Level(float(count), weight / whole, below / whole))
    return full, found


def _level_rows(load: Values, slots: int, places: int, top: int) -> list[Level]:
    """The same for arrays."""
    import numpy as np

    counts = np.arange(0.0, top + 1)[:, None]
    steps = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, top + 1)))])[:, None]
    logs = counts * np.log(load) - steps
    weights = np.exp(logs - logs.max(axis=0))
    whole = weights.sum(axis=0)
    if top == places:
        with np.errstate(divide="ignore", invalid="ignore"):
            whole = whole + np.where(load < places, weights[-1] * load / (places - load), np.inf)
        counts, weights = counts[:-1], weights[:-1]
    below = np.cumsum(weights, axis=0)
    return [Level(counts[::slots], weights[::slots] / whole, below[::slots] / whole)]


def _scaled(rate: Values, workers: Workers, cold: Values) -> Flow:
    """Flow when no worker is kept on, and a share `cold` of the requests starts one each and holds it."""
    service, slots, timeout = workers.service_s, workers.slots, workers.idle_timeout_s
    most = min(workers.most, MOST_GROUPS)
    spent = service + cold * workers.start_s
    nothing = rate * 0
    starts, gaps, tail = nothing, nothing, nothing
    full, levels = _levels(rate * spent, slots, most)
    used = nothing + full
    for level in levels:
        if isinstance(level.at, float) and level.at < RARE:
            used = used + 1 - level.below
            continue
        onsets = largest(rate * level.at, NEVER)
        either = rate + level.inside / spent  # the next arrival or end of a request, per second
        direct = rate / either
        long = largest((level.below / onsets - direct / either) / largest(1 - direct, TINY), TINY)
        soon, late = _beyond(timeout * either), _beyond(timeout / long)
        stops = direct * soon + (1 - direct) * late
        idle = direct * (1 - soon) / either + (1 - direct) * long * (1 - late)
        starts = starts + over_rows(onsets * stops)
        gaps = gaps + over_rows(largest(onsets * (idle - timeout * stops), onsets * 0))
        tail = tail + over_rows(onsets * timeout * stops)
        used = used + over_rows(1 - level.below)
    load_s = starts * workers.start_s
    room = float(most * slots)
    busy = smallest(rate * service, room) if slots == 1 else rate * service / slots
    if slots > 1:
        busy = smallest(largest(used - load_s, busy), float(most))
    on = busy + load_s + gaps + tail
    saturated = rate * spent >= room
    return Flow(busy, nothing, starts, gaps, tail, on, _wait(rate, workers), saturated)


def _beyond(times: Values) -> Values:
    """exp(−x), where x may be huge."""
    if isinstance(times, float):
        return exp(-times) if times < 700 else 0.0
    return exponential(-smallest(times, 700.0))


def _most(load: Values) -> float:
    return float(load if isinstance(load, (int, float)) else load.max())


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
    cold = _started_share(gap, cold_gap, workers.idle_timeout_s)
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


def _started_share(gap: Values, cold_gap: Values, timeout_s: float) -> Values:
    """Share of requests that start a worker: all, none, or every other one.

    After a cold start the gap is shorter by the start, so that the next request may find the worker idle.
    """
    return choose(gap <= timeout_s, gap * 0, choose(cold_gap > timeout_s, gap * 0 + 1, gap * 0 + 0.5))


def bursts(rate: Values, workers: Workers, size: float) -> Flow:
    """`size` requests at once, size/rate [s] apart, on as many workers as they need or there are. Exact.

    Each of w = min(most, size/slots) workers takes its equal share one after the other, `slots` at a time.
    Where that takes longer than the distance, further bursts run beside it on w workers each.
    """
    used = float(min(workers.most, -(-size // workers.slots)))
    spread, more = divmod(size, used)
    nothing = rate * 0
    each_most = -(-(spread + (1 if more else 0)) // workers.slots) * workers.service_s
    beside = largest(ceiling(each_most * rate / size), nothing + 1)  # bursts that overlap
    room = max(1.0, workers.most // used)
    saturated = beside > room
    beside = smallest(beside, nothing + room)
    interval = beside * size / largest(rate, TINY)  # of one group of workers
    busy, kept, starts, gaps, held, waited = (nothing,) * 6
    taken = nothing
    for count, each in ((more, spread + 1), (used - more, spread)):
        if not count:
            continue
        rounds, rest = divmod(each, workers.slots)
        took = -(-each // workers.slots) * workers.service_s
        total = count * beside
        always = smallest(largest(workers.least - taken, nothing), total)
        scaled = total - always
        taken = taken + total
        gap = largest(interval - took, nothing)
        cold_gap = largest(gap - workers.start_s, nothing)
        cold = _started_share(gap, cold_gap, workers.idle_timeout_s)
        stays = choose(cold == 0.5, cold_gap / 2, (1 - cold) * gap)
        busy = busy + total * smallest(took / interval, nothing + 1)
        kept = kept + always * gap / interval
        starts = starts + scaled * cold / interval
        gaps = gaps + scaled * stays / interval
        held = held + choose(cold == 0, scaled, nothing)
        turns = workers.slots * rounds * (rounds - 1) / 2 + rest * rounds
        waited = waited + count * (turns * workers.service_s + each * cold * workers.start_s)
    return Flow(
        busy=busy,
        kept=kept + largest(workers.least - taken, nothing),
        starts=starts,
        gaps=gaps,
        tail=starts * workers.idle_timeout_s,
        held=held,
        wait_s=waited / size,
        saturated=saturated,
    )
