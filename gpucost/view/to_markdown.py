"""A report as GitHub Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gpucost.domain.provenance import Evidence
from gpucost.domain.report import Note, Report
from gpucost.view.evidence import evidence_line
from gpucost.view.format import format_column, format_fact
from gpucost.view.sanitize import sanitize
from gpucost.view.table import Table

_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "`": "\\`",
        "*": "\\*",
        "~": "\\~",
        "[": "\\[",
        "]": "\\]",
        "$": "\\$",
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        # A backslash before a pipe is read differently inside and outside of tables; the entity is not.
        "|": "&#124;",
        # An @ alone would still notify the user of that name: the invisible space parts them.
        "@": "&#64;&#8203;",
    }
)
_OUTER_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_BLOCK_START = re.compile(r"^(\s*)([#+=-]|[0-9]+(?=[.)]))")
_ADDRESS = re.compile(r"https?://[^\s<>()\\|`\"\[\]]+\Z")
_LEVELS = {"info": "note", "warning": "warning", "error": "error"}


def render_markdown(report: Report, tables: Sequence[Table], *, sources: bool = False) -> str:
    """All tables, the notes and the evidence line; with `sources` also the evidence itself."""
    blocks = [_table(table) for table in tables]
    if report.notes:
        blocks.append("\n".join(_note(note) for note in report.notes))
    line = evidence_line(report.evidence, hint=not sources)
    if line:
        blocks.append(line)
    if sources and report.evidence:
        blocks.append(_evidence(report.evidence))
    return "".join(f"{block}\n\n" for block in blocks if block).removesuffix("\n")


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no links, no HTML, no mentions, no emphasis, one line."""
    return _OUTER_UNDERSCORE.sub(r"\\_", sanitize(text).translate(_ESCAPES))


def _paragraph(text: str) -> str:
    """Escaped text that starts no list, heading or rule."""
    return _BLOCK_START.sub(
        lambda m: f"\\{m[2]}" if not m[2].isdigit() else f"&#8203;{m[2]}", escape(text).strip()
    )


def _table(table: Table) -> str:
    blocks = [f"### {escape(table.title)}"] if table.title else []
    if table.headline:
        blocks.append(f"**{escape(table.headline.strip())}**")
    if table.columns:
        blocks.append(_grid(table))
    if table.caption:
        blocks.append(_paragraph(table.caption))
    return "\n\n".join(blocks)


def _grid(table: Table) -> str:
    columns = [format_column(c, [row[i] for row in table.rows]) for i, c in enumerate(table.columns)]
    lines = [
        _row([escape(c.title) + (f" [{c.unit}]" if c.unit else "") for c in columns]),
        _row(["---:" if column.right else "---" for column in columns]),
    ]
    for number in range(len(table.rows)):
        cells = [escape(column.cells[number]).strip() for column in columns]
        lines.append(_row([f"**{c}**" if c and number in table.emphasis else c for c in cells]))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _note(note: Note) -> str:
    return f"- **{escape(_LEVELS.get(note.level, note.level))}:** {_paragraph(note.text)}"


def _evidence(evidence: Sequence[Evidence]) -> str:
    header = ("field", "value", "unit", "confidence", "as of", "source")
    lines = [_row(header), _row(["---", "---:", "---", "---", "---", "---"])]
    for item in evidence:
        confidence = item.confidence.value + ("" if item.binding else " (not binding)")
        cells = (item.field, format_fact(item.value), item.unit, confidence, item.as_of)
        lines.append(_row([*(escape(c) for c in cells), _source(item)]))
    return "\n".join(lines)


def _source(item: Evidence) -> str:
    title = escape(item.title or item.source)
    if _ADDRESS.match(item.address) and sanitize(item.address) == item.address:
        return f"[{title}]({item.address.replace('@', '%40')})"
    return f"{title} {escape(item.address)}".strip()
