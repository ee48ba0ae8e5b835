"""Names as people, logs and repositories write them, resolved to catalogue entries."""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from gpucost.catalog import build
from gpucost.catalog.remember import remember
from gpucost.catalog.store import Catalog
from gpucost.domain.cache import CacheFormat
from gpucost.domain.deployment import Version
from gpucost.domain.engine import Engine
from gpucost.domain.hardware import Gpu
from gpucost.domain.model import Model
from gpucost.domain.quantization import Quantization
from gpucost.errors import AmbiguousNameError, UnknownNameError, UsageError
from gpucost.units import gib_to_bytes

MAX_NAME = 300
MOST_NAMES = 1024
"""Names of one kind whose meaning is kept."""
_PUNCTUATION = r"[^a-z0-9.+]+"
_VENDORS = r"\b(nvidia|geforce|tesla|quadro|amd|instinct|radeon|intel|google|aws|habana)\b"
_PARENTHESES = r"\s*\([^()]*\)"
_TOTAL = r"\(([0-9]+(?:\.[0-9]+)?)\s*GiB\)"
_NAMELESS = r"\bnot (named|in the|read|stated)\b|\bunnamed\b"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when first used: compiling all of them would cost more than a typical answer."""
    return re.compile(pattern, re.IGNORECASE)


def squeeze(text: str) -> str:
    """Lower case without punctuation: what names are compared by."""
    return _compiled(_PUNCTUATION).sub("", text.lower())


def nearest(name: str, known: list[str], count: int = 3) -> tuple[str, ...]:
    """Names close to a misspelt one, best first."""
    from difflib import get_close_matches

    by_squeezed = {squeeze(each): each for each in reversed(known)}
    found = get_close_matches(squeeze(name), by_squeezed, n=count, cutoff=0.55)
    return tuple(dict.fromkeys(by_squeezed[each] for each in found))


def several(names: Sequence[str] | str) -> tuple[str, ...]:
    """One name or several as a tuple: a bare text is one name, not its letters."""
    return (names,) if isinstance(names, str) else tuple(names)


def _checked(kind: str, name: str) -> str:
    if not name.strip():
        raise UsageError(f"the {kind} name is empty")
    if len(name) > MAX_NAME:
        raise UsageError(f"the {kind} name is longer than {MAX_NAME} characters")
    return name


class ResolvedGpu(NamedTuple):
    """A card, and what was understood of its name."""

    gpu: Gpu
    notes: tuple[str, ...] = ()
    memory_bytes: int | None = None
    """Device total stated in the name itself, `H100 80GB (79.10 GiB)` [B]."""


def _gpu_key(text: str) -> str:
    return squeeze(_compiled(_VENDORS).sub(" ", text.lower()))


@remember(MOST_NAMES)
def resolve_gpu(catalog: Catalog, name: str) -> ResolvedGpu:
    """The card behind a name. Raises UnknownNameError or AmbiguousNameError with the choices."""
    _checked("GPU", name)
    plain = _compiled(_PARENTHESES).sub("", name)
    if not plain.strip() or _compiled(_NAMELESS).search(plain):
        raise UnknownNameError("GPU", name, reason="the text says that the card is not named")
    total = _compiled(_TOTAL).search(name)
    stated = gib_to_bytes(float(total[1])) if total else None
    for text in dict.fromkeys((name, plain)):
        key = _gpu_key(text)
        for entry in catalog.sections["gpu_names"]:
            row = entry["row"]
            if _gpu_key(row["name"]) == key:
                if "choices" in row:
                    raise AmbiguousNameError("GPU", name, tuple(row["choices"]), row["note"])
                return ResolvedGpu(catalog.gpus[row["gpu"]], (f"{name}: {row['note']}",), stated)
        for gpu in catalog.gpus.values():
            if key in {_gpu_key(each) for each in (gpu.id, gpu.name, *gpu.aliases)}:
                return ResolvedGpu(gpu, (), stated)
    if _compiled(_NAMELESS).search(name):
        raise UnknownNameError("GPU", name, reason="the text says that the card is not named")
    known = [each for gpu in catalog.gpus.values() for each in (gpu.id, gpu.name, *gpu.aliases)]
    starting = sorted(gpu.id for gpu in catalog.gpus.values() if _gpu_key(gpu.id).startswith(_gpu_key(plain)))
    if len(starting) == 1 and len(_gpu_key(plain)) >= 2:
        return ResolvedGpu(catalog.gpus[starting[0]], (f"{name}: read as {starting[0]}",), stated)
    if starting and len(_gpu_key(plain)) >= 2:
        raise AmbiguousNameError("GPU", name, tuple(starting))
    raise UnknownNameError("GPU", name, nearest(plain, known))


class ResolvedModel(NamedTuple):
    """A model, the weight format that its name states, and what was understood."""

    model: Model
    quantization: str | None = None
    notes: tuple[str, ...] = ()


_VARIANT = (
    r"(?:^|[-_. ])(instruct|chat|it|hf|base|bf16|fp16|f16|gguf|preview|exp|unsloth|text|only"
    r"|v\d+(?:\.\d+)?|\d{4}|ud"
    r"|uncensored|abliterated|mix|\d+-node)(?=$|[-_. ])"
)


_FORMAT_WORDS = (
    r"(?:[-_. :](?:fp8|fp4|nvfp4|mxfp4|mxfp8|awq|gptq|bnb|nf4|exl[23]|hqq|qat|autoround|w[48]a(?:4|8|16)"
    r"|int[48]|[248]-?bit|"
    r"dynamic|block|quantized|marlin|modelopt|compressed|tensors|dq|imat|g(?:32|64|128)|(?:32|64|128)g|"
    r"[0-9.]+bpw|i?q[1-8](?:_[0-9a-z]+)*|gguf)(?=$|[-_. :@]))+"
)
"""Words by which checkpoints state their format; what is left names the model."""


def _model_keys(row: dict[str, object]) -> set[str]:
    aliases = row.get("aliases", [])
    names = [
        str(row["id"]),
        str(row["name"]),
        *(str(each) for each in (aliases if isinstance(aliases, list) else [])),
    ]
    keys = set()
    for name in names:
        keys.add(squeeze(name))
        keys.add(squeeze(name.rsplit("/", 1)[-1]))
    return keys


@remember(1)
def _model_index(catalog: Catalog) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for identity, row in catalog.model_rows.items():
        for key in _model_keys(row):
            index.setdefault(key, []).append(identity)
    return index


def _forms(text: str) -> list[str]:
    """Ever shorter readings of a model name: as written, without organisation, without variant words."""
    short = text.strip().rsplit("/", 1)[-1]
    forms = [text, short]
    stripped = short
    while True:
        shorter = _compiled(_VARIANT).sub("", stripped, count=1).strip("-_. ")
        if shorter == stripped or not shorter:
            break
        forms.append(shorter)
        stripped = shorter
    for form in list(forms):
        forms += [f"{form}-Instruct", f"{form}-hf", f"Meta-{form}"]
    return list(dict.fromkeys(forms))


def _lookup(index: dict[str, list[str]], text: str) -> str | None:
    for form in _forms(text):
        found = index.get(squeeze(form))
        if found:
            if len(set(found)) > 1:
                raise AmbiguousNameError("model", text, tuple(sorted(set(found))))
            return found[0]
    return None


@remember(MOST_NAMES)
def resolve_model(catalog: Catalog, name: str) -> ResolvedModel:
    """The model behind a repository id, short id, family and size, or quantised upload.

    Raises UnknownNameError (nearest names) or AmbiguousNameError.
    """
    _checked("model", name)
    plain = _compiled(_PARENTHESES).sub("", name)
    if not plain.strip(" .") or _compiled(_NAMELESS).search(plain):
        raise UnknownNameError("model", name, reason="the text says that the model is not named")
    index = _model_index(catalog)
    exact = index.get(squeeze(name)) or index.get(squeeze(name.rsplit("/", 1)[-1]))
    if exact and len(set(exact)) == 1:
        return ResolvedModel(catalog.model(exact[0]), _format_in_exact(catalog, name, exact[0]))
    stated = format_in_name(catalog, plain.strip().replace(" ", "-"))
    rest = _compiled(_FORMAT_WORDS).sub("", plain)
    for text in dict.fromkeys((plain, rest)):
        identity = _lookup(index, text)
        if identity is not None:
            own = text != rest and squeeze(text.rsplit("/", 1)[-1]) == squeeze(identity.rsplit("/", 1)[-1])
            quantization = None if own else stated
            what = f" in {catalog.quantization_rows[quantization]['name']}" if quantization else ""
            note = f"{name}: read as {identity}{what}"
            return ResolvedModel(catalog.model(identity), quantization, (note,))
    raise UnknownNameError("model", name, nearest(rest.rsplit("/", 1)[-1], _display_names(catalog)))


def _format_in_exact(catalog: Catalog, name: str, identity: str) -> str | None:
    """An alias that is itself a quantised upload states its format; the model's own name does not."""
    if squeeze(name.rsplit("/", 1)[-1]) == squeeze(identity.rsplit("/", 1)[-1]):
        return None
    return format_in_name(catalog, name)


