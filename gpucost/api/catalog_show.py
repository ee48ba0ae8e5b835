"""Everything that the catalogue says about one thing, and which file and line said it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.api.catalog import computed
from gpucost.api.catalog_prices import Statement, answering, newest_first
from gpucost.api.offers import is_stale
from gpucost.catalog import build, locate
from gpucost.catalog.compile import cited_sources
from gpucost.catalog.names import MAX_NAME, nearest, resolve_gpu, resolve_model, squeeze
from gpucost.catalog.store import Catalog, Entry, load, read_layers
from gpucost.domain.offer import StatedBy
from gpucost.domain.provenance import Source
from gpucost.domain.report import Note, Report
from gpucost.errors import AmbiguousNameError, UnknownNameError, UsageError

Row = Mapping[str, Any]
Found = list[tuple[str, str]]
"""Section and identity of entries."""

_UNITS = (
    ("_gb_per_s", "GB/s"),
    ("gb_per_s_each_way", "GB/s"),
    ("_gib", "GiB"),
    ("_mib", "MiB"),
    ("_gb", "GB"),
    ("_bits", "bit"),
    ("_bytes", "B"),
    ("bytes_per_token", "B"),
    ("_power_w", "W"),
    ("_parameters_b", "10^9 parameters"),
    ("vision.parameters", "parameters"),
    ("max_context", "tokens"),
    ("window", "tokens"),
    ("top_k", "tokens"),
)
_COMPUTED_UNITS = {
    "parameters": "parameters",
    "active_parameters": "parameters",
    "parameters_b": "10^9 parameters",
    "active_parameters_b": "10^9 parameters",
    "kv_bytes_per_token": "B in bf16",
    "effective_bits": "bit",
}


class Fact(NamedTuple):
    """A field of a row; nested ones by their path."""

    field: str
    value: Any
    unit: str
    valid: str = ""
    """From which version and where it holds, or the range around it."""
    note: str = ""


class Place(NamedTuple):
    """A row of a file."""

    file: str
    line: int


class PriceStatement(NamedTuple):
    """A dated price of an offer; `answers` marks those that a search would take today."""

    answers: bool
    as_of: str
    usd: float
    unit: str
    usd_per_hour: float | None
    region: str
    stated_by: str
    stale: bool
    source: str
    file: str
    line: int
    note: str
    refuted: str


class CatalogEntry(NamedTuple):
    """One thing: its row, where it stands, what it replaced, and its sources."""

    section: str
    id: str
    file: str
    line: int
    replaced: tuple[Place, ...]
    facts: tuple[Fact, ...]
    computed: tuple[Fact, ...]
    """What follows from the row."""
    statements: tuple[PriceStatement, ...]
    """Of an offer: newest first."""
    sources: tuple[Source, ...]
    row: Mapping[str, Any]


class ShowResult(NamedTuple):
    """Usually one entry; several where sections share an id."""

    entries: tuple[CatalogEntry, ...]


def show_entry(name: str, *, catalog: Sequence[Path | str] = (), today: date | None = None) -> Report:
    """All that is known under an id, name or alias, in whichever section.

    Raises UnknownNameError with the nearest names, AmbiguousNameError when a short name fits several.
    """
    if not name.strip():
        raise UsageError("the name is empty; give an id such as h100-sxm-80gb")
    if len(name) > MAX_NAME:
        raise UsageError(f"the name is longer than {MAX_NAME} characters")
    overlays = tuple(Path(path) for path in catalog)
    cat = load(overlays)
    found, notes = _find(cat, name)
    below = _Below(overlays)
    now = today or date.today()
    entries = tuple(
        _offer(cat, identity, below, now) if section == "prices" else _entry(cat, section, identity, below)
        for section, identity in found
    )
    return Report(question="catalog show", inputs={"id": name}, result=ShowResult(entries), notes=notes)


def _identity(section: str, row: Row) -> str:
    return str(row["offer" if section == "prices" else "id"])


def _names(section: str, row: Row) -> list[str]:
    own = [_identity(section, row), *row.get("aliases", ())]
    own += [row["name"]] if "name" in row else []
    if section == "models":
        own += [each.rsplit("/", 1)[-1] for each in own]
    return own


def _find(catalog: Catalog, name: str) -> tuple[Found, tuple[Note, ...]]:
    """Entries of that id; else of that name or alias; else what the name can be read as."""
    sections = [section for section in catalog.sections if section != "gpu_names"]
    by_id: Found = []
    by_name: Found = []
    key = squeeze(name)
    for section in sections:
        for entry in catalog.sections[section]:
            row = entry["row"]
            place = (section, _identity(section, row))
            if place[1].lower() == name.lower():
                by_id.append(place)
            elif key and key in map(squeeze, _names(section, row)):
                by_name.append(place)
    if by_id or by_name:
        return list(dict.fromkeys(by_id or by_name)), ()
    loose = _read_as(catalog, name)
    if loose is not None:
        return loose
    known = [
        each
        for section in sections
        for entry in catalog.sections[section]
        for each in _names(section, entry["row"])
    ]
    raise UnknownNameError("catalogue entry", name, nearest(name, known))


def _read_as(catalog: Catalog, name: str) -> tuple[Found, tuple[Note, ...]] | None:
    """A card, an offer of a card, or a model by a loose name."""
    asks: AmbiguousNameError | None = None
    try:
        card = resolve_gpu(catalog, name)
        return [("gpus", card.gpu.id)], _as_notes(card.notes)
    except AmbiguousNameError as error:
        asks = error
    except UnknownNameError:
        pass
    offer = _offer_of_card(catalog, name)
    if offer is not None:
        return [("prices", offer)], _as_notes((f"{name}: read as {offer}",))
    try:
        model = resolve_model(catalog, name)
        return [("models", model.model.id)], _as_notes(model.notes)
    except AmbiguousNameError as error:
        asks = asks or error
    except UnknownNameError:
        pass
    if asks is not None:
        raise asks
    return None


def _as_notes(texts: Iterable[str]) -> tuple[Note, ...]:
    return tuple(Note(text) for text in texts)


def _offer_of_card(catalog: Catalog, name: str) -> str | None:
    """`provider/product/CARD` with a card's name as people write it."""
    parts = name.lower().split("/", 2)
    if len(parts) != 3:
        return None
    product = [row for row in catalog.price_rows() if [row["provider"], row["product"]] == parts[:2]]
    if not product:
        return None
    starting = sorted({row["offer"] for row in product if row["offer"].lower().startswith(name.lower())})
    try:
        card = resolve_gpu(catalog, parts[2]).gpu.id
        starting = sorted({row["offer"] for row in product if card in row.get("gpus", ())}) or starting
    except (AmbiguousNameError, UnknownNameError):
        pass
    if len(starting) > 1:
        raise AmbiguousNameError("offer", name, tuple(starting))
    return starting[0] if starting else None


