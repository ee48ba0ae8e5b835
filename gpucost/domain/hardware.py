"""GPUs and other accelerators."""

from collections.abc import Mapping
from typing import NamedTuple


class Link(NamedTuple):
    """The connection between the cards of one machine."""

    kind: str
    bytes_per_s_each_way: float | None
    """One direction, per card [B/s]; None when not known."""


class Gpu(NamedTuple):
    """One accelerator as a program sees it."""

    id: str
    name: str
    vendor: str
    architecture: str
    compute_capability: str
    marketing_memory_gb: float
    memory_bytes: int
    """What the runtime reports as total memory of the device [B]."""
    memory_basis: str
    """`measured`: read from a log; `derived`: from the driver's figure or the marketed size."""
    bandwidth_bytes_per_s: float
    dense_flops: Mapping[str, float]
    """Peak dense FLOP/s per precision; a missing precision is unknown or not supported."""
    measured_flops: Mapping[str, float]
    native_precisions: frozenset[str]
    link: Link
    memory_kind: str = ""
    smi_mib: int | None = None
    board_power_w: float | None = None
    ecc: str = ""
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    memory_sources: tuple[str, ...] = ()
