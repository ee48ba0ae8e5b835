"""What a plan leaves out and why, and the files that it is asked with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import gpucost
from gpucost.catalog.store import Catalog
from gpucost.domain.plans import PlanResult
from gpucost.errors import DataError, UsageError
from gpucost.view.to_json import render_json
from tests.api.scenarios import (
    CHAT,
    LLAMA,
    QUIET,
    TODAY,
    changed,
    planned,
    plans,
)
from tests.io.configs import LLAMA_31_8B


class TestRejected:
    def rejected(self, result: PlanResult, stage: str) -> list[tuple[str, str]]:
        return [(each.reason, each.example) for each in result.rejected if each.stage == stage]

    def test_memory(self, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(CHAT, constraints={"gpus": ["t4"], "max_gpus": 1}, models=[{"params": 70}])
        report = planned(tmp_path, shipped, scenario)
        assert report.answered_no
        assert report.result.recommendation is None
        assert [each.stage for each in report.result.rejected] == ["memory"]
        reason, example = self.rejected(report.result, "memory")[0]
        assert reason == "does not fit"
        assert "t4-16gb × 1" in example
        again = gpucost.size(params=70, gpu="t4", gpus=1, quant="bf16", catalog=shipped, today=TODAY)
        assert again.answered_no

    def test_kernels_and_unknown_speeds(self, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(CHAT, constraints={"gpus": ["v100-sxm2-16gb"]}, models=[{"model": LLAMA}])
        reasons = dict(self.rejected(plans(tmp_path, shipped, scenario), "speed"))
        assert "fp8 on v100" in reasons["no kernel of the format runs on the card"]
        size = gpucost.size(model=LLAMA, quant="fp8", gpu="v100-sxm2-16gb", catalog=shipped, today=TODAY)
        assert any("compute capability" in each.text for each in size.notes) or size.answered_no

    def test_limits_on_latency(self, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(CHAT, slo=["ttft:p95<=50ms"])
        rejected = self.rejected(plans(tmp_path, shipped, scenario), "slo")
        reason, example = next(each for each in rejected if each[0].startswith("not even one"))
        assert "ttft:p95<=50ms is" in example
        gpu = example.split(" on ")[1].split(" × ")[0]
        speed = gpucost.throughput(
            model=LLAMA,
            quant=example.split(" in ")[1].split(" on ")[0],
            gpu=gpu,
            gpus=int(example.split(" × ")[1].split(":")[0]),
            input_tokens=1000,
            output_tokens=250,
            concurrency=[1],
            estimate_only=True,
            catalog=shipped,
            today=TODAY,
        )
        assert speed.result.rows[0].ttft_s > 0.05
        assert reason

    def test_starts_that_break_a_limit(self, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(QUIET, slo=["ttft:p95<=1s"], constraints={"billing": ["flex"]})
        result = plans(tmp_path, shipped, scenario, top=40)
        for row in result.plans:
            assert (row.cold_share or 0.0) <= 0.05

    def test_starts_that_are_too_long(self, tmp_path: Path, shipped: Catalog) -> None:
        """One worker that stays is enough for few requests; of many some meet a worker that starts."""
        few = changed(QUIET, slo=None, constraints={"billing": ["flex"], "max_cold_start_s": 1.5})
        assert all(row.min_workers == 1 == row.max_workers for row in plans(tmp_path, shipped, few).plans)
        many = changed(few, workload={"requests_per_day": 500_000})
        reasons = [reason for reason, _ in self.rejected(plans(tmp_path, shipped, many), "start")]
        assert reasons == ["starts take longer than 1.5 s"]

    def test_prices_providers_regions_and_budgets(self, tmp_path: Path, shipped: Catalog) -> None:
        limits = {
            "gpus": ["l40s"],
            "providers": ["runpod"],
            "regions": ["global"],
            "max_usd_per_month": 600.0,
        }
        result = plans(tmp_path, shipped, changed(CHAT, slo=None, constraints=limits))
        assert ("more than 600 USD per month", "runpod/secure/l40s-48gb in bf16") in self.rejected(
            result, "budget"
        )
        assert any(
            reason == "its provider is not allowed" for reason, _ in self.rejected(result, "constraint")
        )
        limits = {"gpus": ["l40s"], "providers": None, "regions": ["global"]}
        result = plans(tmp_path, shipped, changed(CHAT, slo=None, constraints=limits))
        assert any(example.startswith("aws/") for _, example in self.rejected(result, "constraint"))
        nothing = plans(tmp_path, shipped, changed(CHAT, constraints={"billing": ["capacity-block"]}))
        assert nothing.recommendation is None
        assert any(
            reason == "no offer in the allowed billing modes" for reason, _ in self.rejected(nothing, "price")
        )


class TestFiles:
    def test_the_same_scenario_is_the_same_json(self, tmp_path: Path, shipped: Catalog) -> None:
        first, second = (render_json(planned(tmp_path, shipped, QUIET), indent=None) for _ in range(2))
        assert first == second

    def test_a_trace_gives_its_rate_and_lengths(self, tmp_path: Path, shipped: Catalog) -> None:
        trace = tmp_path / "hour.csv"
        rows = [f"{second * 10},{800 + second},{100 + second % 3}" for second in range(60)]
        trace.write_text("\n".join(["timestamp,input_tokens,output_tokens", *rows]), encoding="utf-8")
        scenario = changed(CHAT, workload={"requests_per_day": None, "trace": "hour.csv"})
        report = planned(tmp_path, shipped, scenario)
        stats = gpucost.traffic(file=trace, catalog=shipped).result.stats
        assert report.inputs["input_tokens"] == round(stats.input_tokens.mean)
        assert report.inputs["requests_per_month"] == pytest.approx(stats.requests_per_second * 730 * 3600)
        assert any("simulate replays its bursts" in each.text for each in report.notes)

    def test_a_config_names_the_model(self, tmp_path: Path, shipped: Catalog) -> None:
        (tmp_path / "config.json").write_text(json.dumps(LLAMA_31_8B), encoding="utf-8")
        by_file = changed(CHAT, models=[{"config": "config.json", "quantizations": ["bf16"]}])
        by_name = changed(CHAT, models=[{"model": LLAMA, "quantizations": ["bf16"]}])
        first, second = (plans(tmp_path, shipped, each).plans[0] for each in (by_file, by_name))
        assert (first.deployment, first.usd_per_month) == (second.deployment, second.usd_per_month)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"workload": {"requests_per_day": None}}, "has no rate"),
            ({"constraints": {"billing": ["spot"]}}, "spot: true"),
            ({"slo": ["ttft<=0s"]}, "slo"),
            ({"models": [{"model": "Lama-3.1-8B"}]}, "did you mean"),
        ],
    )
    def test_what_cannot_be_asked_says_why(
        self, change: dict[str, Any], says: str, tmp_path: Path, shipped: Catalog
    ) -> None:
        with pytest.raises((UsageError, DataError), match=says):
            plans(tmp_path, shipped, changed(CHAT, **change))

    def test_more_rows_keep_the_first_ones(self, tmp_path: Path, shipped: Catalog) -> None:
        few, many = (plans(tmp_path, shipped, QUIET, top=count).plans for count in (3, 60))
        cheapest = list(dict.fromkeys(row.deployment for row in many))[:3]
        assert [row.deployment for row in few][:3] == cheapest
        assert len({row.deployment for row in many}) > 12
