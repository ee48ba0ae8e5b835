"""Random arrival times [s], rising within [0, span).

Renewal processes have independent gaps of one law. Their burstiness is the coefficient of variation (cv) of
the gaps: 1 for Poisson arrivals, more for bursts, less for a steadier stream. They begin with a whole gap
after time 0, not with what is left of one (no equilibrium start), so that the mean count is
rate·span + (cv² − 1)/2 once the span is many gaps long. Gaps below the precision of the clock (5e-10 s after
a month), which gamma and Weibull laws of a large cv have, end in equal stamps.

Rates that vary are made by a change of time: arrivals of unit rate in operational time u are put at the t for
which ∫₀ᵗ rate = u. Exponential gaps so become a Poisson process of that rate, and other gaps keep their law
wherever the rate stays the same for many of them.

References: Çinlar, Introduction to Stochastic Processes (1975), ch. 4 (inversion); Gerhardt and Nelson,
INFORMS Journal on Computing 21 (2009) 630 (renewal processes); Brown et al., Neural Computation 14 (2002)
325 (time rescaling); Cox, Renewal Theory (1962), ch. 4 (counts).
"""

from collections.abc import Callable, Iterator
from math import ceil, exp, expm1, isfinite, lgamma, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from gpucost.calc.percentiles import Floats
from gpucost.domain.trace import Profile, Trace
from gpucost.domain.traffic import Law
from gpucost.units import SECONDS_PER_MINUTE

CHUNK = 1_000_000
"""Arrivals made at once: 8 MB."""
LEAST_CV, MOST_CV = 0.01, 100.0
SHAPES = 0.1, 200.0
"""Weibull shapes between which those of these coefficients lie."""
HALVINGS = 60
"""Of that range, down to the precision of a float."""


def spawn(seed: int, replications: int) -> list[np.random.Generator]:
    """Independent generators, one per replication; the first ones stay the same when there are more."""
    return [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(replications)]


def weibull_shape(cv: float) -> float:
    """Shape k of a Weibull law with this coefficient of variation: cv² = Γ(1 + 2/k) / Γ(1 + 1/k)² − 1.

    Found by halving, since cv falls as k rises. Raises ValueError for a cv outside 0.01 to 100.
    """
    _check_cv(cv)
    low, high = SHAPES
    for _ in range(HALVINGS):
        middle = sqrt(low * high)
        if expm1(lgamma(1 + 2 / middle) - 2 * lgamma(1 + 1 / middle)) > cv**2:
            low = middle
        else:
            high = middle
    return sqrt(low * high)


def renewal(rng: np.random.Generator, *, rate: float, span_s: float, law: Law, cv: float) -> Floats:
    """Arrivals with independent gaps of mean 1/rate [s] and coefficient of variation `cv`.

    Gamma gaps have the shape 1/cv², Weibull ones that of `weibull_shape`.
    Raises ValueError for a rate [1/s] or span [s] that is not positive, a cv outside 0.01 to 100, or one
    other than 1 of exponential gaps.
    """
    return _joined(renewal_chunks(rng, rate=rate, span_s=span_s, law=law, cv=cv))


def renewal_chunks(
    rng: np.random.Generator, *, rate: float, span_s: float, law: Law, cv: float, chunk: int = CHUNK
) -> Iterator[Floats]:
    """`renewal` in pieces of at most `chunk` arrivals; their length does not change the arrivals."""
    if not (rate > 0 and span_s > 0 and isfinite(rate * span_s)) or chunk < 1:
        raise ValueError(f"a rate of {rate:g}/s over {span_s:g} s: both must be positive")
    draw, expected = _gaps(rng, law, cv), rate * span_s
    return _stream(draw, rate, span_s, min(chunk, ceil(expected + 4 * max(cv, 1.0) * sqrt(expected))))


