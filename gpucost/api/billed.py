"""What a deployment costs at a level of traffic: its rule, its prices and the settings become lines."""

from collections.abc import Mapping
from copy import copy
from typing import NamedTuple

from gpucost.api.deployments import Deployment, Shelf
from gpucost.calc.arrays import Values, largest, smallest
from gpucost.calc.bill_lines import (
    Billed,
    Clock,
    Rate,
    Tier,
    always_on_lines,
    billed,
    line,
    tiered_lines,
    total,
    worker_lines,
)
from gpucost.calc.bill_lines import token_lines as lines_of_tokens
from gpucost.calc.traffic import Spent, Traffic, needed
from gpucost.calc.usage import MOST_GROUPS, Workers
from gpucost.domain.billing import Line
from gpucost.domain.offer import Price
from gpucost.domain.rules import ProductKind, Rule
from gpucost.errors import UsageError
from gpucost.units import DAY_S, HOURS_PER_MONTH, SECONDS_PER_HOUR

ENDS = ("value", "low", "high")


class Settings(NamedTuple):
    """What the user sets about workers and what stands beside them; None: as the product does."""

    slots: int = 1
    start_s: float | None = None
    image_s: float | None = None
    idle_timeout_s: float | None = None
    min_workers: int = 0
    max_workers: int | None = None
    workers: int | None = None
    """Always-on workers; None: as many as carry the busiest stretch."""
    scale_to_zero: bool = False
    volume_gb: float = 0.0
    container_disk_gb: float = 0.0
    disk_gb: float = 0.0
    egress_gb: float = 0.0
    """Per month."""
    vcpus: float | None = None
    memory_gib: float | None = None
    plan: str | None = None
    active_discount: float | None = None
    region_factor: float | None = None


class Period(NamedTuple):
    """Billed time."""

    name: str
    hours: float
    month_hours: float

    @property
    def months(self) -> float:
        """Months in it."""
        return self.hours / self.month_hours

    @property
    def seconds(self) -> float:
        """Seconds in it."""
        return self.hours * SECONDS_PER_HOUR


class Demand(NamedTuple):
    """What is asked of every deployment."""

    traffic: Traffic
    input_tokens: float | None
    output_tokens: float | None
    jobs: bool = False
    """Each burst is a job: machines are started for it and stopped after it."""


class Costed(NamedTuple):
    """Lines at a level of traffic, with the seconds behind them."""

    lines: list[Line]
    spent: Spent | None
    paid: Billed | None
    workers: Values
    """Kept on, or on average."""


