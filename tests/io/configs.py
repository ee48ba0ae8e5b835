"""The keys of published config.json files that matter for size."""

from typing import Any

Config = dict[str, Any]


def _uniform(
    model_type: str, hidden: int, inner: int, layers: int, heads: int, vocab: int, **other: object
) -> Config:
    return {
        "model_type": model_type,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "vocab_size": vocab,
        "torch_dtype": "bfloat16",
        **other,
    }


LLAMA_31_8B = _uniform(
    "llama", 4096, 14336, 32, 32, 128256, num_key_value_heads=8, max_position_embeddings=131072,
    tie_word_embeddings=False, architectures=["LlamaForCausalLM"],
)  # fmt: skip
QWEN2_VISION = {
    "model_type": "qwen2_5_vl", "depth": 32, "hidden_act": "silu", "hidden_size": 1280,
    "intermediate_size": 3420, "num_heads": 16, "in_chans": 3, "out_hidden_size": 3584,
    "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2,
}  # fmt: skip
SIGLIP = {
    "model_type": "siglip_vision_model", "hidden_size": 1152, "image_size": 896,
    "intermediate_size": 4304, "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14,
}  # fmt: skip
DEEPSEEK_V3 = _uniform(
    "deepseek_v3", 7168, 18432, 61, 128, 129280, num_key_value_heads=128, moe_intermediate_size=2048,
    n_routed_experts=256, n_shared_experts=1, num_experts_per_tok=8, first_k_dense_replace=3,
    moe_layer_freq=1, kv_lora_rank=512, q_lora_rank=1536, qk_nope_head_dim=128, qk_rope_head_dim=64,
    v_head_dim=128, num_nextn_predict_layers=1, max_position_embeddings=163840, tie_word_embeddings=False,
    quantization_config={"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]},
    auto_map={"AutoConfig": "configuration_deepseek.DeepseekV3Config"},
)  # fmt: skip
QWEN3_NEXT = _uniform(
    "qwen3_next", 2048, 5120, 48, 16, 151936, num_key_value_heads=2, head_dim=256,
    moe_intermediate_size=512, shared_expert_intermediate_size=512, num_experts=512,
    num_experts_per_tok=10, decoder_sparse_step=1, mlp_only_layers=[], full_attention_interval=4,
    linear_conv_kernel_dim=4, linear_key_head_dim=128, linear_num_key_heads=16,
    linear_num_value_heads=32, linear_value_head_dim=128, use_sliding_window=False,
)  # fmt: skip
GPT_OSS_120B = _uniform(
    "gpt_oss", 2880, 2880, 36, 64, 201088, num_key_value_heads=8, head_dim=64, num_local_experts=128,
    num_experts_per_tok=4, attention_bias=True, sliding_window=128, max_position_embeddings=131072,
    layer_types=["sliding_attention", "full_attention"] * 18, tie_word_embeddings=False,
    quantization_config={"quant_method": "mxfp4"},
)  # fmt: skip
LLAMA_4_SCOUT: Config = {
    "architectures": ["Llama4ForConditionalGeneration"],
    "model_type": "llama4",
    "torch_dtype": "bfloat16",
    "text_config": {
        "attention_chunk_size": 8192, "head_dim": 128, "hidden_size": 5120, "interleave_moe_layer_step": 1,
        "intermediate_size": 8192, "intermediate_size_mlp": 16384, "max_position_embeddings": 10485760,
        "model_type": "llama4_text", "num_attention_heads": 40, "num_experts_per_tok": 1,
        "num_hidden_layers": 48, "num_key_value_heads": 8, "num_local_experts": 16, "vocab_size": 202048,
    },
    "vision_config": {
        "model_type": "llama4_vision_model", "hidden_size": 1408, "image_size": 336,
        "intermediate_size": 5632, "num_channels": 3, "num_hidden_layers": 34, "patch_size": 14,
        "projector_input_dim": 4096, "vision_output_dim": 4096,
    },
}  # fmt: skip
LLAMA_4_MAVERICK: Config = {
    **LLAMA_4_SCOUT,
    "text_config": {**LLAMA_4_SCOUT["text_config"], "num_local_experts": 128, "interleave_moe_layer_step": 2},
}
QWEN35_397B: Config = {
    "architectures": ["Qwen3_5MoeForConditionalGeneration"],
    "model_type": "qwen3_5_moe",
    "tie_word_embeddings": False,
    "text_config": {
        "attn_output_gate": True, "dtype": "bfloat16", "full_attention_interval": 4, "head_dim": 256,
        "hidden_size": 4096, "layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 15,
        "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16,
        "linear_num_value_heads": 64, "linear_value_head_dim": 128, "max_position_embeddings": 262144,
        "mlp_only_layers": [], "model_type": "qwen3_5_moe_text", "moe_intermediate_size": 1024,
        "mtp_num_hidden_layers": 1, "num_attention_heads": 32, "num_experts": 512,
        "num_experts_per_tok": 10, "num_hidden_layers": 60, "num_key_value_heads": 2,
        "shared_expert_intermediate_size": 1024, "vocab_size": 248320, "mamba_ssm_dtype": "float32",
    },
    "vision_config": {
        "depth": 27, "hidden_act": "gelu_pytorch_tanh", "hidden_size": 1152, "in_channels": 3,
        "intermediate_size": 4304, "model_type": "qwen3_5_moe", "num_heads": 16,
        "num_position_embeddings": 2304, "out_hidden_size": 4096, "patch_size": 16,
        "spatial_merge_size": 2, "temporal_patch_size": 2,
    },
}  # fmt: skip
NEMOTRON_3_NANO = _uniform(
    "nemotron_h", 2688, 1856, 52, 32, 131072, num_key_value_heads=2, head_dim=128,
    hybrid_override_pattern="MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
    mamba_head_dim=64, mamba_num_heads=64, mamba_ssm_cache_dtype="float32", ssm_state_size=128,
    n_groups=8, conv_kernel=4, moe_intermediate_size=1856, moe_shared_expert_intermediate_size=3712,
    n_routed_experts=128, n_shared_experts=1, num_experts_per_tok=6, tie_word_embeddings=False,
)  # fmt: skip
KIMI_LINEAR = _uniform(
    "kimi_linear", 2304, 9216, 27, 32, 163840, num_key_value_heads=32, head_dim=72,
    first_k_dense_replace=1, moe_intermediate_size=1024, moe_layer_freq=1, num_experts=256,
    num_experts_per_token=8, num_shared_experts=1, q_lora_rank=None, kv_lora_rank=512,
    qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128,
    linear_attn_config={
        "full_attn_layers": [4, 8, 12, 16, 20, 24, 27], "head_dim": 128, "num_heads": 32,
        "short_conv_kernel_size": 4,
    },
)  # fmt: skip
GEMMA_4_26B: Config = {
    "model_type": "gemma4",
    "dtype": "bfloat16",
    "text_config": {
        "model_type": "gemma4_text", "hidden_size": 2816, "intermediate_size": 2112,
        "num_hidden_layers": 30, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
        "global_head_dim": 512, "num_global_key_value_heads": 2, "attention_k_eq_v": True,
        "enable_moe_block": True, "num_experts": 128, "top_k_experts": 8, "moe_intermediate_size": 704,
        "hidden_size_per_layer_input": 0, "sliding_window": 1024, "max_position_embeddings": 262144,
        "vocab_size": 262144, "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 5,
    },
}  # fmt: skip

# Configuration, parameters published on the model's page or counted from its weights, tolerance.
PUBLISHED: dict[str, tuple[Config, float, float]] = {
    "Llama-3.1-8B": (LLAMA_31_8B, 8_030_261_248, 0),
    "Qwen2.5-7B": (
        _uniform("qwen2", 3584, 18944, 28, 28, 152064, num_key_value_heads=4, sliding_window=131072,
                 use_sliding_window=False), 7_615_616_512, 0,
    ),
    "Qwen3-0.6B": (
        _uniform("qwen3", 1024, 3072, 28, 16, 151936, num_key_value_heads=8, head_dim=128,
                 tie_word_embeddings=True), 596_049_920, 0,
    ),
    "Qwen2.5-VL-7B": (
        _uniform("qwen2_5_vl", 3584, 18944, 28, 28, 152064, num_key_value_heads=4,
                 vision_config=QWEN2_VISION), 8_292_166_656, 2e-4,
    ),
    "Mixtral-8x7B": (
        _uniform("mixtral", 4096, 14336, 32, 32, 32000, num_key_value_heads=8, num_local_experts=8,
                 num_experts_per_tok=2, sliding_window=None), 46_702_792_704, 0,
    ),
    "Qwen1.5-MoE-A2.7B": (
        _uniform("qwen2_moe", 2048, 5632, 24, 16, 151936, num_key_value_heads=16,
                 moe_intermediate_size=1408, shared_expert_intermediate_size=5632, num_experts=60,
                 num_experts_per_tok=4, decoder_sparse_step=1), 14_315_784_192, 0,
    ),
    "Qwen3-30B-A3B": (
        _uniform("qwen3_moe", 2048, 6144, 48, 32, 151936, num_key_value_heads=4, head_dim=128,
                 moe_intermediate_size=768, num_experts=128, num_experts_per_tok=8,
                 decoder_sparse_step=1, mlp_only_layers=[]), 30_532_122_624, 0,
    ),
    "DeepSeek-V2-Lite": (
        _uniform("deepseek_v2", 2048, 10944, 27, 16, 102400, moe_intermediate_size=1408,
                 n_routed_experts=64, n_shared_experts=2, num_experts_per_tok=6,
                 first_k_dense_replace=1, moe_layer_freq=1, kv_lora_rank=512, q_lora_rank=None,
                 qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128), 15_706_484_224, 0,
    ),
    "DeepSeek-V3": (DEEPSEEK_V3, 671.03e9, 1e-4),
    "gpt-oss-120b": (GPT_OSS_120B, 116.83e9, 1e-4),
    "Qwen3-Next-80B-A3B": (QWEN3_NEXT, 80e9, 0.01),
    "Qwen3.5-397B-A17B": (QWEN35_397B, 397e9, 0.01),
    "GLM-4.5": (
        _uniform("glm4_moe", 5120, 12288, 92, 96, 151552, num_key_value_heads=8, head_dim=128,
                 moe_intermediate_size=1536, n_routed_experts=160, n_shared_experts=1,
                 num_experts_per_tok=8, first_k_dense_replace=3, attention_bias=True, use_qk_norm=True,
                 num_nextn_predict_layers=1), 352.8e9, 1e-3,
    ),
    "MiniMax-M2.5": (
        _uniform("minimax_m2", 3072, 1536, 62, 48, 200064, num_key_value_heads=8, head_dim=128,
                 num_local_experts=256, num_experts_per_tok=8, use_mtp=False), 228.69e9, 1e-3,
    ),
    "Llama-4-Scout": (LLAMA_4_SCOUT, 109e9, 0.005),
    "Llama-4-Maverick": (LLAMA_4_MAVERICK, 401.6e9, 0.002),
    "Nemotron-3-Nano-30B-A3B": (NEMOTRON_3_NANO, 31.6e9, 0.002),
    "Kimi-Linear-48B-A3B": (KIMI_LINEAR, 49.1e9, 0.01),
    "Kimi-K3": (
        {"model_type": "kimi_k3", "dtype": "bfloat16", "text_config": {
            "model_type": "kimi_linear", "num_hidden_layers": 93, "hidden_size": 7168,
            "intermediate_size": 33792, "num_attention_heads": 96, "vocab_size": 163840,
            "num_experts": 896, "num_experts_per_token": 16, "num_shared_experts": 2,
            "moe_intermediate_size": 3072, "routed_expert_hidden_size": 3584, "first_k_dense_replace": 1,
            "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128,
            "v_head_dim": 128, "linear_attn_config": {
                "full_attn_layers": list(range(1, 25)), "head_dim": 128, "num_heads": 96,
                "short_conv_kernel_size": 4}}}, 2.8e12, 0.01,
    ),
    "GLM-5": (
        _uniform("glm_moe_dsa", 6144, 12288, 78, 64, 154880, n_routed_experts=256, num_experts_per_tok=8,
                 moe_intermediate_size=2048, n_shared_experts=1, first_k_dense_replace=3, kv_lora_rank=512,
                 q_lora_rank=2048, qk_rope_head_dim=64, qk_nope_head_dim=192, v_head_dim=256),
        744e9, 0.002,
    ),
    "gemma-7b": (
        _uniform("gemma", 3072, 24576, 28, 16, 256000, num_key_value_heads=16, head_dim=256),
        8_537_680_896, 0,
    ),
    "gemma-2-9b": (
        _uniform("gemma2", 3584, 14336, 42, 16, 256000, num_key_value_heads=8, head_dim=256,
                 sliding_window=4096, max_position_embeddings=8192), 9_241_705_984, 0,
    ),
    "gemma-3-4b": (
        {"model_type": "gemma3", "torch_dtype": "bfloat16", "vision_config": SIGLIP,
         "text_config": {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
                         "num_hidden_layers": 34, "sliding_window": 1024}}, 4_300_079_472, 1e-5,
    ),
    "gemma-4-26B-A4B (text)": (GEMMA_4_26B, 25.2e9, 0.005),
    "Mistral-Small-3.1-24B": (
        {"model_type": "mistral3", "torch_dtype": "bfloat16", "spatial_merge_size": 2,
         "text_config": {"model_type": "mistral", "head_dim": 128, "hidden_size": 5120,
                         "intermediate_size": 32768, "num_attention_heads": 32, "num_hidden_layers": 40,
                         "num_key_value_heads": 8, "sliding_window": None, "vocab_size": 131072},
         "vision_config": {"model_type": "pixtral", "hidden_act": "gelu", "hidden_size": 1024,
                           "image_size": 1540, "intermediate_size": 4096, "num_hidden_layers": 24,
                           "patch_size": 14}}, 24_011_361_280, 1e-4,
    ),
    "falcon-7b": (
        {"model_type": "falcon", "hidden_size": 4544, "num_attention_heads": 71, "num_hidden_layers": 32,
         "multi_query": True, "parallel_attn": True, "bias": False, "vocab_size": 65024},
        6_921_720_704, 1e-5,
    ),
    "falcon-40b": (
        {"model_type": "falcon", "hidden_size": 8192, "num_attention_heads": 128, "num_kv_heads": 8,
         "num_hidden_layers": 60, "new_decoder_architecture": True, "bias": False, "vocab_size": 65024},
        41.303e9, 1e-4,
    ),
    "mpt-7b": (
        {"model_type": "mpt", "d_model": 4096, "n_heads": 32, "n_layers": 32, "expansion_ratio": 4,
         "max_seq_len": 2048, "vocab_size": 50432, "no_bias": True}, 6_649_286_656, 0,
    ),
    "gpt-j-6b": (
        {"model_type": "gptj", "n_embd": 4096, "n_head": 16, "n_layer": 28, "n_inner": None,
         "n_positions": 2048, "vocab_size": 50400, "tie_word_embeddings": False}, 6_050_882_784, 1e-4,
    ),
    "gpt-neox-20b": (
        _uniform("gpt_neox", 6144, 24576, 44, 64, 50432, max_position_embeddings=2048),
        20_554_567_680, 1e-5,
    ),
    "phi-2": (_uniform("phi", 2560, 10240, 32, 32, 51200), 2_779_683_840, 1e-4),
    "Phi-3-mini-4k": (
        _uniform("phi3", 3072, 8192, 32, 32, 32064, num_key_value_heads=32, sliding_window=2047,
                 max_position_embeddings=4096), 3_821_079_552, 0,
    ),
    "command-r-v01": (
        _uniform("cohere", 8192, 22528, 40, 64, 256000, num_key_value_heads=64), 34.98e9, 1e-4,
    ),
    "Mamba-Codestral-7B": (
        {"model_type": "mamba2", "hidden_size": 4096, "num_heads": 128, "head_dim": 64, "state_size": 128,
         "n_groups": 8, "conv_kernel": 4, "expand": 2, "num_hidden_layers": 64, "vocab_size": 32768,
         "torch_dtype": "bfloat16"}, 7.285e9, 1e-3,
    ),
}  # fmt: skip
