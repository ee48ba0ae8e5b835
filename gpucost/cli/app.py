"""The command line: only the command that was asked for is imported.

Typer builds the parser; a command's module is loaded when its name is the first word, and all of them
for help and completion. Faults end with one line on stderr and the exit code of their kind.
"""

import os
import sys
from importlib import import_module

import typer

from gpucost.errors import GpucostError, UsageError

COMMANDS = {
    "init": "gpucost.cli.init",
    "size": "gpucost.cli.size",
    "throughput": "gpucost.cli.throughput",
    "cost": "gpucost.cli.cost",
    "bill": "gpucost.cli.bill",
    "breakeven": "gpucost.cli.breakeven",
    "compare": "gpucost.cli.compare",
    "simulate": "gpucost.cli.simulate",
    "traffic": "gpucost.cli.traffic",
    "train": "gpucost.cli.train",
    "plan": "gpucost.cli.plan",
    "deploy": "gpucost.cli.deploy",
    "check": "gpucost.cli.check",
    "diff": "gpucost.cli.diff",
    "explain": "gpucost.cli.explain",
    "validate": "gpucost.cli.validate",
    "bench": "gpucost.cli.bench",
    "catalog": "gpucost.cli.catalog",
    "schema": "gpucost.cli.schema",
    "run": "gpucost.cli.run",
    "serve": "gpucost.cli.serve",
}
INTERNAL_FAULT = 70
INTERRUPTED = 130
_COMPLETION = "_GPUCOST_COMPLETE"


def _version(value: bool) -> None:
    if value:
        from gpucost import __version__

        typer.echo(f"gpucost {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", "-V", help="Show the version and exit.", callback=_version, is_eager=True
    ),
    debug: bool = typer.Option(False, "--debug", help="Show a traceback when gpucost itself is at fault."),
) -> None:
    """GPU cost and sizing calculator for LLMs: sourced data, measured error."""


def build(words: list[str]) -> typer.Typer:
    """The application with the asked command, or all of them where none is named."""
    app = typer.Typer(
        name="gpucost",
        rich_markup_mode=None,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_root)
    asked = next((word for word in words if not word.startswith("-")), None)
    names = [asked] if asked in COMMANDS and _COMPLETION not in os.environ else list(COMMANDS)
    for name in names:
        import_module(COMMANDS[name]).register(app)
    return app


def _fail(text: str, code: int) -> int:
    from gpucost.view.sanitize import sanitize, to_ascii
    from gpucost.view.terminal import pick_terminal

    unicode = pick_terminal(sys.stderr).unicode
    for line in text.splitlines() or [text]:
        safe = f"error: {sanitize(line)}\n"
        try:
            sys.stderr.write(safe if unicode else to_ascii(safe))
        except OSError:
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # the exit code alone must do
    return code


def _open_streams() -> None:
    """A stream that the shell closed (`>&-`) is None in Python: what goes there is lost."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")


def run(words: list[str]) -> int:
    """Run one command line [words] and return its exit code."""
    _open_streams()
    try:
        app = build(words)
        if any(word.partition("=")[0] == "--scenario" for word in words):
            from gpucost.cli.scenario import spliced

            words = spliced(app, words)
        app(args=words, standalone_mode=True)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            return _close()
        return _flush(end.code if isinstance(end.code, int) else 1)
    except GpucostError as error:
        return _flush(_fail(str(error), error.exit_code))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _close()
    except Exception as error:
        if "--debug" in words:
            raise
        what = f"{type(error).__name__}: {error}"
        text = f"gpucost failed ({what}); run it again as `gpucost --debug …` and report the output"
        return _fail(text.replace("\n", " "), INTERNAL_FAULT)
    return _flush(0)


def _flush(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _close(code)
    except OSError as error:
        return code or _fail(f"stdout: {error.strerror or error}", UsageError.exit_code)
    return code


def _close(code: int = 0) -> int:
    """A reader that went away is no fault: say nothing, here or at interpreter exit."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return code
