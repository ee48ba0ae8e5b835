"""Memory that an engine needs besides weights and cache: transient tensors, communication, graphs."""

from gpucost.domain.model import DenseMlp, Model, MoeMlp

ACTIVATION_BYTES = 2
"""Activations are 16 bit in every engine modelled [B per value]."""
LIVE_TENSORS = 3
"""At the MLP's peak three tensors of its width (gate and up, product) and three of the hidden size
(residual, input, output) are alive: 110,592 B per token for an 8B Llama, which vLLM's V0 logs show to
1 % between 20k and 29k tokens, and transformers' peaks at 30k tokens for 1.5B to 72B."""


def forward_bytes_per_token(model: Model, *, tp: int) -> float:
    """Peak transient bytes per token of one forward pass on a rank [B].

    Dense: 2 B × 3 × (intermediate / tp + hidden). Experts: the fused kernel keeps, per routed copy,
    max(2 × intermediate / tp, hidden) for the first and intermediate / tp for the second product.
    The widest layer kind decides.
    """
    hidden = model.hidden_size
    widest = 0.0
    for mlp in model.mlps:
        match mlp:
            case DenseMlp():
                widest = max(widest, LIVE_TENSORS * mlp.intermediate_size / tp)
            case MoeMlp():
                inner = mlp.intermediate_size / tp
                width = mlp.latent_size or hidden
                routed = mlp.experts_per_token * (max(2 * inner, width) + inner)
                widest = max(widest, routed, LIVE_TENSORS * mlp.shared_intermediate_size / tp)
    return ACTIVATION_BYTES * (widest + LIVE_TENSORS * hidden)


def sampler_bytes(*, sequences: int, vocab_size: int, bytes_per_logit: float) -> float:
    """Peak of sampling one token for `sequences` sequences at once [B].

    sequences × vocabulary × bytes_per_logit: 16-bit and 32-bit logits, sorted values, indices and
    probabilities are alive together in PyTorch's top-k/top-p sampler.
    """
    return sequences * vocab_size * bytes_per_logit


def llama_cpp_compute_bytes(
    model: Model, *, context: int, micro_batch: int, flash_attention: bool, base_bytes: float
) -> float:
    """Compute buffer of llama.cpp [B].

    micro_batch × vocabulary × 4 B of logits plus a base; without flash attention also the attention
    scores, heads × context × micro_batch × 4 B. Base and both terms against seven logs in the tests.
    """
    logits = micro_batch * model.vocab_size * 4
    scores = 0
    if not flash_attention:
        heads = max((getattr(mixer, "heads", 0) for mixer in model.mixers), default=0)
        scores = heads * context * micro_batch * 4
    return max(logits, scores) + base_bytes
