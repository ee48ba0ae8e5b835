from __future__ import annotations

import json
from pathlib import Path

import pytest

from gpucost.domain.deployment import EngineKind, Version
from gpucost.domain.launch import Launch, Speculation
from gpucost.emit import engines, shell
from gpucost.emit.command import EVERYWHERE, LOOPBACK
from gpucost.emit.flags import flags
from gpucost.emit.formats import gguf_name, is_gguf
from tests.emit.launches import (
    ENGINES,
    HOSTILE,
    LAUNCHES,
    LLAMA_CPP_POD,
    SGLANG_KUBERNETES,
    TENSORRT_LLM,
    VLLM_OLD,
    VLLM_RUNPOD,
    VLLM_SAGEMAKER,
)
from tests.emit.parsers import argv_of_script

DRAFT = Speculation("draft_model", 5, "draft/model")


def options(launch: Launch) -> dict[str, str | None]:
    return {option.flag: option.value for option in engines.command(launch).options}


@pytest.mark.parametrize("launch", LAUNCHES.values(), ids=LAUNCHES.keys())
def test_every_option_is_one_of_its_version(launch: Launch) -> None:
    server = engines.command(launch)
    host = LOOPBACK if server.key is None else EVERYWHERE
    used = {word for word in server.argv(host) if word.startswith("--")}
    assert used <= flags(launch.engine, launch.engine_version)


@pytest.mark.parametrize("minor", range(5, 36))
def test_vllm_options_exist_in_every_version(minor: int) -> None:
    launch = VLLM_SAGEMAKER._replace(engine_version=Version(0, minor), speculation=Speculation("ngram", 3))
    used = {word for word in engines.command(launch).argv(EVERYWHERE) if word.startswith("--")}
    assert used <= flags(EngineKind.VLLM, launch.engine_version)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("text", HOSTILE)
def test_the_script_holds_the_exact_arguments(name: str, text: str, tmp_path: Path) -> None:
    launch = LAUNCHES[name]._replace(model=text, revision=text)
    assert argv_of_script(shell.serve(launch), tmp_path) == engines.command(launch).argv(LOOPBACK)


def test_vllm_command() -> None:
    server = engines.command(VLLM_RUNPOD)
    assert server.start == ("vllm", "serve", "casperhansen/llama-3-70b-instruct-awq")
    assert options(VLLM_RUNPOD) == {
        "--tensor-parallel-size": "2",
        "--max-model-len": "8192",
        "--max-num-seqs": "64",
        "--gpu-memory-utilization": "0.93",
    }
    assert any(reason.startswith("no --quantization: awq") for reason in server.reasons())
    assert "--gpu-memory-utilization 0.93: 44.1 of 47.4 GiB per card" in "\n".join(server.reasons())


def test_options_that_only_some_plans_have() -> None:
    assert options(VLLM_SAGEMAKER).keys() >= {"--pipeline-parallel-size", "--enforce-eager"}
    assert (
        options(LAUNCHES["vllm-mtp"]).items()
        >= {
            "--enable-expert-parallel": None,
            "--max-num-batched-tokens": "4096",
        }.items()
    )
    assert options(SGLANG_KUBERNETES) == {
        "--tp-size": "2",
        "--context-length": "8192",
        "--max-running-requests": "64",
        "--mem-fraction-static": "0.86",
        "--enable-metrics": None,
        "--ep-size": "2",
        "--kv-cache-dtype": "fp8_e4m3",
        "--quantization": "fp8",
        "--revision": SGLANG_KUBERNETES.revision,
    }
    assert options(LAUNCHES["sglang-old"]).keys() >= {"--enable-ep-moe", "--pp-size"}
    assert options(TENSORRT_LLM)["--kv_cache_free_gpu_memory_fraction"] == "0.86"


def test_llama_cpp_slots_share_one_context() -> None:
    server = engines.command(LLAMA_CPP_POD)
    assert server.start == ("llama-server", "--hf-repo", "unsloth/Qwen3-8B-GGUF:Q4_K_M")
    assert (
        options(LLAMA_CPP_POD).items()
        >= {
            "--ctx-size": str(4 * 8192),
            "--parallel": "4",
            "--cache-type-k": "q8_0",
            "--cache-type-v": "q8_0",
        }.items()
    )
    file = LLAMA_CPP_POD._replace(model="/models/a.gguf")
    assert engines.command(file).start[1:] == ("--model", "/models/a.gguf")


def test_online_fp8_only_for_16_bit_checkpoints() -> None:
    ready = VLLM_RUNPOD._replace(quantization="fp8", model="org/model-FP8")
    assert "--quantization" not in options(ready)
    assert "--quantization" not in options(ready._replace(base_model="org/model"))
    assert options(ready._replace(base_model=ready.model))["--quantization"] == "fp8"


@pytest.mark.parametrize(
    ("version", "method"), [((0, 33), "mtp"), ((0, 11), "mtp"), ((0, 10), "deepseek_mtp"), ((0, 8), None)]
)
def test_one_json_option_for_speculation(version: tuple[int, int], method: str | None) -> None:
    launch = VLLM_RUNPOD._replace(engine_version=Version(*version), speculation=Speculation("mtp", 2))
    config = json.loads(options(launch)["--speculative-config"] or "")
    assert config == {"num_speculative_tokens": 2} | ({"method": method} if method else {})


