"""Published architectures: parameters, layer groups, and what is said of doubtful files."""

import json
from pathlib import Path
from typing import Any

import pytest

from gpucost.domain.model import (
    DenseMlp,
    LatentAttention,
    LinearAttention,
    Model,
    MoeMlp,
    SoftmaxAttention,
    StateSpace,
)
from gpucost.errors import DataError
from gpucost.io.hf_config import model_from_config, read_config
from tests.io import configs
from tests.io.counting import parameters


def model_of(config: dict[str, Any]) -> Model:
    return model_from_config(config, name="test/model", source="config.json")


@pytest.mark.parametrize("name", configs.PUBLISHED)
def test_parameters_as_published(name: str) -> None:
    config, expected, tolerance = configs.PUBLISHED[name]
    model = model_of(config)
    assert parameters(model) == pytest.approx(expected, rel=tolerance or 1e-12)
    assert model.incomplete == ""


def test_groups_add_up_to_the_layers() -> None:
    for name, (config, _, _) in configs.PUBLISHED.items():
        model = model_of(config)
        assert sum(group.layers for group in model.mixers) <= model.layers, name
        assert sum(group.layers for group in model.mlps) <= model.layers, name


def test_deepseek_v3() -> None:
    model = model_of(configs.DEEPSEEK_V3)
    (mixer,) = model.mixers
    assert isinstance(mixer, LatentAttention)
    assert (mixer.layers, mixer.kv_lora_rank, mixer.rope_head_dim, mixer.indexer) == (61, 512, 64, None)
    dense, moe = model.mlps
    assert isinstance(dense, DenseMlp)
    assert isinstance(moe, MoeMlp)
    assert (dense.layers, moe.layers, moe.shared_intermediate_size) == (3, 58, 2048)
    assert (model.mtp_layers, model.native_quantization, model.max_context) == (1, "fp8-block", 163840)
    assert any("not run" in note for note in model.notes)


def test_deepseek_v32_indexer_caches_132_bytes() -> None:
    config = configs.DEEPSEEK_V3 | {"index_head_dim": 128, "index_n_heads": 64, "index_topk": 2048}
    (mixer,) = model_of(config).mixers
    assert isinstance(mixer, LatentAttention)
    assert mixer.indexer is not None
    assert (mixer.indexer.layers, mixer.indexer.bytes_per_token, mixer.indexer.top_k) == (61, 132, 2048)


def test_shared_indexers_are_counted_once() -> None:
    # GLM-5.2: 78 x 1,152 + 21 x 132 = 92,628 B per token, as a published log shows.
    types = ["full" if number % 4 == 0 or number > 76 else "shared" for number in range(78)]
    assert types.count("full") == 21
    config = configs.DEEPSEEK_V3 | {
        "num_hidden_layers": 78, "index_head_dim": 128, "index_n_heads": 32, "index_topk": 2048,
        "indexer_types": types,
    }  # fmt: skip
    (mixer,) = model_of(config).mixers
    assert isinstance(mixer, LatentAttention)
    assert mixer.indexer is not None
    cached = mixer.layers * 2 * (mixer.kv_lora_rank + mixer.rope_head_dim)
    assert cached + mixer.indexer.layers * mixer.indexer.bytes_per_token == 92_628


def test_gpt_oss_windows_and_biases() -> None:
    model = model_of(configs.GPT_OSS_120B)
    full, sliding = model.mixers
    assert isinstance(full, SoftmaxAttention)
    assert isinstance(sliding, SoftmaxAttention)
    assert (full.layers, full.window, sliding.layers, sliding.window) == (18, None, 18, 128)
    assert full.qkv_bias
    assert full.output_bias
    (moe,) = model.mlps
    assert isinstance(moe, MoeMlp)
    assert moe.expert_bias
    assert model.native_quantization == "mxfp4"


def test_qwen3_next_mixes_linear_and_gated_attention() -> None:
    full, linear = model_of(configs.QWEN3_NEXT).mixers
    assert isinstance(full, SoftmaxAttention)
    assert isinstance(linear, LinearAttention)
    assert (full.layers, full.output_gate, full.qk_norm, linear.layers) == (12, True, True, 36)
    assert (linear.key_heads, linear.value_heads, linear.state_bytes) == (16, 32, 4)


def test_gemma_4_global_layers_have_heads_of_their_own() -> None:
    full, sliding = model_of(configs.GEMMA_4_26B).mixers
    assert isinstance(full, SoftmaxAttention)
    assert isinstance(sliding, SoftmaxAttention)
    assert (full.layers, full.kv_heads, full.head_dim, full.value_from_key) == (5, 2, 512, True)
    assert (sliding.layers, sliding.kv_heads, sliding.head_dim, sliding.window) == (25, 8, 256, 1024)


def test_gemma_4_shares_kv_and_has_per_layer_embeddings() -> None:
    text = {
        "model_type": "gemma4_text", "hidden_size": 2560, "intermediate_size": 10240,
        "num_hidden_layers": 42, "num_key_value_heads": 2, "num_kv_shared_layers": 18,
        "vocab_size": 262144, "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 7,
    }  # fmt: skip
    model = model_of({"model_type": "gemma4", "dtype": "bfloat16", "text_config": text})
    groups = [group for group in model.mixers if isinstance(group, SoftmaxAttention)]
    assert sum(group.kv_reused_layers for group in groups) == 18
    assert "per-layer embeddings" in model.incomplete


