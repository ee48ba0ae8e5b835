"""The tables of `check` and `diff`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gpucost.domain.checks import BudgetResult, Difference, DiffResult, LineChange
from gpucost.domain.report import Report
from gpucost.view.format import format_value
from gpucost.view.table import Column, Kind, Table, cells

SUMS = "the parts sum to the difference; of several: quantities at the old price, prices at the new quantity"
FACTS = 12
"""Changed facts and drifted ones that are listed; JSON has all."""


def check_tables(report: Report) -> list[Table]:
    """Every limit, broken ones first; then what the bills and the lock say."""
    result: BudgetResult = report.result
    tables = [_policies(result)]
    changed = [each for each in result.differences if each.delta_usd or each.causes]
    if changed:
        tables.append(_causes(changed, f"Against {result.lock}"))
    if result.drift:
        tables.append(_drift(result))
    return tables


def _policies(result: BudgetResult) -> Table:
    several = len(result.scenarios) > 1
    columns = (
        Column("ok", "kept", Kind.BOOL),
        *((Column("scenario", "scenario"),) if several else ()),
        Column("policy", "limit"),
        Column("limit", "at", Kind.NUMBER),
        Column("actual", "plan has", Kind.NUMBER),
        Column("unit", "unit"),
        Column("headroom", "left", Kind.SHARE, priority=3),
        Column("line", "line", Kind.COUNT, priority=4),
        Column("text", "what the plan comes to", priority=1),
    )
    caption = "; ".join(
        f"{each.scenario}: {each.deployment} at {format_value(each.usd_per_month, Kind.USD)} per month"
        if each.deployment
        else f"{each.scenario}: no plan"
        for each in result.scenarios
    )
    return Table(
        title=f"Limits of {result.file}",
        columns=columns,
        rows=cells(columns, result.policies),
        main=True,
        headline=verdict(result),
        caption=f"{caption}; kept –: it cannot be told, which does not pass; left: of the limit",
        emphasis=tuple(at for at, each in enumerate(result.policies) if not each.ok),
    )


def verdict(result: BudgetResult) -> str:
    """The sentence that answers `check`."""
    count = len(result.policies)
    broken = [each for each in result.policies if each.ok is False]
    unknown = sum(1 for each in result.policies if each.ok is None)
    if not broken and not unknown:
        return f"All {count} limits are kept." if count > 1 else "The limit is kept."
    parts = [f"{len(broken)} of {count} limits broken"] if broken else []
    parts += [f"{unknown} of {count} cannot be told"] if unknown else []
    first = broken[0] if broken else next(each for each in result.policies if each.ok is None)
    where = f"{first.scenario}: " if first.scenario else ""
    return f"{', '.join(parts)}; first: {where}{first.policy}, {first.text}."


def _drift(result: BudgetResult) -> Table:
    columns = (
        Column("scenario", "scenario"),
        Column("what", "what"),
        Column("cause", "cause"),
        Column("text", "what is not as it is locked"),
    )
    rest = len(result.drift) - FACTS
    caption = f"and {rest} more; --format json has all" if rest > 0 else ""
    return Table("Drift", columns, cells(columns, result.drift[:FACTS]), caption=caption)


def diff_tables(report: Report) -> list[Table]:
    """Lines before and after; why; and what was changed."""
    result: DiffResult = report.result
    tables = [_lines(result)]
    if any(each.causes for each in result.differences):
        tables.append(_causes(result.differences, "Why"))
    if any(each.facts for each in result.differences):
        tables.append(_facts(result.differences))
    return tables


def _lines(result: DiffResult) -> Table:
    several = len(result.differences) > 1
    columns = (
        *((Column("name", "of"),) if several else ()),
        Column("line", "line"),
        Column("state", "is", priority=5),
        Column("offer_before", "offer before", priority=4),
        Column("offer_after", "offer after", priority=4),
        Column("quantity_before", "quantity before", Kind.NUMBER, priority=1),
        Column("quantity_after", "quantity after", Kind.NUMBER, priority=1),
        Column("unit", "unit", priority=1),
        Column("usd_per_unit_before", "USD per unit before", Kind.USD, priority=2),
        Column("usd_per_unit_after", "USD per unit after", Kind.USD, priority=2),
        Column("usd_before", "USD before", Kind.USD),
        Column("usd_after", "USD after", Kind.USD),
        Column("delta_usd", "USD more", Kind.USD),
        Column("why", "why"),
    )
    rows = []
    for each in result.differences:
        rows += [[_cell(each, line, column.key) for column in columns] for line in each.lines]
        if len(each.lines) != 1:
            rows.append([_total(each, column.key) for column in columns])
    left = [
        f"only in {name}: {', '.join(names)}"
        for name, names in ((result.base, result.only_base), (result.other, result.only_other))
        if names
    ]
    return Table(
        title=f"{result.base} → {result.other}",
        columns=columns,
        rows=rows,
        main=True,
        headline=" ".join(moved(each) for each in result.differences),
        caption="; ".join(left),
    )


def _cell(of: Difference, line: LineChange, key: str) -> object:
    return of.name if key == "name" else getattr(line, key)


def _total(of: Difference, key: str) -> object:
    known = {
        "name": of.name,
        "line": "total",
        "usd_before": of.before_usd,
        "usd_after": of.after_usd,
        "delta_usd": of.delta_usd,
    }
    return known.get(key, "" if key in ("state", "unit", "why", "offer_before", "offer_after") else None)


def moved(each: Difference) -> str:
    """One difference as a sentence."""
    if each.delta_usd is None:
        sides = (format_value(usd, Kind.USD) for usd in (each.before_usd, each.after_usd))
        return f"{each.name}: {' → '.join(sides)}, no difference is known."
    before, after = (format_value(usd, Kind.USD) for usd in (each.before_usd, each.after_usd))
    if not any(cause.usd for cause in each.causes):
        return f"{each.name}: {after}, nothing changed." if not each.facts else f"{each.name}: still {after}."
    share = "" if each.delta is None else f" ({each.delta:+.1%})"
    why = ", ".join(f"{cause.cause} {signed(cause.usd)}" for cause in each.causes if cause.usd)
    return f"{each.name}: {before} → {after}, {signed(each.delta_usd)}{share}: {why}."


def signed(usd: float) -> str:
    """An amount with its sign."""
    text = format_value(abs(usd), Kind.USD)
    return f"−{text}" if usd < 0 else f"+{text}"


def _causes(differences: Sequence[Difference], title: str) -> Table:
    columns = (
        Column("name", "of"),
        Column("cause", "cause"),
        Column("usd", "USD more", Kind.USD),
        Column("text", "what changed"),
    )
    rows = [[each.name, *cause] for each in differences for cause in each.causes]
    return _of_one(Table(title, columns, rows, caption=SUMS), differences)


def _facts(differences: Sequence[Difference]) -> Table:
    columns = (
        Column("name", "of"),
        Column("cause", "cause"),
        Column("fact", "fact"),
        Column("before", "before", Kind.NUMBER),
        Column("after", "after", Kind.NUMBER),
        Column("source_before", "source before", priority=2),
        Column("source_after", "source after", priority=1),
    )
    rows = [[each.name, *fact] for each in differences for fact in each.facts]
    rest = len(rows) - FACTS
    caption = f"and {rest} more; --format json has all" if rest > 0 else ""
    return _of_one(Table("What was changed", columns, rows[:FACTS], caption=caption), differences)


def _of_one(table: Table, differences: Sequence[Difference]) -> Table:
    """Without the column that says whose row it is, where there is only one."""
    if len(differences) > 1:
        return table
    return replace(table, columns=table.columns[1:], rows=[row[1:] for row in table.rows])
