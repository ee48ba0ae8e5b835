"""What does a month cost: one deployment or many, by each provider's own rules, as lines that add up."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Unpack

from gpucost.api.bill_made import against_first, bill_of
from gpucost.api.bill_notes import cite_bill
from gpucost.api.bill_setup import BillingFlags, set_up
from gpucost.api.billed import Period
from gpucost.api.chargeback import chargeback_of
from gpucost.api.flags import whole
from gpucost.api.growth import keep_warm_of, months_of
from gpucost.api.hybrid import hybrid_of
from gpucost.api.named import named
from gpucost.api.price_evidence import cite_prices
from gpucost.catalog.names import several
from gpucost.catalog.store import Catalog
from gpucost.domain.billing import BillResult
from gpucost.domain.report import Report
from gpucost.errors import UnknownNameError, UsageError
from gpucost.units import HOURS_PER_DAY

PERIODS = ("request", "day", "month", "year")
YEAR_MONTHS = 12


def bill(
    *,
    deployment: Sequence[str] | str = (),
    gpu: str | None = None,
    gpus: int | None = None,
    flex_vs_active: bool = False,
    period: str = "month",
    growth: float | None = None,
    months: int | None = None,
    keep_warm: bool = False,
    hybrid: Sequence[str] = (),
    usage: Path | str | None = None,
    tag_column: str | None = None,
    quantity_column: str | None = None,
    provider: Sequence[str] | str = (),
    billing: Sequence[str] | str = (),
    top: int = 12,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
    **flags: Unpack[BillingFlags],
) -> Report:
    """Bills of one deployment or several for a period, as lines that add up, each by its provider's rules.

    Traffic is given per month, day or second, or as `items` of one batch a day, in a `pattern`; one request
    takes `execution_s` [s], or what the speed of the model says; `BillingFlags` names all of these. `growth`
    is a share per month over `months`; `hybrid` a pair of deployments, baseline and overflow; `usage` a CSV
    whose tags share the first bill.

    Raises UsageError for a question that cannot be asked, DataError for wrong files.
    """
    if period not in PERIODS:
        raise UnknownNameError("--period", period, PERIODS)
    whole("--top", top, 1, 100_000)
    whole("--gpus", gpus, 1, 4096)
    whole("--months", months, 1, 120)
    if growth is not None and not -1 < growth <= 10:
        raise UsageError(f"--growth is a share per month above -1 and at most 10, not {growth}")
    setup = set_up(flags, catalog=catalog, today=today)
    ledger, month = setup.ledger, setup.month
    if hybrid and not (several(deployment) or gpu):
        deployment = tuple(hybrid)
    chosen = named(setup, several(deployment), gpu, gpus, flex_vs_active, several(provider), several(billing))
    span = _period(period, month)
    able, reason = setup.able(chosen)
    found = []
    for each, timed in able:
        costing = setup.costing(each, timed)
        found.append((bill_of(setup, costing, span), costing, timed))
    searched = len(found)
    if not several(deployment) and not flex_vs_active:
        found.sort(key=lambda each: (each[0].total_usd is None, each[0].total_usd or 0.0))
        found = found[:top]
    setup.check_plan([each[1] for each in found])
    choices = [each[1].deployment.choice for each in found]
    cite_prices(ledger, [each for each in choices if each is not None], today=setup.shelf.day)
    for one, costing, timed in found:
        cite_bill(setup, costing, one, timed)
    bills = against_first([each[0] for each in found])
    priced = [each for each in bills if each.total_usd is not None]
    cheapest = min(priced, key=lambda each: each.total_usd or 0.0, default=None)
    costings = [each[1] for each in found]
    result = BillResult(
        period=period,
        bills=tuple(bills),
        cheapest=None if cheapest is None else cheapest.deployment,
        searched=searched,
        months=months_of(setup, costings, growth, months),
        keep_warm=keep_warm_of(setup, costings) if keep_warm else (),
        hybrid=hybrid_of(setup, tuple(hybrid)) if hybrid else None,
        chargeback=chargeback_of(ledger, bills, usage, tag_column, quantity_column),
        reason="" if bills else reason,
    )
    return Report(
        question="bill",
        inputs={
            "deployment": [one.deployment for one in bills],
            "period": period,
            "period_hours": None if span is None else span.hours,
            **setup.inputs(),
        },
        result=result,
        evidence=ledger.evidence,
        notes=ledger.notes,
        answered_no=not bills,
    )


def _period(name: str, month: Period) -> Period | None:
    """The billed time; None for one request."""
    hours = {"day": float(HOURS_PER_DAY), "month": month.hours, "year": YEAR_MONTHS * month.hours}.get(name)
    return None if hours is None else Period(name, hours, month.hours)
