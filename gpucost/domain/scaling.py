"""How a product starts, stops and chooses its workers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from gpucost.domain.rules import Term


class Policy(StrEnum):
    """When workers are started."""

    EACH_REQUEST = "each-request"
    """One for every request that finds none free."""
    QUEUE_DELAY = "queue-delay"
    """One for every request that has waited `delay_s`; at once where no worker is up."""
    REQUEST_COUNT = "request-count"
    """As many as ⌈requests in hand / per_worker⌉, looked at with every request, and `buffer` spare ones."""
    TARGET = "target"
    """Every `interval_s`: ⌈requests in hand / (slots × utilisation)⌉; down after `down_after_s` below it."""
    ALARM = "alarm"
    """From zero: one `step` at the end of the `interval_s` in which requests failed; then as `target`."""
    FIXED = "fixed"
    """None: the workers that are kept on."""


class Routing(StrEnum):
    """Which of several free workers takes a request."""

    MOST_RECENT = "most-recent"
    """The one used last, so that others can idle out."""
    LEAST_RECENT = "least-recent"
    RANDOM = "random"
    NEWEST = "newest"
    """The one started last."""


class Binding(StrEnum):
    """Who serves a request for which a worker was started."""

    FIRST_FREE = "first-free"
    """The first worker that becomes free, in the order of arrival."""
    BOUND = "bound"
    """That worker, whatever becomes free before it is up."""


class Scaling(NamedTuple):
    """What is documented of a product; None where it is not."""

    product: str
    policy: Policy | None
    terms: Mapping[str, Term]
    """`delay_s`, `per_worker`, `buffer`, `interval_s`, `utilisation`, `up_after_s`, `down_after_s`, `step`,
    and for starts from a snapshot `hit_s` and `memory_s`."""
    routing: Routing | None
    binding: Binding | None
    note: str
    sources: tuple[str, ...]