class Costing:
    """Bills one deployment at any level of traffic."""

    def __init__(
        self,
        shelf: Shelf,
        deployment: Deployment,
        settings: Settings,
        demand: Demand,
        execution_s: float | None,
        *,
        weights_s: Mapping[str, float] | None = None,
    ) -> None:
        """`weights_s`: time to read the weights of a model by end of its range, where both are known [s]."""
        self.shelf, self.deployment, self.settings = shelf, deployment, settings
        self._weights_s = weights_s
        self.demand, self.execution_s = demand, execution_s
        self.rule: Rule = deployment.rule
        self.gpu = None if deployment.gpu is None else deployment.gpu.id
        self._beside: dict[str, tuple[Tier, ...]] = {}
        self._checked()

    def _checked(self) -> None:
        if self.kind is ProductKind.TOKENS:
            if self.demand.input_tokens is None or self.demand.output_tokens is None:
                raise UsageError(
                    f"{self.deployment.label} is paid per token: give --input-tokens and --output-tokens"
                )
        elif self.execution_s is None:
            raise UsageError(
                f"{self.deployment.label} is paid by time: give --execution-s, or a --model with "
                "--input-tokens and --output-tokens"
            )

    @property
    def kind(self) -> ProductKind:
        """The formula in force: a product that may scale to zero is always on unless it is asked to."""
        rule = self.rule
        if rule.kind is ProductKind.WORKERS and rule.to_zero != "always" and not self.scales:
            return ProductKind.ACTIVE
        return rule.kind

    @property
    def scales(self) -> bool:
        """Whether workers stop when nothing comes."""
        rule = self.rule
        if rule.kind is not ProductKind.WORKERS or rule.to_zero == "never":
            return False
        return rule.to_zero == "always" or self.settings.scale_to_zero or self.demand.jobs

    def clock(self, end: str = "value") -> Clock:
        """How seconds are billed; `end` takes the low or high end of what is uncertain."""
        given, rule = self.settings, self.rule
        image = given.image_s if given.image_s is not None else rule.term("image_s", end=end, gpu=self.gpu)
        load = rule.term("load_s", end=end, gpu=self.gpu)
        if self._weights_s is not None and end != "low":  # at best a snapshot is hit
            load = max(load or 0.0, self._weights_s[end])
        if given.start_s is not None:
            load, image = given.start_s, given.image_s or 0.0
        return Clock(
            rule.parts,
            image or 0.0,
            load or 0.0,
            rule.term("rounding_s") or 0.0,
            rule.term("minimum_s") or 0.0,
        )

    def idle_timeout_s(self, end: str = "value") -> float:
        """Idle time until a worker stops [s]."""
        if self.settings.idle_timeout_s is not None:
            return self.settings.idle_timeout_s
        return self.rule.term("idle_timeout_s", end=end, gpu=self.gpu) or 0.0

    @property
    def fails_while_starting(self) -> bool:
        """Requests that find no worker are lost, so that none of them starts one more."""
        return self.rule.during_start in ("failed", "lost")

    def _most(self, level: Values) -> int:
        """Most workers: as told; as many as a day's job needs; as the busiest time where requests fail."""
        if self.settings.max_workers is not None:
            return self.settings.max_workers
        service, slots, traffic = self.execution_s or 0.0, self.settings.slots, self.demand.traffic
        if self.demand.jobs:
            return int(needed(traffic, traffic.burst / DAY_S, service_s=service, slots=slots))
        if self.fails_while_starting:
            count = int(needed(traffic, level, service_s=service, slots=slots))
            return max(count, self.settings.min_workers)
        return MOST_GROUPS

    def workers(self, level: Values, end: str = "value") -> Workers:
        """How the deployment serves, starts and stops at a level of traffic."""
        return Workers(
            service_s=self.execution_s or 0.0,
            slots=self.settings.slots,
            start_s=self.clock(end).start_s,
            idle_timeout_s=self.idle_timeout_s(end),
            least=self.settings.min_workers,
            most=self._most(level),
        )

    def _lone_s(self, clock: Clock, end: str) -> float:
        """Billed life of a worker that serves one request, where it serves one at a time [s]."""
        if self.settings.slots > 1:
            return 0.0
        tail = 0.0 if clock.parts.tail == "free" else self.idle_timeout_s(end)
        return clock.billed_start_s + (self.execution_s or 0.0) + tail

    def rate(self) -> Rate:
        """Prices of one worker."""
        return rate_of(self.shelf, self.deployment, self.settings)

    def tiers(self, name: str) -> tuple[Tier, ...]:
        """Prices of what stands beside the cards, by tier."""
        if name not in self._beside:
            self._beside[name] = tiers_of(self.shelf, self.deployment, name)
        return self._beside[name]

    def beside_price(self, offer: str) -> Price | None:
        """The statement that answers for an offer beside the cards."""
        return self.shelf.beside(offer)

    def at(self, level: Values, period: Period, *, end: str = "value") -> Costed:
        """Lines of the period at a mean level of traffic [requests/s], a number or an array."""
        if self.kind is ProductKind.TOKENS:
            return Costed(self.token_lines(level * period.seconds) + self.fees(period), None, None, level * 0)
        workers, clock, rate = self.workers(level, end), self.clock(end), self.rate()
        if self.kind is ProductKind.WORKERS or self._runs_jobs:
            spent = self.shelf.spent(self.demand.traffic, level, workers, period.seconds)
            paid = billed(self.demand.traffic, spent, clock, lone_s=self._lone_s(clock, end))
            lines = worker_lines(paid, rate)
            mean = paid.all_s / period.seconds
        else:
            mean = self._kept(level)
            spent, paid = None, None
            lines = always_on_lines(mean * period.hours, rate)
        requests = level * period.seconds
        return Costed(
            [*lines, *self.beside_lines(mean, requests, period), *self.fees(period)], spent, paid, mean
        )

    def at_kept(self, workers: float, period: Period) -> list[Line]:
        """What workers that never stop cost by themselves: their time, CPU, memory and container disks."""
        lines = always_on_lines(workers * period.hours, self.rate())
        disk = self.settings.container_disk_gb
        if disk and workers:
            found = tiered_lines("container-disk", disk * workers, "GB-month", self.tiers("container-disk"))
            lines += [_times(each, period.months) for each in found]
        return lines

    @property
    def _runs_jobs(self) -> bool:
        """A machine that is started for each job and stopped after it."""
        return self.demand.jobs and self.rule.kind is ProductKind.INSTANCE and not self.rule.committed

    def _kept(self, level: Values) -> Values:
        """Always-on workers: as told, or as few as carry the busiest stretch."""
        if self.settings.workers is not None:
            return level * 0 + float(self.settings.workers)
        service, slots = self.execution_s or 0.0, self.settings.slots
        count = needed(self.demand.traffic, level, service_s=service, slots=slots)
        return largest(count, level * 0 + float(self.settings.min_workers))

    def token_lines(self, requests: Values) -> list[Line]:
        """Input and output tokens of a number of requests."""
        prices = tuple(None if price is None else price.usd for price in self.deployment.tokens)
        return lines_of_tokens(
            requests,
            input_tokens=self.demand.input_tokens or 0.0,
            output_tokens=self.demand.output_tokens or 0.0,
            prices=(prices[0], prices[1]),
        )

    def beside_lines(self, workers: Values, requests: Values, period: Period) -> list[Line]:
        """Storage, egress and charges per request beside a number of workers, on average over the period."""
        given, months = self.settings, period.months
        lines: list[Line] = []
        wanted: Mapping[str, float] = {
            "network-volume": given.volume_gb,
            "container-disk": given.container_disk_gb,
            "volume-disk": given.disk_gb,
        }
        for name, size in wanted.items():
            if not size:
                continue
            copies = 1.0 if name == "network-volume" else workers
            found = tiered_lines(name, size * copies, "GB-month", self.tiers(name))
            lines += [_times(each, months) for each in found]
        if given.egress_gb:
            found = tiered_lines("egress", given.egress_gb, "GB", self.tiers("egress"))
            lines += [_times(each, months) for each in found]
        if fee := self.tiers("execution-fee"):
            lines.append(line("execution fee", requests, "requests", fee[0].usd, fee[0].offer))
        return lines

    def fees(self, period: Period) -> list[Line]:
        """The fee of the plan."""
        if self.settings.plan is None:
            return []
        plan = self.rule.plans.get(self.settings.plan)
        if plan is None:
            return []
        lines = []
        if plan.price is not None:
            price = self.beside_price(plan.price)
            lines.append(
                line("plan fee", period.months, "months", None if price is None else price.usd, plan.price)
            )
        return lines

    def with_credit(self, lines: list[Line], period: Period) -> list[Line]:
        """The lines with the plan's credit, which no bill falls below zero by."""
        plan = self.rule.plans.get(self.settings.plan or "")
        if plan is None or not plan.credit_usd:
            return lines
        usage = total(each for each in lines if each.name != "plan fee")[0]
        used = smallest(usage * 0 + plan.credit_usd * period.months, usage)
        return [*lines, line("credit", -used, "USD", 1.0)]

    def with_term(self, key: str, factor: float) -> "Costing":
        """The same deployment with one number of its rule multiplied."""
        other = copy(self)
        term = self.rule.terms[key]
        terms = {**self.rule.terms, key: term._replace(value=term.value * factor)}
        other.rule = self.rule._replace(terms=terms)
        other.deployment = self.deployment._replace(rule=other.rule)
        return other

    def slower(self, factor: float) -> "Costing":
        """The same deployment with requests that take `factor` times as long."""
        other = copy(self)
        other.execution_s = None if self.execution_s is None else self.execution_s * factor
        return other

    def total_usd(self, level: float, period: Period) -> float:
        """Sum of the known lines at a level of traffic [USD]."""
        return float(total(self.with_credit(self.at(level, period).lines, period))[0])

    def exposure_usd(self, period: Period, workers: float) -> tuple[int, float] | None:
        """Most workers and their bill when all are busy all the time [USD].

        None where no limit is known, or the traffic runs more `workers` than the product's own limit.
        """
        if self.kind is ProductKind.TOKENS or self.deployment.usd_per_hour is None:
            return None
        most = self.settings.max_workers
        if self.kind is ProductKind.WORKERS and most is None:
            known = self.rule.term("max_workers")
            most = None if known is None or known < workers else int(known)
        elif self.kind is not ProductKind.WORKERS:
            most = None
        if most is None:
            return None
        lines = always_on_lines(most * period.hours, self.rate())
        lines += self.beside_lines(float(most), 0.0, period) + self.fees(period)
        return most, float(total(lines)[0])


