"""The errors of gpucost beside those of others on the same measured cases.

`tests/reference/aiconfigurator.csv` holds what aiconfigurator 0.12.0 (NVIDIA, Apache-2.0) predicts for the
closed-loop points that it ships: `run_agg` as in `cli_estimate(mode="agg")`, ctx_tokens = input tokens, no
MTP, attention data parallelism 1, databases trtllm 1.3.0rc20, vllm 0.24.0 and sglang 0.5.14, falling back to
its hybrid mode where it has no measured kernels; lengths × 0.9 for InferenceMAX. It saw its own kernel
measurements, and its source says that some factors were calibrated on its serving corpus.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.api.benchmarks import Case, cases_of, predict
from gpucost.api.engines import EngineFlags, EngineSetup, cache_format
from gpucost.api.measured import LookUp, Point, points_in
from gpucost.api.request import Lengths
from gpucost.api.serving import Band, Servers
from gpucost.api.sizing import Load, Sizer
from gpucost.api.speed import engine_speed
from gpucost.api.validate_speed import fold_constants, left_out_of
from gpucost.calc.machine import SpeedConstants
from gpucost.calc.statistics import quantile
from gpucost.catalog.names import resolve_version
from gpucost.catalog.store import Catalog

FILE = Path(__file__).parents[1] / "reference" / "aiconfigurator.csv"


class Times(NamedTuple):
    """Latencies of one case [s]."""

    tpot: float
    ttft: float


class PeerLine(NamedTuple):
    """Errors of one predictor on the common cases: median and 90th percentile of |predicted/measured − 1|."""

    name: str
    cases: int
    tpot: tuple[float, float]
    throughput: tuple[float, float]
    ttft: tuple[float, float]


def aiconfigurator() -> dict[str, Times]:
    """Predictions by case."""
    with FILE.open(encoding="utf-8") as file:
        return {
            row["case"]: Times(float(row["tpot_ms"]) / 1e3, float(row["ttft_ms"]) / 1e3)
            for row in csv.DictReader(file)
        }


def measured(case: Case) -> Times:
    """What was measured."""
    assert case.ttft_s is not None
    return Times(case.measured / 1e3, case.ttft_s)


def left_out(catalog: Catalog, cases: Sequence[Case]) -> dict[str, Times]:
    """Predictions of gpucost with constants that never saw the case."""
    folds = fold_constants(catalog, "group")
    out = {}
    for case in cases:
        found = predict(case, folds[left_out_of("group", case)])
        known = measured(case)
        out[case.id] = Times(float(found.tpot) * known.tpot, float(found.ttft) * known.ttft)
    return out


def scaled_by_neighbours(catalog: Catalog, cases: Sequence[Case]) -> dict[str, Times]:
    """Predictions as an answer has them where another point of the same deployment was measured.

    The case itself is taken out of the benchmarks, and out of the fit.
    """
    series = {entry["row"]["id"]: entry["row"] for entry in catalog.sections["benchmarks"]}
    folds = fold_constants(catalog, "group")
    deployments: dict[tuple[Any, ...], list[Point]] = {}
    of_case: dict[str, tuple[tuple[Any, ...], Point]] = {}
    for row in series.values():
        if row["load"] != "closed" or "unexplained" in row or "ttft_ms" not in row["columns"]:
            continue
        names = ("model", "gpu", "gpus", "tp", "pp", "ep", "quant", "kv_dtype", "engine")
        key = tuple(row.get(name) for name in names)
        for point in points_in(row):
            deployments.setdefault(key, []).append(point)
            of_case[point.id] = (key, point)
    out = {}
    for case in cases:
        key, point = of_case[case.id]
        same = (point.input_tokens, point.output_tokens, point.concurrency)
        others = [
            each
            for each in deployments[key]
            if (each.input_tokens, each.output_tokens, each.concurrency) != same
        ]
        builder = _builder(catalog, case, folds[left_out_of("group", case)])
        server = builder(point.lengths)
        match = None if server is None else LookUp(server, others, like=builder).match(point.concurrency)
        if server is not None and match is not None:
            found = server.scaled(match.tpot, match.ttft).round(point.concurrency)
            out[case.id] = Times(float(found.tpot_s), float(found.ttft_s))
    return out


def _builder(catalog: Catalog, case: Case, constants: SpeedConstants) -> Callable[[Lengths], Any]:
    """Servers of the case's deployment for any lengths; None where they do not fit."""
    engine = catalog.engine(case.engine)
    quantization, gpu = catalog.quantization(case.quantization), catalog.gpus[case.gpu]
    version = resolve_version(engine, None)
    cache = cache_format("auto", quantization=quantization, engine=engine.id)
    bands = {f"throughput-{kind}": Band(1.0, 1.0) for kind in ("dense", "moe")}

    def build(lengths: Lengths) -> Any:
        sizer = Sizer(
            model=catalog.model(case.model),
            setup=EngineSetup(engine, version, EngineFlags()),
            cache=cache,
            load=Load(1, 1),
            usable_override={},
        )
        speed = engine_speed(engine, version.version, EngineFlags())
        servers = Servers(sizer, constants, bands, engine=speed, lengths=lengths, asked=1024)
        evaluation = servers.evaluate(gpu, quantization, case.parallel)
        return None if servers.why_not(evaluation) else servers.server(evaluation, replicas=1)

    return build


