"""Which options a version of an engine takes: stored lists, checked against what the launch files use."""

from gpucost.domain.deployment import EngineKind, Version
from gpucost.emit.flags_vllm import SPANS

_SGLANG = """
    allow-auto-truncate api-key base-gpu-id chat-template chunked-prefill-size context-length cpu-offload-gb
    data-parallel-size decode-attention-backend device disable-cuda-graph disable-custom-all-reduce
    disable-overlap-schedule disable-radix-cache dist-init-addr dp-size dtype download-dir enable-cache-report
    enable-dp-attention enable-lora enable-metrics enable-mixed-chunk enable-torch-compile ep-size
    expert-parallel-size host json-model-override-args kv-cache-dtype load-format log-level lora-paths
    max-prefill-tokens max-queued-requests max-running-requests max-total-tokens mem-fraction-static model
    model-path nnodes node-rank page-size pipeline-parallel-size port pp-size quantization random-seed
    reasoning-parser revision sampling-backend schedule-conservativeness schedule-policy served-model-name
    speculative-accept-threshold-acc speculative-accept-threshold-single speculative-algorithm
    speculative-draft-model-path speculative-eagle-topk speculative-num-draft-tokens speculative-num-steps
    speculative-token-map stream-interval tensor-parallel-size tokenizer-path tool-call-parser tp-size
    trust-remote-code watchdog-timeout
"""
"""Options that 0.4.10.post2 (`sglang/srt/server_args.py`) and 0.5.23 (`sglang/srt/arg_groups/fields/`) share.

The `--enable-flashinfer` of older guides is in none of 0.4.1, 0.4.6, 0.4.10, 0.5.3, 0.5.12 and 0.5.23.
"""

_SGLANG_0_4 = "cuda-graph-bs cuda-graph-max-bs enable-deepep-moe enable-ep-moe torchao-config"
"""Options of 0.4.10.post2 that 0.5.23 has no more."""

_LLAMA_CPP = """
    alias api-key api-key-file batch-size cache-type-k cache-type-v ctx-size flash-attn gpu-layers hf-file
    hf-repo hf-repo-draft host kv-unified main-gpu metrics model model-draft n-gpu-layers parallel port
    spec-draft-hf spec-draft-model spec-draft-n-max spec-draft-n-min spec-ngram-simple-size-m
    spec-ngram-simple-size-n spec-type split-mode tensor-split ubatch-size
"""
"""Some options of `llama-server`: tools/server/README.md of llama.cpp in llama-cpp-python 0.3.36 (2026).

Its `--draft`, `--draft-max` and `--draft-min` are gone: it stops and names `--spec-draft-n-max`.
"""

_TENSORRT_LLM = """
    backend chat_template config custom_tokenizer enable_chunked_prefill extra_llm_api_options
    free_gpu_memory_fraction gpus_per_node host kv_cache_free_gpu_memory_fraction log_level max_batch_size
    max_beam_width max_num_tokens max_seq_len moe_expert_parallel_size ep_size pipeline_parallel_size pp_size
    port reasoning_parser revision tensor_parallel_size tp_size tokenizer tool_parser trust_remote_code
"""
"""Options of `trtllm-serve`, none for a key: NVIDIA/TensorRT-LLM@00209af1:tensorrt_llm/commands/serve.py."""


def _version(text: str) -> Version:
    major, minor = text.split(".")
    return Version(int(major), int(minor))


def _dashed(names: str) -> frozenset[str]:
    return frozenset(f"--{name}" for name in names.split())


def flags(engine: EngineKind, version: Version) -> frozenset[str]:
    """Options that the server of an engine is known to take.

    Versions older or newer than any that was read are taken as the oldest or the newest one that was.
    """
    if engine is EngineKind.VLLM:
        oldest = min(_version(since) for since, _, _ in SPANS)
        asked = max(version, oldest)
        known = [
            _dashed(names)
            for since, until, names in SPANS
            if _version(since) <= asked and (until is None or asked <= _version(until))
        ]
        return frozenset().union(*known)
    if engine is EngineKind.SGLANG:
        return _dashed(_SGLANG) | (_dashed(_SGLANG_0_4) if version <= Version(0, 4) else frozenset())
    if engine is EngineKind.LLAMA_CPP:
        return _dashed(_LLAMA_CPP)
    if engine is EngineKind.TENSORRT_LLM:
        return _dashed(_TENSORRT_LLM)
    return frozenset()
