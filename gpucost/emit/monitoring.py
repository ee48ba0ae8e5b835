"""Prometheus: what to scrape, and alert rules whose every quantity is per instance."""

from collections.abc import Iterator

from gpucost.domain.deployment import EngineKind
from gpucost.domain.launch import Launch
from gpucost.emit import engines
from gpucost.emit.command import LOOPBACK
from gpucost.emit.manifest import document
from gpucost.emit.metrics import Metrics, metrics
from gpucost.emit.texts import comment

JOB = "llm"
CACHE_LIMIT = 0.9
"""Share of the KV cache above which new requests soon wait or push others out."""
PREEMPTIONS_PER_REQUEST = 0.005
"""Five in a thousand requests computed twice."""
_WINDOW = "[5m]"


def known(launch: Launch) -> Metrics:
    """Metrics of the launch's server.

    Raises ValueError where they are not known.
    """
    names = metrics(launch.engine, launch.engine_version)
    if names is None:
        raise ValueError(f"engine: the metrics of {launch.engine} are not known")
    return names


def scrape_config(launch: Launch) -> str:
    """prometheus.yml for a server on the same machine.

    Raises ValueError where the engine's metrics are not known.
    """
    known(launch)
    server = engines.command(launch)
    lines = ["Elsewhere, replace the target by the server's private address; never publish the metrics."]
    if launch.engine is EngineKind.LLAMA_CPP:
        lines.append(
            "With a key, llama-server asks for it here too: add `authorization` with a `credentials_file`."
        )
    job = {
        "job_name": JOB,
        "metrics_path": "/metrics",
        "static_configs": [{"targets": [f"{LOOPBACK}:{server.port}"]}],
    }
    timing = {"scrape_interval": "15s", "evaluation_interval": "15s"}
    return comment(*lines) + document(
        {"global": timing, "rule_files": ["alerts.yml"], "scrape_configs": [job]}
    )


def alert_rules(launch: Launch) -> str:
    """Rules on a full cache, on work done twice, on the queue and on the answer times that the plan promises.

    Raises ValueError where the engine's metrics are not known.
    """
    names = known(launch)
    lines = [f"Metric names of {launch.engine} {launch.engine_version}."]
    if names.cache_usage is None:
        lines.append(f"No rule on the cache: {launch.engine} exposes no metric of it.")
    if names.preemptions is None:
        lines.append(
            f"No rule on preemptions: {launch.engine} {launch.engine_version} exposes no counter of them."
        )
    groups = [{"name": JOB, "rules": list(_rules(launch, names))}]
    return comment(*lines) + document({"groups": groups})


def per_request(names: Metrics) -> str | None:
    """PromQL of preemptions per ended request; no sample where none ended, so that nothing divides by 0."""
    if names.preemptions is None or names.requests is None:
        return None
    return f"{_rate(names.preemptions)} / ({_rate(names.requests)} > 0)"


def quantile(histogram: str, share: float) -> str:
    """PromQL of a quantile of a histogram per instance."""
    return f"histogram_quantile({share}, sum by (instance, le) (rate({histogram}_bucket{_WINDOW})))"


def _rate(counter: str) -> str:
    # Counters carry more labels (why a request ended); summed away, both sides of a division match.
    return f"sum by (instance) (rate({counter}{_WINDOW}))"


def _rules(launch: Launch, names: Metrics) -> Iterator[dict[str, object]]:
    if names.cache_usage is not None:
        summary = "KV cache above 90 %: fewer sequences or shorter contexts, or another replica"
        yield _rule("LlmCacheNearFull", f"{names.cache_usage} > {CACHE_LIMIT}", "2m", summary)
    ratio = per_request(names)
    if ratio is not None and names.preemptions is not None and names.requests is not None:
        summary = (
            f"More than 5 preemptions per 1,000 requests: lower max-num-seqs below {launch.max_num_seqs}"
        )
        yield _rule("LlmPreemptionsPerRequest", f"{ratio} > {PREEMPTIONS_PER_REQUEST}", "5m", summary)
        # The ratio is silent while nothing ends, which is when preempting is at its worst.
        stuck = f"{_rate(names.preemptions)} > 0 unless {_rate(names.requests)} > 0"
        yield _rule("LlmPreemptsWithoutFinishing", stuck, "5m", "Sequences are preempted and no request ends")
    summary = f"More requests wait than one replica has in flight ({launch.max_num_seqs}): another replica"
    yield _rule("LlmQueueLong", f"{names.waiting} > {launch.max_num_seqs}", "5m", summary)
    if names.ttft is not None and launch.ttft_slo_s is not None:
        slow = f"{quantile(names.ttft, 0.95)} > {launch.ttft_slo_s:g}"
        yield _rule("LlmFirstTokenSlow", slow, "10m", f"p95 to the first token above {launch.ttft_slo_s:g} s")
    if names.itl is not None and launch.tpot_slo_s is not None:
        slow = f"{quantile(names.itl, 0.95)} > {launch.tpot_slo_s:g}"
        yield _rule("LlmTokensSlow", slow, "10m", f"p95 per output token above {launch.tpot_slo_s:g} s")
    yield _rule("LlmDown", f'up{{job="{JOB}"}} == 0', "2m", "The server does not answer")


def _rule(name: str, expression: str, lasting: str, summary: str) -> dict[str, object]:
    return {
        "alert": name,
        "expr": expression,
        "for": lasting,
        "labels": {"severity": "warning"},
        "annotations": {"summary": summary},
    }
