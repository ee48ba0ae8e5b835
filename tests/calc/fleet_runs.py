"""Requests and fleets for tests of the loops, and both loops behind one call."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st

from gpucost.calc.event_loop import EventLoop
from gpucost.calc.fleet import FOREVER, Fleet, Life, Lives, Starts, Totals
from gpucost.calc.ordered_loop import OrderedLoop
from gpucost.calc.percentiles import Floats
from gpucost.domain.scaling import Binding, Policy, Routing

STEP = 1 / 8
"""Times that are multiples of it add up exactly, and often meet."""
FINE = 2.0**-20


class Recorded(Lives):
    """Sums over lives that remember them."""

    def __init__(self, free_s: float = 0.0, rounding_s: float = 0.0, least_s: float = 0.0) -> None:
        super().__init__(free_s, rounding_s, least_s)
        self.all: list[Life] = []

    def add(self, lives: Sequence[Life]) -> None:
        self.all.extend(lives)
        super().add(lives)


class Ran(NamedTuple):
    """What a loop did with requests."""

    wait_s: Floats
    """In the order of the arrivals, without rejected requests."""
    run_s: Floats
    places: list[int]
    """Of these requests among all arrivals."""
    totals: Totals
    lives: Recorded


Loop: TypeAlias = type[OrderedLoop] | type[EventLoop]
LOOPS: tuple[Loop, ...] = (OrderedLoop, EventLoop)


def run(
    kind: Loop,
    fleet: Fleet,
    at: Floats,
    work: Floats,
    *,
    cuts: Sequence[int] = (),
    until_s: float | None = None,
    lives: Recorded | None = None,
    shared: bool = False,
) -> Ran:
    """Feeds requests in chunks that end at `cuts`; `shared` takes the path of shared workers in any case."""
    lives = Recorded(fleet.starts.free_s) if lives is None else lives
    loop = kind(fleet, lives, np.random.default_rng(5))
    if isinstance(loop, EventLoop) and shared:
        loop._shared = True
    edges = [0, *sorted(min(each, len(at)) for each in cuts), len(at)]
    parts = [loop.feed(at[a:b], work[a:b]) for a, b in pairwise(edges)]
    end = float(at[-1]) if until_s is None else until_s
    if isinstance(loop, EventLoop):
        rest, totals = loop.finish(end)
        parts.append(rest)
    else:
        totals = loop.finish(end)
    index = np.concatenate([part.index for part in parts])
    order = np.argsort(index, kind="stable")
    waits = np.concatenate([part.wait_s for part in parts])[order]
    runs = np.concatenate([part.run_s for part in parts])[order]
    return Ran(waits, runs, index[order].tolist(), totals, lives)


class Requests(NamedTuple):
    """Arrivals and their work [s]."""

    at: Floats
    work: Floats


def steps(high: int, low: int = 0) -> st.SearchStrategy[float]:
    """Multiples of STEP up to `high` [s]."""
    return st.integers(low, round(high / STEP)).map(lambda n: n * STEP)


@st.composite
def requests(draw: st.DrawFn, most: int = 60) -> Requests:
    """A few requests whose times often meet, now and then after a long pause."""
    gaps = draw(st.lists(steps(2) | steps(2) | steps(60), min_size=1, max_size=most))
    works = draw(st.lists(steps(8, 1), min_size=len(gaps), max_size=len(gaps)))
    return Requests(np.cumsum(gaps), np.array(works))


def apart(load: Requests) -> Requests:
    """The same, but for fractions of a second that keep events from meeting."""
    places = np.arange(len(load.at))
    return Requests(load.at + places * 2.0**-14, load.work + (1 + places * 7919 % 1009) * FINE)


def drawn(seed: int, count: int, *, rate: float, service_s: float) -> Requests:
    """Random requests on a grid so fine that they do not meet."""
    rng = np.random.default_rng(seed)
    gaps, works = rng.exponential(1 / rate, count), rng.exponential(service_s, count)
    return Requests(np.cumsum(np.round(gaps / FINE)) * FINE, np.ceil(works / FINE) * FINE)


@st.composite
def in_order_fleets(draw: st.DrawFn) -> Fleet:
    """Any fleet that both loops serve."""
    most = draw(st.integers(1, 6))
    policy = draw(st.sampled_from((Policy.EACH_REQUEST, Policy.QUEUE_DELAY, Policy.FIXED)))
    kept = most if policy is Policy.FIXED else draw(st.integers(0, most))
    bound = policy is Policy.EACH_REQUEST and draw(st.booleans())
    starts = Starts((draw(st.sampled_from((0.0, 0.25, 5.0, 30.0))),), draw(st.sampled_from((0.0, 1.0))))
    if bound and draw(st.booleans()):
        saved = draw(st.none() | st.just(0.5))
        starts = Starts((5.0, 0.5, 12.0), 1.0, saved, 20.0)
    fleet = Fleet(
        most=most,
        idle_timeout_s=draw(st.sampled_from((0.0, 0.5, 3.0, 20.0, FOREVER))),
        starts=starts,
        kept=kept,
        policy=policy,
        delay_s=draw(st.sampled_from((0.0, 0.5, 4.0))),
        routing=draw(st.sampled_from((Routing.MOST_RECENT, Routing.LEAST_RECENT))),
        binding=Binding.BOUND if bound else Binding.FIRST_FREE,
        timeout_s=draw(st.sampled_from((FOREVER, 4.0))),
    )
    assert fleet.in_order
    return fleet


@st.composite
def any_fleets(draw: st.DrawFn) -> Fleet:
    """Any fleet at all."""
    most = draw(st.integers(1, 6))
    policy = draw(st.sampled_from(tuple(Policy)))
    slots = draw(st.sampled_from((1, 2, 5)))
    kept = most if policy is Policy.FIXED else draw(st.integers(0, most))
    return Fleet(
        most=most,
        idle_timeout_s=draw(st.sampled_from((0.0, 0.5, 3.0, 20.0, FOREVER))),
        starts=Starts(
            draw(st.sampled_from(((0.0,), (5.0,), (0.5, 12.0)))), draw(st.sampled_from((0.0, 1.0)))
        ),
        kept=kept,
        slots=slots,
        speeds=draw(st.sampled_from(((), (1.0, 0.5, 0.25)))),
        policy=policy,
        delay_s=draw(st.sampled_from((0.0, 0.5, 4.0))),
        per_worker=draw(st.sampled_from((1.0, 2.5))),
        buffer=draw(st.integers(0, 2)),
        interval_s=draw(st.sampled_from((1.0, 7.5))),
        utilisation=draw(st.sampled_from((0.5, 1.0))),
        up_after_s=draw(st.sampled_from((0.0, 5.0))),
        down_after_s=draw(st.sampled_from((0.0, 10.0))),
        step=draw(st.integers(1, 2)),
        routing=draw(st.sampled_from(tuple(Routing))),
        binding=draw(st.sampled_from(tuple(Binding))),
        queue=draw(st.none() | st.integers(0, 3)),
        timeout_s=draw(st.sampled_from((FOREVER, 4.0625))),
        fails=policy is Policy.ALARM or draw(st.booleans()),
        retry_s=draw(st.sampled_from((1.0, 30.0))),
        tries=draw(st.sampled_from((1, 5, 1000))),
    )
