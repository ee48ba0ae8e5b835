"""Every number has a source: what moves an answer is cited by it, what is cited moves it or is marked.

Numbers of the catalogue are changed by a tenth, one at a time, and the same question is asked again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

import pytest

from gpucost.api.ledger import Ledger
from gpucost.api.size import size
from gpucost.catalog.store import Catalog
from gpucost.domain.provenance import Confidence, Evidence
from gpucost.domain.report import Report
from gpucost.errors import GpucostError
from gpucost.view.to_json import plain

TODAY = date(2026, 11, 21)
FACTOR = 1.1
OTHER_PRICES = 12
"""Statements of offers that were not chosen, looked at per question."""
Sections = dict[str, list[dict[str, Any]]]
Path = tuple[str | int, ...]

QUESTIONS: dict[str, dict[str, Any]] = {
    "dense": {"model": "Qwen/Qwen3-8B", "gpu": "h100-sxm-80gb"},
    "dense, two cards and AWQ": {
        "model": "Qwen/Qwen3-32B",
        "gpu": ["l40s-48gb", "a100-sxm-80gb"],
        "quant": "awq",
        "context": 32_768,
        "concurrency": 8,
    },
    "dense on AMD": {"model": "meta-llama/Llama-3.1-8B-Instruct", "gpu": "mi300x-192gb"},
    "dense, flags given": {
        "model": "Qwen/Qwen3-8B",
        "gpu": "h100-sxm-80gb",
        "enforce_eager": True,
        "kv_dtype": "fp8",
        "max_num_seqs": 64,
    },
    "dense, range": {"model": "Qwen/Qwen3-8B", "gpu": "h100-sxm-80gb", "scenarios": True, "tp": 2},
    "first-generation core": {
        "model": "meta-llama/Llama-3.1-8B-Instruct",
        "gpu": "t4-16gb",
        "engine_version": "0.6",
        "context": 4096,
    },
    "experts": {"model": "Qwen/Qwen3-30B-A3B-Instruct-2507", "gpu": "h100-sxm-80gb", "quant": "fp8"},
    "experts in MXFP4": {"model": "openai/gpt-oss-120b", "gpu": "h100-sxm-80gb"},
    "latent attention": {"model": "deepseek-ai/DeepSeek-V3", "gpu": "h200-sxm-141gb", "tp": 8},
    "linear attention": {"model": "Qwen/Qwen3-Next-80B-A3B-Instruct", "gpu": "h100-sxm-80gb", "tp": 4},
    "state space": {"model": "nvidia/NVIDIA-Nemotron-Nano-9B-v2", "gpu": "l4-24gb"},
    "windows and images": {"model": "google/gemma-3-27b-it", "gpu": "a100-sxm-80gb"},
    "SGLang": {"model": "meta-llama/Llama-3.1-8B-Instruct", "gpu": "l4-24gb", "engine": "sglang"},
    "SGLang, latent": {
        "model": "deepseek-ai/DeepSeek-V3",
        "gpu": "h200-sxm-141gb",
        "tp": 8,
        "engine": "sglang",
    },
    "SGLang, linear": {
        "model": "Qwen/Qwen3-Next-80B-A3B-Instruct",
        "gpu": "h100-sxm-80gb",
        "tp": 4,
        "engine": "sglang",
    },
    "llama.cpp": {
        "model": "meta-llama/Llama-3.1-8B-Instruct",
        "gpu": "rtx-4090-24gb",
        "engine": "llama.cpp",
        "quant": "q4_k_m",
    },
    "llama.cpp, experts": {
        "model": "openai/gpt-oss-20b",
        "gpu": "rtx-4090-24gb",
        "engine": "llama.cpp",
        "quant": "mxfp4",
    },
    "TensorRT-LLM": {
        "model": "meta-llama/Llama-3.1-8B-Instruct",
        "gpu": "h100-sxm-80gb",
        "engine": "tensorrt-llm",
        "quant": "fp8",
    },
    "transformers": {
        "model": "meta-llama/Llama-3.1-8B-Instruct",
        "gpu": "h100-sxm-80gb",
        "engine": "transformers",
    },
}


class Number(NamedTuple):
    """Where a number of the catalogue stands, and the name by which an answer cites it."""

    field: str
    section: str
    place: int
    path: Path


class Trial(NamedTuple):
    """What became of one question when the numbers of the catalogue were changed in turn."""

    cited: Mapping[str, Evidence]
    moved_up: Mapping[str, bool]
    """By field: whether a tenth more moves a number of the answer."""
    moved: Mapping[str, bool]
    """The same for a tenth more or less; asked of cited fields only."""


def figures(value: Any, at: str = "") -> Iterator[tuple[str, float]]:
    """Every number of an answer with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from figures(item, f"{at}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from figures(item, f"{at}.{index}")
    elif isinstance(value, int | float):
        yield at, value


def ask(question: Mapping[str, Any], sections: Sections) -> Report | None:
    try:
        return size(**question, today=TODAY, catalog=Catalog(sections))
    except GpucostError:
        return None


def numbers_of(report: Report | None) -> object:
    return None if report is None else dict(figures(plain(report.result)))


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, bool | int | float):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))


