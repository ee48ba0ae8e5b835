"""What the options of a plan cost by the month: deployments and settings, each billed by its own rules."""

from collections.abc import Callable, Iterable
from math import ceil, exp, inf
from typing import NamedTuple

from gpucost.api.bill_made import bill_of
from gpucost.api.bill_setup import Setup
from gpucost.api.billed import Costing, Settings
from gpucost.api.deployments import Deployment, of_card
from gpucost.api.execution import Timed
from gpucost.api.flags import modes_of
from gpucost.api.plan_limits import broken_by_starts, start_fault, too_slow
from gpucost.api.plan_options import Option, Rejections
from gpucost.api.request import Slo
from gpucost.calc.bill_lines import total
from gpucost.calc.traffic import Arrivals
from gpucost.domain.billing import Bill
from gpucost.domain.offer import Billing
from gpucost.domain.rules import ProductKind, Rule
from gpucost.domain.scenario import Scenario
from gpucost.errors import UsageError

USUAL_BILLING = (Billing.FLEX, Billing.ACTIVE, Billing.ON_DEMAND, Billing.COMMUNITY)
"""What anybody can rent now without a commitment."""
IDLE_TIMEOUTS_S = (5.0, 30.0, 120.0, 600.0)
"""Tried where a product lets its user set it."""


class Costed(NamedTuple):
    """One deployment of an option with settings that keep the limits."""

    option: Option
    setup: Setup
    """With the settings of the plan."""
    costing: Costing
    timed: Timed
    bill: Bill

    @property
    def usd(self) -> float:
        """Of the month [USD]."""
        return inf if self.bill.total_usd is None else self.bill.total_usd

    @property
    def slots(self) -> int:
        """Requests at once on one worker."""
        return self.setup.settings.slots


class _Pair(NamedTuple):
    option: Option
    deployment: Deployment
    least_usd: float
    """No month of it can cost less."""


class Billed(NamedTuple):
    """All that was billed and keeps the limits, cheapest first."""

    found: list[Costed]
    billed: int


def billing_modes(scenario: Scenario) -> set[str]:
    """Billing modes that the scenario allows. Raises UsageError where it says two things of spot machines."""
    limits = scenario.constraints
    modes = {mode.value for mode in modes_of(limits.billing)}
    if Billing.SPOT.value in modes and not limits.spot:
        raise UsageError(
            f"scenario {scenario.name}: billing names spot, whose machines may be taken back: "
            "write spot: true beside it, or leave it out"
        )
    if modes:
        return modes
    usual = {mode.value for mode in USUAL_BILLING}
    return usual | {Billing.SPOT.value} if limits.spot else usual


def pairs_of(scenario: Scenario, options: Iterable[Option], rejections: Rejections) -> list[_Pair]:
    """Every deployment that rents the worker of an option, by the least that its month can cost."""
    limits, modes = scenario.constraints, billing_modes(scenario)
    providers = {name.lower() for name in limits.providers}
    regions = {name.lower() for name in limits.regions}
    known: dict[tuple[str, int], list[Deployment]] = {}
    pairs = []
    for option in options:
        shelf, alone_s = option.setup.shelf, float(option.server.round(1.0).e2e_s)
        key = (option.gpu.id, option.cards)
        if key not in known:
            known[key] = of_card(shelf, option.gpu.id, billing=modes, cards=option.cards)
            if not known[key]:
                rejections.add("price", "no offer in the allowed billing modes", f"{key[1]} × {key[0]}")
        for each in known[key]:
            if each.cards != option.cards:
                continue
            if providers and each.product.partition("/")[0] not in providers:
                rejections.add("constraint", "its provider is not allowed", each.label)
                continue
            if regions and region_of(each) not in regions:
                rejections.add("constraint", "its region is not allowed", each.label)
                continue
            if each.usd_per_hour is None:
                rejections.add("price", "no price is known on the day", each.label)
                continue
            pairs.append(_Pair(option, each, _least_hours(option, each, alone_s) * each.usd_per_hour))
    return sorted(pairs, key=lambda pair: (pair.least_usd, pair.deployment.label))