class _Below:
    """What stands in weaker layers; they are read only when an overlay won."""

    def __init__(self, overlays: tuple[Path, ...]) -> None:
        self._overlays = overlays
        self._labels = frozenset(map(str, locate.overlay_files(overlays)))
        self._layers: list[Mapping[str, list[Entry]]] | None = None

    def replaced(self, section: str, identity: str, winner: str) -> tuple[Place, ...]:
        """Rows of the same identity in other files, weakest layer first."""
        if winner not in self._labels:
            return ()
        if self._layers is None:
            self._layers = read_layers(self._overlays)
        return tuple(
            Place(entry["file"], entry["line"])
            for layer in self._layers
            for entry in layer[section]
            if entry["file"] != winner and _identity(section, entry["row"]).lower() == identity.lower()
        )


def _entry(catalog: Catalog, section: str, identity: str, below: _Below) -> CatalogEntry:
    entry = catalog.entry(section, identity)
    row = entry["row"]
    figures = computed(catalog, section, row)
    return CatalogEntry(
        section=section,
        id=identity,
        file=entry["file"],
        line=entry["line"],
        replaced=below.replaced(section, identity, entry["file"]),
        facts=tuple(_facts(section, row)),
        computed=tuple(
            Fact(key, value, _COMPUTED_UNITS.get(key, "")) for key, value in figures.items() if key not in row
        ),
        statements=(),
        sources=() if section == "sources" else _sources(catalog, [row]),
        row=row,
    )


