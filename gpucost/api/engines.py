"""Settings of an engine in force: flags first, then the catalogue's default for version and card."""

from typing import NamedTuple

from gpucost.api.ledger import Ledger
from gpucost.calc.memory import EngineSettings, MemoryConstants
from gpucost.calc.sglang import sglang_defaults
from gpucost.catalog.names import ResolvedVersion
from gpucost.domain.deployment import EngineKind, Platform, Version
from gpucost.domain.engine import Engine
from gpucost.domain.hardware import Gpu
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


class EngineSetup:
    """An engine at a version, with the user's flags; gives the settings for any card."""

    def __init__(self, engine: Engine, version: ResolvedVersion, flags: EngineFlags) -> None:
        try:
            self.kind = EngineKind(engine.id)
        except ValueError:
            known = ", ".join(kind.value for kind in EngineKind)
            raise UsageError(f"the memory of {engine.name} is not modelled; --engine takes {known}") from None
        self.engine, self.version, self.v0, self.flags = engine, version.version, version.v0, flags

    def _value(
        self, name: str, given: float | int | None, gpu: Gpu, ledger: Ledger | None, fallback: float
    ) -> float:
        flag = _FLAGS[name].get(self.kind)
        if given is not None:
            if ledger is not None:
                ledger.user(f"--{flag or name}", given)
            return given
        row = None
        if flag is not None:
            words = conditions_of(gpu)
            row = self.engine.default(flag, version=self.version, conditions=words)
            if "160gib" in words:
                flag_of_huge = f"{flag}-160gib"
                row = self.engine.default(flag_of_huge, version=self.version, conditions=words) or row
        if row is None or isinstance(row.value, str):
            return fallback
        if ledger is not None:
            ledger.cite(f"engines.{self.engine.id}.defaults.{flag}", row.value, "", row.source, note=row.note)
        return float(row.value)

    def constant(self, name: str, ledger: Ledger | None, scenario: str = "mid") -> float:
        """A constant of the memory model, at the middle or an end of its range."""
        row = self.engine.constant(name, version=self.version)
        value = row.value
        if scenario == "low" and row.low is not None:
            value = row.low
        if scenario == "high" and row.high is not None:
            value = row.high
        if ledger is not None:
            ledger.cite(
                f"engines.{self.engine.id}.constants.{name}", value, row.unit, row.source, note=row.method
            )
        return value

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

    def settings(
        self, gpu: Gpu, *, cards: int = 1, ledger: Ledger | None = None, scenario: str = "mid"
    ) -> EngineSettings:
        """All settings in force on a card of a copy of `cards`; `ledger` records where each came from.

        `scenario` low or high takes that end of every constant's range.
        """
        linked = link_class(gpu)
        constants = MemoryConstants(
            sampler_bytes_per_logit=self.constant("sampler-bytes-per-logit", ledger, scenario),
            non_torch_bytes=self.constant(
                "non-torch-rocm-gib" if gpu.vendor == "amd" else "non-torch-gib", ledger, scenario
            )
            * GIB,
            communication_bytes_per_peer=self.constant(
                f"communication-gib-per-peer-{linked}", ledger, scenario
            )
            * GIB,
            graph_bytes_base=self.constant("graph-gib", ledger, scenario) * GIB,
            graph_bytes_per_layer=self.constant("graph-gib-per-layer", ledger, scenario) * GIB,
            encoder_bytes_per_patch=self.constant("encoder-bytes-per-patch", ledger, scenario),
        )
        flags = self._sglang(gpu, cards) if self.kind is EngineKind.SGLANG else self.flags
        return EngineSettings(
            engine=self.kind,
            v0=self.v0,
            graphs_in_budget=self.kind is EngineKind.VLLM and self.version >= GRAPHS_IN_BUDGET_SINCE,
            utilization=self._value("utilization", flags.utilization, gpu, ledger, 1.0),
            max_num_seqs=int(self._value("max_num_seqs", flags.max_num_seqs, gpu, ledger, 1)),
            max_num_batched_tokens=int(
                self._value("max_num_batched_tokens", flags.max_num_batched_tokens, gpu, ledger, 512)
            ),
            eager=flags.enforce_eager,
            chunked_prefill=flags.chunked_prefill,
            flash_attention=flags.flash_attention,
            constants=constants,
        )

    def block_tokens(self, gpu: Gpu, *, ledger: Ledger | None = None) -> int:
        """Tokens per cache block [tokens]."""
        return int(self._value("block_size", self.flags.block_size, gpu, ledger, 1))

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
