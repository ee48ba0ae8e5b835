"""`gpucost compare`."""

from typing import Annotated

import typer

from gpucost.cli.options import (
    AsOfOption,
    CatalogOption,
    FieldOption,
    Format,
    FormatOption,
    GpuOption,
    OutputOption,
    ProviderOption,
    ScenarioOption,
    SourcesOption,
)
from gpucost.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    gpu: GpuOption = None,
    model: Annotated[
        str | None, typer.Option(help="Model: the smallest workers of each product that hold it.")
    ] = None,
    params: Annotated[str | None, typer.Option(help="Parameters instead of a model: 70, 70B, 8x7B.")] = None,
    quant: Annotated[str | None, typer.Option(help="Weight format of the model.")] = None,
    features: Annotated[
        bool, typer.Option("--features", help="What products can do: queues, limits, versions, logs.")
    ] = False,
    cold_start: Annotated[
        bool, typer.Option("--cold-start", help="Starts as sums of phases, for --model or --weights-gb.")
    ] = False,
    weights_gb: Annotated[float | None, typer.Option(help="Weights that a start reads [10^9 B].")] = None,
    product: Annotated[
        list[str] | None, typer.Option(help="Only this product, such as aws/sagemaker; repeatable.")
    ] = None,
    provider: ProviderOption = None,
    by_generation: Annotated[
        bool, typer.Option("--by-generation", help="Price per card and smallest machine of every card.")
    ] = False,
    all_offers: Annotated[
        bool, typer.Option("--all-offers", help="Every offer, not one per product and card.")
    ] = False,
    top: Annotated[int, typer.Option(help="Rows of each group to show.")] = 16,
    as_of: AsOfOption = None,
    prices: Annotated[
        str, typer.Option(help="catalog, or seeds: tables of old documents, refuted rows marked.")
    ] = "catalog",
    scenario: ScenarioOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Who rents this card, or one that holds this model: price, smallest machine, starts, limits, egress."""
    from gpucost.api.compare import compare as answer

    report = answer(
        gpu=gpu or (),
        model=model,
        params=params,
        quant=quant,
        features=features,
        cold_starts=cold_start,
        weights_gb=weights_gb,
        product=product or (),
        provider=provider or (),
        by_generation=by_generation,
        all_offers=all_offers,
        top=top,
        as_of=as_of,
        prices=prices,
        catalog=tuple(catalog or ()),
    )
    emit(report, "compare", format=format, output=output, sources=sources, field=field)
