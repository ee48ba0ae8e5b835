from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pytest

from gpucost.catalog import check, locate
from gpucost.catalog.compile import compile_folder, compiled_text, write_compiled
from gpucost.catalog.store import load
from gpucost.errors import DataError
from tests.catalog.samples import FORMATS, GPUS, SOURCES, price

TODAY = date(2026, 11, 21)


def faults(data: Path, *overlays: Path) -> list[str]:
    return check.check(overlays, today=TODAY).faults


def test_the_shipped_copy_says_what_the_yaml_says() -> None:
    folder = locate.data_folder()
    assert compiled_text(compile_folder(folder)) == (folder / "catalog.json").read_text(encoding="utf-8")


def test_rows_keep_their_file_and_line(data: Path) -> None:
    sections = compile_folder(data)["sections"]
    assert [(entry["file"], entry["line"]) for entry in sections["gpus"]] == [
        ("gpus.yaml", 2),
        ("gpus.yaml", 15),
    ]
    assert sections["prices"][0]["file"] == "prices/acme.yaml"


def test_the_compiled_copy_gives_the_same_catalogue(data: Path) -> None:
    before = {section: list(rows) for section, rows in load().sections.items()}
    write_compiled(data)
    assert {section: load().sections[section] for section in before} == before


def test_a_compiled_copy_that_is_older_is_not_trusted(data: Path) -> None:
    compiled = write_compiled(data)
    (data / "gpus.yaml").write_text(GPUS.replace("79.5", "70.5"), encoding="utf-8")
    newer = compiled.stat().st_mtime_ns + 10**9
    os.utime(data / "gpus.yaml", ns=(newer, newer))
    assert load().gpus["alpha-80gb"].memory_bytes == round(70.5 * 2**30)
    assert (
        check.stale_copy(data) == "catalog.json is older than the YAML; run python -m gpucost.catalog.compile"
    )


def test_a_new_file_is_seen(data: Path) -> None:
    write_compiled(data)
    (data / "more.yaml").write_text("providers:\n  - {id: other, name: Other}\n", encoding="utf-8")
    assert "other" in load().providers


def test_a_missing_copy_is_reported(data: Path) -> None:
    assert check.stale_copy(data) == "catalog.json is missing; run python -m gpucost.catalog.compile"
    write_compiled(data)
    assert check.stale_copy(data) is None


def test_the_compiled_file_has_one_section_to_a_line(data: Path) -> None:
    text = write_compiled(data).read_text(encoding="utf-8")
    assert set(json.loads(text)) >= {"files", "gpus", "prices"}
    assert all(line.startswith(('{"files"', '"')) for line in text.splitlines())


BAD_ROWS = [
    (
        "memory_gib: 79.5",
        "memory_gib: 79.5\n    memory: 79.5",
        9,
        "gpus.alpha-80gb.memory: unknown key; remove it or correct its spelling",
    ),
    ("    memory_gib: 79.5\n", "", 2, "gpus.alpha-80gb.memory_gib: missing; add it"),
    ("memory_gib: 79.5", "memory_gib: -1", 8, "gpus.alpha-80gb.memory_gib: Input should be greater than 0"),
    ("memory_gib: 79.5", "memory_gib: .nan", 8, "gpus.alpha-80gb.memory_gib: Input should be a valid number"),
    ("memory_gib: 79.5", "memory_gib: .inf", 8, "gpus.alpha-80gb.memory_gib: Input should be a valid number"),
    ("memory_gib: 79.5", "memory_gib: 1:30", 8, "gpus.alpha-80gb.memory_gib: Input should be a valid number"),
    (
        "memory_gib: 79.5",
        "memory_gib: '79.5'",
        8,
        "gpus.alpha-80gb.memory_gib: Input should be a valid number",
    ),
    ("memory_gib: 79.5", "memory_gib: true", 8, "gpus.alpha-80gb.memory_gib: Input should be a valid number"),
    ("memory_gib: 79.5", f"memory_gib: 1{'0' * 38}e400", 8, "gpus.alpha-80gb.memory_gib: Input should be a"),
    ("vendor: nvidia", "vendor: nvidea", 5, "gpus.alpha-80gb.vendor: Input should be 'nvidia'"),
    (
        "{bf16: 900, fp8: 1800}",
        "{bf16: 0}",
        11,
        "gpus.alpha-80gb.dense_tflops.bf16: Input should be greater than 0",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "line", "text"), BAD_ROWS)
def test_a_wrong_row(data: Path, right: str, wrong: str, line: int, text: str) -> None:
    (data / "gpus.yaml").write_text(GPUS.replace(right, wrong, 1), encoding="utf-8")
    found = [fault for fault in faults(data) if fault.startswith("gpus.yaml")]
    assert len(found) == 1
    assert found[0].startswith(f"gpus.yaml:{line}: {text}")


@pytest.mark.parametrize(
    ("unit", "given"),
    [
        ("usd_per_hour: 1.0\n    usd_per_second: 1.0", "usd_per_second, usd_per_hour"),
        ("note: no price", "none"),
    ],
)
def test_a_price_is_one_price(data: Path, unit: str, given: str) -> None:
    (data / "prices" / "b.yaml").write_text(price("acme/cloud/b", unit=unit), encoding="utf-8")
    assert faults(data) == [
        f"prices/b.yaml:2: prices.acme/cloud/b: give exactly one of usd_per_…, not {given}"
    ]


def test_a_price_of_zero_is_no_price(data: Path) -> None:
    (data / "prices" / "b.yaml").write_text(price("acme/cloud/b", unit="usd_per_hour: 0"), encoding="utf-8")
    assert "greater than 0" in faults(data)[0]


