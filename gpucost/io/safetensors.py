"""Sizes from safetensors headers and index files; tensor data is never read.

A file is eight bytes with the length of a JSON header (little endian), the header, and the data. The
header gives each tensor's type, shape and place in the data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpucost.errors import DataError
from gpucost.io.json_safe import MAX_INDEX_BYTES, load_json_object, open_size, parse_json, shown
from gpucost.io.tensor_parts import part_of
from gpucost.units import BITS_PER_BYTE

INDEX_NAME = "model.safetensors.index.json"
MAX_HEADER_BYTES = 100_000_000  # the limit of the format's own library
MAX_SHARDS = 10_000
MAX_TENSORS = 300_000
"""In one file."""
_LENGTH_BYTES = 8
_MAX_DIMENSIONS = 64
_MAX_ELEMENTS = 2**63
_BITS: Mapping[str, int] = {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64,
    "F32": 32, "I32": 32, "U32": 32,
    "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I8": 8, "U8": 8, "BOOL": 8,
    "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
_SHARD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,254}\.safetensors\Z")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def size_bytes(self) -> int:
        """Size of the data [B]."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """What headers or an index say of all weights together."""

    weights_bytes: int
    weights_by_part: Mapping[str, int]
    """Bytes [B] by part; empty where only an index was there."""
    bytes_by_dtype: Mapping[str, int]
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_header(path: Path) -> tuple[StoredTensor, ...]:
    """The tensors of one safetensors file.

    Raises DataError for a header that is too long, malformed, or does not fit the file.
    """
    size = open_size(path)
    try:
        with path.open("rb") as file:
            prefix = file.read(_LENGTH_BYTES)
            if len(prefix) < _LENGTH_BYTES:
                raise DataError(f"{path}: only {len(prefix)} bytes; not a safetensors file")
            length = int.from_bytes(prefix, "little")
            if length > min(MAX_HEADER_BYTES, size - _LENGTH_BYTES):
                raise DataError(
                    f"{path}: the header would have {length:,} bytes in a file of {size:,}; "
                    "not a safetensors file, or cut off: download it again"
                )
            header = file.read(length)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    if len(header) < length:
        raise DataError(f"{path}: cut off within the header; download it again")
    data = parse_json(header.rstrip(b" \0"), f"{path} (header)")
    if not isinstance(data, dict):
        raise DataError(f"{path}: the header is not a JSON object; not a safetensors file")
    if len(data) > MAX_TENSORS:
        raise DataError(f"{path}: more than {MAX_TENSORS:,} tensors in one file; is it the right file?")
    tensors = tuple(_tensor(path, name, entry) for name, entry in data.items() if name != "__metadata__")
    _check_layout(path, tensors, size - _LENGTH_BYTES - length)
    return tensors


def _tensor(path: Path, name: str, entry: Any) -> StoredTensor:
    def wrong(what: str) -> DataError:
        return DataError(f"{path}: tensor {shown(name)}: {what}; the file is damaged, download it again")

    if not isinstance(entry, dict):
        raise wrong("its entry is not an object")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or len(dtype) > 32:
        raise wrong("no dtype")
    if not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS or not all(_whole(item) for item in shape):
        raise wrong("its shape is not a list of whole numbers")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_whole(item) for item in offsets):
        raise wrong("data_offsets are not two whole numbers")
    begin, end = offsets
    if begin > end:
        raise wrong("data_offsets run backwards")
    elements = 1
    for item in shape:
        elements *= item
        if elements > _MAX_ELEMENTS:
            raise wrong("its shape is too large")
    bits = _BITS.get(dtype)
    if bits is not None and (end - begin) * BITS_PER_BYTE != _round_up(elements * bits):
        raise wrong(f"{end - begin:,} bytes do not hold {elements:,} elements of {dtype}")
    return StoredTensor(name, dtype, tuple(shape), begin, end)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_ELEMENTS


def _round_up(bits: int) -> int:
    return -(-bits // BITS_PER_BYTE) * BITS_PER_BYTE


def _check_layout(path: Path, tensors: tuple[StoredTensor, ...], data_bytes: int) -> None:
    at = 0
    for tensor in sorted(tensors, key=lambda item: (item.begin, item.end)):
        if tensor.begin < at:
            raise DataError(f"{path}: tensor {shown(tensor.name)} overlaps another; the file is damaged")
        at = tensor.end
    if at > data_bytes:
        raise DataError(
            f"{path}: cut off: {data_bytes:,} of {at:,} bytes of weights are there; download it again"
        )


def summarize(
    headers: Iterable[tuple[Path, tuple[StoredTensor, ...]]], *, layers: int | None = None
) -> StoredWeights:
    """Bytes by part and by type over several files, none of whose tensors may share a name."""
    parts: Counter[str] = Counter()
    dtypes: Counter[str] = Counter()
    files: list[str] = []
    seen: dict[str, Path] = {}
    for path, tensors in headers:
        files.append(str(path))
        for tensor in tensors:
            if tensor.name in seen:
                raise DataError(
                    f"{path}: tensor {shown(tensor.name)} is in {seen[tensor.name].name} as well; "
                    f"leave the files of one model in the folder, or add {INDEX_NAME}"
                )
            seen[tensor.name] = path
            parts[part_of(tensor.name, layers=layers)] += tensor.size_bytes
            dtypes[tensor.dtype] += tensor.size_bytes
    return StoredWeights(sum(dtypes.values()), dict(parts), dict(dtypes), tuple(files))


def read_index(path: Path) -> tuple[int | None, dict[str, str]]:
    """`total_size` [B], if given, and the shard of each tensor, of an index file."""
    data = load_json_object(path, max_bytes=MAX_INDEX_BYTES)
    faults: list[str] = []
    weight_map = data.get("weight_map")
    shards: dict[str, str] = {}
    if not isinstance(weight_map, dict) or not weight_map:
        faults.append(f"{path}: weight_map: missing; it must map each tensor to its file")
    else:
        wrong = [
            file for file in weight_map.values() if not (isinstance(file, str) and _SHARD_NAME.match(file))
        ]
        if wrong:
            faults.append(
                f"{path}: weight_map: {shown(wrong[0])} is not the plain name of a .safetensors file"
            )
        else:
            shards = weight_map
            if len(set(shards.values())) > MAX_SHARDS:
                faults.append(f"{path}: weight_map: more than {MAX_SHARDS:,} files; is it the right index?")
    metadata = data.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    if isinstance(total, float) and total.is_integer():
        total = int(total)
    if total is not None and (not _whole(total) or total == 0):
        faults.append(f"{path}: metadata.total_size: write the bytes as a whole number, not {shown(total)}")
    if faults:
        raise DataError("\n".join(faults))
    return total, shards


def read_indexed(index: Path, *, layers: int | None = None) -> StoredWeights | None:
    """Sizes of the weights that an index lists; None where neither a total nor all files are there.

    The headers count where all shards are there: `total_size` is wrong in some repositories.
    """
    total, weight_map = read_index(index)
    names = sorted(set(weight_map.values()))
    here = [name for name in names if (index.parent / name).is_file()]
    if len(here) == len(names):
        found = summarize(
            [(index.parent / name, read_header(index.parent / name)) for name in names], layers=layers
        )
        notes = []
        if total is not None and total != found.weights_bytes:
            notes.append(f"{index.name} states {total:,} bytes, but its files hold {found.weights_bytes:,}")
        return StoredWeights(
            found.weights_bytes,
            found.weights_by_part,
            found.bytes_by_dtype,
            (str(index), *found.files),
            tuple(notes),
        )
    if total is None:
        return None
    notes = []
    if here:
        notes.append(
            f"{len(names) - len(here)} of {len(names)} weight files are missing; the index's total counts"
        )
    return StoredWeights(total, {}, {}, (str(index),), tuple(notes))


def read_files(paths: Iterable[Path], *, layers: int | None = None) -> StoredWeights:
    """Sizes of the weights in some safetensors files without an index."""
    return summarize([(path, read_header(path)) for path in paths], layers=layers)
