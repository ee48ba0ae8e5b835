from __future__ import annotations

import json
import shlex
from typing import Any

import jsonschema
import pytest

from gpucost.domain.deployment import Version
from gpucost.domain.launch import Launch, Scaling
from gpucost.emit import compose, engines, kubernetes, runpod, sagemaker
from gpucost.emit.command import API_KEY, EVERYWHERE
from gpucost.emit.files import launch_files
from gpucost.emit.releases import image, release, runpod_worker
from tests.emit.launches import (
    HOSTILE,
    LAUNCHES,
    LLAMA_CPP_POD,
    SGLANG_KUBERNETES,
    TENSORRT_LLM,
    VLLM_OLD,
    VLLM_RUNPOD,
    VLLM_SAGEMAKER,
)
from tests.emit.parsers import decoded_json, documents

STRINGS = {"type": "array", "items": {"type": "string"}}
ENDPOINT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["templateId"],
    "properties": {
        "templateId": {"type": "string"},
        "name": {"type": "string", "maxLength": 191},
        "computeType": {"enum": ["GPU", "CPU"]},
        "gpuCount": {"type": "integer", "minimum": 1},
        "gpuTypeIds": STRINGS,
        "workersMin": {"type": "integer", "minimum": 0},
        "workersMax": {"type": "integer", "minimum": 0},
        "idleTimeout": {"type": "integer", "minimum": 1, "maximum": 3600},
        "scalerType": {"enum": ["QUEUE_DELAY", "REQUEST_COUNT"]},
        "scalerValue": {"type": "integer", "minimum": 1},
        "executionTimeoutMs": {"type": "integer"},
        "flashboot": {"type": "boolean"},
    },
}
TEMPLATE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "imageName"],
    "properties": {
        "name": {"type": "string"},
        "imageName": {"type": "string"},
        "category": {"enum": ["NVIDIA", "AMD", "CPU"]},
        "containerDiskInGb": {"type": "integer"},
        "dockerEntrypoint": STRINGS,
        "dockerStartCmd": STRINGS,
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
        "isPublic": {"type": "boolean"},
        "isServerless": {"type": "boolean"},
        "ports": {"type": "array", "items": {"pattern": r"^\d+/(http|tcp)$"}},
        "readme": {"type": "string"},
        "volumeInGb": {"type": "integer"},
        "volumeMountPath": {"type": "string"},
    },
}
POD = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "templateId": {"type": "string"},
        "name": {"type": "string", "maxLength": 191},
        "computeType": {"enum": ["GPU", "CPU"]},
        "cloudType": {"enum": ["SECURE", "COMMUNITY"]},
        "interruptible": {"type": "boolean"},
        "gpuCount": {"type": "integer", "minimum": 1},
        "gpuTypeIds": STRINGS,
    },
}
"""What is written of EndpointCreateInput, TemplateCreateInput and PodCreateInput of RunPod's API."""
SCHEMAS = {
    "runpod/endpoint.json": ENDPOINT,
    "runpod/template.json": TEMPLATE,
    "runpod/pod-template.json": TEMPLATE,
    "runpod/pod.json": POD,
}
CONTAINERS = [name for name, launch in LAUNCHES.items() if launch.engine is not TENSORRT_LLM.engine]


def expand(word: str) -> str:
    """What the kubelet and compose make of a value without variables."""
    assert "$" not in word.replace("$$", ""), word
    return word.replace("$$", "$")


def service(launch: Launch) -> dict[str, Any]:
    (content,) = documents(compose.compose(launch))
    found = content["services"]["llm"]
    assert isinstance(found, dict)
    return found


def container(launch: Launch) -> dict[str, Any]:
    deployment, _ = documents(kubernetes.manifests(launch))
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_get_the_exact_arguments(name: str, text: str) -> None:
    launch = LAUNCHES[name]._replace(model=text, revision=text)
    server = engines.in_container(launch)
    assert server.key is not None
    expected = server.argv(EVERYWHERE)
    composed = service(launch)
    argv = [*composed["entrypoint"], *composed["command"]]
    reference = f"${{{server.key.variable}:?set it to the key that clients send}}"
    assert [API_KEY if word == reference else expand(word) for word in argv] == expected
    assert composed["environment"][server.key.variable] == reference
    pod = container(launch)
    argv = [*pod["command"], *pod["args"]]
    reference = f"$({server.key.variable})"
    assert [API_KEY if word == reference else expand(word) for word in argv] == expected


