"""What a rank can do with a model: effective rates and overheads, from a card's traits and the constants."""

from typing import NamedTuple

from gpucost.calc.arrays import Values, largest
from gpucost.calc.work import Work

WHOLE_PROMPT = 10_000_000_000
"""More tokens than any prompt: it is not cut into micro-batches."""


class SpeedConstants(NamedTuple):
    """The constants of the model by name; meaning and unit stand in `speed_constants`."""

    hbm_share: float
    gddr_share: float
    ggml_hbm_share: float
    ggml_gddr_share: float
    full_share: float
    fp8_share: float
    fp4_share: float
    int8_share: float
    weight_only_share: float
    ggml_share: float
    expert_share: float
    attention_share: float
    ggml_attention_share: float
    passes: float
    ggml_passes: float
    expert_passes: float
    ggml_dequantised_bytes: float
    layer_us: float
    moe_us: float
    latent_us: float
    linear_us: float
    indexer_us: float
    qk_norm_us: float
    fp4_us: float
    blackwell_factor: float
    gddr_factor: float
    native_factor: float
    python_us: float
    sequence_us: float
    first_token_ms: float
    joined_first_token_ms: float
    nvlink_share: float
    pcie_us: float
    pcie_share: float
    xgmi_us: float
    xgmi_share: float
    exchange_us: float
    interference: float
    prompts_joined_interference: float
    prompts_first_interference: float


class Traits(NamedTuple):
    """What decides which constants hold; flags are 0 or 1, so that arrays of cases need no branches."""

    bandwidth: Values
    """Peak memory bandwidth [B/s]."""
    low_peak: Values
    """Peak of the quantised multiplications [FLOP/s]."""
    full_peak: Values
    """Peak in 16 bit [FLOP/s]."""
    link: Values
    """One direction of the link between cards [B/s]."""
    hbm: Values
    blackwell: Values
    """Data-centre Blackwell, whose launches are shorter."""
    nvlink: Values
    xgmi: Values
    fp8: Values
    fp4: Values
    int8: Values
    weight_only: Values
    """Weights are dequantised in registers and multiplied in 16 bit."""
    ggml: Values
    native: Values
    """Kernels are launched one by one from compiled code."""
    python: Values
    """Kernels are launched one by one from Python."""
    prompts_joined: Values
    """Waiting prompts are computed together in the next step."""
    prompts_first: Values
    """Waiting prompts are computed before decoding goes on."""
    micro_batch: Values
    """Most prompt tokens of one step [tokens]."""


class Machine(NamedTuple):
    """What a rank can do with this model, from traits and constants."""

    stream: Values
    """Bandwidth that large matrices reach [B/s]."""
    bandwidth: Values
    low_rate: Values
    full_rate: Values
    expert_rate: Values
    attention_rate: Values
    passes: Values
    expert_passes: Values
    dequantised_bytes: Values
    """Written and read again per weight and prompt step where prompts multiply dequantised copies [B]."""
    overhead_s: Values
    """Launches of one step on this stage [s]."""
    sequence_s: Values
    reduce_s: Values
    """Latency of one all-reduce [s]."""
    reduce_rate: Values
    """Bytes that one all-reduce moves per second [B/s]."""
    exchange_s: Values
    """Latency of one exchange of tokens between the ranks of divided experts [s]."""
    exchange_rate: Values
    interference: Values
    micro_batch: Values
    first_token_s: Values


def _pick(flag: Values, yes: Values, no: Values) -> Values:
    return flag * yes + (1 - flag) * no


def machine_of(work: Work, traits: Traits, k: SpeedConstants) -> Machine:
    """Effective rates and overheads of one rank."""
    t = traits
    paged = _pick(t.hbm, k.hbm_share, k.gddr_share)
    share = _pick(t.ggml, _pick(t.hbm, k.ggml_hbm_share, k.ggml_gddr_share), paged)
    plain = 1 - t.fp8 - t.fp4 - t.int8 - t.weight_only
    low = t.fp8 * k.fp8_share + t.fp4 * k.fp4_share + t.int8 * k.int8_share
    low = low + t.weight_only * k.weight_only_share + plain * k.full_share
    low_rate = t.low_peak * _pick(t.ggml, k.ggml_share, low)
    launch = (
        work.layers * (k.layer_us + t.fp4 * k.fp4_us)
        + work.moe_layers * k.moe_us
        + work.latent_layers * k.latent_us
        + work.linear_layers * k.linear_us
        + work.indexer_layers * k.indexer_us
        + work.qk_norm_layers * k.qk_norm_us
    )
    card = _pick(t.hbm, _pick(t.blackwell, k.blackwell_factor, 1.0), k.gddr_factor)
    launch = launch * card * _pick(t.native, k.native_factor, 1.0) + t.python * work.layers * k.python_us
    peers = largest(work.tp - 1, 1)
    nvlink = t.link * k.nvlink_share * work.tp / (2 * peers)
    pcie = t.link * k.pcie_share / peers
    return Machine(
        stream=t.bandwidth * share,
        bandwidth=t.bandwidth,
        low_rate=low_rate,
        full_rate=t.full_peak * _pick(t.ggml, k.ggml_share, k.full_share),
        expert_rate=low_rate * k.expert_share,
        attention_rate=t.full_peak * _pick(t.ggml, k.ggml_attention_share, k.attention_share),
        passes=_pick(t.ggml, k.ggml_passes, k.passes),
        expert_passes=k.expert_passes,
        dequantised_bytes=t.ggml * k.ggml_dequantised_bytes,
        overhead_s=launch / 1e6,
        sequence_s=k.sequence_us / 1e6,
        reduce_s=(1 - t.nvlink) * _pick(t.xgmi, k.xgmi_us, k.pcie_us * peers) / 1e6,
        reduce_rate=_pick(t.nvlink, nvlink, _pick(t.xgmi, t.link * k.xgmi_share, pcie)),
        exchange_s=k.exchange_us / 1e6,
        exchange_rate=t.link * k.nvlink_share,
        interference=_pick(
            t.prompts_first,
            k.prompts_first_interference,
            _pick(t.prompts_joined, k.prompts_joined_interference, k.interference),
        ),
        micro_batch=t.micro_batch,
        first_token_s=_pick(t.prompts_joined, k.joined_first_token_ms, k.first_token_ms) / 1e3,
    )
