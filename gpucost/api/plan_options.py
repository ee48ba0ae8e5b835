"""What could serve a scenario: models, formats, engines, cards and counts that fit and keep its limits."""

from collections.abc import Iterator, Sequence
from datetime import date
from math import inf
from typing import NamedTuple

from gpucost.api.asked import Question
from gpucost.api.bill_setup import BillingFlags, Setup, set_up
from gpucost.api.request import Slo, parse_slo
from gpucost.api.serving import Server, Servers
from gpucost.api.size_search import COUNTS, VENDORS, kernel_fault
from gpucost.api.sizing import Evaluation
from gpucost.catalog.names import resolve_engine, resolve_gpu, resolve_quantization
from gpucost.catalog.store import Catalog
from gpucost.domain.deployment import EngineKind, Parallelism
from gpucost.domain.hardware import Gpu
from gpucost.domain.plans import Rejected
from gpucost.domain.quantization import Quantization
from gpucost.domain.scenario import ModelChoice, Scenario, Speculation

MOST_AT_ONCE = 256
"""Requests at once on one worker that an engine is set up for where it would take fewer by default."""
COUNTS_KEPT = 2
"""Numbers of one card that are billed: the fewest that serve, and the next, which may pay at a limit."""
ROUND = 1e-9
"""What arithmetic may leave below a whole number."""
USUAL_FORMATS = ("fp8", "awq")
"""Looked at beside a model's own format where a scenario names none."""


class Option(NamedTuple):
    """One worker that can serve: a model in a format on cards, with the load that keeps the limits."""

    choice: ModelChoice
    """As the scenario names the model."""
    setup: Setup
    question: Question
    server: Server
    most: int
    """Requests at once on the worker within all limits."""

    @property
    def gpu(self) -> Gpu:
        """Its card."""
        return self.server.gpu

    @property
    def cards(self) -> int:
        """Cards of the worker."""
        return self.server.gpus

    @property
    def speculates(self) -> bool:
        """Whether it drafts tokens."""
        return self.question.draft is not None

    @property
    def quantization(self) -> Quantization:
        """Its weight format."""
        return self.server.evaluation.quantization


class Rejections:
    """Reasons by kind, with how often and one example of each."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[str]] = {}

    def add(self, stage: str, reason: str, example: str) -> None:
        """Record one."""
        self._found.setdefault((stage, reason), []).append(example)

    def all(self) -> tuple[Rejected, ...]:
        """Most frequent first within a stage, in the order of the stages."""
        rows = [
            Rejected(stage, reason, len(examples), examples[0])
            for (stage, reason), examples in self._found.items()
        ]
        return tuple(sorted(rows, key=lambda row: (STAGES.index(row.stage), -row.times)))


STAGES = ("constraint", "memory", "speed", "slo", "start", "price", "budget")


class Found(NamedTuple):
    """Options, and how many combinations were looked at."""

    options: list[Option]
    searched: int


def limits_of(scenario: Scenario) -> tuple[Slo, ...]:
    """The limits on latency. Raises UsageError."""
    return tuple(parse_slo(text) for text in scenario.slo)


def _flags_of(
    scenario: Scenario,
    choice: ModelChoice,
    quantization: str | None,
    engine: str,
    *,
    speculation: Speculation | None = None,
) -> BillingFlags:
    """The scenario as flags of `bill`."""
    load = scenario.workload
    flags: BillingFlags = {
        "engine": engine,
        "input_tokens": load.input_tokens,
        "output_tokens": load.output_tokens,
        "prefix_cache_hit": load.prefix_cache_hit,
        "requests_per_month": load.requests_per_month,
        "requests_per_day": load.requests_per_day,
        "requests_per_second": load.requests_per_second,
        "pattern": load.pattern,
        "burst_size": load.burst_size,
        "burst_interval_s": load.burst_interval_s,
        "peak_to_mean": load.peak_to_mean,
        "hours": load.hours,
        "as_of": scenario.as_of,
    }
    if choice.model is not None:
        flags["model"] = choice.model
    if choice.params is not None:
        flags["params"] = choice.params
    if choice.config is not None:
        flags["config"] = choice.config
    if quantization is not None:
        flags["quant"] = quantization
    if speculation is not None:
        flags["draft_tokens"] = speculation.draft_tokens
        flags["acceptance"] = speculation.acceptance
        flags["draft_model"] = speculation.draft_model
    return flags


def options_of(catalog: Catalog, scenario: Scenario, rejections: Rejections, *, today: date | None) -> Found:
    """Every way in which one worker can serve the scenario."""
    limits = limits_of(scenario)
    allowed = _cards(catalog, scenario, rejections)
    options: list[Option] = []
    searched = 0
    for choice, engine, quantization, speculation in _ways(catalog, scenario):
        flags = _flags_of(scenario, choice, quantization, engine, speculation=speculation)
        setup = set_up(flags, catalog=catalog, today=today)
        question = setup.execution.question
        if question is None:
            continue
        row = question.formats[0]
        if not _serves(question, row):
            name = f"{question.chosen.model.id} in {row.id} on {engine}"
            rejections.add("constraint", "the engine does not know the format", name)
            continue
        servers = question.servers(row, asked=MOST_AT_ONCE)
        for gpu in allowed:
            if gpu.vendor not in VENDORS.get(question.setup.kind, ()):
                continue
            found, looked = _of_card(servers, choice, setup, question, gpu, scenario, limits, rejections)
            options += found
            searched += looked
    return Found(options, searched)


def _ways(
    catalog: Catalog, scenario: Scenario
) -> Iterator[tuple[ModelChoice, str, str | None, Speculation | None]]:
    """Every model, engine and format, with and without the speculation that a scenario allows."""
    engines = [resolve_engine(catalog, name).id for name in scenario.constraints.engines]
    drafts = (None,) if scenario.speculation is None else (None, scenario.speculation)
    for choice in scenario.models:
        for engine in engines:
            for quantization in _formats(catalog, choice, engine):
                for draft in drafts:
                    yield choice, engine, quantization, draft


def _of_card(
    servers: Servers,
    choice: ModelChoice,
    setup: Setup,
    question: Question,
    gpu: Gpu,
    scenario: Scenario,
    limits: Sequence[Slo],
    rejections: Rejections,
) -> tuple[list[Option], int]:
    """Counts of one card that serve, smallest first; more cards only where they may pay."""
    row = question.formats[0]
    name = f"{question.chosen.model.id} in {row.id} on {gpu.id}"
    kernel = kernel_fault(row, gpu)
    if kernel is not None:
        rejections.add("speed", "no kernel of the format runs on the card", name)
        return [], 1
    found: list[Option] = []
    looked = 0
    longest = scenario.workload.max_context
    for count in COUNTS:
        if count > scenario.constraints.max_gpus or len(found) == COUNTS_KEPT:
            break
        looked += 1
        cut = Parallelism(count)
        if servers.sizer.fault(row, cut) is not None:
            continue
        evaluation = servers.evaluate(gpu, row, cut)
        lack = servers.why_not(evaluation)
        if lack is not None:
            if not evaluation.fits:
                rejections.add("memory", "does not fit", f"{name} × {count}: {lack}")
            else:
                rejections.add("speed", "its speed is not known", f"{name} × {count}: {lack}")
            continue
        server = servers.server(evaluation, replicas=1)
        if longest is not None and _holds(server, longest) < 1:
            text = f"the cache does not hold one sequence of {longest:,} tokens"
            rejections.add("memory", text, f"{name} × {count}")
            continue
        room = int(min(server.most, _whole(servers, evaluation)) + ROUND)
        most = _most(server, limits, room)
        if most is None:
            alone = server.round(1.0)
            worst = "; ".join(
                f"{slo.text} is {server.latency_s(alone, slo):.3g} s alone"
                for slo in limits
                if server.latency_s(alone, slo) > slo.limit_s
            )
            rejections.add("slo", "not even one request keeps the limits", f"{name} × {count}: {worst}")
            continue
        found.append(Option(choice, setup, question, server, most))
    return found, looked


def _serves(question: Question, row: Quantization) -> bool:
    """Whether the engine runs the format; the model's own one, and 16 bit, every engine does."""
    own = question.chosen.model.native_quantization
    return question.engine.id in row.engines or row.id in (own, "bf16", "fp16", "fp32")


