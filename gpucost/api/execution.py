"""How long one request runs on a deployment: as told, or from the speed of a model on its cards."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gpucost.api.deployments import Deployment
from gpucost.api.flags import MAX_TOKENS, whole
from gpucost.api.ledger import Ledger
from gpucost.catalog.store import Catalog
from gpucost.domain.deployment import Parallelism
from gpucost.domain.rules import ProductKind
from gpucost.errors import UsageError

if TYPE_CHECKING:  # the model of speed is loaded when a model is named
    from gpucost.api.asked import Question
    from gpucost.api.serving import Server

MOST_S = 31_622_400.0
"""A year."""
MILLISECONDS = 1000


class Work(NamedTuple):
    """What one request asks for, as the flags say it."""

    execution_s: float | None = None
    external_ms: float = 0.0
    """Waiting for others while the worker is held, and billed."""
    model: str | None = None
    params: str | float | None = None
    config: Path | str | None = None
    quant: str | None = None
    engine: str = "vllm"
    input_tokens: int | None = None
    output_tokens: int | None = None
    prefix_cache_hit: float = 0.0
    """Share of the prompt that a prefix cache holds."""
    draft_tokens: int | None = None
    acceptance: float | None = None
    draft_model: str | None = None
    abstract: bool = False
    """A second of work instead of a request: nobody gave its time."""

    @property
    def names_model(self) -> bool:
        """Whether a model is named, by name, size or file."""
        return any(each is not None for each in (self.model, self.params, self.config))


class Timed(NamedTuple):
    """Seconds of one request, and the weights that a start must read [B]."""

    execution_s: float | None
    weights_bytes: float | None = None
    server: Server | None = None
    reason: str = ""


class Execution:
    """Seconds per request by deployment, with the ledger that says where they come from."""

    def __init__(self, catalog: Catalog, work: Work, *, slots: int) -> None:
        self.catalog, self.work, self.slots = catalog, work, slots
        self.question: Question | None = None
        _checked(work)
        if work.quant is not None and not work.names_model:
            raise UsageError("--quant goes with --model, --params or --config")
        if work.names_model:
            self.question = question_of(catalog, work)
            self.ledger = self.question.ledger
        else:
            self.ledger = Ledger(catalog)
            for flag, count in (
                ("--input-tokens", work.input_tokens),
                ("--output-tokens", work.output_tokens),
            ):
                if count is not None:
                    self.ledger.user(flag, count, "tokens")
        if work.execution_s is not None and not work.abstract:
            self.ledger.user("--execution-s", work.execution_s, "s")
        if work.external_ms:
            self.ledger.user("--external-ms", work.external_ms, "ms")

    @property
    def tokens(self) -> tuple[float | None, float | None]:
        """Input and output tokens of a request, where they are known."""
        if self.question is not None:
            lengths = self.question.lengths
            return float(lengths.input_tokens), float(lengths.generated)
        work = self.work
        return (
            None if work.input_tokens is None else float(work.input_tokens),
            None if work.output_tokens is None else float(work.output_tokens),
        )

    def of(self, deployment: Deployment) -> Timed:
        """Seconds of one request with all slots of a worker taken; why not, where nothing is known."""
        outside = self.work.external_ms / MILLISECONDS
        if deployment.rule.kind is ProductKind.TOKENS:
            return Timed(None)
        server, reason = self._server(deployment)
        weights = None if server is None else server.evaluation.budget.weights_bytes * server.gpus
        if self.work.execution_s is not None:
            return Timed(self.work.execution_s + outside, weights, server)
        if self.question is None:
            return Timed(None)
        if server is None:
            return Timed(None, reason=reason)
        most = server.most
        if self.slots > most * (1 + 1e-9):
            return Timed(None, weights, server, f"at most {most:,.0f} requests run at once on one worker")
        return Timed(float(server.round(float(self.slots)).e2e_s) + outside, weights, server)

    def _server(self, deployment: Deployment) -> tuple[Server | None, str]:
        if self.question is None:
            return None, ""
        if deployment.gpu is None:
            return None, f"the card of {deployment.label} is not known"
        question = self.question
        servers = question.servers(question.formats[0], asked=self.slots)
        cut = Parallelism(deployment.cards)
        fault = servers.sizer.fault(question.formats[0], cut)
        if fault is not None:
            return None, fault
        evaluation = servers.evaluate(deployment.gpu, question.formats[0], cut)
        lack = servers.why_not(evaluation)
        if lack is not None:
            return None, f"{deployment.cards} × {deployment.gpu.name}: {lack}"
        return servers.server(evaluation, replicas=1), ""


def _checked(work: Work) -> None:
    """Raises UsageError for values out of range."""
    if work.execution_s is not None and not (
        math.isfinite(work.execution_s) and 0 < work.execution_s <= MOST_S
    ):
        raise UsageError(f"--execution-s must be above 0 and at most a year, not {work.execution_s}")
    if not (math.isfinite(work.external_ms) and 0 <= work.external_ms <= MOST_S * MILLISECONDS):
        raise UsageError(f"--external-ms must not be below 0, not {work.external_ms}")
    whole("--input-tokens", work.input_tokens, 1, MAX_TOKENS)
    whole("--output-tokens", work.output_tokens, 1, MAX_TOKENS)


def question_of(catalog: Catalog, work: Work) -> Question:
    """The model of a request with its engine's defaults: no card and no cut is chosen yet.

    Raises UsageError and UnknownNameError for what cannot be asked.
    """
    from gpucost.api.asked import ask

    return ask(
        params=work.params,
        active_params=None,
        model=work.model,
        config=work.config,
        hf=None,
        quant=work.quant or (),
        kv_dtype="auto",
        gpu=(),
        engine=work.engine,
        engine_version=None,
        input_tokens=work.input_tokens,
        output_tokens=work.output_tokens,
        prefix_cache_hit=work.prefix_cache_hit,
        best_of=1,
        reasoning_tokens=0,
        draft_tokens=work.draft_tokens,
        acceptance=work.acceptance,
        draft_model=work.draft_model,
        gpus=None,
        tp=None,
        pp=1,
        ep=1,
        attention_dp=False,
        offline=False,
        gpu_memory_utilization=None,
        max_num_seqs=None,
        enforce_eager=False,
        enable_chunked_prefill=None,
        catalog=catalog,
    )
