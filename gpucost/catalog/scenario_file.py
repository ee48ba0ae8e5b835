"""Scenario files: several named scenarios in one YAML file, read strictly, all faults at once.

`FILE:NAME` names one of them. Names of models, cards, providers and the like are looked up by whoever has
the catalogue; here stands what the file alone can tell.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.catalog.names import nearest
from gpucost.catalog.yamlio import YamlDocument, read_yaml
from gpucost.domain.scenario import (
    SCENARIO_VERSION,
    Baseline,
    Budget,
    Constraints,
    ModelChoice,
    Scenario,
    Speculation,
    Workload,
)
from gpucost.errors import DataError, UnknownNameError, UsageError

Place = tuple[str | int, ...]
MARKS = ("version", "scenarios")
"""A file that has one of these keys holds scenarios, another one the flags of a command."""
LONGEST_SHOWN = 60
_TOP = "scenarios"


class Fault(NamedTuple):
    """What is wrong at a place of the file, and what to do."""

    place: Place
    text: str


class ScenarioFile(NamedTuple):
    """Scenarios by name, in the order of the file."""

    path: Path
    scenarios: Mapping[str, Scenario]
    document: YamlDocument

    def line(self, name: str, *place: str | int) -> int:
        """Line [1-based] of a key of a scenario, such as `line("chat", "models", 0, "model")`."""
        return self.document.line((_TOP, name, *place))

    def pick(self, name: str | None) -> Scenario:
        """The scenario of that name; without one, the only one. Raises UsageError, UnknownNameError."""
        known = list(self.scenarios)
        if name is None and len(known) == 1:
            return self.scenarios[known[0]]
        if not name:
            listed = ", ".join(f"{self.path}:{each}" for each in known[:20])
            raise UsageError(f"{self.path} holds {len(known)} scenarios; name one of {listed}")
        if name not in self.scenarios:
            near = nearest(name, known) or tuple(known[:20])
            raise UnknownNameError(f"scenario of {self.path}", name, near)
        return self.scenarios[name]


def split_name(text: str | Path) -> tuple[Path, str | None]:
    """File and scenario of `FILE` or `FILE:NAME`.

    The longest file that exists wins, so that names with colons stay whole; a drive letter is no file.
    """
    whole = str(text)
    at = [place for place, letter in enumerate(whole) if letter == ":"]
    drive = at[:1] == [1] and whole[:1].isalpha() and whole[2:3] in ("\\", "/")
    at = at[1:] if drive else at
    if not at or os.path.exists(whole):
        return Path(whole), None
    cut = next((place for place in reversed(at) if os.path.exists(whole[:place])), at[-1])
    return Path(whole[:cut]), whole[cut + 1 :]


def holds_scenarios(document: YamlDocument) -> bool:
    """Whether a file holds scenarios, not the flags of a command."""
    return isinstance(document.data, dict) and any(mark in document.data for mark in MARKS)


def read_scenarios(path: Path) -> ScenarioFile:
    """The scenarios of a file. Raises DataError with all its faults, `file:line: key: what to do`."""
    return scenarios_of(read_yaml(path))


def scenarios_of(document: YamlDocument) -> ScenarioFile:
    """The scenarios of a file that was read. Raises DataError with all its faults."""
    faults = structure_faults(document)
    if faults:
        raise listed(document, faults)
    from gpucost.catalog.rows_scenario import ScenarioFileRow

    rows = ScenarioFileRow.model_validate(document.data).scenarios
    folder = document.path.parent
    return ScenarioFile(
        document.path, {name: _scenario(name, row, folder) for name, row in rows.items()}, document
    )


def listed(document: YamlDocument, faults: Iterable[Fault]) -> DataError:
    """The error that lists all faults in the order of their lines."""
    lines = sorted((document.line(fault.place), at, fault) for at, fault in enumerate(faults))
    return DataError("\n".join(f"{document.path}:{line}: {_told(fault)}" for line, _, fault in lines))


def _told(fault: Fault) -> str:
    name = ".".join(_shown(part) for part in fault.place)
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in fault.text)
    return f"{name}: {text}"[:600] if name else text


def _shown(part: str | int) -> str:
    """A key as it is, or quoted and cut where it could garble a message."""
    text = str(part)
    return text if text.isprintable() and len(text) <= LONGEST_SHOWN else repr(text[:LONGEST_SHOWN])


def is_of_another_version(data: Mapping[str, Any]) -> bool:
    """Whether a file states a version whose keys nobody here knows."""
    version = data.get("version")
    return type(version) is int and version != SCENARIO_VERSION


def structure_faults(document: YamlDocument) -> list[Fault]:
    """Unknown keys, wrong types and ranges, and keys that contradict each other."""
    data = document.data
    if data is None:
        return [Fault((), "the file is empty; gpucost init writes one to start from")]
    if not isinstance(data, dict):
        return [Fault((), "the file must map version and scenarios; gpucost init writes one to start from")]
    if is_of_another_version(data):
        text = f"should be {SCENARIO_VERSION} (not {data['version']}); a newer gpucost may know it"
        return [Fault(("version",), text)]
    from pydantic import ValidationError

    from gpucost.catalog.rows_scenario import ScenarioFileRow

    found: list[Fault] = []
    try:
        ScenarioFileRow.model_validate(data)
    except ValidationError as error:
        found = [_fault(item) for item in error.errors(include_url=False)]
    return [*found, *_contradictions(data)]


_TEXTS = {
    "missing": "missing; add it",
    "model_type": "write keys and values below it",
    "dict_type": "write keys and values below it",
    "list_type": "write a list: [a, b], or a line '- a' for each",
    "string_type": "write text; quote what looks like a number",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "finite_number": "write a finite number",
    "bool_type": "write true or false",
    "too_short": "write at least one",
}
"""What to do, by the type of a fault; others say it themselves."""


def _fault(item: Any) -> Fault:
    """A fault as pydantic found it."""
    place: Place = tuple(item["loc"])
    kind, given = item["type"], item.get("input")
    if place[-1:] == ("[key]",):
        return Fault(place[:-1], "not a name: write 1 to 80 characters without spaces, ':', '/' and '\\'")
    if kind == "extra_forbidden":
        return Fault(place, _unknown(place))
    text = _TEXTS.get(kind) or item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if kind == "missing" or not isinstance(given, (str, int, float)):
        return Fault(place, text)
    written = str(given).lower() if isinstance(given, bool) else repr(given)
    return Fault(place, f"{text} (not {written[:LONGEST_SHOWN]})")


def _unknown(place: Place) -> str:
    key, known = str(place[-1]), _keys(place)
    near = nearest(key, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    return f"unknown key {repr(key)[: LONGEST_SHOWN + 2]}; {hint}"


def _keys(place: Place) -> list[str]:
    """Keys that may stand beside the last one of a place, read off the rows."""
    from gpucost.catalog.rows_base import Row
    from gpucost.catalog.rows_scenario import ScenarioFileRow, ScenarioRow

    def inside(annotation: Any) -> type[Row] | None:
        if isinstance(annotation, type) and issubclass(annotation, Row):
            return annotation
        parts = (inside(part) for part in getattr(annotation, "__args__", ()))
        return next((part for part in parts if part is not None), None)

    row: type[Row] = ScenarioRow if len(place) > 2 else ScenarioFileRow
    for part in place[2:-1]:
        if isinstance(part, str):
            row = inside(row.model_fields[part].annotation) or row
    return list(row.model_fields)


def _contradictions(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Keys of which one is needed, or only one may stand; what is no mapping is told elsewhere."""
    from gpucost.catalog.rows_scenario import ONE_AMOUNT, ONE_MODEL, ModelRow

    for name, scenario in _mapping(data.get(_TOP)).items():
        models = _mapping(scenario).get("models")
        for at, row in enumerate(models if isinstance(models, list) else ()):
            place = (_TOP, name, "models", at)
            given = _given(row, ONE_MODEL)
            if len(given) > 1:
                yield Fault((*place, given[1]), f"{given[0]} names the model already; leave one of them out")
            elif not given and isinstance(row, dict) and set(row) <= set(ModelRow.model_fields):
                yield Fault(place, f"names no model; give one of {', '.join(ONE_MODEL)}")
        given = _given(_mapping(scenario).get("workload"), ONE_AMOUNT)
        for key in given[1:]:
            text = f"{given[0]} says how much comes already; leave one of them out"
            yield Fault((_TOP, name, "workload", key), text)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _given(value: object, keys: Iterable[str]) -> list[str]:
    """Which of the keys have a value, in the order of the file."""
    known = set(keys)
    return [key for key, each in _mapping(value).items() if key in known and each is not None]


def _scenario(name: str, row: Any, folder: Path) -> Scenario:
    """A row as the domain has it; files are seen from the folder of the scenario file."""
    from gpucost.catalog import rows_scenario as rows

    kinds: Mapping[type, type] = {
        rows.ModelRow: ModelChoice,
        rows.WorkloadRow: Workload,
        rows.ConstraintsRow: Constraints,
        rows.BudgetRow: Budget,
        rows.BaselineRow: Baseline,
        rows.SpeculationRow: Speculation,
    }

    def built(value: Any) -> Any:
        if isinstance(value, list):
            return tuple(built(each) for each in value)
        return kinds[type(value)](**given(value)) if type(value) in kinds else value

    def given(value: Any) -> dict[str, Any]:
        """Without what is left out, so that the defaults of the domain hold."""
        return {
            key: str(folder / each) if key in ("config", "trace") else built(each)
            for key in type(value).model_fields
            if (each := getattr(value, key)) is not None
        }

    return Scenario(name=name, **given(row))
