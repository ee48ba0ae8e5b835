"""Weights per GPU."""

from collections.abc import Mapping
from math import ceil
from typing import NamedTuple

from gpucost.calc.tensors import (
    Split,
    Tensor,
    mixer_tensors,
    mlp_tensors,
    model_tensors,
    parameter_scale,
)
from gpucost.domain.deployment import Parallelism
from gpucost.domain.model import LatentAttention, Model, SoftmaxAttention
from gpucost.domain.quantization import Quantization
from gpucost.units import BITS_PER_BYTE, MIB

VOCABULARY_PADDING = 64
"""vLLM and SGLang pad the vocabulary to this before they divide it over ranks."""


class ExpertPadding(NamedTuple):
    """To what multiple a kernel pads the matrices of routed experts [features]."""

    hidden_multiple: int = 1
    intermediate_multiple: int = 1
    reduction_multiple: int = 1
    """Of the input side of both matrices, whatever it is."""


def _round_up(value: int, multiple: int) -> int:
    return ceil(value / multiple) * multiple


def shard_shape(tensor: Tensor, parallel: Parallelism, padding: ExpertPadding) -> tuple[float, int, int]:
    """Count, rows and columns of a tensor on one rank of a tensor-parallel group.

    KV heads are replicated once there are more ranks than heads; the vocabulary is padded; routed
    experts are whole under EP and cut otherwise, then padded to what the kernel needs.
    """
    tp, count, rows, columns = parallel.tp, float(tensor.copies), tensor.rows, tensor.columns
    match tensor.split:
        case Split.ROWS:
            rows = ceil(rows / tp)
        case Split.COLUMNS:
            columns = ceil(columns / tp)
        case Split.KV_HEADS:
            rows = rows // tensor.units * max(1, ceil(tensor.units / tp))
        case Split.VOCAB:
            rows = ceil(_round_up(rows, VOCABULARY_PADDING) / tp)
        case Split.EXPERT_ROWS | Split.EXPERT_COLUMNS:
            if parallel.ep > 1:
                count = count / tensor.units * ceil(tensor.units / parallel.ep)
            elif tensor.split is Split.EXPERT_ROWS:
                rows = ceil(rows / tp)
            elif columns > 1:
                columns = ceil(columns / tp)
            if columns > 1:
                rows, columns = _padded(tensor.split, rows, columns, padding)
        case Split.NONE:
            pass
    return count, rows, columns


def _padded(split: Split, rows: int, columns: int, padding: ExpertPadding) -> tuple[int, int]:
    if split is Split.EXPERT_ROWS:
        rows = _round_up(rows, 2 * padding.intermediate_multiple)
        columns = _round_up(columns, padding.hidden_multiple)
    else:
        rows = _round_up(rows, padding.hidden_multiple)
        columns = _round_up(columns, padding.intermediate_multiple)
    return rows, _round_up(columns, padding.reduction_multiple)


def tensor_bytes_per_gpu(
    tensor: Tensor, *, quantization: Quantization, parallel: Parallelism, padding: ExpertPadding, tied: bool
) -> float:
    """Bytes [B] of a tensor on one rank, were all layers on it; a tied embedding is stored as the head."""
    count, rows, columns = shard_shape(tensor, parallel, padding)
    bits = quantization.bits("lm_head" if tied and tensor.part == "embedding" else tensor.part, columns)
    return count * rows * columns * bits / BITS_PER_BYTE


SEGMENT_BYTES = 2 * MIB
OWN_SEGMENT_BYTES = 10 * MIB
KEPT_REST_BYTES = MIB
"""PyTorch's caching allocator: kRoundLarge, kMinLargeAlloc, kSmallSize of CUDACachingAllocator.cpp [B]."""
FUSED = frozenset({"attention_q", "attention_k", "attention_v"})
"""Loaded as one matrix."""


