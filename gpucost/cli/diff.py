"""`gpucost diff`."""

from enum import StrEnum
from typing import Annotated

import typer
from typer import Argument, Option

from gpucost.cli.ci_formats import emit_for_ci
from gpucost.cli.options import AsOfOption, CatalogOption, FieldOption, OutputOption, SourcesOption
from gpucost.domain.scenario import SCENARIO_FILE


class DiffFormat(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    GITHUB = "github"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("diff")(diff)


def diff(
    base: Annotated[
        str, Argument(help="JSON of plan or bill, a lock, or a scenario FILE[:NAME].", metavar="BASE")
    ],
    other: Annotated[
        str, Argument(help="The same, compared with BASE; a scenario is planned now.", metavar="[OTHER]")
    ] = SCENARIO_FILE,
    as_of: AsOfOption = None,
    format: Annotated[
        DiffFormat,
        Option(
            "--format",
            "-f",
            help="How to print the answer; github: annotations, and with --output a comment's body.",
        ),
    ] = DiffFormat.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """What changed between two answers, line by line, and why: price, traffic, model, assumption.

    Ends with exit code 0 whenever both could be compared.
    """
    from gpucost.api.diff import diff as answer

    report = answer(base=base, other=other, as_of=as_of, catalog=tuple(catalog or ()))
    emit_for_ci(report, format=format.value, output=output, sources=sources, field=field)
