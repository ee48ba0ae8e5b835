"""Weight and cache formats."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

PART_GROUPS: Mapping[str, tuple[str, ...]] = {
    "attention": ("attention_q", "attention_k", "attention_v", "attention_o"),
    "mlp": ("mlp_gate_up", "mlp_down"),
    "experts": ("expert_gate_up", "expert_down", "shared_expert"),
    "routed_experts": ("expert_gate_up", "expert_down"),
}
PARTS = (
    "embedding",
    "lm_head",
    "attention_q",
    "attention_k",
    "attention_v",
    "attention_o",
    "mlp_gate_up",
    "mlp_down",
    "expert_gate_up",
    "expert_down",
    "shared_expert",
    "router",
    "norm",
    "linear_attention",
    "state_space",
    "latent_projection",
    "vision",
    "mtp",
    "unmodelled",
)


class Quantization(NamedTuple):
    """How weights are stored, with scales and zero points."""

    id: str
    name: str
    weight_bits: float
    parts: frozenset[str]
    """Tensor parts stored in this format; the rest keeps 16 bit."""
    group_size: int | None = None
    scale_bits: float = 0
    zero_point_bits: float = 0
    block: tuple[int, int] | None = None
    per_channel_scale_bits: float = 0
    extra_bits: float = 0
    part_bits: Mapping[str, float] = MappingProxyType({})
    compute: str = "bf16"
    activation_bits: int = 16
    needs_native: str | None = None
    min_compute_capability: float | None = None
    """Oldest NVIDIA compute capability with kernels for the format."""
    engines: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    name_patterns: tuple[str, ...] = ()
    quality: str = ""
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def effective_bits(self) -> float:
        """Bits per quantised weight [bit], scales and zero points included, per-channel scales left out."""
        bits = self.weight_bits + self.extra_bits
        if self.group_size:
            bits += (self.scale_bits + self.zero_point_bits) / self.group_size
        if self.block:
            bits += self.scale_bits / (self.block[0] * self.block[1])
        return bits

    def bits(self, part: str, columns: int) -> float:
        """Bits per weight [bit] of a matrix of `part` with `columns` inputs."""
        if part in self.part_bits:
            return self.part_bits[part]
        if part not in self.parts:
            return 32.0 if self.weight_bits == 32 else 16.0
        return self.effective_bits + self.per_channel_scale_bits / columns
