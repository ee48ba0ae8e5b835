"""Writes the answer of `train`."""

from collections.abc import Sequence

from gpucost.api.flags import offer_book
from gpucost.api.ledger import Ledger
from gpucost.api.price_evidence import cite_prices
from gpucost.api.train_asked import Job
from gpucost.api.train_cost import checkpoint_bytes
from gpucost.api.train_plans import Plan, Planner, Plans
from gpucost.api.train_search import utilisation
from gpucost.api.train_words import equations_of, reasons_of, settings_of, step_parts
from gpucost.calc.tensors import active_parameters, total_parameters
from gpucost.calc.training_memory import TrainingMemory
from gpucost.calc.training_parameters import bytes_per_parameter, parameters_of
from gpucost.domain.hardware import Gpu
from gpucost.domain.model import Model
from gpucost.domain.offer import Billing
from gpucost.domain.training import Division
from gpucost.domain.training_results import (
    BillingRow,
    PerParameterBytes,
    SweepPoint,
    TrainCandidate,
    TrainingMemoryPerGpu,
    TrainModel,
    TrainRecommendation,
    TrainResult,
)
from gpucost.units import BILLION, GB

PAID = (Billing.FLEX, Billing.ON_DEMAND, Billing.COMMUNITY, Billing.SPOT, Billing.RESERVED)
PAID_NOTES = {
    Billing.FLEX: "serverless: billed per second, cut off at the endpoint's time limit",
    Billing.RESERVED: "committed for its term, whatever the job takes of it",
}
KNEE = 1.1
"""Beyond this much above the least cost, more cards are no longer worth their time."""
RULES = (12, 16)
"""Bytes per parameter that people reckon with."""


def _memory(memory: TrainingMemory, gpu: Gpu) -> TrainingMemoryPerGpu:
    return TrainingMemoryPerGpu(
        parameters_bytes=memory.parameters_bytes,
        gradients_bytes=memory.gradients_bytes,
        optimizer_bytes=memory.optimizer_bytes,
        activations_bytes=memory.activations_bytes,
        logits_bytes=memory.logits_bytes,
        overhead_bytes=memory.overhead_bytes,
        total_bytes=memory.total_bytes,
        usable_bytes=gpu.memory_bytes,
        free_bytes=gpu.memory_bytes - memory.total_bytes,
        overhead_by_part=memory.overhead_by_part,
        moment=memory.moment,
    )


def _candidate(plan: Plan, model: Model) -> TrainCandidate:
    way, step = plan.way, plan.way.step
    notes = []
    if way.fits and way.tight:
        notes.append("tight: less is free than the memory model is usually off")
    if plan.fits and plan.cost.note:
        notes.append(plan.cost.note)
    return TrainCandidate(
        gpu=way.gpu.id,
        gpus=plan.cards,
        settings=settings_of(way.setup),
        fits=plan.fits,
        reason=plan.reason,
        memory_per_gpu=_memory(way.memory, way.gpu),
        step=step_parts(step),
        tokens_per_s=None if step is None else step.tokens_per_s_per_gpu * plan.cards,
        mfu=utilisation(model, way),
        hours=plan.cost.hours,
        lost_hours=plan.cost.lost_hours,
        lines=plan.cost.lines,
        usd=plan.cost.usd,
        usd_per_hour=None if plan.offer is None else plan.offer.usd_per_hour,
        usd_per_billion_tokens=plan.cost.usd_per_billion_tokens,
        offer=plan.offer,
        price_state="no-offer" if plan.offer is None else "known",
        notes=tuple(notes),
    )


def _sweep(planner: Planner, best: Plan) -> tuple[SweepPoint, ...]:
    """The recommended card at every count, and the fastest one that costs little more than the cheapest."""
    plans = planner.sweep(best.way.gpu)
    priced = {
        count: plan.cost.usd
        for count, plan in plans.items()
        if isinstance(plan, Plan) and plan.way.fits and plan.cost.usd is not None
    }
    worth = [count for count, usd in priced.items() if usd <= KNEE * min(priced.values())]
    knee = max(worth, default=None)
    rows = []
    for count, plan in plans.items():
        if isinstance(plan, str):
            rows.append(SweepPoint(count, None, None, None, False, plan))
            continue
        mfu = utilisation(planner.job.model, plan.way)
        rows.append(SweepPoint(count, plan.cost.hours, plan.cost.usd, mfu, count == knee, plan.reason))
    return tuple(rows)


