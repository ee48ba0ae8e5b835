"""The rows of the catalogue's YAML files, exactly as they may be written.

Every file has the same grammar: a mapping from section names to lists of rows, so a file may hold any
sections and its name carries no meaning. Units stand in the keys. Unknown keys are errors. Where a
value is not known the key is left out: there are no zeros that mean "unknown".
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from gpucost.catalog.rows_base import (
    Count,
    CountOrZero,
    DateText,
    Id,
    NonNegative,
    Positive,
    Row,
    Slug,
    Sources,
    Text,
)
from gpucost.catalog.rows_billing import BillingRow, FeatureRow, PhaseRow, ScalingRow
from gpucost.catalog.rows_training import TrainingRow


class SourceRow(Row):
    """A place where facts were read."""

    id: Id
    title: Text
    publisher: Text
    address: Text = Field(description="URL, or repository@commit:path")
    as_of: DateText = Field(description="date of the statement; `unknown` where none is given")
    confidence: Literal["measured", "published", "estimated"]
    note: Text | None = None


class LinkRow(Row):
    """The connection between cards of one machine."""

    kind: Text
    gb_per_s_each_way: Positive | None = Field(None, description="one direction, per card [10^9 B/s]")


class TflopsRow(Row):
    """Peak dense rate per precision [10^12 FLOP/s]; leave out what is not known or not supported."""

    fp32: Positive | None = None
    tf32: Positive | None = None
    bf16: Positive | None = None
    fp16: Positive | None = None
    fp16_acc16: Positive | None = Field(None, description="GeForce: FP16 with FP16 accumulation")
    int8: Positive | None = None
    fp8: Positive | None = None
    fp6: Positive | None = None
    fp4: Positive | None = None


Precision = Literal["fp32", "tf32", "bf16", "fp16", "int8", "fp8", "fp6", "fp4"]


class GpuRow(Row):
    """One accelerator."""

    id: Slug
    name: Text
    vendor: Literal["nvidia", "amd", "intel", "aws", "google"]
    architecture: Slug
    compute_capability: Text | None = None
    marketing_memory_gb: Positive
    memory_gib: Positive = Field(description="total device memory that the runtime reports [2^30 B]")
    memory_basis: Literal["measured", "derived"]
    memory_note: Text | None = None
    memory_kind: Text | None = None
    smi_mib: Count | None = Field(None, description="total printed by the vendor's monitor tool [2^20 B]")
    bandwidth_gb_per_s: Positive = Field(description="memory bandwidth [10^9 B/s]")
    dense_tflops: TflopsRow
    measured_tflops: TflopsRow | None = Field(None, description="best large GEMM seen [10^12 FLOP/s]")
    native_precisions: list[Precision]
    board_power_w: Positive | None = None
    link: LinkRow
    ecc: Text | None = None
    aliases: list[Text] = []
    notes: list[Text] = []
    sources: Sources
    memory_sources: list[Id] = []


class GpuNameRow(Row):
    """A name that misleads: it resolves with a note (`gpu`), or asks (`choices`)."""

    name: Text
    gpu: Slug | None = None
    choices: list[Slug] = []
    note: Text
    sources: Sources

    @model_validator(mode="after")
    def _one_of(self) -> GpuNameRow:
        if (self.gpu is None) == (not self.choices):
            raise ValueError("give either gpu (resolves with the note) or choices (asks)")
        return self


class IndexerRow(Row):
    """The selector of sparse attention."""

    layers: Count
    heads: Count
    head_dim: Count
    top_k: Count
    bytes_per_token: Count = Field(description="cache per token and layer, scales included [B]")


class AttentionRow(Row):
    """One group of token-mixing layers; which keys are needed depends on `kind`."""

    kind: Literal["full", "sliding", "latent", "linear", "state-space"]
    layers: Count
    heads: Count | None = None
    kv_heads: Count | None = None
    head_dim: Count | None = None
    value_head_dim: Count | None = None
    window: Count | None = Field(None, description="tokens kept (sliding) [tokens]")
    kv_reused_layers: CountOrZero = 0
    value_from_key: bool = False
    output_gate: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False
    kv_lora_rank: Count | None = None
    q_lora_rank: Count | None = None
    rope_head_dim: Count | None = None
    nope_head_dim: Count | None = None
    compression: Count = 1
    indexer: IndexerRow | None = None
    key_heads: Count | None = None
    value_heads: Count | None = None
    key_head_dim: Count | None = None
    conv_kernel: Count | None = None
    state_bytes: Literal[2, 4] | None = Field(None, description="bytes per element of the state [B]")
    state_size: Count | None = None
    groups: Count | None = None

    @model_validator(mode="after")
    def _needed(self) -> AttentionRow:
        needed = {
            "full": ("heads", "kv_heads", "head_dim"),
            "sliding": ("heads", "kv_heads", "head_dim", "window"),
            "latent": ("heads", "kv_lora_rank", "rope_head_dim", "nope_head_dim", "value_head_dim"),
            "linear": (
                "key_heads",
                "value_heads",
                "key_head_dim",
                "value_head_dim",
                "conv_kernel",
                "state_bytes",
            ),
            "state-space": ("heads", "head_dim", "state_size", "groups", "conv_kernel", "state_bytes"),
        }[self.kind]
        missing = [key for key in needed if getattr(self, key) is None]
        if missing:
            raise ValueError(f"kind {self.kind} needs {', '.join(missing)}")
        if self.kind == "full" and self.window is not None:
            raise ValueError("a window makes it kind sliding")
        if self.heads and self.kv_heads and self.heads % self.kv_heads:
            raise ValueError("heads must be a multiple of kv_heads")
        return self


class MlpRow(Row):
    """One group of MLP layers."""

    kind: Literal["dense", "moe"]
    layers: Count
    intermediate_size: Count
    gated: bool = True
    bias: bool = False
    experts: Count | None = None
    experts_per_token: Count | None = None
    shared_intermediate_size: CountOrZero = 0
    expert_bias: bool = False
    shared_gate: bool = False
    latent_size: Count | None = None

    @model_validator(mode="after")
    def _needed(self) -> MlpRow:
        if self.kind == "moe" and (self.experts is None or self.experts_per_token is None):
            raise ValueError("kind moe needs experts and experts_per_token")
        return self


class VisionRow(Row):
    """The image encoder with its projector."""

    parameters: Count
    max_patches: Count | None = Field(None, description="patches of the largest image that engines profile")
    sharded: bool = Field(False, description="engines divide it over tensor-parallel ranks")


class ModelRow(Row):
    """One LLM, under the id of its main repository."""

    id: Id
    name: Text
    family: Slug
    aliases: list[Text] = []
    hidden_size: Count
    vocab_size: Count = Field(description="rows of the embedding table")
    layers: Count
    attention: Annotated[list[AttentionRow], Field(min_length=1)]
    mlp: list[MlpRow] = []
    tied_embeddings: bool
    max_context: Count | None = Field(None, description="tokens without rope scaling by the user")
    native_quantization: Slug = "bf16"
    vision: VisionRow | None = None
    mtp_layers: CountOrZero = 0
    norms_per_layer: CountOrZero = 2
    stated_parameters_b: Positive | None = Field(None, description="as the publisher says [10^9]")
    stated_active_parameters_b: Positive | None = Field(None, description="as the publisher says [10^9]")
    use_stated_parameters: bool = False
    incomplete: Text | None = Field(None, description="what is not known of the architecture")
    notes: list[Text] = []
    sources: Sources

    @model_validator(mode="after")
    def _consistent(self) -> ModelRow:
        if self.use_stated_parameters and self.stated_parameters_b is None:
            raise ValueError("use_stated_parameters needs stated_parameters_b")
        mixing = sum(group.layers for group in self.attention)
        mlps = sum(group.layers for group in self.mlp)
        if max(mixing, mlps) > self.layers:
            raise ValueError(
                f"layer groups add up to {mixing} attention and {mlps} MLP layers of {self.layers}"
            )
        return self


class QuantizationRow(Row):
    """A weight format: bits with scales and zero points, and which tensors keep 16 bit."""

    id: Slug
    name: Text
    aliases: list[Text] = []
    name_patterns: list[Text] = Field(
        default=[], description="regular expressions that find the format in a checkpoint's name"
    )
    weight_bits: Positive
    group_size: Count | None = Field(None, description="weights that share a scale along the input")
    scale_bits: NonNegative = 0
    zero_point_bits: NonNegative = 0
    block: Annotated[list[Count], Field(min_length=2, max_length=2)] | None = Field(
        None, description="two-dimensional scale block"
    )
    per_channel_scale_bits: NonNegative = 0
    extra_bits: NonNegative = Field(0, description="other overhead per weight, such as a second scale level")
    part_bits: dict[str, Positive] = Field(
        default={}, description="bits per weight of tensor parts that differ (GGUF mixes)"
    )
    parts: list[Text] = Field(description="tensor parts in this format; the rest stays in 16 bit")
    compute: Precision = Field(description="precision of the matrix multiplication where native")
    activation_bits: Literal[4, 8, 16, 32] = 16
    needs_native: Precision | None = Field(
        None, description="precision the card must support; without it weights are dequantised (weight-only)"
    )
    min_compute_capability: Positive | None = Field(
        None, description="oldest NVIDIA compute capability with kernels for the format"
    )
    engines: list[Slug]
    quality: Text | None = None
    quality_sources: list[Id] = []
    notes: list[Text] = []
    sources: Sources


UNITS = (
    "usd_per_second",
    "usd_per_minute",
    "usd_per_hour",
    "usd_per_gpu_hour",
    "usd_per_month",
    "usd_per_gb_month",
    "usd_per_gib_month",
    "usd_per_gb",
    "usd_per_vcpu_second",
    "usd_per_core_second",
    "usd_per_gib_second",
    "usd_per_execution",
    "usd_per_million_input_tokens",
    "usd_per_million_output_tokens",
)


class PriceRow(Row):
    """One dated statement of one price, with exactly one `usd_per_…` key."""

    offer: Id = Field(description="provider/product/sku[@region][xN]")
    provider: Slug
    product: Slug
    billing: (
        Literal[
            "flex",
            "active",
            "on-demand",
            "community",
            "spot",
            "reserved",
            "savings-plan",
            "capacity-block",
            "per-token",
        ]
        | None
    ) = None
    sku: Text = Field(description="the vendor's own name")
    aliases: list[Text] = []
    gpus: list[Slug] = []
    gpu_count: Positive = 1
    memory_gb: Positive | None = Field(None, description="per card, as the vendor writes it")
    region: Text = "global"
    as_of: DateText
    stated_by: Literal["provider", "third-party", "seed"]
    note: Text | None = None
    refuted: Text | None = Field(None, description="seed rows: claim id and the right value")
    source: Id
    usd_per_second: Positive | None = None
    usd_per_minute: Positive | None = None
    usd_per_hour: Positive | None = None
    usd_per_gpu_hour: Positive | None = None
    usd_per_month: Positive | None = None
    usd_per_gb_month: NonNegative | None = None
    usd_per_gib_month: NonNegative | None = None
    usd_per_gb: NonNegative | None = None
    usd_per_vcpu_second: Positive | None = None
    usd_per_core_second: Positive | None = None
    usd_per_gib_second: Positive | None = None
    usd_per_execution: Positive | None = None
    usd_per_million_input_tokens: NonNegative | None = None
    usd_per_million_output_tokens: NonNegative | None = None
    tier_from_gb: NonNegative | None = Field(
        None, description="the price holds for what is above this, up to the next tier [GB per month]"
    )

    @model_validator(mode="after")
    def _one_price(self) -> PriceRow:
        given = [unit for unit in UNITS if getattr(self, unit) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of usd_per_…, not {', '.join(given) or 'none'}")
        return self


class ProviderRow(Row):
    """Somebody who rents out accelerators or sells tokens."""

    id: Slug
    name: Text
    ended: DateText | None = Field(None, description="date on which the service ended")
    note: Text | None = None
    sources: list[Id] = []


class ProductRow(Row):
    """What is common to the offers of one product of a provider."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")] = Field(
        description="provider/product"
    )
    name: Text
    per_card: bool = Field(False, description="the price is per card, and a machine takes several")
    serves: bool = Field(True, description="a deployment can be rented at this price now")
    trains: bool | None = Field(
        None, description="a job of one's own can be run at this price now; as `serves` where left out"
    )
    note: Text | None = None
    sources: Sources


