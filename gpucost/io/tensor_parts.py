"""Which part of a model a tensor belongs to, by its name."""

from __future__ import annotations

import re
from functools import lru_cache

PARTS = (
    "embedding",
    "lm_head",
    "attention",
    "mlp",
    "experts",
    "router",
    "norm",
    "vision",
    "mtp",
    "other",
)
MAX_NAME = 1024

# The first pattern that is found decides, so the narrow ones come first.
_HF = (
    ("other", r"(^|\.)(audio_tower|audio_encoder|embed_audio|sound_encoder)\."),
    (
        "vision",
        r"(^|\.)(visual|vision_[a-z]+|vit|vision|image_newline|multi_modal_projector|mm_projector|mlp1|embed_vision)(\.|$)",
    ),
    ("mtp", r"(^|\.)(mtp[a-z_]*|nextn[a-z_]*|eh_proj|enorm|hnorm|shared_head)(\.|$)"),
    ("lm_head", r"(^|\.)lm_head(\.|$)|^embed_out\.|^output\.|(^|\.)output_layer\."),
    ("norm", r"(norm|ln_\d|ln_f|layernorm|ln)[a-z0-9_]*\.(weight|bias)$"),
    (
        "router",
        r"\.(gate|router|wg|shared_expert_gate)(\.[a-z_]+)*\.(weight|bias|e_score_correction_bias)[a-z_]*$",
    ),
    ("router", r"e_score_correction_bias$"),
    ("experts", r"(^|\.)(experts|shared_expert|shared_experts|shared_mlp|switch_mlp|block_sparse_moe)(\.|$)"),
    (
        "embedding",
        r"(^|\.)(embed_tokens[a-z_]*|word_embeddings|wte|wpe|tok_embeddings|embed_in|embeddings?|per_layer_[a-z_]+)(\.|$)",
    ),
    (
        "mlp",
        r"(^|\.)(mlp|feed_forward|ffn|dense_h_to_4h|dense_4h_to_h)(\.|$)|(^|\.)mixer\.(up_proj|down_proj)\.",
    ),
    (
        "attention",
        r"(^|\.)(self_attn|self_attention|attention|attn|linear_attn|mixer|mamba|temporal_block)(\.|$)",
    ),
)
_GGUF = (
    ("vision", r"^(v|mm)\."),
    ("mtp", r"^blk\.\d+\.nextn\."),
    ("embedding", r"^(token_embd|position_embd|token_types|per_layer_token_embd|per_layer_model_proj)"),
    ("lm_head", r"^output\."),
    ("norm", r"norm[a-z0-9_]*\.(weight|bias)$"),
    ("router", r"\.(ffn_gate_inp[a-z_]*|exp_probs_b)(\.|$)"),
    ("experts", r"\.ffn_[a-z_]+_(exps|shexp)(\.|$)|\.ffn_(gate|up|down)\.\d+\."),
    ("mlp", r"\.ffn_"),
    ("attention", r"\.(attn_|ssm_|time_mix|indexer)"),
)
_LAYER = re.compile(r"(?:^|\.)(?:layers|blk)\.(\d{1,6})\.")
_DIGITS = re.compile(r"\d+")
_PATTERNS = {
    "hf": tuple((part, re.compile(pattern)) for part, pattern in _HF),
    "gguf": tuple((part, re.compile(pattern)) for part, pattern in _GGUF),
}


def part_of(name: str, *, layers: int | None = None) -> str:
    """Part of a tensor in a safetensors file; layers beyond the model's own `layers` are its MTP heads."""
    return _part(name, layers, "hf")


def gguf_part_of(name: str, *, layers: int | None = None) -> str:
    """Part of a tensor in a GGUF file."""
    return _part(name, layers, "gguf")


def _part(name: str, layers: int | None, scheme: str) -> str:
    name = name[:MAX_NAME]
    if layers is not None:
        layer = _LAYER.search(name)
        if layer and int(layer.group(1)) >= layers:
            return "mtp"
    return _matched(_DIGITS.sub("0", name), scheme)


@lru_cache(maxsize=4096)
def _matched(name: str, scheme: str) -> str:
    """Part by the first pattern that is found; without their numbers, layers and experts share names."""
    for part, pattern in _PATTERNS[scheme]:
        if pattern.search(name):
            return part
    return "other"