def _billing(
    planner: Planner, best: Plan, ledger: Ledger, filters: tuple[Sequence[str], Sequence[str]]
) -> tuple[BillingRow, ...]:
    """The recommended cards at each way of paying, the cheapest first."""
    rows = []
    for mode in PAID:
        book, _ = offer_book(
            planner.trainer.catalog,
            ledger,
            prices="seeds" if planner.shelf.seeds else "catalog",
            provider=filters[0],
            region=filters[1],
            billing=(mode.value,),
            as_of=planner.book.today.isoformat(),
            training=True,
        )
        plan = planner.priced(best.way, book)
        if plan.offer is None or plan.choice is None:
            continue
        cite_prices(ledger, [plan.choice], today=planner.book.today)
        note = PAID_NOTES.get(mode, "")
        if mode is Billing.SPOT and planner.job.interruptions_per_day is None:
            note = "at least: how often it is interrupted is not known; --interruptions-per-day"
        rows.append(
            BillingRow(
                mode.value,
                plan.offer.id,
                plan.offer.usd_per_hour,
                plan.cost.hours,
                plan.cost.usd,
                plan.cost.note or note,
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.usd_per_hour, row.billing)))


def per_parameter(job: Job) -> PerParameterBytes:
    """Bytes of a trained parameter beside the rules of 12 and 16 B."""
    whole = job.setup._replace(division=Division(), grad_accumulation=1)
    per = bytes_per_parameter(whole)
    parameters = parameters_of(job.model, whole)
    trained, count = parameters.all_trained, total_parameters(job.model)
    frozen = count - trained if job.setup.method == "full" else 0.0
    state = trained * per.total + frozen * 2
    text = (
        f"{per.weight:g} of weight + {per.gradient:g} of gradient + {per.master:g} of master weight + "
        f"{per.moments:.3g} of moments; 12 B leave master weights out, 16 B count them"
    )
    if job.setup.method != "full":
        text += f"; only {trained / BILLION:,.3f}B of {count / BILLION:,.2f}B parameters are trained"
    return PerParameterBytes(
        weight=per.weight,
        gradient=per.gradient,
        master=per.master,
        moments=per.moments,
        total=per.total,
        parameters=count,
        trained_parameters=round(trained),
        state_gb=state / GB,
        rule_12_gb=count * RULES[0] / GB,
        rule_16_gb=count * RULES[1] / GB,
        explanation=text,
    )


def build_result(
    planner: Planner,
    plans: Plans,
    ledger: Ledger,
    *,
    explain: bool,
    filters: tuple[Sequence[str], Sequence[str]],
) -> TrainResult:
    """The answer."""
    job, best = planner.job, plans.best
    rule = per_parameter(job)
    recommendation = None
    if best is not None:
        recommendation = TrainRecommendation(
            gpu=best.way.gpu.id,
            gpus=best.cards,
            settings=settings_of(best.way.setup),
            offer=None if best.offer is None else best.offer.id,
            hours=best.cost.hours,
            usd=best.cost.usd,
            reasons=reasons_of(best, plans.shown),
        )
    return TrainResult(
        model=TrainModel(
            id=job.model.id,
            name=job.model.name,
            parameters=rule.parameters,
            active_parameters=active_parameters(job.model),
            trained_parameters=rule.trained_parameters,
            layers=job.model.layers,
        ),
        tokens=job.tokens,
        steps=job.steps,
        candidates=tuple(_candidate(plan, job.model) for plan in plans.shown),
        recommendation=recommendation,
        sweep=_sweep(planner, best) if best is not None else (),
        billing=_billing(planner, best, ledger, filters) if best is not None else (),
        per_parameter=rule,
        checkpoint_gb=checkpoint_bytes(job) / GB,
        searched=planner.trainer.searched,
        equations=equations_of(best or plans.nearest, job.model) if explain else (),
    )
