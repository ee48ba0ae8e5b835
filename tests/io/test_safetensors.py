"""Safetensors headers and indexes: exact sizes, and one line for damaged files."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from gpucost.errors import DataError
from gpucost.io.safetensors import INDEX_NAME, read_header, read_index, read_indexed
from gpucost.io.tensor_parts import part_of

Shapes = dict[str, tuple[str, list[int]]]
BITS = {"BF16": 16, "F32": 32, "F8_E4M3": 8, "U8": 8, "F4": 4}


def write(path: Path, shapes: Shapes) -> int:
    """A file of zeros with these tensors; gives the bytes of their data."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (dtype, shape) in shapes.items():
        size = BITS[dtype]
        for item in shape:
            size *= item
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size // 8]}
        at += size // 8
    write_raw(path, json.dumps(header).encode(), at)
    return at


def write_raw(path: Path, header: bytes, data_bytes: int, length: int | None = None) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header) if length is None else length) + header)
        file.truncate(8 + len(header) + data_bytes)


LAYER: Shapes = {
    "model.embed_tokens.weight": ("BF16", [100, 8]),
    "model.layers.0.self_attn.q_proj.weight": ("F8_E4M3", [8, 8]),
    "model.layers.0.self_attn.q_proj.weight_scale_inv": ("F32", [1, 1]),
    "model.layers.0.input_layernorm.weight": ("BF16", [8]),
    "model.layers.0.mlp.gate.weight": ("BF16", [4, 8]),
    "model.layers.0.mlp.experts.3.gate_proj.weight": ("F4", [16, 8]),
    "lm_head.weight": ("BF16", [100, 8]),
    "model.layers.1.self_attn.q_proj.weight": ("BF16", [8, 8]),
}


def test_exact_bytes_by_part(tmp_path: Path) -> None:
    first = dict(list(LAYER.items())[:4])
    second = dict(list(LAYER.items())[4:])
    total = write(tmp_path / "a.safetensors", first) + write(tmp_path / "b.safetensors", second)
    weight_map = dict.fromkeys(first, "a.safetensors") | dict.fromkeys(second, "b.safetensors")
    index = tmp_path / INDEX_NAME
    index.write_text(json.dumps({"metadata": {"total_size": total + 1}, "weight_map": weight_map}))
    found = read_indexed(index, layers=1)
    assert found is not None
    assert found.weights_bytes == total == sum(found.weights_by_part.values())
    assert found.weights_by_part == {
        "embedding": 1600, "attention": 68, "norm": 16, "router": 64, "experts": 64, "lm_head": 1600,
        "mtp": 128,
    }  # fmt: skip
    assert found.bytes_by_dtype == {"BF16": 3408, "F8_E4M3": 64, "F32": 4, "F4": 64}
    assert "states" in found.notes[0]
    (tmp_path / "b.safetensors").unlink()
    partly = read_indexed(index)
    assert partly is not None
    assert (partly.weights_bytes, partly.weights_by_part) == (total + 1, {})
    assert "1 of 2 weight files are missing" in partly.notes[0]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("model.layers.3.mlp.gate_proj.weight", "mlp"),
        ("model.layers.3.mlp.gate.e_score_correction_bias", "router"),
        ("model.layers.3.mlp.router.weight", "router"),
        ("model.layers.3.mlp.shared_expert_gate.weight", "router"),
        ("model.layers.3.mlp.shared_experts.up_proj.weight", "experts"),
        ("model.layers.3.block_sparse_moe.gate.weight", "router"),
        ("model.layers.3.block_sparse_moe.experts.0.w1.weight", "experts"),
        ("model.layers.3.mlp.experts.gate_up_proj_blocks", "experts"),
        ("model.layers.3.self_attn.q_norm.weight", "norm"),
        ("model.layers.3.self_attn.kv_a_layernorm.weight", "norm"),
        ("model.layers.3.linear_attn.in_proj_qkvz.weight", "attention"),
        ("backbone.layers.3.mixer.in_proj.weight", "attention"),
        ("backbone.layers.3.mixer.up_proj.weight", "mlp"),
        ("transformer.h.3.attn.c_attn.weight", "attention"),
        ("transformer.h.3.ln_1.weight", "norm"),
        ("transformer.wte.weight", "embedding"),
        ("transformer.h.3.mlp.dense_h_to_4h.weight", "mlp"),
        ("gpt_neox.embed_in.weight", "embedding"),
        ("embed_out.weight", "lm_head"),
        ("language_model.lm_head.weight", "lm_head"),
        ("visual.blocks.3.attn.qkv.weight", "vision"),
        ("model.vision_tower.encoder.layers.0.mlp.fc1.weight", "vision"),
        ("multi_modal_projector.linear_1.weight", "vision"),
        ("mtp.layers.0.mlp.experts.0.up_proj.weight", "mtp"),
        ("model.layers.61.eh_proj.weight", "mtp"),
        ("something.else", "other"),
    ],
)
def test_part_by_name(name: str, part: str) -> None:
    assert part_of(name) == part