def test_speculation_of_current_versions() -> None:
    config = json.loads(options(VLLM_RUNPOD._replace(speculation=DRAFT))["--speculative-config"] or "")
    assert config == {"method": "draft_model", "model": "draft/model", "num_speculative_tokens": 5}
    ngram = json.loads(options(LAUNCHES["vllm-ngram"])["--speculative-config"] or "")
    assert ngram == {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4}
    assert (
        options(LAUNCHES["sglang-draft"]).items()
        >= {
            "--speculative-algorithm": "STANDALONE",
            "--speculative-num-steps": "3",
            "--speculative-num-draft-tokens": "4",
        }.items()
    )
    assert (
        options(LAUNCHES["llama-cpp-draft"]).items()
        >= {
            "--spec-type": "draft-simple",
            "--spec-draft-n-max": "3",
            "--spec-draft-hf": "unsloth/q-GGUF",
        }.items()
    )


def test_speculation_in_the_syntax_of_older_versions() -> None:
    assert (
        options(VLLM_OLD).items()
        >= {
            "--speculative-model": "casperhansen/llama-3-8b-instruct-awq",
            "--num-speculative-tokens": "5",
            "--speculative-draft-tensor-parallel-size": "1",
        }.items()
    )
    ngram = options(VLLM_OLD._replace(speculation=Speculation("ngram", 4)))
    assert (ngram["--speculative-model"], ngram["--ngram-prompt-lookup-max"]) == ("[ngram]", "4")
    mtp = VLLM_OLD._replace(engine_version=Version(0, 7), speculation=Speculation("mtp", 1))
    assert options(mtp)["--num-speculative-tokens"] == "1"


@pytest.mark.parametrize(
    ("launch", "message"),
    [
        (
            VLLM_RUNPOD._replace(speculation=DRAFT, engine_version=Version(0, 11)),
            "speculation: vLLM 0.11",
        ),
        (
            VLLM_OLD._replace(speculation=Speculation("eagle3", 3, "a/b")),
            "speculation: vLLM 0.6",
        ),
        (VLLM_RUNPOD._replace(speculation=Speculation("medusa", 3)), "speculation: no method 'medusa'"),
        (VLLM_RUNPOD._replace(speculation=Speculation("eagle3", 3)), "draft_model: eagle3 needs"),
        (
            SGLANG_KUBERNETES._replace(speculation=Speculation("draft_model", 3)),
            "draft_model: draft_model needs",
        ),
        (LAUNCHES["sglang-old"]._replace(speculation=Speculation("ngram", 3)), "speculation: SGLang 0.4"),
        (
            LLAMA_CPP_POD._replace(speculation=Speculation("medusa", 3)),
            "speculation: llama.cpp has no",
        ),
        (LLAMA_CPP_POD._replace(speculation=Speculation("eagle3", 3)), "draft_model: eagle3 needs"),
        (VLLM_RUNPOD._replace(quantization="q4-k-m"), "quantization: vLLM 0.33 reads no GGUF"),
        (VLLM_RUNPOD._replace(quantization="bnb-nf4"), "quantization: vLLM 0.33 reads no bitsandbytes"),
        (SGLANG_KUBERNETES._replace(quantization="q8-0"), "quantization: q8-0 is a GGUF format"),
        (LLAMA_CPP_POD._replace(quantization="awq"), "quantization: awq is no GGUF format"),
        (LLAMA_CPP_POD._replace(kv_dtype="fp8"), "kv_dtype: llama.cpp has no fp8; one of bf16, f16"),
        (TENSORRT_LLM._replace(kv_dtype="fp8"), "kv_dtype: trtllm-serve has no option"),
        (TENSORRT_LLM._replace(speculation=DRAFT), "speculation: trtllm-serve has no option"),
        (TENSORRT_LLM._replace(quantization="q8-0"), "quantization: q8-0 is a GGUF format"),
    ],
)
def test_plans_that_an_engine_cannot_serve(launch: Launch, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        engines.command(launch)


def test_only_a_server_with_a_key_leaves_the_loopback_address() -> None:
    with pytest.raises(ValueError, match="knows no API key"):
        engines.command(TENSORRT_LLM).argv(EVERYWHERE)
    assert "--api-key" not in engines.command(SGLANG_KUBERNETES).argv(LOOPBACK)
    assert "--api-key" in engines.command(SGLANG_KUBERNETES).argv(EVERYWHERE)


def test_gguf_names() -> None:
    assert [gguf_name(name) for name in ("q4-k-m", "q4_k_m", "iq4-nl", "q8-0", "f16", "bf16", "awq")] == [
        "Q4_K_M",
        "Q4_K_M",
        "IQ4_NL",
        "Q8_0",
        "F16",
        "BF16",
        None,
    ]
    assert is_gguf("q6-k")
    assert not is_gguf("bf16")
    assert not is_gguf("qserve-w4a8")


def test_downloads_bring_no_code() -> None:
    text = shell.download(SGLANG_KUBERNETES)
    assert f"hf download Qwen/Qwen3-32B --revision {SGLANG_KUBERNETES.revision} --exclude '*.py'" in text
    assert "--include '*Q4_K_M*.gguf'" in shell.download(LLAMA_CPP_POD)
    assert "hf download casperhansen/llama-3-8b-instruct-awq --exclude '*.py'" in shell.download(VLLM_OLD)
    assert ":-/runpod-volume/" in shell.download(VLLM_RUNPOD)
    assert ":-/workspace/" in shell.download(LLAMA_CPP_POD)
    assert "hf download" not in shell.download(VLLM_RUNPOD._replace(model="/models/a b"))


def test_stored_options_by_version() -> None:
    old, new = flags(EngineKind.VLLM, Version(0, 4)), flags(EngineKind.VLLM, Version(0, 40))
    assert "--speculative-model" in old
    assert "--speculative-model" not in new
    assert "--speculative-config" in new
    assert old == flags(EngineKind.VLLM, Version(0, 6)), "older than any that was read"
    assert "--enable-flashinfer" not in flags(EngineKind.SGLANG, Version(0, 4))
    assert flags(EngineKind.TRANSFORMERS, Version(5, 0)) == frozenset()
