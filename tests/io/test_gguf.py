"""GGUF files: the model, exact bytes and the format; one line for damaged files."""

import struct
import time
from pathlib import Path

import pytest

from gpucost.domain.model import (
    DenseMlp,
    LatentAttention,
    LinearAttention,
    MoeMlp,
    SoftmaxAttention,
    StateSpace,
)
from gpucost.errors import DataError
from gpucost.io.gguf import read_gguf
from tests.io.counting import parameters
from tests.io.gguf_writer import Gguf, pair, text

LLAMA = {
    "general.architecture": "llama", "general.name": "Meta Llama 3.1 8B", "general.file_type": 15,
    "llama.block_count": 32, "llama.embedding_length": 4096, "llama.feed_forward_length": 14336,
    "llama.attention.head_count": 32, "llama.attention.head_count_kv": 8,
    "llama.context_length": 131072, "llama.rope.dimension_count": 128,
    "tokenizer.ggml.tokens": ["<s>", "a", "b"], "tokenizer.ggml.scores": [1] * 5000,
}  # fmt: skip
TABLES = {"token_embd.weight": (12, [4096, 128256]), "output.weight": (14, [4096, 128256])}
BLOCK = {
    "blk.0.attn_norm.weight": (0, [4096]),
    "blk.0.attn_q.weight": (12, [4096, 4096]),
    "blk.0.ffn_down.weight": (14, [14336, 4096]),
}


def test_llama(tmp_path: Path) -> None:
    file = Gguf(dict(LLAMA), TABLES | BLOCK)
    found = read_gguf(file.write(tmp_path / "model.gguf"))
    assert found.model is not None
    assert parameters(found.model) == 8_030_261_248
    assert (found.model.name, found.quantization, found.model.native_quantization) == (
        "Meta Llama 3.1 8B", "q4_k_m", "q4_k_m",
    )  # fmt: skip
    embedding = 4096 * 128256 // 256 * 144
    assert found.host_bytes == embedding
    assert found.weights_by_part == {
        "embedding": embedding, "lm_head": 4096 * 128256 // 256 * 210, "norm": 16384,
        "attention": 4096 * 4096 // 256 * 144, "mlp": 14336 * 4096 // 256 * 210,
    }  # fmt: skip
    assert found.weights_bytes == sum(found.weights_by_part.values())


def test_version_2_and_tied_head(tmp_path: Path) -> None:
    tables = {"token_embd.weight": TABLES["token_embd.weight"]}
    found = read_gguf(Gguf(dict(LLAMA), tables, version=2).write(tmp_path / "model.gguf"))
    assert found.model is not None
    assert found.model.tied_embeddings
    assert any("copies it to the GPU" in note for note in found.notes)


def test_vocabulary_is_counted_not_loaded(tmp_path: Path) -> None:
    pairs = LLAMA | {"tokenizer.ggml.tokens": ["token"] * 300_000}
    started = time.monotonic()
    found = read_gguf(Gguf(pairs, {"output.weight": (0, [1])}).write(tmp_path / "model.gguf"))
    assert found.model is not None
    assert found.model.vocab_size == 300_000
    assert time.monotonic() - started < 5


def architecture(name: str, **keys: object) -> dict[str, object]:
    pairs: dict[str, object] = {"general.architecture": name, "general.file_type": 7}
    dotted = {key.replace("__", "."): value for key, value in keys.items()}
    return pairs | {f"{name}.{key}": value for key, value in dotted.items()}


def test_mixture_of_experts(tmp_path: Path) -> None:
    pairs = architecture(
        "qwen3moe", block_count=48, embedding_length=2048, feed_forward_length=6144, expert_count=128,
        expert_used_count=8, expert_feed_forward_length=768, attention__head_count=32,
        attention__head_count_kv=4, attention__key_length=128, attention__value_length=128,
    )  # fmt: skip
    tensors = {"token_embd.weight": (8, [2048, 151936]), "output.weight": (8, [2048, 151936])}
    tensors |= {
        "blk.0.ffn_gate_exps.weight": (8, [2048, 768, 128]),
        "blk.0.ffn_gate_inp.weight": (0, [2048, 128]),
    }
    found = read_gguf(Gguf(pairs, tensors).write(tmp_path / "model.gguf"))
    assert found.model is not None
    assert parameters(found.model) == 30_532_122_624
    assert set(found.weights_by_part) == {"embedding", "lm_head", "experts", "router"}


