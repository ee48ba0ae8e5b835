"""What a question about speed, or its cost, names: model, lengths, engine, formats, cards, and levers."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gpucost.api.engines import EngineFlags, EngineSetup, cache_format
from gpucost.api.flags import MAX_SEQUENCES, MAX_TOKENS, cards, formats, share, whole
from gpucost.api.ledger import Ledger
from gpucost.api.models import ChosenModel, choose_model
from gpucost.api.request import Draft, Lengths
from gpucost.api.serving import Band, Server, Servers
from gpucost.api.size_search import COUNTS
from gpucost.api.sizing import Evaluation, Load, Sizer
from gpucost.api.speed import engine_speed, speed_constants
from gpucost.calc.machine import SpeedConstants
from gpucost.catalog.names import (
    ResolvedVersion,
    resolve_engine,
    resolve_model,
    resolve_version,
    several,
)
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.deployment import EngineKind, Parallelism
from gpucost.domain.engine import Engine, EngineSpeed
from gpucost.domain.hardware import Gpu
from gpucost.domain.model import Model, MoeMlp
from gpucost.domain.quantization import Quantization
from gpucost.errors import UsageError

DEFAULT_INPUT_TOKENS = 1024
DEFAULT_OUTPUT_TOKENS = 512
"""A chat turn or a short retrieval answer; said in the answer when not given."""


class Cut(NamedTuple):
    """How the cards are divided, as asked."""

    gpus: int | None
    tp: int | None
    pp: int
    ep: int


Ways = Sequence[tuple[Parallelism, int]]
"""Cuts of one copy, with the number of copies."""


class Question(NamedTuple):
    """What every question about speed or its cost starts from."""

    catalog: Catalog
    ledger: Ledger
    chosen: ChosenModel
    engine: Engine
    setup: EngineSetup
    """Of the engine, or of the one that stands in for its memory."""
    speed: EngineSpeed
    engine_version: str
    formats: list[Quantization]
    cards: list[Gpu]
    totals: dict[str, int]
    lengths: Lengths
    draft: Draft | None
    constants: SpeedConstants
    bands: dict[str, Band]
    kv_dtype: str
    cut: Cut
    ways: Ways
    """Ways to cut the model that the flags leave open, fewest cards first."""
    attention_dp: bool
    offline: bool

    def servers(
        self, quantization: Quantization, *, asked: int = 1, lengths: Lengths | None = None
    ) -> Servers:
        """Servers of one weight format."""
        cache = cache_format(self.kv_dtype, quantization=quantization, engine=self.engine.id)
        mtp = self.draft is not None and self.draft.model is None
        sizer = Sizer(
            model=self.chosen.model,
            setup=self.setup,
            cache=cache,
            load=Load(1, 1),
            usable_override=self.totals,
            with_mtp=mtp,
        )
        return Servers(
            sizer,
            self.constants,
            self.bands,
            engine=self.speed,
            lengths=lengths or self.lengths,
            draft=self.draft,
            attention_dp=self.attention_dp,
            offline=self.offline,
            asked=asked,
        )


def _fraction(flag: str, value: float, *, one: bool = False) -> None:
    if not ((math.isfinite(value) and 0 <= value < 1) or (one and value == 1)):
        raise UsageError(f"{flag} is a share from 0 to {'1' if one else 'below 1'}, not {value}")


def ask(
    *,
    params: str | float | None,
    active_params: str | float | None,
    model: str | None,
    config: Path | str | None,
    hf: str | None,
    quant: Sequence[str] | str,
    kv_dtype: str,
    gpu: Sequence[str] | str,
    engine: str,
    engine_version: str | None,
    input_tokens: int | None,
    output_tokens: int | None,
    prefix_cache_hit: float,
    best_of: int,
    reasoning_tokens: int,
    draft_tokens: int | None,
    acceptance: float | None,
    draft_model: str | None,
    gpus: int | None,
    tp: int | None,
    pp: int,
    ep: int,
    attention_dp: bool,
    offline: bool,
    gpu_memory_utilization: float | None,
    max_num_seqs: int | None,
    enforce_eager: bool,
    enable_chunked_prefill: bool | None,
    catalog: Sequence[Path | str] | Catalog,
) -> Question:
    """Resolves what the flags name. Raises UsageError, DataError or RemoteError like `size`."""
    cat = opened(catalog)
    ledger = Ledger(cat)
    whole("--input-tokens", input_tokens, 1, MAX_TOKENS)
    whole("--output-tokens", output_tokens, 1, MAX_TOKENS)
    whole("--best-of", best_of, 1, 1024)
    whole("--reasoning-tokens", reasoning_tokens, 0, MAX_TOKENS)
    whole("--draft-tokens", draft_tokens, 1, 64)
    whole("--max-num-seqs", max_num_seqs, 1, MAX_SEQUENCES)
    _fraction("--prefix-cache-hit", prefix_cache_hit)
    share("--gpu-memory-utilization", gpu_memory_utilization)
    chosen = choose_model(
        cat,
        ledger,
        params=params,
        active_params=active_params,
        model=model,
        config=config,
        hf=hf,
    )
    for flag, value, default in (
        ("--input-tokens", input_tokens, DEFAULT_INPUT_TOKENS),
        ("--output-tokens", output_tokens, DEFAULT_OUTPUT_TOKENS),
    ):
        if value is None:
            ledger.note(f"{flag} not given: {default:,}")
        else:
            ledger.user(flag, value, "tokens")
    lengths = Lengths(
        input_tokens or DEFAULT_INPUT_TOKENS,
        output_tokens or DEFAULT_OUTPUT_TOKENS,
        reasoning_tokens,
        best_of,
        prefix_cache_hit,
    )
    limit = chosen.model.max_context
    if limit is not None and lengths.context > limit:
        ledger.note(
            f"input and output of {lengths.context:,} tokens are beyond the {limit:,} that "
            f"{chosen.model.id} is made for: engines refuse that unless its positions are scaled",
            "warning",
        )
    engine_row = resolve_engine(cat, engine)
    version = resolve_version(engine_row, engine_version)
    for text in version.notes:
        ledger.note(text)
    flags = EngineFlags(
        utilization=gpu_memory_utilization,
        max_num_seqs=max_num_seqs,
        enforce_eager=enforce_eager,
        chunked_prefill=enable_chunked_prefill,
    )
    setup = _memory_of(cat, ledger, engine_row, version, flags)
    named, totals = cards(cat, ledger, several(gpu))
    bands = {
        entry["row"]["id"]: Band(entry["row"]["low"], entry["row"]["high"])
        for entry in cat.sections["speed_bands"]
    }
    attention_dp = attention_dp or (ep > 1 and tp == 1)  # experts over cards that share no attention
    return Question(
        catalog=cat,
        ledger=ledger,
        chosen=chosen,
        engine=engine_row,
        setup=setup,
        speed=engine_speed(engine_row, version.version, flags),
        engine_version=str(version.version),
        formats=formats(cat, ledger, chosen, several(quant), engine_row.id),
        cards=named,
        totals=totals,
        lengths=lengths,
        draft=_draft(cat, ledger, chosen, draft_tokens, acceptance, draft_model),
        constants=speed_constants(cat),
        bands=bands,
        kv_dtype=kv_dtype,
        cut=Cut(gpus, tp, pp, ep),
        ways=_shapes(chosen.model, gpus=gpus, tp=tp, pp=pp, ep=ep, attention_dp=attention_dp),
        attention_dp=attention_dp,
        offline=offline,
    )


def _memory_of(
    catalog: Catalog, ledger: Ledger, engine: Engine, version: ResolvedVersion, flags: EngineFlags
) -> EngineSetup:
    """The memory model of the engine, or of its nearest kin where only its speed is modelled."""
    known = engine.speed(version.version)
    if engine.id in {kind.value for kind in EngineKind} or known is None:
        return EngineSetup(engine, version, flags)
    kin = catalog.engine("llama.cpp" if known.kernels == "ggml" else "vllm")
    ledger.note(f"the memory of {engine.name} is not modelled: that of {kin.name} stands in for it")
    return EngineSetup(kin, resolve_version(kin, None), flags)


def _draft(
    catalog: Catalog,
    ledger: Ledger,
    chosen: ChosenModel,
    drafted: int | None,
    accepted: float | None,
    model: str | None,
) -> Draft | None:
    if drafted is None:
        if accepted is not None or model is not None:
            raise UsageError("--acceptance and --draft-model go with --draft-tokens")
        return None
    if accepted is None:
        raise UsageError(
            "--draft-tokens needs --acceptance: measured rates run from 0.6 to 0.8 on chat and code"
        )
    _fraction("--acceptance", accepted, one=True)
    ledger.user("--draft-tokens", drafted, "tokens")
    ledger.user("--acceptance", accepted)
    if model is None:
        if not chosen.model.mtp_layers:
            raise UsageError(f"{chosen.model.id} has no multi-token-prediction layers; name a --draft-model")
        return Draft(drafted, accepted, None)
    found = resolve_model(catalog, model)
    identity = found.quantization or found.model.native_quantization
    return Draft(drafted, accepted, found.model, catalog.quantization(identity))


def _shapes(model: Model, *, gpus: int | None, tp: int | None, pp: int, ep: int, attention_dp: bool) -> Ways:
    """Cuts of one copy to try, fewest cards first, with the copies that fill `gpus`. Raises UsageError."""
    if ep > 1 and not any(isinstance(mlp, MoeMlp) for mlp in model.mlps):
        raise UsageError(f"--ep {ep}: {model.id} has no experts to divide")
    if ep > 1 and tp not in (None, 1) and tp % ep:
        raise UsageError(f"--ep {ep} must divide --tp {tp}: experts are divided over the same cards")
    if ep > 1 and tp is not None and tp > 1:
        ep = tp  # groups of experts that are cut once more read as much as experts over all ranks
    if attention_dp:
        if ep == 1 or tp not in (None, 1) or pp > 1:
            raise UsageError("--attention-dp goes with --ep alone: its ranks attend apart and share experts")
        if gpus is not None and gpus % ep:
            raise UsageError(f"--gpus {gpus} is not a multiple of --ep {ep}")
        return [(Parallelism(1, 1, ep), 1 if gpus is None else gpus // ep)]
    counts: Sequence[int] = COUNTS if tp is None else (tp,)
    cuts = [Parallelism(count, pp, ep if ep > 1 else 1) for count in counts]
    if ep > 1 and tp is None:
        cuts = [Parallelism(ep, pp, ep)]
    if gpus is None:
        return [(cut, 1) for cut in cuts]
    found = [(cut, gpus // cut.gpus) for cut in cuts if gpus % cut.gpus == 0]
    if tp is None and not found and gpus % pp == 0:
        found = [(Parallelism(gpus // pp, pp), 1)]
    if not found:
        raise UsageError(f"--gpus {gpus} is not a multiple of tp × pp = {cuts[0].gpus}")
    return found


def place(
    servers: Servers, gpu: Gpu, quantization: Quantization, ways: Ways
) -> tuple[Server | None, Evaluation | None, str]:
    """The smallest way in which the model fits and its speed is known; else what is missing."""
    reason, missing = "", None
    for parallel, copies in ways:
        fault = servers.sizer.fault(quantization, parallel)
        if fault:
            reason = reason or fault
            continue
        evaluation = servers.evaluate(gpu, quantization, parallel)
        lack = servers.why_not(evaluation)
        if lack is None:
            return servers.server(evaluation, replicas=copies), evaluation, ""
        reason, missing = lack, evaluation
    return None, missing, reason