def field_name(section: str, row: Mapping[str, Any], path: Path) -> str:
    if section == "engines":
        item = row[str(path[0])][path[1]]
        name = item.get("flag") or item["name"]
        when = item.get("when", "")
        return f"engines.{row['id']}.{path[0]}.{name}{'.' if when else ''}{when}"
    return ".".join(map(str, (section, row.get("id") or row["offer"], *path)))


def rows_looked_at(question: Mapping[str, Any], report: Report, sections: Sections) -> Iterator[Number]:
    """All numbers of the rows that could matter, and some of offers that were not taken."""
    cards = {each.gpu for each in report.result.candidates}
    taken = {each.offer.id for each in report.result.candidates if each.offer is not None}
    keep: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        "gpus": lambda row: row["id"] in cards,
        "models": lambda row: row["id"] == report.result.model.id,
        "quantizations": lambda row: row["id"] in report.inputs["quantization"],
        "engines": lambda row: row["id"] == report.inputs["engine"],
        "prices": lambda row: row["offer"] in taken and row["stated_by"] != "seed",
    }
    for section, wanted in keep.items():
        for index, entry in enumerate(sections[section]):
            if wanted(entry["row"]):
                for path in leaves(entry["row"]):
                    yield Number(field_name(section, entry["row"], path), section, index, path)
    others = (
        Number(field_name("prices", entry["row"], path), "prices", index, path)
        for index, entry in enumerate(sections["prices"])
        if cards & set(entry["row"].get("gpus", ())) and entry["row"]["offer"] not in taken
        for path in leaves(entry["row"])
    )
    yield from islice(others, OTHER_PRICES)


def changed(sections: Sections, number: Number, factor: float) -> Sections:
    """The catalogue with one number changed; a whole number stays whole, a switch is turned."""
    entry = copy.deepcopy(sections[number.section][number.place])
    node: Any = entry["row"]
    for part in number.path[:-1]:
        node = node[part]
    value = node[number.path[-1]]
    if isinstance(value, bool):
        node[number.path[-1]] = not value
    elif isinstance(value, int):
        other = round(value * factor)
        if other == value:
            other = value + 1 if factor > 1 else value + 2 if value == 1 else value - 1
        node[number.path[-1]] = other
    else:
        node[number.path[-1]] = value * factor
    rows = list(sections[number.section])
    rows[number.place] = entry
    return {**sections, number.section: rows}


