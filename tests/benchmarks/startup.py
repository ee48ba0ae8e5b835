"""Wall time of short runs as multiples of `python -c pass`, and of a whole search within one process.

`python -m tests.benchmarks.startup [N]` prints a Markdown table. Runs of all commands are interleaved, so
that a busy moment of the machine hits each of them, and medians of N (15) rounds are compared.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import gpucost
from tests.repo.documents import ROOT, environment

ROUNDS = 15
QUESTION = ("size", "--params", "70", "--quant", "awq", "--as-of", "2026-11-20")
BASE = "python -c pass"


def program() -> list[str]:
    """The installed command, or the module where there is none."""
    script = Path(sys.executable).with_name("gpucost.exe" if os.name == "nt" else "gpucost")
    return [str(script)] if script.exists() else [sys.executable, "-m", "gpucost"]


def commands() -> dict[str, list[str]]:
    """What is timed, by the name in the table."""
    return {
        BASE: [sys.executable, "-c", "pass"],
        "gpucost --version": [*program(), "--version"],
        "gpucost --help": [*program(), "--help"],
        "gpucost size, as JSON": [*program(), *QUESTION, "--format", "json"],
        "gpucost size, as a table": [*program(), *QUESTION],
    }


def one_run(words: list[str], home: str) -> float:
    """Wall time of one process [s]."""
    start = time.perf_counter()
    subprocess.run(
        words,
        cwd=ROOT,
        env=environment(home),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def processes(rounds: int) -> dict[str, float]:
    """Median wall time of each command [s]; one round before the first is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in commands()}
    with tempfile.TemporaryDirectory() as home:
        for number in range(rounds + 1):
            for name, words in commands().items():
                seconds = one_run(words, home)
                if number:
                    taken[name].append(seconds)
    return {name: median(values) for name, values in taken.items()}


def search(rounds: int) -> tuple[float, int]:
    """Median time of a search over every card, count and format [s], and the combinations it looks at."""
    taken, searched = [], 0
    for number in range(rounds + 1):
        start = time.perf_counter()
        report = gpucost.size(model="meta-llama/Llama-3.3-70B-Instruct", quant="all")
        if number:
            taken.append(time.perf_counter() - start)
        searched = report.result.searched
    return median(taken), searched


def main(words: list[str]) -> None:
    """Measure and print."""
    rounds = int(words[0]) if words else ROUNDS
    times = processes(rounds)
    seconds, searched = search(rounds)
    base = times[BASE]
    print("| run | ratio | ms |")
    print("| --- | ---: | ---: |")
    for name, value in times.items():
        print(f"| `{name}` | {value / base:.1f} | {value * 1e3:.0f} |")
    print(f"| search of {searched:,} combinations, in process | {seconds / base:.1f} | {seconds * 1e3:.0f} |")
    print()
    typer = importlib.metadata.version("typer")
    print(f"Python {platform.python_version()}, Typer {typer}, median of {rounds} interleaved runs.")


if __name__ == "__main__":
    main(sys.argv[1:])
