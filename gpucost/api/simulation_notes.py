"""What the reader of a simulation must know."""

from collections.abc import Sequence

from gpucost.api.billed import Costing
from gpucost.api.ledger import Ledger
from gpucost.api.simulated_bill import Case
from gpucost.api.simulation_asked import Asked, SimulateFlags
from gpucost.api.simulation_runs import Runs
from gpucost.domain.scaling import Policy
from gpucost.domain.simulated import Run
from gpucost.units import DAY_S, SECONDS_PER_HOUR, SECONDS_PER_MINUTE

NEARLY_ALWAYS = 0.9
EDGE = 0.05
"""Share of the simulated time from which on its ends are worth a word."""


NEEDS: dict[str, tuple[Policy, ...]] = {
    "queue_delay_s": (Policy.QUEUE_DELAY,),
    "requests_per_worker": (Policy.REQUEST_COUNT,),
    "buffer_workers": (Policy.REQUEST_COUNT,),
    "scale_interval_s": (Policy.TARGET, Policy.ALARM),
    "target_utilisation": (Policy.TARGET, Policy.ALARM),
    "scale_up_after_s": (Policy.TARGET, Policy.ALARM),
    "scale_down_after_s": (Policy.TARGET, Policy.ALARM),
    "binding": (Policy.EACH_REQUEST,),
}
"""Policies under which a flag counts."""
UNSET = ("min_workers",)
"""Flags whose 0 says nothing."""
SCALED = (
    *("scaler", "routing", "start_s", "image_s", "idle_timeout_s", "min_workers", "max_workers"),
    *("start_samples_s", "hit_s", "schedule"),
)
"""Flags that count where workers scale."""


def say_unused(ledger: Ledger, cases: Sequence[Case | Costing], flags: SimulateFlags) -> None:
    """Flags that change nothing in any of the deployments, and those that count, as evidence."""
    found = [each for each in cases if isinstance(each, Case)]
    scaled = [each.fleet for each in found if not each.always_on]
    idle = [name for name in SCALED if not scaled]
    idle += [name for name, policies in NEEDS.items() if all(each.policy not in policies for each in scaled)]
    if not any(each.fails for each in scaled):
        idle.append("retry_s")
    if not found:
        idle += ["queue_limit", "execution_timeout_s"]
    given = {name: value for name, value in flags.items() if value is not None and value not in ((), "")}
    given = {name: value for name, value in given.items() if name not in UNSET or value}
    unused = [name for name in idle if name in given]
    if unused:
        words = " and ".join(f"--{name.replace('_', '-')}" for name in unused)
        ledger.note(f"{words}: without effect on these deployments", "warning")
    for name in (*NEEDS, *SCALED, "retry_s", "queue_limit", "execution_timeout_s", "snapshot_memory_s"):
        value = given.get(name)
        value = ", ".join(value) if isinstance(value, tuple) else value
        if name not in unused and isinstance(value, (int, float, str)):
            unit = "s" if name.endswith("_s") and not isinstance(value, str) else ""
            ledger.user(f"--{name.replace('_', '-')}", value, unit)


def say(asked: Asked, runs: Sequence[tuple[Case, Run]], where: Runs, *, variants: bool) -> None:
    """Notes on the whole simulation, and on each deployment."""
    ledger, factor = asked.setup.ledger, asked.factor
    if factor > 1.001:
        ledger.note(
            f"extrapolated × {factor:,.1f}: {_span(asked)} of traffic stand for the {asked.period.name}"
        )
    elif factor < 0.999:
        ledger.note(f"scaled × {factor:.3f}: {_span(asked)} of traffic are billed as one {asked.period.name}")
    if where.interrupted:
        ledger.note("interrupted: only what was simulated until then is shown", "warning")
    for case, run in runs:
        _of_one(asked, case, run, variants=variants)


def _of_turns(asked: Asked, label: str, case: Case) -> None:
    """Daily times of a simulation that is shorter than a day."""
    span, ledger = asked.arriving.made.span_s, asked.setup.ledger
    if not any(turn.from_s < span for turn in case.fleet.turns):
        ledger.note(f"{label}: no time of --schedule lies within the traffic (UTC)", "warning")
    elif span < DAY_S and asked.factor > 1.001:
        ledger.note(
            f"{label}: what --schedule holds within the simulated {_span(asked)} is extrapolated with them",
            "warning",
        )


def _span(asked: Asked) -> str:
    seconds = asked.arriving.made.span_s
    if seconds < 2 * SECONDS_PER_HOUR:
        return f"{seconds / SECONDS_PER_MINUTE:,.0f} minutes"
    return (
        f"{seconds / SECONDS_PER_HOUR:,.0f} hours" if seconds < 3 * DAY_S else f"{seconds / DAY_S:,.0f} days"
    )


def _of_one(asked: Asked, case: Case, run: Run, *, variants: bool) -> None:
    ledger, rule, label = asked.setup.ledger, case.costing.rule, case.label
    if run.assumed:
        ledger.note(
            f"{label}: {' and '.join(run.assumed)} "
            f"{'is' if len(run.assumed) == 1 else 'are'} not documented; assumed here"
            f"{' and varied in the range' if variants else ''}"
        )
    held = (run.idle_timeout_s or 0.0) + (run.start_s or 0.0)
    if not case.always_on and held > EDGE * asked.arriving.made.span_s:
        more = ", and multiplied with it" if asked.factor > 1.001 else ""
        ledger.note(
            f"{label}: a start and an idle timeout ({held:,.0f} s) are long against the simulated time: its "
            f"first starts, and last idle times after its end, are billed with it{more}",
            "warning",
        )
    if case.fleet.turns:
        _of_turns(asked, label, case)
    if not run.exact_percentiles:
        ledger.note(f"{label}: percentiles are read off a histogram, to 0.1 %")
    most = rule.term("max_workers")
    if most is not None and asked.setup.settings.max_workers is None and run.peak_workers > most:
        ledger.note(
            f"{label}: up to {run.peak_workers:,.0f} workers run at once, its default limit is {most:.0f}; "
            "--max-workers simulates a limit",
            "warning",
        )
    if run.rejected:
        ledger.note(f"{label}: {run.rejected:,} requests were never served", "warning")
    limit = rule.find("execution_timeout_s", case.costing.gpu)
    if limit is not None and case.fleet.timeout_s == limit[1].value:
        ledger.cite(
            f"billing.{rule.product}.{limit[0]}",
            limit[1].value,
            "s",
            limit[1].source,
            binding=run.timed_out > 0,
            note=limit[1].note,
        )
    if run.timed_out:
        ledger.note(f"{label}: {run.timed_out:,} requests were ended by the execution timeout", "warning")
    if run.retries:
        ledger.note(
            f"{label}: requests fail while no worker is up; they came again after {case.fleet.retry_s:g} s, "
            f"{run.retries:,} times (--retry-s), which counts as waiting",
            "warning",
        )
    wait = run.latencies.get("wait")
    mean = case.served.mean_s
    if wait is not None and case.always_on and wait.mean > mean and (run.utilisation or 0.0) > NEARLY_ALWAYS:
        ledger.note(
            f"{label}: {case.always_on} workers are busy {run.utilisation:.0%} of the time, and requests "
            f"wait {wait.mean:,.1f} s on average; --workers adds some",
            "warning",
        )
