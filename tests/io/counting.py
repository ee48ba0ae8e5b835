"""Parameters of a model, counted from its layer groups, independent of gpucost.calc."""

from gpucost.domain.model import DenseMlp, LatentAttention, LinearAttention, Model, MoeMlp, SoftmaxAttention


def _mixers(model: Model) -> int:
    hidden, total = model.hidden_size, 0
    for mixer in model.mixers:
        if isinstance(mixer, SoftmaxAttention):
            query, key = mixer.heads * mixer.head_dim, mixer.kv_heads * mixer.head_dim
            value = mixer.kv_heads * mixer.value_head_dim
            each = hidden * (
                query * (2 if mixer.output_gate else 1) + key + mixer.heads * mixer.value_head_dim
            )
            each += 0 if mixer.value_from_key else hidden * value
            each += (query + key + value if mixer.qkv_bias else 0) + (hidden if mixer.output_bias else 0)
            each += 2 * mixer.head_dim if mixer.qk_norm else 0
        elif isinstance(mixer, LatentAttention):
            width = mixer.nope_head_dim + mixer.rope_head_dim
            source = mixer.q_lora_rank or hidden
            each = source * mixer.heads * width + (mixer.q_lora_rank or 0) * (hidden + 1)
            each += hidden * (mixer.kv_lora_rank + mixer.rope_head_dim) + mixer.kv_lora_rank
            each += mixer.kv_lora_rank * mixer.heads * (mixer.nope_head_dim + mixer.value_head_dim)
            each += mixer.heads * mixer.value_head_dim * hidden
        elif isinstance(mixer, LinearAttention):
            keys, values = mixer.key_heads * mixer.key_head_dim, mixer.value_heads * mixer.value_head_dim
            each = hidden * (2 * keys + 3 * values + 2 * mixer.value_heads)
            each += (2 * keys + values) * mixer.conv_kernel + 2 * mixer.value_heads + mixer.value_head_dim
        else:
            inner, states = mixer.heads * mixer.head_dim, 2 * mixer.groups * mixer.state_size
            each = hidden * (3 * inner + states + mixer.heads)
            each += (inner + states) * (mixer.conv_kernel + 1) + 3 * mixer.heads + inner
        total += mixer.layers * each
    return total


def _mlps(model: Model) -> int:
    hidden, total = model.hidden_size, 0
    for mlp in model.mlps:
        factor = 3 if mlp.gated else 2
        if isinstance(mlp, DenseMlp):
            each = factor * hidden * mlp.intermediate_size
            each += mlp.intermediate_size * (factor - 1) + hidden if mlp.bias else 0
        else:
            assert isinstance(mlp, MoeMlp)
            width = mlp.latent_size or hidden
            each = mlp.experts * factor * width * mlp.intermediate_size + mlp.experts * hidden
            each += factor * hidden * mlp.shared_intermediate_size + (hidden if mlp.shared_gate else 0)
            each += 2 * width * hidden if mlp.latent_size else 0
            if mlp.expert_bias:
                each += mlp.experts * (mlp.intermediate_size * (factor - 1) + hidden)
        total += mlp.layers * each
    return total


def parameters(model: Model) -> int:
    """All parameters, vision tower included, MTP layers left out."""
    tables = model.vocab_size * model.hidden_size * (1 if model.tied_embeddings else 2)
    norms = (model.layers * model.norms_per_layer + 1) * model.hidden_size
    vision = model.vision.parameters if model.vision else 0
    return _mixers(model) + _mlps(model) + tables + norms + vision