class EngineDefaultRow(Row):
    """A default of an engine's flag from one version on, possibly only on some hardware."""

    flag: Slug
    value: float | int | bool | str
    since: Text | None = Field(None, description="first version with this value, as MAJOR.MINOR")
    when: Literal["large-gpu", "other-gpu", "rocm"] | None = None
    note: Text | None = None
    source: Id


class EngineConstantRow(Row):
    """A constant of an engine's memory behaviour, with what it was derived from or fitted on."""

    name: Slug
    value: float
    unit: Text
    low: float | None = None
    high: float | None = None
    since: Text | None = None
    method: Text = Field(description="derivation, or the cases it was fitted on")
    source: Id


class EngineSpeedRow(Row):
    """How an engine starts kernels and mixes prompts with decoding, from one version on."""

    since: Text | None = None
    launch: Literal["graphs", "native", "python"] = Field(
        description="replayed CUDA graphs, launches from compiled code, or launches from Python"
    )
    kernels: Literal["paged", "ggml"] = Field("paged", description="ggml: llama.cpp and its kin")
    prompts: Literal["mixed", "joined", "first"] = Field(
        "mixed",
        description="`mixed`: chunks of prompts ride along with decoding; `joined`: waiting prompts are "
        "computed together in the next step; `first`: before decoding goes on",
    )
    source: Id


