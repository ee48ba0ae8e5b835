"""A model for Replicate: cog.yaml, its runner, and the packages that it needs.

`run: "run.py:Runner"`, `BaseRunner`, `concurrent`: the package cog 0.23.1, where `predict` and
`BasePredictor` are deprecated names of the same.
"""

from gpucost.domain.deployment import EngineKind
from gpucost.domain.launch import Launch
from gpucost.emit import engines
from gpucost.emit.command import LOOPBACK, Command
from gpucost.emit.manifest import about, document, header
from gpucost.emit.python_source import LOCAL_SERVER, STARTUP_TIMEOUT_S, argument_list, constant, docstring
from gpucost.emit.releases import release

_ENGINES = (EngineKind.VLLM, EngineKind.SGLANG)
_IMPORTS = """
import json
import subprocess
import time
import urllib.request

import aiohttp
from cog import AsyncConcatenateIterator, BaseRunner, Input, concurrent

"""
_RUNNER = '''

class Runner(BaseRunner):
    """Hands prompts to a server that runs beside it."""

    def setup(self) -> None:
        """Starts the server and waits until it has loaded the weights."""
        wait_for_server(subprocess.Popen(COMMAND))

'''
_RUN = '''    ) -> AsyncConcatenateIterator[str]:
        """Yields the answer as it is written."""
        request = {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
        }
        route = SERVER + "/v1/chat/completions"
        session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        async with session, session.post(route, json=request) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                data = line.decode().strip().removeprefix("data: ")
                if data and data != "[DONE]":
                    for choice in json.loads(data)["choices"]:
                        yield choice["delta"].get("content") or ""
'''


def cog(launch: Launch) -> str:
    """cog.yaml of the model; how many instances run is set with the deployment, not here."""
    server = _server(launch)
    notes = [f"Each instance takes {launch.max_num_seqs} requests at a time (`concurrent` in run.py)."]
    if launch.scaling is not None:
        low, high = launch.scaling.min_workers, launch.scaling.max_workers
        notes.append(f"Instances in the plan: min {low}, max {high}; set them with the deployment.")
    build = {"gpu": True, "python_version": "3.12", "python_requirements": "requirements.txt"}
    return header(launch, server, *notes) + document({"build": build, "run": "run.py:Runner"})


def requirements(launch: Launch) -> str:
    """Packages of the runner."""
    _server(launch)
    return f"{launch.engine.value}=={release(launch.engine, launch.engine_version)}\naiohttp>=3.10\n"


def runner(launch: Launch) -> str:
    """The runner: it starts the server on the loopback address and streams its answers."""
    server = _server(launch)
    constants = [
        constant("MODEL", launch.model),
        constant("SERVER", f"http://{LOOPBACK}:{server.port}"),
        constant("STARTUP_TIMEOUT_S", STARTUP_TIMEOUT_S),
        argument_list("COMMAND", server.argv(LOOPBACK)),
    ]
    # Literals: cog reads the inputs and the concurrency from the source.
    longest = launch.max_model_len
    inputs = (
        f"    @concurrent(max={launch.max_num_seqs})\n"
        "    async def run(\n"
        "        self,\n"
        '        prompt: str = Input(description="What the user says"),\n'
        f"        max_tokens: int = Input(default={min(512, longest)}, ge=1, le={longest}),\n"
        "        temperature: float = Input(default=0.7, ge=0, le=2),\n"
    )
    title = docstring("Runner of a model on Replicate.", [*about(launch), *server.reasons()])
    return title + _IMPORTS + "".join(constants) + "\n" + LOCAL_SERVER + _RUNNER + inputs + _RUN


def _server(launch: Launch) -> Command:
    server = engines.command(launch)
    if launch.engine not in _ENGINES:
        raise ValueError(f"engine: no Replicate model is written for {launch.engine}")
    return server
