"""What does the catalogue hold? The rows of a section, with the figures that follow from each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from gpucost.api.catalog_prices import list_prices
from gpucost.api.offers import day_of
from gpucost.catalog import build
from gpucost.catalog.names import CACHE_FORMATS, nearest, several
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.provenance import Confidence
from gpucost.domain.report import Note, Report
from gpucost.errors import UnknownNameError, UsageError
from gpucost.units import BILLION, parse_parameters

Entry = Mapping[str, Any]
Row = dict[str, Any]

SECTIONS = (
    "gpus",
    "models",
    "prices",
    "quantizations",
    "engines",
    "sources",
    "providers",
    "products",
    "terms",
)
_BELONGS = {
    "--vendor": ("gpus",),
    "--architecture": ("gpus",),
    "--min-memory-gib": ("gpus",),
    "--family": ("models",),
    "--max-params": ("models",),
    "--provider": ("prices",),
    "--gpu": ("prices",),
    "--billing": ("prices",),
    "--region": ("prices",),
    "--as-of": ("prices",),
    "--all-dates": ("prices",),
    "--prices": ("prices",),
    "--confidence": ("sources",),
}


class Listing(NamedTuple):
    """Rows of a section as the catalogue states them, with what follows from them, file and line."""

    section: str
    rows: tuple[Mapping[str, Any], ...]


def list_catalog(
    section: str,
    *,
    filter: str | None = None,
    vendor: str | None = None,
    architecture: str | None = None,
    min_memory_gib: float | None = None,
    family: str | None = None,
    max_params: str | float | None = None,
    provider: Sequence[str] | str = (),
    gpu: Sequence[str] | str = (),
    billing: Sequence[str] | str = (),
    region: Sequence[str] | str = (),
    as_of: str | None = None,
    all_dates: bool = False,
    prices: str = "catalog",
    confidence: str | None = None,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """The rows of one section that pass the filters.

    Prices are those that answer on `as_of` (today unless given), one per offer and region, or every
    dated statement with `all_dates`. Nothing found is an answer of "no".

    Raises UsageError for a filter of another section and UnknownNameError for a value that no row has.
    """
    given: dict[str, object] = {
        "--vendor": vendor,
        "--architecture": architecture,
        "--min-memory-gib": min_memory_gib,
        "--family": family,
        "--max-params": max_params,
        "--provider": several(provider) or None,
        "--gpu": several(gpu) or None,
        "--billing": several(billing) or None,
        "--region": several(region) or None,
        "--as-of": as_of,
        "--all-dates": all_dates or None,
        "--prices": None if prices == "catalog" else prices,
        "--confidence": confidence,
    }
    used = {flag: value for flag, value in given.items() if value is not None}
    _check(section, used)
    cat = opened(catalog)
    now = today or date.today()
    notes: tuple[Note, ...] = ()
    if section == "prices":
        rows, notes = list_prices(cat, used, as_of=as_of, seeds=prices == "seeds", today=now)
    else:
        keep = {"gpus": _gpu_filter, "models": _model_filter, "sources": _source_filter}.get(section)
        entries = cat.sections[section]
        rows = [_full(cat, section, entry) for entry in (keep(entries, used) if keep else entries)]
        if max_params is not None:
            limit = _parameters(str(max_params))
            rows = [row for row in rows if row["parameters"] <= limit]
    if filter is not None:
        rows = [row for row in rows if _mentions(row, filter)]
    if not rows:
        notes += (Note(f"no {_WORDS.get(section, section)} of the catalogue pass these filters"),)
    inputs = {
        "section": section,
        "filter": filter,
        **{flag[2:].replace("-", "_"): value for flag, value in used.items()},
    }
    if section == "prices" and not all_dates:
        inputs["as_of"] = day_of(as_of, now).isoformat()
    return Report(
        question="catalog list",
        inputs=inputs,
        result=Listing(section, tuple(rows)),
        notes=notes,
        answered_no=not rows,
    )


_WORDS = {"gpus": "GPUs", "quantizations": "weight formats"}


def _check(section: str, used: Mapping[str, object]) -> None:
    if section not in SECTIONS:
        raise UnknownNameError("section", section, nearest(section, list(SECTIONS)) or SECTIONS)
    for flag in used:
        if section not in _BELONGS[flag]:
            raise UsageError(f"{flag} filters {' and '.join(_BELONGS[flag])}, not {section}; leave it out")
    if "--as-of" in used and "--all-dates" in used:
        raise UsageError("--as-of asks for the statements of one day, --all-dates for all; give one of them")
    if used.get("--prices", "seeds") != "seeds":
        raise UnknownNameError("--prices", str(used["--prices"]), ("catalog", "seeds"))


def _parameters(text: str) -> int:
    try:
        return parse_parameters(text)
    except ValueError as error:
        raise UsageError(f"--max-params: {error}") from None


def _mentions(row: Mapping[str, Any], text: str) -> bool:
    named = [row.get(key, "") for key in ("id", "offer", "name", "sku", "title", "publisher")]
    return any(text.casefold() in str(each).casefold() for each in (*named, *row.get("aliases", ())))


def _with_value(entries: Iterable[Entry], key: str, kind: str, value: object) -> list[Entry]:
    """Entries whose `key` is `value`. Raises UnknownNameError when the catalogue has no such value."""
    if value is None:
        return list(entries)
    wanted, rows = str(value).lower(), list(entries)
    known = sorted({str(entry["row"][key]) for entry in rows})
    if wanted not in {each.lower() for each in known}:
        near = nearest(str(value), known) or tuple(known[:8])
        raise UnknownNameError(kind, str(value), near)
    return [entry for entry in rows if str(entry["row"][key]).lower() == wanted]


def _gpu_filter(entries: Iterable[Entry], used: Mapping[str, Any]) -> list[Entry]:
    every = list(entries)
    kept = _with_value(every, "vendor", "vendor", used.get("--vendor"))
    right = {id(e) for e in _with_value(every, "architecture", "architecture", used.get("--architecture"))}
    least = used.get("--min-memory-gib", 0.0)
    if not (isfinite(least) and least >= 0):
        raise UsageError(f"--min-memory-gib must be 0 or more, not {least}")
    return [entry for entry in kept if id(entry) in right and entry["row"]["memory_gib"] >= least]


def _model_filter(entries: Iterable[Entry], used: Mapping[str, Any]) -> list[Entry]:
    kept = _with_value(entries, "family", "family", used.get("--family"))
    return sorted(kept, key=lambda entry: str(entry["row"]["id"]).lower())


def _source_filter(entries: Iterable[Entry], used: Mapping[str, Any]) -> list[Entry]:
    value = used.get("--confidence")
    known = [word.value for word in Confidence if word is not Confidence.USER]
    if value is not None and value.lower() not in known:
        raise UnknownNameError("confidence", value, tuple(known))
    kept = [e for e in entries if value is None or e["row"]["confidence"] == value.lower()]
    return sorted(kept, key=lambda entry: str(entry["row"]["id"]).lower())


def computed(catalog: Catalog, section: str, row: Row) -> Row:
    """Figures that follow from a row, under names of their own."""
    return _COMPUTED[section](catalog, row) if section in _COMPUTED else {}


def _full(catalog: Catalog, section: str, entry: Entry) -> Row:
    row = entry["row"]
    return {**row, **computed(catalog, section, row), "file": entry["file"], "line": entry["line"]}


def _of_gpu(catalog: Catalog, row: Row) -> Row:
    return {"notes_count": len(row.get("notes", ()))}


def _of_model(catalog: Catalog, row: Row) -> Row:
    from gpucost.calc.kv_cache import cache_specs, kv_bytes_per_token
    from gpucost.calc.tensors import active_parameters, total_parameters

    model = build.model(row)
    total, active = total_parameters(model), active_parameters(model)
    return {
        "native_quantization": model.native_quantization,
        "parameters": total,
        "active_parameters": active,
        "parameters_b": total / BILLION,
        "active_parameters_b": active / BILLION,
        "kv_bytes_per_token": kv_bytes_per_token(cache_specs(model, cache=CACHE_FORMATS["bf16"], tp=1)),
    }


def _of_quantization(catalog: Catalog, row: Row) -> Row:
    return {"effective_bits": build.quantization(row).effective_bits}


def _of_engine(catalog: Catalog, row: Row) -> Row:
    flags = {item["flag"] for item in row.get("defaults", ())}
    return {"flags_count": len(flags), "constants_count": len(row.get("constants", ()))}


def _of_provider(catalog: Catalog, row: Row) -> Row:
    stated = (price for price in catalog.price_rows() if price["provider"] == row["id"])
    return {"offers_count": len({price["offer"] for price in stated})}


def _of_product(catalog: Catalog, row: Row) -> Row:
    return {"per_card": row.get("per_card", False), "serves": row.get("serves", True)}


_COMPUTED: Mapping[str, Callable[[Catalog, Row], Row]] = {
    "gpus": _of_gpu,
    "models": _of_model,
    "quantizations": _of_quantization,
    "engines": _of_engine,
    "providers": _of_provider,
    "products": _of_product,
}
