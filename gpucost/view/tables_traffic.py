"""The tables of `traffic`."""

from __future__ import annotations

from gpucost.domain.report import Report
from gpucost.domain.simulated import TrafficResult
from gpucost.domain.traffic import Spread, TraceStats
from gpucost.units import SECONDS_PER_HOUR
from gpucost.view.format import format_value
from gpucost.view.table import Column, Kind, Table


def traffic_tables(report: Report) -> list[Table]:
    """Rates and bursts, then distributions, then tags."""
    result: TrafficResult = report.result
    if result.stats is None:
        return [_profile(result)]
    tables = [_rates(result, result.stats), _spreads(result.stats)]
    if result.tags:
        tables.append(_tags(result))
    return tables


def shape(result: TrafficResult) -> list[tuple[float, float]]:
    """Rate over time: hours, requests per second."""
    if result.stats is not None:
        width, rates = result.stats.shape_window_s, result.stats.shape_requests_per_second
    else:
        rates = result.profile_shape_requests_per_second
        width = (result.profile_span_s or 0.0) / max(1, len(rates))
    return [(index * width / SECONDS_PER_HOUR, rate) for index, rate in enumerate(rates)]


def _number(value: float | None) -> str:
    return format_value(value, Kind.NUMBER)


def _rates(result: TrafficResult, stats: TraceStats) -> Table:
    rows: list[list[object]] = []

    def row(key: str, what: str, value: float | int | None, unit: str) -> None:
        rows.append([key, what, value, unit])

    row("requests", "requests", stats.requests, "")
    row("span_s", "time covered", stats.span_s, "s")
    row("requests_per_second", "mean rate", stats.requests_per_second, "1/s")
    row("minute_peak_to_mean", "busiest minute / mean", stats.minute_peak_to_mean, "")
    row("hour_peak_to_mean", "busiest hour / mean", stats.hour_peak_to_mean, "")
    row("idle_minute_share", "minutes without a request", stats.idle_minute_share, "of 1")
    row("dispersion_1s", "dispersion of counts per 1 s", stats.dispersion_1s, "")
    row("dispersion_10s", "dispersion of counts per 10 s", stats.dispersion_10s, "")
    row("dispersion_60s", "dispersion of counts per 60 s", stats.dispersion_60s, "")
    row("most_at_once", "most at one instant", stats.most_at_once, "")
    row("equal_stamp_share", "requests with an equal stamp", stats.equal_stamp_share, "of 1")
    if result.offered_load_workers is not None:
        row("offered_load_workers", "requests in execution", result.offered_load_workers, "")
    columns = (
        Column("name", "field", priority=1),
        Column("what", "what"),
        Column("value", "value", Kind.NUMBER),
        Column("unit", "unit"),
    )
    shown = ", ".join(f"{name} from {column}" for name, column in result.columns.items())
    start = f"from {result.starts_at} on; " if result.starts_at else ""
    return Table(
        f"Traffic of {result.file}",
        columns,
        rows,
        main=True,
        headline=_headline(result, stats),
        caption=f"{start}{shown}; stamps in {result.time_unit}; dispersion is 1 for random arrivals",
    )


def _headline(result: TrafficResult, stats: TraceStats) -> str:
    said = f"{stats.requests:,} requests in {format_value(stats.span_s, Kind.SECONDS)}"
    if stats.requests_per_second is None:
        return said + ", all at once."
    said += f", {_number(stats.requests_per_second)} per second"
    if stats.minute_peak_to_mean is not None:
        said += f", {_number(stats.minute_peak_to_mean)} times that in the busiest minute"
    if stats.dispersion_1s is not None:
        kind = "as random arrivals are" if stats.dispersion_1s < 1.5 else "burstier than random arrivals"
        kind = "steadier than random arrivals" if stats.dispersion_1s < 0.7 else kind
        said += f"; second by second {kind} (dispersion {_number(stats.dispersion_1s)})"
    if result.offered_load_workers is not None:
        said += f". On average {_number(result.offered_load_workers)} requests run at once"
    return said + "."


def _spreads(stats: TraceStats) -> Table:
    found: list[tuple[str, Spread | None]] = [
        ("gap [s]", stats.gap_s),
        ("input tokens", stats.input_tokens),
        ("output tokens", stats.output_tokens),
        ("execution [s]", stats.execution_s),
    ]
    rows = [[name, *each] for name, each in found if each is not None]
    columns = (
        Column("name", "per request"),
        Column("mean", "mean", Kind.NUMBER),
        Column("cv", "cv", Kind.NUMBER),
        Column("p50", "p50", Kind.NUMBER),
        Column("p90", "p90", Kind.NUMBER),
        Column("p95", "p95", Kind.NUMBER),
        Column("p99", "p99", Kind.NUMBER),
        Column("max", "max", Kind.NUMBER),
    )
    return Table("Distributions", columns, rows, caption="cv: standard deviation ÷ mean, 1 for random gaps")


def _tags(result: TrafficResult) -> Table:
    columns = (Column("tag", "tag"), Column("requests", "requests", Kind.COUNT))
    rows = sorted(result.tags.items(), key=lambda each: -each[1])
    return Table("Tags", columns, [list(each) for each in rows])


def _profile(result: TrafficResult) -> Table:
    columns = (
        Column("profile_requests_per_second", "mean [1/s]", Kind.NUMBER),
        Column("profile_peak_to_mean", "peak / mean", Kind.NUMBER),
        Column("profile_window_s", "window", Kind.SECONDS),
        Column("profile_span_s", "time covered", Kind.SECONDS),
    )
    row = [getattr(result, column.key) for column in columns]
    return Table(
        f"Rate over time of {result.file}",
        columns,
        [row],
        main=True,
        headline=(
            f"{_number(result.profile_requests_per_second)} requests per second over "
            f"{format_value(result.profile_span_s, Kind.SECONDS)}, {_number(result.profile_peak_to_mean)} "
            "times that at the peak; simulate --profile makes requests at it."
        ),
    )
