"""Plans for a training job: ways with an offer, hours and a bill, in the order that was asked."""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from gpucost.api.deployments import Shelf
from gpucost.api.offers import MACHINE_CARDS, Choice, OfferBook
from gpucost.api.train_asked import Job
from gpucost.api.train_cost import Costed, cost_of
from gpucost.api.train_search import Constants, Trainer, Way
from gpucost.domain.hardware import Gpu
from gpucost.domain.results import Offer
from gpucost.errors import UsageError
from gpucost.units import GIB

NEAR_SHARE = 0.35
"""A card that lacks less than this share of its memory is a near miss worth a line."""
NEAR_MISSES = 3
SMALL_MACHINE_CARDS = 4
"""Machines of superchips hold fewer cards."""


class Plan(NamedTuple):
    """One way to train at its cheapest offer."""

    way: Way
    offer: Offer | None
    choice: Choice | None
    cost: Costed
    refused: str
    """What is missing though the memory is enough; empty when nothing is."""

    @property
    def cards(self) -> int:
        """Cards of the job."""
        return self.way.setup.division.gpus

    @property
    def fits(self) -> bool:
        """In memory, and within deadline and budget."""
        return self.way.fits and not self.refused

    @property
    def reason(self) -> str:
        """What is missing, in words."""
        if self.way.fits:
            return self.refused
        memory = self.way.memory
        biggest = max(
            ("weights", memory.parameters_bytes),
            ("gradients", memory.gradients_bytes),
            ("optimizer states", memory.optimizer_bytes),
            ("activations", memory.activations_bytes),
            ("logits", memory.logits_bytes),
            key=lambda part: part[1],
        )
        return (
            f"lacks {self.way.missing_bytes / GIB:,.1f} GiB per card: needs {memory.total_bytes / GIB:,.1f}, "
            f"of which {biggest[1] / GIB:,.1f} are {biggest[0]}"
        )


class Plans(NamedTuple):
    """What is worth showing, best first."""

    shown: tuple[Plan, ...]
    best: Plan | None
    nearest: Plan
    """The one to explain when nothing fits."""


