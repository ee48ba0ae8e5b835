from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpucost.catalog import locate
from gpucost.catalog.store import load
from gpucost.errors import DataError
from tests.catalog.samples import GPUS, price

pytestmark = pytest.mark.usefixtures("data")

ALPHA = GPUS[: GPUS.index("  - id: beta-24gb")]


def alpha(memory_gib: float) -> str:
    """The first card as an overlay, without its aliases."""
    return ALPHA.replace("79.5", str(memory_gib)).replace("    aliases: [Alpha]\n", "")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def memory(*overlays: Path) -> float:
    return load(overlays).gpus["alpha-80gb"].memory_bytes / 2**30


def test_an_overlay_replaces_the_whole_row(tmp_path: Path) -> None:
    overlay = write(tmp_path / "mine.yaml", alpha(70))
    cat = load((overlay,))
    assert cat.gpus["alpha-80gb"].aliases == ()
    assert memory(overlay) == 70
    assert cat.entry("gpus", "alpha-80gb")["file"] == str(overlay)
    assert cat.entry("gpus", "alpha-80gb")["line"] == 2
    assert "beta-24gb" in cat.gpus


def test_identities_are_compared_without_case(tmp_path: Path) -> None:
    text = "providers:\n  - {id: acme, name: Acme Two}\n"
    assert load((write(tmp_path / "a.yaml", text),)).providers["acme"].name == "Acme Two"


def test_a_price_overlay_replaces_all_statements_of_its_offer(tmp_path: Path) -> None:
    rows = load((write(tmp_path / "mine.yaml", price()),)).price_rows()
    assert [row["usd_per_hour"] for row in rows if row["offer"] == "acme/cloud/alpha"] == [9.0]
    assert [row["offer"] for row in rows if row["offer"] != "acme/cloud/alpha"] == ["acme/cloud/beta-x2"]


def test_the_order_of_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory() == 79.5
    write(locate.config_folder() / "own.yaml", alpha(71))
    assert memory() == 71
    monkeypatch.setenv("GPUCOST_CATALOG", str(write(tmp_path / "env.yaml", alpha(72))))
    assert memory() == 72
    first, last = write(tmp_path / "first.yaml", alpha(73)), write(tmp_path / "last.yaml", alpha(74))
    assert memory(first) == 73
    assert memory(first, last) == 74
    assert memory(last, first) == 73


def test_the_environment_names_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [write(tmp_path / f"{n}.yaml", alpha(n)) for n in (61, 62)]
    monkeypatch.setenv("GPUCOST_CATALOG", os.pathsep.join(map(str, paths)) + os.pathsep)
    assert memory() == 62


def test_the_configured_folder_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    assert locate.config_folder() == tmp_path / "elsewhere" / "gpucost" / "catalog"


def test_a_folder_is_read_in_order_of_names(tmp_path: Path) -> None:
    write(tmp_path / "over" / "b.yaml", alpha(66))
    write(tmp_path / "over" / "a.yml", alpha(65))
    write(tmp_path / "over" / "c.txt", "not: [read")
    assert memory(tmp_path / "over") == 66


def test_a_named_path_must_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such catalogue file or folder"):
        load((tmp_path / "none.yaml",))


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "gpus: []\n"])
def test_an_empty_overlay_changes_nothing(tmp_path: Path, text: str) -> None:
    assert memory(write(tmp_path / "empty.yaml", text)) == 79.5


def test_faults_of_an_overlay_come_at_once(tmp_path: Path) -> None:
    overlay = write(tmp_path / "mine.yaml", alpha(-1).replace("first", "First Generation"))
    with pytest.raises(DataError) as caught:
        load((overlay,))
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        f"{overlay}:5",
        f"{overlay}:7",
    ]


def test_references_of_an_overlay_are_checked(tmp_path: Path) -> None:
    overlay = write(tmp_path / "mine.yaml", price("acme/cloud/x").replace("alpha-80gb", "gamma-1gb"))
    with pytest.raises(DataError, match="GPU 'gamma-1gb' is not in the catalogue"):
        load((overlay,))


def test_what_was_parsed_is_kept_and_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overlay = write(tmp_path / "mine.yaml", alpha(70))
    assert memory(overlay) == 70
    kept = list(locate.cache_folder().iterdir())
    assert len(kept) == 1
    assert kept[0].suffix == ".json"
    kept[0].write_text(kept[0].read_text(encoding="utf-8").replace("70.0", "60.0"), encoding="utf-8")
    assert memory(overlay) == 60
    write(overlay, alpha(50))
    assert memory(overlay) == 50


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\x00", b'{"gpus": '])
def test_a_damaged_copy_is_ignored(tmp_path: Path, damage: bytes) -> None:
    overlay = write(tmp_path / "mine.yaml", alpha(70))
    memory(overlay)
    next(locate.cache_folder().iterdir()).write_bytes(damage)
    assert memory(overlay) == 70


def test_a_cache_that_cannot_be_written_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(write(tmp_path / "file", "in the way")))
    assert memory(write(tmp_path / "mine.yaml", alpha(70))) == 70


def test_a_read_only_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = locate.cache_folder()
    folder.mkdir(parents=True)
    folder.chmod(0o500)

    def refuse(self: Path, *args: object, **named: object) -> int:
        raise PermissionError(13, "Permission denied", str(self))

    try:
        with monkeypatch.context() as patch:
            overlay = write(tmp_path / "mine.yaml", alpha(70))
            patch.setattr(Path, "write_text", refuse)  # the administrator may write anywhere
            assert memory(overlay) == 70
    finally:
        folder.chmod(0o700)
    assert list(folder.iterdir()) == []
