"""From what runs today to the plan, one change at a time: what each of them saves per million tokens."""

from typing import NamedTuple

from gpucost.api.asked import Question
from gpucost.api.execution import Work, question_of
from gpucost.api.flags import offer_book
from gpucost.api.ledger import Ledger
from gpucost.api.plan_bills import Costed
from gpucost.api.serving import Server
from gpucost.calc.token_cost import usd_per_million
from gpucost.catalog.names import resolve_gpu
from gpucost.catalog.store import Catalog
from gpucost.domain.deployment import Parallelism
from gpucost.domain.plans import Step
from gpucost.domain.scenario import Baseline, Scenario
from gpucost.errors import UsageError


class _State(NamedTuple):
    """One deployment on the way: what is served on what, how full, for how much."""

    gpu: str
    cards: int
    quantization: str | None
    engine: str
    concurrency: float | None
    """None: as many as run at once."""
    speculation: bool
    usd_per_hour: float


def _question(catalog: Catalog, scenario: Scenario, state: _State, best: Costed) -> Question:
    choice, load = best.option.choice, scenario.workload
    draft = scenario.speculation if state.speculation else None
    work = Work(
        model=choice.model,
        params=choice.params,
        config=choice.config,
        quant=state.quantization,
        engine=state.engine,
        input_tokens=load.input_tokens,
        output_tokens=load.output_tokens,
        prefix_cache_hit=load.prefix_cache_hit,
        draft_tokens=draft.draft_tokens if draft else None,
        acceptance=draft.acceptance if draft else None,
        draft_model=draft.draft_model if draft else None,
    )
    return question_of(catalog, work)


def _server(catalog: Catalog, scenario: Scenario, state: _State, best: Costed) -> Server | str:
    question = _question(catalog, scenario, state, best)
    row = question.formats[0]
    servers = question.servers(row, asked=int(state.concurrency or 1))
    gpu = catalog.gpus[state.gpu]
    cut = Parallelism(state.cards)
    fault = servers.sizer.fault(row, cut)
    if fault is not None:
        return fault
    evaluation = servers.evaluate(gpu, row, cut)
    lack = servers.why_not(evaluation)
    return lack if lack is not None else servers.server(evaluation, replicas=1)


class _Point(NamedTuple):
    usd: float
    tpot_s: float


def _point(server: Server, state: _State, utilisation: float) -> _Point:
    load = min(server.most, state.concurrency or server.most)
    speed = server.requests_per_s(load) * server.lengths.generated * utilisation
    found = server.round(max(1.0, load))
    return _Point(usd_per_million(usd_per_hour=state.usd_per_hour, tokens_per_s=speed), float(found.tpot_s))


