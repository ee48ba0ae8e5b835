"""What a model's files say."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gpucost.domain.model import Model


class ModelFile(NamedTuple):
    """A model as its files describe it; what they do not say is None."""

    model: Model | None
    weights_bytes: int | None = None
    """Exact size of all tensors [B]."""
    weights_by_part: Mapping[str, int] = MappingProxyType({})
    """The same by tensor part [B]; empty where only the total is known."""
    quantization: str | None = None
    """Id of the weight format."""
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    host_bytes: int | None = None
    """GGUF: tensors that llama.cpp leaves in host memory even with all layers on the GPU [B]."""
