"""Results of a sweep in a file of JSON lines, so that an interrupted one goes on where it stopped."""

import json
from pathlib import Path
from typing import Any

from gpucost.errors import DataError

VERSION = 1
LONGEST_HEADER_BYTES = 2**20


class ResultsFile:
    """Results by key: a header line that states the question, then a line for each result.

    `fingerprint` is a text that differs between any two questions whose results may differ. `done` holds
    what the file had when it was opened and what was appended since. Numbers keep their full precision; NaN
    and infinities are written as Python writes them, which other readers of JSON may refuse. A last line that
    an interrupt cut off is dropped.

    Raises DataError, on opening, for a file of another question, for one that is no such file, and where it
    cannot be read or written.
    """

    def __init__(self, path: Path | str, fingerprint: str) -> None:
        self._path = Path(path)
        self.done: dict[str, Any] = {}
        header = _line({"fingerprint": fingerprint, "version": VERSION})
        try:
            self._file = self._path.open("a+b")
        except OSError as error:
            raise DataError(f"{path}: cannot keep results here: {error.strerror}") from error
        try:
            length = self._read(header)
            self._file.truncate(length)
            if not length:
                self._write(header)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "ResultsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; `done` remains."""
        self._file.close()

    def append(self, key: str, result: Any) -> None:
        """Add a result, handed to the system before this returns.

        Raises TypeError for a result that JSON cannot hold.
        """
        self._write(_line({"key": key, "result": result}))
        self.done[key] = result

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()

    def _read(self, header: bytes) -> int:
        """Fill `done`; the length [B] of what is whole."""
        self._file.seek(0)
        first = self._file.readline(LONGEST_HEADER_BYTES)
        if not first.endswith(b"\n") and header.startswith(first):  # new, or cut off at once
            return 0
        self._check(first, header)
        length = len(first)
        for number, line in enumerate(self._file, start=2):
            if not line.endswith(b"\n"):
                break
            entry = _parsed(line)
            if not isinstance(entry, dict) or not isinstance(entry.get("key"), str) or "result" not in entry:
                raise DataError(f"{self._path}:{number}: no result; remove this line, or the file")
            self.done[entry["key"]] = entry["result"]
            length += len(line)
        return length

    def _check(self, first: bytes, header: bytes) -> None:
        found, wanted = _parsed(first), json.loads(header)
        if not isinstance(found, dict) or found.keys() != wanted.keys():
            raise DataError(f"{self._path}: not a file of results; name another file, it is left as it is")
        if found["version"] != VERSION:
            raise DataError(
                f"{self._path}: format {found['version']}, this gpucost writes {VERSION}; name another file"
            )
        if found != wanted:
            raise DataError(
                f"{self._path}: holds results of another question; ask the same question again to go on with "
                "it, or name another file"
            )


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    """What a line holds, None where it is no JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
