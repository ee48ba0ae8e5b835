"""`gpucost check`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from gpucost.cli.ci_formats import emit_for_ci
from gpucost.cli.options import AsOfOption, CatalogOption, FieldOption, OutputOption, SourcesOption
from gpucost.cli.plan import ScenarioArgument
from gpucost.domain.scenario import SCENARIO_FILE


class CheckFormat(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    SARIF = "sarif"
    GITHUB = "github"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    scenario: ScenarioArgument = SCENARIO_FILE,
    lock: Annotated[
        Path | None, Option(help="Lock to compare with; without it gpucost.lock beside gpucost.yaml.")
    ] = None,
    update_lock: Annotated[
        bool, Option("--update-lock", help="Write the lock with what is answered now.")
    ] = False,
    frozen: Annotated[bool, Option("--frozen", help="Refuse any drift from the lock.")] = False,
    as_of: AsOfOption = None,
    format: Annotated[
        CheckFormat,
        Option(
            "--format",
            "-f",
            help="How to print the answer; github: annotations, and with --output a comment's body.",
        ),
    ] = CheckFormat.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Hold the plans of a scenario file against their budgets: exit code 1 where one is broken.

    Without :NAME all scenarios of the file. A limit that cannot be told does not pass.
    """
    from gpucost.api.check import check as answer

    report = answer(
        scenario=scenario,
        lock=lock,
        update_lock=update_lock,
        frozen=frozen,
        as_of=as_of,
        catalog=tuple(catalog or ()),
    )
    emit_for_ci(report, format=format.value, output=output, sources=sources, field=field)
