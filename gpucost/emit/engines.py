"""The server of a launch, whichever its engine."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gpucost.domain.deployment import EngineKind
from gpucost.domain.launch import Launch
from gpucost.emit import llama_cpp, sglang, tensorrt_llm, vllm
from gpucost.emit.command import Command
from gpucost.emit.texts import check

_COMMANDS: Mapping[EngineKind, Callable[[Launch], Command]] = MappingProxyType(
    {
        EngineKind.VLLM: vllm.command,
        EngineKind.SGLANG: sglang.command,
        EngineKind.LLAMA_CPP: llama_cpp.command,
        EngineKind.TENSORRT_LLM: tensorrt_llm.command,
    }
)


def command(launch: Launch) -> Command:
    """Command line of the launch's server.

    Raises ValueError where its engine has no server, or cannot serve the plan.
    """
    check(launch)
    if launch.engine not in _COMMANDS:
        raise ValueError(f"engine: {launch.engine} has no server to launch")
    return _COMMANDS[launch.engine](launch)


def in_container(launch: Launch) -> Command:
    """The same where the program stands in the engine's own image.

    Raises ValueError where the server knows no key, which in a container it needs.
    """
    server = command(launch)
    if server.key is None:
        raise ValueError(f"engine: {launch.engine} knows no API key, so that no container publishes it")
    if launch.engine is EngineKind.LLAMA_CPP:
        # .devops/cuda.Dockerfile of llama.cpp as packed in llama-cpp-python 0.3.36.
        return server._replace(start=("/app/llama-server", *server.start[1:]))
    return server
