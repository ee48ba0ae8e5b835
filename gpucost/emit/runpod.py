"""RunPod: templates, an endpoint and a pod, as its REST API takes them.

Fields: TemplateCreateInput, EndpointCreateInput and PodCreateInput of
runpod/docs@f17efc52:api-reference/openapi.json. Variables of the vLLM worker:
runpod-workers/worker-vllm@63f88cab:src/args_builder.py (the option's name in capitals) and src/main.py
(MAX_CONCURRENCY); its server listens on the loopback address and RunPod checks the callers.
"""

import json
import math
import shlex
from datetime import timedelta

from gpucost.domain.deployment import EngineKind
from gpucost.domain.launch import Launch, Scaling
from gpucost.emit import engines
from gpucost.emit.command import API_KEY, EVERYWHERE, Key, Option
from gpucost.emit.devices import DEVICE_NAMES
from gpucost.emit.manifest import about
from gpucost.emit.releases import image, runpod_worker
from gpucost.emit.texts import one_line, refuse
from gpucost.units import SECONDS_PER_HOUR, bytes_to_gb

HUB_CACHE = "/runpod-volume/huggingface-cache/hub"
"""Where workers look for weights: the Dockerfile of runpod-workers/worker-vllm@026f8d70."""
POD_CACHE = "/workspace/huggingface"
OWN_IMAGE = "YOUR-REGISTRY/llm-worker:1"
"""Stands for the image built from the emitted Dockerfile, where RunPod has no worker of its own."""
SERVERLESS = frozenset({"flex", "active", "serverless"})
_NAME_LENGTH = 191
_IDLE_TIMEOUT_S = (1, SECONDS_PER_HOUR)
_IMAGE_GB = 40
"""Disk beside the weights: what the engine's image unpacks and compiles."""
_HEADROOM = 1.2
# RunPod's own defaults for what a plan without scaling does not say.
_IDLE_DEFAULT_S, _QUEUE_DELAY_S, _EXECUTION_DEFAULT_S = 5, 4, 600


def is_serverless(launch: Launch) -> bool:
    """Whether the launch is an endpoint with workers rather than a pod."""
    return launch.scaling is not None or launch.product in SERVERLESS


def serverless_template(launch: Launch) -> str:
    """Template of the workers: RunPod's vLLM worker with its environment, or the image of one's own.

    Raises ValueError where the engine cannot serve the plan or RunPod would replace a value.
    """
    server = engines.command(launch)
    refuse(launch, "{{RUNPOD_", "which RunPod would replace")
    worker = runpod_worker(launch.engine_version) if launch.engine is EngineKind.VLLM else None
    notes = [*about(launch), *server.reasons()]
    if worker is None:
        environment = {"HF_HUB_CACHE": HUB_CACHE}
        notes.append("Build the image from the Dockerfile beside this file and put its name into imageName.")
    else:
        environment = worker_environment(launch, server.options)
        notes.append(
            "Tags of the worker follow vLLM's minor version; where this one is missing, build the Dockerfile."
        )
    return _json(
        {
            "name": launch.name[:_NAME_LENGTH],
            "imageName": worker if worker is not None else OWN_IMAGE,
            "isServerless": True,
            "category": _category(launch),
            "containerDiskInGb": _IMAGE_GB + _weights_gb(launch),
            "env": environment,
            "readme": "\n".join(f"- {one_line(note)}" for note in notes),
        }
    )


def worker_environment(launch: Launch, options: tuple[Option, ...]) -> dict[str, str]:
    """The options of `vllm serve` as the variables that the worker reads."""
    rows = {
        option.flag.removeprefix("--").replace("-", "_").upper(): option.value
        if option.value is not None
        else "true"
        for option in options
    }
    rows = {"MODEL_REVISION" if name == "REVISION" else name: value for name, value in rows.items()}
    # Jobs that one worker takes at a time: as many as its server has in flight.
    return {"MODEL_NAME": launch.model, **rows, "MAX_CONCURRENCY": str(launch.max_num_seqs)}


