"""Names as public measurements write them: all resolve to what a reader would take them for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from gpucost.catalog.names import (
    resolve_cache_format,
    resolve_engine,
    resolve_gpu,
    resolve_model,
    resolve_quantization,
    resolve_version,
)
from gpucost.catalog.store import Catalog, load
from gpucost.errors import AmbiguousNameError, UnknownNameError, UsageError

NAMES = Path(__file__).parent.parent / "fixtures" / "reference_names.tsv"
REFUSE = "REFUSE"
LATEST = "LATEST"
MOST_REFUSED = 0.03
KINDS = ("model", "gpu", "quant", "kv", "engine", "version")


class Case(NamedTuple):
    """One name, how often it occurs, and what it must resolve to."""

    kind: str
    occurrences: int
    name: str
    expected: str
    detail: str


@cache
def cases() -> tuple[Case, ...]:
    lines = NAMES.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("# ")]
    return tuple(
        Case(kind, int(count), name, expected, detail) for kind, count, name, expected, detail in rows
    )


@cache
def catalog() -> Catalog:
    return load()


def read_model(name: str) -> tuple[str, str]:
    found = resolve_model(catalog(), name)
    return found.model.id, found.quantization or ""


def read_gpu(name: str) -> tuple[str, str]:
    found = resolve_gpu(catalog(), name)
    return found.gpu.id, str(found.memory_bytes or "")


def read_version(name: str) -> tuple[str, str]:
    engine_name, _, text = name.partition("|")
    engine = resolve_engine(catalog(), engine_name)
    found = resolve_version(engine, text)
    label = LATEST if found.version == engine.latest and found.notes else str(found.version)
    return label, "v0" if found.v0 else ""


READERS: dict[str, Callable[[str], tuple[str, str]]] = {
    "model": read_model,
    "gpu": read_gpu,
    "quant": lambda name: (resolve_quantization(catalog(), name).id, ""),
    "kv": lambda name: (resolve_cache_format(name).id, ""),
    "engine": lambda name: (resolve_engine(catalog(), name).id, ""),
    "version": read_version,
}


def understood(case: Case) -> tuple[str, str]:
    try:
        return READERS[case.kind](case.name)
    except UsageError:
        return REFUSE, ""


def test_the_fixture_covers_every_kind_of_name() -> None:
    counted = Counter(case.kind for case in cases())
    assert set(counted) == set(KINDS)
    assert counted["model"] > 180
    assert counted["gpu"] > 95
    assert counted["quant"] > 60


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_resolves_as_a_reader_would(kind: str) -> None:
    wrong = {
        case.name: f"{understood(case)}, not {(case.expected, case.detail)}"
        for case in cases()
        if case.kind == kind and understood(case) != (case.expected, case.detail)
    }
    assert wrong == {}


@pytest.mark.parametrize("kind", KINDS)
def test_few_occurrences_are_refused(kind: str) -> None:
    rows = [case for case in cases() if case.kind == kind]
    refused = sum(case.occurrences for case in rows if understood(case)[0] == REFUSE)
    assert refused <= MOST_REFUSED * sum(case.occurrences for case in rows)


@pytest.mark.parametrize("case", [case for case in cases() if case.expected == REFUSE], ids=str)
def test_a_refusal_says_why_or_what_else(case: Case) -> None:
    with pytest.raises((UnknownNameError, AmbiguousNameError)) as caught:
        READERS[case.kind](case.name)
    text = str(caught.value)
    assert text.startswith(("unknown ", "GPU ", "model "))
    assert "\n" not in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("GPU not named", "not named"),
        ("24GB card (name not read)", "not named"),
        ("80GB class GPU x4 (name not read)", "not named"),
        ("(model not named)", "not named"),
        ("(not named in the excerpt; byte count equals Mistral-7B)", "not named"),
    ],
)
def test_text_that_names_nothing_is_refused_with_that_reason(name: str, words: str) -> None:
    read = read_model if name.startswith("(") else read_gpu
    with pytest.raises(UnknownNameError, match=words) as caught:
        read(name)
    assert caught.value.suggestions == ()


@pytest.mark.parametrize(
    "weights", sorted({c.name for c in cases() if c.kind == "quant" and c.occurrences > 90})
)
def test_the_common_weight_words_are_formats_with_kernels(weights: str) -> None:
    found = resolve_quantization(catalog(), weights)
    assert found.engines
    assert found.weight_bits > 0


def test_a_size_written_in_the_gpu_name_is_the_device_total() -> None:
    found = resolve_gpu(catalog(), "L40S 48GB (44.42 GiB)")
    assert found.memory_bytes == round(44.42 * 2**30)
    assert resolve_gpu(catalog(), "L40S 48GB (46 GB usable)").memory_bytes is None


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("A100", {"a100-sxm-40gb", "a100-sxm-80gb", "a100-pcie-40gb", "a100-pcie-80gb"}),
        ("RTX 6000", set()),
    ],
)
def test_short_names_of_several_cards_list_the_choices(name: str, choices: set[str]) -> None:
    with pytest.raises(AmbiguousNameError) as caught:
        resolve_gpu(catalog(), name)
    assert choices <= set(caught.value.choices)
    assert len(caught.value.choices) > 1


@pytest.mark.parametrize(
    ("name", "identity", "quantization"),
    [
        ("Qwen3.6-35B-A3B NVFP4 (modelopt)", "Qwen/Qwen3.6-35B-A3B", "nvfp4"),
        ("nvidia/Qwen3.6-35B-A3B-NVFP4", "Qwen/Qwen3.6-35B-A3B", "nvfp4"),
        ("DeepSeek-R1 4-bit", "deepseek-ai/DeepSeek-R1", ""),
        ("openai/gpt-oss-120b", "openai/gpt-oss-120b", ""),
    ],
)
def test_a_format_in_a_model_name_is_kept(name: str, identity: str, quantization: str) -> None:
    assert read_model(name) == (identity, quantization)


def test_unmodelled_words_do_not_pass_for_a_kv_format() -> None:
    with pytest.raises(UnknownNameError, match="did you mean auto"):
        resolve_cache_format("foo")
