"""The weight format by `quantization_config`."""

from typing import Any

import pytest

from gpucost.io.hf_config import model_from_config
from tests.io import configs


def _weights(**values: object) -> dict[str, Any]:
    inputs = values.pop("inputs", None)
    group = {"weights": values, "input_activations": inputs, "targets": ["Linear"]}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}}


CASES: list[tuple[dict[str, Any], str]] = [
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8-block"),
    ({"quant_method": "fp8", "activation_scheme": "dynamic"}, "fp8-dynamic"),
    ({"quant_method": "fp8", "activation_scheme": "static"}, "fp8"),
    ({"quant_method": "fbgemm_fp8"}, "fp8-dynamic"),
    ({"quant_method": "awq", "bits": 4, "group_size": 128}, "awq"),
    ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "gptq-int4"),
    ({"quant_method": "gptq", "bits": 8, "group_size": -1}, "gptq-int8"),
    ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "bnb-nf4"),
    ({"load_in_8bit": True}, "bnb-int8"),
    ({"quant_method": "mxfp4"}, "mxfp4"),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
    ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
    (
        {
            "quant_method": "modelopt",
            "quant_algo": "MIXED_PRECISION",
            "quantized_layers": {"a": {"quant_algo": "FP8"}, "b": {"quant_algo": "W4A16_NVFP4"}},
        },
        "nvfp4",
    ),
    (_weights(num_bits=4, type="int", group_size=32), "compressed-int4-g32"),
    (_weights(num_bits=4, type="int", group_size=128), "compressed-int4"),
    (_weights(num_bits=8, type="int", inputs={"num_bits": 8}), "int8-w8a8"),
    (_weights(num_bits=8, type="int"), "gptq-int8"),
    (_weights(num_bits=8, type="float", inputs={"num_bits": 8, "dynamic": True}), "fp8-dynamic"),
    (_weights(num_bits=8, type="float", inputs={"num_bits": 8, "dynamic": False}), "fp8"),
    (_weights(num_bits=8, type="float", strategy="block"), "fp8-block"),
    (_weights(num_bits=4, type="float", group_size=16), "nvfp4"),
    (_weights(num_bits=4, type="float", group_size=32), "mxfp4"),
    ({"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp8_e4m3"}}}, "fp8"),
]


@pytest.mark.parametrize(("settings", "expected"), CASES)
def test_format(settings: dict[str, Any], expected: str) -> None:
    config = configs.LLAMA_31_8B | {"quantization_config": settings}
    assert model_from_config(config, name="m", source="s").native_quantization == expected


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("bfloat16", "bf16"), ("torch.float16", "fp16"), ("float32", "fp32"), (None, "bf16"), ("auto", "bf16")],
)
def test_plain_types(dtype: str | None, expected: str) -> None:
    model = model_from_config(configs.LLAMA_31_8B | {"torch_dtype": dtype}, name="m", source="s")
    assert model.native_quantization == expected
    assert any("counted as bf16" in note for note in model.notes) == (dtype in (None, "auto"))


@pytest.mark.parametrize(
    "settings", [{"quant_method": "aqlm"}, {"quant_method": "gptq", "bits": 3}, {}, {"quant_method": 7}]
)
def test_unknown_formats_are_said(settings: dict[str, Any]) -> None:
    config = configs.LLAMA_31_8B | {"quantization_config": settings}
    model = model_from_config(config, name="m", source="s")
    assert model.native_quantization == "bf16"
    assert any("not known" in note for note in model.notes)


def test_nested_settings_count() -> None:
    text = {**configs.LLAMA_4_SCOUT["text_config"], "quantization_config": {"quant_method": "mxfp4"}}
    model = model_from_config({**configs.LLAMA_4_SCOUT, "text_config": text}, name="m", source="s")
    assert model.native_quantization == "mxfp4"
