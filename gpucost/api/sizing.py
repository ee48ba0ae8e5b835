"""Evaluates one way to run a model: format, parallelism and card in, memory and concurrency out.

Weights, cache needs and layouts depend on the format and the shards, not on the card, so a search
over all cards computes each of them once.
"""

from collections.abc import Mapping
from copy import copy
from typing import NamedTuple

from gpucost.api.engines import EngineSetup, platform_of
from gpucost.calc.kernels import expert_padding, kernel_class
from gpucost.calc.kv_cache import (
    FlatLayout,
    Layout,
    cache_specs,
    kv_bytes_per_token,
    paged_layout,
    sequence_bytes,
)
from gpucost.calc.memory import EngineSettings, MemoryBudget, max_context, memory_budget
from gpucost.calc.parallel import parallel_fault
from gpucost.calc.weights import (
    ExpertPadding,
    absorbed_latent_bytes,
    allocator_rest_bytes,
    rotary_cache_bytes,
    weights_by_part,
    whole_copy_bits,
)
from gpucost.catalog.remember import Latest, remember
from gpucost.catalog.store import Catalog
from gpucost.domain.cache import CacheFormat, CacheKind, CacheSpec
from gpucost.domain.deployment import EngineKind, Parallelism, Platform
from gpucost.domain.hardware import Gpu
from gpucost.domain.model import Model
from gpucost.domain.provenance import Evidence
from gpucost.domain.quantization import Quantization
from gpucost.units import GIB

MOST_SIZERS = 64
"""Models with engines that are kept."""
MOST_SHAPES = 1024
"""Formats and cuts of one of them."""
MOST_PLACES = 256
"""Cards, formats and cuts of one of them at a load."""
MOST_ALIKE = 4
"""Loads, and models that differ in a detail."""
Place = tuple[str, str, Parallelism]
"""What is evaluated: card, format and cut."""


class Load(NamedTuple):
    """What one replica must hold at once."""

    context: int
    """Tokens of the longest sequence."""
    concurrency: int
    """Sequences in flight."""


class Evaluation(NamedTuple):
    """Memory of one card and what the pool of one replica holds."""

    gpu: Gpu
    quantization: Quantization
    parallel: Parallelism
    settings: EngineSettings
    specs: tuple[CacheSpec, ...]
    layout: Layout
    budget: MemoryBudget
    by_part: dict[str, float]
    need_bytes: float
    """Theoretical cache of the asked load [B]."""
    pool_bytes: float
    """KV pool of one card, as computed or as stated by the user [B]."""
    room_bytes: float
    """What a pool could take on one card [B]; the pool itself where the engine takes all of it."""
    max_concurrency: float
    card_bytes: float
    """All that a card holds: weights, overhead and the cache of the load, or the stated pool [B]."""
    fits: bool


class Demand(NamedTuple):
    """The pool of a card as a straight line over its memory, and the pool that the asked load needs.

    pool = slope × usable + offset; everything else in the budget is the same for all cards of a kind.
    """

    slope: float
    offset: float
    need_bytes: float
    """Whole blocks for the asked sequences [B]."""
    bytes_per_sequence: float
    card_bytes: float

    def pool(self, usable_bytes: float) -> float:
        """KV pool of a card [B]."""
        return self.slope * usable_bytes + self.offset

    def missing_share(self, usable_bytes: float) -> float:
        """How much of the card's memory is missing for the load; not above 0 when it fits."""
        slope, offset, need, _, held = self
        return max(need - (slope * usable_bytes + offset), held - usable_bytes) / usable_bytes


