"""SGLang's static fraction, chunk and graph batch, worked by hand from its rules."""

from __future__ import annotations

import pytest

from gpucost.calc.sglang import SglangDefaults, sglang_defaults
from gpucost.domain.deployment import Version
from gpucost.units import MIB

OLD, NEW = Version(0, 4), Version(0, 5)


@pytest.mark.parametrize(
    ("mib", "cards", "version", "expected"),
    [
        # sgl-project/sglang@v0.4.7.post1 server_args.py. H100, 81,559 MiB = 79.65 GiB: 9.5 + n/2 GiB reserved
        (81_559, 1, OLD, SglangDefaults(0.874, 8192, 256)),  # 10.0 of 79.65
        (81_559, 2, OLD, SglangDefaults(0.868, 8192, 256)),  # 10.5
        (81_559, 8, OLD, SglangDefaults(0.831, 8192, 512)),  # 13.5
        (143_771, 8, OLD, SglangDefaults(0.886, 8192, 512)),  # H200, 140.40 GiB: 12 + 4 reserved
        (24_564, 1, OLD, SglangDefaults(0.879, 2048, 24)),  # RTX 4090, 23.99 GiB: 2.9 reserved
        (183_359, 8, OLD, SglangDefaults(0.821, 16_384, 512)),  # B200, 179.06 GiB: 32 reserved
        # sgl-project/sglang@v0.5.3 server_args.py: 512 + 1.5 x chunk + 2 x graph batch + 128 x cards MiB
        (24_564, 1, NEW, SglangDefaults(0.847, 2048, 24)),  # 512 + 3,072 + 48 + 128 = 3,760
        (46_068, 1, NEW, SglangDefaults(0.851, 4096, 32)),  # L40S: 512 + 6,144 + 64 + 128 = 6,848
        (81_559, 1, NEW, SglangDefaults(0.835, 8192, 256)),  # 512 + 12,288 + 512 + 128 = 13,440
        (81_559, 8, NEW, SglangDefaults(0.818, 8192, 512)),  # 512 + 12,288 + 1,024 + 1,024 = 14,848
        (143_771, 8, NEW, SglangDefaults(0.897, 8192, 512)),  # the same 14,848 of a larger card
        (183_359, 8, NEW, SglangDefaults(0.852, 16_384, 512)),  # 512 + 24,576 + 1,024 + 1,024 = 27,136
    ],
)
def test_defaults_by_memory_and_cards(
    mib: int, cards: int, version: Version, expected: SglangDefaults
) -> None:
    assert sglang_defaults(device_bytes=mib * MIB, cards=cards, version=version) == expected


def test_more_than_60_gib_reserve_at_least_10_gib() -> None:
    """No default reaches the floor: 13,440 MiB is the least that the rule itself gives above 60 GiB."""
    found = sglang_defaults(device_bytes=61 * 1024 * MIB, cards=1, version=NEW)
    assert found.static_fraction <= round(1 - 10_240 / (61 * 1024), 3)
