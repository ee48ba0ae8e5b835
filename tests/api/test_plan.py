"""Plans: the same numbers as by hand, limits that hold, a front that is one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import gpucost
from gpucost.catalog.store import Catalog
from gpucost.domain.plans import PlanRow
from tests.api.scenarios import (
    CHAT,
    LLAMA,
    QUIET,
    SCENARIOS,
    TODAY,
    bill_flags,
    billed,
    changed,
    found,
    model_flags,
    plans,
    scales,
)


class TestByHand:
    @pytest.mark.parametrize("name", SCENARIOS)
    def test_bill_gives_the_same_month(self, name: str, folder: Path, shipped: Catalog) -> None:
        for row in found(name, folder, shipped).plans:
            total = billed(row, SCENARIOS[name], shipped)
            assert total == pytest.approx(row.usd_per_month, rel=1e-9), row.deployment
            assert total == pytest.approx(sum(each.usd or 0.0 for each in row.lines), rel=1e-9)

    def test_always_on_plans_have_the_workers_that_bill_finds(self, folder: Path, shipped: Catalog) -> None:
        for row in found("no limits", folder, shipped).plans:
            if not scales(row):
                asked = bill_flags(row, SCENARIOS["no limits"])
                del asked["workers"]
                (bill,) = gpucost.bill(catalog=shipped, today=TODAY, **asked).result.bills
                assert bill.workers == row.workers

    @pytest.mark.parametrize("name", SCENARIOS)
    def test_size_says_that_it_fits(self, name: str, folder: Path, shipped: Catalog) -> None:
        scenario = SCENARIOS[name]
        load, seen = scenario["workload"], set()
        for row in found(name, folder, shipped).plans:
            key = (row.gpu, row.gpus_per_worker, row.quantization, row.engine)
            if key in seen or row.speculation:
                continue
            seen.add(key)
            asked = model_flags(row, scenario)
            names = {each: asked[each] for each in ("model", "params") if each in asked}
            report = gpucost.size(
                **names,
                quant=row.quantization,
                engine=row.engine,
                gpu=row.gpu,
                gpus=row.gpus_per_worker,
                tp=row.tp,
                context=load["input_tokens"] + load["output_tokens"],
                as_of=scenario["as_of"],
                catalog=shipped,
                today=TODAY,
            )
            best = report.result.candidates[0]
            assert best.fits
            assert best.max_concurrency == pytest.approx(row.max_concurrency)

    @pytest.mark.parametrize("name", SCENARIOS)
    def test_throughput_gives_the_same_latencies(self, name: str, folder: Path, shipped: Catalog) -> None:
        """Of a worker that scales with all its places taken, of one that stays at its share of the rate."""
        result = found(name, folder, shipped)
        rate = result.requests_per_month / (730 * 3600)
        for row in result.plans:
            load: dict[str, Any] = {"concurrency": [row.concurrency]}
            if not scales(row):
                load = {"rps": rate / row.workers}
            report = gpucost.throughput(
                **model_flags(row, SCENARIOS[name]),
                **load,
                gpu=row.gpu,
                gpus=row.gpus_per_worker,
                tp=row.tp,
                estimate_only=True,
                catalog=shipped,
                today=TODAY,
            )
            (speed,) = report.result.rows
            assert (row.ttft_s, row.tpot_s, row.e2e_s) == pytest.approx(
                (speed.ttft_s, speed.tpot_s, speed.e2e_s), rel=1e-6
            ), row.deployment

    @pytest.mark.parametrize(
        ("name", "kind", "tolerance"),
        [("chat", False, 1e-6), ("quiet, scaling wins", True, 0.25)],
    )
    def test_simulate_gives_about_the_same_month(
        self, name: str, kind: bool, tolerance: float, folder: Path, shipped: Catalog
    ) -> None:
        """Bills of workers that scale are approximate for random arrivals; those that stay are exact."""
        row = next(each for each in found(name, folder, shipped).plans if scales(each) is kind)
        asked = bill_flags(row, SCENARIOS[name])
        asked.pop("workers", None)
        report = gpucost.simulate(
            **asked, simulated_days=3.0, variants=False, slo=(), catalog=shipped, today=TODAY
        )
        (bill,) = report.result.bills
        assert bill.total_usd == pytest.approx(row.usd_per_month, rel=tolerance)

    def test_the_workers_of_a_plan_are_enough_for_simulated_traffic(
        self, folder: Path, shipped: Catalog
    ) -> None:
        """At most one request in a hundred waits for longer than a start where the plan's maximum holds."""
        name = "quiet, scaling wins"
        row = next(each for each in found(name, folder, shipped).plans if scales(each))
        asked = {**bill_flags(row, SCENARIOS[name]), "max_workers": row.max_workers}
        report = gpucost.simulate(**asked, simulated_days=3.0, variants=False, catalog=shipped, today=TODAY)
        assert row.start_s is not None
        assert report.result.runs[0].latencies["wait"].p99 <= row.start_s + 2 * row.e2e_s


def best(folder: Path, shipped: Catalog, scenario: dict[str, Any]) -> float:
    """The lowest month [USD], infinite where nothing keeps the limits."""
    result = plans(folder, shipped, scenario)
    return result.plans[0].usd_per_month if result.plans else math.inf


