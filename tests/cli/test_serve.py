"""`gpucost serve --stdio`, asked by the client of the official package."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp import Client, StdioServerParameters, types

from gpucost.api.arguments import QUESTIONS, schema_of
from gpucost.cli.app import run
from gpucost.cli.serve import server_of

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]
SIZE = {"model": "Qwen/Qwen3-8B", "gpu": "l4", "as_of": "2026-11-20"}
LIMIT_S = 60


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "trace.csv").write_text("timestamp\n0\n1\n5\n", encoding="utf-8")
    (tmp_path / "secret.csv").write_text("timestamp\n0\n1\n5\n", encoding="utf-8")
    return folder


def asked(questions: Callable[[Client], Awaitable[None]], *words: str, mode: str = "auto") -> None:
    """Starts a server of its own and talks to it."""
    names = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "PATH", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "gpucost", "serve", "--stdio", *words],
        env={**environment, "PYTHONPATH": str(ROOT)},
        cwd=Path.cwd(),
    )

    async def talk() -> None:
        async with asyncio.timeout(LIMIT_S), Client(server, mode=mode) as client:
            await questions(client)

    asyncio.run(talk())


def text_of(result: types.CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text


def test_the_tools_are_the_questions() -> None:
    async def questions(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tuple(tools) == QUESTIONS
        for name, tool in tools.items():
            assert tool.description
            assert "Raises" not in tool.description
            assert tool.output_schema is not None
            for schema in (tool.input_schema, tool.output_schema):
                jsonschema.Draft202012Validator.check_schema(schema)
                assert schema["type"] == "object"
            assert tool.input_schema["properties"].keys() == schema_of(name)["properties"].keys()
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
        size = tools["size"].input_schema["properties"]
        assert size["kv_dtype"] == {"type": ["string"], "default": "auto", "description": "KV-cache format."}
        assert "hf" not in size

    asked(questions)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_answers_are_those_of_the_command(mode: str, capsys: Capture) -> None:
    words = [word for name, value in SIZE.items() for word in (f"--{name.replace('_', '-')}", value)]
    assert run(["size", *words, "--format", "json"]) == 0
    expected = capsys.readouterr().out

    async def questions(client: Client) -> None:
        result = await client.call_tool("size", dict(SIZE))
        assert not result.is_error
        assert text_of(result) == expected.rstrip("\n")
        assert result.structured_content == json.loads(expected)
        no = await client.call_tool("size", {"params": "400", "gpu": "t4"})
        assert not no.is_error
        assert no.structured_content["result"]["recommendation"] is None

    asked(questions, mode=mode)


def test_faults_are_errors_of_the_tool_and_the_server_goes_on() -> None:
    faults: list[tuple[str, dict[str, Any] | None, str]] = [
        ("size", {"modle": "x"}, "unknown argument of size 'modle'; did you mean model?"),
        ("size", {"params": 7, "context": "1"}, "context must be a whole number, not text: '1'"),
        ("size", {"params": 7, "id": 1, "question": "cost"}, "unknown argument of size 'id'"),
        ("size", {"hf": "Qwen/Qwen3-8B"}, "hf: there is no network here"),
        ("size", {"params": 7, "context": 10**30}, "context is out of range"),
        ("size", None, "name the model in one way"),
        ("sise", {}, "unknown question 'sise'; did you mean size?"),
        ("traffic", {"file": "../secret.csv"}, "is outside"),
        ("traffic", {"file": "/etc/passwd"}, "is outside"),
        ("traffic", {"file": "nope.csv"}, "nope.csv: No such file"),
    ]

    async def questions(client: Client) -> None:
        for name, arguments, message in faults:
            result = await client.call_tool(name, arguments)
            assert result.is_error, name
            assert message in text_of(result)
            assert result.structured_content is None
        assert not (await client.call_tool("traffic", {"file": "trace.csv"})).is_error

    asked(questions)


def test_questions_at_once() -> None:
    async def questions(client: Client) -> None:
        terms = ["ttft", "tpot", "goodput", "kv-cache"]
        results = await asyncio.gather(*(client.call_tool("explain", {"term": term}) for term in terms))
        found = [result.structured_content["inputs"]["term"] for result in results]
        assert found == terms

    asked(questions)


def test_the_root_is_the_one_that_is_named(here: Path) -> None:
    async def questions(client: Client) -> None:
        assert not (await client.call_tool("traffic", {"file": "secret.csv"})).is_error
        outside = await client.call_tool("traffic", {"file": "/etc/passwd"})
        assert "is outside" in text_of(outside)

    asked(questions, "--root", str(here.parent))


def test_the_end_of_stdin_is_the_end_of_the_server() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gpucost", "serve", "--stdio"],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_cannot_be_served(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["serve"]) == 2
    assert "give --stdio" in capsys.readouterr().err
    assert run(["serve", "--stdio", "--root", "nope"]) == 2
    assert "--root nope: No such file" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "mcp.server.stdio", None)
    assert run(["serve", "--stdio"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", "error: serve needs the MCP package: pip install 'gpucost[mcp]'\n")


def test_a_server_without_a_process() -> None:
    """`server_of` is all there is to it."""
    from gpucost.api.batch import Asker
    from gpucost.catalog.store import load

    async def talk() -> None:
        async with Client(server_of(Asker(Path(), load()))) as client:
            assert (await client.call_tool("explain", {"term": "ttft"})).structured_content

    asyncio.run(talk())
