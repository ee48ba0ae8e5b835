"""How far are the models off? Re-runs the shipped measured cases and scores them.

Constants were fitted on the `fit` cases only; the error that counts is that of the `score` cases.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.api.engines import EngineFlags, EngineSetup
from gpucost.api.sizing import Load, Sizer, kv_tokens
from gpucost.api.training_memory import memory_cases, training_memory_constants
from gpucost.api.training_speed import case_of, predicted_quantity, training_speed_constants
from gpucost.api.validate_speed import SpeedValidation, validate_speed
from gpucost.calc.statistics import quantile
from gpucost.catalog.names import (
    resolve_cache_format,
    resolve_engine,
    resolve_gpu,
    resolve_model,
    resolve_quantization,
    resolve_version,
)
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.deployment import EngineKind, Parallelism
from gpucost.domain.report import Report
from gpucost.errors import UnknownNameError, UsageError
from gpucost.units import GIB, gib_to_bytes

TRAINING_MEMORY = "training, peak of a card"
TRAINING_SPEED = "training, speed"
TARGETS: Mapping[str, tuple[float, float | None]] = {
    "weights": (0.008, 0.04),
    "KV pool": (0.03, 0.10),
    "KV tokens of a given pool": (0.01, None),
    "max concurrency": (0.05, 0.12),
    TRAINING_MEMORY: (0.08, 0.20),
    TRAINING_SPEED: (0.15, None),
}
"""Median and 90th percentile that the model must stay within, per quantity."""
UNSTATED_CARD = "h100-sxm-80gb"
"""Stands in where a log names no card; only figures that do not depend on it are compared then."""
UNSTATED_CONTEXT_LIMIT = 131_072


class CaseScore(NamedTuple):
    """One figure of one case."""

    case: str
    use: str
    quantity: str
    predicted: float
    measured: float
    error: float
    """predicted / measured − 1."""
    source: str


class QuantityScore(NamedTuple):
    """Errors of one quantity over one part of the cases."""

    quantity: str
    part: str
    cases: int
    median_error: float
    p90_error: float
    median_target: float | None
    p90_target: float | None
    within: bool | None


class NotReproduced(NamedTuple):
    """A case, or its pool, that is not predicted, and the physical reason."""

    case: str
    what: str
    reason: str


class ValidateResult(NamedTuple):
    """Errors of memory and training by quantity and part, and of the speed model by what was left out."""

    summary: tuple[QuantityScore, ...]
    scores: tuple[CaseScore, ...]
    not_reproduced: tuple[NotReproduced, ...]
    speed: SpeedValidation | None


def predict(catalog: Catalog, row: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Predicted and measured value of every figure that a case has, by quantity."""
    found = resolve_model(catalog, row["model"])
    identity = found.quantization or found.model.native_quantization
    quantization = resolve_quantization(catalog, row.get("quant", identity))
    engine = resolve_engine(catalog, row["engine"])
    setup = EngineSetup(
        engine,
        resolve_version(engine, row.get("engine_version")),
        EngineFlags(
            utilization=row.get("gpu_memory_utilization"),
            max_num_seqs=row.get("max_num_seqs"),
            max_num_batched_tokens=row.get("max_num_batched_tokens"),
            enforce_eager=row.get("enforce_eager", False),
            chunked_prefill=row.get("chunked_prefill"),
        ),
    )
    card = resolve_gpu(catalog, row["gpu"]) if "gpu" in row else None
    gpu = card.gpu if card is not None else catalog.gpus[UNSTATED_CARD]
    totals = {gpu.id: gib_to_bytes(row["total_gib"])} if "total_gib" in row else {}
    tp = row.get("tp", 1)
    parallel = Parallelism(tp, row.get("pp", 1), tp if row.get("expert_parallel", False) else 1)
    context = row.get("context") or min(
        found.model.max_context or UNSTATED_CONTEXT_LIMIT, UNSTATED_CONTEXT_LIMIT
    )
    if setup.kind is EngineKind.TRANSFORMERS:
        context = row.get("input_tokens", 1)
    sizer = Sizer(
        model=found.model,
        setup=setup,
        cache=resolve_cache_format(row.get("kv_dtype", "auto")),
        load=Load(context, 1),
        usable_override=totals,
        with_mtp=row.get("mtp", False),
    )
    evaluation = sizer.evaluate(gpu, quantization, parallel)
    out: dict[str, tuple[float, float]] = {}
    if "weights_gib" in row:
        out["weights"] = (evaluation.budget.weights_bytes / GIB, row["weights_gib"])
    if "total_used_gib" in row:
        cards = row.get("gpus", 1)
        budget = evaluation.budget
        cache = evaluation.need_bytes * (context + row.get("output_tokens", 0)) / context
        total = budget.weights_bytes + cache + cards * budget.activations_bytes
        out["transformers total"] = (total / GIB, row["total_used_gib"])
    if "kv_pool_gib" not in row:
        return out
    if card is not None and "pool_reason" not in row:
        out["KV pool"] = (evaluation.pool_bytes / GIB, row["kv_pool_gib"])
        if "max_concurrency" in row:
            out["max concurrency"] = (evaluation.max_concurrency, row["max_concurrency"])
    if "kv_tokens" in row:
        given = evaluation._replace(room_bytes=row["kv_pool_gib"] * GIB)
        out["KV tokens of a given pool"] = (kv_tokens(given, sizer.load), row["kv_tokens"])
    return out


