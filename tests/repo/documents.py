"""Commands and their output in the documents; `python -m tests.repo.documents --write` renews them.

A ```console block holds `$ gpucost …` lines, each followed by what a terminal of 100 columns without colour
shows: the answer and the notes. An example's ```sh block holds one command whose answer is `expected.txt`.
Locks of the examples are made anew as well.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = 100
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARKED = re.compile(
    r"(<!-- (accuracy|training|speed|peers|rates):begin -->\n)(.*?)(<!-- \2:end -->)", re.DOTALL
)
ACCURACY = ROOT / "data" / "ACCURACY.md"


class Run(NamedTuple):
    """A command of a document and the output that stands below it."""

    command: str
    output: str


def documents() -> list[Path]:
    """Markdown files whose console blocks are kept."""
    return [ROOT / "README.md", ROOT / "data" / "README.md", *sorted((ROOT / "examples").rglob("*.md"))]


def examples() -> list[Path]:
    """Folders with an `expected.txt`."""
    return sorted(path.parent for path in (ROOT / "examples").glob("*/expected.txt"))


def blocks(text: str, language: str) -> list[str]:
    """Contents of the fenced blocks of a language."""
    return [found[2] for found in _BLOCK.finditer(text) if found[1] == language]


def runs(block: str) -> list[Run]:
    """Commands of a console block with their output."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    return [Run(command, output) for command, output in zip(parts[1::2], parts[2::2], strict=True)]


def environment(home: str, columns: int = COLUMNS) -> dict[str, str]:
    """Environment in which only the shipped catalogue is read and a terminal is plain."""
    keep = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "PYTHONPATH") if name in os.environ}
    fixed = {"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm", "LANG": "C.UTF-8"}
    return {**keep, **fixed, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}


def show(command: str, *, notes: bool = True) -> str:
    """What a terminal shows of a command; without `notes` only the answer."""
    program, *words = shlex.split(command)
    if program != "gpucost":
        raise ValueError(f"only gpucost commands are run, not {program!r}")
    import termios

    reader, writer = os.openpty()
    modes = termios.tcgetattr(writer)
    modes[1] &= ~termios.OPOST  # line ends as they were written
    termios.tcsetattr(writer, termios.TCSANOW, modes)
    with tempfile.TemporaryDirectory() as home, os.fdopen(reader, "rb", buffering=0) as screen:
        started = subprocess.Popen(
            [sys.executable, "-m", "gpucost", *words],
            cwd=ROOT,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer if notes else subprocess.DEVNULL,
        )
        os.close(writer)
        shown = b""
        try:
            while piece := screen.read(65536):
                shown += piece
        except OSError:  # the other end of a terminal is closed
            pass
        started.wait(timeout=60)
    return _trimmed(shown.decode("utf-8"))


def _trimmed(text: str) -> str:
    """Without trailing spaces, and without what a progress line has drawn and cleared."""
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{line.rpartition(chr(13))[2].rstrip()}\n" for line in lines)


def _validated(of: str) -> str:
    """What `gpucost validate` says of one model, as Markdown."""
    words = [sys.executable, "-m", "gpucost", "validate", "--of", of, "--format", "markdown"]
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            words, cwd=ROOT, env=environment(home), capture_output=True, text=True, check=False
        )
    return done.stdout


def _first_table(markdown: str) -> str:
    rows = []
    for line in markdown.splitlines(keepends=True):
        if line.startswith("|"):
            rows.append(line)
        elif rows:
            break
    return "".join(rows)


def _peers() -> str:
    from gpucost.catalog.store import load
    from tests.repo.peers import markdown

    return markdown(load())


def _rates() -> str:
    from gpucost.catalog.store import load
    from tests.repo.rates import markdown

    return markdown(load())


TABLES: Mapping[str, Callable[[], str]] = {
    "accuracy": lambda: _first_table(_validated("memory")),
    "training": lambda: _first_table(_validated("training")),
    "speed": lambda: _first_table(_validated("speed")),
    "peers": _peers,
    "rates": _rates,
}
"""Tables of errors, by the name of their markers."""


def with_tables(text: str) -> str:
    """A document with the tables between its markers made anew."""
    return _MARKED.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[4]}", text)


def accuracy_page() -> str:
    """The whole of `data/ACCURACY.md`: errors by card, engine, format and model, the worst cases by name."""
    return (
        "# Error of the speed model\n\nWhat `gpucost validate --of speed` prints; renewed by "
        "`python -m tests.repo.documents --write`.\n\n" + _validated("speed").rstrip() + "\n"
    )


def current(text: str) -> str:
    """A document with the output of its console blocks made anew, and its tables of errors."""

    def renew(found: re.Match[str]) -> str:
        if found[1] != "console":
            return found[0]
        shown = "".join(f"$ {run.command}\n{show(run.command)}" for run in runs(found[2]))
        return f"```console\n{shown}```"

    text = _BLOCK.sub(renew, text)
    return with_tables(text)


def locks() -> list[Path]:
    """Locks of the examples, each beside its scenario file."""
    return sorted((ROOT / "examples").glob("*/gpucost.lock"))


def fresh_lock(path: Path) -> str:
    """What `gpucost check --update-lock` writes for the scenario file beside a lock."""
    with tempfile.TemporaryDirectory() as home:
        made = Path(home) / "gpucost.lock"
        scenario = path.with_suffix(".yaml").relative_to(ROOT).as_posix()
        words = [sys.executable, "-m", "gpucost", "check", scenario, "--update-lock", "--lock", str(made)]
        subprocess.run(words, cwd=ROOT, env=environment(home), capture_output=True, check=True)
        return made.read_text(encoding="utf-8")


def example_command(folder: Path) -> str:
    """The one command of an example whose answer is its `expected.txt`."""
    (block,) = blocks((folder / "README.md").read_text(encoding="utf-8"), "sh")
    return block.strip()


def main(words: list[str]) -> int:
    """Write what has changed, or only name it and end with 1."""
    if "--write" in words:  # the documents show what the locks say
        for path in locks():
            path.write_text(fresh_lock(path), encoding="utf-8")
    wanted = {path: fresh_lock(path) for path in locks()}
    wanted |= {path: current(path.read_text(encoding="utf-8")) for path in documents()}
    wanted |= {path / "expected.txt": show(example_command(path), notes=False) for path in examples()}
    wanted[ACCURACY] = accuracy_page()
    stale = [
        path
        for path, text in wanted.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        print(f"{'written' if '--write' in words else 'stale'}: {path.relative_to(ROOT)}")
        if "--write" in words:
            path.write_text(wanted[path], encoding="utf-8")
    return 1 if stale and "--write" not in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
