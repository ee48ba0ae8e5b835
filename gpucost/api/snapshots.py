"""Answers to compare: of a scenario planned now, and of what an earlier run printed as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from json import dumps
from math import fsum, isclose
from pathlib import Path
from typing import Any
from zlib import crc32

from gpucost.api.bill_notes import cite_bill
from gpucost.api.ledger import Ledger
from gpucost.api.offers import Choice, day_of
from gpucost.api.plan import Planned, inputs_of, planned
from gpucost.api.plan_rows import row_of
from gpucost.api.price_evidence import cite_prices
from gpucost.catalog.store import Catalog
from gpucost.domain.billing import Line
from gpucost.domain.checks import Fact, Snapshot
from gpucost.domain.plans import PlanRow
from gpucost.domain.provenance import Confidence, Evidence
from gpucost.domain.report import SCHEMA_VERSION, Note
from gpucost.domain.scenario import Scenario
from gpucost.errors import DataError
from gpucost.io.json_safe import shown

ANSWERED = (
    "deployment",
    "model",
    "quantization",
    "engine",
    "engine_version",
    "gpu",
    "gpus_per_worker",
    "billing",
    "concurrency",
    "idle_timeout_s",
    "min_workers",
    "workers",
    "max_workers",
)
"""Of a row of `plan`."""
OF_BILL = ("deployment", "billing", "gpu", "gpus_per_worker")
ALTERNATIVES = 8
"""Deployments whose prices are kept beside that of the plan: another one that wins is explained by them."""
NOT_ASKED = ("name", "budget", "baseline", "as_of")
"""Parts of a scenario that do not decide the answer; `as_of` is kept as it is written."""
LARGEST = 1e15
"""Beyond this no amount of a bill is one."""
ROUNDING = 1e-6
"""A total may differ from the sum of its lines by this share."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A scenario planned now, as others compare it."""

    made: Planned
    row: PlanRow | None
    snapshot: Snapshot
    evidence: tuple[Evidence, ...]
    notes: tuple[Note, ...]
    day: date
    """Whose prices answer."""


def answered(catalog: Catalog, scenario: Scenario, *, today: date | None) -> Answered:
    """The plan of a scenario with its bill and evidence. Raises UsageError for what cannot be asked."""
    made = planned(catalog, scenario, today=today)
    best = made.best
    inputs = {**inputs_of(scenario, made), **_asked(made.scenario), "as_of": scenario.as_of}
    checksum, day = _checksum(scenario), day_of(scenario.as_of, today or date.today())
    if best is None:
        empty = Snapshot(scenario.name, inputs, {}, None, None, (), {}, checksum)
        return Answered(made, None, empty, (), (), day)
    ledger, row = best.setup.ledger, row_of(catalog, best, pareto=True)
    cite_bill(best.setup, best.costing, best.bill, best.timed)
    near: dict[str, Choice | None] = {}
    for each in made.found:
        near.setdefault(each.bill.deployment, each.costing.deployment.choice)
    choices = [each for each in list(near.values())[:ALTERNATIVES] if each is not None]
    aside = Ledger(catalog)  # notes on the prices of others are no notes on this plan
    cite_prices(aside, choices, today=day)
    ledger.add(aside.evidence)
    snapshot = Snapshot(
        name=scenario.name,
        inputs=inputs,
        answer={key: getattr(row, key) for key in ANSWERED},
        usd_per_month=row.usd_per_month,
        usd_per_million_tokens=row.usd_per_million_tokens,
        lines=row.lines,
        facts=_facts(ledger.evidence),
        checksum=checksum,
    )
    return Answered(made, row, snapshot, ledger.evidence, ledger.notes, day)


def _facts(evidence: tuple[Evidence, ...]) -> dict[str, Fact]:
    """What binds and is not the user's own, which stands in the inputs."""
    return {
        each.field: Fact(each.value, each.unit, each.as_of, each.source)
        for each in sorted(evidence, key=lambda each: each.field)
        if each.binding and each.confidence is not Confidence.USER
    }


def _asked(scenario: Scenario) -> dict[str, Any]:
    """What `plan` does not say of the question; files by their name and content, not their place."""
    load, limits = scenario.workload._asdict(), scenario.constraints._asdict()
    return {
        "models": [each.model or each.params or _file(each.config) for each in scenario.models],
        **{key: _file(each) if key == "trace" else each for key, each in load.items() if key not in RATES},
        **{key: list(each) if isinstance(each, tuple) else each for key, each in limits.items()},
        "speculation": None if scenario.speculation is None else str(tuple(scenario.speculation)),
        "pattern": load["pattern"] or "poisson",
    }


RATES = ("requests_per_month", "requests_per_day", "requests_per_second")
"""One of them is given; `plan` states it by the month."""


def _file(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        return f"{Path(name).name} {crc32(Path(name).read_bytes()):08x}"
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}") from None


