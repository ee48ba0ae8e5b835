"""Names of the Prometheus metrics of each engine, by version.

vLLM: `vllm/v1/metrics/loggers.py` and `vllm/engine/metrics.py` of 0.6.6.post1, 0.8.5, 0.9.0, 0.9.2, 0.10.0,
0.10.2, 0.11.2, 0.20.2 and 0.33.0; counters get `_total` where they are exposed. `gpu_cache_usage_perc`
stands in every 0.9, its successor `kv_cache_usage_perc` in 0.9.2 and later. SGLang: the metrics collectors
of 0.4.10.post2, 0.5.3, 0.5.12 and 0.5.23; the counter of retracted requests is in the last two. llama.cpp:
tools/server/README.md as packed in llama-cpp-python 0.3.36.
"""

from typing import NamedTuple

from gpucost.domain.deployment import EngineKind, Version


class Metrics(NamedTuple):
    """Metrics of a server; None where it has none of that kind."""

    running: str
    """Gauge: sequences in flight."""
    waiting: str
    """Gauge: requests in the queue."""
    generated: str
    """Counter: output tokens."""
    cache_usage: str | None = None
    """Gauge: share of the KV cache in use [0-1]."""
    preemptions: str | None = None
    """Counter: sequences that lost their cache to others and are computed again."""
    requests: str | None = None
    """Counter: requests that ended."""
    ttft: str | None = None
    """Histogram: time to the first token [s]."""
    itl: str | None = None
    """Histogram: time per output token after the first [s]."""


_NEW_CACHE_NAME = Version(0, 10)
_NEW_TOKEN_TIME = Version(0, 11)
_RETRACTIONS = Version(0, 5)


def metrics(engine: EngineKind, version: Version) -> Metrics | None:
    """Metrics that a version of an engine exposes; None where they are not known."""
    if engine is EngineKind.VLLM:
        cache = "kv_cache_usage_perc" if version >= _NEW_CACHE_NAME else "gpu_cache_usage_perc"
        token = "inter_token_latency" if version >= _NEW_TOKEN_TIME else "time_per_output_token"
        return Metrics(
            running="vllm:num_requests_running",
            waiting="vllm:num_requests_waiting",
            generated="vllm:generation_tokens_total",
            cache_usage=f"vllm:{cache}",
            preemptions="vllm:num_preemptions_total",
            requests="vllm:request_success_total",
            ttft="vllm:time_to_first_token_seconds",
            itl=f"vllm:{token}_seconds",
        )
    if engine is EngineKind.SGLANG:
        return Metrics(
            running="sglang:num_running_reqs",
            waiting="sglang:num_queue_reqs",
            generated="sglang:generation_tokens_total",
            cache_usage="sglang:token_usage",
            preemptions="sglang:num_retracted_requests_total" if version >= _RETRACTIONS else None,
            requests="sglang:num_requests_total",
            ttft="sglang:time_to_first_token_seconds",
            itl="sglang:inter_token_latency_seconds",
        )
    if engine is EngineKind.LLAMA_CPP:
        return Metrics(
            running="llamacpp:requests_processing",
            waiting="llamacpp:requests_deferred",
            generated="llamacpp:tokens_predicted_total",
        )
    return None
