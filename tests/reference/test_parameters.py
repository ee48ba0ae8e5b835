"""Published parameter counts against the tensors of the catalogue's architectures."""

from __future__ import annotations

import pytest

from gpucost.calc.tensors import active_parameters, total_parameters
from tests.reference.loading import model_of

EXACT = {
    # Totals of the released safetensors files, as the model pages print them (model.safetensors.index.json
    # or the page's metadata). Where the checkpoint holds small tensors that no layer group describes, the
    # second figure is their number.
    "meta-llama/Llama-2-7b-hf": (6_738_415_616, 0),
    "meta-llama/Llama-2-13b-hf": (13_015_864_320, 0),
    "meta-llama/Llama-2-70b-hf": (68_976_648_192, 0),
    "meta-llama/Meta-Llama-3-8B-Instruct": (8_030_261_248, 0),
    "meta-llama/Llama-3.1-8B": (8_030_261_248, 0),
    "meta-llama/Llama-3.1-70B": (70_553_706_496, 0),
    "meta-llama/Llama-3.1-405B": (405_853_388_800, 0),
    "meta-llama/Llama-3.2-1B-Instruct": (1_235_814_400, 0),
    "meta-llama/Llama-3.2-3B-Instruct": (3_212_749_824, 0),
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": (108_641_793_536, 0),
    "Qwen/Qwen2.5-0.5B-Instruct": (494_032_768, 0),
    "Qwen/Qwen2.5-1.5B-Instruct": (1_543_714_304, 0),
    "Qwen/Qwen2.5-3B-Instruct": (3_085_938_688, 0),
    "Qwen/Qwen2.5-7B-Instruct": (7_615_616_512, 0),
    "Qwen/Qwen2.5-14B-Instruct": (14_770_033_664, 0),
    "Qwen/Qwen2.5-32B-Instruct": (32_763_876_352, 0),
    "Qwen/Qwen2.5-72B-Instruct": (72_706_203_648, 0),
    "Qwen/Qwen2.5-VL-3B-Instruct": (3_754_622_976, 0),
    "Qwen/Qwen2.5-VL-72B-Instruct": (73_410_777_344, 0),
    "Qwen/Qwen1.5-MoE-A2.7B": (14_315_784_192, 0),
    "Qwen/Qwen3-4B": (4_022_468_096, 0),
    "Qwen/Qwen3-8B": (8_190_735_360, 0),
    "Qwen/Qwen3-14B": (14_768_307_200, 0),
    "Qwen/Qwen3-32B": (32_762_123_264, 0),
    "Qwen/Qwen3-30B-A3B": (30_532_122_624, 0),
    "Qwen/Qwen3-235B-A22B": (235_093_634_560, 0),
    "Qwen/Qwen3-Coder-480B-A35B-Instruct": (480_154_875_392, 0),
    "Qwen/Qwen3-VL-8B-Instruct": (8_767_123_696, 0),
    "Qwen/Qwen3-VL-30B-A3B-Instruct": (31_070_754_032, 0),
    "mistralai/Mistral-7B-v0.1": (7_241_732_096, 0),
    "mistralai/Mistral-7B-Instruct-v0.3": (7_248_023_552, 0),
    "mistralai/Mistral-Nemo-Instruct-2407": (12_247_782_400, 0),
    "mistralai/Mistral-Small-3.2-24B-Instruct-2506": (24_011_361_280, 0),
    "mistralai/Mistral-Large-Instruct-2407": (122_610_069_504, 0),
    "mistralai/Mixtral-8x7B-v0.1": (46_702_792_704, 0),
    "google/gemma-2b": (2_506_172_416, 0),
    "google/gemma-7b": (8_537_680_896, 0),
    "google/gemma-2-2b": (2_614_341_888, 0),
    "google/gemma-2-9b": (9_241_705_984, 0),
    "google/gemma-2-27b": (27_227_128_320, 0),
    "google/gemma-3-1b-it": (999_885_952, 0),
    "google/gemma-3-4b-it": (4_300_079_472, 0),
    "google/gemma-3-12b-it": (12_187_325_040, 0),
    "google/gemma-3-27b-it": (27_432_406_640, 0),
    "microsoft/Phi-3-mini-4k-instruct": (3_821_079_552, 0),
    "microsoft/phi-4": (14_659_507_200, 0),
    "microsoft/phi-2": (2_779_683_840, 51_200 + 2560),  # biases of the head and of the last norm
    "microsoft/phi-1_5": (1_418_270_720, 51_200 + 2048),
    "openai/gpt-oss-20b": (20_914_757_184, 24 * (64 + 32)),  # attention sinks and router biases
    "openai/gpt-oss-120b": (116_829_156_672, 36 * (64 + 128)),
    "deepseek-ai/DeepSeek-V2-Lite": (15_706_484_224, 0),
    "EleutherAI/gpt-j-6b": (6_050_882_784, 50_400 + 4096),  # biases of the head and of the last norm
    "mosaicml/mpt-7b": (6_649_286_656, 0),
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": (1_100_048_384, 0),
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": (1_711_376_384, 0),
    "01-ai/Yi-34B": (34_388_917_248, 0),
    "codellama/CodeLlama-34b-hf": (33_743_970_304, 0),
    "CohereForAI/c4ai-command-r-v01": (34_980_831_232, 0),
    "zai-org/GLM-4-9B-0414": (9_400_279_040, 0),
}


