"""The KV cache in two figures: what sequences need, and what an engine's allocator makes of a pool.

References: vLLM `vllm/v1/core/kv_cache_utils.py` (grouping of layers, blocks per request) and
`vllm/model_executor/models/config.py` (block size of hybrid models), read at v0.13 and v0.21;
SGLang `memory_pool.py`. Worked values are in the tests.
"""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from gpucost.domain.cache import CacheFormat, CacheKind, CacheSpec
from gpucost.domain.model import LatentAttention, LinearAttention, Model, SoftmaxAttention, StateSpace
from gpucost.units import BITS_PER_BYTE

CONV_STATE_BYTES = 2
"""Convolution states are kept in 16 bit [B per element]."""
SIZE_TOLERANCE = 1.25
"""vLLM takes the larger group size when the largest group is less than this times the smallest."""


def cache_specs(
    model: Model, *, cache: CacheFormat, tp: int, pp: int = 1, with_mtp: bool = False
) -> tuple[CacheSpec, ...]:
    """What every layer group caches on one rank of the fullest pipeline stage.

    GQA: max(1, ceil(kv_heads / tp)) heads per rank, so heads are replicated once tp > kv_heads.
    MLA: kv_lora_rank + rope_head_dim values per token on every rank, keys and values in one.
    States: convolution window plus matrix state of the rank's heads, per sequence. Layers that draft
    tokens (`with_mtp`) cache like the model's full-attention layers and share the pool.
    """
    specs: list[CacheSpec] = []
    for mixer in model.mixers:
        layers = ceil(mixer.layers / pp)
        match mixer:
            case SoftmaxAttention():
                heads = max(1, ceil(mixer.kv_heads / tp))
                bits = mixer.head_dim * cache.key_bits + mixer.value_head_dim * cache.value_bits
                kind = CacheKind.WINDOW if mixer.window else CacheKind.FULL
                holding = ceil((mixer.layers - mixer.kv_reused_layers) / pp)
                if holding:
                    specs.append(CacheSpec(kind, holding, heads * bits / BITS_PER_BYTE, mixer.window))
            case LatentAttention():
                width = (mixer.kv_lora_rank + mixer.rope_head_dim) * cache.key_bits / BITS_PER_BYTE
                specs.append(CacheSpec(CacheKind.FULL, layers, width / mixer.compression))
                if mixer.indexer is not None:
                    index_layers = ceil(mixer.indexer.layers / pp)
                    specs.append(CacheSpec(CacheKind.FULL, index_layers, mixer.indexer.bytes_per_token))
            case LinearAttention():
                channels = 2 * mixer.key_heads * mixer.key_head_dim + mixer.value_heads * mixer.value_head_dim
                conv = (mixer.conv_kernel - 1) * ceil(channels / tp) * CONV_STATE_BYTES
                heads = max(1, ceil(mixer.value_heads / tp))
                matrix = heads * mixer.key_head_dim * mixer.value_head_dim * mixer.state_bytes
                specs.append(CacheSpec(CacheKind.STATE, layers, 0.0, state_bytes=conv + matrix))
            case StateSpace():
                heads = max(1, ceil(mixer.heads / tp))
                groups = max(1, ceil(mixer.groups / tp))
                channels = heads * mixer.head_dim + 2 * groups * mixer.state_size
                conv = (mixer.conv_kernel - 1) * channels * CONV_STATE_BYTES
                matrix = heads * mixer.head_dim * mixer.state_size * mixer.state_bytes
                specs.append(CacheSpec(CacheKind.STATE, layers, 0.0, state_bytes=conv + matrix))
    if with_mtp and model.mtp_layers:
        growing = [spec for spec in specs if spec.kind is CacheKind.FULL]
        if growing:
            specs.append(growing[0]._replace(layers=model.mtp_layers))
    return tuple(specs)


def kv_bytes_per_token(specs: Sequence[CacheSpec]) -> float:
    """Bytes [B] that one more token adds on a rank while every window is still open."""
    return sum(spec.layers * spec.bytes_per_token for spec in specs)


def sequence_bytes(specs: Sequence[CacheSpec], *, tokens: int) -> float:
    """Need of one sequence on a rank [B]: windows keep min(tokens, window), states are constant."""
    total = 0.0
    for spec in specs:
        kept = tokens if spec.window is None else min(tokens, spec.window)
        total += spec.layers * (spec.bytes_per_token * kept + spec.state_bytes)
    return total


