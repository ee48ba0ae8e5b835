"""Cites what an answer of `train` used."""

from gpucost.api.ledger import Ledger
from gpucost.api.price_evidence import cite_prices
from gpucost.api.train_asked import (
    DEFAULT_RESTART_MINUTES,
    DEFAULT_WRITE_GB_PER_S,
    Job,
)
from gpucost.api.train_plans import Plan, Planner, Plans
from gpucost.api.train_search import Trainer, Way
from gpucost.api.training_memory import PREFIX
from gpucost.domain.provenance import Confidence
from gpucost.units import GB, GIB, SECONDS_PER_MINUTE, bytes_to_gb, flops_to_tflops

NUDGE = 1.1
SPEED_PREFIX = "speed-"
UNUSED = (
    "max_context",
    "vision.max_patches",
    "mtp_layers",
    "indexer",
    "kv_reused_layers",
    "state_bytes",
    "compression",
)
"""Numbers of a model that serving depends on, and training does not."""


def cite_answer(ledger: Ledger, planner: Planner, plans: Plans) -> None:
    """Evidence for what an answer shows, and notes on what it does not know."""
    swept = planner.sweep(plans.best.way.gpu).values() if plans.best is not None else ()
    used = [plan for plan in (*plans.shown, *swept) if isinstance(plan, Plan)]
    ways = [plan.way for plan in used]
    for way in ways:
        _cite_card(ledger, planner, way)
    choices = [plan.choice for plan in used if plan.choice is not None]
    cite_prices(ledger, choices, today=planner.book.today)
    for plan in used:
        _cite_beside(ledger, planner, plan)
    _cite_constants(ledger, planner, plans)
    for evidence in ledger.evidence:
        if evidence.field.startswith("models.") and any(f".{word}" in evidence.field for word in UNUSED):
            ledger.loosen(evidence.field)
    _note_job(ledger, planner.job, plans)


def _cite_card(ledger: Ledger, planner: Planner, way: Way) -> None:
    gpu = way.gpu
    field = f"gpus.{gpu.id}"
    ledger.cite(
        f"{field}.memory_gib",
        round(gpu.memory_bytes / GIB, 6),
        "GiB",
        (gpu.memory_sources or gpu.sources)[0],
        confidence=Confidence.MEASURED if gpu.memory_basis == "measured" else Confidence.ESTIMATED,
    )
    if way.step is None:
        return
    source = gpu.sources[0]
    ledger.cite(f"{field}.bandwidth_gb_per_s", bytes_to_gb(gpu.bandwidth_bytes_per_s), "GB/s", source)
    precision = way.setup.precision
    wide = "bf16" if "bf16" in gpu.dense_flops else "fp16"
    for name in (wide, "fp8", "fp4"):
        used = name == wide or precision.removeprefix("nv").startswith(name)
        if name in gpu.dense_flops and used:
            ledger.cite(
                f"{field}.dense_tflops.{name}", flops_to_tflops(gpu.dense_flops[name]), "TFLOP/s", source
            )
    if gpu.board_power_w:
        # beyond what its rate asks for, more power does not bind
        others = [gpu._replace(board_power_w=gpu.board_power_w * factor) for factor in (NUDGE, 1 / NUDGE)]
        binding = any(planner.trainer.step(other, way.setup) != way.step for other in others)
        ledger.cite(f"{field}.board_power_w", gpu.board_power_w, "W", source, binding=binding)
    if way.setup.division.gpus > 1 and gpu.link.bytes_per_s_each_way is not None:
        link = bytes_to_gb(gpu.link.bytes_per_s_each_way)
        ledger.cite(f"{field}.link.gb_per_s_each_way", link, "GB/s", source)


def _cite_beside(ledger: Ledger, planner: Planner, plan: Plan) -> None:
    """Prices of what stands beside the cards: kept and moved checkpoints."""
    for line in plan.cost.lines:
        price = planner.shelf.beside(line.offer) if line.offer.count("/") >= 2 else None
        if price is not None and line.name != "GPUs":
            ledger.cite(
                f"prices.{price.offer}.{price.unit}",
                price.usd,
                price.unit,
                price.source,
                as_of=price.as_of,
                binding=bool(line.quantity and price.usd),
            )


