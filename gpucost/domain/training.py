"""How a model is trained: what is kept, what is computed again, and how the work is divided over cards."""

from typing import Literal, NamedTuple

Method = Literal["full", "lora", "qlora"]
Precision = Literal[
    "fp32",
    "bf16",
    "bf16-autocast",
    "bf16-mixed",
    "fp16-mixed",
    "fp8-autocast",
    "fp8-mixed",
    "nvfp4-mixed",
]
Optimizer = Literal[
    "adamw",
    "adamw-8bit",
    "paged-adamw",
    "paged-adamw-8bit",
    "adamw-4bit",
    "adafactor",
    "lion",
    "muon",
    "sgd",
]
StateFormat = Literal["fp32", "bf16", "int8", "int4"]
Checkpointing = Literal["none", "selective", "full"]
Selective = Literal["ops", "layers", "attention"]
LoraTarget = Literal["q", "k", "v", "o", "mlp", "head", "all-linear"]
BaseFormat = Literal["bf16", "fp16", "int8", "int4", "nf4"]


class Division(NamedTuple):
    """How the cards of a job share the work: gpus = dp × tp × pp × cp; experts stay within dp × tp × cp."""

    gpus: int = 1
    tp: int = 1
    pp: int = 1
    virtual_pp: int = 1
    """Chunks of layers per pipeline stage (interleaved schedule)."""
    ep: int = 1
    """Cards that share the routed experts as whole experts."""
    cp: int = 1
    """Cards that share a sequence."""
    sharding: int = 0
    """What data-parallel ranks share, in ZeRO's stages: 1 optimizer states, 2 gradients too, 3 (FSDP)
    parameters too."""
    shard_degree: int | None = None
    """Cards that share the shards; all of dp × cp where None."""
    sequence_parallel: bool = False
    """Tensor-parallel ranks divide what lies between their matrices along the sequence."""
    deferred_reduction: bool = False
    """While passes accumulate, gradients lie whole on every card, though `sharding` divides them."""

    @property
    def dp(self) -> int:
        """Data-parallel ranks, each with sequences of its own."""
        return self.gpus // (self.tp * self.pp * self.cp)

    @property
    def shards(self) -> int:
        """Cards over which a sharded quantity is divided."""
        return self.shard_degree or self.dp * self.cp

    @property
    def expert_shards(self) -> int:
        """The same for routed experts, whose copies are fewer where whole experts are divided."""
        return max(1, self.shards * self.tp // self.ep) if self.ep > 1 else self.shards


class TrainingSetup(NamedTuple):
    """The settings of a training job that memory and time depend on."""

    method: Method = "full"
    precision: Precision = "bf16-mixed"
    optimizer: Optimizer = "adamw"
    state_format: StateFormat | None = None
    """Of the optimizer's moments; by optimizer and precision where None."""
    micro_batch: int = 1
    """Sequences of one data-parallel rank and pass."""
    grad_accumulation: int = 1
    """Passes per step of the optimizer."""
    seq_len: int = 2048
    """Longest sequence [tokens]."""
    packed: bool = True
    checkpointing: Checkpointing = "none"
    selective: Selective | None = None
    """What selective checkpointing keeps: results of costly operations, all of some layers, or everything
    but the core of attention."""
    flash_attention: bool = True
    compile: bool = False
    chunked_ce: bool | None = None
    """The loss is taken in chunks of tokens; a compiled model's loss is compiled where None."""
    activation_offloading: bool = False
    optimizer_offload: bool = False
    optimizer_in_backward: bool = False
    """Gradients are applied and freed as they appear."""
    lora_rank: int = 0
    lora_targets: tuple[LoraTarget, ...] = ()
    dora: bool = False
    """Adapters keep the length of every output row apart (DoRA)."""
    trained_embeddings: bool = False
    """Embedding and head are trained whole beside the adapters."""
    base_format: BaseFormat = "bf16"
    """Of the frozen weights of lora and qlora."""
    double_quantised: bool = True
    """The scales of an nf4 base are quantised too."""
    division: Division = Division()
