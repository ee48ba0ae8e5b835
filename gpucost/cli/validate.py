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
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """How far is the memory model off: re-run the shipped measured cases and show the error.

    Ends with 1 when the score part misses a goal.
    """
    from gpucost.api.validate import validate as answer

    report = answer(catalog=tuple(catalog or ()), case=case)
    emit(report, "validate", format=format, output=output, field=field)