def _display_names(catalog: Catalog) -> list[str]:
    return [
        each
        for identity, row in catalog.model_rows.items()
        for each in (identity, identity.rsplit("/", 1)[-1], row["name"])
    ]


def format_in_name(catalog: Catalog, name: str) -> str | None:
    """Weight format that a checkpoint's name states: the longest match of all formats' patterns."""
    best: tuple[int, str] | None = None
    for identity, row in catalog.quantization_rows.items():
        for pattern in row.get("name_patterns", ()):
            match = _compiled(pattern).search(name)
            if match and (best is None or len(match[0]) > best[0]):
                best = (len(match[0]), identity)
    return None if best is None else best[1]


@remember(MOST_NAMES)
def resolve_quantization(catalog: Catalog, name: str) -> Quantization:
    """A weight format by id, alias or a log's words. Raises UnknownNameError."""
    _checked("quantization", name)
    for text in dict.fromkeys((name, _compiled(_PARENTHESES).sub("", name))):
        if text in catalog.quantization_rows:
            return catalog.quantization(text)
        key = squeeze(text)
        for identity, row in catalog.quantization_rows.items():
            if key in {squeeze(each) for each in (identity, row["name"], *row.get("aliases", ()))}:
                return catalog.quantization(identity)
    stated = format_in_name(catalog, "x-" + name)
    if stated is not None:
        return catalog.quantization(stated)
    known = [
        each
        for identity, row in catalog.quantization_rows.items()
        for each in (identity, *row.get("aliases", ()))
    ]
    raise UnknownNameError("quantization", name, nearest(name, known))


