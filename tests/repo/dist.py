"""What the wheel and the sdist must hold. `python -m tests.repo.dist FOLDER` checks a built pair."""

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WHEEL_NEEDS = (
    "gpucost/py.typed",
    "gpucost/__main__.py",
    "gpucost/data/catalog.json",
    "gpucost/data/gpus.yaml",
)
SDIST_NEEDS = (
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "gpucost/__init__.py",
    "data/catalog.json",
    "tests/test_repository.py",
    "examples/01-size-70b/README.md",
)
JUNK = ("__pycache__", ".venv", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")


def data_files() -> set[str]:
    """YAML files and the compiled catalogue, by their names below data/."""
    folder = ROOT / "data"
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.y*ml")} | {"catalog.json"}


def wheel_names(path: Path) -> set[str]:
    """Files of a wheel."""
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def sdist_names(path: Path) -> set[str]:
    """Files of an sdist, without the folder that they all lie in."""
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def wheel_faults(names: set[str]) -> list[str]:
    """What a wheel lacks, and what it holds and should not."""
    needed = {*WHEEL_NEEDS, *(f"gpucost/data/{name}" for name in data_files())}
    faults = [f"wheel lacks {name}" for name in sorted(needed - names)]
    for name in sorted(names):
        top = name.partition("/")[0]
        if top != "gpucost" and not top.endswith(".dist-info"):
            faults.append(f"wheel holds {name}")
        if name.startswith("gpucost/data/") and name.endswith(".py"):
            faults.append(f"wheel holds code below data: {name}")
    return faults + _junk("wheel", names)


def sdist_faults(names: set[str]) -> list[str]:
    """What an sdist lacks, and what it holds and should not."""
    needed = {*SDIST_NEEDS, *(f"data/{name}" for name in data_files())}
    faults = [f"sdist lacks {name}" for name in sorted(needed - names)]
    return faults + _junk("sdist", names)


def _junk(kind: str, names: set[str]) -> list[str]:
    return [f"{kind} holds {name}" for name in sorted(names) if set(JUNK) & set(name.split("/"))]


def check(folder: Path) -> list[str]:
    """Faults of the one wheel and the one sdist in a folder."""
    wheels, sdists = list(folder.glob("*.whl")), list(folder.glob("*.tar.gz"))
    if len(wheels) != 1 or len(sdists) != 1:
        return [f"{folder} must hold one wheel and one sdist, not {len(wheels)} and {len(sdists)}"]
    return wheel_faults(wheel_names(wheels[0])) + sdist_faults(sdist_names(sdists[0]))


def main(words: list[str]) -> int:
    """Check a folder and print its faults."""
    faults = check(Path(words[0]))
    for fault in faults:
        print(fault, file=sys.stderr)
    print("wheel and sdist hold what they should" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