def rate_of(shelf: Shelf, deployment: Deployment, settings: Settings) -> Rate:
    """Prices of one worker: its cards, and CPU and memory where they are billed apart."""
    rule, gpu = deployment.rule, None if deployment.gpu is None else deployment.gpu.id
    own = rule.term("region_factor")
    factor = 1.0 if own is None else settings.region_factor or own
    hourly = None if deployment.usd_per_hour is None else deployment.usd_per_hour * factor
    if hourly is not None and rule.kind is ProductKind.ACTIVE and settings.active_discount:
        hourly *= 1 - settings.active_discount
    cpu, memory = tiers_of(shelf, deployment, "cpu"), tiers_of(shelf, deployment, "memory")
    vcpus = settings.vcpus if settings.vcpus is not None else rule.term("vcpus", gpu=gpu)
    gib = settings.memory_gib if settings.memory_gib is not None else rule.term("memory_gib", gpu=gpu)
    return Rate(
        cards=deployment.cards,
        usd_per_hour=hourly,
        offer=deployment.label,
        vcpus=(vcpus or 0.0) if cpu else 0.0,
        usd_per_vcpu_s=cpu[0].usd * factor if cpu else None,
        vcpu_offer=cpu[0].offer if cpu else "",
        memory_gib=(gib or 0.0) if memory else 0.0,
        usd_per_gib_s=memory[0].usd * factor if memory else None,
        memory_offer=memory[0].offer if memory else "",
    )


def tiers_of(shelf: Shelf, deployment: Deployment, name: str) -> tuple[Tier, ...]:
    """Prices of what stands beside the cards, by tier; those of the deployment's region where named."""
    offers = deployment.rule.beside.get(name, ())
    region = deployment.label.partition("@")[2]
    if any("@" in offer for offer in offers):
        offers = tuple(offer for offer in offers if offer.partition("@")[2] == region)
    prices = [price for offer in offers if (price := shelf.beside(offer)) is not None]
    return tuple(Tier(p.tier_from_gb or 0.0, p.usd, p.offer) for p in prices)


def _times(each: Line, factor: float) -> Line:
    usd = None if each.usd is None else each.usd * factor
    return each._replace(quantity=each.quantity * factor, usd=usd)


def default_period(month_hours: float = HOURS_PER_MONTH) -> Period:
    """A month."""
    return Period("month", month_hours, month_hours)
