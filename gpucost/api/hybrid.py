"""A reserved baseline with serverless overflow: how many workers to keep, and what that saves."""

from gpucost.api.bill_setup import Setup
from gpucost.api.billed import Costing, Settings
from gpucost.api.deployments import Deployment, resolve
from gpucost.calc.bill_lines import total
from gpucost.calc.traffic import needed
from gpucost.domain.billing import Hybrid, HybridRow, Line
from gpucost.domain.rules import ProductKind
from gpucost.errors import UsageError

MOST_ROWS = 512


def hybrid_of(setup: Setup, names: tuple[str, ...]) -> Hybrid:
    """The best number of baseline workers, the cheapest total over 0 to as many as the peak needs.

    A request takes a baseline worker first. With n of them kept on, workers n+1 and following of the same
    stream are serverless ones: their busy, starting and idle seconds are what a deployment with n workers
    kept on spends beyond these. Raises UsageError where the pair cannot be combined.
    """
    if len(names) != 2:
        raise UsageError("--hybrid takes two deployments: a baseline, and serverless workers for the rest")
    base, over = (resolve(setup.shelf, name) for name in names)
    if base.rule.kind is ProductKind.TOKENS or over.rule.kind is not ProductKind.WORKERS:
        raise UsageError(f"--hybrid: {base.label} must be kept on, and {over.label} must scale to zero")
    level = setup.asked.level
    if level is None:
        raise UsageError("--hybrid needs traffic: --requests-per-day, and a pattern that has peaks")
    overflow = _costing(setup, over, setup.settings._replace(scale_to_zero=True))
    service = overflow.execution_s or 0.0
    slots = setup.settings.slots
    peak = int(needed(setup.asked.traffic, level, service_s=service, slots=slots))
    if peak > MOST_ROWS:
        raise UsageError(f"--hybrid looks at most at {MOST_ROWS} workers; the peak needs {peak:,}")
    rows = tuple(_row(setup, base, over, level, count) for count in range(peak + 1))
    best = min(rows, key=lambda row: row.total_usd)
    reserved = _always_on(setup, base, peak)
    serverless = rows[0].total_usd
    mean = level * service / slots
    most = setup.settings.max_workers
    limit = most if most is not None else int(over.rule.term("max_workers") or 0)
    return Hybrid(
        baseline=base.label,
        overflow=over.label,
        best_workers=best.baseline_workers,
        rows=rows,
        reserved_workers=peak,
        reserved_usd=reserved,
        serverless_usd=serverless,
        saving_against_reserved=1 - best.total_usd / reserved,
        saving_against_serverless=1 - best.total_usd / serverless if serverless else 0.0,
        spike=(best.baseline_workers + limit) / mean,
    )


def _costing(setup: Setup, deployment: Deployment, settings: Settings) -> Costing:
    timed = setup.execution.of(deployment)
    if timed.reason:
        raise UsageError(f"{deployment.label}: {timed.reason}")
    return setup._replace(settings=settings).costing(deployment, timed)


def _always_on(setup: Setup, base: Deployment, workers: int) -> float:
    """The month of `workers` baseline workers, with storage, traffic and fees [USD]."""
    if workers == 0:
        return 0.0
    settings = setup.settings._replace(workers=workers, scale_to_zero=False, min_workers=0)
    costing = _costing(setup, base, settings)
    if costing.kind is ProductKind.WORKERS:
        raise UsageError(f"--hybrid: {base.label} scales to zero; the baseline must be kept on")
    return _known(
        base, costing.with_credit(costing.at(setup.asked.level or 0.0, setup.month).lines, setup.month)
    )


def _known(deployment: Deployment, lines: list[Line]) -> float:
    known, whole = total(lines)
    if not whole:
        raise UsageError(f"--hybrid: a price of {deployment.label} is unknown, and the best number with it")
    return float(known)


def _row(setup: Setup, base: Deployment, over: Deployment, level: float, count: int) -> HybridRow:
    """Baseline of `count` workers, and what the workers beyond them cost on the serverless product.

    Volumes, traffic out and fees are in the baseline, and in the overflow where there is no baseline.
    """
    settings = setup.settings._replace(scale_to_zero=True, min_workers=count, workers=None)
    if count:
        settings = settings._replace(volume_gb=0.0, egress_gb=0.0, disk_gb=0.0, plan=None)
    if settings.max_workers is not None:
        settings = settings._replace(max_workers=count + settings.max_workers)
    costing = _costing(setup, over, settings)
    costed = costing.at(level, setup.month)
    if costed.spent is None:
        raise UsageError(f"--hybrid: {over.label} does not scale")
    seconds = setup.month.seconds * count
    busy, inside = float(costed.spent.busy_s), seconds - float(costed.spent.kept_s)
    whole = _known(over, costing.with_credit(costed.lines, setup.month))
    kept = costing.at_kept(float(count), setup.month)
    overflow = max(0.0, whole - _known(over, kept))
    baseline = _always_on(setup, base, count)
    return HybridRow(
        baseline_workers=count,
        baseline_usd=baseline,
        overflow_usd=overflow,
        total_usd=baseline + overflow,
        overflow_share=max(0.0, 1 - inside / busy) if busy else 0.0,
    )
