"""`cost`: money per token and request, at a load, over offers, beside hosted prices."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gpucost.api.cost import cost
from gpucost.api.cost_measured import cost_measured
from gpucost.catalog.store import Catalog
from gpucost.domain.report import Report
from gpucost.domain.speed import CostRow
from gpucost.errors import DataError, UnknownNameError, UsageError

DAY = date(2026, 11, 20)
SMALL: dict[str, Any] = {
    "model": "meta-llama/Llama-3.1-8B",
    "quant": "fp8",
    "input_tokens": 1000,
    "output_tokens": 250,
    "today": DAY,
}


def rows(report: Report) -> tuple[CostRow, ...]:
    found: tuple[CostRow, ...] = report.result.rows
    return found


def test_cost_is_price_over_speed(shipped: Catalog) -> None:
    for row in rows(cost(**SMALL, concurrency=16, catalog=shipped)):
        expected = row.usd_per_hour / 3600 / row.output_tokens_per_s * 1e6
        assert row.usd_per_million_output_tokens == pytest.approx(expected)
        assert row.requests_per_s is not None
        assert row.usd_per_request == pytest.approx(row.usd_per_hour / 3600 / row.requests_per_s)
        assert row.requests_per_usd == pytest.approx(1 / (row.usd_per_request or 0))


@pytest.mark.parametrize("split", ["blended", "time"])
def test_input_and_output_together_pay_the_whole_hour(split: str, shipped: Catalog) -> None:
    for row in rows(cost(**SMALL, concurrency=16, split=split, catalog=shipped)):
        assert row.requests_per_s is not None
        assert row.usd_per_million_input_tokens is not None
        given = row.requests_per_s * 1000 * 3600 / 1e6 * row.usd_per_million_input_tokens
        made = row.output_tokens_per_s * 3600 / 1e6 * row.usd_per_million_output_tokens
        assert given + made == pytest.approx(row.usd_per_hour)


def test_all_on_the_output_leaves_the_input_unknown_and_not_free(shipped: Catalog) -> None:
    assert all(
        row.usd_per_million_input_tokens is None for row in rows(cost(**SMALL, rps=1.0, catalog=shipped))
    )


def test_cost_falls_with_utilisation(shipped: Catalog) -> None:
    usd = [
        rows(cost(**SMALL, gpu="l40s", utilization=share, top=1, catalog=shipped))[0]
        for share in (0.05, 0.2, 0.5, 0.9, 1.0)
    ]
    assert [row.usd_per_million_output_tokens for row in usd] == sorted(
        (row.usd_per_million_output_tokens for row in usd), reverse=True
    )
    assert usd[2].utilisation == pytest.approx(0.5)


def test_a_rate_takes_as_many_copies_as_it_needs(shipped: Catalog) -> None:
    few = rows(cost(**SMALL, gpu="l40s", rps=1.0, top=1, catalog=shipped))[0]
    many = rows(cost(**SMALL, gpu="l40s", rps=100.0, top=1, catalog=shipped))[0]
    assert few.replicas == 1
    assert many.replicas > 10
    assert many.requests_per_s == pytest.approx(100.0)
    assert many.usd_per_hour == pytest.approx(few.usd_per_hour * many.gpus / few.gpus)


def test_limits_make_tokens_dearer(shipped: Catalog) -> None:
    free = rows(cost(**SMALL, gpu="l40s", top=1, catalog=shipped))[0]
    tight = rows(cost(**SMALL, gpu="l40s", slo="tpot<=20ms", top=1, catalog=shipped))[0]
    assert tight.tpot_s is not None
    assert tight.tpot_s <= 0.02
    assert tight.usd_per_million_output_tokens > free.usd_per_million_output_tokens


def test_the_pareto_front_trades_money_for_speed(shipped: Catalog) -> None:
    report = cost(**SMALL, concurrency=16, top=10_000, catalog=shipped)
    found = rows(report)
    assert found[0].offer == report.result.cheapest
    front = sorted((row for row in found if row.pareto), key=lambda row: row.usd_per_request or 0)
    speeds = [row.tpot_s or 0 for row in front]
    assert len(front) > 3
    assert speeds == sorted(speeds, reverse=True)
    for row in found:
        if not row.pareto:
            assert any(
                (one.usd_per_request or 0) <= (row.usd_per_request or 0)
                and (one.tpot_s or 0) <= (row.tpot_s or 0)
                for one in front
            )


def test_one_row_per_offer_and_format_beside_the_front(shipped: Catalog) -> None:
    found = rows(cost(**{**SMALL, "quant": ["fp8", "awq"]}, rps=2.0, top=10_000, catalog=shipped))
    keys = [(row.offer, row.quantization) for row in found if not row.pareto]
    assert len(keys) == len(set(keys))


def test_no_load_is_said_to_be_the_least_that_tokens_can_cost(shipped: Catalog) -> None:
    report = cost(**SMALL, top=1, catalog=shipped)
    assert rows(report)[0].utilisation == pytest.approx(1, abs=0.01)
    assert any("full all the time" in note.text for note in report.notes)


def test_api_prices_stand_beside_with_their_break_even(shipped: Catalog) -> None:
    report = cost(**SMALL, rps=1.0, catalog=shipped)
    best = min(rows(report), key=lambda row: row.usd_per_million_output_tokens)
    apis = report.result.apis
    assert apis
    for api in apis:
        if api.break_even_output_tokens_per_month is None:
            continue
        requests = api.break_even_output_tokens_per_month / 250
        assert requests * api.usd_per_request == pytest.approx(best.usd_per_hour * 730)


def test_a_model_that_nobody_hosts_is_compared_with_its_like(shipped: Catalog) -> None:
    flags = {**SMALL, "model": "Qwen/Qwen2.5-32B-Instruct", "gpu": "h100-sxm-80gb"}
    report = cost(**flags, rps=1.0, catalog=shipped)
    assert any("of about its size" in note.text for note in report.notes)
    assert any("qwen3-32b" in api.offer for api in report.result.apis)


@pytest.mark.parametrize(
    ("price", "speed", "expected"),
    [(5.98, 890, 1.8664), (1.58, 850, 0.5163), (2.37, 1700, 0.3873), (0.74, 3484, 0.0590)],
)
def test_the_seeds_scenarios_come_out(price: float, speed: float, expected: float, shipped: Catalog) -> None:
    """S004-03, -09, -36 and -08; the seed prints 1.84 where 890 tokens/s give 1.866."""
    (row,) = rows(cost(usd_per_hour=price, tokens_per_second=speed, catalog=shipped))
    assert row.usd_per_million_output_tokens == pytest.approx(expected, abs=5e-5)
    assert row.confidence == "user"


def test_an_hourly_price_over_a_token_price_is_tokens_per_hour(shipped: Catalog) -> None:
    """2.99 USD/h against 0.002 USD per 1,000 tokens: 1.495 million tokens per hour."""
    report = cost(usd_per_hour=2.99, api_usd_per_million=2.0, catalog=shipped)
    (api,) = report.result.apis
    assert api.break_even_output_tokens_per_month / 730 == pytest.approx(1_495_000)


def test_an_own_speed_costs_more_when_it_is_used_less(shipped: Catalog) -> None:
    """2.90 USD per million need 17.8 % of a pod: the seed's 23.2 % give 2.22 (S004-44)."""
    full, part = (
        rows(cost(usd_per_hour=1.58, tokens_per_second=850, utilization=share, catalog=shipped))[0]
        for share in (1.0, 0.232)
    )
    assert part.usd_per_million_output_tokens == pytest.approx(full.usd_per_million_output_tokens / 0.232)
    assert part.usd_per_million_output_tokens == pytest.approx(2.22, abs=0.01)