@remember(MOST_NAMES)
def resolve_engine(catalog: Catalog, name: str) -> Engine:
    """An engine by id or alias. Raises UnknownNameError."""
    _checked("engine", name)
    key = squeeze(name)
    for identity, row in catalog.engine_rows.items():
        if key in {squeeze(each) for each in (identity, row["name"], *row.get("aliases", ()))}:
            return catalog.engine(identity)
    known = [
        each for identity, row in catalog.engine_rows.items() for each in (identity, *row.get("aliases", ()))
    ]
    raise UnknownNameError("engine", name, nearest(name, known))


_VERSION = r"(?<![0-9.])v?(\d+)\.(\d+)(?:\.|[^0-9]|$)"
_BARE_V0 = r"\b(?-i:V0)\b(?!\.)"
_BARE_V1 = r"\b(?-i:V1)\b(?!\.)"


class ResolvedVersion(NamedTuple):
    """An engine version, whether vLLM's first-generation core runs, and what was assumed."""

    version: Version
    v0: bool
    notes: tuple[str, ...] = ()


def resolve_version(engine: Engine, text: str | None) -> ResolvedVersion:
    """MAJOR.MINOR from `0.11`, a log's build string or words such as `V0 (0.8.5 era)`.

    Without a number the newest known version counts (the newest V0 release where V0 is said). vLLM's
    second-generation core (V1) is the default from 0.8.
    """
    if text is None:
        return ResolvedVersion(engine.latest, v0=False)
    _checked("engine version", text)
    found = _compiled(_VERSION).search(text)
    said_v0 = bool(_compiled(_BARE_V0).search(text))
    if found is None:
        if said_v0:
            return ResolvedVersion(
                Version(0, 8), v0=True, notes=(f"{text}: read as {engine.name} 0.8 with the V0 core",)
            )
        if re.fullmatch(r"\s*v?\d+\s*", text) and not re.fullmatch(r"\s*20\d\d\s*", text):
            raise UsageError(f"engine version {text!r}: write MAJOR.MINOR, such as {engine.latest}")
        return ResolvedVersion(
            engine.latest,
            v0=False,
            notes=(f"{text}: no version number, taken as {engine.name} {engine.latest}",),
        )
    version = build.version(f"{found[1]}.{found[2]}") or engine.latest
    if engine.id == "vllm" and version == Version(0, 1) and "dev" in text:
        return ResolvedVersion(
            engine.latest, v0=False, notes=(f"{text}: a nightly build, taken as {engine.latest}",)
        )
    notes: tuple[str, ...] = ()
    if version > engine.latest:
        notes = (
            f"{engine.name} {version} is newer than the catalogue; the rules of {engine.latest} are used",
        )
    v0 = engine.id == "vllm" and (
        said_v0 or (version < Version(0, 8) and not _compiled(_BARE_V1).search(text))
    )
    return ResolvedVersion(version, v0=v0, notes=notes)


