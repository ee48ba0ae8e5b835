"""What a path says: folders, single files, and what to give instead."""

import json
from pathlib import Path

import pytest

from gpucost.errors import DataError
from gpucost.io.folder import read_model_path
from gpucost.io.safetensors import INDEX_NAME
from tests.io import configs
from tests.io.gguf_writer import Gguf
from tests.io.test_gguf import LLAMA, TABLES
from tests.io.test_safetensors import LAYER, write

WEIGHTS = 3540


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "Llama-3.1-8B"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(configs.LLAMA_31_8B))
    return path


def test_configuration_alone(folder: Path) -> None:
    for path in (folder, folder / "config.json"):
        found = read_model_path(path)
        assert found.model is not None
        assert (found.model.name, found.weights_bytes, found.quantization) == ("Llama-3.1-8B", None, "bf16")
        assert found.files == (str(folder / "config.json"),)


def test_folder_with_index_only(folder: Path) -> None:
    index = {"metadata": {"total_size": 16060522496}, "weight_map": {"lm_head.weight": "a.safetensors"}}
    (folder / INDEX_NAME).write_text(json.dumps(index))
    found = read_model_path(folder)
    assert (found.weights_bytes, found.weights_by_part) == (16060522496, {})
    assert found.files[-1].endswith(INDEX_NAME)


def test_folder_with_index_but_no_total(folder: Path) -> None:
    (folder / INDEX_NAME).write_text(json.dumps({"weight_map": {"lm_head.weight": "a.safetensors"}}))
    assert read_model_path(folder).weights_bytes is None


def test_folder_with_one_weight_file(folder: Path) -> None:
    total = write(folder / "model.safetensors", LAYER)
    write(folder / "consolidated.safetensors", LAYER)
    found = read_model_path(folder)
    assert found.weights_bytes == total == WEIGHTS
    assert found.weights_by_part["lm_head"] == 1600


def test_folder_with_shards_but_no_index(folder: Path) -> None:
    names = list(LAYER)
    write(folder / "model-1.safetensors", {name: LAYER[name] for name in names[:3]})
    write(folder / "model-2.safetensors", {name: LAYER[name] for name in names[3:]})
    assert read_model_path(folder).weights_bytes == WEIGHTS


def test_weights_in_fewer_bits_than_stated(folder: Path) -> None:
    write(folder / "model.safetensors", {"model.layers.0.mlp.up_proj.weight": ("U8", [8, 8])})
    assert any("fewer bits" in note for note in read_model_path(folder).notes)


def test_folder_with_one_gguf(folder: Path) -> None:
    Gguf(dict(LLAMA), dict(TABLES)).write(folder / "model-Q4_K_M.gguf")
    found = read_model_path(folder)
    assert found.model is not None
    assert (found.model.name, found.quantization) == ("Llama-3.1-8B", "q4_k_m")
    assert found.host_bytes == found.weights_by_part["embedding"]
    (folder / "config.json").unlink()
    alone = read_model_path(folder)
    assert alone.model is not None
    assert (alone.model.name, alone.weights_bytes) == ("Meta Llama 3.1 8B", found.weights_bytes)


def test_folder_with_several_ggufs(folder: Path) -> None:
    for name in ("a.gguf", "b.gguf", "mmproj-model.gguf"):
        Gguf(dict(LLAMA), dict(TABLES)).write(folder / name)
    assert any("2 GGUF files" in note for note in read_model_path(folder).notes)
    (folder / "config.json").unlink()
    with pytest.raises(DataError, match=r"one of: a\.gguf, b\.gguf\Z"):
        read_model_path(folder)


def test_split_gguf_counts_as_one(tmp_path: Path) -> None:
    Gguf(dict(LLAMA), dict(TABLES)).write(tmp_path / "m-00001-of-00002.gguf")
    Gguf({}, {"blk.0.attn_norm.weight": (0, [8])}).write(tmp_path / "m-00002-of-00002.gguf")
    assert len(read_model_path(tmp_path).files) == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", "no such file or folder"),
        ("weights.safetensors", "give the folder"),
        ("weights.bin", "give a folder, a config.json or a .gguf file"),
    ],
)
def test_other_paths(tmp_path: Path, name: str, expected: str) -> None:
    if name != "none":
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=expected):
        read_model_path(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("adapter_config.json", "base model"), ("params.json", "original format"), ("x.txt", "no config.json")],
)
def test_folders_without_a_model(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(DataError, match=expected):
        read_model_path(tmp_path)


def test_a_shard_beside_its_configuration(folder: Path) -> None:
    write(folder / "model.safetensors", LAYER)
    with pytest.raises(DataError, match="one file of several; give the folder"):
        read_model_path(folder / "model.safetensors")
