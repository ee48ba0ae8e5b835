"""Options that several commands share, each written once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to print the answer.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the answer to this file instead of stdout.")
]
SourcesOption = Annotated[bool, typer.Option("--sources", help="List every number with its source and date.")]
FieldOption = Annotated[
    str | None, typer.Option("--field", help="Print one bare value, e.g. result.recommendation.gpu.")
]
CatalogOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--catalog", help="YAML file or folder laid over the catalogue; repeatable.", metavar="PATH"
    ),
]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="Answer with the prices of this day.", metavar="DATE")
]
