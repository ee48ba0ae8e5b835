"""Options of `simulate` and `traffic`: columns of a trace; of `simulate` alone: generators and scaling."""

from pathlib import Path
from typing import Annotated

import typer


class ColumnOptions:
    """How a trace file is read; names are those of `gpucost.api.traffic_source.SourceFlags`."""

    timestamp_column: Annotated[
        str | None, typer.Option(help="Column of the arrivals; the usual names are found.")
    ] = None
    input_column: Annotated[str | None, typer.Option(help="Column of the prompt tokens.")] = None
    output_column: Annotated[str | None, typer.Option(help="Column of the answer tokens.")] = None
    execution_column: Annotated[str | None, typer.Option(help="Column of the time of a request.")] = None
    tag_column: Annotated[str | None, typer.Option(help="Column of a tag, such as a team.")] = None
    time_unit: Annotated[str, typer.Option(help="Of the arrivals: auto, s, ms, us, ns or iso.")] = "auto"
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Leave wrong rows out, and say how many.")
    ] = False
    span_s: Annotated[
        float | None, typer.Option(help="Time that the trace covers [s]; to its last request otherwise.")
    ] = None
    profile_model: Annotated[str | None, typer.Option(help="Model of a rate file that holds several.")] = None


class SourceOptions:
    """Traffic of a generator; `pattern` takes the place of that of bills."""

    jitter_s: Annotated[
        float | None, typer.Option(help="Step to which the stamps were rounded; they are spread over it [s].")
    ] = None
    profile: Annotated[
        Path | None,
        typer.Option(help="Rate over time (CSV), such as hourly counts; with a trace: its requests there."),
    ] = None
    pattern: Annotated[
        str | None,
        typer.Option(
            help="poisson (the default), gamma, weibull, uniform, bursty, on-off, diurnal, busy-hours, "
            "daily-wave or weekly."
        ),
    ] = None
    cv: Annotated[
        float | None, typer.Option(help="Burstiness: coefficient of variation of the gaps, 1 for random.")
    ] = None
    on_s: Annotated[float | None, typer.Option(help="Mean length of bursts (on-off) [s].")] = None
    off_s: Annotated[float | None, typer.Option(help="Mean quiet between bursts (on-off) [s].")] = None
    weekend_share: Annotated[
        float | None, typer.Option(help="Share of a week's requests on Saturday and Sunday (weekly).")
    ] = None
    simulated_days: Annotated[
        float | None, typer.Option(help="Days to make traffic for; the rest of the period is extrapolated.")
    ] = None


class ScalingOptions:
    """Names are those of `gpucost.api.fleets.ScalingFlags`."""

    scaler: Annotated[
        str | None,
        typer.Option(
            help="each-request, queue-delay, request-count, target, alarm or fixed; as documented otherwise."
        ),
    ] = None
    routing: Annotated[
        str | None,
        typer.Option(help="Free worker that takes a request: most-recent, least-recent, newest or random."),
    ] = None
    binding: Annotated[
        str | None,
        typer.Option(help="first-free, or bound: a request waits for the worker that was started for it."),
    ] = None
    queue_delay_s: Annotated[
        float | None, typer.Option(help="Wait after which a request starts a worker (queue-delay) [s].")
    ] = None
    requests_per_worker: Annotated[
        float | None, typer.Option(help="Requests in hand per worker (request-count).")
    ] = None
    buffer_workers: Annotated[
        int | None, typer.Option(help="Spare workers while there are requests (request-count).")
    ] = None
    scale_interval_s: Annotated[
        float | None, typer.Option(help="Time between two looks at the load (target, alarm) [s].")
    ] = None
    target_utilisation: Annotated[
        float | None, typer.Option(help="Share of the slots to be used (target, alarm).")
    ] = None
    scale_up_after_s: Annotated[
        float | None, typer.Option(help="A higher load counts after this time (target, alarm) [s].")
    ] = None
    scale_down_after_s: Annotated[
        float | None, typer.Option(help="A lower load counts after this time (target, alarm) [s].")
    ] = None
    start_samples_s: Annotated[
        str | None, typer.Option(help="Measured starts, equally likely: 3.1,4,41 [s].")
    ] = None
    hit_s: Annotated[
        float | None, typer.Option(help="Start from a saved worker (FlashBoot and the like) [s].")
    ] = None
    snapshot_memory_s: Annotated[
        float | None, typer.Option(help="A saved worker is in reach after t with e^(-t/this) [s].")
    ] = None
    queue_limit: Annotated[
        int | None, typer.Option(help="Requests that may wait; 0 rejects what finds no worker.")
    ] = None
    execution_timeout_s: Annotated[
        float | None, typer.Option(help="A request is ended after it; the product's default otherwise [s].")
    ] = None
    retry_s: Annotated[
        float | None,
        typer.Option(help="A request that fails while no worker is up comes again after it [s]."),
    ] = None
    schedule: Annotated[
        list[str] | None,
        typer.Option(
            help="Workers held ready in a daily time (UTC), 08:50-18:00=4; repeatable, they add up."
        ),
    ] = None
