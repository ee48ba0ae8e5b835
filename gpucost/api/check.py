"""Whether the plans of a scenario file keep their budgets, and what drifted from what was locked."""

import os
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from gpucost.api.ledger import Ledger
from gpucost.api.lock import Lock, beside, drift_of, lock_of, read_lock, write_lock
from gpucost.api.offers import day_of
from gpucost.api.policies import has_limits, needs_lock, policies_of
from gpucost.api.repriced import repriced
from gpucost.api.scenario import checked
from gpucost.api.snapshots import Answered, answered
from gpucost.catalog.pinned import checksums
from gpucost.catalog.scenario_file import ScenarioFile, split_name
from gpucost.catalog.store import Catalog, opened
from gpucost.catalog.yamlio import read_yaml
from gpucost.domain.checks import BudgetResult, CheckedScenario, Difference, Drift, PolicyResult, Snapshot
from gpucost.domain.report import Report
from gpucost.domain.scenario import SCENARIO_FILE, Scenario
from gpucost.errors import DataError, UsageError

ORDER = (False, None, True)
"""Broken, not to be told, kept."""


def check(
    *,
    scenario: Path | str = SCENARIO_FILE,
    lock: Path | str | None = None,
    update_lock: bool = False,
    frozen: bool = False,
    as_of: str | None = None,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """Plans every scenario of a file, or the one of `FILE:NAME`, and holds it against its budget.

    `lock` is the file that increases and drift count from; without it `gpucost.lock` beside `gpucost.yaml`,
    when there is one. `update_lock` writes it with what is answered now; `frozen` refuses any drift from it.
    `as_of` answers with the prices of another day.

    Raises UsageError for a question that cannot be asked, a file without any budget among them; DataError
    for wrong files. A report whose `answered_no` is true has a limit that is broken or cannot be told.
    """
    cat = opened(catalog)
    path, name = split_name(scenario)
    if frozen and update_lock:
        raise UsageError("--frozen refuses what --update-lock writes; give one of them")
    if update_lock and name is not None:
        raise UsageError(f"--update-lock locks all scenarios of {path}: leave out :{name}")
    file = checked(read_yaml(path), cat)
    asked = _asked(file, name, as_of)
    if not frozen and not update_lock and not any(has_limits(each.budget) for each in asked):
        raise UsageError(
            f"{path}: no budget, so that nothing would be checked; "
            "add one to a scenario, such as budget: {usd_per_month: 500}"
        )
    place = beside(path) if lock is None else Path(lock)
    kept = _kept(place, given=lock is not None, frozen=frozen, update=update_lock)
    answers = [answered(cat, each, today=today) for each in asked]
    now = lock_of((each.snapshot for each in answers), checksums(cat))
    drift, moved = _compared(cat, kept, now, answers, partial=name is not None) if kept else ([], [])
    before = {**(now.snapshots if update_lock else {}), **(kept.snapshots if kept else {})}
    policies = [
        each
        for one, answer in zip(asked, answers, strict=True)
        for each in policies_of(
            one,
            answer,
            before.get(one.name),
            file=seen(path),
            line_of=lambda *key, name=one.name: file.line(name, *key),
        )
    ]
    if frozen:
        policies.append(_frozen(place, drift))
    if update_lock:
        write_lock(place, now)
    policies.sort(key=lambda each: ORDER.index(each.ok))
    ok = all(each.ok for each in policies)
    result = BudgetResult(
        ok=ok,
        file=seen(path),
        lock=seen(place) if kept else None,
        policies=tuple(policies),
        scenarios=tuple(_short(each, policies, kept, moved) for each in answers),
        drift=tuple(drift),
        differences=tuple(moved),
        written=seen(place) if update_lock else None,
    )
    ledger = _ledger(cat, asked, answers)
    _say(ledger, asked, result, frozen=frozen)
    inputs = {
        "scenario": seen(path),
        "names": [each.name for each in asked],
        "lock": seen(place) if kept or update_lock else None,
        "update_lock": update_lock,
        "frozen": frozen,
        "as_of": as_of,
    }
    return Report("check", inputs, result, ledger.evidence, ledger.notes, answered_no=not ok)


def seen(path: Path) -> str:
    """A path as it is shown: from the working folder where it lies below it, with slashes."""
    full = os.path.abspath(path)
    inside = os.path.relpath(full) if full.startswith(os.getcwd() + os.sep) else str(path)
    return Path(inside).as_posix()


def _asked(file: ScenarioFile, name: str | None, as_of: str | None) -> list[Scenario]:
    """The scenarios to plan. Raises UsageError."""
    day_of(as_of, date.min)
    found = list(file.scenarios.values()) if name is None else [file.pick(name)]
    return found if as_of is None else [each._replace(as_of=as_of) for each in found]


def _kept(place: Path, *, given: bool, frozen: bool, update: bool) -> Lock | None:
    """The lock to compare with, when there is one. Raises UsageError, DataError."""
    if not place.exists():
        if frozen:
            raise UsageError(f"--frozen: there is no {place}; gpucost check --update-lock writes it")
        if given and not update:
            raise DataError(f"{place}: no such lock; gpucost check --update-lock writes one")
        return None
    try:
        return read_lock(place)
    except DataError:
        if update:
            return None  # one that cannot be read, as after a merge, is written anew
        raise


def _compared(
    catalog: Catalog, kept: Lock, now: Lock, answers: Iterable[Answered], *, partial: bool
) -> tuple[list[Drift], list[Difference]]:
    """Drift, and differences of the bills, with today's prices of what the locked plans looked at."""
    known = (
        repriced(catalog, each.snapshot, kept.snapshots.get(each.snapshot.name), day=each.day)
        for each in answers
    )
    return drift_of(kept, lock_of(known, now.catalogue), partial=partial)


def _frozen(place: Path, drift: Sequence[Drift]) -> PolicyResult:
    said = "; ".join(f"{each.scenario}: {each.text}" if each.scenario else each.text for each in drift[:3])
    if len(drift) > 3:
        said += f"; and {len(drift) - 3} more"
    return PolicyResult(
        scenario="",
        policy="lock",
        ok=not drift,
        limit=0.0,
        actual=float(len(drift)),
        unit="drifts",
        headroom=None,
        text=said or "everything is as it is locked",
        file=seen(place),
        line=1,
    )


def _short(
    answer: Answered, policies: Iterable[PolicyResult], kept: Lock | None, moved: Iterable[Difference]
) -> CheckedScenario:
    now = answer.snapshot
    locked: Snapshot | None = kept.snapshots.get(now.name) if kept else None
    return CheckedScenario(
        scenario=now.name,
        ok=all(each.ok for each in policies if each.scenario == now.name),
        deployment=None if answer.row is None else answer.row.deployment,
        usd_per_month=now.usd_per_month,
        usd_per_million_tokens=now.usd_per_million_tokens,
        locked_usd_per_month=None if locked is None else locked.usd_per_month,
        delta_usd=next((each.delta_usd for each in moved if each.name == now.name), None),
    )


def _ledger(catalog: Catalog, asked: Iterable[Scenario], answers: Iterable[Answered]) -> Ledger:
    """Evidence and notes of all scenarios, and the limits, which their author gave."""
    ledger = Ledger(catalog)
    for answer in answers:
        ledger.add(answer.evidence)
        for note in answer.notes:
            ledger.note(note.text, note.level)
    for each in asked:
        for key, limit in each.budget._asdict().items():
            if limit is not None and limit != ():
                shown = ", ".join(limit) if isinstance(limit, tuple) else limit
                ledger.user(f"{each.name}.budget.{key}", shown)
    return ledger


def _say(ledger: Ledger, asked: Iterable[Scenario], result: BudgetResult, *, frozen: bool) -> None:
    for each in asked:
        if not has_limits(each.budget):
            ledger.note(f"{each.name}: no budget; only that it has a plan is checked", "warning")
    if result.drift and not frozen:
        count = len(result.drift)
        said = f"{count} things are" if count > 1 else "one thing is"
        ledger.note(
            f"{said} not as {result.lock} keeps it; --frozen refuses that, --update-lock accepts it",
            "warning",
        )
    if result.written and result.lock is None and any(needs_lock(each.budget) for each in asked):
        ledger.note(f"{result.written} is new: increases count from it")
