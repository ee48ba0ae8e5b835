"""One line of progress on a terminal."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from gpucost.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

REDRAW_S = 0.2
FIRST_S = 1.0
"""What is done sooner needs no line."""


class Progress:
    """A line `what: done/total, rate, time left`, redrawn in place; nothing where no terminal listens.

    The clock gives seconds. As a context manager it clears its line at the end, however that comes.
    """

    def __init__(
        self,
        total: int,
        what: str,
        stream: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._done = total, 0
        self._what = what.encode("ascii", "replace").decode("ascii")
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty()
        self._clock = clock
        self._start_s = clock()
        self._drawn_s = self._start_s + FIRST_S - REDRAW_S
        self._width = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def advance(self, count: int = 1) -> None:
        """Count points as done."""
        self._done += count
        if not self._shown:
            return
        now = self._clock()
        if now - self._drawn_s >= REDRAW_S:
            self._drawn_s = now
            self._draw(now - self._start_s)

    def close(self) -> None:
        """Clear the line."""
        if self._width:
            self._write("")
            self._stream.write("\r")
            self._stream.flush()

    def _draw(self, elapsed_s: float) -> None:
        text = f"{self._what}: {self._done}/{self._total}"
        if elapsed_s > 0 and self._done:
            rate = self._done / elapsed_s
            text += f", {_rate(rate)}, {_duration((self._total - self._done) / rate)} left"
        # A line that fills the terminal would wrap, and "\r" then return to its last row only.
        self._write(text[: shutil.get_terminal_size().columns - 1])

    def _write(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)


def _rate(per_second: float) -> str:
    if per_second >= 1:
        return f"{per_second:.1f}/s"
    return f"{per_second * SECONDS_PER_MINUTE:.1f}/min"


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), SECONDS_PER_HOUR)
    return "{}:{:02}:{:02}".format(hours, *divmod(rest, SECONDS_PER_MINUTE))
