"""Wall time of short runs as multiples of `python -c pass`, of a whole search, and the rate of a sweep.

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
COST = ("cost", "--model", "Llama-3.3-70B", "--quant", "fp8", "--rps", "5", "--as-of", "2026-11-20")
BILL = ("bill", "--gpu", "l40s", "--requests-per-day", "2000", "--execution-s", "2", "--as-of", "2026-11-20")
CROSSING = (
    "breakeven",
    "runpod/flex/l40s",
    "runpod/secure/l40s",
    "--execution-s",
    "2",
    "--as-of",
    "2026-11-20",
)
REPLAY = (
    "simulate",
    str(ROOT / "examples" / "05-real-traffic" / "azure_llm_2023_code.csv.gz"),
    *("--prefill-tokens-per-s", "8000", "--tpot-ms", "20", "--start-s", "20"),
    *("--deployment", "runpod/flex/l40s", "--as-of", "2026-11-20"),
)
OFFERS = 30
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
        "gpucost cost, as JSON": [*program(), *COST, "--format", "json"],
        "gpucost bill, as JSON": [*program(), *BILL, "--format", "json"],
        "gpucost breakeven, as JSON": [*program(), *CROSSING, "--format", "json"],
        "gpucost simulate, as JSON": [*program(), *REPLAY, "--format", "json"],
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


def sweep_rate(rounds: int) -> tuple[float, int]:
    """Median time of a vectorised sweep [s] and its points: model × GPU × format × tp × concurrency."""
    import numpy as np

    from gpucost.api.speed import speed_constants, traits_of
    from gpucost.calc.sweep import stacked_traits, stacked_work, sweep
    from gpucost.calc.work import work_of
    from gpucost.catalog.names import resolve_cache_format
    from gpucost.catalog.store import load
    from gpucost.domain.deployment import Parallelism
    from gpucost.domain.engine import EngineSpeed

    catalog, cache = load(), resolve_cache_format("auto")
    engine = EngineSpeed(None, "graphs", "paged", "mixed", "")
    works, traits = [], []
    for name in ("meta-llama/Llama-3.3-70B-Instruct", "Qwen/Qwen3-30B-A3B", "openai/gpt-oss-120b"):
        for identity in ("bf16", "fp8", "awq"):
            format_ = catalog.quantization(identity)
            for tp in (1, 2, 4, 8):
                model, cut = catalog.model(name), Parallelism(tp)
                work = work_of(model, quantization=format_, parallel=cut, cache=cache)
                for gpu in catalog.gpus.values():
                    if gpu.dense_flops.get("bf16") and gpu.link.bytes_per_s_each_way:
                        works.append(work)
                        traits.append(traits_of(gpu, format_, engine))
    loads = np.arange(1.0, 257.0)
    columns, rows, constants = stacked_work(works), stacked_traits(traits), speed_constants(catalog)
    pools = np.full(len(works), 40e9)
    taken = []
    for number in range(rounds + 1):
        start = time.perf_counter()
        sweep(
            columns,
            rows,
            constants,
            pools_bytes=pools,
            concurrency=loads,
            input_tokens=1024.0,
            output_tokens=512.0,
        )
        if number:
            taken.append(time.perf_counter() - start)
    return median(taken), len(works) * len(loads)


def staircase_time(rounds: int) -> tuple[float, int, int]:
    """Median time to find the cheapest of many offers over all traffic [s], the offers and the levels."""
    from datetime import date

    from gpucost.api.bill_setup import set_up
    from gpucost.api.breakeven import BUSY_WORKERS, FINE_GRID, bill_at
    from gpucost.api.deployments import of_card, smallest
    from gpucost.calc.crossings import staircase
    from gpucost.catalog.store import load

    taken = []
    for number in range(rounds + 1):
        setup = set_up({"execution_s": 2.0}, catalog=load(), today=date(2026, 11, 20))
        modes = {"flex", "on-demand", "community", "active", "spot"}
        cards = ("l40s-48gb", "h100-sxm-80gb")
        named = [each for card in cards for each in smallest(of_card(setup.shelf, card, billing=modes))]
        bills = [bill_at(setup, setup.costing(each, setup.execution.of(each))) for each in named[:OFFERS]]
        start = time.perf_counter()
        staircase(bills, 1 / setup.month.seconds, BUSY_WORKERS / 2.0, FINE_GRID)
        if number:
            taken.append(time.perf_counter() - start)
    return median(taken), len(bills), FINE_GRID


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
    swept, points = sweep_rate(min(rounds, 5))
    print(f"| sweep of {points:,} loads, in process | {swept / base:.1f} | {swept * 1e3:.0f} |")
    print(f"| loads of that sweep in the time of `{BASE}` | {points * base / swept:,.0f} | |")
    crossed, offers, levels = staircase_time(min(rounds, 5))
    print(
        f"| cheapest of {offers} offers at {levels:,} levels | {crossed / base:.1f} | {crossed * 1e3:.0f} |"
    )
    print()
    typer = importlib.metadata.version("typer")
    print(f"Python {platform.python_version()}, Typer {typer}, median of {rounds} interleaved runs.")


if __name__ == "__main__":
    main(sys.argv[1:])
