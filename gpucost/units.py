"""The only module that knows how units convert; everything else works in core units.

Core units are bytes (int), seconds, USD (float), tokens, FLOP/s and bytes/s.
"""

import math
import re

KIB = 2**10
MIB = 2**20
GIB = 2**30
GB = 10**9
MB = 10**6
BILLION = 10**9
MILLION = 10**6
TERA = 10**12
BITS_PER_BYTE = 8
SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3600
HOURS_PER_DAY = 24
DAY_S = HOURS_PER_DAY * SECONDS_PER_HOUR
HOURS_PER_MONTH = 730  # 8,760 hours of a year / 12


def gib_to_bytes(gib: float) -> int:
    """Bytes [B] in a number of GiB (2**30 B), to the nearest byte."""
    return round(gib * GIB)


def bytes_to_gib(size_bytes: float) -> float:
    """GiB (2**30 B) in a number of bytes [B]."""
    return size_bytes / GIB


def mib_to_bytes(mib: float) -> int:
    """Bytes [B] in a number of MiB (2**20 B), to the nearest byte."""
    return round(mib * MIB)


def gb_to_bytes(gb: float) -> int:
    """Bytes [B] in a number of decimal GB (10**9 B), to the nearest byte."""
    return round(gb * GB)


def tflops_to_flops(tflops: float) -> float:
    """FLOP/s in a number of TFLOP/s."""
    return tflops * TERA


def bytes_to_gb(size_bytes: float) -> float:
    """Decimal GB (10**9 B) in a number of bytes [B]."""
    return size_bytes / GB


def flops_to_tflops(flops: float) -> float:
    """TFLOP/s in a number of FLOP/s."""
    return flops / TERA


_COUNT = r"\s*([0-9][0-9_,]*\.?[0-9]*|\.[0-9]+)\s*([kmbt])?\s*\Z"
_MIXTURE = r"\s*([0-9]+)\s*x\s*([0-9]+(?:\.[0-9]+)?)\s*([mbt])?\s*\Z"
_SCALE = {"k": 10**3, "m": MILLION, "b": BILLION, "t": TERA}
AMBIGUOUS_BILLIONS = 20_000
MAX_COUNT_LENGTH = 40


def _short(count: float) -> str:
    """A count with the largest unit that leaves at least 1."""
    for unit in ("t", "b", "m", "k"):
        if count >= _SCALE[unit]:
            return f"{count / _SCALE[unit]:.6g}{unit.upper()}"
    return f"{count:g}"


def parse_parameters(text: str) -> int:
    """Parameter count [parameters] of `70` (billions), `70B`, `500M`, `1.2T` or `8x7B`.

    `8x7B` is the naive product; the name of a mixture-of-experts model says less than its parameters,
    because the experts share the attention, so callers look the family up first.

    Raises ValueError with what to write instead.
    """
    wrong = f"{text[:40]!r} is not a parameter count; write billions (70), or 70B, 500M, 1.2T, 8x7B"
    if len(text) > MAX_COUNT_LENGTH:
        raise ValueError(wrong)
    mixture = re.match(_MIXTURE, text, re.IGNORECASE)
    if mixture:
        experts, each, scale = mixture.groups()
        value = int(experts) * float(each) * _SCALE[(scale or "b").lower()]
    else:
        plain = re.match(_COUNT, text, re.IGNORECASE)
        if not plain:
            raise ValueError(wrong)
        number, scale = plain.groups()
        bare = float(number.replace("_", "").replace(",", ""))
        if scale is None and bare >= AMBIGUOUS_BILLIONS:
            raise ValueError(
                f"{text} billion parameters is more than any model has; "
                f"for {bare:,.0f} parameters write {_short(bare)}, or give a unit (500M, 70B, 1.2T)"
            )
        value = bare * _SCALE[(scale or "b").lower()]
    if not math.isfinite(value) or value < 1:
        raise ValueError(f"a parameter count must be positive, not {text}")
    if value > 1e15:
        raise ValueError(f"{text} is more than 1,000T parameters; write billions (70) or 70B, 500M, 1.2T")
    return round(value)
