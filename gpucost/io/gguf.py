"""A model, its exact bytes and its weight format from GGUF files.

The metadata is put into the words of a Hugging Face configuration and read as one; what the tensor
list shows (biases, a head of its own) counts more than the metadata.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpucost.domain.model import Model
from gpucost.errors import DataError
from gpucost.io.gguf_format import GgufContent, GgufTensor, Value, read_content
from gpucost.io.hf_config import model_from_config
from gpucost.io.json_safe import shown
from gpucost.io.model_file import ModelFile
from gpucost.io.tensor_parts import gguf_part_of

MAX_SPLITS = 1000
_SPLIT = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf\Z")
_FILE_TYPES: Mapping[int, str] = {
    0: "fp32", 1: "fp16", 2: "q4_0", 3: "q4_1", 7: "q8_0", 8: "q5_0", 9: "q5_1",
    10: "q2_k", 11: "q3_k_s", 12: "q3_k_m", 13: "q3_k_l", 14: "q4_k_s", 15: "q4_k_m",
    16: "q5_k_s", 17: "q5_k_m", 18: "q6_k", 19: "iq2_xxs", 20: "iq2_xs", 21: "q2_k_s",
    22: "iq3_xs", 23: "iq3_xxs", 24: "iq1_s", 25: "iq4_nl", 26: "iq3_s", 27: "iq3_m",
    28: "iq2_s", 29: "iq2_m", 30: "iq4_xs", 31: "iq1_m", 32: "bf16", 36: "tq1_0",
    37: "tq2_0", 38: "mxfp4",
}  # fmt: skip
_TENSOR_FORMATS = {"f32": "fp32", "f16": "fp16", "q4_k": "q4_k_m", "q5_k": "q5_k_m", "q3_k": "q3_k_m"}
_MODEL_TYPES: Mapping[str, str] = {
    "qwen2moe": "qwen2_moe", "qwen3moe": "qwen3_moe", "qwen3vl": "qwen3", "qwen3vlmoe": "qwen3_moe",
    "qwen2vl": "qwen2_vl", "qwen3next": "qwen3_next", "qwen35": "qwen3_5", "qwen35moe": "qwen3_5_moe",
    "deepseek2": "deepseek_v2", "gpt-oss": "gpt_oss", "phi2": "phi", "gptneox": "gpt_neox",
    "command-r": "cohere", "glm4moe": "glm4_moe", "granitehybrid": "granitemoehybrid",
    "minimax-m2": "minimax_m2", "nemotron_h_moe": "nemotron_h", "kimi-linear": "kimi_linear",
    "ernie4_5-moe": "ernie4_5_moe", "bailingmoe2": "bailing_moe", "mistral3": "ministral3",
}  # fmt: skip
_PLAIN_KEYS: Mapping[str, str] = {
    "embedding_length": "hidden_size",
    "context_length": "max_position_embeddings",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    "expert_shared_count": "n_shared_experts",
    "leading_dense_block_count": "first_k_dense_replace",
    "interleave_moe_layer_step": "interleave_moe_layer_step",
    "nextn_predict_layers": "num_nextn_predict_layers",
    "attention.sliding_window": "sliding_window",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.indexer.head_count": "index_n_heads",
    "attention.indexer.key_length": "index_head_dim",
    "attention.indexer.top_k": "index_topk",
    "attention.shared_kv_layers": "num_kv_shared_layers",
    "full_attention_interval": "full_attention_interval",
}
_REQUIRED = ("block_count", "embedding_length")
_NOT_LANGUAGE = frozenset(
    {"clip", "mmproj", "bert", "nomic-bert", "jina-bert-v2", "t5encoder", "whisper", "wavtokenizer-dec"}
)


def read_gguf(path: Path) -> ModelFile:
    """The model, exact bytes by part and weight format of a GGUF file and of its other splits."""
    files, missing = _splits(path)
    contents = [read_content(file) for file in files]
    first = next((item for item in contents if "general.architecture" in item.metadata), contents[0])
    tensors = _all_tensors(contents)
    model = _model(first, tensors)
    layers = model.layers
    parts: Counter[str] = Counter()
    for tensor in tensors.values():
        parts[gguf_part_of(tensor.name, layers=layers)] += tensor.size_bytes
    quantization, notes = _format(first, tensors)
    if missing:
        notes.append(f"{missing} of {missing + len(files)} splits are missing; the exact size is not known")
    if model.tied_embeddings and parts["embedding"]:
        notes.append(
            "the head is the token embedding: llama.cpp keeps it in host memory and copies it to the GPU"
        )
    if quantization is not None:
        model = model._replace(native_quantization=quantization)
    return ModelFile(
        model=model,
        weights_bytes=None if missing else sum(parts.values()),
        weights_by_part={} if missing else dict(parts),
        quantization=quantization,
        notes=(*model.notes, *notes),
        files=tuple(str(file) for file in files),
        host_bytes=None if missing else parts["embedding"],
    )


def is_later_split(path: Path) -> bool:
    """Whether a file is a split other than the first, which is read with the first."""
    match = _SPLIT.search(path.name)
    return match is not None and int(match.group(2)) > 1


def _splits(path: Path) -> tuple[list[Path], int]:
    match = _SPLIT.search(path.name)
    if match is None or not 1 < int(match.group(3)) <= MAX_SPLITS:
        return [path], 0
    stem, count = match.group(1), int(match.group(3))
    names = [f"{stem}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]
    here = [path.parent / name for name in names if (path.parent / name).is_file()]
    if path.parent / names[0] not in here:
        raise DataError(f"{path.parent / names[0]}: the first split, which describes the model, is missing")
    return here, count - len(here)


def _all_tensors(contents: list[GgufContent]) -> dict[str, GgufTensor]:
    out: dict[str, GgufTensor] = {}
    for content in contents:
        for tensor in content.tensors:
            if tensor.name in out:
                raise DataError(f"{content.path}: tensor {shown(tensor.name)} is in another split as well")
            out[tensor.name] = tensor
    return out


def _format(content: GgufContent, tensors: Mapping[str, GgufTensor]) -> tuple[str | None, list[str]]:
    stated = content.metadata.get("general.file_type")
    if isinstance(stated, int) and stated in _FILE_TYPES:
        return _FILE_TYPES[stated], []
    sizes: Counter[str] = Counter()
    for tensor in tensors.values():
        if len(tensor.dimensions) > 1:
            sizes[tensor.type_name] += tensor.size_bytes
    if not sizes:
        return None, ["the weight format is not known: there are no matrices in the file"]
    name = sizes.most_common(1)[0][0]
    found = _TENSOR_FORMATS.get(name, name)
    return found, [f"general.file_type is not given or not known; {found} by the type of most weights"]


def _model(content: GgufContent, tensors: Mapping[str, GgufTensor]) -> Model:
    architecture = content.metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise DataError(
            f"{content.path}: general.architecture: missing; not a language model, or a later split"
        )
    if architecture in _NOT_LANGUAGE:
        raise DataError(
            f"{content.path}: holds {shown(architecture)}, not a language model; give that model's file"
        )
    own = {
        key.removeprefix(f"{architecture}."): value
        for key, value in content.metadata.items()
        if key.startswith(f"{architecture}.")
    }
    absent = [name for name in _REQUIRED if name not in own]
    if absent:
        lines = (
            f"{content.path}: {architecture[:80]}.{name}: missing; convert the model again" for name in absent
        )
        raise DataError("\n".join(lines))
    config = _as_config(architecture, own, content, tensors)
    stated = content.metadata.get("general.name")
    name = stated if isinstance(stated, str) and stated.strip() else _SPLIT.sub(r"\1", content.path.name)
    name = "".join(letter if letter.isprintable() else "_" for letter in name.removesuffix(".gguf"))[:120]
    return model_from_config(config, name=name, source=str(content.path))


def _as_config(
    architecture: str, own: Mapping[str, Value], content: GgufContent, tensors: Mapping[str, GgufTensor]
) -> dict[str, Any]:
    """Metadata in the words of a Hugging Face configuration."""
    out: dict[str, Any] = {new: own[key] for key, new in _PLAIN_KEYS.items() if own.get(key)}
    experts = bool(own.get("expert_count"))
    model_type = _MODEL_TYPES.get(architecture, architecture)
    if architecture == "llama" and experts:
        model_type = "mixtral"
    out |= {
        "model_type": model_type,
        "torch_dtype": "bfloat16",
        "tie_word_embeddings": "output.weight" not in tensors,
        "use_qkv_bias": any(name in tensors for name in ("blk.0.attn_q.bias", "blk.0.attn_qkv.bias")),
        "vocab_size": _vocabulary(own, content, tensors),
    }
    blocks = own["block_count"]
    nextn = own.get("nextn_predict_layers", 0)
    whole = isinstance(blocks, int) and isinstance(nextn, int)
    layers = blocks - nextn if whole and 0 < nextn < blocks else blocks  # type: ignore[operator]
    out["num_hidden_layers"] = layers
    _attention(out, own, model_type)
    _feed_forward(out, own, model_type)
    _recurrent(out, own, model_type, layers)
    return out


def _vocabulary(own: Mapping[str, Value], content: GgufContent, tensors: Mapping[str, GgufTensor]) -> Value:
    """Rows of the embedding, by its tensor, else the metadata, else the tokenizer's list."""
    table = tensors.get("token_embd.weight")
    if table is not None and len(table.dimensions) == 2:
        return table.dimensions[1]
    return own.get("vocab_size") or content.lengths.get("tokenizer.ggml.tokens", 0)


