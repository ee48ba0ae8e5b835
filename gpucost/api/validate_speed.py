"""How far is the speed model off? Scores every measured case with constants that never saw it.

Each scheme leaves a part of the cases out in turn (a fifth of the groups of like cases, one GPU, one model,
one source), with the constants refitted on the rest; `speed_folds` of the catalogue holds those refits.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple
from zlib import crc32

from gpucost.api.benchmarks import Case, Predicted, cases_of, predict
from gpucost.calc.machine import SpeedConstants
from gpucost.calc.statistics import quantile
from gpucost.catalog.store import Catalog

Scheme = Literal["group", "gpu", "model", "source"]
FOLDS: tuple[Scheme, ...] = ("group", "gpu", "model", "source")
QUANTITIES = ("throughput", "tpot", "ttft")
GROUPS = 5
BAND_TAIL = 0.09
"""Left-out share beyond each end of a band: a group differs from the others, so less than a tenth is cut."""
TARGETS: Mapping[tuple[str, str], tuple[float, float | None]] = {
    ("group", "throughput"): (0.11, 0.32),
    ("group", "tpot"): (0.12, None),
    ("group", "ttft"): (0.35, None),
    ("gpu", "throughput"): (0.18, None),
    ("model", "throughput"): (0.18, None),
}
"""Median and 90th percentile that left-out cases must stay within."""


class SpeedScore(NamedTuple):
    """One figure of one case, predicted with constants that were fitted without it."""

    case: str
    quantity: str
    predicted_over_measured: float
    """Of speeds for throughput, of times for TPOT and TTFT."""
    error: float
    """|predicted time / measured time − 1|."""
    gpu: str
    engine: str
    quantization: str
    model: str
    source: str


class SpeedSummary(NamedTuple):
    """Errors of left-out cases."""

    scheme: str
    quantity: str
    by: str
    """`all`, or what the line is a part of: `gpu`, `engine`, `quantization`, `model`."""
    name: str
    cases: int
    median_error: float
    p90_error: float
    bias: float
    """Median of predicted over measured time, − 1."""
    median_target: float | None
    p90_target: float | None
    within: bool | None


class BandScore(NamedTuple):
    """How many left-out measurements lie within the printed band, calibrated without them."""

    quantity: str
    cases: int
    share_within: float
    median_width: float
    """High over low."""


class SpeedValidation(NamedTuple):
    """The error of the speed model over all measured cases."""

    constants: int
    summary: tuple[SpeedSummary, ...]
    bands: tuple[BandScore, ...]
    scores: tuple[SpeedScore, ...]
    skipped: tuple[tuple[str, str], ...]


def left_out_of(scheme: Scheme, case: Case) -> str:
    """The part of a scheme that a case belongs to; like cases stay together."""
    if scheme == "gpu":
        return case.gpu
    if scheme == "model":
        return case.model
    if scheme == "source":
        return case.source
    group = f"{case.source}|{case.model}|{case.gpu}|{case.parallel.tp}|{case.engine}"
    return str(crc32(group.encode()) % GROUPS)


def _quantity(predicted: Predicted, quantity: str) -> float | None:
    value = {"throughput": predicted.speed, "tpot": predicted.tpot, "ttft": predicted.ttft}[quantity]
    return None if value is None else float(value)


def fold_constants(catalog: Catalog, scheme: Scheme) -> dict[str, SpeedConstants]:
    """Constants by the part that they were fitted without."""
    rows = [entry["row"] for entry in catalog.sections["speed_folds"]]
    return {row["left_out"]: SpeedConstants(*row["values"]) for row in rows if row["scheme"] == scheme}


def scheme_values(
    catalog: Catalog, cases: Sequence[Case], scheme: Scheme, quantity: str
) -> list[tuple[Case, float]]:
    """Predicted over measured time of every case that has the quantity, each left out of its fit."""
    folds = fold_constants(catalog, scheme)
    out = []
    for case in cases:
        if quantity != "throughput" and case.ttft_s is None:
            continue
        value = _quantity(predict(case, folds[left_out_of(scheme, case)]), quantity)
        if value is not None:
            out.append((case, value))
    return out


def _line(
    scheme: str, quantity: str, by: str, name: str, ratios: Sequence[float], *, target: bool
) -> SpeedSummary:
    errors = [abs(ratio - 1) for ratio in ratios]
    median, p90 = quantile(errors, 0.5), quantile(errors, 0.9)
    goal, far = TARGETS.get((scheme, quantity), (None, None)) if target else (None, None)
    within = None if goal is None else median <= goal and (far is None or p90 <= far)
    bias = quantile(ratios, 0.5) - 1
    return SpeedSummary(scheme, quantity, by, name, len(ratios), median, p90, bias, goal, far, within)


def _band(found: Sequence[tuple[Case, float]], quantity: str) -> BandScore:
    """Coverage of the 80 % band: that of a group comes from the other groups."""
    inside = 0
    widths: list[float] = []
    parts: dict[tuple[bool, str], list[float]] = {}
    for case, ratio in found:
        key = (case.deployed.work.moe_layers > 0, left_out_of("group", case))
        parts.setdefault(key, []).append(-math.log(ratio))
    for (moe, name), logs in parts.items():
        others = [v for (kind, other), vs in parts.items() if kind == moe and other != name for v in vs]
        low, high = quantile(others, BAND_TAIL), quantile(others, 1 - BAND_TAIL)
        inside += sum(low <= value <= high for value in logs)
        widths += [math.exp(high - low)] * len(logs)
    return BandScore(quantity, len(found), inside / len(found), quantile(widths, 0.5))


def validate_speed(catalog: Catalog, *, case: str | None = None) -> SpeedValidation:
    """Errors of left-out cases by scheme, and by GPU, engine, format and model within the groups."""
    cases, skipped = cases_of(catalog)
    if case is not None:
        cases = [each for each in cases if case.lower() in each.id]
    lines: list[SpeedSummary] = []
    bands: list[BandScore] = []
    scores: list[SpeedScore] = []
    for scheme in FOLDS if cases else ():
        for quantity in QUANTITIES:
            found = scheme_values(catalog, cases, scheme, quantity)
            if not found:
                continue
            ratios = [ratio for _, ratio in found]
            lines.append(_line(scheme, quantity, "all", "all", ratios, target=case is None))
            if scheme != "group":
                continue
            if case is None:
                bands.append(_band(found, quantity))
            scores += [
                SpeedScore(
                    each.id,
                    quantity,
                    1 / ratio if quantity == "throughput" else ratio,
                    abs(ratio - 1),
                    each.gpu,
                    each.engine,
                    each.quantization,
                    each.model,
                    each.source,
                )
                for each, ratio in found
            ]
            if quantity != "throughput":
                continue
            for by in ("gpu", "engine", "quantization", "model", "load"):
                names: dict[str, list[float]] = {}
                for each, ratio in found:
                    names.setdefault(getattr(each, by), []).append(ratio)
                lines += [
                    _line(scheme, quantity, by, name, part, target=False)
                    for name, part in sorted(names.items())
                ]
    return SpeedValidation(
        constants=len(SpeedConstants._fields),
        summary=tuple(lines),
        bands=tuple(bands),
        scores=tuple(scores),
        skipped=tuple((item.id, item.reason) for item in skipped),
    )
