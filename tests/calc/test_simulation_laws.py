"""What holds for any fleet and any requests: both loops alike, sums that close, brute force, days by hand.

Times are multiples of an eighth of a second, so that sums are exact and events often meet.
"""

from heapq import heapreplace
from itertools import accumulate, pairwise
from math import ceil, inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucost.calc import fleet as fleets
from gpucost.calc import simulation
from gpucost.calc.event_loop import EventLoop
from gpucost.calc.fleet import FOREVER, Fleet, Life, Lives, Starts, Turn
from gpucost.calc.idle_scan import best_timeouts, idle_gaps
from gpucost.calc.ordered_loop import OrderedLoop
from gpucost.calc.percentiles import Floats, quantiles
from gpucost.calc.simulation import Collector, Limit, Load, replay
from gpucost.domain.scaling import Binding, Policy, Routing
from tests.calc.fleet_runs import (
    LOOPS,
    Loop,
    Ran,
    Requests,
    any_fleets,
    apart,
    drawn,
    in_order_fleets,
    requests,
    run,
    steps,
)
from tests.calc.strategies import law

DAY = 86_400.0
CUTS = st.lists(st.integers(1, 60), max_size=3)


def fixed(count: int) -> Fleet:
    return Fleet(count, FOREVER, kept=count, policy=Policy.FIXED)


def arrays(*rows: tuple[float, float]) -> tuple[Floats, Floats]:
    """Arrivals and work [s]."""
    at, work = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    return at, work


def lives_of(ran: Ran) -> list[tuple[float, float, float]]:
    return sorted((each.began_s, each.start_s, each.end_s) for each in ran.lives.all)


def most_at_once(lives: list[Life]) -> int:
    """The most workers at one time; one that ends makes room for one that begins then."""
    moves = sorted([(each.end_s, -1) for each in lives] + [(each.began_s, 1) for each in lives])
    return max(accumulate(step for _, step in moves), default=0)


# Both loops


