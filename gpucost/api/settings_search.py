"""The cheapest setting of a deployment that keeps every limit: tried one by one, all simulated."""

from collections.abc import Iterable, Mapping
from itertools import product
from math import ceil

from gpucost.api.fleets import UNLIMITED
from gpucost.api.simulated_bill import Case, usd_of
from gpucost.api.simulation_answers import point_of
from gpucost.api.simulation_asked import Asked
from gpucost.api.simulation_runs import Runs
from gpucost.calc.fleet import FOREVER, Fleet
from gpucost.calc.idle_scan import best_timeouts, gaps_of
from gpucost.calc.replication import load_of, requests
from gpucost.calc.simulation import Replayed
from gpucost.domain.scaling import Policy
from gpucost.domain.simulated import Setting
from gpucost.errors import UnknownNameError, UsageError

WORDS = ("idle-timeout", "min-workers", "max-workers")
TIMEOUTS_S = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
PROPOSED = 4
ROUNDS = 4
ROOM = 1.5
"""Kept workers are tried up to this many times what the busiest minute needs."""
STEPS = 7
"""Numbers of workers that are tried at first, from the least to the most that may make sense."""
NEAR = 3
"""Then these many numbers on both sides of the best one."""
SCANNED = 2_000_000
"""Requests up to which timeouts are proposed from all idle times at once."""


def search(asked: Asked, case: Case, words: str, runs: Runs) -> tuple[tuple[Setting, ...], Setting | None]:
    """All settings that were tried, cheapest first, and the best one. Raises UsageError."""
    names = [word.strip() for word in words.split(",") if word.strip()]
    for name in names:
        if name not in WORDS:
            raise UnknownNameError("--optimise", name, WORDS)
    if not names:
        raise UsageError(f"--optimise names settings to search: {', '.join(WORDS)}")
    if case.always_on or case.baseline is not None:
        raise UsageError(f"--optimise searches settings of workers that scale, not of {case.label}")
    base = case.fleet
    if base.policy is Policy.FIXED:
        raise UsageError("--optimise has nothing to search with --scaler fixed")
    first = runs.run([point_of(asked, case, base, (runs.seed, 0))])[0]
    if first is None:
        return (), None
    tried: dict[Fleet, Setting] = {}
    fleets = _fleets(asked, case, base, names, first)
    for _ in range(ROUNDS):
        done = runs.run([point_of(asked, case, fleet, (runs.seed, 0)) for fleet in fleets])
        for fleet, replayed in zip(fleets, done, strict=True):
            if replayed is not None:
                tried[fleet] = _setting(asked, case, fleet, replayed)
        fleets = [each for each in _nearer(names, tried) if each not in tried]
        if not fleets or runs.interrupted:
            break
    found = sorted(tried.values(), key=_order)
    marked, quickest = [], float("inf")
    for each in found:
        better = each.latency_s is not None and each.latency_s < quickest and each.total_usd is not None
        quickest = min(quickest, each.latency_s if better and each.latency_s is not None else quickest)
        marked.append(each._replace(on_frontier=better))
    return tuple(marked), next(iter(_able(marked)), None)


def _order(one: Setting) -> tuple[bool, float, float]:
    """Cheapest first, of equal ones the quickest."""
    return one.total_usd is None, one.total_usd or 0.0, one.latency_s or 0.0


def _able(found: Iterable[Setting]) -> list[Setting]:
    """Settings that keep every limit and leave no more requests than any other does, cheapest first."""
    able = [each for each in found if each.meets_slo and each.total_usd is not None]
    least = min((each.unserved for each in able), default=0)
    return sorted((each for each in able if each.unserved == least), key=_order)


