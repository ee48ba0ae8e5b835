"""`gpucost plan`."""

from typing import Annotated

import typer
from typer import Argument, Option

from gpucost.cli.options import CatalogOption, FieldOption, Format, FormatOption, OutputOption, SourcesOption
from gpucost.cli.output import emit
from gpucost.domain.scenario import SCENARIO_FILE

ScenarioArgument = Annotated[
    str, Argument(help="Scenario file, FILE:NAME where it holds several.", metavar="[FILE[:NAME]]")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(
    scenario: ScenarioArgument = SCENARIO_FILE,
    baseline: Annotated[
        bool, Option("--baseline", help="Also the way from the scenario's baseline to the plan.")
    ] = False,
    top: Annotated[int, Option(help="Deployments to show.")] = 8,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """The best deployment of a scenario: model, format, card, count, engine, billing and settings.

    Keeps what fits and meets the limits, ranks it by the monthly bill, says why the rest is out and what
    would change the answer. `gpucost init` writes a scenario to start from.
    """
    from gpucost.api.plan import plan as answer

    report = answer(scenario=scenario, baseline=baseline, top=top, catalog=tuple(catalog or ()))
    emit(report, "plan", format=format, output=output, sources=sources, field=field)
