"""Requests to replay: from a trace file, from a rate over time, or made by a generator."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from gpucost.api.flags import rate, share, whole
from gpucost.api.ledger import Ledger
from gpucost.calc import profiles
from gpucost.calc.arrivals import LEAST_CV, MOST_CV, jittered, spawn
from gpucost.calc.replication import Made, Source
from gpucost.calc.trace_sums import TraceSums, joined
from gpucost.domain.trace import Profile, Trace
from gpucost.domain.traffic import Law
from gpucost.errors import DataError, UnknownNameError, UsageError
from gpucost.io.trace import MOST_SORTED, ReadTrace, read_trace
from gpucost.io.trace_columns import Columns
from gpucost.io.trace_profile import is_profile, read_profile
from gpucost.units import DAY_S, SECONDS_PER_MINUTE

SHAPES = ("diurnal", "busy-hours", "daily-wave", "weekly")
PATTERNS = ("poisson", "gamma", "weibull", "uniform", "bursty", "on-off", *SHAPES)
MOST_MADE = 1_000_000
"""Requests that are simulated unless a time is asked for; the rest of the period is extrapolated."""
WEEK_DAYS = 7
PEAK, WEEKEND = 1.5, 0.15
"""Peak over mean of a day, share of a week's requests at its weekend: unless told, for want of a measure."""


class SourceFlags(TypedDict, total=False):
    """Flags of traffic: columns of a file, a rate over time, and shapes that a generator knows."""

    timestamp_column: str | None
    input_column: str | None
    output_column: str | None
    execution_column: str | None
    tag_column: str | None
    time_unit: str
    skip_bad_rows: bool
    span_s: float | None
    """Time that a trace covers."""
    jitter_s: float | None
    """Step to which the stamps of a trace were rounded."""
    profile: Path | str | None
    profile_model: str | None
    cv: float | None
    on_s: float | None
    off_s: float | None
    weekend_share: float | None
    simulated_days: float | None


FILE_FLAGS = (
    "timestamp_column",
    "input_column",
    "output_column",
    "execution_column",
    "tag_column",
    "skip_bad_rows",
    "span_s",
    "jitter_s",
)
MADE_FLAGS = ("cv", "on_s", "off_s", "weekend_share", "simulated_days")


def _refuse(flags: SourceFlags, names: Sequence[str], why: str) -> None:
    """Raises UsageError for flags that would do nothing."""
    for name in names:
        if flags.get(name) not in (None, False):
            raise UsageError(f"--{name.replace('_', '-')} {why}")


class Arriving(NamedTuple):
    """Requests, or how to make them, with what is known of all of them."""

    kind: str
    """`trace`, `profile × sample` or `generated`."""
    made: Made
    shared: dict[str, Any]
    """Arrays that every replication reads."""
    requests: float
    """Expected."""
    input_tokens: float | None
    """Mean per request, where the trace has them."""
    output_tokens: float | None
    execution_s: float | None
    """Mean time of a request, where the trace says it."""
    random: bool
    """Another seed makes other requests."""
    peak_per_s: float
    """Requests per second of the busiest minute, or of the highest rate of a profile."""
    skipped: int = 0
    clock_s: float | None = 0.0
    """Time of day at which it begins [s]; None: unknown."""
    stream: Callable[[], Iterator[Trace]] | None = None
    """Reads a file again that is too long to be held."""

    @property
    def per_s(self) -> float:
        """Mean requests per second."""
        return self.requests / self.made.span_s


def columns_of(flags: SourceFlags) -> Columns:
    """Columns as the flags name them."""
    return Columns(
        flags.get("timestamp_column"),
        flags.get("input_column"),
        flags.get("output_column"),
        flags.get("execution_column"),
        flags.get("tag_column"),
        flags.get("time_unit") or "auto",
    )


