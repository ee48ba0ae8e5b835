"""Cites what an answer of `size` used, and marks what was looked at but cannot move it."""

from collections.abc import Sequence
from math import ceil

from gpucost.api.engines import constant_names, platform_of
from gpucost.api.ledger import Ledger
from gpucost.api.offers import OfferBook
from gpucost.api.price_evidence import cite_price
from gpucost.api.size_search import Request, Search
from gpucost.api.sizing import Evaluation, Sizer, kv_tokens, longest_context
from gpucost.calc.kv_cache import cache_specs, kv_bytes_per_token
from gpucost.calc.memory import EngineSettings, MemoryBudget
from gpucost.calc.parallel import parallel_fault
from gpucost.calc.tensors import active_parameters, model_tensors
from gpucost.catalog.store import Catalog
from gpucost.domain.deployment import EngineKind, Parallelism, Platform
from gpucost.domain.model import Model, MoeMlp, SoftmaxAttention
from gpucost.domain.provenance import Confidence
from gpucost.domain.quantization import PART_GROUPS, Quantization
from gpucost.units import GIB

NUDGE = 1.1
"""A number binds when a change by a tenth changes the answer."""
SHOWN = len(MemoryBudget._fields) - 2
"""Parts of a budget that an answer shows: all but the states and the pool, which it shows in other words."""
SETTINGS = ("utilization", "max_num_seqs", "max_num_batched_tokens")
FORMAT_NUMBERS = (
    "weight_bits",
    "group_size",
    "scale_bits",
    "zero_point_bits",
    "per_channel_scale_bits",
    "extra_bits",
)
WEIGHT_NUMBERS = frozenset(
    {
        *("hidden_size", "vocab_size", "layers", "tied_embeddings", "norms_per_layer", "stated_parameters_b"),
        *("heads", "kv_heads", "head_dim", "value_head_dim", "value_from_key", "output_gate", "qk_norm"),
        *("qkv_bias", "output_bias", "kv_lora_rank", "rope_head_dim", "nope_head_dim", "q_lora_rank"),
        *("key_heads", "value_heads", "key_head_dim", "conv_kernel", "state_size", "groups"),
        *("intermediate_size", "gated", "bias", "experts", "shared_intermediate_size", "expert_bias"),
        *("shared_gate", "latent_size"),
    }
)
"""Numbers of a model on which its weights depend."""
CACHE_NUMBERS = frozenset(
    {
        *("layers", "kv_heads", "head_dim", "value_head_dim", "kv_reused_layers"),
        *("kv_lora_rank", "rope_head_dim", "compression", "bytes_per_token"),
    }
)
"""Numbers of its attention on which its cache depends."""
WIDE = 4096
"""Columns of the matrix by which formats are compared."""


def cite_answer(
    ledger: Ledger, catalog: Catalog, sizer: Sizer, book: OfferBook, found: Search, request: Request
) -> None:
    """Evidence for what an answer shows, the engine's settings apart (`cite_engine`)."""
    evaluations = [item.evaluation for item in found.shown]
    if found.best is None:
        evaluations.append(found.nearest.evaluation)  # explained, whether or not it is among the shown
    for evaluation in evaluations:
        cite_card(ledger, sizer, evaluation)
    for item in found.shown:
        if item.choice is not None:
            cite_price(ledger, item.choice, today=book.today)
    for row in request.formats:
        cite_format(ledger, catalog, sizer, row, evaluations)
    if request.max_usd_per_hour is not None:
        ledger.user("--max-usd-per-hour", request.max_usd_per_hour, "USD/h")
    if sizer.pool_override is not None:
        ledger.user("--kv-cache-memory-bytes", sizer.pool_override, "B")
    model = sizer.model
    if sizer.with_mtp and ledger.binds(f"models.{model.id}.layers"):
        ledger.cite(f"models.{model.id}.mtp_layers", model.mtp_layers, "layers", model.sources[0])
    settle_model(ledger, sizer, evaluations)


