"""Result files of benchmark tools, read into one shape.

Formats: `vllm bench serve` (JSON with `mean_ttft_ms`), `sglang.bench_serving` (JSON lines with the same
names), `genai-perf` / `aiperf` (JSON with metric objects, CSV with a `Metric` column), `llama-bench` (JSON
list or CSV with `avg_ts`).
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.errors import DataError

MOST_BYTES = 64 * 10**6


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


def read_results(path: Path) -> list[BenchPoint]:
    """Points of a result file. Raises DataError when it is none of the known formats."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: more than {MOST_BYTES // 10**6} MB; give the summary, not the requests")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text") from None
    try:
        found = _from_csv(text) if path.suffix.lower() == ".csv" else _from_json(text)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: {_said(error)}") from None
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
            number = float(value)
            if not math.isfinite(number) or number <= 0:
                raise ValueError(f"{name}: must be above 0, not {value}")
            return number
    raise KeyError(names[0])


def _maybe(row: Mapping[str, Any], *names: str) -> float | None:
    try:
        return _positive(row, *names)
    except KeyError:
        return None


def _date(text: object) -> str:
    """ISO date of `2026-10-03T…` or `20261003-101112`; `unknown` otherwise."""
    digits = "".join(ch for ch in str(text)[:10] if ch.isdigit())
    if len(digits) >= 8:
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
    return "unknown"


def _serving(row: Mapping[str, Any]) -> BenchPoint:
    """`vllm bench serve` and `sglang.bench_serving`: totals over completed requests."""
    done = _positive(row, "completed")
    return BenchPoint(
        tool="sglang.bench_serving" if "server_info" in row or "output_file" in row else "vllm bench serve",
        model=str(row.get("model_id") or row.get("model") or ""),
        load="closed",
        input_tokens=_positive(row, "total_input_tokens") / done,
        output_tokens=_positive(row, "total_output_tokens") / done,
        concurrency=_maybe(row, "max_concurrency") or _maybe(row, "concurrency"),
        tpot_ms=_positive(row, "mean_tpot_ms"),
        ttft_ms=_positive(row, "mean_ttft_ms"),
        output_tokens_per_s=_maybe(row, "output_throughput"),
        prompt_tokens_per_s=None,
        date=_date(row.get("date", "")),
    )


def _average(row: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        value = row.get(name)
        if isinstance(value, dict):
            return _maybe(value, "avg", "mean")
    return None


def _genai(row: Mapping[str, Any]) -> BenchPoint:
    """genai-perf and aiperf: a metric is an object with `avg` and `unit`; latencies are in ms."""
    given = row.get("input_config") or {}
    stimulus = given.get("perf_analyzer", {}).get("stimulus", {}) if isinstance(given, dict) else {}
    models = given.get("model_names") or given.get("model") if isinstance(given, dict) else None
    concurrency = _maybe(stimulus, "concurrency")
    if concurrency is None and isinstance(given, dict):
        concurrency = _maybe(given.get("loadgen") or {}, "concurrency")
    tpot = _average(row, "inter_token_latency")
    ttft = _average(row, "time_to_first_token")
    made = _average(row, "output_sequence_length")
    asked = _average(row, "input_sequence_length")
    if tpot is None or ttft is None or made is None or asked is None:
        raise KeyError("inter_token_latency, time_to_first_token, or a sequence length")
    return BenchPoint(
        tool="genai-perf",
        model=str(models[0] if isinstance(models, list) and models else models or ""),
        load="closed",
        input_tokens=asked,
        output_tokens=made,
        concurrency=concurrency,
        tpot_ms=tpot,
        ttft_ms=ttft,
        output_tokens_per_s=_average(row, "output_token_throughput"),
        prompt_tokens_per_s=None,
        date="unknown",
    )


def _llama(row: Mapping[str, Any]) -> BenchPoint:
    """llama-bench: `n_prompt` tokens of a prompt, or `n_gen` tokens generated, at `avg_ts` tokens/s."""
    prompt, made = int(float(row["n_prompt"] or 0)), int(float(row["n_gen"] or 0))
    speed = _positive(row, "avg_ts")
    if prompt and made:
        raise ValueError("llama-bench rows of prompt and generation together (pg) are not read")
    return BenchPoint(
        tool="llama-bench",
        model=str(row.get("model_type") or row.get("model_filename") or ""),
        load="prompt" if prompt else "single",
        input_tokens=prompt,
        output_tokens=made,
        concurrency=1.0,
        tpot_ms=None,
        ttft_ms=None,
        output_tokens_per_s=None if prompt else speed,
        prompt_tokens_per_s=speed if prompt else None,
        date=_date(row.get("test_time", "")),
        gpu=str(row.get("gpu_info") or ""),
    )


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
        name = line[0].split("(")[0].strip().lower().replace(" ", "_")
        place = next((i for i, cell in enumerate(header) if cell in ("avg", "value")), 1)
        value = line[place].replace(",", "") if len(line) > place else ""
        out[name.replace("output_token_throughput_per_user", "per_user")] = {"avg": value}
    return out