def test_mixtral_is_llama_with_experts(tmp_path: Path) -> None:
    pairs = architecture(
        "llama", block_count=32, embedding_length=4096, feed_forward_length=14336, expert_count=8,
        expert_used_count=2, attention__head_count=32, attention__head_count_kv=8, vocab_size=32000,
    )  # fmt: skip
    found = read_gguf(Gguf(pairs, {"output.weight": (0, [1])}).write(tmp_path / "model.gguf"))
    assert found.model is not None
    assert parameters(found.model) == 46_702_792_704


def test_deepseek2(tmp_path: Path) -> None:
    pairs = architecture(
        "deepseek2", block_count=61, embedding_length=7168, feed_forward_length=18432, expert_count=256,
        expert_used_count=8, expert_feed_forward_length=2048, expert_shared_count=1,
        leading_dense_block_count=3, attention__head_count=128, attention__head_count_kv=1,
        attention__kv_lora_rank=512, attention__q_lora_rank=1536, attention__key_length=576,
        attention__value_length=512, attention__key_length_mla=192, attention__value_length_mla=128,
        rope__dimension_count=64, vocab_size=129280,
    )  # fmt: skip
    found = read_gguf(Gguf(pairs, {"output.weight": (0, [1])}).write(tmp_path / "model.gguf"))
    assert found.model is not None
    assert isinstance(found.model.mixers[0], LatentAttention)
    assert parameters(found.model) == pytest.approx(671.03e9, rel=1e-4)


def test_gpt_oss_and_gemma_windows(tmp_path: Path) -> None:
    pairs = architecture(
        "gpt-oss", block_count=24, embedding_length=2880, feed_forward_length=2880, expert_count=32,
        expert_used_count=4, expert_feed_forward_length=2880, attention__head_count=64,
        attention__head_count_kv=8, attention__key_length=64, attention__value_length=64,
        attention__sliding_window=128, context_length=131072, vocab_size=201088,
    )  # fmt: skip
    tensors = {"output.weight": (0, [1]), "blk.0.attn_q.bias": (0, [4096])}
    model = read_gguf(Gguf(pairs, tensors).write(tmp_path / "a.gguf")).model
    assert model is not None
    assert [group.layers for group in model.mixers] == [12, 12]
    assert parameters(model) == pytest.approx(20.91e9, rel=1e-3)
    pairs = architecture(
        "gemma3", block_count=34, embedding_length=2560, feed_forward_length=10240,
        attention__head_count=8, attention__head_count_kv=4, attention__key_length=256,
        attention__value_length=256, attention__sliding_window=1024, vocab_size=262208,
    )  # fmt: skip
    model = read_gguf(Gguf(pairs).write(tmp_path / "b.gguf")).model
    assert model is not None
    assert [(group.layers, getattr(group, "window", None)) for group in model.mixers] == [
        (5, None),
        (29, 1024),
    ]
    assert parameters(model) == pytest.approx(3.88e9, rel=1e-3)


def test_qwen3_next_and_nemotron(tmp_path: Path) -> None:
    pairs = architecture(
        "qwen3next", block_count=48, embedding_length=2048, feed_forward_length=5120, expert_count=512,
        expert_used_count=10, expert_feed_forward_length=512, expert_shared_feed_forward_length=512,
        attention__head_count=16, attention__head_count_kv=2, attention__key_length=256,
        attention__value_length=256, ssm__conv_kernel=4, ssm__state_size=128, ssm__group_count=16,
        ssm__time_step_rank=32, ssm__inner_size=4096, vocab_size=151936,
    )  # fmt: skip
    model = read_gguf(Gguf(pairs, {"output.weight": (0, [1])}).write(tmp_path / "a.gguf")).model
    assert model is not None
    assert isinstance(model.mixers[1], LinearAttention)
    assert parameters(model) == pytest.approx(80e9, rel=0.01)
    pattern = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"
    pairs = architecture(
        "nemotron_h_moe", block_count=52, embedding_length=2688, expert_count=128, expert_used_count=6,
        feed_forward_length=[1856 if letter == "E" else 0 for letter in pattern],
        expert_feed_forward_length=1856, expert_shared_feed_forward_length=3712,
        attention__head_count=[32 if letter == "*" else 0 for letter in pattern],
        attention__head_count_kv=[2 if letter == "*" else 0 for letter in pattern],
        attention__key_length=128, attention__value_length=128, ssm__conv_kernel=4, ssm__state_size=128,
        ssm__group_count=8, ssm__time_step_rank=64, ssm__inner_size=4096, vocab_size=131072,
    )  # fmt: skip
    model = read_gguf(Gguf(pairs, {"output.weight": (0, [1])}).write(tmp_path / "b.gguf")).model
    assert model is not None
    assert isinstance(model.mixers[1], StateSpace)
    assert parameters(model) == pytest.approx(31.58e9, rel=1e-3)


