"""`gpucost bench`."""

from pathlib import Path
from typing import Annotated

import typer

from gpucost.cli.options import (
    CatalogOption,
    EngineVersionOption,
    FieldOption,
    Format,
    FormatOption,
    KvDtypeOption,
    ModelOption,
    OutputOption,
    PpOption,
    TpOption,
)
from gpucost.cli.output import emit

_bench = typer.Typer(no_args_is_help=True, help="Benchmark results of one's own.")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(_bench, name="bench")


@_bench.command("import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Results of vllm bench serve, sglang.bench_serving, genai-perf, aiperf or llama-bench.",
            metavar="FILE…",
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="Overlay to write.", metavar="PATH")],
    gpu: Annotated[str, typer.Option(help="Card that was measured.")],
    model: ModelOption = None,
    gpus: Annotated[int, typer.Option("--gpus", "--gpu-count", help="Cards of the deployment.")] = 1,
    tp: TpOption = None,
    pp: PpOption = 1,
    quant: Annotated[str | None, typer.Option(help="Weight format; the model's own otherwise.")] = None,
    kv_dtype: KvDtypeOption = "auto",
    engine: Annotated[str | None, typer.Option(help="Engine; known by the tool otherwise.")] = None,
    engine_version: EngineVersionOption = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Requests in flight, if the file is silent.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the source.")] = None,
    measured: Annotated[
        str | None, typer.Option(help="Day of the run, if the file is silent.", metavar="DATE")
    ] = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Turn benchmark results into catalogue rows: an overlay with source and date, beside the estimate."""
    from gpucost.api.bench import bench_import

    report = bench_import(
        files,
        to=to,
        gpu=gpu,
        model=model,
        gpus=gpus,
        tp=tp,
        pp=pp,
        quant=quant,
        kv_dtype=kv_dtype,
        engine=engine,
        engine_version=engine_version,
        concurrency=concurrency,
        title=title,
        measured=measured,
        catalog=tuple(catalog or ()),
    )
    emit(report, "bench import", format=format, output=output, field=field)
