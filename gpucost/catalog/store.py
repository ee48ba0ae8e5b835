"""The catalogue in memory: shipped rows under the user's overlays, domain objects on demand.

The shipped rows come from `catalog.json` when its checksums match the YAML files beside it, else from
the YAML itself (slower, never stale). Overlays are parsed once and kept as JSON in the cache folder,
named by a hash of their content.
"""

import json
import os
import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpucost.catalog import build, locate
from gpucost.catalog.remember import remember
from gpucost.domain.engine import Engine
from gpucost.domain.hardware import Gpu
from gpucost.domain.model import Model
from gpucost.domain.offer import Provider
from gpucost.domain.provenance import Source
from gpucost.domain.quantization import Quantization
from gpucost.errors import DataError

if TYPE_CHECKING:
    from gpucost.domain.rules import Rule
    from gpucost.domain.scaling import Scaling

Entry = dict[str, Any]
MOST_ROWS = 1024
"""Domain objects of one kind that are kept."""


class Catalog:
    """Rows by section; every domain object is built once, when first asked for."""

    def __init__(self, sections: Mapping[str, list[Entry]], overlays: Sequence[Path] = ()) -> None:
        """`overlays`: the files that were laid over the shipped rows, weakest first."""
        self.sections, self.overlays = sections, tuple(overlays)
        self.remembered: dict[Hashable, Callable[..., Any]] = {}
        """Answers that `remember` keeps."""

    def entry(self, section: str, identity: str) -> Entry:
        """Row with the file and line that won. Raises KeyError."""
        for entry in self.sections[section]:
            if entry["row"].get("id") == identity:
                return entry
        raise KeyError(identity)

    @cached_property
    def source_rows(self) -> dict[str, dict[str, Any]]:
        """Rows of sources by id; `source` builds one."""
        return {entry["row"]["id"]: entry["row"] for entry in self.sections["sources"]}

    @remember(MOST_ROWS)
    def source(self, identity: str) -> Source:
        """One source by its id. Raises KeyError."""
        return build.source(self.source_rows[identity])

    @cached_property
    def gpus(self) -> dict[str, Gpu]:
        """GPUs by id."""
        return {entry["row"]["id"]: build.gpu(entry["row"]) for entry in self.sections["gpus"]}

    @cached_property
    def model_rows(self) -> dict[str, dict[str, Any]]:
        """Model rows by id; `model` builds one."""
        return {entry["row"]["id"]: entry["row"] for entry in self.sections["models"]}

    @remember(MOST_ROWS)
    def model(self, identity: str) -> Model:
        """One model by its exact id. Raises KeyError."""
        return build.model(self.model_rows[identity])

    @cached_property
    def quantization_rows(self) -> dict[str, dict[str, Any]]:
        """Rows of weight formats by id; `quantization` builds one."""
        return {entry["row"]["id"]: entry["row"] for entry in self.sections["quantizations"]}

    @remember(MOST_ROWS)
    def quantization(self, identity: str) -> Quantization:
        """One weight format by its exact id. Raises KeyError."""
        return build.quantization(self.quantization_rows[identity])

    @cached_property
    def engine_rows(self) -> dict[str, dict[str, Any]]:
        """Rows of engines by id; `engine` builds one."""
        return {entry["row"]["id"]: entry["row"] for entry in self.sections["engines"]}

    @remember(MOST_ROWS)
    def engine(self, identity: str) -> Engine:
        """One engine by its exact id. Raises KeyError."""
        return build.engine(self.engine_rows[identity])

    @cached_property
    def providers(self) -> dict[str, Provider]:
        """Providers by id."""
        return {entry["row"]["id"]: build.provider(entry["row"]) for entry in self.sections["providers"]}

    def price_rows(self, *, seeds: bool = False) -> list[dict[str, Any]]:
        """Rows of all dated statements, or of what the seeds state (many of those are refuted)."""
        rows = [entry["row"] for entry in self.sections["prices"]]
        return [row for row in rows if (row["stated_by"] == "seed") == seeds]

    @cached_property
    def billing_rows(self) -> dict[str, dict[str, Any]]:
        """Rows of billing rules by `provider/product`; `rule` builds one."""
        return {entry["row"]["id"]: entry["row"] for entry in self.sections["billing"]}

    def rule(self, product: str) -> "Rule":
        """How a product bills. Raises KeyError."""
        from gpucost.catalog.build_rules import rule  # most questions ask for none

        return rule(self.billing_rows[product])

    @cached_property
    def scaling_rows(self) -> dict[str, dict[str, Any]]:
        """Rows of how products scale by `provider/product`; `scaling` builds one."""
        return {entry["row"]["id"]: entry["row"] for entry in self.sections["scaling"]}

    def scaling(self, product: str) -> "Scaling":
        """How a product starts, stops and chooses its workers; all unknown where no row says it."""
        from gpucost.catalog.build_rules import scaling

        return scaling(product, self.scaling_rows.get(product), self.billing_rows.get(product))

    @cached_property
    def per_card_products(self) -> frozenset[str]:
        """`provider/product` ids whose price is per card, several to a machine."""
        return frozenset(e["row"]["id"] for e in self.sections["products"] if e["row"].get("per_card", False))

    @cached_property
    def not_training(self) -> frozenset[str]:
        """`provider/product` ids that no job of one's own can be run at: hosted models, single hosts."""
        return frozenset(
            e["row"]["id"]
            for e in self.sections["products"]
            if not e["row"].get("trains", e["row"].get("serves", True))
        )

    @cached_property
    def not_serving(self) -> frozenset[str]:
        """`provider/product` ids that nobody can serve from: other services, snapshots of single hosts."""
        return frozenset(
            e["row"]["id"] for e in self.sections["products"] if not e["row"].get("serves", True)
        )


