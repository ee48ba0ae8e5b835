"""A model from the `config.json` of a Hugging Face repository.

Only the numbers are read: code that a repository brings along (`auto_map`) is never run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpucost.domain.model import DenseMlp, Mixer, Mlp, Model
from gpucost.io.hf_attention import FULL, STATE_SPACE, max_context, mixers
from gpucost.io.hf_families import FAMILIES, NESTED_DEFAULTS, Family, family_of
from gpucost.io.hf_keys import MAX_LAYERS, Keys
from gpucost.io.hf_mlp import mlps
from gpucost.io.hf_quantization import native_quantization
from gpucost.io.hf_vision import vision_tower
from gpucost.io.json_safe import load_json_object, shown
from gpucost.io.model_file import ModelFile
from gpucost.units import BILLION

_TEXT_SECTIONS = ("text_config", "llm_config", "language_config", "thinker_config")
_PATTERN = {"M": "mamba", "*": "attention", "E": "moe", "-": "mlp"}
_BLOCKS = {"mamba": "M", "attention": "*", "moe": "E", "mlp": "-"}
_UNREAD = {
    "block_configs": "block_configs gives each layer a shape of its own",
    "compress_ratios": "compressed attention (compress_ratios)",
    "attn_type_list": "linear attention (attn_type_list)",
    "sparse_attention_config": "the selector of sparse attention (sparse_attention_config)",
    "altup_num_inputs": "alternating updates (altup_num_inputs)",
    "block_types": "recurrent blocks (block_types)",
    "o_lora_rank": "a factored output projection (o_lora_rank)",
    "encoder_layers": "an encoder (encoder_layers)",
}
_SNAPSHOT = re.compile(r"models--(.+)/snapshots/[0-9a-f]+/[^/]+\Z")


def read_config(path: Path) -> ModelFile:
    """The model that a config.json describes, without its weights."""
    data = load_json_object(path)
    model = model_from_config(data, name=name_of(path), source=str(path))
    return ModelFile(
        model=model,
        quantization=model.native_quantization,
        notes=model.notes,
        files=(str(path),),
    )


def name_of(path: Path) -> str:
    """What to call the model of a file: its repository in a hub cache, else its folder."""
    cached = _SNAPSHOT.search(path.absolute().as_posix())
    name = cached.group(1).replace("--", "/") if cached else path.absolute().parent.name
    return "".join(letter if letter.isprintable() else "_" for letter in name) or "model"


def model_from_config(data: Mapping[str, Any], *, name: str, source: str) -> Model:
    """The architecture that the keys of a config.json describe.

    Raises DataError with every missing or wrong key, a line each (`source: field: what to do`).
    """
    outer = Keys(data, source)
    text, model_type = _text_config(outer)
    known = family_of(model_type)
    if known is None:
        outer.note(
            f"the architecture {shown(model_type or 'without a model_type')} is not known; read as Llama-like"
        )
    if any(item.has("auto_map") for item in (outer, text)) or "trust_remote_code" in data:
        outer.note(
            "the repository brings code of its own (auto_map); it is not run, only the numbers are read"
        )
    family = _adjusted(known or Family(), text, model_type)
    for key, words in _UNREAD.items():
        if text.has(key):
            text.unread(words)
    hidden = text.need("hidden_size", "n_embd", "d_model")
    layers, mixing, feeding = _layers(text, family, model_type)
    _per_layer_embeddings(text, model_type, hidden, layers)
    vision = outer.section("vision_config", "vision_encoder")
    tower = vision_tower(vision, outer, hidden) if vision is not None and vision.data else None
    if outer.has("audio_config"):
        text.unread("an audio encoder (audio_config)")
    tied = outer if outer.has("tie_word_embeddings") else text
    model = Model(
        id=name,
        name=name,
        family=(model_type or "unknown").removesuffix("_text").replace("_", "-"),
        hidden_size=hidden,
        vocab_size=text.need("vocab_size", "padded_vocab_size"),
        layers=layers,
        mixers=mixing,
        mlps=feeding,
        tied_embeddings=tied.flag("tie_word_embeddings", default=family.tied),
        max_context=max_context(text),
        native_quantization=native_quantization(outer, text),
        vision=tower,
        mtp_layers=_mtp_layers(text),
        norms_per_layer=family.norms,
        incomplete=_incomplete(text),
        sources=(source,),
    )
    outer.raise_faults()
    return _with_notes(model, outer)


def _with_notes(model: Model, keys: Keys) -> Model:
    notes = list(keys.notes)
    if model.incomplete:
        notes.append(f"not described: {model.incomplete}; sizes are too small or too large by that")
    return model._replace(notes=tuple(notes))


def _incomplete(keys: Keys) -> str:
    return "; ".join(keys.incomplete)


def _text_config(outer: Keys) -> tuple[Keys, str]:
    """The keys of the language model, with class defaults below nested ones, and its type."""
    inner = outer.section(*_TEXT_SECTIONS)
    if inner is not None and inner.has("text_config"):  # thinker_config of omni models
        inner = inner.section("text_config")
    if inner is None or not inner.data:
        return outer, _model_type(outer)
    model_type = _model_type(inner) or _model_type(outer)
    defaults = NESTED_DEFAULTS.get(model_type, {})
    used = [name for name in defaults if name not in inner.data]
    if used:
        outer.note(
            f"{inner.prefix.rstrip('.')}: {', '.join(used)} not given; the defaults of {model_type} count"
        )
    # Older wrappers keep some of the language model's keys at the top.
    above = {key: outer.data[key] for key in ("vocab_size",) if key in outer.data and not inner.has(key)}
    data = {**defaults, **above, **inner.data}
    return Keys(data, inner.source, inner.prefix, inner), model_type


def _model_type(keys: Keys) -> str:
    given = keys.text("model_type")
    if given:
        return given[:80]
    listed = keys.items("architectures") or []
    name = listed[0] if listed and isinstance(listed[0], str) else ""
    stem = re.sub(r"(ForCausalLM|ForConditionalGeneration|LMHeadModel|Model)\Z", "", name).lower()
    plain = {key.replace("_", ""): key for key in FAMILIES}
    return plain.get(stem, stem)[:80]


def _adjusted(family: Family, keys: Keys, model_type: str) -> Family:
    """The family with what a few types decide by other keys."""
    if model_type == "falcon":
        parallel = keys.flag("parallel_attn", default=True)
        two = keys.flag("new_decoder_architecture") and keys.whole("num_ln_in_parallel_attn") != 1
        return replace(family, norms=2 if parallel and not two else 4)
    if model_type == "starcoder2":
        return replace(family, mlp_bias=keys.flag("use_bias", default=True))
    if model_type.startswith("gemma4") and keys.flag("enable_moe_block"):
        return replace(family, norms=7)
    return family


def _layers(keys: Keys, family: Family, model_type: str) -> tuple[int, tuple[Mixer, ...], tuple[Mlp, ...]]:
    pattern = _block_pattern(keys, model_type)
    if pattern:
        return _patterned(keys, family, model_type, pattern)
    layers = keys.need("num_hidden_layers", "n_layer", "n_layers", "num_layers", maximum=MAX_LAYERS)
    return layers, mixers(keys, family, model_type, layers), mlps(keys, family, model_type, layers)


def _block_pattern(keys: Keys, model_type: str) -> str:
    """One letter per layer where a layer is either a mixer or an MLP (Nemotron-H): M, *, E, -."""
    text = keys.text("hybrid_override_pattern", "hybrid_layer_pattern").replace("|", "")
    if not text and model_type == "nemotron_h":
        items = keys.items("layers_block_type") or []
        text = "".join(_BLOCKS.get(item, "?") if isinstance(item, str) else "?" for item in items)
    if not text:
        return ""
    wrong = sorted(set(text) - set(_PATTERN))
    if wrong or len(text) > MAX_LAYERS:
        keys.fault("hybrid_override_pattern", f"may hold M, *, E and - only, not {shown(''.join(wrong))}")
        return ""
    return text


def _patterned(
    keys: Keys, family: Family, model_type: str, pattern: str
) -> tuple[int, tuple[Mixer, ...], tuple[Mlp, ...]]:
    counts = Counter(pattern)
    given = keys.whole("num_hidden_layers", maximum=MAX_LAYERS)
    if given is not None and given != len(pattern):
        keys.fault(
            "hybrid_override_pattern", f"has {len(pattern)} letters for {given} layers; write one for each"
        )
    mixing: list[Mixer] = []
    feeding: list[Mlp] = []
    for letter, kind in (("*", FULL), ("M", STATE_SPACE)):
        if counts[letter]:
            names = ["mamba" if kind == STATE_SPACE else "full_attention"] * counts[letter]
            part = Keys({**keys.data, "layer_types": names}, keys.source, keys.prefix, keys)
            mixing += mixers(part, family, model_type, counts[letter])
    if counts["-"]:
        size = keys.need("intermediate_size")
        feeding.append(DenseMlp(layers=counts["-"], intermediate_size=size, gated=family.gated))
    if counts["E"]:
        feeding += mlps(keys, family, model_type, counts["E"])
    return len(pattern), tuple(mixing), tuple(feeding)


def _mtp_layers(keys: Keys) -> int:
    names = ("num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_layers", "num_mtp_modules")
    if keys.data.get("use_mtp") is False:
        return 0
    return keys.whole(*names, minimum=0, maximum=MAX_LAYERS) or 0


def _per_layer_embeddings(keys: Keys, model_type: str, hidden: int, layers: int) -> None:
    """Say what the tables of Gemma 3n and Gemma 4 E models add, which no layer group describes."""
    width = keys.whole("hidden_size_per_layer_input", minimum=0) or 0
    if not width or not model_type.startswith(("gemma3n", "gemma4")):
        return
    rows = keys.whole("vocab_size_per_layer_input") or keys.need("vocab_size")
    extra = rows * layers * width + hidden * layers * width + 2 * layers * hidden * width
    keys.unread(f"per-layer embeddings of {extra / BILLION:.2f} B parameters")
