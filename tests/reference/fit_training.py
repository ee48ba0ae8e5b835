"""Fits the constants of training speed; writes them to `data/training/constants.yaml` and prints the errors.

    python -m tests.reference.fit_training

Only rows of use `fit` are fitted. Every constant is positive and fitted as a logarithm, with a weak prior at
the value that it starts from (`START`). The loss is soft-L1 on the logarithm of predicted over measured
speed; a row weighs 1/√n of the n rows that share its source, model and card, so that no large table drowns
the others. `low` and `high` span refits that leave out one source or one model each. Needs SciPy (extra
`dev`).
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from gpucost.api.training_speed import SpeedCase, case_of, predicted_quantity
from gpucost.calc.training_speed import TrainingSpeedConstants
from gpucost.catalog.store import Catalog, load

DATA = Path(__file__).parents[2] / "data"
TARGET = DATA / "training" / "constants.yaml"
START = TrainingSpeedConstants(
    matmul_share=0.85,
    power_exponent=0.15,
    fp8_share=0.7,
    fp4_share=0.45,
    row_scaled_share=0.35,
    expert_share=0.8,
    attention_share=0.7,
    older_attention_share=0.5,
    eager_passes=10,
    fused_passes=4,
    adapter_passes=15,
    layer_us=3000,
    moe_us=5000,
    hooks_factor=5,
    unpacked_bytes=15,
    link_share=0.7,
    tp_overlap_share=0.5,
    dp_overlap_share=0.8,
    hop_us=5,
)
"""Plausible before any fit: kernel benchmarks, profiles, and orders of magnitude."""
PRIOR_WEIGHT = 0.2
LOSS_SCALE = 0.1
"""Chosen by refits without each source, of 0.05 to 0.8 and 0.1 to 0.3: a constant that few runs determine
stays near its start."""
Array = NDArray[np.float64]


class Measured(NamedTuple):
    """A measured run with the case made of it."""

    row: Mapping[str, Any]
    case: SpeedCase


def measured_runs(catalog: Catalog) -> list[Measured]:
    """All measured runs of use `fit` and `score` that the model can answer."""
    out = []
    for entry in catalog.sections["training_runs"]:
        case = case_of(catalog, entry["row"])
        if not isinstance(case, str):
            out.append(Measured(entry["row"], case))
    return out


def log_ratio(run: Measured, k: TrainingSpeedConstants) -> float:
    """Logarithm of predicted over measured speed; positive where the model is too fast."""
    ratio = predicted_quantity(run.case, k) / run.case.measured
    return float(np.log(ratio)) * (-1 if run.case.quantity == "step_s" else 1)


def weights_of(runs: Sequence[Measured]) -> Array:
    """1/√n of the n runs with one source, model and card."""
    keys = [(run.row["source"], run.row["model"], run.row["gpu"]) for run in runs]
    counts = Counter(keys)
    return np.array([counts[key] ** -0.5 for key in keys])


def fit(runs: Sequence[Measured]) -> TrainingSpeedConstants:
    """Constants that fit `runs`."""
    prior, weights = np.log(np.array(START)), weights_of(runs)

    def residuals(x: Array) -> Array:
        k = TrainingSpeedConstants(*np.exp(x))
        found = np.array([log_ratio(run, k) for run in runs])
        return np.concatenate([PRIOR_WEIGHT * (x - prior), weights * found])

    upper = np.where([name.endswith("_share") for name in START._fields], 0.0, 20.0)
    found = least_squares(
        residuals,
        np.minimum(prior, upper - 1e-3),
        bounds=(-20.0, upper),
        loss="soft_l1",
        f_scale=LOSS_SCALE,
        max_nfev=30,
    )
    return TrainingSpeedConstants(*(float(f"{value:.4g}") for value in np.exp(found.x)))


def _line(name: str, logs: Array) -> str:
    errors = np.abs(np.expm1(logs))
    return (
        f"  {name:<48} {len(logs):>4} {np.median(errors):>8.1%} {np.quantile(errors, 0.9):>8.1%}"
        f" {np.expm1(np.median(logs)):>+8.1%}"
    )


BY: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "source": lambda row: str(row["source"]),
    "gpu": lambda row: str(row["gpu"]),
    "model": lambda row: str(row["model"]),
    "method": lambda row: str(row["method"]),
    "precision": lambda row: str(row.get("precision", "not stated")),
}


def print_errors(title: str, runs: Sequence[Measured], logs: Array) -> None:
    """Median, 90th percentile and bias of the speed, by source, card, model, method and precision."""
    print(f"\n{title:<50} {'runs':>4} {'median':>8} {'p90':>8} {'bias':>8}")
    print(_line("all", logs))
    for group, key in BY.items():
        names = [key(run.row) for run in runs]
        for name in sorted(set(names)):
            print(_line(f"{group} {name}", logs[[n == name for n in names]]))


def _logs(runs: Sequence[Measured], k: TrainingSpeedConstants) -> Array:
    return np.array([log_ratio(run, k) for run in runs])


def left_out(
    runs: Sequence[Measured], key: Callable[[Mapping[str, Any]], str]
) -> tuple[list[TrainingSpeedConstants], Array]:
    """Refits without one group each, and the errors of each group in the refit that never saw it."""
    names = np.array([key(run.row) for run in runs])
    logs, refits = np.zeros(len(runs)), []
    for name in np.unique(names):
        k = fit([run for run, n in zip(runs, names, strict=True) if n != name])
        refits.append(k)
        out = names == name
        logs[out] = _logs([run for run, o in zip(runs, out, strict=True) if o], k)
    return refits, logs


def main() -> None:
    """Fit, refit without each source and model, print the errors, write the constants."""
    from gpucost.catalog.compile import write_compiled

    runs = measured_runs(load())
    fitted = [run for run in runs if run.row["use"] == "fit"]
    scored = [run for run in runs if run.row["use"] == "score"]
    best = fit(fitted)
    print_errors("fit", fitted, _logs(fitted, best))
    print_errors("score", scored, _logs(scored, best))
    refits = []
    for scheme in ("source", "model"):
        found, logs = left_out(fitted, BY[scheme])
        refits += found
        print_errors(f"fit, each {scheme} left out", fitted, logs)
    text = TARGET.read_text(encoding="utf-8")
    for name, value, column in zip(best._fields, best, np.array(refits).T, strict=True):
        text, count = re.subn(
            rf"\{{id: speed-{name.replace('_', '-')}, value: \S+, low: \S+, high: \S+, ",
            f"{{id: speed-{name.replace('_', '-')}, value: {value:g}, low: {min(value, *column):g}, "
            f"high: {max(value, *column):g}, ",
            text,
        )
        assert count == 1, name
    TARGET.write_text(text, encoding="utf-8")
    write_compiled(DATA)


if __name__ == "__main__":
    main()
