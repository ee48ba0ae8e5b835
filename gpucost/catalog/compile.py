"""YAML rows to plain data: checks everything at once and writes the shipped `catalog.json`.

Plain data keeps the rows' own keys and units, so that the compiled file says what the YAML says; the
conversion to core units happens in `build.py`, once, for both.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gpucost.catalog import locate
from gpucost.catalog.yamlio import YamlDocument, read_yaml
from gpucost.errors import DataError

SECTIONS = (
    "sources",
    "gpus",
    "gpu_names",
    "models",
    "quantizations",
    "engines",
    "providers",
    "products",
    "prices",
    "billing",
    "scaling",
    "features",
    "cold_starts",
    "terms",
    "memory_cases",
    "speed_constants",
    "speed_bands",
    "speed_folds",
    "benchmarks",
    "training_constants",
    "training_runs",
)
Entry = dict[str, Any]
"""One row: `file`, `line` and `row`."""
Plain = dict[str, list[Entry]]


def fingerprint(files: Iterable[Path], root: Path) -> dict[str, int]:
    """Checksum of every file by its name below `root`: a stale compiled catalogue is found, not trusted."""
    return {path.relative_to(root).as_posix(): zlib.crc32(path.read_bytes()) for path in files}


def validate_document(document: YamlDocument, label: str) -> tuple[Plain, list[str]]:
    """Rows of one file, and its faults as `file:line: field: what to do`."""
    from pydantic import ValidationError

    from gpucost.catalog.rows import CatalogFile

    plain: Plain = {section: [] for section in SECTIONS}
    if document.data is None:
        return plain, []
    if not isinstance(document.data, dict):
        return plain, [f"{label}:1: the file must map section names ({', '.join(SECTIONS)}) to lists of rows"]
    try:
        checked = CatalogFile.model_validate(document.data)
    except ValidationError as error:
        return plain, [_fault(document, label, item) for item in error.errors(include_url=False)]
    for section in SECTIONS:
        for index, row in enumerate(getattr(checked, section)):
            values = row.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
            plain[section].append({"file": label, "line": document.line((section, index)), "row": values})
    return plain, []


def _fault(document: YamlDocument, label: str, item: Any) -> str:
    location = tuple(item["loc"])
    section = str(location[0]) if location else ""
    name = ".".join(str(part) for part in location)
    if len(location) > 1 and isinstance(location[1], int):
        rows = document.data.get(section)
        if isinstance(rows, list) and len(rows) > location[1] and isinstance(rows[location[1]], dict):
            identity = rows[location[1]].get("id") or rows[location[1]].get("offer")
            if identity:
                name = ".".join([section, str(identity), *(str(part) for part in location[2:])])
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = "unknown key; remove it or correct its spelling"
    elif item["type"] == "missing":
        message = "missing; add it"
    given = item.get("input")
    shown = (
        f" (not {given!r})"
        if isinstance(given, (str, int, float, bool)) and item["type"] != "missing"
        else ""
    )
    return f"{label}:{document.line(location)}: {name}: {message}{shown}"[:400]


def merge(layers: Iterable[Mapping[str, list[Entry]]]) -> Plain:
    """Layers from weakest to strongest: a whole row replaces the whole row of the same identity.

    For prices the identity is the offer: a layer that states prices of an offer replaces all
    statements of that offer below it.
    """
    result: Plain = {section: [] for section in SECTIONS}
    for layer in layers:
        for section in SECTIONS:
            if not layer[section]:
                continue
            key = {"prices": "offer", "gpu_names": "name"}.get(section, "id")
            replaced = {entry["row"][key].lower() for entry in layer[section]}
            kept = [entry for entry in result[section] if entry["row"][key].lower() not in replaced]
            result[section] = kept + layer[section]
    return result


def cross_check(plain: Plain) -> list[str]:
    """Faults between rows: identities that stand twice in one layer, references that lead nowhere."""
    faults: list[str] = []
    sources = {entry["row"]["id"] for entry in plain["sources"]}
    gpus = {entry["row"]["id"] for entry in plain["gpus"]}
    products = {entry["row"]["id"] for entry in plain["billing"]}
    for section in SECTIONS:
        if section == "prices":
            continue
        seen: dict[str, str] = {}
        for entry in plain[section]:
            identity = str(entry["row"].get("id") or entry["row"].get("name")).lower()
            place = f"{entry['file']}:{entry['line']}"
            if identity in seen:
                faults.append(
                    f"{place}: {section}.{identity}: stands twice (first at {seen[identity]}); remove one"
                )
            seen.setdefault(identity, place)
    for section in SECTIONS:
        for entry in plain[section]:
            faults += _dangling(section, entry, sources, gpus)
    models = {entry["row"]["id"] for entry in plain["models"]}
    for entry in plain["training_runs"]:
        model = entry["row"].get("model")
        if model is not None and model not in models:
            faults.append(
                f"{entry['file']}:{entry['line']}: training_runs.{entry['row']['id']}: "
                f"model {model!r} is not in the catalogue; add it, or write model_stated"
            )
    for entry in plain["scaling"]:
        if (product := entry["row"]["id"]) not in products:
            faults.append(
                f"{entry['file']}:{entry['line']}: scaling.{product}: product {product!r} is not declared; "
                "add it under billing"
            )
    return faults


_SOURCE_KEYS = ("source", "settings_source", "sources", "memory_sources", "quality_sources")


def cited_sources(row: Mapping[str, Any]) -> list[str]:
    """Ids of the sources that a row cites, those of its defaults and constants included."""
    cited: list[str] = []
    for part in (
        row,
        *row.get("defaults", ()),
        *row.get("constants", ()),
        *row.get("speed", ()),
        *row.get("terms", ()),
        *row.get("plans", ()),
    ):
        for key in _SOURCE_KEYS:
            value = part.get(key, ())
            cited += [value] if isinstance(value, str) else value
    return cited


def _dangling(section: str, entry: Entry, sources: set[str], gpus: set[str]) -> list[str]:
    row, place = entry["row"], f"{entry['file']}:{entry['line']}"
    name = row.get("id") or row.get("offer") or row.get("name")
    faults = [
        f"{place}: {section}.{name}: source {source!r} is not declared; add it under sources"
        for source in cited_sources(row)
        if source not in sources
    ]
    named = [*row.get("gpus", [])] if section == "prices" else []
    if section == "training_runs" and "gpu" in row:
        named = [row["gpu"]]
    if section == "gpu_names":
        named = [*row.get("choices", []), *([row["gpu"]] if "gpu" in row else [])]
    faults += [
        f"{place}: {section}.{name}: GPU {gpu!r} is not in the catalogue" for gpu in named if gpu not in gpus
    ]
    return faults


def read_layer(files: Iterable[Path], root: Path | None) -> tuple[Plain, list[str]]:
    """Rows of several files as one layer, with every fault of every file."""
    plain: Plain = {section: [] for section in SECTIONS}
    faults: list[str] = []
    for path in files:
        label = path.relative_to(root).as_posix() if root else str(path)
        try:
            document = read_yaml(path)
        except DataError as error:
            faults.append(str(error))
            continue
        rows, found = validate_document(document, label)
        faults += found
        for section in SECTIONS:
            plain[section] += rows[section]
    return plain, faults


def compile_folder(folder: Path) -> dict[str, Any]:
    """The whole catalogue of a folder as plain data. Raises DataError with all faults at once."""
    files = locate.yaml_files(folder)
    plain, faults = read_layer(files, folder)
    faults += cross_check(plain)
    if faults:
        raise DataError("\n".join(faults))
    return {"files": fingerprint(files, folder), "sections": plain}


def write_compiled(folder: Path) -> Path:
    """Compile a folder and write its `catalog.json`."""
    target = folder / locate.COMPILED
    target.write_text(compiled_text(compile_folder(folder)), encoding="utf-8")
    return target


def compiled_text(compiled: dict[str, Any]) -> str:
    """A JSON object with one section to a line, so that a reader can parse only what it needs."""
    sections = compiled["sections"]
    lines = [f'{{"files":{_compact(compiled["files"])}']
    lines += [f'"{section}":{_compact(sections[section])}' for section in SECTIONS]
    return ",\n".join(lines) + "}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


if __name__ == "__main__":
    write_compiled(locate.data_folder())
