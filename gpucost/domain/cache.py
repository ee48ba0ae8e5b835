"""KV-cache formats and the cache needs of one kind of layer."""

from enum import StrEnum
from typing import NamedTuple


class CacheFormat(NamedTuple):
    """Bits per cached value, scales included [bit]."""

    id: str
    key_bits: float
    value_bits: float


class CacheKind(StrEnum):
    """How the cache of a layer grows."""

    FULL = "full"
    WINDOW = "window"
    STATE = "state"


class CacheSpec(NamedTuple):
    """Layers of equal cache needs on one rank."""

    kind: CacheKind
    layers: int
    bytes_per_token: float
    """Per layer [B]; 0 for states."""
    window: int | None = None
    state_bytes: int = 0
    """Per layer and sequence [B]."""
