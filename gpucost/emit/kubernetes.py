"""Kubernetes manifests: a Deployment and a Service (API reference v1.32: apps/v1, core/v1)."""

import math

from gpucost.domain.launch import Launch
from gpucost.emit import engines
from gpucost.emit.command import API_KEY, EVERYWHERE
from gpucost.emit.devices import node_label
from gpucost.emit.manifest import document, header
from gpucost.emit.releases import image
from gpucost.units import bytes_to_gib

NAME = "llm-server"
SECRET = "llm-server"
"""Name of the Secret with the key; its entries are `api-key` and, for gated models, `hf-token`."""
_LABELS = {"app.kubernetes.io/name": NAME}
_CACHE = "/root/.cache/huggingface"
_HEADROOM = 1.2
"""Disk for the weights, as a multiple of them: tokenizers, configuration, a draft model."""
_SPARE_GIB = 10


def manifests(launch: Launch) -> str:
    """Deployment and Service; the key is read from a Secret that has to exist, else no container starts.

    Raises ValueError where the engine knows no key or cannot serve the plan.
    """
    server = engines.in_container(launch)
    product = node_label(launch.gpu)
    notes = [
        f"Before: kubectl create secret generic {SECRET} --from-file=api-key=FILE; hf-token is optional.",
        f"replicas {launch.replicas}: copies of the model in the plan.",
    ]
    if product is None:
        notes.append(f"No node is selected: the label of {launch.gpu} is not known.")
    if launch.scaling is not None:
        low, high = launch.scaling.min_workers, launch.scaling.max_workers
        notes.append(f"The plan scales from {low} to {high} replicas; an autoscaler needs a metrics adapter.")
    documents = [_deployment(launch, product), _service(server.port)]
    return header(launch, server, *notes) + "---\n".join(document(each) for each in documents)


def _deployment(launch: Launch, product: str | None) -> dict[str, object]:
    pod: dict[str, object] = {
        "automountServiceAccountToken": False,
        # A Service called vllm would set VLLM_PORT, which the server reads as its own.
        "enableServiceLinks": False,
        "containers": [_container(launch)],
        "volumes": [
            {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
            {"name": "models", "ephemeral": {"volumeClaimTemplate": {"spec": _claim(launch)}}},
        ],
    }
    if product is not None:
        pod["nodeSelector"] = {"nvidia.com/gpu.product": product}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "labels": _LABELS, "annotations": {"gpucost/scenario": launch.name}},
        "spec": {
            "replicas": launch.replicas,
            "selector": {"matchLabels": _LABELS},
            # Cards are scarce: an update must not wait for a free one.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "template": {"metadata": {"labels": _LABELS}, "spec": pod},
        },
    }


def _container(launch: Launch) -> dict[str, object]:
    server = engines.in_container(launch)
    if server.key is None:
        raise ValueError(f"engine: {launch.engine} knows no API key")
    argv = [
        f"$({server.key.variable})" if word == API_KEY else escaped(word) for word in server.argv(EVERYWHERE)
    ]
    probe = {"httpGet": {"path": "/health", "port": "http"}}
    token = {"name": SECRET, "key": "hf-token", "optional": True}
    return {
        "name": "server",
        "image": image(launch.engine, launch.engine_version),
        "command": argv[:1],
        "args": argv[1:],
        "env": [
            {"name": server.key.variable, "valueFrom": {"secretKeyRef": {"name": SECRET, "key": "api-key"}}},
            {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": token}},
        ],
        "ports": [{"name": "http", "containerPort": server.port}],
        "resources": {"limits": {"nvidia.com/gpu": launch.gpus}},
        "securityContext": {"allowPrivilegeEscalation": False},
        # Loading weights takes minutes; half an hour passes before the container counts as failed.
        "startupProbe": {**probe, "periodSeconds": 10, "failureThreshold": 180},
        "readinessProbe": {**probe, "periodSeconds": 5},
        "livenessProbe": {**probe, "periodSeconds": 10, "failureThreshold": 6},
        "volumeMounts": [
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108  of the container
            {"name": "models", "mountPath": _CACHE},
        ],
    }


def _claim(launch: Launch) -> dict[str, object]:
    size = math.ceil(bytes_to_gib(launch.weights_bytes) * _HEADROOM) + _SPARE_GIB
    return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": f"{size}Gi"}}}


def _service(port: int) -> dict[str, object]:
    ports = [{"name": "http", "port": port, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "labels": _LABELS},
        "spec": {"type": "ClusterIP", "selector": _LABELS, "ports": ports},
    }


def escaped(word: str) -> str:
    """A value without expansion: the kubelet replaces `$(NAME)` in arguments and reads `$$` as the sign."""
    return word.replace("$", "$$")
