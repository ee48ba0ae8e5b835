"""Measured training runs: what their rows refuse, and that those of the catalogue hold together."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gpucost.api.catalog_check import check_catalog
from gpucost.api.catalog_show import ShowResult, show_entry
from gpucost.calc.tensors import total_parameters
from gpucost.catalog import check
from gpucost.catalog.compile import write_compiled
from gpucost.catalog.rows_training import RESULTS
from gpucost.catalog.store import Catalog, load
from gpucost.units import bytes_to_gib

TODAY = date(2026, 11, 21)
RUN = """\
training_runs:
  - id: run
    use: fit
    framework: trainer
    model: maker/Tiny-1B
    gpu: alpha-80gb
    gpus: 2
    method: lora
    task: fine-tuning
    precision: bf16
    optimizer: adamw
    micro_batch: 1
    seq_len: 2048
    lora_rank: 8
    lora_targets: [q, v]
    base_format: bf16
    fsdp: full-shard
    peak_gib: 20.5
    metric: torch-allocated
    settings_source: datasheet
    source: datasheet
"""


@cache
def shipped() -> Catalog:
    return load()


def runs() -> list[dict[str, Any]]:
    return [entry["row"] for entry in shipped().sections["training_runs"]]


def run(identity: str) -> dict[str, Any]:
    row: dict[str, Any] = shipped().entry("training_runs", identity)["row"]
    return row


def faults(data: Path, text: str) -> list[str]:
    (data / "runs.yaml").write_text(text, encoding="utf-8")
    return check.check((), today=TODAY).faults


def test_a_run_is_read_with_its_place(data: Path) -> None:
    assert faults(data, RUN) == []
    entry = load().entry("training_runs", "run")
    assert (entry["file"], entry["line"], entry["row"]["peak_gib"]) == ("runs.yaml", 2, 20.5)


@pytest.mark.parametrize(
    ("right", "wrong", "line", "text"),
    [
        ("    lora_rank: 8\n", "    rank: 8\n", 14, "rank: unknown key"),
        ("precision: bf16", "precision: tf32", 10, "precision: Input should be 'fp32'"),
        ("peak_gib: 20.5", "peak_gib: '20.5'", 18, "peak_gib: Input should be a valid number"),
        ("peak_gib: 20.5", "mfu: 41.2", 18, "mfu: Input should be less than or equal to 1"),
        (
            "    peak_gib: 20.5\n    metric: torch-allocated\n",
            "",
            2,
            "give at least one result: peak_gib, tokens_per_s_per_gpu",
        ),
        ("    metric: torch-allocated\n", "", 2, "peak_gib and metric belong together"),
        (
            "    metric: torch-allocated\n",
            "    metric: device\n    mfu: 0.4\n    hfu: 0.3\n",
            2,
            "hfu counts",
        ),
        ("use: fit", "use: none", 2, "use none needs a reason"),
        ("use: fit", "use: fit\n    reason: odd", 2, "nothing else has one"),
        ("    model: maker/Tiny-1B\n", "", 2, "give either model"),
        ("model: maker/Tiny-1B", "model_stated: a small one", 2, "a run of a model that the catalogue lacks"),
        ("    gpu: alpha-80gb\n", "    gpu: alpha-80gb\n    gpu_stated: Alpha\n", 2, "give either gpu"),
        ("    gpus: 2\n", "", 2, "a run on an unknown number of cards"),
        ("method: lora", "method: full", 2, "method full has no lora_rank, lora_targets, base_format"),
        ("method: lora", "method: qlora", 2, "the base of qlora is quantised"),
        ("fsdp: full-shard", "fsdp: full-shard\n    zero: 3", 2, "give zero or fsdp, not both"),
        ("seq_len: 2048", "seq_len: 2048\n    selective: ops", 2, "selective needs checkpointing selective"),
        ("precision: bf16", "precision: bf16\n    fp8_recipe: mx", 2, "fp8_recipe needs an fp8 precision"),
        ("model: maker/Tiny-1B", "model: maker/huge", 2, "model 'maker/huge' is not in the catalogue"),
        ("gpu: alpha-80gb", "gpu: omega-1gb", 2, "GPU 'omega-1gb' is not in the catalogue"),
        ("    source: datasheet\n", "    source: nowhere\n", 2, "source 'nowhere' is not declared"),
        ("settings_source: datasheet", "settings_source: nowhere", 2, "source 'nowhere' is not declared"),
    ],
)
def test_a_wrong_run(data: Path, right: str, wrong: str, line: int, text: str) -> None:
    assert RUN.count(right) == 1
    (fault,) = faults(data, RUN.replace(right, wrong))
    assert fault.startswith(f"runs.yaml:{line}: training_runs.run")
    assert text in fault


def test_a_run_that_stands_twice(data: Path) -> None:
    (fault,) = faults(data, RUN + RUN.removeprefix("training_runs:\n"))
    assert fault.startswith("runs.yaml:22: training_runs.run: stands twice (first at runs.yaml:2)")


def test_a_faulty_model_is_not_missed_twice(data: Path) -> None:
    """The run of a model whose own row is wrong is not at fault."""
    path = data / "formats.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("hidden_size", "width"), encoding="utf-8")
    found = faults(data, RUN)
    assert any("models.maker/Tiny-1B" in fault for fault in found)
    assert not any("training_runs" in fault for fault in found)


def test_runs_are_counted_and_shown(data: Path) -> None:
    (data / "runs.yaml").write_text(RUN, encoding="utf-8")
    write_compiled(data)
    counts = {count.section: count.shipped for count in check_catalog(today=TODAY).result.sections}
    assert counts["training_runs"] == 1
    result = show_entry("run", today=TODAY).result
    assert isinstance(result, ShowResult)
    (entry,) = result.entries
    assert (entry.section, entry.file, entry.line) == ("training_runs", "runs.yaml", 2)
    assert [source.id for source in entry.sources] == ["datasheet"]
    assert {fact.field: (fact.value, fact.unit) for fact in entry.facts}["peak_gib"] == (20.5, "GiB")


def test_every_published_run_is_there() -> None:
    files = Counter(entry["file"] for entry in shipped().sections["training_runs"])
    assert files == {"training/memory.yaml": 115, "training/speed.yaml": 457}
    assert Counter(row["method"] for row in runs()) == {"full": 426, "lora": 91, "qlora": 55}
    assert Counter(row["use"] for row in runs()) == {"fit": 295, "score": 201, "none": 76}


def test_every_run_measured_something() -> None:
    for row in runs():
        assert any(name in row for name in RESULTS), row["id"]


def test_all_peaks_stand_in_one_file_and_all_of_it_are_peaks() -> None:
    """A peak among the speeds is one that the other file has not."""
    peaks: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for entry in shipped().sections["training_runs"]:
        row = entry["row"]
        assert "peak_gib" in row or entry["file"] == "training/speed.yaml", row["id"]
        if "peak_gib" in row:
            words = (
                "source",
                "model",
                "method",
                "gpu",
                "gpus",
                "seq_len",
                "micro_batch",
                "trained_embeddings",
            )
            peaks[entry["file"]].append((*(row.get(word) for word in words), row["peak_gib"]))
    assert not set(peaks["training/memory.yaml"]) & set(peaks["training/speed.yaml"])


def test_like_runs_stand_on_one_side() -> None:
    """Of one model, by one method, in one source: a constant fitted on some would know the others."""
    sides: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in runs():
        if row["use"] != "none":
            sides[row["source"], row["model"], row["method"]].add(row["use"])
    assert [group for group, uses in sides.items() if len(uses) > 1] == []
    scored = [group for group, uses in sides.items() if uses == {"score"}]
    assert 0.3 < len(scored) / len(sides) < 0.5
    assert {method for _, _, method in scored} == {"full", "lora", "qlora"}


LEAST_BYTES = {"full": 2.0, "lora": 2.0, "qlora": 0.5}
"""Resident bytes of a parameter, were everything divided over all cards: weights in 16 or 4 bit."""


def test_no_peak_is_below_what_must_be_resident() -> None:
    seen = 0
    for row in runs():
        if "peak_gib" in row and row["use"] != "none" and not row.get("optimizer_offload"):
            parameters = total_parameters(shipped().model(row["model"]))
            assert row["peak_gib"] > bytes_to_gib(parameters * LEAST_BYTES[row["method"]] / row["gpus"]), row[
                "id"
            ]
            seen += 1
    assert seen > 100


def test_no_card_does_more_than_its_peak() -> None:
    cards = shipped().gpus
    seen = 0
    for row in runs():
        if row["use"] != "none" and "tflops_per_gpu" in row and "gpu" in row:
            rates = [rate for rate in cards[row["gpu"]].dense_flops.values() if rate is not None]
            assert row["tflops_per_gpu"] * 1e12 < max(rates), row["id"]
            seen += 1
    assert seen > 250


@pytest.mark.parametrize(
    ("identity", "values"),
    [
        (
            "torchtune-llama-3.1-8b-qlora-rtx-4090-x1-s2048-b2",
            {"peak_gib": 7.4, "lora_rank": 8, "base_format": "nf4", "micro_batch": 2, "packed": True},
        ),
        (
            "litgpt-falcon-7b-lora-a10g-x1-s512-b1",
            {"peak_gib": 15.544, "lora_targets": ["q", "v"], "lora_rank": 32, "metric": "torch-allocated"},
        ),
        (
            "torchtitan-llama-3.1-8b-pretrain-h100-96-x8-s8192-b2",
            {"peak_gib": 82.4, "checkpointing": "selective", "fsdp_degree": 8, "compile": False},
        ),
        ("transformers-qwen-72b-lora-a100-80-x4-s8192-b1-z3", {"peak_gib": 67.335, "zero": 3}),
        (
            "llm-foundry-mpt-70b-pretrain-h100-80-x512-s2048-b8",
            {"tokens_per_s_per_gpu": 1007, "mfu": 0.4125, "hfu": 0.55, "mfu_formula": "6N+attention"},
        ),
        (
            "transformers-qwen-7b-lora-a100-80-x1-s2048-b1-speed",
            {"step_s": 5.2, "grad_accumulation": 8, "trained_embeddings": False},
        ),
        (
            "torchtitan-llama-3.1-70b-pretrain-h100-96-x256-fp8-s8192-b16-speed",
            {"tokens_per_s_per_gpu": 829, "tp": 8, "fsdp_degree": 32},
        ),
    ],
)
def test_published_values(identity: str, values: dict[str, Any]) -> None:
    row = run(identity)
    assert {key: row.get(key) for key in values} == values
