"""Idle times of a stack of workers that start at once: what every timeout would cost, in one pass.

With no time for a start, worker n works exactly while n or more requests are in hand, whatever the timeout.
So its idle times are those between the end of one such time and the next, found by sorting arrivals and ends
by level and time. A timeout T pays min(gap, T) of each, and a start for each gap above T.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from gpucost.calc.simulation import Load


def idle_gaps(at_s: Any, work_s: Any) -> Any:
    """Idle times of all workers [s], sorted; arrivals at `at_s` run for `work_s` [s]."""
    times = np.concatenate([at_s, at_s + work_s])
    steps = np.concatenate([np.ones(len(at_s)), -np.ones(len(at_s))])
    order = np.lexsort((steps, times))  # at one time an end comes before an arrival
    times, steps = times[order], steps[order]
    levels = np.cumsum(steps) + (steps < 0)  # the worker that an event starts or ends to use
    order = np.argsort(levels, kind="stable")
    times, steps, levels = times[order], steps[order], levels[order]
    again = (steps[1:] > 0) & (steps[:-1] < 0) & (levels[1:] == levels[:-1])
    return np.sort((times[1:] - times[:-1])[again])


def gaps_of(loads: Iterable[Load], slots: int) -> Any:
    """`idle_gaps` of requests in chunks, each of which takes 1 / slots of a worker (an approximation)."""
    found = list(loads)
    at = np.concatenate([load.at_s for load in found])
    return idle_gaps(at, np.concatenate([load.work_s for load in found]) / slots)


def best_timeouts(gaps_s: Any, *, start_s: float, count: int) -> list[float]:
    """The `count` cheapest of some timeouts [s] when a start is paid for `start_s` [s], cheapest first.

    Paid for a timeout T: Σ min(gap, T) + start · #(gap > T), both read off the sorted gaps.
    """
    if not len(gaps_s):
        return []
    tried = np.unique(np.quantile(gaps_s, np.linspace(0, 1, 257)))
    below = np.searchsorted(gaps_s, tried, side="right")
    sums = np.concatenate([[0.0], np.cumsum(gaps_s)])
    longer = len(gaps_s) - below
    paid = sums[below] + longer * (tried + start_s)
    return [float(each) for each in tried[np.argsort(paid, kind="stable")[:count]]]
