"""Laws of weights per GPU, over random architectures."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.calc.tensors import (
    Split,
    active_parameters,
    model_tensors,
    parameter_scale,
    total_parameters,
)
from gpucost.calc.weights import (
    ExpertPadding,
    absorbed_latent_bytes,
    rotary_cache_bytes,
    shard_shape,
    weights_by_part,
)
from gpucost.domain.deployment import Parallelism
from gpucost.domain.model import DenseMlp, LatentAttention, Model, MoeMlp, SoftmaxAttention
from gpucost.domain.quantization import PARTS, Quantization
from tests.calc.strategies import (
    BF16,
    TENSOR_PARALLEL,
    UNPADDED,
    count,
    dense_models,
    law,
    models,
    moe_models,
    per_gpu,
    quantizations,
    softmax_of,
)

EXACT = 1e-12
"""Room for the order of additions, nothing else."""


def at_least(value: float, bound: float) -> bool:
    return value >= bound * (1 - EXACT)


@law
@given(models(), quantizations(), count(2, 16))
def test_all_ranks_together_hold_at_least_the_whole_model(model: Model, form: Quantization, tp: int) -> None:
    assert at_least(tp * per_gpu(model, form, tp=tp), per_gpu(model, form))


@law
@given(models(), count(1, 16), count(1, 16))
def test_no_tensor_loses_a_row_to_its_ranks(model: Model, tp: int, ep: int) -> None:
    """Tensor by tensor, so that what one repeats does not hide what another lacks."""
    for tensor in model_tensors(model, with_mtp=True):
        copies, rows, columns = shard_shape(tensor, Parallelism(tp, 1, ep), UNPADDED)
        ranks = tp
        if ep > 1 and tensor.split in (Split.EXPERT_ROWS, Split.EXPERT_COLUMNS):
            ranks = ep
        assert ranks * copies * rows * columns >= tensor.parameters * (1 - EXACT), tensor
        assert copies * rows * columns <= tensor.parameters + tensor.copies * 64 * tensor.columns, tensor


@law
@given(models(), quantizations(), count(2, 16))
def test_a_rank_never_holds_more_than_the_whole_model(model: Model, form: Quantization, tp: int) -> None:
    """Group and block scales do not change with the cut; only scales per output channel are repeated."""
    form = form._replace(per_channel_scale_bits=0)
    assert at_least(per_gpu(model, form), per_gpu(model, form, tp=tp))


def replicated_bytes(model: Model, tp: int) -> float:
    """16-bit bytes that every rank holds again: norms, and KV heads that are fewer than the ranks [B]."""
    norms = (model.layers * model.norms_per_layer + 1) * model.hidden_size * 2
    heads = 0.0
    for mixer in softmax_of(model):
        copies = max(1.0, tp / mixer.kv_heads) - 1
        width = mixer.kv_heads * (mixer.head_dim + mixer.value_head_dim) * model.hidden_size
        heads += copies * mixer.layers * width * 2
    return (tp - 1) * norms + heads


@law
@given(dense_models(), TENSOR_PARALLEL)
def test_ranks_hold_the_whole_model_and_what_they_repeat(model: Model, tp: int) -> None:
    together = tp * per_gpu(model, tp=tp)
    assert together == pytest.approx(per_gpu(model) + replicated_bytes(model, tp), rel=EXACT)


@law
@given(dense_models(), TENSOR_PARALLEL)
def test_bytes_are_conserved_where_nothing_is_replicated(model: Model, tp: int) -> None:
    """As many KV heads as query heads and no norms: ranks hold the model once."""
    mixers = tuple(group._replace(kv_heads=group.heads) for group in softmax_of(model))
    model = model._replace(mixers=mixers, norms_per_layer=0)
    last_norm = 2 * model.hidden_size
    together = tp * (per_gpu(model, tp=tp) - last_norm)
    assert together == pytest.approx(per_gpu(model) - last_norm, rel=EXACT)


@law
@given(models(), quantizations())
def test_parts_sum_to_the_total_and_are_known(model: Model, form: Quantization) -> None:
    parts = weights_by_part(model, quantization=form, parallel=Parallelism(), padding=UNPADDED)
    assert set(parts) <= set(PARTS)
    assert all(size >= 0 for size in parts.values())
    assert sum(parts.values()) == pytest.approx(per_gpu(model, form), rel=EXACT)


@law
@given(dense_models())
def test_sixteen_bits_are_two_bytes_per_parameter(model: Model) -> None:
    assert per_gpu(model) == 2 * total_parameters(model)


@law
@given(moe_models())
def test_sixteen_bits_are_two_bytes_per_parameter_of_experts(model: Model) -> None:
    assert per_gpu(model) == 2 * total_parameters(model)


@law
@given(models(), st.lists(st.sampled_from((2, 3, 4, 5, 6, 8, 16)), min_size=2, max_size=2, unique=True))
def test_more_bits_are_more_bytes(model: Model, bits: list[int]) -> None:
    low, high = (BF16._replace(id=str(n), weight_bits=n) for n in sorted(bits))
    assert per_gpu(model, low) < per_gpu(model, high)


@law
@given(models(), quantizations())
def test_scales_only_add(model: Model, form: Quantization) -> None:
    bare = form._replace(scale_bits=0, zero_point_bits=0, per_channel_scale_bits=0)
    assert at_least(per_gpu(model, form), per_gpu(model, bare))


@law
@given(models(), quantizations())
def test_a_part_left_in_sixteen_bits_never_saves(model: Model, form: Quantization) -> None:
    form = form._replace(weight_bits=4, scale_bits=0, zero_point_bits=0, per_channel_scale_bits=0)
    wide = per_gpu(model, form)
    for part in sorted(form.parts):
        assert at_least(per_gpu(model, form._replace(parts=form.parts - {part})), wide)


@law
@given(dense_models(), count(2, 15))
def test_a_tied_embedding_is_stored_as_the_head(model: Model, bits: int) -> None:
    """A format that holds the head holds a tied embedding too, and leaves an untied one in 16 bit."""
    form = Quantization("head", "head", bits, frozenset({"lm_head"}))
    table = model.vocab_size * model.hidden_size
    rest = per_gpu(model) - (2 if model.tied_embeddings else 4) * table
    embedding = bits / 8 if model.tied_embeddings else 2 + bits / 8
    assert per_gpu(model, form) == pytest.approx(rest + embedding * table, rel=EXACT)


@law
@given(models(), quantizations(), TENSOR_PARALLEL)
def test_more_layers_hidden_and_vocabulary_are_more_bytes(model: Model, form: Quantization, tp: int) -> None:
    here = per_gpu(model, form._replace(per_channel_scale_bits=0), tp=tp)
    deeper = model._replace(
        layers=model.layers + 1,
        mixers=(model.mixers[0]._replace(layers=model.mixers[0].layers + 1), *model.mixers[1:]),
        mlps=(model.mlps[0]._replace(layers=model.mlps[0].layers + 1),),
    )
    for larger in (
        deeper,
        model._replace(hidden_size=model.hidden_size + 64),
        model._replace(vocab_size=model.vocab_size + 64 * tp),
    ):
        assert per_gpu(larger, form._replace(per_channel_scale_bits=0), tp=tp) > here


@law
@given(models(), quantizations(), count(1, 12), TENSOR_PARALLEL)
def test_pipeline_stages_divide_the_layers(model: Model, form: Quantization, pp: int, tp: int) -> None:
    whole = per_gpu(model, form, tp=tp)
    stage = per_gpu(model, form, tp=tp, pp=pp)
    share = math.ceil(model.layers / pp) / model.layers
    assert at_least(whole, stage)
    assert at_least(pp * stage, whole - per_gpu(model._replace(mixers=(), mlps=(), norms_per_layer=0), form))
    body = weights_by_part(model, quantization=form, parallel=Parallelism(tp), padding=UNPADDED)
    cut = weights_by_part(model, quantization=form, parallel=Parallelism(tp, pp), padding=UNPADDED)
    for part in set(body) - {"embedding", "lm_head", "vision", "norm", "mtp"}:
        assert cut[part] == pytest.approx(share * body[part], rel=EXACT)


@law
@given(models(), quantizations())
def test_deeper_pipelines_never_hold_more(model: Model, form: Quantization) -> None:
    sizes = [per_gpu(model, form, pp=pp) for pp in (1, 2, 3, 4, 8)]
    assert all(at_least(before, after) for before, after in pairwise(sizes))


def expert_bytes(model: Model, *, tp: int, ep: int) -> float:
    parts = weights_by_part(model, quantization=BF16, parallel=Parallelism(tp, 1, ep), padding=UNPADDED)
    return parts["expert_gate_up"] + parts["expert_down"]


@law
@given(moe_models(), count(2, 64), TENSOR_PARALLEL)
def test_expert_parallel_ranks_hold_whole_experts(model: Model, ep: int, tp: int) -> None:
    (moe,) = model.mlps
    assert isinstance(moe, MoeMlp)
    width = moe.latent_size or model.hidden_size
    one = (3 if moe.gated else 2) * moe.intermediate_size * width * 2
    held = expert_bytes(model, tp=tp, ep=ep) / (moe.layers * one)
    assert held == pytest.approx(math.ceil(moe.experts / ep), rel=EXACT)
    assert ep * held >= moe.experts


@law
@given(moe_models(), TENSOR_PARALLEL)
def test_tensor_parallel_ranks_cut_every_expert(model: Model, tp: int) -> None:
    assert tp * expert_bytes(model, tp=tp, ep=1) == pytest.approx(expert_bytes(model, tp=1, ep=1), rel=EXACT)


@law
@given(moe_models(), st.builds(ExpertPadding, count(1, 512), count(1, 512), count(1, 512)), TENSOR_PARALLEL)
def test_kernel_padding_never_shrinks(model: Model, padding: ExpertPadding, tp: int) -> None:
    assert at_least(per_gpu(model, tp=tp, padding=padding), per_gpu(model, tp=tp))
    for tensor in model_tensors(model):
        _, rows, columns = shard_shape(tensor, Parallelism(tp), UNPADDED)
        _, padded_rows, padded_columns = shard_shape(tensor, Parallelism(tp), padding)
        assert padded_rows >= rows
        assert padded_columns >= columns
        if tensor.split not in (Split.EXPERT_ROWS, Split.EXPERT_COLUMNS):
            assert (padded_rows, padded_columns) == (rows, columns)


@law
@given(models())
def test_draft_layers_count_only_for_speculation(model: Model) -> None:
    plain, drafting = per_gpu(model), per_gpu(model, with_mtp=True)
    assert drafting > plain if model.mtp_layers else drafting == plain
    assert per_gpu(model._replace(mtp_layers=0)) == plain


@law
@given(dense_models(), count(10**6, 10**13))
def test_a_stated_size_decides_where_groups_are_incomplete(model: Model, stated: int) -> None:
    scaled = model._replace(use_stated_parameters=True, stated_parameters=stated)
    assert total_parameters(scaled) == pytest.approx(stated, rel=EXACT)
    assert per_gpu(scaled) == pytest.approx(2 * stated, rel=EXACT)
    assert parameter_scale(model._replace(stated_parameters=stated)) == 1


@law
@given(dense_models())
def test_every_weight_of_a_dense_model_is_active_but_the_lookup(model: Model) -> None:
    looked_up = 0 if model.tied_embeddings else model.vocab_size * model.hidden_size
    assert active_parameters(model) == total_parameters(model) - looked_up


@law
@given(models())
def test_active_is_positive_and_at_most_the_total(model: Model) -> None:
    assert 0 < active_parameters(model) <= total_parameters(model)


@law
@given(moe_models())
def test_a_model_that_routes_to_all_its_experts_is_dense(model: Model) -> None:
    (moe,) = model.mlps
    assert isinstance(moe, MoeMlp)
    all_of_them = model._replace(mlps=(moe._replace(experts_per_token=moe.experts),))
    assert active_parameters(all_of_them) == total_parameters(model) - model.vocab_size * model.hidden_size
    assert active_parameters(model) <= active_parameters(all_of_them)


@law
@given(models(), TENSOR_PARALLEL)
def test_absorbed_latent_projections_are_divided_over_ranks(model: Model, tp: int) -> None:
    whole = absorbed_latent_bytes(model, tp=1)
    assert (whole > 0) == any(isinstance(mixer, LatentAttention) for mixer in model.mixers)
    assert tp * absorbed_latent_bytes(model, tp=tp) == pytest.approx(whole, rel=EXACT)


@law
@given(models())
def test_rotary_tables_grow_with_positions_only(model: Model) -> None:
    table = rotary_cache_bytes(model)
    assert rotary_cache_bytes(model._replace(max_context=None)) == 0
    assert rotary_cache_bytes(model._replace(max_context=262_144)) == 2 * table
    deeper = model._replace(mixers=tuple(mixer._replace(layers=7) for mixer in model.mixers))
    assert rotary_cache_bytes(deeper) == table


def test_huge_models_neither_overflow_nor_lose_layers() -> None:
    """2.9 x 10**15 parameters, beyond what `--params` takes: counts stay exact, bytes keep 15 digits."""
    layers, hidden, inner = 1000, 10**6, 2 * 10**5
    model = Model(
        id="test/huge",
        name="huge",
        family="test",
        hidden_size=hidden,
        vocab_size=64 * 10**7,
        layers=layers,
        mixers=(SoftmaxAttention(layers, 8000, 1000, 125, 125),),
        mlps=(DenseMlp(layers, inner),),
        tied_embeddings=True,
        max_context=10**9,
    )
    attention = hidden * (2 * 8000 * 125 + 2 * 1000 * 125)
    norms = (2 * layers + 1) * hidden
    whole = layers * (attention + 3 * hidden * inner) + 64 * 10**7 * hidden + norms
    assert total_parameters(model) == whole
    assert per_gpu(model) == pytest.approx(2 * whole, rel=1e-15)
    assert math.isfinite(per_gpu(model, tp=8, pp=100))
