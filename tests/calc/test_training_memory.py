"""Memory of a training job: published worked examples, and laws over random models and settings."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.calc.tensors import total_parameters
from gpucost.calc.training_activations import live_bytes, saved_per_layer
from gpucost.calc.training_memory import TrainingMemory, TrainingMemoryConstants, training_memory
from gpucost.calc.training_parameters import base_bits, bytes_per_parameter, parameters_of
from gpucost.catalog.store import load
from gpucost.domain.model import DenseMlp, Model, MoeMlp, SoftmaxAttention
from gpucost.domain.training import Division, TrainingSetup
from tests.calc.strategies import TENSOR_PARALLEL, count, dense_models, law, models, moe_models

NOTHING = TrainingMemoryConstants(
    context_gib=0.0,
    communication_gib=0.0,
    fragmentation=0.0,
    norm_values=1.0,
    logit_bytes=0.0,
    chunked_logit_bytes=0.0,
    compiled_logit_bytes=0.0,
    quantised_input_bytes=0.0,
)
CONSTANTS = NOTHING._replace(
    context_gib=0.5,
    communication_gib=1.0,
    fragmentation=0.04,
    norm_values=4.0,
    logit_bytes=14.0,
    chunked_logit_bytes=13.0,
    compiled_logit_bytes=4.0,
    quantised_input_bytes=4.0,
)
ROUNDING = 12
"""Parts are whole bytes; as many of them are summed [B]."""

TINY = Model(
    id="test/tiny",
    name="tiny",
    family="test",
    hidden_size=8,
    vocab_size=64,
    layers=2,
    mixers=(SoftmaxAttention(2, 2, 1, 4, 4),),
    mlps=(DenseMlp(2, 16),),
    tied_embeddings=False,
    max_context=128,
)
# q 8x8, k and v 4x8, o 8x8, gate and up 16x8, down 8x16, two norms: 592 a layer; embedding and head 64x8,
# the last norm 8
PARAMETERS = 2 * 592 + 2 * 512 + 8


def state(memory: TrainingMemory) -> int:
    """Weights, gradients and optimizer [B]."""
    return memory.parameters_bytes + memory.gradients_bytes + memory.optimizer_bytes


class TestBytesOfAParameter:
    def test_the_tiny_model_has_the_parameters_counted_by_hand(self) -> None:
        assert total_parameters(TINY) == PARAMETERS == 2216

    @pytest.mark.parametrize(
        ("precision", "optimizer", "states", "weight", "gradient", "rest"),
        [
            ("bf16-mixed", "adamw", None, 2, 2, 4 + 8),
            ("bf16-mixed", "adamw", "bf16", 2, 2, 4 + 4),
            ("bf16-mixed", "paged-adamw", None, 2, 2, 4),
            ("bf16-mixed", "adafactor", None, 2, 2, 4),
            ("bf16-mixed", "sgd", None, 2, 2, 4),
            ("bf16-mixed", "lion", None, 2, 2, 4 + 4),
            ("fp16-mixed", "adamw", None, 2, 2, 4 + 8),
            ("fp8-mixed", "adamw", None, 2, 2, 4 + 8),
            ("nvfp4-mixed", "adamw", None, 2, 2, 4 + 8),
            ("bf16-autocast", "adamw", None, 4, 4, 8),
            ("fp8-autocast", "adamw", None, 4, 4, 8),
            ("fp32", "adamw", None, 4, 4, 8),
            ("fp32", "lion", None, 4, 4, 4),
            ("fp32", "paged-adamw", None, 4, 4, 0),
            ("bf16", "adamw", None, 2, 2, 4),
            ("bf16", "adamw", "fp32", 2, 2, 8),
            ("bf16", "sgd", None, 2, 2, 0),
            ("bf16", "paged-adamw-8bit", None, 2, 2, 0),
        ],
    )
    def test_precision_and_optimizer(
        self, precision: str, optimizer: str, states: str | None, weight: int, gradient: int, rest: int
    ) -> None:
        setup = TrainingSetup(precision=precision, optimizer=optimizer, state_format=states)  # type: ignore[arg-type]
        memory = training_memory(TINY, setup, NOTHING)
        assert memory.parameters_bytes == weight * PARAMETERS
        assert memory.gradients_bytes == gradient * PARAMETERS
        assert memory.optimizer_bytes == rest * PARAMETERS

    def test_eight_bit_moments_leave_those_of_the_embedding_in_32_bit(self) -> None:
        """One byte per moment, and 4 for every block of 256."""
        setup = TrainingSetup(precision="bf16", optimizer="adamw-8bit")
        memory = training_memory(TINY, setup, NOTHING)
        assert memory.optimizer_bytes == round(2 * (1 + 4 / 256) * (PARAMETERS - 512) + 8 * 512)

    def test_four_bit_moments(self) -> None:
        setup = TrainingSetup(precision="bf16", optimizer="adamw-4bit")
        memory = training_memory(TINY, setup, NOTHING)
        assert memory.optimizer_bytes == round(2 * (0.5 + 4 / 128) * (PARAMETERS - 512) + 8 * 512)

    def test_muon_has_one_moment_for_layers_and_two_for_the_ends(self) -> None:
        memory = training_memory(TINY, TrainingSetup(precision="fp32", optimizer="muon"), NOTHING)
        assert memory.optimizer_bytes == 4 * 2 * 592 + 8 * (2 * 512 + 8)

    def test_passes_that_accumulate_keep_gradients_in_32_bit(self) -> None:
        plain, summed = (TrainingSetup(grad_accumulation=passes) for passes in (1, 4))
        assert bytes_per_parameter(plain).total == 16
        assert bytes_per_parameter(summed).total == 18
        divided = summed._replace(division=Division(gpus=8, sharding=2))
        assert bytes_per_parameter(divided).total == 16


class TestZero:
    """Rajbhandari et al. 2020, figure 1: 7.5 billion parameters over 64 cards."""

    @pytest.mark.parametrize(("stage", "gb"), [(0, 120.0), (1, 31.4), (2, 16.6), (3, 1.9)])
    def test_the_table_of_the_paper(self, stage: int, gb: float) -> None:
        model = TINY._replace(use_stated_parameters=True, stated_parameters=7_500_000_000)
        division = Division(gpus=64, sharding=stage)
        setup = TrainingSetup(precision="fp16-mixed", division=division)
        assert state(training_memory(model, setup, NOTHING)) / 1e9 == pytest.approx(gb, abs=0.05)

    def test_deferred_gradients_lie_whole_though_they_are_sharded(self) -> None:
        setup = TrainingSetup(precision="bf16", grad_accumulation=4, division=Division(gpus=4, sharding=3))
        whole = setup._replace(division=setup.division._replace(deferred_reduction=True))
        assert training_memory(TINY, setup, NOTHING).gradients_bytes == 2 * PARAMETERS / 4
        assert training_memory(TINY, whole, NOTHING).gradients_bytes == 2 * PARAMETERS


class TestAdapters:
    """What `print_trainable_parameters` of PEFT says of published models."""

    @pytest.mark.parametrize(
        ("name", "rank", "targets", "trained"),
        [
            ("meta-llama/Llama-3.1-8B", 16, ("all-linear",), 41_943_040),
            ("meta-llama/Llama-3.1-8B", 16, ("q", "k", "v", "o", "mlp"), 41_943_040),
            ("meta-llama/Llama-3.1-8B", 8, ("q", "v"), 3_407_872),
            ("mistralai/Mistral-7B-v0.1", 64, ("q", "k", "v", "o", "mlp"), 167_772_160),
            ("Qwen/Qwen2.5-7B-Instruct", 16, ("all-linear",), 40_370_176),
        ],
    )
    def test_published_counts(self, name: str, rank: int, targets: tuple[str, ...], trained: int) -> None:
        setup = TrainingSetup(method="lora", lora_rank=rank, lora_targets=targets)  # type: ignore[arg-type]
        assert parameters_of(load().model(name), setup).all_trained == trained

    def test_rank_times_rows_and_columns(self) -> None:
        setup = TrainingSetup(method="lora", lora_rank=3, lora_targets=("q", "mlp"))
        of_q, of_gate_and_up, of_down = 3 * (8 + 8), 2 * 3 * (16 + 8), 3 * (8 + 16)
        trained = parameters_of(TINY, setup).all_trained
        assert trained == 2 * (of_q + of_gate_and_up + of_down)

    def test_dora_adds_the_length_of_every_row(self) -> None:
        setup = TrainingSetup(method="lora", lora_rank=3, lora_targets=("o", "mlp"))
        lengths = 2 * (8 + 2 * 16 + 8)
        plain, dora = (parameters_of(TINY, setup._replace(dora=each)).all_trained for each in (False, True))
        assert dora == plain + lengths

    def test_embedding_and_head_are_copied_where_they_are_trained(self) -> None:
        setup = TrainingSetup(method="lora", lora_rank=1, lora_targets=("q",), trained_embeddings=True)
        parameters = parameters_of(TINY, setup)
        assert parameters.copied == 2 * 512
        assert parameters.base + parameters.plain == PARAMETERS

    @pytest.mark.parametrize(
        ("base", "double", "bits"),
        [
            ("bf16", True, 16),
            ("int8", True, 8),
            ("int4", True, 4 + 20 / 128),
            ("nf4", False, 4.5),
            ("nf4", True, 4 + 8 / 64 + 32 / (64 * 256)),  # QLoRA, section 3: 0.127 bit for the scales
        ],
    )
    def test_bits_of_a_frozen_base(self, base: str, double: bool, bits: float) -> None:
        setup = TrainingSetup(method="qlora", base_format=base, double_quantised=double)  # type: ignore[arg-type]
        assert base_bits(setup) == bits

    def test_a_quantised_base_keeps_embedding_head_and_norms_in_16_bit(self) -> None:
        setup = TrainingSetup(method="qlora", base_format="int8", lora_rank=1, lora_targets=("q",))
        matrices = 2 * (592 - 16)
        frozen = matrices + 2 * (PARAMETERS - matrices)
        adapters = 2 * (8 + 8)
        memory = training_memory(TINY, setup._replace(precision="bf16"), NOTHING)
        assert memory.parameters_bytes == frozen + 2 * adapters
        # the largest matrix, of gate, up and down 16x8, in 16 bit while it multiplies
        assert memory.overhead_by_part["dequantised"] == 2 * 16 * 8

    def test_shards_of_a_quantised_base_are_gathered_in_their_bits(self) -> None:
        """The layer at work and the next one, and the ends in 16 bit."""
        setup = TrainingSetup(
            method="qlora",
            base_format="int8",
            lora_rank=1,
            lora_targets=("q",),
            division=Division(gpus=2, sharding=3),
        )
        memory = training_memory(TINY, setup, NOTHING)
        assert memory.overhead_by_part["gathered"] == 2 * 592 + 2 * (2 * 512 + 8)


class TestActivations:
    def test_a_layer_of_a_compiled_dense_model(self) -> None:
        """Per token of 8 values: two norms save 16; q, k, v and o read 8, and o another 8 (flash's output);
        flash attention saves q 8, k 4, v 4, and 4 bytes for each of 2 heads; the MLP saves its input 8, gate
        and up 2 x 16, and their product 16, in 2 bytes each."""
        setup = TrainingSetup(compile=True)
        kinds = saved_per_layer(TINY, setup, norm_values=1.0)
        values = (8 + 8) + 8 + (8 + 4 + 4 + 8) + 8 + 2 * 16 + 16
        saved = sum(live_bytes(kind, setup, quantised_input_bytes=0.0) for _, kind in kinds)
        assert saved == 2 * values + 4 * 2

    def test_scores_grow_with_the_square_of_the_length_without_flash_attention(self) -> None:
        plain, flash = (
            [
                training_memory(
                    TINY, TrainingSetup(seq_len=length, flash_attention=each), NOTHING
                ).activations_bytes
                for length in (1024, 2048)
            ]
            for each in (False, True)
        )
        assert flash[1] == pytest.approx(2 * flash[0], rel=1e-6)
        # 6 bytes for each of 2 heads in 2 layers and 1,024 x 1,024 pairs
        assert plain[0] - flash[0] == 6 * 2 * 2 * 1024**2
        assert plain[1] - flash[1] == 4 * (plain[0] - flash[0])

    def test_full_checkpointing_keeps_the_stream_between_layers(self) -> None:
        setup = TrainingSetup(checkpointing="full", seq_len=1000)
        constants = NOTHING._replace(logit_bytes=10_000.0)  # so that the loss is the busiest moment
        memory = training_memory(TINY, setup, constants)
        assert memory.moment == "loss"
        assert memory.activations_bytes == 2 * 1000 * 2 * 8
        assert memory.logits_bytes == 10_000 * 1000 * 64

    def test_offloaded_activations_leave_one_layer_on_the_card(self) -> None:
        setup = TrainingSetup(seq_len=4096)
        kept = training_memory(TINY, setup, NOTHING).activations_bytes
        moved = training_memory(TINY, setup._replace(activation_offloading=True), NOTHING)
        assert moved.activations_bytes == kept / 2

    def test_pipeline_stages_hold_as_many_passes_as_there_are_stages(self) -> None:
        setup = TrainingSetup(seq_len=4096, grad_accumulation=8, division=Division(gpus=2, pp=2))
        one = TrainingSetup(seq_len=4096)
        staged = training_memory(TINY, setup, NOTHING).activations_bytes
        assert staged == training_memory(TINY, one, NOTHING).activations_bytes

    def test_parts_of_a_vocabulary_that_ranks_share(self) -> None:
        """Tensor-parallel ranks hold 18 bytes of each logit of their share."""
        division = Division(gpus=2, tp=2)
        memory = training_memory(TINY, TrainingSetup(seq_len=50_000, division=division), CONSTANTS)
        assert memory.logits_bytes == 50_000 * 64 / 2 * 18


PRECISIONS = ("fp32", "bf16", "bf16-autocast", "bf16-mixed", "fp16-mixed", "fp8-mixed", "nvfp4-mixed")
OPTIMIZERS = (
    *("adamw", "adamw-8bit", "paged-adamw", "paged-adamw-8bit", "adamw-4bit"),
    *("adafactor", "lion", "muon", "sgd"),
)
TARGETS = st.lists(
    st.sampled_from(("q", "k", "v", "o", "mlp", "head", "all-linear")), min_size=1, unique=True
).map(tuple)


@st.composite
def setups(draw: st.DrawFn, *, methods: tuple[str, ...] = ("full", "lora", "qlora")) -> TrainingSetup:
    """Any settings that a job can have, undivided by tensors and stages."""
    method = draw(st.sampled_from(methods))
    adapters = method != "full"
    checkpointing = draw(st.sampled_from(("none", "selective", "full")))
    division = Division(
        gpus=draw(st.sampled_from((1, 2, 8, 64))),
        sharding=draw(count(0, 3)),
        deferred_reduction=draw(st.booleans()),
    )
    return TrainingSetup(
        method=method,  # type: ignore[arg-type]
        precision=draw(st.sampled_from(PRECISIONS)),
        optimizer=draw(st.sampled_from(OPTIMIZERS)),
        state_format=draw(st.none() | st.sampled_from(("fp32", "bf16"))),
        micro_batch=draw(count(1, 64)),
        grad_accumulation=draw(count(1, 8)),
        seq_len=draw(count(1, 32_768)),
        checkpointing=checkpointing,  # type: ignore[arg-type]
        selective=draw(st.sampled_from(("ops", "layers", "attention")))
        if checkpointing == "selective"
        else None,
        flash_attention=draw(st.booleans()),
        compile=draw(st.booleans()),
        chunked_ce=draw(st.none() | st.booleans()),
        activation_offloading=draw(st.booleans()),
        optimizer_offload=draw(st.booleans()),
        optimizer_in_backward=draw(st.booleans()),
        lora_rank=draw(count(1, 64)) if adapters else 0,
        lora_targets=draw(TARGETS) if adapters else (),  # type: ignore[arg-type]
        dora=draw(st.booleans()) if adapters else False,
        trained_embeddings=draw(st.booleans()) if adapters else False,
        base_format=draw(st.sampled_from(("int8", "int4", "nf4"))) if method == "qlora" else "bf16",
        division=division,
    )


def total(model: Model, setup: TrainingSetup) -> int:
    """All of one card [B]."""
    return training_memory(model, setup, CONSTANTS).total_bytes


def most(first: int, second: int) -> bool:
    """Whether the first is at most the second, but for the rounding of parts."""
    return first <= second + ROUNDING + 1e-12 * second


@law
@given(models(), setups())
def test_parts_sum_to_the_total_and_none_is_negative(model: Model, setup: TrainingSetup) -> None:
    memory = training_memory(model, setup, CONSTANTS)
    assert sum(memory[:6]) == memory.total_bytes
    assert sum(memory.overhead_by_part.values()) == memory.overhead_bytes
    assert all(part >= 0 for part in (*memory[:6], *memory.overhead_by_part.values()))
    assert math.isfinite(memory.total_bytes)


@law
@given(models(), setups())
def test_a_later_stage_of_sharding_never_holds_more_states(model: Model, setup: TrainingSetup) -> None:
    stages = [setup._replace(division=setup.division._replace(sharding=stage)) for stage in range(4)]
    held = [state(training_memory(model, each, CONSTANTS)) for each in stages]
    assert all(most(after, before) for before, after in pairwise(held))


@law
@given(models(), setups(), st.sampled_from((1, 2, 3)))
def test_more_shards_never_take_more(model: Model, setup: TrainingSetup, stage: int) -> None:
    sizes = [
        total(model, setup._replace(division=setup.division._replace(gpus=cards, sharding=stage)))
        for cards in (2, 3, 8, 64, 512)
    ]
    assert all(most(after, before) for before, after in pairwise(sizes))


@law
@given(dense_models(), setups(methods=("lora",)))
def test_adapters_take_at_most_what_full_training_takes(model: Model, setup: TrainingSetup) -> None:
    """Adapters of low rank, that is: with as many parameters as the model they would take more."""
    adapters = setup._replace(
        lora_rank=1,
        trained_embeddings=False,
        dora=False,
        precision="bf16-mixed",
        optimizer_in_backward=False,
    )
    full = adapters._replace(method="full", lora_rank=0, lora_targets=())
    few, all_of_them = (training_memory(model, each, CONSTANTS) for each in (adapters, full))
    assert most(state(few), state(all_of_them))
    assert most(few.gradients_bytes, all_of_them.gradients_bytes)
    assert most(few.optimizer_bytes, all_of_them.optimizer_bytes)


@law
@given(models(), setups(methods=("qlora",)))
def test_a_quantised_base_never_has_more_weights(model: Model, setup: TrainingSetup) -> None:
    plain = setup._replace(method="lora", base_format="bf16")
    memory, other = (training_memory(model, each, CONSTANTS) for each in (setup, plain))
    assert memory.parameters_bytes <= other.parameters_bytes
    assert memory.gradients_bytes == other.gradients_bytes
    assert memory.optimizer_bytes == other.optimizer_bytes


@law
@given(models(), setups())
def test_checkpointing_never_saves_more_per_layer(model: Model, setup: TrainingSetup) -> None:
    """At the loss, where nothing is computed again yet."""
    constants = CONSTANTS._replace(logit_bytes=1e9, chunked_logit_bytes=1e9, compiled_logit_bytes=1e9)
    none, layers, full = (
        training_memory(
            model,
            setup._replace(checkpointing=each, selective=kept, precision="bf16", activation_offloading=False),  # type: ignore[arg-type]
            constants,
        )
        for each, kept in (("none", None), ("selective", "layers"), ("full", None))
    )
    assert none.moment == full.moment == "loss"
    assert full.activations_bytes <= layers.activations_bytes <= none.activations_bytes


@law
@given(models(), setups(), st.integers(1, 3))
def test_longer_sequences_and_larger_passes_never_take_less(
    model: Model, setup: TrainingSetup, times: int
) -> None:
    here = total(model, setup)
    assert most(here, total(model, setup._replace(seq_len=setup.seq_len * times + 1)))
    assert most(here, total(model, setup._replace(micro_batch=setup.micro_batch + times)))


@law
@given(models(), setups())
def test_what_saves_memory_never_costs_any(model: Model, setup: TrainingSetup) -> None:
    for saving in (
        {"flash_attention": True},
        {"activation_offloading": True},
        {"optimizer_offload": True},
        {"optimizer_in_backward": True},
        {"compile": True},
    ):
        without = dict.fromkeys(saving, False)
        assert most(total(model, setup._replace(**saving)), total(model, setup._replace(**without))), saving  # type: ignore[arg-type]


@law
@given(models(), setups())
def test_a_loss_in_chunks_never_takes_more(model: Model, setup: TrainingSetup) -> None:
    chunked, whole = (setup._replace(chunked_ce=each, precision="bf16-mixed") for each in (True, False))
    assert most(total(model, chunked), total(model, whole))


@law
@given(models(), setups())
def test_fewer_bits_of_moments_never_take_more(model: Model, setup: TrainingSetup) -> None:
    """Against moments in 32 bit: those of an embedding stay so."""
    wide = setup._replace(precision="bf16-mixed", optimizer="adamw", state_format=None)
    sizes = [total(model, wide._replace(optimizer=each)) for each in ("adamw-4bit", "adamw-8bit", "adamw")]
    assert all(most(before, after) for before, after in pairwise(sizes))
    for paged in ("paged-adamw", "paged-adamw-8bit", "lion", "sgd", "adafactor", "muon"):
        assert most(total(model, wide._replace(optimizer=paged)), sizes[-1])


@law
@given(dense_models(), setups(), TENSOR_PARALLEL)
def test_tensor_parallel_ranks_never_hold_more_weights(model: Model, setup: TrainingSetup, tp: int) -> None:
    one = setup._replace(division=Division())
    cut = setup._replace(division=Division(gpus=tp, tp=tp, sequence_parallel=tp > 1))
    here, there = (training_memory(model, each, CONSTANTS) for each in (one, cut))
    assert most(there.parameters_bytes, here.parameters_bytes)
    assert most(there.optimizer_bytes, here.optimizer_bytes)
    assert tp * there.parameters_bytes + ROUNDING >= here.parameters_bytes


@law
@given(dense_models(), setups(), TENSOR_PARALLEL)
def test_sequence_parallelism_never_takes_more(model: Model, setup: TrainingSetup, tp: int) -> None:
    plain, shared = (
        setup._replace(division=Division(gpus=tp, tp=tp, sequence_parallel=each)) for each in (False, True)
    )
    assert most(total(model, shared), total(model, plain))


@law
@given(moe_models(), setups(methods=("full",)), st.sampled_from((2, 4, 8)))
def test_ranks_that_share_whole_experts_hold_fewer_of_them(
    model: Model, setup: TrainingSetup, ep: int
) -> None:
    (moe,) = model.mlps
    assert isinstance(moe, MoeMlp)
    division = Division(gpus=8)
    whole = parameters_of(model, setup._replace(division=division))
    cut = parameters_of(model, setup._replace(division=division._replace(ep=ep)))
    assert cut.trained == whole.trained
    held = cut.trained_experts / whole.trained_experts * moe.experts
    assert held == pytest.approx(math.ceil(moe.experts / ep))


@law
@given(models(), setups())
def test_a_device_holds_at_least_what_the_allocator_reserves(model: Model, setup: TrainingSetup) -> None:
    sizes = [
        training_memory(model, setup, CONSTANTS, counted=each).total_bytes
        for each in ("allocated", "reserved", "device")
    ]
    assert sizes == sorted(sizes)


@law
@given(models(), setups())
def test_context_parallel_ranks_share_the_tokens(model: Model, setup: TrainingSetup) -> None:
    whole = setup._replace(seq_len=4096, division=Division(gpus=4, sharding=3))
    cut = whole._replace(division=whole.division._replace(cp=4))
    here, there = (training_memory(model, each, NOTHING) for each in (whole, cut))
    assert most(there.total_bytes, here.total_bytes)
    assert there.parameters_bytes == here.parameters_bytes