class EngineRow(Row):
    """A serving engine."""

    id: Slug
    name: Text
    aliases: list[Text] = []
    latest: Text = Field(description="newest version the rows describe, as MAJOR.MINOR")
    defaults: list[EngineDefaultRow] = []
    constants: list[EngineConstantRow] = []
    speed: list[EngineSpeedRow] = []
    notes: list[Text] = []
    sources: Sources


class TermRow(Row):
    """A word of the answers, explained."""

    id: Slug
    aliases: list[Text] = []
    meaning: Text
    formula: Text | None = None
    code: Text | None = Field(None, description="name in JSON and in code")
    see: list[Slug] = []


class MemoryCaseRow(Row):
    """A measured memory point: how the engine was started, and what its log says [GiB per card]."""

    id: Slug
    use: Literal["fit", "score", "none"] = Field(
        description="`none`: cannot be reproduced, `reason` says why"
    )
    reason: Text | None = None
    engine: Slug
    engine_version: Text | None = None
    model: Text
    gpu: Text | None = None
    total_gib: Positive | None = Field(None, description="device total that the log prints")
    gpus: Count = 1
    tp: Count = 1
    pp: Count = 1
    expert_parallel: bool = False
    quant: Text | None = None
    kv_dtype: Text | None = None
    context: Count | None = None
    gpu_memory_utilization: Positive | None = None
    max_num_seqs: Count | None = None
    max_num_batched_tokens: Count | None = None
    enforce_eager: bool | None = None
    chunked_prefill: bool | None = None
    mtp: bool = False
    batch: Count | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    weights_gib: Positive | None = None
    kv_pool_gib: Positive | None = None
    kv_tokens: Count | None = None
    max_concurrency: Positive | None = None
    total_used_gib: Positive | None = None
    pool_reason: Text | None = Field(None, description="why the pool is taken as given and not predicted")
    note: Text | None = None
    source: Id


