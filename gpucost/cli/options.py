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
ParamsOption = Annotated[str | None, typer.Option(help="Parameters: 70 (billions), 70B, 500M, 8x7B.")]
ActiveParamsOption = Annotated[str | None, typer.Option(help="Active parameters of a mixture of experts.")]
ModelOption = Annotated[str | None, typer.Option(help="Model by repository id, short id or family and size.")]
ConfigOption = Annotated[
    Path | None, typer.Option(help="config.json, a model folder, or a .gguf file.", metavar="PATH")
]
HfOption = Annotated[
    str | None,
    typer.Option(help="Read the config of a hub repository (extra 'hf').", metavar="REPO[@REVISION]"),
]
QuantOption = Annotated[
    list[str] | None, typer.Option(help="Weight format; repeatable, 'all' for every one of the engine.")
]
KvDtypeOption = Annotated[str, typer.Option("--kv-dtype", "--kv-cache-dtype", help="KV-cache format.")]
GpuOption = Annotated[list[str] | None, typer.Option(help="Card to look at, whatever comes out; repeatable.")]
GpusOption = Annotated[
    int | None, typer.Option("--gpus", "--gpu-count", help="Cards of the deployment: tp × pp × replicas.")
]
TpOption = Annotated[
    int | None, typer.Option("--tp", "--tensor-parallel-size", "--tp-size", help="Tensor-parallel ranks.")
]
PpOption = Annotated[
    int, typer.Option("--pp", "--pipeline-parallel-size", "--pp-size", help="Pipeline stages.")
]
EpOption = Annotated[
    int, typer.Option("--ep", "--expert-parallel-size", "--ep-size", help="Expert-parallel ranks.")
]
EngineOption = Annotated[str, typer.Option(help="vllm, sglang, tensorrt-llm, llama.cpp or transformers.")]
EngineVersionOption = Annotated[
    str | None, typer.Option(help="Version, e.g. 0.11; the newest known otherwise.")
]
UtilizationOption = Annotated[
    float | None,
    typer.Option(
        "--gpu-memory-utilization",
        "--mem-fraction-static",
        "--kv-cache-free-gpu-memory-fraction",
        help="The engine's share of the card.",
    ),
]
MaxNumSeqsOption = Annotated[
    int | None,
    typer.Option("--max-num-seqs", "--max-running-requests", "--max-batch-size", help="Most sequences."),
]
EagerOption = Annotated[bool, typer.Option("--enforce-eager", "--disable-cuda-graph", help="No CUDA graphs.")]
ChunkedOption = Annotated[
    bool | None, typer.Option("--enable-chunked-prefill/--no-enable-chunked-prefill", help="vLLM V0 only.")
]
ProviderOption = Annotated[list[str] | None, typer.Option(help="Only offers of this provider; repeatable.")]
RegionOption = Annotated[list[str] | None, typer.Option(help="Only offers of this region; repeatable.")]
BillingOption = Annotated[
    list[str] | None,
    typer.Option(help="Only this billing mode; repeatable. Otherwise on-demand, community and flex."),
]
InputTokensOption = Annotated[
    int | None, typer.Option("--input-tokens", "--isl", help="Prompt tokens per request.")
]
OutputTokensOption = Annotated[
    int | None, typer.Option("--output-tokens", "--osl", help="Answer tokens per request.")
]
AttentionDpOption = Annotated[
    bool,
    typer.Option(
        "--attention-dp", "--enable-dp-attention", help="Each rank attends to its own requests; with --ep."
    ),
]
PrefixCacheOption = Annotated[float, typer.Option(help="Share of the prompt that a prefix cache holds.")]
BestOfOption = Annotated[int, typer.Option(help="Answers generated per request, one of which is kept.")]
ReasoningOption = Annotated[int, typer.Option(help="Tokens generated before the answer.")]
DraftTokensOption = Annotated[
    int | None,
    typer.Option("--draft-tokens", "--num-speculative-tokens", help="Tokens drafted per pass (speculation)."),
]
AcceptanceOption = Annotated[float | None, typer.Option(help="Probability that a drafted token is accepted.")]
DraftModelOption = Annotated[
    str | None, typer.Option(help="Model that drafts; the model's own MTP layers otherwise.")
]
SloOption = Annotated[
    list[str] | None,
    typer.Option(help="Largest load within this limit, e.g. 'ttft:p95<=500ms'; repeatable."),
]
RpsOption = Annotated[float | None, typer.Option("--rps", help="Requests per second.")]
EstimateOnlyOption = Annotated[bool, typer.Option("--estimate-only", help="Do not look measurements up.")]
PricesOption = Annotated[str, typer.Option(help="catalog, or seeds: history that is partly refuted.")]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="A batch job in the engine itself: no server before it.")
]
ScenarioOption = Annotated[
    str | None,
    typer.Option(
        "--scenario",
        help="Scenario of a file (gpucost init writes one), or a YAML file of flags; flags win over it.",
        metavar="FILE[:NAME]",
    ),
]
