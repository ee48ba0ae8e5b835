"""What two answers rest on and do not share: inputs, choices and cited numbers, each with its cause."""

from collections.abc import Mapping
from typing import Any, TypeGuard

from gpucost.domain.checks import CAUSES, Fact, FactChange, Snapshot
from gpucost.io.json_safe import shown

CAUSE_OF_INPUT: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "requests_per_month",
            "requests_per_day",
            "requests_per_second",
            "items",
            "pattern",
            "burst_size",
            "burst_interval_s",
            "peak_to_mean",
            "hours",
            "input_tokens",
            "output_tokens",
            "prefix_cache_hit",
            "trace",
            "execution_s",
            "external_ms",
            "egress_gb",
        ),
        "traffic",
    ),
    **dict.fromkeys(("models", "model", "params", "config"), "model"),
    **dict.fromkeys(("quantizations", "quantization"), "format"),
    **dict.fromkeys(("engines", "engine"), "engine"),
    "deployment": "deployment",
    **dict.fromkeys(
        (
            "slo",
            "providers",
            "regions",
            "gpus",
            "billing",
            "max_cold_start_s",
            "max_context",
            "max_gpus",
            "max_usd_per_month",
            "single_provider",
            "ecc",
            "spot",
        ),
        "limits",
    ),
}
"""What an input speaks of; all others are settings."""
NOT_CAUSES = ("scenario", "as_of", "period", "period_hours", "month_hours", "prices")
"""Inputs that name the question. Prices of another day show as prices."""
CHOSEN: Mapping[str, str] = {
    "model": "model",
    "quantization": "format",
    "engine": "engine",
    "engine_version": "engine",
    "deployment": "deployment",
    "gpu": "deployment",
    "gpus_per_worker": "deployment",
    "billing": "deployment",
}
"""Parts of an answer that are chosen, and what a bill is moved by when they are."""
OUTCOMES = ("concurrency", "idle_timeout_s", "min_workers", "workers", "max_workers")
"""Settings of an answer: they follow from the rest."""
ANSWER = "answer."
PRICE = "prices."
DIGITS = 10
"""Significant digits that are compared: machines differ in the last ones of a float."""
MANY = 1e5
"""Numbers from here on are told without decimals."""


def facts_between(before: Snapshot, after: Snapshot) -> tuple[FactChange, ...]:
    """Inputs, choices and numbers that both answers have and that differ, in the order of the causes."""
    found = []
    for key in before.inputs.keys() & after.inputs.keys():
        if key not in NOT_CAUSES and before.inputs[key] != after.inputs[key]:
            cause = CAUSE_OF_INPUT.get(key, "settings")
            found.append(FactChange(cause, key, scalar(before.inputs[key]), scalar(after.inputs[key])))
    for field in before.facts.keys() & after.facts.keys():
        was, now = before.facts[field], after.facts[field]
        if was.value != now.value:
            cause = "price" if field.startswith(PRICE) else "assumption"
            found.append(FactChange(cause, field, was.value, now.value, _source(was), _source(now)))
    for key in (*CHOSEN, *OUTCOMES):
        if differs(key, before, after):
            name = key if key in OUTCOMES else ANSWER + key
            cause = CHOSEN.get(key, "settings")
            found.append(FactChange(cause, name, scalar(before.answer[key]), scalar(after.answer[key])))
    return tuple(sorted(found, key=lambda each: (CAUSES.index(each.cause), each.fact)))


def is_root(change: FactChange) -> bool:
    """Whether somebody changed it: what a plan chooses follows."""
    return change.fact not in OUTCOMES and not change.fact.startswith(ANSWER)


def differs(key: str, before: Snapshot, after: Snapshot) -> bool:
    """Whether two answers differ in a part that both have."""
    both = key in before.answer and key in after.answer
    return both and bool(before.answer[key] != after.answer[key])


def _source(fact: Fact) -> str:
    return f"{fact.source} of {fact.as_of}" if fact.as_of else fact.source


def told(change: FactChange) -> str:
    """A change as a sentence: before, after, and where both were read."""
    text = f"{change.fact} {plain(change.before)} → {plain(change.after)}"
    sources = dict.fromkeys(each for each in (change.source_before, change.source_after) if each)
    return f"{text} ({' → '.join(sources)})" if sources else text


def plain(value: object) -> str:
    """A value for a sentence."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= MANY else f"{value:,.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    return "none" if value is None else str(value)


def scalar(value: Any) -> str | float | int | None:
    """A value of JSON as text or a number."""
    if value is None or isinstance(value, str) or is_number(value):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(str(scalar(each)) for each in value) or "any"
    return shown(value)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is one, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def rounded(snapshot: Snapshot) -> Snapshot:
    """The same answer with as many digits as a lock keeps."""
    return snapshot._replace(
        inputs=_round(snapshot.inputs),
        answer=_round(snapshot.answer),
        usd_per_month=_round(snapshot.usd_per_month),
        usd_per_million_tokens=_round(snapshot.usd_per_million_tokens),
        lines=tuple(type(line)(*map(_round, line)) for line in snapshot.lines),
        facts={key: fact._replace(value=_round(fact.value)) for key, fact in snapshot.facts.items()},
    )


def _round(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: _round(each) for key, each in value.items()}
    return [_round(each) for each in value] if isinstance(value, list | tuple) else value
