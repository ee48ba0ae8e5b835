"""Curves in the terminal, with plotext (extra `plot`)."""

import sys
from collections.abc import Sequence

from gpucost.errors import UsageError
from gpucost.view.terminal import pick_terminal

WIDTH, HEIGHT = 80, 20


def draw(points: Sequence[tuple[float, float]], *, title: str) -> str:
    """A curve through the points as text. Raises UsageError when plotext is not installed."""
    try:
        import plotext
    except ImportError:
        raise UsageError("--plot needs plotext: pip install 'gpucost[plot]'") from None
    here = pick_terminal(sys.stdout)
    plotext.clear_figure()
    plotext.plot([x for x, _ in points], [y for _, y in points], marker="braille" if here.unicode else "*")
    plotext.title(title)
    plotext.plotsize(min(here.width or WIDTH, WIDTH), HEIGHT)
    if not here.color:
        plotext.theme("clear")
    return str(plotext.build())