def cite_card(ledger: Ledger, sizer: Sizer, evaluation: Evaluation) -> None:
    """The memory of a card, and what an engine derives from the total that the vendor's tool prints."""
    gpu = evaluation.gpu
    if gpu.id in sizer.usable_override:
        ledger.user(f"--gpu {gpu.id}", round(sizer.usable(gpu) / GIB, 6), "GiB")
    else:
        ledger.cite(
            f"gpus.{gpu.id}.memory_gib",
            round(gpu.memory_bytes / GIB, 6),
            "GiB",
            (gpu.memory_sources or gpu.sources)[0],
            confidence=Confidence.MEASURED if gpu.memory_basis == "measured" else Confidence.ESTIMATED,
        )
    if gpu.smi_mib and sizer.setup.kind is EngineKind.SGLANG:
        cards = evaluation.parallel.gpus
        other = gpu._replace(smi_mib=round(gpu.smi_mib * NUDGE))
        ledger.cite(
            f"gpus.{gpu.id}.smi_mib",
            gpu.smi_mib,
            "MiB",
            gpu.sources[0],
            binding=sizer.setup.settings(other, cards=cards) != sizer.setup.settings(gpu, cards=cards),
        )


def cite_format(
    ledger: Ledger, catalog: Catalog, sizer: Sizer, row: Quantization, shown: Sequence[Evaluation]
) -> None:
    """The numbers of a weight format; those of parts that the model does not have do not bind."""
    cuts = tuple(dict.fromkeys(each.parallel for each in shown))
    key = (row.id, cuts, _capability_binds(row, shown))
    if key not in sizer.cited:
        own = Ledger(catalog)
        _cite_format(own, catalog, sizer, row, cuts, capability_binds=key[-1])
        sizer.cited[key] = own.evidence
    ledger.add(sizer.cited[key])
    for note in row.notes[:1]:
        ledger.note(f"{row.name}: {note}")


def _capability_binds(row: Quantization, shown: Sequence[Evaluation]) -> bool:
    """Whether a card is near the oldest one that has kernels for a format."""
    need = row.min_compute_capability
    if need is None:
        return False
    decided = [each.gpu for each in shown if each.fits or len(shown) > 1]
    owned = [float(gpu.compute_capability or 0) for gpu in decided if gpu.vendor == "nvidia"]
    return any(need / NUDGE <= each < need * NUDGE for each in owned)


def _cite_format(
    ledger: Ledger,
    catalog: Catalog,
    sizer: Sizer,
    row: Quantization,
    cuts: Sequence[Parallelism],
    *,
    capability_binds: bool,
) -> None:
    plain = catalog.quantization_rows[row.id]
    parts = {tensor.part for tensor in model_tensors(sizer.model, with_mtp=sizer.with_mtp)}
    if sizer.model.tied_embeddings:
        parts = (parts - {"embedding"}) | {"lm_head"}
    field, source = f"quantizations.{row.id}", row.sources[0]

    def binds(other: Quantization) -> bool:
        return any(other.bits(part, WIDE) != row.bits(part, WIDE) for part in parts)

    for name in FORMAT_NUMBERS:
        if name in plain:
            other = row._replace(**{name: plain[name] * NUDGE})
            binding = binds(other) or (name == "group_size" and _cuts(sizer, row, cuts))
            ledger.cite(f"{field}.{name}", plain[name], "", source, binding=binding)
    for word, bits in plain.get("part_bits", {}).items():
        used = not parts.isdisjoint(PART_GROUPS.get(word, (word,)))
        ledger.cite(f"{field}.part_bits.{word}", bits, "bit", source, binding=used)
    if row.block is not None:
        for index, size in enumerate(row.block):
            other = row._replace(block=(row.block[0] * 2, row.block[1]))
            ledger.cite(f"{field}.block.{index}", size, "", source, binding=binds(other))
    if row.min_compute_capability is not None:
        need = row.min_compute_capability
        ledger.cite(f"{field}.min_compute_capability", need, "", source, binding=capability_binds)


def _cuts(sizer: Sizer, row: Quantization, cuts: Sequence[Parallelism]) -> bool:
    """Whether groups of another size could not be divided over the ranks."""
    other = row._replace(group_size=ceil((row.group_size or 1) * NUDGE))
    return any(parallel_fault(sizer.model, other, each) is not None for each in cuts)


