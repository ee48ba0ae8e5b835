"""Work and rates of a deployment, from the catalogue: what the formulas of speed need."""

from typing import NamedTuple

from gpucost.api.engines import EngineFlags
from gpucost.api.sizing import Sizer
from gpucost.calc.machine import WHOLE_PROMPT, SpeedConstants, Traits
from gpucost.calc.speed import sequence_cache_bytes
from gpucost.calc.work import Work, work_of
from gpucost.catalog.store import Catalog
from gpucost.domain.deployment import Parallelism, Version
from gpucost.domain.engine import Engine, EngineSpeed
from gpucost.domain.hardware import Gpu
from gpucost.domain.quantization import Quantization

MICRO_BATCH = 512
"""llama.cpp computes prompts in micro-batches of this many tokens (n-ubatch)."""
LOW_PRECISIONS = ("fp8", "fp4", "int8")
ASSUMED_SPEED = EngineSpeed(None, "graphs", "paged", "mixed", "")
"""Of an engine whose launches the catalogue does not describe."""


def speed_constants(catalog: Catalog) -> SpeedConstants:
    """The fitted constants of the catalogue."""
    rows = {entry["row"]["id"]: entry["row"] for entry in catalog.sections["speed_constants"]}
    return SpeedConstants(*(rows[name.replace("_", "-")]["value"] for name in SpeedConstants._fields))


def compute_kind(gpu: Gpu, quantization: Quantization) -> str:
    """`fp8`, `fp4` or `int8` where activations are narrow too, `weight_only`, or `full` for 16 bit."""
    if quantization.effective_bits >= 16:
        return "full"
    kind = quantization.compute
    native = quantization.needs_native is None or quantization.needs_native in gpu.native_precisions
    if quantization.activation_bits < 16 and native and kind in LOW_PRECISIONS and kind in gpu.dense_flops:
        return kind
    return "weight_only"


def unknown_speed(gpu: Gpu, parallel: Parallelism) -> str | None:
    """Why the speed of a card cannot be estimated, or None."""
    if not (gpu.dense_flops.get("bf16") or gpu.dense_flops.get("fp16")):
        return f"{gpu.name}: no dense 16-bit peak is known"
    if parallel.tp * parallel.ep > 1 and gpu.link.bytes_per_s_each_way is None:
        return f"{gpu.name}: the speed of its link is not known, so several cards cannot be estimated"
    return None


def traits_of(gpu: Gpu, quantization: Quantization, engine: EngineSpeed) -> Traits:
    """What decides which constants hold on a card; `unknown_speed` must be None."""
    full = gpu.dense_flops.get("bf16") or gpu.dense_flops["fp16"]
    kind = compute_kind(gpu, quantization)
    ggml = engine.kernels == "ggml"
    low = full if kind in ("full", "weight_only") else gpu.dense_flops[kind]
    if ggml:
        kind, low = "full", gpu.dense_flops.get("fp16_acc16", full)
        full = low  # these kernels accumulate in 16 bit wherever that is faster
    link = gpu.link.kind
    return Traits(
        bandwidth=gpu.bandwidth_bytes_per_s,
        low_peak=low,
        full_peak=full,
        link=gpu.link.bytes_per_s_each_way or 1.0,
        hbm=float("HBM" in gpu.memory_kind),
        blackwell=float("HBM" in gpu.memory_kind and gpu.architecture.startswith("blackwell")),
        nvlink=float("NVLink" in link and not link.startswith("PCIe")),
        xgmi=float("xGMI" in link),
        fp8=float(kind == "fp8"),
        fp4=float(kind == "fp4"),
        int8=float(kind == "int8"),
        weight_only=float(kind == "weight_only"),
        ggml=float(ggml),
        native=float(engine.launch == "native"),
        python=float(engine.launch == "python"),
        prompts_joined=float(engine.prompts == "joined"),
        prompts_first=float(engine.prompts == "first"),
        micro_batch=MICRO_BATCH if ggml else WHOLE_PROMPT,
    )


def engine_speed(engine: Engine, version: Version, flags: EngineFlags) -> EngineSpeed:
    """How the engine runs at its version and flags.

    Without CUDA graphs kernels start from Python; without chunked prefill prompts go before decoding.
    """
    known = engine.speed(version) or ASSUMED_SPEED
    if flags.enforce_eager and known.launch == "graphs":
        known = known._replace(launch="python")
    if flags.chunked_prefill is False:
        known = known._replace(prompts="first")
    return known


class Deployed(NamedTuple):
    """A model cut over the cards of one copy, ready for the formulas of speed."""

    work: Work
    traits: Traits
    pool_bytes: float
    """Cache that a card of the copy offers [B]."""

    def room(self, context: float) -> float:
        """Sequences of `context` tokens on average that one copy holds at once; at least one."""
        each = float(sequence_cache_bytes(self.work, context))
        if each <= 0:
            return float(WHOLE_PROMPT)
        return max(1.0, self.pool_bytes / each * float(self.work.pp))


def deploy(
    sizer: Sizer,
    gpu: Gpu,
    quantization: Quantization,
    parallel: Parallelism,
    *,
    engine: EngineSpeed,
    pool_bytes: float,
    attention_dp: bool = False,
) -> Deployed:
    """Work and traits of one copy on `parallel` cards whose KV pool is `pool_bytes` [B per card]."""
    work = work_of(
        sizer.model,
        quantization=quantization,
        parallel=parallel,
        cache=sizer.cache,
        attention_dp=attention_dp,
    )
    return Deployed(work, traits_of(gpu, quantization, engine), pool_bytes)
