"""How long a step of a training job takes.

One pass of one micro-batch on one card, all its kernels one after the other:

    t = Σ [F / (peak·share·power) + bytes / bw]   multiplications: forward, gradients of inputs and of weights
      + 3.5·F_attention / (peak·share·power)      flash attention computes its scores again in backward
      + values·2·passes / bw                      norms, activations, residuals, casts, the loss
      + adapters, and unpacking of quantised frozen weights
      + recomputation of a checkpointed forward pass
      + what tensor and expert parallelism send

LoRA has no gradients of frozen weights: 4 operations per parameter and token where a full pass takes 6.
Launches are asynchronous, so only what the card cannot hide of them counts: total = (t³ + launches³)^(1/3).
A step is m passes, a pipeline bubble of (pp − 1)/(m·v) of them (Narayanan et al., "Efficient Large-Scale
Language Model Training on GPU Clusters Using Megatron-LM", 2021, section 2.2), what data parallelism sends
beyond what the passes hide, and the optimizer. The power factor stands for clocks that fall with the power
that a card may draw: (watts per peak FLOP/s ÷ that of the A100)^exponent, at most 1.

Offloading of activations (hidden in what was measured) and pipelines' point-to-point
messages cost nothing here.

Constants: `training_constants` of the catalogue. Valid for transformers from about 0.3 to 700 billion
parameters on data-centre cards; known error: printed by `tests/reference/fit_training.py`.
"""

from math import ceil
from typing import NamedTuple

from gpucost.calc.training_parameters import bytes_per_parameter
from gpucost.calc.training_work import (
    VALUE_BYTES,
    TrainingWork,
    training_work,
    useful_flops_per_token,
)
from gpucost.domain.hardware import Gpu
from gpucost.domain.model import Model
from gpucost.domain.training import TrainingSetup
from gpucost.units import BITS_PER_BYTE, TERA, flops_to_tflops, gb_to_bytes

BACKWARD_ATTENTION = 2.5
"""Of the forward pass: five multiplications where that has two (Dao, "FlashAttention-2", 2023, section 4)."""
WARP_INSTRUCTION_SHARE = {"hopper": 0.63, "blackwell": 0.63, "blackwell-ultra": 0.63}
"""Of the peak that the matrix instructions of Ampere reach on later cards, which FlashAttention-2 uses
(Luo et al., "Benchmarking and Dissecting the NVIDIA Hopper GPU Architecture", 2024: 62.9 % on H100)."""
POWER_REFERENCE_W = 400 / (312 * TERA)
"""Watts per dense 16-bit FLOP/s of the A100 SXM (its datasheet)."""
NETWORK_GBIT_PER_S = {"ampere": 200}
"""Network adapter of each card of an NVIDIA DGX A100 (its user guide): ConnectX-6."""
NETWORK_GBIT_PER_S_ELSE = 400
"""ConnectX-7 of DGX H100 and B200; B300 nodes have been built with 400 and with 800 Gb/s."""
HOST_BYTES_PER_S = gb_to_bytes(25)
"""What PCIe 4.0 x16 carries one way, of 31.5 GB/s: states of an offloaded optimizer pass it."""
LAUNCH_POWER = 3
"""Exponent of the soft maximum of computing and launching; 1 would add them, infinity hide the smaller."""


class TrainingSpeedConstants(NamedTuple):
    """The constants of the model by name; meaning and unit stand in `training_constants`."""

    matmul_share: float
    power_exponent: float
    fp8_share: float
    fp4_share: float
    row_scaled_share: float
    expert_share: float
    attention_share: float
    older_attention_share: float
    eager_passes: float
    fused_passes: float
    adapter_passes: float
    layer_us: float
    moe_us: float
    hooks_factor: float
    unpacked_bytes: float
    link_share: float
    tp_overlap_share: float
    dp_overlap_share: float
    hop_us: float


class Software(NamedTuple):
    """What the software of a job does, as far as its speed depends on it."""

    fused: bool = False
    """Element-wise kernels are joined, by a compiler or a library of such kernels."""
    native_attention: bool = False
    """Attention uses kernels written for the card's own generation (cuDNN, FlashAttention-3)."""
    hooked: bool = False
    """Every module's parameters are gathered by hooks in Python (DeepSpeed), while nothing computes."""
    tp_overlapped: bool = False
    """Tensor-parallel sums are cut up and sent while matrices multiply."""
    row_scaled: bool = False
    """FP8 with a scale for every row, multiplied without the vendor's fast kernels."""
    graphs: bool = False
    """All kernels of a step are launched as one CUDA graph."""
    exchange_overlapped: bool = False
    """Tokens travel to experts while another micro-batch computes."""