class _Lines(Mapping[str, list[Entry]]):
    """Sections of the compiled file, each parsed when first asked for."""

    def __init__(self, lines: dict[str, bytes]) -> None:
        self._lines = lines
        self._parsed: dict[str, list[Entry]] = {}

    def __getitem__(self, section: str) -> list[Entry]:
        if section not in self._parsed:
            self._parsed[section] = json.loads(self._lines[section].rstrip(b",}"))
        return self._parsed[section]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def _current(sums: dict[str, int], folder: Path, compiled_at: int) -> bool:
    """Whether the compiled file holds what the YAML files say; only newer ones are read to find out.

    Plain strings instead of paths: this runs before every answer.
    """
    root = str(folder)
    found = 0
    for place, _, names in os.walk(root):
        for name in names:
            if not name.endswith((".yaml", ".yml")):
                continue
            found += 1
            path = os.path.join(place, name)
            label = path[len(root) + 1 :].replace(os.sep, "/")
            if label not in sums:
                return False
            if os.stat(path).st_mtime_ns > compiled_at:
                with open(path, "rb") as file:
                    if zlib.crc32(file.read()) != sums[label]:
                        return False
    return found == len(sums)


def _shipped(folder: Path) -> Mapping[str, list[Entry]]:
    compiled = folder / locate.COMPILED
    if compiled.is_file():
        first, *rest = compiled.read_bytes().rstrip().split(b"\n")
        sums = first.removeprefix(b'{"files":').removesuffix(b",")
        if _current(json.loads(sums), folder, compiled.stat().st_mtime_ns):
            named = (line.partition(b'":') for line in rest)
            return _Lines({name[1:].decode(): text for name, _, text in named})
    from gpucost.catalog.compile import compile_folder

    fresh: dict[str, list[Entry]] = compile_folder(folder)["sections"]
    return fresh


def _overlay(path: Path) -> dict[str, list[Entry]]:
    from hashlib import blake2b

    from gpucost import __version__
    from gpucost.catalog.compile import SECTIONS, read_layer

    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    name = blake2b(content + str(path).encode() + __version__.encode(), digest_size=16).hexdigest()
    cached = locate.cache_folder() / f"overlay-{name}.json"
    try:
        known = json.loads(cached.read_bytes())
    except (OSError, ValueError):
        known = None
    if isinstance(known, dict) and known.keys() == set(SECTIONS):
        return known
    plain, faults = read_layer([path], None)
    if faults:
        raise DataError("\n".join(faults))
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        partial = cached.with_suffix(".partial")
        partial.write_text(json.dumps(plain), encoding="utf-8")
        partial.replace(cached)
    except OSError:
        pass  # a read-only home costs the next run some time, nothing else
    return plain


def read_layers(overlays: tuple[Path, ...]) -> list[Mapping[str, list[Entry]]]:
    """The shipped rows, then those of every overlay file, weakest first. Raises DataError."""
    return [_shipped(locate.data_folder()), *map(_overlay, locate.overlay_files(overlays))]


def opened(catalog: Sequence[Path | str] | Catalog) -> Catalog:
    """The catalogue as given, or the shipped one under overlays. Raises DataError for wrong files."""
    return catalog if isinstance(catalog, Catalog) else load(tuple(Path(path) for path in catalog))


def load(overlays: tuple[Path, ...] = ()) -> Catalog:
    """The catalogue with the user's overlays on top.

    Raises DataError with all faults of the files at once.
    """
    base, *extra = read_layers(overlays)
    if not extra:
        return Catalog(base)
    from gpucost.catalog.compile import cross_check, merge

    merged = merge([base, *extra])
    faults = cross_check(merged)
    if faults:
        raise DataError("\n".join(faults))
    return Catalog(merged, locate.overlay_files(overlays))
