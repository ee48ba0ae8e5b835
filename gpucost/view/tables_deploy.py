"""The tables of `deploy`: the files, and the targets that have none."""

from __future__ import annotations

from gpucost.domain.deployed import DeployResult
from gpucost.domain.report import Report
from gpucost.view.table import Column, Kind, Table, cells


def deploy_tables(report: Report) -> list[Table]:
    """Tables of a `deploy` report; without a plan a sentence alone."""
    result: DeployResult = report.result
    columns = (
        Column("path", "file"),
        Column("what", "target"),
        Column("bytes", "size [B]", Kind.COUNT),
    )
    if report.answered_no:
        headline = "Nothing keeps every limit of the scenario, so nothing can be launched: see gpucost plan."
        return [Table("Launch files", columns, [], main=True, headline=headline)]
    where = (
        "made, not written: give --output DIR" if result.folder is None else f"written below {result.folder}"
    )
    headline = f"{result.deployment}: {len(result.files)} files {where}."
    caption = (
        f"{result.model} in {result.quantization}, {result.engine} {result.engine_version}: "
        f"{result.concurrency} sequences of {result.max_model_len:,} tokens, "
        f"{result.gpu_memory_utilization:.0%} of the card; workers: {result.workers}; "
        f"{result.usd_per_month:,.2f} USD per month."
    )
    tables = [
        Table(
            "Launch files",
            columns,
            cells(columns, result.files),
            main=True,
            headline=headline,
            caption=caption,
        )
    ]
    missing = [each for each in result.targets if not each.written]
    if missing:
        others = (Column("target", "target"), Column("reason", "why it has no files"))
        tables.append(Table("Left out", others, cells(others, missing)))
    return tables
