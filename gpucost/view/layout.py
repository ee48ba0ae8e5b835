"""How the columns of a table share the width of a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

GAP = 2
"""Spaces between two columns."""
_BREAKS = re.compile(r"(?<=[ /])")


@dataclass(frozen=True, slots=True)
class Piece:
    """What the layout knows of a column: widths in terminal cells.

    `header` is the heading on one line, `stacked` on two; `cells` the widest cell;
    `least` what the cells can be wrapped or shrunk to (equal to `cells` if not at all),
    `tight` the same where names may be broken too, which happens once no column is left to drop.
    """

    header: int
    stacked: int
    cells: int
    least: int
    tight: int
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Indexes of the columns that are shown with the width of each, and whether headings take two lines."""

    kept: tuple[int, ...]
    widths: tuple[int, ...]
    stacked: bool


def lay_out(pieces: Sequence[Piece], width: int | None) -> Layout:
    """Fit columns into `width` cells (None: any width).

    First headings are stacked and texts wrapped, then columns go, the highest priority number first.
    What does not fit even so keeps its full width, because a cut number would be a wrong number.
    """
    kept = list(range(len(pieces)))
    droppable = sorted((i for i in kept if pieces[i].priority > 0), key=lambda i: (pieces[i].priority, i))
    if width is not None and total(_natural(pieces)) > width:
        while droppable and total(max(pieces[i].stacked, pieces[i].least) for i in kept) > width:
            kept.remove(droppable.pop())
    shown = [pieces[i] for i in kept]
    natural = _natural(shown)
    if width is None or total(natural) <= width:
        return Layout(tuple(kept), tuple(natural), stacked=False)
    widths = [max(p.stacked, p.cells) for p in shown]
    widths = _shrink(widths, [max(p.stacked, p.least) for p in shown], width)
    widths = _shrink(widths, [max(p.stacked, p.tight) for p in shown], width)
    return Layout(tuple(kept), tuple(widths), stacked=True)


def _shrink(widths: list[int], least: list[int], width: int) -> list[int]:
    """Take cells from the columns that can best spare them, until the line fits or none can."""
    widths = list(widths)
    while total(widths) > width:
        index = max(range(len(widths)), key=lambda i: widths[i] - least[i])
        if widths[index] <= least[index]:
            break
        widths[index] -= 1
    return widths


def total(widths: Iterable[int]) -> int:
    """Width of a line of columns, their gaps included."""
    items = list(widths)
    return sum(items) + GAP * max(0, len(items) - 1)


def _natural(pieces: Sequence[Piece]) -> list[int]:
    return [max(p.header, p.cells) for p in pieces]


def break_text(text: str, width: int, measure: Callable[[str], int]) -> str:
    """Put line breaks after spaces and slashes, so that the lines fit as far as these allow."""
    lines = [""]
    for piece in _BREAKS.split(text):
        if lines[-1] and measure((lines[-1] + piece).rstrip(" ")) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip(" ") for line in lines) if len(lines) > 1 else text


def longest_piece(text: str, measure: Callable[[str], int]) -> int:
    """Width of the widest part of a text that `break_text` keeps together."""
    return max(measure(piece.rstrip(" ")) for piece in _BREAKS.split(text))


def stack_header(title: str, unit: str) -> tuple[str, str]:
    """A heading on two lines: the unit below, or else the words in two halves that are about equal."""
    if unit:
        return title, f"[{unit}]"
    breaks = [i for i, character in enumerate(title) if character == " "]
    if not breaks:
        return "", title
    middle = min(breaks, key=lambda i: (max(i, len(title) - i - 1), i))
    return title[:middle], title[middle + 1 :]


def align_decimals(cells: Sequence[str]) -> list[str]:
    """Cells with spaces behind, so that their decimal points stand below each other when set to the right."""
    behind = [_decimals(cell) for cell in cells]
    most = max((d for d in behind if d is not None), default=0)
    return [c if d is None else c + " " * (most - d) for c, d in zip(cells, behind, strict=True)]


def _decimals(cell: str) -> int | None:
    """Number of characters from the decimal point on; None where the cell is no decimal number."""
    digits = cell.lstrip("<>+-").replace(",", "")
    if not digits.replace(".", "", 1).isdigit():
        return None
    return len(cell) - cell.index(".") if "." in cell else 0
