"""The tables of `simulate`."""

from __future__ import annotations

from collections.abc import Sequence

from gpucost.domain.billing import Bill
from gpucost.domain.report import Report
from gpucost.domain.simulated import Latency, Run, SimulateResult
from gpucost.units import SECONDS_PER_HOUR
from gpucost.view.format import format_value
from gpucost.view.table import Column, Kind, Table, cells
from gpucost.view.tables_bill import line_table

MOST_SETTINGS = 14
NAMES = {"wait": "wait for a worker", "ttft": "first token", "tpot": "per token", "e2e": "whole request"}


def simulate_tables(report: Report) -> list[Table]:
    """Bills with the latency that they buy, the ways of the workers, what was varied or searched."""
    result: SimulateResult = report.result
    if not result.bills:
        why = result.reason or "nothing was simulated"
        return [Table("Simulation", (), (), main=True, headline=f"No answer: {why}.")]
    tables = [_bills(report, result)]
    if result.runs:
        tables += [_latencies(result), _ways(result)]
    tables.append(line_table(result.bills))
    if result.variants:
        tables.append(_variants(result))
    if result.settings:
        tables.append(_settings(result))
    if any(run.intervals for run in result.runs):
        tables.append(_intervals(result))
    return tables


def curves(result: SimulateResult) -> dict[str, list[tuple[float, float]]]:
    """Workers over time by deployment: hours, workers."""
    return {
        run.deployment: [
            (index * run.window_s / SECONDS_PER_HOUR, workers)
            for index, workers in enumerate(run.workers_over_time)
        ]
        for run in result.runs
    }


def _usd(value: float | None) -> str:
    return format_value(value, Kind.USD)


def _seconds(value: float | None) -> str:
    return format_value(value, Kind.SECONDS)


class _Row:
    """A bill with its run, side by side."""

    def __init__(self, bill: Bill, run: Run | None) -> None:
        self.deployment, self.total_usd, self.delta_fraction = (
            bill.deployment,
            bill.total_usd,
            bill.delta_fraction,
        )
        self.usd_per_request, self.low_usd, self.high_usd = bill.usd_per_request, bill.low_usd, bill.high_usd
        self.utilisation = bill.utilisation
        self.usd_per_million_tokens = bill.usd_per_million_tokens
        self.cold_starts = None if run is None else run.cold_starts
        self.unserved = None if run is None else run.rejected + run.timed_out
        self.mean_workers = None if run is None else run.mean_workers
        self.floor_ratio = None if run is None else run.floor_ratio
        self.meets_slo = None if run is None or not run.slo else run.meets_slo
        wait = None if run is None else run.latencies.get("wait")
        self.wait_mean_s = None if wait is None else wait.mean
        self.wait_p95_s = None if wait is None else wait.p95


def _bills(report: Report, result: SimulateResult) -> Table:
    runs = {run.deployment: run for run in result.runs}
    rows = [_Row(bill, runs.get(bill.deployment)) for bill in result.bills]
    columns = [
        Column("deployment", "deployment"),
        Column("total_usd", "total", Kind.USD),
        *([Column("delta_fraction", "to first", Kind.PERCENT_ERROR)] if len(rows) > 1 else []),
        *([Column("meets_slo", "SLO", Kind.BOOL)] if any(row.meets_slo is not None for row in rows) else []),
        *([Column("unserved", "unserved", Kind.COUNT)] if any(row.unserved for row in rows) else []),
        Column("wait_p95_s", "wait p95", Kind.SECONDS),
        Column("cold_starts", "cold", Kind.COUNT, priority=1),
        Column("utilisation", "used", Kind.SHARE),
        Column("floor_ratio", "× floor", Kind.NUMBER, priority=2),
        *(
            Column(key, title, Kind.USD, priority=3)
            for key, title in (("low_usd", "low"), ("high_usd", "high"))
            if any(row.low_usd != row.high_usd for row in rows)
        ),
        Column("mean_workers", "workers", Kind.NUMBER, priority=4),
        Column("usd_per_request", "per request", Kind.USD, priority=5),
    ]
    if any(row.usd_per_million_tokens is not None for row in rows):
        columns.append(Column("usd_per_million_tokens", "per M out", Kind.USD, priority=5))
    return Table(
        title=_title(report, result),
        columns=tuple(columns),
        rows=cells(columns, rows),
        main=True,
        headline=_headline(result),
        caption=_caption(rows),
    )


def _title(report: Report, result: SimulateResult) -> str:
    hours = result.bills[0].period_hours
    span = format_value(result.simulated_s, Kind.SECONDS)
    said = f"Bill of a {result.period} of {hours:,.0f} h from {result.requests:,} requests in {span}"
    if result.period == "trace":
        said = f"Bill of the trace: {result.requests:,} requests in {span}"
    if result.extrapolation > 1.001:
        said += f", extrapolated × {result.extrapolation:,.1f}"
    if report.inputs.get("slots", 1) > 1:
        said += f", {report.inputs['slots']} at once per worker"
    return said


def _headline(result: SimulateResult) -> str:
    slos = [each.slo for each in result.runs[0].slo] if result.runs else []
    if slos and result.cheapest is None:
        return f"Nothing keeps {' and '.join(slos)}."
    bill = next((each for each in result.bills if each.deployment == result.cheapest), None)
    if bill is None:
        return "The total is unknown: a price is not stated."
    run = next((each for each in result.runs if each.deployment == bill.deployment), None)
    said = f"{bill.deployment}: {_usd(bill.total_usd)} per {result.period}"
    if len(result.bills) > 1:
        said = f"Cheapest of {len(result.bills)}{' that keep the limits' if slos else ''}: {said}"
    if run is not None:
        said += _served(run, bill)
    return said + _open(bill, result.bills) + "."


