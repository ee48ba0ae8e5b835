"""`gpucost init`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from gpucost.domain.scenario import SCENARIO_FILE
from gpucost.errors import UsageError
from gpucost.view.sanitize import sanitize
from gpucost.view.scenario_template import TEMPLATE


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    file: Annotated[Path, typer.Argument(help="File to write.", metavar="[FILE]")] = Path(SCENARIO_FILE),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a scenario file to start from: two scenarios, every key with a comment and its unit."""
    try:
        with file.open("w" if force else "x", encoding="utf-8") as out:
            out.write(TEMPLATE)
    except FileExistsError:
        what = "is a folder; name a file in it" if file.is_dir() else "exists; --force overwrites it"
        raise UsageError(f"{file} {what}") from None
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from None
    typer.echo(sanitize(f"wrote {file}; try: gpucost plan {shlex.quote(f'{file}:chat')}"))
