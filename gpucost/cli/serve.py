"""`gpucost serve`: the Model Context Protocol, through its official package (extra `mcp`)."""

import asyncio
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from gpucost.cli.options import CatalogOption
from gpucost.errors import UsageError

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from gpucost.api.batch import Asker

ABOUT = (
    "Sizes, speeds, costs and bills of GPUs for LLMs, from a catalogue whose numbers have sources and dates. "
    "Every answer is a report: result, evidence for each number, notes. explain says what a word means."
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Over stdin and stdout, the only way there is.")
    ] = False,
    root: Annotated[
        Path, typer.Option(help="Files that questions name lie below this folder.", metavar="DIR")
    ] = Path(),
    catalog: CatalogOption = None,
) -> None:
    """Answer the questions of an assistant over MCP: a question is a tool, its JSON report the answer.

    Tools take what the lines of `gpucost run` take. They read no file outside --root, write none and use no
    network. Needs the extra mcp.
    """
    if not stdio:
        raise UsageError("give --stdio: a server speaks over stdin and stdout, and in no other way")
    from gpucost.api.batch import Asker
    from gpucost.catalog.store import load

    try:
        from mcp.server.stdio import stdio_server
    except ImportError:
        raise UsageError("serve needs the MCP package: pip install 'gpucost[mcp]'") from None

    server = server_of(Asker(root, load(tuple(catalog or ()))))

    async def run() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    asyncio.run(run())


def server_of(asker: "Asker") -> "Server[Any]":
    """An MCP server whose tools are the questions."""
    from mcp import types
    from mcp.server.lowlevel import Server

    from gpucost import __version__
    from gpucost.api.arguments import QUESTIONS
    from gpucost.view.to_json import render_json, report_to_plain

    tools = [_tool(question) for question in QUESTIONS]
    one_at_a_time = asyncio.Lock()

    async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        async with one_at_a_time:  # a thread, so that the server hears what else is said meanwhile
            answer = await asyncio.to_thread(asker.reply, None, params.name, params.arguments or {})
        if answer.report is None:
            message = answer.error.message if answer.error else ""
            return types.CallToolResult(content=[types.TextContent(text=message)], is_error=True)
        text = render_json(answer.report, indent=None).rstrip("\n")
        return types.CallToolResult(
            content=[types.TextContent(text=text)], structured_content=report_to_plain(answer.report)
        )

    return Server(
        "gpucost", version=__version__, instructions=ABOUT, on_list_tools=list_tools, on_call_tool=call_tool
    )


def _tool(question: str) -> Any:
    from mcp import types

    from gpucost.api.arguments import schema_of
    from gpucost.api.schema import report_schema

    schema = dict(schema_of(question))
    paragraphs = schema.pop("description").split("\n\n")
    words = _words(question)
    schema["properties"] = {
        name: {**each, "description": words[name]} if name in words else each
        for name, each in schema["properties"].items()
    }
    return types.Tool(
        name=question,
        description="\n\n".join(each for each in paragraphs if not each.startswith("Raises ")),
        input_schema=schema,
        output_schema=report_schema(question),
        annotations=types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )


def _words(question: str) -> dict[str, str]:
    """What the command says of its flags, by the argument that each of them is."""
    from gpucost.cli.app import COMMANDS

    command = getattr(import_module(COMMANDS[question]), question)
    found = {}
    for name, hint in get_type_hints(command, include_extras=True).items():
        for each in getattr(hint, "__metadata__", ()):
            if getattr(each, "help", None):
                found[name] = each.help
    return found
