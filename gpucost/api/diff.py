"""What changed between two answers, line by line, and why."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from gpucost.api.causes import difference
from gpucost.api.check import seen
from gpucost.api.ledger import Ledger
from gpucost.api.lock import MARK, MOST_BYTES, lock_in
from gpucost.api.offers import day_of
from gpucost.api.repriced import repriced
from gpucost.api.scenario import checked
from gpucost.api.snapshots import answered, snapshots_of_report
from gpucost.catalog.scenario_file import split_name
from gpucost.catalog.store import Catalog, opened
from gpucost.catalog.yamlio import read_yaml
from gpucost.domain.checks import Difference, DiffResult, Snapshot
from gpucost.domain.report import Report
from gpucost.domain.scenario import SCENARIO_FILE
from gpucost.errors import DataError, UsageError
from gpucost.io.json_safe import parse_json, read_bounded, shown

YAML = (".yaml", ".yml")
COMPARED = ("plan", "bill")
"""Questions whose reports are read."""
NAMED = 3
"""Files and names that are told; of more, how many."""


class Side(NamedTuple):
    """One side of a comparison."""

    name: str
    snapshots: list[Snapshot]
    catalogue: dict[str, str]
    """Checksums by file, as far as a lock tells them."""


def diff(
    *,
    base: Path | str,
    other: Path | str = SCENARIO_FILE,
    as_of: str | None = None,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """The bills of two answers beside each other, and what their difference is made of [USD].

    Each side is a report of `plan` or `bill` in JSON, a lock, or a scenario (`FILE` or `FILE:NAME`), which is
    planned now, with `as_of` at the prices of that day. Scenarios and bills go together by their names.

    Raises UsageError where nothing can be compared, DataError for wrong files.
    """
    cat = opened(catalog)
    ledger = Ledger(cat)
    day_of(as_of, date.min)
    before = _side(base, cat, ledger, [], as_of=as_of, today=today)
    after = _side(other, cat, ledger, before.snapshots, as_of=as_of, today=today)
    pairs = _pairs(before, after)
    changed = sorted(
        file
        for file in before.catalogue.keys() | after.catalogue.keys()
        if before.catalogue and after.catalogue and before.catalogue.get(file) != after.catalogue.get(file)
    )
    if changed:
        more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        ledger.note(f"files of the catalogue that differ: {', '.join(changed[:NAMED])}{more}")
    differences = tuple(_named(one, another) for one, another in pairs)
    for each in differences:
        if each.delta_usd is None:
            ledger.note(
                f"{each.name}: a side has no answer or an unknown price, so that no difference is known",
                "warning",
            )
    done = {id(each) for pair in pairs for each in pair}
    result = DiffResult(
        base=before.name,
        other=after.name,
        differences=differences,
        only_base=tuple(each.name for each in before.snapshots if id(each) not in done),
        only_other=tuple(each.name for each in after.snapshots if id(each) not in done),
    )
    inputs = {"base": before.name, "other": after.name, "as_of": as_of}
    return Report("diff", inputs, result, ledger.evidence, ledger.notes)


def _named(before: Snapshot, after: Snapshot) -> Difference:
    periods = [each.inputs.get("period", "month") for each in (before, after)]
    if periods[0] != periods[1]:
        raise UsageError(f"a bill of a {shown(periods[0])} and one of a {shown(periods[1])} are not compared")
    found = difference(before, after)
    return found if before.name == after.name else found._replace(name=f"{before.name} → {after.name}")


def _pairs(before: Side, after: Side) -> list[tuple[Snapshot, Snapshot]]:
    """What goes together: the same names, or the only one of each side. Raises UsageError."""
    other = {each.name: each for each in after.snapshots}
    pairs = [(each, other[each.name]) for each in before.snapshots if each.name in other]
    if not pairs and len(before.snapshots) == len(after.snapshots) == 1:
        return [(before.snapshots[0], after.snapshots[0])]
    if not pairs:
        raise UsageError(f"{_held(before)}, {_held(after)}: no name is in both")
    return pairs


def _held(side: Side) -> str:
    names = ", ".join(shown(each.name) for each in side.snapshots[:NAMED])
    return f"{side.name} has {names or 'nothing'}"


def _side(
    text: Path | str,
    catalog: Catalog,
    ledger: Ledger,
    base: Sequence[Snapshot],
    *,
    as_of: str | None,
    today: date | None,
) -> Side:
    """A file as answers; of several scenarios that are planned now, those that `base` has."""
    path, name = split_name(text)
    if path.suffix.lower() not in YAML:
        data = read_bounded(path, max_bytes=MOST_BYTES)
        if name is None:
            return _read(data, seen(path))
    file = checked(read_yaml(path), catalog)
    if name is not None or len(file.scenarios) == 1:
        asked = [file.pick(name)]
    else:
        names = {each.name for each in base} or file.scenarios.keys()
        asked = [each for each in file.scenarios.values() if each.name in names]
    known = {each.name: each for each in base}
    lone = base[0] if len(base) == 1 else None
    found = []
    for each in asked:
        answer = answered(catalog, each if as_of is None else each._replace(as_of=as_of), today=today)
        found.append(repriced(catalog, answer.snapshot, known.get(each.name, lone), day=answer.day))
        ledger.add(answer.evidence)
        for note in answer.notes:
            ledger.note(note.text, note.level)
    return Side(seen(path), found, {})


def _read(data: bytes, where: str) -> Side:
    """A JSON file as answers. Raises DataError for any other file."""
    document = parse_json(data, where)
    if isinstance(document, dict) and MARK in document:
        lock = lock_in(document, where)
        return Side(where, list(lock.snapshots.values()), dict(lock.catalogue))
    if not isinstance(document, dict) or document.get("question") not in COMPARED:
        found = shown(document.get("question")) if isinstance(document, dict) else "no object"
        raise DataError(
            f"{where}: question: {found} cannot be compared; give a report of gpucost plan or gpucost bill "
            "(--format json), or a lock"
        )
    return Side(where, snapshots_of_report(document, where), {})
