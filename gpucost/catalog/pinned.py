"""Which catalogue answered: a checksum of every file of it, for a lock."""

from gpucost.catalog import locate
from gpucost.catalog.compile import fingerprint
from gpucost.catalog.store import Catalog

OVERLAY = "overlay"


def checksums(catalog: Catalog) -> dict[str, str]:
    """CRC-32 in hexadecimal by file of the shipped data, then by name of each overlay, weakest first.

    Overlays go by their bare names, so that one lock holds on every machine.
    """
    folder = locate.data_folder()
    sums = fingerprint(locate.yaml_files(folder), folder)
    for path in catalog.overlays:
        (crc,) = fingerprint([path], path.parent).values()
        name = place = f"{OVERLAY}/{path.name}"
        number = 1
        while place in sums:
            number += 1
            place = f"{name} ({number})"
        sums[place] = crc
    return {name: f"{crc:08x}" for name, crc in sums.items()}
