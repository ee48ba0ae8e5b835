"""Files of text, plain or gzipped, in regions of whole lines."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gpucost.errors import DataError

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
BOM = b"\xef\xbb\xbf"
WIDE = (b"\xff\xfe", b"\xfe\xff")
REGION_BYTES = 1 << 18
"""Text that is worked on at once: small enough for the second-level cache."""
LONGEST_LINE = 1 << 26
ENDING = b"\n"


@dataclass(slots=True)
class Region:
    """Whole lines inside a buffer."""

    buffer: bytearray
    start: int
    end: int
    """Behind the newline of the last line."""
    first_line: int
    lines: int | None = None
    """Number of lines, if who worked on them has counted."""

    @property
    def content(self) -> bytes:
        """The bytes of the lines."""
        return bytes(memoryview(self.buffer)[self.start : self.end])


@contextmanager
def reading(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked when it is gzipped. Raises DataError, also for what the body reads."""
    try:
        with path.open("rb") as raw:
            if raw.read(len(GZIP)) == GZIP:
                raw.seek(0)
                with gzip.GzipFile(fileobj=raw) as packed:
                    yield io.BufferedReader(packed, REGION_BYTES)
            else:
                raw.seek(0)
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a complete gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def magic(path: Path) -> bytes:
    """The first bytes of a file. Raises DataError."""
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def first_line(path: Path, file: IO[bytes]) -> tuple[str, int]:
    """The first line that is not blank and its number; the file stands behind it. Raises DataError."""
    number = 0
    while True:
        line = file.readline(LONGEST_LINE)
        if not line:
            raise DataError(f"{path}: the file is empty; a trace has a header and a row per request")
        number += 1
        if number == 1 and line.startswith(WIDE):
            raise DataError(f"{path}: UTF-16 text; save it as UTF-8")
        text = decoded(path, line.removeprefix(BOM), number).strip("\r\n")
        if text.strip():
            return text, number


def decoded(path: Path, content: bytes, line: int) -> str:
    """Text of UTF-8 bytes that begin on a line. Raises DataError."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line += content.count(ENDING, 0, error.start)
        raise DataError(f"{path}:{line}: not UTF-8 text ({error.reason}); save the file as UTF-8") from None


def regions(path: Path, file: IO[bytes], line: int, *, pad: int, size: int | None = None) -> Iterator[Region]:
    """The rest of a file, which starts at a line; each region holds good until the next is asked for.

    `pad` bytes before and behind the text belong to the buffer too. A last line without a newline gets one.
    Raises DataError for a line that does not end.
    """
    size = size or REGION_BYTES
    buffer, kept, ended = bytearray(size + 2 * pad + 1), 0, False
    while not ended:
        end = pad + kept
        view = memoryview(buffer)
        while end < pad + size:
            count = file.readinto(view[end : pad + size])  # type: ignore[attr-defined]
            if not count:
                ended = True
                break
            end += count
        view.release()
        if ended and end > pad and buffer[end - 1] != ENDING[0]:
            buffer[end] = ENDING[0]
            end += 1
        cut = buffer.rfind(ENDING, pad, end) + 1
        if cut:
            region = Region(buffer, pad, cut, line)
            yield region
            line += buffer.count(ENDING, pad, cut) if region.lines is None else region.lines
            kept = end - cut
            # A new buffer, since arrays may still look into the old one.
            fresh = bytearray(size + 2 * pad + 1)
            fresh[pad : pad + kept] = buffer[cut:end]
            buffer = fresh
        elif not ended:
            if size >= LONGEST_LINE:
                raise DataError(f"{path}:{line}: a line of more than {size:,} bytes; is this a text file?")
            size *= 2
            kept = end - pad
            buffer = buffer[:end] + bytearray(size + 2 * pad + 1 - end)
