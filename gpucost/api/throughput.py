"""How fast is a model on these cards at this load, and what limits it?"""

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gpucost.api.asked import Question, ask, place
from gpucost.api.evidence import cite_card, cite_engine, cite_format
from gpucost.api.flags import MAX_SEQUENCES, card_counts, offer_book, rate, whole
from gpucost.api.measured import Benchmarks, LookUp, Match, Point, said
from gpucost.api.offers import MACHINE_CARDS
from gpucost.api.request import Lengths, Slo, parse_slo
from gpucost.api.serving import Server, Servers
from gpucost.api.size_result import memory_of, summary_of
from gpucost.api.size_search import VENDORS
from gpucost.api.sizing import Evaluation
from gpucost.calc.machine import machine_of
from gpucost.catalog.names import several
from gpucost.catalog.store import Catalog
from gpucost.domain.hardware import Gpu
from gpucost.domain.quantization import Quantization
from gpucost.domain.report import Report
from gpucost.domain.speed import Limit, SpeedRow, ThroughputResult
from gpucost.errors import UsageError
from gpucost.units import bytes_to_gb, flops_to_tflops

MEASURED_LOAD = 1024
"""Most requests in flight per copy among the benchmarks."""


def sweep(capacity: float) -> list[float]:
    """1, 2, 4 … up to what runs at once, and that."""
    most = max(1, math.floor(capacity))
    return [float(2**n) for n in range(most.bit_length()) if 2**n < most] + [float(most)]


