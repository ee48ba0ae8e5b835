"""A scenario of a file, its names looked up in the catalogue: all faults at once, with their lines."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from gpucost.api.flags import check_provider, check_region, modes_of
from gpucost.api.ledger import Ledger
from gpucost.api.offers import day_of
from gpucost.api.request import parse_slo
from gpucost.api.traffic_asked import Amount, Asked, Shape, month_hours, traffic_of
from gpucost.catalog.names import resolve_engine, resolve_gpu, resolve_model, resolve_quantization
from gpucost.catalog.scenario_file import (
    Fault,
    Place,
    ScenarioFile,
    is_of_another_version,
    listed,
    scenarios_of,
    split_name,
    structure_faults,
)
from gpucost.catalog.store import Catalog
from gpucost.catalog.yamlio import YamlDocument, read_yaml
from gpucost.domain.scenario import Scenario, Workload
from gpucost.errors import UsageError
from gpucost.units import parse_parameters

EACH = "*"
"""Stands for every item of a list."""


def open_scenario(text: str | Path, catalog: Catalog) -> Scenario:
    """The scenario that `FILE` or `FILE:NAME` means.

    Raises DataError with all faults of the file, those of its names included; UsageError where several
    scenarios are in it and none is named, UnknownNameError for one that is not.
    """
    path, name = split_name(text)
    return checked(read_yaml(path), catalog).pick(name)


def checked(document: YamlDocument, catalog: Catalog) -> ScenarioFile:
    """The scenarios of a file that was read. Raises DataError with all its faults."""
    structure = structure_faults(document)
    faults = [*structure, *scenario_faults(document, catalog, structure)]
    if faults:
        raise listed(document, faults)
    return scenarios_of(document)


def scenario_faults(document: YamlDocument, catalog: Catalog, structure: Iterable[Fault]) -> list[Fault]:
    """Names that the catalogue does not know, files that are not there, and limits that cannot be read.

    Reads what is there as it is, so that these faults show beside those of the structure.
    """
    data = document.data if isinstance(document.data, dict) else {}
    if is_of_another_version(data):
        return []
    scenarios = data.get("scenarios")
    wrong = {fault.place[:3] for fault in structure}
    faults = []
    for name, scenario in (scenarios if isinstance(scenarios, dict) else {}).items():
        top: Place = ("scenarios", name)
        for pattern, look_up in _checks(catalog, document.path.parent).items():
            for place, value in _at(scenario, pattern.split(".")):
                if isinstance(value, str) and value:
                    text = _refusal(look_up, value)
                    faults += [Fault((*top, *place), text)] if text else []
        if isinstance(scenario, dict) and not {(*top, "workload"), top} & wrong:
            load = scenario["workload"]
            given = {key: each for key, each in load.items() if each is not None}
            text = _refusal(lambda asked: traffic_at(Workload(**asked), catalog), given)
            faults += [Fault((*top, "workload"), text)] if text else []
    return faults


def traffic_at(load: Workload, catalog: Catalog) -> Asked:
    """The traffic of a workload, with its mean rate [requests/s] where that is given, not left to a trace.

    Raises UsageError for keys of different patterns.
    """
    amount = Amount(load.requests_per_month, load.requests_per_day, load.requests_per_second)
    shape = Shape(load.pattern, load.burst_size, load.burst_interval_s, load.peak_to_mean, load.hours)
    return traffic_of(Ledger(catalog), amount, shape, month_hours=month_hours(None))


def lengths_in(trace: Path) -> frozenset[str]:
    """Which of `input_tokens` and `output_tokens` a trace has itself. Raises DataError for another file."""
    from gpucost.io.trace import columns_in

    found = columns_in(trace)
    return frozenset(name for name in ("input_tokens", "output_tokens") if getattr(found, name))


def _checks(catalog: Catalog, folder: Path) -> Mapping[str, Callable[[str], object]]:
    """What makes sense of a text, by the place of the text in a scenario."""

    def model(name: str) -> object:
        return resolve_model(catalog, name)

    def quantization(name: str) -> object:
        return resolve_quantization(catalog, name)

    def gpu(name: str) -> object:
        return resolve_gpu(catalog, name)

    def engine(name: str) -> object:
        return resolve_engine(catalog, name)

    def provider(name: str) -> None:
        check_provider(catalog, name)

    def region(name: str) -> None:
        check_region(catalog.price_rows(), name)

    def file(name: str) -> None:
        if not os.path.exists(folder / name):
            raise UsageError(f"no such file: {folder / name}")

    return {
        "models.*.model": model,
        "models.*.params": parse_parameters,
        "models.*.config": file,
        "models.*.quantizations.*": quantization,
        "workload.trace": file,
        "slo.*": parse_slo,
        "constraints.providers.*": provider,
        "constraints.regions.*": region,
        "constraints.gpus.*": gpu,
        "constraints.engines.*": engine,
        "constraints.billing.*": lambda name: modes_of((name,)),
        "budget.providers.*": provider,
        "baseline.gpu": gpu,
        "baseline.quantization": quantization,
        "baseline.engine": engine,
        "speculation.draft_model": model,
        "as_of": lambda text: day_of(text, date.min),
    }


def _at(data: Any, pattern: list[str]) -> Iterator[tuple[Place, Any]]:
    """Places that a pattern fits, and what stands there."""
    if not pattern:
        yield (), data
        return
    head, rest = pattern[0], pattern[1:]
    items: list[tuple[str | int, Any]] = []
    if head == EACH and isinstance(data, list):
        items = list(enumerate(data))
    elif head != EACH and isinstance(data, dict) and head in data:
        items = [(head, data[head])]
    for key, value in items:
        yield from (((key, *place), found) for place, found in _at(value, rest))


def _refusal(look_up: Callable[[Any], object], value: Any) -> str | None:
    """Why a value cannot be used, in the words of the flags, whose names are those of the keys."""
    try:
        look_up(value)
    except (UsageError, ValueError) as error:
        return re.sub(r"--([a-z][a-z-]*)", lambda flag: flag[1].replace("-", "_"), str(error))
    return None
