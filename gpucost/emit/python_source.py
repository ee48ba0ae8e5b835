"""Python files that run a server beside themselves: values go in as literals, the rest is fixed text."""

from collections.abc import Sequence

from gpucost.emit.command import API_KEY
from gpucost.emit.texts import one_line

LOCAL_SERVER = '''
def wait_for_server(process: subprocess.Popen[bytes]) -> None:
    """Returns once the server answers; raises RuntimeError where it ended or takes too long."""
    deadline = time.monotonic() + STARTUP_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(SERVER + "/health", timeout=5):
                return
        except OSError:
            time.sleep(1)
    process.kill()
    raise RuntimeError(f"the server did not answer within {STARTUP_TIMEOUT_S} s")
'''
"""Starts nothing by itself; needs `SERVER`, `STARTUP_TIMEOUT_S`, subprocess, time and urllib.request."""
STARTUP_TIMEOUT_S = 1800


def constant(name: str, value: object) -> str:
    """`NAME = literal`, in ASCII."""
    return f"{name} = {value!a}\n"


def argument_list(name: str, argv: Sequence[str], variable: str | None = None) -> str:
    """An argument list, one literal per line; the key is read from the environment variable."""
    rows = [f"os.environ[{variable!a}]" if word == API_KEY else ascii(word) for word in argv]
    return f"{name} = [\n" + "".join(f"    {row},\n" for row in rows) + "]\n"


def docstring(title: str, lines: Sequence[str]) -> str:
    """A module docstring with lines of the plan, none of which can end it."""
    body = "\n".join(one_line(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return f'"""{title}\n\n{body}\n"""\n'
