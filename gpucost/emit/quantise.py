"""A script that makes the quantised weights of a plan with llm-compressor.

Read in the packages llmcompressor 0.14.0.1 (`oneshot`, `AWQModifier`, `GPTQModifier`, `QuantizationModifier`)
and compressed-tensors 0.20.0 (`PRESET_SCHEMES`).
"""

from typing import NamedTuple

from gpucost.domain.launch import Launch
from gpucost.emit.formats import canonical
from gpucost.emit.python_source import constant, docstring
from gpucost.emit.texts import check


class Recipe(NamedTuple):
    """How llm-compressor makes a format."""

    imports: str
    modifiers: tuple[str, ...]
    calibrates: bool
    """Whether it measures activations on sample texts."""


_QUANTIZATION = "from llmcompressor.modifiers.quantization import QuantizationModifier\n"


def _awq(scheme: str) -> Recipe:
    imports = _QUANTIZATION + "from llmcompressor.modifiers.transform.awq import AWQModifier\n"
    keeps = f'QuantizationModifier(targets=["Linear"], scheme="{scheme}", ignore=["lm_head"])'
    return Recipe(imports, ('AWQModifier(duo_scaling="both")', keeps), True)


def _gptq(scheme: str) -> Recipe:
    imports = "from llmcompressor.modifiers.gptq import GPTQModifier\n"
    modifier = f'GPTQModifier(targets=["Linear"], scheme="{scheme}", ignore=["lm_head"])'
    return Recipe(imports, (modifier,), True)


def _rounded(scheme: str, *, calibrates: bool) -> Recipe:
    modifier = f'QuantizationModifier(targets=["Linear"], scheme="{scheme}", ignore=["lm_head"])'
    return Recipe(_QUANTIZATION, (modifier,), calibrates)


RECIPES = {
    "awq": _awq("W4A16_ASYM"),
    "gptq-int4": _gptq("W4A16"),
    "compressed-int4": _gptq("W4A16"),
    "gptq-int8": _gptq("W8A16"),
    "int8-w8a8": _gptq("W8A8"),
    "int8-weight-only": _rounded("W8A16", calibrates=False),
    "fp8": _rounded("FP8", calibrates=True),
    "fp8-dynamic": _rounded("FP8_DYNAMIC", calibrates=False),
    "fp8-block": _rounded("FP8_BLOCK", calibrates=False),
    "nvfp4": _rounded("NVFP4", calibrates=True),
    "nvfp4a16": _rounded("NVFP4A16", calibrates=False),
}
"""Catalogue id of a format that users make -> its recipe."""
_CALIBRATION = """        dataset="ultrachat_200k",
        splits="train_sft[:512]",
        num_calibration_samples=512,
        max_seq_length=2048,
"""
_MAIN = '''

def main() -> None:
    """Reads the model, quantises it, writes the result beside its tokenizer."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("source", nargs="?" if SOURCE else None, default=SOURCE, help="16-bit weights")
    parser.add_argument("--output", default="quantized", help="folder for the result")
    given = parser.parse_args()
    oneshot(
        model=given.source,
        recipe=[
{modifiers}        ],
{calibration}        output_dir=given.output,
        trust_remote_code_model=False,
    )


if __name__ == "__main__":
    main()
'''


def script(launch: Launch) -> str:
    """The script for the plan's weight format; without `base_model` it asks for the 16-bit weights.

    Raises ValueError where the format is not made by its users.
    """
    check(launch)
    recipe = RECIPES.get(canonical(launch.quantization))
    if recipe is None:
        raise ValueError(f"quantization: no script is written for {launch.quantization}")
    lines = [
        "Not needed where the repository already holds such weights. Runs no code of the model's repository.",
        "Needs llmcompressor 0.14. Linear layers are quantised; embeddings and the output layer keep 16 bit.",
    ]
    if recipe.calibrates:
        lines.append("Calibrates on English chats; texts like those that will be served do better.")
    title = docstring(f"Makes {canonical(launch.quantization)} weights with llm-compressor.", lines)
    imports = f"\nimport argparse\n\nfrom llmcompressor import oneshot\n{recipe.imports}\n"
    modifiers = "".join(f"            {modifier},\n" for modifier in recipe.modifiers)
    body = _MAIN.replace("{modifiers}", modifiers)
    body = body.replace("{calibration}", _CALIBRATION if recipe.calibrates else "")
    return title + imports + constant("SOURCE", launch.base_model) + body
