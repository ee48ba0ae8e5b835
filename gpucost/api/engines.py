"""Settings of an engine in force: flags first, then the catalogue's default for version and card."""

from typing import NamedTuple

from gpucost.calc.memory import EngineSettings, MemoryConstants
from gpucost.calc.sglang import sglang_defaults
from gpucost.catalog.names import ResolvedVersion, resolve_cache_format
from gpucost.catalog.remember import remember
from gpucost.catalog.store import Catalog
from gpucost.domain.cache import CacheFormat
from gpucost.domain.deployment import EngineKind, Platform, Version
from gpucost.domain.engine import Engine, EngineConstant, EngineDefault
from gpucost.domain.hardware import Gpu
from gpucost.domain.quantization import Quantization
from gpucost.errors import UsageError
from gpucost.units import GIB, MIB

LARGE_GPU_BYTES = 70 * GIB
"""vLLM gives larger defaults to cards of at least this much memory, the A100 excepted [B]."""
HUGE_GPU_BYTES = 160 * GIB
"""From 0.28 on cards of this memory take larger chunks still [B]."""
GRAPHS_IN_BUDGET_SINCE = Version(0, 20)
CONTEXT_TOKENS_SINCE = Version(0, 21)
HYBRID_SINCE = Version(0, 10)
ALIGNED_STATES_SINCE = Version(0, 24)
"""From here states are cached with prefixes and take two blocks per sequence."""
FP8_CACHE_FORMATS = frozenset({"fp8", "fp8-block", "nvfp4", "mxfp4"})
"""NVIDIA's checkpoints in these formats carry scales for an FP8 cache, which TensorRT-LLM then uses."""

_FLAGS = {
    "utilization": {
        EngineKind.VLLM: "gpu-memory-utilization",
        EngineKind.SGLANG: "mem-fraction-static",
        EngineKind.TENSORRT_LLM: "kv-cache-free-gpu-memory-fraction",
    },
    "max_num_seqs": {
        EngineKind.VLLM: "max-num-seqs",
        EngineKind.SGLANG: "max-running-requests",
        EngineKind.TENSORRT_LLM: "max-batch-size",
    },
    "max_num_batched_tokens": {
        EngineKind.VLLM: "max-num-batched-tokens",
        EngineKind.SGLANG: "chunked-prefill-size",
        EngineKind.TENSORRT_LLM: "max-num-tokens",
        EngineKind.LLAMA_CPP: "n-ubatch",
    },
    "block_size": {
        EngineKind.VLLM: "block-size",
        EngineKind.SGLANG: "page-size",
        EngineKind.TENSORRT_LLM: "tokens-per-block",
    },
}


def cache_format(name: str, *, quantization: Quantization, engine: str) -> CacheFormat:
    """The cache format in force: `auto` follows the checkpoint in TensorRT-LLM, else it is 16 bit."""
    if name == "auto" and engine == EngineKind.TENSORRT_LLM and quantization.id in FP8_CACHE_FORMATS:
        return resolve_cache_format("fp8")
    return resolve_cache_format(name)


class EngineFlags(NamedTuple):
    """What the user set; None leaves it to the engine's default."""

    utilization: float | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    block_size: int | None = None
    enforce_eager: bool = False
    chunked_prefill: bool | None = None
    flash_attention: bool = True


def platform_of(gpu: Gpu) -> Platform:
    """Software platform of a card."""
    return {"nvidia": Platform.CUDA, "amd": Platform.ROCM}.get(gpu.vendor, Platform.OTHER)


def conditions_of(gpu: Gpu) -> frozenset[str]:
    """Hardware conditions by which engines choose defaults."""
    unified = "unified" in gpu.memory_kind  # GB10 counts as small, in logs of 0.23 too
    large = gpu.memory_bytes >= LARGE_GPU_BYTES and not gpu.id.startswith(("a100", "a800")) and not unified
    words = {"large-gpu" if large else "other-gpu"}
    if gpu.vendor == "amd":
        words.add("rocm")
    if gpu.memory_bytes >= HUGE_GPU_BYTES:
        words.add("160gib")
    return frozenset(words)


def link_class(gpu: Gpu) -> str:
    """`nvlink` for cards with a fabric of their own, else `pcie`; a bridge between pairs does not count."""
    kind = gpu.link.kind.lower()
    return "nvlink" if "nvlink" in kind and not kind.startswith("pcie") else "pcie"


def constant_names(gpu: Gpu) -> dict[str, str]:
    """The engine constants that hold on a card, by the name of what they are to the memory model."""
    return {
        "sampler_bytes_per_logit": "sampler-bytes-per-logit",
        "non_torch_bytes": "non-torch-rocm-gib" if gpu.vendor == "amd" else "non-torch-gib",
        "communication_bytes_per_peer": f"communication-gib-per-peer-{link_class(gpu)}",
        "graph_bytes_base": "graph-gib",
        "graph_bytes_per_layer": "graph-gib-per-layer",
        "encoder_bytes_per_patch": "encoder-bytes-per-patch",
    }


MOST_SETUPS = 64
"""Engines with versions and flags that are kept."""


