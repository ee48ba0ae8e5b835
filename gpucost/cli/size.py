"""`gpucost size`."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from gpucost.cli.options import (
    AsOfOption,
    CatalogOption,
    FieldOption,
    Format,
    FormatOption,
    OutputOption,
    SourcesOption,
)
from gpucost.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("size")(size)


def size(
    params: Annotated[str | None, Option(help="Parameters: 70 (billions), 70B, 500M, 8x7B.")] = None,
    active_params: Annotated[str | None, Option(help="Active parameters of a mixture of experts.")] = None,
    model: Annotated[str | None, Option(help="Model by repository id, short id or family and size.")] = None,
    config: Annotated[
        Path | None, Option(help="config.json, a model folder, or a .gguf file.", metavar="PATH")
    ] = None,
    hf: Annotated[
        str | None,
        Option(help="Read the config of a hub repository (extra 'hf').", metavar="REPO[@REVISION]"),
    ] = None,
    quant: Annotated[
        list[str] | None, Option(help="Weight format; repeatable, 'all' for every one of the engine.")
    ] = None,
    kv_dtype: Annotated[str, Option("--kv-dtype", "--kv-cache-dtype", help="KV-cache format.")] = "auto",
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
    gpu: Annotated[list[str] | None, Option(help="Card to look at, whatever comes out; repeatable.")] = None,
    gpus: Annotated[
        int | None, Option("--gpus", "--gpu-count", help="Cards of the deployment: tp × pp × replicas.")
    ] = None,
    tp: Annotated[
        int | None, Option("--tp", "--tensor-parallel-size", "--tp-size", help="Tensor-parallel ranks.")
    ] = None,
    pp: Annotated[int, Option("--pp", "--pipeline-parallel-size", "--pp-size", help="Pipeline stages.")] = 1,
    ep: Annotated[
        int, Option("--ep", "--expert-parallel-size", "--ep-size", help="Expert-parallel ranks.")
    ] = 1,
    engine: Annotated[str, Option(help="vllm, sglang, tensorrt-llm, llama.cpp or transformers.")] = "vllm",
    engine_version: Annotated[
        str | None, Option(help="Version, e.g. 0.11; the newest known otherwise.")
    ] = None,
    gpu_memory_utilization: Annotated[
        float | None,
        Option(
            "--gpu-memory-utilization",
            "--mem-fraction-static",
            "--kv-cache-free-gpu-memory-fraction",
            help="The engine's share of the card.",
        ),
    ] = None,
    max_num_seqs: Annotated[
        int | None,
        Option("--max-num-seqs", "--max-running-requests", "--max-batch-size", help="Most sequences."),
    ] = None,
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
    enforce_eager: Annotated[
        bool, Option("--enforce-eager", "--disable-cuda-graph", help="No CUDA graphs.")
    ] = False,
    enable_chunked_prefill: Annotated[
        bool | None, Option("--enable-chunked-prefill/--no-enable-chunked-prefill", help="vLLM V0 only.")
    ] = None,
    flash_attention: Annotated[
        bool, Option("--flash-attn/--no-flash-attn", help="llama.cpp only: flash attention.")
    ] = True,
    kv_cache_memory_bytes: Annotated[
        int | None, Option(help="State the KV pool per card [B] instead of computing it.")
    ] = None,
    mtp: Annotated[bool, Option("--mtp", help="Load multi-token-prediction layers for speculation.")] = False,
    provider: Annotated[list[str] | None, Option(help="Only offers of this provider; repeatable.")] = None,
    region: Annotated[list[str] | None, Option(help="Only offers of this region; repeatable.")] = None,
    billing: Annotated[
        list[str] | None,
        Option(help="Only this billing mode; repeatable. Otherwise on-demand, community and flex."),
    ] = None,
    max_usd_per_hour: Annotated[float | None, Option(help="Most that may be paid [USD/h].")] = None,
    sort: Annotated[str, Option(help="usd, gpus, concurrency or headroom.")] = "usd",
    top: Annotated[int, Option(help="Candidates to show.")] = 8,
    as_of: AsOfOption = None,
    prices: Annotated[str, Option(help="catalog, or seeds: history that is partly refuted.")] = "catalog",
    range_: Annotated[bool, Option("--range", help="Also run both ends of the assumptions.")] = False,
    explain: Annotated[bool, Option("--explain", help="Show the equations with their numbers.")] = False,
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