class StepTime(NamedTuple):
    """One step of the optimizer by what takes its time [s], and what it achieves."""

    matmuls: float
    """Matrices that every token passes, head included."""
    attention: float
    experts: float
    recomputation: float
    elementwise: float
    adapters: float
    """Adapters, and frozen weights that are dequantised."""
    tp_communication: float
    expert_exchange: float
    launches: float
    """Beyond what computing hides."""
    bubble: float
    dp_communication: float
    """Of data parallelism and FSDP, beyond what computing hides."""
    optimizer: float
    tokens: float
    """Trained by the whole job [tokens]."""
    gpus: int
    useful_flops: float
    """Of the whole job, without recomputation [FLOP]."""
    peak_flops: float
    """Dense 16-bit peak of a card [FLOP/s]."""

    @property
    def total(self) -> float:
        """The whole step [s]: the sum of its parts."""
        return sum(self[: StepTime._fields.index("tokens")])

    @property
    def tokens_per_s_per_gpu(self) -> float:
        """Trained tokens per second and card [tokens/s]."""
        return self.tokens / self.total / self.gpus

    @property
    def tflops_per_gpu(self) -> float:
        """Useful operations per second and card [10^12 FLOP/s]."""
        return flops_to_tflops(self.useful_flops / self.total / self.gpus)

    @property
    def mfu(self) -> float:
        """Useful operations over the dense 16-bit peak [0-1]."""
        return self.useful_flops / self.total / self.gpus / self.peak_flops


class _Card(NamedTuple):
    """Rates of one card with this software."""

    bandwidth: float
    full_rate: float
    low_rate: float
    attention_rate: float
    node_rate: float
    """Between cards of a domain [B/s]."""
    network_rate: float
    """Between domains, per card [B/s]."""
    link_share: float
    """Of the printed rates that rings reach."""
    domain: int


def dense_peak(gpu: Gpu) -> float:
    """Dense 16-bit peak of a card [FLOP/s]. Raises ValueError where none is known."""
    peak = gpu.dense_flops.get("bf16") or gpu.dense_flops.get("fp16")
    if peak is None:
        raise ValueError(f"{gpu.name}: no dense 16-bit peak is known")
    return peak


def _card(
    gpu: Gpu, setup: TrainingSetup, k: TrainingSpeedConstants, software: Software, domain: int
) -> _Card:
    peak = dense_peak(gpu)
    if setup.division.gpus > 1 and gpu.link.bytes_per_s_each_way is None:
        raise ValueError(f"{gpu.name}: the speed of its link is not known; ask for one card")
    power = 1.0
    if gpu.board_power_w:
        power = min(1.0, gpu.board_power_w / peak / POWER_REFERENCE_W) ** k.power_exponent
    full = peak * k.matmul_share * power
    low = full
    if setup.precision.startswith("fp8") and "fp8" in gpu.dense_flops:
        share = k.row_scaled_share if software.row_scaled else k.fp8_share
        low = gpu.dense_flops["fp8"] * share * power
    elif setup.precision.startswith("nvfp4") and "fp4" in gpu.dense_flops:
        low = gpu.dense_flops["fp4"] * k.fp4_share * power
    elif setup.precision == "fp32":
        full = low = full / 2  # TF32 runs at half the rate of 16-bit values on tensor cores
    attention = peak * power * k.attention_share
    if not software.native_attention:
        reached = min(power, WARP_INSTRUCTION_SHARE.get(gpu.architecture, 1.0))
        attention = peak * reached * k.older_attention_share
    network = NETWORK_GBIT_PER_S.get(gpu.architecture, NETWORK_GBIT_PER_S_ELSE)
    return _Card(
        bandwidth=gpu.bandwidth_bytes_per_s,
        full_rate=full,
        low_rate=low,
        attention_rate=attention,
        node_rate=(gpu.link.bytes_per_s_each_way or 1.0) * k.link_share,
        network_rate=gb_to_bytes(network / BITS_PER_BYTE) * k.link_share,
        link_share=k.link_share,
        domain=domain,
    )


