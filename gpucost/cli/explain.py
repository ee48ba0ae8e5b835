"""`gpucost explain`."""

from typing import Annotated

import typer

from gpucost.cli.options import CatalogOption, FieldOption, Format, FormatOption, OutputOption
from gpucost.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    term: Annotated[str | None, typer.Argument(help="A word of the answers; none lists them all.")] = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """What a word of the answers means, with its formula and its name in JSON."""
    from gpucost.api.explain import explain as answer

    report = answer(term, catalog=tuple(catalog or ()))
    emit(report, "explain", format=format, output=output, field=field)