def header_of(**changes: object) -> bytes:
    entry = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]} | changes
    return json.dumps({"t": {key: value for key, value in entry.items() if value is not ...}}).encode()


@pytest.mark.parametrize(
    ("header", "data_bytes", "expected"),
    [
        (header_of(data_offsets=[-4, 0]), 4, "data_offsets are not two whole numbers"),
        (header_of(data_offsets=[4, 0]), 4, "run backwards"),
        (header_of(data_offsets=[0, 5]), 5, "do not hold"),
        (header_of(data_offsets=[0, 10**30]), 4, "data_offsets are not two whole numbers"),
        (header_of(data_offsets=[0, 4, 8]), 4, "data_offsets"),
        (header_of(data_offsets=[False, 4]), 4, "data_offsets"),
        (header_of(shape=[2**40, 2**40]), 4, "too large"),
        (header_of(shape=[-2]), 4, "its shape"),
        (header_of(shape=[1] * 65), 4, "its shape"),
        (header_of(shape="x"), 4, "its shape"),
        (header_of(dtype=7), 4, "no dtype"),
        (header_of(dtype=...), 4, "no dtype"),
        (b'{"t": 1}', 0, "not an object"),
        (b"[1]", 0, "not a JSON object"),
        (b"{", 0, "not valid JSON"),
        (b"\xff\xfe", 0, "not UTF-8"),
        (header_of(), 2, "cut off: 2 of 4 bytes"),
        (b'{"t": {}, "t": {}}', 0, "stands twice"),
        (b'{"t": {"dtype": "BF16", "shape": [' + b"9" * 5000 + b"]}}", 0, "digits"),
        (b'{"t":' + b"[" * 100_000, 0, "nested deeper"),
    ],
)
def test_damaged_headers(tmp_path: Path, header: bytes, data_bytes: int, expected: str) -> None:
    path = tmp_path / "model.safetensors"
    write_raw(path, header, data_bytes)
    with pytest.raises(DataError, match=expected) as caught:
        read_header(path)
    assert "\n" not in str(caught.value)


def test_overlap(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    entry = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}
    write_raw(path, json.dumps({"a": entry, "b": entry | {"data_offsets": [2, 6]}}).encode(), 6)
    with pytest.raises(DataError, match="'b' overlaps another"):
        read_header(path)


@pytest.mark.parametrize("length", [100_000_001, 2**63, 2**64 - 1, 1000])
def test_header_longer_than_the_file(tmp_path: Path, length: int) -> None:
    path = tmp_path / "model.safetensors"
    write_raw(path, b"{}", 0, length)
    with pytest.raises(DataError, match="the header would have"):
        read_header(path)


def test_only_the_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    terabyte = 2**40
    header = json.dumps({"t": {"dtype": "U8", "shape": [terabyte], "data_offsets": [0, terabyte]}}).encode()
    write_raw(path, header, terabyte)  # sparse
    assert read_header(path)[0].size_bytes == terabyte


def test_short_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"abc")
    with pytest.raises(DataError, match="only 3 bytes"):
        read_header(path)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ({}, "weight_map: missing"),
        ({"weight_map": {"a": "../../etc/passwd"}}, "not the plain name"),
        ({"weight_map": {"a": "/etc/x.safetensors"}}, "not the plain name"),
        ({"weight_map": {"a": "x/y.safetensors"}}, "not the plain name"),
        ({"weight_map": {"a": 1}}, "not the plain name"),
        ({"weight_map": {"a": "x.safetensors"}, "metadata": {"total_size": -1}}, "total_size"),
        ({"weight_map": {"a": "x.safetensors"}, "metadata": {"total_size": "1"}}, "total_size"),
    ],
)
def test_damaged_index(tmp_path: Path, index: dict[str, Any], expected: str) -> None:
    path = tmp_path / INDEX_NAME
    path.write_text(json.dumps(index))
    with pytest.raises(DataError, match=expected):
        read_index(path)


def test_same_tensor_in_two_files(tmp_path: Path) -> None:
    shapes: Shapes = {"lm_head.weight": ("BF16", [2, 2])}
    write(tmp_path / "a.safetensors", shapes)
    write(tmp_path / "b.safetensors", shapes)
    index = tmp_path / INDEX_NAME
    index.write_text(json.dumps({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}))
    with pytest.raises(DataError, match=r"is in a\.safetensors as well"):
        read_indexed(index)
