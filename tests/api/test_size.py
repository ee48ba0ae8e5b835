"""What `size` promises: the arithmetic of a candidate, the order of candidates, and what flags do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from gpucost.api.offers import RUNNING_BILLING
from gpucost.api.size import size
from gpucost.catalog.store import Catalog
from gpucost.domain.report import Report
from gpucost.domain.results import Candidate, SizeResult
from gpucost.errors import AmbiguousNameError, DataError, UnknownNameError, UsageError

TODAY = date(2026, 11, 21)
H100 = "h100-sxm-80gb"
QWEN_8B = "Qwen/Qwen3-8B"
LLAMA_70B = "meta-llama/Llama-3.1-70B-Instruct"

LLAMA_8B = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128_256,
    "max_position_embeddings": 131_072,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
QUESTIONS: tuple[dict[str, Any], ...] = (
    {"model": QWEN_8B},
    {"model": QWEN_8B, "context": 32_768, "concurrency": 16},
    {"model": QWEN_8B, "quant": "all", "top": 40},
    {"model": QWEN_8B, "quant": ["awq", "fp8"], "sort": "gpus"},
    {"model": LLAMA_70B, "sort": "concurrency"},
    {"model": LLAMA_70B, "sort": "headroom", "kv_dtype": "fp8"},
    {"model": LLAMA_70B, "gpu": ["rtx-4090-24gb", H100, "t4-16gb"]},
    {"model": LLAMA_70B, "gpu": H100, "gpus": 8, "tp": 2},
    {"model": LLAMA_70B, "gpu": H100, "pp": 2},
    {"model": LLAMA_70B, "max_usd_per_hour": 3.0},
    {"model": LLAMA_70B, "max_usd_per_hour": 0.01},
    {"model": LLAMA_70B, "billing": ["spot", "reserved"]},
    {"model": "deepseek-ai/DeepSeek-V3", "gpu": "h200-sxm-141gb", "ep": 8},
    {"model": "deepseek-ai/DeepSeek-V3", "engine": "sglang"},
    {"model": "Qwen/Qwen3-Next-80B-A3B-Instruct", "concurrency": 64, "mtp": True},
    {"model": "openai/gpt-oss-120b", "engine": "tensorrt-llm"},
    {"model": "openai/gpt-oss-20b", "engine": "llama.cpp", "context": 65_536},
    {"model": QWEN_8B, "engine": "transformers"},
    {"model": "google/gemma-3-27b-it", "engine_version": "0.8"},
    {"model": "nvidia/NVIDIA-Nemotron-Nano-9B-v2", "engine_version": "V0 (0.6)", "concurrency": 4},
    {"model": "moonshotai/Kimi-K2-Instruct"},
    {"model": QWEN_8B, "kv_cache_memory_bytes": 2 * 2**30, "gpu": [H100, "l4-24gb"]},
    {"model": QWEN_8B, "prices": "seeds"},
    {"model": QWEN_8B, "as_of": "2026-06-15"},
    {"model": QWEN_8B, "engine": "sglang", "gpu_memory_utilization": 1.0, "max_num_batched_tokens": 200_000},
    {"params": 70},
    {"params": "8x7B", "quant": "awq"},
    {"params": 30, "active_params": 3, "concurrency": 4},
    {"params": "500M", "top": 1},
)


ORDER: dict[str, Callable[[Candidate], float]] = {
    "usd": lambda each: inf if each.usd_per_hour is None else each.usd_per_hour,
    "gpus": lambda each: each.gpus,
    "concurrency": lambda each: -round(each.max_concurrency * each.replicas),
}


@pytest.fixture(scope="module")
def ask(shipped: Catalog) -> Any:
    def asked(**question: Any) -> Report:
        return size(**{"today": TODAY, "catalog": shipped, **question})

    return asked


def label(question: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in question.items())


@pytest.mark.parametrize("question", QUESTIONS, ids=label)
class TestEveryAnswer:
    def test_the_parts_of_a_card_add_up(self, ask: Any, question: dict[str, Any]) -> None:
        for each in ask(**question).result.candidates:
            memory = each.memory_per_gpu
            parts = memory[:5]
            assert all(part >= 0 for part in parts)
            assert memory.total_bytes == sum(parts)
            assert memory.free_bytes == memory.usable_bytes - memory.total_bytes
            assert memory.kv_available_bytes >= 0
            assert sum(memory.weights_by_part.values()) == pytest.approx(memory.weights_bytes, abs=30)
            assert isinstance(memory.total_bytes, int)

    def test_it_fits_when_the_load_and_the_card_allow_it(self, ask: Any, question: dict[str, Any]) -> None:
        report = ask(**question)
        for each in report.result.candidates:
            holds = each.max_concurrency >= report.inputs["concurrency"]
            if each.fits:
                assert holds
                assert each.memory_per_gpu.free_bytes >= -5
                assert each.max_context >= report.inputs["context"]
                assert each.reason.startswith("holds ")
            elif holds:
                excuses = ("compute capability", "USD/h", "no price is known", "exceeds the card")
                assert any(text in each.reason for text in excuses)
            else:
                assert not each.reason.startswith("holds ")

    def test_cards_are_ranks_times_copies(self, ask: Any, question: dict[str, Any]) -> None:
        for each in ask(**question).result.candidates:
            assert each.gpus == each.tp * each.pp * each.replicas
            assert each.ep in {1, each.tp}

    def test_the_bill_is_units_times_price(self, ask: Any, question: dict[str, Any]) -> None:
        for each in ask(**question).result.candidates:
            if each.offer is None:
                assert each.usd_per_hour is None
                assert each.price_state == "no-offer"
                continue
            assert each.usd_per_hour == each.offer.usd_per_hour > 0
            assert each.offer.usd_per_gpu_hour * each.gpus == pytest.approx(each.usd_per_hour)
            assert each.offer.units * each.offer.cards >= each.gpus
            assert each.price_state == "known"

    def test_what_fits_stands_first_and_is_recommended(self, ask: Any, question: dict[str, Any]) -> None:
        report = ask(**question)
        result: SizeResult = report.result
        fits = [each.fits for each in result.candidates]
        assert fits == sorted(fits, reverse=True)
        assert fits
        best = result.recommendation
        assert report.answered_no == (best is None) == (not any(fits))
        if best is not None:
            first = result.candidates[0]
            shape = (first.gpu, first.gpus, first.tp, first.pp, first.ep, first.replicas, first.quantization)
            assert shape == best[:7]
            assert best.usd_per_hour == first.usd_per_hour
            assert best.max_context == first.max_context
            assert len(best.reasons) >= 2

    def test_what_fits_is_in_the_asked_order(self, ask: Any, question: dict[str, Any]) -> None:
        fitting = [each for each in ask(**question).result.candidates if each.fits]
        sort = question.get("sort", "usd")
        if sort == "headroom":
            return  # whole blocks of the pool decide there, not the theoretical need
        values = [ORDER[sort](each) for each in fitting]
        assert values == sorted(values)

    def test_every_number_is_finite(self, ask: Any, question: dict[str, Any]) -> None:
        for each in ask(**question).result.candidates:
            for value in (each.max_concurrency, each.kv_bytes_per_token, each.kv_tokens, each.max_context):
                assert 0 <= value < inf

    def test_named_cards_are_there_whatever_comes_out(self, ask: Any, question: dict[str, Any]) -> None:
        report = ask(**question)
        shown = {each.gpu for each in report.result.candidates}
        assert set(report.inputs["gpu"]) <= shown
        if report.inputs["gpu"]:
            assert shown == set(report.inputs["gpu"])


def only(report: Report, gpu: str = H100) -> Candidate:
    found: list[Candidate] = [each for each in report.result.candidates if each.gpu == gpu]
    return found[0]


def smallest(report: Report) -> int:
    """Cards of the smallest deployment that fits; more than any where none does."""
    return min((each.gpus for each in report.result.candidates if each.fits), default=10**6)


class TestLoad:
    @pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt-llm", "llama.cpp"])
    @pytest.mark.parametrize("model", [LLAMA_70B, "openai/gpt-oss-120b", "Qwen/Qwen3-Next-80B-A3B-Instruct"])
    def test_more_context_never_takes_fewer_cards(self, ask: Any, engine: str, model: str) -> None:
        counts = [
            smallest(ask(model=model, gpu=H100, engine=engine, context=context, concurrency=8))
            for context in (1024, 8192, 32_768, 65_536, 131_072)
        ]
        assert counts == sorted(counts)

    @pytest.mark.parametrize("model", [LLAMA_70B, "deepseek-ai/DeepSeek-V3", "google/gemma-3-27b-it"])
    def test_more_sequences_never_take_fewer_cards(self, ask: Any, model: str) -> None:
        counts = [
            smallest(ask(model=model, gpu="h200-sxm-141gb", context=16_384, concurrency=concurrency))
            for concurrency in (1, 8, 64, 256, 1024)
        ]
        assert counts == sorted(counts)

    def test_more_context_never_raises_concurrency(self, ask: Any) -> None:
        found = [
            only(ask(model=QWEN_8B, gpu=H100, tp=1, context=context)).max_concurrency
            for context in (1000, 2000, 4000, 8000, 16_000, 32_000, 40_000)
        ]
        assert found == sorted(found, reverse=True)

    def test_an_8_bit_cache_holds_twice_the_tokens(self, ask: Any) -> None:
        full, half = (only(ask(model=QWEN_8B, gpu=H100, tp=1, kv_dtype=kind)) for kind in ("auto", "fp8"))
        assert half.kv_bytes_per_token * 2 == full.kv_bytes_per_token
        assert half.kv_tokens == pytest.approx(2 * full.kv_tokens, rel=1e-3)
        assert half.memory_per_gpu.weights_bytes == full.memory_per_gpu.weights_bytes

    def test_the_cache_of_a_known_model(self, ask: Any) -> None:
        # Llama 3.1 70B: 80 layers x 2 x 8 heads x 128 x 2 B.
        assert only(ask(model=LLAMA_70B, gpu=H100, tp=1)).kv_bytes_per_token == 80 * 2 * 8 * 128 * 2
        assert only(ask(model=LLAMA_70B, gpu=H100, tp=4)).kv_bytes_per_token == 80 * 2 * 2 * 128 * 2

    def test_defaults_are_said(self, ask: Any) -> None:
        texts = [note.text for note in ask(model=QWEN_8B).notes]
        assert any(text.startswith("context not given") for text in texts)
        assert any(text.startswith("concurrency not given") for text in texts)
        said = [note.text for note in ask(model=QWEN_8B, context=100, concurrency=1).notes]
        assert not any("not given" in text for text in said)

    def test_a_stated_pool_replaces_the_computed_one(self, ask: Any) -> None:
        pool = 3 * 2**30
        each = only(ask(model=QWEN_8B, gpu=H100, tp=1, kv_cache_memory_bytes=pool))
        assert each.memory_per_gpu.kv_available_bytes == pool
        assert each.kv_tokens == pytest.approx(pool / each.kv_bytes_per_token, abs=16)

    def test_a_stated_pool_must_stand_beside_the_weights(self, ask: Any) -> None:
        report = ask(model=LLAMA_70B, gpu="rtx-4090-24gb", tp=1, kv_cache_memory_bytes=8 * 2**30)
        assert report.answered_no
        assert "exceed" in report.result.candidates[0].reason

    def test_what_an_engine_keeps_outside_its_share_counts_too(self, ask: Any) -> None:
        question = {"model": QWEN_8B, "engine": "sglang", "gpu": "l4-24gb", "tp": 1}
        assert not ask(**question).answered_no
        report = ask(**question, gpu_memory_utilization=1.0, max_num_batched_tokens=200_000)
        assert report.answered_no
        assert report.result.candidates[0].max_concurrency >= 1
        assert "exceeds the card" in report.result.candidates[0].reason


class TestShapes:
    def test_gpus_without_tp_tries_copies_too(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, gpu=H100, gpus=8)
        assert {each.gpus for each in report.result.candidates} == {8}
        assert report.result.recommendation.replicas == 8

    @pytest.mark.parametrize(("gpus", "replicas"), [(5, 5), (7, 7), (3, 3)])
    def test_an_odd_number_of_cards_holds_copies_of_one(self, ask: Any, gpus: int, replicas: int) -> None:
        best = ask(model=QWEN_8B, gpu=H100, gpus=gpus).result.recommendation
        assert (best.tp, best.replicas) == (1, replicas)

    def test_experts_are_divided_over_the_same_cards(self, ask: Any) -> None:
        report = ask(model="deepseek-ai/DeepSeek-V3", gpu="h200-sxm-141gb", ep=8)
        assert {(each.tp, each.ep) for each in report.result.candidates} == {(8, 8)}

    @pytest.mark.parametrize(
        ("question", "words"),
        [
            ({"tp": 3}, "tp 3 does not divide 32 attention heads"),
            ({"pp": 100}, "more than the 36 layers"),
            ({"gpus": 3, "tp": 2}, "--gpus 3 is not a multiple"),
            ({"pp": 3, "gpus": 4}, "--gpus 4 is not a multiple"),
            ({"ep": 4, "tp": 2}, "--ep 4 must equal --tp 2"),
            ({"ep": 4}, "has no experts"),
            ({"mtp": True}, "no multi-token-prediction layers"),
        ],
        ids=str,
    )
    def test_what_cannot_be_cut_is_refused(self, ask: Any, question: dict[str, Any], words: str) -> None:
        with pytest.raises(UsageError, match=words):
            ask(model=QWEN_8B, **question)

    def test_groups_are_not_cut(self, ask: Any) -> None:
        with pytest.raises(UsageError, match="within a group of 128"):
            ask(model="meta-llama/Llama-2-7b-hf", quant="awq", gpu=H100, tp=4, context=4096)


class TestFormats:
    @pytest.mark.parametrize(
        ("quant", "kv_dtype", "said"), [("fp8", "auto", True), ("fp8", "fp8", False), ("bf16", "auto", False)]
    )
    def test_says_where_an_engine_follows_the_checkpoint(
        self, ask: Any, quant: str, kv_dtype: str, said: bool
    ) -> None:
        report = ask(model=QWEN_8B, quant=quant, kv_dtype=kv_dtype, engine="tensorrt-llm", gpu=H100)
        assert any("--kv-dtype fp8 sizes that" in note.text for note in report.notes) is said

    def test_fp8_on_a_card_without_fp8_units_is_noted(self, ask: Any) -> None:
        texts = [note.text for note in ask(model=QWEN_8B, quant="fp8", gpu="a100-sxm-80gb").notes]
        assert any("no FP8 units" in text and "not time" in text for text in texts)
        assert not any(
            "no FP8 units" in note.text for note in ask(model=QWEN_8B, quant="fp8", gpu=H100).notes
        )

    def test_bf16_on_a_card_without_bf16_units_is_noted(self, ask: Any) -> None:
        texts = [note.text for note in ask(model="Qwen/Qwen3-0.6B", gpu="t4-16gb").notes]
        assert any("no BF16 units" in text and "FP16" in text for text in texts)

    def test_nvfp4_on_hopper_is_noted(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, quant="nvfp4", gpu=H100)
        assert any("units" in note.text and "dequantised" in note.text for note in report.notes)
        blackwell = ask(model=QWEN_8B, quant="nvfp4", gpu="b200-sxm-180gb")
        assert not any("dequantised" in note.text for note in blackwell.notes)

    def test_a_format_without_kernel_for_the_card_does_not_fit(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, quant="awq", gpu="v100-sxm2-32gb")
        each = report.result.candidates[0]
        assert report.answered_no
        assert not each.fits
        assert "compute capability 7.5" in each.reason
        assert each.max_concurrency > 1

    def test_cards_without_a_kernel_are_no_near_misses_of_a_search(self, ask: Any) -> None:
        shown = ask(model=QWEN_8B, quant="awq").result.candidates
        assert not any("compute capability" in each.reason for each in shown)

    def test_all_looks_at_every_format_of_the_engine(self, ask: Any) -> None:
        formats = ask(model=QWEN_8B, quant="all", gpu=H100).inputs["quantization"]
        assert {"bf16", "fp8", "awq"} <= set(formats)
        assert formats == ask(model=QWEN_8B, quant=["AWQ", " All "], gpu=H100).inputs["quantization"]

    def test_a_format_that_the_engine_does_not_read_is_warned_of(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, quant="q4_k_m", gpu=H100)
        assert any(note.level == "warning" and "llama.cpp" in note.text for note in report.notes)

    def test_smaller_formats_never_need_more_memory(self, ask: Any) -> None:
        sizes = [
            only(ask(model=QWEN_8B, quant=name, gpu=H100, tp=1)).memory_per_gpu.weights_bytes
            for name in ("fp32", "bf16", "fp8", "awq")
        ]
        assert all(larger > smaller for larger, smaller in pairwise(sizes))

    def test_the_format_in_a_name_is_used_and_flags_win(self, ask: Any) -> None:
        name = "RedHatAI/Qwen3-14B-FP8-dynamic"
        assert ask(model=name, gpu=H100).inputs["quantization"] == ["fp8-dynamic"]
        report = ask(model=name, gpu=H100, quant="bf16")
        assert report.inputs["quantization"] == ["bf16"]
        assert any("the name states fp8-dynamic" in note.text for note in report.notes)


class TestBudget:
    def test_every_recommendation_is_within_the_budget(self, ask: Any) -> None:
        report = ask(model=LLAMA_70B, max_usd_per_hour=4)
        assert report.result.recommendation.usd_per_hour <= 4
        assert all(each.usd_per_hour <= 4 for each in report.result.candidates if each.fits)

    def test_a_budget_that_is_too_low_shows_the_cheapest(self, ask: Any) -> None:
        free = ask(model=QWEN_8B)
        report = ask(model=QWEN_8B, max_usd_per_hour=0.01)
        assert report.answered_no
        assert report.result.recommendation is None
        first = report.result.candidates[0]
        assert first.gpu == free.result.recommendation.gpu
        assert first.reason.startswith("fits, but costs")
        prices = [each.usd_per_hour for each in report.result.candidates]
        assert prices == sorted(prices)

    def test_a_card_without_price_cannot_meet_a_budget(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, gpu="rtx-3090-ti-24gb", provider="aws", max_usd_per_hour=100)
        assert report.answered_no
        assert "no price is known" in report.result.candidates[0].reason

    def test_without_a_budget_a_card_without_price_still_fits(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, gpu="rtx-3090-ti-24gb", provider="aws")
        assert not report.answered_no
        assert report.result.recommendation.offer is None
        assert any("no price is known" in reason for reason in report.result.recommendation.reasons)

    def test_one_line_is_enough_when_nothing_fits(self, ask: Any) -> None:
        assert len(ask(model=QWEN_8B, max_usd_per_hour=0.01, top=1).result.candidates) >= 1


class TestOffers:
    def test_only_modes_without_commitment_answer_by_default(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, quant="all", top=100)
        modes = {each.offer.billing for each in report.result.candidates if each.offer}
        assert modes <= {mode.value for mode in RUNNING_BILLING}
        assert len(modes) > 1

    @pytest.mark.parametrize("mode", ["spot", "active", "reserved", "capacity-block"])
    def test_billing_is_the_mode_asked_for(self, ask: Any, mode: str) -> None:
        report = ask(model=LLAMA_70B, billing=mode)
        modes = {each.offer.billing for each in report.result.candidates if each.offer}
        assert modes == {mode}

    def test_billing_is_read_in_any_case(self, ask: Any) -> None:
        assert ask(model=QWEN_8B, billing="Spot").inputs["billing"] == ["spot"]

    def test_provider_and_region(self, ask: Any) -> None:
        report = ask(model=LLAMA_70B, provider="AWS", region="us-east-1")
        offers = [each.offer for each in report.result.candidates if each.offer]
        assert offers
        assert {(offer.provider, offer.region.lower()) for offer in offers} == {("aws", "us-east-1")}

    def test_a_copy_does_not_span_instances(self, ask: Any) -> None:
        report = ask(model=LLAMA_70B, gpu=H100, tp=8, provider="aws")
        offer = report.result.candidates[0].offer
        assert offer is not None
        assert (offer.cards, offer.units) == (8, 1)
        assert ask(model=LLAMA_70B, gpu=H100, tp=16, provider="runpod").result.candidates[0].offer is None

    def test_seed_prices_are_history_and_say_so(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, prices="seeds")
        assert any("refuted" in note.text and note.level == "warning" for note in report.notes)
        stated = {each.offer.stated_by for each in report.result.candidates if each.offer}
        assert stated == {"seed"}

    def test_a_refuted_seed_price_is_flagged_with_the_claim(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, gpu=H100, prices="seeds", tp=1)
        texts = [note.text for note in report.notes if note.level == "warning"]
        assert any(": refuted, S0" in text for text in texts)

    def test_seed_prices_are_never_a_default(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, quant="all", top=100, as_of="2030")
        assert "seed" not in {each.offer.stated_by for each in report.result.candidates if each.offer}

    @pytest.mark.parametrize(
        ("as_of", "usd"), [("2026-06-15", 0.00116 * 3600), ("2026-08-01", 4.55), ("2026-10-01", 4.79)]
    )
    def test_as_of_answers_with_the_prices_of_that_day(self, ask: Any, as_of: str, usd: float) -> None:
        report = ask(model=QWEN_8B, gpu=H100, provider="runpod", billing="flex", as_of=as_of, tp=1)
        assert report.result.recommendation.usd_per_hour == pytest.approx(usd)
        assert report.inputs["as_of"] == as_of

    def test_before_the_first_statement_no_price_is_known(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, gpu=H100, provider="runpod", billing="flex", as_of="2025", tp=1)
        assert report.result.candidates[0].offer is None
        assert report.result.candidates[0].price_state == "no-offer"

    def test_old_prices_are_flagged(self, ask: Any) -> None:
        report = ask(model=QWEN_8B, gpu=H100, provider="runpod", billing="flex", as_of="2028-01-01", tp=1)
        assert report.result.candidates[0].offer.stale
        assert any("check it before you decide" in note.text for note in report.notes)


class TestNamingTheModel:
    @pytest.mark.parametrize(
        ("params", "parameters"),
        [(70, 70e9), ("70", 70e9), ("70B", 70e9), ("500M", 5e8), ("1.2T", 1.2e12), (0.5, 5e8)],
    )
    def test_a_bare_count(self, ask: Any, params: float | str, parameters: float) -> None:
        model = ask(params=params).result.model
        assert model.parameters == pytest.approx(parameters, rel=1e-6)
        assert model.representative
        assert model.id in model.alternatives
        low, high = model.weights_gib_range
        assert 0 < low <= high

    def test_experts_by_active_parameters(self, ask: Any) -> None:
        model = ask(params=30, active_params=3).result.model
        assert model.active_parameters < 0.2 * model.parameters

    def test_8x7b_is_the_family_and_not_the_product(self, ask: Any) -> None:
        assert 45e9 < ask(params="8x7B").result.model.parameters < 48e9

    @pytest.mark.parametrize(
        "text", ["70GB", "20000", "0", "-7", "nan", "inf", "1e400", "", "  ", "8x0B", "x"]
    )
    def test_what_is_no_count(self, ask: Any, text: str) -> None:
        with pytest.raises(UsageError, match="parameter"):
            ask(params=text)

    def test_exactly_one_way(self, ask: Any) -> None:
        with pytest.raises(UsageError, match="in one way"):
            ask()
        with pytest.raises(UsageError, match="--params and --model"):
            ask(params=7, model=QWEN_8B)
        with pytest.raises(UsageError, match="goes with --params"):
            ask(model=QWEN_8B, active_params=3)
        with pytest.raises(UsageError, match="more than --params"):
            ask(params=7, active_params=70)

    def test_a_config_file(self, ask: Any, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(LLAMA_8B), encoding="utf-8")
        report = ask(config=path, gpu=H100, tp=1)
        named = ask(model="meta-llama/Llama-3.1-8B-Instruct", gpu=H100, tp=1)
        mine, theirs = only(report).memory_per_gpu, only(named).memory_per_gpu
        assert mine.weights_bytes == pytest.approx(theirs.weights_bytes, rel=1e-3)
        assert report.result.model.layers == 32

    def test_a_config_that_is_none(self, ask: Any, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"no config\.json"):
            ask(config=tmp_path)
        with pytest.raises(DataError, match="no such file"):
            ask(config=tmp_path / "missing")


class TestNames:
    @pytest.mark.parametrize(
        ("question", "suggestion"),
        [
            ({"model": "Qwen/Qwen3-8X"}, "Qwen3-8B"),
            ({"model": QWEN_8B, "gpu": "rtx-5091"}, "rtx-5090"),
            ({"model": QWEN_8B, "quant": "awqq"}, "awq"),
            ({"model": QWEN_8B, "engine": "vlm"}, "vllm"),
            ({"model": QWEN_8B, "provider": "runpodd"}, "runpod"),
            ({"model": QWEN_8B, "region": "us-esat-1"}, "us-east-1"),
            ({"model": QWEN_8B, "billing": "flexx"}, "flex"),
            ({"model": QWEN_8B, "sort": "price"}, "usd"),
            ({"model": QWEN_8B, "prices": "seed"}, "seeds"),
            ({"model": QWEN_8B, "kv_dtype": "fp9"}, "fp8"),
        ],
        ids=str,
    )
    def test_a_typo_is_answered_with_the_nearest(
        self, ask: Any, question: dict[str, Any], suggestion: str
    ) -> None:
        with pytest.raises(UnknownNameError) as caught:
            ask(**question)
        near = [name.lower() for name in caught.value.suggestions]
        assert any(suggestion.lower().replace("-", " ") in name.replace("-", " ") for name in near)

    def test_an_ambiguous_card_lists_the_choices(self, ask: Any) -> None:
        with pytest.raises(AmbiguousNameError, match="a100-sxm-80gb"):
            ask(model=QWEN_8B, gpu="A100")

    @pytest.mark.parametrize("flag", ["model", "gpu", "quant", "kv_dtype", "engine", "engine_version"])
    @pytest.mark.parametrize("text", ["", "   ", "x" * 400])
    def test_empty_and_endless_names(self, ask: Any, flag: str, text: str) -> None:
        with pytest.raises(UsageError, match=r"is empty|is longer than|not a parameter"):
            ask(**{"model": QWEN_8B, flag: text})

    def test_an_engine_that_is_not_modelled(self, ask: Any) -> None:
        with pytest.raises(UsageError, match="is not modelled; --engine takes"):
            ask(model=QWEN_8B, engine="exllamav2")


class TestRanges:
    @pytest.mark.parametrize(
        ("flag", "values"),
        [
            ("context", (0, -5, 10**9)),
            ("concurrency", (0, -1, 10**8)),
            ("gpus", (0, -1, 4097)),
            ("tp", (0, 5000)),
            ("pp", (0, -2)),
            ("ep", (0, -2)),
            ("top", (0, -1, 10**6)),
            ("max_num_seqs", (0, -1)),
            ("max_num_batched_tokens", (0, -1)),
            ("block_size", (0, 10**7)),
            ("kv_cache_memory_bytes", (0, -1, 2**60)),
            ("gpu_memory_utilization", (0.0, -0.5, 1.01, 90, nan, inf)),
            ("max_usd_per_hour", (0.0, -1.0, nan, inf)),
        ],
    )
    def test_values_out_of_range_name_the_flag(self, ask: Any, flag: str, values: tuple[float, ...]) -> None:
        for value in values:
            with pytest.raises(UsageError, match=f"--{flag.replace('_', '-')} "):
                ask(model=QWEN_8B, **{flag: value})

    def test_context_beyond_the_model_s_limit(self, ask: Any) -> None:
        with pytest.raises(UsageError, match="beyond the 40,960 tokens"):
            ask(model=QWEN_8B, context=40_961)
        assert ask(model=QWEN_8B, context=40_960).result.recommendation is not None

    @pytest.mark.parametrize(
        "text", ["garbage", "", "2026-13-01", "2026-02-30", "2026-1-1", "0000", "unknown", "20261001", "26"]
    )
    def test_a_day_that_is_none(self, ask: Any, text: str) -> None:
        with pytest.raises(UsageError, match="--as-of takes a date"):
            ask(model=QWEN_8B, as_of=text)


class TestExtras:
    def test_the_range_has_both_ends_around_the_answer(self, ask: Any) -> None:
        report = ask(model=LLAMA_70B, gpu=H100, tp=4, scenarios=True)
        runs = {run.name: run for run in report.result.scenarios}
        assert list(runs) == ["pessimistic", "expected", "optimistic"]
        tokens = [run.kv_tokens for run in report.result.scenarios]
        assert tokens == sorted(tokens)
        assert runs["expected"].kv_tokens == report.result.candidates[0].kv_tokens
        assert ask(model=LLAMA_70B, gpu=H100, tp=4).result.scenarios == ()

    def test_equations_give_the_numbers_of_the_candidate(self, ask: Any) -> None:
        report = ask(model=LLAMA_70B, gpu=H100, tp=4, explain=True)
        values = {each.name: each.value for each in report.result.equations}
        first = report.result.candidates[0]
        assert values["weights"] * 2**30 == pytest.approx(first.memory_per_gpu.weights_bytes)
        assert values["KV pool"] * 2**30 == pytest.approx(first.memory_per_gpu.kv_available_bytes)
        assert values["max concurrency"] == first.max_concurrency
        assert values["KV bytes per token"] == first.kv_bytes_per_token

    def test_the_rule_of_thumb_stands_beside_the_model(self, ask: Any) -> None:
        rule = ask(model=LLAMA_70B, gpu=H100, tp=4).result.rule_of_thumb
        assert rule.weights_gb == pytest.approx(2 * 70.55, rel=0.01)
        assert rule.total_gb == pytest.approx(1.2 * rule.weights_gb)
        assert rule.difference_gb == pytest.approx(rule.modelled_total_gb - rule.total_gb)

    def test_the_same_question_has_the_same_answer(self, ask: Any) -> None:
        assert ask(params=70, quant="all") == ask(params=70, quant="all")
