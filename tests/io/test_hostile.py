"""Whatever the bytes, a reader answers or raises DataError, and soon."""

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpucost.domain.model import Model
from gpucost.errors import DataError
from gpucost.io.folder import read_model_path
from gpucost.io.gguf import read_gguf
from gpucost.io.hf_config import model_from_config, read_config
from gpucost.io.json_safe import parse_json
from gpucost.io.safetensors import INDEX_NAME, read_header, read_index
from tests.io import configs
from tests.io.gguf_writer import Gguf
from tests.io.test_gguf import LLAMA

LIMIT_S = 3.0
HASTY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
NUMBERS = st.one_of(st.integers(-5, 200), st.integers(), st.floats(), st.none(), st.booleans(), JSON)


def answers_or_refuses(reader: Callable[[], object]) -> None:
    started = time.monotonic()
    with contextlib.suppress(DataError):
        reader()
    assert time.monotonic() - started < LIMIT_S


@HASTY
@given(data=st.binary(max_size=300))
def test_random_bytes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    for reader in (read_config, read_header, read_index, read_gguf):
        answers_or_refuses(lambda reader=reader: reader(path))  # type: ignore[misc]


@HASTY
@given(data=st.binary(max_size=300))
def test_random_bytes_after_a_good_start(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"GGUF\x03\0\0\0" + data)
    answers_or_refuses(lambda: read_gguf(path))
    path.write_bytes(len(data).to_bytes(8, "little") + data)
    answers_or_refuses(lambda: read_header(path))


@HASTY
@given(value=JSON)
def test_any_json_value_comes_back_or_is_refused(value: Any) -> None:
    text = json.dumps(value)
    try:
        assert parse_json(text.encode(), "f") == value
    except DataError:
        assert any(word in text for word in ("NaN", "Infinity"))


@HASTY
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_one_changed_byte_of_a_gguf(tmp_path: Path, at: int, byte: int) -> None:
    path = tmp_path / "model.gguf"
    pairs = LLAMA | {"tokenizer.ggml.scores": [1]}
    Gguf(pairs, {"blk.0.attn_norm.weight": (0, [8]), "output.weight": (0, [8])}).write(path)
    data = bytearray(path.read_bytes())
    data[at % len(data)] = byte
    path.write_bytes(data)
    answers_or_refuses(lambda: read_model_path(path))


BASES = [configs.LLAMA_31_8B, configs.DEEPSEEK_V3, configs.QWEN3_NEXT, configs.NEMOTRON_3_NANO,
         configs.GPT_OSS_120B, configs.KIMI_LINEAR, configs.LLAMA_4_SCOUT, configs.QWEN35_397B]  # fmt: skip
EXTRA = ["layer_types", "sliding_window", "linear_attn_config", "vision_config", "text_config", "attn_config",
         "quantization_config", "mlp_only_layers", "no_rope_layers", "moe_layer_freq", "ffn_config",
         "num_kv_shared_layers", "hidden_size_per_layer_input", "attn_layer_indices"]  # fmt: skip


@HASTY
@given(base=st.sampled_from(BASES), data=st.data())
def test_any_value_in_a_configuration(base: dict[str, Any], data: st.DataObject) -> None:
    config = json.loads(json.dumps(base))
    for _ in range(data.draw(st.integers(1, 3))):
        section = config
        if isinstance(config.get("text_config"), dict) and data.draw(st.booleans()):
            section = config["text_config"]
        section[data.draw(st.sampled_from([*sorted(section), *EXTRA]))] = data.draw(NUMBERS)
    answers_or_refuses(lambda: model_from_config(config, name="m", source="config.json"))


@HASTY
@given(base=st.sampled_from(BASES), changes=st.dictionaries(st.sampled_from(EXTRA), JSON, max_size=3))
def test_whatever_is_answered_is_consistent(base: dict[str, Any], changes: dict[str, Any]) -> None:
    try:
        model = model_from_config({**base, **changes}, name="m", source="config.json")
    except DataError:
        return
    assert isinstance(model, Model)
    assert sum(group.layers for group in model.mixers) <= model.layers
    assert sum(group.layers for group in model.mlps) <= model.layers
    assert all(group.layers > 0 for group in (*model.mixers, *model.mlps))


@HASTY
@given(name=st.text(max_size=40), size=st.integers(0, 64))
def test_any_tensor_name(tmp_path: Path, name: str, size: int) -> None:
    header = json.dumps({name: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * size)
    answers_or_refuses(lambda: read_header(path))


def test_a_large_hostile_header_is_refused_soon(tmp_path: Path) -> None:
    header = b'{"a":[' + b"[]," * 30_000_000 + b"[]]}"
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    started = time.monotonic()
    with pytest.raises(DataError, match="more than 4,000,000 values"):
        read_header(path)
    assert time.monotonic() - started < 10


def test_a_large_honest_index_is_read(tmp_path: Path) -> None:
    weight_map = {
        f"model.layers.{layer}.mlp.experts.{expert}.up_proj.weight": f"model-{layer:05d}-of-00061.safetensors"
        for layer in range(61)
        for expert in range(1500)
    }
    path = tmp_path / INDEX_NAME
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    started = time.monotonic()
    total, found = read_index(path)
    assert (total, len(found)) == (1, len(weight_map))
    assert time.monotonic() - started < 5