def _offer(catalog: Catalog, identity: str, below: _Below, today: date) -> CatalogEntry:
    """An offer is shown by the statement that answers; where none does, by the newest."""
    entries = [e for e in catalog.sections["prices"] if e["row"]["offer"] == identity]
    every = newest_first(Statement(build.price(entry["row"]), entry) for entry in entries)
    own = [each for each in every if each.price.stated_by is not StatedBy.SEED]
    answers = answering(own, today=today)
    best = (newest_first(answers) or every)[0]
    entry = best.entry
    return CatalogEntry(
        section="prices",
        id=identity,
        file=entry["file"],
        line=entry["line"],
        replaced=below.replaced("prices", identity, entry["file"]),
        facts=tuple(_facts("prices", entry["row"])),
        computed=(),
        statements=tuple(_statement(each, each in answers, today) for each in every),
        sources=_sources(catalog, [each.entry["row"] for each in every]),
        row=entry["row"],
    )


def _statement(statement: Statement, answers: bool, today: date) -> PriceStatement:
    price, entry = statement
    return PriceStatement(
        answers=answers,
        as_of=price.as_of,
        usd=price.usd,
        unit=price.unit,
        usd_per_hour=price.usd_per_hour,
        region=price.region,
        stated_by=price.stated_by.value,
        stale=is_stale(price.as_of, today),
        source=price.source,
        file=entry["file"],
        line=entry["line"],
        note=price.note,
        refuted=price.refuted,
    )


def unit_of(field: str) -> str:
    """Unit of a field of a row, which its key states; empty for counts and words."""
    if field.startswith(("dense_tflops.", "measured_tflops.")):
        return "TFLOP/s"
    if field.startswith("usd_per_"):
        return "USD/" + field.removeprefix("usd_per_").replace("_", " ").replace("gpu hour", "GPU-hour")
    if field.startswith("part_bits."):
        return "bit"
    return next((unit for ending, unit in _UNITS if field.endswith(ending)), "")


def _facts(section: str, row: Row) -> list[Fact]:
    facts: list[Fact] = []
    for key, value in row.items():
        if section == "engines" and key in ("defaults", "constants"):
            facts += [_of_engine(key, item) for item in value]
        else:
            facts += _flat(key, value)
    return sorted(facts, key=lambda fact: fact.field not in ("id", "offer", "name"))


def _of_engine(key: str, item: Row) -> Fact:
    valid = [f"from {item['since']}"] if "since" in item else []
    valid += [item["when"]] if "when" in item else []
    valid += [f"{item['low']:g} to {item['high']:g}"] if "low" in item and "high" in item else []
    words = [*(str(item[word]) for word in ("method", "note") if word in item), f"source {item['source']}"]
    return Fact(
        field=f"{key}.{item.get('flag') or item['name']}",
        value=item["value"],
        unit=item.get("unit", ""),
        valid=", ".join(valid),
        note="; ".join(words),
    )


def _flat(path: str, value: Any) -> list[Fact]:
    if isinstance(value, Mapping):
        return [fact for key, item in value.items() for fact in _flat(f"{path}.{key}", item)]
    if isinstance(value, list) and (path == "notes" or any(isinstance(item, Mapping) for item in value)):
        return [fact for index, item in enumerate(value) for fact in _flat(f"{path}.{index}", item)]
    return [Fact(path, value, unit_of(path))]


def _sources(catalog: Catalog, rows: Iterable[Row]) -> tuple[Source, ...]:
    cited = [identity for row in rows for identity in cited_sources(row)]
    return tuple(catalog.source(identity) for identity in dict.fromkeys(cited))
