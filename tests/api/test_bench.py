"""`bench import`: results of benchmark tools become rows, and an answer then uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gpucost.api.bench import bench_import
from gpucost.api.throughput import throughput
from gpucost.errors import DataError, UsageError
from gpucost.io.bench_results import read_results

VLLM = {
    "date": "20261103-101010",
    "backend": "vllm",
    "model_id": "meta-llama/Llama-3.1-8B-Instruct",
    "max_concurrency": 16,
    "completed": 160,
    "total_input_tokens": 163840,
    "total_output_tokens": 81920,
    "output_throughput": 1075.0,
    "mean_ttft_ms": 210.5,
    "mean_tpot_ms": 14.2,
}
SGLANG = {**VLLM, "backend": "sglang"}
GENAI = {
    "request_throughput": {"unit": "requests/sec", "avg": 2.0},
    "time_to_first_token": {"unit": "ms", "avg": 210.5},
    "inter_token_latency": {"unit": "ms", "avg": 14.2},
    "output_sequence_length": {"unit": "tokens", "avg": 512},
    "input_sequence_length": {"unit": "tokens", "avg": 1024},
    "output_token_throughput": {"unit": "tokens/sec", "avg": 1075},
    "input_config": {
        "model_names": ["meta-llama/Llama-3.1-8B-Instruct"],
        "perf_analyzer": {"stimulus": {"concurrency": 16}},
    },
}
GENAI_CSV = """Metric,avg,min,max,p99
Time To First Token (ms),210.5,200,300,290
Inter Token Latency (ms),14.2,14,15,15
Output Sequence Length (tokens),512,500,520,519
Input Sequence Length (tokens),"1,024",1000,1030,1029

