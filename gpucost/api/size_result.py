"""Puts the found candidates into the answer: result, evidence, notes, reasons."""

from gpucost.api.evidence import cite_answer, cite_engine, cite_range
from gpucost.api.ledger import Ledger
from gpucost.api.models import ChosenModel
from gpucost.api.offers import OfferBook
from gpucost.api.size_search import Found, Request, Search
from gpucost.api.sizing import Evaluation, Sizer, kv_bytes_each_token, kv_tokens, longest_context
from gpucost.calc.kv_cache import cache_specs, kv_bytes_per_token
from gpucost.calc.tensors import active_parameters, total_parameters
from gpucost.catalog.store import Catalog
from gpucost.domain.deployment import EngineKind
from gpucost.domain.quantization import Quantization
from gpucost.domain.results import (
    Candidate,
    Equation,
    MemoryPerGpu,
    ModelSummary,
    Recommendation,
    RuleOfThumb,
    Scenario,
    SizeResult,
)
from gpucost.units import BILLION, BITS_PER_BYTE, GB, GIB, HOURS_PER_MONTH

THUMB_BYTES = {"16": 2.0, "8": 1.0, "4": 0.5}
"""Bytes per parameter that the rule uses for 16, 8 and 4 bit [B]."""
THUMB_OVERHEAD = 1.2


def memory_of(evaluation: Evaluation) -> MemoryPerGpu:
    """The split of the fullest card, rounded to bytes, its total the sum of its parts."""
    budget = evaluation.budget
    parts = {
        "weights_bytes": round(budget.weights_bytes),
        "kv_cache_bytes": round(evaluation.need_bytes),
        "activations_bytes": round(budget.activations_bytes),
        "cuda_graphs_bytes": round(budget.cuda_graphs_bytes),
        "non_torch_bytes": round(budget.non_torch_bytes),
    }
    total = sum(parts.values())
    return MemoryPerGpu(
        **parts,
        total_bytes=total,
        usable_bytes=budget.usable_bytes,
        budget_bytes=round(budget.budget_bytes),
        kv_available_bytes=max(0, round(evaluation.pool_bytes)),
        free_bytes=budget.usable_bytes - total,
        weights_by_part={part: round(size) for part, size in evaluation.by_part.items() if size},
    )


def _card_notes(evaluation: Evaluation, sizer: Sizer) -> tuple[str, ...]:
    gpu, quantization = evaluation.gpu, evaluation.quantization
    notes = []
    if quantization.needs_native and quantization.needs_native not in gpu.native_precisions:
        notes.append(
            f"{gpu.name} has no {quantization.needs_native.upper()} units: {quantization.name} weights are "
            "dequantised there (saves memory, not time)"
        )
    if quantization.id == "bf16" and "bf16" not in gpu.native_precisions:
        notes.append(f"{gpu.name} has no BF16 units: the model runs in FP16 there")
    if gpu.memory_basis != "measured" and gpu.id not in sizer.usable_override:
        notes.append(f"{gpu.name}: the usable memory is derived, not read from a log")
    return tuple(notes)


def _longest(evaluation: Evaluation, sizer: Sizer) -> int:
    return longest_context(evaluation, sizer.load, sizer.model.max_context or sizer.load.context)


def _candidate(found: Found, sizer: Sizer) -> Candidate:
    evaluation, shape = found.evaluation, found.evaluation.parallel
    return Candidate(
        gpu=evaluation.gpu.id,
        gpus=found.cards,
        tp=shape.tp,
        pp=shape.pp,
        ep=shape.ep,
        replicas=found.replicas,
        quantization=evaluation.quantization.id,
        fits=found.fits,
        reason=found.reason,
        offer=found.offer,
        usd_per_hour=None if found.offer is None else found.offer.usd_per_hour,
        price_state="no-offer" if found.offer is None else "known",
        memory_per_gpu=memory_of(evaluation),
        kv_bytes_per_token=kv_bytes_each_token(evaluation),
        kv_tokens=kv_tokens(evaluation, sizer.load),
        max_concurrency=evaluation.max_concurrency,
        max_context=_longest(evaluation, sizer),
        notes=_card_notes(evaluation, sizer),
    )


def summary_of(chosen: ChosenModel, sizer: Sizer, row: Quantization) -> ModelSummary:
    """The model as understood, in one weight format."""
    model = chosen.model
    sizes = kvs = None
    if chosen.alternatives:
        each = [sizer.copy_bits(other, row) / BITS_PER_BYTE / GIB for other in chosen.alternatives]
        tokens = [
            kv_bytes_per_token(cache_specs(other, cache=sizer.cache, tp=1)) for other in chosen.alternatives
        ]
        sizes, kvs = (min(each), max(each)), (min(tokens), max(tokens))
    return ModelSummary(
        id=model.id,
        name=model.name,
        parameters=total_parameters(model),
        active_parameters=active_parameters(model),
        quantization=row.id,
        effective_bits=sizer.copy_bits(model, row) / total_parameters(model),
        layers=model.layers,
        max_context=model.max_context,
        representative=bool(chosen.alternatives),
        alternatives=tuple(other.id for other in chosen.alternatives),
        weights_gib_range=sizes,
        kv_bytes_per_token_range=kvs,
    )


