"""Tables of the catalogue: listings, single entries, counts, and the glossary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpucost.domain.report import Report
from gpucost.view.format import as_number
from gpucost.view.table import Column, Kind, Table, cells


def term_tables(report: Report) -> list[Table]:
    """Words with meaning, formula and JSON name."""
    terms = report.result.terms
    columns = [Column("id", "term"), Column("meaning", "meaning")]
    if any(term.formula for term in terms):
        columns.append(Column("formula", "formula"))
    if any(term.code for term in terms):
        columns.append(Column("code", "in JSON", priority=1))
    rows: list[list[Any]] = [[getattr(term, column.key) or "" for column in columns] for term in terms]
    see = sorted({word for term in terms for word in term.see}) if len(terms) == 1 else []
    caption = f"See also: {', '.join(see)}" if see else ""
    return [Table(title="", columns=tuple(columns), rows=rows, main=True, caption=caption)]


_LISTINGS: Mapping[str, tuple[Column, ...]] = {
    "gpus": (
        Column("id", "GPU"),
        Column("name", "name", priority=5),
        Column("memory_gib", "memory [GiB]", Kind.NUMBER),
        Column("memory_basis", "basis", priority=3),
        Column("bandwidth_gb_per_s", "bandwidth [GB/s]", Kind.NUMBER),
        Column("dense_tflops.bf16", "BF16 [TFLOP/s]", Kind.NUMBER),
        Column("dense_tflops.fp8", "FP8 [TFLOP/s]", Kind.NUMBER),
        Column("link.kind", "link", priority=2),
        Column("notes_count", "notes", Kind.COUNT, priority=4),
    ),
    "models": (
        Column("id", "model"),
        Column("parameters_b", "parameters [10^9]", Kind.NUMBER),
        Column("active_parameters_b", "active [10^9]", Kind.NUMBER),
        Column("layers", "layers", Kind.COUNT, priority=1),
        Column("kv_bytes_per_token", "KV per token in BF16 [B]", Kind.COUNT),
        Column("max_context", "context", Kind.TOKENS),
        Column("native_quantization", "released in", priority=2),
    ),
    "prices": (
        Column("offer", "offer"),
        Column("gpus", "GPUs", priority=3),
        Column("gpu_count", "cards", Kind.COUNT),
        Column("usd", "price [USD]", Kind.USD),
        Column("unit", "per", priority=1),
        Column("usd_per_hour", "all cards [USD/h]", Kind.USD_PER_HOUR),
        Column("region", "region", priority=4),
        Column("as_of", "as of"),
        Column("stated_by", "stated by", priority=5),
        Column("stale", "stale", Kind.BOOL, priority=2),
    ),
    "quantizations": (
        Column("id", "format"),
        Column("name", "name"),
        Column("effective_bits", "bits per weight", Kind.NUMBER),
        Column("compute", "computes in"),
        Column("engines", "engines", priority=1),
    ),
    "engines": (
        Column("id", "engine"),
        Column("name", "name"),
        Column("latest", "latest"),
        Column("flags_count", "flags with defaults", Kind.COUNT),
        Column("constants_count", "constants", Kind.COUNT),
    ),
    "sources": (
        Column("id", "source"),
        Column("publisher", "publisher", priority=1),
        Column("as_of", "as of"),
        Column("confidence", "confidence"),
        Column("address", "address", priority=2),
    ),
    "providers": (
        Column("id", "provider"),
        Column("name", "name"),
        Column("offers_count", "offers", Kind.COUNT),
        Column("ended", "ended", priority=1),
        Column("note", "note", priority=2),
    ),
    "products": (
        Column("id", "product"),
        Column("name", "name"),
        Column("per_card", "priced per card", Kind.BOOL),
        Column("serves", "serves", Kind.BOOL),
        Column("note", "note", priority=1),
    ),
    "terms": (
        Column("id", "term"),
        Column("meaning", "meaning"),
        Column("aliases", "also", priority=1),
    ),
}
_CAPTIONS = {
    "gpus": "Dense rates; basis says whether the memory was measured or derived.",
    "models": "KV per token while every window is open, one card.",
}


def listing_tables(report: Report) -> list[Table]:
    """Tables of `catalog list`, `catalog show` and `catalog check`, by what the report asks."""
    if report.question == "catalog show":
        return [table for entry in report.result.entries for table in _entry(entry)]
    if report.question == "catalog check":
        return [_counts(report.result)]
    section = report.result.section
    columns = _LISTINGS[section]
    if any("refuted" in row for row in report.result.rows):
        columns = (*columns, Column("refuted", "refuted", priority=1))
    rows = [[_at(row, column.key) for column in columns] for row in report.result.rows]
    caption = f"{len(rows):,} in all. {_CAPTIONS.get(section, '')}".strip()
    return [Table(title="", columns=columns, rows=rows, main=True, caption=caption)]


def _at(row: Mapping[str, Any], path: str) -> Any:
    value: Any = row
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _counts(result: Any) -> Table:
    columns = [Column("section", "section"), Column("shipped", "shipped rows", Kind.COUNT)]
    if result.files:
        columns.append(Column("overlays", "overlay rows", Kind.COUNT))
    rows = cells(columns, result.sections)
    caption = f"Overlays: {', '.join(result.files)}" if result.files else ""
    return Table("", tuple(columns), rows, main=True, caption=caption, headline="The catalogue is right.")


def _entry(entry: Any) -> list[Table]:
    tables = [_facts(entry)]
    if entry.statements:
        tables.append(_statements(entry))
    if entry.sources:
        tables.append(_sources(entry))
    return tables


def _facts(entry: Any) -> Table:
    facts = [*entry.facts, *entry.computed]
    columns = [Column("field", "field"), Column("value", "value"), Column("unit", "unit")]
    columns += [Column("valid", "valid")] if any(fact.valid for fact in facts) else []
    columns += [Column("note", "note", priority=1)] if any(fact.note for fact in facts) else []
    rows = [[_exact(getattr(fact, column.key)) for column in columns] for fact in facts]
    caption = f"{entry.file}:{entry.line}"
    if entry.replaced:
        places = ", ".join(f"{place.file}:{place.line}" for place in entry.replaced)
        caption += f", which replaces {places}"
    if entry.computed:
        caption += f". Computed: {', '.join(fact.field for fact in entry.computed)}."
    return Table(f"{entry.section}: {entry.id}", tuple(columns), rows, main=True, caption=caption)


def _exact(value: Any) -> Any:
    """A fact is shown as it is stated: a text column would round it."""
    number = as_number(value)
    if number is None:
        return value
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def _statements(entry: Any) -> Table:
    regions = {each.region for each in entry.statements}
    columns = (
        Column("as_of", "as of"),
        Column("usd", "price [USD]", Kind.USD),
        Column("unit", "per"),
        Column("usd_per_hour", "all cards [USD/h]", Kind.USD_PER_HOUR),
        *((Column("region", "region"),) if len(regions) > 1 else ()),
        Column("stated_by", "stated by"),
        Column("stale", "stale", Kind.BOOL, priority=1),
        Column("place", "stands in", priority=2),
        Column("source", "source", priority=3),
        Column("note", "note", priority=5),
    )
    rows: list[list[Any]] = []
    for each in entry.statements:
        row = {**each._asdict(), "place": f"{each.file}:{each.line}", "note": each.refuted or each.note}
        rows.append([row[column.key] for column in columns])
    answers = tuple(index for index, each in enumerate(entry.statements) if each.answers)
    caption = "The marked statement answers today." if len(answers) == 1 else ""
    if len(answers) > 1:
        caption = "The marked statements answer today, each for its region or unit."
    if not answers:
        caption = "No statement answers today."
    return Table("Statements, newest first", columns, rows, caption=caption, emphasis=answers)


def _sources(entry: Any) -> Table:
    columns = (
        Column("id", "source", priority=1),
        Column("title", "title"),
        Column("address", "address"),
        Column("as_of", "as of"),
        Column("confidence", "confidence"),
    )
    rows = cells(columns, entry.sources)
    return Table("Sources", columns, rows)
