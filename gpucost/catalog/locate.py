"""Where catalogue files are: the shipped data, and the user's overlays."""

import os
from collections.abc import Iterable
from pathlib import Path

from gpucost.errors import DataError

COMPILED = "catalog.json"
ENVIRONMENT = "GPUCOST_CATALOG"


def data_folder() -> Path:
    """The shipped data: inside the package when installed, at the top of the tree when editable."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def yaml_files(folder: Path) -> list[Path]:
    """YAML files below a folder, in a stable order."""
    return sorted(
        path for path in folder.rglob("*.y*ml") if path.suffix in (".yaml", ".yml") and path.is_file()
    )


def config_folder() -> Path:
    """The user's own catalogue folder, read when it exists."""
    base = os.environ.get("APPDATA") if os.name == "nt" else os.environ.get("XDG_CONFIG_HOME")
    return Path(base or Path.home() / ".config") / "gpucost" / "catalog"


def cache_folder() -> Path:
    """Where parsed overlays are kept; losing it costs time only."""
    base = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "gpucost"


def named_files(paths: Iterable[Path]) -> list[Path]:
    """YAML files that paths name. Raises DataError for a path that does not exist."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += yaml_files(path)
        elif path.is_file():
            found.append(path)
        else:
            raise DataError(f"{path}: no such catalogue file or folder; give a YAML file or a folder of them")
    return found


def overlay_files(paths: tuple[Path, ...]) -> list[Path]:
    """Overlay files from weakest to strongest: user folder, GPUCOST_CATALOG, --catalog in order.

    Raises DataError for a named path that does not exist.
    """
    named = [Path(part) for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]
    folder = config_folder()
    own = yaml_files(folder) if folder.is_dir() else []
    return own + named_files((*named, *paths))
