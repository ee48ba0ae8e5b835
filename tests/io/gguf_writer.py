"""Writes small GGUF files for tests, from the published format."""

import struct
from dataclasses import dataclass, field
from pathlib import Path

BLOCKS = {0: (1, 4), 1: (1, 2), 8: (32, 34), 12: (256, 144), 14: (256, 210), 39: (32, 17)}


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str, value: object) -> bytes:
    """One metadata pair: int, float, bool, str, list of int, bool or str."""
    if isinstance(value, bool):
        return text(key) + struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", 6, value)
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    assert isinstance(value, list)
    head = text(key) + struct.pack("<I", 9)
    if value and isinstance(value[0], str):
        return head + struct.pack("<IQ", 8, len(value)) + b"".join(text(item) for item in value)
    if value and isinstance(value[0], bool):
        return head + struct.pack("<IQ", 7, len(value)) + bytes(value)
    return head + struct.pack(f"<IQ{len(value)}I", 4, len(value), *value)


@dataclass
class Gguf:
    """A file under construction; tensors are name → (ggml type, dimensions)."""

    pairs: dict[str, object]
    tensors: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    version: int = 3

    def size_of(self, name: str) -> int:
        code, dimensions = self.tensors[name]
        block, size = BLOCKS[code]
        total = 1
        for item in dimensions:
            total *= item
        return total // block * size

    def header(self) -> bytes:
        out = b"GGUF" + struct.pack("<IQQ", self.version, len(self.tensors), len(self.pairs))
        out += b"".join(pair(key, value) for key, value in self.pairs.items())
        at = 0
        for name, (code, dimensions) in self.tensors.items():
            out += text(name) + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
            out += struct.pack("<IQ", code, at)
            at += -(-self.size_of(name) // 32) * 32
        return out

    def write(self, path: Path) -> Path:
        header = self.header()
        with path.open("wb") as file:
            file.write(header)
            data = sum(-(-self.size_of(name) // 32) * 32 for name in self.tensors)
            file.truncate(-(-len(header) // 32) * 32 + data)
        return path
