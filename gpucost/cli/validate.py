"""`gpucost validate`."""

from typing import Annotated

import typer

from gpucost.cli.options import CatalogOption, FieldOption, Format, FormatOption, OutputOption
from gpucost.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)


def validate(
    case: Annotated[str | None, typer.Option(help="Only cases with this text in their id.")] = None,
    of: Annotated[str, typer.Option(help="memory, speed, training or all.")] = "all",
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """How far are the models off: re-run the shipped measured cases and show the error.

    Memory and training are scored on cases kept apart from the fit, speed on cases left out of the fit in
    turn. Ends with 1 when a goal is missed.
    """
    from gpucost.api.validate import validate as answer

    report = answer(catalog=tuple(catalog or ()), case=case, of=of)
    emit(report, "validate", format=format, output=output, field=field)
