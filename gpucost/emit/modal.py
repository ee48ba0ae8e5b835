"""A Modal app that serves over HTTPS.

Read in the package modal 1.6.4: `App.function`, `concurrent`, `web_server`, `Image.from_registry`,
`Image.uv_pip_install`, `Secret.from_name`; `scaledown_window` is 2 to 3600 s.
"""

from gpucost.domain.deployment import EngineKind, Version
from gpucost.domain.launch import Launch
from gpucost.emit import engines
from gpucost.emit.command import EVERYWHERE
from gpucost.emit.devices import MODAL_GPUS
from gpucost.emit.manifest import about
from gpucost.emit.python_source import STARTUP_TIMEOUT_S, argument_list, constant, docstring
from gpucost.emit.releases import release
from gpucost.units import SECONDS_PER_HOUR

_WINDOW_S = (2, SECONDS_PER_HOUR)
_TIMEOUT_S = 600
_CUDA_13 = Version(0, 20)
"""vLLM for CUDA 13; the base image is that of the Dockerfile of runpod-workers/worker-vllm@026f8d70."""
_COMMAND = '''

def command() -> list[str]:
    """The command line of the server."""
'''
_APP = '''

app = modal.App("llm-server")
image = modal.Image.from_registry(BASE_IMAGE, add_python="3.12").entrypoint([]).uv_pip_install(PACKAGE)
weights = modal.Volume.from_name("llm-weights", create_if_missing=True)
# The key that clients send; `modal secret create llm-api-key` takes it, no file does.
key = modal.Secret.from_name("llm-api-key", required_keys=[KEY_VARIABLE])


@app.function(
    image=image,
    gpu=GPU,
    volumes={"/root/.cache/huggingface": weights},
    secrets=[key],
    timeout=TIMEOUT_S,
    min_containers=MIN_CONTAINERS,
    max_containers=MAX_CONTAINERS,
    scaledown_window=SCALEDOWN_WINDOW_S,
)
@modal.concurrent(max_inputs=MAX_NUM_SEQS)
@modal.web_server(PORT, startup_timeout=STARTUP_TIMEOUT_S)
def serve() -> None:
    """Starts the server; Modal forwards requests to its port, and the server asks them for the key."""
    if not os.environ.get(KEY_VARIABLE):
        raise RuntimeError(f"{KEY_VARIABLE} is empty: the server would be open to everybody")
    subprocess.Popen(command())
'''


def app(launch: Launch) -> str:
    """The app, with containers and concurrency of the plan.

    Raises ValueError where the engine has no package for it or Modal has no such card.
    """
    server = engines.command(launch)
    if server.key is None or launch.engine is EngineKind.LLAMA_CPP:
        raise ValueError(f"engine: no Modal app is written for {launch.engine}")
    if launch.gpu not in MODAL_GPUS:
        raise ValueError(f"gpu: Modal's name of {launch.gpu} is not known")
    card = MODAL_GPUS[launch.gpu]
    scaling = launch.scaling
    low, high = _WINDOW_S
    new = launch.engine is EngineKind.SGLANG or launch.engine_version >= _CUDA_13
    values = {
        "BASE_IMAGE": "nvidia/cuda:13.0.2-devel-ubuntu22.04"
        if new
        else "nvidia/cuda:12.8.1-devel-ubuntu22.04",
        "PACKAGE": f"{launch.engine.value}=={release(launch.engine, launch.engine_version)}",
        "GPU": card if launch.gpus == 1 else f"{card}:{launch.gpus}",
        "KEY_VARIABLE": server.key.variable,
        "PORT": server.port,
        "MAX_NUM_SEQS": launch.max_num_seqs,
        "MIN_CONTAINERS": launch.replicas if scaling is None else scaling.min_workers,
        "MAX_CONTAINERS": launch.replicas if scaling is None else max(1, scaling.max_workers),
        "SCALEDOWN_WINDOW_S": min(max(scaling.idle_timeout_s if scaling else low, low), high),
        "TIMEOUT_S": scaling.execution_timeout_s if scaling else _TIMEOUT_S,
        "STARTUP_TIMEOUT_S": STARTUP_TIMEOUT_S,
    }
    title = docstring(
        "A language model on Modal: modal deploy modal_app.py", [*about(launch), *server.reasons()]
    )
    constants = "".join(constant(name, value) for name, value in values.items())
    argv = argument_list("words", server.argv(EVERYWHERE), server.key.variable)
    indented = "".join(f"    {line}\n" for line in argv.splitlines())
    start = f"{_COMMAND}{indented}    return words\n"
    return title + "\nimport os\nimport subprocess\n\nimport modal\n\n" + constants + start + _APP
