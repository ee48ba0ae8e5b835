"""`gpucost size`."""

from typing import Annotated

import typer
from typer import Option

from gpucost.cli.options import (
    ActiveParamsOption,
    AsOfOption,
    BillingOption,
    CatalogOption,
    ChunkedOption,
    ConfigOption,
    EagerOption,
    EngineOption,
    EngineVersionOption,
    EpOption,
    FieldOption,
    Format,
    FormatOption,
    GpuOption,
    GpusOption,
    HfOption,
    KvDtypeOption,
    MaxNumSeqsOption,
    ModelOption,
    OutputOption,
    ParamsOption,
    PpOption,
    PricesOption,
    ProviderOption,
    QuantOption,
    RegionOption,
    ScenarioOption,
    SourcesOption,
    TpOption,
    UtilizationOption,
)
from gpucost.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("size")(size)


def size(
    params: ParamsOption = None,
    active_params: ActiveParamsOption = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    hf: HfOption = None,
    quant: QuantOption = None,
    kv_dtype: KvDtypeOption = "auto",
    context: Annotated[
        int | None,
        Option(
            "--context",
            "--max-model-len",
            "--context-length",
            "--ctx-size",
            help="Longest sequence [tokens].",
        ),
    ] = None,
    concurrency: Annotated[int | None, Option(help="Sequences at once per replica.")] = None,
    gpu: GpuOption = None,
    gpus: GpusOption = None,
    tp: TpOption = None,
    pp: PpOption = 1,
    ep: EpOption = 1,
    engine: EngineOption = "vllm",
    engine_version: EngineVersionOption = None,
    gpu_memory_utilization: UtilizationOption = None,
    max_num_seqs: MaxNumSeqsOption = None,
    max_num_batched_tokens: Annotated[
        int | None,
        Option(
            "--max-num-batched-tokens",
            "--chunked-prefill-size",
            "--max-num-tokens",
            "--ubatch-size",
            help="Most tokens of one step.",
        ),
    ] = None,
    block_size: Annotated[
        int | None,
        Option("--block-size", "--page-size", "--tokens-per-block", help="Tokens per cache block."),
    ] = None,
    enforce_eager: EagerOption = False,
    enable_chunked_prefill: ChunkedOption = None,
    flash_attention: Annotated[
        bool, Option("--flash-attn/--no-flash-attn", help="llama.cpp only: flash attention.")
    ] = True,
    kv_cache_memory_bytes: Annotated[
        int | None, Option(help="State the KV pool per card [B] instead of computing it.")
    ] = None,
    mtp: Annotated[bool, Option("--mtp", help="Load multi-token-prediction layers for speculation.")] = False,
    provider: ProviderOption = None,
    region: RegionOption = None,
    billing: BillingOption = None,
    max_usd_per_hour: Annotated[float | None, Option(help="Most that may be paid [USD/h].")] = None,
    sort: Annotated[str, Option(help="usd, gpus, concurrency or headroom.")] = "usd",
    top: Annotated[int, Option(help="Candidates to show.")] = 8,
    as_of: AsOfOption = None,
    prices: PricesOption = "catalog",
    range_: Annotated[bool, Option("--range", help="Also run both ends of the assumptions.")] = False,
    explain: Annotated[bool, Option("--explain", help="Show the equations with their numbers.")] = False,
    scenario: ScenarioOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """What does it take to serve this model: memory, cards, offers and USD per hour.

    Name the model with --params, --model, --config or --hf. Without --gpu every card and count is
    searched, cheapest first.
    """
    from gpucost.api.size import size as answer

    report = answer(
        params=params,
        active_params=active_params,
        model=model,
        config=config,
        hf=hf,
        quant=quant or (),
        kv_dtype=kv_dtype,
        context=context,
        concurrency=concurrency,
        gpu=gpu or (),
        gpus=gpus,
        tp=tp,
        pp=pp,
        ep=ep,
        engine=engine,
        engine_version=engine_version,
        gpu_memory_utilization=gpu_memory_utilization,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        block_size=block_size,
        enforce_eager=enforce_eager,
        enable_chunked_prefill=enable_chunked_prefill,
        flash_attention=flash_attention,
        kv_cache_memory_bytes=kv_cache_memory_bytes,
        mtp=mtp,
        provider=provider or (),
        region=region or (),
        billing=billing or (),
        max_usd_per_hour=max_usd_per_hour,
        sort=sort,
        top=top,
        as_of=as_of,
        prices=prices,
        explain=explain,
        scenarios=range_,
        catalog=tuple(catalog or ()),
    )
    emit(report, "size", format=format, output=output, sources=sources, field=field)
