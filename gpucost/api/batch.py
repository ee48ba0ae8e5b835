"""Questions from outside, as JSON: one process and one catalogue answer any number of them.

A question is an object: `question` names a function of the package, `id` is echoed, and everything else is
an argument of that function. No question reaches the network, writes a file or reads one outside the root.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.api.arguments import QUESTIONS, accepted, checked, function_of, paths_of
from gpucost.catalog.scenario_file import read_scenarios, split_name
from gpucost.catalog.store import Catalog
from gpucost.domain.report import Report
from gpucost.errors import DataError, GpucostError, RemoteError, UsageError
from gpucost.io.json_safe import parse_json, shown

LONGEST_LINE = 2**20
"""Bytes of one question [B]."""
SCENARIOS = (".yaml", ".yml")
INTERNAL_FAULT = 70
KINDS = {
    UsageError.exit_code: "usage",
    DataError.exit_code: "data",
    RemoteError.exit_code: "remote",
    INTERNAL_FAULT: "internal",
}
"""What an error is called, by the exit code of its kind."""


class Fault(NamedTuple):
    """Why a question has no answer."""

    kind: str
    """`usage`, `data`, `remote` or `internal`."""
    message: str


class Answer(NamedTuple):
    """What came of one question: a report, or the reason why there is none."""

    id: Any
    """Of the question; None where it has none."""
    exit_code: int
    """What the command would have ended with."""
    report: Report | None = None
    error: Fault | None = None


class Asker:
    """Answers questions about one catalogue, with the files below one folder."""

    def __init__(self, root: Path, catalog: Catalog, *, today: date | None = None) -> None:
        """Raises UsageError when the root is no folder."""
        try:
            self._inside = root.resolve(strict=True)
        except (OSError, ValueError) as error:
            raise UsageError(f"--root {root}: {getattr(error, 'strerror', None) or error}") from None
        if not self._inside.is_dir():
            raise UsageError(f"--root {root}: not a folder")
        self.root, self.catalog, self.today = root, catalog, today or date.today()

    def answer_line(self, line: bytes) -> Answer:
        """The answer to one line of JSON."""
        if len(line) > LONGEST_LINE:
            return _failed(None, DataError(f"a line of more than {LONGEST_LINE:,} bytes is no question"))
        try:
            question = parse_json(line, "question")
        except DataError as error:
            return _failed(None, error)
        if not isinstance(question, dict):
            return _failed(None, UsageError('a question is an object, such as {"question": "size", …}'))
        return self.answer(question)

    def answer(self, question: Mapping[str, Any]) -> Answer:
        """The answer to a question that names itself, its id and its arguments."""
        arguments = dict(question)
        identity, name = arguments.pop("id", None), arguments.pop("question", None)
        if isinstance(name, str):
            return self.reply(identity, name, arguments)
        known = ", ".join(QUESTIONS)
        said = "is missing" if name is None else f"must be text, not {shown(name)}"
        return _failed(identity, UsageError(f'"question" {said}; it is one of {known}'))

    def reply(self, identity: Any, question: str, arguments: Mapping[str, Any]) -> Answer:
        """The answer to a question with these arguments, whatever they are: faults are answers too."""
        try:
            report = self.ask(question, arguments)
        except Exception as error:
            return _failed(identity, error)
        return Answer(identity, int(report.answered_no), report)

    def ask(self, question: str, arguments: Mapping[str, Any]) -> Report:
        """The report that answers a question with these arguments. Raises GpucostError."""
        given = checked(question, arguments)
        for name in paths_of(question):
            if given.get(name) is not None:
                given[name] = self._below_root(name, given[name])
        ours = {"catalog": self.catalog, "today": self.today}
        given |= {name: value for name, value in ours.items() if name in accepted(question)}
        return function_of(question)(**given)

    def _below_root(self, name: str, text: str) -> Path:
        """A file or folder below the root, with all that is read beside it. Raises UsageError."""
        place = self.root / text
        try:
            for each in _read_with(place, scenario=name == "scenario"):
                if not each.resolve().is_relative_to(self._inside):
                    raise UsageError(
                        f"{name}: {shown(text)} is outside {self.root}; only files below it are read"
                    )
                if each.exists() and not (each.is_file() or each.is_dir()):
                    raise UsageError(f"{name}: {shown(text)} is no regular file")
        except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a null byte, a name too long
            raise UsageError(f"{name}: {shown(text)}: {getattr(error, 'strerror', None) or error}") from None
        return place


def _read_with(place: Path, *, scenario: bool = False) -> Iterator[Path]:
    """A path, and the files that reading it may open: those of a folder, the splits of a GGUF file.

    Of a scenario file, whatever its name where one is asked for, its lock and the files that it names.
    """
    yield place
    path, _ = split_name(place)
    if (scenario or path.suffix.lower() in SCENARIOS) and path.is_file():
        yield path
        yield path.with_suffix(".lock")
        for asked in read_scenarios(path).scenarios.values():
            for name in (asked.workload.trace, *(each.config for each in asked.models)):
                if name is not None:
                    yield from _read_with(Path(name))
    if place.is_dir():
        yield from place.iterdir()
    elif place.suffix.lower() == ".gguf" and place.is_file():
        yield from place.parent.glob("*.gguf")


def _failed(identity: Any, error: Exception) -> Answer:
    code, message = INTERNAL_FAULT, f"gpucost failed ({type(error).__name__}: {error})"
    if isinstance(error, GpucostError):
        code, message = error.exit_code, str(error)
    return Answer(identity, code, error=Fault(KINDS[code], message))