def bills_of(
    scenario: Scenario, options: Iterable[Option], slos: tuple[Slo, ...], rejections: Rejections, *, keep: int
) -> Billed:
    """Deployments with their cheapest settings, until no other one can be among the `keep` cheapest."""
    found: list[Costed] = []
    best: dict[str, float] = {}
    count, worst = 0, inf
    for pair in pairs_of(scenario, options, rejections):
        if pair.least_usd > worst:
            break
        count += 1
        each = _best_settings(scenario, pair, slos, rejections)
        if each is not None:
            found.append(each)
            name = each.bill.deployment
            best[name] = min(each.usd, best.get(name, inf))
            worst = sorted(best.values())[keep - 1] if len(best) >= keep else inf
    found.sort(key=lambda each: (each.usd, each.bill.deployment))
    return Billed(found, count)


def _least_hours(option: Option, deployment: Deployment, alone_s: float) -> float:
    """Fewest paid hours of a worker in a month: those of the work, and of what random arrivals keep running.

    After a request, which takes `alone_s` [s] or longer, a worker runs on for its idle timeout: one runs for
    the share 1 − exp(−rate·(service + timeout)) of the time. A request with none before it for as long as a
    worker lives starts one. Of the timeouts that may be set the best one counts.
    """
    asked, month, rule = option.setup.asked, option.setup.month, deployment.rule
    level = asked.level or 0.0
    busy = level / option.server.requests_per_s(float(option.most))
    if not _scales(rule):
        return max(busy, 1.0) * month.hours
    timeouts = [0.0] if rule.parts.tail == "free" else _timeouts(rule, option.gpu.id)
    weights = option.server.evaluation.budget.weights_bytes * option.cards
    clock = option.setup.costing(deployment, Timed(alone_s, weights)).clock()
    start = clock.billed_start_s if asked.traffic.arrivals is Arrivals.POISSON else 0.0
    least = inf
    for timeout in timeouts:
        paid = 0.0
        for each in asked.traffic.stretches:
            rate = level * each.of_requests / each.of_time / asked.traffic.burst
            cold = rate * exp(-rate * (clock.start_s + alone_s + timeout)) * start
            paid += each.of_time * (1 - exp(-rate * (alone_s + timeout)) + cold)
        least = min(least, paid)
    return max(busy, min(1.0, least)) * month.hours


def _timeouts(rule: Rule, gpu: str) -> list[float]:
    """Idle timeouts to look at: the product's own, and others where its user sets it [s]."""
    found = rule.find("idle_timeout_s", gpu)
    if found is None:
        return [0.0]
    term = found[1]
    others = [each for each in IDLE_TIMEOUTS_S if term.low <= each <= term.high and each != term.value]
    return [term.value, *(others if term.settable else ())]


def region_of(deployment: Deployment) -> str:
    """Where its price holds; `global` where the provider does not say."""
    return "global" if deployment.choice is None else deployment.choice.price.region.lower()


def _scales(rule: Rule) -> bool:
    return rule.kind is ProductKind.WORKERS and rule.to_zero != "never"


def _slots(most: int) -> list[int]:
    """Requests at once to try: powers of two, and the most that keeps the limits."""
    return sorted({2**power for power in range(most.bit_length()) if 2**power <= most} | {most})


class _Tried(NamedTuple):
    usd: float
    settings: Settings
    costing: Costing
    timed: Timed