def roofline(cases: Sequence[Case]) -> dict[str, Times]:
    """The rule that spreadsheets use: weights / bandwidth or 2 × parameters × requests / peak, the larger."""
    out = {}
    for case in cases:
        work, traits = case.deployed.work, case.deployed.traits
        flops = work.low_flops + work.full_flops + work.expert_flops + work.head_flops
        streamed = (work.dense_bytes + work.expert_bytes + work.head_bytes) / traits.bandwidth
        step = max(streamed, flops * case.concurrency / traits.low_peak)
        out[case.id] = Times(step, max(streamed, flops * case.input_tokens / traits.low_peak))
    return out


def _errors(case: Case, times: Times) -> tuple[float, float, float]:
    known, steps = measured(case), case.output_tokens - 1
    whole = (known.ttft + steps * known.tpot) / (times.ttft + steps * times.tpot)
    return abs(times.tpot / known.tpot - 1), abs(whole - 1), abs(times.ttft / known.ttft - 1)


def compare(catalog: Catalog) -> list[PeerLine]:
    """Every predictor on the cases that aiconfigurator supports."""
    theirs = aiconfigurator()
    cases = [case for case in cases_of(catalog)[0] if case.id in theirs and case.ttft_s is not None]
    predictors: Mapping[str, Mapping[str, Times]] = {
        "gpucost, case left out of the fit": left_out(catalog, cases),
        "aiconfigurator 0.12.0": theirs,
        "roofline rule": roofline(cases),
        "gpucost, scaled by the nearest other point": scaled_by_neighbours(catalog, cases),
    }
    lines = []
    for name, times in predictors.items():
        errors = [_errors(case, times[case.id]) for case in cases if case.id in times]
        tpot, rate, ttft = (
            (quantile(column, 0.5), quantile(column, 0.9)) for column in zip(*errors, strict=True)
        )
        lines.append(PeerLine(name, len(errors), tpot, rate, ttft))
    return lines


def markdown(catalog: Catalog) -> str:
    """The comparison as a Markdown table: median / 90th percentile in percent."""
    rows = [
        "| predictor | cases | TPOT | throughput | TTFT |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for line in compare(catalog):
        cells = [
            f"{100 * median:.1f} / {100 * far:.1f}" for median, far in (line.tpot, line.throughput, line.ttft)
        ]
        rows.append(f"| {line.name} | {line.cases:,} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"
