"""A bill divided over teams, tenants or tags by what each used."""

from collections.abc import Sequence
from pathlib import Path

from gpucost.api.ledger import Ledger
from gpucost.domain.billing import Bill, Share
from gpucost.errors import UsageError
from gpucost.io.usage_table import read_usage


def chargeback_of(
    ledger: Ledger, bills: Sequence[Bill], usage: Path | str | None, tag: str | None, quantity: str | None
) -> tuple[Share, ...]:
    """Each tag's part of the first bill, in proportion to its quantity; the parts add up to the bill.

    Idle time, starts, storage and fees are shared like the rest. Raises DataError for faults of the file.
    """
    if usage is None:
        if tag is not None or quantity is not None:
            raise UsageError("--tag-column and --quantity-column go with --usage")
        return ()
    found = read_usage(Path(usage), tag=tag, quantity=quantity)
    if not bills:
        return ()
    if bills[0].total_usd is None:
        raise UsageError(f"{bills[0].deployment}: a bill with an unknown price cannot be divided")
    whole = sum(each.quantity for each in found.rows)
    ledger.note(
        f"the bill of {bills[0].deployment} is divided by {found.unit}; idle time, starts, storage and fees "
        "are shared in the same proportion"
    )
    return tuple(
        Share(
            each.tag,
            each.quantity,
            found.unit,
            each.quantity / whole,
            bills[0].total_usd * each.quantity / whole,
        )
        for each in found.rows
    )