class EngineSetup:
    """An engine at a version, with the user's flags; gives the settings for any card."""

    def __init__(self, engine: Engine, version: ResolvedVersion, flags: EngineFlags) -> None:
        try:
            self.kind = EngineKind(engine.id)
        except ValueError:
            known = ", ".join(kind.value for kind in EngineKind)
            raise UsageError(f"the memory of {engine.name} is not modelled; --engine takes {known}") from None
        self.engine, self.version, self.v0, self.flags = engine, version.version, version.v0, flags
        self._defaults: dict[tuple[str, frozenset[str]], EngineDefault | None] = {}
        self._constants: dict[str, EngineConstant] = {}

    def flag_of(self, name: str) -> str | None:
        """The engine's own word for a setting; None where it has no such flag."""
        return _FLAGS[name].get(self.kind)

    def default_row(self, name: str, gpu: Gpu) -> EngineDefault | None:
        """The catalogue's default of a setting on a card."""
        flag = self.flag_of(name)
        if flag is None:
            return None
        words = conditions_of(gpu)
        key = (flag, words)
        if key not in self._defaults:
            row = self.engine.default(flag, version=self.version, conditions=words)
            if "160gib" in words:
                row = self.engine.default(f"{flag}-160gib", version=self.version, conditions=words) or row
            self._defaults[key] = row
        return self._defaults[key]

    def _value(self, name: str, given: float | int | None, gpu: Gpu, fallback: float) -> float:
        if given is not None:
            return given
        row = self.default_row(name, gpu)
        if row is None or isinstance(row.value, str):
            return fallback
        return float(row.value)

    def constant_row(self, name: str) -> EngineConstant:
        """A constant of the memory model, with its range and source."""
        if name not in self._constants:
            self._constants[name] = self.engine.constant(name, version=self.version)
        return self._constants[name]

    def constant(self, name: str, scenario: str = "mid") -> float:
        """A constant of the memory model, at the middle or an end of its range."""
        row = self.constant_row(name)
        if scenario == "low" and row.low is not None:
            return row.low
        if scenario == "high" and row.high is not None:
            return row.high
        return row.value

    def derived(self, gpu: Gpu, cards: int) -> EngineFlags:
        """The flags, with what the engine itself derives from the card where the user left it open."""
        return self._sglang(gpu, cards) if self.kind is EngineKind.SGLANG else self.flags

    def _sglang(self, gpu: Gpu, cards: int) -> EngineFlags:
        """SGLang derives what the user leaves open from device memory and cards."""
        device = gpu.smi_mib * MIB if gpu.smi_mib else gpu.memory_bytes
        found = sglang_defaults(device_bytes=device, cards=cards, version=self.version)
        return self.flags._replace(
            utilization=self.flags.utilization or found.static_fraction,
            max_num_batched_tokens=self.flags.max_num_batched_tokens or found.chunked_prefill_tokens,
            max_num_seqs=self.flags.max_num_seqs or found.graph_batch,
        )

    def settings_key(self, gpu: Gpu, cards: int) -> tuple[object, ...]:
        """What the settings depend on: cards of one kind share them."""
        if self.kind is EngineKind.SGLANG:
            return (gpu.id, cards)
        return (conditions_of(gpu), gpu.vendor, link_class(gpu))

    def settings(self, gpu: Gpu, *, cards: int = 1, scenario: str = "mid") -> EngineSettings:
        """All settings in force on a card of a copy of `cards`.

        `scenario` low or high takes that end of every constant's range.
        """
        constants = {
            field: self.constant(name, scenario) * (GIB if "-gib" in name else 1)
            for field, name in constant_names(gpu).items()
        }
        flags = self.derived(gpu, cards)
        return EngineSettings(
            engine=self.kind,
            v0=self.v0,
            graphs_in_budget=self.kind is EngineKind.VLLM and self.version >= GRAPHS_IN_BUDGET_SINCE,
            utilization=self._value("utilization", flags.utilization, gpu, 1.0),
            max_num_seqs=int(self._value("max_num_seqs", flags.max_num_seqs, gpu, 1)),
            max_num_batched_tokens=int(
                self._value("max_num_batched_tokens", flags.max_num_batched_tokens, gpu, 512)
            ),
            eager=flags.enforce_eager,
            chunked_prefill=flags.chunked_prefill,
            flash_attention=flags.flash_attention,
            constants=MemoryConstants(**constants),
        )

    def block_tokens(self, gpu: Gpu) -> int:
        """Tokens per cache block [tokens]."""
        return int(self._value("block_size", self.flags.block_size, gpu, 1))

    @property
    def shares_slots(self) -> bool:
        """Whether layers of several kinds share one pool of slots, as in vLLM."""
        return self.kind is EngineKind.VLLM

    @property
    def reserves_states(self) -> bool:
        """Whether states live in a pool of their own, beside the KV pool."""
        return self.kind is EngineKind.SGLANG or (self.kind is EngineKind.VLLM and self.v0)

    @property
    def hybrid(self) -> bool:
        """Whether windows and states save memory in this engine and version."""
        if self.kind is EngineKind.VLLM:
            return not self.v0 and self.version >= HYBRID_SINCE
        return True

    @property
    def reports_context(self) -> bool:
        """Whether the printed tokens of mixed models are concurrency × context."""
        return self.kind is EngineKind.VLLM and self.version >= CONTEXT_TOKENS_SINCE

    @property
    def state_blocks(self) -> int:
        """Blocks per sequence and group of state layers."""
        return 2 if self.kind is EngineKind.VLLM and self.version >= ALIGNED_STATES_SINCE else 1


@remember(MOST_SETUPS)
def setup_of(catalog: Catalog, engine: str, version: ResolvedVersion, flags: EngineFlags) -> EngineSetup:
    """An engine of the catalogue by its id. Raises UsageError where its memory is not modelled."""
    return EngineSetup(catalog.engine(engine), version, flags)
