"""Lines of a bill from worker-seconds and rates; a total is the sum of its lines and nothing else."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gpucost.calc.arrays import Values, largest, smallest
from gpucost.calc.traffic import Spent, Traffic, rounded_s, up_to
from gpucost.domain.billing import Line
from gpucost.domain.rules import Parts
from gpucost.units import MILLION, SECONDS_PER_HOUR


class Clock(NamedTuple):
    """How the seconds of a worker are billed."""

    parts: Parts
    image_s: float
    """Part of a start that gets the machine and its image [s]."""
    load_s: float
    """Part of a start that loads the model [s]."""
    rounding_s: float = 0.0
    minimum_s: float = 0.0

    @property
    def start_s(self) -> float:
        """How long a first request waits [s]."""
        return self.image_s + self.load_s

    @property
    def billed_start_s(self) -> float:
        """Seconds of a start that are billed; what nobody documents counts."""
        image = 0.0 if self.parts.image == "free" else self.image_s
        return image + (0.0 if self.parts.load == "free" else self.load_s)


class Rate(NamedTuple):
    """Prices of one worker; None where unknown."""

    cards: int
    usd_per_hour: float | None
    """Of all its cards."""
    offer: str = ""
    vcpus: float = 0.0
    usd_per_vcpu_s: float | None = None
    vcpu_offer: str = ""
    memory_gib: float = 0.0
    usd_per_gib_s: float | None = None
    memory_offer: str = ""


def whole_usd_per_hour(rate: Rate) -> float | None:
    """Price of one worker with its CPU and memory [USD/h]."""
    if rate.usd_per_hour is None:
        return None
    beside = rate.vcpus * (rate.usd_per_vcpu_s or 0.0) + rate.memory_gib * (rate.usd_per_gib_s or 0.0)
    return rate.usd_per_hour + beside * SECONDS_PER_HOUR


def line(name: str, quantity: Values, unit: str, usd: float | None, offer: str = "") -> Line:
    """One line: quantity × price, or an unknown price."""
    if usd is None:
        return Line(name, quantity, unit, None, None, "unknown", offer)
    return Line(name, quantity, unit, usd, quantity * usd, "known", offer)


class Billed(NamedTuple):
    """Worker-seconds that are paid, by why."""

    busy_s: Values
    start_s: Values
    idle_s: Values
    kept_s: Values
    rounding_s: Values

    @property
    def all_s(self) -> Values:
        """Sum of the parts."""
        return self.busy_s + self.start_s + self.idle_s + self.kept_s + self.rounding_s


def billed(traffic: Traffic, spent: Spent, clock: Clock, *, lone_s: float = 0.0) -> Billed:
    """What of the time of workers is paid: the billed parts of their lives, rounded up life by life.

    `lone_s` is what the life of a worker with one request is billed [s]; 0: unknown.
    """
    gaps = spent.gaps_s * (0.0 if clock.parts.gaps == "free" else 1.0)
    tail = spent.tail_s * (0.0 if clock.parts.tail == "free" else 1.0)
    start = spent.starts * clock.billed_start_s
    lives = start + gaps + tail + spent.busy_s
    if clock.parts.gaps == "free":  # nothing but requests is paid, each by itself
        each = spent.busy_s / largest(spent.requests, 1e-300)
        extra = spent.requests * (up_to(each, clock.rounding_s, clock.minimum_s) - each)
        return Billed(spent.busy_s, start, gaps + tail, spent.kept_s, extra)
    extra = rounded_s(traffic, spent, lives, step_s=clock.rounding_s, least_s=clock.minimum_s, lone_s=lone_s)
    return Billed(spent.busy_s, start, gaps + tail, spent.kept_s, extra)


def worker_lines(paid: Billed, rate: Rate) -> list[Line]:
    """Lines of workers that are paid by the second."""
    per_s = None if rate.usd_per_hour is None else rate.usd_per_hour / SECONDS_PER_HOUR / rate.cards
    names = (
        ("GPU execution", paid.busy_s),
        ("cold starts", paid.start_s),
        ("idle", paid.idle_s),
        ("always-on", paid.kept_s),
        ("rounding", paid.rounding_s),
    )
    lines = [line(name, seconds * rate.cards, "GPU-s", per_s, rate.offer) for name, seconds in names]
    return [*lines, *_beside_cards(paid.all_s, rate)]


def always_on_lines(worker_hours: Values, rate: Rate) -> list[Line]:
    """Lines of machines that are paid as long as they are kept."""
    per_h = None if rate.usd_per_hour is None else rate.usd_per_hour / rate.cards
    found = [line("always-on", worker_hours * rate.cards, "GPU-h", per_h, rate.offer)]
    return [*found, *_beside_cards(worker_hours * SECONDS_PER_HOUR, rate)]


def _beside_cards(seconds: Values, rate: Rate) -> list[Line]:
    lines = []
    if rate.vcpus:
        lines.append(line("CPU", seconds * rate.vcpus, "vCPU-s", rate.usd_per_vcpu_s, rate.vcpu_offer))
    if rate.memory_gib:
        lines.append(
            line("memory", seconds * rate.memory_gib, "GiB-s", rate.usd_per_gib_s, rate.memory_offer)
        )
    return lines


def token_lines(
    requests: Values, *, input_tokens: float, output_tokens: float, prices: tuple[float | None, float | None]
) -> list[Line]:
    """Lines of a hosted model: tokens per request, prices in USD per million."""
    return [
        line("input tokens", requests * input_tokens / MILLION, "M tokens", prices[0]),
        line("output tokens", requests * output_tokens / MILLION, "M tokens", prices[1]),
    ]


class Tier(NamedTuple):
    """A price that holds from a quantity on, up to the next tier."""

    from_quantity: float
    usd: float
    offer: str


def tiered_lines(name: str, quantity: Values, unit: str, tiers: Sequence[Tier]) -> list[Line]:
    """One line per tier that the quantity reaches; an unknown price where there are no tiers."""
    if not tiers:
        return [line(name, quantity, unit, None)]
    lines, order = [], sorted(tiers)
    for index, tier in enumerate(order):
        ends = order[index + 1].from_quantity if index + 1 < len(order) else float("inf")
        inside = largest(smallest(quantity, ends) - tier.from_quantity, quantity * 0)
        if index == 0 or not isinstance(inside, (int, float)) or inside > 0:
            lines.append(line(name, inside, unit, tier.usd, tier.offer))
    if order[0].from_quantity > 0:
        free = smallest(quantity, order[0].from_quantity)
        lines.insert(0, line(f"{name}, included", free, unit, 0.0))
    return lines


def total(lines: Iterable[Line]) -> tuple[Values, bool]:
    """Sum of the known lines [USD], and whether every line is known."""
    known: Values = 0.0
    whole = True
    for each in lines:
        if each.usd is None:
            whole = whole and not _any(each.quantity)
        else:
            known = known + each.usd
    return known, whole


def _any(quantity: Values) -> bool:
    return bool(quantity != 0) if isinstance(quantity, (int, float)) else bool((quantity != 0).any())