def said_of(ledger: Ledger, path: Path, info: ReadTrace) -> None:
    """Notes on how a file was read."""
    if info.skipped:
        first = info.skipped_examples[0] if info.skipped_examples else ""
        ledger.note(f"{path}: {info.skipped:,} bad rows were left out, such as {first}", "warning")
    if info.sorted_here:
        ledger.note(f"{path}: the rows were out of order and were sorted")


def from_file(ledger: Ledger, path: Path, flags: SourceFlags, *, random: int) -> Arriving:
    """A trace file, and with `profile` its requests at the rates of another file.

    Raises DataError for wrong files, UsageError for flags that do not go together.
    """
    if is_profile(path):
        raise UsageError(f"{path} holds a rate over time and no requests: pass it as --profile")
    _refuse(flags, MADE_FLAGS, "goes with traffic that is made, not with a trace")
    if flags.get("profile") is None:
        _refuse(flags, ("profile_model",), "picks a rate of --profile")
    columns, skip = columns_of(flags), flags.get("skip_bad_rows", False)
    info = read_trace(path, columns, skip_bad_rows=skip)
    sums, held = TraceSums(), list[Trace]()
    for chunk in info.chunks:
        sums.add(chunk)
        if sums.rows <= MOST_SORTED:
            held.append(chunk)
        else:
            held.clear()
    said_of(ledger, path, info)
    span = _span(path, flags, sums)
    given = None if sums.input is None else sums.input / sums.rows
    made = None if sums.output is None else sums.output / sums.rows
    busiest = sums.busiest_per_s(span)
    arriving = Arriving(
        "trace",
        Made(Source.TRACE, span),
        {},
        float(sums.rows),
        given,
        made,
        None if sums.execution_s is None else sums.execution_s / sums.rows,
        False,
        busiest,
        info.skipped,
        None if info.origin_s is None else info.origin_s % DAY_S,
    )
    jitter = flags.get("jitter_s")
    if sums.rows > MOST_SORTED:
        if flags.get("profile") is not None or jitter is not None:
            raise UsageError(f"{path}: --profile and --jitter-s take files of at most {MOST_SORTED:,} rows")
        ledger.note(f"{path}: {sums.rows:,} rows are streamed; percentiles are to 0.1 %")
        return arriving._replace(stream=lambda: read_trace(path, columns, skip_bad_rows=skip).chunks)
    shared = joined(held)
    rate("--jitter-s", jitter)
    if jitter is not None:
        shared["at_s"] = jittered(spawn(random, 1)[0], shared["at_s"], jitter)
    arriving = arriving._replace(shared=shared)
    if flags.get("profile") is None:
        return arriving
    profile = _profile(flags)
    return arriving._replace(
        kind="profile × sample",
        made=Made(Source.RESAMPLED, profile.span_s),
        shared={**shared, "edges_s": profile.edges_s, "rates": profile.rates},
        requests=profile.mean * profile.span_s,
        random=True,
        clock_s=0.0,
        peak_per_s=float(profile.rates.max()),
    )


def _span(path: Path, flags: SourceFlags, sums: TraceSums) -> float:
    """Time that a trace covers [s]: as told, else one mean gap after its last request."""
    told = flags.get("span_s")
    rate("--span-s", told)
    if told is not None:
        if told < sums.last:
            raise UsageError(f"--span-s {told:g}: the last request comes at {sums.last:,.1f} s")
        return told
    if sums.last == 0:
        raise DataError(f"{path}: all requests come at once; --span-s says which time they cover")
    return sums.last * sums.rows / (sums.rows - 1)


def _profile(flags: SourceFlags) -> Profile:
    path = Path(flags["profile"] or "")
    if not is_profile(path) and path.is_file():
        raise UsageError(f"--profile {path} is no rate over time: it needs start_s and requests or rate_rps")
    return read_profile(path, model=flags.get("profile_model"))


class Wanted(NamedTuple):
    """Traffic to make."""

    pattern: str | None
    per_s: float | None
    """Mean requests per second."""
    burst_size: int | None
    peak_to_mean: float | None
    hours: float | None