def _whole(servers: Servers, evaluation: Evaluation) -> float:
    """Sequences at once that must have room for their whole length; infinite where the cache grows."""
    reserves = servers.sizer.setup.kind is EngineKind.LLAMA_CPP
    return max(1.0, evaluation.max_concurrency) if reserves else inf


def _most(server: Server, limits: Sequence[Slo], room: int) -> int | None:
    """Requests at once, up to `room`, within all limits; None where one at a time breaks them."""

    def meets(concurrency: int) -> bool:
        found = server.round(float(concurrency))
        return all(server.latency_s(found, slo) <= slo.limit_s for slo in limits)

    if not limits or meets(room):
        return room
    low, high = 0, room  # `low` keeps the limits, `high` does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if meets(middle) else (low, middle)
    return low or None


def _holds(server: Server, tokens: int) -> float:
    """Sequences of so many tokens that the cache of a worker holds."""
    evaluation = server.evaluation
    blocks = evaluation.layout.blocks_per_sequence(
        context=tokens, batched_tokens=evaluation.settings.max_num_batched_tokens
    )
    return evaluation.layout.blocks(max(0.0, evaluation.room_bytes)) / blocks


def _formats(catalog: Catalog, choice: ModelChoice, engine: str) -> list[str | None]:
    """Formats to look at: as named; else the model's own and the usual ones that the engine knows."""
    if choice.quantizations:
        return [resolve_quantization(catalog, word).id for word in choice.quantizations]
    known = [name for name in USUAL_FORMATS if engine in catalog.quantization(name).engines]
    return [None, *known]


def _cards(catalog: Catalog, scenario: Scenario, rejections: Rejections) -> list[Gpu]:
    """Cards that the constraints allow."""
    limits = scenario.constraints
    if limits.gpus:
        return list({(gpu := resolve_gpu(catalog, name).gpu).id: gpu for name in limits.gpus}.values())
    found = []
    for gpu in catalog.gpus.values():
        if limits.ecc and not has_ecc(gpu):
            rejections.add("constraint", "no error-correcting memory is known of it", gpu.id)
        else:
            found.append(gpu)
    return found


def has_ecc(gpu: Gpu) -> bool:
    """Whether the card's memory can correct errors, as far as its vendor says."""
    return gpu.ecc.startswith(("always", "inline", "switchable"))
