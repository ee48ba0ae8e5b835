"""How long a step takes, and what a server under load makes of it.

One step of a rank with B sequences at context n, per pipeline stage:

    t(B, n) = (W + hit(B)·X + H) / (bw·share)            weights streamed once
            + B·max(cache(n) / (bw·share), n·F_latent / (peak·share))   cache, or attention in latent space
            + B·(F_low / (peak_low·share) + F_full / (peak_16·share) + F_expert / (…))  multiplications
            + B·hidden·2·(layers·passes + moe·k·expert passes) / bw     element-wise kernels, routing
            + layers·launch + B·scheduler + 2·layers·all-reduce(B)

hit(B) = 1 − (1 − k/E)^B is the expected share of experts that B tokens touch. A prompt of n tokens
costs the same terms for n tokens, plus causal attention n·(n/2)·F_attention; computed between the steps
of others it reads no weights of its own. With c requests kept in flight one round of each costs

    round = TTFT + (osl − 1)·TPOT,  TPOT = t(c, isl + osl/2) + φ·(c − 1)·prompt/osl,
    TTFT = first + prefill + (1 − φ·(osl − 1)/osl)·(c − 1)·prompt;  requests/s = c / round  (Little's law)

where φ is the share of other requests' prompt work that meets a request while it decodes. The terms add:
measured steps near the ridge take as long as both together. Constants: `speed_constants` of the catalogue;
known error: `gpucost validate`.
"""

from typing import NamedTuple

from gpucost.calc.arrays import Values, largest, smallest
from gpucost.calc.machine import Machine
from gpucost.calc.work import Work

VALUE_BYTES = 2
"""Activations travel in 16 bit."""


def touched_share(work: Work, tokens: Values) -> Values:
    """Expected share of the experts that `tokens` tokens touch: 1 − (1 − k/E)^t; 1 for dense models."""
    return 1 - (1 - work.experts_per_token / work.experts) ** tokens


def weights_s(work: Work, machine: Machine, tokens: Values) -> Values:
    """Time [s] to stream the weights that `tokens` tokens of all ranks need."""
    touched = touched_share(work, tokens)
    return (work.dense_bytes + touched * work.expert_bytes) / machine.stream


def multiply_s(work: Work, machine: Machine, tokens: Values) -> Values:
    """Time [s] of the matrix multiplications of `tokens` tokens."""
    low, full = work.low_flops / machine.low_rate, work.full_flops / machine.full_rate
    return tokens * (low + full + work.expert_flops / machine.expert_rate)


def elementwise_s(work: Work, machine: Machine, tokens: Values) -> Values:
    """Time [s] of norms, activations, quantisation and routing of `tokens` tokens, all bound by memory."""
    passes = work.layers * machine.passes
    passes = passes + work.moe_layers * work.experts_per_token * machine.expert_passes
    return tokens * work.hidden * VALUE_BYTES * passes / machine.bandwidth


def links_s(work: Work, machine: Machine, tokens: Values) -> Values:
    """Time [s] between ranks: two all-reduces per layer, two exchanges per layer of divided experts."""
    size = tokens * work.hidden * VALUE_BYTES
    reduce = smallest(work.tp - 1, 1) * 2 * work.layers * (machine.reduce_s + size / machine.reduce_rate)
    sent = size * smallest(work.experts_per_token, work.dp)
    exchange = 2 * work.moe_layers * (machine.exchange_s + sent / machine.exchange_rate)
    return reduce + smallest(work.dp - 1, 1) * exchange


def head_s(work: Work, machine: Machine, sequences: Values) -> Values:
    """Time [s] of the head for the last tokens of `sequences` sequences."""
    return work.head_bytes / machine.stream + sequences * work.head_flops / machine.full_rate


def sequence_cache_bytes(work: Work, context: Values) -> Values:
    """Cache [B] that one sequence of `context` tokens holds on a rank."""
    kept = smallest(context, work.window)
    return work.cache_bytes * context + work.window_bytes * kept + work.state_bytes


class StepParts(NamedTuple):
    """A decoding step of one stage by what it waits for [s]."""

    bandwidth: Values
    """Weights, cache and activations from memory."""
    compute: Values
    interconnect: Values
    overhead: Values
    """Launches and scheduling."""

    @property
    def total(self) -> Values:
        """The whole step [s]."""
        return self.bandwidth + self.compute + self.interconnect + self.overhead


def decode_parts(
    work: Work, machine: Machine, *, sequences: Values, context: Values, width: Values = 1.0
) -> StepParts:
    """A decoding step of one stage by its terms, with `sequences` sequences of `context` tokens on the rank.

    `width` tokens per sequence pass at once: 1, or 1 + drafted tokens when speculation is verified.
    """
    tokens = sequences * width
    attention = sequences * width * context * work.decode_flops / machine.attention_rate
    read = sequences * sequence_cache_bytes(work, context) / machine.stream
    cache = largest(read, attention)
    head = tokens * work.head_flops / machine.full_rate
    streamed = weights_s(work, machine, tokens * work.dp) + work.head_bytes / machine.stream
    return StepParts(
        bandwidth=streamed + elementwise_s(work, machine, tokens) + smallest(read, cache),
        compute=multiply_s(work, machine, tokens) + head + (cache - smallest(read, cache)),
        interconnect=links_s(work, machine, tokens),
        overhead=machine.overhead_s + tokens * machine.sequence_s,
    )


def decode_step_s(
    work: Work, machine: Machine, *, sequences: Values, context: Values, width: Values = 1.0
) -> Values:
    """One decoding step [s] of one stage; see `decode_parts`."""
    return decode_parts(work, machine, sequences=sequences, context=context, width=width).total


