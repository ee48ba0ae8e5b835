from pathlib import Path

import pytest

from gpucost.catalog import locate
from tests.catalog.samples import write_folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own: no overlay of whoever runs the tests, and no cache shared between tests."""
    folder = tmp_path / "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    return folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The miniature catalogue in place of the shipped one."""
    folder = write_folder(tmp_path / "data")
    monkeypatch.setattr(locate, "data_folder", lambda: folder)
    return folder
