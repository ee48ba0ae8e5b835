"""`gpucost throughput`."""

from typing import Annotated

import typer

from gpucost.cli.options import (
    AcceptanceOption,
    ActiveParamsOption,
    AttentionDpOption,
    BestOfOption,
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
    QuantOption,
    ReasoningOption,
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
    app.command("throughput")(throughput)


def counts(text: str | None) -> list[int]:
    """Whole numbers of `1,4,16`. Raises UsageError."""
    try:
        return [int(word) for word in (text or "").split(",") if word.strip()]
    except ValueError:
        raise UsageError(
            f"--concurrency takes whole numbers such as 1,4,16, not {(text or '')[:40]!r}"
        ) from None


def throughput(
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
    concurrency: Annotated[
        str | None,
        typer.Option(help="Requests in flight over the deployment, e.g. 1,4,16.", metavar="N,N,…"),
    ] = None,
    rps: RpsOption = None,
    slo: SloOption = None,
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
    tokens_per_second: Annotated[
        float | None, typer.Option(help="Your own measurement [output tokens/s of the deployment].")
    ] = None,
    execution_ms: Annotated[
        float | None, typer.Option(help="Your own measurement of a whole request [ms].")
    ] = None,
    estimate_only: EstimateOnlyOption = False,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw tokens/s over concurrency (extra 'plot').")
    ] = False,
    scenario: ScenarioOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """How fast is a model on these cards: tokens/s, TTFT and TPOT over the load, and what limits them.

    Sweeps concurrency up to what runs at once, or answers at --concurrency, --rps or within --slo. A
    published measurement of the same deployment is used where there is one. Ends with 1 when the model
    does not fit, or not at that rate or limit.
    """
    from gpucost.api.throughput import throughput as answer

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
        concurrency=counts(concurrency),
        rps=rps,
        slo=slo or (),
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
        tokens_per_second=tokens_per_second,
        execution_ms=execution_ms,
        estimate_only=estimate_only,
        catalog=tuple(catalog or ()),
    )
    if plot:
        from gpucost.view.plot import draw

        rows = report.result.rows
        points = [(row.concurrency, row.output_tokens_per_s) for row in rows]
        typer.echo(
            draw({"": points}, title="output tokens/s over requests in flight"),
            err=format is not Format.TABLE,
        )
    emit(report, "throughput", format=format, output=output, sources=sources, field=field)