def allocator_rest_bytes(
    model: Model, *, quantization: Quantization, parallel: Parallelism, padding: ExpertPadding
) -> float:
    """Bytes [B] that PyTorch's allocator adds to the weights of a rank.

    A tensor of 10 MiB or more gets a segment of its own, rounded up to 2 MiB; a rest of at most 1 MiB
    stays with it and counts as allocated. Queries, keys and values are one tensor, as are all experts
    of a layer. This is what logs show above the sum of the weights: 56 MiB for Qwen2-7B on one card.
    """
    stage = ceil(model.layers / parallel.pp) / model.layers

    def size(tensor: Tensor) -> float:
        return tensor_bytes_per_gpu(
            tensor,
            quantization=quantization,
            parallel=parallel,
            padding=padding,
            tied=model.tied_embeddings,
        )

    rest = 0.0
    for mixer in model.mixers:
        tensors = mixer_tensors(mixer, model.hidden_size)
        fused = FUSED if isinstance(mixer, SoftmaxAttention) else frozenset()
        each = [sum(size(tensor) for tensor in tensors if tensor.part in fused)]
        each += [size(tensor) for tensor in tensors if tensor.part not in fused]
        rest += stage * mixer.layers * sum(_rest(total / mixer.layers) for total in each)
    for mlp in model.mlps:
        each = [size(tensor) for tensor in mlp_tensors(mlp, model.hidden_size)]
        rest += stage * mlp.layers * sum(_rest(total / mlp.layers) for total in each)
    ends = [tensor for tensor in model_tensors(model) if tensor.part in ("embedding", "lm_head")]
    return rest + sum(_rest(size(tensor)) for tensor in ends)


def _rest(size_bytes: float) -> float:
    rest = ceil(size_bytes / SEGMENT_BYTES) * SEGMENT_BYTES - size_bytes
    return rest if size_bytes >= OWN_SEGMENT_BYTES and rest <= KEPT_REST_BYTES else 0.0


def absorbed_latent_bytes(model: Model, *, tp: int, pp: int = 1) -> float:
    """Bytes [B] per rank of the 16-bit copies of the latent up-projection that MLA decoding keeps.

    ceil(layers / pp) × heads/tp × kv_lora_rank × (nope + value head dim) × 2 B. vLLM and SGLang prepare
    them from kv_b_proj after loading and keep the original for prefill.
    """
    total = 0.0
    for mixer in model.mixers:
        if isinstance(mixer, LatentAttention) and not model.use_stated_parameters:
            per_layer = mixer.heads * mixer.kv_lora_rank * (mixer.nope_head_dim + mixer.value_head_dim)
            total += ceil(mixer.layers / pp) * per_layer * 2 / tp
    return total


def rotary_cache_bytes(model: Model) -> float:
    """Bytes [B] of the sine and cosine table that engines load with the weights.

    max_context × rotary width × 2 B, once per distinct width (0.031 GiB for an 8B Llama with 131,072
    positions, which is what its logs show above 2 × parameters).
    """
    widths = set()
    for mixer in model.mixers:
        if isinstance(mixer, LatentAttention):
            widths.add((mixer.rope_head_dim, False))
        elif isinstance(mixer, SoftmaxAttention):
            widths.add((mixer.head_dim, mixer.window is not None and len(model.mixers) > 1))
    return sum(width for width, _ in widths) * (model.max_context or 0) * 2.0


def weights_by_part(
    model: Model,
    *,
    quantization: Quantization,
    parallel: Parallelism,
    padding: ExpertPadding,
    with_mtp: bool = False,
) -> Mapping[str, float]:
    """Bytes [B] per tensor part on the fullest rank.

    bytes = Σ count × rows × columns × bits / 8 over the tensors of the rank; layers are divided over
    pipeline stages (the fullest holds ceil(layers / pp)), embedding and head stand on the first and
    last stage, of which the larger counts. Valid for GPU formats to about 1 % (see `gpucost validate`).
    """
    stage = ceil(model.layers / parallel.pp) / model.layers
    scale = parameter_scale(model)
    parts: dict[str, float] = {}
    ends: dict[str, float] = {}
    for tensor in model_tensors(model, with_mtp=with_mtp):
        size = scale * tensor_bytes_per_gpu(
            tensor,
            quantization=quantization,
            parallel=parallel,
            padding=padding,
            tied=model.tied_embeddings,
        )
        if tensor.per_layer:
            parts[tensor.part] = parts.get(tensor.part, 0.0) + size * stage
        else:
            ends[tensor.part] = ends.get(tensor.part, 0.0) + size
    if parallel.pp == 1:
        first = last = ends
    else:
        last = {"lm_head": ends.get("lm_head", ends["embedding"]), "norm": ends["norm"]}
        first = {part: size for part, size in ends.items() if part not in ("lm_head", "norm")}
    for part, size in max(first, last, key=lambda end: sum(end.values())).items():
        parts[part] = parts.get(part, 0.0) + size
    return parts


def whole_copy_bits(model: Model, quantization: Quantization) -> float:
    """Bits of a whole copy on one card, before any engine adds to it [bit]."""
    parts = weights_by_part(model, quantization=quantization, parallel=Parallelism(), padding=ExpertPadding())
    return sum(parts.values()) * BITS_PER_BYTE
