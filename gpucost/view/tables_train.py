"""The tables of `train`: candidates, what fills a card, cards against time and money, ways of paying."""

from __future__ import annotations

from typing import Any

from gpucost.domain.report import Report
from gpucost.domain.training_results import TrainCandidate, TrainResult
from gpucost.units import BILLION
from gpucost.view.table import Bar, Column, Kind, Table, cells
from gpucost.view.tables_size import equations_table


def train_tables(report: Report) -> list[Table]:
    """Tables of a `train` report, the candidates first."""
    result: TrainResult = report.result
    tables = [_candidates(report, result)]
    if result.candidates:
        tables.append(_bars(result))
    if result.sweep:
        tables.append(_sweep(result))
    if result.billing:
        tables.append(_billing(result))
    tables.append(_rules(result))
    if result.equations:
        tables.append(equations_table(result.equations))
    return tables


def _headline(result: TrainResult) -> str:
    best = result.recommendation
    if best is not None:
        return f"Take {best.reasons[0]}."
    if any(each.memory_per_gpu.free_bytes >= 0 for each in result.candidates):
        return "Nothing keeps deadline and budget; the nearest ways are below."
    return "Nothing looked at fits; the nearest ways and what they lack are below."


def _title(report: Report, result: TrainResult) -> str:
    asked, model = report.inputs, result.model
    size = "" if result.tokens is None else f", {result.tokens / BILLION:,.4g}B tokens"
    return (
        f"{model.name}, {asked['method']} in {asked['precision']} with {asked['optimizer']}: "
        f"{asked['batch']:,} × {asked['seq_len']:,} tokens per step{size}"
    )


def _candidates(report: Report, result: TrainResult) -> Table:
    tp = any(each.settings.tp > 1 for each in result.candidates)
    timed = result.tokens is not None
    columns = [
        Column("gpu", "GPU"),
        Column("gpus", "n", Kind.COUNT),
        *([Column("tp", "tp", Kind.COUNT)] if tp else []),
        Column("sharding", "sharding", priority=4),
        Column("checkpointing", "again", priority=3),
        Column("micro_batch", "micro", Kind.COUNT, priority=5),
        Column("fits", "fits", Kind.BOOL),
        Column("total_bytes", "used", Kind.BYTES),
        Column("free_bytes", "free", Kind.BYTES, priority=6),
        Column("mfu", "MFU", Kind.SHARE, priority=7),
        *([Column("hours", "hours", Kind.NUMBER), Column("usd", "job", Kind.USD)] if timed else []),
        Column("usd_per_billion_tokens", "per B tokens", Kind.USD, priority=8 if timed else 0),
        Column("offer", "offer", priority=1),
        Column("as_of", "price of", priority=9),
        Column("reason", "why", priority=2),
    ]
    best = result.recommendation
    emphasis = tuple(
        index
        for index, each in enumerate(result.candidates)
        if best is not None and (each.gpu, each.gpus) == (best.gpu, best.gpus)
    )
    return Table(
        title=_title(report, result),
        columns=tuple(columns),
        rows=[_row(each, columns) for each in result.candidates],
        main=True,
        headline=_headline(result),
        emphasis=emphasis[:1],
        caption=_caption(result),
    )


def _caption(result: TrainResult) -> str:
    best = result.recommendation
    parts = [*best.reasons[1:]] if best is not None else []
    if result.steps is not None:
        parts.append(f"{result.steps:,} steps")
    missed = next((each for each in result.candidates if not each.fits), None)
    if missed is not None:
        parts.append(f"{missed.gpus} × {missed.gpu} {missed.reason}")
    parts.append(f"a checkpoint takes {result.checkpoint_gb:,.1f} GB")
    parts.append(f"{result.searched:,} combinations looked at; memory is per card")
    return "; ".join(parts) + "."


