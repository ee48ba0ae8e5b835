"""What rows cannot say about themselves: names, dates and references that hold only between rows.

Every fault is one line, `file:line: field: what to do`. A faulty row hides no other: the rest of its
file is checked too, and what it declares counts as declared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.catalog import build, locate
from gpucost.catalog.compile import (
    SECTIONS,
    Entry,
    Plain,
    compile_folder,
    compiled_text,
    cross_check,
    merge,
    validate_document,
)
from gpucost.catalog.names import _gpu_key, squeeze
from gpucost.catalog.yamlio import YamlDocument, read_yaml
from gpucost.domain.quantization import PART_GROUPS, PARTS
from gpucost.errors import DataError


class Layer(NamedTuple):
    """Good rows of some files, their faults, and the ids of rows that are faulty."""

    rows: Plain
    faults: list[str]
    stated: frozenset[str] = frozenset()
    unread: bool = False
    """A file could not be parsed, so that nobody knows what it declares."""


class Checked(NamedTuple):
    """Faults and warnings, and the good rows of each layer."""

    faults: list[str]
    warnings: list[str]
    layers: list[Layer]


def check(overlays: Iterable[Path], *, today: date, shipped: bool = True) -> Checked:
    """Every fault of the shipped files under overlay files, weakest first.

    Without `shipped`, faults and warnings that the shipped files have on their own are left out.
    """
    folder = locate.data_folder()
    base = read(locate.yaml_files(folder), folder)
    found = _check([base, *(read([path], None) for path in overlays)], today)
    if shipped:
        return found
    own = _check([base], today)
    return found._replace(
        faults=[fault for fault in found.faults if fault not in own.faults],
        warnings=[text for text in found.warnings if text not in own.warnings],
    )


def _check(layers: list[Layer], today: date) -> Checked:
    merged = merge(layer.rows for layer in layers)
    stated = frozenset(identity for layer in layers for identity in layer.stated)
    unread = any(layer.unread for layer in layers)
    faults = [fault for layer in layers for fault in layer.faults]
    faults += [fault for fault in cross_check(merged) if not _explained(fault, stated, unread)]
    faults += [fault for fault in _semantic(merged) if not _explained(fault, stated, unread)]
    return Checked(sorted(faults, key=_place), list(_future(merged, today)), layers)


def _place(fault: str) -> tuple[str, int]:
    """File and line by which faults are ordered."""
    found = re.match(r"(.*?):(\d+): ", fault)
    return (found[1], int(found[2])) if found else (fault, 0)


def stale_copy(folder: Path) -> str | None:
    """What to do when the compiled copy does not say what the YAML files say.

    Raises DataError when the YAML files do not compile.
    """
    compiled = folder / locate.COMPILED
    if not compiled.is_file():
        return f"{locate.COMPILED} is missing; run python -m gpucost.catalog.compile"
    if compiled.read_text(encoding="utf-8") != compiled_text(compile_folder(folder)):
        return f"{locate.COMPILED} is older than the YAML; run python -m gpucost.catalog.compile"
    return None


def read(files: Iterable[Path], root: Path | None) -> Layer:
    """Files as one layer, faulty rows left out."""
    rows: Plain = {section: [] for section in SECTIONS}
    faults: list[str] = []
    stated: set[str] = set()
    unread = False
    for path in files:
        label = path.relative_to(root).as_posix() if root else str(path)
        try:
            document = read_yaml(path)
        except DataError as error:
            faults.append(str(error))
            unread = True
            continue
        plain, found = validate_document(document, label)
        if found:
            faults += found
            good, ids = _without_faults(document)
            stated |= ids
            plain, _ = validate_document(good, label)
        for section in SECTIONS:
            rows[section] += plain[section]
    return Layer(rows, faults, frozenset(stated), unread)


def _without_faults(document: YamlDocument) -> tuple[YamlDocument, set[str]]:
    """The document without its faulty rows, and the ids that these rows state."""
    from pydantic import ValidationError

    from gpucost.catalog.rows import CatalogFile

    good = YamlDocument(document.path, {}, {})
    if not isinstance(document.data, dict):
        return good, set()
    try:
        CatalogFile.model_validate(document.data)
    except ValidationError as error:
        bad = {tuple(item["loc"][:2]) for item in error.errors(include_url=False)}
    ids: set[str] = set()
    for section, rows in document.data.items():
        if (section,) in bad or not isinstance(rows, list):
            continue
        kept: list[Any] = []
        for index, row in enumerate(rows):
            if (section, index) in bad:
                if isinstance(row, dict) and isinstance(row.get("id"), str):
                    ids.add(row["id"])
                continue
            good.lines[(section, len(kept))] = document.line((section, index))
            kept.append(row)
        good.data[section] = kept
    return good, ids


_REFERENCE = (
    r"(?:source|GPU|model|provider|product|format|engine|term) '([^']*)' is not (?:declared|in the catalogue)"
)


def _explained(fault: str, stated: frozenset[str], unread: bool) -> bool:
    """Whether a missing reference is only the consequence of another fault."""
    found = re.search(_REFERENCE, fault)
    return found is not None and (unread or found[1] in stated)


def _at(entry: Entry, section: str, field: str, text: str) -> str:
    row = entry["row"]
    name = row.get("id") or row.get("offer") or row.get("name")
    where = f"{section}.{name}" + (f".{field}" if field else "")
    return f"{entry['file']}:{entry['line']}: {where}: {text}"


def _future(plain: Plain, today: date) -> Iterator[str]:
    day = today.isoformat()
    for entry in plain["prices"]:
        as_of = entry["row"]["as_of"]
        if as_of[:1].isdigit() and as_of > day[: len(as_of)]:
            yield _at(
                entry, "prices", "as_of", f"{as_of} is in the future; no answer before that day uses it"
            )


def _semantic(plain: Plain) -> Iterator[str]:
    for section in ("sources", "prices", "providers"):
        for entry in plain[section]:
            yield from _dates(section, entry)
    yield from _offers(plain)
    yield from _engines(plain)
    yield from _formats(plain)
    yield from _terms(plain)
    yield from _same_name(plain, "models", _model_keys)
    yield from _same_name(plain, "gpus", lambda row: {_gpu_key(each) for each in _own_names(row)})
    yield from _hidden(plain)
    for section in ("quantizations", "engines"):
        yield from _same_name(plain, section, lambda row: {squeeze(each) for each in _own_names(row)})


def _dates(section: str, entry: Entry) -> Iterator[str]:
    for field in ("as_of", "ended"):
        text = entry["row"].get(field, "unknown")
        parts = text.split("-")
        if parts[0].isdigit():
            try:
                date(*(int(part) for part in (*parts, "1", "1")[:3]))
            except ValueError:
                yield _at(entry, section, field, f"there is no day {text}; write YYYY-MM-DD, YYYY-MM or YYYY")


def _offers(plain: Plain) -> Iterator[str]:
    providers = {entry["row"]["id"] for entry in plain["providers"]}
    for entry in plain["prices"]:
        row = entry["row"]
        if row["provider"] not in providers:
            text = f"provider {row['provider']!r} is not declared; add it under providers"
            yield _at(entry, "prices", "provider", text)
        start = f"{row['provider']}/{row['product']}/"
        if not row["offer"].startswith(start):
            yield _at(entry, "prices", "offer", f"let the offer's id start with {start}")


def _engines(plain: Plain) -> Iterator[str]:
    for entry in plain["engines"]:
        row = entry["row"]
        stated = [("latest", row["latest"])]
        stated += [(f"defaults.{item['flag']}.since", item.get("since")) for item in row.get("defaults", ())]
        stated += [
            (f"constants.{item['name']}.since", item.get("since")) for item in row.get("constants", ())
        ]
        for field, text in stated:
            try:
                build.version(text)
            except ValueError:
                yield _at(entry, "engines", field, f"{text!r} is no version; write MAJOR.MINOR, such as 0.11")


def _formats(plain: Plain) -> Iterator[str]:
    formats = {entry["row"]["id"] for entry in plain["quantizations"]}
    engines = {entry["row"]["id"] for entry in plain["engines"]}
    words = {*PARTS, *PART_GROUPS, "all"}
    for entry in plain["quantizations"]:
        row = entry["row"]
        for pattern in row.get("name_patterns", ()):
            try:
                re.compile(pattern, re.IGNORECASE)
            except re.error as error:
                text = f"{pattern!r} is no regular expression ({error}); correct it"
                yield _at(entry, "quantizations", "name_patterns", text)
        for part in {*row["parts"], *row.get("part_bits", ())} - words:
            text = f"{part!r} is no tensor part; write one of {', '.join(sorted(words))}"
            yield _at(entry, "quantizations", "parts", text)
        for engine in set(row["engines"]) - engines:
            text = f"engine {engine!r} is not declared; add it under engines"
            yield _at(entry, "quantizations", "engines", text)
    for entry in plain["models"]:
        native = entry["row"].get("native_quantization", "bf16")
        if native not in formats:
            text = f"format {native!r} is not declared; write the id of a quantization"
            yield _at(entry, "models", "native_quantization", text)


def _terms(plain: Plain) -> Iterator[str]:
    terms = {entry["row"]["id"] for entry in plain["terms"]}
    for entry in plain["terms"]:
        for word in entry["row"].get("see", ()):
            if word not in terms:
                yield _at(entry, "terms", "see", f"term {word!r} is not declared; add it under terms")


def _own_names(row: dict[str, Any]) -> list[str]:
    return [row["id"], row["name"], *row.get("aliases", ())]


def _model_keys(row: dict[str, Any]) -> set[str]:
    return {squeeze(form) for each in _own_names(row) for form in (each, each.rsplit("/", 1)[-1])}


def _same_name(plain: Plain, section: str, keys: Callable[[dict[str, Any]], set[str]]) -> Iterator[str]:
    """Names by which two rows answer, so that asking for one of them fails or gives the other."""
    first: dict[str, Entry] = {}
    for entry in plain[section]:
        for key in sorted(keys(entry["row"])):
            other = first.setdefault(key, entry)
            if other["row"]["id"].lower() != entry["row"]["id"].lower():
                place = f"{other['row']['id']} at {other['file']}:{other['line']}"
                text = f"the name {key!r} is also that of {place}; keep it in one of them"
                yield _at(entry, section, "aliases", text)


def _hidden(plain: Plain) -> Iterator[str]:
    """Names of cards that never answer, because a misleading name of `gpu_names` comes first."""
    misleading = {_gpu_key(entry["row"]["name"]): entry for entry in plain["gpu_names"]}
    for entry in plain["gpus"]:
        for name in _own_names(entry["row"]):
            other = misleading.get(_gpu_key(name))
            if other is not None and other["row"].get("gpu") != entry["row"]["id"]:
                text = (
                    f"{name!r} is caught by gpu_names at {other['file']}:{other['line']}; remove one of them"
                )
                yield _at(entry, "gpus", "aliases", text)
