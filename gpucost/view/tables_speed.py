"""The tables of `throughput` and `cost`."""

from __future__ import annotations

from gpucost.domain.report import Report
from gpucost.domain.speed import SpeedRow, ThroughputResult
from gpucost.view.format import format_value
from gpucost.view.table import Column, Kind, Table, cells


def throughput_tables(report: Report) -> list[Table]:
    """Speeds over load, then the limits and what is reached."""
    result: ThroughputResult = report.result
    rows = result.rows
    if not rows:
        return [_split(report, result)]
    several = len({(row.gpu, row.gpus, row.quantization) for row in rows}) > 1
    columns = [
        *([Column("gpu", "GPU"), Column("gpus", "n", Kind.COUNT)] if several else []),
        *([Column("quantization", "format")] if len({row.quantization for row in rows}) > 1 else []),
        Column("concurrency", "in flight", Kind.NUMBER),
        Column("output_tokens_per_s", "output tok/s", Kind.NUMBER),
        Column("total_tokens_per_s", "total tok/s", Kind.NUMBER, priority=4),
        Column("output_tokens_per_s_per_gpu", "per GPU", Kind.NUMBER, priority=3),
        Column("requests_per_s", "req/s", Kind.NUMBER),
        Column("ttft_s", "TTFT", Kind.SECONDS),
        Column("tpot_s", "TPOT", Kind.SECONDS),
        Column("e2e_s", "E2E", Kind.SECONDS, priority=2),
        Column("utilisation", "of limit", Kind.SHARE, priority=5),
        Column("bound", "bound by"),
        Column("low", "low", Kind.NUMBER, priority=1),
        Column("high", "high", Kind.NUMBER, priority=1),
        Column("confidence", "from"),
    ]
    tables = [
        Table(
            title=_title(report, result),
            columns=tuple(columns),
            rows=cells(columns, rows),
            main=True,
            headline=_headline(report, result),
            caption=_caption(rows),
        )
    ]
    if result.limits:
        tables.append(
            Table(
                title="Limits",
                columns=(
                    Column("slo", "limit"),
                    Column("reached_s", "reached", Kind.SECONDS),
                    Column("met", "met", Kind.BOOL),
                ),
                rows=[list(limit) for limit in result.limits],
            )
        )
    return tables


def _title(report: Report, result: ThroughputResult) -> str:
    asked, model = report.inputs, result.model
    where = ""
    if result.rows:
        first = result.rows[0]
        where = f" on {first.gpus} × {first.gpu} (tp {first.tp})"
    return (
        f"{model.name} in {model.quantization}{where}, {asked['input_tokens']:,} in and "
        f"{asked['output_tokens']:,} out, {asked['engine']} {asked['engine_version']}"
    )


def _split(report: Report, result: ThroughputResult) -> Table:
    """Where the memory of a card goes when the model does not fit."""
    memory = result.memory_per_gpu
    names = (
        ("weights", "weights_bytes"),
        ("KV cache of one request", "kv_cache_bytes"),
        ("activations", "activations_bytes"),
        ("CUDA graphs", "cuda_graphs_bytes"),
        ("outside the allocator", "non_torch_bytes"),
        ("all of it", "total_bytes"),
        ("usable on the card", "usable_bytes"),
    )
    return Table(
        title=_title(report, result),
        columns=(Column("part", "memory of a card"), Column("bytes", "size", Kind.BYTES)),
        rows=[] if memory is None else [[said, getattr(memory, name)] for said, name in names],
        main=True,
        headline=f"No speed: {result.reason}.",
    )


def _headline(report: Report, result: ThroughputResult) -> str:
    asked = report.inputs
    best = max(result.rows, key=lambda row: row.output_tokens_per_s)
    rate = f"{format_value(best.output_tokens_per_s, Kind.NUMBER)} output tokens/s"
    if asked["rps"] is not None:
        row = result.rows[0]
        if row.requests_per_s < asked["rps"] * (1 - 1e-9):
            limit = format_value(row.requests_per_s, Kind.NUMBER)
            return f"Saturated: {asked['rps']:g} requests/s asked, {limit} is the limit."
        share = format_value(row.utilisation, Kind.SHARE)
        return f"{asked['rps']:g} requests/s take {share} of the limit: {rate}."
    if result.limits:
        row = result.rows[0]
        if not all(limit.met for limit in result.limits):
            return "The limits are not met even by one request at a time."
        load = format_value(row.requests_per_s, Kind.NUMBER)
        return f"Within the limits: {row.concurrency:,.0f} in flight, {load} requests/s, {rate}."
    flight = format_value(best.concurrency, Kind.NUMBER)
    return f"At most {rate} here, with {flight} requests in flight, bound by {best.bound}."


def _caption(rows: tuple[SpeedRow, ...]) -> str:
    said = [f"{row.confidence}: {row.source}" for row in rows if row.source]
    band = "low and high hold 80 % of left-out measurements" if any(row.low for row in rows) else ""
    shown = said[:3] + ([f"and {len(said) - 3} more"] if len(said) > 3 else [])
    return "; ".join([band, *shown] if band else shown)
