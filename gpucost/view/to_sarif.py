"""Broken limits as SARIF 2.1.0, for code scanning: a rule per limit, a result at the line that sets it."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from gpucost import __version__
from gpucost.domain.checks import BudgetResult, PolicyResult
from gpucost.domain.report import Report
from gpucost.view.sanitize import sanitize

VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
RULES = {
    "plan": "A deployment keeps every limit of the scenario.",
    "usd_per_month": "The month costs no more than this [USD].",
    "usd_per_million_tokens": "A million generated tokens cost no more than this [USD].",
    "ttft_p99_s": "The 99th percentile of the first token is no longer than this [s].",
    "min_headroom": "At least this share of the capacity is free at the mean rate [0-1].",
    "max_price_age_days": "No price of the bill is older than this [days].",
    "providers": "All of the bill is with these providers.",
    "max_increase_usd": "The month costs no more than this above the locked one [USD].",
    "max_increase": "The month costs no larger share than this above the locked one.",
    "lock": "Catalogue, scenarios and answers are those of the lock.",
}


def render_sarif(report: Report) -> str:
    """The report of `check` as one SARIF run; limits that are kept give no result."""
    result: BudgetResult = report.result
    run = {
        "tool": {
            "driver": {
                "name": "gpucost",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(name, text) for name, text in RULES.items()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(each) for each in result.policies if not each.ok],
    }
    document = {"$schema": SCHEMA, "version": VERSION, "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _rule(name: str, text: str) -> dict[str, Any]:
    return {
        "id": name,
        "shortDescription": {"text": text},
        "help": {"text": f"{text} gpucost explains its numbers with --format json."},
        "defaultConfiguration": {"level": "error"},
    }


def _result(each: PolicyResult) -> dict[str, Any]:
    where = f"{each.scenario}: " if each.scenario else ""
    text = sanitize(f"{where}{each.policy}: {each.text}")
    if each.ok is None:
        text = f"cannot be told: {text}"
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(each.file, errors="replace")}}
    if each.line is not None:
        place["region"] = {"startLine": each.line}
    # Without its numbers, which move from run to run, it is one and the same finding.
    identity = blake2b(
        f"{each.file}\0{each.scenario}\0{each.policy}".encode(errors="replace"), digest_size=16
    )
    return {
        "ruleId": each.policy,
        "ruleIndex": list(RULES).index(each.policy),
        "level": "error",
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"limit/v1": identity.hexdigest()},
    }
