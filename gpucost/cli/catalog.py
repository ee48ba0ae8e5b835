"""`gpucost catalog list`, `show` and `check`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from gpucost.cli.options import (
    AsOfOption,
    CatalogOption,
    FieldOption,
    Format,
    FormatOption,
    OutputOption,
)
from gpucost.cli.output import emit


class Section(StrEnum):
    """What can be listed."""

    GPUS = "gpus"
    MODELS = "models"
    PRICES = "prices"
    QUANTIZATIONS = "quantizations"
    ENGINES = "engines"
    SOURCES = "sources"
    PROVIDERS = "providers"
    PRODUCTS = "products"
    TERMS = "terms"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="What the catalogue knows, where each row stands, and whether the files are right.",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    group.command("list")(list_)
    group.command("show")(show)
    group.command("check")(check)
    app.add_typer(group, name="catalog")


def list_(
    section: Annotated[Section, Argument(help="What to list.")],
    filter: Annotated[
        str | None, Option("--filter", help="Only rows whose id, name or alias holds this text.")
    ] = None,
    vendor: Annotated[str | None, Option(help="gpus: nvidia, amd, intel, aws or google.")] = None,
    architecture: Annotated[str | None, Option(help="gpus: such as hopper.")] = None,
    min_memory_gib: Annotated[float | None, Option(help="gpus: least memory of a card [GiB].")] = None,
    family: Annotated[str | None, Option(help="models: such as qwen3.")] = None,
    max_params: Annotated[str | None, Option(help="models: most parameters: 70 (billions), 500M.")] = None,
    provider: Annotated[list[str] | None, Option(help="prices: only of this provider; repeatable.")] = None,
    gpu: Annotated[list[str] | None, Option(help="prices: only of this card; repeatable.")] = None,
    billing: Annotated[list[str] | None, Option(help="prices: only this billing mode; repeatable.")] = None,
    region: Annotated[list[str] | None, Option(help="prices: only of this region; repeatable.")] = None,
    as_of: AsOfOption = None,
    all_dates: Annotated[
        bool, Option("--all-dates", help="prices: every dated statement, not only the one that answers.")
    ] = False,
    prices: Annotated[
        str, Option(help="prices: catalog, or seeds: history that is partly refuted.")
    ] = "catalog",
    confidence: Annotated[str | None, Option(help="sources: measured, published or estimated.")] = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """The rows of a section; JSON holds whole rows with their file and line."""
    from gpucost.api.catalog import list_catalog

    report = list_catalog(
        section.value,
        filter=filter,
        vendor=vendor,
        architecture=architecture,
        min_memory_gib=min_memory_gib,
        family=family,
        max_params=max_params,
        provider=provider or (),
        gpu=gpu or (),
        billing=billing or (),
        region=region or (),
        as_of=as_of,
        all_dates=all_dates,
        prices=prices,
        confidence=confidence,
        catalog=tuple(catalog or ()),
    )
    emit(report, "listing", format=format, output=output, field=field)


def show(
    id: Annotated[
        str, Argument(help="A GPU, model, format, engine, provider, product, source, offer or term.")
    ],
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Every field of one row with its unit, its file and line, and its sources."""
    from gpucost.api.catalog_show import show_entry

    report = show_entry(id, catalog=tuple(catalog or ()))
    emit(report, "listing", format=format, output=output, field=field)


def check(
    paths: Annotated[
        list[Path] | None,
        Argument(help="Files or folders to check on top of the shipped catalogue.", metavar="PATH"),
    ] = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Find every fault at once: `file:line: field: what to do`, exit code 3.

    Without PATH the shipped files and the configured overlays are checked.
    """
    from gpucost.api.catalog_check import check_catalog

    report = check_catalog(tuple(paths or ()), catalog=tuple(catalog or ()))
    emit(report, "listing", format=format, output=output, field=field)
