"""The deployments that a question is about."""

from collections.abc import Sequence

from gpucost.api.bill_setup import Setup
from gpucost.api.deployments import Deployment, of_card, resolve, smallest
from gpucost.api.offers import RUNNING_BILLING
from gpucost.catalog.names import resolve_gpu
from gpucost.domain.offer import Billing
from gpucost.errors import UnknownNameError, UsageError


def named(
    setup: Setup,
    names: Sequence[str],
    gpu: str | None,
    gpus: int | None,
    flex_vs_active: bool,
    provider: Sequence[str],
    billing: Sequence[str],
) -> list[Deployment]:
    """Deployments by name, all offers of a card, or flex and active workers of one. Raises UsageError."""
    shelf = setup.shelf
    suffix = f"x{gpus}" if gpus and gpus > 1 else ""
    if flex_vs_active:
        if gpu is None or names:
            raise UsageError("--flex-vs-active goes with --gpu, and without --deployment")
        return [resolve(shelf, f"runpod/{word}/{gpu}{suffix}") for word in ("flex", "active")]
    if names:
        if provider or billing:
            raise UsageError("--provider and --billing choose among the offers of --gpu, not of --deployment")
        if gpu is not None or gpus is not None:
            raise UsageError(
                "--deployment names its card: leave --gpu and --gpus out, write x2 for two cards"
            )
        found = [resolve(shelf, name) for name in names]
        labels = [each.label for each in found]
        if len(set(labels)) < len(labels):
            double = next(label for label in labels if labels.count(label) > 1)
            raise UsageError(f"{double} is named twice")
        return found
    if gpu is None:
        raise UsageError("name what to bill: --deployment runpod/flex/l40s, or --gpu l40s for all its offers")
    card = resolve_gpu(shelf.catalog, gpu)
    for text in card.notes:
        setup.ledger.note(text)
    known = [mode.value for mode in Billing]
    for word in billing:
        if word not in known:
            raise UnknownNameError("billing mode", word, tuple(known))
    modes = set(billing) or {mode.value for mode in RUNNING_BILLING} | {Billing.ACTIVE.value}
    for name in provider:
        if name.lower() not in shelf.catalog.providers:
            raise UnknownNameError("provider", name, tuple(sorted(shelf.catalog.providers))[:8])
    allowed = {name.lower() for name in provider}
    found = [
        each
        for each in of_card(shelf, card.gpu.id, billing=modes, cards=gpus or 1)
        if not allowed or each.product.partition("/")[0] in allowed
    ]
    if not found:
        raise UsageError(f"no offer of {gpus or 1} × {card.gpu.name} answers on {shelf.day}")
    return smallest(found)
