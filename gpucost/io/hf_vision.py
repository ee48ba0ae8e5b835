"""Parameters of an image encoder, computed from `vision_config`.

Every encoder in use is a plain ViT: a patch embedding, layers of attention and MLP, and a projector
into the language model. The families differ in names, in the projector and in whether the MLP is
gated; biases and norms are counted as the ViT of that family has them, so totals are right to about 1 %.
"""

from __future__ import annotations

from gpucost.domain.model import VisionTower
from gpucost.io.hf_keys import MAX_LAYERS, Keys

_GATED = frozenset({"pixtral", "qwen2_5_vl", "qwen2_5_omni_vision_encoder", "gemma4_vision", "glm4v_vision"})
_NO_MERGER_MLP = ("gemma3", "gemma4", "paligemma")


def vision_tower(keys: Keys, outer: Keys, text_hidden: int) -> VisionTower | None:
    """The image encoder of a `vision_config`, or None where its dimensions are not all given."""
    width = keys.whole("embed_dim", "vt_hidden_size", "hidden_size", "width")
    depth = keys.whole("depth", "vt_num_hidden_layers", "num_hidden_layers", "layers", maximum=MAX_LAYERS)
    patch = keys.whole("patch_size", maximum=1024)
    if width is None or depth is None or patch is None:
        outer.note(
            "the image encoder is not counted: its width, depth or patch size is not given as a number"
        )
        return None
    inner = _intermediate(keys, width)
    kind = keys.text("model_type")
    gated = kind in _GATED or (kind not in {"siglip_vision_model", "clip_vision_model"} and _silu(keys))
    matrices = 4 * width**2 + (3 if gated else 2) * width * inner
    vectors = 2 * 2 * width + 4 * width + (2 if gated else 1) * inner + width
    channels = keys.whole("in_channels", "in_chans", "num_channels", maximum=64) or 3
    frames = keys.whole("temporal_patch_size", maximum=64) or 1
    embedding = channels * frames * patch**2 * width + width
    total = embedding + _positions(keys, patch) * width + depth * (matrices + vectors)
    total += _projector(keys, outer, width, inner, text_hidden)
    outer.note(f"the image encoder has about {total / 1e6:,.0f} M parameters, computed from vision_config")
    return VisionTower(parameters=total)


def _intermediate(keys: Keys, width: int) -> int:
    given = keys.whole("intermediate_size", "vt_intermediate_size")
    if given is not None:
        return given
    ratio = keys.data.get("mlp_ratio", 4)
    if not isinstance(ratio, (int, float)) or isinstance(ratio, bool) or not 0 < ratio < 64:
        return 4 * width
    return max(1, int(width * ratio))


def _silu(keys: Keys) -> bool:
    return keys.text("hidden_act", "hidden_activation") in {"silu", "swish"}


def _positions(keys: Keys, patch: int) -> int:
    """Learned position vectors."""
    rotary = keys.text("model_type") in {"pixtral", "qwen2_vl", "qwen2_5_vl"} or keys.has("embed_dim")
    if rotary:
        return 0
    given = keys.whole("num_position_embeddings")
    if given is not None:
        return given
    height, across = keys.whole("init_pos_emb_height"), keys.whole("init_pos_emb_width")
    if height and across:
        return height * across
    size = (
        keys.whole("image_size", "max_image_size") if isinstance(keys.data.get("image_size"), int) else None
    )
    return (size // patch) ** 2 if size else 0


def _merged(keys: Keys, outer: Keys) -> int:
    """Patches that become one token."""
    side = keys.whole("spatial_merge_size", maximum=64) or outer.whole("spatial_merge_size", maximum=64)
    kernel = keys.items("merge_kernel_size")
    if side is None and kernel and all(isinstance(item, int) and 0 < item < 64 for item in kernel[:2]):
        return int(kernel[0]) * int(kernel[-1])
    ratio = outer.data.get("downsample_ratio")
    if side is None and isinstance(ratio, float) and 0.1 <= ratio < 1:
        side = round(1 / ratio)
    return (side or 1) ** 2


def _projector(keys: Keys, outer: Keys, width: int, inner: int, text_hidden: int) -> int:
    """Parameters between the encoder and the language model."""
    if keys.text("model_type") == "llama4_vision_model":
        middle = keys.whole("projector_input_dim") or 4096
        out = keys.whole("vision_output_dim") or middle
        return inner * middle + middle * out + out * text_hidden
    if outer.text("model_type").startswith(_NO_MERGER_MLP):
        return width * text_hidden + width
    merged = _merged(keys, outer)
    out = (
        keys.whole("out_hidden_size")
        or (keys.whole("hidden_size") if keys.has("embed_dim") else None)
        or text_hidden
    )
    if keys.text("model_type") == "pixtral":
        return merged * width**2 + width * out + out**2 + 2 * out
    if merged == 1:
        return width * out + out**2 + 2 * out
    joined = merged * width
    each = joined**2 + joined + joined * out + out + 2 * width
    levels = keys.items("deepstack_visual_indexes")
    return each * (1 + min(len(levels), 64) if levels else 1)
