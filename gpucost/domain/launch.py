"""What a launch file needs to know of a planned deployment."""

from typing import NamedTuple

from gpucost.domain.deployment import EngineKind, Version


class Speculation(NamedTuple):
    """Speculative decoding as the engine is told it."""

    method: str
    """`draft_model`, `mtp`, `eagle3` or `ngram`."""
    tokens: int
    """Tokens drafted per pass."""
    draft_model: str | None = None
    """Hub repository of the model that drafts; None where the model drafts by itself."""


class Scaling(NamedTuple):
    """Workers of a serverless endpoint, or replicas behind an autoscaler."""

    min_workers: int
    max_workers: int
    idle_timeout_s: int
    scaler: str
    """`queue-delay`, `each-request` or `concurrency`."""
    scaler_value: float
    """Seconds of queue delay, requests per worker, or sequences per worker."""
    execution_timeout_s: int


class Launch(NamedTuple):
    """A deployment with the numbers that it was planned with; nothing here is secret."""

    name: str
    """Of the scenario; any text, each target's writer makes it safe."""
    model: str
    """Hub repository, or a path; any text."""
    quantization: str
    """Catalogue id of the weight format."""
    kv_dtype: str
    """`auto`, `fp8`, …: as the engines spell it."""
    engine: EngineKind
    engine_version: Version
    tp: int
    pp: int
    ep: int
    replicas: int
    max_model_len: int
    """Longest sequence, prompt and answer [tokens]."""
    max_num_seqs: int
    """Sequences in flight per replica."""
    gpu_memory_utilization: float
    """Share of a card: all that vLLM may take, SGLang's static part, or what the cache of TensorRT-LLM takes
    of the memory that the weights leave free."""
    gpu: str
    """Catalogue id of the card."""
    gpu_name: str
    gpu_memory_bytes: int
    weights_bytes: int
    """Of the whole checkpoint on disk [B]."""
    provider: str | None
    product: str | None
    offer: str | None
    region: str | None
    billing: str | None
    usd_per_hour: float | None
    usd_per_month: float | None
    scaling: Scaling | None
    """None for deployments that always run."""
    ttft_slo_s: float | None
    tpot_slo_s: float | None
    dtype: str | None = None
    """Of the computation where the card cannot do what the checkpoint says: `float16`."""
    revision: str | None = None
    max_num_batched_tokens: int | None = None
    enforce_eager: bool = False
    speculation: Speculation | None = None
    base_model: str | None = None
    """Hub repository of the 16-bit weights that a quantisation starts from; equal to `model` where `model`
    itself has 16-bit weights."""

    @property
    def gpus(self) -> int:
        """Cards of one replica."""
        return self.tp * self.pp
