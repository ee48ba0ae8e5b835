"""What a path on disk says about a model: a folder of a repository, or one of its files."""

from __future__ import annotations

from pathlib import Path

from gpucost.errors import DataError
from gpucost.io.gguf import is_later_split, read_gguf
from gpucost.io.hf_config import read_config
from gpucost.io.model_file import ModelFile
from gpucost.io.safetensors import INDEX_NAME, StoredWeights, read_files, read_indexed

MAX_FILES = 20_000
_SKIPPED = ("consolidated", "adapter_", "optimizer", "training_args")
_EIGHT_BIT = frozenset({"F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "I32", "F4"})
_WIDE = frozenset({"bf16", "fp16", "fp32"})


def read_model_path(path: Path) -> ModelFile:
    """The model of a config.json, a .gguf file, an index or weight file in a folder, or a folder.

    Raises DataError with what to give instead.
    """
    if path.is_dir():
        return _read_folder(path)
    suffix = path.suffix.lower()
    if suffix == ".gguf":
        return read_gguf(path)
    if suffix == ".safetensors" or path.name.endswith(".safetensors.index.json"):
        if path.is_file() and not (path.parent / "config.json").is_file():
            raise DataError(
                f"{path}: weights alone do not describe a model; give the folder that has config.json too"
            )
        raise DataError(f"{path}: one file of several; give the folder {path.parent}")
    if suffix == ".json":
        return read_config(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    raise DataError(f"{path}: not known; give a folder, a config.json or a .gguf file")


def _read_folder(folder: Path) -> ModelFile:
    names = _names(folder)
    ggufs = [name for name in names if name.lower().endswith(".gguf") and not is_later_split(Path(name))]
    ggufs = [name for name in ggufs if not name.lower().startswith("mmproj")]
    if "config.json" not in names:
        return _without_config(folder, names, ggufs)
    described = read_config(folder / "config.json")
    layers = described.model.layers if described.model else None
    stored = _stored(folder, names, layers)
    if stored is not None:
        return _with_weights(described, stored)
    if len(ggufs) == 1:
        weights = read_gguf(folder / ggufs[0])
        return weights._replace(
            model=described.model,
            notes=(*described.notes, *weights.notes),
            files=(*described.files, *weights.files),
        )
    if ggufs:
        note = f"{len(ggufs)} GGUF files are in the folder; give the path of one for its exact size"
        return described._replace(notes=(*described.notes, note))
    return described


def _names(folder: Path) -> list[str]:
    names: list[str] = []
    try:
        for item in folder.iterdir():
            names.append(item.name)
            if len(names) > MAX_FILES:
                raise DataError(f"{folder}: more than {MAX_FILES:,} files; give the model's own folder")
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from None
    return sorted(names)


def _without_config(folder: Path, names: list[str], ggufs: list[str]) -> ModelFile:
    if len(ggufs) == 1:
        return read_gguf(folder / ggufs[0])
    if ggufs:
        listed = ", ".join(ggufs[:8])
        raise DataError(f"{folder}: several GGUF files; give the path of one of: {listed}")
    if "adapter_config.json" in names:
        raise DataError(f"{folder}: an adapter (adapter_config.json); give the folder of its base model")
    if "params.json" in names:
        raise DataError(f"{folder}: the original format (params.json); give the repository with config.json")
    raise DataError(f"{folder}: no config.json and no .gguf file; give the folder of a model")


def _stored(folder: Path, names: list[str], layers: int | None) -> StoredWeights | None:
    if INDEX_NAME in names:
        return read_indexed(folder / INDEX_NAME, layers=layers)
    files = [name for name in names if name.endswith(".safetensors") and not name.startswith(_SKIPPED)]
    if "model.safetensors" in files:
        files = ["model.safetensors"]
    if not files:
        return None
    return read_files([folder / name for name in files], layers=layers)


def _with_weights(described: ModelFile, stored: StoredWeights) -> ModelFile:
    notes = [*described.notes, *stored.notes]
    small = sum(size for dtype, size in stored.bytes_by_dtype.items() if dtype in _EIGHT_BIT)
    if described.quantization in _WIDE and small > stored.weights_bytes // 2:
        notes.append(
            f"config.json states no quantisation ({described.quantization}), but most weights are stored in "
            "fewer bits; the exact size counts, name the format for the rest"
        )
    return ModelFile(
        model=described.model,
        weights_bytes=stored.weights_bytes,
        weights_by_part=stored.weights_by_part,
        quantization=described.quantization,
        notes=tuple(notes),
        files=(*described.files, *stored.files),
    )