def generated(ledger: Ledger, wanted: Wanted, flags: SourceFlags, *, period_s: float) -> Arriving:
    """Traffic of a generator over at most the billed period [s]. Raises UsageError."""
    share("--weekend-share", flags.get("weekend_share"))
    _refuse(flags, FILE_FLAGS, "goes with a trace file")
    for name in ("cv", "on_s", "off_s", "simulated_days"):
        value = flags.get(name)
        rate("--" + name.replace("_", "-"), value if isinstance(value, (int, float)) else None)
    whole("--burst-size", wanted.burst_size, 1, 1_000_000)
    if flags.get("profile") is not None:
        if wanted.pattern not in (None, "poisson", "gamma"):
            raise UsageError(f"--profile has its own shape: leave --pattern {wanted.pattern} out")
        _refuse(flags, ("on_s", "off_s", "weekend_share", "simulated_days"), "does not go with --profile")
        return _from_profile(wanted, flags)
    _refuse(flags, ("profile_model",), "picks a rate of --profile")
    if wanted.per_s is None:
        raise UsageError(
            "name a trace file, or traffic to make: --requests-per-day with --pattern "
            + ", ".join(PATTERNS[:4])
        )
    pattern = wanted.pattern or ("bursty" if wanted.burst_size else "poisson")
    if pattern not in PATTERNS:
        raise UnknownNameError("--pattern", pattern, PATTERNS)
    if pattern != "on-off":
        _refuse(flags, ("on_s", "off_s"), "goes with --pattern on-off")
    if pattern != "weekly":
        _refuse(flags, ("weekend_share",), "goes with --pattern weekly")
    if pattern in ("uniform", "bursty", "on-off"):
        _refuse(flags, ("cv",), f"does not go with --pattern {pattern}")
    for flag, value, patterns in (
        ("--peak-to-mean", wanted.peak_to_mean, ("diurnal", "daily-wave", "weekly")),
        ("--hours", wanted.hours, ("diurnal", "busy-hours")),
        ("--burst-size", wanted.burst_size, ("bursty",)),
    ):
        if value is not None and pattern not in patterns:
            raise UsageError(f"{flag} goes with --pattern {' or '.join(patterns)}, not with {pattern}")
    days = _days(pattern, wanted.per_s, flags.get("simulated_days"), period_s)
    span = days * DAY_S
    if wanted.per_s * span > MOST_MADE * 500:
        raise UsageError(
            f"{wanted.per_s * span:,.0f} requests are too many to simulate; see --simulated-days"
        )
    if pattern in SHAPES:
        return _modulated(_shape(ledger, pattern, wanted, flags, days), flags)
    made = _flat(pattern, wanted, flags, span)
    top = wanted.per_s
    if pattern == "on-off":
        top *= (made.on_s + made.off_s) / made.on_s
    return _plain(made, wanted.per_s * span, top, random=pattern not in ("uniform", "bursty"))


def _plain(made: Made, requests: float, top: float, *, random: bool) -> Arriving:
    return Arriving("generated", made, {}, requests, None, None, None, random, top)


