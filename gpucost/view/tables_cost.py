"""The tables of `cost`, `cost --measured` and `bench import`."""

from __future__ import annotations

from gpucost.domain.report import Report
from gpucost.domain.speed import CostResult, ImportResult, MeasuredCostResult
from gpucost.view.format import format_value
from gpucost.view.table import Column, Kind, Table, cells

FRONT = 5
"""Offers of the Pareto front that are named below a table."""
SPLIT_SAID = {
    "output": "all cost is put on output tokens",
    "blended": "input and output tokens cost the same",
    "time": "cost is split by GPU time of prompts and decoding",
}


def cost_tables(report: Report) -> list[Table]:
    """Offers with their cost, then hosted prices."""
    result: CostResult = report.result
    rows = result.rows
    stated = bool(rows) and not rows[0].gpu
    columns = [
        Column("offer", "offer"),
        *([] if stated else [Column("gpus", "n", Kind.COUNT), Column("gpu", "GPU", priority=1)]),
        *([Column("quantization", "format")] if len({row.quantization for row in rows}) > 1 else []),
        Column("usd_per_hour", "price", Kind.USD_PER_HOUR),
        Column("output_tokens_per_s", "output tok/s", Kind.NUMBER),
    ]
    if not stated:
        columns += [
            Column("concurrency", "in flight", Kind.NUMBER, priority=4),
            Column("utilisation", "load", Kind.SHARE, priority=2),
            Column("tpot_s", "TPOT", Kind.SECONDS, priority=1),
            Column("ttft_s", "TTFT", Kind.SECONDS, priority=5),
        ]
    columns.append(Column("usd_per_million_output_tokens", "USD/M out", Kind.USD))
    if any(row.usd_per_million_input_tokens is not None for row in rows):
        columns.append(Column("usd_per_million_input_tokens", "USD/M in", Kind.USD))
    if not stated:
        columns += [
            Column("low_usd_per_million_output_tokens", "low", Kind.USD, priority=3),
            Column("high_usd_per_million_output_tokens", "high", Kind.USD, priority=3),
            Column("usd_per_request", "USD/request", Kind.USD),
            Column("requests_per_usd", "requests/USD", Kind.NUMBER, priority=6),
            Column("pareto", "Pareto", Kind.BOOL, priority=4),
            Column("confidence", "from", priority=2),
        ]
    tables = []
    if rows or not result.apis:
        tables.append(
            Table(
                title=_title(report, result),
                columns=tuple(columns),
                rows=cells(columns, rows),
                main=True,
                headline=_headline(result),
                caption=_caption(result),
            )
        )
    if result.apis:
        tables.append(_apis(result, main=not tables))
    return tables


def _title(report: Report, result: CostResult) -> str:
    if result.model is None:
        return "Cost per token from a stated price and speed"
    asked = report.inputs
    return (
        f"{result.model.name} in {', '.join(asked['quantization'])}, {asked['input_tokens']:,} in and "
        f"{asked['output_tokens']:,} out, {asked['engine']} {asked['engine_version']}"
    )


def _headline(result: CostResult) -> str:
    if not result.rows:
        return f"Nothing fits: {result.reason}."
    best = min(result.rows, key=lambda row: row.usd_per_million_output_tokens)
    price = format_value(best.usd_per_million_output_tokens, Kind.USD)
    if result.model is None:
        return f"{price} per million output tokens."
    said = f"Cheapest: {best.offer} at {price} per million output tokens"
    if best.usd_per_request is not None:
        said += f", {format_value(best.usd_per_request, Kind.USD)} per request"
    if result.fastest and result.fastest != best.offer:
        said += f"; fastest: {result.fastest}"
    return said + "."


def _caption(result: CostResult) -> str:
    if result.model is None or not result.rows:
        return ""
    front = result.pareto
    names = ", ".join(front[:FRONT]) + (f" and {len(front) - FRONT} more" if len(front) > FRONT else "")
    return (
        f"none better in speed and price, fastest first: {names}; {SPLIT_SAID[result.split]}; low and high "
        f"at the speeds that hold 80 % of left-out measurements; {result.searched:,} offers looked at"
    )


def _apis(result: CostResult, *, main: bool) -> Table:
    columns = (
        Column("offer", "API"),
        Column("usd_per_million_input_tokens", "USD/M in", Kind.USD),
        Column("usd_per_million_output_tokens", "USD/M out", Kind.USD),
        Column("usd_per_request", "USD/request", Kind.USD, priority=2),
        Column("break_even_output_tokens_per_month", "break-even", Kind.TOKENS),
        Column("reachable", "reachable", Kind.BOOL),
        Column("as_of", "price of", priority=1),
        Column("note", "note", priority=3),
    )
    return Table(
        title="Hosted prices, and the answer tokens per month from which the cheapest deployment wins",
        columns=columns,
        rows=cells(columns, result.apis),
        main=main,
        caption="the deployment is taken as rented for 730 hours, and as one",
    )


def measured_tables(report: Report) -> list[Table]:
    """Measured executions, cheapest first."""
    result: MeasuredCostResult = report.result
    best = result.rows[0]
    saving = format_value(best.saving_fraction, Kind.SHARE)
    columns = (
        Column("name", "name"),
        Column("execution_s", "execution", Kind.SECONDS),
        Column("usd_per_second", "rate", Kind.USD_PER_SECOND),
        Column("usd_per_request", "USD/request", Kind.USD),
        Column("requests_per_usd", "requests/USD", Kind.NUMBER),
        Column("saving_fraction", "saving", Kind.SHARE),
        Column("billed_usd_per_request", "billed alone", Kind.USD),
        Column("offer", "offer", priority=1),
    )
    return [
        Table(
            title="Cost of measured executions",
            columns=columns,
            rows=cells(columns, result.rows),
            main=True,
            headline=f"{best.name} is the cheapest, {saving} below the dearest.",
            caption=f"billed alone: whole seconds and {result.idle_s:g} s of idle time",
        )
    ]


def import_tables(report: Report) -> list[Table]:
    """What was imported, with the estimate over the measurement."""
    result: ImportResult = report.result
    columns = (
        Column("load", "load"),
        Column("input_tokens", "in", Kind.TOKENS),
        Column("output_tokens", "out", Kind.TOKENS),
        Column("concurrency", "in flight", Kind.NUMBER),
        Column("tpot_ms", "TPOT [ms]", Kind.NUMBER),
        Column("ttft_ms", "TTFT [ms]", Kind.NUMBER),
        Column("tokens_per_s", "tokens/s", Kind.NUMBER),
        Column("estimated_over_measured", "estimate / measured", Kind.NUMBER),
    )
    return [
        Table(
            title=f"{report.inputs['model']} on {report.inputs['gpus']} × {report.inputs['gpu']}",
            columns=columns,
            rows=cells(columns, result.points),
            main=True,
            headline=f"{len(result.points)} measured loads written to {result.overlay}.",
        )
    ]
