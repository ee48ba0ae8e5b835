"""The first question of the field: what does it take to serve this model, on which GPUs, at what price?"""

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gpucost.api.engines import EngineFlags, cache_format, setup_of
from gpucost.api.flags import (
    MAX_SEQUENCES,
    MAX_TOKENS,
    card_counts,
    cards,
    formats,
    offer_book,
    share,
    whole,
)
from gpucost.api.ledger import Ledger
from gpucost.api.models import ChosenModel, choose_model
from gpucost.api.size_result import build_result
from gpucost.api.size_search import Request, search
from gpucost.api.sizing import Load, sizer_of
from gpucost.catalog.names import (
    resolve_cache_format,
    resolve_engine,
    resolve_version,
    several,
)
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.model import MoeMlp
from gpucost.domain.quantization import Quantization
from gpucost.domain.report import Report
from gpucost.errors import UnknownNameError, UsageError

DEFAULT_CONTEXT = 8192
"""Tokens per sequence unless asked otherwise: a chat or a retrieval prompt, never a model's limit."""
DEFAULT_CONCURRENCY = 1
"""One sequence is the least that serves."""
SORTS = ("usd", "gpus", "concurrency", "headroom")


def _load_asked(chosen: ChosenModel, ledger: Ledger, context: int | None, concurrency: int | None) -> Load:
    limit = chosen.model.max_context
    if context is None:
        asked = min(DEFAULT_CONTEXT, limit or DEFAULT_CONTEXT)
        why = "8K tokens" if asked == DEFAULT_CONTEXT else f"the model's limit of {asked:,} tokens"
        ledger.note(
            f"context not given: {why} per sequence; set --context to your longest prompt plus answer"
        )
    else:
        asked = context
        ledger.user("--context", context, "tokens")
        if limit is not None and context > limit:
            raise UsageError(
                f"--context {context:,} is beyond the {limit:,} tokens that {chosen.model.id} is made for"
            )
    if concurrency is None:
        ledger.note("concurrency not given: one sequence at a time, the least that serves; set --concurrency")
    else:
        ledger.user("--concurrency", concurrency, "sequences")
    return Load(asked, concurrency or DEFAULT_CONCURRENCY)


