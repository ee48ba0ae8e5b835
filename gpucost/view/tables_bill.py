"""The tables of `bill`."""

from __future__ import annotations

from collections.abc import Sequence

from gpucost.domain.billing import Bill, BillResult, Hybrid
from gpucost.domain.report import Report
from gpucost.view.format import format_value
from gpucost.view.table import Column, Kind, Table, cells

LINES = (
    "GPU execution",
    "cold starts",
    "idle",
    "always-on",
    "rounding",
)
METHODS = {
    "exact": "",
    "steady state": "mean of random arrivals",
    "approximation": "approximation for random arrivals",
}


def bill_tables(report: Report) -> list[Table]:
    """Bills side by side, their lines, then what was asked for besides."""
    result: BillResult = report.result
    if not result.bills:
        return [Table("Bills", (), (), main=True, headline=f"No bill: {result.reason}.")]
    tables = [_bills(report, result), line_table(result.bills)]
    if result.months:
        tables.append(_months(result))
    if result.keep_warm:
        tables.append(_keep_warm(result))
    if result.hybrid is not None:
        tables.append(_hybrid(result.hybrid))
    if result.chargeback:
        tables.append(_chargeback(result))
    return tables


def _usd(value: float | None) -> str:
    return format_value(value, Kind.USD)


def _bills(report: Report, result: BillResult) -> Table:
    bills = result.bills
    several = len(bills) > 1
    asked = report.inputs
    columns = [
        Column("deployment", "deployment"),
        Column("total_usd", "total", Kind.USD),
        *([Column("delta_fraction", "to first", Kind.PERCENT_ERROR)] if several else []),
        Column("usd_per_request", "per request", Kind.USD),
    ]
    if any(each.usd_per_million_tokens is not None for each in bills):
        columns.append(Column("usd_per_million_tokens", "per M out", Kind.USD))
    columns += [
        Column("utilisation", "used", Kind.SHARE),
        Column("workers", "workers", Kind.NUMBER, priority=1),
        Column("cold_share", "cold", Kind.SHARE, priority=2),
        Column("wait_s", "wait", Kind.SECONDS, priority=4),
        Column("low_usd", "low", Kind.USD, priority=3),
        Column("high_usd", "high", Kind.USD, priority=3),
        Column("max_exposure_usd", "at most", Kind.USD, priority=5),
    ]
    return Table(
        title=_title(result, asked),
        columns=tuple(columns),
        rows=cells(columns, bills),
        main=True,
        headline=_headline(result),
        caption=_caption(result),
    )


def _title(result: BillResult, asked: object) -> str:
    first = result.bills[0]
    words = dict(asked) if isinstance(asked, dict) else {}
    hours = f"{first.period_hours:,.0f} h" if result.period != "request" else "request"
    said = f"Bill of a {result.period}" + (f" of {hours}" if result.period != "request" else "")
    if first.requests and result.period != "request":
        said += f", {first.requests:,.0f} requests"
    if words.get("pattern") and words.get("requests_per_second"):
        said += f", {words['pattern']}"
    times = {each.execution_s for each in result.bills if each.execution_s is not None}
    if len(times) == 1:
        said += f", {format_value(times.pop(), Kind.SECONDS)} each"
    if words.get("concurrency") or words.get("slots", 1) > 1:
        said += f", {words['slots']} at once per worker"
    return said


def _headline(result: BillResult) -> str:
    bills = [each for each in result.bills if each.total_usd is not None]
    if not bills:
        return f"The total is unknown; what is known comes to {_usd(result.bills[0].known_usd)}."
    best = min(bills, key=lambda each: each.total_usd or 0.0)
    said = f"{best.deployment}: {_usd(best.total_usd)} per {result.period}"
    others = [each for each in bills if each is not best]
    if not others:
        return said + f", {_parts(best)}."
    if len(others) == 1:
        other = others[0]
        saved = (other.total_usd or 0.0) - (best.total_usd or 0.0)
        share = format_value(saved / other.total_usd if other.total_usd else 0.0, Kind.SHARE)
        if saved == 0:
            return f"{best.deployment} and {other.deployment} cost the same, {_usd(best.total_usd)}."
        said = f"{said}, {_usd(saved)} ({share}) less than {other.deployment} at {_usd(other.total_usd)}."
        return said + _open(best, other)
    return f"Cheapest of {result.searched}: {said}."


def _open(best: Bill, other: Bill) -> str:
    """What a reader must settle first where the ends of one bill lie on both sides of the other."""
    for wide, fixed in ((best, other), (other, best)):
        if wide.low_usd is None or wide.high_usd is None or fixed.total_usd is None:
            continue
        if wide.low_usd < fixed.total_usd < wide.high_usd:
            return (
                f" The order is open: {wide.deployment} costs {_usd(wide.low_usd)} to {_usd(wide.high_usd)} "
                "by how long a start takes; --start-s settles it."
            )
    return ""


