"""SGLang's own rules for the share of memory that weights and KV pool may take.

Reference: `python/sglang/srt/server_args.py` at v0.4.7.post1 and v0.5.3,
`arg_groups/memory_hook.py` at v0.5.23.
"""

from typing import NamedTuple

from gpucost.domain.deployment import Version
from gpucost.units import GIB, MIB

RULE_BY_TIERS = Version(0, 4)
RULE_BY_SETTINGS = Version(0, 5)


class SglangDefaults(NamedTuple):
    """Defaults that follow from device memory and cards."""

    static_fraction: float
    chunked_prefill_tokens: int
    graph_batch: int


def sglang_defaults(*, device_bytes: int, cards: int, version: Version) -> SglangDefaults:
    """Chunk, graph batch and static fraction of one replica on `cards` cards of `device_bytes` [B].

    From 0.5: reserved MiB = 512 + 1.5 × max(chunk, 2048) + 2 × graph batch + 128 × cards, at least
    10,240 above 60 GiB; fraction = 1 − reserved / memory. Before: reserved GiB = 2.8 + n/10 below 35 GiB,
    9.5 + n/2 below 90, 12 + n/2 below 160, 32 above.
    """
    gib = device_bytes / GIB
    chunk = 2048 if gib < 35 else 4096 if gib < 60 else 8192 if gib < 160 else 16_384
    few = cards < 4
    if gib < 20:
        graphs = 8
    elif gib < 35:
        graphs = 24 if few else 80
    elif gib < 60:
        graphs = 32 if few else 160
    elif gib < 160:
        graphs = 256 if few else 512
    else:
        graphs = 512
    if version >= RULE_BY_SETTINGS:
        reserved_mib = 512 + 1.5 * max(chunk, 2048) + 2 * graphs + 128 * cards
        if gib > 60:
            reserved_mib = max(reserved_mib, 10_240)
        reserved = reserved_mib * MIB / GIB
    elif gib < 35:
        reserved = 2.8 + cards / 10
    elif gib < 90:
        reserved = 9.5 + cards / 2
    elif gib < 160:
        reserved = 12 + cards / 2
    else:
        reserved = 32.0
    return SglangDefaults(round(max(0.1, (gib - reserved) / gib), 3), chunk, graphs)