def size(
    *,
    params: str | float | None = None,
    active_params: str | float | None = None,
    model: str | None = None,
    config: Path | str | None = None,
    hf: str | None = None,
    quant: Sequence[str] | str = (),
    kv_dtype: str = "auto",
    context: int | None = None,
    concurrency: int | None = None,
    gpu: Sequence[str] | str = (),
    gpus: int | None = None,
    tp: int | None = None,
    pp: int = 1,
    ep: int = 1,
    engine: str = "vllm",
    engine_version: str | None = None,
    gpu_memory_utilization: float | None = None,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    block_size: int | None = None,
    enforce_eager: bool = False,
    enable_chunked_prefill: bool | None = None,
    flash_attention: bool = True,
    kv_cache_memory_bytes: int | None = None,
    mtp: bool = False,
    provider: Sequence[str] | str = (),
    region: Sequence[str] | str = (),
    billing: Sequence[str] | str = (),
    max_usd_per_hour: float | None = None,
    sort: str = "usd",
    top: int = 8,
    as_of: str | None = None,
    prices: str = "catalog",
    explain: bool = False,
    scenarios: bool = False,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """What it takes to serve a model: memory per card, fitting cards and counts, offers and USD per hour.

    One of `params` (billions, or "70B", "8x7B"), `model`, `config` (path) and `hf` names the model. `quant`,
    `gpu`, `provider`, `region` and `billing` take one name or several. `context` [tokens] is the longest
    sequence, `concurrency` the sequences at once per replica, `gpus` = tp × pp × replicas.
    `kv_cache_memory_bytes` states the KV pool per card [B] instead of computing it.

    Raises UsageError for a question that cannot be asked, DataError for wrong files, RemoteError when a
    download fails. A report whose `answered_no` is true found nothing that fits.
    """
    cat = opened(catalog)
    ledger = Ledger(cat)
    whole("--context", context, 1, MAX_TOKENS)
    whole("--concurrency", concurrency, 1, MAX_SEQUENCES)
    card_counts(gpus=gpus, tp=tp, pp=pp, ep=ep)
    whole("--max-num-seqs", max_num_seqs, 1, MAX_SEQUENCES)
    whole("--max-num-batched-tokens", max_num_batched_tokens, 1, MAX_TOKENS)
    whole("--block-size", block_size, 1, 65_536)
    whole("--kv-cache-memory-bytes", kv_cache_memory_bytes, 1, 2**50)
    whole("--top", top, 1, 10_000)
    share("--gpu-memory-utilization", gpu_memory_utilization)
    if max_usd_per_hour is not None and not (math.isfinite(max_usd_per_hour) and max_usd_per_hour > 0):
        raise UsageError(f"--max-usd-per-hour must be above 0, not {max_usd_per_hour}")
    if prices not in ("catalog", "seeds"):
        raise UnknownNameError("--prices", prices, ("catalog", "seeds"))
    if sort not in SORTS:
        raise UnknownNameError("--sort", sort, SORTS)
    chosen = choose_model(
        cat,
        ledger,
        params=params,
        active_params=active_params,
        model=model,
        config=config,
        hf=hf,
    )
    if ep not in (1, tp or ep):
        raise UsageError(f"--ep {ep} must equal --tp {tp}: experts are divided over the same cards")
    if ep > 1 and not any(isinstance(mlp, MoeMlp) for mlp in chosen.model.mlps):
        raise UsageError(f"--ep {ep}: {chosen.model.id} has no experts to divide")
    if mtp and not chosen.model.mtp_layers:
        raise UsageError(f"--mtp: {chosen.model.id} has no multi-token-prediction layers")
    asked = _load_asked(chosen, ledger, context, concurrency)
    engine_row = resolve_engine(cat, engine)
    version = resolve_version(engine_row, engine_version)
    for text in version.notes:
        ledger.note(text)
    setup = setup_of(
        cat,
        engine_row.id,
        version,
        EngineFlags(
            utilization=gpu_memory_utilization,
            max_num_seqs=max_num_seqs,
            max_num_batched_tokens=max_num_batched_tokens,
            block_size=block_size,
            enforce_eager=enforce_eager,
            chunked_prefill=enable_chunked_prefill,
            flash_attention=flash_attention,
        ),
    )
    asked_formats = formats(cat, ledger, chosen, several(quant), engine_row.id)
    cache = resolve_cache_format(kv_dtype)
    narrow = [
        row.id
        for row in asked_formats
        if cache_format(kv_dtype, quantization=row, engine=engine_row.id) != cache
    ]
    if narrow:
        ledger.note(
            f"{', '.join(narrow)}: KV cache taken in 16 bit; {engine_row.name} keeps it in FP8 where the"
            " checkpoint has scales, as `gpucost throughput` assumes: --kv-dtype fp8 sizes that"
        )
    named, totals = cards(cat, ledger, several(gpu))
    book, allowed = offer_book(
        cat,
        ledger,
        prices=prices,
        provider=several(provider),
        region=several(region),
        billing=several(billing),
        as_of=as_of,
        today=today,
    )
    sizer = sizer_of(
        cat, chosen.model, setup, cache, exact_weights=exact_for(chosen, asked_formats), with_mtp=mtp
    ).at(asked, usable_override=totals, pool_override=kv_cache_memory_bytes)
    request = Request(
        formats=tuple(asked_formats),
        named=tuple(named),
        cards=tuple(cat.gpus.values()),
        gpus=gpus,
        tp=tp,
        pp=pp,
        ep=ep,
        max_usd_per_hour=max_usd_per_hour,
        sort=sort,
        top=top,
    )
    found = search(sizer, book, request)
    result = build_result(
        cat, ledger, sizer, chosen, found, request=request, book=book, explain=explain, scenarios=scenarios
    )
    inputs: dict[str, Any] = {
        "model": chosen.model.id if params is None else None,
        "params": None if params is None else str(params),
        "quantization": [row.id for row in asked_formats],
        "kv_dtype": sizer.cache.id,
        **asked._asdict(),
        "gpu": [row.id for row in named],
        "gpus": gpus,
        "tp": tp,
        "pp": pp,
        "ep": ep,
        "engine": engine_row.id,
        "engine_version": str(version.version),
        "billing": sorted(mode.value for mode in allowed.billing),
        "provider": sorted(allowed.providers),
        "region": sorted(allowed.regions),
        "max_usd_per_hour": max_usd_per_hour,
        "prices": prices,
        "as_of": book.today.isoformat(),
    }
    return Report(
        question="size",
        inputs=inputs,
        result=result,
        evidence=ledger.evidence,
        notes=ledger.notes,
        answered_no=result.recommendation is None,
    )


def exact_for(chosen: ChosenModel, formats: Sequence[Quantization]) -> tuple[str, int] | None:
    """The exact weights of files, valid for the format that the files have."""
    if chosen.exact_weights_bytes is None:
        return None
    own = chosen.quantization or chosen.model.native_quantization
    return (own, chosen.exact_weights_bytes) if any(row.id == own for row in formats) else None