def rule_of_thumb(parameters: int, row: Quantization, evaluation: Evaluation) -> RuleOfThumb:
    """GB = bytes per parameter × billions × 1.2, beside what the model says for one replica.

    2 GB per billion at 16 bit, 1 at 8, 0.5 at 4; the 20 % stands for cache and overhead. Source: the
    seed documents; kept because people use it.
    """
    bits = "16" if row.weight_bits >= 12 else "8" if row.weight_bits >= 6 else "4"
    weights = parameters / BILLION * THUMB_BYTES[bits]
    cards = evaluation.parallel.gpus
    memory = memory_of(evaluation)
    modelled_weights = memory.weights_bytes * cards / GB
    modelled = memory.total_bytes * cards / GB
    total = weights * THUMB_OVERHEAD
    quantized = ""
    if row.weight_bits < 16:
        kept = sum(size for part, size in memory.weights_by_part.items() if part not in row.parts)
        quantized = f"{kept * cards / GB:,.1f} GB of tensors that stay in 16 bit, the scales, "
    engine = memory.activations_bytes + memory.non_torch_bytes + memory.cuda_graphs_bytes
    return RuleOfThumb(
        rule=f"{THUMB_BYTES[bits]:g} GB per billion parameters, plus 20 %",
        weights_gb=weights,
        total_gb=total,
        modelled_weights_gb=modelled_weights,
        modelled_total_gb=modelled,
        difference_gb=modelled - total,
        explanation=(
            f"the rule misses {quantized}"
            f"{memory.kv_cache_bytes * cards / GB:,.1f} GB of cache for the asked load and "
            f"{engine * cards / GB:,.1f} GB that the engine takes on {cards} card{'s' if cards > 1 else ''}"
        ),
    )


def _reasons(
    found: Found, memory: MemoryPerGpu, candidates: tuple[Found, ...], sizer: Sizer
) -> tuple[str, ...]:
    evaluation = found.evaluation
    cards = f"{found.cards} × {evaluation.gpu.name}" if found.cards > 1 else f"one {evaluation.gpu.name}"
    reasons = [
        f"{cards}: weights take {memory.weights_bytes / GIB:,.1f} of {memory.usable_bytes / GIB:,.1f} GiB "
        f"per card and the KV pool of {memory.kv_available_bytes / GIB:,.1f} GiB holds "
        f"{evaluation.max_concurrency:,.1f} sequences of {sizer.load.context:,} tokens"
    ]
    if found.offer is not None:
        others = [each for each in candidates if each.fits and each is not found and each.offer is not None]
        text = (
            f"cheapest offer that fits: {found.offer.id} at {found.offer.usd_per_hour:,.2f} USD/h "
            f"({found.offer.usd_per_hour * HOURS_PER_MONTH:,.0f} USD for a month of {HOURS_PER_MONTH} h)"
        )
        if others and others[0].offer is not None:
            text += f"; next is {others[0].offer.id} at {others[0].offer.usd_per_hour:,.2f} USD/h"
        reasons.append(text)
    else:
        reasons.append("no price is known for it with these filters")
    if evaluation.max_concurrency < 2 * sizer.load.concurrency:
        reasons.append(
            "the cache is tight: a longer context or more sequences than asked will queue or be preempted"
        )
    return tuple(reasons)


def _recommendation(
    found: Found, candidate: Candidate, shown: tuple[Found, ...], sizer: Sizer
) -> Recommendation:
    return Recommendation(
        gpu=candidate.gpu,
        gpus=candidate.gpus,
        tp=candidate.tp,
        pp=candidate.pp,
        ep=candidate.ep,
        replicas=candidate.replicas,
        quantization=candidate.quantization,
        offer=None if found.offer is None else found.offer.id,
        usd_per_hour=candidate.usd_per_hour,
        max_concurrency=candidate.max_concurrency,
        max_context=candidate.max_context,
        reasons=_reasons(found, candidate.memory_per_gpu, shown, sizer),
    )