def _best_settings(
    scenario: Scenario, pair: _Pair, slos: tuple[Slo, ...], rejections: Rejections
) -> Costed | None:
    """The cheapest settings that keep the limits, billed in full; None where none do.

    One setting after the other: requests at once, then the idle timeout, then a worker that stays; more
    workers than the load needs where those that never stop make requests wait for too long.
    """
    option, rule = pair.option, pair.deployment.rule
    most, label = option.most, f"{pair.deployment.label} in {option.quantization.id}"
    base = option.setup.settings
    faults: list[tuple[str, str]] = []
    tried: list[_Tried] = []

    def look(variants: Iterable[Settings]) -> None:
        for settings in variants:
            made = _tried(scenario, pair, settings, slos)
            if isinstance(made, _Tried):
                tried.append(made)
            else:
                faults.append(made)

    if not _scales(rule):
        base = base._replace(slots=most)
        look([base])
        kept = _kept(scenario, option, tried, slos, faults)
        if kept is None and tried and faults[-1][0] == "slo":
            least = tried[0].costing.at(option.setup.asked.level or 0.0, option.setup.month).workers
            tried.clear()
            look(base._replace(workers=count) for count in _more_workers(option, int(least), most))
            kept = _kept(scenario, option, tried, slos, faults)
    else:
        base = base._replace(scale_to_zero=rule.to_zero == "optional")
        look(base._replace(slots=each) for each in _slots(most))
        best = min(tried, key=lambda one: one.usd).settings if tried else base._replace(slots=most)
        look(best._replace(idle_timeout_s=each) for each in _timeouts(rule, option.gpu.id)[1:])
        look([base._replace(slots=most, min_workers=1)])
        kept = _kept(scenario, option, tried, slos, faults)
    if kept is None:
        rejections.add(*faults[-1], label)
    return kept


def _more_workers(option: Option, least: int, slots: int) -> list[int]:
    """Workers to try beyond those that carry the mean load: a few, twice as many, enough for a burst."""
    burst = ceil(option.setup.asked.traffic.burst / slots)
    return sorted({least + 1, least + 2, 2 * least, burst} - set(range(least + 1)))


def _kept(
    scenario: Scenario,
    option: Option,
    tried: Iterable[_Tried],
    slos: tuple[Slo, ...],
    faults: list[tuple[str, str]],
) -> Costed | None:
    """The cheapest of the settings that keeps every limit; why the others do not goes to `faults`."""
    for each in sorted(tried, key=lambda one: one.usd):
        setup = option.setup._replace(settings=each.settings)
        bill = bill_of(setup, each.costing, option.setup.month)
        if bill.total_usd is None:
            faults.append(("price", "the price of a line is not known"))
            continue
        slow = too_slow(option, each.costing, bill, slos)
        if slow:
            faults.append(("slo", slow))
            continue
        ceiling = scenario.constraints.max_usd_per_month
        if ceiling is not None and bill.total_usd > ceiling:
            faults.append(("budget", f"more than {ceiling:,.0f} USD per month"))
            break
        return Costed(option, setup, each.costing, each.timed, bill)
    return None


def _tried(
    scenario: Scenario, pair: _Pair, settings: Settings, slos: tuple[Slo, ...]
) -> _Tried | tuple[str, str]:
    """One setting with its month, or the stage at which it fails and why; bills in full are made later."""
    costing, timed = costing_of(pair.option, pair.deployment, settings)
    lack = start_fault(scenario, pair.option, costing)
    if lack is not None:
        return "start", lack
    setup = pair.option.setup
    costed = costing.at(setup.asked.level or 0.0, setup.month)
    if costing.scales and costed.spent is not None:
        cold = min(1.0, float(costed.spent.starts / costed.spent.requests))
        slow = broken_by_starts(pair.option, costing, cold, slos)
        if slow:
            return "slo", slow
    usd = float(total(costing.with_credit(costed.lines, setup.month))[0])
    return _Tried(usd, settings, costing, timed)


def costing_of(option: Option, deployment: Deployment, settings: Settings) -> tuple[Costing, Timed]:
    """The deployment ready to be billed with these settings, as `gpucost bill` would."""
    server = option.server
    weights = server.evaluation.budget.weights_bytes * server.gpus
    timed = Timed(float(server.round(float(settings.slots)).e2e_s), weights, server)
    return option.setup._replace(settings=settings).costing(deployment, timed), timed


def curve_of(each: Costed) -> Callable[[float], float]:
    """The month's bill over the mean rate, at the settings of a plan [requests/s → USD]."""
    return lambda level: each.costing.total_usd(level, each.setup.month)