@settings(law, max_examples=200)
@given(in_order_fleets(), requests(), CUTS, CUTS)
def test_both_loops_do_the_same_however_requests_are_fed(
    fleet: Fleet, load: Requests, some: list[int], others: list[int]
) -> None:
    if 0 < fleet.kept < fleet.most:  # of a kept worker and another that are free at once, either may serve
        load = apart(load)
    ordered = run(OrderedLoop, fleet, *load, cuts=some)
    events = run(EventLoop, fleet, *load, cuts=others)
    assert ordered.places == events.places
    assert ordered.wait_s.tolist() == events.wait_s.tolist()
    assert ordered.run_s.tolist() == events.run_s.tolist()
    assert tuple(ordered.totals) == pytest.approx(tuple(events.totals), rel=1e-12, abs=1e-6)
    assert sum(end - began for began, _, end in lives_of(ordered)) == pytest.approx(
        sum(end - began for began, _, end in lives_of(events)), abs=1e-6
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("routing", [Routing.MOST_RECENT, Routing.LEAST_RECENT])
def test_both_loops_give_the_same_lives(routing: Routing, seed: int) -> None:
    """Where no two events meet, every worker lives the same life, one by one."""
    load = drawn(seed, 3000, rate=2.0, service_s=2.0)
    for fleet in (
        Fleet(7, 3.0, Starts((6.0,)), kept=1, routing=routing),
        Fleet(7, 3.0, Starts((6.0,)), routing=routing, policy=Policy.QUEUE_DELAY, delay_s=1.0),
        Fleet(7, 3.0, Starts((6.0, 0.5), 0.0, 1.5, 5.0), routing=routing, binding=Binding.BOUND),
    ):
        ordered, events = (run(kind, fleet, *load) for kind in LOOPS)
        assert lives_of(ordered) == lives_of(events)
        assert len(ordered.lives.all) > 20
        assert ordered.wait_s.tolist() == events.wait_s.tolist()


@settings(law, max_examples=100)
@given(any_fleets(), requests(), CUTS)
def test_the_size_of_a_chunk_does_not_matter(fleet: Fleet, load: Requests, cuts: list[int]) -> None:
    whole, parts = run(EventLoop, fleet, *load), run(EventLoop, fleet, *load, cuts=cuts)
    assert whole.wait_s.tolist() == parts.wait_s.tolist()
    assert (whole.places, whole.totals) == (parts.places, parts.totals)
    assert lives_of(whole) == lives_of(parts)


@pytest.mark.parametrize("policy", Policy)
def test_starts_drawn_at_random_are_the_same_for_equal_seeds(policy: Policy) -> None:
    kept = 3 if policy is Policy.FIXED else 0
    fleet = Fleet(9, 3.0, Starts((1.0, 7.0, 30.0)), policy=policy, kept=kept, routing=Routing.RANDOM, slots=2)
    load = drawn(7, 500, rate=2.0, service_s=2.0)
    first, second = (run(EventLoop, fleet, *load) for _ in range(2))
    assert first.wait_s.tolist() == second.wait_s.tolist()
    assert first.totals == second.totals


@pytest.mark.parametrize(
    "change",
    [
        {"slots": 2},
        {"policy": Policy.REQUEST_COUNT},
        {"policy": Policy.TARGET},
        {"routing": Routing.NEWEST},
        {"routing": Routing.RANDOM},
        {"starts": Starts((1.0, 2.0))},
        {"starts": Starts((1.0,), hit_s=0.5, memory_s=9.0)},
        {"policy": Policy.QUEUE_DELAY, "binding": Binding.BOUND},
        {"queue": 0},
        {"fails": True},
        {"turns": (Turn(0.0, 1.0, 1),)},
    ],
)
def test_what_can_be_ready_sooner_through_later_requests_is_not_served_in_order(
    change: dict[str, Any],
) -> None:
    fleet = Fleet(3, 5.0, Starts((1.0,)))
    assert fleet.in_order
    assert not fleet._replace(**change).in_order


# Sums


@settings(law, max_examples=100)
@given(any_fleets(), requests())
def test_nothing_is_lost_and_all_time_is_accounted_for(fleet: Fleet, load: Requests) -> None:
    ran = run(EventLoop, fleet, *load)
    totals, lives = ran.totals, ran.lives.all
    assert totals.requests == len(load.at)
    assert totals.served + totals.rejected == totals.requests
    assert len(ran.places) == len(set(ran.places)) == totals.served
    assert totals.waited == np.count_nonzero(ran.wait_s)
    assert (ran.wait_s >= 0).all()
    assert totals.starts == len(lives) == ran.lives.count
    assert totals.start_s == pytest.approx(sum(each.start_s for each in lives))
    assert totals.free_start_s == pytest.approx(sum(min(each.start_s, fleet.starts.free_s) for each in lives))
    end = max([float(load.at[-1]), *(load.at[ran.places] + ran.wait_s + ran.run_s).tolist()])
    kept = fleet.kept * end
    assert totals.on_s == pytest.approx(sum(each.end_s - each.began_s for each in lives) + kept, abs=1e-6)
    assert totals.kept_busy_s + totals.kept_s == pytest.approx(kept)
    parts = (totals.start_s, totals.busy_s, totals.kept_s, totals.gaps_s, totals.tail_s)
    assert min(parts) >= -1e-9
    assert totals.on_s == pytest.approx(sum(parts))
    assert totals.on_s - totals.free_start_s + totals.extra_s >= totals.busy_s - 1e-9
    if fleet.slots == 1:
        assert totals.busy_s == pytest.approx(ran.run_s.sum())
    else:
        work = float(np.minimum(load.work[ran.places], ran.run_s).sum())
        assert work / fleet.slots - 1e-6 <= totals.busy_s <= ran.run_s.sum() + 1e-6


@law
@given(in_order_fleets(), requests())
def test_the_sums_of_the_ordered_loop_close_too(fleet: Fleet, load: Requests) -> None:
    ran = run(OrderedLoop, fleet, *load)
    totals, lives = ran.totals, ran.lives.all
    assert ran.places == list(range(len(load.at)))
    assert totals.starts == len(lives)
    assert totals.waited == np.count_nonzero(ran.wait_s)
    assert totals.free_start_s == pytest.approx(sum(min(each.start_s, fleet.starts.free_s) for each in lives))
    end = float((load.at + ran.wait_s + ran.run_s).max())
    kept = fleet.kept * max(end, float(load.at[-1]))
    assert totals.on_s == pytest.approx(sum(each.end_s - each.began_s for each in lives) + kept, abs=1e-6)
    assert totals.kept_busy_s + totals.kept_s == pytest.approx(kept)
    assert totals.busy_s == pytest.approx(ran.run_s.sum())


@settings(law, max_examples=100)
@given(any_fleets(), requests())
def test_there_are_never_more_workers_than_allowed(fleet: Fleet, load: Requests) -> None:
    """Nor more requests in a worker than it has slots, nor more waiting than the queue has room for."""
    ran = run(EventLoop, fleet, *load)
    assert most_at_once(ran.lives.all) + fleet.kept <= max(fleet.most, fleet.kept)
    begins = load.at[ran.places] + ran.wait_s
    moves = sorted([(end, -1) for end in (begins + ran.run_s).tolist()] + [(at, 1) for at in begins.tolist()])
    assert max(accumulate(step for _, step in moves), default=0) <= fleet.most * fleet.slots
    assert ran.run_s.max(initial=0.0) <= fleet.timeout_s


@settings(law, max_examples=100)
@given(any_fleets(), requests())
def test_a_target_stays_between_the_kept_workers_and_the_most(fleet: Fleet, load: Requests) -> None:
    target = fleet._replace(policy=Policy.TARGET, fails=False, queue=None, kept=min(fleet.kept, fleet.most))
    ran = run(EventLoop, target, *load)
    assert ran.totals.rejected == 0
    assert most_at_once(ran.lives.all) + target.kept <= target.most
    assert ran.totals.kept_busy_s + ran.totals.kept_s >= target.kept * float(load.at[-1])


# Queues without starts and stops


def recursion(load: Requests, servers: int) -> list[float]:
    """Waits of FIFO G/G/c after Kiefer and Wolfowitz: when each worker is free, the earliest first."""
    free, waits = [0.0] * servers, []
    for at, work in zip(load.at.tolist(), load.work.tolist(), strict=True):
        begin = max(at, free[0])
        heapreplace(free, begin + work)
        waits.append(begin - at)
    return waits


def lindley(load: Requests) -> Floats:
    """Waits of one worker: how far the sum of work less time lies above its lowest value so far."""
    path = np.concatenate([[0.0], np.cumsum(load.work[:-1] - np.diff(load.at))])
    found: Floats = path - np.minimum.accumulate(path)
    return found


@law
@given(requests(), st.integers(1, 6), st.sampled_from(list(Routing)))
def test_fixed_workers_are_a_queue_in_the_order_of_arrival(
    load: Requests, servers: int, routing: Routing
) -> None:
    expected = recursion(load, servers)
    fleet = fixed(servers)._replace(routing=routing)
    for kind in LOOPS:
        assert run(kind, fleet, *load).wait_s.tolist() == expected
    warm = Fleet(servers, FOREVER, routing=routing)  # starts take no time, and nothing stops
    for kind in LOOPS:
        assert run(kind, warm, *load).wait_s.tolist() == expected
    if servers == 1:
        assert lindley(load).tolist() == expected


@pytest.mark.parametrize("kind", LOOPS)
def test_a_long_queue_is_lindleys(kind: Loop) -> None:
    load = drawn(3, 20_000, rate=0.95, service_s=1.0)
    assert run(kind, fixed(1), *load).wait_s.tolist() == lindley(load).tolist()


@law
@given(requests(), st.integers(1, 5))
def test_more_warm_workers_let_nobody_wait_longer(load: Requests, servers: int) -> None:
    few, more = (run(EventLoop, fixed(count), *load).wait_s for count in (servers, servers + 1))
    assert (more <= few).all()


@pytest.mark.parametrize("kind", LOOPS)
def test_more_workers_that_start_cold_can_let_requests_wait_longer(kind: Loop) -> None:
    """One worker is busy until 16 and warm for the third; of two, both are idle at 15 and gone at 16."""
    at, work = arrays((0, 5), (0, 1), (16.5, 1))
    waits = [run(kind, Fleet(most, 1.0, Starts((10.0,))), at, work).wait_s.tolist() for most in (1, 2)]
    assert waits == [[10.0, 15.0, 0.0], [10.0, 10.0, 10.0]]


@law
@given(requests())
def test_workers_that_start_at_once_and_never_stop_are_the_peak_of_requests(load: Requests) -> None:
    moves = sorted(
        [(end, -1) for end in (load.at + load.work).tolist()] + [(at, 1) for at in load.at.tolist()]
    )
    peak = max(accumulate(step for _, step in moves))
    for kind in LOOPS:
        ran = run(kind, Fleet(100, FOREVER), *load)
        assert ran.totals.starts == peak
        assert not ran.wait_s.any()
        assert ran.totals.end_s == float((load.at + load.work).max())


# Events at one time


@pytest.mark.parametrize("kind", LOOPS)
def test_a_worker_that_is_free_at_an_arrival_serves_it_as_the_one_used_last(kind: Loop) -> None:
    at, work = arrays((0, 1), (0, 2), (2, 5))
    ran = run(kind, Fleet(2, 1.5), at, work)
    assert ran.wait_s.tolist() == [0.0, 0.0, 0.0]
    assert lives_of(ran) == [(0.0, 0.0, 2.5), (0.0, 0.0, 8.5)]
    slow = run(kind, Fleet(2, 1.5, Starts((1.0,))), *arrays((0, 2), (3, 1)))
    assert (slow.wait_s.tolist(), slow.totals.starts) == ([1.0, 0.0], 1)
    third = run(kind, Fleet(3, 9.0), *arrays((0, 2), (0.5, 0.25), (1, 1.5), (2, 1)))
    assert (third.totals.starts, third.totals.gaps_s) == (2, 0.25)


@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize("routing", [Routing.MOST_RECENT, Routing.LEAST_RECENT])
def test_a_worker_whose_timeout_ends_at_an_arrival_serves_it(kind: Loop, routing: Routing) -> None:
    fleet = Fleet(2, 2.0, Starts((1.0,)), routing=routing)
    for later, starts in ((0.0, 1), (0.125, 2)):
        ran = run(kind, fleet, *arrays((0, 2), (5 + later, 1)))
        assert ran.wait_s.tolist() == [1.0, float(starts - 1)]
        assert ran.totals.starts == starts


@pytest.mark.parametrize("kind", LOOPS)
def test_a_worker_that_is_free_at_the_end_of_a_delay_spares_a_start(kind: Loop) -> None:
    fleet = Fleet(2, 9.0, Starts((1.0,)), policy=Policy.QUEUE_DELAY, delay_s=0.5)
    for earlier, starts in ((0.0, 1), (0.125, 2)):
        ran = run(kind, fleet, *arrays((0, 2), (2.5 - earlier, 1)))
        assert ran.wait_s.tolist() == [1.0, 0.5 + earlier]
        assert ran.totals.starts == starts


# Slots and shared workers


@law
@given(any_fleets(), requests())
def test_shared_workers_that_do_not_slow_down_are_independent_slots(fleet: Fleet, load: Requests) -> None:
    fleet = fleet._replace(speeds=(1.0,) * fleet.slots)
    alone, shared = run(EventLoop, fleet, *load), run(EventLoop, fleet, *load, shared=True)
    assert alone.wait_s.tolist() == shared.wait_s.tolist()
    assert alone.run_s.tolist() == shared.run_s.tolist()
    assert alone.places == shared.places
    assert alone.totals == shared.totals


@law
@given(requests(), st.integers(1, 5))
def test_a_shared_worker_loses_no_work(load: Requests, slots: int) -> None:
    """At speed 1/n it is busy as long as one that serves one request at a time."""
    fleet = fixed(1)._replace(slots=slots, speeds=tuple(1 / (1 + n) for n in range(slots)))
    ran, one = run(EventLoop, fleet, *load), run(EventLoop, fixed(1), *load)
    assert ran.totals.busy_s == pytest.approx(load.work.sum())
    ends = (np.sort(load.at + each.wait_s + each.run_s) for each in (ran, one))
    assert next(ends)[-1] == pytest.approx(next(ends)[-1])


def test_shared_workers_by_hand() -> None:
    """Alone to 1 s, two at half speed: the second ends at 2.75, and the first has 2.125 s of work left."""
    fleet = fixed(1)._replace(slots=2, speeds=(1.0, 0.5))
    at, work = arrays((0, 4), (1, 0.875), (2, 0.5))
    ran = run(EventLoop, fleet, at, work)
    # the third waits for a slot until then, and ends at 3.75; the first has 1.625 s left
    assert (ran.wait_s.tolist(), ran.run_s.tolist()) == ([0.0, 0.0, 0.75], [5.375, 1.75, 1.0])
    cut = run(EventLoop, fleet._replace(timeout_s=1.5), at, work)
    # the first is ended at 1.5; the second has 0.625 s left, 0.125 s at 2, and ends at 2.25
    assert (cut.wait_s.tolist(), cut.run_s.tolist()) == ([0.0, 0.0, 0.0], [1.5, 1.25, 0.625])
    assert cut.totals.timed_out == 1


def sharing(load: Requests, fleet: Fleet) -> tuple[list[float], list[float], int]:
    """Waits and runs of one shared worker, and how many are cut off, change by change."""
    waits, runs, cut = [0.0] * len(load.at), [0.0] * len(load.at), 0
    inside: dict[int, list[float]] = {}  # work left, and begin
    now, queue, coming = 0.0, list[int](), list(range(len(load.at)))
    while coming or queue or inside:
        speed = fleet.speeds[len(inside) - 1] if inside else 0.0
        ends = [(now + left / speed, place, 0) for place, (left, _) in inside.items()]
        ends += [(began + fleet.timeout_s, place, 1) for place, (_, began) in inside.items()]
        ends += [(float(load.at[coming[0]]), coming[0], 2)] if coming else []
        then, place, what = min(ends)
        for each in inside.values():
            each[0] -= (then - now) * speed
        now = then
        if what == 2:
            queue.append(coming.pop(0))
        else:
            cut += what
            runs[place] = now - inside.pop(place)[1]
        if queue and len(inside) < fleet.slots:
            waits[queue[0]] = now - float(load.at[queue[0]])
            place = queue.pop(0)
            inside[place] = [float(load.work[place]), now]
    return waits, runs, cut


@pytest.mark.parametrize("timeout", [FOREVER, 6.0])
@pytest.mark.parametrize("slots", [2, 8])
def test_shared_workers_are_as_brute_force_has_them(slots: int, timeout: float) -> None:
    speeds = tuple(1 / (1 + 0.4 * n) for n in range(slots))
    fleet = fixed(1)._replace(slots=slots, speeds=speeds, timeout_s=timeout)
    load = drawn(23, 2000, rate=1.1, service_s=1.5)
    ran = run(EventLoop, fleet, *load)
    waits, runs, cut = sharing(load, fleet)
    assert ran.wait_s == pytest.approx(np.array(waits), abs=1e-6)
    assert ran.run_s == pytest.approx(np.array(runs), abs=1e-6)
    assert ran.totals.timed_out == cut
    assert (cut > 50) == (timeout < FOREVER)


# Rounding, minimum and the workers over time


@st.composite
def life_lists(draw: st.DrawFn) -> list[Life]:
    found = []
    for _ in range(draw(st.integers(1, 30))):
        began, start, on = draw(steps(2000)), draw(steps(40)), draw(steps(500))
        found.append(Life(began, start, began + start + on))
    return found


@law
@given(life_lists(), st.sampled_from((0.0, 0.5, 1.0, 60.0)), st.sampled_from((0.0, 1.5, 60.0)), steps(20))
def test_rounding_and_minimum_are_paid_per_life(
    lives: list[Life], rounding: float, least: float, free: float
) -> None:
    sums = Lives(free, rounding, least)
    sums.add(lives[:7])
    sums.add(lives[7:])
    extra = 0.0
    for began, start, end in lives:
        billed = (end - began) - min(start, free)
        full = ceil(billed / rounding) * rounding if rounding else billed
        extra += max(full, least) - billed
    assert sums.extra_s == pytest.approx(extra, abs=1e-6)
    assert sums.count == len(lives)
    assert sums.start_s + sums.on_s == pytest.approx(sum(each.end_s - each.began_s for each in lives))


@pytest.mark.parametrize("longest", [200_000, 8])
@law
@given(life_lists(), st.integers(1, 29))
def test_the_workers_over_time_are_those_that_live(longest: int, lives: list[Life], cut: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleets, "LONGEST_TIMELINE", longest)
        sums = Lives(0.0)
        sums.add(lives[:cut])
        sums.add(lives[cut:])
    span = max(each.end_s for each in lives)
    found = sums.timeline(span)
    width = sums.width_s
    assert width == 60.0 if longest > 8 else span / width < 8
    assert found.sum() * width == pytest.approx(sum(each.end_s - each.began_s for each in lives), abs=1e-6)
    for window, mean in enumerate(found.tolist()):
        low, high = window * width, (window + 1) * width
        inside = sum(max(0.0, min(high, each.end_s) - max(low, each.began_s)) for each in lives)
        assert mean * width == pytest.approx(inside, abs=1e-6)


@law
@given(in_order_fleets(), requests())
def test_what_is_replayed_adds_up(fleet: Fleet, load: Requests) -> None:
    rng = np.random.default_rng(5)
    found = replay(fleet, [Load(*load)], until_s=None, rounding_s=1.0, least_s=30.0, rng=rng)
    totals = found.totals
    width, workers = found.window_s, np.array(found.workers)
    windows = max(1, ceil(max(totals.end_s, float(load.at[-1])) / 60.0))
    last = windows - (len(workers) - 1) * round(width / 60.0)
    sizes = np.full(len(workers), width)
    sizes[-1] = last * 60.0
    kept = fleet.kept * (windows * 60.0 - (totals.kept_s + totals.kept_busy_s) / max(fleet.kept, 1))
    assert float(workers @ sizes) == pytest.approx(totals.on_s + kept, abs=1e-6)
    assert found.floor_s == pytest.approx(load.work[load.work <= fleet.timeout_s].sum())
    ran = run(OrderedLoop, fleet, *load)
    extra = 0.0
    for began, start, end in lives_of(ran):
        billed = end - began - min(start, fleet.starts.free_s)
        extra += max(ceil(billed), 30.0) - billed
    assert totals.starts == len(ran.lives.all)
    assert totals.extra_s == pytest.approx(extra, abs=1e-6)


# Limits, failures, retries, targets and turns, by hand


def test_short_requests_between_looks_keep_the_last_worker() -> None:
    """One of 1 s every 7.5 s, never in hand when looked at, and an idle timeout of 30 s: one start."""
    at = np.linspace(1.0, 1.0 + 7.5 * 39, 40)
    fleet = Fleet(3, 30.0, Starts((0.5,)), policy=Policy.TARGET, interval_s=15.0)
    ran = run(EventLoop, fleet, at, np.linspace(1.0, 1.0, 40))
    assert ran.wait_s.tolist() == [0.5] + [0.0] * 39
    assert ran.totals.starts == 1


def test_a_queue_with_room_for_one_turns_the_rest_away() -> None:
    at, work = arrays((0, 2), (0.5, 2), (1, 2), (1.5, 2), (2.5, 2))
    ran = run(EventLoop, fixed(1)._replace(queue=1), at, work)
    assert (ran.places, ran.wait_s.tolist()) == ([0, 1, 4], [0.0, 1.5, 1.5])
    assert (ran.totals.rejected, ran.totals.served) == (2, 3)


def test_requests_that_were_turned_away_keep_no_limit() -> None:
    """Served with waits of 0, 1.5 and 1.5 s, and two of five are not."""
    at, work = arrays((0, 2), (0.5, 2), (1, 2), (1.5, 2), (2.5, 2))
    limits = (
        Limit("wait", 0.9, 2.0),
        Limit("wait", 0.5, 2.0),
        Limit("wait", None, 2.0),
        Limit("e2e", 0.5, 3.0),
    )
    found = replay(fixed(1)._replace(queue=1), [Load(at, work)], until_s=None, limits=limits)
    assert [each.share for each in found.kept] == [0.6, 0.6, 0.6, 0.2]
    assert [each.value_s for each in found.kept] == [1.5, 1.5, 1.0, 3.5]
    assert [each.met for each in found.kept] == [False, True, False, False]


@pytest.mark.parametrize("kind", LOOPS)
def test_the_execution_timeout_ends_requests_and_frees_workers(kind: Loop) -> None:
    at, work = arrays((0, 9), (1, 3), (1, 4))
    ran = run(kind, fixed(1)._replace(timeout_s=3.0), at, work)
    assert (ran.wait_s.tolist(), ran.run_s.tolist()) == ([0.0, 2.0, 5.0], [3.0, 3.0, 3.0])
    assert (ran.totals.timed_out, ran.totals.served, ran.totals.busy_s) == (2, 3, 9.0)


def test_requests_that_fail_come_again() -> None:
    """A start of 10 s, again every 4 s: failed at 0, 4 and 8, served at 12 for 2 s."""
    fleet = Fleet(3, 30.0, Starts((10.0,)), fails=True, retry_s=4.0)
    at, work = arrays((0, 2), (13, 2))
    ran = run(EventLoop, fleet, at, work)
    assert ran.wait_s.tolist() == [
        12.0,
        1.0,
    ]  # the worker is busy: a second one starts, the first is free sooner
    assert (ran.totals.retries, ran.totals.rejected, ran.totals.starts) == (3, 0, 2)
    given_up = run(EventLoop, fleet._replace(tries=3), at, work)
    assert (given_up.places, given_up.totals.retries, given_up.totals.rejected) == ([1], 2, 1)
    assert given_up.wait_s.tolist() == [0.0]


def test_an_alarm_starts_at_the_end_of_the_interval_in_which_requests_failed() -> None:
    """Failed at 5; a step of two at 60, up at 80; tried at 35, 65 and 95: served at 95."""
    fleet = Fleet(
        4, 100.0, Starts((20.0,)), policy=Policy.ALARM, interval_s=60.0, step=2, fails=True, retry_s=30.0
    )
    at, work = arrays((5, 1))
    ran = run(EventLoop, fleet, at, work)
    assert (ran.wait_s.tolist(), ran.totals.retries) == ([90.0], 3)
    assert [each.began_s for each in ran.lives.all] == [60.0, 60.0]


def test_a_target_follows_the_load_and_stops_after_its_time() -> None:
    """Four requests of 60 s from 0 on, two a worker: one is started at once, the other at the look at 10.

    Four are in hand to 65, two to 75. The mean of the last minute, every 5 s, is above 2 to 90, and asks for
    two workers; one of them stops when that is 30 s ago, the other after 100 s without a request.
    """
    fleet = Fleet(8, 100.0, Starts((5.0,)), slots=2, policy=Policy.TARGET, interval_s=10.0, down_after_s=30.0)
    at, work = arrays((0, 60), (0, 60), (0, 60), (0, 60))
    ran = run(EventLoop, fleet, at, work)
    assert ran.wait_s.tolist() == [5.0, 5.0, 15.0, 15.0]
    assert lives_of(ran) == [(0.0, 5.0, 130.0), (10.0, 5.0, 170.0)]


def test_workers_that_finish_their_last_requests_count_among_the_most() -> None:
    """Two workers with a long request each; one takes no more, and while it is there no third is started."""
    fleet = Fleet(2, 1000.0, slots=2, policy=Policy.TARGET, interval_s=5.0)
    at, work = arrays((0, 500), (0, 10), (0, 500), (0, 10), (200, 400), (200, 400))
    ran = run(EventLoop, fleet, at, work)
    assert ran.wait_s.tolist() == [0.0, 0.0, 5.0, 5.0, 0.0, 300.0]
    assert most_at_once(ran.lives.all) == 2


def test_a_daily_turn_holds_workers_and_comes_again() -> None:
    fleet = Fleet(5, 10.0, Starts((4.0,)), turns=(Turn(1000.0, 2000.0, 2),))
    at, work = arrays((1500, 1), (1500, 1), (1500, 1), (DAY + 1500, 1))
    ran = run(EventLoop, fleet, at, work, until_s=2 * DAY)
    # two are ready, of which one is free before a third is up at 1504; the one idle for longest stops
    assert ran.wait_s.tolist() == [0.0, 0.0, 1.0, 0.0]
    assert lives_of(ran) == [
        (1000.0, 4.0, 1511.0),
        (1000.0, 4.0, 2000.0),
        (1500.0, 4.0, 2000.0),
        (DAY + 1000, 4.0, DAY + 2000),
        (DAY + 1000, 4.0, DAY + 2000),
    ]


def test_a_turn_holds_no_more_than_allowed_and_lets_go_those_idle_for_longest() -> None:
    turns = (Turn(100.0, 1000.0, 1), Turn(200.0, 2000.0, 1))
    fleet = Fleet(5, 10.0, turns=turns, routing=Routing.LEAST_RECENT)
    at, work = arrays((300, 1))  # on the first, which has then been idle for less long
    ran = run(EventLoop, fleet, at, work, until_s=3000.0)
    assert lives_of(ran) == [(100.0, 0.0, 2000.0), (200.0, 0.0, 1000.0)]
    crowd = run(EventLoop, fleet._replace(turns=(Turn(100.0, 1000.0, 9),)), at, work, until_s=3000.0)
    assert lives_of(crowd) == [(100.0, 0.0, 1000.0)] * 5


def test_a_turn_that_begins_after_the_end_starts_nothing() -> None:
    fleet = Fleet(5, FOREVER, Starts((4.0,)), turns=(Turn(1000.0, 2000.0, 2),))
    at, work = arrays((10, 1))
    ran = run(EventLoop, fleet, at, work, until_s=500.0)
    assert lives_of(ran) == [(10.0, 4.0, 500.0)]
    # nor does one go on beyond the end
    during = run(EventLoop, fleet._replace(idle_timeout_s=5.0), at, work, until_s=1500.0)
    assert lives_of(during) == [(10.0, 4.0, 20.0), (1000.0, 4.0, 1500.0), (1000.0, 4.0, 1500.0)]


@pytest.mark.parametrize(
    ("fleet", "lives"),
    [
        (Fleet(4, 5.0, Starts((1.0,)), policy=Policy.REQUEST_COUNT), [(0.0, 1.0, 9.0), (1.0, 1.0, 10.0)]),
        (
            Fleet(4, 0.0, Starts((1.0,)), policy=Policy.REQUEST_COUNT, buffer=1),
            [(0.0, 1.0, 4.0), (0.0, 1.0, 4.0), (1.0, 1.0, 4.0)],
        ),
        (Fleet(4, FOREVER, Starts((1.0,)), policy=Policy.TARGET), [(0.0, 1.0, 600.0)]),
        (
            Fleet(4, 0.0, Starts((1.0,)), turns=(Turn(100.0, 200.0, 1),)),
            [(0.0, 1.0, 4.0), (1.0, 1.0, 5.0), (100.0, 1.0, 200.0)],
        ),
    ],
)
def test_workers_that_were_held_stop_when_nothing_holds_them(
    fleet: Fleet, lives: list[tuple[float, float, float]]
) -> None:
    at, work = arrays((0, 3), (1, 3))
    if fleet.policy is Policy.TARGET:
        work = work / 2
    assert lives_of(run(EventLoop, fleet, at, work, until_s=600.0)) == lives


def test_a_start_from_a_saved_worker_is_short_and_forgotten_in_time() -> None:
    """After g seconds with probability exp(−g/memory): here for gaps of 50 s and a memory of 100 s."""
    at, work = np.linspace(0.0, 3999 * 60.0, 4000), np.repeat(np.float64(1.0), 4000)
    fleet = Fleet(1, 0.0, Starts((8.0,), 2.0, 0.5, 100.0), binding=Binding.BOUND)
    for kind in LOOPS:
        ran = run(kind, fleet, at, work)
        hits = ran.wait_s == 0.5
        assert set(ran.wait_s.tolist()) == {0.5, 8.0}
        assert not hits[0]
        # from the end at 1.5 s after a hit, else 9 s, to the next arrival
        chance = np.exp(-np.where(hits[:-1], 58.5, 51.0) / 100.0)
        assert abs(hits[1:].sum() - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum())
        assert ran.totals.free_start_s == pytest.approx(2.0 * (~hits).sum() + 0.5 * hits.sum())


# Idle times of a stack


def stack(load: Requests, timeout: float = inf) -> tuple[list[float], int, float]:
    """Idle times, starts and paid idle time of workers of which the last used serves, one by one."""
    idle: list[float] = []
    busy: list[float] = []
    gaps, starts, paid = [], 0, 0.0
    for at, work in zip(load.at.tolist(), load.work.tolist(), strict=True):
        idle.extend(sorted(end for end in busy if end <= at))
        busy = [end for end in busy if end > at]
        if idle:
            gap = at - idle.pop()
            gaps.append(gap)
            starts += gap > timeout
            paid += min(gap, timeout)
        busy.append(at + work)
    return sorted(gaps), starts, paid


@law
@given(requests())
def test_idle_times_are_those_of_a_stack(load: Requests) -> None:
    assert idle_gaps(*load).tolist() == stack(load)[0]


@pytest.mark.parametrize("timeout", [0.5, 2.0, 10.0])
def test_idle_times_say_what_a_timeout_starts_and_pays(timeout: float) -> None:
    """As both loops do, where a start takes no time: beyond the first start of each worker."""
    load = drawn(17, 3000, rate=1.5, service_s=2.0)
    gaps = idle_gaps(*load)
    assert gaps.tolist() == stack(load)[0]
    never = run(OrderedLoop, Fleet(1000, FOREVER), *load).totals
    for kind in LOOPS:
        totals = run(kind, Fleet(1000, timeout), *load).totals
        assert totals.starts == never.starts + int((gaps > timeout).sum())
        paid = float(np.minimum(gaps, timeout).sum()) + never.starts * timeout
        assert totals.gaps_s + totals.tail_s == pytest.approx(paid)


@law
@given(st.sampled_from((2, 3, 5, 9, 17, 65, 257)), st.integers(0, 10**6), st.sampled_from((0.5, 5.0, 100.0)))
def test_the_best_timeouts_are_those_of_trying_all(size: int, seed: int, start: float) -> None:
    """A bill is lowest at the length of a gap; so many gaps are all among the 257 that are tried."""
    gaps = np.sort(np.random.default_rng(seed).exponential(20.0, size))

    def paid(timeout: float) -> float:
        return sum(gap if gap <= timeout * (1 + 1e-12) else timeout + start for gap in gaps.tolist())

    found = best_timeouts(gaps, start_s=start, count=4)
    costs = [paid(each) for each in found]
    assert costs[0] == pytest.approx(min(paid(gap) for gap in gaps.tolist()))
    assert all(low <= high * (1 + 1e-9) for low, high in pairwise(costs))
    assert len(set(found)) == len(found) == min(4, 257)


def test_without_idle_times_no_timeout_is_best() -> None:
    assert best_timeouts(idle_gaps(*arrays((0, 5), (1, 5))), start_s=1.0, count=3) == []


# Latencies


def split(load: Load, cuts: list[int]) -> list[Load]:
    edges = [0, *sorted(min(cut, len(load.at_s)) for cut in cuts), len(load.at_s)]
    return [Load(*(each[a:b] for each in load)) for a, b in pairwise(edges)]


@settings(law, max_examples=100)
@given(any_fleets(), requests(), CUTS, st.integers(0, 1000))
def test_latencies_are_those_of_each_request(
    fleet: Fleet, load: Requests, cuts: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, 5, len(load.at))
    prefill = load.work * 0.25
    limits = (
        Limit("wait", 0.9, 1.0),
        Limit("ttft", None, 2.0),
        Limit("e2e", 0.5, 4.0),
        Limit("tpot", 0.99, 1.0),
    )
    whole = Load(*load, prefill, tokens)
    found = replay(fleet, split(whole, cuts), until_s=None, limits=limits, rng=np.random.default_rng(5))
    ran = run(EventLoop, fleet, *load)
    served = np.array(ran.places, dtype=int)
    slowed = any(speed != 1.0 for speed in fleet.speeds)
    ended = ran.run_s < fleet.timeout_s if slowed or fleet.speeds else ran.run_s >= load.work[served]
    first = (ran.run_s * 0.25 * (load.work[served] > 0))[ended]
    several = tokens[served][ended] > 1
    expected: dict[str, Any] = {
        "wait": ran.wait_s,
        "e2e": (ran.wait_s + ran.run_s)[ended],
        "ttft": ran.wait_s[ended] + first,
        "tpot": (ran.run_s[ended] - first)[several] / (tokens[served][ended][several] - 1),
    }
    lost = found.totals.rejected + found.totals.timed_out
    assert set(found.latencies) == {name for name, values in expected.items() if len(values)}
    for name, latency in found.latencies.items():
        values = expected[name]
        shares = quantiles(values, (0.5, 0.9, 0.95, 0.99))
        assert tuple(latency) == pytest.approx((values.mean(), *shares, values.max()), rel=1e-9, abs=1e-9)
    for limit, kept in zip(limits, found.kept, strict=True):
        values = expected[limit.metric]
        if not len(values):
            assert kept.met == (lost == 0)
            continue
        able = ran.wait_s[ended] if limit.metric == "wait" else values
        asked = len(values) + (found.totals.rejected if limit.metric == "wait" else lost)
        assert kept.share == pytest.approx((able <= limit.limit_s * (1 + 1e-9)).sum() / asked)
        value = values.mean() if limit.share is None else quantiles(values, (limit.share,))[0]
        assert kept.value_s == pytest.approx(value)


def test_beyond_the_most_values_a_histogram_gives_percentiles_to_a_thousandth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = drawn(19, 20_000, rate=3.0, service_s=1.0)
    fleet = Fleet(6, 2.0, Starts((7.0,)))
    parts = split(Load(*load, load.work / 3, np.full(len(load.at), 5)), [5000, 10_000, 15_000])
    exact = replay(fleet, parts, until_s=None)
    monkeypatch.setattr(simulation, "MOST_KEPT", 7000)
    rough = replay(fleet, parts, until_s=None)
    assert (exact.exact, rough.exact) == (True, False)
    assert rough.totals == exact.totals
    for name in ("wait", "ttft", "tpot", "e2e"):
        right, found = exact.latencies[name], rough.latencies[name]
        assert tuple(found) == pytest.approx(tuple(right), rel=0.001)
        assert found.mean == pytest.approx(right.mean, rel=1e-12)
        assert found.max == right.max
    assert rough.latencies["e2e"] != exact.latencies["e2e"]


def test_rejected_requests_do_not_hold_back_what_is_remembered() -> None:
    fleet = Fleet(2, 5.0, Starts((1.0,)), queue=0)
    at = np.arange(4000) / 8
    work = np.ones(4000)
    loop, collector = EventLoop(fleet, Lives(0.0), np.random.default_rng(0)), Collector(())
    for first in range(0, 4000, 100):
        load = Load(at[first : first + 100], work[first : first + 100])
        collector.hold(first, load)
        collector.add(loop.feed(load.at_s, load.work_s))
    done, totals = loop.finish(500.0)
    collector.add(done)
    assert totals.rejected > 1000
    assert len(collector._held) == 1


def test_a_queue_of_none_still_wakes_the_first_worker() -> None:
    for policy in (Policy.EACH_REQUEST, Policy.REQUEST_COUNT, Policy.QUEUE_DELAY, Policy.TARGET):
        fleet = Fleet(2, 5.0, Starts((1.0,)), policy=policy, queue=0)
        ran = run(EventLoop, fleet, *arrays((0, 1), (3, 1)))
        assert (ran.totals.rejected, ran.totals.served) == (1, 1), policy
