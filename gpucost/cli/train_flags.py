"""Options of `train`: the method, the data, what is sharded and computed again, time and money."""

from typing import Annotated

from typer import Option

from gpucost.cli.options import ScenarioOption


class TrainOptions:
    """Names are those of `gpucost.api.train_data.TrainFlags`."""

    method: Annotated[str, Option(help="full, lora or qlora.")] = "full"
    dataset_tokens: Annotated[str | None, Option(help="Tokens of the data: 100M, 1.5B.")] = None
    examples: Annotated[float | None, Option(help="Examples instead, with --tokens-per-example.")] = None
    tokens_per_example: Annotated[float | None, Option(help="Mean length of an example [tokens].")] = None
    epochs: Annotated[float, Option(help="Times that the data is trained on.")] = 1.0
    seq_len: Annotated[
        int | None, Option("--seq-len", "--max-seq-length", "--cutoff-len", help="Longest sequence [tokens].")
    ] = None
    batch: Annotated[
        int | None, Option("--batch", "--global-batch-size", help="Sequences per step of all cards.")
    ] = None
    micro_batch: Annotated[
        int | None,
        Option(
            "--micro-batch", "--per-device-train-batch-size", help="Sequences per pass; searched otherwise."
        ),
    ] = None
    grad_accumulation: Annotated[
        int | None,
        Option(
            "--grad-accumulation", "--gradient-accumulation-steps", help="Passes per step of the optimizer."
        ),
    ] = None
    precision: Annotated[
        str | None,
        Option(help="bf16-mixed (full), bf16-autocast (adapters), bf16, fp32, fp16-mixed, fp8-autocast, …"),
    ] = None
    optimizer: Annotated[
        str,
        Option(
            help="adamw, adamw-8bit, paged-adamw, paged-adamw-8bit, adamw-4bit, adafactor, lion, muon, sgd."
        ),
    ] = "adamw"
    state_format: Annotated[
        str | None, Option(help="Of the optimizer's moments: fp32, bf16, int8, int4.")
    ] = None
    lora_rank: Annotated[
        int | None, Option("--lora-rank", "--lora-r", help="Rank of adapters; 16 otherwise.")
    ] = None
    lora_targets: Annotated[
        list[str] | None, Option(help="Matrices with adapters: q,k,v,o,mlp,head or all-linear; repeatable.")
    ] = None
    trained_embeddings: Annotated[
        bool, Option("--trained-embeddings", help="Embedding and head are trained whole beside the adapters.")
    ] = False
    dora: Annotated[bool, Option("--dora", help="Adapters keep the length of every row apart.")] = False
    load_in_4bit: Annotated[bool, Option("--load-in-4bit", help="Frozen base in nf4 (qlora).")] = False
    load_in_8bit: Annotated[bool, Option("--load-in-8bit", help="Frozen base in int8 (qlora).")] = False
    double_quant: Annotated[
        bool, Option("--double-quant/--no-double-quant", help="The scales of nf4 are quantised too.")
    ] = True
    flash_attention: Annotated[
        bool, Option("--flash-attention/--no-flash-attention", help="Flash attention.")
    ] = True
    chunked_ce: Annotated[
        bool | None,
        Option("--chunked-ce/--no-chunked-ce", help="Loss in chunks of tokens; as --compile otherwise."),
    ] = None
    packed: Annotated[bool, Option("--packed/--no-packed", help="Examples fill whole sequences.")] = True
    compile: Annotated[
        bool, Option("--compile", help="Model and loss are compiled, or their kernels fused.")
    ] = False
    checkpointing: Annotated[
        str | None,
        Option(
            "--checkpointing",
            "--gradient-checkpointing",
            help="Activations computed again: none, selective, full; searched otherwise.",
        ),
    ] = None
    selective: Annotated[
        str | None,
        Option(help="What selective keeps: ops (costly results), layers (every other), attention."),
    ] = None
    activation_offloading: Annotated[
        bool, Option("--activation-offloading", help="Saved activations on the host.")
    ] = False
    optimizer_offload: Annotated[
        bool, Option("--optimizer-offload", help="Optimizer, with zero 3 all shards, on the host.")
    ] = False
    optimizer_in_backward: Annotated[
        bool, Option("--optimizer-in-backward", help="Gradients are applied and freed as they appear.")
    ] = False
    zero: Annotated[
        int | None, Option(help="ZeRO stage 0 to 3: optimizer, gradients, parameters are divided.")
    ] = None
    fsdp: Annotated[bool, Option("--fsdp", help="FSDP's full shard: the same as --zero 3.")] = False
    shard_degree: Annotated[int | None, Option(help="Cards that share the shards; all otherwise.")] = None
    deferred_reduction: Annotated[
        bool, Option("--deferred-reduction", help="Whole gradients while passes accumulate (no_sync).")
    ] = False
    tp: Annotated[int | None, Option("--tp", "--tensor-parallel-size", help="Tensor-parallel ranks.")] = None
    pp: Annotated[int, Option("--pp", "--pipeline-parallel-size", help="Pipeline stages.")] = 1
    virtual_pp: Annotated[int, Option(help="Chunks of layers per stage (interleaved schedule).")] = 1
    ep: Annotated[int, Option("--ep", "--expert-parallel-size", help="Cards that share whole experts.")] = 1
    cp: Annotated[int, Option("--cp", "--context-parallel-size", help="Cards that share a sequence.")] = 1
    sequence_parallel: Annotated[
        bool | None,
        Option(
            "--sequence-parallel/--no-sequence-parallel",
            help="With --tp, norms are divided too; on otherwise.",
        ),
    ] = None
    gpus: Annotated[
        int | None, Option("--gpus", "--gpu-count", help="Cards of the job; searched otherwise.")
    ] = None
    max_gpus: Annotated[int, Option(help="Most cards that the search looks at.")] = 64
    deadline: Annotated[str | None, Option(help="Longest time: 12h, 90m, 3d.")] = None
    budget: Annotated[float | None, Option(help="Most that the job may cost [USD].")] = None
    interruptions_per_day: Annotated[
        float | None, Option(help="Interruptions of one spot machine per day.")
    ] = None
    checkpoint_minutes: Annotated[
        float | None, Option(help="Training between checkpoints [min]; the best interval on spot otherwise.")
    ] = None
    restart_minutes: Annotated[float | None, Option(help="From an interruption to training again [min].")] = (
        None
    )
    checkpoint_gb_per_s: Annotated[
        float | None, Option(help="Speed at which checkpoints are written [GB/s].")
    ] = None
    keep_checkpoints: Annotated[int, Option(help="Checkpoints kept, with --keep-months.")] = 0
    keep_months: Annotated[float, Option(help="Months that they are kept.")] = 0.0
    egress_checkpoints: Annotated[int, Option(help="Checkpoints moved out of the provider.")] = 0
    scenario: ScenarioOption = None