def _checksum(scenario: Scenario) -> str:
    """Of everything that decides the answer, whatever the file's comments, order and folder are."""
    parts = {key: each for key, each in scenario._asdict().items() if key not in NOT_ASKED}
    parts["models"] = [each._replace(config=_file(each.config)) for each in scenario.models]
    parts["workload"] = scenario.workload._replace(trace=_file(scenario.workload.trace))
    text = dumps([*sorted(parts.items()), scenario.as_of], sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def snapshots_of_report(data: Mapping[str, Any], where: str) -> list[Snapshot]:
    """The plan, or each bill, of a JSON report. Raises DataError for anything else."""
    version = data.get("schema_version")
    if not isinstance(version, str) or version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise DataError(
            f"{where}: schema_version: {shown(version)} is not read here, only {SCHEMA_VERSION}; "
            "make the report anew with this gpucost"
        )
    question, read = data["question"], Reader(where)
    inputs, result = read.mapping(data, "inputs"), read.mapping(data, "result")
    facts = dict(_read_facts(read, data))
    if question == "plan":
        return [_of_plan(read, inputs, result, facts)]
    return [
        _of_bill(read, f"result.bills.{at}", inputs, read.is_mapping(each, f"result.bills.{at}"), facts)
        for at, each in enumerate(read.list(result, "bills"))
    ]


def _of_plan(
    read: "Reader", inputs: Mapping[str, Any], result: Mapping[str, Any], facts: Mapping[str, Fact]
) -> Snapshot:
    name = read.text(result, "scenario")
    if result.get("recommendation") is None:
        return Snapshot(name, inputs, {}, None, None, (), {})
    plans = read.list(result, "plans")
    if not plans:
        raise DataError(f"{read.where}: result.plans: empty, although result.recommendation is not")
    row = read.is_mapping(plans[0], "result.plans.0")
    answer = {key: row[key] for key in ANSWERED if key in row}
    total = read.number(row, "usd_per_month")
    per_million = read.number(row, "usd_per_million_tokens")
    lines = read.lines(row, "result.plans.0", total)
    return Snapshot(name, inputs, answer, total, per_million, lines, facts)


def _of_bill(
    read: "Reader", at: str, inputs: Mapping[str, Any], bill: Mapping[str, Any], facts: Mapping[str, Fact]
) -> Snapshot:
    name = read.text(bill, "deployment")
    answer = {key: bill[key] for key in OF_BILL if key in bill}
    total = read.number(bill, "total_usd")
    per_million = read.number(bill, "usd_per_million_tokens")
    lines = read.lines(bill, at, total)
    return Snapshot(name, {**inputs, "deployment": name}, answer, total, per_million, lines, facts)


def _read_facts(read: "Reader", data: Mapping[str, Any]) -> Iterator[tuple[str, Fact]]:
    for at, each in enumerate(read.list(data, "evidence")):
        row = read.is_mapping(each, f"evidence.{at}")
        if row.get("binding") is True and row.get("confidence") != Confidence.USER.value:
            yield read.text(row, "field"), read.fact(row, f"evidence.{at}")


class Reader:
    """Takes values of a foreign JSON document, or says what is wrong with it."""

    def __init__(self, where: str) -> None:
        self.where = where

    def fault(self, key: str, text: str) -> DataError:
        """What to raise."""
        return DataError(f"{self.where}: {key}: {text}")

    def is_mapping(self, value: object, key: str) -> Mapping[str, Any]:
        """An object."""
        if not isinstance(value, dict):
            raise self.fault(key, f"should be an object, not {shown(value)}")
        return value

    def mapping(self, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """An object that must be there."""
        return self.is_mapping(data.get(key), key)

    def list(self, data: Mapping[str, Any], key: str) -> list[Any]:
        """A list that must be there."""
        value = data.get(key)
        if not isinstance(value, list):
            raise self.fault(key, f"should be a list, not {shown(value)}")
        return value

    def text(self, data: Mapping[str, Any], key: str) -> str:
        """Text that must be there."""
        value = data.get(key)
        if not isinstance(value, str):
            raise self.fault(key, f"should be text, not {shown(value)}")
        return value

    def number(self, data: Mapping[str, Any], key: str) -> float | None:
        """A number, or null."""
        value = data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
            raise self.fault(key, f"should be a number up to {LARGEST:g}, not {shown(value)}")
        return float(value)

    def fact(self, row: Mapping[str, Any], key: str) -> Fact:
        """A cited number."""
        value = row.get("value")
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise self.fault(f"{key}.value", f"should be a number or text, not {shown(value)}")
        return Fact(value, self.text(row, "unit"), self.text(row, "as_of"), self.text(row, "source"))

    def lines(self, row: Mapping[str, Any], key: str, total: float | None) -> tuple[Line, ...]:
        """The lines of a bill, which must add up to its total [USD]."""
        lines = []
        for at, each in enumerate(self.list(row, "lines")):
            line = self.is_mapping(each, f"{key}.lines.{at}")
            quantity, usd = self.number(line, "quantity"), self.number(line, "usd")
            if quantity is None or (usd is None and total is not None):
                raise self.fault(f"{key}.lines.{at}", "lacks quantity or usd")
            lines.append(
                Line(
                    self.text(line, "name"),
                    quantity,
                    self.text(line, "unit"),
                    self.number(line, "usd_per_unit"),
                    usd,
                    "unknown" if usd is None else "known",
                    self.text(line, "offer"),
                )
            )
        found = fsum(each.usd or 0.0 for each in lines)
        if total is not None and not isclose(found, total, rel_tol=ROUNDING, abs_tol=ROUNDING):
            raise self.fault(key, f"its lines add up to {found:,.2f} USD, its total is {total:,.2f} USD")
        return tuple(lines)
