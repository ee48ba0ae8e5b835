"""`gpucost schema`."""

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """What can be described."""

    CATALOG = "catalog"
    REPORT = "report"
    SIZE = "size"
    THROUGHPUT = "throughput"
    COST = "cost"
    BILL = "bill"
    BREAKEVEN = "breakeven"
    COMPARE = "compare"
    SIMULATE = "simulate"
    TRAFFIC = "traffic"
    TRAIN = "train"
    PLAN = "plan"
    DEPLOY = "deploy"
    CHECK = "check"
    DIFF = "diff"
    BATCH = "batch"
    SCENARIO = "scenario"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="catalog, scenario: YAML files, for editors; report: any answer in JSON; batch: lines of"
            " run; else a command's answer."
        ),
    ],
) -> None:
    """The JSON Schema (2020-12) of what gpucost reads or writes."""
    from gpucost.api.schema import schema as answer

    sys.stdout.write(json.dumps(answer(kind.value), indent=2) + "\n")
