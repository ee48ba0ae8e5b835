"""Is `data/catalog.json` what `data/*.yaml` says? `python -m tests.repo.compiled` ends with 1 when not."""

import sys

from gpucost.catalog import locate
from gpucost.catalog.compile import compile_folder, compiled_text
from gpucost.errors import DataError

REMEDY = "data/catalog.json is stale; run: python -m gpucost.catalog.compile"


def is_current() -> bool:
    """Whether a fresh compile gives the file byte by byte. Raises DataError for wrong rows."""
    folder = locate.data_folder()
    shipped = (folder / locate.COMPILED).read_text(encoding="utf-8")
    return shipped == compiled_text(compile_folder(folder))


def main() -> int:
    """Check, and say what to do."""
    try:
        if is_current():
            return 0
    except (DataError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(REMEDY, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