def test_sizes_and_heads_by_layer(tmp_path: Path) -> None:
    pairs = architecture(
        "gemma4", block_count=4, embedding_length=256, feed_forward_length=[512, 512, 1024, 1024],
        attention__head_count=8, attention__head_count_kv=[4, 4, 4, 2], attention__key_length=64,
        attention__key_length_swa=32, attention__sliding_window=16,
        attention__sliding_window_pattern=[True, True, True, False], vocab_size=1000,
    )  # fmt: skip
    model = read_gguf(Gguf(pairs).write(tmp_path / "a.gguf")).model
    assert model is not None
    full, sliding = model.mixers
    assert isinstance(full, SoftmaxAttention)
    assert isinstance(sliding, SoftmaxAttention)
    assert (full.layers, full.kv_heads, full.head_dim) == (1, 2, 64)
    assert (sliding.layers, sliding.kv_heads, sliding.head_dim) == (3, 4, 32)
    assert [(group.layers, group.intermediate_size) for group in model.mlps] == [(2, 512), (2, 1024)]
    assert all(isinstance(group, DenseMlp) for group in model.mlps)


def test_mtp_layers_are_not_layers(tmp_path: Path) -> None:
    pairs = architecture(
        "glm4moe", block_count=47, nextn_predict_layers=1, embedding_length=4096, feed_forward_length=10944,
        expert_count=128, expert_used_count=8, expert_feed_forward_length=1408, expert_shared_count=1,
        leading_dense_block_count=1, attention__head_count=96, attention__head_count_kv=8,
        attention__key_length=128, attention__value_length=128, vocab_size=151552,
    )  # fmt: skip
    tensors = {"output.weight": (0, [1]), "blk.46.attn_q.weight": (0, [8]), "blk.0.attn_q.bias": (0, [8])}
    found = read_gguf(Gguf(pairs, tensors).write(tmp_path / "a.gguf"))
    assert found.model is not None
    assert (found.model.layers, found.model.mtp_layers) == (46, 1)
    assert parameters(found.model) == pytest.approx(106.85e9, rel=1e-3)
    assert found.weights_by_part["mtp"] == 32
    (moe,) = (group for group in found.model.mlps if isinstance(group, MoeMlp))
    assert moe.layers == 45


def test_splits_are_read_together(tmp_path: Path) -> None:
    Gguf(dict(LLAMA), TABLES).write(tmp_path / "m-00001-of-00002.gguf")
    second = Gguf({"split.no": 1}, BLOCK).write(tmp_path / "m-00002-of-00002.gguf")
    found = read_gguf(second)
    whole = read_gguf(Gguf(dict(LLAMA), TABLES | BLOCK).write(tmp_path / "m.gguf"))
    assert found.weights_bytes == whole.weights_bytes
    assert len(found.files) == 2
    second.unlink()
    partly = read_gguf(tmp_path / "m-00001-of-00002.gguf")
    assert partly.weights_bytes is None
    assert any("1 of 2 splits are missing" in note for note in partly.notes)
    (tmp_path / "m-00001-of-00002.gguf").unlink()
    with pytest.raises(DataError, match="first split"):
        read_gguf(second)


def test_format_by_tensors_where_the_file_does_not_say(tmp_path: Path) -> None:
    pairs = {key: value for key, value in LLAMA.items() if key != "general.file_type"}
    found = read_gguf(Gguf(pairs, {"output.weight": (14, [4096, 256])}).write(tmp_path / "a.gguf"))
    assert found.quantization == "q6_k"
    assert any("not given" in note for note in found.notes)


def head(tensors: int, pairs: int, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs)


def array(code: int, items: int) -> bytes:
    return text("a") + struct.pack("<IIQ", 9, code, items)


