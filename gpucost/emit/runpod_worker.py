"""A RunPod worker of one's own: handler and Dockerfile, for engines and versions without a ready image.

`runpod.serverless.start` with `concurrency_modifier`: runpod 1.12.0, and runpod-workers/worker-vllm@0730f8db.
"""

import json

from gpucost.domain.deployment import EngineKind
from gpucost.domain.launch import Launch
from gpucost.emit import engines
from gpucost.emit.command import LOOPBACK
from gpucost.emit.manifest import about, header
from gpucost.emit.python_source import LOCAL_SERVER, STARTUP_TIMEOUT_S, argument_list, constant, docstring
from gpucost.emit.releases import image
from gpucost.emit.runpod import HUB_CACHE

_RUNPOD_PACKAGE = "runpod==1.12.0"
_IMPORTS = """
import subprocess
import time
import urllib.request

import aiohttp
import runpod

"""
_HANDLER = '''

async def handler(job: dict) -> dict:
    """Hands a job's input to the server: a chat where it has `messages`, else a completion."""
    given = job["input"]
    if not isinstance(given, dict):
        return {"error": "input must be an object with `messages` or `prompt`"}
    route = "/v1/chat/completions" if "messages" in given else "/v1/completions"
    request = {**given, "model": MODEL, "stream": False}
    # The endpoint limits how long a job runs; the default here would end it after five minutes.
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
    async with session, session.post(SERVER + route, json=request) as answer:
        body = await answer.json(content_type=None)
        return body if answer.status == 200 else {"error": body}


if __name__ == "__main__":
    wait_for_server(subprocess.Popen(COMMAND))
    runpod.serverless.start({"handler": handler, "concurrency_modifier": lambda _current: MAX_NUM_SEQS})
'''


def handler(launch: Launch) -> str:
    """The handler: it starts a server on the loopback address and takes as many jobs as the plan has.

    Raises ValueError where the engine cannot serve the plan.
    """
    server = engines.in_container(launch)
    constants = [
        constant("MODEL", launch.model),
        constant("MAX_NUM_SEQS", launch.max_num_seqs),
        constant("SERVER", f"http://{LOOPBACK}:{server.port}"),
        constant("STARTUP_TIMEOUT_S", STARTUP_TIMEOUT_S),
        argument_list("COMMAND", server.argv(LOOPBACK)),
    ]
    title = docstring("Worker of a RunPod endpoint.", [*about(launch), *server.reasons()])
    return title + _IMPORTS + "".join(constants) + "\n" + LOCAL_SERVER + _HANDLER


def dockerfile(launch: Launch) -> str:
    """The image of that worker; weights come from the endpoint's volume, no value of the user's stands in it.

    Raises ValueError where the engine cannot serve the plan.
    """
    server = engines.in_container(launch)
    install = ["python3", "-m", "pip", "install", "--no-cache-dir", _RUNPOD_PACKAGE]
    if launch.engine is EngineKind.LLAMA_CPP:
        tools = "apt-get update && apt-get install -y --no-install-recommends python3-pip"
        packages = [f"RUN {tools}", f"RUN {json.dumps([*install, '--break-system-packages'])}"]
    else:
        packages = [f"RUN {json.dumps(install)}"]
    lines = [
        f"FROM {image(launch.engine, launch.engine_version)}",
        *packages,
        f"ENV HF_HUB_CACHE={json.dumps(HUB_CACHE)}",
        "COPY handler.py /handler.py",
        "ENTRYPOINT []",
        f"CMD {json.dumps(['python3', '-u', '/handler.py'])}",
    ]
    return header(launch, server) + "\n".join(lines) + "\n"
