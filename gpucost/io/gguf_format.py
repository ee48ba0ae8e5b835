"""The GGUF container: metadata and tensor list of one file, read without its large arrays or its data.

A file starts with a magic, a version, two counts and the metadata pairs; the tensor list follows, then
the data, aligned. Versions 2 and 3 differ in nothing that is read here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

from gpucost.errors import DataError
from gpucost.io.json_safe import open_size, shown

MAGIC = b"GGUF"
MAX_PAIRS = 65_536
MAX_TENSORS = 262_144
MAX_KEY = 65_535
MAX_TEXT = 1_048_576
MAX_KEPT_ITEMS = 4096
MAX_KEPT_BYTES = 2**26
"""Of all texts and short arrays together."""
MAX_WALKED_ITEMS = 4_000_000
"""Strings and inner arrays of all arrays together, which have to be stepped over one by one."""
MAX_DIMENSIONS = 4
MAX_ARRAY_DEPTH = 4

Value = int | float | bool | str | tuple[int | float | bool, ...]

_TEXT_TYPE, _ARRAY_TYPE, _BOOL_TYPE = 8, 9, 7
_FORMATS: Mapping[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_SIZES = {code: struct.calcsize(form) for code, form in _FORMATS.items()}

BLOCKS: Mapping[int, tuple[str, int, int]] = {
    0: ("f32", 1, 4), 1: ("f16", 1, 2), 2: ("q4_0", 32, 18), 3: ("q4_1", 32, 20),
    6: ("q5_0", 32, 22), 7: ("q5_1", 32, 24), 8: ("q8_0", 32, 34), 9: ("q8_1", 32, 36),
    10: ("q2_k", 256, 84), 11: ("q3_k", 256, 110), 12: ("q4_k", 256, 144), 13: ("q5_k", 256, 176),
    14: ("q6_k", 256, 210), 15: ("q8_k", 256, 292), 16: ("iq2_xxs", 256, 66), 17: ("iq2_xs", 256, 74),
    18: ("iq3_xxs", 256, 98), 19: ("iq1_s", 256, 50), 20: ("iq4_nl", 32, 18), 21: ("iq3_s", 256, 110),
    22: ("iq2_s", 256, 82), 23: ("iq4_xs", 256, 136), 24: ("i8", 1, 1), 25: ("i16", 1, 2),
    26: ("i32", 1, 4), 27: ("i64", 1, 8), 28: ("f64", 1, 8), 29: ("iq1_m", 256, 56),
    30: ("bf16", 1, 2), 34: ("tq1_0", 256, 54), 35: ("tq2_0", 256, 66), 39: ("mxfp4", 32, 17),
    40: ("nvfp4", 64, 36),
}  # fmt: skip
"""ggml type → name, weights per block, bytes per block [B]."""


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor: dimensions run from the fastest (inputs) to the slowest."""

    name: str
    type_name: str
    dimensions: tuple[int, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class GgufContent:
    """Metadata and tensors of one file."""

    path: Path
    metadata: Mapping[str, Value]
    lengths: Mapping[str, int]
    """Items of every array, also of those that are not kept."""
    tensors: tuple[GgufTensor, ...]


class _Reader:
    """Reads forward within the file's size; every length is checked before it is used."""

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self.file, self.path, self.size, self.at = file, path, size, 0
        self.walked = self.kept = 0

    def fault(self, text: str) -> DataError:
        return DataError(f"{self.path}: byte {self.at:,}: {text}")

    def claim(self, length: int, what: str) -> None:
        if length < 0 or self.at + length > self.size:
            raise self.fault(
                f"{what} would end {self.at + length - self.size:,} bytes after the file; it is cut off"
            )

    def take(self, length: int, what: str) -> bytes:
        self.claim(length, what)
        data = self.file.read(length)
        if len(data) < length:
            raise self.fault(f"{what} is cut off")
        self.at += length
        return data

    def skip(self, length: int, what: str) -> None:
        self.claim(length, what)
        self.file.seek(length, 1)
        self.at += length

    def number(self, code: int, what: str) -> int | float | bool:
        value: int | float | bool = struct.unpack(_FORMATS[code], self.take(_SIZES[code], what))[0]
        return value

    def count(self, code: int, what: str) -> int:
        return int(self.number(code, what))

    def text(self, limit: int, what: str) -> str:
        length = self.count(10, what)
        if length > limit:
            raise self.fault(f"{what} of {length:,} bytes; at most {limit:,} are read")
        self.keep(length)
        return self.take(length, what).decode("utf-8", "replace")

    def keep(self, length: int) -> None:
        self.kept += length
        if self.kept > MAX_KEPT_BYTES:
            raise self.fault(f"metadata of more than {MAX_KEPT_BYTES:,} bytes; the file is damaged")

    def walk(self, items: int) -> None:
        self.walked += items
        if self.walked > MAX_WALKED_ITEMS:
            raise self.fault(f"arrays of more than {MAX_WALKED_ITEMS:,} texts; is it a language model?")


def read_content(path: Path) -> GgufContent:
    """Metadata and tensors of a GGUF file. Raises DataError for anything that does not fit the file."""
    size = open_size(path)
    try:
        with path.open("rb") as file:
            return _content(_Reader(file, path, size))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def _content(read: _Reader) -> GgufContent:
    if read.size < 24 or read.take(4, "the magic") != MAGIC:
        raise DataError(f"{read.path}: not a GGUF file")
    version = read.count(4, "the version")
    if version not in (2, 3):
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        reason = "big-endian" if swapped in (2, 3) else f"version {version:,}"
        raise DataError(f"{read.path}: GGUF {reason} is not read; convert the model with a current llama.cpp")
    tensor_count, pair_count = read.count(10, "the tensor count"), read.count(10, "the metadata count")
    if tensor_count > MAX_TENSORS or pair_count > MAX_PAIRS:
        raise read.fault(f"{tensor_count:,} tensors and {pair_count:,} metadata pairs; the file is damaged")
    metadata: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(pair_count):
        key = read.text(MAX_KEY, "a metadata key")
        if key in metadata or key in lengths:
            raise read.fault(f"{shown(key)} stands twice; the file is damaged")
        _pair(read, key, metadata, lengths)
    tensors = _tensors(read, tensor_count, metadata.get("general.alignment", 32))
    return GgufContent(read.path, metadata, lengths, tensors)


def _pair(read: _Reader, key: str, metadata: dict[str, Value], lengths: dict[str, int]) -> None:
    code = read.count(4, f"the type of {shown(key)}")
    if code == _ARRAY_TYPE:
        lengths[key] = _array(read, key, metadata, 1)
    elif code == _TEXT_TYPE:
        metadata[key] = read.text(MAX_TEXT, shown(key))
    elif code in _FORMATS:
        metadata[key] = read.number(code, shown(key))
    else:
        raise read.fault(f"{shown(key)} has the unknown type {code:,}; the file is damaged")


def _array(read: _Reader, key: str, metadata: dict[str, Value], depth: int) -> int:
    """Step over an array, keeping short ones of numbers; gives its length."""
    what = shown(key)
    code, items = read.count(4, what), read.count(10, what)
    if code in _FORMATS:
        length = items * _SIZES[code]
        if depth > 1 or items > MAX_KEPT_ITEMS:
            read.skip(length, what)
        else:
            read.keep(length)
            form = f"<{items}{_FORMATS[code][1]}"
            metadata[key] = struct.unpack(form, read.take(length, what))
        return items
    if code == _TEXT_TYPE:
        read.claim(8 * items, what)
        read.walk(items)
        for _ in range(items):
            read.skip(read.count(10, what), what)
        return items
    if code == _ARRAY_TYPE and depth < MAX_ARRAY_DEPTH:
        read.claim(12 * items, what)
        read.walk(items)
        for _ in range(items):
            _array(read, key, metadata, depth + 1)
        return items
    if code == _ARRAY_TYPE:
        raise read.fault(f"{what} nests arrays deeper than {MAX_ARRAY_DEPTH} levels")
    raise read.fault(f"{what} has items of the unknown type {code:,}; the file is damaged")


def _tensors(read: _Reader, count: int, alignment: Value) -> tuple[GgufTensor, ...]:
    if not isinstance(alignment, int) or isinstance(alignment, bool) or not 0 < alignment <= 2**20:
        raise read.fault(f"general.alignment {shown(alignment)} is not usable; the file is damaged")
    out: list[GgufTensor] = []
    spans: list[tuple[int, int, str]] = []
    seen: set[str] = set()
    for _ in range(count):
        tensor, offset = _tensor(read)
        if tensor.name in seen:
            raise read.fault(f"tensor {shown(tensor.name)} stands twice; the file is damaged")
        if offset % alignment:
            raise read.fault(
                f"tensor {shown(tensor.name)} is not aligned to {alignment:,} bytes; the file is damaged"
            )
        seen.add(tensor.name)
        out.append(tensor)
        spans.append((offset, offset + tensor.size_bytes, tensor.name))
    start = -(-read.at // alignment) * alignment
    end = 0
    for begin, after, name in sorted(spans):
        if begin < end:
            raise read.fault(f"tensor {shown(name)} overlaps another; the file is damaged")
        end = after
    if spans and start + end > read.size:
        raise DataError(
            f"{read.path}: cut off: {read.size:,} of {start + end:,} bytes are there; download it again"
        )
    return tuple(out)


def _tensor(read: _Reader) -> tuple[GgufTensor, int]:
    name = read.text(MAX_KEY, "a tensor name")
    dimensions_count = read.count(4, f"tensor {shown(name)}")
    if dimensions_count > MAX_DIMENSIONS:
        raise read.fault(f"tensor {shown(name)} has {dimensions_count:,} dimensions; the file is damaged")
    dimensions = tuple(read.count(10, f"tensor {shown(name)}") for _ in range(dimensions_count))
    code, offset = read.count(4, f"tensor {shown(name)}"), read.count(10, f"tensor {shown(name)}")
    if code not in BLOCKS:
        raise read.fault(f"tensor {shown(name)} has the type {code:,}, which is not known")
    type_name, block, block_bytes = BLOCKS[code]
    elements = prod(dimensions)
    if elements % block or (dimensions and dimensions[0] % block):
        raise read.fault(f"tensor {shown(name)}: {elements:,} weights do not fill blocks of {block}")
    return GgufTensor(name, type_name, dimensions, elements // block * block_bytes), offset
