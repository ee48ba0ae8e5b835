"""`gpucost cost`."""

from pathlib import Path
from typing import Annotated

import typer

from gpucost.cli.options import (
    AcceptanceOption,
    ActiveParamsOption,
    AsOfOption,
    AttentionDpOption,
    BestOfOption,
    BillingOption,
    CatalogOption,
    ChunkedOption,
    ConfigOption,
    DraftModelOption,
    DraftTokensOption,
    EagerOption,
    EngineOption,
    EngineVersionOption,
    EpOption,
    EstimateOnlyOption,
    FieldOption,
    Format,
    FormatOption,
    GpuOption,
    GpusOption,
    HfOption,
    InputTokensOption,
    KvDtypeOption,
    MaxNumSeqsOption,
    ModelOption,
    OfflineOption,
    OutputOption,
    OutputTokensOption,
    ParamsOption,
    PpOption,
    PrefixCacheOption,
    ProviderOption,
    QuantOption,
    ReasoningOption,
    RegionOption,
    RpsOption,
    ScenarioOption,
    SloOption,
    SourcesOption,
    TpOption,
    UtilizationOption,
)
from gpucost.cli.output import emit
from gpucost.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cost")(cost)


def cost(
    params: ParamsOption = None,
    active_params: ActiveParamsOption = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    hf: HfOption = None,
    quant: QuantOption = None,
    kv_dtype: KvDtypeOption = "auto",
    gpu: GpuOption = None,
    gpus: GpusOption = None,
    tp: TpOption = None,
    pp: PpOption = 1,
    ep: EpOption = 1,
    attention_dp: AttentionDpOption = False,
    offline: OfflineOption = False,
    engine: EngineOption = "vllm",
    engine_version: EngineVersionOption = None,
    input_tokens: InputTokensOption = None,
    output_tokens: OutputTokensOption = None,
    utilization: Annotated[
        float | None, typer.Option(help="Load as a share of what the deployment can do.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Requests in flight per deployment.")] = None,
    rps: RpsOption = None,
    slo: SloOption = None,
    split: Annotated[
        str, typer.Option(help="output, blended (by token count) or time (GPU time of prompt and answer).")
    ] = "output",
    prefix_cache_hit: PrefixCacheOption = 0.0,
    best_of: BestOfOption = 1,
    reasoning_tokens: ReasoningOption = 0,
    draft_tokens: DraftTokensOption = None,
    acceptance: AcceptanceOption = None,
    draft_model: DraftModelOption = None,
    gpu_memory_utilization: UtilizationOption = None,
    max_num_seqs: MaxNumSeqsOption = None,
    enforce_eager: EagerOption = False,
    enable_chunked_prefill: ChunkedOption = None,
    provider: ProviderOption = None,
    region: RegionOption = None,
    billing: BillingOption = None,
    usd_per_hour: Annotated[float | None, typer.Option(help="Your own price of the deployment.")] = None,
    tokens_per_second: Annotated[
        float | None, typer.Option(help="Your own measurement [output tokens/s of the deployment].")
    ] = None,
    api_usd_per_million: Annotated[
        float | None, typer.Option(help="A hosted price to compare with [USD per million tokens].")
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option(help="Rank a CSV or JSON of name, execution_ms and a price.", metavar="FILE"),
    ] = None,
    idle_s: Annotated[
        float | None, typer.Option(help="With --measured: idle time billed after a lone request [s].")
    ] = None,
    sort: Annotated[str, typer.Option(help="usd (per million output tokens) or speed (TPOT).")] = "usd",
    top: Annotated[int, typer.Option(help="Rows to show.")] = 12,
    as_of: AsOfOption = None,
    prices: Annotated[
        str, typer.Option(help="catalog, or seeds: history that is partly refuted.")
    ] = "catalog",
    estimate_only: EstimateOnlyOption = False,
    scenario: ScenarioOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """What do a million tokens and a request cost: over all offers that fit, at a load, beside API prices.

    Set the load with --rps, --concurrency, --utilization or --slo. --usd-per-hour with
    --tokens-per-second needs no model.
    """
    if measured is not None:
        if model or params or config or hf or usd_per_hour or tokens_per_second or rps:
            raise UsageError("--measured ranks a file by itself: leave the model, the load and prices out")
        from gpucost.api.cost_measured import IDLE_S, cost_measured

        ranked = cost_measured(
            measured,
            idle_s=IDLE_S if idle_s is None else idle_s,
            as_of=as_of,
            prices=prices,
            catalog=tuple(catalog or ()),
        )
        emit(ranked, "cost measured", format=format, output=output, sources=sources, field=field)
        return
    if idle_s is not None:
        raise UsageError("--idle-s goes with --measured")
    from gpucost.api.cost import cost as answer

    report = answer(
        params=params,
        active_params=active_params,
        model=model,
        config=config,
        hf=hf,
        quant=quant or (),
        kv_dtype=kv_dtype,
        gpu=gpu or (),
        gpus=gpus,
        tp=tp,
        pp=pp,
        ep=ep,
        attention_dp=attention_dp,
        offline=offline,
        engine=engine,
        engine_version=engine_version,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        utilization=utilization,
        concurrency=concurrency,
        rps=rps,
        slo=slo or (),
        split=split,
        prefix_cache_hit=prefix_cache_hit,
        best_of=best_of,
        reasoning_tokens=reasoning_tokens,
        draft_tokens=draft_tokens,
        acceptance=acceptance,
        draft_model=draft_model,
        gpu_memory_utilization=gpu_memory_utilization,
        max_num_seqs=max_num_seqs,
        enforce_eager=enforce_eager,
        enable_chunked_prefill=enable_chunked_prefill,
        provider=provider or (),
        region=region or (),
        billing=billing or (),
        usd_per_hour=usd_per_hour,
        tokens_per_second=tokens_per_second,
        api_usd_per_million=api_usd_per_million,
        sort=sort,
        top=top,
        as_of=as_of,
        prices=prices,
        estimate_only=estimate_only,
        catalog=tuple(catalog or ()),
    )
    emit(report, "cost", format=format, output=output, sources=sources, field=field)
