from __future__ import annotations

import ast

import pytest

from gpucost.domain.launch import Launch
from gpucost.emit import engines, modal, quantise, replicate, runpod_worker
from gpucost.emit.command import LOOPBACK
from gpucost.emit.files import launch_files
from tests.emit.launches import (
    HOSTILE,
    LAUNCHES,
    LLAMA_CPP_POD,
    SGLANG_MODAL,
    VLLM_MODAL,
    VLLM_REPLICATE,
    VLLM_RUNPOD,
)
from tests.emit.parsers import check_python, documents, literals


@pytest.mark.parametrize("text", ["org/model", *HOSTILE])
@pytest.mark.parametrize("name", ["vllm-runpod", "sglang-serverless", "llama-cpp-serverless"])
def test_handler_runs_the_exact_command(name: str, text: str) -> None:
    launch = LAUNCHES[name]._replace(model=text)
    found = literals(runpod_worker.handler(launch))
    assert found["COMMAND"] == engines.in_container(launch).argv(LOOPBACK)
    assert found["MODEL"] == text
    assert found["MAX_NUM_SEQS"] == launch.max_num_seqs


@pytest.mark.parametrize("text", HOSTILE)
def test_dockerfile_holds_no_text_of_the_user(text: str) -> None:
    def instructions(launch: Launch) -> list[str]:
        return [line for line in runpod_worker.dockerfile(launch).splitlines() if not line.startswith("#")]

    plain = instructions(VLLM_RUNPOD)
    assert instructions(VLLM_RUNPOD._replace(name=text, model=text, revision=text)) == plain
    assert plain[0] == "FROM vllm/vllm-openai:v0.33.0"
    assert plain[-1] == 'CMD ["python3", "-u", "/handler.py"]'


def test_modal_app() -> None:
    text = modal.app(VLLM_MODAL)
    found = literals(text)
    assert (found["GPU"], found["PACKAGE"], found["PORT"]) == ("L40S:2", "vllm==0.33.0", 8000)
    assert (found["MIN_CONTAINERS"], found["MAX_CONTAINERS"]) == (0, 10)
    assert (found["SCALEDOWN_WINDOW_S"], found["TIMEOUT_S"]) == (30, 600)
    assert found["words"][-4:] == ["--host", "0.0.0.0", "--port", "8000"]
    assert "required_keys=[KEY_VARIABLE]" in text
    assert "os.environ['SGLANG_API_KEY'],\n    ]" in modal.app(SGLANG_MODAL)
    assert literals(modal.app(SGLANG_MODAL))["GPU"] == "H100:2"
    assert "12.8.1" in modal.app(LAUNCHES["vllm-old"]._replace(gpu="l4-24gb"))


def test_modal_has_not_every_card_and_engine() -> None:
    with pytest.raises(ValueError, match="Modal's name of rtx-4090-24gb"):
        modal.app(VLLM_MODAL._replace(gpu="rtx-4090-24gb"))
    with pytest.raises(ValueError, match=r"no Modal app is written for llama\.cpp"):
        modal.app(LLAMA_CPP_POD)
    with pytest.raises(ValueError, match="target modal: Modal's name"):
        launch_files(VLLM_RUNPOD, ["modal"])
    assert "modal_app.py" not in launch_files(VLLM_MODAL._replace(gpu="rtx-4090-24gb"))


def test_replicate() -> None:
    (cog,) = documents(replicate.cog(VLLM_REPLICATE))
    assert cog == {
        "build": {"gpu": True, "python_version": "3.12", "python_requirements": "requirements.txt"},
        "run": "run.py:Runner",
    }
    assert replicate.requirements(VLLM_REPLICATE).splitlines()[0] == "vllm==0.33.0"
    text = replicate.runner(VLLM_REPLICATE)
    assert "@concurrent(max=64)" in text
    runner = next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    methods = [node.name for node in runner.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert methods == ["setup", "run"]
    with pytest.raises(ValueError, match=r"no Replicate model is written for llama\.cpp"):
        replicate.runner(LLAMA_CPP_POD)


@pytest.mark.parametrize("quantization", sorted(quantise.RECIPES))
@pytest.mark.parametrize("base", [None, "org/model", HOSTILE[-1]])
def test_quantisation_scripts(quantization: str, base: str | None) -> None:
    text = quantise.script(VLLM_RUNPOD._replace(quantization=quantization, base_model=base))
    check_python(text)
    assert literals(text)["SOURCE"] == base
    assert "trust_remote_code_model=False" in text
    assert ("dataset=" in text) is quantise.RECIPES[quantization].calibrates