def modulated(rng: np.random.Generator, profile: Profile, *, law: Law, cv: float) -> Floats:
    """Arrivals at the rates of a profile, as bursty within its windows as a renewal process of this `cv`.

    A renewal process of unit rate in operational time, see the head of this module; windows at rate 0 get
    none. Time begins at the first edge of the profile.
    Raises ValueError for a profile that is not one or holds no requests, and for what `renewal` does.
    """
    return _joined(modulated_chunks(rng, profile, law=law, cv=cv))


def modulated_chunks(
    rng: np.random.Generator, profile: Profile, *, law: Law, cv: float, chunk: int = CHUNK
) -> Iterator[Floats]:
    """`modulated` in pieces of at most `chunk` arrivals; their length does not change the arrivals."""
    total = _cumulative(profile)[-1]
    if not total > 0:
        raise ValueError("a profile without any requests")
    parts = renewal_chunks(rng, rate=1.0, span_s=float(total), law=law, cv=cv, chunk=chunk)
    return (rescaled(profile, part) for part in parts)


def rescaled(profile: Profile, operational: Floats) -> Floats:
    """The times [s] after the first edge by which a profile has brought `operational` [requests], rising.

    The inverse of the cumulative rate; it never lies in a window at rate 0, nor at the profile's end.
    Raises ValueError for a profile that is not one or holds no requests.
    """
    cumulative = _cumulative(profile)
    rates = np.asarray(profile.rates, dtype=np.float64)
    busy = rates > 0
    if not busy.any():
        raise ValueError("a profile without any requests")
    edges = np.asarray(profile.edges_s, dtype=np.float64) - profile.edges_s[0]
    upto = np.searchsorted(operational, cumulative[1:][busy])
    upto[-1] = operational.size  # the last one may have been rounded up to the whole
    counts = np.diff(upto, prepend=0)

    def spread(values: Floats) -> Floats:
        return np.repeat(values[busy], counts)

    at = operational - spread(cumulative[:-1])
    at /= spread(rates)
    at += spread(edges[:-1])
    return np.minimum(at, spread(np.nextafter(edges[1:], 0.0)), out=at)


def on_off(rng: np.random.Generator, *, rate: float, on_s: float, off_s: float, span_s: float) -> Floats:
    """Bursts: Poisson arrivals at rate·(on_s + off_s)/on_s in on periods, none in off periods.

    Both periods are exponential with these means [s] and in equilibrium from the start, so that the mean over
    all time is `rate` [1/s]. Counts of a long time have the dispersion 1 + 2·rate·off_s²/(on_s + off_s).
    Raises ValueError for a number that is not positive.
    Reference: Kuczura, Bell System Technical Journal 52 (1973) 437 (interrupted Poisson process).
    """
    if not min(rate, on_s, off_s, span_s) > 0:
        raise ValueError("rate, on and off periods and span must be positive")
    cycle = on_s + off_s
    first_on = rng.random() < on_s / cycle
    means = np.array([on_s, off_s] if first_on else [off_s, on_s])
    size = 2 + ceil(span_s / cycle + 4 * sqrt(span_s / cycle))
    ends, clock = [np.zeros(1)], 0.0
    while clock < span_s:
        ends.append(clock + np.cumsum(rng.standard_exponential((size, 2)) * means))
        clock = float(ends[-1][-1])
    edges = np.concatenate(ends)
    edges = np.append(edges[edges < span_s], span_s)
    rates = np.zeros(edges.size - 1)
    rates[0 if first_on else 1 :: 2] = rate * cycle / on_s
    if not rates.any():
        return np.zeros(0)
    return modulated(rng, Profile(edges, rates), law=Law.EXPONENTIAL, cv=1.0)


