"""Names against the shipped catalogue: what people write must mean what they mean by it."""

from __future__ import annotations

from functools import cache

import pytest

from gpucost.catalog.names import (
    MAX_NAME,
    format_in_name,
    nearest,
    resolve_cache_format,
    resolve_engine,
    resolve_gpu,
    resolve_model,
    resolve_quantization,
    resolve_version,
    squeeze,
)
from gpucost.catalog.store import Catalog, load
from gpucost.errors import AmbiguousNameError, UnknownNameError, UsageError
from gpucost.units import gib_to_bytes


@cache
def catalog() -> Catalog:
    return load()


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("h100-sxm-80gb", "h100-sxm-80gb"),
        ("H100-SXM-80GB", "h100-sxm-80gb"),
        ("H100 80GB HBM3", "h100-sxm-80gb"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm-80gb"),
        ("A100-SXM4-80GB", "a100-sxm-80gb"),
        ("rtx 4090", "rtx-4090-24gb"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090-24gb"),
        ("L40S", "l40s-48gb"),
        ("AMD Instinct MI300X", "mi300x-192gb"),
        ("t4", "t4-16gb"),
        ("a10g", "a10g-24gb"),
    ],
)
def test_a_card(name: str, identity: str) -> None:
    assert resolve_gpu(catalog(), name).gpu.id == identity


def test_every_card_answers_to_its_own_names() -> None:
    for gpu in catalog().gpus.values():
        for name in (gpu.id, gpu.name, *gpu.aliases):
            assert resolve_gpu(catalog(), name).gpu.id == gpu.id, name


def test_every_model_answers_to_its_own_names() -> None:
    for identity, row in catalog().model_rows.items():
        for name in (identity, *row.get("aliases", ())):
            assert resolve_model(catalog(), name).model.id == identity, name


def test_a_name_that_misleads_resolves_with_a_note() -> None:
    found = resolve_gpu(catalog(), "A6000 Ada")
    assert found.gpu.id == "rtx-6000-ada-48gb"
    assert "A6000 Ada" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("a100", {"a100-sxm-80gb", "a100-pcie-40gb"}),
        ("RTX 6000", {"rtx-6000-ada-48gb", "rtx-a6000-48gb", "rtx-pro-6000-96gb"}),
    ],
)
def test_a_name_of_several_cards_asks(name: str, choices: set[str]) -> None:
    with pytest.raises(AmbiguousNameError) as caught:
        resolve_gpu(catalog(), name)
    assert choices <= set(caught.value.choices)


def test_a_device_total_in_the_name_is_read() -> None:
    assert resolve_gpu(catalog(), "H100 80GB (79.10 GiB)").memory_bytes == gib_to_bytes(79.10)


@pytest.mark.parametrize("name", ["hh100", "not named", "(A100)", "\x1b[31m", "💥", "-", "a" * MAX_NAME])
def test_an_unknown_card(name: str) -> None:
    with pytest.raises(UnknownNameError):
        resolve_gpu(catalog(), name)


def test_a_misspelt_card_names_near_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean .*H100"):
        resolve_gpu(catalog(), "hh100")


@pytest.mark.parametrize("name", ["", " ", "x" * (MAX_NAME + 1)])
def test_names_have_a_length(name: str) -> None:
    for resolve in (resolve_gpu, resolve_model, resolve_quantization, resolve_engine):
        with pytest.raises(UsageError):
            resolve(catalog(), name)


@pytest.mark.parametrize(
    ("name", "identity", "quantization"),
    [
        ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B", None),
        ("llama-3.1-8b", "meta-llama/Llama-3.1-8B", None),
        ("Llama 3.3 70B", "meta-llama/Llama-3.3-70B-Instruct", None),
        ("llama-3.3-70b-instruct-fp8", "meta-llama/Llama-3.3-70B-Instruct", "fp8"),
        ("TheBloke/Llama-2-7B-AWQ", "meta-llama/Llama-2-7b-hf", "awq"),
        ("gpt-oss-120b", "openai/gpt-oss-120b", None),
        ("deepseek v3", "deepseek-ai/DeepSeek-V3", None),
    ],
)
def test_a_model(name: str, identity: str, quantization: str | None) -> None:
    found = resolve_model(catalog(), name)
    assert (found.model.id, found.quantization) == (identity, quantization)


