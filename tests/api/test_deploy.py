"""Launch files of plans: they parse, they hold the plan's numbers, nothing in them is what it says."""

from __future__ import annotations

import json
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import gpucost
from gpucost.catalog.store import Catalog
from gpucost.domain.deployed import DeployResult
from gpucost.domain.plans import PlanRow
from gpucost.domain.report import Report
from gpucost.emit.files import TARGETS
from gpucost.errors import DataError, UnknownNameError, UsageError
from tests.api.scenarios import CHAT, LLAMA, QUIET, TODAY, changed, plans, scales, written
from tests.emit.parsers import argv_of_script, check_python, check_shell, decoded_json, documents, literals
from tests.io.configs import LLAMA_31_8B

SERVERLESS = {"billing": ["flex"], "gpus": ["l40s"]}
CASES: dict[str, dict[str, Any]] = {
    "pod": changed(CHAT, constraints={"providers": ["runpod"], "gpus": ["l40s"]}),
    "flex": changed(QUIET, constraints={"providers": ["runpod"], **SERVERLESS}),
    "modal": changed(QUIET, constraints={"providers": ["modal"], "gpus": ["l40s"]}),
    "replicate": changed(QUIET, constraints={"providers": ["replicate"], "gpus": ["l40s"]}),
    "sagemaker": changed(QUIET, constraints={"providers": ["aws"], "gpus": ["l40s", "l4", "a10g"]}),
    "sglang": changed(QUIET, constraints={"providers": ["modal"], "gpus": ["l40s"], "engines": ["sglang"]}),
    "llama.cpp": changed(
        QUIET,
        models=[{"model": LLAMA, "quantizations": ["q4_k_m"]}],
        constraints={"providers": ["runpod"], "gpus": ["rtx-4090"], "engines": ["llama.cpp"]},
    ),
    "several workers": changed(
        CHAT,
        workload={"requests_per_day": 900_000},
        constraints={"providers": ["runpod"], "gpus": ["l40s"], "billing": ["on-demand"]},
    ),
    "two cards, drafting": changed(
        CHAT,
        models=[{"model": "meta-llama/Llama-3.3-70B-Instruct", "quantizations": ["awq"]}],
        workload={"requests_per_day": 2000, "max_context": 8192},
        slo=["tpot<=25ms"],
        constraints={"providers": ["runpod"], "gpus": ["rtx-6000-ada"]},
        speculation={"draft_tokens": 3, "acceptance": 0.7, "draft_model": "meta-llama/Llama-3.2-1B-Instruct"},
    ),
}


def deployed(folder: Path, catalog: Catalog, scenario: dict[str, Any], **asked: Any) -> Report:
    return gpucost.deploy(scenario=written(folder, one=scenario), catalog=catalog, today=TODAY, **asked)


@cache
def made(name: str, folder: Path, shipped: Catalog) -> tuple[PlanRow, DeployResult]:
    """The plan of a case and its launch files, made once."""
    row = plans(folder, shipped, CASES[name]).plans[0]
    result: DeployResult = deployed(folder, shipped, CASES[name]).result
    return row, result


def texts(result: DeployResult) -> dict[str, str]:
    return {each.path: each.text for each in result.files}


def option(words: list[str], name: str) -> str | None:
    return words[words.index(name) + 1] if name in words else None


