"""Hands a report to the view that was asked for."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gpucost.cli.options import Format
from gpucost.domain.report import Report
from gpucost.errors import UsageError

if TYPE_CHECKING:
    from gpucost.view.table import Table

ANSWERED_NO = 1
TABLES = {
    "size": ("gpucost.view.tables_size", "size_tables"),
    "throughput": ("gpucost.view.tables_speed", "throughput_tables"),
    "cost": ("gpucost.view.tables_cost", "cost_tables"),
    "cost measured": ("gpucost.view.tables_cost", "measured_tables"),
    "bench import": ("gpucost.view.tables_cost", "import_tables"),
    "bill": ("gpucost.view.tables_bill", "bill_tables"),
    "breakeven": ("gpucost.view.tables_breakeven", "breakeven_tables"),
    "simulate": ("gpucost.view.tables_simulate", "simulate_tables"),
    "traffic": ("gpucost.view.tables_traffic", "traffic_tables"),
    "compare": ("gpucost.view.tables_compare", "compare_tables"),
    "train": ("gpucost.view.tables_train", "train_tables"),
    "plan": ("gpucost.view.tables_plan", "plan_tables"),
    "deploy": ("gpucost.view.tables_deploy", "deploy_tables"),
    "check": ("gpucost.view.tables_check", "check_tables"),
    "diff": ("gpucost.view.tables_check", "diff_tables"),
    "explain": ("gpucost.view.tables_catalog", "term_tables"),
    "listing": ("gpucost.view.tables_catalog", "listing_tables"),
    "validate": ("gpucost.view.tables_validate", "validate_tables"),
}


def emit(
    report: Report,
    question: str,
    *,
    format: Format,
    output: Path | None = None,
    sources: bool = False,
    field: str | None = None,
) -> None:
    """Print the answer, notes of a table on stderr, and end with exit code 1 when the answer is no.

    `question` names the tables of the answer, which JSON and `--field` do not need.
    """
    notes = ""
    if field is not None:
        from gpucost.view.to_json import field as bare

        try:
            text = bare(report, field) + "\n"
        except LookupError as error:
            raise UsageError(f"--field: {error.args[0]}") from None
    elif format is Format.JSON:
        from gpucost.view.to_json import render_json

        text = render_json(report, indent=2 if output is not None or sys.stdout.isatty() else None)
    elif format is Format.CSV:
        from gpucost.view.to_csv import render_csv

        text = render_csv(tables_of(question, report))
    elif format is Format.MARKDOWN:
        from gpucost.view.to_markdown import render_markdown

        text = render_markdown(report, tables_of(question, report), sources=sources)
    else:
        text, notes = _for_people(report, tables_of(question, report), output, sources)
    try:
        write(text, output, json=field is None and format is Format.JSON)
    except BrokenPipeError:
        if report.answered_no:
            raise typer.Exit(ANSWERED_NO) from None
        raise
    if notes:
        with suppress(OSError):  # the answer is out; nobody reads the notes
            sys.stderr.write(notes)
    if report.answered_no:
        raise typer.Exit(ANSWERED_NO)


def tables_of(question: str, report: Report) -> "list[Table]":
    """The tables of an answer, from the module that knows them."""
    module, name = TABLES[question]
    tables: list[Table] = getattr(import_module(module), name)(report)
    return tables


def _for_people(
    report: Report, tables: "Sequence[Table]", output: Path | None, sources: bool
) -> tuple[str, str]:
    from gpucost.view.terminal import Terminal, pick_terminal
    from gpucost.view.to_rich import render, render_notes

    here = pick_terminal(sys.stdout) if output is None else Terminal(None, False, True)
    answer = render(
        report,
        tables,
        console_width=here.width,
        color=here.color,
        unicode=here.unicode,
        sources=sources,
        notes=False,
    )
    there = pick_terminal(sys.stderr)
    notes = render_notes(report.notes, console_width=there.width, color=there.color, unicode=there.unicode)
    return answer, notes


def write(text: str, output: Path | None, *, json: bool) -> None:
    """Write an answer to stdout or to a file; `json` says how characters go that stdout cannot show."""
    if not text.endswith("\n"):
        text += "\n"
    if output is None:
        try:
            try:
                sys.stdout.write(text)
            except UnicodeEncodeError:
                sys.stdout.write(in_ascii(text, json=json))
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(f"stdout: {error.strerror or error}") from None
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--output {output}: {error.strerror or error}") from None


def in_ascii(text: str, *, json: bool) -> str:
    """What a stream that cannot show some characters gets instead; JSON stays JSON."""
    if not json:
        from gpucost.view.sanitize import to_ascii

        return to_ascii(text)
    from json import dumps

    return "".join(each if each.isascii() else dumps(each)[1:-1] for each in text)
