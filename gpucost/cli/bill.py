"""`gpucost bill`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gpucost.cli.billing_flags import BillingOptions
from gpucost.cli.flagset import takes
from gpucost.cli.options import (
    BillingOption,
    CatalogOption,
    FieldOption,
    Format,
    FormatOption,
    OutputOption,
    ProviderOption,
    SourcesOption,
)
from gpucost.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bill")(bill)


@takes(BillingOptions)
def bill(
    deployment: Annotated[
        list[str] | None,
        typer.Option(
            "--deployment",
            "-d",
            help="provider/product/card[xN][=PRICE/h], such as runpod/flex/l40s; repeatable.",
        ),
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="All offers of this card, cheapest first.")] = None,
    gpus: Annotated[int | None, typer.Option(help="Cards per worker, with --gpu.")] = None,
    flex_vs_active: Annotated[
        bool, typer.Option("--flex-vs-active", help="RunPod flex beside active workers of --gpu.")
    ] = False,
    period: Annotated[str, typer.Option(help="request, day, month or year.")] = "month",
    growth: Annotated[
        float | None, typer.Option(help="Growth of traffic per month, 0.1 for 10 %; a bill for each month.")
    ] = None,
    months: Annotated[int | None, typer.Option(help="Months to look ahead; 12 with --growth.")] = None,
    keep_warm: Annotated[
        bool, typer.Option("--keep-warm", help="Price pings that hold a worker beside an active worker.")
    ] = False,
    hybrid: Annotated[
        list[str] | None,
        typer.Option(help="Twice: a baseline that is kept on, then serverless workers for the rest."),
    ] = None,
    usage: Annotated[
        Path | None, typer.Option(help="CSV with a tag and GPU seconds or tokens: divides the bill.")
    ] = None,
    tag_column: Annotated[str | None, typer.Option(help="Column of the tag in --usage.")] = None,
    quantity_column: Annotated[str | None, typer.Option(help="Column of the quantity in --usage.")] = None,
    provider: ProviderOption = None,
    billing: BillingOption = None,
    top: Annotated[int, typer.Option(help="Bills to show with --gpu.")] = 12,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
    **flags: Any,
) -> None:
    """What does a month cost: flex or active workers, a pod, EC2, SageMaker, Modal, an API, side by side.

    Each is billed by its provider's own rules, as lines that add up: execution, cold starts, idle, always-on,
    storage, egress and fees.
    """
    from gpucost.api.bill import bill as answer

    flags.pop("scenario")
    report = answer(
        deployment=deployment or (),
        gpu=gpu,
        gpus=gpus,
        flex_vs_active=flex_vs_active,
        period=period,
        growth=growth,
        months=months,
        keep_warm=keep_warm,
        hybrid=hybrid or (),
        usage=usage,
        tag_column=tag_column,
        quantity_column=quantity_column,
        provider=provider or (),
        billing=billing or (),
        top=top,
        catalog=tuple(catalog or ()),
        **flags,
    )
    emit(report, "bill", format=format, output=output, sources=sources, field=field)