def waterfall_of(catalog: Catalog, scenario: Scenario, best: Costed, ledger: Ledger) -> tuple[Step, ...]:
    """Steps from the baseline to the plan; their differences sum to the whole.

    Hardware, format, engine settings and speculation are compared at the baseline's utilisation and full
    price; billing, last, is what the plan's month really costs per million tokens. A step that cannot run by
    itself is skipped, and its effect stands in the next one. Raises UsageError without a baseline.
    """
    baseline = scenario.baseline
    if baseline is None:
        raise UsageError(f"scenario {scenario.name} has no baseline: give one, or leave --baseline out")
    gpu = resolve_gpu(catalog, baseline.gpu).gpu.id
    usd = baseline.usd_per_hour
    if usd is None:
        usd = _list_price(catalog, ledger, best, gpu, baseline.gpus)
    first = _State(
        gpu, baseline.gpus, baseline.quantization, baseline.engine, _float(baseline.concurrency), False, usd
    )
    steps: list[Step] = []
    start, said = _first(catalog, scenario, best, baseline, first)
    steps.append(Step("baseline", _words(first), start.usd, 0.0, 0.0, start.tpot_s, said))
    option, price = best.option, best.costing.deployment.usd_per_hour or 0.0
    hardware = first._replace(gpu=option.gpu.id, cards=option.cards, usd_per_hour=price)
    narrow = hardware._replace(quantization=option.quantization.id)
    tuned = narrow._replace(engine=option.question.engine.id, concurrency=float(best.slots))
    walk = [("hardware", hardware), ("quantization", narrow), ("engine", tuned)]
    if option.speculates:
        walk.append(("speculation", tuned._replace(speculation=True)))
    before, state = start, first
    for name, after in walk:
        if after == state:
            continue
        server = _server(catalog, scenario, after, best)
        if isinstance(server, str):
            steps.append(Step(name, f"{_words(after)}: {server}", before.usd, 0.0, 0.0, None, "skipped"))
            continue
        point = _point(server, after, baseline.utilisation)
        steps.append(_step(name, _words(after), before.usd, point, "estimated"))
        before, state = point, after
    if scenario.speculation is not None and not option.speculates:
        words = _left_out(catalog, scenario, best, state._replace(speculation=True), baseline.utilisation)
        steps.append(Step("speculation", words, before.usd, 0.0, 0.0, None, "skipped"))
    end = best.bill.usd_per_million_tokens
    if end is not None:
        words = f"{best.bill.deployment}: {best.usd:,.0f} USD for the month's tokens"
        steps.append(_step("billing", words, before.usd, _Point(end, before.tpot_s), "estimated"))
    return tuple(steps)


def _left_out(catalog: Catalog, scenario: Scenario, best: Costed, state: _State, utilisation: float) -> str:
    """Why a plan does not draft: what it would come to."""
    server = _server(catalog, scenario, state, best)
    if isinstance(server, str):
        return f"{_words(state)}: {server}"
    usd = _point(server, state, utilisation).usd
    return f"{_words(state)}: {usd:,.2f} USD, and the month would not be cheaper"


def _first(
    catalog: Catalog, scenario: Scenario, best: Costed, baseline: Baseline, state: _State
) -> tuple[_Point, str]:
    """The baseline at its stated speed, or at the model's."""
    server = _server(catalog, scenario, state, best)
    if baseline.tokens_per_second is not None:
        speed = baseline.tokens_per_second * baseline.utilisation
        usd = usd_per_million(usd_per_hour=state.usd_per_hour, tokens_per_s=speed)
        known = None if isinstance(server, str) else _point(server, state, 1.0).tpot_s
        return _Point(usd, known or 0.0), "user"
    if isinstance(server, str):
        raise UsageError(f"the baseline cannot serve: {server}; state its tokens_per_second")
    return _point(server, state, baseline.utilisation), "estimated"


def _list_price(catalog: Catalog, ledger: Ledger, best: Costed, gpu: str, cards: int) -> float:
    day = best.setup.shelf.day.isoformat()
    book, _ = offer_book(catalog, ledger, billing=("on-demand",), as_of=day)
    offer, _ = book.cheapest(gpu, cards=cards, per_replica=min(cards, 8))
    if offer is None:
        raise UsageError(f"no on-demand price of {cards} × {gpu} is known: state the baseline's usd_per_hour")
    ledger.note(f"baseline priced at {offer.id}, {offer.usd_per_hour:,.2f} USD/h")
    return offer.usd_per_hour


def _step(name: str, words: str, before: float, point: _Point, said: str) -> Step:
    return Step(
        name, words, point.usd, point.usd - before, point.usd / before - 1, point.tpot_s or None, said
    )


def _words(state: _State) -> str:
    load = "as full as it gets" if state.concurrency is None else f"{state.concurrency:g} at once"
    form = state.quantization or "the model's own format"
    draft = ", drafting" if state.speculation else ""
    cards = f"{state.cards} × {state.gpu} at {state.usd_per_hour:,.2f} USD/h"
    return f"{cards}, {form}, {state.engine}, {load}{draft}"


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)
