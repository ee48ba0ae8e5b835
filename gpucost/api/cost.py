"""What do a million tokens and a request cost, on every offer that fits, at a load?"""

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.api.api_prices import api_costs
from gpucost.api.asked import Question, ask
from gpucost.api.cost_rows import Priced, latency, priced, restated, stated_row, with_pareto, worth_showing
from gpucost.api.flags import MAX_SEQUENCES, card_counts, offer_book, rate, whole
from gpucost.api.ledger import Ledger
from gpucost.api.measured import said
from gpucost.api.offers import OfferBook
from gpucost.api.price_evidence import cite_price
from gpucost.api.request import Slo, parse_slo
from gpucost.api.serving import Server, Servers
from gpucost.api.size_result import summary_of
from gpucost.api.size_search import VENDORS, kernel_fault
from gpucost.api.throughput import cite_match, cite_speed, inputs_of, look_up
from gpucost.catalog.names import several
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.report import Report
from gpucost.domain.speed import ApiCost, CostResult, CostRow, SpeedRow
from gpucost.errors import UnknownNameError, UsageError

SPLITS = ("output", "blended", "time")
SORTS = ("usd", "speed")


class Load(NamedTuple):
    """What the deployment is asked to do; one of them, or none for as much as it can."""

    utilization: float | None
    concurrency: int | None
    rps: float | None
    limits: tuple[Slo, ...]


