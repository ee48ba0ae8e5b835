"""Plain rows to domain objects, in core units. The only place where catalogue units are converted."""

from typing import Any

from gpucost.domain.deployment import Version
from gpucost.domain.engine import Engine, EngineConstant, EngineDefault, EngineSpeed
from gpucost.domain.hardware import Gpu, Link
from gpucost.domain.model import (
    DenseMlp,
    Indexer,
    LatentAttention,
    LinearAttention,
    Mixer,
    Mlp,
    Model,
    MoeMlp,
    SoftmaxAttention,
    StateSpace,
    VisionTower,
)
from gpucost.domain.offer import Billing, Price, Provider, StatedBy
from gpucost.domain.provenance import Confidence, Source
from gpucost.domain.quantization import PART_GROUPS, PARTS, Quantization
from gpucost.units import BILLION, GB, SECONDS_PER_HOUR, SECONDS_PER_MINUTE, gib_to_bytes, tflops_to_flops

Row = dict[str, Any]


def source(row: Row) -> Source:
    """A source row."""
    return Source(
        id=row["id"],
        title=row["title"],
        publisher=row["publisher"],
        address=row["address"],
        as_of=row["as_of"],
        confidence=Confidence(row["confidence"]),
        note=row.get("note", ""),
    )


def gpu(row: Row) -> Gpu:
    """A GPU row: GiB to bytes, GB/s to B/s, TFLOP/s to FLOP/s."""
    speed = row["link"].get("gb_per_s_each_way")
    return Gpu(
        id=row["id"],
        name=row["name"],
        vendor=row["vendor"],
        architecture=row["architecture"],
        compute_capability=row.get("compute_capability", ""),
        marketing_memory_gb=row["marketing_memory_gb"],
        memory_bytes=gib_to_bytes(row["memory_gib"]),
        memory_basis=row["memory_basis"],
        bandwidth_bytes_per_s=row["bandwidth_gb_per_s"] * GB,
        dense_flops={key: tflops_to_flops(value) for key, value in row["dense_tflops"].items()},
        measured_flops={key: tflops_to_flops(value) for key, value in row.get("measured_tflops", {}).items()},
        native_precisions=frozenset(row["native_precisions"]),
        link=Link(row["link"]["kind"], None if speed is None else speed * GB),
        memory_kind=row.get("memory_kind", ""),
        smi_mib=row.get("smi_mib"),
        board_power_w=row.get("board_power_w"),
        ecc=row.get("ecc", ""),
        aliases=tuple(row.get("aliases", ())),
        notes=tuple(row.get("notes", ())),
        sources=tuple(row["sources"]),
        memory_sources=tuple(row.get("memory_sources", ())),
    )


def mixer(row: Row) -> Mixer:
    """An attention row by its kind."""
    match row["kind"]:
        case "full" | "sliding":
            return SoftmaxAttention(
                layers=row["layers"],
                heads=row["heads"],
                kv_heads=row["kv_heads"],
                head_dim=row["head_dim"],
                value_head_dim=row["value_head_dim"] if "value_head_dim" in row else row["head_dim"],
                window=row.get("window"),
                kv_reused_layers=row.get("kv_reused_layers", 0),
                value_from_key=row.get("value_from_key", False),
                output_gate=row.get("output_gate", False),
                qkv_bias=row.get("qkv_bias", False),
                output_bias=row.get("output_bias", False),
                qk_norm=row.get("qk_norm", False),
            )
        case "latent":
            index = row.get("indexer")
            return LatentAttention(
                layers=row["layers"],
                heads=row["heads"],
                kv_lora_rank=row["kv_lora_rank"],
                rope_head_dim=row["rope_head_dim"],
                nope_head_dim=row["nope_head_dim"],
                value_head_dim=row["value_head_dim"],
                q_lora_rank=row.get("q_lora_rank"),
                compression=row.get("compression", 1),
                indexer=None if index is None else Indexer(**index),
            )
        case "linear":
            return LinearAttention(
                layers=row["layers"],
                key_heads=row["key_heads"],
                value_heads=row["value_heads"],
                key_head_dim=row["key_head_dim"],
                value_head_dim=row["value_head_dim"],
                conv_kernel=row["conv_kernel"],
                state_bytes=row["state_bytes"],
            )
        case _:
            return StateSpace(
                layers=row["layers"],
                heads=row["heads"],
                head_dim=row["head_dim"],
                state_size=row["state_size"],
                groups=row["groups"],
                conv_kernel=row["conv_kernel"],
                state_bytes=row["state_bytes"],
            )


def mlp(row: Row) -> Mlp:
    """An MLP row by its kind."""
    if row["kind"] == "dense":
        return DenseMlp(
            row["layers"], row["intermediate_size"], row.get("gated", True), row.get("bias", False)
        )
    return MoeMlp(
        layers=row["layers"],
        experts=row["experts"],
        experts_per_token=row["experts_per_token"],
        intermediate_size=row["intermediate_size"],
        shared_intermediate_size=row.get("shared_intermediate_size", 0),
        gated=row.get("gated", True),
        expert_bias=row.get("expert_bias", False),
        shared_gate=row.get("shared_gate", False),
        latent_size=row.get("latent_size"),
    )


def _billions(value: float | None) -> int | None:
    return None if value is None else round(value * BILLION)


