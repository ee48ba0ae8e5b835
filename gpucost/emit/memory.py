"""What the memory settings of a plan come to in bytes, for the comments in launch files."""

from gpucost.domain.launch import Launch
from gpucost.emit.formats import SIXTEEN_BIT, canonical
from gpucost.units import bytes_to_gib


def budget(launch: Launch, spent_on: str) -> str:
    """The share of a card that the server may take [GiB], and on what."""
    card = bytes_to_gib(launch.gpu_memory_bytes)
    return f"{card * launch.gpu_memory_utilization:.1f} of {card:.1f} GiB per card for {spent_on}"


def weights(launch: Launch) -> str:
    """The weights on one card [GiB]; without a number where they shrink while they load."""
    if launch.base_model == launch.model and canonical(launch.quantization) not in SIXTEEN_BIT:
        return "weights"
    return f"weights (about {bytes_to_gib(launch.weights_bytes) / launch.gpus:.1f} GiB)"