def prompt_work_s(work: Work, machine: Machine, *, tokens: Values, prompt: Values) -> Values:
    """What `tokens` prompt tokens add to steps that run anyway [s]; `prompt` is the length of each prompt."""
    seen = prompt / 2
    attention = seen * work.attention_flops + smallest(seen, work.window) * work.window_flops
    return (
        multiply_s(work, machine, tokens)
        + elementwise_s(work, machine, tokens)
        + links_s(work, machine, tokens)
        + tokens * attention / machine.attention_rate
    )


def prompt_shares(work: Work, machine: Machine, *, tokens: Values, prompt: Values) -> StepParts:
    """Shares [0-1] of prompt work that wait for memory, compute and links; none for launches."""
    whole = prompt_work_s(work, machine, tokens=tokens, prompt=prompt)
    memory = elementwise_s(work, machine, tokens) / whole
    links = links_s(work, machine, tokens) / whole
    return StepParts(memory, 1 - memory - links, links, 0.0)


def prefill_s(work: Work, machine: Machine, *, tokens: Values, prompt: Values) -> Values:
    """Steps of their own for `tokens` prompt tokens [s], through all pipeline stages.

    Micro-batches follow each other through the stages: m + pp − 1 turns of one micro-batch.
    """
    batch = smallest(tokens, machine.micro_batch)
    turns = tokens / batch + work.pp - 1
    copies = work.low_flops / 2 * machine.dequantised_bytes / machine.stream
    own = weights_s(work, machine, batch) + copies + machine.overhead_s
    return turns * (
        own
        + prompt_work_s(work, machine, tokens=batch, prompt=prompt)
        + head_s(work, machine, batch / prompt)
    )


class Speculation(NamedTuple):
    """Drafted tokens that one pass of the model verifies."""

    drafted: Values
    """Tokens drafted per pass."""
    accepted: Values
    """Probability that a drafted token is accepted, given that those before it were."""
    draft_s: Values
    """Time to draft one token for all sequences [s]."""


def tokens_per_pass(drafted: Values, accepted: Values) -> Values:
    """Expected tokens per verified pass: (1 − α^(k+1)) / (1 − α), and k + 1 for α = 1.

    Leviathan et al., "Fast Inference from Transformers via Speculative Decoding", 2023, equation 1.
    """
    if accepted >= 1:
        return drafted + 1
    return (1 - accepted ** (drafted + 1)) / (1 - accepted)


class Round(NamedTuple):
    """One request of a closed loop."""

    step_s: Values
    """A decoding step, all stages."""
    tpot_s: Values
    prefill_s: Values
    """The prompt alone, all stages."""
    prompt_s: Values
    """What the prompt adds to others."""
    alone_s: Values
    """First token with nothing else running."""
    ttft_s: Values
    """First token, waiting for a free place included."""
    e2e_s: Values
    running: Values
    """Requests that run at once, per rank group: as asked, or as many as the cache holds."""
    requests_per_s: Values


def closed_loop(
    work: Work,
    machine: Machine,
    *,
    concurrency: Values,
    room: Values,
    input_tokens: Values,
    output_tokens: Values,
    computed: Values | None = None,
    shared: Values = 1.0,
    serving: Values = 1.0,
    speculation: Speculation | None = None,
) -> Round:
    """Steady state with `concurrency` sequences always in flight, of which `room` fit at once.

    Sequences beyond `room` wait for a place: their wait is their share of whole rounds. `computed` are the
    prompt tokens that no prefix cache holds (all of them without it), which `shared` sequences have in
    common. `serving` 0 leaves out what a server adds to the first token. A prompt can delay another
    request's decoding only as far as that decodes: φ counts for (osl − 1) of osl tokens.
    """
    running = smallest(concurrency, room)
    context = input_tokens + output_tokens / 2
    fresh = input_tokens if computed is None else computed
    each = largest(running / work.pp, smallest(running, 1.0))
    if speculation is None:
        step = decode_step_s(work, machine, sequences=each, context=context) * work.pp
        per_token = step
    else:
        width = speculation.drafted + 1
        verify = decode_step_s(work, machine, sequences=each, context=context, width=width) * work.pp
        step = verify + speculation.drafted * speculation.draft_s
        per_token = step / tokens_per_pass(speculation.drafted, speculation.accepted)
    prompt = prompt_work_s(work, machine, tokens=fresh, prompt=input_tokens) / shared
    prefill = prefill_s(work, machine, tokens=fresh, prompt=input_tokens)
    others = largest(running - 1, 0.0) * prompt
    tpot = per_token + machine.interference * others / output_tokens
    alone = serving * machine.first_token_s + prefill
    beside = 1 - 1 / largest(running, 1.0)
    met = machine.interference * (output_tokens - 1) / output_tokens
    first = alone + serving * beside * step + (1 - met) * others
    turn = first + (output_tokens - 1) * tpot
    waiting = (concurrency - running) / running * turn
    return Round(
        step_s=step,
        tpot_s=tpot,
        prefill_s=prefill,
        prompt_s=prompt,
        alone_s=alone,
        ttft_s=first + waiting,
        e2e_s=turn + waiting,
        running=running,
        requests_per_s=running / turn,
    )


def static_batch_s(
    work: Work, machine: Machine, *, sequences: Values, input_tokens: Values, output_tokens: Values
) -> Values:
    """A batch that starts and ends together [s]: its prompts, then `output_tokens` steps."""
    context = input_tokens + output_tokens / 2
    each = largest(sequences / work.pp, smallest(sequences, 1.0))
    step = decode_step_s(work, machine, sequences=each, context=context) * work.pp
    prompts = prefill_s(work, machine, tokens=sequences * input_tokens, prompt=input_tokens)
    return prompts + output_tokens * step
