"""The memory budget of a serving engine: one identity, and what it leaves for the KV cache.

usable × utilisation = weights + activations + non-torch (+ graphs, by version) + KV pool

vLLM profiles the largest batch it may run and gives the rest of its share to the KV pool. V0 (before
0.8) profiles one full prefill of the context unless chunked prefill is on; V1 profiles a chunk of
max_num_batched_tokens and a sampling step of max_num_seqs sequences, whichever is larger. From 0.21 an
estimate of the CUDA graphs is taken from the share too; before, graphs come on top. SGLang gives the
pool what its static fraction leaves after the weights, a fraction of what is free once its context and
communication buffers exist; everything else lives outside the fraction.
TensorRT-LLM takes a fraction of what is free once weights and activations are in place.
"""

from typing import NamedTuple

from gpucost.calc.activations import forward_bytes_per_token, llama_cpp_compute_bytes, sampler_bytes
from gpucost.calc.kv_cache import Layout, sequence_bytes
from gpucost.domain.cache import CacheKind, CacheSpec
from gpucost.domain.deployment import EngineKind
from gpucost.domain.model import Model

V0_CHUNKED_ABOVE = 32_768
"""vLLM V0 switched chunked prefill on for contexts above this [tokens]."""


class MemoryConstants(NamedTuple):
    """Constants of an engine's memory behaviour; values, methods and sources stand in engines.yaml."""

    sampler_bytes_per_logit: float
    non_torch_bytes: float
    """Context growth and libraries on one card [B]."""
    communication_bytes_per_peer: float
    """Communication buffers per further rank of a tensor-parallel group [B]."""
    graph_bytes_base: float
    graph_bytes_per_layer: float
    """CUDA graphs: fixed and per-layer part [B]."""
    encoder_bytes_per_patch: float
    """Transient memory of an image encoder per patch of the largest image [B]."""


class EngineSettings(NamedTuple):
    """Settings of one engine process, all in force (none left to a default)."""

    engine: EngineKind
    v0: bool
    graphs_in_budget: bool
    utilization: float
    max_num_seqs: int
    max_num_batched_tokens: int
    eager: bool
    chunked_prefill: bool | None
    """None leaves it to the engine's own rule."""
    flash_attention: bool
    constants: MemoryConstants


class MemoryBudget(NamedTuple):
    """What one card holds, in bytes [B]."""

    usable_bytes: int
    """What the runtime reports as device memory."""
    budget_bytes: float
    """The share that the engine may use: usable × utilisation."""
    weights_bytes: float
    activations_bytes: float
    non_torch_bytes: float
    cuda_graphs_bytes: float
    states_bytes: float
    """State pools that an engine reserves outside the KV pool (V0 hybrids, SGLang)."""
    kv_available_bytes: float
    """The KV pool; negative when the rest does not fit."""


def activation_bytes(model: Model, settings: EngineSettings, *, context: int, tp: int) -> float:
    """Peak transient memory that the engine sets aside [B]."""
    per_token = forward_bytes_per_token(model, tp=tp)
    patches = model.vision.max_patches or 0 if model.vision is not None else 0
    encoder = patches * settings.constants.encoder_bytes_per_patch
    match settings.engine:
        case EngineKind.VLLM if settings.v0:
            chunked = (
                context > V0_CHUNKED_ABOVE if settings.chunked_prefill is None else settings.chunked_prefill
            )
            tokens = settings.max_num_batched_tokens if chunked else context
            return per_token * tokens + encoder
        case EngineKind.VLLM:
            sampling = sampler_bytes(
                sequences=settings.max_num_seqs,
                vocab_size=model.vocab_size,
                bytes_per_logit=settings.constants.sampler_bytes_per_logit,
            )
            forward = per_token * settings.max_num_batched_tokens
            return max(sampling, forward) + encoder
        case EngineKind.LLAMA_CPP:
            return llama_cpp_compute_bytes(
                model,
                context=context,
                micro_batch=settings.max_num_batched_tokens,
                flash_attention=settings.flash_attention,
                base_bytes=settings.constants.graph_bytes_base,
            )
        case EngineKind.TRANSFORMERS:
            return per_token * context
        case EngineKind.SGLANG | EngineKind.TENSORRT_LLM:
            return per_token * settings.max_num_batched_tokens


def graph_bytes(model: Model, settings: EngineSettings) -> float:
    """CUDA graphs [B]: a fixed part and a part per layer; none when run eagerly or without graphs."""
    if settings.eager or settings.engine in (EngineKind.LLAMA_CPP, EngineKind.TRANSFORMERS):
        return 0.0
    return settings.constants.graph_bytes_base + settings.constants.graph_bytes_per_layer * model.layers


def memory_budget(
    model: Model,
    settings: EngineSettings,
    *,
    weights_bytes: float,
    specs: tuple[CacheSpec, ...],
    usable_bytes: int,
    context: int,
    tp: int,
) -> MemoryBudget:
    """Budget of one card; see the identity above.

    `weights_bytes` are those of the fullest rank [B], `usable_bytes` the device total [B].
    """
    activations = activation_bytes(model, settings, context=context, tp=tp)
    constants = settings.constants
    non_torch = constants.non_torch_bytes + constants.communication_bytes_per_peer * (tp - 1)
    graphs = graph_bytes(model, settings)
    budget = usable_bytes * settings.utilization
    states = 0.0
    state_per_sequence = sequence_bytes([s for s in specs if s.kind is CacheKind.STATE], tokens=0)
    match settings.engine:
        case EngineKind.VLLM:
            if settings.v0:
                states = state_per_sequence * settings.max_num_seqs
            pool = budget - weights_bytes - activations - non_torch - states
            if settings.graphs_in_budget:
                pool -= graphs
        case EngineKind.SGLANG:
            states = state_per_sequence * settings.max_num_seqs
            budget = (usable_bytes - non_torch) * settings.utilization
            pool = budget - weights_bytes - states
        case EngineKind.TENSORRT_LLM:
            pool = settings.utilization * (usable_bytes - weights_bytes - activations - non_torch - graphs)
        case EngineKind.LLAMA_CPP | EngineKind.TRANSFORMERS:
            pool = budget - weights_bytes - activations - non_torch
    return MemoryBudget(
        usable_bytes=usable_bytes,
        budget_bytes=budget,
        weights_bytes=weights_bytes,
        activations_bytes=activations,
        non_torch_bytes=non_torch,
        cuda_graphs_bytes=graphs,
        states_bytes=states,
        kv_available_bytes=pool,
    )


def max_context(
    layout: Layout, pool_bytes: float, *, concurrency: float, batched_tokens: int, limit: int
) -> int:
    """Longest context [tokens] at which the pool still holds `concurrency` sequences; 0 when none fits.

    Bisection, as concurrency falls with context; most pools hold the limit itself.
    """
    blocks = layout.blocks(pool_bytes)

    def holds(context: int) -> bool:
        return (
            blocks / layout.blocks_per_sequence(context=context, batched_tokens=batched_tokens) >= concurrency
        )

    if limit < 1 or holds(limit):
        return limit
    low, high = 0, limit - 1
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
