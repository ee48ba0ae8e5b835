"""What does a fine-tune or a pre-training run need, how long does it take, and what does it cost?"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from gpucost.api.bill_setup import known_flags
from gpucost.api.deployments import Shelf
from gpucost.api.flags import cards, offer_book, whole
from gpucost.api.ledger import Ledger
from gpucost.api.models import choose_model
from gpucost.api.train_asked import SORTS, Job, job_of
from gpucost.api.train_data import TrainFlags
from gpucost.api.train_evidence import cite_answer
from gpucost.api.train_plans import Planner
from gpucost.api.train_result import build_result
from gpucost.api.train_search import Constants, Trainer, trainable
from gpucost.api.training_memory import training_memory_constants
from gpucost.api.training_speed import training_speed_constants
from gpucost.catalog.names import several
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.report import Report
from gpucost.errors import UnknownNameError

JOB_BILLING = ("on-demand", "community")
"""What a search pays with unless --billing says otherwise: machines that run until the job is done."""


def train(
    *,
    params: str | float | None = None,
    active_params: str | float | None = None,
    model: str | None = None,
    config: Path | str | None = None,
    hf: str | None = None,
    gpu: Sequence[str] | str = (),
    provider: Sequence[str] | str = (),
    region: Sequence[str] | str = (),
    billing: Sequence[str] | str = (),
    sort: str = "usd",
    top: int = 8,
    as_of: str | None = None,
    prices: str = "catalog",
    explain: bool = False,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
    **settings: Annotated[Any, TrainFlags],
) -> Report:
    """What a training job needs per card, its GPUs, time and cost, and the cheapest plan within limits.

    One of `params`, `model`, `config` and `hf` names the model; `settings` are those of `TrainFlags`: the
    method, the data [tokens], lengths and batches [tokens, sequences], what is sharded and computed again,
    `deadline` ("12h") and `budget` [USD]. What is not given is searched: micro-batch, checkpointing,
    sharding, card and count.

    Raises UsageError for a question that cannot be asked, DataError for wrong files. A report whose
    `answered_no` is true found no way that fits, or none within deadline and budget.
    """
    cat = opened(catalog)
    ledger = Ledger(cat)
    known_flags(settings, TrainFlags)
    targets = settings.get("lora_targets", ())
    flags = TrainFlags(**{**settings, "lora_targets": tuple(several(targets))})
    whole("--top", top, 1, 10_000)
    if sort not in SORTS:
        raise UnknownNameError("--sort", sort, SORTS)
    if prices not in ("catalog", "seeds"):
        raise UnknownNameError("--prices", prices, ("catalog", "seeds"))
    chosen = choose_model(
        cat, ledger, params=params, active_params=active_params, model=model, config=config, hf=hf
    )
    job = job_of(flags, chosen.model, ledger)
    named, totals = cards(cat, ledger, several(gpu))
    named = [card._replace(memory_bytes=totals.get(card.id, card.memory_bytes)) for card in named]
    book, allowed = offer_book(
        cat,
        ledger,
        prices=prices,
        provider=several(provider),
        region=several(region),
        billing=several(billing) or JOB_BILLING,
        as_of=as_of,
        today=today,
        training=True,
    )
    trainer = Trainer(cat, job, Constants(training_memory_constants(cat), training_speed_constants(cat)))
    planner = Planner(trainer, book, Shelf(cat, day=book.today, seeds=prices == "seeds"), sort=sort)
    looked = named or [card for card in cat.gpus.values() if trainable(card)]
    plans = planner.search(looked, top=top, named=bool(named))
    result = build_result(
        planner, plans, ledger, explain=explain, filters=(several(provider), several(region))
    )
    cite_answer(ledger, planner, plans)
    return Report(
        question="train",
        inputs={
            "model": chosen.model.id if params is None else None,
            "params": None if params is None else str(params),
            **_inputs(job),
            "gpu": [card.id for card in named],
            "billing": sorted(mode.value for mode in allowed.billing),
            "provider": sorted(allowed.providers),
            "region": sorted(allowed.regions),
            "prices": prices,
            "as_of": book.today.isoformat(),
        },
        result=result,
        evidence=ledger.evidence,
        notes=ledger.notes,
        answered_no=result.recommendation is None,
    )


def _inputs(job: Job) -> dict[str, Any]:
    """The job as understood."""
    setup, division = job.setup, job.setup.division
    return {
        "method": setup.method,
        "precision": setup.precision,
        "optimizer": setup.optimizer,
        "seq_len": setup.seq_len,
        "batch": job.batch,
        "tokens": job.tokens,
        "lora_rank": setup.lora_rank or None,
        "lora_targets": list(setup.lora_targets),
        "base_format": None if setup.method == "full" else setup.base_format,
        "tp": job.tp,
        "pp": division.pp,
        "ep": division.ep,
        "cp": division.cp,
        "sharding": job.sharding,
        "checkpointing": job.checkpointing,
        "micro_batch": job.micro_batch,
        "gpus": job.counts[0] if len(job.counts) == 1 else None,
        "max_gpus": job.counts[-1],
        "deadline_h": job.deadline_h,
        "budget_usd": job.budget_usd,
        "interruptions_per_day": job.interruptions_per_day,
    }
