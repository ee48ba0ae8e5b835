"""The tables of `plan`: plans, why others are out, what would change the answer, the way from a baseline."""

from __future__ import annotations

from gpucost.domain.plans import PlanResult
from gpucost.domain.report import Report
from gpucost.view.table import Column, Kind, Table, cells

LINES = 8


def plan_tables(report: Report) -> list[Table]:
    """Tables of a `plan` report, the plans first."""
    result: PlanResult = report.result
    tables = [_plans(report, result)]
    if result.waterfall:
        tables.append(_waterfall(result))
    if result.changes:
        tables.append(_changes(result))
    if result.sensitivity:
        tables.append(_sensitivity(result))
    if result.apis:
        tables.append(_apis(result))
    if result.rejected:
        tables.append(_rejected(result))
    return tables


def _plans(report: Report, result: PlanResult) -> Table:
    several_models = len({each.model for each in result.plans}) > 1
    drafts = len({each.speculation for each in result.plans}) > 1
    several_engines = len({each.engine for each in result.plans}) > 1
    columns = (
        *((Column("model", "model"),) if several_models else ()),
        Column("deployment", "deployment"),
        Column("quantization", "format"),
        *((Column("engine", "engine"),) if several_engines else ()),
        *((Column("speculation", "drafts", Kind.BOOL),) if drafts else ()),
        Column("usd_per_month", "month", Kind.USD),
        Column("usd_per_million_tokens", "per M out", Kind.USD, priority=2),
        Column("concurrency", "at once", Kind.COUNT, priority=1),
        Column("workers", "workers", Kind.NUMBER, priority=3),
        Column("idle_timeout_s", "idle", Kind.SECONDS, priority=7),
        Column("ttft_s", "TTFT", Kind.SECONDS),
        Column("tpot_s", "TPOT", Kind.SECONDS, priority=4),
        Column("wait_s", "wait", Kind.SECONDS, priority=6),
        Column("cold_share", "cold", Kind.SHARE, priority=5),
        Column("headroom", "free", Kind.SHARE, priority=5),
        Column("pareto", "front", Kind.BOOL, priority=1),
        Column("as_of", "price of", priority=8),
    )
    asked = report.inputs
    headline = (
        f"Take {result.recommendation.reasons[0]}."
        if result.recommendation
        else ("Nothing keeps every limit; what was looked at, and why it is out, stands below.")
    )
    rest = [] if result.recommendation is None else [*result.recommendation.reasons[1:]]
    rest.append(f"{result.searched:,} combinations looked at, {result.billed:,} deployments billed")
    if result.plans:
        rest[-1] += ". front: no other plan is cheaper, faster and keeps as many bits"
    return Table(
        title=(
            f"Scenario {result.scenario}: {_count(result.requests_per_month)} requests per month of "
            f"{asked['input_tokens']:,} + {asked['output_tokens']:,} tokens"
        ),
        columns=columns if result.plans else columns[:1],
        rows=cells(columns, result.plans),
        main=True,
        headline=headline,
        emphasis=(0,) if result.recommendation else (),
        caption="; ".join(rest) + ".",
    )


def _count(number: float) -> str:
    """A number of requests, which can be less than one."""
    return f"{number:,.0f}" if number >= 1 or number == 0 else f"{number:.3g}"


def _waterfall(result: PlanResult) -> Table:
    columns = (
        Column("step", "step"),
        Column("usd_per_million_tokens", "per M out", Kind.USD),
        Column("delta_usd", "change", Kind.USD),
        Column("delta", "change", Kind.PERCENT_ERROR),
        Column("tpot_s", "TPOT", Kind.SECONDS, priority=2),
        Column("confidence", "known by", priority=3),
        Column("what", "what", priority=1),
    )
    first, last = result.waterfall[0], result.waterfall[-1]
    whole = last.usd_per_million_tokens - first.usd_per_million_tokens
    caption = f"in all {whole:+,.3f} USD per million tokens ({whole / first.usd_per_million_tokens:+.0%})"
    return Table("From the baseline to the plan", columns, cells(columns, result.waterfall), caption=caption)


def _changes(result: PlanResult) -> Table:
    columns = (Column("what", "what"), Column("text", "what would change the answer"))
    return Table("What would change the answer", columns, cells(columns, result.changes))


def _sensitivity(result: PlanResult) -> Table:
    columns = (
        Column("assumption", "assumption"),
        Column("low", "from"),
        Column("low_usd", "month", Kind.USD),
        Column("best_at_low", "still best", Kind.BOOL),
        Column("high", "to"),
        Column("high_usd", "month", Kind.USD),
        Column("best_at_high", "still best", Kind.BOOL),
    )
    caption = "the bill alone: limits on latency are not checked again at the ends"
    return Table(
        "The month at the ends of the assumptions",
        columns,
        cells(columns, result.sensitivity),
        caption=caption,
    )


def _apis(result: PlanResult) -> Table:
    columns = (
        Column("offer", "hosted API"),
        Column("usd_per_month", "month", Kind.USD),
        Column("as_of", "price of"),
    )
    return Table(
        "The same month at hosted APIs, whose limits and latency are not modelled",
        columns,
        cells(columns, result.apis),
    )


def _rejected(result: PlanResult) -> Table:
    columns = (
        Column("stage", "stage"),
        Column("reason", "why it is out"),
        Column("times", "times", Kind.COUNT),
        Column("example", "for example", priority=1),
    )
    rows = cells(columns, result.rejected[:LINES])
    more = len(result.rejected) - LINES
    return Table("Rejected", columns, rows, caption=f"and {more} more reasons" if more > 0 else "")
