"""The lock: answers and the catalogue that gave them, one fact to a line, so that a change is a visible diff.

It holds no time, no folder and as many digits as machines agree on: the same inputs give the same bytes.
"""

from collections.abc import Iterable, Mapping
from json import dumps
from pathlib import Path
from typing import Any, NamedTuple

from gpucost import __version__
from gpucost.api.causes import difference
from gpucost.api.changed_facts import CHOSEN, plain, rounded, told
from gpucost.api.snapshots import Reader
from gpucost.domain.checks import LOCK_VERSION, Difference, Drift, Snapshot
from gpucost.errors import DataError
from gpucost.io.json_safe import load_json_object, read_bounded, shown
from gpucost.units import MIB

MARK = "gpucost_lock"
MOST_BYTES = 16 * MIB
ANEW = "gpucost check --update-lock writes it anew"


class Lock(NamedTuple):
    """Answers by the name of their scenario, and what gave them."""

    version: str
    """Of gpucost."""
    catalogue: Mapping[str, str]
    """Checksum by file."""
    snapshots: Mapping[str, Snapshot]


def beside(scenario_file: Path) -> Path:
    """The lock of a scenario file: `gpucost.lock` beside `gpucost.yaml`."""
    return scenario_file.with_suffix(".lock")


def lock_of(snapshots: Iterable[Snapshot], catalogue: Mapping[str, str]) -> Lock:
    """A lock of what was answered now."""
    return Lock(__version__, catalogue, {each.name: rounded(each) for each in snapshots})


def lock_text(lock: Lock) -> str:
    """The file: JSON with one fact to a line."""
    document = {
        MARK: LOCK_VERSION,
        "gpucost": lock.version,
        "catalogue": dict(sorted(lock.catalogue.items())),
        "scenarios": {name: _plain(each) for name, each in sorted(lock.snapshots.items())},
    }
    return _written(document, 0) + "\n"


def _plain(snapshot: Snapshot) -> dict[str, Any]:
    lines = [
        {key: value for key, value in line._asdict().items() if key != "price_state"}
        for line in snapshot.lines
    ]
    return {
        "checksum": snapshot.checksum,
        "inputs": dict(sorted(snapshot.inputs.items())),
        "answer": dict(snapshot.answer),
        "usd_per_month": snapshot.usd_per_month,
        "usd_per_million_tokens": snapshot.usd_per_million_tokens,
        "lines": lines,
        "evidence": {field: fact._asdict() for field, fact in sorted(snapshot.facts.items())},
    }


OPEN = 4
"""Levels that take a line for each member: the file, the scenarios, one scenario, its parts."""