Metric,Value
Output Token Throughput (tokens/sec),1075
Request Throughput (per sec),2.1
"""
LLAMA = [
    {
        "model_type": "llama 7B Q4_0",
        "gpu_info": "NVIDIA GeForce RTX 4090",
        "n_prompt": n,
        "n_gen": m,
        "avg_ts": speed,
        "test_time": "2026-11-03T10:00:00Z",
    }
    for n, m, speed in ((512, 0, 9000.0), (0, 128, 150.0))
]


def written(tmp_path: Path, name: str, content: Any) -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content", "flags"),
    [
        ("vllm.json", VLLM, {}),
        ("sglang.jsonl", json.dumps(SGLANG) + "\n" + json.dumps(SGLANG) + "\n", {"engine": "vllm"}),
        ("genai.json", GENAI, {"measured": "2026-11-03"}),
        (
            "genai.csv",
            GENAI_CSV,
            {"measured": "2026-11-03", "model": "meta-llama/Llama-3.1-8B", "concurrency": 16},
        ),
    ],
)
def test_results_of_serving_tools_are_then_used_as_measured(
    name: str, content: Any, flags: dict[str, Any], tmp_path: Path
) -> None:
    overlay = tmp_path / "own.yaml"
    report = bench_import([written(tmp_path, name, content)], to=overlay, gpu="l40s", quant="fp8", **flags)
    point = report.result.points[0]
    assert (point.input_tokens, point.output_tokens, point.concurrency) == (1024, 512, 16)
    assert (point.tpot_ms, point.ttft_ms) == (14.2, 210.5)
    assert 0.3 < point.estimated_over_measured < 3
    found = throughput(
        model="meta-llama/Llama-3.1-8B",
        gpu="l40s",
        quant="fp8",
        input_tokens=1024,
        output_tokens=512,
        concurrency=[16],
        catalog=(overlay,),
    )
    (row,) = found.result.rows
    assert row.confidence == "measured"
    assert row.tpot_s == pytest.approx(0.0142)


def test_llama_bench_gives_prompt_and_single_stream(tmp_path: Path) -> None:
    overlay = tmp_path / "own.yaml"
    path = written(tmp_path, "llama.json", LLAMA)
    report = bench_import([path], to=overlay, gpu="rtx-4090", model="meta-llama/Llama-2-7b-hf", quant="q4_0")
    assert [point.load for point in report.result.points] == ["prompt", "single"]
    assert [point.tokens_per_s for point in report.result.points] == [9000.0, 150.0]
    assert all(0.4 < point.estimated_over_measured < 2.5 for point in report.result.points)


def test_llama_bench_csv_is_read_like_its_json(tmp_path: Path) -> None:
    header = list(LLAMA[0])
    lines = [",".join(header)] + [",".join(str(row[key]) for key in header) for row in LLAMA]
    csv = read_results(written(tmp_path, "llama.csv", "\n".join(lines)))
    assert csv == read_results(written(tmp_path, "llama.json", LLAMA))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "nonsense",
        "[1, 2]",
        {"a": 1},
        {**VLLM, "mean_tpot_ms": "fast"},
        {**VLLM, "mean_tpot_ms": -1},
        {key: value for key, value in VLLM.items() if key != "completed"},
        {**GENAI, "inter_token_latency": 3},
        [{**LLAMA[0], "n_gen": 5}],
    ],
)
def test_a_file_that_is_no_result_is_a_data_fault(content: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"r\.json"):
        read_results(written(tmp_path, "r.json", content))


@pytest.mark.parametrize(
    "content",
    [
        {**VLLM, "completed": int("9" * 400)},
        {**VLLM, "total_input_tokens": 1e308, "completed": 1e-5},
        {**VLLM, "total_input_tokens": 10, "completed": 1000},
        {**GENAI, "input_config": {"perf_analyzer": {"stimulus": {"concurrency": "many"}}}},
        {**GENAI, "time_to_first_token": {"avg": 3, "unit": "fortnights"}},
        [{**LLAMA[0], "n_prompt": "Infinity"}],
        [{**LLAMA[1], "n_gpu_layers": 0}],
        [{**LLAMA[0], "n_depth": 100}],
    ],
)
def test_numbers_that_make_no_sense_are_data_faults(content: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"r\.json"):
        read_results(written(tmp_path, "r.json", content))


@pytest.mark.parametrize(
    "hole", [None, {}, {"perf_analyzer": None}, {"perf_analyzer": {"stimulus": None}}, 7]
)
def test_a_missing_concurrency_is_unknown(hole: Any, tmp_path: Path) -> None:
    (point,) = read_results(written(tmp_path, "r.json", {**GENAI, "input_config": hole}))
    assert point.concurrency is None


def test_times_come_in_any_unit(tmp_path: Path) -> None:
    seconds = {**GENAI, "inter_token_latency": {"avg": 0.0142, "unit": "s"}}
    (point,) = read_results(written(tmp_path, "r.json", seconds))
    assert point.tpot_ms == pytest.approx(14.2)


def test_a_request_rate_gives_the_requests_in_flight(tmp_path: Path) -> None:
    paced = {**VLLM, "request_rate": 1.0, "request_throughput": 1.0, "max_concurrency": 256}
    (point,) = read_results(written(tmp_path, "r.json", paced))
    assert point.concurrency == pytest.approx((210.5 + 511 * 14.2) / 1e3)


def test_generation_at_a_depth_keeps_its_context_and_cache(tmp_path: Path) -> None:
    (point,) = read_results(written(tmp_path, "r.json", [{**LLAMA[1], "n_depth": 4096, "type_k": "q8_0"}]))
    assert (point.input_tokens, point.kv_dtype) == (4096, "q8_0")


def test_what_no_file_says_must_be_stated(tmp_path: Path) -> None:
    silent = {**VLLM, "max_concurrency": None, "date": "", "model_id": ""}
    path = written(tmp_path, "v.json", silent)
    with pytest.raises(UsageError, match="--model"):
        bench_import([path], to=tmp_path / "o.yaml", gpu="l40s")
    with pytest.raises(UsageError, match="--measured"):
        bench_import([path], to=tmp_path / "o.yaml", gpu="l40s", model="Llama-3.1-8B")
    with pytest.raises(UsageError, match="--concurrency"):
        bench_import([path], to=tmp_path / "o.yaml", gpu="l40s", model="Llama-3.1-8B", measured="2026-11-03")
    with pytest.raises(UsageError, match="--measured"):
        bench_import(
            [path],
            to=tmp_path / "o.yaml",
            gpu="l40s",
            model="Llama-3.1-8B",
            measured="2026-02-31",
            concurrency=4,
        )
    assert not (tmp_path / "o.yaml").exists()
    with pytest.raises(DataError, match="nowhere"):
        bench_import([written(tmp_path, "w.json", VLLM)], to=tmp_path / "nowhere" / "o.yaml", gpu="l40s")