class Planner:
    """Prices the ways that a trainer finds."""

    def __init__(self, trainer: Trainer, book: OfferBook, shelf: Shelf, *, sort: str) -> None:
        self.trainer, self.book, self.shelf, self.sort = trainer, book, shelf, sort
        self.job: Job = trainer.job

    def plan(self, gpu: Gpu, count: int, book: OfferBook | None = None) -> Plan | str:
        """The best way on `count` cards, or why there is none."""
        way = self.trainer.best(gpu, count)
        return way if isinstance(way, str) else self.priced(way, book or self.book)

    def priced(self, way: Way, book: OfferBook) -> Plan:
        """A way at its cheapest offer of a book."""
        count = way.setup.division.gpus
        offer, choice = book.cheapest(way.gpu.id, cards=count, per_replica=min(count, MACHINE_CARDS))
        if offer is None and count > SMALL_MACHINE_CARDS:
            offer, choice = book.cheapest(way.gpu.id, cards=count, per_replica=SMALL_MACHINE_CARDS)
        cost = cost_of(self.job, way, offer, self.shelf)
        return Plan(way, offer, choice, cost, self._refused(cost) if way.fits else "")

    def _refused(self, cost: Costed) -> str:
        """What a way that fits in memory lacks of time and money, in words."""
        if cost.endless:
            return cost.note
        job, faults = self.job, []
        if job.deadline_h is not None:
            if cost.hours is None:
                faults.append("its time is not known, so the deadline cannot be met")
            elif cost.hours > job.deadline_h:
                faults.append(f"takes {cost.hours:,.2f} h, beyond the deadline of {job.deadline_h:,.2f} h")
        if job.budget_usd is not None:
            if cost.usd is None:
                faults.append(cost.note or "no price is known, so the budget cannot be kept")
            elif cost.usd > job.budget_usd:
                faults.append(f"costs {cost.usd:,.2f} USD, above the budget of {job.budget_usd:,.2f} USD")
        return "; ".join(faults)

    def of_card(self, gpu: Gpu, *, several_machines: bool) -> list[Plan]:
        """Plans for every count that the job can be divided over."""
        counts = self.job.counts
        if len(counts) > 1 and not (several_machines and clusters(gpu)):
            counts = tuple(count for count in counts if count <= MACHINE_CARDS)
        found = [self.plan(gpu, count) for count in counts]
        return [each for each in found if isinstance(each, Plan)]

    def sweep(self, gpu: Gpu) -> dict[int, Plan | str]:
        """The best way at every number of cards, or why there is none; empty where one number is asked."""
        most = self.job.counts[-1] if clusters(gpu) else min(self.job.counts[-1], MACHINE_CARDS)
        counts = [count for count in self.job.counts if count <= most]
        return {count: self.plan(gpu, count) for count in counts} if len(counts) > 1 else {}

    def with_constants(self, constants: Constants) -> "Planner":
        """The same questions with other constants."""
        return Planner(self.trainer.with_constants(constants), self.book, self.shelf, sort=self.sort)

    def search(self, looked: Sequence[Gpu], *, top: int, named: bool) -> Plans:
        """The best plan of each card, then near misses; several machines only where one is not enough.

        Raises UsageError where nothing can be divided.
        """
        kept = self._kept(looked, several_machines=False)
        if not any(plan.fits for plan in kept):
            kept = self._kept(looked, several_machines=True)
        if not kept:
            fault = self.plan(looked[0], self.job.counts[0])
            reason = fault if isinstance(fault, str) else "no card can be used"
            raise UsageError(f"{self.job.model.id} cannot be trained like that: {reason}")
        fitting = sorted((plan for plan in kept if plan.fits), key=self.order)
        missing = sorted((plan for plan in kept if not plan.fits), key=self._nearness)
        shown = list(fitting) if named else fitting[:top]
        if named:
            shown += missing
        elif top > 1 or not shown:
            near = [plan for plan in missing if _lack(plan) < NEAR_SHARE] or missing
            shown += near[: max(NEAR_MISSES, top - len(shown))]
        best = fitting[0] if fitting else None
        return Plans(tuple(shown), best, best or missing[0])

    def _kept(self, looked: Sequence[Gpu], *, several_machines: bool) -> list[Plan]:
        """The best plan of each card that fits, or its nearest one."""
        kept = []
        for gpu in looked:
            plans = self.of_card(gpu, several_machines=several_machines)
            fitting = [plan for plan in plans if plan.fits]
            if fitting:
                kept.append(min(fitting, key=self.order))
            elif plans:
                kept.append(min(plans, key=self._nearness))
        return kept

    def order(self, plan: Plan) -> tuple[float | str, ...]:
        """Sorting key: what is tight comes after the rest, what is unknown last."""
        usd = plan.cost.usd if plan.cost.usd is not None else plan.cost.usd_per_billion_tokens
        usd = inf if usd is None else usd
        known = sum(line.usd for line in plan.cost.lines if line.usd is not None) or inf
        hours = inf if plan.cost.hours is None else plan.cost.hours
        first = {"usd": usd, "hours": hours, "gpus": float(plan.cards)}[self.sort]
        return (plan.way.tight, first, usd, known, float(plan.cards), plan.way.gpu.id)

    def _nearness(self, plan: Plan) -> tuple[float, float, str]:
        """Enough memory first, by what is missed of time and money; then by the memory that is missing."""
        if not plan.way.fits:
            return (1.0, _lack(plan), plan.way.gpu.id)
        limits = ((plan.cost.hours, self.job.deadline_h), (plan.cost.usd, self.job.budget_usd))
        excess = max(
            ((inf if spent is None else spent / most) for spent, most in limits if most is not None),
            default=inf,
        )
        return (0.0, excess, plan.way.gpu.id)


def clusters(gpu: Gpu) -> bool:
    """Whether machines with this card are joined by a network made for training."""
    return "HBM" in gpu.memory_kind and ("NVLink" in gpu.link.kind or "xGMI" in gpu.link.kind)


def _lack(plan: Plan) -> float:
    return max(0.0, plan.way.missing_bytes / plan.way.gpu.memory_bytes)
