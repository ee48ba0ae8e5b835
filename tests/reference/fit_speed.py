"""Fits the constants of the speed model and its cross-validation; writes them to `data/speed*.yaml`.

    python -m tests.reference.fit_speed

Every constant is positive and fitted as a logarithm, with a weak prior at the value that it starts from
(`START`). The loss is soft-L1 on the logarithm of predicted over measured time, so that single cases with
a cause of their own do not pull. Needs SciPy (extra `dev`).
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from gpucost.api.benchmarks import Case, cases_of, time_ratio
from gpucost.api.speed import Deployed
from gpucost.api.validate_speed import BAND_TAIL, FOLDS, QUANTITIES, left_out_of, scheme_values
from gpucost.calc.machine import SpeedConstants, Traits
from gpucost.calc.speed import sequence_cache_bytes
from gpucost.calc.work import Work
from gpucost.catalog.store import load

DATA = Path(__file__).parents[2] / "data"
START = SpeedConstants(
    hbm_share=0.85,
    gddr_share=0.92,
    ggml_hbm_share=0.6,
    ggml_gddr_share=0.9,
    full_share=0.8,
    fp8_share=0.7,
    fp4_share=0.5,
    int8_share=0.4,
    weight_only_share=0.4,
    ggml_share=0.8,
    expert_share=0.8,
    attention_share=0.5,
    ggml_attention_share=0.2,
    passes=40,
    ggml_passes=200,
    expert_passes=9,
    ggml_dequantised_bytes=5,
    layer_us=65,
    moe_us=20,
    latent_us=30,
    linear_us=60,
    indexer_us=100,
    qk_norm_us=10,
    fp4_us=12,
    blackwell_factor=0.8,
    gddr_factor=0.6,
    native_factor=1.3,
    python_us=300,
    sequence_us=8,
    first_token_ms=30,
    joined_first_token_ms=80,
    nvlink_share=0.8,
    pcie_us=6,
    pcie_share=1.0,
    xgmi_us=9,
    xgmi_share=0.15,
    exchange_us=170,
    interference=0.9,
    prompts_joined_interference=0.8,
    prompts_first_interference=0.55,
)
"""Plausible before any fit: kernel benchmarks, launch latencies, and orders of magnitude."""
PRIOR_WEIGHT = 0.05
LOSS_SCALE = 0.2
WEIGHTS = {"speed": 0.8, "tpot": 0.6, "ttft": 0.25}
"""Of the three figures of a closed loop; other loads have one, with weight 1."""
EFFECTIVE = ("pcie_share", "nvlink_share")
"""Effective values that may exceed 1: a link runs both ways, small groups exchange less than a ring."""
Array = NDArray[np.float64]


class Stack(NamedTuple):
    """Cases of one load and figure as arrays."""

    places: NDArray[np.int64]
    load: str
    figure: str
    deployed: Deployed
    alternative: Deployed | None
    known: dict[str, Array]


def _stacked(parts: Sequence[Deployed]) -> Deployed:
    work = Work(*(np.array([getattr(p.work, f) for p in parts], dtype=float) for f in Work._fields))
    traits = Traits(*(np.array([getattr(p.traits, f) for p in parts], dtype=float) for f in Traits._fields))
    return Deployed(work, traits, np.array([p.pool_bytes for p in parts]))  # type: ignore[arg-type]


def _rooms(deployed: Deployed, context: Array) -> Array:
    each = np.maximum(sequence_cache_bytes(deployed.work, context), 1.0)
    rooms: Array = np.maximum(1.0, deployed.pool_bytes / each * deployed.work.pp)
    return rooms


def stacks_of(cases: Sequence[Case]) -> list[Stack]:
    """Cases by load, figure and whether a second layout is possible."""
    groups: dict[tuple[str, str, bool], list[int]] = {}
    for number, case in enumerate(cases):
        groups.setdefault((case.load, case.figure, case.alternative is not None), []).append(number)
    out = []
    for (kind, figure, other), index in groups.items():
        chosen = [cases[i] for i in index]
        given = np.array([max(case.input_tokens, 1.0) for case in chosen])
        made = np.array([max(case.output_tokens, 1.0) for case in chosen])
        known = {
            "input_tokens": given,
            "output_tokens": made,
            "concurrency": np.array([case.concurrency or 1.0 for case in chosen]),
            "replicas": np.array([case.replicas for case in chosen]),
            "measured": np.array([case.measured for case in chosen]),
            "ttft_s": np.array([case.ttft_s or 1.0 for case in chosen]),
        }
        alternative = _stacked([c.alternative for c in chosen if c.alternative]) if other else None
        out.append(
            Stack(np.array(index), kind, figure, _stacked([c.deployed for c in chosen]), alternative, known)
        )
    return out


def ratios(stack: Stack, k: SpeedConstants) -> dict[str, Array]:
    """Predicted over measured times of a stack."""
    context = stack.known["input_tokens"] + stack.known["output_tokens"] / 2
    speed: Array | None = None
    found: Any = None
    for deployed in (stack.deployed, stack.alternative):
        if deployed is None:
            continue
        found = time_ratio(
            deployed,
            k,
            load=stack.load,
            figure=stack.figure,
            room=_rooms(deployed, context),
            **stack.known,
        )
        speed = found.speed if speed is None else np.minimum(speed, found.speed)
    assert speed is not None
    out = {"speed": speed}
    if found.tpot is not None:
        out |= {"tpot": found.tpot, "ttft": found.ttft}
    return out


def fit(
    stacks: Sequence[Stack], use: NDArray[np.bool_], *, warm: SpeedConstants | None = None
) -> SpeedConstants:
    """Constants that fit the cases for which `use` is true."""
    chosen = [(stack, use[stack.places]) for stack in stacks if use[stack.places].any()]
    prior = np.log(np.array(START))

    def residuals(x: Array) -> Array:
        k = SpeedConstants(*np.exp(x))
        parts = [PRIOR_WEIGHT * (x - prior)]
        for stack, mask in chosen:
            for name, ratio in ratios(stack, k).items():
                weight = WEIGHTS[name] if stack.load == "closed" else 1.0
                parts.append(weight * np.log(ratio[mask]))
        return np.concatenate(parts)

    start = prior if warm is None else np.log(np.array(warm))
    shares = [name.endswith(("_share", "interference")) and name not in EFFECTIVE for name in START._fields]
    upper = np.where(shares, 0.0, 20.0)
    start = np.minimum(start, upper - 1e-3)
    found = least_squares(
        residuals,
        start,
        bounds=(-20.0, upper),
        loss="soft_l1",
        f_scale=LOSS_SCALE,
        max_nfev=30 if warm is None else 12,
    )
    return SpeedConstants(*(float(f"{value:.4g}") for value in np.exp(found.x)))


def _folds(cases: Sequence[Case], stacks: Sequence[Stack], best: SpeedConstants) -> list[str]:
    lines = []
    for scheme in FOLDS:
        left = np.array([left_out_of(scheme, case) for case in cases])
        for number, name in enumerate(np.unique(left)):
            k = fit(stacks, left != name, warm=best)
            values = ", ".join(f"{value:g}" for value in k)
            lines.append(
                f"  - {{id: {scheme}-{number}, scheme: {scheme}, left_out: '{name}', "
                f"values: [{values}], source: speed-fit}}"
            )
            print(lines[-1][:60], flush=True)
    return lines


def _bands(write: Callable[[str], None]) -> None:
    catalog = load()
    cases, _ = cases_of(catalog)
    write("speed_bands:\n")
    for quantity in QUANTITIES:
        found = scheme_values(catalog, cases, "group", quantity)
        for kind in ("dense", "moe"):
            logs = [
                -np.log(ratio)
                for case, ratio in found
                if (case.deployed.work.moe_layers > 0) == (kind == "moe")
            ]
            low, high = np.exp(np.quantile(logs, [BAND_TAIL, 1 - BAND_TAIL]))
            write(
                f"  - {{id: {quantity}-{kind}, quantity: {quantity}, kind: {kind}, low: {low:.3f}, "
                f"high: {high:.3f}, cases: {len(logs)}, source: speed-fit}}\n"
            )


def main() -> None:
    """Fit, cross-validate, write."""
    from gpucost.catalog.compile import write_compiled

    cases, _ = cases_of(load())
    stacks = stacks_of(cases)
    best = fit(stacks, np.ones(len(cases), dtype=bool))
    folds = _folds(cases, stacks, best)
    (DATA / "speed_folds.yaml").write_text(
        "# Constants refitted without some cases, for the cross-validation of `gpucost validate`.\n"
        "# Written by `python -m tests.reference.fit_speed`.\n\nspeed_folds:\n" + "\n".join(folds) + "\n",
        encoding="utf-8",
    )
    spans = np.array([[float(v) for v in re.findall(r"values: \[(.*?)\]", f)[0].split(", ")] for f in folds])
    target = DATA / "speed.yaml"
    text = target.read_text(encoding="utf-8").split("\nspeed_bands:")[0].rstrip() + "\n"
    for name, value, column in zip(best._fields, best, spans.T, strict=True):
        text = re.sub(
            rf"\{{id: {name.replace('_', '-')}, value: \S+, low: \S+, high: \S+, ",
            f"{{id: {name.replace('_', '-')}, value: {value:g}, low: {min(value, *column):g}, "
            f"high: {max(value, *column):g}, ",
            text,
        )
    target.write_text(text, encoding="utf-8")
    write_compiled(DATA)
    parts: list[str] = []
    _bands(parts.append)
    target.write_text(text + "\n" + "".join(parts), encoding="utf-8")
    write_compiled(DATA)


if __name__ == "__main__":
    main()
