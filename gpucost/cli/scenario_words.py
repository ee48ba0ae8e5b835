"""A scenario as the flags of one command: the keys that the command has flags for, the others left out."""

from collections.abc import Callable, Container, Mapping
from pathlib import Path

from gpucost.domain.scenario import Scenario

MODEL = ("model", "params", "config", "hf")
AMOUNT = ("requests_per_month", "requests_per_day", "requests_per_second", "items")
SHAPE = ("pattern", "burst_size", "burst_interval_s", "peak_to_mean", "hours")
OWN_SPEED = ("tokens_per_second", "execution_ms")
NAMED = ("deployment", "hybrid")
"""Deployments by name leave nothing to choose."""
REPLACED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((*MODEL, "quant"), MODEL),
    **dict.fromkeys(AMOUNT, (*AMOUNT, "trace")),
    **dict.fromkeys(SHAPE, ("pattern", "items", "trace", "profile")),
    "trace": (*AMOUNT, "pattern"),
    "input_tokens": ("input_column",),
    "output_tokens": ("output_column",),
    **dict.fromkeys(("gpu", "provider", "billing"), NAMED),
}
"""A key of the file gives way to these flags, and to its own."""
LOADS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "throughput": {
        "rps": ("concurrency", "slo", *OWN_SPEED),
        "slo": ("concurrency", "rps", *OWN_SPEED),
    },
    "cost": {"rps": ("concurrency", "utilization"), "slo": ("concurrency", "utilization")},
}
"""The same of commands whose load is one of several flags."""
SOUGHT: Mapping[str, tuple[str, ...]] = {"breakeven": (*AMOUNT, "burst_interval_s")}
"""What a command finds out itself."""

Values = dict[str, tuple[object, ...]]


def values_of(
    scenario: Scenario,
    command: str,
    known: Container[str],
    given: Container[str],
    *,
    pattern: str,
    level: float | None,
    lengths: Callable[[Path], Container[str]],
) -> Values:
    """Values by name of an option of the command.

    `known` are its options, `given` those of the command line. `pattern` and `level` are what the workload
    comes to, its mean rate [requests/s] where it has one; `lengths` tells which of `input_tokens` and
    `output_tokens` a trace has itself.
    """
    found = {name: each for name, each in _all(scenario, pattern).items() if name in known}
    if level is not None and not any(name in found for name in (*AMOUNT, "burst_interval_s")):
        found |= {name: (level,) for name in ("rps", "requests_per_second") if name in known}
    replaced = {**REPLACED, **LOADS.get(command, {})}
    found = {
        name: each
        for name, each in found.items()
        if name not in given
        and name not in SOUGHT.get(command, ())
        and not any(other in given for other in replaced.get(name, ()))
    }
    if command == "throughput" and "slo" in found:
        found.pop("rps", None)  # one load at a time: how much goes within the limits says more
    if "trace" in found:
        own = lengths(Path(str(found["trace"][0])))
        found = {name: each for name, each in found.items() if name not in own}
    return found


def _all(scenario: Scenario, pattern: str) -> Values:
    """Everything that some command has a flag for, by the name of that flag."""
    load, limits, first = scenario.workload, scenario.constraints, scenario.models[0]
    shape = {name: getattr(load, name) for name in SHAPE}
    if any(value is not None for value in shape.values()):
        shape["pattern"] = pattern  # not every command sees it from the other keys
    one = {
        "model": first.model,
        "params": first.params,
        "config": first.config,
        "input_tokens": load.input_tokens,
        "output_tokens": load.output_tokens,
        "context": load.max_context or load.input_tokens + load.output_tokens,
        "requests_per_month": load.requests_per_month,
        "requests_per_day": load.requests_per_day,
        "requests_per_second": load.requests_per_second,
        **shape,
        "prefix_cache_hit": load.prefix_cache_hit or None,
        "trace": load.trace,
        "file": load.trace,
        "engine": limits.engines[0],
        "as_of": scenario.as_of,
    }
    many = {
        "quant": first.quantizations,
        "slo": scenario.slo,
        "provider": limits.providers,
        "region": limits.regions,
        "gpu": limits.gpus,
        "billing": limits.billing,
    }
    found: Values = {name: (value,) for name, value in one.items() if value is not None}
    return {**found, **{name: tuple(values) for name, values in many.items() if values}}
