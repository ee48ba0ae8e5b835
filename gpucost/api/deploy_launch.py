"""A plan as the writers of launch files need it: every number is the one that it was computed with."""

from math import ceil
from pathlib import Path

from gpucost.api.plan_bills import Costed
from gpucost.api.plan_limits import most_workers
from gpucost.api.request import parse_slo
from gpucost.catalog.names import resolve_version
from gpucost.domain.deployment import EngineKind
from gpucost.domain.hardware import Gpu
from gpucost.domain.launch import Launch, Scaling, Speculation
from gpucost.domain.scaling import Policy
from gpucost.domain.scenario import Scenario
from gpucost.errors import UsageError

FIRST_BFLOAT16 = 8.0
"""Compute capability."""
SIXTEEN_BIT = ("bf16", "fp16")
MADE_ON_LOADING = ("fp8", "fp8-dynamic")
"""Formats that vLLM makes of 16-bit weights while it loads them."""
QUANTISED_FOLDER = "./quantized"
"""Where the quantisation script puts weights that no repository is named for."""
LEAST_TIMEOUT_S = 600
"""A request may run this long, whatever it takes on average."""
TIMES = 10
"""Of the mean time of a request, before it is ended."""


def launch_of(
    chosen: Costed,
    scenario: Scenario,
    *,
    engine_version: str | None = None,
    utilization: float | None = None,
    max_model_len: int | None = None,
) -> Launch:
    """The plan as launch files need it; every number is the one that the plan was computed with."""
    option, costing, bill = chosen.option, chosen.costing, chosen.bill
    question, evaluation = option.question, option.server.evaluation
    engine = question.engine
    version = resolve_version(engine, engine_version or question.engine_version).version
    name, base = _model(chosen, scenario)
    deployment, load = costing.deployment, scenario.workload
    return Launch(
        name=scenario.name,
        model=name,
        quantization=option.quantization.id,
        kv_dtype="auto",
        engine=EngineKind(engine.id),
        engine_version=version,
        tp=evaluation.parallel.tp,
        pp=evaluation.parallel.pp,
        ep=evaluation.parallel.ep,
        replicas=1 if costing.scales else max(1, ceil(bill.workers - 1e-9)),
        max_model_len=max_model_len or load.max_context or load.input_tokens + load.output_tokens,
        max_num_seqs=chosen.slots,
        gpu_memory_utilization=utilization or evaluation.settings.utilization,
        gpu=option.gpu.id,
        gpu_name=option.gpu.name,
        gpu_memory_bytes=option.gpu.memory_bytes,
        weights_bytes=round(evaluation.budget.weights_bytes * option.cards),
        provider=bill.product.partition("/")[0],
        product=bill.product.partition("/")[2],
        offer=bill.deployment,
        region=deployment.label.partition("@")[2] or None,
        billing=bill.billing,
        usd_per_hour=deployment.usd_per_hour,
        usd_per_month=chosen.usd,
        scaling=_scaling(chosen),
        ttft_slo_s=_limit(scenario, "ttft"),
        tpot_slo_s=_limit(scenario, "tpot"),
        dtype=_dtype(option.gpu),
        speculation=_speculation(scenario) if option.speculates else None,
        base_model=base,
    )


def _model(chosen: Costed, scenario: Scenario) -> tuple[str, str | None]:
    """The repository or folder to serve, and the 16-bit weights behind it."""
    model = chosen.option.question.chosen
    choice = chosen.option.choice
    if choice.params is not None:
        raise UsageError(
            f"scenario {scenario.name} names a size, {choice.params}, and no model that could be launched: "
            "give model or config"
        )
    own = choice.model if choice.model and "/" in choice.model else model.model.id
    if choice.config is not None:
        own = _folder(Path(choice.config))
    row = chosen.option.quantization.id
    stated = model.quantization
    if row in (stated, model.model.native_quantization):
        return own, own if row in SIXTEEN_BIT else None
    if row in SIXTEEN_BIT or row in MADE_ON_LOADING:
        return own, own
    return QUANTISED_FOLDER, own


def _dtype(gpu: Gpu) -> str | None:
    """What 16-bit models compute in on NVIDIA cards before Ampere, which have no bfloat16."""
    if gpu.vendor != "nvidia" or not gpu.compute_capability:
        return None
    return "float16" if float(gpu.compute_capability) < FIRST_BFLOAT16 else None


def _folder(config: Path) -> str:
    """Weights beside a config.json, or the GGUF file itself, as engines tell paths from repositories."""
    place = config.parent if config.suffix == ".json" else config
    return str(place) if place.is_absolute() else f"./{place}"


def _scaling(chosen: Costed) -> Scaling | None:
    costing, catalog = chosen.costing, chosen.setup.shelf.catalog
    if not costing.scales:
        return None
    product = chosen.bill.product
    known = catalog.scaling(product)
    longest = (costing.execution_s or 0.0) * TIMES
    scaler, value = "concurrency", float(chosen.slots)
    if known.policy is Policy.QUEUE_DELAY and "delay_s" in known.terms:
        scaler, value = "queue-delay", known.terms["delay_s"].value
    elif known.policy is Policy.EACH_REQUEST:
        scaler, value = "each-request", 1.0
    return Scaling(
        min_workers=costing.settings.min_workers,
        max_workers=max(most_workers(chosen.option, costing), costing.settings.min_workers, 1),
        idle_timeout_s=ceil(costing.idle_timeout_s()),
        scaler=scaler,
        scaler_value=value,
        execution_timeout_s=ceil(max(LEAST_TIMEOUT_S, longest)),
    )


def _limit(scenario: Scenario, metric: str) -> float | None:
    found = [slo.limit_s for slo in (parse_slo(text) for text in scenario.slo) if slo.metric == metric]
    return min(found, default=None)


def _speculation(scenario: Scenario) -> Speculation | None:
    asked = scenario.speculation
    if asked is None:
        return None
    method = "draft_model" if asked.draft_model else "mtp"
    return Speculation(method, asked.draft_tokens, asked.draft_model)
