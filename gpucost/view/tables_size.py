"""The tables of `size`: the candidates, what fills a card, the rule of thumb beside the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpucost.domain.report import Report
from gpucost.domain.results import Candidate, Equation, SizeResult
from gpucost.units import KIB
from gpucost.view.table import Bar, Column, Kind, Table

OVER_BUDGET = "fits, but costs"
"""How the reason of a candidate begins that only the asked price excludes."""


def size_tables(report: Report) -> list[Table]:
    """Tables of a `size` report, the candidates first."""
    result: SizeResult = report.result
    tables = [_candidates(report, result)]
    if result.candidates:
        tables.append(_bars(result))
    tables.append(_rule(result))
    if result.scenarios:
        tables.append(_scenarios(result))
    if result.equations:
        tables.append(equations_table(result.equations))
    return tables


def _headline(result: SizeResult) -> str:
    best = result.recommendation
    if best is None:
        if any(each.reason.startswith(OVER_BUDGET) for each in result.candidates):
            return "Nothing fits for that price; the cheapest that hold the load are below."
        return "Nothing looked at fits; the nearest candidates and what they lack are below."
    return f"Take {best.reasons[0]}."


def _title(report: Report, result: SizeResult) -> str:
    asked, model = report.inputs, result.model
    utilization = f"{asked['engine']} {asked['engine_version']}"
    return (
        f"{model.name} in {model.quantization} ({model.effective_bits:.2f} bits per weight), "
        f"{asked['concurrency']:,} × {asked['context']:,} tokens, KV in {asked['kv_dtype']}, {utilization}"
    )


def _candidates(report: Report, result: SizeResult) -> Table:
    several = len({each.quantization for each in result.candidates}) > 1
    columns = [
        Column("gpu", "GPU"),
        Column("gpus", "n", Kind.COUNT),
        Column("tp", "tp", Kind.COUNT, priority=7),
        Column("replicas", "copies", Kind.COUNT, priority=9),
    ]
    if several:
        columns.append(Column("quantization", "format"))
    columns += [
        Column("fits", "fits", Kind.BOOL),
        Column("weights_bytes", "weights", Kind.BYTES, priority=1),
        Column("kv_available_bytes", "KV pool", Kind.BYTES),
        Column("free_bytes", "free", Kind.BYTES, priority=5),
        Column("kv_tokens", "KV tokens", Kind.TOKENS, priority=4),
        Column("max_concurrency", "max conc.", Kind.NUMBER),
        Column("max_context", "max context", Kind.TOKENS, priority=6),
        Column("usd_per_hour", "price", Kind.USD_PER_HOUR),
        Column("offer", "offer", priority=1),
        Column("as_of", "price of", priority=3),
        Column("reason", "why", priority=2),
    ]
    best = result.recommendation
    emphasis = tuple(
        index
        for index, each in enumerate(result.candidates)
        if best is not None
        and (each.gpu, each.gpus, each.quantization) == (best.gpu, best.gpus, best.quantization)
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


def _caption(result: SizeResult) -> str:
    best, model = result.recommendation, result.model
    parts = [*best.reasons[1:]] if best is not None else []
    if model.weights_gib_range is not None and model.kv_bytes_per_token_range is not None:
        (low, high), (least, most) = model.weights_gib_range, model.kv_bytes_per_token_range
        parts.append(
            f"{len(model.alternatives)} architectures of that size differ: "
            f"weights {low:,.1f} to {high:,.1f} GiB, "
            f"KV {least / KIB:,.0f} to {most / KIB:,.0f} KiB per token"
        )
    looked = "combination" if result.searched == 1 else "combinations"
    parts.append(f"{result.searched:,} {looked} looked at; memory is per card")
    return "; ".join(parts) + "."


def _row(each: Candidate, columns: list[Column]) -> list[Any]:
    memory = each.memory_per_gpu
    values: dict[str, Any] = {
        "offer": each.offer.id if each.offer else None,
        "as_of": each.offer.as_of if each.offer else None,
        "reason": "" if each.fits else each.reason,
    }
    row = []
    for column in columns:
        if column.key in values:
            row.append(values[column.key])
        else:
            row.append(
                getattr(memory, column.key) if hasattr(memory, column.key) else getattr(each, column.key)
            )
    return row


def _bars(result: SizeResult) -> Table:
    rows = []
    for each in result.candidates:
        memory = each.memory_per_gpu
        overhead = memory.cuda_graphs_bytes + memory.non_torch_bytes
        parts = (
            ("weights", float(memory.weights_bytes)),
            ("KV need", float(memory.kv_cache_bytes)),
            ("activations", float(memory.activations_bytes)),
            ("overhead", float(overhead)),
        )
        rows.append(
            [
                f"{each.gpus} × {each.gpu}",
                memory.kv_cache_bytes,
                memory.activations_bytes,
                overhead,
                memory.total_bytes,
                memory.usable_bytes,
                Bar(parts, float(memory.usable_bytes)),
            ]
        )
    return Table(
        title="Memory of one card",
        columns=(
            Column("gpu", "GPU"),
            Column("kv_cache_bytes", "KV need", Kind.BYTES, priority=1),
            Column("activations_bytes", "activations", Kind.BYTES, priority=2),
            Column("overhead_bytes", "overhead", Kind.BYTES, priority=3),
            Column("total_bytes", "used", Kind.BYTES),
            Column("usable_bytes", "usable", Kind.BYTES),
            Column("bar", "", Kind.BAR),
        ),
        rows=rows,
    )


def _rule(result: SizeResult) -> Table:
    rule = result.rule_of_thumb
    return Table(
        title="Rule of thumb beside the model",
        columns=(
            Column("what", ""),
            Column("weights_gb", "weights [GB]", Kind.NUMBER),
            Column("total_gb", "in all [GB]", Kind.NUMBER),
        ),
        rows=[
            [f"rule: {rule.rule}", rule.weights_gb, rule.total_gb],
            ["model", rule.modelled_weights_gb, rule.modelled_total_gb],
            [
                "difference",
                rule.modelled_weights_gb - rule.weights_gb,
                rule.difference_gb,
            ],
        ],
        caption=f"{rule.explanation[0].upper()}{rule.explanation[1:]}.",
    )


def _scenarios(result: SizeResult) -> Table:
    return Table(
        title="Range of the assumptions",
        columns=(
            Column("name", "run"),
            Column("fits", "fits", Kind.BOOL),
            Column("kv_available_bytes", "KV pool", Kind.BYTES),
            Column("kv_tokens", "KV tokens", Kind.TOKENS),
            Column("max_concurrency", "max conc.", Kind.NUMBER),
            Column("max_context", "max context", Kind.TOKENS),
            Column("assumptions", "assumptions", priority=1),
        ),
        rows=[
            [
                run.name,
                run.fits,
                run.kv_available_bytes,
                run.kv_tokens,
                run.max_concurrency,
                run.max_context,
                run.assumptions,
            ]
            for run in result.scenarios
        ],
    )


def equations_table(equations: Sequence[Equation]) -> Table:
    """Equations with their numbers put in, one a row."""
    return Table(
        title="Equations with their numbers",
        columns=(
            Column("name", "quantity"),
            Column("formula", "formula"),
            Column("numbers", "numbers"),
            Column("value", "value", Kind.NUMBER),
            Column("unit", "unit"),
        ),
        rows=[[each.name, each.formula, each.numbers, each.value, each.unit] for each in equations],
    )