def cite_range(
    ledger: Ledger, catalog: Catalog, sizer: Sizer, row: Quantization, alternatives: Sequence[Model]
) -> None:
    """The ends of the ranges over architectures that stand for a bare parameter count."""
    if not alternatives:
        return
    sizes = [(sizer.copy_bits(each, row), each) for each in alternatives]
    caches = [(kv_bytes_per_token(cache_specs(each, cache=sizer.cache, tp=1)), each) for each in alternatives]
    for model in _ends(sizes):
        plain = catalog.model_rows[model.id]
        skip = () if model.use_stated_parameters else ("stated_parameters_b",)
        ledger.cite_row(f"models.{model.id}", plain, model.sources[0], skip=skip, only=WEIGHT_NUMBERS)
    for model in _ends(caches):
        plain = {"attention": catalog.model_rows[model.id]["attention"]}
        ledger.cite_row(f"models.{model.id}", plain, model.sources[0], only=CACHE_NUMBERS)


def _ends(found: Sequence[tuple[float, Model]]) -> tuple[Model, Model]:
    return min(found, key=lambda item: item[0])[1], max(found, key=lambda item: item[0])[1]


def settle_model(ledger: Ledger, sizer: Sizer, evaluations: Sequence[Evaluation]) -> None:
    """Marks the numbers of the model that this load and engine cannot feel."""
    model = sizer.model
    if all(each.parallel.tp == 1 for each in evaluations):
        ledger.loosen(f"models.{model.id}.vision.sharded")
    if sizer.setup.kind is not EngineKind.VLLM:
        ledger.loosen(f"models.{model.id}.vision.max_patches")
    for index, mixer in enumerate(model.mixers):
        ledger.loosen(f"models.{model.id}.attention.{index}.indexer.top_k")
        window = mixer.window if isinstance(mixer, SoftmaxAttention) else None
        if window is not None and not any(_window_binds(sizer, model, index, each) for each in evaluations):
            ledger.loosen(f"models.{model.id}.attention.{index}.window")
    for index in range(len(model.mlps)):
        if not any(_top_k_binds(sizer, model, index, each) for each in evaluations):
            ledger.loosen(f"models.{model.id}.mlp.{index}.experts_per_token")


def _top_k_binds(sizer: Sizer, model: Model, index: int, evaluation: Evaluation) -> bool:
    mlp = model.mlps[index]
    if not isinstance(mlp, MoeMlp):
        return False
    more = mlp._replace(experts_per_token=mlp.experts_per_token + 1)
    other = model._replace(mlps=(*model.mlps[:index], more, *model.mlps[index + 1 :]))
    if active_parameters(other) != active_parameters(model):
        return True
    again = sizer.like(other)
    return _figures(
        again, again.evaluate(evaluation.gpu, evaluation.quantization, evaluation.parallel)
    ) != _figures(sizer, evaluation)


def _window_binds(sizer: Sizer, model: Model, index: int, evaluation: Evaluation) -> bool:
    mixer = model.mixers[index]
    if not isinstance(mixer, SoftmaxAttention) or mixer.window is None:
        return False
    wider = mixer._replace(window=ceil(mixer.window * NUDGE))
    mixers = (*model.mixers[:index], wider, *model.mixers[index + 1 :])
    other = sizer.like(model._replace(mixers=mixers))
    again = other.evaluate(evaluation.gpu, evaluation.quantization, evaluation.parallel)
    return _figures(other, again) != _figures(sizer, evaluation)


def _figures(sizer: Sizer, evaluation: Evaluation) -> tuple[object, ...]:
    """What of an evaluation an answer shows."""
    limit = sizer.model.max_context or sizer.load.context
    return (
        evaluation.fits,
        *(round(size) for size in evaluation.budget[:SHOWN]),
        max(0, round(evaluation.pool_bytes)),
        round(evaluation.need_bytes),
        evaluation.max_concurrency,
        kv_tokens(evaluation, sizer.load),
        longest_context(evaluation, sizer.load, limit),
    )


def cite_engine(ledger: Ledger, sizer: Sizer, evaluation: Evaluation, *, scenarios: bool) -> None:
    """Defaults and constants of the engine in force on a card; one that is 0 or without effect is marked."""
    key = (evaluation.gpu.id, evaluation.quantization.id, evaluation.parallel, scenarios)
    if key not in sizer.cited:
        own = Ledger(ledger.catalog)
        _cite_engine(own, sizer, evaluation, scenarios=scenarios)
        sizer.cited[key] = own.evidence
    ledger.add(sizer.cited[key])


