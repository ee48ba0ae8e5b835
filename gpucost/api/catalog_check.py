"""Are the catalogue's files right?"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from gpucost.catalog import check, locate
from gpucost.catalog.compile import SECTIONS
from gpucost.domain.report import Note, Report
from gpucost.errors import DataError


class SectionCount(NamedTuple):
    """Rows of a section."""

    section: str
    shipped: int
    overlays: int


class CheckResult(NamedTuple):
    """What was checked and found right."""

    files: tuple[str, ...]
    """Overlay files; the shipped ones are always checked."""
    sections: tuple[SectionCount, ...]


def check_catalog(
    paths: Sequence[Path | str] = (), *, catalog: Sequence[Path | str] = (), today: date | None = None
) -> Report:
    """Check the shipped YAML with the configured overlays, or with the files and folders of `paths`.

    Raises DataError with all faults at once, a line each: `file:line: field: what to do`.
    """
    if paths:
        files = locate.named_files(Path(path) for path in (*catalog, *paths))
    else:
        files = locate.overlay_files(tuple(Path(path) for path in catalog))
    found = check.check(files, today=today or date.today(), shipped=not paths)
    faults = list(found.faults)
    if not faults and not paths:
        stale = check.stale_copy(locate.data_folder())
        faults += [stale] if stale else []
    if faults:
        raise DataError("\n".join(faults))
    shipped, *overlays = found.layers
    return Report(
        question="catalog check",
        inputs={"paths": [str(path) for path in paths]},
        result=CheckResult(
            files=tuple(str(path) for path in files),
            sections=tuple(
                SectionCount(
                    section,
                    len(shipped.rows[section]),
                    sum(len(layer.rows[section]) for layer in overlays),
                )
                for section in SECTIONS
            ),
        ),
        notes=tuple(Note(text, "warning") for text in found.warnings),
    )
