"""Measured speeds of training runs beside what the model of training speed says of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gpucost.api.offers import MACHINE_CARDS
from gpucost.api.training_cases import setup_of
from gpucost.calc.training_speed import Software, StepTime, TrainingSpeedConstants, step_time
from gpucost.catalog.store import Catalog
from gpucost.domain.hardware import Gpu
from gpucost.domain.model import Model, MoeMlp, StateSpace
from gpucost.domain.training import TrainingSetup

NVL72_CARDS = 72
"""Cards of one NVLink domain of a GB200 or GB300 NVL72 rack (datasheet)."""
SUPERCHIPS = ("gb200", "gb300")
FUSED = frozenset({"megatron-bridge", "megatron-lm", "nemo", "nemo-automodel"})
"""Frameworks on Transformer Engine, whose element-wise kernels are joined and whose attention is cuDNN's."""
TP_OVERLAPPED = frozenset({"megatron-bridge", "nemo"})
"""Frameworks taken to send tensor-parallel sums while they multiply, where a row does not say."""
HOOKED = frozenset({"transformers", "deepspeed", "llama-factory", "axolotl", "ms-swift", "trl"})
"""Frameworks whose ZeRO, and whose 32-bit master weights beside 16-bit weights, are DeepSpeed's."""
WHOLE_GRAPHS = "26.08"
"""Container since which Megatron-Bridge on NVL72 is taken to capture whole steps as CUDA graphs and to send
tokens to experts meanwhile, but for models with state spaces. Its recipes do so for DeepSeek-V3 and gpt-oss
(scripts/performance/configs); the container, and that other models do, are inferred."""
QUANTITIES = ("tokens_per_s_per_gpu", "step_s", "sequences_per_s", "mfu", "tflops_per_gpu")


class SpeedCase(NamedTuple):
    """A measured run as a question, and what it measured."""

    model: Model
    gpu: Gpu
    setup: TrainingSetup
    software: Software
    domain: int
    formula: str
    quantity: str
    measured: float


def training_speed_constants(catalog: Catalog) -> TrainingSpeedConstants:
    """The fitted constants of the catalogue."""
    rows = {entry["row"]["id"]: entry["row"] for entry in catalog.sections["training_constants"]}
    names = TrainingSpeedConstants._fields
    return TrainingSpeedConstants(*(rows[f"speed-{name.replace('_', '-')}"]["value"] for name in names))


def domain_cards(gpu: Gpu) -> int:
    """Cards that one fast link joins [cards]."""
    return NVL72_CARDS if gpu.id.startswith(SUPERCHIPS) else MACHINE_CARDS


def with_peak(catalog: Catalog, gpu: Gpu) -> Gpu | None:
    """The card with the peaks of its chip's other form where its own are not published, or None.

    Cards of one architecture and link have one chip; what a lower power limit takes from it is the model's
    to say.
    """
    if gpu.dense_flops.get("bf16") or gpu.dense_flops.get("fp16"):
        return gpu
    same = [
        other
        for other in catalog.gpus.values()
        if other.architecture == gpu.architecture and other.link == gpu.link and other.dense_flops
    ]
    if not same:
        return None
    return gpu._replace(dense_flops=max(same, key=lambda o: o.dense_flops.get("bf16", 0.0)).dense_flops)


def software_of(row: Mapping[str, Any], setup: TrainingSetup, model: Model) -> Software:
    """What the software of a measured run does."""
    framework = row["framework"]
    whole = (
        framework == "megatron-bridge"
        and row["gpu"].startswith(SUPERCHIPS)
        and row.get("framework_version", "").rpartition(" ")[2] >= WHOLE_GRAPHS
        and not any(isinstance(mixer, StateSpace) for mixer in model.mixers)
    )
    # AutoModel's dense models are those of transformers, with PyTorch's attention
    plain = framework == "nemo-automodel" and not any(isinstance(mlp, MoeMlp) for mlp in model.mlps)
    return Software(
        fused=setup.compile or framework in FUSED,
        native_attention=framework in FUSED and not plain,
        hooked=setup.division.sharding == 3 and "fsdp" not in row and framework in HOOKED,
        tp_overlapped=row.get("async_tp", framework in TP_OVERLAPPED),
        row_scaled=row.get("fp8_recipe") == "rowwise",
        graphs=whole,
        exchange_overlapped=whole,
    )


def stock_setup(row: Mapping[str, Any]) -> TrainingSetup:
    """`setup_of`, and what stock configurations say of speed where the row is silent.

    torchtitan cuts the batch of a rank into as many micro-batches as the pipeline has stages. With
    transformers, master weights beside weights in 16 bit mean DeepSpeed; stage 3 is inferred from measured
    times (one version of Qwen's finetune_ds.sh names stage 2).
    """
    setup = setup_of(row)
    division = setup.division
    if row["framework"] == "torchtitan" and division.pp > 1 and "micro_batch" not in row:
        sequences = row.get("global_batch", division.pp * division.dp) // division.dp
        return setup._replace(
            micro_batch=max(1, sequences // division.pp), grad_accumulation=min(sequences, division.pp)
        )
    if row["framework"] == "transformers" and "zero" not in row and setup.precision == "bf16-mixed":
        return setup._replace(division=division._replace(sharding=3))
    return setup


def case_of(catalog: Catalog, row: Mapping[str, Any]) -> SpeedCase | str:
    """A measured run as a question, or why it is none."""
    quantity = next((name for name in QUANTITIES if row.get(name) is not None), None)
    if quantity is None:
        return "no speed was measured"
    if row["use"] == "none":
        return str(row["reason"])
    if row.get("gpu") is None:
        return f"which card it was is not certain: {row['gpu_stated']}"
    gpu = with_peak(catalog, catalog.gpus[row["gpu"]])
    if gpu is None:
        return f"{row['gpu']}: no dense 16-bit peak is known"
    if row["gpus"] > 1 and gpu.link.bytes_per_s_each_way is None:
        return f"{gpu.id}: the speed of its link is not known"
    model = catalog.model(row["model"])
    setup = stock_setup(row)
    formula = row.get("mfu_formula") or "6N+causal-attention"
    return SpeedCase(
        model=model,
        gpu=gpu,
        setup=setup,
        software=software_of(row, setup, model),
        domain=domain_cards(gpu),
        formula=formula,
        quantity=quantity,
        measured=row[quantity],
    )


def predicted_step(case: SpeedCase, constants: TrainingSpeedConstants) -> StepTime:
    """The modelled step of a measured run."""
    return step_time(
        case.model,
        case.gpu,
        case.setup,
        constants,
        nodes_cards=case.domain,
        software=case.software,
        formula=case.formula,
    )


def predicted_quantity(case: SpeedCase, constants: TrainingSpeedConstants) -> float:
    """What the model says of the measured quantity, in the unit of its name."""
    step = predicted_step(case, constants)
    if case.quantity == "step_s":
        return step.total
    if case.quantity == "sequences_per_s":
        return step.tokens / case.setup.seq_len / step.total
    return float(getattr(step, case.quantity))


def predict_speed(
    catalog: Catalog, row: Mapping[str, Any], constants: TrainingSpeedConstants | None = None
) -> list[tuple[str, float, float]]:
    """(quantity, predicted, measured) of a measured run, in the unit of the quantity's name; empty if none.

    One quantity per run: tokens per second and card before the time of a step, sequences per second,
    utilisation and operations per second.
    """
    case = case_of(catalog, row)
    if isinstance(case, str):
        return []
    constants = constants or training_speed_constants(catalog)
    return [(case.quantity, predicted_quantity(case, constants), case.measured)]