def endpoint(launch: Launch) -> str:
    """Endpoint settings; `templateId` is what creating the template answers.

    Raises ValueError where a value would be replaced.
    """
    engines.command(launch)
    refuse(launch, "{{RUNPOD_", "which RunPod would replace")
    steady = (
        launch.replicas,
        launch.replicas,
        _IDLE_DEFAULT_S,
        "queue-delay",
        _QUEUE_DELAY_S,
        _EXECUTION_DEFAULT_S,
    )
    scaling = launch.scaling or Scaling(*steady)
    low, high = _IDLE_TIMEOUT_S
    by_queue = scaling.scaler == "queue-delay"
    execution = timedelta(seconds=scaling.execution_timeout_s)
    return _json(
        {
            "templateId": "TEMPLATE_ID",
            "name": launch.name[:_NAME_LENGTH],
            "computeType": "GPU",
            **_gpus(launch),
            "workersMin": scaling.min_workers,
            "workersMax": scaling.max_workers,
            "idleTimeout": min(max(scaling.idle_timeout_s, low), high),
            "scalerType": "QUEUE_DELAY" if by_queue else "REQUEST_COUNT",
            "scalerValue": max(1, math.ceil(scaling.scaler_value)),
            "executionTimeoutMs": execution // timedelta(milliseconds=1),
            "flashboot": True,
        }
    )


def pod_template(launch: Launch) -> str:
    """Template of a pod that serves behind RunPod's proxy and asks for the key of a RunPod secret.

    Raises ValueError where the engine knows no key, cannot serve the plan, or RunPod would replace a value.
    """
    server = engines.in_container(launch)
    refuse(launch, "{{RUNPOD_", "which RunPod would replace")
    if server.key is None:
        raise ValueError(f"engine: {launch.engine} knows no API key")
    notes = [
        *about(launch),
        *server.reasons(),
        "Create the secret llm_api_key first: clients send it as their key.",
        "A gated model: create the secret hf_token and add HF_TOKEN to env, as the key stands there.",
    ]
    content = {
        "name": launch.name[:_NAME_LENGTH],
        "imageName": image(launch.engine, launch.engine_version),
        "category": _category(launch),
        "isServerless": False,
        "isPublic": False,
        "containerDiskInGb": _IMAGE_GB,
        "volumeInGb": _weights_gb(launch),
        "volumeMountPath": "/workspace",
        "ports": [f"{server.port}/http"],
        "dockerEntrypoint": ["bash", "-c"],
        "dockerStartCmd": [start_script(server.argv(EVERYWHERE), server.key)],
        "env": {
            server.key.variable: "{{ RUNPOD_SECRET_llm_api_key }}",
            "HF_HOME": POD_CACHE,
        },
        "readme": "\n".join(f"- {one_line(note)}" for note in notes),
    }
    return _json(content)


def start_script(argv: list[str], key: Key) -> str:
    """A shell line that runs the server, and nothing while the key is empty or its secret was not found."""
    words = [f'"${key.variable}"' if word == API_KEY else shlex.quote(word) for word in argv]
    refusal = f'echo "no key in {key.variable}" >&2; exit 1'
    missing = f'case "${{{key.variable}:-}}" in ""|*RUNPOD_SECRET*) {refusal};; esac'
    return f"{missing}; exec {' '.join(words)}"


def pod(launch: Launch) -> str:
    """A pod of the template; `templateId` is what creating the template answers."""
    content = {
        "templateId": "TEMPLATE_ID",
        "name": launch.name[:_NAME_LENGTH],
        "computeType": "GPU",
        "cloudType": "COMMUNITY" if launch.product == "community" else "SECURE",
        "interruptible": launch.billing == "spot",
        **_gpus(launch),
    }
    return _json(content)


def _gpus(launch: Launch) -> dict[str, object]:
    """Cards of a worker or pod; a card without a known RunPod name is left to be chosen."""
    name = DEVICE_NAMES.get(launch.gpu)
    return {"gpuCount": launch.gpus} if name is None else {"gpuCount": launch.gpus, "gpuTypeIds": [name]}


def _category(launch: Launch) -> str:
    return "AMD" if DEVICE_NAMES.get(launch.gpu, "").startswith("AMD") else "NVIDIA"


def _weights_gb(launch: Launch) -> int:
    return math.ceil(bytes_to_gb(launch.weights_bytes) * _HEADROOM)


def _json(content: dict[str, object]) -> str:
    return json.dumps(content, indent=2) + "\n"
