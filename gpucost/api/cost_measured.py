"""Ranks measured executions by what a request costs, as benchmarks state it and as it is billed."""

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from gpucost.api.ledger import Ledger
from gpucost.api.offers import choose, day_of
from gpucost.catalog import build
from gpucost.catalog.names import nearest, resolve_gpu
from gpucost.catalog.store import Catalog, load
from gpucost.domain.report import Report
from gpucost.domain.speed import MeasuredCost, MeasuredCostResult
from gpucost.errors import UnknownNameError, UsageError
from gpucost.io.bench_table import TimedRow, read_timed
from gpucost.units import SECONDS_PER_HOUR

IDLE_S = 5.0
"""RunPod Serverless keeps a flex worker, and bills it, this long after a request unless set otherwise [s]."""


def cost_measured(
    path: Path | str,
    *,
    idle_s: float = IDLE_S,
    as_of: str | None = None,
    prices: str = "catalog",
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """Cost per request of every row of a benchmark file, cheapest first.

    `usd_per_request` = execution × rate takes a worker that is always full; `billed_usd_per_request` is one
    request alone: time rounded up to whole seconds and `idle_s` [s] of waiting billed after it.

    Raises DataError for faults of the file, UsageError for a negative idle time.
    """
    if not (math.isfinite(idle_s) and idle_s >= 0):
        raise UsageError(f"--idle-s must not be below 0, not {idle_s}")
    if prices not in ("catalog", "seeds"):
        raise UnknownNameError("--prices", prices, ("catalog", "seeds"))
    cat = catalog if isinstance(catalog, Catalog) else load(tuple(Path(each) for each in catalog))
    ledger = Ledger(cat)
    day = day_of(as_of, today or date.today())
    rows = read_timed(Path(path))
    rates = [_rate(cat, ledger, row, day, seeds=prices == "seeds") for row in rows]
    costs = [row.execution_s * rate for row, rate in zip(rows, rates, strict=True)]
    dearest = max(costs)
    found = [
        MeasuredCost(
            name=row.name,
            execution_s=row.execution_s,
            usd_per_second=rate,
            usd_per_request=usd,
            requests_per_usd=1 / usd,
            saving_fraction=1 - usd / dearest,
            billed_usd_per_request=(math.ceil(row.execution_s - 1e-9) + idle_s) * rate,
            offer=row.offer,
        )
        for row, rate, usd in zip(rows, rates, costs, strict=True)
    ]
    ledger.user("--idle-s", idle_s, "s")
    ledger.note(
        "cost per request takes a worker that is full all the time; a request alone is billed in whole "
        f"seconds with {idle_s:g} s of idle time"
    )
    result = MeasuredCostResult(tuple(sorted(found, key=lambda each: each.usd_per_request)), idle_s)
    return Report(
        question="cost measured",
        inputs={"file": str(path), "idle_s": idle_s, "as_of": day.isoformat()},
        result=result,
        evidence=ledger.evidence,
        notes=ledger.notes,
    )


def _rate(catalog: Catalog, ledger: Ledger, row: TimedRow, day: date, *, seeds: bool) -> float:
    """USD per second of a row: stated, or that of the offer that it names."""
    if row.usd_per_second is not None:
        return row.usd_per_second
    if row.usd_per_hour is not None:
        return row.usd_per_hour / SECONDS_PER_HOUR
    statements = catalog.price_rows(seeds=seeds)
    wanted = row.offer.lower()
    same = [each for each in statements if wanted in (each["offer"].lower(), *each.get("aliases", ()))]
    choice = choose((price for each in same if (price := build.price(dict(each))).usd_per_hour), today=day)
    if choice is None or choice.price.usd_per_hour is None:
        known = sorted({each["offer"] for each in statements})
        raise UnknownNameError("offer", row.offer, nearest(row.offer, known))
    price = choice.price
    if row.gpu and resolve_gpu(catalog, row.gpu).gpu.id not in price.gpus:
        cards = ", ".join(price.gpus) or "no card"
        raise UsageError(f"{row.name}: {price.offer} hands out {cards}, not {row.gpu}")
    ledger.cite(f"prices.{price.offer}.{price.unit}", price.usd, price.unit, price.source, as_of=price.as_of)
    return choice.price.usd_per_hour / SECONDS_PER_HOUR
