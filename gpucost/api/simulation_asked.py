"""What a simulation was asked for, as understood: its traffic, its period, its settings."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, cast

from gpucost.api.bill_setup import BillingFlags, Setup, set_up
from gpucost.api.billed import Period
from gpucost.api.fleets import ScalingFlags
from gpucost.api.request import Slo
from gpucost.api.service_times import TokenTimes
from gpucost.api.traffic_source import Arriving, SourceFlags, Wanted, from_file, generated
from gpucost.calc.replication import Source
from gpucost.catalog.store import Catalog
from gpucost.errors import UnknownNameError, UsageError
from gpucost.units import HOURS_PER_DAY, SECONDS_PER_HOUR

PERIODS = ("month", "trace", "day", "year")
YEAR_MONTHS = 12
TRAFFIC = (
    "requests_per_month",
    "requests_per_day",
    "requests_per_second",
    "pattern",
    "burst_size",
    "burst_interval_s",
    "peak_to_mean",
    "hours",
    "items",
)
"""Flags of traffic that a simulation reads itself."""
MODEL = ("model", "params", "config", "quant", "engine", "input_tokens", "output_tokens")
"""Flags of the model, whose lengths may stand in the trace."""


class SimulateFlags(BillingFlags, SourceFlags, ScalingFlags, total=False):
    """All flags of `simulate` that other questions share, or that describe traffic and scaling."""


class Asked(NamedTuple):
    """A question about deployments, as understood."""

    setup: Setup
    arriving: Arriving
    period: Period
    limits: tuple[Slo, ...]
    scaling: ScalingFlags
    told: SimulateFlags

    @property
    def output_tokens(self) -> float | None:
        """Mean per request, where it is known."""
        told = self.arriving.output_tokens
        return self.setup.execution.tokens[1] if told is None else told

    @property
    def factor(self) -> float:
        """Billed period ÷ simulated time."""
        return self.period.seconds / self.arriving.made.span_s


def asked_of(
    trace: Path | str | None,
    period: str,
    limits: tuple[Slo, ...],
    flags: SimulateFlags,
    seed: int,
    *,
    catalog: Sequence[Path | str] | Catalog,
    today: date | None,
) -> Asked:
    """Reads the traffic first: its mean lengths are those of the model's speed."""
    if period not in PERIODS:
        raise UnknownNameError("--period", period, PERIODS)
    shared = [name for name in BillingFlags.__annotations__ if name not in TRAFFIC]
    rest = cast(BillingFlags, {name: value for name, value in flags.items() if name in shared})
    bare = {name: value for name, value in rest.items() if name not in MODEL}
    if flags.get("items") is not None or flags.get("burst_interval_s") is not None:
        raise UsageError(
            "simulate takes --burst-size with a rate; --items and --burst-interval-s go with bill"
        )
    if period == "trace" and trace is None:
        raise UsageError("--period trace bills the time of a trace file; name one")
    given = [flags.get(name) for name in ("requests_per_month", "requests_per_day", "requests_per_second")]
    if trace is not None and any(value is not None for value in (*given, flags.get("pattern"))):
        raise UsageError("a trace has its own rate: leave --requests-per-… and --pattern out")
    amount = {name: flags.get(name) for name in TRAFFIC[:3] if flags.get(name) is not None}
    plain = set_up(cast(BillingFlags, {**bare, **amount}), catalog=catalog, today=today)
    if trace is not None:
        arriving = from_file(plain.ledger, Path(trace), flags, random=seed)
    else:
        wanted = Wanted(
            flags.get("pattern"),
            plain.asked.level,
            flags.get("burst_size"),
            flags.get("peak_to_mean"),
            flags.get("hours"),
        )
        arriving = generated(plain.ledger, wanted, flags, period_s=plain.month.seconds)
    filled = dict(rest)
    for name, mean in (("input_tokens", arriving.input_tokens), ("output_tokens", arriving.output_tokens)):
        if mean is not None:
            if flags.get(name) is not None:
                raise UsageError(f"the trace has its own tokens: leave --{name.replace('_', '-')} out")
            filled[name] = max(1, round(mean))
    setup = set_up(cast(BillingFlags, filled), catalog=plain.shelf.catalog, today=today)
    for note in plain.ledger.notes:
        setup.ledger.note(note.text, note.level)
    for each in plain.ledger.evidence:
        if each.field.startswith("--requests-per"):
            setup.ledger.user(each.field, each.value, each.unit)
    month = setup.month
    hours = {
        "month": month.hours,
        "day": float(HOURS_PER_DAY),
        "year": YEAR_MONTHS * month.hours,
        "trace": arriving.made.span_s / SECONDS_PER_HOUR,
    }[period]
    return Asked(setup, arriving, Period(period, hours, month.hours), limits, flags, flags)


def inputs_of(
    asked: Asked,
    trace: Path | str | None,
    times: TokenTimes,
    replications: int,
    seed: int,
    deployments: Sequence[str],
) -> dict[str, Any]:
    """What was asked, as understood."""
    inputs = asked.setup.inputs()
    inputs.pop("pattern")
    made = asked.arriving.made
    told = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asked.told.items()
        if name not in inputs and value is not None and value is not False and value != ()
    }
    return {
        "deployment": list(deployments),
        "trace": None if trace is None else str(trace),
        "traffic": asked.arriving.kind,
        "pattern": None if made.source is Source.TRACE else made.source.value,
        "period": asked.period.name,
        "period_hours": asked.period.hours,
        **inputs,
        **told,
        **times._asdict(),
        "requests_per_second": asked.arriving.per_s,
        "slo": [slo.text for slo in asked.limits],
        "replications": replications,
        "seed": seed,
    }
