"""Own benchmark results become catalogue rows, and show at once how far the estimate is from them."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gpucost.api.benchmarks import cases_of, predict
from gpucost.api.flags import MAX_CARDS, MAX_SEQUENCES, whole
from gpucost.api.speed import speed_constants
from gpucost.catalog.names import (
    resolve_cache_format,
    resolve_engine,
    resolve_gpu,
    resolve_model,
    resolve_quantization,
    squeeze,
)
from gpucost.catalog.store import Catalog, load
from gpucost.catalog.yamlio import write_overlay
from gpucost.domain.report import Note, Report
from gpucost.domain.speed import ImportedPoint, ImportResult
from gpucost.errors import UsageError
from gpucost.io.bench_results import BenchPoint, read_results

ENGINE_OF_TOOL = {
    "vllm bench serve": "vllm",
    "sglang.bench_serving": "sglang",
    "llama-bench": "llama.cpp",
}


def bench_import(
    files: Sequence[Path | str],
    *,
    to: Path | str,
    gpu: str,
    model: str | None = None,
    gpus: int = 1,
    tp: int | None = None,
    pp: int = 1,
    quant: str | None = None,
    kv_dtype: str = "auto",
    engine: str | None = None,
    engine_version: str | None = None,
    concurrency: int | None = None,
    title: str | None = None,
    measured: str | None = None,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """Reads result files and writes an overlay of benchmark rows with source and date.

    What a file does not say (card, count, cut, format; the model, where the tool names none) is stated by
    the flags. `measured` is the day of the run, for files without one.

    Raises UsageError for what is missing or cannot be named, DataError for a file that cannot be read or
    written.
    """
    whole("--gpus", gpus, 1, MAX_CARDS)
    whole("--tp", tp, 1, MAX_CARDS)
    whole("--pp", pp, 1, MAX_CARDS)
    whole("--concurrency", concurrency, 1, MAX_SEQUENCES)
    if not files:
        raise UsageError("name at least one result file")
    cut = (tp or (1 if pp > 1 else gpus)) * pp
    if gpus % cut:
        raise UsageError(f"--gpus {gpus} is not a multiple of tp × pp = {cut}")
    if Path(to).exists():
        raise UsageError(f"--to {to} exists; name another file, or remove it")
    cat = catalog if isinstance(catalog, Catalog) else load(tuple(Path(each) for each in catalog))
    points = [(Path(each), point) for each in files for point in read_results(Path(each))]
    tools, named = {point.tool for _, point in points}, {point.model for _, point in points}
    if len(tools) > 1 or len(named) > 1:
        raise UsageError("the files are of several tools or models; import them one by one")
    ((tool,), (stated,)) = tools, named
    name = model or stated
    if not name:
        raise UsageError(f"{files[0]} does not name the model; give --model")
    if tool == "llama-bench" and quant is None:
        raise UsageError("llama-bench does not name the weight format as a word of ours; give --quant")
    found = resolve_model(cat, name)
    identity = quant or found.quantization or found.model.native_quantization
    engine_row = resolve_engine(cat, engine or ENGINE_OF_TOOL.get(tool, "vllm"))
    day = _day(measured, [point for _, point in points])
    card = resolve_gpu(cat, gpu).gpu
    own = squeeze(Path(files[0]).stem)[:40] or "bench"
    form = resolve_quantization(cat, identity).id
    source = {
        "id": f"own-{own}-{card.id}-x{gpus}-{form}-{day}",
        "title": title or f"Own measurement: {', '.join(Path(each).name for each in files)[:200]}",
        "publisher": "own",
        "address": str(files[0])[:500],
        "as_of": day,
        "confidence": "measured",
    }
    cache = next((point.kv_dtype for _, point in points if point.kv_dtype), "auto")
    common: dict[str, Any] = {
        "engine": engine_row.id,
        **({"engine_version": engine_version} if engine_version else {}),
        "model": found.model.id,
        "gpu": card.id,
        "gpus": gpus,
        "tp": tp or (1 if pp > 1 else gpus),
        **({"pp": pp} if pp > 1 else {}),
        "quant": form,
        "kv_dtype": resolve_cache_format(cache if kv_dtype == "auto" else kv_dtype).id,
    }
    rows = _series(points, common, source["id"], day, concurrency)
    write_overlay(Path(to), {"sources": [source], "benchmarks": rows})
    checked = load((Path(to),)) if not isinstance(catalog, Catalog) else cat
    shown = _compared(checked, {row["id"] for row in rows})
    notes = [Note(f"use it with --catalog {to}, or put it into ~/.config/gpucost/catalog/")]
    if model and stated and squeeze(model) != squeeze(stated):
        notes.append(Note(f"the files name {stated}; --model {model} is used", "warning"))
    if tool == "llama-bench":
        notes.append(Note("throughput looks up closed loops only; these points show in validate"))
    result = ImportResult(str(to), len(rows), shown)
    inputs = {"files": [str(each) for each in files], **common, "measured": day, "today": str(today or "")}
    return Report("bench import", inputs, result, notes=tuple(notes))


def _day(stated: str | None, points: Sequence[BenchPoint]) -> str:
    """Day of the run, ISO. Raises UsageError when nobody says it."""
    known = stated or next((point.date for point in points if point.date != "unknown"), None)
    if known is None:
        raise UsageError("the files do not say when they were measured; give --measured DATE")
    try:
        return date.fromisoformat(known).isoformat()
    except ValueError:
        raise UsageError(f"--measured takes a date such as 2026-10-01, not {known[:40]!r}") from None


def _series(
    points: Sequence[tuple[Path, BenchPoint]],
    common: dict[str, Any],
    source: str,
    day: str,
    concurrency: int | None,
) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for path, point in points:
        load_kind = point.load
        flight = point.concurrency or concurrency
        if flight is None:
            raise UsageError(f"{path} does not say how many requests were in flight; give --concurrency")
        given, made = round(point.input_tokens), round(point.output_tokens)
        if load_kind == "closed":
            columns = ["input_tokens", "output_tokens", "concurrency", "tpot_ms", "ttft_ms"]
            values = [given, made, flight, point.tpot_ms, point.ttft_ms]
        elif load_kind == "single":
            columns = ["input_tokens", "output_tokens", "concurrency", "output_tokens_per_s"]
            values = [given, made, 1, point.output_tokens_per_s]
        else:
            columns = ["input_tokens", "output_tokens", "concurrency", "prompt_tokens_per_s"]
            values = [given, 0, 1, point.prompt_tokens_per_s]
        identity = f"{source}-{load_kind}"
        row = rows.setdefault(
            load_kind,
            {"id": identity, **common, "load": load_kind, "measured": day, "columns": columns, "points": []},
        )
        row["points"].append(values)
    return [{**row, "source": source} for row in rows.values()]


def _compared(catalog: Catalog, wanted: set[str]) -> tuple[ImportedPoint, ...]:
    """Every imported point with the estimate over it."""
    mine = Catalog(
        {
            **{name: catalog.sections[name] for name in catalog.sections},
            "benchmarks": [e for e in catalog.sections["benchmarks"] if e["row"]["id"] in wanted],
        }
    )
    cases, _ = cases_of(mine)
    constants = speed_constants(catalog)
    ratios = {case.id: 1 / float(predict(case, constants).speed) for case in cases}
    out = []
    for entry in mine.sections["benchmarks"]:
        row = entry["row"]
        for number, point in enumerate(row["points"], start=1):
            values = dict(zip(row["columns"], point, strict=True))
            out.append(
                ImportedPoint(
                    load=row["load"],
                    input_tokens=values["input_tokens"],
                    output_tokens=values["output_tokens"],
                    concurrency=values["concurrency"],
                    tpot_ms=values.get("tpot_ms"),
                    ttft_ms=values.get("ttft_ms"),
                    tokens_per_s=values.get("output_tokens_per_s") or values.get("prompt_tokens_per_s"),
                    estimated_over_measured=ratios.get(f"{row['id']}.{number}"),
                )
            )
    return tuple(out)