def _written(value: Any, depth: int) -> str:
    """JSON with a line for each member of the outer levels and for each line of a bill."""
    inner = isinstance(value, list) and not any(isinstance(each, dict) for each in value)
    if depth == OPEN or inner or not value or not isinstance(value, dict | list):
        return dumps(value, allow_nan=False)
    space = "  " * (depth + 1)
    if isinstance(value, dict):
        body = [f"{space}{dumps(key)}: {_written(each, depth + 1)}" for key, each in value.items()]
    else:
        body = [f"{space}{_written(each, depth + 1)}" for each in value]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}\n" + ",\n".join(body) + f"\n{space[2:]}{end}"


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock, over an older one but over no other file. Raises DataError."""
    if path.exists() and MARK.encode() not in read_bounded(path, max_bytes=MOST_BYTES):
        raise DataError(f"{path}: is no lock of gpucost and is not overwritten; name another file")
    try:
        path.write_text(lock_text(lock), encoding="utf-8", newline="\n")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def read_lock(path: Path) -> Lock:
    """A lock file. Raises DataError."""
    return lock_in(load_json_object(path, max_bytes=MOST_BYTES), str(path))


def lock_in(data: Mapping[str, Any], where: str) -> Lock:
    """The lock that a JSON document holds. Raises DataError."""
    if data.get(MARK) != LOCK_VERSION or isinstance(data[MARK], bool):
        found = shown(data.get(MARK)) if MARK in data else "missing"
        raise DataError(f"{where}: {MARK}: should be {LOCK_VERSION} ({found}); {ANEW}")
    read = Reader(where)
    catalogue = read.mapping(data, "catalogue")
    return Lock(
        read.text(data, "gpucost"),
        {file: read.text(catalogue, file) for file in catalogue},
        {name: _snapshot(read, name, each) for name, each in read.mapping(data, "scenarios").items()},
    )


def _snapshot(read: Reader, name: str, value: object) -> Snapshot:
    key = f"scenarios.{shown(name)}"
    row = read.is_mapping(value, key)
    total = read.number(row, "usd_per_month")
    facts = read.mapping(row, "evidence")
    return Snapshot(
        name=name,
        inputs=read.mapping(row, "inputs"),
        answer=read.mapping(row, "answer"),
        usd_per_month=total,
        usd_per_million_tokens=read.number(row, "usd_per_million_tokens"),
        lines=read.lines(row, key, total),
        facts={
            field: read.fact(read.is_mapping(each, f"{key}.evidence"), f"{key}.evidence.{shown(field)}")
            for field, each in facts.items()
        },
        checksum=read.text(row, "checksum"),
    )


def drift_of(locked: Lock, now: Lock, *, partial: bool) -> tuple[list[Drift], list[Difference]]:
    """What is no longer as it is locked, and what that does to the bills.

    `partial`: only some scenarios of the file were asked, so that others of the lock are not missing.
    """
    found = []
    if locked.version != now.version:
        text = f"gpucost {locked.version} → {now.version}"
        found.append(Drift("", "gpucost", "other", "gpucost", locked.version, now.version, text))
    for file in sorted(locked.catalogue.keys() | now.catalogue.keys()):
        was, is_now = locked.catalogue.get(file), now.catalogue.get(file)
        if was != is_now:
            cause = "price" if file.startswith("prices/") else "other"
            what = "was added" if was is None else "is gone" if is_now is None else "changed"
            found.append(Drift("", "catalogue", cause, file, was, is_now, f"{file} of the catalogue {what}"))
    differences = []
    for name, snapshot in now.snapshots.items():
        if name not in locked.snapshots:
            found.append(_of_scenario(name, None, snapshot.checksum, "the scenario is not locked"))
            continue
        differences.append(difference(locked.snapshots[name], snapshot))
        found += _drift_of(locked.snapshots[name], snapshot, differences[-1])
    for name in sorted(locked.snapshots.keys() - now.snapshots.keys()) if not partial else ():
        was = locked.snapshots[name].checksum
        found.append(_of_scenario(name, was, None, "the scenario is locked, but not in the file"))
    return found, differences


def _of_scenario(name: str, before: str | None, after: str | None, text: str) -> Drift:
    return Drift(name, "scenario", "other", "scenario", before, after, text)


def _drift_of(locked: Snapshot, now: Snapshot, moved: Difference) -> list[Drift]:
    found = []
    if locked.checksum != now.checksum:
        found.append(_of_scenario(now.name, locked.checksum, now.checksum, "the scenario was changed"))
    if (locked.usd_per_month, locked.lines) != (now.usd_per_month, now.lines):
        why = "; ".join(f"{each.cause} {each.usd:+,.2f} USD" for each in moved.causes if each.usd)
        text = f"{_usd(locked.usd_per_month)} → {_usd(now.usd_per_month)} per month" + (why and f": {why}")
        cause = moved.causes[0].cause if moved.causes else "other"
        was, after = locked.usd_per_month, now.usd_per_month
        found.append(Drift(now.name, "answer", cause, "usd_per_month", was, after, text))
    found += [
        Drift(now.name, "answer", each.cause, each.fact, each.before, each.after, told(each))
        for each in moved.facts
    ]
    same = all(locked.answer.get(key) == now.answer.get(key) for key in CHOSEN)
    for field in sorted(locked.facts.keys() ^ now.facts.keys()) if same else ():
        fact = locked.facts.get(field) or now.facts[field]
        gone = field in locked.facts
        text = f"{field} {plain(fact.value)} {'no longer counts' if gone else 'counts now'}"
        before = fact.value if gone else None
        found.append(Drift(now.name, "answer", "other", field, before, None if gone else fact.value, text))
    for field in sorted(locked.facts.keys() & now.facts.keys()):
        old, new = locked.facts[field], now.facts[field]
        if old[1:] != new[1:] and old.value == new.value:
            text = f"{field} is read again: {old.source} of {old.as_of} → {new.source} of {new.as_of}"
            found.append(Drift(now.name, "answer", "other", field, old.source, new.source, text))
    return found


def _usd(value: float | None) -> str:
    return "no answer" if value is None else f"{value:,.2f} USD"
