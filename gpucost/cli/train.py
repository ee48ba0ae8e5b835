"""`gpucost train`."""

from typing import Annotated, Any

import typer
from typer import Option

from gpucost.cli.flagset import takes
from gpucost.cli.options import (
    ActiveParamsOption,
    AsOfOption,
    BillingOption,
    CatalogOption,
    ConfigOption,
    FieldOption,
    Format,
    FormatOption,
    GpuOption,
    HfOption,
    ModelOption,
    OutputOption,
    ParamsOption,
    PricesOption,
    ProviderOption,
    RegionOption,
    SourcesOption,
)
from gpucost.cli.output import emit
from gpucost.cli.train_flags import TrainOptions


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


@takes(TrainOptions)
def train(
    params: ParamsOption = None,
    active_params: ActiveParamsOption = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    hf: HfOption = None,
    gpu: GpuOption = None,
    provider: ProviderOption = None,
    region: RegionOption = None,
    billing: BillingOption = None,
    sort: Annotated[str, Option(help="usd, hours or gpus.")] = "usd",
    top: Annotated[int, Option(help="Candidates to show.")] = 8,
    as_of: AsOfOption = None,
    prices: PricesOption = "catalog",
    explain: Annotated[bool, Option("--explain", help="Show the equations with their numbers.")] = False,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
    **flags: Any,
) -> None:
    """What a fine-tune or pre-training run needs: memory, cards, sharding, hours and USD.

    Name the model with --params, --model, --config or --hf. Micro-batch, checkpointing, sharding, card and
    count are searched unless they are given.
    """
    from gpucost.api.train import train as answer

    flags.pop("scenario", None)
    flags["lora_targets"] = tuple(flags["lora_targets"] or ())
    report = answer(
        params=params,
        active_params=active_params,
        model=model,
        config=config,
        hf=hf,
        gpu=gpu or (),
        provider=provider or (),
        region=region or (),
        billing=billing or (),
        sort=sort,
        top=top,
        as_of=as_of,
        prices=prices,
        explain=explain,
        catalog=tuple(catalog or ()),
        **flags,
    )
    emit(report, "train", format=format, output=output, sources=sources, field=field)