def test_an_own_price_is_paid_for_every_copy(shipped: Catalog) -> None:
    flags = {**SMALL, "gpu": "h100-sxm-80gb", "usd_per_hour": 10.0}
    (row,) = rows(cost(**flags, rps=500.0, tp=1, catalog=shipped))
    assert row.replicas > 1
    assert row.usd_per_hour == pytest.approx(10.0 * row.replicas)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"usd_per_hour": 1.0}, "--gpu"),
        ({"utilization": 0.0}, "--utilization"),
        ({"utilization": 2.0}, "--utilization"),
        ({"rps": 1.0, "concurrency": 2}, "sets the load"),
        ({"slo": "tpot<=1s", "concurrency": 2}, "--slo"),
        ({"usd_per_hour": -1.0}, "--usd-per-hour"),
        ({"top": 0}, "--top"),
    ],
)
def test_wrong_input_is_refused(flags: dict[str, Any], said: str, shipped: Catalog) -> None:
    with pytest.raises(UsageError, match=said):
        cost(**{**SMALL, **flags}, catalog=shipped)


@pytest.mark.parametrize("flags", [{"split": "half"}, {"sort": "name"}, {"provider": "runpods"}])
def test_unknown_words_are_refused(flags: dict[str, Any], shipped: Catalog) -> None:
    with pytest.raises(UnknownNameError):
        cost(**{**SMALL, **flags}, catalog=shipped)


SEED_TABLE = """name,execution_ms,usd_per_second
16 GB,221,0.00016
A6000,201,0.00034
A100,215,0.00076
96 GB,204,0.00111
"""


def measured(tmp_path: Path, text: str, name: str = "b.csv", **flags: Any) -> Report:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return cost_measured(path, today=DAY, **flags)


def test_the_seeds_benchmark_table_comes_out(tmp_path: Path) -> None:
    """S000-18 to -22: cost per request, requests per dollar, saving, and what is billed alone."""
    found = measured(tmp_path, SEED_TABLE).result.rows
    assert [row.usd_per_request for row in found] == pytest.approx([3.536e-5, 6.834e-5, 1.634e-4, 2.2644e-4])
    assert [int(row.requests_per_usd) for row in found] == [28280, 14632, 6119, 4416]
    assert [round(row.requests_per_usd) for row in found] == [28281, 14633, 6120, 4416]
    assert found[0].saving_fraction == pytest.approx(0.844, abs=5e-4)
    assert found[0].billed_usd_per_request == pytest.approx(0.00096)
    alone = measured(tmp_path, SEED_TABLE, idle_s=0.0).result.rows[0]
    assert alone.billed_usd_per_request == pytest.approx(0.00016)


def test_prices_come_per_hour_or_from_an_offer(tmp_path: Path) -> None:
    table = [
        {"name": "a", "execution_s": 2, "usd_per_hour": 3.6},
        {"name": "b", "execution_s": 1, "offer": "runpod/flex/48gb-pro"},
    ]
    text = json.dumps(table)
    found = {row.name: row for row in measured(tmp_path, text, "b.json").result.rows}
    assert found["a"].usd_per_request == pytest.approx(0.002)
    assert found["b"].usd_per_second > 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name,execution_ms\na,1\n",
        "name,execution_ms,usd_per_second\na,x,1\n",
        "name,execution_ms,usd_per_second\na,-1,1\n",
        "name,execution_ms,usd_per_second\n,1,1\n",
        "name,execution_ms,execution_s,usd_per_second\na,1,1,1\n",
    ],
)
def test_a_wrong_table_is_a_fault_with_its_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"b\.csv"):
        measured(tmp_path, text)


def test_an_unknown_offer_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        measured(tmp_path, "name,execution_ms,offer\na,1,runpod/flex/l41s\n")
