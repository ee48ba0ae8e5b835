"""`gpucost traffic`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gpucost.cli.flagset import takes
from gpucost.cli.options import FieldOption, Format, FormatOption, OutputOption, ScenarioOption
from gpucost.cli.output import emit
from gpucost.cli.traffic_flags import ColumnOptions


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("traffic")(traffic)


@takes(ColumnOptions)
def traffic(
    file: Annotated[
        Path, typer.Argument(help="Requests (CSV, JSON Lines, Parquet), or a rate over time (CSV).")
    ],
    execution_s: Annotated[
        float | None, typer.Option(help="Time of one request, for the load in workers [s].")
    ] = None,
    prefill_tokens_per_s: Annotated[float | None, typer.Option(help="Prompt tokens per second.")] = None,
    tpot_ms: Annotated[float | None, typer.Option(help="Time per answer token [ms].")] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the rate over time.")] = False,
    scenario: ScenarioOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    field: FieldOption = None,
    **flags: Any,
) -> None:
    """What does this traffic look like: rate, peaks, quiet, bursts, lengths, and the load in workers?"""
    from gpucost.api.traffic import traffic as answer

    report = answer(
        file, execution_s=execution_s, prefill_tokens_per_s=prefill_tokens_per_s, tpot_ms=tpot_ms, **flags
    )
    emit(report, "traffic", format=format, output=output, field=field)
    if plot and format is Format.TABLE and field is None and output is None:
        from gpucost.view.plot import draw
        from gpucost.view.tables_traffic import shape

        typer.echo(draw({"": shape(report.result)}, title="requests per second over time [h]"))