def _group_rate(card: _Card, ranks: int, stride: int) -> float:
    """Bytes per second that a ring of `ranks`, `stride` cards apart, carries per card [B/s].

    Within a domain it is the link's; across domains all adapters of the group's cards in a domain serve
    the ring together.
    """
    if ranks * stride <= card.domain:
        return card.node_rate
    inside = max(1, card.domain // stride)
    return min(card.node_rate, inside * card.network_rate)


def _reduce_s(work: TrainingWork, setup: TrainingSetup, card: _Card) -> float:
    """One sum over tensor-parallel ranks [s]: a ring sends 2·(tp − 1)/tp of the values each way."""
    tp = setup.division.tp
    return 2 * (tp - 1) / tp * work.reduced_bytes / _group_rate(card, tp, 1)


def _exchange_s(work: TrainingWork, setup: TrainingSetup, card: _Card) -> float:
    """One exchange of tokens with experts [s].

    A token is sent once to each card, and over the network once to each domain, that holds one of its k
    experts: of n places n·(1 − (1 − 1/n)^k) on average, all but its own (DeepSeek-AI, "DeepSeek-V3
    Technical Report", 2024, section 3.2.2). At the printed rates, which its kernels reach: 43 to 58 of
    50 GB/s (README of DeepEP), and which fits chose wherever they were free.
    """
    ep = setup.division.ep
    if ep == 1:
        return 0.0
    chosen, domains = work.experts_per_token, ceil(ep / card.domain)
    seconds = _reached(ep, chosen) * work.exchanged_bytes / card.node_rate
    if domains > 1:
        seconds += _reached(domains, chosen) * work.exchanged_bytes / card.network_rate
    return seconds * card.link_share


def _reached(places: int, chosen: int) -> float:
    """Places other than its own that a token with `chosen` experts reaches on average."""
    return (places - 1) * (1 - (1 - 1 / places) ** chosen)


def _gradient_bytes(setup: TrainingSetup) -> int:
    """Of one gradient as it is sent [B]: 32-bit shards are reduced in 32 bit."""
    return 4 if setup.precision == "fp32" or setup.precision.endswith("autocast") else VALUE_BYTES


def _dp_communication(
    work: TrainingWork, setup: TrainingSetup, card: _Card, k: TrainingSpeedConstants
) -> tuple[float, float]:
    """What data parallelism sends in a pass and once a step, nothing hidden [s].

    A ring gathers or reduces (n − 1)/n of the values per card and takes n − 1 hops per layer. Shards of
    parameters (stage 3) are gathered in forward and in backward, and gradients of stages 2 and 3 reduced, in
    every pass; all else once a step. Copies of the shards sum theirs. Experts that `ep` divides have
    correspondingly fewer ranks with the same ones.
    """
    division = setup.division
    ranks, gradient = division.dp * division.cp, _gradient_bytes(setup)
    trained = work.trained_parameters / work.parameters
    spread = max(1, division.ep // division.tp)
    dense = work.parameters - work.expert_parameters
    per_pass = per_step = 0.0
    for parameters, cards, stride in (
        (dense, ranks, division.tp),
        (work.expert_parameters, max(1, ranks // spread), division.tp * spread),
    ):
        across = max(1, min(cards, division.shards)) if division.sharding else 1
        copies = cards // across
        ring = (across - 1) / across / _group_rate(card, across, stride)
        hops = (across - 1) * work.layers * k.hop_us / 1e6 if parameters else 0.0
        gather = VALUE_BYTES * parameters * ring + hops
        reduced = gradient * trained * parameters
        outer = 2 * (copies - 1) / copies / across / _group_rate(card, copies, stride * across)
        reduce = reduced * (ring + outer) + hops
        if division.sharding == 3:
            per_pass += 2 * gather
        else:
            per_step += trained * gather
        if division.sharding >= 2 and not division.deferred_reduction:
            per_pass += reduce
        else:
            per_step += reduce
    return per_pass, per_step


def _optimizer_s(work: TrainingWork, setup: TrainingSetup, card: _Card) -> float:
    """The optimizer's own work [s]: weights and moments are read and written, gradients read."""
    division = setup.division
    dense = division.shards if division.sharding else 1
    experts = division.expert_shards if division.sharding else 1
    routed = work.expert_parameters / work.parameters
    trained = work.trained_parameters * ((1 - routed) / dense + routed / experts)
    per = bytes_per_parameter(setup)
    moved = 2 * ((per.master or per.weight) + per.moments) + per.gradient
    if per.master:
        moved += per.weight
    if setup.optimizer_offload:
        return trained * (4 + VALUE_BYTES) / HOST_BYTES_PER_S + trained * moved / HOST_BYTES_PER_S
    return trained * moved / card.bandwidth


def _launch_s(work: TrainingWork, k: TrainingSpeedConstants, software: Software) -> float:
    """Time [s] that a processor takes to launch the kernels of a pass, checkpointing left out."""
    if software.graphs:
        return 0.0
    launch = (work.layers * k.layer_us + work.moe_layers * k.moe_us) / 1e6
    return launch * (k.hooks_factor if software.hooked else 1.0)


def _recomputed(setup: TrainingSetup) -> tuple[float, float]:
    """Share of the layers' forward pass computed again: of matrices and the like, and of attention [0-1].

    `ops` keeps attention and every second multiplication (torchtitan), `layers` all of every second layer.
    """
    if setup.checkpointing == "none":
        return 0.0, 0.0
    if setup.checkpointing == "full":
        return 1.0, 1.0
    return {"ops": (0.5, 0.0), "layers": (0.5, 0.5), "attention": (0.0, 1.0)}[setup.selective or "ops"]


def step_time(
    model: Model,
    gpu: Gpu,
    setup: TrainingSetup,
    constants: TrainingSpeedConstants,
    *,
    nodes_cards: int = 8,
    software: Software | None = None,
    formula: str = "6N+causal-attention",
) -> StepTime:
    """Time of one optimizer step [s] of `setup` on cards `gpu`, by parts.

    `nodes_cards`: cards that one fast link joins [cards]. `software`: what it does; by `setup.compile`
    where None. `formula`: what `mfu` and `tflops_per_gpu` count. The equation stands above. Raises
    ValueError where the peak, or the link of several cards, is not known.
    """
    k = constants
    software = software or Software(fused=setup.compile)
    work = training_work(model, setup)
    card = _card(gpu, setup, k, software, nodes_cards)
    division, full = setup.division, setup.method == "full"
    again, attention_again = _recomputed(setup)

    streams = 1 / card.bandwidth
    layers_s = work.dense_flops / card.low_rate + work.dense_bytes * streams
    head_s = work.head_flops / card.full_rate
    experts_s = work.expert_flops / (card.low_rate * k.expert_share) + work.expert_bytes * streams
    attention_s = (work.attention_flops + work.scan_flops) / card.attention_rate
    passes = k.fused_passes if software.fused else k.eager_passes
    values_s = (work.outputs + work.permuted) * VALUE_BYTES * passes * streams
    adapters_s = 3 * work.adapter_flops / card.full_rate
    adapter_passes = k.fused_passes if software.fused else k.adapter_passes
    adapters_s += work.adapter_outputs * VALUE_BYTES * adapter_passes * streams
    if setup.method == "qlora":
        moved = k.unpacked_bytes if setup.base_format == "int4" else VALUE_BYTES * 2 + 1
        adapters_s += (2 + again) * work.parameters * moved * streams
    reduce_s = _reduce_s(work, setup, card)
    hidden = k.tp_overlap_share if software.tp_overlapped else 0.0
    reductions = work.layers * (4 + again) * reduce_s * (1 - hidden)
    exchanges = work.moe_layers * (4 + 2 * again) * _exchange_s(work, setup, card)
    exchanges *= 1 - k.tp_overlap_share if software.exchange_overlapped else 1.0
    gradients = 3 if full else 2
    recomputation = again * (layers_s + experts_s + values_s / 3) + attention_again * attention_s
    busy = (
        gradients * (layers_s + head_s + experts_s)
        + (1 + BACKWARD_ATTENTION) * attention_s
        + values_s
        + adapters_s
        + recomputation
        + reductions
        + exchanges
    )
    launch = _launch_s(work, k, software) * (3 + again) / 3
    pass_s: float = (busy**LAUNCH_POWER + launch**LAUNCH_POWER) ** (1 / LAUNCH_POWER)

    m = setup.grad_accumulation
    per_pass, per_step = _dp_communication(work, setup, card, k)
    sent = m * per_pass + per_step
    hidable = m * pass_s if per_pass else pass_s
    overlapped = 0.0 if software.hooked else k.dp_overlap_share
    exposed = sent * (1 - overlapped) + max(0.0, sent * overlapped - hidable)
    bubble = pass_s * (division.pp - 1) / division.virtual_pp
    tokens = work.tokens * m * division.cp * division.dp
    return StepTime(
        matmuls=m * gradients * (layers_s + head_s),
        attention=m * (1 + BACKWARD_ATTENTION) * attention_s,
        experts=m * gradients * experts_s,
        recomputation=m * recomputation,
        elementwise=m * values_s,
        adapters=m * adapters_s,
        tp_communication=m * reductions,
        expert_exchange=m * exchanges,
        launches=m * (pass_s - busy),
        bubble=bubble,
        dp_communication=exposed,
        optimizer=_optimizer_s(work, setup, card),
        tokens=tokens,
        gpus=division.gpus,
        useful_flops=tokens * useful_flops_per_token(model, setup.seq_len, formula),
        peak_flops=dense_peak(gpu),
    )
