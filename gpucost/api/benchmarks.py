"""The measured speeds of the catalogue as cases: what was run, what came out, what the model says."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gpucost.api.engines import EngineFlags, EngineSetup, cache_format
from gpucost.api.sizing import Load, Sizer
from gpucost.api.speed import ASSUMED_SPEED, Deployed, traits_of, unknown_speed
from gpucost.calc.arrays import Values, smallest
from gpucost.calc.machine import SpeedConstants, machine_of
from gpucost.calc.speed import closed_loop, prefill_s, static_batch_s
from gpucost.calc.work import work_of
from gpucost.catalog.names import resolve_version
from gpucost.catalog.store import Catalog
from gpucost.domain.deployment import EngineKind, Parallelism
from gpucost.errors import UsageError

SATURATED_SEQUENCES = 4096
"""Most in flight of a saturated run. TensorRT-LLM's own default is 2,048, which its tables of short answers
exceed; of the powers of two this one was chosen on the cases, like a constant."""
MEMORY_ENGINES = frozenset(kind.value for kind in EngineKind)


class Case(NamedTuple):
    """One measured point."""

    id: str
    """Series and number of the point."""
    source: str
    engine: str
    model: str
    gpu: str
    gpus: int
    parallel: Parallelism
    quantization: str
    load: str
    input_tokens: float
    """Mean lengths, as run."""
    output_tokens: float
    concurrency: float
    """Requests in flight over the whole deployment; 0 where as many as fit were run."""
    replicas: float
    deployed: Deployed
    alternative: Deployed | None
    """Attention data parallelism, where the source may have used it."""
    figure: str
    """Name of the measured speed."""
    measured: float
    ttft_s: float | None


class Skipped(NamedTuple):
    """A measured point that is not predicted, and why."""

    id: str
    reason: str


def points_of(row: Mapping[str, Any]) -> Iterator[dict[str, float]]:
    """The points of a series by the names of its columns; empty values are left out."""
    for point in row["points"]:
        yield {name: value for name, value in zip(row["columns"], point, strict=True) if value is not None}


def cases_of(catalog: Catalog) -> tuple[list[Case], list[Skipped]]:
    """All measured points that can be predicted, and those that cannot."""
    cases: list[Case] = []
    skipped: list[Skipped] = []
    for entry in catalog.sections["benchmarks"]:
        row = entry["row"]
        if "unexplained" in row:
            skipped.append(Skipped(row["id"], row["unexplained"]))
            continue
        reason, found = _series(catalog, row)
        if reason:
            skipped.append(Skipped(row["id"], reason))
        cases += found
    return cases, skipped


def _series(catalog: Catalog, row: Mapping[str, Any]) -> tuple[str, list[Case]]:
    model, gpu = catalog.model(row["model"]), catalog.gpus[row["gpu"]]
    quantization = catalog.quantization(row["quant"])
    engine = catalog.engine(row["engine"])
    dp = row.get("attention_dp", False)
    parallel = Parallelism(row["tp"], row.get("pp", 1), row.get("ep", 1))
    unknown = unknown_speed(gpu, parallel)
    if unknown:
        return unknown, []
    version = resolve_version(engine, row.get("engine_version"))
    cache = cache_format(row.get("kv_dtype", "auto"), quantization=quantization, engine=engine.id)
    known = engine.speed(version.version) or ASSUMED_SPEED
    work = work_of(model, quantization=quantization, parallel=parallel, cache=cache, attention_dp=dp)
    deployed = Deployed(work, traits_of(gpu, quantization, known), 0.0)
    alternative: Deployed | None = None
    cards = parallel.ep if dp else parallel.gpus
    sizer: Sizer | None = None
    if row["load"] in ("closed", "saturated") and engine.id in MEMORY_ENGINES:
        setup = EngineSetup(engine, version, EngineFlags())
        sizer = Sizer(model=model, setup=setup, cache=cache, load=Load(1, 1), usable_override={})
    maybe_dp = "may have run attention data-parallel" in row.get("note", "")
    spread = Parallelism(1, 1, parallel.tp)
    if maybe_dp and sizer is not None and work.moe_layers and parallel.tp > 1 and parallel.pp == 1:
        other = work_of(model, quantization=quantization, parallel=spread, cache=cache, attention_dp=True)
        alternative = Deployed(other, deployed.traits, 0.0)
    factor = row.get("length_factor", 1.0)
    figure = next(name for name in row["columns"] if name.endswith(("_s", "_ms")))
    out: list[Case] = []
    reason = ""
    for number, point in enumerate(points_of(row), start=1):
        given, made = point.get("input_tokens", 0) * factor, point.get("output_tokens", 0) * factor
        if sizer is not None:
            loaded = sizer.at(Load(max(1, int(given + made)), 1))
            evaluation = loaded.evaluate(gpu, quantization, parallel)
            if evaluation.room_bytes <= 0:
                reason = "does not fit by the memory model"
                continue
            deployed = deployed._replace(pool_bytes=evaluation.room_bytes)
            if alternative is not None:
                pool = loaded.evaluate(gpu, quantization, spread).room_bytes
                alternative = alternative._replace(pool_bytes=pool) if pool > 0 else None
        ttft = point.get("ttft_ms") if figure != "ttft_ms" else None
        out.append(
            Case(
                id=f"{row['id']}.{number}",
                source=row["source"],
                engine=engine.id,
                model=model.id,
                gpu=gpu.id,
                gpus=row["gpus"],
                parallel=parallel,
                quantization=quantization.id,
                load=row["load"],
                input_tokens=given,
                output_tokens=made,
                concurrency=point.get("concurrency", 0.0),
                replicas=max(1, row["gpus"] // cards),
                deployed=deployed,
                alternative=alternative,
                figure=figure,
                measured=point[figure],
                ttft_s=None if ttft is None else ttft / 1e3,
            )
        )
    return reason, out


class Predicted(NamedTuple):
    """Prediction over measurement, as times: above 1 means that the model is too slow."""

    speed: Values
    """The rate that was measured; for closed loops, the whole request."""
    tpot: Values
    ttft: Values


def time_ratio(
    deployed: Deployed,
    k: SpeedConstants,
    *,
    load: str,
    figure: str,
    input_tokens: Values,
    output_tokens: Values,
    concurrency: Values,
    replicas: Values,
    measured: Values,
    ttft_s: Values,
    room: Values,
) -> Predicted:
    """Predicted over measured time of cases of one load and figure; numbers or arrays of them.

    Raises UsageError for a load that is not known.
    """
    work = deployed.work
    machine = machine_of(work, deployed.traits, k)
    per_group = concurrency / replicas / work.dp
    if load == "closed":
        found = closed_loop(
            work,
            machine,
            concurrency=per_group,
            room=room,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )
        tpot = measured / 1e3
        whole = found.e2e_s / (ttft_s + (output_tokens - 1) * tpot)
        return Predicted(whole, found.tpot_s / tpot, found.ttft_s / ttft_s)
    if load == "saturated":
        rate = saturated_tokens_per_s(
            work, machine, room=room, input_tokens=input_tokens, output_tokens=output_tokens
        )
        return Predicted(measured / (rate * replicas), None, None)
    if load == "static":
        spent = static_batch_s(
            work, machine, sequences=per_group, input_tokens=input_tokens, output_tokens=output_tokens
        )
        if figure == "e2e_s":
            return Predicted(spent / measured, None, None)
        return Predicted(measured * spent / (concurrency * output_tokens), None, None)
    if load == "prompt":
        spent = prefill_s(work, machine, tokens=input_tokens, prompt=input_tokens)
        if figure == "ttft_ms":
            return Predicted(spent / (measured / 1e3), None, None)
        return Predicted(measured * spent / input_tokens, None, None)
    if load == "single":
        alone = closed_loop(
            work,
            machine,
            concurrency=1.0,
            room=1.0,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            serving=0.0,
        )
        if figure == "output_tokens_per_s":
            return Predicted(measured * alone.step_s, None, None)
        whole = alone.prefill_s + output_tokens * alone.step_s
        return Predicted(measured * whole / (input_tokens + output_tokens), None, None)
    raise UsageError(f"unknown load {load!r}")


def saturated_tokens_per_s(
    work: Values, machine: Values, *, room: Values, input_tokens: Values, output_tokens: Values
) -> Values:
    """Output tokens per second of all ranks of one copy with as many requests as its cache holds."""
    full = smallest(room, SATURATED_SEQUENCES)
    found = closed_loop(
        work,
        machine,
        concurrency=full,
        room=full,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        serving=0.0,
    )
    return found.requests_per_s * output_tokens * work.dp


def predict(case: Case, k: SpeedConstants) -> Predicted:
    """Predicted over measured times of one case; the faster layout where the source leaves it open."""
    layouts = [layout for layout in (case.deployed, case.alternative) if layout is not None]
    found = [_predict(case, layout, k) for layout in layouts]
    return min(found, key=lambda each: float(each.speed))


def _predict(case: Case, deployed: Deployed, k: SpeedConstants) -> Predicted:
    return time_ratio(
        deployed,
        k,
        load=case.load,
        figure=case.figure,
        input_tokens=max(case.input_tokens, 1.0),
        output_tokens=max(case.output_tokens, 1.0),
        concurrency=case.concurrency or 1.0,
        replicas=case.replicas,
        measured=case.measured,
        ttft_s=case.ttft_s or 1.0,
        room=deployed.room(case.input_tokens + case.output_tokens / 2),
    )