def model(row: Row) -> Model:
    """A model row."""
    vision = row.get("vision")
    return Model(
        id=row["id"],
        name=row["name"],
        family=row["family"],
        hidden_size=row["hidden_size"],
        vocab_size=row["vocab_size"],
        layers=row["layers"],
        mixers=tuple(mixer(group) for group in row["attention"]),
        mlps=tuple(mlp(group) for group in row.get("mlp", ())),
        tied_embeddings=row["tied_embeddings"],
        max_context=row.get("max_context"),
        native_quantization=row.get("native_quantization", "bf16"),
        vision=None if vision is None else VisionTower(**vision),
        mtp_layers=row.get("mtp_layers", 0),
        norms_per_layer=row.get("norms_per_layer", 2),
        stated_parameters=_billions(row.get("stated_parameters_b")),
        stated_active_parameters=_billions(row.get("stated_active_parameters_b")),
        use_stated_parameters=row.get("use_stated_parameters", False),
        incomplete=row.get("incomplete", ""),
        aliases=tuple(row.get("aliases", ())),
        notes=tuple(row.get("notes", ())),
        sources=tuple(row["sources"]),
    )


def quantization(row: Row) -> Quantization:
    """A quantisation row; group words in `parts` and `part_bits` are spelt out."""
    block = row.get("block")
    return Quantization(
        id=row["id"],
        name=row["name"],
        weight_bits=row["weight_bits"],
        parts=frozenset(part for word in row["parts"] for part in _parts(word)),
        group_size=row.get("group_size"),
        scale_bits=row.get("scale_bits", 0),
        zero_point_bits=row.get("zero_point_bits", 0),
        block=None if block is None else (block[0], block[1]),
        per_channel_scale_bits=row.get("per_channel_scale_bits", 0),
        extra_bits=row.get("extra_bits", 0),
        part_bits={part: bits for word, bits in row.get("part_bits", {}).items() for part in _parts(word)},
        compute=row["compute"],
        activation_bits=row.get("activation_bits", 16),
        needs_native=row.get("needs_native"),
        min_compute_capability=row.get("min_compute_capability"),
        engines=tuple(row["engines"]),
        aliases=tuple(row.get("aliases", ())),
        name_patterns=tuple(row.get("name_patterns", ())),
        quality=row.get("quality", ""),
        notes=tuple(row.get("notes", ())),
        sources=tuple(row["sources"]),
    )


def _parts(word: str) -> tuple[str, ...]:
    if word == "all":
        return tuple(part for part in PARTS if part not in ("norm", "vision"))
    return PART_GROUPS.get(word, (word,))


_HOURS = {
    "usd_per_second": SECONDS_PER_HOUR,
    "usd_per_minute": SECONDS_PER_HOUR / SECONDS_PER_MINUTE,
    "usd_per_hour": 1,
}


def price(row: Row) -> Price:
    """A price row; time prices are also given per hour of the whole SKU."""
    unit = next(key for key in row if key.startswith("usd_per_"))
    usd, count = row[unit], row.get("gpu_count", 1)
    hourly = usd * _HOURS[unit] if unit in _HOURS else usd * count if unit == "usd_per_gpu_hour" else None
    return Price(
        offer=row["offer"],
        provider=row["provider"],
        product=row["product"],
        billing=Billing(row["billing"]) if "billing" in row else None,
        sku=row["sku"],
        gpus=tuple(row.get("gpus", ())),
        gpu_count=count,
        memory_gb=row.get("memory_gb"),
        usd=usd,
        unit=unit,
        usd_per_hour=hourly,
        region=row.get("region", "global"),
        as_of=row["as_of"],
        stated_by=StatedBy(row["stated_by"]),
        source=row["source"],
        note=row.get("note", ""),
        refuted=row.get("refuted", ""),
        aliases=tuple(row.get("aliases", ())),
        tier_from_gb=row.get("tier_from_gb"),
    )


def provider(row: Row) -> Provider:
    """A provider row."""
    return Provider(
        id=row["id"],
        name=row["name"],
        ended=row.get("ended", ""),
        note=row.get("note", ""),
        sources=tuple(row.get("sources", ())),
    )


def version(text: str | None) -> Version | None:
    """`MAJOR.MINOR` of a row."""
    if text is None:
        return None
    major, _, minor = text.partition(".")
    return Version(int(major), int(minor or 0))


def engine(row: Row) -> Engine:
    """An engine row."""
    latest = version(row["latest"])
    return Engine(
        id=row["id"],
        name=row["name"],
        latest=latest if latest is not None else Version(0, 0),
        defaults=tuple(
            EngineDefault(
                flag=item["flag"],
                value=item["value"],
                since=version(item.get("since")),
                when=item.get("when", ""),
                source=item["source"],
                note=item.get("note", ""),
            )
            for item in row.get("defaults", ())
        ),
        constants=tuple(
            EngineConstant(
                name=item["name"],
                value=item["value"],
                unit=item["unit"],
                since=version(item.get("since")),
                method=item["method"],
                source=item["source"],
                low=item.get("low"),
                high=item.get("high"),
            )
            for item in row.get("constants", ())
        ),
        speeds=tuple(
            EngineSpeed(
                since=version(item.get("since")),
                launch=item["launch"],
                kernels=item.get("kernels", "paged"),
                prompts=item.get("prompts", "mixed"),
                source=item["source"],
            )
            for item in row.get("speed", ())
        ),
        aliases=tuple(row.get("aliases", ())),
        notes=tuple(row.get("notes", ())),
        sources=tuple(row["sources"]),
    )
