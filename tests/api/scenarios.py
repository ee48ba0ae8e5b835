"""Scenarios that the tests of plans write, and the same questions by hand."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import gpucost
from gpucost.catalog.store import Catalog
from gpucost.domain.plans import PlanResult, PlanRow
from gpucost.domain.report import Report

TODAY = date(2026, 11, 21)
AS_OF = "2026-11-20"
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
CHAT: dict[str, Any] = {
    "models": [{"model": LLAMA, "quantizations": ["bf16", "awq"]}],
    "workload": {"input_tokens": 1000, "output_tokens": 250, "requests_per_day": 20_000},
    "slo": ["ttft:p95<=1s"],
    "constraints": {"providers": ["runpod", "modal"], "gpus": ["rtx-4090", "l40s", "a100-sxm-80gb"]},
    "as_of": AS_OF,
}


def changed(base: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A scenario with some keys of its parts changed; None takes a key out."""
    made = deepcopy(base)
    for part, value in parts.items():
        if isinstance(value, dict):
            kept = {**made.get(part, {}), **value}
            made[part] = {key: each for key, each in kept.items() if each is not None}
        else:
            made[part] = value
    return {part: value for part, value in made.items() if value not in (None, {})}


def written(folder: Path, **scenarios: dict[str, Any]) -> Path:
    """A scenario file: JSON is YAML."""
    path = folder / "gpucost.yaml"
    path.write_text(json.dumps({"version": 1, "scenarios": scenarios}), encoding="utf-8")
    return path


def planned(folder: Path, catalog: Catalog, scenario: dict[str, Any], **asked: Any) -> Report:
    """The answer of `plan` for one scenario."""
    return gpucost.plan(scenario=written(folder, one=scenario), catalog=catalog, today=TODAY, **asked)


def plans(folder: Path, catalog: Catalog, scenario: dict[str, Any], **asked: Any) -> PlanResult:
    """The same, without what stands around it."""
    found: PlanResult = planned(folder, catalog, scenario, **asked).result
    return found


def model_flags(row: PlanRow, scenario: dict[str, Any]) -> dict[str, Any]:
    """What a person types for the model, format, engine and lengths of a plan."""
    load, draft = scenario["workload"], scenario.get("speculation", {})
    stated = next(
        each for each in scenario["models"] if each.get("model") is None or _named(each["model"], row.model)
    )
    names = {key: stated[key] for key in ("model", "params", "config") if key in stated}
    return {
        **names,
        "quant": row.quantization,
        "engine": row.engine,
        "input_tokens": load["input_tokens"],
        "output_tokens": load["output_tokens"],
        "prefix_cache_hit": load.get("prefix_cache_hit", 0.0),
        **(draft if row.speculation else {}),
    }


def _named(asked: str, found: str) -> bool:
    return asked.lower().startswith(found.lower()) or found.lower().startswith(asked.lower())


SHAPE = (
    *("requests_per_month", "requests_per_day", "requests_per_second", "pattern"),
    *("burst_size", "burst_interval_s", "peak_to_mean", "hours"),
)


def bill_flags(row: PlanRow, scenario: dict[str, Any]) -> dict[str, Any]:
    """What a person types to have a plan billed."""
    load = scenario["workload"]
    scales = row.idle_timeout_s is not None
    return {
        **model_flags(row, scenario),
        **{key: load[key] for key in SHAPE if key in load},
        "deployment": row.deployment,
        "concurrency": row.concurrency,
        "as_of": scenario.get("as_of"),
        **(
            {
                "idle_timeout_s": row.idle_timeout_s,
                "min_workers": row.min_workers,
                "scale_to_zero": True,
            }
            if scales
            else {"workers": round(row.workers)}
        ),
    }


def billed(row: PlanRow, scenario: dict[str, Any], catalog: Catalog, **changes: Any) -> float:
    """The month of a plan, asked of `bill` by hand [USD]."""
    asked = {**bill_flags(row, scenario), **changes}
    total = gpucost.bill(catalog=catalog, today=TODAY, **asked).result.bills[0].total_usd
    assert total is not None
    return float(total)


QUIET = changed(CHAT, workload={"requests_per_day": 300}, slo=["e2e:p50<=30s"])
SCENARIOS: dict[str, dict[str, Any]] = {
    "chat": CHAT,
    "quiet, scaling wins": QUIET,
    "no limits": changed(CHAT, slo=None),
    "70B on several cards": changed(
        CHAT,
        models=[{"model": "meta-llama/Llama-3.3-70B-Instruct", "quantizations": ["awq", "fp8"]}],
        workload={"requests_per_day": 5000},
        slo=["ttft:p95<=3s", "tpot<=80ms"],
    ),
    "diurnal": changed(CHAT, workload={"pattern": "diurnal", "peak_to_mean": 3, "hours": 4}),
    "bursts": changed(
        CHAT,
        workload={"requests_per_day": None, "pattern": "bursty", "burst_size": 40, "burst_interval_s": 3600},
        slo=["ttft:p95<=5s"],
    ),
    "busy hours": changed(CHAT, workload={"pattern": "busy-hours", "hours": 9}),
    "shared prefixes, two engines": changed(
        CHAT,
        models=[{"model": LLAMA, "quantizations": ["fp8"]}],
        workload={"prefix_cache_hit": 0.8},
        constraints={"engines": ["vllm", "sglang"]},
    ),
    "speculation": changed(
        CHAT,
        workload={"requests_per_day": 2000},
        slo=["tpot<=15ms"],
        speculation={"draft_tokens": 3, "acceptance": 0.7, "draft_model": "meta-llama/Llama-3.2-1B-Instruct"},
    ),
    "GGUF": changed(
        CHAT,
        models=[{"model": LLAMA, "quantizations": ["q4_k_m"]}],
        workload={"requests_per_day": 500},
        constraints={"engines": ["llama.cpp"]},
        slo=None,
    ),
    "experts": changed(
        CHAT,
        models=[{"model": "Qwen/Qwen3-30B-A3B-Instruct-2507", "quantizations": ["fp8"]}],
        workload={"requests_per_day": 4000},
    ),
    "a size instead of a model": changed(
        CHAT, models=[{"params": "13B", "quantizations": ["fp8"]}], workload={"requests_per_day": 4000}
    ),
    "any machine, spot ones too": changed(CHAT, constraints={"providers": None, "spot": True}),
}


@cache
def found(name: str, folder: Path, shipped: Catalog) -> PlanResult:
    """The answer for one of the scenarios, made once."""
    result = plans(folder, shipped, SCENARIOS[name])
    assert result.plans, name
    return result


def scales(row: PlanRow) -> bool:
    return row.idle_timeout_s is not None
