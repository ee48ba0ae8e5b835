"""The tables of `validate`: errors by quantity, the worst figures, what is not reproduced."""

from gpucost.domain.report import Report
from gpucost.view.table import Column, Kind, Table

WORST = 12


def validate_tables(report: Report) -> list[Table]:
    """Errors of the score part beside those of the fit part, then the largest ones."""
    result = report.result
    summary = Table(
        title="Error of the memory model, |predicted / measured - 1|",
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
