"""What the reference tests ask of the package: shards as an engine loads them, and layouts by version."""

from __future__ import annotations

from functools import cache
from math import ceil

from gpucost.api.engines import EngineFlags, EngineSetup, platform_of
from gpucost.calc.kernels import expert_padding
from gpucost.calc.kv_cache import PagedLayout, cache_specs, kv_bytes_per_token, paged_layout
from gpucost.calc.weights import (
    absorbed_latent_bytes,
    allocator_rest_bytes,
    rotary_cache_bytes,
    weights_by_part,
)
from gpucost.catalog.names import resolve_cache_format, resolve_version
from gpucost.catalog.store import Catalog, load
from gpucost.domain.deployment import EngineKind, Parallelism
from gpucost.domain.model import Model
from gpucost.units import GIB, MIB

H100, A100 = "h100-sxm-80gb", "a100-sxm-80gb"


@cache
def catalog() -> Catalog:
    return load()


@cache
def model_of(identity: str) -> Model:
    return catalog().model(identity)


def loaded_gib(
    identity: str, form: str = "bf16", *, tp: int = 1, ep: int = 1, gpu: str = H100, mtp: bool = False
) -> float:
    """What vLLM reports after loading, per rank [GiB]."""
    model, quantization, card = model_of(identity), catalog().quantization(form), catalog().gpus[gpu]
    padding = expert_padding(quantization, engine=EngineKind.VLLM, gpu=card, platform=platform_of(card))
    parts = weights_by_part(
        model,
        quantization=quantization,
        parallel=Parallelism(tp, 1, ep),
        padding=padding,
        with_mtp=mtp,
    )
    total = sum(parts.values()) + absorbed_latent_bytes(model, tp=tp) + rotary_cache_bytes(model)
    return total / GIB


def in_segments_gib(identity: str, form: str = "bf16", *, tp: int = 1, gpu: str = H100) -> float:
    """What vLLM reports after loading, in the segments of PyTorch's allocator, per rank [GiB]."""
    model, quantization, card = model_of(identity), catalog().quantization(form), catalog().gpus[gpu]
    padding = expert_padding(quantization, engine=EngineKind.VLLM, gpu=card, platform=platform_of(card))
    rest = allocator_rest_bytes(model, quantization=quantization, parallel=Parallelism(tp), padding=padding)
    return loaded_gib(identity, form, tp=tp, gpu=gpu) + rest / GIB


def unsplit_bytes(*sizes: float) -> float:
    """Bytes [B] that PyTorch's caching allocator adds to tensors of the given sizes.

    A tensor of 10 MiB and more gets a segment of its own, rounded up to 2 MiB; what is left stays with
    the tensor when it is no more than 1 MiB, and counts as allocated (c10/cuda/CUDACachingAllocator.cpp:
    kRoundLarge, kMinLargeAlloc, kSmallSize).
    """
    added = 0.0
    for size in sizes:
        rest = ceil(size / (2 * MIB)) * 2 * MIB - size
        if size >= 10 * MIB and rest <= MIB:
            added += rest
    return added


def kv_bytes(identity: str, kv_dtype: str = "bf16", *, tp: int = 1, pp: int = 1, mtp: bool = False) -> float:
    """Bytes per token and rank [B]."""
    form = resolve_cache_format(kv_dtype)
    return kv_bytes_per_token(cache_specs(model_of(identity), cache=form, tp=tp, pp=pp, with_mtp=mtp))


def layout_of(
    identity: str, version: str, kv_dtype: str = "bf16", *, tp: int = 1, block: int = 16
) -> PagedLayout:
    """How that version of vLLM cuts its pool."""
    engine = catalog().engine("vllm")
    setup = EngineSetup(engine, resolve_version(engine, version), EngineFlags())
    specs = cache_specs(model_of(identity), cache=resolve_cache_format(kv_dtype), tp=tp)
    return paged_layout(
        specs,
        block_tokens=block,
        hybrid=setup.hybrid,
        reports_context=setup.reports_context,
        state_blocks=setup.state_blocks,
    )
