"""How long a job takes with interruptions: by hand, against a simulation, and at the best interval."""

from __future__ import annotations

from itertools import pairwise
from math import exp, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.calc.training_time import Losses, best_interval_s, job_s
from tests.calc.strategies import law

HOUR, DAY = 3600.0, 86_400.0


class TestByHand:
    def test_nothing_is_lost_without_interruptions_and_checkpoints(self) -> None:
        assert job_s(10 * HOUR, Losses()) == 10 * HOUR
        assert job_s(10 * HOUR, Losses(checkpoint_s=300.0, restart_s=600.0)) == 10 * HOUR

    def test_checkpoints_cost_their_share_of_an_interval(self) -> None:
        """A minute in every half hour of work: 10 h take 10 h 20 min."""
        losses = Losses(checkpoint_s=60.0, interval_s=1800.0)
        assert job_s(10 * HOUR, losses) == pytest.approx(10 * HOUR + 20 * 60)

    def test_interruptions_cost_half_an_interval_and_a_restart(self) -> None:
        """T = 10 h x (1 + 1/30) / (1 - (15 + 10) min / 5 h): 10.333 h / 0.91667 = 11.2727 h."""
        losses = Losses(
            checkpoint_s=60.0, interval_s=1800.0, interruptions_per_s=1 / (5 * HOUR), restart_s=600.0
        )
        assert job_s(10 * HOUR, losses) == pytest.approx(10.333_333 / (1 - 25 / 300) * HOUR, rel=1e-6)

    def test_the_interval_of_young(self) -> None:
        """Two minutes to write, one interruption in 4 days: every 3 h 35 min."""
        assert best_interval_s(checkpoint_s=120.0, interruptions_per_s=1 / (4 * DAY)) == pytest.approx(
            sqrt(2 * 120 * 4 * DAY)
        )
        losses = Losses(checkpoint_s=120.0, interruptions_per_s=1 / (4 * DAY), restart_s=600.0)
        chosen = losses._replace(interval_s=sqrt(2 * 120 * 4 * DAY))
        assert job_s(30 * DAY, losses) == job_s(30 * DAY, chosen)

    def test_checkpoints_that_cost_nothing_leave_the_restarts(self) -> None:
        losses = Losses(interruptions_per_s=1 / HOUR, restart_s=360.0)
        assert job_s(9 * HOUR, losses) == pytest.approx(10 * HOUR)

    def test_a_job_shorter_than_its_interval_is_written_once_and_redone_by_half(self) -> None:
        losses = Losses(checkpoint_s=60.0, interval_s=DAY, interruptions_per_s=1 / (10 * HOUR))
        assert job_s(HOUR, losses) == pytest.approx((HOUR + 60) / (1 - 0.05))


class TestTooManyInterruptions:
    def test_restarts_that_take_as_long_as_the_time_between(self) -> None:
        assert job_s(HOUR, Losses(60.0, None, 1 / 600, 600.0)) is None

    def test_intervals_twice_as_long_as_the_time_between(self) -> None:
        assert job_s(DAY, Losses(1.0, 2 * HOUR, 1 / HOUR, 0.0)) is None
        assert job_s(DAY, Losses(1.0, 1.9 * HOUR, 1 / HOUR, 0.0)) is not None


def simulated_s(work_s: float, losses: Losses, interval_s: float, seed: int) -> float:
    """A job with interruptions at random times: work since the last checkpoint is lost each time [s]."""
    random = Random(seed)
    now = done = 0.0
    strikes = random.expovariate(losses.interruptions_per_s)
    while done < work_s:
        piece = min(interval_s, work_s - done)
        ends = now + piece + losses.checkpoint_s
        if strikes < ends:
            now = strikes + losses.restart_s
            # a machine that is starting is not interrupted, as the formula has it
            strikes = now + random.expovariate(losses.interruptions_per_s)
        else:
            now, done = ends, done + piece
    return now


