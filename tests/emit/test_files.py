from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest

from gpucost.domain.deployment import EngineKind
from gpucost.domain.launch import Launch
from gpucost.emit.files import TARGETS, launch_files
from tests.emit import parsers
from tests.emit.launches import (
    HOSTILE,
    LAUNCHES,
    LLAMA_CPP_POD,
    PROVIDERS,
    TENSORRT_LLM,
    VLLM_MODAL,
    VLLM_RUNPOD,
)

ALWAYS = {
    "serve.sh",
    "download.sh",
    "compose.yaml",
    "kubernetes.yaml",
    "monitoring/prometheus.yml",
    "monitoring/alerts.yml",
    "monitoring/dashboard.json",
}
SERVERLESS = {"runpod/template.json", "runpod/endpoint.json", "runpod/handler.py", "runpod/Dockerfile"}
POD = {"runpod/pod-template.json", "runpod/pod.json"}
REPLICATE = {"replicate/cog.yaml", "replicate/run.py", "replicate/requirements.txt"}
SECRET_LIKE = re.compile(
    r"hf_[A-Za-z]{20}|sk-[A-Za-z0-9]{16}|rpa_[A-Z0-9]{16}|AKIA[A-Z0-9]{12}|Bearer\s+\S{8}"
    r"|(?i:(?:api[-_]?key|token|password|secret)['\"]?\s*[:=]\s*['\"]?[A-Za-z0-9+/_-]{16,})"
)

every_launch = pytest.mark.parametrize("launch", LAUNCHES.values(), ids=LAUNCHES.keys())


def read_back(files: dict[str, str]) -> None:
    for name, text in files.items():
        assert text.endswith("\n")
        if name.endswith(".sh"):
            parsers.check_shell(text)
        elif name.endswith(".py"):
            parsers.check_python(text)
        elif name.endswith(".json"):
            assert isinstance(parsers.decoded_json(text), dict)
        elif name.endswith((".yaml", ".yml")):
            assert parsers.documents(text)
        else:
            assert name in {"runpod/Dockerfile", "replicate/requirements.txt"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vllm-runpod", ALWAYS | SERVERLESS | {"quantise.py"}),
        ("sglang-kubernetes", ALWAYS | {"quantise.py"}),
        ("llama-cpp-pod", ALWAYS | POD),
        ("vllm-sagemaker", ALWAYS | {"sagemaker.yaml"}),
        ("vllm-modal", ALWAYS | {"modal_app.py", "quantise.py"}),
        ("vllm-replicate", ALWAYS | REPLICATE | {"quantise.py"}),
        ("tensorrt-llm", {"serve.sh", "download.sh", "quantise.py"}),
    ],
)
def test_files_that_fit_the_launch(name: str, expected: set[str]) -> None:
    assert launch_files(LAUNCHES[name]).keys() == expected


def test_targets_asked_for() -> None:
    assert launch_files(VLLM_RUNPOD, ["command", "monitoring"]).keys() == {
        "serve.sh",
        *(name for name in ALWAYS if name.startswith("monitoring/")),
    }
    assert launch_files(VLLM_MODAL, ["sagemaker"]).keys() == {"sagemaker.yaml"}, "on request"
    assert launch_files(VLLM_RUNPOD, []) == {}
    with pytest.raises(ValueError, match="target: no 'nomad'; one of command, download"):
        launch_files(VLLM_RUNPOD, ["nomad"])
    with pytest.raises(ValueError, match="target quantise: no recipe for q4-k-m"):
        launch_files(LLAMA_CPP_POD, ["quantise"])
    with pytest.raises(ValueError, match="target kubernetes: tensorrt-llm knows no API key"):
        launch_files(TENSORRT_LLM, ["kubernetes"])


@every_launch
def test_every_file_is_read_by_its_tool(launch: Launch, tmp_path: Path) -> None:
    files = launch_files(launch)
    read_back(files)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if "compose.yaml" in files:
        variables = {"vllm": "VLLM_API_KEY", "sglang": "SGLANG_API_KEY", "llama.cpp": "LLAMA_API_KEY"}
        parsers.check_compose(tmp_path / "compose.yaml", variables[launch.engine])
        parsers.check_promtool(tmp_path / "monitoring")


@every_launch
def test_no_secret_is_written_and_no_server_is_open(launch: Launch) -> None:
    for name, text in launch_files(launch).items():
        assert not SECRET_LIKE.search(text), name
        assert "trust-remote-code" not in text, name
        if "0.0.0.0" in text:
            assert "_API_KEY" in text, f"{name} listens to everybody"
            assert name in {"compose.yaml", "kubernetes.yaml", "modal_app.py", "runpod/pod-template.json"}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", PROVIDERS)
def test_hostile_texts_stay_values(name: str, text: str) -> None:
    launch = LAUNCHES[name]._replace(name=text, model=text, revision=text)
    if launch.speculation is not None and launch.speculation.draft_model is not None:
        launch = launch._replace(speculation=launch.speculation._replace(draft_model=text))
    read_back(launch_files(launch))


def test_line_breaks_in_the_name_stay_in_its_value() -> None:
    for launch in LAUNCHES.values():
        plain = launch_files(launch._replace(name="plain"))
        broken = launch_files(launch._replace(name="a\nimport os\n- b: c\x1b[0m"))
        read_back(broken)
        for file, text in plain.items():
            assert text.count("\n") == broken[file].count("\n"), file


@pytest.mark.parametrize("field", ["model", "revision", "base_model", "kv_dtype", "quantization"])
@pytest.mark.parametrize("value", ["a\nb", "a\x00", "a\u202eb", "--config=x", ""])
def test_values_that_nothing_can_quote(field: str, value: str) -> None:
    launch = VLLM_RUNPOD._replace(**cast("dict[str, Any]", {field: value}))
    for target in TARGETS:
        if TARGETS[target].unfit(launch) is None:
            with pytest.raises(ValueError, match=f"^{field}: "):
                launch_files(launch, [target])


@pytest.mark.parametrize(
    ("target", "value"),
    [("sagemaker", "{{resolve:secretsmanager:x}}"), ("runpod", "{{ RUNPOD_SECRET_other }}")],
)
def test_values_that_a_provider_would_replace(target: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"model: .* would replace"):
        launch_files(VLLM_RUNPOD._replace(model=value), [target])


def test_an_engine_without_a_server() -> None:
    with pytest.raises(ValueError, match="engine: transformers has no server"):
        launch_files(VLLM_RUNPOD._replace(engine=EngineKind.TRANSFORMERS), ["command"])