class Sizer:
    """Evaluates cards for one model, engine and load; remembers what does not depend on the card."""

    def __init__(
        self,
        *,
        model: Model,
        setup: EngineSetup,
        cache: CacheFormat,
        load: Load,
        usable_override: Mapping[str, int],
        pool_override: int | None = None,
        exact_weights: tuple[str, int] | None = None,
        with_mtp: bool = False,
    ) -> None:
        """`usable_override`: device totals that the user stated, by GPU id [B]; `pool_override`: the KV pool
        per card [B]; `exact_weights`: format and size of a checkpoint that was read [B].
        """
        self.model, self.setup, self.cache, self.load = model, setup, cache, load
        self.with_mtp = with_mtp
        self.usable_override, self.pool_override, self.exact_weights = (
            usable_override,
            pool_override,
            exact_weights,
        )
        self._weights: Latest[
            tuple[str, Parallelism, ExpertPadding, Platform], tuple[dict[str, float], float]
        ] = Latest(MOST_SHAPES)
        self._specs: Latest[tuple[int, int], tuple[CacheSpec, ...]] = Latest(MOST_SHAPES)
        self._layouts: Latest[tuple[int, int, int], Layout] = Latest(MOST_SHAPES)
        self._kinds: dict[str, tuple[object, ...]] = {}
        self._settings: Latest[tuple[object, ...], EngineSettings] = Latest(MOST_SHAPES)
        self._faults: Latest[tuple[str, Parallelism], str | None] = Latest(MOST_SHAPES)
        self._likes: Latest[Model, Sizer] = Latest(MOST_ALIKE)
        self._copies: Latest[tuple[Model, str], float] = Latest(MOST_SHAPES)
        self._loads: Latest[tuple[object, ...], Sizer] = Latest(MOST_ALIKE)
        self._begin()

    def _begin(self) -> None:
        """What depends on the load is worked out anew."""
        self._bare_demands: Latest[tuple[object, ...], Demand] = Latest(MOST_SHAPES)
        self._evaluations: Latest[Place, Evaluation] = Latest(MOST_PLACES)
        self.cited: Latest[tuple[object, ...], tuple[Evidence, ...]] = Latest(MOST_PLACES)
        """Numbers of the engine and of formats, and whether they bind, by what was evaluated."""

    def at(
        self,
        load: Load,
        *,
        usable_override: Mapping[str, int] | None = None,
        pool_override: int | None = None,
    ) -> "Sizer":
        """The same model and engine at another load; what does not depend on it is shared.

        What is stated of cards and of the pool holds for it too, unless it is given here.
        """
        stated = self.usable_override if usable_override is None else usable_override
        pool = self.pool_override if pool_override is None else pool_override
        key = (load, frozenset(stated.items()), pool)
        if key not in self._loads:
            other = copy(self)
            other.load, other.usable_override, other.pool_override = load, stated, pool
            other._begin()
            self._loads[key] = other
        return self._loads[key]

    def like(self, model: Model) -> "Sizer":
        """The same question for a model that differs in a detail."""
        if model not in self._likes:
            self._likes[model] = Sizer(
                model=model,
                setup=self.setup,
                cache=self.cache,
                load=self.load,
                usable_override=self.usable_override,
                pool_override=self.pool_override,
                exact_weights=self.exact_weights,
                with_mtp=self.with_mtp,
            )
        return self._likes[model].at(
            self.load, usable_override=self.usable_override, pool_override=self.pool_override
        )

    def fault(self, quantization: Quantization, parallel: Parallelism) -> str | None:
        """Why the model cannot be cut like this, or None."""
        key = (quantization.id, parallel)
        if key not in self._faults:
            self._faults[key] = parallel_fault(self.model, quantization, parallel)
        return self._faults[key]

    def settings(self, gpu: Gpu, cards: int) -> EngineSettings:
        """Engine settings in force on a card of a copy of `cards`."""
        key = self.setup.settings_key(gpu, cards)
        if key not in self._settings:
            self._settings[key] = self.setup.settings(gpu, cards=cards)
        return self._settings[key]

    def weights(
        self, gpu: Gpu, quantization: Quantization, parallel: Parallelism
    ) -> tuple[dict[str, float], float]:
        """Bytes per part on the fullest rank and their sum [B], with what the platform's loader adds."""
        platform = platform_of(gpu)
        kind = self.setup.kind
        padding = expert_padding(quantization, engine=kind, gpu=gpu, platform=platform)
        key = (quantization.id, parallel, padding, platform)
        if key not in self._weights:
            parts = dict(
                weights_by_part(
                    self.model,
                    quantization=quantization,
                    parallel=parallel,
                    padding=padding,
                    with_mtp=self.with_mtp,
                )
            )
            if self.exact_weights is not None and self.exact_weights[0] == quantization.id:
                parts = self._exact(parts, quantization)
            if kind is EngineKind.LLAMA_CPP and not self.model.tied_embeddings:
                parts.pop("embedding", None)  # the embedding table stays in host memory
            if kind in (EngineKind.VLLM, EngineKind.SGLANG):
                absorbed = absorbed_latent_bytes(self.model, tp=parallel.tp, pp=parallel.pp)
                if absorbed:
                    parts["latent_projection"] += absorbed
                parts["rotary_cache"] = rotary_cache_bytes(self.model)
                parts["loader"] = self.setup.constant("loader-gib") * GIB
                if platform is Platform.CUDA:
                    parts["allocator"] = allocator_rest_bytes(
                        self.model, quantization=quantization, parallel=parallel, padding=padding
                    )
            if platform is Platform.ROCM:
                parts["allocator"] = self.setup.constant("rocm-reserved-share") * sum(parts.values())
            self._weights[key] = (parts, sum(parts.values()))
        return self._weights[key]

    def _exact(self, parts: dict[str, float], quantization: Quantization) -> dict[str, float]:
        """Scales the modelled shard so that one whole copy has the size of the files."""
        exact = self.exact_weights[1] if self.exact_weights else 0
        whole = weights_by_part(
            self.model, quantization=quantization, parallel=Parallelism(), padding=ExpertPadding()
        )
        factor = exact / sum(whole.values())
        return {part: size * factor for part, size in parts.items()}

    def copy_bits(self, model: Model, row: Quantization) -> float:
        """Bits of a whole copy of any model on one card, before any engine adds to it [bit]."""
        key = (model, row.id)
        if key not in self._copies:
            self._copies[key] = whole_copy_bits(model, row)
        return self._copies[key]

    def specs(self, parallel: Parallelism) -> tuple[CacheSpec, ...]:
        """Cache needs per layer kind on a rank."""
        key = (parallel.tp, parallel.pp)
        if key not in self._specs:
            self._specs[key] = cache_specs(
                self.model, cache=self.cache, tp=parallel.tp, pp=parallel.pp, with_mtp=self.with_mtp
            )
        return self._specs[key]

    def layout(self, gpu: Gpu, parallel: Parallelism) -> Layout:
        """How the engine cuts its pool."""
        return self.layout_in_blocks(parallel, self.setup.block_tokens(gpu))

    def layout_in_blocks(self, parallel: Parallelism, block: int) -> Layout:
        """How the engine would cut its pool into blocks of `block` tokens."""
        key = (parallel.tp, parallel.pp, block)
        if key not in self._layouts:
            self._layouts[key] = self._new_layout(self.specs(parallel), block)
        return self._layouts[key]

    def _new_layout(self, specs: tuple[CacheSpec, ...], block: int) -> Layout:
        setup = self.setup
        if setup.reserves_states:  # a pool of their own: they take nothing of the KV pool
            specs = tuple(spec for spec in specs if spec.kind is not CacheKind.STATE) or specs
        if not setup.shares_slots:
            return FlatLayout(specs, block)
        return paged_layout(
            specs,
            block_tokens=block,
            hybrid=setup.hybrid,
            reports_context=setup.reports_context,
            state_blocks=setup.state_blocks,
        )

    def kind_of(self, gpu: Gpu) -> tuple[object, ...]:
        """What of a card decides everything but its memory: cards of one kind share their demands."""
        if gpu.id not in self._kinds:
            platform = platform_of(gpu)
            self._kinds[gpu.id] = (
                platform.value,
                kernel_class(gpu, platform),
                self.setup.settings_key(gpu, 1),
            )
        return self._kinds[gpu.id]

    def demand(self, gpu: Gpu, quantization: Quantization, parallel: Parallelism) -> Demand:
        """What a card must offer for one shape: that of a weightless model, moved by the weights."""
        bare = self._bare_demand(gpu, parallel)
        weights = self.weights(gpu, quantization, parallel)[1]
        slope, offset, need, each, held = bare
        if self.pool_override is not None:
            return Demand(slope, offset, need, each, held + weights)
        # TensorRT-LLM takes a share of what the weights leave, the others take the weights off their share.
        taken = slope * weights if self.setup.kind is EngineKind.TENSORRT_LLM else weights
        return Demand(slope, offset - taken, need, each, held + weights)

    def _bare_demand(self, gpu: Gpu, parallel: Parallelism) -> Demand:
        key = (parallel, self.kind_of(gpu))
        if key not in self._bare_demands:
            settings, layout = self.settings(gpu, parallel.gpus), self.layout(gpu, parallel)
            at_zero = memory_budget(
                self.model,
                settings,
                weights_bytes=0.0,
                specs=self.specs(parallel),
                usable_bytes=0,
                context=self.load.context,
                tp=parallel.tp,
            )
            slope, offset = settings.utilization, at_zero.kv_available_bytes
            if self.pool_override is not None:
                slope, offset = 0.0, float(self.pool_override)
            each = layout.bytes_per_block * layout.blocks_per_sequence(
                context=self.load.context, batched_tokens=settings.max_num_batched_tokens
            )
            held = self._card_bytes(at_zero, self._need(parallel))
            self._bare_demands[key] = Demand(slope, offset, each * self.load.concurrency, each, held)
        return self._bare_demands[key]

    def _need(self, parallel: Parallelism) -> float:
        """Theoretical cache of the asked load on a rank [B]."""
        return self.load.concurrency * sequence_bytes(self.specs(parallel), tokens=self.load.context)

    def _card_bytes(self, budget: MemoryBudget, need_bytes: float) -> float:
        """All that a card holds [B]: some engines keep part of it outside the share that they are given."""
        overhead = budget.activations_bytes + budget.non_torch_bytes + budget.cuda_graphs_bytes
        return budget.weights_bytes + overhead + (self.pool_override or need_bytes)

    def usable(self, gpu: Gpu) -> int:
        """Device memory of a card, as the catalogue or the user states it [B]."""
        return self.usable_override.get(gpu.id, gpu.memory_bytes)

    def budget_at(self, evaluation: Evaluation, settings: EngineSettings) -> MemoryBudget:
        """What a card of an evaluation would hold under other settings."""
        return memory_budget(
            self.model,
            settings,
            weights_bytes=evaluation.budget.weights_bytes,
            specs=evaluation.specs,
            usable_bytes=evaluation.budget.usable_bytes,
            context=self.load.context,
            tp=evaluation.parallel.tp,
        )

    def evaluate(
        self,
        gpu: Gpu,
        quantization: Quantization,
        parallel: Parallelism,
        *,
        settings: EngineSettings | None = None,
    ) -> Evaluation:
        """Memory and concurrency of one replica on `parallel.gpus` cards."""
        if settings is not None:
            return self._evaluate(gpu, quantization, parallel, settings)
        key = (gpu.id, quantization.id, parallel)
        if key not in self._evaluations:
            settings = self.settings(gpu, parallel.gpus)
            self._evaluations[key] = self._evaluate(gpu, quantization, parallel, settings)
        return self._evaluations[key]

    def _evaluate(
        self, gpu: Gpu, quantization: Quantization, parallel: Parallelism, settings: EngineSettings
    ) -> Evaluation:
        parts, weights = self.weights(gpu, quantization, parallel)
        specs, layout = self.specs(parallel), self.layout(gpu, parallel)
        budget = memory_budget(
            self.model,
            settings,
            weights_bytes=weights,
            specs=specs,
            usable_bytes=self.usable(gpu),
            context=self.load.context,
            tp=parallel.tp,
        )
        pool = budget.kv_available_bytes if self.pool_override is None else float(self.pool_override)
        batched = settings.max_num_batched_tokens
        need = self._need(parallel)
        held = self._card_bytes(budget, need)
        room = pool
        if self.setup.kind in (EngineKind.LLAMA_CPP, EngineKind.TRANSFORMERS):
            pool = min(need, pool)  # they allocate what is asked for, not what is left
        concurrency = 0.0
        if room > 0:
            concurrency = layout.concurrency(room, context=self.load.context, batched_tokens=batched)
        return Evaluation(
            gpu=gpu,
            quantization=quantization,
            parallel=parallel,
            settings=settings,
            specs=specs,
            layout=layout,
            budget=budget,
            by_part=parts,
            need_bytes=need,
            pool_bytes=pool,
            room_bytes=room,
            max_concurrency=concurrency,
            card_bytes=held,
            fits=concurrency >= self.load.concurrency and held <= budget.usable_bytes,
        )