def _row(each: TrainCandidate, columns: list[Column]) -> list[Any]:
    values: dict[str, Any] = {
        "offer": each.offer.id if each.offer else None,
        "as_of": each.offer.as_of if each.offer else None,
        "reason": "; ".join(each.notes) if each.fits else each.reason,
    }
    row = []
    for column in columns:
        if column.key in values:
            row.append(values[column.key])
            continue
        owner = next(part for part in (each.settings, each.memory_per_gpu, each) if hasattr(part, column.key))
        row.append(getattr(owner, column.key))
    return row


def _bars(result: TrainResult) -> Table:
    rows = []
    for each in result.candidates:
        memory = each.memory_per_gpu
        parts = (
            ("weights", float(memory.parameters_bytes)),
            ("gradients", float(memory.gradients_bytes)),
            ("optimizer", float(memory.optimizer_bytes)),
            ("activations", float(memory.activations_bytes)),
            ("logits", float(memory.logits_bytes)),
            ("overhead", float(memory.overhead_bytes)),
        )
        rows.append(
            [
                f"{each.gpus} × {each.gpu}",
                *(size for _, size in parts),
                memory.total_bytes,
                memory.usable_bytes,
                Bar(parts, float(memory.usable_bytes)),
            ]
        )
    return Table(
        title="Memory of one card at its busiest moment",
        columns=(
            Column("gpu", "GPU"),
            Column("parameters_bytes", "weights", Kind.BYTES, priority=2),
            Column("gradients_bytes", "gradients", Kind.BYTES, priority=4),
            Column("optimizer_bytes", "optimizer", Kind.BYTES, priority=3),
            Column("activations_bytes", "activations", Kind.BYTES, priority=1),
            Column("logits_bytes", "logits", Kind.BYTES, priority=5),
            Column("overhead_bytes", "overhead", Kind.BYTES, priority=6),
            Column("total_bytes", "used", Kind.BYTES),
            Column("usable_bytes", "usable", Kind.BYTES),
            Column("bar", "", Kind.BAR),
        ),
        rows=rows,
    )


def _sweep(result: TrainResult) -> Table:
    knee = next((point.gpus for point in result.sweep if point.knee), None)
    caption = (
        ""
        if knee is None
        else f"Knee at {knee}: the most cards whose bill is within a tenth of the cheapest."
    )
    best = result.recommendation
    columns = (
        Column("gpus", "cards", Kind.COUNT),
        Column("hours", "hours", Kind.NUMBER),
        Column("usd", "job", Kind.USD),
        Column("mfu", "MFU", Kind.SHARE),
        Column("knee", "knee", Kind.BOOL),
        Column("reason", "why", priority=1),
    )
    return Table(
        title=f"Time against cost on {best.gpu if best else ''}",
        columns=columns,
        rows=cells(columns, result.sweep),
        caption=caption,
    )


def _billing(result: TrainResult) -> Table:
    columns = (
        Column("billing", "billing"),
        Column("offer", "offer"),
        Column("usd_per_hour", "price", Kind.USD_PER_HOUR),
        Column("hours", "hours", Kind.NUMBER),
        Column("usd", "job", Kind.USD),
        Column("note", "", priority=1),
    )
    return Table(
        title="The same cards by way of paying", columns=columns, rows=cells(columns, result.billing)
    )


def _rules(result: TrainResult) -> Table:
    rule = result.per_parameter
    return Table(
        title="Bytes per trained parameter, for the whole model undivided",
        columns=(
            Column("what", ""),
            Column("bytes", "per parameter [B]", Kind.NUMBER),
            Column("state_gb", "in all [GB]", Kind.NUMBER),
        ),
        rows=[
            ["this job", rule.total, rule.state_gb],
            ["rule: 12 B, no master weights", 12, rule.rule_12_gb],
            ["rule: 16 B, mixed precision", 16, rule.rule_16_gb],
        ],
        caption=f"{rule.explanation}; activations come on top.",
    )
