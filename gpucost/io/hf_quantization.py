"""The weight format that a checkpoint's configuration states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from gpucost.io.hf_keys import Keys
from gpucost.io.json_safe import shown

_DTYPES = {
    "bfloat16": "bf16",
    "float16": "fp16",
    "half": "fp16",
    "float32": "fp32",
    "float": "fp32",
    "float8_e4m3fn": "fp8",
}
_MODELOPT = {
    "nvfp4": "nvfp4",
    "nvfp4_awq": "nvfp4",
    "w4a16_nvfp4": "nvfp4",
    "fp8": "fp8",
    "fp8_per_channel_per_token": "fp8-dynamic",
    "fp8_pb_wo": "fp8-block",
    "fp8_pb_real": "fp8-block",
    "w4a16_awq": "awq",
    "w4a8_awq": "awq",
    "int4_awq": "awq",
    "w8a8_sq_per_channel": "int8-w8a8",
    "int8_sq": "int8-w8a8",
    "mxfp4": "mxfp4",
}
_BITS = {"mxfp4": 4, "nvfp4": 4, "awq": 4, "compressed-int4": 4, "compressed-int4-g32": 4}


def native_quantization(outer: Keys, text: Keys) -> str:
    """Id of the format of the weights; the plain type where nothing is quantised."""
    settings = _settings(outer) or _settings(text)
    if settings is None:
        return _plain(outer, text)
    method = settings.text("quant_method").lower() or _guess(settings)
    found = _by_method(method, settings)
    if found is None:
        plain = _plain(outer, text)
        outer.note(
            f"quantization_config: the format {shown(method)} is not known; counted as {plain}. "
            "Name the format, or give the folder with the weight files"
        )
        return plain
    if text.text("expert_dtype") == "fp4" and found.startswith("fp8"):
        outer.note(
            f"the experts are stored in fp4, which {found} does not count; give the folder for exact bytes"
        )
    return found


def _settings(keys: Keys) -> Keys | None:
    return keys.section("quantization_config", "compression_config")


def _plain(outer: Keys, text: Keys) -> str:
    name = text.text("dtype", "torch_dtype") or outer.text("dtype", "torch_dtype")
    if name.removeprefix("torch.") not in _DTYPES:
        outer.note("torch_dtype is not given; counted as bf16")
        return "bf16"
    return _DTYPES[name.removeprefix("torch.")]


def _guess(settings: Keys) -> str:
    if settings.has("config_groups"):
        return "compressed-tensors"
    if settings.has("quant_algo"):
        return "modelopt"
    if settings.has("load_in_4bit", "load_in_8bit", "_load_in_4bit", "_load_in_8bit"):
        return "bitsandbytes"
    return ""


def _by_method(method: str, settings: Keys) -> str | None:
    match method.replace("_", "-"):
        case "fp8" | "fbgemm-fp8":
            if settings.has("weight_block_size"):
                return "fp8-block"
            dynamic = settings.text("activation_scheme") == "dynamic" or method != "fp8"
            return "fp8-dynamic" if dynamic else "fp8"
        case "awq" | "awq-marlin":
            return _awq(settings)
        case "gptq" | "gptq-marlin" | "auto-round" | "autoround" | "intel/auto-round":
            return _gptq(settings)
        case "compressed-tensors":
            return _compressed(settings)
        case "bitsandbytes":
            return _bitsandbytes(settings)
        case "mxfp4" | "nvfp4":
            return method
        case "modelopt" | "modelopt-fp4" | "modelopt-fp8" | "modelopt-mixed" | "modelopt-mxfp8":
            return _modelopt(settings)
        case "quark":
            return _quark(settings)
    return None


def _awq(settings: Keys) -> str | None:
    bits = settings.whole("bits", "w_bit") or 4
    group = settings.whole("group_size", "q_group_size", minimum=-1)
    if group not in (None, 128):
        settings.note(f"AWQ with groups of {group}; the format awq counts groups of 128")
    return "awq" if bits == 4 else None


def _gptq(settings: Keys) -> str | None:
    bits = settings.whole("bits") or 4
    group = settings.whole("group_size", minimum=-1)
    if group not in (None, 128):
        settings.note(f"GPTQ with groups of {group}; the format counts groups of 128")
    return {4: "gptq-int4", 8: "gptq-int8"}.get(bits)


def _bitsandbytes(settings: Keys) -> str | None:
    if settings.flag("load_in_8bit", "_load_in_8bit"):
        return "bnb-int8"
    if settings.flag("load_in_4bit", "_load_in_4bit"):
        if settings.text("bnb_4bit_quant_type") == "fp4":
            settings.note("bitsandbytes fp4 takes the room of nf4 and is counted as that")
        return "bnb-nf4"
    return None


def _compressed(settings: Keys) -> str | None:
    """The format of a compressed-tensors checkpoint; of several groups the one with the fewest bits."""
    groups = settings.data.get("config_groups")
    values = list(groups.values()) if isinstance(groups, Mapping) else []
    found = [name for name in map(_compressed_group, values[:64]) if name]
    if not found:
        return None
    if len(set(found)) > 1:
        listed = ", ".join(sorted(set(found)))
        settings.note(f"several weight formats ({listed}); the one with the fewest bits is counted")
    return min(found, key=lambda name: _BITS.get(name, 8))


def _compressed_group(group: Any) -> str | None:
    if not isinstance(group, Mapping):
        return None
    algorithm = group.get("quant_algo")
    weights = group.get("weights")
    if not isinstance(weights, Mapping):
        return _MODELOPT.get(algorithm.lower()) if isinstance(algorithm, str) else None
    inputs = group.get("input_activations")
    active = isinstance(inputs, Mapping) and inputs.get("num_bits") == 8
    bits, kind, size = weights.get("num_bits"), weights.get("type"), weights.get("group_size")
    if isinstance(weights.get("quant_algo"), str):
        return _MODELOPT.get(str(weights["quant_algo"]).lower())
    if bits == 4 and kind == "float":
        return "mxfp4" if size == 32 else "nvfp4"
    if bits == 4:
        return "compressed-int4-g32" if size == 32 else "compressed-int4"
    if bits == 8 and kind == "float":
        if weights.get("strategy") == "block":
            return "fp8-block"
        dynamic = isinstance(inputs, Mapping) and inputs.get("dynamic") is True
        return "fp8-dynamic" if dynamic else "fp8"
    if bits == 8:
        return "int8-w8a8" if active else "gptq-int8"
    return None


def _modelopt(settings: Keys) -> str | None:
    inner = settings.section("quantization") or settings
    algorithm = inner.text("quant_algo").lower()
    if algorithm != "mixed_precision":
        return _MODELOPT.get(algorithm)
    layers = inner.data.get("quantized_layers")
    names: Counter[str] = Counter()
    for item in layers.values() if isinstance(layers, Mapping) else ():
        if isinstance(item, Mapping) and isinstance(item.get("quant_algo"), str):
            found = _MODELOPT.get(item["quant_algo"].lower())
            if found:
                names[found] += 1
    if not names:
        return _compressed(inner)
    if len(names) > 1:
        inner.note(
            f"several weight formats ({', '.join(sorted(names))}); the one with the fewest bits is counted"
        )
    return min(names, key=lambda name: _BITS.get(name, 8))


def _quark(settings: Keys) -> str | None:
    whole = settings.section("global_quant_config")
    weight = whole.section("weight") if whole else None
    if weight is None:
        return None
    kinds = {"fp8_e4m3": "fp8", "fp4": "mxfp4", "int4": "awq", "int8": "int8-w8a8"}
    return kinds.get(weight.text("dtype").lower())
