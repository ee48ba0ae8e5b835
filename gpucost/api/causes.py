"""Why one answer costs more than another: the difference divided over price, traffic, model and the rest.

The division is sequential. Where one thing alone was changed, all of the difference is its doing, whatever
it made the plan choose. Else a line's change of price goes to the price and its change of quantity to what
changed beside it: to traffic as far as the quantity grew with the tokens, then to the next cause in order.
Lines of another offer than before go to what made the offer change: model, format, engine or deployment.
"""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

from gpucost.api.changed_facts import (
    CHOSEN,
    OUTCOMES,
    differs,
    facts_between,
    is_number,
    is_root,
    plain,
    rounded,
    scalar,
    told,
)
from gpucost.calc.bill_changes import LinePair, effects, paired
from gpucost.domain.checks import CAUSES, Cause, Difference, FactChange, LineChange, Snapshot

SETTINGS = OUTCOMES[:3]
"""Outcomes that are set, not counted."""
NAMED = 3
"""Facts that a cause names."""
Parts = Mapping[str, float]
"""USD by cause."""


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """What changed between two answers, and why; the causes sum to the difference of the totals [USD]."""
    before, after = rounded(before), rounded(after)
    facts = facts_between(before, after)
    roots = {each.cause for each in facts if is_root(each)}
    moved = _moved(before, after)
    pairs = paired(before.lines, after.lines)
    parts = [_parts(pair, before, after, roots, moved) for pair in pairs]
    was, now = _total(before), _total(after)
    delta = None if was is None or now is None else now - was
    sums: dict[str, list[float]] = {cause: [] for cause in roots} if delta is not None else {}
    for each in parts if delta is not None else ():
        for cause, usd in (each or {}).items():
            sums.setdefault(cause, []).append(usd)
    causes = [
        Cause(cause, fsum(found), _said(cause, facts, roots, before, after)) for cause, found in sums.items()
    ]
    return Difference(
        name=after.name,
        deployment_before=_deployment(before),
        deployment_after=_deployment(after),
        before_usd=was,
        after_usd=now,
        delta_usd=delta,
        delta=delta / was if delta is not None and was else None,
        causes=tuple(sorted(causes, key=lambda each: (-abs(each.usd), CAUSES.index(each.cause)))),
        lines=tuple(_line(pair, each) for pair, each in zip(pairs, parts, strict=True)),
        facts=facts,
    )


def _deployment(snapshot: Snapshot) -> str | None:
    found = snapshot.answer.get("deployment")
    return None if found is None else str(found)


def _total(snapshot: Snapshot) -> float | None:
    """The sum of the lines [USD]; None where nothing answers or a price is unknown."""
    if snapshot.usd_per_month is None:
        return None
    return fsum(line.usd or 0.0 for line in snapshot.lines)


def _moved(before: Snapshot, after: Snapshot) -> str | None:
    """What makes the two answers different ones, or None where only their amounts differ."""
    return next((cause for key, cause in CHOSEN.items() if differs(key, before, after)), None)


def _parts(
    pair: LinePair, before: Snapshot, after: Snapshot, roots: set[str], moved: str | None
) -> Parts | None:
    """The change of a line by cause [USD]; None where a price is unknown."""
    effect = effects(pair)
    if effect is None or effect == (0.0, 0.0):
        return None if effect is None else {}
    reset = any(differs(key, before, after) for key in SETTINGS)
    if len(roots) == 1:
        (only,) = roots
        # A price moves quantities by what it makes the plan choose, and in no other way.
        if only != "price" or moved or reset or not effect.quantity_usd:
            return {only: effect.usd}
    one, other = pair
    same_offer = one is not None and other is not None and one.offer == other.offer != ""
    if moved and not same_offer:
        return {moved: effect.usd}
    found = {"price": effect.price_usd} if effect.price_usd else {}
    beside = [cause for cause in CAUSES if cause in roots and cause != "price"]
    if moved:
        beside = [*(cause for cause in beside if cause == "traffic"), moved]
    left, grown = effect.quantity_usd, _growth(before, after)
    if (
        "traffic" in beside
        and len(beside) > 1
        and one is not None
        and other is not None
        and grown is not None
    ):
        found["traffic"] = (one.usd or 0.0) * grown
        left -= found["traffic"]
        beside.remove("traffic")
    if left:
        cause = beside[0] if beside else "settings" if reset else "other"
        found[cause] = found.get(cause, 0.0) + left
    return found


def _growth(before: Snapshot, after: Snapshot) -> float | None:
    """By what share the tokens, or else the requests, of a period grew."""
    was, now = _volume(before.inputs), _volume(after.inputs)
    return None if not was or now is None else now / was - 1


def _volume(inputs: Mapping[str, Any]) -> float | None:
    rates = (inputs.get(key) for key in ("requests_per_month", "requests_per_second"))
    rate = next((float(each) for each in rates if is_number(each)), None)
    tokens = [inputs.get(key) for key in ("input_tokens", "output_tokens")]
    return None if rate is None else rate * (sum(float(each) for each in tokens if is_number(each)) or 1.0)


def _line(pair: LinePair, parts: Parts | None) -> LineChange:
    before, after = pair
    effect, parts = effects(pair), parts or {}
    some = after or before
    if some is None:
        raise ValueError("a pair needs a line")
    state = "new" if before is None else "gone" if after is None else "changed"
    return LineChange(
        line=some.name,
        unit=some.unit,
        state="same" if before == after else state,
        offer_before="" if before is None else before.offer,
        offer_after="" if after is None else after.offer,
        quantity_before=None if before is None else before.quantity,
        quantity_after=None if after is None else after.quantity,
        usd_per_unit_before=None if before is None else before.usd_per_unit,
        usd_per_unit_after=None if after is None else after.usd_per_unit,
        usd_before=None if before is None else before.usd,
        usd_after=None if after is None else after.usd,
        delta_usd=None if effect is None else effect.usd,
        quantity_usd=None if effect is None else effect.quantity_usd,
        price_usd=None if effect is None else effect.price_usd,
        why=", ".join(sorted((each for each in parts if parts[each]), key=lambda each: -abs(parts[each]))),
    )


def _said(cause: str, facts: Sequence[FactChange], roots: set[str], before: Snapshot, after: Snapshot) -> str:
    """What is behind a cause, in words."""
    own = [each for each in facts if each.cause == cause and is_root(each)]
    parts = [told(each) for each in own[:NAMED]]
    if len(own) > NAMED:
        parts.append(f"{len(own) - NAMED} more")
    if cause == _moved(before, after):
        key = next(key for key, each in CHOSEN.items() if each == cause and differs(key, before, after))
        parts.insert(0, " → ".join(plain(scalar(each.answer[key])) for each in (before, after)))
        others = [each for each in CAUSES if each in roots and each != cause]
        if others:
            parts.append(f"{', '.join(others)} changed as well and may have led there")
    if not parts and cause == "settings":
        parts = [told(each) for each in facts if each.fact in SETTINGS]
    if not parts and cause == "price":
        parts.append("the unit price of a line, which no cited number tells")
    return (
        "; ".join(parts) or "no number that both answers cite: the rules of the catalogue or gpucost changed"
    )
