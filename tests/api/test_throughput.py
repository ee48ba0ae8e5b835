"""`throughput`: loads, rates, limits, levers, and measurements in the place of estimates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpucost.api.throughput import throughput
from gpucost.catalog.store import Catalog
from gpucost.domain.report import Report
from gpucost.domain.speed import SpeedRow
from gpucost.errors import UnknownNameError, UsageError

LLAMA: dict[str, Any] = {
    "model": "meta-llama/Llama-3.3-70B-Instruct",
    "quant": "fp8",
    "gpu": "h100-sxm-80gb",
    "tp": 4,
    "input_tokens": 1024,
    "output_tokens": 1024,
}
SMALL: dict[str, Any] = {
    "model": "meta-llama/Llama-3.1-8B",
    "gpu": "l40s",
    "input_tokens": 1000,
    "output_tokens": 250,
    "estimate_only": True,
}


def rows(report: Report) -> tuple[SpeedRow, ...]:
    found: tuple[SpeedRow, ...] = report.result.rows
    return found


def one(**flags: Any) -> SpeedRow:
    (row,) = rows(throughput(**flags))
    return row


def test_a_sweep_doubles_up_to_what_runs_at_once(shipped: Catalog) -> None:
    report = throughput(**SMALL, catalog=shipped)
    loads = [row.concurrency for row in rows(report)]
    assert loads[:5] == [1, 2, 4, 8, 16]
    assert loads[-1] == report.result.capacity
    assert rows(report)[-1].utilisation == pytest.approx(1)
    speeds = [row.output_tokens_per_s for row in rows(report)]
    assert speeds == sorted(speeds)


def test_rows_come_in_the_order_asked(shipped: Catalog) -> None:
    report = throughput(**SMALL, concurrency=[16, 1, 4], catalog=shipped)
    assert [row.concurrency for row in rows(report)] == [16, 1, 4]


def test_the_load_alone_moves_the_speed_by_orders_of_magnitude(shipped: Catalog) -> None:
    """arXiv 2606.11690: one model on one machine costs 36 times more at a low rate."""
    flags = {**SMALL, "model": "Qwen/Qwen3-30B-A3B", "quant": "fp8", "gpu": "h100-sxm-80gb"}
    report = throughput(**flags, concurrency=[1, 1000], catalog=shipped)
    low, high = (row.output_tokens_per_s for row in rows(report))
    assert high > 20 * low


def test_waiting_requests_are_said_and_make_nothing_faster(shipped: Catalog) -> None:
    report = throughput(**SMALL, concurrency=[5000], max_num_seqs=2000, catalog=shipped)
    (row,) = rows(report)
    assert row.bound == "capacity"
    assert row.running < row.concurrency
    assert any("wait for a place" in note.text for note in report.notes)
    assert row.requests_per_s * (row.e2e_s or 0) == pytest.approx(row.concurrency)


@pytest.mark.parametrize("flags", [{**LLAMA, "estimate_only": True}, SMALL], ids=["llama", "small"])
def test_a_constant_binds_exactly_when_it_moves_the_speed(flags: dict[str, Any], shipped: Catalog) -> None:
    """Ten percent more of each constant, one after the other."""

    def speeds(catalog: Catalog) -> list[tuple[float | None, float | None]]:
        report = throughput(**flags, concurrency=[1, 64], catalog=catalog)
        return [(row.ttft_s, row.tpot_s) for row in rows(report)]

    cited = throughput(**flags, concurrency=[1, 64], catalog=shipped).evidence
    binding = {each.field: each.binding for each in cited if each.field.startswith("speed_constants.")}
    plain = speeds(shipped)
    entries = shipped.sections["speed_constants"]
    assert len(binding) == len(entries)
    for entry in entries:
        row = {**entry["row"], "value": entry["row"]["value"] * 1.1}
        changed = [{**each, "row": row} if each is entry else each for each in entries]
        sections = {**{name: shipped.sections[name] for name in shipped.sections}, "speed_constants": changed}
        assert (speeds(Catalog(sections)) != plain) == binding[f"speed_constants.{row['id']}"], row["id"]


def test_a_rate_gives_the_utilisation_and_saturation_is_said(shipped: Catalog) -> None:
    report = throughput(**SMALL, rps=1.0, catalog=shipped)
    (row,) = rows(report)
    assert row.requests_per_s == pytest.approx(1.0)
    assert row.utilisation == pytest.approx(1.0 / report.result.requests_per_s_limit)
    assert not report.answered_no
    above = throughput(**SMALL, rps=1000.0, catalog=shipped)
    assert above.answered_no
    assert any("queue grows" in note.text for note in above.notes)


def test_a_tiny_rate_is_a_share_of_one_request(shipped: Catalog) -> None:
    row = one(**SMALL, rps=0.001, catalog=shipped)
    assert row.concurrency < 1
    assert row.requests_per_s == pytest.approx(0.001)


def test_limits_give_the_largest_load_that_meets_them(shipped: Catalog) -> None:
    report = throughput(**SMALL, slo=["tpot<=40ms", "ttft:p95<=2s"], catalog=shipped)
    (row,) = rows(report)
    assert all(limit.met for limit in report.result.limits)
    assert row.tpot_s is not None
    assert row.tpot_s <= 0.04
    more = one(**SMALL, concurrency=[int(row.concurrency) + 2], catalog=shipped)
    assert more.tpot_s is not None
    assert more.tpot_s > 0.04 or (more.ttft_s or 0) > (row.ttft_s or 0)


def test_limits_that_nothing_meets_are_answered_no(shipped: Catalog) -> None:
    report = throughput(**SMALL, slo="tpot<=1ms", catalog=shipped)
    assert report.answered_no
    assert not report.result.limits[0].met


@pytest.mark.parametrize(
    "text", ["ttft", "ttft<500", "ttft:p20<=1s", "latency<=1s", "tpot<=0ms", "", "ttft:p95<=-1s"]
)
def test_a_limit_that_cannot_be_read_is_refused(text: str, shipped: Catalog) -> None:
    with pytest.raises(UsageError):
        throughput(**SMALL, slo=[text], catalog=shipped)


def test_a_model_that_does_not_fit_has_a_memory_split_and_no_speed(shipped: Catalog) -> None:
    report = throughput(**{**LLAMA, "quant": "bf16", "tp": 1}, catalog=shipped)
    assert report.answered_no
    assert rows(report) == ()
    assert "exceed" in report.result.reason
    assert report.result.memory_per_gpu.weights_bytes > 100e9


def test_a_measurement_of_the_same_deployment_is_used_and_named(shipped: Catalog) -> None:
    report = throughput(**LLAMA, concurrency=[64, 20, 300], catalog=shipped)
    measured, scaled, estimated = rows(report)
    assert measured.confidence == "measured"
    assert measured.source.startswith("llama-3.3-70b-instruct-h100-sxm-80gb-x4-fp8-vllm-closed")
    assert measured.low is None
    assert scaled.confidence == "scaled"
    assert "TPOT ×" in scaled.note
    assert estimated.confidence == "estimated"
    assert any(each.field.startswith("benchmarks.") for each in report.evidence)
    plain = throughput(**LLAMA, concurrency=[64], estimate_only=True, catalog=shipped)
    assert rows(plain)[0].confidence == "estimated"
    assert not any(each.field.startswith("benchmarks.") for each in plain.evidence)


@pytest.mark.parametrize(
    "lever",
    [{"prefix_cache_hit": 0.5}, {"enforce_eager": True}, {"reasoning_tokens": 100}, {"best_of": 2}],
)
def test_a_measurement_says_nothing_of_other_settings(lever: dict[str, Any], shipped: Catalog) -> None:
    assert one(**LLAMA, **lever, concurrency=[64], catalog=shipped).confidence == "estimated"


def test_a_speed_of_the_user_replaces_the_estimate(shipped: Catalog) -> None:
    row = one(**SMALL, concurrency=[8], tokens_per_second=900.0, catalog=shipped)
    assert (row.output_tokens_per_s, row.confidence, row.low) == (900.0, "user", None)
    row = one(**SMALL, concurrency=[8], execution_ms=2000.0, catalog=shipped)
    assert row.output_tokens_per_s == pytest.approx(8 / 2 * 250)


def test_levers_move_the_speed_the_way_they_should(shipped: Catalog) -> None:
    def speed(**flags: Any) -> float:
        return one(**{**SMALL, **flags}, concurrency=[8], catalog=shipped).output_tokens_per_s

    plain = speed()
    assert speed(prefix_cache_hit=0.9) > plain
    assert speed(enforce_eager=True) < plain
    assert speed(quant="fp8") > plain
    assert speed(kv_dtype="fp8") > plain
    draft = {"draft_model": "meta-llama/Llama-3.2-1B", "draft_tokens": 4}
    assert speed(**draft, acceptance=0.8) > plain > speed(**draft, acceptance=0.0)


def test_chunking_off_favours_the_first_token(shipped: Catalog) -> None:
    mixed = one(**SMALL, concurrency=[16], catalog=shipped)
    first = one(**SMALL, concurrency=[16], enable_chunked_prefill=False, catalog=shipped)
    assert first.tpot_s is not None
    assert mixed.tpot_s is not None
    assert first.tpot_s < mixed.tpot_s
    assert first.ttft_s is not None
    assert mixed.ttft_s is not None
    assert first.ttft_s > mixed.ttft_s


def test_best_of_answers_share_the_prompt(shipped: Catalog) -> None:
    four = throughput(**SMALL, best_of=4, rps=0.2, catalog=shipped)
    (row,) = rows(four)
    assert row.requests_per_s == pytest.approx(0.2)
    assert row.output_tokens_per_s == pytest.approx(0.2 * 4 * 250)


GPT_OSS: dict[str, Any] = {
    "model": "openai/gpt-oss-120b",
    "gpu": "h100-sxm-80gb",
    "tp": 4,
    "input_tokens": 1024,
    "output_tokens": 8192,
}


@pytest.mark.parametrize("limit", ["ttft<=500ms", "tpot<=15ms", "e2e<=120s"])
@pytest.mark.parametrize("flags", [GPT_OSS, LLAMA], ids=["gpt-oss", "llama"])
def test_what_is_shown_meets_the_limit_that_is_said_to_be_met(
    flags: dict[str, Any], limit: str, shipped: Catalog
) -> None:
    report = throughput(**flags, slo=limit, catalog=shipped)
    (row,), (found,) = rows(report), report.result.limits
    metric = limit.partition("<")[0]
    shown = {"ttft": row.ttft_s, "tpot": row.tpot_s, "e2e": row.e2e_s}[metric]
    assert shown == pytest.approx(found.reached_s)
    assert found.met == (found.reached_s <= {"ttft": 0.5, "tpot": 0.015, "e2e": 120.0}[metric])


@pytest.mark.parametrize("rate", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("flags", [GPT_OSS, LLAMA], ids=["gpt-oss", "llama"])
def test_a_rate_that_is_met_is_shown_as_asked(flags: dict[str, Any], rate: float, shipped: Catalog) -> None:
    report = throughput(**flags, rps=rate, catalog=shipped)
    assert not report.answered_no
    assert rows(report)[0].requests_per_s == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize("made", [1, 2, 3, 16])
def test_short_answers_beat_no_peak(made: int, shipped: Catalog) -> None:
    """Llama 3.1 8B multiplies 2 × 7.5 billion weights per token; an H100 has 989 TFLOP/s."""
    report = throughput(
        model="meta-llama/Llama-3.1-8B",
        gpu="h100-sxm-80gb",
        input_tokens=4096,
        output_tokens=made,
        concurrency=[1, 16, 105, 200],
        estimate_only=True,
        catalog=shipped,
    )
    for row in rows(report):
        assert (row.total_tokens_per_s or 0) * 2 * 7.5e9 < 989e12


def test_a_pipeline_beats_no_bandwidth_at_one_request(shipped: Catalog) -> None:
    row = one(
        model="meta-llama/Llama-3.1-8B",
        gpu="rtx-4090",
        tp=1,
        pp=4,
        engine="llama.cpp",
        input_tokens=120_000,
        output_tokens=128,
        concurrency=[1],
        estimate_only=True,
        catalog=shipped,
    )
    read = 15e9 + 120_000 * 131_072
    assert row.tpot_s is not None
    assert row.tpot_s > read / 1008e9


def test_a_draft_that_does_not_fit_is_said_so(shipped: Catalog) -> None:
    flags: dict[str, Any] = {**SMALL, "gpu": "h100-sxm-80gb", "tp": 1}
    flags |= {"draft_model": "meta-llama/Llama-3.1-70B", "draft_tokens": 4, "acceptance": 0.8}
    report = throughput(**flags, concurrency=[1], catalog=shipped)
    assert report.answered_no
    assert "draft" in report.result.reason


def test_best_of_a_lone_request_leaves_its_prompt_whole(shipped: Catalog) -> None:
    flags = {**SMALL, "input_tokens": 20_000}
    single, many = (one(**flags, best_of=n, concurrency=[1], catalog=shipped) for n in (1, 16))
    assert single.ttft_s is not None
    assert many.ttft_s is not None
    assert many.ttft_s >= single.ttft_s
    assert many.concurrency == 1


def test_long_prompts_are_bound_by_compute(shipped: Catalog) -> None:
    flags = {**SMALL, "gpu": "h100-sxm-80gb", "input_tokens": 120_000, "output_tokens": 16}
    assert one(**flags, concurrency=[1], catalog=shipped).bound == "compute"


@pytest.mark.parametrize(("gpu", "engine"), [("tpu-v6e-32gb", "vllm"), ("mi300x-192gb", "tensorrt-llm")])
def test_cards_that_an_engine_is_not_modelled_on_get_no_speed(
    gpu: str, engine: str, shipped: Catalog
) -> None:
    report = throughput(**{**SMALL, "gpu": gpu, "engine": engine}, catalog=shipped)
    assert report.answered_no
    assert "modelled on cards of" in report.result.reason


def test_replicas_multiply(shipped: Catalog) -> None:
    one_card = one(**SMALL, concurrency=[4], catalog=shipped)
    two = one(**{**SMALL, "gpus": 2, "tp": 1}, concurrency=[8], catalog=shipped)
    assert two.replicas == 2
    assert two.output_tokens_per_s == pytest.approx(2 * one_card.output_tokens_per_s)


def test_attention_data_parallelism_serves_more_at_once(shipped: Catalog) -> None:
    flags: dict[str, Any] = {"model": "deepseek-ai/DeepSeek-R1", "gpu": "b200-sxm-180gb"}
    flags |= {"estimate_only": True, "input_tokens": 1000, "output_tokens": 1000, "catalog": shipped}
    tensor = throughput(**flags, tp=8)
    apart = throughput(**flags, ep=8, attention_dp=True)
    assert apart.result.capacity > tensor.result.capacity
    assert rows(apart)[0].gpus == rows(tensor)[0].gpus == 8


def test_without_a_card_the_cheapest_that_meets_the_rate_is_taken(shipped: Catalog) -> None:
    flags = {key: value for key, value in SMALL.items() if key != "gpu"}
    report = throughput(**flags, rps=5.0, catalog=shipped)
    assert not report.answered_no
    assert any("--gpu not given" in note.text for note in report.notes)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"rps": -1.0}, "--rps"),
        ({"rps": float("nan")}, "--rps"),
        ({"concurrency": [0]}, "--concurrency"),
        ({"input_tokens": 0}, "--input-tokens"),
        ({"ep": 2, "tp": 2}, "no experts"),
        ({"model": "openai/gpt-oss-20b", "ep": 3, "tp": 4}, "must divide"),
        ({"prefix_cache_hit": 1.5}, "--prefix-cache-hit"),
        ({"draft_tokens": 4}, "--acceptance"),
        ({"acceptance": 0.5}, "--draft-tokens"),
        ({"draft_tokens": 4, "acceptance": 0.7}, "multi-token-prediction"),
        ({"rps": 1.0, "concurrency": [1]}, "each of them sets the load"),
        ({"tokens_per_second": 1.0, "execution_ms": 1.0}, "not both"),
        ({"execution_ms": 0.0}, "--execution-ms"),
        ({"model": "openai/gpt-oss-20b", "attention_dp": True}, "--ep"),
        ({"gpus": 3, "tp": 2}, "multiple"),
        ({"gpu_memory_utilization": float("nan")}, "--gpu-memory-utilization"),
        ({"gpu_memory_utilization": 1.5}, "--gpu-memory-utilization"),
        ({"tokens_per_second": 5.0, "rps": 1.0}, "speed of your own"),
    ],
)
def test_wrong_input_is_refused(flags: dict[str, Any], said: str, shipped: Catalog) -> None:
    with pytest.raises(UsageError, match=said):
        throughput(**{**SMALL, **flags}, catalog=shipped)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"gpu": "l4-24gb"}, "no speed of this card was measured"),
        ({"gpu": "h100-sxm-80gb", "tp": 16}, "one fabric"),
        ({"gpu": "h100-sxm-80gb", "concurrency": [3000]}, "were not measured"),
    ],
)
def test_what_lies_beyond_the_measurements_is_said(
    flags: dict[str, Any], said: str, shipped: Catalog
) -> None:
    report = throughput(**{**SMALL, "concurrency": [1], **flags}, catalog=shipped)
    assert any(said in note.text for note in report.notes)


def test_a_speed_of_the_user_without_a_load_is_that_of_one_request(shipped: Catalog) -> None:
    row = one(**SMALL, execution_ms=500.0, catalog=shipped)
    assert row.concurrency == 1
    assert row.e2e_s == pytest.approx(0.5)


def test_lengths_beyond_the_model_are_a_warning(shipped: Catalog) -> None:
    report = throughput(**{**SMALL, "input_tokens": 150_000}, concurrency=[1], catalog=shipped)
    assert any("beyond" in note.text for note in report.notes)


def test_a_batch_job_has_no_server_before_its_first_token(shipped: Catalog) -> None:
    served = one(**SMALL, concurrency=[1], catalog=shipped)
    alone = one(**SMALL, concurrency=[1], offline=True, catalog=shipped)
    assert served.ttft_s is not None
    assert alone.ttft_s is not None
    assert served.ttft_s - alone.ttft_s > 0.01
    assert served.tpot_s == pytest.approx(alone.tpot_s)


def test_an_engine_without_a_memory_model_says_whose_stands_in(shipped: Catalog) -> None:
    report = throughput(**{**SMALL, "engine": "gpt-fast"}, concurrency=[1], catalog=shipped)
    assert any("stands in" in note.text for note in report.notes)
    assert rows(report)[0].output_tokens_per_s > 0


def test_unknown_names_get_suggestions(shipped: Catalog) -> None:
    with pytest.raises(UnknownNameError):
        throughput(**{**SMALL, "gpu": "h1000"}, catalog=shipped)


def test_a_card_without_a_known_peak_is_said_so(shipped: Catalog) -> None:
    report = throughput(**{**SMALL, "gpu": "dgx-spark-gb10-128gb"}, catalog=shipped)
    assert report.answered_no
    assert "peak" in report.result.reason


def test_an_own_benchmark_becomes_a_match(tmp_path: Path) -> None:
    overlay = tmp_path / "own.yaml"
    overlay.write_text(
        """
sources:
  - {id: own-1, title: own run, publisher: own, address: here, as_of: "2026-11-01", confidence: measured}
benchmarks:
  - id: own-1-closed
    engine: vllm
    model: meta-llama/Llama-3.1-8B
    gpu: l40s-48gb
    gpus: 1
    tp: 1
    quant: bf16
    load: closed
    measured: "2026-11-01"
    columns: [input_tokens, output_tokens, concurrency, tpot_ms, ttft_ms]
    points:
      - [1000, 250, 8, 25.0, 200.0]
    source: own-1
""",
        encoding="utf-8",
    )
    row = one(**{**SMALL, "estimate_only": False}, concurrency=[8], catalog=(overlay,))
    assert (row.confidence, row.source) == ("measured", "own-1-closed.1")
    assert row.e2e_s == pytest.approx(0.2 + 249 * 0.025)
    assert row.output_tokens_per_s == pytest.approx(8 * 250 / (0.2 + 249 * 0.025))
