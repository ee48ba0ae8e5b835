"""What providers call the cards of the catalogue; a card that is not here is left out of the file."""

DEVICE_NAMES = {
    "a100-pcie-80gb": "NVIDIA A100 80GB PCIe",
    "a100-sxm-80gb": "NVIDIA A100-SXM4-80GB",
    "a30-24gb": "NVIDIA A30",
    "a40-48gb": "NVIDIA A40",
    "b200-sxm-180gb": "NVIDIA B200",
    "b300-sxm-288gb": "NVIDIA B300 SXM6 AC",
    "h100-nvl-94gb": "NVIDIA H100 NVL",
    "h100-pcie-80gb": "NVIDIA H100 PCIe",
    "h100-sxm-80gb": "NVIDIA H100 80GB HBM3",
    "h200-sxm-141gb": "NVIDIA H200",
    "l4-24gb": "NVIDIA L4",
    "l40-48gb": "NVIDIA L40",
    "l40s-48gb": "NVIDIA L40S",
    "mi300x-192gb": "AMD Instinct MI300X OAM",
    "rtx-2000-ada-16gb": "NVIDIA RTX 2000 Ada Generation",
    "rtx-3070-8gb": "NVIDIA GeForce RTX 3070",
    "rtx-3080-10gb": "NVIDIA GeForce RTX 3080",
    "rtx-3080-ti-12gb": "NVIDIA GeForce RTX 3080 Ti",
    "rtx-3090-24gb": "NVIDIA GeForce RTX 3090",
    "rtx-3090-ti-24gb": "NVIDIA GeForce RTX 3090 Ti",
    "rtx-4000-ada-20gb": "NVIDIA RTX 4000 Ada Generation",
    "rtx-4070-ti-12gb": "NVIDIA GeForce RTX 4070 Ti",
    "rtx-4080-16gb": "NVIDIA GeForce RTX 4080",
    "rtx-4080-super-16gb": "NVIDIA GeForce RTX 4080 SUPER",
    "rtx-4090-24gb": "NVIDIA GeForce RTX 4090",
    "rtx-5000-ada-32gb": "NVIDIA RTX 5000 Ada Generation",
    "rtx-5080-16gb": "NVIDIA GeForce RTX 5080",
    "rtx-5090-32gb": "NVIDIA GeForce RTX 5090",
    "rtx-6000-ada-48gb": "NVIDIA RTX 6000 Ada Generation",
    "rtx-a4000-16gb": "NVIDIA RTX A4000",
    "rtx-a4500-20gb": "NVIDIA RTX A4500",
    "rtx-a5000-24gb": "NVIDIA RTX A5000",
    "rtx-a6000-48gb": "NVIDIA RTX A6000",
    "v100-pcie-16gb": "Tesla V100-PCIE-16GB",
    "v100-sxm2-16gb": "Tesla V100-SXM2-16GB",
    "v100-sxm2-32gb": "Tesla V100-SXM2-32GB",
}
"""Catalogue id -> name that the driver reports, which RunPod takes as `gpuTypeIds`.

Sources: `gpuTypeIds` of runpod/docs@f17efc52:api-reference/openapi.json; B300 from
https://docs.runpod.io/references/gpu-types, read 2026-11.
"""

MODAL_GPUS = {
    "a10-24gb": "A10",
    "a100-sxm-40gb": "A100-40GB",
    "a100-sxm-80gb": "A100-80GB",
    "b200-sxm-180gb": "B200",
    "h100-sxm-80gb": "H100",
    "h200-sxm-141gb": "H200",
    "l4-24gb": "L4",
    "l40s-48gb": "L40S",
    "rtx-pro-6000-96gb": "RTX-PRO-6000",
    "rtx-pro-6000-se-96gb": "RTX-PRO-6000",
    "t4-16gb": "T4",
}
"""Catalogue id -> `gpu` of a Modal function: https://modal.com/docs/guide/gpu, read 2026-11."""


def node_label(gpu: str) -> str | None:
    """Value of the node label `nvidia.com/gpu.product`: the driver's name with dashes for spaces."""
    name = DEVICE_NAMES.get(gpu)
    return name.replace(" ", "-") if name and not name.startswith("AMD") else None
