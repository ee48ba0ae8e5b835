"""Shell scripts: the server itself, and the download of its weights."""

import shlex

from gpucost.domain.deployment import EngineKind
from gpucost.domain.launch import Launch
from gpucost.emit import engines
from gpucost.emit.command import LOOPBACK, Option
from gpucost.emit.formats import gguf_name
from gpucost.emit.llama_cpp import is_file
from gpucost.emit.manifest import about
from gpucost.emit.runpod import HUB_CACHE, POD_CACHE, is_serverless
from gpucost.emit.texts import check, comment, one_line
from gpucost.units import bytes_to_gib

_HEAD = "#!/usr/bin/env bash\n"
_STRICT = "set -euo pipefail\n"
_HOME_CACHE = "${HOME}/.cache/huggingface/hub"


def serve(launch: Launch) -> str:
    """A script that runs the server on the loopback address, an option and its reason per line.

    Raises ValueError where the engine cannot serve the plan.
    """
    server = engines.command(launch)
    notes = [f"Listens on {LOOPBACK} only."]
    if server.key is not None:
        notes.append(f"On another address it needs a key in {server.key.variable}, which no file may hold.")
    address = [Option("--host", LOOPBACK), Option("--port", str(server.port))]
    rows = [f"  {shlex.join(server.start)}\n"]
    for option in [*server.options, *address]:
        why = f"  # {one_line(option.why)}" if option.why else ""
        rows.append(f"  {shlex.join(option.words)}{why}\n")
    array = f"command=(\n{''.join(rows)})\n"
    top = f"{_HEAD}{comment(*about(launch), *server.notes, *notes)}{_STRICT}\n"
    return f'{top}{array}exec "${{command[@]}}" "$@"\n'


def download(launch: Launch) -> str:
    """A script that puts the weights into the cache that servers read, without any code of the repository's.

    `hf download`: huggingface_hub 2.4.0; it takes HF_TOKEN from the environment where a repository asks for
    one.

    Raises ValueError for values that cannot be arguments.
    """
    check(launch)
    size = f"{bytes_to_gib(launch.weights_bytes):.1f} GiB of weights."
    if is_file(launch.model):
        test = f"test -e {shlex.quote(launch.model)}\n"
        return f"{_HEAD}{comment('The model is a path; nothing to download.', size)}{_STRICT}{test}"
    cache = _HOME_CACHE
    if launch.provider == "runpod":
        cache = HUB_CACHE if is_serverless(launch) else f"{POD_CACHE}/hub"
    lines = [
        size,
        "Run it once with the volume mounted; HF_HUB_CACHE is where the weights go.",
        "Files of Python are left out: the servers never run code from a model's repository.",
    ]
    words = ["hf", "download", launch.model]
    if launch.revision is not None:
        words += ["--revision", launch.revision]
    if launch.engine is EngineKind.LLAMA_CPP:
        words += ["--include", f"*{gguf_name(launch.quantization)}*.gguf"]
    else:
        words += ["--exclude", "*.py"]
    commands = [shlex.join(words)]
    draft = launch.speculation.draft_model if launch.speculation else None
    if draft is not None and not is_file(draft):
        commands.append(shlex.join(["hf", "download", draft, "--exclude", "*.py"]))
    cached = f'export HF_HUB_CACHE="${{HF_HUB_CACHE:-{cache}}}"\n'
    return f"{_HEAD}{comment(*lines)}{_STRICT}\n{cached}" + "".join(f"{each}\n" for each in commands)
