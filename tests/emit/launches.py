"""Launches that the tests write files for."""

from __future__ import annotations

from gpucost.domain.deployment import EngineKind, Version
from gpucost.domain.launch import Launch, Scaling, Speculation
from gpucost.units import gb_to_bytes, gib_to_bytes

VLLM_RUNPOD = Launch(
    name="support chat",
    model="casperhansen/llama-3-70b-instruct-awq",
    quantization="awq",
    kv_dtype="auto",
    engine=EngineKind.VLLM,
    engine_version=Version(0, 33),
    tp=2,
    pp=1,
    ep=1,
    replicas=1,
    max_model_len=8192,
    max_num_seqs=64,
    gpu_memory_utilization=0.93,
    gpu="rtx-6000-ada-48gb",
    gpu_name="NVIDIA RTX 6000 Ada",
    gpu_memory_bytes=gib_to_bytes(47.4),
    weights_bytes=gb_to_bytes(39.8),
    provider="runpod",
    product="flex",
    offer="runpod/flex/48gb-pro",
    region=None,
    billing="flex",
    usd_per_hour=3.5,
    usd_per_month=638.49,
    scaling=Scaling(0, 10, 30, "queue-delay", 4, 600),
    ttft_slo_s=0.5,
    tpot_slo_s=0.04,
)
SGLANG_KUBERNETES = VLLM_RUNPOD._replace(
    name="agents",
    model="Qwen/Qwen3-32B",
    base_model="Qwen/Qwen3-32B",
    quantization="fp8",
    kv_dtype="fp8",
    engine=EngineKind.SGLANG,
    engine_version=Version(0, 5),
    gpu="h100-sxm-80gb",
    gpu_name="NVIDIA H100 SXM",
    gpu_memory_bytes=gib_to_bytes(79.1),
    gpu_memory_utilization=0.86,
    replicas=3,
    ep=2,
    provider=None,
    product=None,
    offer=None,
    billing=None,
    usd_per_month=None,
    scaling=None,
    revision="9216db5781bf21249d130ec9da846c4624c16137",
)
LLAMA_CPP_POD = VLLM_RUNPOD._replace(
    name="small",
    model="unsloth/Qwen3-8B-GGUF",
    quantization="q4-k-m",
    kv_dtype="q8_0",
    engine=EngineKind.LLAMA_CPP,
    engine_version=Version(2026, 0),
    tp=1,
    max_num_seqs=4,
    gpu="rtx-4090-24gb",
    gpu_name="NVIDIA GeForce RTX 4090",
    product="community",
    offer="runpod/community/rtx-4090-24gb",
    billing="spot",
    scaling=None,
)
VLLM_SAGEMAKER = VLLM_RUNPOD._replace(
    quantization="bf16",
    model="meta-llama/Llama-3.1-8B-Instruct",
    tp=1,
    pp=2,
    enforce_eager=True,
    gpu="l40s-48gb",
    gpu_name="NVIDIA L40S",
    provider="aws",
    product="sagemaker",
    offer="aws/sagemaker/ml.g6e.12xlarge@us-east-1",
    region="us-east-1",
    billing="on-demand",
    scaling=Scaling(0, 4, 300, "concurrency", 48, 600),
)
VLLM_MODAL = VLLM_RUNPOD._replace(
    gpu="l40s-48gb",
    gpu_name="NVIDIA L40S",
    provider="modal",
    product="functions",
    offer="modal/functions/l40s-48gb",
)
SGLANG_MODAL = SGLANG_KUBERNETES._replace(provider="modal", product="functions")
VLLM_REPLICATE = VLLM_MODAL._replace(provider="replicate", product="hardware", quantization="gptq-int4")
TENSORRT_LLM = SGLANG_KUBERNETES._replace(
    engine=EngineKind.TENSORRT_LLM, engine_version=Version(1, 1), kv_dtype="auto", quantization="nvfp4"
)
VLLM_OLD = VLLM_RUNPOD._replace(
    engine_version=Version(0, 6),
    speculation=Speculation("draft_model", 5, "casperhansen/llama-3-8b-instruct-awq"),
)
LAUNCHES = {
    "vllm-runpod": VLLM_RUNPOD,
    "sglang-kubernetes": SGLANG_KUBERNETES,
    "llama-cpp-pod": LLAMA_CPP_POD,
    "vllm-sagemaker": VLLM_SAGEMAKER,
    "sglang-sagemaker": SGLANG_KUBERNETES._replace(provider="aws", product="sagemaker"),
    "vllm-modal": VLLM_MODAL,
    "sglang-modal": SGLANG_MODAL,
    "vllm-replicate": VLLM_REPLICATE,
    "vllm-old": VLLM_OLD,
    "vllm-ngram": VLLM_RUNPOD._replace(speculation=Speculation("ngram", 4)),
    "vllm-mtp": VLLM_RUNPOD._replace(ep=2, max_num_batched_tokens=4096, speculation=Speculation("mtp", 1)),
    "vllm-pod": VLLM_RUNPOD._replace(product="secure", scaling=None),
    "sglang-pod": SGLANG_KUBERNETES._replace(provider="runpod", product="secure"),
    "sglang-serverless": SGLANG_KUBERNETES._replace(provider="runpod", product="flex"),
    "sglang-draft": SGLANG_KUBERNETES._replace(speculation=Speculation("draft_model", 3, "Qwen/Qwen3-0.6B")),
    "sglang-old": SGLANG_KUBERNETES._replace(engine_version=Version(0, 4), pp=2),
    "llama-cpp-draft": LLAMA_CPP_POD._replace(
        speculation=Speculation("draft_model", 3, "unsloth/q-GGUF"), tp=2
    ),
    "llama-cpp-serverless": LLAMA_CPP_POD._replace(product="flex"),
    "tensorrt-llm": TENSORRT_LLM,
}
ENGINES = ("vllm-runpod", "sglang-kubernetes", "llama-cpp-pod", "tensorrt-llm")
PROVIDERS = (*ENGINES, "vllm-old", "vllm-pod", "vllm-sagemaker", "sglang-modal", "vllm-replicate")
HOSTILE = (
    "x; rm -rf /",
    "$(touch x)",
    "`touch x`",
    "${HOME:-x}",
    "$$HOME",
    "'\"quotes'\"",
    "{{ .Values.x }} {{ $labels.instance }}",
    "back\\slash\\",
    "# comment: yes",
    "*alias",
    "1e3",
    "0o17",
    "no",
    "é…漢",
    "%s{0}{MODEL}",
    '"""+__import__("os").system("x")+"""',
)
"""Texts that do harm where a writer does not quote them."""
