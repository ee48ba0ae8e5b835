"""What a model type implies and its config.json does not say.

Each value was read from the model classes of the transformers library (4.57 and 5.x): biases, norms
and tied embeddings stand in the code there, not in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Family:
    """Traits of a model type."""

    gated: bool = True
    mlp_bias: bool = False
    qkv_bias: bool = False
    """Without regard to `attention_bias`."""
    output_bias: bool = False
    bias_on_output: bool = True
    """`attention_bias` adds one to the output projection as well."""
    qk_norm: bool = False
    output_gate: bool = False
    tied: bool = False
    """Where the file does not say."""
    norms: int = 2
    """Vectors of hidden_size per layer: a LayerNorm with bias is two."""
    window_pattern: int | None = None
    """Every n-th layer is full, the others slide."""
    windows_all_layers: bool = False
    """A window without layer types is meant for all layers."""
    expert_bias: bool = False
    shared_gate: bool = False


_LLAMA = Family(windows_all_layers=False)
_QWEN2 = Family(qkv_bias=True)
_QWEN3 = Family(qk_norm=True, bias_on_output=True)
_QWEN_NEXT = Family(qk_norm=True, output_gate=True, shared_gate=True)
_GLM = Family(bias_on_output=False)
_MLA = Family()
_PLAIN = Family(gated=False, mlp_bias=True, qkv_bias=True, output_bias=True, norms=4)
_GEMMA = Family(tied=True)
_GEMMA2 = Family(tied=True, norms=4, window_pattern=2)
_GEMMA3 = Family(tied=True, norms=4, qk_norm=True, window_pattern=6)

FAMILIES: Mapping[str, Family] = {
    "llama": _LLAMA,
    "mistral": Family(windows_all_layers=True),
    "ministral": Family(windows_all_layers=True),
    "ministral3": _LLAMA,
    "mixtral": Family(windows_all_layers=True),
    "qwen2": _QWEN2,
    "qwen2_vl": _QWEN2,
    "qwen2_vl_text": _QWEN2,
    "qwen2_5_vl": _QWEN2,
    "qwen2_5_vl_text": _QWEN2,
    "qwen2_moe": replace(_QWEN2, shared_gate=True),
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3,
    "qwen3_vl_text": _QWEN3,
    "qwen3_vl_moe_text": _QWEN3,
    "qwen3_next": _QWEN_NEXT,
    "qwen3_5": _QWEN_NEXT,
    "qwen3_5_text": _QWEN_NEXT,
    "qwen3_5_moe": _QWEN_NEXT,
    "qwen3_5_moe_text": _QWEN_NEXT,
    "phi": Family(gated=False, mlp_bias=True, qkv_bias=True, output_bias=True),
    "phi3": Family(windows_all_layers=True),
    "phimoe": Family(windows_all_layers=True, norms=4),
    "gemma": _GEMMA,
    "gemma2": _GEMMA2,
    "gemma3": _GEMMA3,
    "gemma3_text": _GEMMA3,
    "gemma4": _GEMMA3,
    "gemma4_text": _GEMMA3,
    "gemma4_unified": _GEMMA3,
    "gemma4_unified_text": _GEMMA3,
    "gpt_neox": _PLAIN,
    "gpt2": replace(_PLAIN, tied=True),
    "gpt_bigcode": replace(_PLAIN, tied=True),
    "gptj": Family(gated=False, mlp_bias=True),
    "falcon": Family(gated=False, tied=True, norms=4),
    "mpt": Family(gated=False, tied=True),
    "olmo": Family(norms=0),
    "olmo2": Family(qk_norm=True),
    "olmo3": Family(qk_norm=True, window_pattern=4),
    "olmoe": Family(qk_norm=True),
    "stablelm": Family(norms=4),
    "stablelm_epoch": Family(norms=4),
    "starcoder2": Family(gated=False, tied=True, norms=4, windows_all_layers=True),
    "cohere": Family(tied=True, norms=1),
    "cohere2": Family(tied=True, norms=1, window_pattern=4),
    "granite": _LLAMA,
    "granitemoe": _LLAMA,
    "granitemoehybrid": _LLAMA,
    "bamba": _LLAMA,
    "deepseek_v2": _MLA,
    "deepseek_v3": _MLA,
    "deepseek_v32": _MLA,
    "kimi_k2": _MLA,
    "kimi_k25": _MLA,
    "kimi_linear": _MLA,
    "kimi_k3": _MLA,
    "glm4_moe_lite": _MLA,
    "glm_moe_dsa": _MLA,
    "chatglm": _GLM,
    "glm": _GLM,
    "glm4": replace(_GLM, norms=4),
    "glm4_moe": _GLM,
    "glm4v_text": replace(_GLM, norms=4),
    "glm4v_moe_text": _GLM,
    "gpt_oss": Family(window_pattern=2, expert_bias=True),
    "llama4": _LLAMA,
    "llama4_text": _LLAMA,
    "mllama_text_model": _LLAMA,
    "nemotron_h": Family(gated=False, norms=1),
    "mamba2": Family(norms=1),
    "minimax_m2": Family(qk_norm=True),
    "mimo": replace(_QWEN2, windows_all_layers=False),
    "seed_oss": _GLM,
    "dbrx": Family(norms=2),
    "internlm2": _LLAMA,
    "ernie4_5": _LLAMA,
    "ernie4_5_moe": _LLAMA,
    "bailing_moe": Family(),
    "smollm3": Family(tied=True),
}

# A nested configuration leaves out what equals the class's default.
NESTED_DEFAULTS: Mapping[str, Mapping[str, int]] = {
    "llama": {
        "vocab_size": 32000,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "max_position_embeddings": 2048,
    },
    "mistral": {
        "vocab_size": 32000,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
    },
    "qwen2": {
        "vocab_size": 151936,
        "hidden_size": 4096,
        "intermediate_size": 22016,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "max_position_embeddings": 32768,
    },
    "gemma3_text": {
        "vocab_size": 262208,
        "hidden_size": 2304,
        "intermediate_size": 9216,
        "num_hidden_layers": 26,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
    },
    "gemma4_text": {
        "vocab_size": 262144,
        "hidden_size": 2304,
        "intermediate_size": 9216,
        "num_hidden_layers": 30,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "global_head_dim": 512,
        "hidden_size_per_layer_input": 256,
        "vocab_size_per_layer_input": 262144,
        "max_position_embeddings": 131072,
        "sliding_window": 512,
    },
    "llama4_text": {
        "vocab_size": 202048,
        "hidden_size": 5120,
        "intermediate_size": 8192,
        "intermediate_size_mlp": 16384,
        "num_hidden_layers": 48,
        "num_attention_heads": 40,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 4194304,
        "num_local_experts": 16,
        "num_experts_per_tok": 1,
        "interleave_moe_layer_step": 1,
        "attention_chunk_size": 8192,
    },
}


def family_of(model_type: str) -> Family | None:
    """Traits of a model type, or None for one that is not known."""
    return FAMILIES.get(model_type)