def _cite_engine(ledger: Ledger, sizer: Sizer, evaluation: Evaluation, *, scenarios: bool) -> None:
    setup, gpu, cards = sizer.setup, evaluation.gpu, evaluation.parallel.gpus
    prefix = f"engines.{setup.engine.id}"
    place = (gpu, evaluation.quantization, evaluation.parallel)
    runs = [sizer.evaluate(*place)]
    for end in ("low", "high") if scenarios else ():
        settings = setup.settings(gpu, cards=cards, scenario=end)
        runs.append(sizer.evaluate(*place, settings=settings))
    derived = setup.derived(gpu, cards)
    for name in (*SETTINGS, "block_size"):
        given, flag, row = getattr(setup.flags, name), setup.flag_of(name), setup.default_row(name, gpu)
        own = getattr(derived, name)
        if given is not None:
            ledger.user(f"--{flag or name.replace('_', '-')}", given)
        elif row is None or isinstance(row.value, str):
            continue
        elif own is not None:
            ledger.cite(
                f"{prefix}.rules.{flag}.{gpu.id}",
                own,
                "",
                row.source,
                binding=_setting_binds(sizer, name, runs),
                note=f"the engine's own rule for the card's memory and {cards} cards",
            )
        else:
            field = f"{prefix}.defaults.{row.flag}{'.' if row.when else ''}{row.when}"
            binding = _setting_binds(sizer, name, runs)
            ledger.cite(field, row.value, "", row.source, binding=binding, note=row.note)
    for name, constant in constant_names(gpu).items():
        field, found = f"{prefix}.constants.{constant}", setup.constant_row(constant)
        binding = found.value != 0 and _constant_binds(sizer, name, runs)
        ledger.cite(field, found.value, found.unit, found.source, binding=binding, note=found.method)
    loading = ["loader-gib"] if setup.kind in (EngineKind.VLLM, EngineKind.SGLANG) else []
    if platform_of(gpu) is Platform.ROCM:
        loading.append("rocm-reserved-share")
    for constant in loading:
        found = setup.constant_row(constant)
        field = f"{prefix}.constants.{constant}"
        ledger.cite(field, found.value, found.unit, found.source, binding=found.value != 0, note=found.method)


def _setting_binds(sizer: Sizer, name: str, runs: Sequence[Evaluation]) -> bool:
    if name == "block_size":
        return any(_block_binds(sizer, run) for run in runs)
    for run in runs:
        settings = run.settings
        if name == "utilization":
            other = settings._replace(utilization=settings.utilization * NUDGE)
        elif name == "max_num_seqs":
            other = settings._replace(max_num_seqs=ceil(settings.max_num_seqs * NUDGE))
        else:
            other = settings._replace(max_num_batched_tokens=ceil(settings.max_num_batched_tokens * NUDGE))
        if _differs(sizer, run, other):
            return True
    return False


def _block_binds(sizer: Sizer, evaluation: Evaluation) -> bool:
    block = ceil(sizer.setup.block_tokens(evaluation.gpu) * NUDGE)
    layout = sizer.layout_in_blocks(evaluation.parallel, block)
    most = 0.0
    if evaluation.room_bytes > 0:
        most = layout.concurrency(
            evaluation.room_bytes,
            context=sizer.load.context,
            batched_tokens=evaluation.settings.max_num_batched_tokens,
        )
    other = evaluation._replace(layout=layout, max_concurrency=most)
    return _figures(sizer, other) != _figures(sizer, evaluation)


def _constant_binds(sizer: Sizer, name: str, runs: Sequence[Evaluation]) -> bool:
    for run in runs:
        constants = run.settings.constants
        value = getattr(constants, name)
        other = run.settings._replace(constants=constants._replace(**{name: value * NUDGE}))
        if value and _differs(sizer, run, other):
            return True
    return False


def _differs(sizer: Sizer, run: Evaluation, settings: EngineSettings) -> bool:
    """Whether other settings change a figure of a run; most are told by the budget alone."""
    budget = sizer.budget_at(run, settings)
    if budget == run.budget and settings.max_num_batched_tokens == run.settings.max_num_batched_tokens:
        return False
    if any(
        one != two and round(one) != round(two) for one, two in zip(budget[:SHOWN], run.budget, strict=False)
    ):
        return True
    other = sizer.evaluate(run.gpu, run.quantization, run.parallel, settings=settings)
    return _figures(sizer, run) != _figures(sizer, other)
