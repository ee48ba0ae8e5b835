"""`gpucost simulate`."""

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
from gpucost.cli.traffic_flags import ColumnOptions, ScalingOptions, SourceOptions

INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


@takes(
    BillingOptions,
    ColumnOptions,
    SourceOptions,
    ScalingOptions,
    without=("items", "burst_interval_s"),
)
def simulate(
    trace: Annotated[
        Path | None,
        typer.Argument(help="Requests: CSV, JSON Lines (.gz too) or Parquet; else traffic is made."),
    ] = None,
    deployment: Annotated[
        list[str] | None,
        typer.Option(
            "--deployment", "-d", help="provider/product/card[xN][=PRICE/h], as for bill; repeatable."
        ),
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="All offers of this card.")] = None,
    gpus: Annotated[int | None, typer.Option(help="Cards per worker, with --gpu.")] = None,
    flex_vs_active: Annotated[
        bool, typer.Option("--flex-vs-active", help="RunPod flex beside active workers of --gpu.")
    ] = False,
    period: Annotated[
        str, typer.Option(help="Billed time: month, day, year, or trace for the time of the file.")
    ] = "month",
    slo: Annotated[
        list[str] | None,
        typer.Option(help="Limit such as 'ttft:p95<=500ms' (ttft, tpot, e2e, wait); repeatable."),
    ] = None,
    optimise: Annotated[
        str | None,
        typer.Option(
            "--optimise", "--optimize", help="Search idle-timeout, min-workers, max-workers (with commas)."
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Deployment that is kept on and takes requests first.")
    ] = None,
    baseline_workers: Annotated[int | None, typer.Option(help="Its workers.")] = None,
    prefill_tokens_per_s: Annotated[
        float | None, typer.Option(help="Prompt tokens per second of a request alone.")
    ] = None,
    tpot_ms: Annotated[float | None, typer.Option(help="Time per answer token of a request alone [ms].")] = (
        None
    ),
    replications: Annotated[
        int, typer.Option(help="Repeat random traffic or starts; with 95 % confidence intervals.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Of random numbers; equal seeds give equal answers.")] = 0,
    variants: Annotated[
        bool, typer.Option("--variants/--no-variants", help="Vary what nobody documents, for the range.")
    ] = True,
    processes: Annotated[int | None, typer.Option(help="Processes; one per core otherwise.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Run on a dask cluster: tcp://HOST:PORT (extra cluster).")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="File that keeps results; an interrupted search goes on from it.")
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the workers over time.")] = False,
    provider: ProviderOption = None,
    billing: BillingOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
    **flags: Any,
) -> None:
    """What does real traffic cost, and how long does it wait? Replays it through scaling and billing rules.

    Workers start, serve, idle and stop as each provider documents it; what nobody documents is varied and
    shown as a range. Without a trace, traffic is made: --requests-per-day with --pattern poisson, gamma,
    weibull, uniform, bursty, on-off, diurnal, busy-hours, daily-wave or weekly, or the rates of --profile.
    """
    from gpucost.api.simulate import simulate as answer

    flags.pop("scenario")
    flags["schedule"] = tuple(flags["schedule"] or ())
    report = answer(
        trace=trace,
        deployment=deployment or (),
        gpu=gpu,
        gpus=gpus,
        flex_vs_active=flex_vs_active,
        provider=provider or (),
        billing=billing or (),
        period=period,
        slo=slo or (),
        optimise=optimise,
        baseline=baseline,
        baseline_workers=baseline_workers,
        prefill_tokens_per_s=prefill_tokens_per_s,
        tpot_ms=tpot_ms,
        replications=replications,
        seed=seed,
        variants=variants,
        processes=processes,
        scheduler=scheduler,
        results=results,
        progress=True,
        catalog=tuple(catalog or ()),
        **flags,
    )
    emit(report, "simulate", format=format, output=output, sources=sources, field=field)
    if plot and format is Format.TABLE and field is None and output is None:
        from gpucost.view.plot import draw
        from gpucost.view.tables_simulate import curves

        typer.echo(draw(curves(report.result), title="workers over time [h]"))
    if report.result.interrupted:
        raise typer.Exit(INTERRUPTED)