def _days(pattern: str, per_s: float, told: float | None, period_s: float) -> float:
    """Days to simulate: the period while it has at most MOST_MADE requests, in whole days of a shape."""
    days = told if told is not None else min(period_s, max(MOST_MADE / per_s, SECONDS_PER_MINUTE)) / DAY_S
    if pattern not in SHAPES:
        return days
    step = WEEK_DAYS if pattern == "weekly" else 1
    if told is not None and round(told) % step:
        raise UsageError(f"--simulated-days {told:g}: the pattern {pattern} repeats every {step} days")
    return float(max(step, int(days) // step * step))


def _flat(pattern: str, wanted: Wanted, flags: SourceFlags, span: float) -> Made:
    per_s = wanted.per_s or 0.0
    if pattern == "uniform":
        return Made(Source.UNIFORM, span, per_s)
    if pattern == "bursty":
        if wanted.burst_size is None:
            raise UsageError("--pattern bursty needs --burst-size, the requests that come at once")
        return Made(Source.BURSTS, span, per_s, burst=wanted.burst_size)
    if pattern == "on-off":
        on, off = flags.get("on_s"), flags.get("off_s")
        if on is None or off is None:
            raise UsageError("--pattern on-off needs --on-s and --off-s, mean seconds of bursts and of quiet")
        return Made(Source.ON_OFF, span, per_s, on_s=on, off_s=off)
    law, cv = _law(pattern, flags.get("cv"))
    return Made(Source.RENEWAL, span, per_s, law, cv)


def _law(pattern: str, cv: float | None) -> tuple[Law, float]:
    """The law of the gaps. Raises UsageError."""
    if pattern in ("gamma", "weibull"):
        if cv is None:
            raise UsageError(f"--pattern {pattern} needs --cv, the coefficient of variation of the gaps")
        _check_cv(cv)
        return Law(pattern), cv
    if cv is None or cv == 1:
        return Law.EXPONENTIAL, 1.0
    if pattern == "poisson":
        raise UsageError("--cv goes with --pattern gamma or weibull, or with a shape: poisson has 1")
    _check_cv(cv)
    return Law.GAMMA, cv


def _check_cv(cv: float) -> None:
    if not LEAST_CV <= cv <= MOST_CV:
        raise UsageError(f"--cv must be from {LEAST_CV:g} to {MOST_CV:g}, not {cv:g}")


def _shape(ledger: Ledger, pattern: str, wanted: Wanted, flags: SourceFlags, days: float) -> Profile:
    per_s, count = wanted.per_s or 0.0, int(days)
    peak, hours = wanted.peak_to_mean, wanted.hours
    try:
        if pattern == "busy-hours":
            if hours is None:
                raise UsageError("--pattern busy-hours needs --hours per day")
            return profiles.busy_hours(rate=per_s, hours=hours, days=count)
        if pattern == "diurnal":
            if peak is None or hours is None:
                raise UsageError("--pattern diurnal needs --peak-to-mean and --hours of the peak per day")
            return profiles.diurnal(rate=per_s, peak_to_mean=peak, hours=hours, days=count)
        if peak is None:
            ledger.note(
                f"--pattern {pattern}: the peak is taken as {PEAK} times the mean; --peak-to-mean sets it"
            )
        day = profiles.daily_wave(rate=per_s, peak_to_mean=peak or PEAK, days=count)
        if pattern == "daily-wave":
            return day
        weekend = flags.get("weekend_share")
        if weekend is None:
            ledger.note(
                f"--pattern weekly: {WEEKEND:.0%} of the requests at the weekend; --weekend-share sets it"
            )
        return profiles.weekly(day, weekend_share=weekend or WEEKEND, days=count)
    except ValueError as error:
        raise UsageError(f"--pattern {pattern}: {error}") from None


def _from_profile(wanted: Wanted, flags: SourceFlags) -> Arriving:
    profile = _profile(flags)
    if wanted.per_s is not None:
        profile = profile._replace(rates=profile.rates * (wanted.per_s / profile.mean))
    return _modulated(profile, flags)


def _modulated(profile: Profile, flags: SourceFlags) -> Arriving:
    law, cv = _law("", flags.get("cv"))
    made = Made(Source.MODULATED, profile.span_s, law=law, cv=cv)
    found = _plain(made, profile.mean * profile.span_s, float(profile.rates.max()), random=True)
    return found._replace(shared={"edges_s": profile.edges_s, "rates": profile.rates})


def calendar(origin_s: float | None) -> str | None:
    """An instant as people write it (UTC)."""
    if origin_s is None:
        return None
    return datetime.fromtimestamp(origin_s, tz=UTC).isoformat(timespec="seconds")
