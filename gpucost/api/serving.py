"""A model on cards under load: the one place where memory, speed and levers meet."""

import math
from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

from gpucost.api.request import Draft, Lengths, Slo
from gpucost.api.size_search import VENDORS
from gpucost.api.sizing import Evaluation, Load, Sizer, shortfall_text
from gpucost.api.speed import Deployed, deploy, traits_of, unknown_speed
from gpucost.calc.latency import (
    concurrency_for,
    e2e_quantile_s,
    largest_load,
    tpot_quantile_s,
    ttft_quantile_s,
)
from gpucost.calc.machine import Machine, SpeedConstants, machine_of
from gpucost.calc.speed import (
    Round,
    Speculation,
    StepParts,
    closed_loop,
    decode_parts,
    decode_step_s,
    prompt_shares,
    sequence_cache_bytes,
)
from gpucost.calc.work import Work, work_of
from gpucost.domain.deployment import Parallelism
from gpucost.domain.engine import EngineSpeed
from gpucost.domain.hardware import Gpu
from gpucost.domain.quantization import Quantization
from gpucost.domain.speed import SpeedRow
from gpucost.units import GIB


class Band(NamedTuple):
    """Factors between which 80 % of left-out measurements lie."""

    low: float
    high: float


class Server:
    """One deployment: copies of a model on cards of one kind, with its speed at any load."""

    def __init__(
        self,
        *,
        gpu: Gpu,
        evaluation: Evaluation,
        deployed: Deployed,
        machine: Machine,
        lengths: Lengths,
        replicas: int,
        places: float,
        speculation: tuple[Work, Machine, Draft] | None,
        serving: float,
        band: Band,
    ) -> None:
        self.gpu, self.evaluation, self.lengths, self.replicas = gpu, evaluation, lengths, replicas
        self.work, self.machine, self.places = deployed.work, machine, places
        self.traits = deployed.traits
        self._speculation, self._serving, self.band = speculation, serving, band
        self.scale = (1.0, 1.0)
        """Factors of TPOT and TTFT that a measurement asks for."""

    @property
    def dp(self) -> int:
        """Rank groups of one copy that serve their own sequences."""
        return int(self.work.dp)

    @property
    def gpus(self) -> int:
        """Cards of the deployment."""
        return self.evaluation.parallel.gpus * self.dp * self.replicas

    @property
    def groups(self) -> int:
        """Rank groups over which requests are divided."""
        return self.replicas * self.dp

    @property
    def capacity(self) -> float:
        """Most requests that run at once in the whole deployment."""
        return self.places * self.groups / self.lengths.best_of

    def scaled(self, tpot: float, ttft: float) -> "Server":
        """The same deployment with its latencies multiplied, as a measurement asks for."""
        other = copy(self)
        other.scale = (tpot, ttft)
        return other

    def with_machine(self, machine: Machine) -> "Server":
        """The same deployment at other rates."""
        other = copy(self)
        other.machine = machine
        return other

    def round(self, concurrency: float) -> Round:
        """One sequence with `concurrency` requests in flight over the deployment."""
        lengths = self.lengths
        each = concurrency * lengths.best_of / self.groups
        found = closed_loop(
            self.work,
            self.machine,
            concurrency=each,
            room=self.places,
            input_tokens=float(lengths.input_tokens),
            output_tokens=float(lengths.generated),
            computed=lengths.computed,
            shared=float(lengths.best_of),
            serving=self._serving,
            speculation=self._spec(min(each, self.places)),
        )
        return found if self.scale == (1.0, 1.0) else self._scaled(found)

    def _scaled(self, found: Round) -> Round:
        tpot, ttft = self.scale
        turn = found.running / found.requests_per_s
        waiting = found.e2e_s - turn
        first, each = (found.ttft_s - waiting) * ttft, found.tpot_s * tpot
        longer = first + (self.lengths.generated - 1) * each
        waiting = waiting * longer / turn
        return found._replace(
            step_s=found.step_s * tpot,
            tpot_s=each,
            alone_s=found.alone_s * ttft,
            ttft_s=first + waiting,
            e2e_s=longer + waiting,
            requests_per_s=found.running / longer,
        )

    def _spec(self, running: float) -> Speculation | None:
        if self._speculation is None:
            return None
        work, machine, draft = self._speculation
        context = self.lengths.input_tokens + self.lengths.generated / 2
        step = decode_step_s(work, machine, sequences=running, context=context)
        return Speculation(draft.drafted, draft.accepted, step)

    def requests_per_s(self, concurrency: float) -> float:
        """Requests finished per second in the whole deployment."""
        return float(self.round(concurrency).requests_per_s) * self.groups / self.lengths.best_of

    @property
    def limit_per_s(self) -> float:
        """Most requests per second."""
        return self.requests_per_s(self.most)

    @property
    def most(self) -> float:
        """Requests in flight at full load; at least one, even where its answers wait for each other."""
        return max(1.0, self.capacity)

    def bound(self, found: Round, concurrency: float) -> str:
        """What takes most of the time of a round at a load, `capacity` where requests wait for a place."""
        if concurrency > self.most * (1 + 1e-9):
            return "capacity"
        lengths = self.lengths
        running = min(concurrency * lengths.best_of / self.groups, self.places)
        context = lengths.input_tokens + lengths.generated / 2
        width = 1.0 if self._speculation is None else 1.0 + self._speculation[2].drafted
        each = max(running / self.work.pp, min(running, 1.0))
        step = decode_parts(self.work, self.machine, sequences=each, context=context, width=width)
        given = float(lengths.input_tokens)
        shares = prompt_shares(self.work, self.machine, tokens=lengths.computed, prompt=given)
        prompts = running * float(found.prompt_s)  # per round of generated tokens
        times = [lengths.generated * part + prompts * share for part, share in zip(step, shares, strict=True)]
        return max(zip(times, StepParts._fields, strict=True))[1]

    def decode_share(self, concurrency: float) -> float:
        """Share of GPU time that goes into generating tokens; the rest goes into prompts."""
        found = self.round(max(concurrency, 1.0))
        decoding = self.lengths.generated * self._plain_tpot(found)
        prompts = float(found.running) * float(found.prompt_s)
        return decoding / (decoding + prompts)

    def latency_s(self, found: Round, slo: Slo) -> float:
        """The latency that a limit speaks of [s]."""
        if slo.share is None:
            return float({"ttft": found.ttft_s, "tpot": found.tpot_s, "e2e": found.e2e_s}[slo.metric])
        if slo.metric == "ttft":
            return ttft_quantile_s(found, share=slo.share)
        generated = float(self.lengths.generated)
        if slo.metric == "tpot":
            return tpot_quantile_s(found, share=slo.share, output_tokens=generated)
        return e2e_quantile_s(found, share=slo.share, output_tokens=generated)

    def largest_load(self, slos: Sequence[Slo]) -> float | None:
        """Largest concurrency that meets every limit, or None."""

        def meets(concurrency: float) -> bool:
            found = self.round(concurrency)
            return all(self.latency_s(found, slo) <= slo.limit_s for slo in slos)

        return largest_load(meets, room=self.most)

    def load_of(self, requests_per_s: float) -> float | None:
        """Mean concurrency at a request rate, or None above capacity."""
        return concurrency_for(self.requests_per_s, asked=requests_per_s, room=self.most)

    def row(self, concurrency: float) -> SpeedRow:
        """Speeds of the whole deployment with `concurrency` requests in flight.

        Below 1 it is the share of time with one.
        """
        held = max(concurrency, 1.0)
        found, lengths = self.round(held), self.lengths
        busy = min(concurrency, 1.0)
        sequences = float(found.requests_per_s) * self.groups * busy
        requests = sequences / lengths.best_of
        output = sequences * lengths.generated
        return SpeedRow(
            gpu=self.gpu.id,
            gpus=self.gpus,
            tp=self.evaluation.parallel.tp,
            pp=self.evaluation.parallel.pp,
            ep=self.evaluation.parallel.ep,
            replicas=self.replicas,
            quantization=self.evaluation.quantization.id,
            concurrency=concurrency,
            running=float(found.running) * self.groups / lengths.best_of * busy,
            prefill_tokens_per_s=lengths.computed / float(found.prefill_s) * self.groups,
            decode_tokens_per_s=float(found.running) * self.groups / self._plain_tpot(found) * busy,
            output_tokens_per_s=output,
            total_tokens_per_s=output + requests * lengths.input_tokens,
            output_tokens_per_s_per_gpu=output / self.gpus,
            ttft_s=float(found.ttft_s),
            tpot_s=float(found.tpot_s),
            e2e_s=float(found.e2e_s),
            requests_per_s=requests,
            utilisation=requests / self.limit_per_s,
            bound=self.bound(found, held),
            low=output * self.band.low,
            high=output * self.band.high,
            confidence="estimated",
        )

    def _plain_tpot(self, found: Round) -> float:
        """Time per token of a step, others' prompts left out [s]."""
        others = max(float(found.running) - 1, 0.0) * float(found.prompt_s) * self.scale[0]
        return float(found.tpot_s) - float(self.machine.interference) * others / self.lengths.generated