@remember(MOST_SIZERS)
def sizer_of(
    catalog: Catalog,
    model: Model,
    setup: EngineSetup,
    cache: CacheFormat,
    *,
    exact_weights: tuple[str, int] | None,
    with_mtp: bool,
) -> Sizer:
    """A sizer that other loads share (`Sizer.at`): its formats are those of this catalogue."""
    del catalog
    return Sizer(
        model=model,
        setup=setup,
        cache=cache,
        load=Load(1, 1),
        usable_override={},
        exact_weights=exact_weights,
        with_mtp=with_mtp,
    )


def kv_tokens(evaluation: Evaluation, load: Load) -> int:
    """Tokens that the pool of one replica holds, as the engine prints them [tokens]."""
    batched = evaluation.settings.max_num_batched_tokens
    if evaluation.room_bytes <= 0:
        return 0
    return evaluation.layout.tokens(evaluation.room_bytes, context=load.context, batched_tokens=batched)


def longest_context(evaluation: Evaluation, load: Load, limit: int) -> int:
    """Longest sequence at the asked concurrency [tokens], at most `limit`."""
    if evaluation.room_bytes <= 0:
        return 0
    return max_context(
        evaluation.layout,
        evaluation.room_bytes,
        concurrency=load.concurrency,
        batched_tokens=evaluation.settings.max_num_batched_tokens,
        limit=limit,
    )


