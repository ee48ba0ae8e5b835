"""How the workers of a deployment start, stop and share requests: as documented, as told, or assumed."""

from enum import StrEnum
from typing import TypedDict, TypeVar

from gpucost.api.billed import Costing
from gpucost.api.ledger import Ledger
from gpucost.calc.bill_lines import Clock
from gpucost.calc.fleet import FOREVER, Fleet, Starts, Turn
from gpucost.domain.scaling import Binding, Policy, Routing, Scaling
from gpucost.errors import UnknownNameError, UsageError
from gpucost.units import DAY_S, HOURS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE

Word = TypeVar("Word", bound=StrEnum)
UNLIMITED = 1_000_000
RETRY_S = 30.0
DEFAULTS = {"interval_s": 15.0, "utilisation": 1.0, "up_after_s": 0.0, "down_after_s": 300.0}
"""Of target-utilisation scaling where neither the provider nor the user says: as Kubernetes has them."""


class ScalingFlags(TypedDict, total=False):
    """Flags on how workers are started, stopped and chosen; None: as the product does."""

    scaler: str | None
    routing: str | None
    binding: str | None
    queue_delay_s: float | None
    requests_per_worker: float | None
    buffer_workers: int | None
    scale_interval_s: float | None
    target_utilisation: float | None
    scale_up_after_s: float | None
    scale_down_after_s: float | None
    start_samples_s: str | None
    """Measured starts, equally likely: `3.1,4.0,41`."""
    hit_s: float | None
    snapshot_memory_s: float | None
    queue_limit: int | None
    execution_timeout_s: float | None
    retry_s: float | None
    schedule: tuple[str, ...]
    """Workers held ready in a daily time: `08:50-18:00=4`."""


def checked(flags: ScalingFlags) -> None:
    """Raises UsageError for unknown words and values out of range."""
    for flag, word, known in (
        ("--scaler", flags.get("scaler"), Policy),
        ("--routing", flags.get("routing"), Routing),
        ("--binding", flags.get("binding"), Binding),
    ):
        choices = tuple(each.value for each in known)
        if word is not None and word not in choices:
            raise UnknownNameError(flag, word, choices)
    limits: tuple[tuple[str, float | None, float, float], ...] = (
        ("--queue-delay-s", flags.get("queue_delay_s"), 0, 1e6),
        ("--requests-per-worker", flags.get("requests_per_worker"), 0.01, 1e6),
        ("--buffer-workers", flags.get("buffer_workers"), 0, 10_000),
        ("--scale-interval-s", flags.get("scale_interval_s"), 0.1, 1e6),
        ("--target-utilisation", flags.get("target_utilisation"), 0.01, 1),
        ("--scale-up-after-s", flags.get("scale_up_after_s"), 0, 1e6),
        ("--scale-down-after-s", flags.get("scale_down_after_s"), 0, 1e6),
        ("--hit-s", flags.get("hit_s"), 0, 1e6),
        ("--snapshot-memory-s", flags.get("snapshot_memory_s"), 0, 1e8),
        ("--queue-limit", flags.get("queue_limit"), 0, 1e8),
        ("--execution-timeout-s", flags.get("execution_timeout_s"), 0.001, 1e8),
        ("--retry-s", flags.get("retry_s"), 0.1, 1e6),
    )
    for flag, value, low, high in limits:
        if value is not None and not low <= value <= high:
            raise UsageError(f"{flag} must be from {low:g} to {high:,.0f}, not {value:g}")
    if (flags.get("hit_s") is None) != (flags.get("snapshot_memory_s") is None):
        raise UsageError(
            "--hit-s and --snapshot-memory-s go together: such a start, and how long it is in reach"
        )
    if flags.get("start_samples_s") is not None and flags.get("hit_s") is not None:
        raise UsageError("--start-samples-s says all there is of starts: leave --hit-s out")
    _samples(flags.get("start_samples_s"))
    for text in flags.get("schedule", ()):
        _turn(text)