OF = ("all", "memory", "speed", "training")


def validate(
    *, catalog: Sequence[Path | str] | Catalog = (), case: str | None = None, of: str = "all"
) -> Report:
    """Scores the models on the shipped measured cases: `of` memory, speed, training, or all.

    Memory and training: fit and score part apart. Speed: every case with constants fitted without it. `case`
    keeps the cases whose id contains it.

    Raises UsageError when no case does.
    """
    if of not in OF:
        raise UnknownNameError("--of", of, OF)
    cat = opened(catalog)
    scores: list[CaseScore] = []
    left_out: list[NotReproduced] = []
    if of in ("all", "memory"):
        scores, left_out = _memory(cat, case)
    if of in ("all", "training"):
        found, unfit = _training(cat, case)
        scores, left_out = [*scores, *found], [*left_out, *unfit]
    speed = validate_speed(cat, case=case) if of in ("all", "speed") else None
    if case is not None and not scores and not left_out and not (speed and speed.scores):
        raise UsageError(f"no measured case has {case!r} in its id; gpucost validate lists them all")
    result = ValidateResult(tuple(_summary(scores)), tuple(scores), tuple(left_out), speed)
    lines = [line.within for line in result.summary] + [
        line.within for line in (speed.summary if speed else ())
    ]
    return Report(
        question="validate", inputs={"case": case, "of": of}, result=result, answered_no=False in lines
    )


def _memory(cat: Catalog, case: str | None) -> tuple[list[CaseScore], list[NotReproduced]]:
    """Every figure of the memory cases, and what is not reproduced."""
    scores: list[CaseScore] = []
    left_out: list[NotReproduced] = []
    for row in (entry["row"] for entry in cat.sections["memory_cases"]):
        if case is not None and case.lower() not in row["id"]:
            continue
        if row["use"] == "none":
            left_out.append(NotReproduced(row["id"], "case", row.get("reason", "")))
            continue
        if "pool_reason" in row:
            left_out.append(NotReproduced(row["id"], "KV pool", row["pool_reason"]))
        for quantity, (predicted, measured) in predict(cat, row).items():
            error = predicted / measured - 1
            scores.append(
                CaseScore(row["id"], row["use"], quantity, predicted, measured, error, row["source"])
            )
    return scores, left_out


def _training(cat: Catalog, case: str | None) -> tuple[list[CaseScore], list[NotReproduced]]:
    """Peak memory and speed of the measured training runs, and what is not reproduced."""
    scores: list[CaseScore] = []
    left_out: list[NotReproduced] = []
    memory, speed = training_memory_constants(cat), training_speed_constants(cat)
    peaks = {found.row["id"]: found for found in memory_cases(cat)}
    for row in (entry["row"] for entry in cat.sections["training_runs"]):
        name = row["id"]
        if case is not None and case.lower() not in name:
            continue
        if row["use"] == "none":
            left_out.append(NotReproduced(name, "training run", row["reason"]))
            continue
        if name in peaks:
            predicted = peaks[name].predicted(memory).total_bytes / GIB
            scores.append(_scored(row, TRAINING_MEMORY, predicted, row["peak_gib"]))
        timed = case_of(cat, row)
        if isinstance(timed, str):
            if name not in peaks:
                left_out.append(NotReproduced(name, "training run", timed))
            continue
        scores.append(_scored(row, TRAINING_SPEED, predicted_quantity(timed, speed), timed.measured))
    return scores, left_out


def _scored(row: Mapping[str, Any], quantity: str, predicted: float, measured: float) -> CaseScore:
    return CaseScore(
        row["id"], row["use"], quantity, predicted, measured, predicted / measured - 1, row["source"]
    )


def _summary(scores: Sequence[CaseScore]) -> list[QuantityScore]:
    lines = []
    for quantity in dict.fromkeys([*TARGETS, *(score.quantity for score in scores)]):
        for part in ("score", "fit"):
            errors = [abs(s.error) for s in scores if s.quantity == quantity and s.use == part]
            if not errors:
                continue
            median, p90 = quantile(errors, 0.5), quantile(errors, 0.9)
            target, far = TARGETS.get(quantity, (None, None))
            within = None
            if part == "score" and target is not None:
                within = median <= target and (far is None or p90 <= far)
            lines.append(QuantityScore(quantity, part, len(errors), median, p90, target, far, within))
    return lines
