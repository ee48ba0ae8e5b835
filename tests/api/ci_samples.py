"""A scenario file for `check` and `diff`, small enough to plan in a moment."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

TODAY = "2026-11-20"
BUDGET = {
    "usd_per_month": 2000,
    "usd_per_million_tokens": 10,
    "ttft_p99_s": 5,
    "min_headroom": 0.05,
    "max_price_age_days": 365,
    "providers": ["runpod"],
}
SCENARIO: dict[str, Any] = {
    "models": [{"model": "meta-llama/Llama-3.1-8B-Instruct", "quantizations": ["bf16", "fp8"]}],
    "workload": {"input_tokens": 1000, "output_tokens": 250, "requests_per_day": 20000},
    "slo": ["ttft:p95<=2s"],
    "constraints": {"providers": ["runpod"], "gpus": ["l4", "l40s"]},
    "budget": BUDGET,
    "as_of": TODAY,
}
L4 = "runpod/community/l4-24gb"


def changed(**parts: Any) -> dict[str, Any]:
    """The scenario with other parts; None leaves one out, mappings are laid over what stands there."""
    found = deepcopy(SCENARIO)  # YAML would write what two scenarios share as an alias
    for key, value in parts.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = {**found.get(key, {}), **value} if isinstance(value, dict) else value
    return found


def write(path: Path, *scenarios: dict[str, Any], names: tuple[str, ...] = ("chat", "batch")) -> Path:
    """A scenario file."""
    import yaml

    given = dict(zip(names, scenarios or (SCENARIO,), strict=False))
    text = yaml.safe_dump({"version": 1, "scenarios": given}, sort_keys=False)
    path.write_text(text, encoding="utf-8")
    return path


def overlay(path: Path, offer: str = L4, usd_per_hour: float = 0.5) -> Path:
    """A catalogue file that states another price of an offer."""
    provider, product, gpu = offer.split("/")
    path.write_text(
        f"""sources:
  - id: quote-2026-11-10
    title: Quote of the provider
    publisher: The provider
    address: example.org/quote
    as_of: "2026-11-10"
    confidence: published
prices:
  - offer: {offer}
    provider: {provider}
    product: {product}
    billing: {product}
    sku: Quoted
    gpus: [{gpu}]
    gpu_count: 1
    usd_per_hour: {usd_per_hour}
    as_of: "2026-11-10"
    stated_by: provider
    source: quote-2026-11-10
""",
        encoding="utf-8",
    )
    return path