def _nearer(names: list[str], tried: Mapping[Fleet, Setting]) -> list[Fleet]:
    """Fleets with numbers of workers next to the best setting so far, or else to the quickest."""
    settings = {setting: fleet for fleet, setting in tried.items()}
    able = _able(settings) or sorted(settings, key=lambda each: each.latency_s or 0.0)
    centre = settings[able[0]]
    least, most = [centre.kept], [centre.most]
    if "min-workers" in names:
        least = [each for each in range(centre.kept - NEAR, centre.kept + NEAR + 1) if each >= 0]
    if "max-workers" in names and centre.most < UNLIMITED:
        most = [each for each in range(centre.most - NEAR, centre.most + NEAR + 1) if each >= 1]
    timeouts = sorted({fleet.idle_timeout_s for fleet in tried})
    at = timeouts.index(centre.idle_timeout_s)
    return [
        centre._replace(idle_timeout_s=timeout, kept=low, most=high)
        for timeout, low, high in product(timeouts[max(0, at - 1) : at + 2], least, most)
        if low <= high
    ]


def _fleets(asked: Asked, case: Case, base: Fleet, names: list[str], first: Replayed) -> list[Fleet]:
    """Fleets with every combination of the settings that are searched."""
    load = first.totals.busy_s / asked.arriving.made.span_s
    busiest = ceil(asked.arriving.peak_per_s * case.served.mean_s / base.slots)
    timeouts = [base.idle_timeout_s]
    if "idle-timeout" in names:
        low, high = _settable(case)
        tried = [*TIMEOUTS_S, *_proposed(asked, case, base)]
        timeouts += [min(max(each, low), high) for each in tried]
    least = [base.kept]
    if "min-workers" in names:
        least += _spread(0, max(2, ceil(load) + 1, ceil(ROOM * busiest)))
    most: list[int] = [base.most]
    if "max-workers" in names:
        most += _spread(max(1, ceil(load)), max(2, first.totals.peak))
    found = {
        base._replace(idle_timeout_s=timeout, kept=low, most=high): None
        for timeout, low, high in product(sorted(set(timeouts)), sorted(set(least)), sorted(set(most)))
        if low <= high
    }
    return list(found)


def _settable(case: Case) -> tuple[float, float]:
    """Idle timeouts that the product allows [s]. Raises UsageError where it sets them itself."""
    found = case.costing.rule.find("idle_timeout_s", case.costing.gpu)
    if found is None or found[1].low == found[1].high:
        return 0.0, FOREVER
    if not found[1].settable:
        raise UsageError(f"--optimise idle-timeout: {case.costing.rule.product} does not let you set it")
    return found[1].low, found[1].high


def _spread(low: int, high: int) -> list[int]:
    """At most STEPS whole numbers between two, both included."""
    steps = min(STEPS, high - low + 1)
    if steps <= 1:
        return [low]
    return sorted({round(low + (high - low) * index / (steps - 1)) for index in range(steps)})


def _proposed(asked: Asked, case: Case, base: Fleet) -> list[float]:
    """Timeouts that would be cheapest if starts took no time."""
    arriving = asked.arriving
    if arriving.stream is not None or arriving.requests > SCANNED:
        return []
    chunks = requests(arriving.shared, arriving.made, (0, 0))
    gaps = gaps_of((load_of(each, case.served.service) for each in chunks), base.slots)
    start = case.costing.clock().billed_start_s
    return [round(each, 1) for each in best_timeouts(gaps, start_s=start, count=PROPOSED) if each >= 0.1]


def _setting(asked: Asked, case: Case, fleet: Fleet, replayed: Replayed) -> Setting:
    own = case._replace(fleet=fleet)
    wait = replayed.latencies.get("wait")
    latency = replayed.kept[0].value_s if replayed.kept else None if wait is None else wait.p95
    return Setting(
        fleet.idle_timeout_s,
        fleet.kept,
        None if fleet.most >= UNLIMITED else fleet.most,
        usd_of(own, replayed.totals, asked.period, asked.factor),
        latency,
        all(each.met for each in replayed.kept),
        replayed.totals.starts,
        replayed.totals.unserved,
        False,
    )
