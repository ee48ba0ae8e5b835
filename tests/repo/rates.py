"""Request rates against published open-loop runs, on which no constant was fitted.

The runs are of an engine in its own process (Triton), so the answers leave the server out (`offline`).
Runs of 500 requests that fell behind their rate never reached a steady state: they are left out.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from gpucost.api.throughput import throughput
from gpucost.calc.statistics import quantile
from gpucost.catalog.store import Catalog

FILE = Path(__file__).parents[1] / "reference" / "open_loop.csv"
KEPT_UP = 0.9
"""Completed over asked requests per second of a run that kept up with its rate."""


class RatePoint(NamedTuple):
    """Predicted over measured latencies of a run at a rate, and whether the rate was refused."""

    tpot: float
    ttft: float
    refused: bool


def rate_points(catalog: Catalog) -> list[RatePoint]:
    """Every run that kept up with its rate."""
    with FILE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    out = []
    for row in rows:
        rate = float(row["requests_per_s"])
        if float(row["completed_per_s"]) < KEPT_UP * rate:
            continue
        report = throughput(
            model=row["model"],
            gpu=row["gpu"],
            tp=int(row["tp"]),
            quant=row["quant"],
            engine="tensorrt-llm",
            input_tokens=int(row["input_tokens"]),
            output_tokens=int(row["output_tokens"]),
            rps=rate,
            offline=True,
            estimate_only=True,
            catalog=catalog,
        )
        found = report.result.rows[0]
        tpot, ttft = found.tpot_s * 1e3 / float(row["itl_ms"]), found.ttft_s * 1e3 / float(row["ttft_ms"])
        out.append(RatePoint(tpot, ttft, report.answered_no))
    return out


def markdown(catalog: Catalog) -> str:
    """Errors at the rates as a Markdown table: median / 90th percentile in percent."""
    points = rate_points(catalog)
    rows = ["| at a request rate | runs | median | 90th percentile |", "| --- | ---: | ---: | ---: |"]
    for name, ratios in (("TPOT", [p.tpot for p in points]), ("TTFT", [p.ttft for p in points])):
        errors = [abs(ratio - 1) for ratio in ratios]
        median, far = quantile(errors, 0.5), quantile(errors, 0.9)
        rows.append(f"| {name} | {len(errors)} | {100 * median:.1f} | {100 * far:.1f} |")
    return "\n".join(rows) + "\n"
