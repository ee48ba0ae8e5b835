"""What questions about bills share: their flags, and what they mean in the catalogue."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from gpucost.api.billed import Costing, Demand, Period, Settings
from gpucost.api.cold_start import cold_start
from gpucost.api.deployments import Deployment, Shelf
from gpucost.api.execution import Execution, Timed, Work
from gpucost.api.flags import share, whole
from gpucost.api.ledger import Ledger
from gpucost.api.offers import day_of
from gpucost.api.traffic_asked import Amount, Asked, Shape, month_hours, traffic_of
from gpucost.catalog.names import nearest
from gpucost.catalog.store import Catalog, opened
from gpucost.errors import UnknownNameError, UsageError

MOST_GB = 1e8


class BillingFlags(TypedDict, total=False):
    """Flags of `bill` and `breakeven`: traffic, requests, workers, what stands beside them, and prices."""

    requests_per_month: float | None
    requests_per_day: float | None
    requests_per_second: float | None
    items: int | None
    """Of one batch every day."""
    pattern: str | None
    burst_size: int | None
    burst_interval_s: float | None
    peak_to_mean: float | None
    hours: float | None
    """Of the peak, or of all traffic, per day."""
    execution_s: float | None
    external_ms: float
    model: str | None
    params: str | float | None
    config: Path | str | None
    """config.json, a model folder or a .gguf file."""
    quant: str | None
    engine: str
    input_tokens: int | None
    output_tokens: int | None
    prefix_cache_hit: float
    """Share of the prompt that a prefix cache holds."""
    draft_tokens: int | None
    """Tokens drafted per pass (speculation)."""
    acceptance: float | None
    draft_model: str | None
    concurrency: int | None
    """Requests at once on one worker."""
    start_s: float | None
    """Billed part of a start."""
    image_s: float | None
    """Part of a start that gets the machine and its image."""
    idle_timeout_s: float | None
    min_workers: int | None
    max_workers: int | None
    workers: int | None
    """Always-on workers."""
    scale_to_zero: bool
    volume_gb: float | None
    container_disk_gb: float | None
    disk_gb: float | None
    egress_gb: float | None
    """Per month."""
    vcpus: float | None
    memory_gib: float | None
    plan: str | None
    active_discount: float | None
    region_factor: float | None
    days: float | None
    """Of a month; 730 hours without it."""
    as_of: str | None
    prices: str


class Setup(NamedTuple):
    """Everything that is common to the bills of one question."""

    shelf: Shelf
    ledger: Ledger
    execution: Execution
    asked: Asked
    settings: Settings
    month: Period

    def able(self, chosen: Iterable[Deployment]) -> tuple[list[tuple[Deployment, Timed]], str]:
        """Deployments that can serve, with the time of a request; of the others why the first one cannot."""
        found, reason = [], ""
        for each in chosen:
            timed = self.execution.of(each)
            if timed.reason:
                reason = reason or f"{each.label}: {timed.reason}"
                self.ledger.note(f"{each.label} is left out: {timed.reason}", "warning")
            else:
                found.append((each, timed))
        return found, reason

    def costing(self, deployment: Deployment, timed: Timed) -> Costing:
        """A deployment that can be billed at any level of traffic."""
        given, made = self.execution.tokens
        demand = Demand(self.asked.traffic, given, made, self.asked.jobs)
        weights = None
        if timed.weights_bytes is not None:
            start = cold_start(self.shelf.catalog, deployment.product, weights_bytes=timed.weights_bytes)
            phase = next((each for each in start.phases if each.phase == "weights"), None) if start else None
            if phase is not None and phase.value_s is not None:
                weights = {"value": phase.value_s, "low": phase.low_s or 0.0, "high": phase.high_s or 0.0}
        return Costing(self.shelf, deployment, self.settings, demand, timed.execution_s, weights_s=weights)

    def check_plan(self, costings: Sequence[Costing]) -> None:
        """Raises UsageError for a plan that no product here has."""
        plan = self.settings.plan
        known = sorted({f"{c.rule.product}: {name}" for c in costings for name in c.rule.plans})
        if plan is not None and all(plan not in costing.rule.plans for costing in costings):
            raise UsageError(f"--plan {plan}: {', '.join(known) or 'no product here has plans'}")

    def inputs(self) -> dict[str, Any]:
        """What was asked, as understood."""
        question, given = self.execution.question, self.execution.work
        return {
            "pattern": self.asked.pattern,
            "requests_per_second": self.asked.level,
            "execution_s": given.execution_s,
            "external_ms": given.external_ms,
            "model": None if question is None else question.chosen.model.id,
            "quantization": None if question is None else question.formats[0].id,
            "input_tokens": self.execution.tokens[0],
            "output_tokens": self.execution.tokens[1],
            **self.settings._asdict(),
            "month_hours": self.month.hours,
            "prices": "seeds" if self.shelf.seeds else "catalog",
            "as_of": self.shelf.day.isoformat(),
        }


def known_flags(flags: Mapping[str, Any], kind: type) -> None:
    """Raises UnknownNameError for an argument that no question has."""
    for name in flags:
        if name not in kind.__annotations__:
            raise UnknownNameError("argument", name, tuple(nearest(name, list(kind.__annotations__))))


def set_up(
    flags: BillingFlags,
    *,
    abstract: bool = False,
    catalog: Sequence[Path | str] | Catalog,
    today: date | None,
) -> Setup:
    """Resolves the flags; an `abstract` request is a second of work.

    Raises UsageError for values out of range and contradictions.
    """
    known_flags(flags, BillingFlags)
    prices = flags.get("prices", "catalog")
    if prices not in ("catalog", "seeds"):
        raise UnknownNameError("--prices", prices, ("catalog", "seeds"))
    settings = _settings(flags)
    cat = opened(catalog)
    work = Work(
        flags.get("execution_s"),
        flags.get("external_ms", 0.0),
        flags.get("model"),
        flags.get("params"),
        flags.get("config"),
        flags.get("quant"),
        flags.get("engine", "vllm"),
        flags.get("input_tokens"),
        flags.get("output_tokens"),
        flags.get("prefix_cache_hit", 0.0),
        flags.get("draft_tokens"),
        flags.get("acceptance"),
        flags.get("draft_model"),
        abstract,
    )
    execution = Execution(cat, work, slots=settings.slots)
    ledger = execution.ledger
    shelf = Shelf(cat, day=day_of(flags.get("as_of"), today or date.today()), seeds=prices == "seeds")
    if shelf.seeds:
        ledger.note("prices as the seed documents state them; many are refuted", "warning")
    hours = month_hours(flags.get("days"))
    asked = traffic_of(
        ledger,
        Amount(
            flags.get("requests_per_month"),
            flags.get("requests_per_day"),
            flags.get("requests_per_second"),
            flags.get("items"),
        ),
        Shape(
            flags.get("pattern"),
            flags.get("burst_size"),
            flags.get("burst_interval_s"),
            flags.get("peak_to_mean"),
            flags.get("hours"),
        ),
        month_hours=hours,
    )
    return Setup(shelf, ledger, execution, asked, settings, Period("month", hours, hours))


def _settings(flags: BillingFlags) -> Settings:
    """Settings within their limits. Raises UsageError."""
    least, most = flags.get("min_workers"), flags.get("max_workers")
    whole("--concurrency", flags.get("concurrency"), 1, 4096)
    whole("--min-workers", least, 0, 4096)
    whole("--max-workers", most, 1, 4096)
    whole("--workers", flags.get("workers"), 1, 1_000_000)
    if most is not None and (least or 0) > most:
        raise UsageError(f"--min-workers {least} is above --max-workers {most}")
    for flag, value, limit in (
        ("--start-s", flags.get("start_s"), 1e6),
        ("--image-s", flags.get("image_s"), 1e6),
        ("--idle-timeout-s", flags.get("idle_timeout_s"), 1e7),
        ("--volume-gb", flags.get("volume_gb"), MOST_GB),
        ("--container-disk-gb", flags.get("container_disk_gb"), MOST_GB),
        ("--disk-gb", flags.get("disk_gb"), MOST_GB),
        ("--egress-gb", flags.get("egress_gb"), MOST_GB),
        ("--vcpus", flags.get("vcpus"), 4096),
        ("--memory-gib", flags.get("memory_gib"), 1e6),
    ):
        if value is not None and not 0 <= value <= limit:
            raise UsageError(f"{flag} must be from 0 to {limit:,.0f}, not {value}")
    factor = flags.get("region_factor")
    if factor is not None and not 0 < factor <= 10:
        raise UsageError(f"--region-factor must be above 0 and at most 10, not {factor}")
    discount = flags.get("active_discount")
    if discount:
        share("--active-discount", discount)
        if discount == 1:
            raise UsageError("--active-discount is a share below 1")
    return Settings(
        slots=flags.get("concurrency") or 1,
        start_s=flags.get("start_s"),
        image_s=flags.get("image_s"),
        idle_timeout_s=flags.get("idle_timeout_s"),
        min_workers=least or 0,
        max_workers=most,
        workers=flags.get("workers"),
        scale_to_zero=flags.get("scale_to_zero", False),
        volume_gb=flags.get("volume_gb") or 0.0,
        container_disk_gb=flags.get("container_disk_gb") or 0.0,
        disk_gb=flags.get("disk_gb") or 0.0,
        egress_gb=flags.get("egress_gb") or 0.0,
        vcpus=flags.get("vcpus"),
        memory_gib=flags.get("memory_gib"),
        plan=flags.get("plan"),
        active_discount=discount,
        region_factor=factor,
    )
