"""Money per token and per request, from an hourly price and a speed."""

from gpucost.units import MILLION, SECONDS_PER_HOUR


def usd_per_million(*, usd_per_hour: float, tokens_per_s: float) -> float:
    """USD per million tokens: usd_per_hour [USD/h] / 3600 / tokens_per_s [tokens/s] × 10^6.

    Raises ZeroDivisionError for a speed of zero.
    """
    return usd_per_hour / SECONDS_PER_HOUR / tokens_per_s * MILLION


def usd_per_request(*, usd_per_hour: float, requests_per_s: float) -> float:
    """USD per request: usd_per_hour [USD/h] / 3600 / requests_per_s [1/s]."""
    return usd_per_hour / SECONDS_PER_HOUR / requests_per_s


def api_usd_per_request(
    *, input_tokens: float, output_tokens: float, usd_per_million_input: float, usd_per_million_output: float
) -> float:
    """USD per request at a price per token."""
    return (input_tokens * usd_per_million_input + output_tokens * usd_per_million_output) / MILLION


def break_even_requests(*, usd_fixed: float, usd_per_request: float) -> float:
    """Requests at which a fixed bill [USD] equals one per request [USD]."""
    return usd_fixed / usd_per_request