@pytest.mark.parametrize("model", EXACT)
def test_total_to_the_parameter(model: str) -> None:
    published, undescribed = EXACT[model]
    assert total_parameters(model_of(model)) == published - undescribed


@pytest.mark.parametrize(
    ("model", "billions", "digits"),
    [
        # Figures of model cards and reports, to the digits that they print
        ("deepseek-ai/DeepSeek-V3", 671, 0),  # arXiv 2412.19437
        ("deepseek-ai/DeepSeek-R1", 671, 0),
        ("openai/gpt-oss-20b", 20.91, 2),  # model card, arXiv 2508.10925
        ("openai/gpt-oss-120b", 116.83, 2),
        ("Qwen/Qwen3-0.6B", 0.6, 1),  # model cards of 2025-04
        ("Qwen/Qwen3-1.7B", 1.7, 1),
        ("Qwen/Qwen3-8B", 8.2, 1),
        ("Qwen/Qwen3-14B", 14.8, 1),
        ("Qwen/Qwen3-32B", 32.8, 1),
        ("Qwen/Qwen3-30B-A3B", 30.5, 1),
        ("Qwen/Qwen3-235B-A22B", 235, 0),
        ("Qwen/Qwen3-Coder-480B-A35B-Instruct", 480, 0),
        ("Qwen/Qwen3.5-35B-A3B", 35, 0),  # vllm-project/recipes@8959cf6
        ("Qwen/Qwen3.5-397B-A17B", 397, 0),
        ("zai-org/GLM-Z1-Rumination-32B-0414", 33.142, 3),  # ikawrakow/ik_llama.cpp#333
        ("zai-org/GLM-5", 744, 0),  # vllm-project/recipes@8959cf6
        ("zai-org/GLM-5.2", 743, 0),
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 31.6, 1),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1", 49.9, 1),
        ("XiaomiMiMo/MiMo-V2-Flash", 309, 0),
    ],
)
def test_total_to_the_published_digit(model: str, billions: float, digits: int) -> None:
    assert round(total_parameters(model_of(model)) / 10**9, digits) == billions


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        # "Number of Parameters (Non-Embedding)" of the Qwen3 model cards
        ("Qwen/Qwen3-0.6B", 0.44),
        ("Qwen/Qwen3-1.7B", 1.4),
        ("Qwen/Qwen3-4B", 3.6),
        ("Qwen/Qwen3-8B", 6.95),
        ("Qwen/Qwen3-14B", 13.2),
        ("Qwen/Qwen3-32B", 31.2),
        ("Qwen/Qwen3-30B-A3B", 29.9),
        ("Qwen/Qwen3-235B-A22B", 234),
    ],
)
def test_without_the_vocabulary(model: str, billions: float) -> None:
    found = model_of(model)
    tables = (1 if found.tied_embeddings else 2) * found.vocab_size * found.hidden_size
    digits = len(str(billions).partition(".")[2])
    assert round((total_parameters(found) - tables) / 10**9, digits) == billions


@pytest.mark.parametrize(
    ("model", "billions", "digits", "with_lookup"),
    [
        # Publishers count the embedding in; gpt-oss leaves it out
        ("mistralai/Mixtral-8x7B-v0.1", 12.9, 1, True),
        ("mistralai/Mixtral-8x22B-v0.1", 39, 0, True),
        ("Qwen/Qwen1.5-MoE-A2.7B", 2.7, 1, True),
        ("Qwen/Qwen3-235B-A22B", 22, 0, True),
        ("deepseek-ai/DeepSeek-V3", 36.6, 1, False),  # 37 with the embedding, arXiv 2412.19437
        ("openai/gpt-oss-20b", 3.61, 2, False),  # model card, arXiv 2508.10925
    ],
)
def test_active(model: str, billions: float, digits: int, with_lookup: bool) -> None:
    found = model_of(model)
    active = active_parameters(found) + (found.vocab_size * found.hidden_size if with_lookup else 0)
    assert round(active / 10**9, digits) == billions