def _parts(one: Bill) -> str:
    big = sorted(one.lines, key=lambda each: -(each.usd or 0.0))[:2]
    return " and ".join(f"{_usd(each.usd)} {each.name}" for each in big)


def _caption(result: BillResult) -> str:
    said = []
    if any(each.low_usd != each.high_usd for each in result.bills):
        said.append("low and high: the ends of what providers leave open, start times above all")
    if any(each.max_exposure_usd is not None for each in result.bills):
        limits = sorted({each.max_workers for each in result.bills if each.max_workers is not None})
        said.append(f"at most: {' or '.join(map(str, limits))} workers busy all the time")
    return "; ".join(said)


def line_table(bills: Sequence[Bill]) -> Table:
    """Lines of all bills, each with its total."""
    columns = (
        Column("deployment", "deployment"),
        Column("name", "line"),
        Column("quantity", "quantity", Kind.NUMBER),
        Column("unit", "unit"),
        Column("usd_per_unit", "USD per unit", Kind.USD),
        Column("usd", "USD", Kind.USD),
    )
    rows: list[list[object]] = []
    for one in bills:
        shown = one.deployment
        for each in one.lines:
            price = each.usd_per_unit
            rows.append([shown, each.name, each.quantity, each.unit, price, each.usd])
            shown = ""
        if len(one.lines) > 1:
            rows.append([shown, "total", None, "", None, one.total_usd])
    return Table("Lines", columns, rows)


def _months(result: BillResult) -> Table:
    names = [each.deployment for each in result.bills]
    columns = (
        Column("month", "month", Kind.COUNT),
        Column("requests", "requests", Kind.NUMBER),
        *(Column(f"totals_usd.{index}", name, Kind.USD) for index, name in enumerate(names)),
        Column("cheapest", "cheapest"),
    )
    rows = [[each.month, each.requests, *each.totals_usd, each.cheapest] for each in result.months]
    return Table("Growing traffic", columns, rows)


def _keep_warm(result: BillResult) -> Table:
    columns = (
        Column("interval_s", "a ping every", Kind.SECONDS),
        Column("pings", "pings per month", Kind.NUMBER),
        Column("usd", "kept by pings", Kind.USD),
        Column("active", "active worker"),
        Column("active_usd", "paid to stay", Kind.USD),
    )
    return Table("One worker kept warm for a month", columns, cells(columns, result.keep_warm))


def _hybrid(hybrid: Hybrid) -> Table:
    columns = (
        Column("baseline_workers", "kept on", Kind.COUNT),
        Column("baseline_usd", "baseline", Kind.USD),
        Column("overflow_usd", "overflow", Kind.USD),
        Column("total_usd", "total", Kind.USD),
        Column("overflow_share", "busy time that overflows", Kind.SHARE),
    )
    best = next(row for row in hybrid.rows if row.baseline_workers == hybrid.best_workers)
    near = [row for row in hybrid.rows if abs(row.baseline_workers - hybrid.best_workers) <= 5]
    against = [
        f"{format_value(hybrid.saving_against_reserved, Kind.SHARE)} less than {hybrid.reserved_workers} on "
        f"({_usd(hybrid.reserved_usd)})",
        f"{format_value(hybrid.saving_against_serverless, Kind.SHARE)} less than serverless alone "
        f"({_usd(hybrid.serverless_usd)})",
    ]
    kept = f"{hybrid.best_workers} × {hybrid.baseline}"
    headline = f"Keep {kept} on: {_usd(best.total_usd)}, {' and '.join(against)}."
    if hybrid.saving_against_reserved < 0:
        headline = (
            f"{hybrid.reserved_workers} × {hybrid.baseline} alone cost {_usd(hybrid.reserved_usd)}: less "
            f"than any number of them with overflow ({_usd(best.total_usd)} with {hybrid.best_workers})."
        )
    return Table(
        f"Baseline {hybrid.baseline}, overflow on {hybrid.overflow}",
        columns,
        cells(columns, near),
        headline=headline,
        caption=f"with the most overflow workers it carries {hybrid.spike:.1f} times the mean load",
        emphasis=(near.index(best),),
    )


def _chargeback(result: BillResult) -> Table:
    columns = (
        Column("tag", "tag"),
        Column("quantity", result.chargeback[0].unit, Kind.NUMBER),
        Column("share", "share", Kind.SHARE),
        Column("usd", "USD", Kind.USD),
    )
    whole = sum(each.usd for each in result.chargeback)
    return Table(
        "Who owes what",
        columns,
        cells(columns, result.chargeback),
        caption=f"together {_usd(whole)}, the bill of {result.bills[0].deployment}",
    )
