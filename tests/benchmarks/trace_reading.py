"""Time to read a trace of five million rows, as a multiple of the time that DuckDB takes.

`python -m tests.benchmarks.trace_reading [N]` writes files to a temporary folder, reads each with both in
turn N (7) times, and prints the best times and their ratio as a Markdown table. DuckDB uses all cores and
gives the columns of the file; gpucost uses one and gives a trace whose order was checked.
"""

import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from gpucost.io.trace import load_trace

ROUNDS = 7
ROWS = 5_000_000
BATCH = 100_000


def requests() -> Iterator[tuple[Any, ...]]:
    """Arrivals [s] and tokens of requests, some at a time."""
    generator = np.random.default_rng(1)
    at = 0.0
    for _ in range(ROWS // BATCH):
        arrivals = at + np.cumsum(generator.exponential(0.02, BATCH))
        at = float(arrivals[-1])
        yield arrivals, generator.integers(1, 20_000, BATCH), generator.integers(1, 2_000, BATCH)


def seconds(arrivals: Any) -> list[str]:
    """Stamps with six decimals."""
    return [f"{at:.6f}" for at in arrivals.tolist()]


def shortened(arrivals: Any) -> list[str]:
    """Stamps with three to six decimals."""
    return [f"{at:.{3 + row % 4}f}" for row, at in enumerate(arrivals.tolist())]


def calendar(arrivals: Any) -> list[str]:
    """Stamps as in Azure's traces: a date, a time and seven decimals."""
    start = np.datetime64("2023-11-16T18:17:03", "us")
    names = np.datetime_as_string(start + (arrivals * 1e6).astype("m8[us]"))
    return [f"{name.replace('T', ' ')}0" for name in names.tolist()]


LAYOUTS: dict[str, tuple[str, str, Callable[[Any], list[str]]]] = {
    "seconds, 6 decimals": ("timestamp,input_tokens,output_tokens", "\n", seconds),
    "seconds, 3 to 6 decimals": ("timestamp,input_tokens,output_tokens", "\n", shortened),
    "calendar, as Azure's": ("TIMESTAMP,ContextTokens,GeneratedTokens", "\r\n", calendar),
}


def write(path: Path, header: str, newline: str, stamps: Callable[[Any], list[str]]) -> None:
    """One file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header + newline)
        for arrivals, inputs, outputs in requests():
            rows = zip(stamps(arrivals), inputs.tolist(), outputs.tolist(), strict=True)
            file.writelines(f"{at},{asked},{given}{newline}" for at, asked, given in rows)


def by_gpucost(path: Path) -> None:
    """The whole trace as arrays."""
    trace, _ = load_trace(path)
    assert len(trace.at_s) == ROWS


def by_duckdb(path: Path) -> None:
    """The whole table as arrays; DuckDB finds the types."""
    with duckdb.connect() as database:
        columns = database.execute("SELECT * FROM read_csv(?)", [str(path)]).fetchnumpy()
    assert len(next(iter(columns.values()))) == ROWS


def timed(run: Callable[[Path], None], path: Path) -> float:
    """Wall time [s]."""
    start = time.perf_counter()
    run(path)
    return time.perf_counter() - start


def main(words: list[str]) -> None:
    """Measure and print."""
    rounds = int(words[0]) if words else ROUNDS
    print("| file of 5,000,000 rows | MB | gpucost, s | DuckDB, s | speed of gpucost ÷ DuckDB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for name, layout in LAYOUTS.items():
            path = Path(folder) / "trace.csv"
            write(path, *layout)
            both = [(timed(by_gpucost, path), timed(by_duckdb, path)) for _ in range(rounds)]
            ours, theirs = (min(times) for times in zip(*both, strict=True))
            size = path.stat().st_size / 1e6
            print(f"| {name} | {size:.0f} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.2f} |")
    print()
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, DuckDB {duckdb.__version__}, ", end=""
    )
    print(f"best of {rounds} alternating runs.")


if __name__ == "__main__":
    main(sys.argv[1:])
