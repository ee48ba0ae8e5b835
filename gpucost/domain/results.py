"""What `size` answers; field names are the JSON names."""

from collections.abc import Mapping
from typing import NamedTuple


class MemoryPerGpu(NamedTuple):
    """The split of the fullest card, in bytes [B]."""

    weights_bytes: int
    kv_cache_bytes: int
    """Theoretical need of the asked load: concurrency × context."""
    activations_bytes: int
    cuda_graphs_bytes: int
    non_torch_bytes: int
    total_bytes: int
    """Sum of the five above."""
    usable_bytes: int
    """Device memory that the runtime reports."""
    budget_bytes: int
    """What the engine may use: usable × utilisation."""
    kv_available_bytes: int
    """What the engine gives to its KV pool."""
    free_bytes: int
    """usable − total; negative when it does not fit."""
    weights_by_part: Mapping[str, int]


class Offer(NamedTuple):
    """A price that answers for a candidate."""

    id: str
    provider: str
    product: str
    billing: str | None
    sku: str
    region: str
    cards: float
    """Cards that the priced unit holds."""
    units: int
    """Priced units rented for this candidate."""
    usd_per_hour: float
    usd_per_gpu_hour: float
    as_of: str
    stated_by: str
    source: str
    stale: bool
    note: str = ""


class Candidate(NamedTuple):
    """One way to run the model."""

    gpu: str
    gpus: int
    tp: int
    pp: int
    ep: int
    replicas: int
    quantization: str
    fits: bool
    reason: str
    """Why it fits or what is missing, in words."""
    offer: Offer | None
    usd_per_hour: float | None
    price_state: str
    """`known`, or why no price is: `no-offer`."""
    memory_per_gpu: MemoryPerGpu
    kv_bytes_per_token: float
    kv_tokens: int
    """Tokens that the KV pool of one replica holds, as the engine prints them."""
    max_concurrency: float
    """Sequences of the asked context at once, per replica."""
    max_context: int
    """Longest context at the asked concurrency [tokens]."""
    notes: tuple[str, ...] = ()


class ModelSummary(NamedTuple):
    """The model as understood."""

    id: str
    name: str
    parameters: int
    active_parameters: int
    quantization: str
    effective_bits: float
    layers: int
    max_context: int | None
    representative: bool
    """Chosen for a bare parameter count; `alternatives` are as plausible."""
    alternatives: tuple[str, ...] = ()
    weights_gib_range: tuple[float, float] | None = None
    kv_bytes_per_token_range: tuple[float, float] | None = None


class RuleOfThumb(NamedTuple):
    """The rule that people use, beside the model: GB = bytes per parameter × billions × 1.2."""

    rule: str
    weights_gb: float
    total_gb: float
    modelled_weights_gb: float
    modelled_total_gb: float
    difference_gb: float
    """modelled − rule, for the weights, cache and overhead of the asked load."""
    explanation: str


class Recommendation(NamedTuple):
    """The one candidate to take, and why."""

    gpu: str
    gpus: int
    tp: int
    pp: int
    ep: int
    replicas: int
    quantization: str
    offer: str | None
    usd_per_hour: float | None
    max_concurrency: float
    max_context: int
    reasons: tuple[str, ...]


class Equation(NamedTuple):
    """An equation with its numbers put in."""

    name: str
    formula: str
    numbers: str
    value: float
    unit: str


class Scenario(NamedTuple):
    """One whole run at one end of the assumptions."""

    name: str
    assumptions: str
    gpu: str
    gpus: int
    fits: bool
    kv_available_bytes: int
    kv_tokens: int
    max_concurrency: float
    max_context: int


class SizeResult(NamedTuple):
    """The answer of `size`."""

    model: ModelSummary
    candidates: tuple[Candidate, ...]
    recommendation: Recommendation | None
    rule_of_thumb: RuleOfThumb
    searched: int
    """Combinations of card, count and format looked at."""
    equations: tuple[Equation, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
