"""Cold starts as sums of phases, each with its range and source."""

from collections.abc import Mapping
from typing import Any

from gpucost.catalog.store import Catalog
from gpucost.domain.billing import ColdStart, Phase
from gpucost.units import GB

ORDER = ("trigger", "provision", "image", "weights", "engine")
"""Phases that follow each other; a hit of a snapshot takes the place of all of them."""
Seconds = tuple[float | None, float | None, float | None]
"""Value, low and high [s]."""


def cold_start(catalog: Catalog, product: str, *, weights_bytes: float | None) -> ColdStart | None:
    """The start of a product with a model of this size [B]; None where no phase is known.

    A rate of reading weights gives seconds only where the size is known.
    """
    rows = {
        entry["row"]["phase"]: entry["row"]
        for entry in catalog.sections["cold_starts"]
        if entry["row"]["product"] == product
    }
    if not rows:
        return None
    phases = [_phase(catalog, rows[name], weights_bytes) for name in (*ORDER, "snapshot") if name in rows]
    known = [each for each in phases if each.phase != "snapshot" and each.value_s is not None]
    hit = next((each for each in phases if each.phase == "snapshot"), None)
    said = {name for each in known for name in (each.phase, *rows[each.phase].get("covers", ()))}
    missing = tuple(name for name in ORDER[1:] if name not in said)
    return ColdStart(
        product=product,
        total_s=sum(each.value_s or 0.0 for each in known) if known else None,
        low_s=sum(each.low_s or 0.0 for each in known) if known else None,
        high_s=sum(each.high_s or 0.0 for each in known) if known else None,
        snapshot_s=None if hit is None else hit.value_s,
        snapshot_low_s=None if hit is None else hit.low_s,
        snapshot_high_s=None if hit is None else hit.high_s,
        unknown=missing,
        phases=tuple(phases),
    )


def _phase(catalog: Catalog, row: Mapping[str, Any], weights_bytes: float | None) -> Phase:
    value, low, high = _seconds(row, weights_bytes)
    return Phase(
        product=row["product"],
        phase=row["phase"],
        value_s=value,
        low_s=low,
        high_s=high,
        note=row.get("note", ""),
        source=row["source"],
        as_of=catalog.source(row["source"]).as_of,
    )


def _seconds(row: Mapping[str, Any], weights_bytes: float | None) -> Seconds:
    if "value_s" in row:
        value = row["value_s"]
        return value, row.get("low_s", value), row.get("high_s", value)
    if weights_bytes is None:
        return None, None, None
    rate = row["value_gb_per_s"]
    rates = (rate, row.get("high_gb_per_s", rate), row.get("low_gb_per_s", rate))
    value, low, high = (weights_bytes / GB / each for each in rates)
    return value, low, high
