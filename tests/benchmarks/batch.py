"""Questions per second of `gpucost run`: named cards, whole searches, and other questions.

`python -m tests.benchmarks.batch [N]` writes files of questions that are all different, answers each of
them N (5) times in a process of its own, and prints the best rates as a Markdown table: of the whole process,
and without the time in which it starts and reads the catalogue.
"""

import json
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from tests.benchmarks.startup import program
from tests.repo.documents import environment

ROUNDS = 5
AS_OF = "2026-11-20"
MODELS = (
    "meta-llama/Llama-3.3-70B-Instruct",
    "meta-llama/Llama-3.1-8B-Instruct",
    "Qwen/Qwen3-8B",
    "Qwen/Qwen3-32B",
    "Qwen/Qwen3-30B-A3B-Instruct-2507",
    "google/gemma-3-27b-it",
    "deepseek-ai/DeepSeek-V3",
    "openai/gpt-oss-120b",
)
FORMATS = ("bf16", "fp8", "awq", "gptq", "int8")
CARDS = ("h100-sxm", "h200", "b200", "a100-sxm-80gb", "l40s", "l4", "a10", "rtx-4090", "mi300x", "a6000")
COUNTS = (1, 2, 4, 8)


def named() -> Iterator[dict[str, Any]]:
    """`size` with model, format, card and count."""
    for model, quant, gpu, gpus in product(MODELS, FORMATS, CARDS, COUNTS):
        yield {"question": "size", "model": model, "quant": quant, "gpu": gpu, "gpus": gpus}


def searches() -> Iterator[dict[str, Any]]:
    """`size` over every card and count."""
    for model, context in product(MODELS, range(1024, 16_384 + 1, 1024)):
        yield {"question": "size", "model": model, "context": context}


def searches_of_all() -> Iterator[dict[str, Any]]:
    """`size` over every card, count and weight format."""
    for model, context in product(MODELS, range(2048, 16_384 + 1, 2048)):
        yield {"question": "size", "model": model, "context": context, "quant": "all"}


def bills() -> Iterator[dict[str, Any]]:
    """`bill` of two deployments."""
    for rate, seconds in product(range(1000, 9000, 1000), (0.5, 1.0, 2.0, 4.0)):
        yield {
            "question": "bill",
            "deployment": ["runpod/flex/l40s", "runpod/secure/l40s"],
            "requests_per_day": rate,
            "execution_s": seconds,
        }


QUESTIONS = {
    "`size`: model, format, card and count": named,
    "`size`: search over all cards": searches,
    "`size`: search over all cards and formats": searches_of_all,
    "`bill` of two deployments": bills,
}


def answered(lines: list[str], folder: str) -> float:
    """Wall time of one process that answers them [s]."""
    file = Path(folder) / "questions.jsonl"
    file.write_text("".join(lines), encoding="utf-8")
    start = time.perf_counter()
    subprocess.run(
        [*program(), "run", str(file), "--output", str(Path(folder) / "answers.jsonl")],
        env=environment(folder),
        check=False,  # some models cannot be cut as asked
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def main(words: list[str]) -> None:
    """Measure and print."""
    rounds = int(words[0]) if words else ROUNDS
    print("| questions | number | per second, whole process | per second, once it runs |")
    print("| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for name, make in QUESTIONS.items():
            lines = [json.dumps({**each, "as_of": AS_OF}) + "\n" for each in make()]
            random.Random(1).shuffle(lines)
            times, starts = [], []
            for _ in range(rounds):
                starts.append(answered(lines[:1], folder))
                times.append(answered(lines, folder))
            whole, start = min(times), min(starts)
            rate = (len(lines) - 1) / (whole - start)
            print(f"| {name} | {len(lines):,} | {len(lines) / whole:,.0f} | {rate:,.0f} |")
    print()
    print(f"Python {platform.python_version()}, best of {rounds} runs.")


if __name__ == "__main__":
    main(sys.argv[1:])
