from __future__ import annotations

import json
from typing import Any

import pytest

from gpucost.domain.deployment import EngineKind, Version
from gpucost.domain.launch import Launch
from gpucost.emit import grafana, monitoring
from gpucost.emit.metrics import metrics
from tests.emit.launches import HOSTILE, LAUNCHES, LLAMA_CPP_POD, SGLANG_KUBERNETES, TENSORRT_LLM, VLLM_RUNPOD
from tests.emit.parsers import documents, promql_metrics

MEASURED = {name: launch for name, launch in LAUNCHES.items() if launch.engine is not TENSORRT_LLM.engine}
every_measured = pytest.mark.parametrize("launch", MEASURED.values(), ids=MEASURED.keys())


def rules(launch: Launch) -> dict[str, dict[str, Any]]:
    (content,) = documents(monitoring.alert_rules(launch))
    (group,) = content["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def names_of(launch: Launch) -> set[str]:
    found = monitoring.known(launch)
    bare = {name for name in found if name is not None}
    return bare | {f"{name}_bucket" for name in (found.ttft, found.itl) if name is not None} | {"up"}


@every_measured
def test_rules_use_metrics_of_the_version(launch: Launch) -> None:
    for name, rule in rules(launch).items():
        assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
        assert promql_metrics(rule["expr"]) <= names_of(launch), name
        assert "{{" not in rule["annotations"]["summary"]


@every_measured
def test_dashboard_panels_use_metrics_of_the_version(launch: Launch) -> None:
    content = json.loads(grafana.dashboard(launch))
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in content["panels"]}
    assert len(places) == len(content["panels"]) == len({panel["id"] for panel in content["panels"]})
    for panel in content["panels"]:
        (target,) = panel["targets"]
        assert promql_metrics(target["expr"]) <= names_of(launch)
    assert content["uid"] is None


@pytest.mark.parametrize("text", HOSTILE)
def test_the_name_is_the_title(text: str) -> None:
    assert json.loads(grafana.dashboard(VLLM_RUNPOD._replace(name=text)))["title"] == text


def test_preemptions_are_counted_per_request() -> None:
    expression = rules(VLLM_RUNPOD)["LlmPreemptionsPerRequest"]["expr"]
    assert expression == (
        "sum by (instance) (rate(vllm:num_preemptions_total[5m]))"
        " / (sum by (instance) (rate(vllm:request_success_total[5m])) > 0) > 0.005"
    )
    assert "unless" in rules(VLLM_RUNPOD)["LlmPreemptsWithoutFinishing"]["expr"], "no request ends: no ratio"


def test_cache_pressure_by_version() -> None:
    old = VLLM_RUNPOD._replace(engine_version=Version(0, 6))
    assert rules(old)["LlmCacheNearFull"]["expr"] == "vllm:gpu_cache_usage_perc > 0.9"
    assert rules(VLLM_RUNPOD)["LlmCacheNearFull"]["expr"] == "vllm:kv_cache_usage_perc > 0.9"
    assert rules(SGLANG_KUBERNETES)["LlmCacheNearFull"]["expr"] == "sglang:token_usage > 0.9"


def test_rules_that_an_engine_has_no_metric_for() -> None:
    assert rules(LLAMA_CPP_POD).keys() == {"LlmQueueLong", "LlmDown"}
    assert "No rule on the cache" in monitoring.alert_rules(LLAMA_CPP_POD)
    old = SGLANG_KUBERNETES._replace(engine_version=Version(0, 4))
    assert "LlmPreemptionsPerRequest" not in rules(old)
    assert metrics(EngineKind.TENSORRT_LLM, Version(1, 1)) is None
    with pytest.raises(ValueError, match="metrics of tensorrt-llm"):
        monitoring.alert_rules(TENSORRT_LLM)


def test_answer_times_of_the_plan_become_rules() -> None:
    found = rules(VLLM_RUNPOD)
    assert found["LlmFirstTokenSlow"]["expr"].endswith("> 0.5")
    assert "vllm:inter_token_latency_seconds_bucket" in found["LlmTokensSlow"]["expr"]
    old = rules(VLLM_RUNPOD._replace(engine_version=Version(0, 9)))
    assert "vllm:time_per_output_token_seconds_bucket" in old["LlmTokensSlow"]["expr"]
    without = rules(VLLM_RUNPOD._replace(ttft_slo_s=None, tpot_slo_s=None))
    assert without.keys().isdisjoint({"LlmFirstTokenSlow", "LlmTokensSlow"})


def test_scrape_config() -> None:
    (content,) = documents(monitoring.scrape_config(SGLANG_KUBERNETES))
    (job,) = content["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:30000"]}]
    assert content["rule_files"] == ["alerts.yml"]
    assert "credentials_file" in monitoring.scrape_config(LLAMA_CPP_POD)


@pytest.mark.parametrize(
    "expression",
    ["rate(a[5m)", "sum (a)", "rate(a))", "a > > {", "a ~ 1", "(sum by (x) (b))[5m]", "rate a"],
)
def test_the_checker_refuses_what_is_no_promql(expression: str) -> None:
    with pytest.raises(AssertionError):
        promql_metrics(expression)