CACHE_FORMATS = {
    "bf16": CacheFormat("bf16", 16, 16),
    "fp32": CacheFormat("fp32", 32, 32),
    "fp8": CacheFormat("fp8", 8, 8),
    "int8": CacheFormat("int8", 8, 8),
    "int4": CacheFormat("int4", 4, 4),
    "nvfp4": CacheFormat("nvfp4", 4.5, 4.5),
    "q8_0": CacheFormat("q8_0", 8.5, 8.5),
    "q5_1": CacheFormat("q5_1", 6, 6),
    "q5_0": CacheFormat("q5_0", 5.5, 5.5),
    "q4_1": CacheFormat("q4_1", 5, 5),
    "q4_0": CacheFormat("q4_0", 4.5, 4.5),
    "iq4_nl": CacheFormat("iq4_nl", 4.5, 4.5),
}
"""Bits per cached value with scales: nvfp4 72 B per 128 values, GGML blocks of 32 with 16-bit scales."""
_CACHE_ALIASES = {
    "auto": "bf16",
    "fp16": "bf16",
    "f16": "bf16",
    "float16": "bf16",
    "bfloat16": "bf16",
    "half": "bf16",
    "float32": "fp32",
    "fp8e4m3": "fp8",
    "fp8e5m2": "fp8",
    "fp8ds": "fp8",
    "fp4": "nvfp4",
    "q80": "q8_0",
    "q51": "q5_1",
    "q50": "q5_0",
    "q41": "q4_1",
    "q40": "q4_0",
    "iq4nl": "iq4_nl",
}


def resolve_cache_format(name: str) -> CacheFormat:
    """A KV-cache format: `auto`, `fp8`, `q8_0`, or keys and values apart, `K q8_0 / V q4_0`."""
    _checked("KV dtype", name)
    split = re.fullmatch(r"\s*K\s*[:=]?\s*(\S+)\s*[/,]\s*V\s*[:=]?\s*(\S+)\s*", name, re.IGNORECASE)
    if split:
        keys, values = resolve_cache_format(split[1]), resolve_cache_format(split[2])
        return CacheFormat(f"k-{keys.id}-v-{values.id}", keys.key_bits, values.value_bits)
    key = squeeze(name)
    found = _CACHE_ALIASES.get(key, name.strip().lower())
    if found in CACHE_FORMATS:
        return CACHE_FORMATS[found]
    raise UnknownNameError("KV dtype", name, nearest(name, list(CACHE_FORMATS)) or ("auto", *CACHE_FORMATS))
