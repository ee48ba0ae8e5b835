"""Answers in the formats of CI systems, beside those that every command has."""

from pathlib import Path

import typer

from gpucost.cli.options import Format
from gpucost.cli.output import ANSWERED_NO, emit, tables_of, write
from gpucost.domain.report import Report


def emit_for_ci(
    report: Report, *, format: str, output: Path | None, sources: bool, field: str | None
) -> None:
    """Print the answer of `check` or `diff`; exit code 1 when it is no.

    `github` prints annotations, which a workflow reads off stdout, and writes the body of a comment to
    `output`.
    """
    if field is not None or format in set(Format):
        emit(
            report,
            report.question,
            format=Format(format) if format in set(Format) else Format.TABLE,
            output=output,
            sources=sources,
            field=field,
        )
        return
    if format == "junit":
        from gpucost.view.to_junit import render_junit

        write(render_junit(report), output, json=False)
    elif format == "sarif":
        from gpucost.view.to_sarif import render_sarif

        write(render_sarif(report), output, json=True)
    else:
        from gpucost.view.to_github import render_annotations, render_comment

        if output is not None:
            write(render_comment(report, tables_of(report.question, report)), output, json=False)
        write(render_annotations(report), None, json=False)
    if report.answered_no:
        raise typer.Exit(ANSWERED_NO)
