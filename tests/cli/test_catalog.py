from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gpucost.api.catalog import list_catalog
from gpucost.api.catalog_check import check_catalog
from gpucost.api.catalog_show import ShowResult, show_entry, unit_of
from gpucost.catalog import locate
from gpucost.catalog.compile import write_compiled
from gpucost.cli.app import run
from gpucost.errors import AmbiguousNameError, DataError, UnknownNameError, UsageError
from tests.catalog.samples import GPUS, price, write_folder

TODAY = date(2026, 11, 21)
SECTIONS = [
    "gpus",
    "models",
    "prices",
    "quantizations",
    "engines",
    "sources",
    "providers",
    "products",
    "terms",
]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_folder(tmp_path / "data")
    write_compiled(folder)
    monkeypatch.setattr(locate, "data_folder", lambda: folder)
    return folder


def rows(section: str, **filters: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in list_catalog(section, today=TODAY, **filters).result.rows]


def shown(name: str, *overlays: Path) -> ShowResult:
    found: ShowResult = show_entry(name, catalog=overlays, today=TODAY).result
    return found


def answer(capsys: Capture, *words: str) -> Any:
    assert run(["catalog", *words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_listing_in_every_format(section: str, capsys: Capture) -> None:
    found = answer(capsys, "list", section)["result"]["rows"]
    assert found
    assert all(row["file"].endswith(".yaml") and row["line"] > 0 for row in found)
    assert run(["catalog", "list", section, "--format", "csv"]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(table) == len(found)
    for kind in ("table", "markdown"):
        assert run(["catalog", "list", section, "--format", kind]) == 0
        text = capsys.readouterr().out
        assert all(str(row.get("id") or row["offer"]).partition("@")[0] in text for row in found[:3])


def test_csv_headers_are_paths_of_the_json(capsys: Capture) -> None:
    assert run(["catalog", "list", "gpus", "--format", "csv"]) == 0
    header = next(csv.reader(io.StringIO(capsys.readouterr().out)))
    row = answer(capsys, "list", "gpus", "--filter", "h100-sxm-80gb")["result"]["rows"][0]
    for path in header:
        value: Any = row
        for key in path.split("."):
            value = value[key]
        assert value is not None


def test_cards_by_their_facts(data: Path) -> None:
    assert [row["id"] for row in rows("gpus")] == ["alpha-80gb", "beta-24gb"]
    assert [row["id"] for row in rows("gpus", vendor="AMD")] == ["beta-24gb"]
    assert [row["id"] for row in rows("gpus", architecture="first")] == ["alpha-80gb"]
    assert [row["id"] for row in rows("gpus", min_memory_gib=24)] == ["alpha-80gb"]
    assert [row["id"] for row in rows("gpus", filter="ALPH")] == ["alpha-80gb"]
    assert rows("gpus", vendor="amd", architecture="first") == []


def test_models_have_their_computed_sizes(data: Path) -> None:
    row = rows("models", family="tiny", max_params="1B")[0]
    attention = 16 * (1024 * 1024 * 2 + 2 * 1024 * 256)
    assert row["parameters"] == attention + 16 * 3 * 1024 * 4096 + 32000 * 1024 + 33 * 1024
    assert row["kv_bytes_per_token"] == 16 * 2 * 4 * 64 * 2
    assert row["native_quantization"] == "bf16"
    assert rows("models", max_params="0.1") == []


def test_the_newest_price_answers(data: Path) -> None:
    assert [(row["offer"], row["usd"], row["as_of"]) for row in rows("prices")] == [
        ("acme/cloud/alpha", 1.5, "2026-09-01"),
        ("acme/cloud/beta-x2", 0.25, "2026-09-01"),
    ]
    assert [row["usd_per_hour"] for row in rows("prices")] == [1.5, 0.5]
    assert [row["stale"] for row in rows("prices")] == [False, False]


def test_the_price_of_a_day(data: Path) -> None:
    then = rows("prices", as_of="2026-06-01")
    assert [(row["usd"], row["stale"]) for row in then] == [(2.0, False)]
    assert rows("prices", as_of="2026-01-01") == []


def test_all_dated_prices(data: Path) -> None:
    assert [row["as_of"] for row in rows("prices", all_dates=True, gpu="Alpha")] == [
        "2026-09-01",
        "2026-05-01",
    ]


def test_prices_by_their_facts(data: Path) -> None:
    assert [row["offer"] for row in rows("prices", billing="spot")] == ["acme/cloud/beta-x2"]
    assert [row["offer"] for row in rows("prices", gpu=["alpha"])] == ["acme/cloud/alpha"]
    assert len(rows("prices", provider="ACME", region="global")) == 2
    assert rows("prices", prices="seeds") == []


def test_the_shipped_seeds_are_a_listing_of_their_own() -> None:
    seeds = rows("prices", prices="seeds", all_dates=True)
    assert seeds
    assert {row["stated_by"] for row in seeds} == {"seed"}
    assert "seed" not in {row["stated_by"] for row in rows("prices", all_dates=True)}
    assert list_catalog("prices", prices="seeds", today=TODAY).notes[0].level == "warning"


WRONG: list[tuple[str, dict[str, Any], type[UsageError], str]] = [
    ("gpu", {}, UnknownNameError, "did you mean gpus"),
    ("gpus", {"vendor": "nvida"}, UnknownNameError, "did you mean nvidia"),
    ("gpus", {"architecture": "hoper"}, UnknownNameError, "did you mean hopper"),
    ("gpus", {"min_memory_gib": float("nan")}, UsageError, "must be 0 or more"),
    ("gpus", {"min_memory_gib": -1.0}, UsageError, "must be 0 or more"),
    ("gpus", {"as_of": "2026"}, UsageError, "--as-of filters prices, not gpus"),
    ("models", {"family": "lama"}, UnknownNameError, "did you mean llama"),
    ("models", {"max_params": "many"}, UsageError, "--max-params: 'many'"),
    ("models", {"gpu": "h100"}, UsageError, "--gpu filters prices, not models; leave it out"),
    ("prices", {"as_of": "yesterday"}, UsageError, "--as-of takes a date"),
    ("prices", {"as_of": "2026-02-30"}, UsageError, "--as-of takes a date"),
    ("prices", {"as_of": "2026-1-1"}, UsageError, "--as-of takes a date"),
    ("prices", {"as_of": "2026-01-01", "all_dates": True}, UsageError, "give one of them"),
    ("prices", {"provider": "runpd"}, UnknownNameError, "did you mean runpod"),
    ("prices", {"region": "nowhere"}, UnknownNameError, "unknown region"),
    ("prices", {"billing": "free"}, UnknownNameError, "did you mean flex"),
    ("prices", {"gpu": "hh100"}, UnknownNameError, "did you mean H100"),
    ("prices", {"gpu": "a100"}, AmbiguousNameError, "a100-sxm-80gb"),
    ("prices", {"prices": "all"}, UnknownNameError, "did you mean catalog, seeds"),
    ("sources", {"confidence": "sure"}, UnknownNameError, "measured, published, estimated"),
]


@pytest.mark.parametrize(("section", "filters", "kind", "text"), WRONG)
def test_a_wrong_question(section: str, filters: dict[str, Any], kind: type[UsageError], text: str) -> None:
    with pytest.raises(kind, match=text):
        rows(section, **filters)


def test_nothing_found_is_an_answer_of_no(capsys: Capture) -> None:
    assert run(["catalog", "list", "gpus", "--filter", "no such card"]) == 1
    assert "no GPUs of the catalogue pass these filters" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["list"], ["list", "cards"], ["show"], ["show", "nonsense-xyz"], ["nope"], ["show", ""]]
)
def test_wrong_words_exit_with_2(words: list[str], capsys: Capture) -> None:
    assert run(["catalog", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err


def test_one_bare_value(capsys: Capture) -> None:
    assert run(["catalog", "show", "h100-sxm-80gb", "--field", "result.entries.0.row.vendor"]) == 0
    assert capsys.readouterr().out == "nvidia\n"


def test_an_output_file(tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "gpus.json"
    assert run(["catalog", "list", "gpus", "--format", "json", "--output", str(target)]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads(target.read_text(encoding="utf-8"))["question"] == "catalog list"


@pytest.mark.parametrize(
    ("name", "section", "identity"),
    [
        ("h100-sxm-80gb", "gpus", "h100-sxm-80gb"),
        ("NVIDIA GeForce RTX 4090", "gpus", "rtx-4090-24gb"),
        ("A6000 Ada", "gpus", "rtx-6000-ada-48gb"),
        ("meta-llama/Llama-3.1-8B", "models", "meta-llama/Llama-3.1-8B"),
        ("llama-3.3-70b-instruct-fp8", "models", "meta-llama/Llama-3.3-70B-Instruct"),
        ("Q4_K_M", "quantizations", "q4-k-m"),
        ("vLLM", "engines", "vllm"),
        ("runpod", "providers", "runpod"),
        ("runpod/flex", "products", "runpod/flex"),
        ("runpod/flex/h100-80gb", "prices", "runpod/flex/h100-80gb"),
        ("runpod/flex/h100", "prices", "runpod/flex/h100-80gb"),
        ("runpod-pricing-2026-09-28", "sources", "runpod-pricing-2026-09-28"),
        ("kv-pool", "terms", "kv-pool"),
    ],
)
def test_anything_is_shown_by_its_name(name: str, section: str, identity: str, capsys: Capture) -> None:
    entry = shown(name).entries[0]
    assert (entry.section, entry.id) == (section, identity)
    assert entry.line > 0
    assert run(["catalog", "show", name]) == 0
    text = capsys.readouterr().out
    assert f"{section}: {identity}" in text
    assert f"{entry.file}:{entry.line}" in text


def test_every_source_of_a_row_is_expanded() -> None:
    entry = shown("h100-sxm-80gb").entries[0]
    cited = {*entry.row["sources"], *entry.row["memory_sources"]}
    assert {source.id for source in entry.sources} == cited
    assert all(source.title and source.address and source.as_of for source in entry.sources)
    engine = shown("vllm").entries[0]
    assert {item["source"] for item in engine.row["defaults"]} <= {source.id for source in engine.sources}


def test_every_field_of_a_row_is_shown_with_its_unit(data: Path) -> None:
    facts = {fact.field: (fact.value, fact.unit) for fact in shown("alpha").entries[0].facts}
    assert facts["memory_gib"] == (79.5, "GiB")
    assert facts["bandwidth_gb_per_s"] == (3000, "GB/s")
    assert facts["dense_tflops.fp8"] == (1800, "TFLOP/s")
    assert facts["link.gb_per_s_each_way"] == (450, "GB/s")
    assert facts["marketing_memory_gb"] == (80, "GB")
    assert facts["aliases"] == (["Alpha"], "")
    assert unit_of("usd_per_gpu_hour") == "USD/GPU-hour"
    assert unit_of("attention.0.window") == "tokens"
    assert unit_of("layers") == ""


def test_the_row_that_an_overlay_replaced(data: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("# mine\n" + GPUS.replace("79.5", "70"), encoding="utf-8")
    entry = shown("alpha-80gb", overlay).entries[0]
    assert (entry.file, entry.line, entry.row["memory_gib"]) == (str(overlay), 3, 70)
    assert entry.replaced == (("gpus.yaml", 2),)
    assert shown("alpha-80gb").entries[0].replaced == ()


def test_the_statements_of_an_offer(data: Path, tmp_path: Path) -> None:
    entry = shown("acme/cloud/alpha").entries[0]
    assert [(each.as_of, each.usd, each.answers) for each in entry.statements] == [
        ("2026-09-01", 1.5, True),
        ("2026-05-01", 2.0, False),
    ]
    assert (entry.line, entry.statements[1].line) == (14, 4)
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(price(), encoding="utf-8")
    replaced = shown("acme/cloud/alpha", overlay).entries[0]
    assert [each.usd for each in replaced.statements] == [9.0]
    assert replaced.replaced == (("prices/acme.yaml", 4), ("prices/acme.yaml", 14))


def test_an_id_of_two_sections_is_shown_twice(data: Path) -> None:
    text = "terms:\n  - {id: acme, meaning: a word}\n"
    (data / "terms.yaml").write_text(text, encoding="utf-8")
    assert [entry.section for entry in shown("acme").entries] == ["providers", "terms"]


def test_the_nearest_names_of_an_unknown_one(data: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean alpha-80gb"):
        shown("alpha-81gb")
    with pytest.raises(UsageError, match="longer than"):
        shown("x" * 400)


def test_a_short_offer_of_several(data: Path) -> None:
    (data / "prices" / "b.yaml").write_text(price("acme/cloud/alpha-large"), encoding="utf-8")
    assert shown("acme/cloud/beta").entries[0].id == "acme/cloud/beta-x2"
    with pytest.raises(AmbiguousNameError, match="acme/cloud/alpha, acme/cloud/alpha-large"):
        shown("acme/cloud/alpha-80gb")


def test_hostile_names_are_escaped(capsys: Capture) -> None:
    assert run(["catalog", "show", "\x1b[31mred\u202e"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_right_catalogue_is_counted(data: Path, capsys: Capture) -> None:
    assert run(["catalog", "check"]) == 0
    text = capsys.readouterr().out
    assert "The catalogue is right." in text
    counts = {count.section: count.shipped for count in check_catalog(today=TODAY).result.sections}
    assert (counts["gpus"], counts["prices"], counts["terms"]) == (2, 3, 0)


def test_faults_go_to_stderr_with_exit_3(data: Path, tmp_path: Path, capsys: Capture) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(price("acme/other/x", extra="    colour: red\n") + "gpus: 3\n", encoding="utf-8")
    assert run(["catalog", "check", str(overlay)]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        f"error: {overlay}:12: prices.acme/other/x.colour: unknown key; remove it or correct its spelling "
        "(not 'red')",
        f"error: {overlay}:13: gpus: Input should be a valid list (not 3)",
    ]


def test_named_files_are_checked_on_the_shipped_ones(data: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "over" / "mine.yaml"
    overlay.parent.mkdir()
    overlay.write_text(price(), encoding="utf-8")
    report = check_catalog([tmp_path / "over"], today=TODAY)
    assert report.result.files == (str(overlay),)
    assert {count.section: count.overlays for count in report.result.sections}["prices"] == 1
    overlay.write_text(price().replace("source: datasheet", "source: nowhere"), encoding="utf-8")
    with pytest.raises(DataError, match="source 'nowhere' is not declared; add it under sources"):
        check_catalog([overlay], today=TODAY)
    with pytest.raises(DataError, match="no such catalogue file or folder"):
        check_catalog([tmp_path / "none"], today=TODAY)


def test_faults_of_the_shipped_files_are_not_those_of_an_overlay(data: Path, tmp_path: Path) -> None:
    (data / "gpus.yaml").write_text(GPUS.replace("79.5", "-1"), encoding="utf-8")
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("providers:\n  - {id: other, name: Other}\n", encoding="utf-8")
    assert check_catalog([overlay], today=TODAY).result.files == (str(overlay),)
    with pytest.raises(DataError, match=r"gpus\.yaml:8"):
        check_catalog(today=TODAY)


def test_a_stale_copy_is_a_fault(data: Path, capsys: Capture) -> None:
    (data / "gpus.yaml").write_text(GPUS.replace("79.5", "70.5"), encoding="utf-8")
    assert run(["catalog", "check"]) == 3
    assert capsys.readouterr().err == (
        "error: catalog.json is older than the YAML; run python -m gpucost.catalog.compile\n"
    )


def test_configured_overlays_are_checked(data: Path) -> None:
    own = locate.config_folder() / "own.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(price("acme/cloud/alpha").replace("2026-10-01", "2026-12-01"), encoding="utf-8")
    report = check_catalog(today=TODAY)
    assert report.result.files == (str(own),)
    assert "2026-12-01 is in the future" in report.notes[0].text


def test_the_shipped_catalogue_is_right() -> None:
    assert check_catalog(today=TODAY).notes == ()
