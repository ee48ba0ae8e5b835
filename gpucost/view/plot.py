"""Curves in the terminal, with plotext (extra `plot`)."""

import sys
from collections.abc import Mapping, Sequence

from gpucost.errors import UsageError
from gpucost.view.sanitize import to_ascii
from gpucost.view.terminal import pick_terminal

WIDTH, HEIGHT = 80, 20
MARKERS = "*o+x#%&@"
"""Of several curves: they must differ without colour."""


def draw(curves: Mapping[str, Sequence[tuple[float, float]]], *, title: str) -> str:
    """Curves through points as text, by name. Raises UsageError when plotext is not installed."""
    try:
        import plotext
    except ImportError:
        raise UsageError("--plot needs plotext: pip install 'gpucost[plot]'") from None
    here = pick_terminal(sys.stdout)
    plotext.clear_figure()
    for index, (name, points) in enumerate(curves.items()):
        marker = "braille" if here.unicode and len(curves) == 1 else MARKERS[index % len(MARKERS)]
        plotext.plot([x for x, _ in points], [y for _, y in points], marker=marker, label=name or None)
    plotext.title(title)
    plotext.plotsize(min(here.width or WIDTH, WIDTH), HEIGHT)
    if not here.color:
        plotext.theme("clear")
    shown = str(plotext.build())
    return shown if here.unicode else to_ascii(shown)
