"""The errors of gpucost beside those of others on the same measured cases.

`tests/reference/aiconfigurator.csv` holds what aiconfigurator 0.12.0 (NVIDIA, Apache-2.0) predicts for the
closed-loop points that it ships: `run_agg` as in `cli_estimate(mode="agg")`, ctx_tokens = input tokens, no
MTP, attention data parallelism 1, databases trtllm 1.3.0rc20, vllm 0.24.0 and sglang 0.5.14, falling back to
its hybrid mode where it has no measured kernels; lengths × 0.9 for InferenceMAX. It saw its own kernel
measurements, and its source says that some factors were calibrated on its serving corpus.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gpucost.api.benchmarks import Case, cases_of, predict
from gpucost.api.validate_speed import fold_constants, left_out_of
from gpucost.calc.statistics import quantile
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
    }
    lines = []
    for name, times in predictors.items():
        errors = [_errors(case, times[case.id]) for case in cases]
        tpot, rate, ttft = (
            (quantile(column, 0.5), quantile(column, 0.9)) for column in zip(*errors, strict=True)
        )
        lines.append(PeerLine(name, len(cases), tpot, rate, ttft))
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
