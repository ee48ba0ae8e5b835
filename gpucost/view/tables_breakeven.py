"""The tables of `breakeven`."""

from __future__ import annotations

from gpucost.domain.billing import BreakevenResult, Crossing
from gpucost.domain.report import Report
from gpucost.view.format import format_value
from gpucost.view.table import Column, Kind, Table, cells


def breakeven_tables(report: Report) -> list[Table]:
    """Crossings, the staircase of the cheapest, and what tokens pay for."""
    result: BreakevenResult = report.result
    tables = []
    if result.crossings:
        tables.append(_crossings(report, result))
    if result.staircase:
        tables.append(_staircase(result))
    if result.selling:
        tables.append(_selling(result, main=not tables))
    return tables or [Table("Break-even", (), (), main=True, headline=f"No answer: {result.reason}.")]


def _number(value: float) -> str:
    return format_value(value, Kind.NUMBER)


def _crossings(report: Report, result: BreakevenResult) -> Table:
    rows = result.crossings
    columns = [
        *([Column("b", "against")] if len({each.b for each in rows}) > 1 else []),
        Column("verdict", "verdict"),
        Column("cheaper_below", "cheaper below"),
        Column("cheaper_above", "cheaper above"),
        Column("busy_hours_per_month", "busy h/month", Kind.NUMBER),
        Column("utilisation", "used", Kind.SHARE),
    ]
    if any(each.requests_per_day is not None for each in rows):
        columns.append(Column("requests_per_day", "requests/day", Kind.NUMBER))
    if any(each.tokens_per_month is not None for each in rows):
        columns.append(Column("tokens_per_month", "tokens/month", Kind.NUMBER))
    columns += [
        Column("a_usd", "first", Kind.USD, priority=1),
        Column("b_usd", "other", Kind.USD, priority=1),
        Column("kind", "as", priority=2),
        Column("a_next_usd", "first, one more", Kind.USD, priority=3),
        Column("b_next_usd", "other, one more", Kind.USD, priority=3),
    ]
    return Table(
        title=_title(report, result),
        columns=tuple(columns),
        rows=cells(columns, rows),
        main=True,
        headline=_headline(result),
        caption=_caption(result),
    )


def _title(report: Report, result: BreakevenResult) -> str:
    asked = report.inputs
    said = " against ".join(result.deployments[:2]) if len(result.deployments) == 2 else "Break-even"
    if len(result.deployments) > 2:
        said = f"{result.deployments[0]} against {len(result.deployments) - 1} others"
    if asked.get("busy_seconds"):
        return f"{said}, full workers"
    time = asked.get("execution_s")
    return f"{said}, {asked['pattern']}" + (f", {format_value(time, Kind.SECONDS)} a request" if time else "")


def _headline(result: BreakevenResult) -> str:
    first = result.crossings[0]
    if len(result.deployments) > 2:
        return ""
    if first.verdict == "equal_always":
        return f"{first.a} and {first.b} cost the same at every traffic looked at."
    if first.verdict != "crosses":
        better, worse = (first.a, first.b) if first.verdict == "a_always" else (first.b, first.a)
        return f"{better} is cheaper than {worse} at every traffic looked at."
    said = f"{first.cheaper_above} becomes cheaper than {first.cheaper_below} above {_where(first)}"
    more = len(result.crossings) - 1
    return said + (f"; the order changes {more} more times." if more else ".")


def _where(first: Crossing) -> str:
    parts = []
    if first.requests_per_day is not None:
        parts.append(f"{_number(first.requests_per_day)} requests per day")
    if first.busy_hours_per_month is not None:
        parts.append(f"{_number(first.busy_hours_per_month)} busy hours per month")
    if first.tokens_per_month is not None and not parts:
        parts.append(f"{_number(first.tokens_per_month)} tokens per month")
    said = " = ".join(parts)
    if first.utilisation is not None:
        said += f" ({format_value(first.utilisation, Kind.SHARE)} used)"
    return said


def _caption(result: BreakevenResult) -> str:
    said = []
    if any(each.kind == "step" for each in result.crossings):
        said.append("step: the bills are never equal, the order flips with one request more")
    over = result.overhead
    if over is not None and over.packed_busy_hours is not None and over.billed_over_busy is not None:
        said.append(
            f"with busy seconds alone it would be {_number(over.packed_busy_hours)} busy hours; idle tails "
            f"and starts make the billed time {over.billed_over_busy:,.3g} times the busy time there"
        )
    elif over is not None and over.billed_over_busy is not None:
        said.append(
            "with busy seconds alone the bills do not cross; "
            f"billed time is {over.billed_over_busy:,.3g} times the busy time there"
        )
    return "; ".join(said)


def _staircase(result: BreakevenResult) -> Table:
    counted = any(each.from_requests_per_day is not None for each in result.staircase)
    columns = [
        Column("deployment", "cheapest"),
        *(
            [
                Column("from_requests_per_day", "from requests/day", Kind.NUMBER),
                Column("to_requests_per_day", "to requests/day", Kind.NUMBER),
            ]
            if counted
            else []
        ),
        Column("from_busy_hours_per_month", "from busy h", Kind.NUMBER, priority=1 if counted else 0),
        Column("to_busy_hours_per_month", "to busy h", Kind.NUMBER, priority=1 if counted else 0),
        Column("from_usd", "bill from", Kind.USD),
        Column("to_usd", "bill to", Kind.USD),
    ]
    names = list(dict.fromkeys(each.deployment for each in result.staircase))
    return Table(
        "Cheapest by traffic",
        tuple(columns),
        cells(columns, result.staircase),
        headline=f"Cheapest as traffic grows: {', then '.join(names)}.",
    )


def _selling(result: BreakevenResult, *, main: bool) -> Table:
    columns = (
        Column("deployment", "deployment"),
        Column("usd_per_hour", "price", Kind.USD_PER_HOUR),
        Column("usd_per_million", "sold at, USD per M tokens", Kind.USD),
        Column("tokens_per_hour", "tokens/h that pay for it", Kind.NUMBER),
        Column("tokens_per_s", "tokens/s", Kind.NUMBER),
    )
    first = result.selling[0]
    return Table(
        "Tokens that pay for a deployment",
        columns,
        cells(columns, result.selling),
        main=main,
        headline=f"{first.deployment} pays for itself from {_number(first.tokens_per_hour)} tokens/h on.",
    )