def cost(
    *,
    params: str | float | None = None,
    active_params: str | float | None = None,
    model: str | None = None,
    config: Path | str | None = None,
    hf: str | None = None,
    quant: Sequence[str] | str = (),
    kv_dtype: str = "auto",
    gpu: Sequence[str] | str = (),
    gpus: int | None = None,
    tp: int | None = None,
    pp: int = 1,
    ep: int = 1,
    attention_dp: bool = False,
    offline: bool = False,
    engine: str = "vllm",
    engine_version: str | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    utilization: float | None = None,
    concurrency: int | None = None,
    rps: float | None = None,
    slo: Sequence[str] | str = (),
    split: str = "output",
    prefix_cache_hit: float = 0.0,
    best_of: int = 1,
    reasoning_tokens: int = 0,
    draft_tokens: int | None = None,
    acceptance: float | None = None,
    draft_model: str | None = None,
    gpu_memory_utilization: float | None = None,
    max_num_seqs: int | None = None,
    enforce_eager: bool = False,
    enable_chunked_prefill: bool | None = None,
    provider: Sequence[str] | str = (),
    region: Sequence[str] | str = (),
    billing: Sequence[str] | str = (),
    usd_per_hour: float | None = None,
    tokens_per_second: float | None = None,
    api_usd_per_million: float | None = None,
    sort: str = "usd",
    top: int = 12,
    as_of: str | None = None,
    prices: str = "catalog",
    estimate_only: bool = False,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """USD per million tokens and per request over all offers that fit, at a utilisation or a load.

    One of `utilization` (share of the limit), `concurrency` [sequences per deployment], `rps` [requests/s,
    as many copies as it takes] and `slo` sets the load; without any, as much as runs at once. `split`:
    all on the output, `blended` over input and output tokens, or by GPU `time` of prompts and decoding.
    `usd_per_hour` with `tokens_per_second` [output tokens/s] needs no model. `api_usd_per_million` is a
    hosted price to compare with [USD per million tokens].

    Raises UsageError for a question that cannot be asked, DataError for wrong files.
    """
    _checked(usd_per_hour, tokens_per_second, api_usd_per_million, rps, utilization)
    whole("--concurrency", concurrency, 1, MAX_SEQUENCES)
    whole("--top", top, 1, 100_000)
    card_counts(gpus=gpus, tp=tp, pp=pp, ep=ep)
    for flag, word, known in (
        ("--split", split, SPLITS),
        ("--sort", sort, SORTS),
        ("--prices", prices, ("catalog", "seeds")),
    ):
        if word not in known:
            raise UnknownNameError(flag, word, known)
    named = [params, model, config, hf]
    if usd_per_hour is not None and all(name is None for name in named):
        if several(gpu) or several(quant) or several(slo) or rps or concurrency or gpus or tp:
            raise UsageError("a price without a model goes with --tokens-per-second and --utilization alone")
        return _plain(usd_per_hour, tokens_per_second, utilization, api_usd_per_million, catalog)
    if usd_per_hour is not None and not several(gpu):
        raise UsageError("--usd-per-hour is the price of a deployment: name its card with --gpu")
    wanted = Load(utilization, concurrency, rps, tuple(parse_slo(text) for text in several(slo)))
    if sum((utilization is not None, concurrency is not None, rps is not None)) > 1:
        raise UsageError("give --utilization, --concurrency or --rps: each of them sets the load")
    if wanted.limits and (utilization is not None or concurrency is not None):
        raise UsageError(
            "--slo sets the load itself; it goes with --rps, not with --utilization or --concurrency"
        )
    asked = ask(
        params=params,
        active_params=active_params,
        model=model,
        config=config,
        hf=hf,
        quant=quant,
        kv_dtype=kv_dtype,
        gpu=gpu,
        engine=engine,
        engine_version=engine_version,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        prefix_cache_hit=prefix_cache_hit,
        best_of=best_of,
        reasoning_tokens=reasoning_tokens,
        draft_tokens=draft_tokens,
        acceptance=acceptance,
        draft_model=draft_model,
        gpus=gpus,
        tp=tp,
        pp=pp,
        ep=ep,
        attention_dp=attention_dp,
        offline=offline,
        gpu_memory_utilization=gpu_memory_utilization,
        max_num_seqs=max_num_seqs,
        enforce_eager=enforce_eager,
        enable_chunked_prefill=enable_chunked_prefill,
        catalog=catalog,
    )
    _say_load(asked.ledger, wanted)
    book, allowed = offer_book(
        asked.catalog,
        asked.ledger,
        prices=prices,
        provider=several(provider),
        region=several(region),
        billing=several(billing),
        as_of=as_of,
        today=today,
    )
    given = (usd_per_hour, tokens_per_second)
    found, reason = _search(asked, book, wanted, split, given, estimate_only=estimate_only)
    found = with_pareto(found)
    order = [each.row for each in found]
    cheapest = min(order, key=lambda row: row.usd_per_million_output_tokens, default=None)
    fastest = min(
        (row for row in order if row.tpot_s is not None),
        key=lambda row: (latency(row), row.usd_per_hour),
        default=None,
    )
    key = latency if sort == "speed" else (lambda row: row.usd_per_million_output_tokens)
    shown = sorted(worth_showing(found), key=lambda each: key(each.row))[:top]
    for each in shown:
        if each.choice is not None:
            cite_price(asked.ledger, each.choice, today=book.today)
    if shown and shown[0].server is not None:
        cite_speed(asked, shown[0].server)
    apis: tuple[ApiCost, ...] = ()
    if cheapest is not None:
        limit = max(row.output_tokens_per_s / (row.utilisation or 1.0) for row in order if row is cheapest)
        apis = api_costs(
            asked.catalog,
            asked.ledger,
            model=asked.chosen.model,
            lengths=asked.lengths,
            usd_per_hour=cheapest.usd_per_hour,
            tokens_per_s_limit=limit,
            today=book.today,
            stated=api_usd_per_million,
        )
    result = CostResult(
        model=summary_of(asked.chosen, asked.servers(asked.formats[0]).sizer, asked.formats[0]),
        split=split,
        rows=tuple(each.row for each in shown),
        cheapest=None if cheapest is None else cheapest.offer,
        fastest=None if fastest is None else fastest.offer,
        pareto=tuple(f"{row.gpus} × {row.offer}" for row in sorted(order, key=latency) if row.pareto),
        apis=apis,
        searched=len(found),
        reason=reason if not found else "",
    )
    inputs: dict[str, Any] = {
        **inputs_of(asked),
        "utilization": utilization,
        "concurrency": concurrency,
        "rps": rps,
        "slo": [slo.text for slo in wanted.limits],
        "split": split,
        "billing": sorted(mode.value for mode in allowed.billing),
        "provider": sorted(allowed.providers),
        "region": sorted(allowed.regions),
        "usd_per_hour": usd_per_hour,
        "tokens_per_second": tokens_per_second,
        "as_of": book.today.isoformat(),
    }
    return Report(
        question="cost",
        inputs=inputs,
        result=result,
        evidence=asked.ledger.evidence,
        notes=asked.ledger.notes,
        answered_no=not found,
    )


def _checked(
    usd_per_hour: float | None,
    tokens_per_second: float | None,
    api_usd_per_million: float | None,
    rps: float | None,
    utilization: float | None,
) -> None:
    """Numbers that must be positive. Raises UsageError."""
    for flag, value in (
        ("--usd-per-hour", usd_per_hour),
        ("--tokens-per-second", tokens_per_second),
        ("--api-usd-per-million", api_usd_per_million),
        ("--rps", rps),
    ):
        rate(flag, value)
    if utilization is not None and not 0 < utilization <= 1:
        raise UsageError(f"--utilization is a share above 0 and at most 1, not {utilization}")


def _say_load(ledger: Ledger, wanted: Load) -> None:
    if wanted.utilization is not None:
        ledger.user("--utilization", wanted.utilization)
    elif wanted.concurrency is not None:
        ledger.user("--concurrency", wanted.concurrency, "sequences")
    elif wanted.rps is not None:
        ledger.user("--rps", wanted.rps, "requests/s")
    elif not wanted.limits:
        ledger.note(
            "load not given: every deployment is full all the time, the least that tokens can cost; "
            "set --rps, --concurrency or --utilization",
            "warning",
        )


def _plain(
    usd_per_hour: float,
    tokens_per_second: float | None,
    utilization: float | None,
    api_usd_per_million: float | None,
    catalog: Sequence[Path | str] | Catalog,
) -> Report:
    """A price and a speed, or a price and a hosted price, that the user states."""
    cat = opened(catalog)
    ledger = Ledger(cat)
    ledger.user("--usd-per-hour", usd_per_hour, "USD/h")
    rows: tuple[CostRow, ...] = ()
    if tokens_per_second is not None:
        ledger.user("--tokens-per-second", tokens_per_second, "tokens/s")
        if utilization is not None:
            ledger.user("--utilization", utilization)
        rows = (stated_row(usd_per_hour, tokens_per_second, utilization),)
    elif api_usd_per_million is None:
        raise UsageError("--usd-per-hour needs a model, --tokens-per-second or --api-usd-per-million")
    apis = api_costs(
        cat,
        ledger,
        model=None,
        lengths=None,
        usd_per_hour=usd_per_hour,
        tokens_per_s_limit=tokens_per_second,
        today=date.today(),
        stated=api_usd_per_million,
    )
    result = CostResult(
        model=None,
        split="output",
        rows=rows,
        cheapest="user" if rows else None,
        fastest=None,
        pareto=(),
        apis=apis,
        searched=len(rows),
    )
    inputs = {
        "usd_per_hour": usd_per_hour,
        "tokens_per_second": tokens_per_second,
        "utilization": utilization,
        "api_usd_per_million": api_usd_per_million,
    }
    return Report("cost", inputs, result, ledger.evidence, ledger.notes)


def _search(
    asked: Question,
    book: OfferBook,
    wanted: Load,
    split: str,
    given: tuple[float | None, float | None],
    *,
    estimate_only: bool,
) -> tuple[list[Priced], str]:
    """Every offer of every card, count and format that fits and meets the load; else why none does."""
    found: list[Priced] = []
    reason = ""
    vendors = VENDORS[asked.setup.kind]
    for quantization in asked.formats:
        servers = asked.servers(quantization, asked=wanted.concurrency or 1)
        usable = [way for way in asked.ways if servers.sizer.fault(quantization, way[0]) is None]
        for card in asked.cards or [card for card in asked.catalog.gpus.values() if card.vendor in vendors]:
            if kernel_fault(quantization, card) is not None and not asked.cards:
                continue
            if given[0] is None and not book.choices(card.id):
                reason = reason or f"no offer of {card.name} is known"
                continue
            for parallel, copies in usable:
                evaluation = servers.evaluate(card, quantization, parallel)
                lack = servers.why_not(evaluation)
                if lack is not None:
                    reason = reason or f"{card.name}: {lack}"
                    continue
                server = servers.server(evaluation, replicas=copies)
                loaded = _loaded(asked, servers, server, wanted, given[1], estimate_only=estimate_only)
                if loaded is None:
                    reason = reason or f"{card.name}: not even one request meets the limits"
                    continue
                usd = None if given[0] is None else given[0] * loaded[0].replicas / copies
                found += priced(book, *loaded, split, usd)
    return found, reason


def _loaded(
    asked: Question,
    servers: Servers,
    server: Server,
    wanted: Load,
    tokens_per_s: float | None,
    *,
    estimate_only: bool,
) -> tuple[Server, SpeedRow] | None:
    """The deployment at the load, with as many copies as a rate takes; None when a limit cannot be met."""
    evaluation, copies = server.evaluation, server.replicas
    if tokens_per_s is not None:
        return _stated(servers, server, wanted, tokens_per_s)
    lookup = look_up(asked, servers, server, estimate_only=estimate_only)
    if wanted.concurrency is not None:
        row, match = lookup.row(float(wanted.concurrency))
        cite_match(asked, match)
        return server, row
    if wanted.rps is not None:
        most = server.largest_load(wanted.limits) if wanted.limits else server.most
        if most is None:
            return None
        need = max(1, math.ceil(wanted.rps / server.requests_per_s(most) - 1e-9))
        if need > 1:
            server = servers.server(evaluation, replicas=copies * need)
            lookup = look_up(asked, servers, server, estimate_only=True)

    def load_of(each: Server) -> float | None:
        if wanted.rps is not None:
            return each.load_of(wanted.rps)
        if wanted.limits:
            return each.largest_load(wanted.limits)
        share = 1.0 if wanted.utilization is None else wanted.utilization
        return each.most if share == 1 else each.load_of(share * each.limit_per_s)

    fitted, match = lookup.calibrated(load_of)
    load = load_of(fitted)
    if load is None:  # a measurement slower than the estimate does not reach the rate
        fitted, match, load = server, None, load_of(server)
    if load is None:
        return None
    cite_match(asked, match)
    row = fitted.row(load)
    return fitted, row if match is None else said(row, match)


def _stated(
    servers: Servers, server: Server, wanted: Load, tokens_per_s: float
) -> tuple[Server, SpeedRow] | None:
    """The deployment at a full speed that the user states [output tokens/s of one copy of it]."""
    each = server.lengths.generated * server.lengths.best_of
    share, copies = 1.0, 1
    if wanted.utilization is not None:
        share = wanted.utilization
    elif wanted.rps is not None:
        need = wanted.rps * each / tokens_per_s
        copies = max(1, math.ceil(need - 1e-9))
        share = need / copies
    if copies > 1:
        server = servers.server(server.evaluation, replicas=server.replicas * copies)
    return server, restated(server.row(server.most), tokens_per_s * copies * share, share)
