"""The layers of the catalogue apart: what stands below a row that an overlay replaced."""

from pathlib import Path

from gpucost.catalog import locate
from gpucost.catalog.compile import Plain, compile_folder, read_layer
from gpucost.errors import DataError


def overlay_labels(overlays: tuple[Path, ...]) -> frozenset[str]:
    """Names under which the rows of the user's files stand in the catalogue."""
    return frozenset(str(path) for path in locate.overlay_files(overlays))


def read_layers(overlays: tuple[Path, ...]) -> list[Plain]:
    """The shipped rows, then one layer for every overlay file, weakest first.

    Raises DataError with all faults of the files at once.
    """
    shipped: Plain = compile_folder(locate.data_folder())["sections"]
    read = [read_layer([path], None) for path in locate.overlay_files(overlays)]
    faults = [fault for _, found in read for fault in found]
    if faults:
        raise DataError("\n".join(faults))
    return [shipped, *(plain for plain, _ in read)]