class PagedLayout(NamedTuple):
    """How a paged engine cuts its pool: one pool of `slots` layers serves all groups in turn."""

    bytes_per_block: float
    """All layer slots of one block [B]."""
    groups: tuple[tuple[CacheSpec, int, int], ...]
    """Kind of layer, tokens per block, number of layer groups of this kind."""
    block_tokens: int
    """Smallest tokens per block, by which some versions print the pool."""
    reports_context: bool
    """The printed token count is concurrency × context (vLLM from 0.21, for mixed layer kinds)."""
    state_blocks: int

    def blocks(self, pool_bytes: float) -> int:
        """Whole blocks in a pool [blocks]."""
        return max(0, int(pool_bytes // self.bytes_per_block))

    def blocks_per_sequence(self, *, context: int, batched_tokens: int) -> int:
        """Blocks that one sequence of `context` tokens holds at most [blocks].

        Full layers: ceil(context / b). Windows: ceil(min(window − 1 + batched, context) / b) + 1, as a
        prefill chunk may stand before the window. States: a fixed number per group.
        """
        total = 0
        for spec, tokens, count in self.groups:
            if spec.kind is CacheKind.STATE:
                total += self.state_blocks * count
            elif spec.window is None:
                total += ceil(context / tokens) * count
            else:
                reach = min(spec.window - 1 + batched_tokens, context)
                total += (ceil(reach / tokens) + 1) * count
        return total

    def concurrency(self, pool_bytes: float, *, context: int, batched_tokens: int) -> float:
        """Sequences of `context` tokens that the pool holds at once, as vLLM prints it."""
        return self.blocks(pool_bytes) / self.blocks_per_sequence(
            context=context, batched_tokens=batched_tokens
        )

    def tokens(self, pool_bytes: float, *, context: int, batched_tokens: int) -> int:
        """KV tokens of a pool as this version of the engine prints them [tokens]."""
        if self.reports_context:
            return int(self.concurrency(pool_bytes, context=context, batched_tokens=batched_tokens) * context)
        count = sum(groups for _, _, groups in self.groups)
        return self.blocks(pool_bytes) // count * self.block_tokens


class FlatLayout(NamedTuple):
    """A pool in which every layer kind takes what it needs: no groups that share slots."""

    specs: tuple[CacheSpec, ...]
    block_tokens: int

    @property
    def bytes_per_block(self) -> float:
        """One block of tokens in all growing layers, or one set of states where nothing grows [B]."""
        return kv_bytes_per_token(self.specs) * self.block_tokens or sequence_bytes(self.specs, tokens=0)

    def blocks(self, pool_bytes: float) -> int:
        """Whole blocks in a pool [blocks]."""
        return max(0, int(pool_bytes // self.bytes_per_block))

    def blocks_per_sequence(self, *, context: int, batched_tokens: int) -> int:
        """Blocks that one sequence of `context` tokens takes [blocks]; windows keep min(context, window)."""
        del batched_tokens  # engines with this layout keep no chunk before a window
        whole = ceil(context / self.block_tokens) * self.block_tokens
        return max(1, ceil(sequence_bytes(self.specs, tokens=whole) / self.bytes_per_block))

    def concurrency(self, pool_bytes: float, *, context: int, batched_tokens: int) -> float:
        """Sequences of `context` tokens that the pool holds at once."""
        return self.blocks(pool_bytes) / self.blocks_per_sequence(
            context=context, batched_tokens=batched_tokens
        )

    def tokens(self, pool_bytes: float, *, context: int, batched_tokens: int) -> int:
        """KV tokens of a pool: its blocks where all layers keep everything, else those of whole sequences."""
        if all(spec.kind is CacheKind.FULL for spec in self.specs):
            return self.blocks(pool_bytes) * self.block_tokens
        return int(self.concurrency(pool_bytes, context=context, batched_tokens=batched_tokens) * context)


Layout = PagedLayout | FlatLayout


def paged_layout(
    specs: Sequence[CacheSpec],
    *,
    block_tokens: int,
    hybrid: bool,
    reports_context: bool,
    state_blocks: int,
) -> PagedLayout:
    """Layout of a paged pool.

    Layers of one growth kind share one block table: bytes per block = Σ layers × bytes × b, even where
    their widths differ. Mixed kinds are cut into groups of g layers (g = the smallest kind's layer
    count, or the largest's if that is within 25 %); all groups share a pool of g layer slots whose page
    is the widest kind's. Blocks of narrower kinds hold proportionally more tokens; with states the
    block grows until an attention page holds a state. Without `hybrid` every layer is kept in full.
    """
    growing = [spec for spec in specs if spec.kind is not CacheKind.STATE]
    states = [spec for spec in specs if spec.kind is CacheKind.STATE]
    if not hybrid:
        growing = [CacheSpec(CacheKind.FULL, s.layers, s.bytes_per_token) for s in growing]
    kinds = {(spec.kind, spec.window) for spec in growing}
    if len(kinds) == 1 and not states:
        per_token = kv_bytes_per_token(growing)
        return PagedLayout(per_token * block_tokens, ((growing[0], block_tokens, 1),), block_tokens, False, 0)
    if not growing:
        page = max(spec.state_bytes for spec in states)
        return PagedLayout(page * sum(s.layers for s in states), ((states[0], 1, 1),), 1, False, state_blocks)
    return _hybrid_layout(growing, states, block_tokens, reports_context, state_blocks)


def _hybrid_layout(
    growing: Sequence[CacheSpec],
    states: Sequence[CacheSpec],
    block_tokens: int,
    reports_context: bool,
    state_blocks: int,
) -> PagedLayout:
    widest = max(spec.bytes_per_token for spec in growing)
    tokens = block_tokens
    if states:
        state = max(spec.state_bytes for spec in states)
        tokens = block_tokens * ceil(state / (block_tokens * widest))
    counts = [spec.layers for spec in (*growing, *states)]
    smallest, largest = min(counts), max(counts)
    slots = largest if largest < SIZE_TOLERANCE * smallest else smallest
    groups = []
    for spec in (*growing, *states):
        ratio = 1 if spec.kind is CacheKind.STATE else max(1, int(widest // spec.bytes_per_token))
        groups.append((spec, tokens * ratio, ceil(spec.layers / slots)))
    return PagedLayout(slots * widest * tokens, tuple(groups), tokens, reports_context, state_blocks)
