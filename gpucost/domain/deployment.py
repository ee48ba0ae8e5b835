"""How a model is served: parallelism and engine settings."""

from enum import StrEnum
from typing import NamedTuple


class EngineKind(StrEnum):
    """Engines whose memory behaviour is modelled."""

    VLLM = "vllm"
    SGLANG = "sglang"
    TENSORRT_LLM = "tensorrt-llm"
    LLAMA_CPP = "llama.cpp"
    TRANSFORMERS = "transformers"


class Platform(StrEnum):
    """Software platform of the card, which decides allocators and kernels."""

    CUDA = "cuda"
    ROCM = "rocm"
    OTHER = "other"


class Parallelism(NamedTuple):
    """Shards of one copy of the model."""

    tp: int = 1
    pp: int = 1
    ep: int = 1
    """Cards that share the routed experts as whole experts; 1 = experts are cut by tensor parallelism."""

    @property
    def gpus(self) -> int:
        """Cards of one copy."""
        return self.tp * self.pp


class Version(NamedTuple):
    """MAJOR.MINOR of an engine."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"
