"""All launch files of a plan: file names are fixed here, never taken from what users wrote."""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

from gpucost.domain.deployment import EngineKind
from gpucost.domain.launch import Launch
from gpucost.emit import (
    compose,
    grafana,
    kubernetes,
    metrics,
    modal,
    monitoring,
    quantise,
    replicate,
    runpod,
    runpod_worker,
    sagemaker,
    shell,
)
from gpucost.emit.devices import MODAL_GPUS
from gpucost.emit.formats import canonical

Writer = Callable[[Launch], str]


class Target(NamedTuple):
    """Files that belong together, and the launches that they are for."""

    files: Callable[[Launch], Mapping[str, Writer]]
    unfit: Callable[[Launch], str | None]
    """Why a launch has no such files; None where it has."""
    elsewhere: Callable[[Launch], bool] = lambda _launch: False
    """Whether the files are for a provider other than the launch's: written only where asked for."""


def _has_key(launch: Launch) -> str | None:
    return f"{launch.engine} knows no API key" if launch.engine is EngineKind.TENSORRT_LLM else None


def _measured(launch: Launch) -> str | None:
    names = metrics.metrics(launch.engine, launch.engine_version)
    return f"the metrics of {launch.engine} are not known" if names is None else None


def _python_engine(launch: Launch) -> str | None:
    served = launch.engine in (EngineKind.VLLM, EngineKind.SGLANG)
    return None if served else f"not written for {launch.engine}"


def _makeable(launch: Launch) -> str | None:
    made = canonical(launch.quantization) in quantise.RECIPES
    return None if made else f"no recipe for {launch.quantization}"


def _modal(launch: Launch) -> str | None:
    if launch.gpu not in MODAL_GPUS:
        return f"Modal's name of {launch.gpu} is not known"
    return _python_engine(launch)


def _always(_launch: Launch) -> str | None:
    return None


def _runpod(launch: Launch) -> Mapping[str, Writer]:
    if not runpod.is_serverless(launch):
        return {"runpod/pod-template.json": runpod.pod_template, "runpod/pod.json": runpod.pod}
    return {
        "runpod/template.json": runpod.serverless_template,
        "runpod/endpoint.json": runpod.endpoint,
        "runpod/handler.py": runpod_worker.handler,
        "runpod/Dockerfile": runpod_worker.dockerfile,
    }


def _fixed(files: Mapping[str, Writer]) -> Callable[[Launch], Mapping[str, Writer]]:
    return lambda _launch: files


def _not(provider: str) -> Callable[[Launch], bool]:
    return lambda launch: launch.provider != provider


_REPLICATE = {
    "replicate/cog.yaml": replicate.cog,
    "replicate/run.py": replicate.runner,
    "replicate/requirements.txt": replicate.requirements,
}
_MONITORING = {
    "monitoring/prometheus.yml": monitoring.scrape_config,
    "monitoring/alerts.yml": monitoring.alert_rules,
    "monitoring/dashboard.json": grafana.dashboard,
}
TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "command": Target(_fixed({"serve.sh": shell.serve}), _always),
        "download": Target(_fixed({"download.sh": shell.download}), _always),
        "quantise": Target(_fixed({"quantise.py": quantise.script}), _makeable),
        "compose": Target(_fixed({"compose.yaml": compose.compose}), _has_key),
        "kubernetes": Target(_fixed({"kubernetes.yaml": kubernetes.manifests}), _has_key),
        "monitoring": Target(_fixed(_MONITORING), _measured),
        "runpod": Target(_runpod, _has_key, _not("runpod")),
        "sagemaker": Target(
            _fixed({"sagemaker.yaml": sagemaker.template}),
            _python_engine,
            lambda launch: launch.provider != "aws" or launch.product != "sagemaker",
        ),
        "modal": Target(_fixed({"modal_app.py": modal.app}), _modal, _not("modal")),
        "replicate": Target(_fixed(_REPLICATE), _python_engine, _not("replicate")),
    }
)
"""Name that a user asks for -> its files."""


def launch_files(launch: Launch, targets: Collection[str] | None = None) -> dict[str, str]:
    """Relative file name -> text, for the targets asked for, or for all that fit the launch and its provider.

    Raises ValueError naming an unknown target, one that does not fit, or the field of a value that cannot
    stand.
    """
    for name in targets or ():
        if name not in TARGETS:
            raise ValueError(f"target: no {name!r}; one of {', '.join(TARGETS)}")
        unfit = TARGETS[name].unfit(launch)
        if unfit is not None:
            raise ValueError(f"target {name}: {unfit}")
    chosen = [
        target
        for name, target in TARGETS.items()
        if (
            name in targets
            if targets is not None
            else not target.elsewhere(launch) and target.unfit(launch) is None
        )
    ]
    return {name: write(launch) for target in chosen for name, write in target.files(launch).items()}