def _distinct(value: Value | None) -> Any:
    """One number for all layers, where they agree; layers with 0 have no such part."""
    if not isinstance(value, tuple):
        return value
    positive = sorted({item for item in value if item})
    return positive[0] if len(positive) == 1 else None


def _attention(out: dict[str, Any], own: Mapping[str, Value], model_type: str) -> None:
    out["num_attention_heads"] = _distinct(own.get("attention.head_count"))
    kv_heads = own.get("attention.head_count_kv")
    out["num_key_value_heads"] = _distinct(kv_heads)
    pattern = own.get("attention.sliding_window_pattern")
    if isinstance(pattern, tuple):
        out["layer_types"] = ["sliding_attention" if item else "full_attention" for item in pattern]
        if isinstance(kv_heads, tuple) and len(kv_heads) >= len(pattern):
            for kind, names in ((True, ("swa_num_key_value_heads",)), (False, _FULL_KV_HEADS)):
                chosen = tuple(
                    heads for heads, slides in zip(kv_heads, pattern, strict=False) if bool(slides) is kind
                )
                out |= dict.fromkeys(names, _distinct(chosen))
    elif pattern and not isinstance(pattern, bool):
        out["sliding_window_pattern"] = pattern
    key_length, value_length = own.get("attention.key_length"), own.get("attention.value_length")
    if "kv_lora_rank" in out:
        rope = own.get("rope.dimension_count", 0)
        key_length = own.get("attention.key_length_mla", key_length)
        value_length = own.get("attention.value_length_mla", value_length)
        out |= {"qk_rope_head_dim": rope, "v_head_dim": value_length}
        if isinstance(key_length, int) and isinstance(rope, int):
            out["qk_nope_head_dim"] = key_length - rope
        return
    if key_length:
        out["head_dim"] = key_length
    if value_length and value_length != key_length:
        out["v_head_dim"] = value_length
    if model_type.startswith("gemma4"):
        out |= {"global_head_dim": key_length, "head_dim": own.get("attention.key_length_swa", key_length)}