def resampled(rng: np.random.Generator, profile: Profile, sample: Trace) -> Trace:
    """Requests at the rates of a `profile`, with the bursts and the lengths of a short real `sample`.

    The sample's arrivals are put into operational time by its own rate, counted in windows of about a minute
    and constant within each, so that only what is shorter than a minute stays of its ups and downs. Copies
    of it, each begun at a random place, follow each other until there are as many requests as the profile
    holds, to the nearest whole number, and are put at its rates. Every request keeps its own tokens,
    execution time and tag.
    Raises ValueError for a sample whose requests all come at once, and for what `rescaled` does.
    """
    at = np.asarray(sample.at_s, dtype=np.float64)
    size = at.size
    if size < 2 or not at[-1] > at[0]:
        raise ValueError("a sample needs at least two requests at different times")
    total = float(_cumulative(profile)[-1])
    wanted = round(total)
    own = _own_time(at - at[0])
    copies = wanted // size + 1
    starts = rng.uniform(0.0, size, copies)[:, None]
    index = (np.searchsorted(own, starts) + np.arange(size)) % size
    after = own[index] - starts
    after[after < 0] += size
    after += np.arange(copies)[:, None] * float(size)
    times, index = after.ravel(), index.ravel()[:wanted]
    # The next request comes just when the profile ends.
    placed = rescaled(profile, times[:wanted] * (total / times[wanted]))
    kept: list[Any] = [None if values is None else np.asarray(values)[index] for values in sample[1:]]
    return Trace(placed, *kept)


def jittered(rng: np.random.Generator, at_s: Floats, step_s: float) -> Floats:
    """Arrivals [s] whose stamps were rounded down to steps of `step_s` [s], spread evenly over their steps.

    Sorted, so that those of one step keep their order. Raises ValueError for a step that is not positive.
    """
    if not step_s > 0:
        raise ValueError(f"a step of {step_s:g} s; it must be positive")
    return np.sort(at_s + rng.uniform(0.0, step_s, at_s.size))


def _check_cv(cv: float) -> None:
    if not LEAST_CV <= cv <= MOST_CV:
        raise ValueError(f"a coefficient of variation of {cv:g}; it must be {LEAST_CV:g} to {MOST_CV:g}")


def _gaps(rng: np.random.Generator, law: Law, cv: float) -> Callable[[int], Floats]:
    """Draws that many gaps of mean 1; the stream does not depend on how it is cut."""
    _check_cv(cv)
    if law is Law.EXPONENTIAL:
        if cv != 1:
            raise ValueError(f"exponential gaps have a coefficient of variation of 1, not {cv:g}")
        return rng.standard_exponential
    if law is Law.GAMMA:
        shape = 1 / cv**2
        return lambda size: rng.standard_gamma(shape, size) / shape
    shape = weibull_shape(cv)
    mean = exp(lgamma(1 + 1 / shape))
    return lambda size: rng.weibull(shape, size) / mean


def _stream(draw: Callable[[int], Floats], rate: float, span_s: float, size: int) -> Iterator[Floats]:
    """Sums of the gaps, one after the other, whichever piece they are drawn in."""
    clock = 0.0
    while clock < span_s:
        at = draw(size)
        at /= rate
        at[0] += clock
        np.cumsum(at, out=at)
        clock = float(at[-1])
        yield at if clock < span_s else at[: np.searchsorted(at, span_s)]


def _joined(parts: Iterator[Floats]) -> Floats:
    return np.concatenate(list(parts))


def _cumulative(profile: Profile) -> Floats:
    """Requests that a profile has brought by each of its edges."""
    edges = np.asarray(profile.edges_s, dtype=np.float64)
    rates = np.asarray(profile.rates, dtype=np.float64)
    if rates.size < 1 or edges.size != rates.size + 1 or not (np.diff(edges) > 0).all():
        raise ValueError("a profile needs rising edges, one more of them than rates")
    if not ((rates >= 0) & np.isfinite(rates)).all():
        raise ValueError("the rates of a profile must be finite and at least 0")
    return np.concatenate([[0.0], np.cumsum(rates * np.diff(edges))])


def _own_time(at: npt.NDArray[np.float64]) -> Floats:
    """Arrivals from 0 on, in requests of their own rate, which is constant in windows of about a minute."""
    span = at[-1] * at.size / (at.size - 1)  # a mean gap follows the last one
    edges = np.linspace(0.0, span, 1 + max(1, round(span / SECONDS_PER_MINUTE)))
    before = np.searchsorted(at, edges).astype(np.float64)
    return np.interp(at, edges, before)
