"""A Grafana dashboard (schema version 39, Grafana 11) over the metrics of the server."""

import json

from gpucost.domain.launch import Launch
from gpucost.emit.monitoring import CACHE_LIMIT, known, per_request, quantile

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2


def dashboard(launch: Launch) -> str:
    """Load, cache, preemptions per request and answer times, with the limits of the plan as thresholds.

    Raises ValueError where the engine's metrics are not known.
    """
    names = known(launch)
    panels = [
        _panel("Sequences in flight", names.running, "short", launch.max_num_seqs),
        _panel("Requests waiting", names.waiting, "short", launch.max_num_seqs),
        _panel("Output tokens per second", f"sum by (instance) (rate({names.generated}[5m]))", "short", None),
    ]
    if names.cache_usage is not None:
        panels.append(_panel("KV cache in use", names.cache_usage, "percentunit", CACHE_LIMIT))
    ratio = per_request(names)
    if ratio is not None:
        panels.append(_panel("Preemptions per 1,000 requests", f"1000 * {ratio}", "short", 5))
    if names.ttft is not None:
        panels.append(_panel("Time to first token, p95", quantile(names.ttft, 0.95), "s", launch.ttft_slo_s))
    if names.itl is not None:
        panels.append(_panel("Time per output token, p95", quantile(names.itl, 0.95), "s", launch.tpot_slo_s))
    for place, panel in enumerate(panels):
        row, column = divmod(place, _COLUMNS)
        panel["id"] = place + 1
        panel["gridPos"] = {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    variable = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    content = {
        # Grafana assigns both: a fixed one would overwrite the dashboard of another launch.
        "id": None,
        "uid": None,
        "title": launch.name,
        "tags": ["llm"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [variable]},
        "panels": panels,
    }
    return json.dumps(content, indent=2) + "\n"


def _panel(title: str, expression: str, unit: str, limit: float | None) -> dict[str, object]:
    steps: list[dict[str, object]] = [{"color": "green", "value": None}]
    if limit is not None:
        steps.append({"color": "red", "value": limit})
    defaults = {
        "unit": unit,
        "custom": {"thresholdsStyle": {"mode": "line" if limit is not None else "off"}},
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    return {
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": "A", "expr": expression, "legendFormat": "{{instance}}", "datasource": _SOURCE}
        ],
    }
