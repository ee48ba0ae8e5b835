"""Percentiles of latency, and the load at which a server meets a rate or a limit.

Requests are taken as Poisson arrivals with equal lengths. A prompt waits for the prompts before it: with
probability ρ = λ·s (s the work of one prompt) for an exponential time whose mean makes the mean wait right,
P(W > t) = ρ·exp(−ρt/w). A request that decodes meets a Poisson number of prompts, each of which delays it.
"""

from collections.abc import Callable
from math import log, sqrt
from statistics import NormalDist

from gpucost.calc.speed import Round

STEPS = 60
"""Most halvings of a bracket: then it is as narrow as a double."""
CLOSE = 1e-9
"""Relative precision of a rate that is met."""


def ttft_quantile_s(found: Round, *, share: float) -> float:
    """TTFT [s] that `share` of the requests stay within; 0.5 < `share` < 1."""
    wait = float(found.ttft_s - found.alone_s)
    busy = min(1.0, float(found.requests_per_s * found.prompt_s))
    tail = 1 - share
    if wait <= 0 or busy <= tail:
        return float(found.ttft_s)
    return max(float(found.ttft_s), float(found.alone_s) + wait / busy * log(busy / tail))


def tpot_quantile_s(found: Round, *, share: float, output_tokens: float) -> float:
    """TPOT [s] that `share` of the requests stay within.

    The delay beyond the plain step comes from N prompts met, N Poisson: mean + z·sqrt(N) of them.
    """
    met = found.requests_per_s * output_tokens * found.tpot_s
    delay = max(0.0, found.tpot_s - found.step_s)
    if met <= 0 or delay <= 0:
        return float(found.tpot_s)
    spread = NormalDist().inv_cdf(share) / sqrt(met)
    return float(found.tpot_s + delay * max(0.0, spread))


def e2e_quantile_s(found: Round, *, share: float, output_tokens: float) -> float:
    """Whole request [s]: both delays at their percentile, which is an upper estimate."""
    first = ttft_quantile_s(found, share=share)
    return first + (output_tokens - 1) * tpot_quantile_s(found, share=share, output_tokens=output_tokens)


def largest_load(meets: Callable[[float], bool], *, room: float) -> float | None:
    """Largest concurrency from 1 to `room` that `meets`, for a limit that is harder at more load.

    None when not even one request meets it.
    """
    if not meets(1.0):
        return None
    if meets(room):
        return room
    low, high = 1.0, room
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if meets(middle) else (low, middle)
    return low


def concurrency_for(rate: Callable[[float], float], *, asked: float, room: float) -> float | None:
    """Mean concurrency at which `rate` is `asked` (Little's law), or None when `room` gives less.

    Below one request in flight the rate is proportional to the share of time with one. A request takes
    nearly linearly longer with more beside it, so c = asked × e2e(c) is solved by the secant through the
    last two points, kept within a bracket.
    """
    if rate(room) < asked:
        return None
    alone = rate(1.0)
    if asked <= alone:
        return asked / alone
    low, high = 1.0, room
    low_s, high_s = 1.0 / alone, room / rate(room)
    for _ in range(STEPS):
        slope = (high_s - low_s) / (high - low)
        guess = asked * (low_s - slope * low) / (1 - asked * slope) if asked * slope < 1 else high
        guess = guess if low < guess < high else (low + high) / 2
        found = rate(guess)
        if abs(found / asked - 1) < CLOSE or high - low < CLOSE * high:
            return guess
        if found < asked:
            low, low_s = guess, guess / found
        else:
            high, high_s = guess, guess / found
    return high