def _cite_constants(ledger: Ledger, planner: Planner, plans: Plans) -> None:
    """The fitted constants; those that a change by a tenth does not show do not bind."""
    constants, before = planner.trainer.constants, _seen(planner, plans)
    timed = any(plan.way.step is not None for plan in plans.shown)
    for entry in ledger.catalog.sections["training_constants"]:
        row = entry["row"]
        kind, _, name = row["id"].partition("-")
        of_memory, name = f"{kind}-" == PREFIX, name.replace("-", "_")
        if not (of_memory or timed):
            continue
        if of_memory:
            more = getattr(constants.memory, name) * NUDGE
            nudged = constants._replace(memory=constants.memory._replace(**{name: more}))
        else:
            more = getattr(constants.speed, name) * NUDGE
            nudged = constants._replace(speed=constants.speed._replace(**{name: more}))
        other = planner.with_constants(nudged)
        binding = any(_moved(other.trainer, plan.way) for plan in plans.shown)
        binding = binding or _seen(other, plans) != before
        field = f"training_constants.{row['id']}.value"
        ledger.cite(field, row["value"], row["unit"], row["source"], binding=binding)


def _moved(trainer: Trainer, way: Way) -> bool:
    """Whether a way comes out otherwise."""
    if trainer.memory(way.setup) != way.memory:
        return True
    return way.step is not None and trainer.step(way.gpu, way.setup) != way.step


def _seen(planner: Planner, plans: Plans) -> list[object]:
    """What an answer says of the ways on its cards: all of those shown, of a sweep time or lack."""
    cards = list({plan.way.gpu.id: plan.way.gpu for plan in plans.shown}.values())
    swept = planner.sweep(plans.best.way.gpu).values() if plans.best is not None else ()
    seen: list[object] = [plan.way for plan in planner.search(cards, top=len(cards), named=True).shown]
    for plan in swept:
        if isinstance(plan, Plan):
            seen.append(plan.way.step if plan.way.fits else plan.way.memory)
    return seen


def _note_job(ledger: Ledger, job: Job, plans: Plans) -> None:
    main = plans.best or plans.nearest
    spot = main.offer is not None and main.offer.billing == "spot"
    if spot and job.interruptions_per_day is None:
        ledger.note(
            "how often a spot machine is interrupted is not known: hours and USD are the least; "
            "--interruptions-per-day counts rework",
            "warning",
        )
    if spot and job.interruptions_per_day:
        ledger.user("--interruptions-per-day", job.interruptions_per_day, "1/day and machine")
        if job.restart_s == DEFAULT_RESTART_MINUTES * SECONDS_PER_MINUTE:
            ledger.note(
                f"a restart is taken to cost {DEFAULT_RESTART_MINUTES:g} minutes; --restart-minutes sets it"
            )
        if job.write_bytes_per_s == DEFAULT_WRITE_GB_PER_S * GB:
            ledger.note(
                f"checkpoints are taken to be written at {DEFAULT_WRITE_GB_PER_S:g} GB/s while training "
                "waits; --checkpoint-gb-per-s sets it"
            )
    setup = main.way.setup
    for plan in plans.shown:
        _note_precision(ledger, plan)
    if setup.optimizer.startswith("paged"):
        ledger.note("paged optimizer states are not counted: they move to the host where the card is full")
    if main.cards > 8:
        ledger.note(
            f"{main.cards} cards are several machines: the speed holds where 400 Gb/s per card join them, "
            "which not every offer has"
        )
    division = setup.division
    if division.sharding >= 2 and setup.grad_accumulation > 1 and not division.deferred_reduction:
        ledger.note(
            "gradients are taken to be reduced in every pass; frameworks that wait for the last one "
            "(Accelerate and Fabric under FSDP) keep them whole: --deferred-reduction counts that"
        )
    if setup.method != "full" and not setup.flash_attention:
        ledger.note(
            "without flash attention the scores of every head are kept: memory grows with --seq-len squared"
        )


def _note_precision(ledger: Ledger, plan: Plan) -> None:
    """Warns of a precision that a card has no instructions for."""
    gpu, precision = plan.way.gpu, plan.way.setup.precision
    known = gpu.dense_flops
    if not known:
        return
    if precision.startswith("bf16") and "bf16" not in known:
        ledger.note(
            f"{gpu.name} has no bf16: its time is that of fp16, which --precision fp16-mixed asks for",
            "warning",
        )
    for word, name in (("fp8", "fp8"), ("nvfp4", "fp4")):
        if precision.startswith(word) and name not in known:
            ledger.note(f"{gpu.name} has no {name.upper()}: its time is that of 16 bit", "warning")