@pytest.mark.parametrize("name", ["lama-3.1-8b", "mistral", "unnamed", "(x)"])
def test_an_unknown_model(name: str) -> None:
    with pytest.raises(UnknownNameError):
        resolve_model(catalog(), name)


@pytest.mark.parametrize(
    ("name", "identity"),
    [("FP8", "fp8"), ("bfloat16", "bf16"), ("awq-int4", "awq"), ("Q4_K_M", "q4-k-m"), ("nvfp4", "nvfp4")],
)
def test_a_weight_format(name: str, identity: str) -> None:
    assert resolve_quantization(catalog(), name).id == identity


def test_an_unknown_weight_format() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean .*fp8"):
        resolve_quantization(catalog(), "fp9")


def test_the_longest_pattern_of_a_name_wins() -> None:
    assert format_in_name(catalog(), "org/Some-Model-7B") is None
    assert format_in_name(catalog(), "org/Some-Model-7B-GPTQ-Int4") == "gptq-int4"


@pytest.mark.parametrize(
    ("name", "identity"),
    [("vLLM", "vllm"), ("llamacpp", "llama.cpp"), ("trt-llm", "tensorrt-llm"), ("sgl", "sglang")],
)
def test_an_engine(name: str, identity: str) -> None:
    assert resolve_engine(catalog(), name).id == identity


def test_an_unknown_engine() -> None:
    with pytest.raises(UnknownNameError, match="unknown engine"):
        resolve_engine(catalog(), "no such engine")


@pytest.mark.parametrize(
    ("text", "version", "v0"),
    [
        ("0.11", "0.11", False),
        ("v0.6.3", "0.6", True),
        ("V0 (0.8.5 era)", "0.8", True),
        ("V0", "0.8", True),
        ("v0.13.0rc2.dev112+g763", "0.13", False),
        ("99.0", "99.0", False),
    ],
)
def test_an_engine_version(text: str, version: str, v0: bool) -> None:
    found = resolve_version(catalog().engine("vllm"), text)
    assert (str(found.version), found.v0) == (version, v0)


def test_a_version_beyond_the_catalogue_says_so() -> None:
    assert resolve_version(catalog().engine("vllm"), "99.0").notes
    assert not resolve_version(catalog().engine("vllm"), None).notes


def test_a_bare_number_is_no_version() -> None:
    with pytest.raises(UsageError, match=r"MAJOR\.MINOR"):
        resolve_version(catalog().engine("vllm"), "1")


@pytest.mark.parametrize(
    ("name", "identity", "bits"),
    [
        ("auto", "bf16", (16, 16)),
        ("fp8_e4m3", "fp8", (8, 8)),
        ("q8_0", "q8_0", (8.5, 8.5)),
        ("K q8_0 / V q4_0", "k-q8_0-v-q4_0", (8.5, 4.5)),
    ],
)
def test_a_cache_format(name: str, identity: str, bits: tuple[float, float]) -> None:
    assert resolve_cache_format(name) == (identity, *bits)


def test_an_unknown_cache_format() -> None:
    with pytest.raises(UnknownNameError):
        resolve_cache_format("xx")


def test_near_names_are_shown_as_they_are_written() -> None:
    assert nearest("H100 sxn", ["h100-sxm-80gb", "H100 SXM", "T4"])[0] == "H100 SXM"
    assert nearest("", ["a"]) == ()
    assert squeeze("H100-SXM 80GB!") == "h100sxm80gb"
