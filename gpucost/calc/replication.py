"""One replication of a simulation: its requests, of a trace or a generator, and what a fleet does with them.

Everything that a process elsewhere needs is in a point and in arrays that all points share; equal points give
equal results, wherever they run.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from gpucost.calc.arrivals import modulated_chunks, on_off, renewal_chunks, resampled
from gpucost.calc.fleet import Fleet
from gpucost.calc.simulation import Limit, Load, Replayed, replay
from gpucost.domain.trace import Profile, Trace
from gpucost.domain.traffic import Law

CHUNK = 200_000
"""Requests that are served at a time."""
MOST_LOADS = 48
CREATE, DRAW = 0, 1
"""Streams of random numbers: arrivals, and what a fleet draws, do not disturb each other."""


class Source(StrEnum):
    """Where requests come from."""

    TRACE = "trace"
    RENEWAL = "renewal"
    MODULATED = "modulated"
    ON_OFF = "on-off"
    UNIFORM = "uniform"
    BURSTS = "bursts"
    RESAMPLED = "resampled"


class Made(NamedTuple):
    """Requests to make, or to take from the shared arrays."""

    source: Source
    span_s: float
    rate: float = 0.0
    law: Law = Law.EXPONENTIAL
    cv: float = 1.0
    on_s: float = 0.0
    off_s: float = 0.0
    burst: int = 1


class Service(NamedTuple):
    """How long a request takes alone on a worker [s]: a sum, of which the unused parts are 0."""

    fixed_s: float = 0.0
    per_input_token_s: float = 0.0
    per_output_token_s: float = 0.0
    first_token_s: float = 0.0
    """Until the first token, whatever the prompt."""
    external_s: float = 0.0
    input_tokens: float | None = None
    """Of every request; None: as in the trace."""
    output_tokens: float | None = None
    from_trace: bool = False
    """The trace says how long."""

    @property
    def by_tokens(self) -> bool:
        """Whether tokens say how long, so that the first one has a time of its own."""
        return bool(self.per_input_token_s or self.per_output_token_s)


class Point(NamedTuple):
    """One replication."""

    fleet: Fleet
    service: Service
    made: Made
    seed: tuple[int, ...]
    """Equal ones make equal arrivals."""
    limits: tuple[Limit, ...] = ()
    rounding_s: float = 0.0
    least_s: float = 0.0
    by_request: bool = False
    """Requests are rounded, not lives."""


def run_point(shared: Mapping[str, Any], point: Point) -> Replayed:
    """Makes the requests of a point and serves them."""
    return run_stream(requests(shared, point.made, point.seed), point)


def run_stream(chunks: Iterable[Trace], point: Point) -> Replayed:
    """Serves requests that come in chunks as a point says."""
    return replay(
        point.fleet,
        (load_of(chunk, point.service) for chunk in chunks),
        until_s=point.made.span_s,
        rounding_s=point.rounding_s,
        least_s=point.least_s,
        by_request=point.by_request,
        limits=point.limits,
        rng=_stream(point.seed, DRAW),
    )


def load_of(trace: Trace, service: Service) -> Load:
    """What requests ask of a worker."""
    size = len(trace.at_s)
    given = _tokens(service.input_tokens, trace.input_tokens, size)
    made = _tokens(service.output_tokens, trace.output_tokens, size)
    work = np.full(size, service.fixed_s + service.external_s)
    if service.from_trace:
        work = work + trace.execution_s
    if not service.by_tokens:
        return Load(trace.at_s, work, None, None)
    prefill = np.full(size, service.first_token_s)
    if service.per_input_token_s:
        prefill = prefill + given * service.per_input_token_s
    decode = 0.0 if made is None else made * service.per_output_token_s
    work = work + prefill + decode
    if not service.per_input_token_s:
        return Load(trace.at_s, work, None, None)
    first = 0.0 if made is None else np.minimum(made, 1) * service.per_output_token_s
    return Load(trace.at_s, work, prefill + first, made)


def _tokens(fixed: float | None, column: Any, size: int) -> Any:
    return column if fixed is None else np.full(size, fixed)


def requests(shared: Mapping[str, Any], made: Made, seed: tuple[int, ...]) -> Iterator[Trace]:
    """Requests in chunks; a trace with its tokens, or a profile's edges and rates, are among the arrays.

    Raises ValueError where a generator cannot make them.
    """
    rng = _stream(seed, CREATE)
    if made.source is Source.TRACE:
        yield from _cut(_shared_trace(shared))
    elif made.source is Source.RENEWAL:
        chunks = renewal_chunks(
            rng, rate=made.rate, span_s=made.span_s, law=made.law, cv=made.cv, chunk=CHUNK
        )
        yield from map(Trace, chunks)
    elif made.source is Source.MODULATED:
        profile = Profile(shared["edges_s"], shared["rates"])
        yield from map(Trace, modulated_chunks(rng, profile, law=made.law, cv=made.cv, chunk=CHUNK))
    elif made.source is Source.ON_OFF:
        at = on_off(rng, rate=made.rate, on_s=made.on_s, off_s=made.off_s, span_s=made.span_s)
        yield from _cut(Trace(at))
    elif made.source is Source.RESAMPLED:
        profile = Profile(shared["edges_s"], shared["rates"])
        yield from _cut(resampled(rng, profile, _shared_trace(shared)))
    else:
        yield from _regular(made)


def _regular(made: Made) -> Iterator[Trace]:
    """Bursts at equal distances, or single requests."""
    size = made.burst if made.source is Source.BURSTS else 1
    bursts = round(made.rate * made.span_s / size)
    step = max(1, CHUNK // size)
    for first in range(0, bursts, step):
        times = np.arange(first, min(first + step, bursts)) * (size / made.rate)
        yield Trace(np.repeat(times, size))


def _shared_trace(shared: Mapping[str, Any]) -> Trace:
    return Trace(*(shared.get(name) for name in Trace._fields))


def _cut(trace: Trace) -> Iterator[Trace]:
    for first in range(0, len(trace.at_s), CHUNK):
        yield Trace(*(None if each is None else each[first : first + CHUNK] for each in trace))


def _stream(seed: tuple[int, ...], use: int) -> np.random.Generator:
    """Random numbers for one use: children of the seed's sequence (SeedSequence.spawn)."""
    children = np.random.SeedSequence(seed[0], spawn_key=seed[1:]).spawn(DRAW + 1)
    return np.random.default_rng(children[use])


def loads_between(slots: int) -> list[int]:
    """Numbers of requests in flight at which a speed is worked out, dense at the low end."""
    return [int(each) for each in np.unique(np.rint(np.geomspace(1, slots, min(slots, MOST_LOADS))))]


def relative_speeds(loads: list[int], times_s: list[float], slots: int) -> tuple[float, ...]:
    """Speed with 1, 2, … `slots` in flight against alone, from times of a request [s] at some loads.

    Times are linear between two loads.
    """
    every = np.interp(np.arange(1, slots + 1), loads, times_s)
    return tuple((times_s[0] / every).tolist())
