"""Rows of billing rules to domain objects."""

from typing import Any

from gpucost.domain.rules import Parts, Plan, ProductKind, Rule, Term

_PARTS = ("image", "load", "busy", "gaps", "tail")


def rule(row: dict[str, Any]) -> Rule:
    """A rule by which a product bills."""
    terms = {}
    for each in row.get("terms", ()):
        term = Term(
            value=each["value"],
            low=each.get("low", each["value"]),
            high=each.get("high", each["value"]),
            source=each["source"],
            note=each.get("note", ""),
            settable=each.get("settable", False),
        )
        for key in [f"{each['term']}@{gpu}" for gpu in each.get("gpus", ())] or [each["term"]]:
            terms[key] = term
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
