"""Result files of benchmark tools, read into one shape.

Formats: `vllm bench serve` (JSON with `mean_ttft_ms`), `sglang.bench_serving` (JSON lines with the same
names), `genai-perf` / `aiperf` (JSON with metric objects, CSV with a `Metric` column), `llama-bench` (JSON
list or CSV with `avg_ts`).
"""

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.errors import DataError
from gpucost.io.text import positive, read_text

MOST_TOKENS = 100_000_000


class BenchPoint(NamedTuple):
    """One measured load, in milliseconds and tokens per second."""

    tool: str
    model: str
    load: str
    """`closed`, `single` or `prompt`."""
    input_tokens: float
    output_tokens: float
    concurrency: float | None
    tpot_ms: float | None
    ttft_ms: float | None
    output_tokens_per_s: float | None
    prompt_tokens_per_s: float | None
    date: str
    gpu: str = ""
    kv_dtype: str = ""
    """Cache format, where the file states one that is not 16 bit."""


def read_results(path: Path) -> list[BenchPoint]:
    """Points of a result file. Raises DataError when it is none of the known formats."""
    text = read_text(path)
    try:
        found = _from_csv(text) if path.suffix.lower() == ".csv" else _from_json(text)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, csv.Error) as error:
        raise DataError(f"{path}: {_said(error)}") from None
    except RecursionError:
        raise DataError(f"{path}: nested too deeply") from None
    if not found:
        raise DataError(f"{path}: no measured load found")
    return found


def _said(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return str(error) or type(error).__name__


def _from_json(text: str) -> list[BenchPoint]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError:
        data = [json.loads(line) for line in text.splitlines() if line.strip()]
    rows = data if isinstance(data, list) else [data]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("not a result of vllm, sglang, genai-perf, aiperf or llama-bench")
    return [_json_point(row) for row in rows]


def _json_point(row: Mapping[str, Any]) -> BenchPoint:
    if "avg_ts" in row:
        return _llama(row)
    if "mean_ttft_ms" in row:
        return _serving(row)
    if any(name in row for name in ("time_to_first_token", "inter_token_latency", "request_throughput")):
        return _genai(row)
    raise ValueError("not a result of vllm, sglang, genai-perf, aiperf or llama-bench")


def _positive(row: Mapping[str, Any], *names: str) -> float:
    for name in names:
        value = row.get(name)
        if value not in (None, ""):
            return positive(name, value)
    raise KeyError(names[0])


def _maybe(row: Mapping[str, Any], *names: str) -> float | None:
    try:
        return _positive(row, *names)
    except KeyError:
        return None


def _tokens(name: str, count: float) -> float:
    """Tokens per request, at least one."""
    if not 1 <= count <= MOST_TOKENS:
        raise ValueError(f"{name} tokens per request: from 1 to {MOST_TOKENS:,}, not {count:g}")
    return count


def _date(text: object) -> str:
    """ISO date of `2026-10-03T…` or `20261003-101112`; `unknown` otherwise."""
    digits = "".join(ch for ch in str(text)[:10] if ch.isdigit())
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])).isoformat()
    except ValueError:
        return "unknown"


def _serving(row: Mapping[str, Any]) -> BenchPoint:
    """`vllm bench serve` and `sglang.bench_serving`: totals over completed requests.

    At a finite request rate the requests in flight are those of Little's law, at most `max_concurrency`.
    """
    done = _positive(row, "completed")
    sglang = "server_info" in row or str(row.get("backend", "")).startswith("sglang")
    given = _tokens("input", _positive(row, "total_input_tokens") / done)
    made = _tokens("output", _positive(row, "total_output_tokens") / done)
    tpot, ttft = _positive(row, "mean_tpot_ms"), _positive(row, "mean_ttft_ms")
    flight = _maybe(row, "max_concurrency", "concurrency")
    rate, served = str(row.get("request_rate", "inf")), _maybe(row, "request_throughput")
    if rate not in ("inf", "Infinity") and served is not None:
        little = served * (ttft + (made - 1) * tpot) / 1e3
        flight = little if flight is None else min(flight, little)
    return BenchPoint(
        tool="sglang.bench_serving" if sglang else "vllm bench serve",
        model=str(row.get("model_id") or row.get("model") or ""),
        load="closed",
        input_tokens=given,
        output_tokens=made,
        concurrency=flight,
        tpot_ms=tpot,
        ttft_ms=ttft,
        output_tokens_per_s=_maybe(row, "output_throughput"),
        prompt_tokens_per_s=None,
        date=_date(row.get("date", "")),
    )


MILLISECONDS = {"ms": 1.0, "s": 1e3, "sec": 1e3, "us": 1e-3, "ns": 1e-6}


