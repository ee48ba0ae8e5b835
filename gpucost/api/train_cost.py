"""What a training job costs: hours at an offer, with checkpoints and interruptions, as lines of a bill."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from gpucost.api.billed import tiers_of
from gpucost.api.deployments import Shelf, resolve
from gpucost.api.offers import MACHINE_CARDS
from gpucost.api.train_asked import Job
from gpucost.api.train_search import Way
from gpucost.calc.bill_lines import Tier, line, tiered_lines, total
from gpucost.calc.training_parameters import bytes_per_parameter, parameters_of
from gpucost.calc.training_time import Losses, job_s
from gpucost.domain.billing import Line
from gpucost.domain.offer import Billing
from gpucost.domain.results import Offer
from gpucost.domain.training import Division
from gpucost.errors import GpucostError
from gpucost.units import BILLION, DAY_S, GB, SECONDS_PER_HOUR


class Costed(NamedTuple):
    """What a way to train takes and costs at an offer."""

    hours: float | None
    lost_hours: float | None
    lines: tuple[Line, ...]
    usd: float | None
    usd_per_billion_tokens: float | None
    note: str = ""
    endless: bool = False
    """Interruptions undo work faster than it is done."""


def checkpoint_bytes(job: Job) -> float:
    """One checkpoint from which training can go on: what is trained, and the optimizer's states [B]."""
    whole = job.setup._replace(division=Division())
    per = bytes_per_parameter(whole)
    return parameters_of(job.model, whole).all_trained * (per.weight + per.master + per.moments)


def losses_of(job: Job, cards: int, *, spot: bool) -> Losses:
    """Checkpoints, and the interruptions of as many machines as the cards fill."""
    machines = ceil(cards / MACHINE_CARDS)
    rate = (job.interruptions_per_day or 0.0) * machines / DAY_S if spot else 0.0
    return Losses(
        checkpoint_s=checkpoint_bytes(job) / job.write_bytes_per_s,
        interval_s=job.interval_s,
        interruptions_per_s=rate,
        restart_s=job.restart_s,
    )


def cost_of(job: Job, way: Way, offer: Offer | None, shelf: Shelf) -> Costed:
    """Hours and bill of a way to train at an offer; without one, its hours.

    hours = tokens / speed, and what checkpoints and interruptions add; USD = hours × price of all rented
    units + what keeping and moving checkpoints costs where that is asked.
    """
    if way.step is None:
        return Costed(None, None, (), None, None)
    speed = way.step.tokens_per_s_per_gpu * way.setup.division.gpus
    if job.tokens is None or job.passed_tokens is None:
        rate = None if offer is None else offer.usd_per_hour / speed / SECONDS_PER_HOUR * BILLION
        return Costed(None, None, (), None, rate)
    work_s = job.passed_tokens / speed
    spot = offer is not None and offer.billing == Billing.SPOT.value
    seconds = job_s(work_s, losses_of(job, way.setup.division.gpus, spot=spot))
    if seconds is None:
        note = "interruptions come faster than work can be done again"
        return Costed(None, None, (), None, None, note, endless=True)
    hours = seconds / SECONDS_PER_HOUR
    lost = (seconds - work_s) / SECONDS_PER_HOUR
    if offer is None:
        return Costed(hours, lost, (), None, None)
    rented = offer.units * offer.cards
    lines = [line("GPUs", hours * rented, "GPU-h", offer.usd_per_hour / rented, offer.id)]
    lines += _beside(job, offer, shelf)
    usd, known = total(lines)
    if not known:
        return Costed(hours, lost, tuple(lines), None, None, _unpriced(lines))
    return Costed(hours, lost, tuple(lines), float(usd), float(usd) / job.tokens * BILLION)


def _unpriced(lines: Sequence[Line]) -> str:
    names = " and ".join(each.name for each in lines if each.usd is None)
    return f"the price of {names} is not known; the rest is {total(lines)[0]:,.2f} USD"


def _beside(job: Job, offer: Offer, shelf: Shelf) -> list[Line]:
    """Lines of kept and moved checkpoints at the prices of the offer's provider."""
    if not (job.kept and job.kept_months) and not job.egress:
        return []
    size = checkpoint_bytes(job) / GB
    try:
        deployment = resolve(shelf, offer.id)
    except GpucostError:
        deployment = None
    lines: list[Line] = []
    if job.kept and job.kept_months:
        tiers: tuple[Tier, ...] = ()
        if deployment is not None:
            tiers = tiers_of(shelf, deployment, "network-volume") or tiers_of(
                shelf, deployment, "volume-disk"
            )
        months = size * job.kept * job.kept_months
        lines += tiered_lines("checkpoints kept", months, "GB-month", tiers)
    if job.egress:
        tiers = tiers_of(shelf, deployment, "egress") if deployment is not None else ()
        lines += tiered_lines("checkpoints moved out", size * job.egress, "GB", tiers)
    return lines