class TestLimits:
    def test_a_tighter_limit_is_never_cheaper(self, tmp_path: Path, shipped: Catalog) -> None:
        months = [
            best(tmp_path, shipped, changed(CHAT, slo=[f"ttft:p95<={limit}ms", f"tpot<={limit / 10}ms"]))
            for limit in (5000, 1000, 400, 200, 100, 50)
        ]
        assert months == sorted(months)
        assert months[0] < months[-1]

    @pytest.mark.parametrize(
        ("part", "key", "values"),
        [
            ("constraints", "max_gpus", [1, 2, 4, 8]),
            ("constraints", "providers", [["modal"], ["modal", "runpod"], None]),
            ("constraints", "gpus", [["a100-sxm-80gb"], ["a100-sxm-80gb", "l40s"], None]),
            ("constraints", "engines", [["sglang"], ["sglang", "vllm"]]),
            ("constraints", "billing", [["flex"], ["flex", "on-demand"], ["flex", "on-demand", "community"]]),
            ("constraints", "max_cold_start_s", [1, 20, 600, None]),
            ("constraints", "ecc", [True, None]),
            ("constraints", "spot", [None, True]),
        ],
    )
    def test_more_choice_is_never_dearer(
        self, part: str, key: str, values: list[Any], tmp_path: Path, shipped: Catalog
    ) -> None:
        scenario = changed(QUIET, constraints={"providers": None})
        months = [best(tmp_path, shipped, changed(scenario, **{part: {key: each}})) for each in values]
        assert months == sorted(months, reverse=True)

    def test_more_formats_are_never_dearer(self, tmp_path: Path, shipped: Catalog) -> None:
        formats = ["bf16", "awq", "fp8"]
        months = [
            best(
                tmp_path, shipped, changed(CHAT, models=[{"model": LLAMA, "quantizations": formats[:count]}])
            )
            for count in (1, 2, 3)
        ]
        assert months == sorted(months, reverse=True)

    @pytest.mark.parametrize(
        "limits",
        [
            {"max_usd_per_month": 300.0},
            {"max_cold_start_s": 5.0},
            {"ecc": True},
            {"spot": True},
            {"providers": ["RunPod", "aws"]},
            {"regions": ["us-east-1"]},
            {"regions": ["US-East-1", "global"]},
            {"billing": ["Flex"]},
            {"billing": ["spot"], "spot": True},
            {"billing": ["flex"], "spot": True},
            {"max_gpus": 2},
            {"gpus": ["l40s"]},
            {"single_provider": True},
        ],
        ids=", ".join,
    )
    def test_every_plan_keeps_them(self, limits: dict[str, Any], tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(QUIET, constraints={"providers": None, "gpus": None, **limits})
        rows = plans(tmp_path, shipped, scenario, top=40).plans
        assert rows
        for row in rows:
            assert row.usd_per_month <= limits.get("max_usd_per_month", math.inf)
            if "max_cold_start_s" in limits and scales(row):
                assert row.min_workers >= row.max_workers or row.start_s <= limits["max_cold_start_s"]
            if limits.get("ecc"):
                assert not shipped.gpus[row.gpu].ecc.startswith("none")
            if not limits.get("spot"):
                assert row.billing != "spot"
            if "providers" in limits:
                assert row.provider in [each.lower() for each in limits["providers"]]
            if "regions" in limits:
                assert row.provider == "aws" or "global" in limits["regions"]
                assert row.provider not in ("gcp", "azure", "lambda", "nebius")
            if "billing" in limits:
                assert row.billing in [each.lower() for each in limits["billing"]]
            assert row.gpus_per_worker <= limits.get("max_gpus", 8)
            if "gpus" in limits:
                assert row.gpu == "l40s-48gb"

    def test_max_context_fits_beside_the_weights(self, tmp_path: Path, shipped: Catalog) -> None:
        scenario = changed(CHAT, slo=None, workload={"max_context": 100_000})
        result = plans(tmp_path, shipped, scenario)
        assert any("100,000 tokens" in each.reason for each in result.rejected)
        for row in result.plans:
            report = gpucost.size(
                model=LLAMA,
                quant=row.quantization,
                gpu=row.gpu,
                gpus=row.gpus_per_worker,
                tp=row.tp,
                context=100_000,
                catalog=shipped,
                today=TODAY,
            )
            assert report.result.candidates[0].fits, row

    def test_workers_are_added_where_requests_would_wait(self, tmp_path: Path, shipped: Catalog) -> None:
        """40 requests at once: the wait for the waves before breaks the limit, more workers keep it."""
        burst = SCENARIOS["bursts"]
        scenario = changed(burst, slo=["ttft:p95<=600ms"], constraints={"billing": ["on-demand"]})
        for row in plans(tmp_path, shipped, scenario).plans:
            assert row.workers * row.concurrency >= 0.95 * 40


class TestFront:
    @pytest.mark.parametrize("name", SCENARIOS)
    def test_no_other_plan_beats_one_of_the_front(self, name: str, folder: Path, shipped: Catalog) -> None:
        rows = found(name, folder, shipped).plans
        assert rows[0].usd_per_month == min(row.usd_per_month for row in rows)

        def point(row: PlanRow) -> tuple[float, float, float]:
            cold = (row.cold_share or 0.0) * (row.start_s or 0.0)
            wait = (row.wait_s or 0.0) if row.cold_share is None else 0.0
            return row.usd_per_month, row.e2e_s + wait + cold, -row.bits_per_weight

        for row in rows:
            beaten = any(
                all(a <= b for a, b in zip(point(other), point(row), strict=True))
                and point(other) != point(row)
                for other in rows
            )
            if row.pareto:
                assert not beaten, row.deployment
        assert rows[0].pareto

    def test_a_plan_that_is_not_on_it_is_beaten_by_one_that_is_shown_or_not(
        self, tmp_path: Path, shipped: Catalog
    ) -> None:
        rows = plans(tmp_path, shipped, CHAT, top=1000).plans
        front = [row for row in rows if row.pareto]
        for row in rows:
            if not row.pareto:
                assert any(
                    other.usd_per_month <= row.usd_per_month and other.bits_per_weight >= row.bits_per_weight
                    for other in front
                )