def test_llama_4_chunks_three_layers_of_four() -> None:
    model = model_of(configs.LLAMA_4_MAVERICK)
    full, chunked = model.mixers
    assert isinstance(full, SoftmaxAttention)
    assert isinstance(chunked, SoftmaxAttention)
    assert (full.layers, full.window, chunked.layers, chunked.window) == (12, None, 36, 8192)
    dense, moe = model.mlps
    assert (dense.layers, dense.intermediate_size, moe.layers, moe.intermediate_size) == (24, 16384, 24, 8192)


def test_nemotron_pattern() -> None:
    model = model_of(configs.NEMOTRON_3_NANO)
    attention, states = model.mixers
    assert isinstance(states, StateSpace)
    assert (model.layers, attention.layers, states.layers, states.state_bytes) == (52, 6, 23, 4)
    (moe,) = model.mlps
    assert isinstance(moe, MoeMlp)
    assert (moe.layers, moe.gated, moe.shared_intermediate_size) == (23, False, 3712)


def test_kimi_linear_counts_one_based_layers() -> None:
    latent, linear = model_of(configs.KIMI_LINEAR).mixers
    assert isinstance(latent, LatentAttention)
    assert isinstance(linear, LinearAttention)
    assert (latent.layers, linear.layers) == (7, 20)


def test_window_longer_than_the_context_is_none() -> None:
    config = configs.PUBLISHED["Phi-3-mini-4k"][0] | {"sliding_window": 262144}
    (mixer,) = model_of(config).mixers
    assert isinstance(mixer, SoftmaxAttention)
    assert mixer.window is None


@pytest.mark.parametrize(
    ("config", "windowed"),
    [
        ({"model_type": "mistral", "sliding_window": 1024}, 32),
        ({"model_type": "qwen2", "sliding_window": 1024, "use_sliding_window": False}, 0),
        (
            {
                "model_type": "qwen2",
                "sliding_window": 1024,
                "use_sliding_window": True,
                "max_window_layers": 28,
            },
            4,
        ),
        ({"model_type": "gemma2", "sliding_window": 1024}, 16),
        ({"model_type": "gemma3_text", "sliding_window": 1024, "sliding_window_pattern": 6}, 27),
        ({"model_type": "cohere2", "sliding_window": 1024}, 24),
        ({"model_type": "unheard_of", "sliding_window": 1024}, 0),
    ],
)
def test_which_layers_slide(config: dict[str, Any], windowed: int) -> None:
    model = model_of(configs.LLAMA_31_8B | config)
    groups = [group for group in model.mixers if isinstance(group, SoftmaxAttention)]
    assert sum(group.layers for group in groups if group.window) == windowed


def test_unknown_architecture_is_read_with_a_note() -> None:
    model = model_of(configs.LLAMA_31_8B | {"model_type": "unheard_of"})
    assert parameters(model) == 8_030_261_248
    assert any("not known" in note and "Llama-like" in note for note in model.notes)


def test_type_from_the_architecture_name() -> None:
    config = {**configs.PUBLISHED["Qwen2.5-7B"][0], "architectures": ["Qwen2ForCausalLM"]}
    del config["model_type"]
    assert parameters(model_of(config)) == 7_615_616_512


def test_all_missing_keys_at_once() -> None:
    with pytest.raises(DataError) as caught:
        model_of({"model_type": "llama"})
    lines = str(caught.value).splitlines()
    fields = [line.split(": ")[1] for line in lines]
    assert fields == [
        "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
    ]  # fmt: skip
    assert all(line.startswith("config.json: ") for line in lines)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hidden_size": "4096"}, "hidden_size"),
        ({"hidden_size": -1}, "hidden_size"),
        ({"hidden_size": True}, "hidden_size"),
        ({"hidden_size": 1.5}, "hidden_size"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"num_key_value_heads": 7}, "num_key_value_heads"),
        ({"num_attention_heads": 10**39}, "num_attention_heads"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings"),
        ({"layer_types": ["full_attention"]}, "layer_types"),
        ({"layer_types": {"a": 1}}, "layer_types"),
        ({"model_type": "nemotron_h", "hybrid_override_pattern": "MX"}, "hybrid_override_pattern"),
        ({"num_experts": 4, "num_experts_per_tok": 9}, "num_experts_per_tok"),
        ({"intermediate_size": [1, "x"] * 16}, "intermediate_size"),
        ({"quantization_config": [1]}, "quantization_config"),
        ({"vision_config": "x"}, "vision_config"),
    ],
)
def test_wrong_values_name_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError, match=f"config.json: {field}"):
        model_of(configs.LLAMA_31_8B | change)


def test_intermediate_sizes_by_layer() -> None:
    model = model_of(configs.LLAMA_31_8B | {"intermediate_size": [1024, 2048] * 16})
    assert [(group.layers, group.intermediate_size) for group in model.mlps] == [(16, 1024), (16, 2048)]


def test_nested_faults_name_the_section() -> None:
    text = {"model_type": "qwen3_vl_text", "hidden_size": "x"}
    with pytest.raises(DataError, match=r"config.json: text_config\.hidden_size"):
        model_of({"model_type": "qwen3_vl", "text_config": text})


def test_unread_parts_are_said() -> None:
    model = model_of(configs.LLAMA_31_8B | {"block_configs": [{}]})
    assert "block_configs" in model.incomplete
    assert any("block_configs" in note for note in model.notes)


def test_read_config(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--meta-llama--Llama-3.1-8B" / "snapshots" / "0e9e39f2"
    snapshot.mkdir(parents=True)
    path = snapshot / "config.json"
    path.write_text(json.dumps(configs.LLAMA_31_8B))
    found = read_config(path)
    assert found.model is not None
    assert (found.model.name, found.quantization) == ("meta-llama/Llama-3.1-8B", "bf16")
    assert (found.files, found.weights_bytes) == ((str(path),), None)
