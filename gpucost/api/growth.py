"""Bills over growing traffic, and pings that keep a worker warm."""

from collections.abc import Sequence

from gpucost.api.bill_setup import Setup
from gpucost.api.billed import Costing
from gpucost.api.deployments import resolve
from gpucost.calc.bill_lines import total, whole_usd_per_hour
from gpucost.domain.billing import KeepWarm, Month
from gpucost.domain.rules import ProductKind
from gpucost.errors import UsageError
from gpucost.units import SECONDS_PER_HOUR

MONTHS = 12
MOST_PER_S = 1e7


def months_of(
    setup: Setup, costings: Sequence[Costing], growth: float | None, months: int | None
) -> tuple[Month, ...]:
    """Bills month by month while traffic grows by a share of itself each month."""
    if growth is None and months is None:
        return ()
    level = setup.asked.level
    if level is None:
        raise UsageError("--growth needs the traffic of the first month")
    setup.ledger.user("--growth", growth or 0.0, "per month")
    found = []
    for number in range(months or MONTHS):
        now = level * (1 + (growth or 0.0)) ** number
        if now > MOST_PER_S:
            raise UsageError(
                f"--growth: month {number + 1} would bring {now:.3g} requests/s; take fewer --months"
            )
        sums = [
            total(costing.with_credit(costing.at(now, setup.month).lines, setup.month))
            for costing in costings
        ]
        usd = tuple(float(known) if whole else None for known, whole in sums)
        priced = [(each, costing.deployment.label) for each, costing in zip(usd, costings, strict=True)]
        best = min((pair for pair in priced if pair[0] is not None), default=(None, ""))
        found.append(Month(number + 1, now * setup.month.seconds, usd, best[1]))
    return tuple(found)


def keep_warm_of(setup: Setup, costings: Sequence[Costing]) -> tuple[KeepWarm, ...]:
    """One worker that pings hold on all month, beside a worker that is paid to stay.

    A ping just within the idle timeout leaves no second unbilled, so the price is that of every second.
    """
    found = []
    for costing in costings:
        if costing.kind is not ProductKind.WORKERS:
            continue
        every, month = costing.idle_timeout_s(), setup.month
        hourly = whole_usd_per_hour(costing.rate())
        if every <= 0 or hourly is None:
            continue
        provider, _, rest = costing.deployment.label.partition("/")
        name = f"{provider}/active/{rest.partition('/')[2]}"
        active, usd = "", None
        if f"{provider}/active" in setup.shelf.catalog.billing_rows:
            other = resolve(setup.shelf, name)
            active, usd = (
                other.label,
                None if other.usd_per_hour is None else other.usd_per_hour * month.hours,
            )
        found.append(
            KeepWarm(every, month.hours * SECONDS_PER_HOUR / every, hourly * month.hours, active, usd)
        )
    if not found:
        setup.ledger.note("--keep-warm: no deployment here stops when it is idle")
    return tuple(found)
