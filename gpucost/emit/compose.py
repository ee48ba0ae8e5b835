"""A docker compose file (github.com/compose-spec/compose-spec: services, devices, interpolation)."""

from gpucost.domain.launch import Launch
from gpucost.emit import engines
from gpucost.emit.command import API_KEY, EVERYWHERE, LOOPBACK
from gpucost.emit.manifest import document, header
from gpucost.emit.releases import image

_REQUIRED = "set it to the key that clients send"
_CACHE = "/root/.cache/huggingface"


def compose(launch: Launch) -> str:
    """The server as a service, published on the loopback address; without a key compose refuses to start it.

    Raises ValueError where the engine knows no key or cannot serve the plan.
    """
    server = engines.in_container(launch)
    if server.key is None:
        raise ValueError(f"engine: {launch.engine} knows no API key")
    key = f"${{{server.key.variable}:?{_REQUIRED}}}"
    argv = [key if word == API_KEY else escaped(word) for word in server.argv(EVERYWHERE)]
    devices = [{"driver": "nvidia", "count": launch.gpus, "capabilities": ["gpu"]}]
    service = {
        "image": image(launch.engine, launch.engine_version),
        "entrypoint": argv[:1],
        "command": argv[1:],
        "environment": {server.key.variable: key, "HF_TOKEN": "${HF_TOKEN:-}"},
        "ports": [f"{LOOPBACK}:{server.port}:{server.port}"],
        "volumes": [f"models:{_CACHE}"],
        # The processes of a server with several cards exchange tensors through shared memory.
        "ipc": "host",
        "restart": "unless-stopped",
        "healthcheck": {
            "test": ["CMD", "curl", "-fsS", f"http://{LOOPBACK}:{server.port}/health"],
            "interval": "30s",
            "timeout": "5s",
            "retries": 3,
            "start_period": "30m",
        },
        "deploy": {"resources": {"reservations": {"devices": devices}}},
    }
    note = f"The key comes from {server.key.variable} in the environment; only this machine reaches the port."
    return header(launch, server, note) + document({"services": {"llm": service}, "volumes": {"models": {}}})


def escaped(word: str) -> str:
    """A value without interpolation: compose reads `$` as the start of a variable and `$$` as the sign."""
    return word.replace("$", "$$")