def fixed(workers: int, costing: Costing, flags: ScalingFlags) -> Fleet:
    """Workers that are always on."""
    return Fleet(
        workers,
        FOREVER,
        kept=workers,
        slots=costing.settings.slots,
        policy=Policy.FIXED,
        queue=flags.get("queue_limit"),
        timeout_s=flags.get("execution_timeout_s") or FOREVER,
    )


def manned(
    ledger: Ledger, costing: Costing, scaling: Scaling, flags: ScalingFlags, *, clock_s: float
) -> tuple[Fleet, tuple[str, ...]]:
    """The fleet of a product that scales, in the middle of what is uncertain, and which ways are assumed.

    Traffic begins at `clock_s` of a day [s].
    """
    settings, rule = costing.settings, costing.rule
    slots, least = settings.slots, settings.min_workers
    most = UNLIMITED if settings.max_workers is None else settings.max_workers
    assumed = []
    policy = _chosen(Policy, flags.get("scaler"), scaling.policy)
    if policy is None:
        policy = Policy.EACH_REQUEST
        assumed.append("scaler")
    if policy is Policy.EACH_REQUEST and slots > 1:
        policy = Policy.REQUEST_COUNT  # room counts, not workers that are idle
    routing = _chosen(Routing, flags.get("routing"), scaling.routing)
    if routing is None:
        routing = Routing.MOST_RECENT
        assumed.append("routing")
    binding = _chosen(Binding, flags.get("binding"), scaling.binding)
    if binding is None:
        binding = Binding.FIRST_FREE
        if policy is Policy.EACH_REQUEST:
            assumed.append("binding")
    fleet = Fleet(
        most=most,
        idle_timeout_s=costing.idle_timeout_s(),
        starts=starts(costing.clock(), flags),
        kept=min(least, most),
        slots=slots,
        policy=policy,
        routing=routing,
        binding=binding,
        queue=flags.get("queue_limit"),
        timeout_s=_timeout(costing, flags),
        fails=costing.fails_while_starting,
        retry_s=flags.get("retry_s") or RETRY_S,
        tries=1 if rule.during_start == "lost" else 1000,
        turns=tuple(turn for text in flags.get("schedule", ()) for turn in _from(_turn(text), clock_s)),
    )
    fleet = _with_policy(ledger, fleet, scaling, flags)
    _check(fleet)
    return fleet, tuple(assumed)


def _from(turn: Turn, clock_s: float) -> list[Turn]:
    """A daily time after the begin of the traffic; one that is under way then comes in two parts."""
    begin = (turn.from_s - clock_s) % DAY_S
    end = begin + turn.to_s - turn.from_s
    if end <= DAY_S:
        return [Turn(begin, end, turn.workers)]
    return [Turn(begin, DAY_S, turn.workers), Turn(0.0, end - DAY_S, turn.workers, ready=True)]


