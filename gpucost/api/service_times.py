"""How long each request runs on a worker of a deployment: as told, as in the trace, or by a model's speed."""

from typing import TYPE_CHECKING, NamedTuple

from gpucost.api.bill_setup import Setup
from gpucost.api.execution import MILLISECONDS, Timed
from gpucost.api.traffic_source import Arriving
from gpucost.calc.replication import Service, loads_between, relative_speeds
from gpucost.errors import UsageError

if TYPE_CHECKING:
    from gpucost.api.serving import Server


class TokenTimes(NamedTuple):
    """Times that the user gives for tokens."""

    prefill_tokens_per_s: float | None = None
    tpot_ms: float | None = None


class Served(NamedTuple):
    """Times of the requests of one deployment."""

    service: Service
    speeds: tuple[float, ...]
    """Speed with 1, 2, … in flight against alone; empty: the same."""
    mean_s: float
    """Of a request alone [s]."""


def served(setup: Setup, arriving: Arriving, times: TokenTimes, timed: Timed) -> Served:
    """Times of requests on one deployment. Raises UsageError where nothing says how long a request runs."""
    external = setup.execution.work.external_ms / MILLISECONDS
    given, made = _lengths(setup, arriving)
    base = Service(
        external_s=external,
        input_tokens=given if arriving.input_tokens is None else None,
        output_tokens=made if arriving.output_tokens is None else None,
    )
    told = setup.execution.work.execution_s
    by_tokens = times.prefill_tokens_per_s is not None or times.tpot_ms is not None
    if told is not None and by_tokens:
        raise UsageError("--execution-s says how long a request runs: leave the times of tokens out")
    if arriving.execution_s is not None and (told is not None or by_tokens or timed.server is not None):
        setup.ledger.note("the execution times of the trace are not used: other times were given", "warning")
    if told is not None:
        return Served(base._replace(fixed_s=told), (), told + external)
    if by_tokens:
        return _by_tokens(base, times, given, made)
    if timed.server is not None and given and made:
        return _by_model(base, timed.server, setup.settings.slots, given, made)
    if arriving.execution_s is not None:
        return Served(base._replace(from_trace=True), (), arriving.execution_s + external)
    raise UsageError(
        "how long does a request run? give --execution-s, --prefill-tokens-per-s with --tpot-ms, a --model, "
        "or a trace with a column of execution times (--execution-column)"
    )


def _lengths(setup: Setup, arriving: Arriving) -> tuple[float | None, float | None]:
    given, made = setup.execution.tokens
    return (
        given if arriving.input_tokens is None else arriving.input_tokens,
        made if arriving.output_tokens is None else arriving.output_tokens,
    )


def _by_tokens(base: Service, times: TokenTimes, given: float | None, made: float | None) -> Served:
    rate, tpot = times.prefill_tokens_per_s, times.tpot_ms
    if rate is not None and given is None:
        raise UsageError("--prefill-tokens-per-s needs --input-tokens, or a trace that has them")
    if tpot is not None and made is None:
        raise UsageError("--tpot-ms needs --output-tokens, or a trace that has them")
    service = base._replace(
        per_input_token_s=0.0 if rate is None else 1 / rate,
        per_output_token_s=0.0 if tpot is None else tpot / MILLISECONDS,
    )
    mean = (given or 0.0) * service.per_input_token_s + (made or 0.0) * service.per_output_token_s
    return Served(service, (), mean + base.external_s)


def _by_model(base: Service, server: "Server", slots: int, given: float, made: float) -> Served:
    """Prompt and token times of the model's speed alone, and how it slows with more in flight."""
    alone = server.round(1.0)
    prefill = float(alone.prefill_s)
    decode = float(alone.e2e_s) - float(alone.ttft_s)
    first = max(0.0, float(alone.ttft_s) - prefill - decode / made)  # a token's time comes on top
    service = base._replace(
        first_token_s=first,
        per_input_token_s=prefill / given,
        per_output_token_s=decode / made,
    )
    loads = loads_between(slots)
    times = [float(server.round(float(load)).e2e_s) for load in loads]
    speeds = relative_speeds(loads, times, slots) if slots > 1 else ()
    return Served(service, speeds, float(alone.e2e_s) + base.external_s)