class Servers:
    """Builds servers for one model, engine, lengths and levers; says why a card cannot serve."""

    def __init__(
        self,
        sizer: Sizer,
        constants: SpeedConstants,
        bands: dict[str, Band],
        *,
        engine: EngineSpeed,
        lengths: Lengths,
        draft: Draft | None = None,
        attention_dp: bool = False,
        offline: bool = False,
        asked: int = 1,
    ) -> None:
        """`asked`: concurrency over the deployment that the engine is set up for, where that is known."""
        self.sizer, self.constants, self.bands = sizer.at(Load(lengths.context, 1)), constants, bands
        self.lengths, self.draft, self.attention_dp, self.asked = lengths, draft, attention_dp, asked
        self.engine, self.serving = engine, 0.0 if offline else 1.0

    def evaluate(self, gpu: Gpu, quantization: Quantization, parallel: Parallelism) -> Evaluation:
        """Memory of one copy."""
        return self.sizer.evaluate(gpu, quantization, parallel)

    def why_not(self, evaluation: Evaluation) -> str | None:
        """Why a copy cannot serve, or None."""
        if not evaluation.fits:
            return shortfall_text(evaluation, self.sizer.load)
        vendors = VENDORS[self.sizer.setup.kind]
        if evaluation.gpu.vendor not in vendors:
            return f"{self.sizer.setup.engine.name} is modelled on cards of {', '.join(vendors)} only"
        if self.draft is not None and self.draft.model is not None:
            left = evaluation.room_bytes - self._draft_bytes(evaluation)
            if left < evaluation.need_bytes:
                taken = self._draft_bytes(evaluation) / GIB
                return f"the draft model takes {taken:,.1f} GiB per card and leaves no room for one sequence"
        return unknown_speed(evaluation.gpu, evaluation.parallel)

    def _draft_bytes(self, evaluation: Evaluation) -> float:
        """Weights of a draft model on each card, and its cache of one sequence [B]."""
        if self.draft is None or self.draft.model is None:
            return 0.0
        work = self._draft_work(self.draft, evaluation.quantization, evaluation.parallel)
        cache = float(sequence_cache_bytes(work, self.lengths.context))
        return float(work.dense_bytes + work.expert_bytes + work.head_bytes) + cache

    def server(self, evaluation: Evaluation, *, replicas: int) -> Server:
        """The deployment of `replicas` copies; `why_not` must be None."""
        gpu, quantization, parallel = evaluation.gpu, evaluation.quantization, evaluation.parallel
        pool = evaluation.room_bytes
        speculation = None
        if self.draft is not None:
            work = self._draft_work(self.draft, quantization, parallel)
            traits = traits_of(gpu, quantization, self.engine)
            speculation = (work, machine_of(work, traits, self.constants), self.draft)
            pool -= self._draft_bytes(evaluation)
        deployed = deploy(
            self.sizer,
            gpu,
            quantization,
            parallel,
            engine=self.engine,
            pool_bytes=pool,
            attention_dp=self.attention_dp,
        )
        room = deployed.room(self.lengths.input_tokens / self.lengths.best_of + self.lengths.generated / 2)
        groups = replicas * int(deployed.work.dp)
        default = evaluation.settings.max_num_seqs
        if self.sizer.setup.flags.max_num_seqs is None:
            default = max(default, -(-self.asked * self.lengths.best_of // groups))
        kind = "moe" if deployed.work.moe_layers else "dense"
        return Server(
            gpu=gpu,
            evaluation=evaluation,
            deployed=deployed,
            machine=machine_of(deployed.work, deployed.traits, self.constants),
            lengths=self.lengths,
            replicas=replicas,
            places=max(1.0, math.floor(min(float(default), room))),
            speculation=speculation,
            serving=self.serving,
            band=self.bands[f"throughput-{kind}"],
        )

    def _draft_work(self, draft: Draft, quantization: Quantization, parallel: Parallelism) -> Work:
        """Work of a draft model, or of one layer with its head where the model drafts for itself."""
        if draft.model is not None:
            row = draft.quantization or quantization
            return work_of(draft.model, quantization=row, parallel=parallel, cache=self.sizer.cache)
        whole = work_of(
            self.sizer.model, quantization=quantization, parallel=parallel, cache=self.sizer.cache
        )
        share = 1 / self.sizer.model.layers
        kept = (
            "hidden",
            "window",
            "experts",
            "experts_per_token",
            "head_bytes",
            "head_flops",
            "tp",
            "pp",
            "dp",
        )
        scaled = {name: getattr(whole, name) * share for name in Work._fields if name not in kept}
        return whole._replace(**scaled)
