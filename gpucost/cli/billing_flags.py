"""Options of `bill` and `breakeven`: traffic, requests, workers, what stands beside them."""

from typing import Annotated

import typer

from gpucost.cli.options import (
    AcceptanceOption,
    AsOfOption,
    ConfigOption,
    DraftModelOption,
    DraftTokensOption,
    PrefixCacheOption,
    ScenarioOption,
)


class BillingOptions:
    """Names are those of `gpucost.api.bill_setup.BillingFlags`."""

    requests_per_month: Annotated[float | None, typer.Option(help="Requests per month.")] = None
    requests_per_day: Annotated[float | None, typer.Option(help="Requests per day.")] = None
    requests_per_second: Annotated[
        float | None, typer.Option("--requests-per-second", "--rps", help="Mean requests per second.")
    ] = None
    items: Annotated[int | None, typer.Option(help="Items of one batch every day (pattern batch).")] = None
    pattern: Annotated[
        str | None,
        typer.Option(
            help="poisson (random, the default), uniform, packed, bursty, diurnal, busy-hours or batch."
        ),
    ] = None
    burst_size: Annotated[int | None, typer.Option(help="Requests that come at once (bursty).")] = None
    burst_interval_s: Annotated[float | None, typer.Option(help="Time between bursts [s].")] = None
    peak_to_mean: Annotated[float | None, typer.Option(help="Peak rate over the mean (diurnal).")] = None
    hours: Annotated[float | None, typer.Option(help="Hours per day of the peak, or of all traffic.")] = None
    execution_s: Annotated[
        float | None, typer.Option(help="Time of one request, all slots of a worker taken [s].")
    ] = None
    external_ms: Annotated[
        float, typer.Option(help="Waiting for databases and the like within a request, billed too [ms].")
    ] = 0.0
    model: Annotated[str | None, typer.Option(help="Model, whose speed gives the time of a request.")] = None
    params: Annotated[str | None, typer.Option(help="Parameters instead of a model: 70, 70B, 8x7B.")] = None
    config: ConfigOption = None
    quant: Annotated[str | None, typer.Option(help="Weight format of the model.")] = None
    engine: Annotated[str, typer.Option(help="Engine that serves the model.")] = "vllm"
    input_tokens: Annotated[
        int | None, typer.Option("--input-tokens", "--isl", help="Prompt tokens per request.")
    ] = None
    output_tokens: Annotated[
        int | None, typer.Option("--output-tokens", "--osl", help="Answer tokens per request.")
    ] = None
    prefix_cache_hit: PrefixCacheOption = 0.0
    draft_tokens: DraftTokensOption = None
    acceptance: AcceptanceOption = None
    draft_model: DraftModelOption = None
    concurrency: Annotated[int | None, typer.Option(help="Requests at once on one worker.")] = None
    start_s: Annotated[
        float | None,
        typer.Option("--start-s", "--cold-start-s", help="Start of a worker that is billed [s]."),
    ] = None
    image_s: Annotated[float | None, typer.Option(help="Getting machine and image before that [s].")] = None
    idle_timeout_s: Annotated[float | None, typer.Option(help="Idle time until a worker stops [s].")] = None
    min_workers: Annotated[int | None, typer.Option(help="Workers that never stop.")] = None
    max_workers: Annotated[int | None, typer.Option(help="Most workers; as many as it takes otherwise.")] = (
        None
    )
    workers: Annotated[
        int | None, typer.Option(help="Always-on workers; as few as carry the busiest time otherwise.")
    ] = None
    scale_to_zero: Annotated[
        bool, typer.Option("--scale-to-zero", help="Stop idle workers where the product can (SageMaker, …).")
    ] = False
    volume_gb: Annotated[float | None, typer.Option(help="Network volume [GB].")] = None
    container_disk_gb: Annotated[
        float | None, typer.Option(help="Container disk of each running worker [GB].")
    ] = None
    disk_gb: Annotated[float | None, typer.Option(help="Disk of each machine [GB].")] = None
    egress_gb: Annotated[float | None, typer.Option(help="Traffic out per month [GB].")] = None
    vcpus: Annotated[float | None, typer.Option(help="vCPUs or cores of a worker, where billed apart.")] = (
        None
    )
    memory_gib: Annotated[
        float | None, typer.Option(help="Memory of a worker, where billed apart [GiB].")
    ] = None
    plan: Annotated[str | None, typer.Option(help="Plan with its fee and credit, such as starter, team.")] = (
        None
    )
    active_discount: Annotated[
        float | None, typer.Option(help="Share off the rate of active workers that a sale grants.")
    ] = None
    region_factor: Annotated[float | None, typer.Option(help="Factor of a pinned region.")] = None
    days: Annotated[float | None, typer.Option(help="Days of a month; 730 hours otherwise.")] = None
    as_of: AsOfOption = None
    prices: Annotated[str, typer.Option(help="catalog, or seeds: history that is partly refuted.")] = (
        "catalog"
    )
    scenario: ScenarioOption = None