@cache
def trial(name: str, shipped: Catalog) -> Trial:
    sections = {section: shipped.sections[section] for section in shipped.sections}
    question = QUESTIONS[name]
    report = ask(question, sections)
    assert report is not None
    before = numbers_of(report)
    cited = {each.field: each for each in report.evidence if each.confidence is not Confidence.USER}
    up: dict[str, bool] = {}
    any_way: dict[str, bool] = {}
    for number in rows_looked_at(question, report, sections):
        moves = numbers_of(ask(question, changed(sections, number, FACTOR))) != before
        up[number.field] = up.get(number.field, False) or moves
        if number.field in cited:
            if not moves:
                moves = numbers_of(ask(question, changed(sections, number, 1 / FACTOR))) != before
            any_way[number.field] = any_way.get(number.field, False) or moves
    return Trial(cited, up, any_way)


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_moves_the_answer_is_cited(name: str, shipped: Catalog) -> None:
    found = trial(name, shipped)
    assert [field for field, moves in found.moved_up.items() if moves and field not in found.cited] == []
    assert sum(found.moved_up.values()) >= 12


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_cited_moves_the_answer_or_is_marked(name: str, shipped: Catalog) -> None:
    found = trial(name, shipped)
    idle = [field for field, moves in found.moved.items() if not moves and found.cited[field].binding]
    assert idle == []


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_marked_does_not_move_the_answer(name: str, shipped: Catalog) -> None:
    found = trial(name, shipped)
    assert [f for f, moves in found.moved_up.items() if moves and not found.cited[f].binding] == []


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_citation_names_a_number_of_the_catalogue(name: str, shipped: Catalog) -> None:
    found = trial(name, shipped)
    # What an engine derives by a rule of its own stands in its code, not in a row of the catalogue.
    unknown = [f for f in found.cited if f not in found.moved and ".rules." not in f]
    assert unknown == []


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_citation_has_source_title_address_and_value(name: str, shipped: Catalog) -> None:
    for each in trial(name, shipped).cited.values():
        assert each.source in shipped.source_rows
        assert each.title
        assert each.address
        assert each.as_of
        assert isinstance(each.value, int | float)


def test_numbers_of_other_cards_and_models_do_not_move_an_answer_for_a_named_card(shipped: Catalog) -> None:
    sections = {section: shipped.sections[section] for section in shipped.sections}
    question = QUESTIONS["dense"]
    before = numbers_of(ask(question, sections))
    for section, own in (("gpus", "h100-sxm-80gb"), ("models", "Qwen/Qwen3-8B"), ("engines", "vllm")):
        for index, entry in list(enumerate(sections[section]))[:: 7 if section != "engines" else 3]:
            if entry["row"]["id"] == own:
                continue
            for path in islice(leaves(entry["row"]), 3):
                number = Number("", section, index, path)
                assert numbers_of(ask(question, changed(sections, number, FACTOR))) == before, (section, path)


