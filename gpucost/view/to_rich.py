"""A report for people: Rich tables, stacked bars, notes and the evidence line.

The only module that imports rich; callers import it when they need it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from gpucost.domain.provenance import Evidence
from gpucost.domain.report import Note, Report
from gpucost.view import bars
from gpucost.view.evidence import evidence_line
from gpucost.view.format import UNKNOWN, format_column, format_fact, format_value, used_share
from gpucost.view.layout import GAP, Piece, align_decimals, break_text, lay_out, longest_piece, stack_header
from gpucost.view.sanitize import sanitize, to_ascii
from gpucost.view.table import Bar, Column, Kind, Table

_ANY_WIDTH = 10**6
_RULE = box.Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
_ASCII_RULE = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_LEVELS = {"info": ("note", "cyan"), "warning": ("warning", "yellow"), "error": ("error", "bold red")}
_BAR_WIDTH, _LEAST_BAR_WIDTH = 40, 16
_LEAST_TEXT_WIDTH, _LONGEST_WORD = 16, 40
_EMPHASIS = "bold"


def render(
    report: Report,
    tables: Sequence[Table],
    *,
    console_width: int | None,
    color: bool,
    unicode: bool,
    sources: bool = False,
    notes: bool = True,
) -> str:
    """The answer as lines of text; where `console_width` is None nothing is cut, wrapped or left out."""
    page = _Page(console_width, unicode)
    blocks: list[list[RenderableType]] = [block for table in tables for block in page.table(table)]
    if notes:
        blocks.append([page.note(note) for note in report.notes])
    line = evidence_line(report.evidence, unicode=unicode, hint=not sources)
    blocks.append([page.wrapped(page.text(line, "dim"))] if line else [])
    if sources:
        blocks.append([page.evidence(item) for item in report.evidence])
    return _print(blocks, color)


def render_notes(notes: Sequence[Note], *, console_width: int | None, color: bool, unicode: bool) -> str:
    """The notes alone, one per line, for a caller that sends them elsewhere."""
    page = _Page(console_width, unicode)
    return _print([[page.note(note) for note in notes]], color)


def _console(color: bool, out: io.StringIO | None = None) -> Console:
    return Console(
        file=out or io.StringIO(),
        width=_ANY_WIDTH,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=not color,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        force_jupyter=False,
        _environ={},
    )


def _print(blocks: Sequence[Sequence[RenderableType]], color: bool) -> str:
    out = io.StringIO()
    console = _console(color, out)
    for number, block in enumerate(block for block in blocks if block):
        if number:
            console.print()
        for item in block:
            console.print(item, soft_wrap=isinstance(item, Text))
    return "".join(line.rstrip(" ") + "\n" for line in out.getvalue().split("\n")[:-1])


@dataclass(frozen=True, slots=True)
class _Shown:
    """A column as it is drawn: its heading on one or two lines and its cells, not yet padded."""

    source: Column
    unit: str
    cells: list[str]
    right: bool
    stacked: tuple[str, str]
    piece: Piece
    bars: tuple[Bar | None, ...] = ()

    @property
    def heading(self) -> str:
        return f"{self.source.title} [{self.unit}]" if self.unit else self.source.title


class _Page:
    """Draws for one width and one character set."""

    def __init__(self, width: int | None, unicode: bool) -> None:
        self.width, self.unicode = width, unicode

    def clean(self, text: str) -> str:
        safe = sanitize(text)
        return safe if self.unicode else to_ascii(safe)

    def text(self, text: str, style: str = "") -> Text:
        return Text(self.clean(text), style=style)

    def wrapped(self, text: Text, indent: int = 0) -> Text:
        """Lines of a sentence, the second and later ones indented; one line where the width is free."""
        if self.width is None:
            return text
        lines = text.wrap(_console(color=False), max(20, self.width - indent), tab_size=1)
        return Text("\n" + " " * indent).join(lines)

    def note(self, note: Note) -> Text:
        word, style = _LEVELS.get(note.level, (note.level, "cyan"))
        label = self.text(f"{word}: ", style)
        return label + self.wrapped(self.text(note.text), cell_len(label.plain))

    def evidence(self, item: Evidence) -> Text:
        separator, dash = (" · ", " — ") if self.unicode else (", ", " -- ")
        facts = [f"{item.field} = {format_fact(item.value)} {item.unit}".rstrip(), item.confidence.value]
        facts += [item.as_of] if item.as_of else []
        facts += [] if item.binding else ["not binding"]
        place = dash.join(part for part in (item.title or item.source, item.address) if part)
        text = Text("  ") + self.text(separator.join(facts))
        return text + Text("\n      ") + self.text(place, "dim") if place else text

    def table(self, table: Table) -> list[list[RenderableType]]:
        """The headline and the table as blocks of their own."""
        blocks: list[list[RenderableType]] = []
        if table.headline:
            blocks.append([self.wrapped(self.text(table.headline, _EMPHASIS))])
        lines: list[RenderableType] = [self.text(table.title, _EMPHASIS)] if table.title else []
        if table.columns:
            lines += self.grid(table)
        if table.caption:
            lines.append(self.wrapped(self.text(table.caption, "dim")))
        return [*blocks, lines]

    def grid(self, table: Table) -> list[RenderableType]:
        """The rows, the key to their bars, and a word on the columns that had no room."""
        shown = [self.column(c, [row[i] for row in table.rows]) for i, c in enumerate(table.columns)]
        if table.emphasis:
            shown.insert(0, self.markers(table))
        layout = lay_out([s.piece for s in shown], self.width)
        rows: list[list[Text]] = [[] for _ in table.rows]
        drawn = RichTable(
            box=_RULE if self.unicode else _ASCII_RULE,
            show_edge=False,
            pad_edge=False,
            padding=(0, GAP - 1, 0, 0),
            header_style=_EMPHASIS,
        )
        stacked = layout.stacked and any(shown[i].stacked[0] for i in layout.kept)
        for index, width in zip(layout.kept, layout.widths, strict=True):
            column = shown[index]
            heading = column.stacked if stacked else (column.heading,)
            title = "\n".join(_pad(line, width, column.right) for line in heading)
            drawn.add_column(Text(title), width=width, no_wrap=column.right, overflow="fold")
            for row, cell in zip(rows, self.cells(column, width), strict=True):
                row.append(cell)
        for number, row in enumerate(rows):
            drawn.add_row(*row, style=_EMPHASIS if number in table.emphasis else None)
        lines: list[RenderableType] = [drawn] if layout.kept else []
        lines += [self.legend(shown[i]) for i in layout.kept if shown[i].bars]
        dropped = [s.source.title for i, s in enumerate(shown) if i not in layout.kept]
        if dropped:
            text = f"No room for: {', '.join(dropped)}. --format json or csv has them."
            lines.append(self.wrapped(Text(text, style="dim")))
        return lines

    def column(self, column: Column, values: Sequence[object]) -> _Shown:
        formatted = format_column(column, values)
        safe = Column(column.key, self.clean(column.title), column.kind, column.priority)
        unit = self.clean(formatted.unit)
        cells = [self.clean(cell) for cell in formatted.cells]
        cells = align_decimals(cells) if formatted.right else cells
        one_line = cell_len(f"{safe.title} [{unit}]" if unit else safe.title)
        stacked = stack_header(safe.title, unit)
        found: tuple[Bar | None, ...] = ()
        if column.kind is Kind.BAR:
            found = tuple(value if isinstance(value, Bar) else None for value in values)
            share = max((cell_len(self.share(bar)) for bar in found), default=0) + 1
            widest, least = _BAR_WIDTH + share, _LEAST_BAR_WIDTH + share
            tight = least
        else:
            widest = max(map(cell_len, cells), default=0)
            least, tight = (widest, widest) if formatted.right else _least_widths(cells, widest)
        piece = Piece(one_line, max(map(cell_len, stacked)), widest, least, tight, column.priority)
        return _Shown(safe, unit, cells, formatted.right, stacked, piece, found)

    def markers(self, table: Table) -> _Shown:
        mark = "▸" if self.unicode else ">"
        cells = [mark if number in table.emphasis else "" for number in range(len(table.rows))]
        return _Shown(Column("", ""), "", cells, False, ("", ""), Piece(0, 0, 1, 1, 1))

    def cells(self, column: _Shown, width: int) -> list[Text]:
        if not column.bars:
            if column.right:
                return [Text(_pad(cell, width, right=True)) for cell in column.cells]
            return [Text(break_text(cell, width, cell_len)) for cell in column.cells]
        room = max((cell_len(self.share(bar)) for bar in column.bars), default=0) + 1
        key = bars.looks(bar for bar in column.bars if bar is not None)
        return [self.bar(bar, key, width - room, room) for bar in column.bars]

    def share(self, bar: Bar | None) -> str:
        share = None if bar is None else used_share(bar)
        return self.clean(UNKNOWN if share is None else format_value(share, Kind.SHARE))

    def bar(self, bar: Bar | None, key: dict[str, bars.Look], width: int, room: int) -> Text:
        text = Text()
        for label, count in [] if bar is None else bars.cells(bar, width):
            text.append(self.fill(key[label]) * count, style=key[label].style)
        end = None if bar is None else bars.end_of_total(bar, width)
        if end is not None:
            mark = Text(self.fill(bars.END_LOOK), style=bars.END_LOOK.style)
            text = text[:end] + mark + text[end + 1 :]
        return text + Text(_pad(self.share(bar), width + room - len(text), right=True))

    def fill(self, look: bars.Look) -> str:
        return look.unicode if self.unicode else look.ascii

    def legend(self, column: _Shown) -> Text:
        known = [bar for bar in column.bars if bar is not None]
        entries = [
            Text(self.fill(look), style=look.style) + Text(f" {self.clean(label)}", style="dim")
            for label, look in bars.looks(known).items()
        ]
        if any(bars.end_of_total(bar, _BAR_WIDTH) is not None for bar in known):
            look = bars.END_LOOK
            entries.append(Text(self.fill(look), style=look.style) + Text(" limit", style="dim"))
        return Text("   ").join(entries)


def _pad(text: str, width: int, right: bool) -> str:
    return " " * (width - cell_len(text)) + text if right else text


def _least_widths(cells: Sequence[str], widest: int) -> tuple[int, int]:
    """Widths below which texts would be broken within their words, and within the parts of a name."""
    word = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
    part = max((longest_piece(cell, cell_len) for cell in cells), default=0)
    floor = min(widest, _LEAST_TEXT_WIDTH)
    return max(min(word, _LONGEST_WORD), floor), max(min(part, _LEAST_TEXT_WIDTH), min(floor, part))