_FULL_KV_HEADS = ("num_key_value_heads", "num_global_key_value_heads")


def _feed_forward(out: dict[str, Any], own: Mapping[str, Value], model_type: str) -> None:
    length = own.get("feed_forward_length")
    if isinstance(length, tuple):
        out["intermediate_size"] = _distinct(length) or list(length)
    elif length:
        out["intermediate_size"] = length
    if model_type.startswith("llama4"):
        out["intermediate_size_mlp"] = out.get("intermediate_size")
        out["intermediate_size"] = own.get("expert_feed_forward_length", out.get("intermediate_size"))
    if model_type == "gemma4" and own.get("expert_count"):
        out["enable_moe_block"] = True


def _recurrent(out: dict[str, Any], own: Mapping[str, Value], model_type: str, layers: Value) -> None:
    """State-space and linear-attention layers: one set of keys serves both."""
    rank, inner = own.get("ssm.time_step_rank"), own.get("ssm.inner_size")
    if not (isinstance(rank, int) and isinstance(inner, int) and rank > 0):
        return
    if model_type.startswith(("qwen3_next", "qwen3_5")):
        out |= {
            "linear_num_value_heads": rank,
            "linear_value_head_dim": inner // rank,
            "linear_num_key_heads": own.get("ssm.group_count"),
            "linear_key_head_dim": own.get("ssm.state_size"),
            "linear_conv_kernel_dim": own.get("ssm.conv_kernel"),
        }
        return
    out |= {
        "mamba_num_heads": rank,
        "mamba_head_dim": inner // rank,
        "ssm_state_size": own.get("ssm.state_size"),
        "n_groups": own.get("ssm.group_count"),
        "conv_kernel": own.get("ssm.conv_kernel"),
        "mamba_ssm_dtype": "float32",  # llama.cpp keeps recurrent states in 32 bit
    }
    heads, length = own.get("attention.head_count_kv"), own.get("feed_forward_length")
    if not isinstance(heads, tuple):
        return
    if model_type == "nemotron_h" and isinstance(length, tuple) and len(length) == len(heads):
        mlp = "E" if own.get("expert_count") else "-"
        pairs = zip(heads, length, strict=True)
        out["hybrid_override_pattern"] = "".join("*" if kv else mlp if ffn else "M" for kv, ffn in pairs)
    elif isinstance(layers, int):
        out["layer_types"] = ["attention" if kv else "mamba" for kv in heads]
