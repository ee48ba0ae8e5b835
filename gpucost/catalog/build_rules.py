"""Rows of how products bill and scale to domain objects."""

from collections.abc import Mapping
from typing import Any

from gpucost.domain.rules import Parts, Plan, ProductKind, Rule, Term
from gpucost.domain.scaling import Binding, Policy, Routing, Scaling

_PARTS = ("image", "load", "busy", "gaps", "tail")
_WINDOWS = {"up_after_s": "scale_up_after_s", "down_after_s": "scale_down_after_s"}
"""Terms of scaling to a target that stand with the billing."""


def _term(each: Mapping[str, Any]) -> Term:
    return Term(
        value=each["value"],
        low=each.get("low", each["value"]),
        high=each.get("high", each["value"]),
        source=each["source"],
        note=each.get("note", ""),
        settable=each.get("settable", False),
    )


def rule(row: dict[str, Any]) -> Rule:
    """A rule by which a product bills."""
    terms = {}
    for each in row.get("terms", ()):
        for key in [f"{each['term']}@{gpu}" for gpu in each.get("gpus", ())] or [each["term"]]:
            terms[key] = _term(each)
    return Rule(
        product=row["id"],
        kind=ProductKind(row["kind"]),
        to_zero=row.get("to_zero", "never"),
        during_start=row.get("during_start", "unknown"),
        parts=Parts(*(row["parts"][name] for name in _PARTS)) if "parts" in row else Parts(),
        committed=row.get("committed", False),
        priced_as=row.get("priced_as", ""),
        priced_as_since=row.get("priced_as_since", ""),
        eliminated=row.get("eliminated", ""),
        terms=terms,
        beside={each["line"]: tuple(each["prices"]) for each in row.get("beside", ())},
        plans={
            each["id"]: Plan(each["id"], each.get("price"), each["credit_usd"], each["source"])
            for each in row.get("plans", ())
        },
        note=row.get("note", ""),
        sources=tuple(row["sources"]),
    )


def scaling(product: str, row: Mapping[str, Any] | None, billing: Mapping[str, Any] | None = None) -> Scaling:
    """How a product scales; without a row nothing is known.

    A product that scales to a target takes the windows that its row leaves out from its billing.
    """
    if row is None:
        return Scaling(product, None, {}, None, None, "", ())
    policy = Policy(row["policy"]) if "policy" in row else None
    terms = {each["term"]: _term(each) for each in row.get("terms", ())}
    if policy in (Policy.TARGET, Policy.ALARM) and billing is not None:
        known = {each["term"]: each for each in billing.get("terms", ()) if not each.get("gpus")}
        for name, other in _WINDOWS.items():
            if name not in terms and other in known:
                terms[name] = _term(known[other])
    return Scaling(
        product=row["id"],
        policy=policy,
        terms=terms,
        routing=Routing(row["routing"]) if "routing" in row else None,
        binding=Binding(row["binding"]) if "binding" in row else None,
        note=row.get("note", ""),
        sources=tuple(row["sources"]),
    )
