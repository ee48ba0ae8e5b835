"""`gpucost breakeven`."""

from typing import Annotated, Any

import typer

from gpucost.cli.billing_flags import BillingOptions
from gpucost.cli.flagset import takes
from gpucost.cli.options import (
    CatalogOption,
    FieldOption,
    Format,
    FormatOption,
    OutputOption,
    SourcesOption,
)
from gpucost.cli.output import emit
from gpucost.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("breakeven")(breakeven)


@takes(BillingOptions)
def breakeven(
    deployments: Annotated[
        list[str] | None,
        typer.Argument(
            help="provider/product/card[xN][=PRICE/h], two or more; others are compared with the first.",
            metavar="A B …",
        ),
    ] = None,
    sell_usd_per_million: Annotated[
        float | None, typer.Option(help="Selling price: tokens that pay for a deployment [USD per million].")
    ] = None,
    up_to_requests_per_day: Annotated[
        float | None, typer.Option(help="Most traffic to look at; 16 busy workers otherwise.")
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the bills over traffic (extra 'plot').")] = False,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
    **flags: Any,
) -> None:
    """From which traffic on does another deployment become cheaper: in busy hours, requests and tokens?

    Without --execution-s or a model, traffic counts in busy hours of full workers.
    """
    from gpucost.api.breakeven import breakeven as answer

    flags.pop("scenario")
    if plot and format is not Format.TABLE:
        raise UsageError("--plot goes with --format table")
    report = answer(
        tuple(deployments or ()),
        sell_usd_per_million=sell_usd_per_million,
        up_to_requests_per_day=up_to_requests_per_day,
        curve=plot,
        catalog=tuple(catalog or ()),
        **flags,
    )
    if plot and report.result.curve:
        from gpucost.view.plot import draw

        names, points = report.result.deployments, report.result.curve
        curves = {name: [(each[0], each[1 + at]) for each in points] for at, name in enumerate(names)}
        typer.echo(draw(curves, title="USD per month over busy hours (tokens: requests per day)"))
    emit(report, "breakeven", format=format, output=output, sources=sources, field=field)