def test_compose_publishes_on_the_loopback_address() -> None:
    for launch in (VLLM_RUNPOD, SGLANG_KUBERNETES, LLAMA_CPP_POD):
        server = engines.in_container(launch)
        found = service(launch)
        assert found["ports"] == [f"127.0.0.1:{server.port}:{server.port}"]
        devices = found["deploy"]["resources"]["reservations"]["devices"]
        assert devices == [{"driver": "nvidia", "count": launch.gpus, "capabilities": ["gpu"]}]
    with pytest.raises(ValueError, match="knows no API key"):
        compose.compose(TENSORRT_LLM)


def test_kubernetes_reads_the_key_from_a_secret() -> None:
    deployment, published = documents(kubernetes.manifests(SGLANG_KUBERNETES))
    assert [deployment["kind"], published["kind"]] == ["Deployment", "Service"]
    assert deployment["spec"]["replicas"] == 3
    assert deployment["metadata"]["annotations"] == {"gpucost/scenario": "agents"}
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert published["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels
    assert published["spec"]["type"] == "ClusterIP"
    pod = deployment["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    found = container(SGLANG_KUBERNETES)
    key, token = found["env"]
    assert key["valueFrom"]["secretKeyRef"] == {"name": "llm-server", "key": "api-key"}
    assert token["valueFrom"]["secretKeyRef"]["optional"] is True
    assert not any("value" in variable for variable in found["env"])
    assert found["resources"]["limits"] == {"nvidia.com/gpu": 2}
    mounted = {mount["name"] for mount in found["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    claim = pod["volumes"][1]["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"]["requests"]["storage"] == "55Gi", "1.2 x 37.1 GiB and 10"
    unknown = SGLANG_KUBERNETES._replace(gpu="rtx-2060-12gb")
    assert "nodeSelector" not in documents(kubernetes.manifests(unknown))[0]["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_runpod_files_fit_its_api(name: str) -> None:
    launch = LAUNCHES[name]
    for text in ("support chat", "x" * 500, *HOSTILE):
        files = launch_files(launch._replace(name=text), ["runpod"])
        for file in files.keys() & SCHEMAS.keys():
            jsonschema.validate(decoded_json(files[file]), SCHEMAS[file])


def test_runpod_serverless() -> None:
    settings = json.loads(runpod.endpoint(VLLM_RUNPOD))
    assert settings == {
        "templateId": "TEMPLATE_ID",
        "name": "support chat",
        "computeType": "GPU",
        "gpuCount": 2,
        "gpuTypeIds": ["NVIDIA RTX 6000 Ada Generation"],
        "workersMin": 0,
        "workersMax": 10,
        "idleTimeout": 30,
        "scalerType": "QUEUE_DELAY",
        "scalerValue": 4,
        "executionTimeoutMs": 600_000,
        "flashboot": True,
    }
    template = json.loads(runpod.serverless_template(VLLM_RUNPOD))
    assert template["imageName"] == "runpod/worker-v1-vllm:v2.33.0"
    assert template["env"] == {
        "MODEL_NAME": VLLM_RUNPOD.model,
        "TENSOR_PARALLEL_SIZE": "2",
        "MAX_MODEL_LEN": "8192",
        "MAX_NUM_SEQS": "64",
        "GPU_MEMORY_UTILIZATION": "0.93",
        "MAX_CONCURRENCY": "64",
    }
    assert "44.1 of 47.4 GiB per card" in template["readme"]


def test_runpod_scalers_and_limits() -> None:
    by_request = VLLM_RUNPOD._replace(scaling=Scaling(1, 3, 7200, "concurrency", 48.5, 86_400))
    settings = json.loads(runpod.endpoint(by_request))
    assert (settings["scalerType"], settings["scalerValue"]) == ("REQUEST_COUNT", 49)
    assert settings["idleTimeout"] == 3600
    steady = json.loads(runpod.endpoint(VLLM_RUNPOD._replace(scaling=None, replicas=2)))
    assert (steady["workersMin"], steady["workersMax"]) == (2, 2)


def test_runpod_worker_of_ones_own_where_there_is_no_image() -> None:
    template = json.loads(runpod.serverless_template(VLLM_OLD))
    assert template["imageName"] == runpod.OWN_IMAGE
    assert "MODEL_NAME" not in template["env"]
    assert runpod_worker(Version(0, 23)) == "runpod/worker-v1-vllm:v2.23.0"
    assert runpod_worker(Version(1, 0)) is None


@pytest.mark.parametrize("text", ["org/model", *HOSTILE])
def test_runpod_pod_refuses_to_serve_without_its_secret(text: str) -> None:
    launch = LAUNCHES["sglang-pod"]._replace(model=text)
    template = json.loads(runpod.pod_template(launch))
    assert template["env"]["SGLANG_API_KEY"] == "{{ RUNPOD_SECRET_llm_api_key }}"
    guard, _, run = template["dockerStartCmd"][0].partition(" esac; exec ")
    assert guard.startswith('case "${SGLANG_API_KEY:-}" in ""|*RUNPOD_SECRET*)')
    expected = engines.in_container(launch).argv(EVERYWHERE)
    assert shlex.split(run) == ["$SGLANG_API_KEY" if word == API_KEY else word for word in expected]


def test_runpod_pod() -> None:
    assert json.loads(runpod.pod(LLAMA_CPP_POD)) == {
        "templateId": "TEMPLATE_ID",
        "name": "small",
        "computeType": "GPU",
        "cloudType": "COMMUNITY",
        "interruptible": True,
        "gpuCount": 1,
        "gpuTypeIds": ["NVIDIA GeForce RTX 4090"],
    }
    assert "gpuTypeIds" not in json.loads(runpod.pod(LLAMA_CPP_POD._replace(gpu="rtx-pro-4000-24gb")))
    amd = LAUNCHES["vllm-pod"]._replace(gpu="mi300x-192gb")
    assert json.loads(runpod.pod_template(amd))["category"] == "AMD"


def test_sagemaker() -> None:
    (template,) = documents(sagemaker.template(VLLM_SAGEMAKER))
    resources = template["Resources"]
    model = resources["Model"]["Properties"]["PrimaryContainer"]
    assert model["Environment"] == {
        "SM_VLLM_MODEL": "meta-llama/Llama-3.1-8B-Instruct",
        "SM_VLLM_TENSOR_PARALLEL_SIZE": "1",
        "SM_VLLM_MAX_MODEL_LEN": "8192",
        "SM_VLLM_MAX_NUM_SEQS": "64",
        "SM_VLLM_GPU_MEMORY_UTILIZATION": "0.93",
        "SM_VLLM_PIPELINE_PARALLEL_SIZE": "2",
        "SM_VLLM_ENFORCE_EAGER": "true",
    }
    (variant,) = resources["EndpointConfig"]["Properties"]["ProductionVariants"]
    assert variant["InstanceType"] == "ml.g6e.12xlarge"
    assert variant["InitialInstanceCount"] == 1, "a variant cannot start with none"
    target, policy = (resources[name]["Properties"] for name in ("ScalingTarget", "ScalingPolicy"))
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert (tracking["TargetValue"], tracking["ScaleInCooldown"]) == (48, 300)
    assert ".us-east-1." in template["Parameters"]["ImageUri"]["Default"]
    references(template)


def test_sagemaker_without_an_instance_or_scaling() -> None:
    (template,) = documents(sagemaker.template(LAUNCHES["sglang-sagemaker"]))
    assert "InstanceType" in template["Parameters"]
    assert "ScalingTarget" not in template["Resources"]
    environment = template["Resources"]["Model"]["Properties"]["PrimaryContainer"]["Environment"]
    assert environment["SM_SGLANG_MODEL_PATH"] == "Qwen/Qwen3-32B"
    references(template)
    with pytest.raises(ValueError, match="SageMaker has no image"):
        sagemaker.template(LLAMA_CPP_POD)


def references(template: dict[str, Any]) -> None:
    """Every Ref and GetAtt names a parameter or a resource of the template."""
    known = template["Parameters"].keys() | template["Resources"].keys()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if "Ref" in value:
                assert value["Ref"] in known
            if "Fn::GetAtt" in value:
                assert value["Fn::GetAtt"][0] in known
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(template)


@pytest.mark.parametrize(
    ("offer", "instance"),
    [
        ("aws/sagemaker/ml.g6e.2xlarge@us-east-1", "ml.g6e.2xlarge"),
        ("aws/sagemaker/ml.p5.48xlarge", "ml.p5.48xlarge"),
        ("aws/sagemaker/ml.p4d.24xlargex2", "ml.p4d.24xlarge"),
        ("aws/ec2/g6e.xlarge", None),
        (None, None),
    ],
)
def test_instance_types_of_offers(offer: str | None, instance: str | None) -> None:
    assert sagemaker.instance_type(offer) == instance


def test_releases() -> None:
    assert image(VLLM_RUNPOD.engine, Version(0, 33)) == "vllm/vllm-openai:v0.33.0"
    assert image(SGLANG_KUBERNETES.engine, Version(0, 5)) == "lmsysorg/sglang:v0.5.23"
    assert image(SGLANG_KUBERNETES.engine, Version(0, 4)).endswith("-cu126")
    assert release(VLLM_RUNPOD.engine, Version(0, 6)) == "0.6.6.post1"
    with pytest.raises(ValueError, match="no package release"):
        release(LLAMA_CPP_POD.engine, Version(2026, 0))
    with pytest.raises(ValueError, match="no container image"):
        image(TENSORRT_LLM.engine, Version(1, 1))
