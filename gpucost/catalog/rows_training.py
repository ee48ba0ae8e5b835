"""The row of a measured training run: its settings as the source states them, and what it measured.

A setting that the source leaves open is left out. `settings_source` names the configuration files, where
settings were read there and not beside the figures.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gpucost.catalog.rows_base import Count, Id, NonNegative, Positive, Row, Slug, Text
from gpucost.domain.training import (
    BaseFormat,
    Checkpointing,
    LoraTarget,
    Method,
    Optimizer,
    Precision,
    Selective,
    StateFormat,
)

Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]

MfuFormula = Literal["6N", "6N+attention", "6N+causal-attention"]

RESULTS = ("peak_gib", "tokens_per_s_per_gpu", "sequences_per_s", "step_s", "mfu", "tflops_per_gpu")
ADAPTERS = ("lora_rank", "lora_targets", "base_format", "double_quantised", "trained_embeddings")


class TrainingRow(Row):
    """One measured training run."""

    id: Slug
    source: Id
    settings_source: Id | None = Field(
        None, description="configuration files that give what the statement of the figures leaves open"
    )
    use: Literal["fit", "score", "none"] = Field(
        description="`none`: cannot be reproduced, `reason` says why"
    )
    reason: Text | None = None
    framework: Slug
    framework_version: Text | None = None

    model: Id | None = Field(None, description="left out where the catalogue has no such model")
    model_stated: Text | None = Field(None, description="the model in the source's words, where it has no id")
    parameters_b: Positive | None = Field(None, description="parameters as the source counts them [10^9]")
    gpu: Slug | None = Field(None, description="left out where the source does not say which card it is")
    gpu_stated: Text | None = Field(None, description="the card in the source's words, where it has no id")
    gpus: Count | None = None

    method: Method
    task: Literal["pretraining", "fine-tuning"]
    precision: Precision | None = Field(
        None,
        description="what is stored of every trained parameter, and how it is multiplied: "
        "`fp32`: weights, gradients and states in 32 bit. "
        "`bf16`: weights and gradients in 16 bit, states as the optimizer keeps them, no master weights. "
        "`bf16-autocast`: weights, gradients and states in 32 bit, cast to 16 bit where they are "
        "multiplied (autocast; FSDP with 32-bit shards); no copy beside the weights. "
        "`bf16-mixed`, `fp16-mixed`: weights in 16 bit, gradients in 16 or 32 bit, and master weights and "
        "states in 32 bit (Megatron, DeepSpeed). "
        "`fp8-autocast`, `fp8-mixed`, `nvfp4-mixed`: as autocast or mixed in 16 bit, with the linear "
        "layers multiplied in 8 or 4 bit",
    )
    fp8_recipe: Literal["tensorwise", "rowwise", "current-scaling", "mx", "blockwise"] | None = None
    optimizer: Optimizer | None = None
    state_format: StateFormat | None = Field(None, description="of the optimizer's moments")
    micro_batch: Count | None = Field(None, description="sequences of a data-parallel rank and pass")
    grad_accumulation: Count | None = None
    global_batch: Count | None = Field(None, description="sequences per step of all cards")
    seq_len: Count | None = Field(None, description="longest sequence of a pass [tokens]")
    packed: bool | None = None

    checkpointing: Checkpointing | None = Field(
        None, description="which activations are computed again in the backward pass"
    )
    selective: Selective | None = Field(
        None,
        description="what selective keeps: `ops` the results of costly operations, `layers` all of some "
        "layers, `attention` everything but the core of attention",
    )
    flash_attention: bool | None = None
    compile: bool | None = None
    chunked_ce: bool | None = Field(
        None,
        description="the loss is taken in chunks of tokens, without a copy of all logits in 32 bit; where "
        "it is left open, a compiled model's loss is compiled too",
    )
    activation_offloading: bool | None = None
    optimizer_offload: bool | None = Field(None, description="optimizer, or all sharded state, on the host")
    optimizer_in_backward: bool | None = Field(
        None, description="gradients are applied and freed as they appear"
    )

    lora_rank: Count | None = None
    lora_targets: list[LoraTarget] | None = None
    trained_embeddings: bool | None = Field(
        None, description="embedding and head are trained whole beside the adapters"
    )
    base_format: BaseFormat | None = Field(None, description="of the frozen weights")
    double_quantised: bool | None = Field(
        None, description="the scales of an nf4 base are quantised too, as is usual"
    )

    zero: Literal[0, 1, 2, 3] | None = Field(
        None, description="stage of DeepSpeed; 1 is also Megatron's distributed optimizer"
    )
    fsdp: Literal["full-shard", "shard-grad-op", "hybrid"] | None = None
    fsdp_degree: Count | None = Field(None, description="cards that share the shards, where stated")
    tp: Count | None = None
    pp: Count | None = None
    virtual_pp: Count | None = None
    ep: Count | None = None
    cp: Count | None = None
    sequence_parallel: bool | None = None
    async_tp: bool | None = None

    peak_gib: Positive | None = Field(None, description="highest use of one card [2^30 B]")
    metric: Literal["torch-allocated", "torch-active", "torch-reserved", "device", "unknown"] | None = Field(
        None, description="what the peak counts"
    )
    tokens_per_s_per_gpu: Positive | None = None
    sequences_per_s: Positive | None = Field(None, description="of the whole job")
    step_s: Positive | None = Field(None, description="one step of the optimizer")
    mfu: Share | None = Field(None, description="useful share of the card's dense peak, 0 to 1")
    hfu: Share | None = Field(None, description="as `mfu`, with what is computed again")
    mfu_formula: MfuFormula | None = Field(None, description="operations per token of `mfu` and of the rate")
    tflops_per_gpu: NonNegative | None = Field(None, description="useful operations [10^12 FLOP/s]")
    note: Text | None = None

    @model_validator(mode="after")
    def _states_a_result(self) -> TrainingRow:
        if all(getattr(self, name) is None for name in RESULTS):
            raise ValueError(f"give at least one result: {', '.join(RESULTS)}")
        if (self.peak_gib is None) != (self.metric is None):
            raise ValueError("peak_gib and metric belong together; write `unknown` where nobody says it")
        if self.mfu is not None and self.hfu is not None and self.hfu < self.mfu:
            raise ValueError("hfu counts at least what mfu counts")
        return self

    @model_validator(mode="after")
    def _says_what_ran(self) -> TrainingRow:
        if (self.use == "none") == (self.reason is None):
            raise ValueError("use none needs a reason, and nothing else has one")
        if (self.model is None) == (self.model_stated is None):
            raise ValueError("give either model (an id of the catalogue) or model_stated (free text)")
        if (self.gpu is None) == (self.gpu_stated is None):
            raise ValueError("give either gpu (an id of the catalogue) or gpu_stated (free text)")
        if self.use != "none" and self.model is None:
            raise ValueError("a run of a model that the catalogue lacks has use none")
        if self.use != "none" and self.gpus is None:
            raise ValueError("a run on an unknown number of cards has use none")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> TrainingRow:
        given = [name for name in ADAPTERS if getattr(self, name) is not None]
        if self.method == "full" and given:
            raise ValueError(f"method full has no {', '.join(given)}")
        if self.method == "qlora" and self.base_format in ("bf16", "fp16"):
            raise ValueError("the base of qlora is quantised; in 16 bit the method is lora")
        if self.zero is not None and self.fsdp is not None:
            raise ValueError("give zero or fsdp, not both")
        if self.selective is not None and self.checkpointing != "selective":
            raise ValueError("selective needs checkpointing selective")
        if self.fp8_recipe is not None and not (self.precision or "").startswith("fp8"):
            raise ValueError("fp8_recipe needs an fp8 precision")
        return self
