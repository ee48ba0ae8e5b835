"""Checksums of the catalogue: by content, without the folders of a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpucost.catalog import locate
from gpucost.catalog.pinned import checksums
from gpucost.catalog.store import load

pytestmark = pytest.mark.usefixtures("data")


def overlay(path: Path, name: str = "Acme Two") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"providers:\n  - {{id: acme, name: {name}}}\n", encoding="utf-8")
    return path


def test_every_file_of_the_data_is_named() -> None:
    folder = locate.data_folder()
    files = [path.relative_to(folder).as_posix() for path in locate.yaml_files(folder)]
    assert list(checksums(load())) == files


def test_a_changed_file_has_another_checksum() -> None:
    before = checksums(load())
    path = locate.yaml_files(locate.data_folder())[0]
    path.write_text(path.read_text(encoding="utf-8") + "# a comment\n", encoding="utf-8")
    after = checksums(load())
    assert [file for file in before if before[file] != after[file]] == [path.name]


def test_overlays_go_by_their_names(tmp_path: Path) -> None:
    files = (overlay(tmp_path / "a" / "mine.yaml"), overlay(tmp_path / "b" / "mine.yaml", "Acme"))
    found = checksums(load(files))
    assert list(found)[-2:] == ["overlay/mine.yaml", "overlay/mine.yaml (2)"]
    assert str(tmp_path) not in str(found)
    assert found["overlay/mine.yaml"] != found["overlay/mine.yaml (2)"]
    assert checksums(load(files[:1])) == {k: v for k, v in found.items() if "(2)" not in k}