@pytest.mark.parametrize(
    ("per_day", "checkpoint_s", "interval_s", "restart_s"),
    [
        (1.0, 60.0, 1800.0, 600.0),
        (2.0, 120.0, 3600.0, 300.0),
        (6.0, 30.0, 1200.0, 900.0),
        (0.5, 600.0, 4 * HOUR, 1800.0),
        (4.0, 60.0, None, 600.0),
    ],
)
def test_a_simulation_of_interruptions(
    per_day: float, checkpoint_s: float, interval_s: float | None, restart_s: float
) -> None:
    """Within 2 %: the formula leaves out interruptions of writing and of work that is done again."""
    work_s = 5 * DAY
    losses = Losses(checkpoint_s, interval_s, per_day / DAY, restart_s)
    interval = interval_s or best_interval_s(checkpoint_s=checkpoint_s, interruptions_per_s=per_day / DAY)
    mean = sum(simulated_s(work_s, losses, interval, seed) for seed in range(300)) / 300
    found = job_s(work_s, losses)
    assert found is not None
    assert found == pytest.approx(mean, rel=0.02)
    assert found > work_s * (1 + checkpoint_s / interval)


@pytest.mark.parametrize("per_day", [0.2, 1.0, 5.0])
def test_no_interval_beats_the_best_one_by_much(per_day: float) -> None:
    """Young's is the optimum of first order: others gain less than a thousandth, far ones lose more."""
    losses = Losses(checkpoint_s=60.0, interruptions_per_s=per_day / DAY, restart_s=300.0)
    best = best_interval_s(checkpoint_s=60.0, interruptions_per_s=per_day / DAY)
    least = job_s(10 * DAY, losses)
    assert least is not None
    for factor in (0.1, 0.25, 0.5, 0.8, 0.95, 1.05, 1.25, 2.0, 4.0, 10.0):
        other = job_s(10 * DAY, losses._replace(interval_s=factor * best))
        assert other is not None
        assert other > least * (1 - 1e-3)
        if factor <= 0.25 or factor >= 4:
            assert other > least * 1.005


def test_the_best_interval_is_near_that_of_random_interruptions() -> None:
    """The exact mean of exponential interruptions (Daly 2006, equation 20) has its minimum there too."""
    checkpoint_s, rate = 60.0, 2 / DAY

    def exact(interval_s: float) -> float:
        return (exp(rate * (interval_s + checkpoint_s)) - 1) / rate / interval_s

    found = min(range(300, 20_000, 20), key=exact)
    best = best_interval_s(checkpoint_s=checkpoint_s, interruptions_per_s=rate)
    assert found == pytest.approx(best, rel=0.05)


LOSSES = st.builds(
    Losses,
    checkpoint_s=st.floats(0, 600),
    interval_s=st.none() | st.floats(60, 1e5),
    interruptions_per_s=st.just(0.0) | st.floats(1e-8, 1e-4),
    restart_s=st.floats(0, 3600),
)


@law
@given(st.floats(1.0, 1e8), LOSSES)
def test_a_job_never_takes_less_than_its_work(work_s: float, losses: Losses) -> None:
    found = job_s(work_s, losses)
    assert found is None or found >= work_s


@law
@given(st.floats(1.0, 1e8), LOSSES)
def test_more_losses_never_take_less(work_s: float, losses: Losses) -> None:
    interval_s = losses.interval_s or HOUR
    for name in ("restart_s", "checkpoint_s", "interruptions_per_s"):
        sizes = [
            job_s(work_s, losses._replace(interval_s=interval_s, **{name: factor * getattr(losses, name)}))
            for factor in (0.5, 1.0, 2.0, 4.0)
        ]
        known = [size for size in sizes if size is not None]
        assert sizes[: len(known)] == known  # once hopeless, more losses do not help
        assert all(before <= after * (1 + 1e-12) for before, after in pairwise(known))


@law
@given(st.floats(1.0, 1e7), LOSSES, st.floats(1.0, 10.0))
def test_more_work_never_takes_less(work_s: float, losses: Losses, times: float) -> None:
    here, there = job_s(work_s, losses), job_s(work_s * times, losses)
    if there is not None:
        assert here is not None
        assert there >= here * (1 - 1e-12)