def _served(run: Run, bill: Bill) -> str:
    wait = run.latencies.get("wait")
    said = ""
    if wait is not None:
        share = format_value(run.waited_share, Kind.SHARE)
        said += f"; {share} of the requests wait, the 95th percentile {_seconds(wait.p95)}"
    if run.floor_ratio is not None:
        said += f"; {run.floor_ratio:,.1f} times what the work alone would cost"
    if _usd(bill.low_usd) != _usd(bill.high_usd):
        said += f". What nobody documents leaves {_usd(bill.low_usd)} to {_usd(bill.high_usd)}"
    return said


def _open(bill: Bill, others: Sequence[Bill]) -> str:
    """What a reader must settle first where ends of one bill lie on both sides of another."""
    for other in others:
        if bill.high_usd is None or other.low_usd is None or other is bill:
            continue
        dearer = (other.total_usd or 0.0) > (bill.total_usd or 0.0)
        if dearer and other.low_usd < bill.high_usd:
            return f"; the order is open, since {other.deployment} may cost {_usd(other.low_usd)} as well"
    return ""


def _caption(rows: list[_Row]) -> str:
    said = ["× floor: the bill over that of the work alone, on full workers"]
    if any(row.low_usd != row.high_usd for row in rows):
        said.append("low and high: what nobody documents, varied")
    return "; ".join(said)


def _latencies(result: SimulateResult) -> Table:
    columns = (
        Column("deployment", "deployment"),
        Column("latency", "latency"),
        *(Column(name, f"{name} [s]", Kind.NUMBER) for name in Latency._fields),
    )
    rows: list[list[object]] = []
    for run in result.runs:
        shown = run.deployment
        for name, words in NAMES.items():
            if name in run.latencies:
                rows.append([shown, words, *run.latencies[name]])
                shown = ""
        for each in run.slo:
            word = "kept" if each.met else "broken"
            share = format_value(each.share, Kind.SHARE)
            rows.append([shown, f"{each.slo}: {word}, {share} within", each.value_s, *([None] * 5)])
            shown = ""
    return Table("Latency", columns, rows)


def _ways(result: SimulateResult) -> Table:
    columns = (
        Column("deployment", "deployment"),
        Column("policy", "scaler"),
        Column("routing", "routing"),
        Column("binding", "served by"),
        Column("start_s", "start", Kind.SECONDS),
        Column("idle_timeout_s", "idle timeout", Kind.SECONDS),
        Column("kept_workers", "kept", Kind.COUNT, priority=1),
        Column("peak_workers", "peak", Kind.NUMBER, priority=1),
        Column("assumed", "assumed", priority=2),
    )
    rows = [[*row[:-1], ", ".join(row[-1])] for row in cells(columns, result.runs)]
    return Table("How workers start, stop and share requests", columns, rows)


def _variants(result: SimulateResult) -> Table:
    columns = (
        Column("deployment", "deployment"),
        Column("what", "with"),
        Column("total_usd", "total", Kind.USD),
        Column("wait_p95_s", "wait p95", Kind.SECONDS),
        Column("cold_starts", "cold starts", Kind.COUNT),
    )
    return Table("What nobody documents, varied", columns, cells(columns, result.variants))


def _settings(result: SimulateResult) -> Table:
    columns = (
        Column("idle_timeout_s", "idle timeout [s]", Kind.NUMBER),
        Column("min_workers", "kept", Kind.COUNT),
        Column("max_workers", "most", Kind.COUNT),
        Column("total_usd", "total", Kind.USD),
        Column("latency_s", "latency", Kind.SECONDS),
        Column("meets_slo", "SLO", Kind.BOOL),
        Column("unserved", "unserved", Kind.COUNT),
        Column("cold_starts", "cold starts", Kind.COUNT),
    )
    front = [each for each in result.settings if each.on_frontier]
    shown = front[:MOST_SETTINGS]
    if result.best is not None and result.best not in shown:
        shown = [*shown[: MOST_SETTINGS - 1], result.best]
    return Table(
        f"Frontier of {len(result.settings)} settings: nothing is cheaper and quicker",
        columns,
        cells(columns, shown),
        headline=_best(result),
        caption="latency: of the first limit, else the 95th percentile of the wait",
        emphasis=() if result.best is None else (shown.index(result.best),),
    )


def _best(result: SimulateResult) -> str:
    best, slos = result.best, [each.slo for run in result.runs[:1] for each in run.slo]
    if best is None:
        return "No setting keeps every limit."
    most = "as many workers as it takes" if best.max_workers is None else f"at most {best.max_workers}"
    kept = f" that keeps {' and '.join(slos)}" if slos else ""
    timeout = _seconds(best.idle_timeout_s)
    return (
        f"Cheapest{kept}: idle timeout {timeout}, {best.min_workers} kept on, {most}: {_usd(best.total_usd)}."
    )


def _intervals(result: SimulateResult) -> Table:
    columns = (
        Column("deployment", "deployment"),
        Column("name", "of"),
        Column("mean", "mean", Kind.NUMBER),
        Column("low", "low", Kind.NUMBER),
        Column("high", "high", Kind.NUMBER),
    )
    rows = [[run.deployment, *each] for run in result.runs for each in run.intervals]
    return Table(f"95 % confidence over {result.replications} replications", columns, rows)