def _average(row: Mapping[str, Any], name: str, *, time: bool = False) -> float | None:
    """The mean of a metric; a time in milliseconds, whatever unit the file has."""
    value = row.get(name)
    if not isinstance(value, dict):
        return None
    mean = _maybe(value, "avg", "mean", "value")
    if mean is None or not time:
        return mean
    unit = str(value.get("unit", "ms")).strip().lower()
    if unit not in MILLISECONDS:
        raise ValueError(f"{name}: unit {unit!r} is not known")
    return mean * MILLISECONDS[unit]


def _inside(value: object, *names: str) -> Any:
    """What stands under the names, one below the other; None where something is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _genai(row: Mapping[str, Any]) -> BenchPoint:
    """genai-perf and aiperf: a metric is an object with `avg` and `unit`."""
    given = row.get("input_config")
    flights = (("perf_analyzer", "stimulus", "concurrency"), ("loadgen", "concurrency"), ("concurrency",))
    flight = next((found for path in flights if (found := _inside(given, *path)) is not None), None)
    places = (("model_names",), ("model",), ("endpoint", "model_names"))
    models = next((found for path in places if (found := _inside(given, *path))), "")
    tpot = _average(row, "inter_token_latency", time=True)
    ttft = _average(row, "time_to_first_token", time=True)
    made, asked = _average(row, "output_sequence_length"), _average(row, "input_sequence_length")
    if tpot is None or ttft is None or made is None or asked is None:
        raise KeyError("inter_token_latency, time_to_first_token, or a sequence length")
    return BenchPoint(
        tool="genai-perf",
        model=str(models[0] if isinstance(models, list) else models),
        load="closed",
        input_tokens=_tokens("input", asked),
        output_tokens=_tokens("output", made),
        concurrency=None if flight is None else positive("concurrency", flight),
        tpot_ms=tpot,
        ttft_ms=ttft,
        output_tokens_per_s=_average(row, "output_token_throughput"),
        prompt_tokens_per_s=None,
        date="unknown",
    )


def _llama(row: Mapping[str, Any]) -> BenchPoint:
    """llama-bench: `n_prompt` tokens of a prompt, or `n_gen` tokens after `n_depth`, at `avg_ts` tokens/s."""
    prompt, made = _whole(row, "n_prompt"), _whole(row, "n_gen")
    depth = _whole(row, "n_depth")
    speed = _positive(row, "avg_ts")
    if bool(prompt) == bool(made):
        raise ValueError("llama-bench rows of prompt and generation together (pg) are not read")
    if prompt and depth:
        raise ValueError("llama-bench prompts at a depth are not read")
    if str(row.get("n_gpu_layers", "")).strip() == "0":
        raise ValueError("n_gpu_layers is 0: this ran on the CPU")
    cache = str(row.get("type_k") or "f16")
    return BenchPoint(
        tool="llama-bench",
        model=str(row.get("model_type") or row.get("model_filename") or ""),
        load="prompt" if prompt else "single",
        input_tokens=prompt or depth,
        output_tokens=made,
        concurrency=1.0,
        tpot_ms=None,
        ttft_ms=None,
        output_tokens_per_s=None if prompt else speed,
        prompt_tokens_per_s=speed if prompt else None,
        date=_date(row.get("test_time", "")),
        gpu=str(row.get("gpu_info") or ""),
        kv_dtype="" if cache in ("f16", "bf16") else cache,
    )


def _whole(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    number = 0.0 if value in (None, "") else float(str(value))
    if not 0 <= number <= MOST_TOKENS:
        raise ValueError(f"{name}: from 0 to {MOST_TOKENS:,}, not {value}")
    return int(number)


def _from_csv(text: str) -> list[BenchPoint]:
    rows = list(csv.DictReader(text.splitlines()))
    if rows and "avg_ts" in rows[0]:
        return [_llama(row) for row in rows]
    table = list(csv.reader(text.splitlines()))
    if table and table[0] and table[0][0].strip().lower() == "metric":
        return [_genai(_metrics(table))]
    raise ValueError("not a CSV of genai-perf, aiperf or llama-bench")


def _metrics(table: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Rows of a genai-perf CSV as its JSON has them: `Time To First Token (ms)` with a column `avg`."""
    out: dict[str, Any] = {}
    header: list[str] = []
    for line in table:
        if not line or not line[0].strip():
            continue
        if line[0].strip().lower() == "metric":
            header = [cell.strip().lower() for cell in line]
            continue
        words, _, unit = line[0].partition("(")
        name = words.strip().lower().replace(" ", "_")
        place = next((i for i, cell in enumerate(header) if cell in ("avg", "value")), 1)
        value = line[place].replace(",", "") if len(line) > place else ""
        out[name] = {"avg": value, "unit": unit.rstrip(") ") or "ms"}
    return out