def test_a_date_must_exist(data: Path) -> None:
    text = price("acme/cloud/b").replace("2026-10-01", "2026-02-30")
    (data / "prices" / "b.yaml").write_text(text, encoding="utf-8")
    assert faults(data) == [
        "prices/b.yaml:2: prices.acme/cloud/b.as_of: there is no day 2026-02-30; "
        "write YYYY-MM-DD, YYYY-MM or YYYY"
    ]


def test_all_faults_of_all_files_at_once(data: Path) -> None:
    (data / "gpus.yaml").write_text(GPUS.replace("79.5", "-1").replace("amd", "amt"), encoding="utf-8")
    wrong = price("acme/cloud/b", extra="    colour: red\n").replace("source: datasheet", "source: nowhere")
    (data / "prices" / "b.yaml").write_text(wrong, encoding="utf-8")
    (data / "prices" / "c.yaml").write_text("prices: &all []\n", encoding="utf-8")
    found = faults(data)
    assert [fault.split(": ", 1)[0].rpartition("/")[2] for fault in found] == [
        "c.yaml:1",
        "gpus.yaml:8",
        "gpus.yaml:17",
        "b.yaml:12",
    ]


def test_a_faulty_row_hides_no_other_and_counts_as_declared(data: Path) -> None:
    (data / "gpus.yaml").write_text(GPUS.replace("79.5", "-1"), encoding="utf-8")
    (data / "prices" / "b.yaml").write_text(price("acme/other/b"), encoding="utf-8")
    assert [fault.split(": ", 1)[0] for fault in faults(data)] == ["gpus.yaml:8", "prices/b.yaml:2"]


def test_compile_refuses_what_check_finds(data: Path) -> None:
    (data / "gpus.yaml").write_text(GPUS.replace("79.5", "-1"), encoding="utf-8")
    with pytest.raises(DataError, match=r"gpus\.yaml:8"):
        compile_folder(data)


def test_a_row_that_stands_twice(data: Path) -> None:
    (data / "again.yaml").write_text(SOURCES, encoding="utf-8")
    assert faults(data) == [
        "sources.yaml:2: sources.datasheet: stands twice (first at again.yaml:2); remove one"
    ]


SEMANTIC = [
    (GPUS, "sources: [datasheet]", "sources: [nowhere]", "source 'nowhere' is not declared"),
    (
        GPUS,
        "name: AMD Beta 24GB",
        "name: AMD Beta 24GB\n    aliases: [alpha]",
        "the name 'alpha' is also that of alpha-80gb",
    ),
    (FORMATS, "family: tiny", "family: tiny\n    native_quantization: bf61", "format 'bf61' is not declared"),
    (FORMATS, 'since: "0.9"', "since: nine", "'nine' is no version; write MAJOR.MINOR"),
    (FORMATS, 'latest: "1.2"', "latest: newest", "'newest' is no version; write MAJOR.MINOR"),
    (FORMATS, "parts: [all]", "parts: [all], name_patterns: ['(']", "'(' is no regular expression"),
    (FORMATS, "parts: [all]", "parts: [al]", "'al' is no tensor part"),
    (FORMATS, "engines: [engine-a]", "engines: [engine-b]", "engine 'engine-b' is not declared"),
]


@pytest.mark.parametrize(("file", "right", "wrong", "text"), SEMANTIC)
def test_what_only_rows_together_show(data: Path, file: str, right: str, wrong: str, text: str) -> None:
    name = "gpus.yaml" if file is GPUS else "formats.yml"
    (data / name).write_text(file.replace(right, wrong, 1), encoding="utf-8")
    found = faults(data)
    assert len(found) == 1
    assert text in found[0]
    assert found[0].startswith(f"{name}:")


def test_two_models_of_one_name(data: Path) -> None:
    second = FORMATS[FORMATS.index("models:") :].replace("maker/Tiny-1B", "other/Tiny-1B")
    (data / "second.yaml").write_text(second, encoding="utf-8")
    assert "the name 'tiny1b' is also that of maker/Tiny-1B at formats.yml:12" in faults(data)[0]


@pytest.mark.parametrize(
    ("offer", "text"),
    [
        ("other/cloud/b", "let the offer's id start with acme/cloud/"),
        ("acme/b", "let the offer's id start with acme/cloud/"),
    ],
)
def test_an_offer_is_named_after_its_product(data: Path, offer: str, text: str) -> None:
    (data / "prices" / "b.yaml").write_text(price(offer), encoding="utf-8")
    assert text in faults(data)[0]


def test_the_provider_of_an_offer_is_declared(data: Path) -> None:
    (data / "prices" / "b.yaml").write_text(price().replace("acme", "emca"), encoding="utf-8")
    assert faults(data) == [
        "prices/b.yaml:2: prices.emca/cloud/alpha.provider: provider 'emca' is not declared; "
        "add it under providers"
    ]


def test_a_price_of_the_future_is_a_warning(data: Path) -> None:
    (data / "prices" / "b.yaml").write_text(
        price("acme/cloud/b").replace("2026-10-01", "2026-12"), encoding="utf-8"
    )
    found = check.check((), today=TODAY)
    assert found.faults == []
    assert found.warnings == [
        "prices/b.yaml:2: prices.acme/cloud/b.as_of: 2026-12 is in the future; "
        "no answer before that day uses it"
    ]


def test_a_name_that_gpu_names_catches(data: Path) -> None:
    misleading = (
        "gpu_names:\n  - {name: Alpha, choices: [beta-24gb], note: two cards, sources: [datasheet]}\n"
    )
    (data / "names.yaml").write_text(misleading, encoding="utf-8")
    assert "'Alpha' is caught by gpu_names at names.yaml:2" in faults(data)[0]


def test_the_miniature_itself_is_right(data: Path) -> None:
    assert check.check((), today=TODAY)[:2] == ([], [])
