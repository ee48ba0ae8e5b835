"""What kernels and platforms add to weights, by physical cause."""

from gpucost.calc.weights import ExpertPadding
from gpucost.domain.deployment import EngineKind, Platform
from gpucost.domain.hardware import Gpu
from gpucost.domain.quantization import Quantization

_NONE = ExpertPadding()
_MARLIN = ExpertPadding(hidden_multiple=256, intermediate_multiple=128)
_HOPPER = ExpertPadding(reduction_multiple=256)
_BLOCKS_OF_256 = ExpertPadding(hidden_multiple=256, intermediate_multiple=256)
_PADDING = {"marlin": _MARLIN, "hopper": _HOPPER, "blocks": _BLOCKS_OF_256}


def kernel_class(gpu: Gpu, platform: Platform) -> str:
    """Which family of mixture-of-experts kernels a card gets: `marlin`, `hopper` or `blocks`."""
    data_centre_blackwell = gpu.architecture.startswith("blackwell") and gpu.compute_capability.startswith(
        "10"
    )
    if platform is not Platform.CUDA or data_centre_blackwell:
        return "blocks"
    return "hopper" if gpu.architecture == "hopper" else "marlin"


def expert_padding(
    quantization: Quantization, *, engine: EngineKind, gpu: Gpu, platform: Platform
) -> ExpertPadding:
    """Padding of routed MXFP4 experts by the kernel that a card gets in vLLM and SGLang.

    Marlin (Ampere, Ada, consumer Blackwell) pads the hidden size to 256 and each rank's intermediate
    size to 128; the Hopper layout pads the reduction side of both products to 256; data-centre
    Blackwell and AMD kernels pad both sizes to 256. gpt-oss (2,880 × 2,880) shows each: 65.97 GiB
    (Marlin) and 64.38 GiB (Hopper) for the 120B on one card, 4 × 17.22 GiB for it on four.
    """
    if quantization.id != "mxfp4" or engine not in (EngineKind.VLLM, EngineKind.SGLANG):
        return _NONE
    return _PADDING[kernel_class(gpu, platform)]
