"""Answers of `check` and `diff` for GitHub Actions: annotations on lines, and the body of a comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpucost.domain.checks import BudgetResult, DiffResult
from gpucost.domain.report import Report
from gpucost.view.sanitize import sanitize
from gpucost.view.table import Table
from gpucost.view.tables_check import moved, verdict
from gpucost.view.to_markdown import render_markdown

MARK = "<!-- gpucost {question} -->"
"""First line of a comment: a workflow finds its own comment by it."""
DRIFTS = 3
"""Drifts in one warning: GitHub shows ten annotations of a step."""
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def render_annotations(report: Report) -> str:
    """Workflow commands, one on a line: an error for every limit that is not kept, then a notice in short."""
    lines = _of_check(report.result) if report.question == "check" else _of_diff(report.result)
    return "".join(f"{line}\n" for line in lines)


def render_comment(report: Report, tables: Sequence[Table]) -> str:
    """The body of a comment on a pull request."""
    return f"{MARK.format(question=report.question)}\n\n{render_markdown(report, tables)}"


def _of_check(result: BudgetResult) -> Iterator[str]:
    for each in result.policies:
        if not each.ok:
            state = "broken" if each.ok is False else "cannot be told"
            title = f"{each.scenario} {each.policy} {state}".strip()
            yield command("error", each.text, file=each.file, line=each.line, title=title)
    if result.drift and all(each.policy != "lock" for each in result.policies):
        first = [
            f"{each.scenario}: {each.text}" if each.scenario else each.text for each in result.drift[:DRIFTS]
        ]
        more = f"; and {len(result.drift) - DRIFTS} more" if len(result.drift) > DRIFTS else ""
        yield command("warning", "; ".join(first) + more, file=result.lock, line=1, title="gpucost drift")
    yield command("notice", verdict(result), title="gpucost check")


def _of_diff(result: DiffResult) -> Iterator[str]:
    for each in result.differences:
        yield command("notice", moved(each), title="gpucost diff")


def command(
    kind: str, text: str, *, file: str | None = None, line: int | None = None, title: str | None = None
) -> str:
    """One workflow command; nothing in its parts can end it or start another one."""
    given = {"file": file, "line": line, "title": title}
    parts = [f"{key}={_escaped(str(value), _PROPERTY)}" for key, value in given.items() if value is not None]
    return f"::{kind} {','.join(parts)}::{_escaped(text, _DATA)}"


def _escaped(text: str, codes: dict[str, str]) -> str:
    return "".join(codes.get(each, each) for each in sanitize(text))
