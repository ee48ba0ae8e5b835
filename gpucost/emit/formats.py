"""Weight formats of the catalogue as the engines know them."""

import re

_GGUF = re.compile(r"(?:f16|q[2-8]-(?:[01]|k(?:-[sml])?)|iq[1-4]-(?:xxs|xs|nl|[sm])|mxfp4-moe)\Z")
SIXTEEN_BIT = frozenset({"bf16", "fp16", "fp32"})
BITSANDBYTES = frozenset({"bnb-int8", "bnb-nf4", "bnb-nf4-dq"})


def canonical(quantization: str) -> str:
    """A catalogue id, whichever of the spellings `q4_k_m` and `q4-k-m` it came in."""
    return quantization.lower().replace("_", "-")


def gguf_name(quantization: str) -> str | None:
    """The format as GGUF files name it (`Q4_K_M`); None where it is no GGUF format."""
    if canonical(quantization) == "bf16":
        return "BF16"
    if not _GGUF.match(canonical(quantization)):
        return None
    return canonical(quantization).upper().replace("-", "_")


def is_gguf(quantization: str) -> bool:
    """Whether only GGUF files hold the format."""
    return canonical(quantization) not in SIXTEEN_BIT and gguf_name(quantization) is not None