class TestWhatIsCited:
    def ask(self, shipped: Catalog, **question: Any) -> dict[str, Evidence]:
        report = size(**question, today=TODAY, catalog=shipped)
        return {each.field: each for each in report.evidence}

    def test_flags_are_cited_as_the_user_s(self, shipped: Catalog) -> None:
        found = self.ask(
            shipped,
            params=8,
            context=4096,
            concurrency=2,
            gpu="L40S 48GB (44.42 GiB)",
            gpu_memory_utilization=0.8,
            block_size=32,
            max_usd_per_hour=9,
        )
        mine = {field: each.value for field, each in found.items() if each.confidence is Confidence.USER}
        assert mine == {
            "--params": 8_000_000_000,
            "--context": 4096,
            "--concurrency": 2,
            "--gpu l40s-48gb": pytest.approx(44.42, abs=1e-6),
            "--gpu-memory-utilization": 0.8,
            "--block-size": 32,
            "--max-usd-per-hour": 9,
        }
        assert "gpus.l40s-48gb.memory_gib" not in found
        assert "engines.vllm.defaults.gpu-memory-utilization" not in found

    def test_the_engine_s_own_word_names_the_flag(self, shipped: Catalog) -> None:
        found = self.ask(
            shipped, model="Qwen/Qwen3-8B", gpu="l4-24gb", engine="sglang", gpu_memory_utilization=0.8
        )
        assert found["--mem-fraction-static"].value == 0.8

    def test_what_sglang_derives_is_not_called_the_user_s(self, shipped: Catalog) -> None:
        found = self.ask(shipped, model="Qwen/Qwen3-8B", gpu="l4-24gb", engine="sglang")
        rule = found["engines.sglang.rules.mem-fraction-static.l4-24gb"]
        assert rule.confidence is not Confidence.USER
        assert 0.5 < float(rule.value) < 1
        assert not any(field.startswith("--") for field in found)

    def test_a_price_is_cited_with_its_own_date_and_who_stated_it(self, shipped: Catalog) -> None:
        found = self.ask(
            shipped, model="Qwen/Qwen3-8B", gpu="h100-sxm-80gb", provider="runpod", billing="flex"
        )
        price = found["prices.runpod/flex/h100-80gb.usd_per_second"]
        assert (price.value, price.as_of) == (0.00133, "2026-10-09")
        assert "third-party" in price.note

    def test_the_cards_of_an_instance_are_cited(self, shipped: Catalog) -> None:
        found = self.ask(
            shipped, model="deepseek-ai/DeepSeek-V3", gpu="h200-sxm-141gb", provider="aws", gpus=8
        )
        counts = [field for field in found if field.startswith("prices.") and field.endswith(".gpu_count")]
        assert [found[field].value for field in counts] == [8]

    def test_drafting_layers_are_cited_when_they_are_loaded(self, shipped: Catalog) -> None:
        question = {"model": "Qwen/Qwen3-Next-80B-A3B-Instruct", "gpu": "h100-sxm-80gb", "tp": 4}
        field = "models.Qwen/Qwen3-Next-80B-A3B-Instruct.mtp_layers"
        assert field not in self.ask(shipped, **question)
        assert field in self.ask(shipped, **question, mtp=True)

    def test_the_ends_of_the_range_over_architectures_are_cited(self, shipped: Catalog) -> None:
        report = size(params=70, gpu="h100-sxm-80gb", today=TODAY, catalog=shipped)
        models = {
            field.field.split(".attention.")[0] for field in report.evidence if ".attention." in field.field
        }
        assert len(models) > 1
        assert models <= {f"models.{identity}" for identity in report.result.model.alternatives}

    def test_a_search_cites_every_card_that_it_shows(self, shipped: Catalog) -> None:
        report = size(model="Qwen/Qwen3-32B", today=TODAY, catalog=shipped)
        fields = {each.field for each in report.evidence}
        for each in report.result.candidates:
            assert f"gpus.{each.gpu}.memory_gib" in fields
            if each.offer is not None:
                assert any(field.startswith(f"prices.{each.offer.id}.") for field in fields)

    def test_the_card_that_is_explained_is_cited_when_nothing_fits(self, shipped: Catalog) -> None:
        question: dict[str, Any] = {
            "model": "moonshotai/Kimi-K2-Instruct",
            "quant": "fp32",
            "context": 131_072,
            "tp": 1,
        }
        report = size(**question, explain=True, today=TODAY, catalog=shipped)
        assert report.answered_no
        share = next(each for each in report.result.equations if each.name == "KV pool").numbers.split(" x ")[
            0
        ]
        memory = {
            round(float(each.value), 2)
            for each in report.evidence
            if each.field.startswith("gpus.") and each.field.endswith(".memory_gib")
        }
        assert float(share) in memory


class TestLedger:
    def test_the_first_statement_stands_and_binding_prevails(self, shipped: Catalog) -> None:
        source = next(iter(shipped.source_rows))
        ledger = Ledger(shipped)
        ledger.cite("a", 1, "B", source, binding=False)
        ledger.cite("a", 2, "B", source)
        assert [(each.value, each.binding) for each in ledger.evidence] == [(1, True)]
        ledger.loosen("a")
        assert not ledger.binds("a")
        ledger.loosen("never cited")
        assert not ledger.binds("never cited")

    def test_notes_are_kept_once_and_warnings_stand_first(self, shipped: Catalog) -> None:
        ledger = Ledger(shipped)
        for text, level in (("a", "info"), ("b", "warning"), ("a", "info"), ("", "info")):
            ledger.note(text, level)
        assert [note.text for note in ledger.notes] == ["b", "a"]

    def test_only_the_wanted_numbers_of_a_row_are_cited(self, shipped: Catalog) -> None:
        source = next(iter(shipped.source_rows))
        ledger = Ledger(shipped)
        row = {"a": 1, "b": {"a": 2, "c": 3}, "d": [{"a": 4}, {"e": 5}], "text": "x"}
        ledger.cite_row("r", row, source, only={"a"})
        assert [each.field for each in ledger.evidence] == ["r.a", "r.b.a", "r.d.0.a"]