def throughput(
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
    concurrency: Sequence[int] = (),
    rps: float | None = None,
    slo: Sequence[str] | str = (),
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
    tokens_per_second: float | None = None,
    execution_ms: float | None = None,
    estimate_only: bool = False,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """Tokens per second, TTFT and TPOT of a model on cards, over concurrency, at a rate or within limits.

    `concurrency` [sequences] is a list; `rps` a rate [requests/s]; `slo` limits such as
    "ttft:p95<=500ms"; without any of them the answer sweeps up to what runs at once. `prefix_cache_hit`,
    `acceptance` are shares; `tokens_per_second` [output tokens/s of the deployment] and `execution_ms`
    [ms] state a measured speed instead.

    Raises UsageError for a question that cannot be asked, DataError for wrong files. A report whose
    `answered_no` is true found that the model does not fit, or not at that rate or limit.
    """
    card_counts(gpus=gpus, tp=tp, pp=pp, ep=ep)
    for each in concurrency:
        whole("--concurrency", each, 1, MAX_SEQUENCES)
    limits = [parse_slo(text) for text in several(slo)]
    if sum((bool(concurrency), rps is not None, bool(limits))) > 1:
        raise UsageError("give --concurrency, --rps or --slo: each of them sets the load")
    for flag, value in (("--rps", rps), ("--tokens-per-second", tokens_per_second)):
        rate(flag, value)
    if execution_ms is not None and not (math.isfinite(execution_ms) and execution_ms > 0):
        raise UsageError(f"--execution-ms must be above 0, not {execution_ms}")
    if tokens_per_second is not None and execution_ms is not None:
        raise UsageError("give --tokens-per-second or --execution-ms, not both")
    if (tokens_per_second or execution_ms) and (rps is not None or limits):
        raise UsageError("a speed of your own holds at its own load: give it with --concurrency")
    if (tokens_per_second or execution_ms) and not concurrency:
        concurrency = [1]
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
    rows: list[SpeedRow] = []
    reached: list[Limit] = []
    refusals: list[tuple[Evaluation | None, str]] = []
    served: list[Server] = []
    most = max((each for each in concurrency), default=1)
    for quantization in asked.formats:
        servers = asked.servers(quantization, asked=most)
        for card in asked.cards or [_cheapest(asked, servers, quantization, today, rps, limits)]:
            server, evaluation, reason = place(servers, card, quantization, asked.ways)
            if server is None:
                refusals.append((evaluation, f"{card.name}: {reason}"))
                continue
            served.append(server)
            cite_speed(asked, server)
            _say_validity(asked, server, most)
            lookup = look_up(asked, servers, server, estimate_only=estimate_only)
            if rps is not None or limits:
                row, met = _at_load(asked, lookup, rps, limits)
                rows.append(row)
                reached += met
                continue
            for load_ in _loads(asked, server, concurrency):
                row, match = lookup.row(load_)
                cite_match(asked, match)
                rows.append(row)
    rows = [_stated(row, asked.lengths, tokens_per_second, execution_ms) for row in rows]
    for _, reason in refusals:
        asked.ledger.note(reason, "warning")
    first = served[0] if served else None
    refused = refusals[0] if refusals and first is None else (None, "")
    result = ThroughputResult(
        model=summary_of(asked.chosen, asked.servers(asked.formats[0]).sizer, asked.formats[0]),
        rows=tuple(rows),
        capacity=None if first is None else float(math.floor(first.most)),
        requests_per_s_limit=None if first is None else first.limit_per_s,
        limits=tuple(reached),
        memory_per_gpu=None if refused[0] is None else memory_of(refused[0]),
        reason=refused[1],
    )
    short = any(not each.met for each in reached)
    above = rps is not None and any(row.requests_per_s < rps * (1 - 1e-9) for row in rows)
    return Report(
        question="throughput",
        inputs={
            **inputs_of(asked),
            "concurrency": list(concurrency),
            "rps": rps,
            "slo": [each.text for each in limits],
            "estimate_only": estimate_only,
        },
        result=result,
        evidence=asked.ledger.evidence,
        notes=asked.ledger.notes,
        answered_no=not rows or short or above,
    )


def _say_validity(asked: Question, server: Server, most: int) -> None:
    """Notes where an estimate goes beyond what the model of speed was fitted on."""
    ledger, cards = asked.ledger, server.gpus // server.replicas
    if cards > MACHINE_CARDS:
        ledger.note(
            f"{cards} cards to a copy are taken as one fabric: links between machines are slower", "warning"
        )
    if most / server.groups > MEASURED_LOAD:
        ledger.note(f"loads above {MEASURED_LOAD:,} requests per copy were not measured", "warning")
    if not any(entry["row"]["gpu"] == server.gpu.id for entry in asked.catalog.sections["benchmarks"]):
        ledger.note(
            f"{server.gpu.name}: no speed of this card was measured; the error is that of a card left out"
        )


def inputs_of(asked: Question) -> dict[str, Any]:
    """What was asked, as understood."""
    return {
        "model": asked.chosen.model.id,
        "quantization": [row.id for row in asked.formats],
        "kv_dtype": asked.kv_dtype,
        "gpu": [card.id for card in asked.cards],
        **asked.cut._asdict(),
        "engine": asked.engine.id,
        "engine_version": asked.engine_version,
        **asked.lengths._asdict(),
        "draft_tokens": None if asked.draft is None else asked.draft.drafted,
        "acceptance": None if asked.draft is None else asked.draft.accepted,
    }


def _cheapest(
    asked: Question,
    servers: Servers,
    quantization: Quantization,
    today: date | None,
    rps: float | None,
    limits: Sequence[Slo],
) -> Gpu:
    """The card whose smallest fitting deployment costs least; first of all, of those that meet the load."""
    cat = asked.catalog
    book, _ = offer_book(cat, asked.ledger, today=today)
    best: tuple[bool, float, Gpu] | None = None
    for card in cat.gpus.values():
        if card.vendor not in VENDORS[asked.setup.kind]:
            continue
        server, _, _ = place(servers, card, quantization, asked.ways)
        if server is None:
            continue
        offer, _ = book.cheapest(card.id, cards=server.gpus, per_replica=server.evaluation.parallel.gpus)
        if offer is None:
            continue
        short = rps is not None and server.limit_per_s < rps
        short = short or (bool(limits) and server.largest_load(limits) is None)
        if best is None or (short, offer.usd_per_hour) < best[:2]:
            best = (short, offer.usd_per_hour, card)
    if best is None:
        raise UsageError("no card of the catalogue fits the model like that; name one with --gpu")
    asked.ledger.note(
        f"--gpu not given: {best[2].name}, the cheapest that fits ({best[1]:.2f} USD/h for the deployment)"
    )
    return best[2]


def load_at(server: Server, rps: float | None, limits: Sequence[Slo]) -> float | None:
    """Requests in flight at a rate, or the most within limits; None where the deployment cannot."""
    if rps is not None:
        return server.load_of(rps)
    load = server.largest_load(limits)
    return None if load is None else float(math.floor(load))


def _at_load(
    asked: Question, lookup: LookUp, rps: float | None, limits: Sequence[Slo]
) -> tuple[SpeedRow, list[Limit]]:
    """The row at a rate or within limits, and the limits with what is reached."""
    ledger = asked.ledger
    server, match = lookup.calibrated(lambda each: load_at(each, rps, limits))
    cite_match(asked, match)
    load = load_at(server, rps, limits)
    if rps is not None:
        ledger.user("--rps", rps, "requests/s")
        if load is None:
            ledger.note(
                f"{rps:g} requests/s are above the {server.limit_per_s:.2f} that "
                f"{server.gpus} × {server.gpu.name} reach: the queue grows without end",
                "warning",
            )
    elif load is None:
        ledger.note("not even one request at a time meets the limits", "warning")
    else:
        ledger.note("percentiles take Poisson arrivals and equal lengths; mixed lengths spread them more")
    held = load if load is not None else server.most if rps is not None else 1.0
    found = server.round(max(1.0, held))
    reached = [
        Limit(slo.text, latency, latency <= slo.limit_s * (1 + 1e-9))
        for slo in limits
        for latency in [server.latency_s(found, slo)]
    ]
    row = server.row(held)
    return row if match is None else said(row, match), reached


def _loads(asked: Question, server: Server, concurrency: Sequence[int]) -> list[float]:
    """Concurrencies to answer at: as asked, or a sweep."""
    ledger = asked.ledger
    if not concurrency:
        return sweep(server.capacity)
    for each in concurrency:
        ledger.user("--concurrency", each, "requests")
    default = server.evaluation.settings.max_num_seqs
    sequences = max(concurrency) * server.lengths.best_of
    if sequences / server.groups > default and asked.setup.flags.max_num_seqs is None:
        flag = asked.setup.flag_of("max_num_seqs") or "max-num-seqs"
        ledger.note(f"{asked.engine.name} runs {default:,} sequences by default: raise --{flag} for more")
    if max(concurrency) > server.most:
        ledger.note(
            f"{server.gpu.name}: {math.floor(server.most):,} requests run at once, "
            "the others wait for a place",
            "warning",
        )
    return [float(each) for each in concurrency]


def look_up(asked: Question, servers: Servers, server: Server, *, estimate_only: bool) -> LookUp:
    """What was measured of this deployment; nothing where settings differ that benchmarks do not state."""
    plain = asked.lengths[2:] == Lengths(1, 1)[2:] and asked.draft is None
    plain = plain and not (asked.attention_dp or asked.offline)
    flags = asked.setup.flags
    tuned = flags.enforce_eager or flags.chunked_prefill is False

    def like(lengths: Lengths) -> Server:
        other = asked.servers(server.evaluation.quantization, lengths=lengths, asked=servers.asked)
        parallel = server.evaluation.parallel
        evaluation = other.evaluate(server.gpu, server.evaluation.quantization, parallel)
        return other.server(evaluation, replicas=1)

    points: list[Point] = []
    if plain and not tuned and not estimate_only and server.replicas == 1:
        known = Benchmarks(asked.catalog, model=asked.chosen.model.id, engine=asked.engine.id)
        points = known.points(server, cache=servers.sizer.cache.id)
    return LookUp(server, points, like=like)


def cite_match(asked: Question, match: Match | None) -> None:
    """Evidence of a measured point."""
    if match is not None:
        point = match.point
        asked.ledger.cite(
            f"benchmarks.{point.id}", point.tpot_s * 1e3, "ms TPOT", point.source, as_of=point.as_of or None
        )


def _stated(
    row: SpeedRow, lengths: Lengths, tokens_per_second: float | None, execution_ms: float | None
) -> SpeedRow:
    """The row with a speed that the user measured; what does not follow from it is unknown."""
    if tokens_per_second is not None:
        output = tokens_per_second
    elif execution_ms is not None:
        output = row.concurrency / (execution_ms / 1e3) * lengths.generated
    else:
        return row
    sequences = output / lengths.generated
    return row._replace(
        prefill_tokens_per_s=None,
        decode_tokens_per_s=None,
        output_tokens_per_s=output,
        total_tokens_per_s=output + sequences * lengths.input_tokens / lengths.best_of,
        output_tokens_per_s_per_gpu=output / row.gpus,
        ttft_s=None,
        tpot_s=None,
        e2e_s=row.concurrency / sequences,
        requests_per_s=sequences / lengths.best_of,
        utilisation=None,
        low=None,
        high=None,
        confidence="user",
        source="",
        note="",
    )


def cite_speed(asked: Question, server: Server) -> None:
    """Evidence of an estimate: the card, its peaks and link, and the constants of the model of speed.

    A constant binds where a tenth more of it moves a request alone or at full load.
    """
    ledger, gpu = asked.ledger, server.gpu
    servers = asked.servers(server.evaluation.quantization)
    cite_card(ledger, servers.sizer, server.evaluation)
    cite_format(ledger, asked.catalog, servers.sizer, server.evaluation.quantization, [server.evaluation])
    cite_engine(ledger, servers.sizer, server.evaluation, scenarios=False)
    source = gpu.sources[0]
    ledger.cite(f"gpus.{gpu.id}.bandwidth_gb_per_s", bytes_to_gb(gpu.bandwidth_bytes_per_s), "GB/s", source)
    for name in ("bf16", "fp8", "fp4", "int8", "fp16_acc16"):
        peak = gpu.dense_flops.get(name)
        if peak in (server.traits.low_peak, server.traits.full_peak) and peak is not None:
            ledger.cite(f"gpus.{gpu.id}.dense_tflops.{name}", flops_to_tflops(peak), "TFLOP/s", source)
    if server.work.tp > 1 or server.work.dp > 1:
        link = gpu.link.bytes_per_s_each_way or 0.0
        ledger.cite(f"gpus.{gpu.id}.link.gb_per_s_each_way", bytes_to_gb(link), "GB/s", source)
    loads = (1.0, server.most)
    plain = [_times(server, load) for load in loads]
    for entry in asked.catalog.sections["speed_constants"]:
        row = entry["row"]
        name = row["id"].replace("-", "_")
        more = asked.constants._replace(**{name: getattr(asked.constants, name) * 1.1})
        other = server.with_machine(machine_of(server.work, server.traits, more))
        ledger.cite(
            f"speed_constants.{row['id']}",
            row["value"],
            row["unit"],
            row["source"],
            binding=any(_times(other, load) != times for load, times in zip(loads, plain, strict=True)),
        )


def _times(server: Server, load: float) -> tuple[float, float]:
    found = server.round(load)
    return float(found.ttft_s), float(found.tpot_s)
