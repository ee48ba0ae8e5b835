"""What `check` and `diff` answer, and what a lock keeps; field names are the JSON names."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gpucost.domain.billing import Line

LOCK_VERSION = 1
CAUSES = (
    "price",
    "traffic",
    "model",
    "format",
    "engine",
    "deployment",
    "limits",
    "assumption",
    "settings",
    "other",
)
"""Why a bill moved: what is charged, what comes, what answers, what is allowed, what is taken for granted,
how workers are set; `other` is what none of the compared numbers tells."""


class Fact(NamedTuple):
    """A number that an answer rests on."""

    value: float | int | str
    unit: str
    as_of: str
    source: str


class Snapshot(NamedTuple):
    """One answer with all that a later one is compared with."""

    name: str
    inputs: Mapping[str, Any]
    answer: Mapping[str, Any]
    """Deployment, model, format, engine, card and settings; empty where nothing answers."""
    usd_per_month: float | None
    """Or of the period that the bill is for; None where nothing answers or a price is unknown."""
    usd_per_million_tokens: float | None
    lines: tuple[Line, ...]
    facts: Mapping[str, Fact]
    """By field, those that bind."""
    checksum: str = ""
    """Of the scenario; empty where none is known."""


class FactChange(NamedTuple):
    """One thing that differs between two answers."""

    cause: str
    fact: str
    before: str | float | int | None
    after: str | float | int | None
    source_before: str = ""
    """Id and date of the source; empty for what the user gave."""
    source_after: str = ""


class LineChange(NamedTuple):
    """A line of the bill before and after."""

    line: str
    unit: str
    state: str
    """`same`, `changed`, `new` or `gone`."""
    offer_before: str
    offer_after: str
    quantity_before: float | None
    quantity_after: float | None
    usd_per_unit_before: float | None
    usd_per_unit_after: float | None
    usd_before: float | None
    usd_after: float | None
    delta_usd: float | None
    """None where the price of one side is unknown."""
    quantity_usd: float | None
    """Of that, the change of quantity at the price before."""
    price_usd: float | None
    """The rest: the change of price at the quantity after."""
    why: str
    """Causes that moved it, the largest first."""


class Cause(NamedTuple):
    """A part of the difference; all of them sum to it."""

    cause: str
    usd: float
    text: str


class Difference(NamedTuple):
    """Two answers to one scenario, or two bills."""

    name: str
    deployment_before: str | None
    deployment_after: str | None
    before_usd: float | None
    after_usd: float | None
    delta_usd: float | None
    delta: float | None
    """The same as a share of the bill before."""
    causes: tuple[Cause, ...]
    lines: tuple[LineChange, ...]
    facts: tuple[FactChange, ...]


class DiffResult(NamedTuple):
    """The answer of `diff`."""

    base: str
    other: str
    differences: tuple[Difference, ...]
    only_base: tuple[str, ...]
    """Scenarios or bills that nothing is compared with."""
    only_other: tuple[str, ...]


class PolicyResult(NamedTuple):
    """One limit, and what the plan comes to."""

    scenario: str
    policy: str
    """Key of the budget; `plan`: there is one; `lock`: nothing drifted (`--frozen`)."""
    ok: bool | None
    """None: it cannot be told, which does not pass."""
    limit: str | float | None
    actual: str | float | None
    unit: str
    headroom: float | None
    """Distance to the limit as a share of it, negative where it is broken."""
    text: str
    file: str
    line: int | None
    """Where the limit is written."""


class Drift(NamedTuple):
    """One thing that is no longer what the lock keeps."""

    scenario: str
    """Empty for what all scenarios share."""
    what: str
    """`catalogue`, `gpucost`, `scenario` or `answer`."""
    cause: str
    fact: str
    before: str | float | int | None
    after: str | float | int | None
    text: str


class CheckedScenario(NamedTuple):
    """One scenario in short."""

    scenario: str
    ok: bool
    deployment: str | None
    usd_per_month: float | None
    usd_per_million_tokens: float | None
    locked_usd_per_month: float | None
    """None without a locked answer."""
    delta_usd: float | None
    """Against the locked answer."""


class BudgetResult(NamedTuple):
    """The answer of `check`."""

    ok: bool
    file: str
    lock: str | None
    """The lock that was compared with; None without one."""
    policies: tuple[PolicyResult, ...]
    """Broken ones first, then those that cannot be told."""
    scenarios: tuple[CheckedScenario, ...]
    drift: tuple[Drift, ...]
    differences: tuple[Difference, ...]
    """Against the lock, of scenarios that it holds."""
    written: str | None = None
    """The lock that `--update-lock` wrote."""