ALIGNED = pair("general.architecture", "llama")
TENSOR = text("t") + struct.pack("<IQIQ", 1, 8, 0, 0)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not a GGUF file"),
    "other": (b"PK\x03\x04" + b"\0" * 40, "not a GGUF file"),
    "version 1": (head(0, 0, 1), "version 1 is not read"),
    "big-endian": (head(0, 0, 3 << 24), "big-endian is not read"),
    "tensor count": (head(2**63, 0), "the file is damaged"),
    "pair count": (head(0, 2**64 - 1), "the file is damaged"),
    "pairs beyond the file": (head(0, 60_000) + b"\0" * 4, "cut off"),
    "key length": (head(0, 1) + struct.pack("<Q", 2**63), "at most 65,535"),
    "text length": (head(0, 1) + text("k") + struct.pack("<IQ", 8, 2**40), "at most 1,048,576"),
    "text beyond the file": (head(0, 1) + text("k") + struct.pack("<IQ", 8, 1000), "cut off"),
    "unknown type": (head(0, 1) + text("k") + struct.pack("<I", 99), "unknown type 99"),
    "unknown item type": (head(0, 1) + array(99, 1), "unknown type 99"),
    "array beyond the file": (head(0, 1) + array(4, 2**62), "cut off"),
    "texts beyond the file": (head(0, 1) + array(8, 2**61), "cut off"),
    "nested arrays": (head(0, 1) + array(9, 1) + struct.pack("<IQ", 9, 1) * 50, "nests arrays deeper"),
    "nested beyond the file": (head(0, 1) + array(9, 2**60), "cut off"),
    "equal keys": (head(0, 2) + ALIGNED * 2, "stands twice"),
    "equal tensors": (head(2, 0) + TENSOR * 2, "stands twice"),
    "dimensions": (head(1, 0) + text("t") + struct.pack("<I", 5), "5 dimensions"),
    "tensor type": (head(1, 0) + text("t") + struct.pack("<IQIQ", 1, 8, 77, 0), "type 77"),
    "odd block": (head(1, 0) + text("t") + struct.pack("<IQIQ", 1, 8, 12, 0), "do not fill blocks"),
    "huge tensor": (head(1, 0) + text("t") + struct.pack("<I4QIQ", 4, *[2**63] * 4, 0, 0), "cut off"),
    "odd offset": (head(1, 0) + text("t") + struct.pack("<IQIQ", 1, 8, 0, 7), "not aligned"),
    "data missing": (head(1, 0) + TENSOR, "cut off: 57 of 96"),
    "alignment": (head(0, 1) + pair("general.alignment", 0), "general.alignment"),
    "no architecture": (head(0, 0), "general.architecture: missing"),
    "an encoder": (head(0, 1) + pair("general.architecture", "clip"), "not a language model"),
    "no sizes": (head(0, 1) + ALIGNED, "llama.block_count: missing"),
    "overlap": (
        head(2, 0) + TENSOR + text("u") + struct.pack("<IQIQ", 1, 64, 0, 0) + b"\0" * 999, "overlaps another",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_files(tmp_path: Path, name: str) -> None:
    data, expected = HOSTILE[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    started = time.monotonic()
    with pytest.raises(DataError, match=expected) as caught:
        read_gguf(path)
    assert time.monotonic() - started < 2
    assert str(path) in str(caught.value)


def test_many_texts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with path.open("wb") as file:
        file.write(head(0, 1) + array(8, 4_000_001))
        file.truncate(64 + 8 * 4_000_001)
    with pytest.raises(DataError, match="more than 4,000,000 texts"):
        read_gguf(path)


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    whole = Gguf(LLAMA | {"tokenizer.ggml.scores": [1]}, {"blk.0.attn_norm.weight": (0, [8])})
    data = whole.write(tmp_path / "whole.gguf").read_bytes()
    path = tmp_path / "cut.gguf"
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(DataError):
            read_gguf(path)


@pytest.mark.parametrize(
    "change",
    [
        {"llama.block_count": 2**32 - 1},
        {"llama.block_count": "32"},
        {"llama.block_count": [1, 2]},
        {"llama.embedding_length": 0},
        {"llama.attention.head_count": float("nan")},
        {"llama.attention.head_count": float("inf")},
        {"llama.attention.sliding_window_pattern": [True] * 3},
        {"llama.feed_forward_length": [1, 2]},
        {"llama.expert_count": 8},
        {"general.architecture": 7},
    ],
)
def test_wrong_metadata(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(DataError):
        read_gguf(Gguf(LLAMA | change, dict(TABLES)).write(tmp_path / "model.gguf"))