def _with_policy(ledger: Ledger, fleet: Fleet, scaling: Scaling, flags: ScalingFlags) -> Fleet:
    """The settings of a policy: as told, as documented, or by default, which is said."""
    defaults = []

    def number(flag: float | None, term: str, default: float) -> float:
        if flag is not None:
            return flag
        found = scaling.terms.get(term)
        if found is None:
            if term in DEFAULTS:
                defaults.append(f"{term} {default:g}")
            return default
        ledger.cite(
            f"scaling.{scaling.product}.{term}", found.value, _unit(term), found.source, note=found.note
        )
        return found.value

    policy, slots = fleet.policy, fleet.slots
    if policy is Policy.QUEUE_DELAY:
        fleet = fleet._replace(delay_s=number(flags.get("queue_delay_s"), "delay_s", 0.0))
    elif policy is Policy.REQUEST_COUNT:
        documented = scaling.policy is Policy.REQUEST_COUNT or flags.get("scaler") == Policy.REQUEST_COUNT
        per = flags.get("requests_per_worker")
        if per is None and documented:
            per = number(None, "per_worker", float(slots))
            per = max(per, float(slots)) if scaling.policy is Policy.REQUEST_COUNT else per
        fleet = fleet._replace(
            per_worker=per or float(slots),
            buffer=int(number(flags.get("buffer_workers"), "buffer", 0)),
        )
    elif policy in (Policy.TARGET, Policy.ALARM):
        fleet = fleet._replace(
            interval_s=number(flags.get("scale_interval_s"), "interval_s", DEFAULTS["interval_s"]),
            utilisation=number(flags.get("target_utilisation"), "utilisation", DEFAULTS["utilisation"]),
            up_after_s=number(flags.get("scale_up_after_s"), "up_after_s", DEFAULTS["up_after_s"]),
            down_after_s=number(flags.get("scale_down_after_s"), "down_after_s", DEFAULTS["down_after_s"]),
            step=int(number(None, "step", 1)),
        )
    if defaults:
        ledger.note(
            f"{scaling.product}: {', '.join(defaults)} where neither the provider nor you say, as Kubernetes "
            "has them"
        )
    return fleet


def _check(fleet: Fleet) -> None:
    if fleet.policy is Policy.FIXED and not fleet.kept:
        raise UsageError("--scaler fixed needs --min-workers: nothing else would serve")
    if fleet.turns and fleet.policy in (Policy.TARGET, Policy.ALARM, Policy.FIXED):
        raise UsageError(f"--schedule does not go with the scaler {fleet.policy.value}")


def _chosen(kind: type[Word], word: str | None, documented: Word | None) -> Word | None:
    return documented if word is None else kind(word)


def _unit(term: str) -> str:
    return "s" if term.endswith("_s") else ""


def _timeout(costing: Costing, flags: ScalingFlags) -> float:
    """The execution timeout: as told, else the product's default [s]."""
    told = flags.get("execution_timeout_s")
    if told is not None:
        return told
    default = costing.rule.term("execution_timeout_s", gpu=costing.gpu)
    return FOREVER if default is None else default


def starts(clock: Clock, flags: ScalingFlags) -> Starts:
    """How long starts take, and which part of them is free."""
    free = clock.start_s - clock.billed_start_s
    samples = _samples(flags.get("start_samples_s"))
    if samples:
        return Starts(samples, min(free, *samples))
    return Starts((clock.start_s,), free, flags.get("hit_s"), flags.get("snapshot_memory_s") or 0.0)


def _samples(text: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    try:
        found = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        found = ()
    if not found or not all(0 <= each <= 1e6 for each in found):
        raise UsageError(f"--start-samples-s takes seconds, such as 3.1,4,41, not {text[:40]!r}")
    return found


def _turn(text: str) -> Turn:
    """`08:50-18:00=4` as a daily time with workers."""
    wrong = f"--schedule takes a daily time and workers, such as 08:50-18:00=4, not {text[:40]!r}"
    times, _, workers = text.partition("=")
    first, _, last = times.partition("-")
    if not workers.strip().isdigit():
        raise UsageError(wrong)
    begin, end = (_clock(each, wrong) for each in (first, last))
    if end <= begin:
        raise UsageError(f"--schedule {text}: it must end after it begins, within one day")
    return Turn(begin, end, int(workers))


def _clock(text: str, wrong: str) -> float:
    hours, _, minutes = text.strip().partition(":")
    if not (hours.isdigit() and minutes.isdigit() and int(hours) <= HOURS_PER_DAY and int(minutes) < 60):
        raise UsageError(wrong)
    if int(hours) == HOURS_PER_DAY and int(minutes):
        raise UsageError(wrong)
    return float(int(hours) * SECONDS_PER_HOUR + int(minutes) * SECONDS_PER_MINUTE)
