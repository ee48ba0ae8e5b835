"""Each kind of launch file, read back by the tool that it is for, or by the nearest thing at hand."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

BASH = shutil.which("bash")


def argv_of_script(text: str, tmp_path: Path) -> list[str]:
    """What the array `command` of a script holds once bash has read it, and shlex reads the same."""
    array = text[text.index("command=(\n") : text.index("\n)\n") + 3]
    words = shlex.split(array.removeprefix("command=(").removesuffix("\n)\n").rstrip(")\n"), comments=True)
    if BASH is not None:
        script = tmp_path / "print.sh"
        script.write_text(array + "printf '%s\\0' \"${command[@]}\"\n", encoding="utf-8")
        told = subprocess.run([BASH, script], capture_output=True, check=True, cwd=tmp_path).stdout.decode()
        assert told.split("\0")[:-1] == words
    return words


def check_shell(text: str) -> None:
    """Bash parses the script."""
    if BASH is not None:
        subprocess.run([BASH, "-n"], input=text.encode(), check=True)


def literals(text: str) -> Mapping[str, Any]:
    """Constants of a Python file by name; what is no literal is left out."""
    found: dict[str, Any] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def check_python(text: str) -> None:
    """Python compiles the file, and it keeps model code off."""
    compile(text, "emitted.py", "exec")
    assert "trust_remote_code=True" not in text


def documents(text: str) -> list[Any]:
    """Documents of a YAML file, whose strings are strings for readers of YAML 1.2 too."""
    for line in text.splitlines():
        value = line.partition(": ")[2] if ": " in line else line.strip().removeprefix("- ")
        if re.fullmatch(r"[+-]?(\d[\d_]*e[+-]?\d+|0o[0-7]+)", value):
            raise AssertionError(f"a bare scalar that YAML 1.2 reads as a number: {line}")
    return list(yaml.safe_load_all(text))


def check_promtool(folder: Path) -> None:
    """Promtool accepts configuration and rules, where it is installed."""
    tool = shutil.which("promtool")
    if tool is not None:
        subprocess.run([tool, "check", "config", folder / "prometheus.yml"], check=True)


def check_compose(path: Path, variable: str) -> None:
    """Docker compose accepts the file, where it is installed."""
    tool = shutil.which("docker")
    if (
        tool is None
        or subprocess.run([tool, "compose", "version"], capture_output=True, check=False).returncode
    ):
        return
    environment = {**os.environ, variable: "given"}
    subprocess.run([tool, "compose", "-f", path, "config", "-q"], check=True, env=environment)


_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>\d+(?:\.\d+)?)|(?P<range>\[\d+[smh]\])
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<sign>==|>=|<=|[><+*/(){}=,-]))""",
    re.VERBOSE,
)
_FUNCTIONS = {"rate", "sum", "histogram_quantile"}
_WORDS = {"by", "and", "or", "unless"}


def promql_metrics(expression: str) -> set[str]:
    """Metric names of a PromQL expression, which is checked word by word.

    Brackets close in order, ranges stand on bare metrics inside `rate`, aggregations name their labels.
    """
    place, opened, metrics, previous = 0, [], set(), ""
    labels = False
    while place < len(expression):
        token = _TOKEN.match(expression, place)
        assert token, f"no PromQL at {expression[place:]!r}"
        place, text = token.end(), token.group().strip()
        if text in "({":
            opened.append(text)
            labels = text == "{" or previous == "by"
        elif text in ")}":
            assert opened, expression
            assert opened.pop() == {")": "(", "}": "{"}[text], expression
            labels = False
        elif token["range"]:
            assert previous in metrics, f"a range on {previous!r} in {expression}"
        elif token["name"] and not labels and text not in _WORDS:
            if text in _FUNCTIONS:
                following = expression[place:].lstrip()
                assert following.startswith("by (" if text == "sum" else "("), expression
            else:
                metrics.add(text)
        previous = text
    assert not opened, expression
    return metrics


def decoded_json(text: str) -> Any:
    """A JSON file, without names that stand twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), names
        return dict(pairs)

    return json.loads(text, object_pairs_hook=unique)