def kv_bytes_each_token(evaluation: Evaluation) -> float:
    """Bytes that one more token adds on a card [B]."""
    return kv_bytes_per_token(evaluation.specs)


def shortfall_text(evaluation: Evaluation, load: Load) -> str:
    """Why a candidate fits or what it lacks, in one clause with numbers."""
    budget = evaluation.budget
    if evaluation.fits:
        spare = evaluation.max_concurrency
        return f"holds {spare:,.1f} sequences of {load.context:,} tokens" if load.context else "fits"
    if budget.weights_bytes > budget.budget_bytes:
        lack = (budget.weights_bytes - budget.budget_bytes) / GIB
        return f"weights alone exceed the engine's share of the card by {lack:,.1f} GiB"
    if evaluation.pool_bytes <= 0:
        lack = -evaluation.pool_bytes / GIB
        return f"nothing left for KV cache: weights and overhead exceed the engine's share by {lack:,.1f} GiB"
    if evaluation.max_concurrency >= load.concurrency:
        lack = (evaluation.card_bytes - budget.usable_bytes) / GIB
        return f"the pool is enough, but with weights and overhead it exceeds the card by {lack:,.1f} GiB"
    return (
        f"KV pool of {evaluation.pool_bytes / GIB:,.1f} GiB holds {evaluation.max_concurrency:,.2f} "
        f"sequences of {load.context:,} tokens, {load.concurrency:,} asked"
    )
