"""`gpucost run`."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, TextIO

import typer

from gpucost.cli.options import CatalogOption, OutputOption
from gpucost.cli.output import in_ascii
from gpucost.errors import DataError, UsageError

if TYPE_CHECKING:
    from gpucost.api.batch import Answer

STDIN = "-"
INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    file: Annotated[
        str, typer.Argument(help="Questions, one JSON object per line; - reads them from stdin.")
    ],
    root: Annotated[
        Path | None,
        typer.Option(
            help="Files that questions name lie below this folder; else that of FILE.", metavar="DIR"
        ),
    ] = None,
    output: OutputOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Answer a file of questions, one JSON line for each, in their order and in one process.

    A line such as {"id": 1, "question": "size", "model": "Qwen3-8B", "gpu": "l4"} names a command and its
    arguments as in Python: flags with underscores. The answer is the command's JSON report with the id and
    the command's exit code, 0 or 1 for "no"; or an error in its place. `gpucost schema batch` describes
    both. Blank lines are skipped. The exit code is 0 when every question was answered, else 2.
    """
    from gpucost.api.batch import Asker
    from gpucost.catalog.store import load

    here = Path() if file == STDIN else Path(file).parent
    asked, failed, first = 0, 0, 0
    with ExitStack() as stack:
        source = _source(file, stack)
        asker = Asker(root or here, load(tuple(catalog or ())))
        target = _target(output, file, stack)
        for number, line in _lines(source):
            answer = asker.answer_line(line)
            asked += 1
            if answer.error is not None:
                failed, first = failed + 1, first or number
            _put(answer, target)
            if file == STDIN:
                target.flush()  # whoever asks may wait for the answer
            if answer.report is not None and getattr(answer.report.result, "interrupted", False):
                raise typer.Exit(INTERRUPTED)
        target.flush()
    if failed:
        raise UsageError(f"{failed:,} of {asked:,} questions have no answer, the first on line {first:,}")


def _source(file: str, stack: ExitStack) -> BinaryIO:
    if file == STDIN:
        return sys.stdin.buffer
    try:
        return stack.enter_context(open(file, "rb"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: {getattr(error, 'strerror', None) or error}") from None


def _target(output: Path | None, file: str, stack: ExitStack) -> TextIO:
    if output is None:
        return sys.stdout
    try:
        if file != STDIN and output.exists() and output.samefile(file):
            raise UsageError(f"--output {output} is the file of the questions")
        return stack.enter_context(output.open("w", encoding="utf-8", newline="\n"))
    except OSError as error:
        raise UsageError(f"--output {output}: {error.strerror or error}") from None


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Number and content of every line that is not blank; of one that is too long, more than is allowed."""
    from gpucost.api.batch import LONGEST_LINE

    number = 0
    while line := source.readline(LONGEST_LINE + len(b"\r\n")):
        number += 1
        rest = line
        while len(line) > LONGEST_LINE and rest and not rest.endswith(b"\n"):
            rest = source.readline(LONGEST_LINE)
        line = line.rstrip(b"\r\n")
        if line.strip():
            yield number, line


def _put(answer: "Answer", target: TextIO) -> None:
    """Writes one line; one that the stream cannot show is written with escapes."""
    from gpucost.view.to_json import render_answer

    head: dict[str, Any] = {"id": answer.id, "exit_code": answer.exit_code}
    if answer.error is not None:
        head["error"] = answer.error
    text = render_answer(head, answer.report)
    try:
        target.write(text)
    except UnicodeEncodeError:
        target.write(in_ascii(text, json=True))
