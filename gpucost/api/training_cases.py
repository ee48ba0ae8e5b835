"""Measured training runs as questions: what their rows state, and what their frameworks do otherwise."""

from collections.abc import Mapping
from typing import Any

from gpucost.api.offers import MACHINE_CARDS
from gpucost.domain.model import Model
from gpucost.domain.training import Division, Precision, TrainingSetup

DEFAULT_PRECISION: Mapping[str, Precision] = {
    "nemo-automodel": "bf16-autocast",
    "megatron-bridge": "bf16-mixed",
}
"""Where a row states none: FSDP2 with 32-bit shards, and Megatron's master weights."""
ADAPTER_PRECISION: Precision = "bf16"
USUAL_TARGETS = ("q", "k", "v", "o", "mlp")
UPCASTS_ADAPTERS = ("transformers", "axolotl")
"""PEFT keeps trained adapters in 32 bit above a base in 16 bit (huggingface/peft issue 1090, of 0.6.0)."""
WHOLE_GRADIENTS = ("litgpt", "transformers", "axolotl")
"""Fabric and Accelerate do not reduce FSDP's gradients before the last pass of a step (`no_sync`)."""
FUSED = ("megatron-bridge", "megatron-core", "megatron-swift")
"""Their norms and activation functions are fused kernels, as a compiler would make them; their losses not."""
UNTIES = ("litgpt",)
"""Keeps a tied head as a matrix of its own (its checkpoints hold both)."""


def model_of(row: Mapping[str, Any], model: Model) -> Model:
    """The model as the framework of a run holds it."""
    return model._replace(tied_embeddings=False) if row["framework"] in UNTIES else model


def division_of(row: Mapping[str, Any]) -> Division:
    """How the cards of a measured run share the work."""
    cp = row.get("cp", 1)
    sharding = row.get("zero", 0)
    degree = row.get("fsdp_degree")
    if "fsdp" in row:
        sharding = 2 if row["fsdp"] == "shard-grad-op" else 3
        if row["fsdp"] == "hybrid" and degree is None:
            degree = min(MACHINE_CARDS, row["gpus"])
    if degree is not None:
        degree *= cp  # shards lie over the ranks that share a sequence too
    return Division(
        gpus=row["gpus"],
        tp=row.get("tp", 1),
        pp=row.get("pp", 1),
        virtual_pp=row.get("virtual_pp", 1),
        ep=row.get("ep", 1),
        cp=cp,
        sharding=sharding,
        shard_degree=degree,
        sequence_parallel=row.get("sequence_parallel", row.get("tp", 1) > 1),
        deferred_reduction="fsdp" in row and row["framework"] in WHOLE_GRADIENTS,
    )


def setup_of(row: Mapping[str, Any]) -> TrainingSetup:
    """The settings of a measured run; what the row leaves open is as its framework does by default."""
    precision: Precision | None = row.get("precision")
    if precision is None:
        full = DEFAULT_PRECISION.get(row["framework"], "bf16-mixed")
        precision = full if row["method"] == "full" else ADAPTER_PRECISION
    if precision == "bf16" and row["method"] != "full" and row["framework"] in UPCASTS_ADAPTERS:
        precision = "bf16-autocast"
    division = division_of(row)
    micro_batch = row.get("micro_batch", 1)
    accumulation = row.get("grad_accumulation")
    if accumulation is None:
        whole = row.get("global_batch", micro_batch * division.dp)
        accumulation = max(1, whole // (micro_batch * division.dp))
    base = row.get("base_format", "bf16")
    return TrainingSetup(
        method=row["method"],
        precision=precision,
        optimizer=row.get("optimizer", "adamw"),
        state_format=row.get("state_format"),
        micro_batch=micro_batch,
        grad_accumulation=accumulation,
        seq_len=row.get("seq_len", 2048),
        packed=row.get("packed", True),
        checkpointing=row.get("checkpointing", "none"),
        selective=row.get("selective"),
        flash_attention=row.get("flash_attention", True),
        compile=row.get("compile", row["framework"] in FUSED),
        chunked_ce=row.get("chunked_ce", False if row["framework"] in FUSED else None),
        activation_offloading=row.get("activation_offloading", False),
        optimizer_offload=row.get("optimizer_offload", False),
        optimizer_in_backward=row.get("optimizer_in_backward", False),
        lora_rank=row.get("lora_rank", 0 if row["method"] == "full" else 8),
        lora_targets=tuple(row.get("lora_targets", () if row["method"] == "full" else USUAL_TARGETS)),
        trained_embeddings=row.get("trained_embeddings", False),
        base_format=base,
        double_quantised=row.get("double_quantised", True),
        division=division,
    )