def equations(sizer: Sizer, evaluation: Evaluation) -> tuple[Equation, ...]:
    """The formulas of the answer with the numbers of one card put in."""
    budget, settings, load = evaluation.budget, evaluation.settings, sizer.load
    terms = [
        f"{budget.weights_bytes / GIB:.2f} weights",
        f"{budget.activations_bytes / GIB:.2f} activations",
        f"{budget.non_torch_bytes / GIB:.2f} non-torch",
    ]
    if settings.graphs_in_budget:
        terms.append(f"{budget.cuda_graphs_bytes / GIB:.2f} graphs")
    rows = [
        Equation(
            "weights",
            "sum over tensors of rows x columns x bits / 8, on the fullest rank",
            " + ".join(
                f"{size / GIB:.2f} {part}" for part, size in evaluation.by_part.items() if size > 0.005 * GIB
            ),
            budget.weights_bytes / GIB,
            "GiB",
        ),
        Equation(
            "KV bytes per token",
            "sum over layer kinds of layers x bytes per token and layer",
            " + ".join(
                f"{spec.layers} x {spec.bytes_per_token:,.0f} B ({spec.kind.value})"
                for spec in evaluation.specs
            ),
            kv_bytes_each_token(evaluation),
            "B",
        ),
        Equation(
            "KV need",
            "concurrency x bytes of one sequence (windows and states counted as kept)",
            f"{load.concurrency:,} x {evaluation.need_bytes / load.concurrency / GIB:.3f} GiB "
            f"at {load.context:,} tokens",
            evaluation.need_bytes / GIB,
            "GiB",
        ),
    ]
    if settings.engine in (EngineKind.VLLM, EngineKind.SGLANG):
        rows.append(
            Equation(
                "KV pool",
                "usable x utilisation - weights - activations - non-torch (- graphs, by version)",
                f"{budget.usable_bytes / GIB:.2f} x {settings.utilization:g} - " + " - ".join(terms),
                budget.kv_available_bytes / GIB,
                "GiB",
            )
        )
    blocks = evaluation.layout.blocks_per_sequence(
        context=load.context, batched_tokens=settings.max_num_batched_tokens
    )
    rows.append(
        Equation(
            "max concurrency",
            "whole blocks in the pool / blocks of one sequence",
            f"{evaluation.layout.blocks(max(0.0, evaluation.room_bytes)):,} / {blocks:,}",
            evaluation.max_concurrency,
            "sequences",
        )
    )
    return tuple(rows)


def _scenarios(sizer: Sizer, found: Found) -> tuple[Scenario, ...]:
    evaluation = found.evaluation
    runs = []
    words = {"high": "pessimistic", "mid": "expected", "low": "optimistic"}
    for end, name in words.items():
        settings = sizer.setup.settings(evaluation.gpu, cards=evaluation.parallel.gpus, scenario=end)
        run = sizer.evaluate(evaluation.gpu, evaluation.quantization, evaluation.parallel, settings=settings)
        constants = settings.constants
        runs.append(
            Scenario(
                name=name,
                assumptions=(
                    f"sampler {constants.sampler_bytes_per_logit:g} B/logit, "
                    f"non-torch {constants.non_torch_bytes / GIB:.2f} GiB, "
                    f"{constants.communication_bytes_per_peer / GIB:.2f} GiB per peer"
                ),
                gpu=evaluation.gpu.id,
                gpus=found.cards,
                fits=run.fits,
                kv_available_bytes=max(0, round(run.pool_bytes)),
                kv_tokens=kv_tokens(run, sizer.load),
                max_concurrency=run.max_concurrency,
                max_context=_longest(run, sizer),
            )
        )
    return tuple(runs)


def build_result(
    catalog: Catalog,
    ledger: Ledger,
    sizer: Sizer,
    chosen: ChosenModel,
    found: Search,
    *,
    request: Request,
    book: OfferBook,
    explain: bool,
    scenarios: bool,
) -> SizeResult:
    """The answer with evidence for every number that it shows."""
    main = found.best or found.nearest
    row = main.evaluation.quantization
    cite_answer(ledger, catalog, sizer, book, found, request)
    cite_range(ledger, catalog, sizer, row, chosen.alternatives)
    for item in found.shown:
        cite_engine(ledger, sizer, item.evaluation, scenarios=False)
        if item.named or item is found.best:
            for text in _card_notes(item.evaluation, sizer):
                ledger.note(text)
    if scenarios or all(item is not main for item in found.shown):
        cite_engine(ledger, sizer, main.evaluation, scenarios=scenarios)
    candidates = tuple(_candidate(item, sizer) for item in found.shown)
    recommendation = None
    if found.best is not None:
        recommendation = _recommendation(found.best, candidates[0], found.shown, sizer)
    return SizeResult(
        model=summary_of(chosen, sizer, row),
        candidates=candidates,
        recommendation=recommendation,
        rule_of_thumb=rule_of_thumb(total_parameters(chosen.model), row, main.evaluation),
        searched=found.searched,
        equations=equations(sizer, main.evaluation) if explain else (),
        scenarios=_scenarios(sizer, main) if scenarios else (),
    )
