"""The tables of `validate`: errors by quantity, the worst figures, what is not reproduced."""

from gpucost.domain.report import Report
from gpucost.view.table import Column, Kind, Table, cells

WORST = 12


TITLES = {
    "all": "the models of memory and training",
    "memory": "the memory model",
    "training": "the training models",
}
LEFT_OUT = {"group": "a fifth of the groups", "gpu": "one GPU", "model": "one model", "source": "one source"}


def validate_tables(report: Report) -> list[Table]:
    """Errors of the memory model and of the speed model, as far as they were asked for."""
    tables = []
    if report.inputs["of"] != "speed":
        tables += memory_tables(report)
    if report.result.speed is not None:
        tables += speed_tables(report, main=not tables)
    return tables


def memory_tables(report: Report) -> list[Table]:
    """Errors of the score part beside those of the fit part, then the largest ones."""
    result = report.result
    summary = Table(
        title=f"Error of {TITLES[report.inputs['of']]}, |predicted / measured - 1|",
        columns=(
            Column("quantity", "quantity"),
            Column("part", "part"),
            Column("cases", "cases", Kind.COUNT),
            Column("median_error", "median", Kind.SHARE),
            Column("p90_error", "90th percentile", Kind.SHARE),
            Column("median_target", "median goal", Kind.SHARE),
            Column("p90_target", "90th goal", Kind.SHARE),
            Column("within", "within", Kind.BOOL),
        ),
        rows=[list(line) for line in result.summary],
        main=True,
        caption=(
            "Constants are fitted on the fit part; cases of one model on one card stay together. "
            "The score part was read while causes were looked for: it is not blind."
        ),
    )
    worst = sorted((s for s in result.scores if s.use == "score"), key=lambda s: -abs(s.error))[:WORST]
    largest = Table(
        title=f"The {len(worst)} largest errors of the score part",
        columns=(
            Column("case", "case"),
            Column("quantity", "quantity"),
            Column("predicted", "predicted", Kind.NUMBER),
            Column("measured", "measured", Kind.NUMBER),
            Column("error", "error", Kind.PERCENT_ERROR),
        ),
        rows=[[s.case, s.quantity, s.predicted, s.measured, s.error] for s in worst],
    )
    reasons: dict[tuple[str, str], list[str]] = {}
    for item in result.not_reproduced:
        reasons.setdefault((item.what, item.reason), []).append(item.case)
    left = Table(
        title="Not reproduced, and why",
        columns=(
            Column("what", "what"),
            Column("cases", "cases", Kind.COUNT),
            Column("reason", "reason"),
            Column("case", "first case", priority=1),
        ),
        rows=[[what, len(cases), reason, cases[0]] for (what, reason), cases in reasons.items()],
    )
    return [summary, largest, left]


def speed_tables(report: Report, *, main: bool) -> list[Table]:
    """Errors of left-out cases, by scheme, then by card, engine, format and model, then the worst cases."""
    speed = report.result.speed
    numbers = (
        Column("cases", "cases", Kind.COUNT),
        Column("median_error", "median", Kind.SHARE),
        Column("p90_error", "90th percentile", Kind.SHARE),
        Column("bias", "bias", Kind.PERCENT_ERROR),
    )
    goals = (
        Column("median_target", "median goal", Kind.SHARE),
        Column("p90_target", "90th goal", Kind.SHARE),
        Column("within", "within", Kind.BOOL),
    )
    whole = [line for line in speed.summary if line.by == "all"]
    first = (Column("scheme", "left out"), Column("quantity", "quantity"), *numbers, *goals)
    tables = [
        Table(
            title=f"Error of the speed model on left-out cases, {speed.constants} fitted constants",
            columns=first,
            rows=[
                [LEFT_OUT[line.scheme], line.quantity, *(getattr(line, c.key) for c in (*numbers, *goals))]
                for line in whole
            ],
            main=main,
            caption=(
                "|predicted time / measured - 1|, constants refitted without the case; throughput of a "
                "closed loop is that of whole requests; bias above 0 predicts too slow"
            ),
        ),
        Table(
            title="Measurements within the printed band, calibrated without them",
            columns=(
                Column("quantity", "quantity"),
                Column("cases", "cases", Kind.COUNT),
                Column("share_within", "within", Kind.SHARE),
                Column("median_width", "high / low", Kind.NUMBER),
            ),
            rows=[list(band) for band in speed.bands],
        ),
    ]
    for by in ("load", "engine", "gpu", "quantization", "model"):
        lines = [line for line in speed.summary if line.by == by]
        if lines:
            columns = (Column("name", by), *numbers)
            tables.append(
                Table(
                    title=f"Throughput by {by}, a fifth of the groups left out",
                    columns=columns,
                    rows=cells(columns, lines),
                )
            )
    scores = [score for score in speed.scores if score.quantity == "throughput"]
    worst = sorted(scores, key=lambda score: -score.error)[:WORST]
    shown = (
        Column("case", "case"),
        Column("predicted_over_measured", "predicted / measured", Kind.NUMBER),
        Column("error", "error", Kind.SHARE),
        Column("source", "source", priority=1),
    )
    tables.append(
        Table(
            title=f"The {len(worst)} largest errors of throughput",
            columns=shown,
            rows=[[getattr(score, column.key) for column in shown] for score in worst],
        )
    )
    reasons: dict[str, list[str]] = {}
    for case, reason in speed.skipped:
        reasons.setdefault(reason, []).append(case)
    if reasons:
        tables.append(
            Table(
                title="Measured speeds that are not predicted, and why",
                columns=(Column("series", "series", Kind.COUNT), Column("reason", "reason")),
                rows=[[len(cases), reason] for reason, cases in reasons.items()],
            )
        )
    return tables
