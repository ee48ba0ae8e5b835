"""Evidence of a bill, and what its reader must know."""

from gpucost.api.bill_setup import Setup
from gpucost.api.billed import Costing
from gpucost.api.execution import Timed
from gpucost.domain.billing import Bill
from gpucost.domain.rules import ProductKind


def cite_bill(setup: Setup, costing: Costing, one: Bill, timed: Timed) -> None:
    """Evidence of a bill: its price, the terms of its rule that count, prices beside the cards; and notes."""
    ledger, deployment, rule = setup.ledger, costing.deployment, costing.rule
    for text in deployment.notes:
        ledger.note(text)
    if deployment.choice is None and deployment.usd_per_hour is not None:
        ledger.user(f"--deployment {deployment.label}", deployment.usd_per_hour, "USD/h")
    for price in deployment.tokens:
        if price is not None:
            ledger.cite(
                f"prices.{price.offer}.{price.unit}", price.usd, price.unit, price.source, as_of=price.as_of
            )
    for each in one.lines:
        if each.offer and each.offer != deployment.label and each.usd_per_unit is not None:
            beside = costing.beside_price(each.offer)
            if beside is not None:
                ledger.cite(
                    f"prices.{beside.offer}.{beside.unit}",
                    beside.usd,
                    beside.unit,
                    beside.source,
                    as_of=beside.as_of,
                    binding=beside.usd != 0,
                )
        if each.price_state == "unknown":
            ledger.note(
                f"{one.deployment}: the price of {each.name} is unknown, and the total with it", "warning"
            )
    _cite_terms(setup, costing)
    if (
        timed.server is not None
        and setup.execution.question is not None
        and setup.execution.work.execution_s is None
    ):
        from gpucost.api.throughput import cite_speed

        cite_speed(setup.execution.question, timed.server)
    _say(setup, costing, one)
    if rule.committed:
        ledger.note(f"{rule.product}: paid for the whole term, used or not")


NUDGE = 1.1
TERMS = (
    "idle_timeout_s",
    "load_s",
    "image_s",
    "rounding_s",
    "minimum_s",
    "vcpus",
    "memory_gib",
    "region_factor",
)
"""Numbers of a rule that may move a bill."""


def _cite_terms(setup: Setup, costing: Costing) -> None:
    """The numbers of a rule and of the user; one that a tenth more of it does not move the bill is marked."""
    given, ledger, level = setup.settings, setup.ledger, setup.asked.level
    of_workers = costing.kind is ProductKind.WORKERS
    for name, value, unit in (
        ("--start-s", given.start_s, "s"),
        ("--image-s", given.image_s, "s"),
        ("--idle-timeout-s", given.idle_timeout_s, "s"),
        ("--active-discount", given.active_discount, ""),
    ):
        if value is not None and (of_workers or name == "--active-discount"):
            ledger.user(name, value, unit)
    base = None if level is None else costing.total_usd(level, setup.month)
    for name in TERMS:
        found = costing.rule.find(name, costing.gpu)
        if found is None or costing.kind is ProductKind.TOKENS:
            continue
        key, term = found
        moves = term.value != 0
        if level is not None and moves:
            moves = costing.with_term(key, NUDGE).total_usd(level, setup.month) != base
        if moves or costing.kind is ProductKind.WORKERS:
            unit = "s" if name.endswith("_s") else ""
            ledger.cite(
                f"billing.{costing.rule.product}.{key}",
                term.value,
                unit,
                term.source,
                binding=moves,
                note=term.note,
            )
    found = costing.rule.find("discount")
    if found is not None and given.active_discount is None:
        ledger.cite(
            f"billing.{costing.rule.product}.discount",
            found[1].value,
            "",
            found[1].source,
            binding=found[1].value != 0,
            note=found[1].note,
        )


def _say(setup: Setup, costing: Costing, one: Bill) -> None:
    """What the reader must know of one bill."""
    ledger, rule, settings, label = setup.ledger, costing.rule, setup.settings, one.deployment
    limit = rule.term("execution_timeout_s")
    if limit is not None and one.execution_s is not None and one.execution_s > limit:
        longest = rule.term("longest_execution_s")
        far = f", which can be raised to {longest:,.0f} s" if longest else ""
        ledger.note(
            f"{label}: a request of {one.execution_s:,.0f} s is ended after {limit:,.0f} s{far}", "warning"
        )
    if costing.kind is ProductKind.WORKERS:
        most = rule.term("max_workers")
        simulated = one.method == "simulated"  # which counts for itself
        if settings.max_workers is None and most is not None and one.workers > most and not simulated:
            ledger.note(
                f"{label}: about {one.workers:.1f} workers run on average, its default limit is {most:.0f}; "
                "raise it there, or set --max-workers to see the bill within a limit",
                "warning",
            )
        if costing.fails_while_starting and one.cold_share and not simulated:
            ledger.note(
                f"{label}: requests that find no worker fail until one is up "
                f"({costing.clock().start_s:,.0f} s); the bill counts them as if they came again",
                "warning",
            )
        if one.method == "approximation":
            ledger.note(
                "bills of workers that scale are approximate for random arrivals: whether a request waits "
                "for the worker that it started (as here) or for the first free one can more than double "
                "them where starts are long and idle timeouts short"
            )
        unknown = [name for name, part in rule.parts._asdict().items() if part == "unknown"]
        if unknown and one.starts:
            words = " and ".join({"image": "getting the image", "load": "loading"}.get(n, n) for n in unknown)
            ledger.note(f"{label}: whether {words} is billed is not documented; it is counted")
    limit_of_workers = settings.max_workers if costing.kind is ProductKind.WORKERS else settings.workers
    load = (setup.asked.level or 0.0) * setup.asked.traffic.peak * (costing.execution_s or 0.0)
    if limit_of_workers is not None and load > limit_of_workers * settings.slots * (1 + 1e-9):
        ledger.note(
            f"{label}: {limit_of_workers} workers cannot serve the busiest time; what they leave is not "
            "billed, and the price per request is too low",
            "warning",
        )
    if costing.kind is ProductKind.WORKERS and settings.workers is not None:
        ledger.note(f"{label} scales with traffic: --workers does not hold for it; see --min-workers")
    window = rule.term("window_hours", end="low")
    if rule.committed and window is not None and one.period_hours < window:
        ledger.note(f"{label}: the least term is {window:,.0f} hours, more than is billed here", "warning")
    if rule.kind is ProductKind.WORKERS and rule.to_zero == "optional" and not costing.scales:
        ledger.note(
            f"{rule.product} is billed as always on; --scale-to-zero stops its workers when nothing comes"
        )
    if rule.plans and settings.plan is None and costing.kind is not ProductKind.TOKENS:
        plans = ", ".join(f"{plan.id} (credit {plan.credit_usd:g} USD)" for plan in rule.plans.values())
        ledger.note(f"{label}: plans {plans} are left out; --plan counts one")
    if rule.product == "runpod/active" and rule.priced_as_since <= setup.shelf.day.isoformat():
        ledger.note(
            f"runpod/active: the list discount was withdrawn on {rule.priced_as_since}: an active worker "
            "costs the flex rate; --active-discount sets what a sale grants, --as-of 2026-05-12 the old list"
        )
