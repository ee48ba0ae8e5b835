"""Training speed: laws over random jobs, examples worked by hand, the error on runs that were not fitted."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.api.training_speed import (
    case_of,
    predict_speed,
    predicted_quantity,
    training_speed_constants,
    with_peak,
)
from gpucost.calc.training_speed import Software, StepTime, TrainingSpeedConstants, step_time
from gpucost.calc.training_work import attention_flops_per_token, training_work, useful_flops_per_token
from gpucost.domain.hardware import Gpu
from gpucost.domain.model import Model
from gpucost.domain.training import Checkpointing, Division, TrainingSetup
from tests.calc.strategies import law
from tests.reference.loading import catalog

MODELS = (
    "meta-llama/Llama-3.1-8B",
    "meta-llama/Llama-3.1-70B",
    "mosaicml/mpt-7b",
    "Qwen/Qwen3-30B-A3B",
    "deepseek-ai/DeepSeek-V3",
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
)
DENSE = MODELS[:3]
CARDS = ("a100-sxm-80gb", "h100-sxm-80gb", "b200-sxm-180gb", "h200-sxm-141gb")
PRECISIONS = ("bf16", "bf16-mixed", "bf16-autocast", "fp8-mixed")
SCORE_MEDIAN = 0.15
models, cards = st.sampled_from(MODELS), st.sampled_from(CARDS)
lengths = st.sampled_from((512, 1024, 4096, 16384))
FUSED = Software(fused=True)


@lru_cache(maxsize=1)
def constants() -> TrainingSpeedConstants:
    return training_speed_constants(catalog())


@lru_cache(maxsize=32)
def model_of(name: str) -> Model:
    return catalog().model(name)


def run(model: str, card: str | Gpu, setup: TrainingSetup, software: Software | None = None) -> StepTime:
    gpu = catalog().gpus[card] if isinstance(card, str) else card
    return step_time(model_of(model), gpu, setup, constants(), software=software)


@st.composite
def setups(draw: st.DrawFn) -> TrainingSetup:
    """Jobs of full training, on up to 64 cards."""
    tp, pp = draw(st.sampled_from((1, 2, 8))), draw(st.sampled_from((1, 2, 4)))
    division = Division(
        gpus=tp * pp * draw(st.sampled_from((1, 2, 8))),
        tp=tp,
        pp=pp,
        sharding=draw(st.sampled_from((0, 1, 2, 3))),
        sequence_parallel=tp > 1,
    )
    return TrainingSetup(
        precision=draw(st.sampled_from(PRECISIONS)),
        micro_batch=draw(st.sampled_from((1, 2, 4))),
        grad_accumulation=draw(st.sampled_from((1, 4))),
        seq_len=draw(lengths),
        compile=draw(st.booleans()),
        division=division,
    )


@law
@given(models, cards, setups(), st.sampled_from(("none", "selective", "full")))
def test_parts_are_not_negative_and_sum_to_the_step(
    model: str, card: str, setup: TrainingSetup, kept: Checkpointing
) -> None:
    step = run(model, card, setup._replace(checkpointing=kept))
    parts = step[: StepTime._fields.index("tokens")]
    assert all(part >= 0 for part in parts)
    assert step.total == pytest.approx(sum(parts))
    assert step.tokens_per_s_per_gpu * step.gpus * step.total == pytest.approx(step.tokens)


@law
@given(models, cards, setups())
def test_no_job_beats_the_peak(model: str, card: str, setup: TrainingSetup) -> None:
    step = run(model, card, setup)
    peaks = catalog().gpus[card].dense_flops
    assert 0 < step.mfu * step.peak_flops < max(peaks["bf16"], peaks.get("fp8", 0.0))


@law
@given(models, cards, setups())
def test_checkpointing_is_never_faster(model: str, card: str, setup: TrainingSetup) -> None:
    kept = run(model, card, setup).total
    selective = run(model, card, setup._replace(checkpointing="selective", selective="ops")).total
    full = run(model, card, setup._replace(checkpointing="full")).total
    assert kept <= selective <= full


@law
@given(models, cards, setups(), st.booleans())
def test_longer_sequences_of_as_many_tokens_never_cost_less(
    model: str, card: str, setup: TrainingSetup, fused: bool
) -> None:
    software = Software(fused=fused)
    short = run(model, card, setup._replace(micro_batch=4), software)
    long = run(model, card, setup._replace(micro_batch=1, seq_len=4 * setup.seq_len), software)
    assert long.tokens == short.tokens
    assert long.total >= short.total * (1 - 1e-9)


@law
@given(st.sampled_from(DENSE), cards, setups())
def test_adapters_with_joined_kernels_are_faster_than_full_training(
    model: str, card: str, setup: TrainingSetup
) -> None:
    adapted = setup._replace(method="lora", lora_rank=16, lora_targets=("all-linear",), precision="bf16")
    whole = setup._replace(precision="bf16")
    assert run(model, card, adapted, FUSED).total < run(model, card, whole, FUSED).total


@law
@given(st.sampled_from(DENSE), cards, setups(), st.sampled_from(("nf4", "int4")))
def test_a_quantised_base_is_never_faster(model: str, card: str, setup: TrainingSetup, base: str) -> None:
    lora = setup._replace(method="lora", lora_rank=16, lora_targets=("q", "v"), precision="bf16")
    qlora = lora._replace(method="qlora", base_format="nf4" if base == "nf4" else "int4")
    assert run(model, card, qlora).total >= run(model, card, lora).total


@law
@given(models, cards, setups(), st.floats(1.01, 4))
def test_a_higher_peak_is_never_slower(model: str, card: str, setup: TrainingSetup, factor: float) -> None:
    gpu = catalog().gpus[card]
    faster = gpu._replace(dense_flops={name: factor * peak for name, peak in gpu.dense_flops.items()})
    assert run(model, faster, setup).total <= run(model, gpu, setup).total


@law
@given(st.sampled_from(DENSE), cards, setups(), st.sampled_from((2, 8, 32)))
def test_more_data_parallel_cards_never_train_less_in_all(
    model: str, card: str, setup: TrainingSetup, ranks: int
) -> None:
    def at(cards: int) -> StepTime:
        return run(model, card, setup._replace(division=Division(gpus=cards, sharding=3)))

    few, many = at(ranks), at(2 * ranks)
    assert many.tokens / many.total >= few.tokens / few.total


def test_useful_operations_are_those_of_a_published_run() -> None:
    """llm-foundry, MPT 7B on 128 H100: 10,475 tokens/s and card are stated as 45.71 % of 989 TFLOP/s."""
    per_token = useful_flops_per_token(model_of("mosaicml/mpt-7b"), 2048, "6N+attention")
    # 6 × 6.6493e9 + 12 × 32 layers × 4096 × 2048
    assert per_token == pytest.approx(6 * 6.6493e9 + 12 * 32 * 4096 * 2048, rel=1e-4)
    assert 10_475 * per_token / 989e12 == pytest.approx(0.4571, abs=0.001)


def test_attention_of_a_causal_sequence_is_half_of_the_square() -> None:
    model = model_of("meta-llama/Llama-3.1-8B")
    # 4 × 32 layers × 4096 × 8192 / 2
    assert attention_flops_per_token(model, 8192) == 4 * 32 * 4096 * 8192 / 2
    whole = attention_flops_per_token(model, 8192, full_square=True)
    assert whole == 2 * attention_flops_per_token(model, 8192)


def test_forward_pass_of_a_dense_model_by_hand() -> None:
    """Llama 3.1 8B, 4096 tokens: 2 operations per weight; layers 6.979e9 weights, head 0.525e9."""
    work = training_work(model_of("meta-llama/Llama-3.1-8B"), TrainingSetup(seq_len=4096))
    layer = 4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14336
    assert work.dense_flops == 2 * 32 * layer * 4096
    assert work.head_flops == 2 * 128_256 * 4096 * 4096
    # weights, then inputs and results of q, k, v, o, gate and up, and down; the head beside them
    values = (4096 + 4096) + 2 * (4096 + 1024) + (4096 + 4096) + (4096 + 28672) + (14336 + 4096)
    head = 128_256 * 4096 + 4096 * (4096 + 128_256)
    assert work.dense_bytes == pytest.approx(2 * (32 * (layer + 4096 * values) + head), rel=1e-3)


def test_routed_experts_see_their_share_of_tokens() -> None:
    """Qwen3 30B-A3B: 8 of 128 experts of 3 × 2048 × 768 weights in each of 48 layers, divided or not."""
    model = model_of("Qwen/Qwen3-30B-A3B")
    whole = training_work(model, TrainingSetup(seq_len=4096))
    divided = training_work(model, TrainingSetup(seq_len=4096, division=Division(gpus=8, ep=8)))
    assert whole.expert_flops == 2 * 4096 * 48 * 8 * 3 * 2048 * 768
    assert divided.expert_flops == pytest.approx(whole.expert_flops)
    assert divided.expert_parameters == pytest.approx(whole.expert_parameters / 8)


def test_the_pipeline_bubble_is_that_of_the_schedule() -> None:
    """8 stages, 16 micro-batches: (8 − 1) / 16 of the passes; a quarter of it with 4 chunks a stage."""
    division = Division(gpus=8, pp=8)
    setup = TrainingSetup(grad_accumulation=16, division=division)
    step = run("meta-llama/Llama-3.1-70B", "h100-sxm-80gb", setup)
    passes = step.total - step.bubble - step.dp_communication - step.optimizer
    assert step.bubble / passes == pytest.approx(7 / 16)
    interleaved = setup._replace(division=division._replace(virtual_pp=4))
    chunked = run("meta-llama/Llama-3.1-70B", "h100-sxm-80gb", interleaved)
    assert chunked.bubble == pytest.approx(step.bubble / 4)


def test_a_published_run_is_met() -> None:
    """fms-fsdp, Llama 2 7B on 128 A100: 4,550 tokens/s and card (README of fms-fsdp)."""
    division = Division(gpus=128, sharding=3, shard_degree=8)
    setup = TrainingSetup(micro_batch=2, seq_len=4096, compile=True, division=division)
    step = run("meta-llama/Llama-2-7b-hf", "a100-sxm-80gb", setup)
    assert step.tokens_per_s_per_gpu == pytest.approx(4550, rel=0.15)


def test_an_unknown_peak_or_link_is_refused() -> None:
    gpu = catalog().gpus["h100-sxm-80gb"]
    job = TrainingSetup(division=Division(gpus=2))
    with pytest.raises(ValueError, match="peak"):
        run("mosaicml/mpt-7b", gpu._replace(dense_flops={}), job)
    with pytest.raises(ValueError, match="link"):
        run("mosaicml/mpt-7b", gpu._replace(link=gpu.link._replace(bytes_per_s_each_way=None)), job)


def test_a_card_without_a_printed_peak_takes_that_of_its_chip() -> None:
    limited = catalog().gpus["h100-sxm-96gb"]
    found = with_peak(catalog(), limited)
    assert found is not None
    assert found.dense_flops["bf16"] == catalog().gpus["h100-sxm-80gb"].dense_flops["bf16"]
    assert with_peak(catalog(), limited._replace(architecture="none such")) is None


def test_runs_that_were_not_fitted_are_predicted() -> None:
    errors = []
    for entry in catalog().sections["training_runs"]:
        row = entry["row"]
        if row["use"] == "score":
            for name, predicted, measured in predict_speed(catalog(), row, constants()):
                errors.append(abs((measured / predicted if name == "step_s" else predicted / measured) - 1))
    assert len(errors) > 100
    assert np.median(errors) <= SCORE_MEDIAN


def test_a_run_on_an_uncertain_card_says_why_it_is_left_out() -> None:
    rows = [entry["row"] for entry in catalog().sections["training_runs"]]
    stated = next(
        row for row in rows if row["use"] != "none" and "gpu_stated" in row and "tokens_per_s_per_gpu" in row
    )
    assert "A100" in str(case_of(catalog(), stated))
    assert predict_speed(catalog(), stated, constants()) == []


def test_every_quantity_is_predicted_in_its_own_unit() -> None:
    rows = [entry["row"] for entry in catalog().sections["training_runs"]]
    cases = [case for row in rows if not isinstance(case := case_of(catalog(), row), str)]
    case = next(case for case in cases if case.quantity == "tokens_per_s_per_gpu")
    rate = predicted_quantity(case, constants())
    whole = predicted_quantity(case._replace(quantity="sequences_per_s"), constants())
    assert whole * case.setup.seq_len == pytest.approx(rate * case.setup.division.gpus)
    step = predicted_quantity(case._replace(quantity="step_s"), constants())
    useful = useful_flops_per_token(case.model, case.setup.seq_len, case.formula)
    reached = predicted_quantity(case._replace(quantity="tflops_per_gpu"), constants())
    assert reached == pytest.approx(useful * rate / 1e12)
    assert step > 0
