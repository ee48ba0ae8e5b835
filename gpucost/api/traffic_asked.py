"""Traffic as flags describe it: how much, in which pattern, with which requests."""

from typing import NamedTuple

from gpucost.api.flags import rate, whole
from gpucost.api.ledger import Ledger
from gpucost.calc.traffic import Arrivals, Traffic, busy_hours, diurnal
from gpucost.errors import UnknownNameError, UsageError
from gpucost.units import DAY_S, HOURS_PER_DAY, HOURS_PER_MONTH, SECONDS_PER_HOUR

PATTERNS = ("poisson", "uniform", "packed", "bursty", "diurnal", "busy-hours", "batch")
MOST_DAYS = 366.0


class Amount(NamedTuple):
    """How much comes; at most one is given."""

    per_month: float | None = None
    per_day: float | None = None
    per_second: float | None = None
    items: int | None = None
    """Per day, as one batch."""


class Shape(NamedTuple):
    """In which pattern it comes."""

    pattern: str | None = None
    burst_size: int | None = None
    burst_interval_s: float | None = None
    peak_to_mean: float | None = None
    hours: float | None = None


class Asked(NamedTuple):
    """Traffic, with its mean level [requests/s] where it is given."""

    traffic: Traffic
    level: float | None
    pattern: str
    jobs: bool


def month_hours(days: float | None) -> float:
    """Hours of a month: 730, or those of the days asked. Raises UsageError."""
    if days is None:
        return float(HOURS_PER_MONTH)
    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"--days must be from 1 to {MOST_DAYS:g}, not {days}")
    return days * HOURS_PER_DAY


def traffic_of(ledger: Ledger, amount: Amount, shape: Shape, *, month_hours: float) -> Asked:
    """The traffic that the flags describe. Raises UsageError for contradictions and values out of range."""
    for flag, value in (
        ("--requests-per-month", amount.per_month),
        ("--requests-per-day", amount.per_day),
        ("--requests-per-second", amount.per_second),
        ("--burst-interval-s", shape.burst_interval_s),
        ("--peak-to-mean", shape.peak_to_mean),
        ("--hours", shape.hours),
    ):
        if value is not None and flag == "--requests-per-month":
            if not 0 < value <= 1e13:
                raise UsageError(f"{flag} must be above 0 and at most 1e13, not {value}")
        elif value is not None and flag == "--requests-per-day":
            if not 0 < value <= 1e11:
                raise UsageError(f"{flag} must be above 0 and at most 1e11, not {value}")
        else:
            rate(flag, value)
    whole("--burst-size", shape.burst_size, 1, 100_000_000)
    whole("--items", amount.items, 1, 100_000_000)
    if sum(value is not None for value in amount) > 1:
        raise UsageError(
            "give one of --requests-per-month, --requests-per-day, --requests-per-second and --items"
        )
    pattern = shape.pattern or _implied(amount, shape)
    if pattern not in PATTERNS:
        raise UnknownNameError("--pattern", pattern, PATTERNS)
    level = _level(amount, month_hours)
    if level is not None:
        given = next(
            (flag, value, unit)
            for flag, value, unit in (
                ("--requests-per-month", amount.per_month, "requests"),
                ("--requests-per-day", amount.per_day, "requests"),
                ("--requests-per-second", amount.per_second, "requests/s"),
                ("--items", amount.items, "requests per day"),
            )
            if value is not None
        )
        ledger.user(*given)
    _belong(pattern, amount, shape)
    if pattern == "batch":
        return _batch(level, amount)
    if pattern == "bursty":
        return _bursty(level, shape)
    arrivals = Arrivals(pattern) if pattern in ("poisson", "uniform", "packed") else Arrivals.POISSON
    traffic = Traffic(arrivals)
    if pattern == "diurnal":
        if shape.peak_to_mean is None or shape.hours is None:
            raise UsageError("--pattern diurnal needs --peak-to-mean and --hours of the peak per day")
        try:
            traffic = diurnal(peak_to_mean=shape.peak_to_mean, hours=shape.hours, arrivals=arrivals)
        except ValueError as error:
            raise UsageError(f"--pattern diurnal: {error}") from None
    if pattern == "busy-hours":
        if shape.hours is None or shape.hours > HOURS_PER_DAY:
            raise UsageError("--pattern busy-hours needs --hours per day, at most 24")
        traffic = busy_hours(hours=shape.hours, arrivals=arrivals)
    return Asked(traffic, level, pattern, False)


def _implied(amount: Amount, shape: Shape) -> str:
    if amount.items is not None:
        return "batch"
    if shape.burst_size is not None or shape.burst_interval_s is not None:
        return "bursty"
    if shape.peak_to_mean is not None:
        return "diurnal"
    return "busy-hours" if shape.hours is not None else "poisson"


def _belong(pattern: str, amount: Amount, shape: Shape) -> None:
    """Raises UsageError for a flag of another pattern."""
    fits = {
        "--burst-size": (shape.burst_size, ("bursty",)),
        "--burst-interval-s": (shape.burst_interval_s, ("bursty",)),
        "--peak-to-mean": (shape.peak_to_mean, ("diurnal",)),
        "--hours": (shape.hours, ("diurnal", "busy-hours")),
        "--items": (amount.items, ("batch",)),
    }
    for flag, (value, patterns) in fits.items():
        if value is not None and pattern not in patterns:
            raise UsageError(f"{flag} goes with --pattern {' or '.join(patterns)}, not with {pattern}")


def _level(amount: Amount, hours: float) -> float | None:
    if amount.per_month is not None:
        return amount.per_month / (hours * SECONDS_PER_HOUR)
    if amount.per_day is not None:
        return amount.per_day / DAY_S
    if amount.items is not None:
        return amount.items / DAY_S
    return amount.per_second


def _batch(level: float | None, amount: Amount) -> Asked:
    if amount.items is None or level is None:
        raise UsageError("--pattern batch needs --items per day")
    return Asked(Traffic(Arrivals.BURSTS, burst=float(amount.items)), level, "batch", True)


def _bursty(level: float | None, shape: Shape) -> Asked:
    if shape.burst_size is None:
        raise UsageError("--pattern bursty needs --burst-size, the requests that come at once")
    if shape.burst_interval_s is not None:
        own = shape.burst_size / shape.burst_interval_s
        if level is not None and abs(own / level - 1) > 0.01:
            raise UsageError(
                f"{shape.burst_size} requests every {shape.burst_interval_s:g} s are {own * DAY_S:,.0f} "
                f"per day, not {level * DAY_S:,.0f}: leave one of them out"
            )
        level = own
    return Asked(Traffic(Arrivals.BURSTS, burst=float(shape.burst_size)), level, "bursty", False)
