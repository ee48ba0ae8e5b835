"""A plan of `train` in words, and the equations behind its numbers."""

from collections.abc import Sequence

from gpucost.api.train_plans import Plan
from gpucost.api.train_search import utilisation
from gpucost.calc.training_speed import StepTime
from gpucost.domain.model import Model
from gpucost.domain.results import Equation
from gpucost.domain.training import TrainingSetup
from gpucost.domain.training_results import Settings, StepParts
from gpucost.units import GIB

SHARDINGS = ("none", "zero-1", "zero-2", "zero-3")


def step_parts(step: StepTime | None) -> StepParts | None:
    """A step by what takes its time [s]."""
    if step is None:
        return None
    return StepParts(
        compute_s=step.matmuls
        + step.attention
        + step.experts
        + step.elementwise
        + step.adapters
        + step.launches,
        recomputation_s=step.recomputation,
        communication_s=step.tp_communication + step.expert_exchange + step.dp_communication,
        bubble_s=step.bubble,
        optimizer_s=step.optimizer,
        total_s=step.total,
    )


def settings_of(setup: TrainingSetup) -> Settings:
    """The plan in the words of the flags."""
    division = setup.division
    again = setup.checkpointing
    return Settings(
        tp=division.tp,
        pp=division.pp,
        ep=division.ep,
        cp=division.cp,
        dp=division.dp,
        sharding=SHARDINGS[division.sharding],
        micro_batch=setup.micro_batch,
        grad_accumulation=setup.grad_accumulation,
        checkpointing=f"{again} ({setup.selective})" if again == "selective" else again,
        optimizer=setup.optimizer,
        precision=setup.precision,
    )


def reasons_of(plan: Plan, shown: Sequence[Plan]) -> tuple[str, ...]:
    """Why a plan is taken: what it fills, takes and costs."""
    way, settings = plan.way, settings_of(plan.way.setup)
    cards = f"{plan.cards} × {way.gpu.name}" if plan.cards > 1 else f"one {way.gpu.name}"
    again = (
        "nothing computed again"
        if way.setup.checkpointing == "none"
        else f"{settings.checkpointing} checkpointing"
    )
    first = (
        f"{cards}: {way.memory.total_bytes / GIB:,.1f} of {way.gpu.memory_bytes / GIB:,.1f} GiB per card "
        f"with micro-batch {settings.micro_batch}, {again}"
    )
    if way.setup.division.sharding and way.setup.division.shards > 1:
        first += f", {settings.sharding} over {way.setup.division.shards} cards"
    parallel = [
        f"{name} {ranks}"
        for name, ranks in zip(("tp", "pp", "ep", "cp"), settings[:4], strict=True)
        if ranks > 1
    ]
    if parallel:
        first += f", {', '.join(parallel)}"
    reasons = [first]
    if plan.cost.usd is not None and plan.cost.hours is not None and plan.offer is not None:
        text = f"{plan.cost.hours:,.1f} h and {plan.cost.usd:,.2f} USD at {plan.offer.id}"
        others = [each for each in shown if each.fits and each is not plan and each.cost.usd is not None]
        if others:
            text += f"; next is {others[0].cards} × {others[0].way.gpu.id} at {others[0].cost.usd:,.2f} USD"
            if others[0].way.tight and not way.tight:
                text += ", but tight"
        reasons.append(text)
    elif plan.cost.usd_per_billion_tokens is not None and plan.offer is not None:
        reasons.append(f"{plan.cost.usd_per_billion_tokens:,.2f} USD per billion tokens at {plan.offer.id}")
    elif plan.offer is None:
        reasons.append("no price is known for it with these filters")
    elif plan.cost.note:
        reasons.append(plan.cost.note)
    if way.step is None and way.fits:
        reasons.append("its speed is not known: the card's peak or link is missing from the catalogue")
    return tuple(reasons)


def equations_of(plan: Plan, model: Model) -> tuple[Equation, ...]:
    """The numbers of a plan with how they are made."""
    memory, setup, step = plan.way.memory, plan.way.setup, plan.way.step
    rows = [
        Equation(
            "memory",
            "weights + gradients + optimizer + activations + logits + overhead, at the busiest moment",
            " + ".join(f"{size / GIB:.2f}" for size in memory[:6]),
            memory.total_bytes / GIB,
            "GiB",
        ),
        Equation(
            "overhead",
            "gathered shards + scratch of the step + dequantised matrix + fragmentation + context + buffers",
            " + ".join(f"{size / GIB:.2f}" for size in memory.overhead_by_part.values()),
            memory.overhead_bytes / GIB,
            "GiB",
        ),
    ]
    parts, mfu = step_parts(step), utilisation(model, plan.way)
    if step is None or parts is None or mfu is None:
        return tuple(rows)
    useful = mfu * step.total * step.gpus * step.peak_flops
    rows += [
        Equation(
            "step",
            "computing + computing again + communication + bubble + optimizer",
            " + ".join(f"{seconds:.3f}" for seconds in parts[:-1]),
            parts.total_s,
            "s",
        ),
        Equation(
            "speed",
            "tokens of a step / time of a step",
            f"{step.tokens:,.0f} / {step.total:.3f}",
            step.tokens / step.total,
            "tokens/s",
        ),
        Equation(
            "MFU",
            "useful operations / (time × cards × dense 16-bit peak)",
            f"{useful:.3g} / ({step.total:.3f} × {setup.division.gpus} × {step.peak_flops:.3g})",
            mfu,
            "share",
        ),
    ]
    return tuple(rows)