class SpeedConstantRow(Row):
    """A constant of the speed model, fitted on the benchmarks; `low` and `high` span its cross-validation."""

    id: Slug
    value: Positive
    low: Positive
    high: Positive
    unit: Text
    meaning: Text
    fitted: bool = Field(True, description="false: taken from its source, not fitted")
    source: Id


class SpeedFoldRow(Row):
    """All constants refitted without some cases: what scores a case never saw it."""

    id: Slug
    scheme: Literal["group", "gpu", "model", "source"]
    left_out: Text
    values: list[NonNegative] = Field(description="in the order of the model's constants")
    source: Id


class SpeedBandRow(Row):
    """Where 80 % of left-out measurements lie, as factors of the prediction."""

    id: Slug
    quantity: Literal["throughput", "tpot", "ttft"]
    kind: Literal["dense", "moe"]
    low: Positive
    high: Positive
    cases: Count
    source: Id


Figure = Literal[
    "tpot_ms",
    "ttft_ms",
    "output_tokens_per_s",
    "total_tokens_per_s",
    "prompt_tokens_per_s",
    "e2e_s",
]


class BenchmarkRow(Row):
    """Measured speeds of one deployment: `points` are lists of the values named by `columns`."""

    id: Slug
    engine: Slug
    engine_version: Text | None = None
    model: Id
    gpu: Slug
    gpus: Count
    tp: Count
    pp: Count = 1
    ep: Count = 1
    attention_dp: bool = Field(False, description="attention is replicated, requests are divided over cards")
    quant: Slug
    kv_dtype: Slug | None = Field(None, description="left out where the source does not say")
    load: Literal["closed", "saturated", "static", "single", "prompt"] = Field(
        description="closed loop at `concurrency`; as many as fit; one static batch; one stream; prompt only"
    )
    length_factor: Positive = Field(1.0, description="mean length over the stated length")
    measured: DateText | None = None
    columns: list[Literal["input_tokens", "output_tokens", "concurrency"] | Figure]
    points: Annotated[list[list[NonNegative | None]], Field(min_length=1)]
    unexplained: Text | None = Field(None, description="kept out of the fit and the score, and why")
    note: Text | None = None
    source: Id

    @model_validator(mode="after")
    def _square(self) -> BenchmarkRow:
        if any(len(point) != len(self.columns) for point in self.points):
            raise ValueError(f"every point needs {len(self.columns)} values, one for each of columns")
        if self.load == "closed" and not all(value for point in self.points for value in point):
            raise ValueError("every value of a closed loop must be above 0")
        return self


class CatalogFile(Row):
    """One YAML file of the catalogue: any of the sections."""

    sources: list[SourceRow] = []
    gpus: list[GpuRow] = []
    gpu_names: list[GpuNameRow] = []
    models: list[ModelRow] = []
    quantizations: list[QuantizationRow] = []
    engines: list[EngineRow] = []
    providers: list[ProviderRow] = []
    products: list[ProductRow] = []
    prices: list[PriceRow] = []
    billing: list[BillingRow] = []
    scaling: list[ScalingRow] = []
    features: list[FeatureRow] = []
    cold_starts: list[PhaseRow] = []
    terms: list[TermRow] = []
    memory_cases: list[MemoryCaseRow] = []
    speed_constants: list[SpeedConstantRow] = []
    speed_bands: list[SpeedBandRow] = []
    speed_folds: list[SpeedFoldRow] = []
    benchmarks: list[BenchmarkRow] = []
    training_constants: list[SpeedConstantRow] = []
    training_runs: list[TrainingRow] = []