@pytest.mark.parametrize("name", CASES)
class TestFiles:
    def test_they_parse(self, name: str, folder: Path, shipped: Catalog, tmp_path: Path) -> None:
        _, result = made(name, folder, shipped)
        for path, text in texts(result).items():
            assert not Path(path).is_absolute()
            assert ".." not in Path(path).parts
            kind = Path(path).suffix
            if kind in (".yaml", ".yml"):
                assert documents(text) if path != "sagemaker.yaml" else text
            elif kind == ".json":
                assert decoded_json(text)
            elif kind == ".py":
                check_python(text)
            elif kind == ".sh":
                check_shell(text)
            else:
                assert path in ("runpod/Dockerfile", "replicate/requirements.txt")

    def test_the_server_has_the_numbers_of_the_plan(
        self, name: str, folder: Path, shipped: Catalog, tmp_path: Path
    ) -> None:
        row, result = made(name, folder, shipped)
        words = argv_of_script(texts(result)["serve.sh"], tmp_path)
        load = CASES[name]["workload"]
        longest = load.get("max_context") or load["input_tokens"] + load["output_tokens"]
        places = {"vllm": "--max-num-seqs", "sglang": "--max-running-requests", "llama.cpp": "--parallel"}
        assert int(option(words, places[row.engine]) or 0) == row.concurrency == result.concurrency
        lengths = {"vllm": "--max-model-len", "sglang": "--context-length"}
        if row.engine in lengths:
            assert int(option(words, lengths[row.engine]) or 0) == longest == result.max_model_len
        else:
            assert int(option(words, "--ctx-size") or 0) == longest * row.concurrency
        cut = {"vllm": "--tensor-parallel-size", "sglang": "--tp-size"}
        if row.engine in cut and row.tp > 1:
            assert int(option(words, cut[row.engine]) or 0) == row.tp
        assert option(words, "--host") == "127.0.0.1"

    def test_nothing_secret_stands_in_them(
        self, name: str, tmp_path: Path, shipped: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for variable in ("VLLM_API_KEY", "SGLANG_API_KEY", "LLAMA_API_KEY", "HF_TOKEN", "RUNPOD_API_KEY"):
            monkeypatch.setenv(variable, "open-sesame")
        for each in deployed(tmp_path, shipped, CASES[name]).result.files:
            assert "open-sesame" not in each.text

    def test_they_cost_what_the_plan_costs(self, name: str, folder: Path, shipped: Catalog) -> None:
        row, result = made(name, folder, shipped)
        assert result.usd_per_month == row.usd_per_month
        assert result.deployment == row.deployment
        assert result.quantization == row.quantization
        assert sum(each.bytes for each in result.files) == sum(
            len(each.text.encode()) for each in result.files
        )

    def test_every_target_is_written_or_says_why_not(self, name: str, folder: Path, shipped: Catalog) -> None:
        _, result = made(name, folder, shipped)
        assert [each.target for each in result.targets] == list(TARGETS)
        for each in result.targets:
            assert each.written == any(file.what == each.target for file in result.files)
            assert bool(each.reason) != each.written


class TestProviders:
    def test_an_endpoint_scales_as_planned(self, folder: Path, shipped: Catalog) -> None:
        row, result = made("flex", folder, shipped)
        assert scales(row)
        endpoint = json.loads(texts(result)["runpod/endpoint.json"])
        assert endpoint["workersMin"] == row.min_workers
        assert endpoint["workersMax"] == row.max_workers
        assert endpoint["idleTimeout"] == row.idle_timeout_s
        assert endpoint["gpuCount"] == row.gpus_per_worker
        assert endpoint["gpuTypeIds"] == ["NVIDIA L40S"]
        handler = literals(texts(result)["runpod/handler.py"])
        assert handler["MAX_NUM_SEQS"] == row.concurrency

    def test_a_pod_stays_on(self, folder: Path, shipped: Catalog) -> None:
        _, result = made("pod", folder, shipped)
        assert result.workers == "1 always on"
        assert "runpod/pod.json" in texts(result)
        assert "runpod/endpoint.json" not in texts(result)

    def test_modal_scales_as_planned(self, folder: Path, shipped: Catalog) -> None:
        row, result = made("modal", folder, shipped)
        values = literals(texts(result)["modal_app.py"])
        assert (values["MIN_CONTAINERS"], values["MAX_CONTAINERS"]) == (row.min_workers, row.max_workers)
        assert (values["SCALEDOWN_WINDOW_S"], values["MAX_NUM_SEQS"]) == (row.idle_timeout_s, row.concurrency)

    def test_sagemaker_has_the_machine_of_the_plan(self, folder: Path, shipped: Catalog) -> None:
        row, result = made("sagemaker", folder, shipped)
        if row.product == "aws/sagemaker":
            assert row.deployment.rpartition("/")[2].partition("@")[0] in texts(result)["sagemaker.yaml"]

    def test_replicate_is_written_for_its_own_plans_alone(self, folder: Path, shipped: Catalog) -> None:
        assert "replicate/cog.yaml" in texts(made("replicate", folder, shipped)[1])
        assert "replicate/cog.yaml" not in texts(made("modal", folder, shipped)[1])

    def test_replicas_are_the_workers_of_the_plan(self, folder: Path, shipped: Catalog) -> None:
        row, result = made("several workers", folder, shipped)
        assert row.workers > 1
        manifests = documents(texts(result)["kubernetes.yaml"])
        replicas = [each["spec"]["replicas"] for each in manifests if each["kind"] == "Deployment"]
        assert replicas == [row.workers]

    def test_drafting_is_switched_on(self, folder: Path, shipped: Catalog, tmp_path: Path) -> None:
        row, result = made("two cards, drafting", folder, shipped)
        assert row.speculation
        words = argv_of_script(texts(result)["serve.sh"], tmp_path)
        assert json.loads(option(words, "--speculative-config") or "{}") == {
            "method": "draft_model",
            "model": "meta-llama/Llama-3.2-1B-Instruct",
            "num_speculative_tokens": 3,
        }


class TestAsked:
    def test_another_plan_by_its_name(self, tmp_path: Path, shipped: Catalog) -> None:
        rows = plans(tmp_path, shipped, CHAT).plans
        other = next(row for row in rows[1:] if row.deployment != rows[0].deployment)
        result = deployed(tmp_path, shipped, CHAT, deployment=other.deployment).result
        assert (result.deployment, result.usd_per_month) == (other.deployment, other.usd_per_month)

    def test_another_format_at_the_same_deployment(self, tmp_path: Path, shipped: Catalog) -> None:
        first = plans(tmp_path, shipped, CHAT).plans[0]
        result = deployed(tmp_path, shipped, CHAT, deployment=f"{first.deployment} in awq").result
        assert (result.deployment, result.quantization) == (first.deployment, "awq")

    def test_names_that_are_no_plan(self, tmp_path: Path, shipped: Catalog) -> None:
        with pytest.raises(UnknownNameError, match="did you mean runpod/"):
            deployed(tmp_path, shipped, CHAT, deployment="runpd/secure/l40s-48gb")
        with pytest.raises(UnknownNameError, match="did you mean kubernetes"):
            deployed(tmp_path, shipped, CHAT, target=["kubernets"])

    def test_only_some_targets(self, tmp_path: Path, shipped: Catalog) -> None:
        result = deployed(tmp_path, shipped, CHAT, target=["command", "compose"]).result
        assert set(texts(result)) == {"serve.sh", "compose.yaml"}
        assert {each.reason for each in result.targets if not each.written} >= {"not asked for"}
        with pytest.raises(UsageError, match="no recipe for bf16"):
            deployed(
                tmp_path,
                shipped,
                changed(CHAT, models=[{"model": LLAMA, "quantizations": ["bf16"]}]),
                target=["quantise"],
            )

    def test_an_older_engine_has_its_own_options(
        self, folder: Path, shipped: Catalog, tmp_path: Path
    ) -> None:
        result = deployed(tmp_path, shipped, CASES["two cards, drafting"], engine_version="0.6").result
        assert result.engine_version == "0.6"
        words = argv_of_script(texts(result)["serve.sh"], tmp_path)
        assert option(words, "--speculative-model") == "meta-llama/Llama-3.2-1B-Instruct"
        assert "--speculative-config" not in words

    def test_longer_sequences_must_fit(self, tmp_path: Path, shipped: Catalog) -> None:
        result = deployed(tmp_path, shipped, CHAT, max_model_len=4096).result
        assert result.max_model_len == 4096
        with pytest.raises(UsageError, match=r"holds .* tokens beside the weights"):
            deployed(tmp_path, shipped, CHAT, max_model_len=10_000_000)
        with pytest.raises(UsageError, match="at least the scenario's 1,250 tokens"):
            deployed(tmp_path, shipped, CHAT, max_model_len=1000)

    def test_another_share_of_the_card_is_said(self, tmp_path: Path, shipped: Catalog) -> None:
        report = deployed(tmp_path, shipped, CHAT, gpu_memory_utilization=0.8)
        assert report.result.gpu_memory_utilization == 0.8
        assert any("the plan was computed with" in each.text for each in report.notes)

    def test_a_size_cannot_be_launched(self, tmp_path: Path, shipped: Catalog) -> None:
        with pytest.raises(UsageError, match="names a size, 13"):
            deployed(tmp_path, shipped, changed(CHAT, models=[{"params": 13}]))

    def test_cards_without_bfloat16_compute_in_float16(self, tmp_path: Path, shipped: Catalog) -> None:
        for engine in ("vllm", "sglang"):
            limits = {"gpus": ["t4"], "providers": None, "engines": [engine]}
            scenario = changed(QUIET, models=[{"model": LLAMA, "quantizations": ["awq"]}], constraints=limits)
            result = deployed(tmp_path, shipped, scenario, target=["command"]).result
            assert option(argv_of_script(texts(result)["serve.sh"], tmp_path), "--dtype") == "float16"
        result = deployed(tmp_path, shipped, CASES["pod"], target=["command"]).result
        assert option(argv_of_script(texts(result)["serve.sh"], tmp_path), "--dtype") is None

    def test_no_plan_is_a_no(self, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(CHAT, constraints={"max_usd_per_month": 1.0})
        report = deployed(tmp_path, shipped, scenario, deployment="runpod/secure/l40s-48gb")
        assert report.answered_no
        assert (report.result.deployment, report.result.files) == (None, ())

    def test_weights_that_nobody_made_yet(self, tmp_path: Path, shipped: Catalog) -> None:
        for form, says in (("awq", "quantise.py makes them"), ("q4_k_m", "nothing here makes them")):
            engines = ["vllm" if form == "awq" else "llama.cpp"]
            scenario = changed(
                QUIET, models=[{"model": LLAMA, "quantizations": [form]}], constraints={"engines": engines}
            )
            report = deployed(tmp_path, shipped, scenario)
            assert report.result.model == "./quantized"
            assert any(says in each.text for each in report.notes)
        native = deployed(
            tmp_path, shipped, changed(QUIET, models=[{"model": LLAMA, "quantizations": ["fp8"]}])
        )
        assert native.result.model == LLAMA


class TestHostile:
    @pytest.mark.parametrize(
        "owner", ["x; rm -rf $(id) #", "`touch x`", "$(id)", "'\"", "{{.x}}", "a b", "..\\..\\x", "%s{0}"]
    )
    def test_owners_of_models_stay_values(self, owner: str, tmp_path: Path, shipped: Catalog) -> None:
        name = f"{owner}/Llama-3.1-8B-Instruct"
        scenario = changed(CHAT, models=[{"model": name, "quantizations": ["bf16"]}])
        result = deployed(tmp_path, shipped, scenario, target=["command", "download", "compose"]).result
        found = texts(result)
        assert name in argv_of_script(found["serve.sh"], tmp_path)
        line = next(line for line in found["download.sh"].splitlines() if line.startswith("hf download"))
        assert shlex.split(line)[2] == name
        command = yaml.safe_load(found["compose.yaml"])["services"]["llm"]["command"]
        assert command[1].replace("$$", "$") == name

    @pytest.mark.parametrize("owner", ["a\nb", "-x", "\u202ea", "a\x00b", "a\x1b[2J"])
    def test_what_no_quoting_helps_is_refused(self, owner: str, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(
            CHAT, models=[{"model": f"{owner}/Llama-3.1-8B-Instruct", "quantizations": ["bf16"]}]
        )
        with pytest.raises((UsageError, DataError)) as caught:
            deployed(tmp_path, shipped, scenario)
        assert "\n" not in str(caught.value).partition("scenarios")[0]
        assert "\x1b" not in str(caught.value)

    @pytest.mark.parametrize("name", ["x; rm -rf /", "a/b", "..\\..", "a\nb", "a b", "", "x" * 100])
    def test_names_of_scenarios_are_names(self, name: str, tmp_path: Path, shipped: Catalog) -> None:
        path = tmp_path / "gpucost.yaml"
        path.write_text(json.dumps({"version": 1, "scenarios": {name: CHAT}}), encoding="utf-8")
        with pytest.raises(DataError, match="not a name"):
            gpucost.deploy(scenario=path, catalog=shipped, today=TODAY)

    @pytest.mark.parametrize("name", ["$(id)", "`id`", "..", "--force", "x;id", "${HOME}", "'\"", "*"])
    def test_names_that_are_allowed_do_no_harm(self, name: str, tmp_path: Path, shipped: Catalog) -> None:
        path = tmp_path / "gpucost.yaml"
        path.write_text(json.dumps({"version": 1, "scenarios": {name: CASES["flex"]}}), encoding="utf-8")
        result = gpucost.deploy(scenario=path, catalog=shipped, today=TODAY).result
        for file, text in texts(result).items():
            assert name not in file.split("/")
            if file.endswith(".sh"):
                check_shell(text)
            elif file.endswith((".yaml", ".yml")):
                documents(text)
            elif file.endswith(".py"):
                check_python(text)
            elif file.endswith(".json"):
                decoded_json(text)

    def test_a_folder_as_the_model(self, tmp_path: Path, shipped: Catalog) -> None:
        folder = tmp_path / "x; rm -rf $(id)"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(LLAMA_31_8B), encoding="utf-8")
        for config in (folder.name, f"{folder.name}/config.json"):
            scenario = changed(CHAT, models=[{"config": config, "quantizations": ["bf16"]}])
            result = deployed(tmp_path, shipped, scenario).result
            assert result.model == str(folder)
            assert str(folder) in argv_of_script(texts(result)["serve.sh"], tmp_path)
