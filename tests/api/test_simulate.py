"""Simulated bills: published figures, the closed forms of `bill`, laws, and what is said of assumptions."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gpucost.api.bill import bill
from gpucost.api.simulate import simulate
from gpucost.catalog.store import Catalog, load
from gpucost.domain.billing import Bill
from gpucost.domain.report import Report
from gpucost.domain.simulated import Run, SimulateResult
from gpucost.errors import DataError, UsageError

ROOT = Path(__file__).resolve().parents[2]
AZURE = ROOT / "examples" / "05-real-traffic" / "azure_llm_2023_code.csv.gz"
HOURLY = AZURE.with_name("burstgpt1_hourly.csv")
TODAY = date(2026, 11, 21)
FLEX, POD = "runpod/flex/l40s", "runpod/secure/l40s"
TOKENS: dict[str, Any] = {"prefill_tokens_per_s": 8000, "tpot_ms": 20}
MADE: dict[str, Any] = {"requests_per_day": 20_000, "execution_s": 2, "start_s": 12, "simulated_days": 1}


def ask(shipped: Catalog, deployment: Any = FLEX, **asked: Any) -> Report:
    return simulate(deployment=deployment, catalog=shipped, today=TODAY, processes=1, **asked)


def result(shipped: Catalog, deployment: Any = FLEX, **asked: Any) -> SimulateResult:
    found: SimulateResult = ask(shipped, deployment, **asked).result
    return found


def one(shipped: Catalog, deployment: str = FLEX, **asked: Any) -> tuple[Bill, Run]:
    found = result(shipped, deployment, variants=False, **asked)
    return found.bills[0], found.runs[0]


def seconds(found: Bill) -> dict[str, float]:
    return {each.name: each.quantity for each in found.lines}


@pytest.mark.parametrize(
    ("settings", "starts", "billed_s", "mean_s", "p99_s"),
    [
        ({"idle_timeout_s": 5}, 2822, 78_862.1, 8.367, 20.00),
        ({"idle_timeout_s": 60}, 1000, 105_110.8, 2.811, 19.83),
        ({"idle_timeout_s": 5, "routing": "least-recent"}, 2506, 75_440.8, None, None),
        ({"idle_timeout_s": 60, "routing": "least-recent"}, 770, 148_094.1, None, None),
        ({"idle_timeout_s": 5, "binding": "bound"}, 2545, 72_168.9, None, None),
        ({"idle_timeout_s": 60, "binding": "bound"}, 939, 100_077.3, None, None),
    ],
)
def test_the_azure_hour_gives_the_stated_figures(
    settings: dict[str, Any],
    starts: int,
    billed_s: float,
    mean_s: float | None,
    p99_s: float | None,
    shipped: Catalog,
) -> None:
    """Service input/8000 + output × 0.02 s, at most 64 workers, 20 s to start; no rounding."""
    found, run = one(
        shipped,
        trace=AZURE,
        **TOKENS,
        start_s=20,
        max_workers=64,
        scaler="each-request",
        period="trace",
        **settings,
    )
    paid = seconds(found)
    assert run.cold_starts == starts
    assert sum(paid.values()) - paid["rounding"] == pytest.approx(billed_s, abs=0.06)
    if mean_s is not None and p99_s is not None:
        assert run.latencies["wait"].mean == pytest.approx(mean_s, abs=0.0006)
        assert run.latencies["wait"].p99 == pytest.approx(p99_s, abs=0.006)


def scaling(shipped: Catalog) -> list[str]:
    """One offer of every product whose workers scale."""
    from gpucost.api.deployments import Shelf
    from gpucost.domain.rules import ProductKind

    shelf, found = Shelf(shipped, day=TODAY), []
    for product in shipped.billing_rows:
        offers = shelf.offers(product)
        if shelf.rule(product).kind is ProductKind.WORKERS and offers:
            named = [offer for offer, rows in offers.items() if rows[0].get("gpus")] or list(offers)
            found.append(product + named[0].removeprefix(shelf.price_product(product)))
    return found


def test_every_product_that_scales_is_simulated_and_its_lines_add_up(shipped: Catalog) -> None:
    names = scaling(shipped)
    assert len(names) >= 15
    for name in names:
        found, run = one(shipped, name, scale_to_zero=True, **{**MADE, "requests_per_day": 500})
        known = sum(each.usd for each in found.lines if each.usd is not None)
        assert found.known_usd == pytest.approx(known, rel=1e-12), name
        assert run.requests > 400, name
        assert run.cold_starts >= 1 or run.policy == "fixed", name
        if run.policy != "fixed":
            paid = sum(each.quantity for each in found.lines if each.unit == "GPU-s")
            assert paid >= seconds(found)["GPU execution"] > 0, name


def test_a_tenfold_price_is_a_tenfold_bill(shipped: Catalog) -> None:
    low, high = (one(shipped, f"{FLEX}={usd}/h", **MADE)[0].total_usd for usd in (1, 10))
    assert high == pytest.approx(10 * (low or 0.0), rel=1e-12)


@pytest.mark.parametrize("idle", [1.0, 4.0, 30.0])
def test_uniform_traffic_costs_what_its_closed_form_says(idle: float, shipped: Catalog) -> None:
    """Starts that no arrival overlaps: the closed form of `bill` is exact."""
    asked: dict[str, Any] = {
        "requests_per_day": 8640,
        "execution_s": 2,
        "start_s": 3,
        "idle_timeout_s": idle,
        "pattern": "uniform",
    }
    exact = bill(deployment=FLEX, catalog=shipped, today=TODAY, **asked).result.bills[0]
    found, run = one(shipped, FLEX, **asked, simulated_days=5, scaler="each-request")
    assert found.total_usd == pytest.approx(exact.total_usd, rel=2e-3)
    assert run.starts_per_request == pytest.approx(exact.cold_share, abs=1e-3)


def test_random_traffic_on_one_worker_costs_what_its_closed_form_says(shipped: Catalog) -> None:
    asked: dict[str, Any] = {
        "requests_per_day": 8640,
        "execution_s": 3,
        "start_s": 8,
        "max_workers": 1,
    }
    exact = bill(deployment=FLEX, catalog=shipped, today=TODAY, **asked).result.bills[0]
    found = result(shipped, **asked, simulated_days=30, replications=4, variants=False)
    paid, expected = seconds(found.bills[0]), seconds(exact)
    for name in ("GPU execution", "cold starts", "idle"):
        assert paid[name] == pytest.approx(expected[name], rel=5e-3), name
    # lives without gaps are whole seconds here; `bill` knows it of those with one request
    assert paid["rounding"] < expected["rounding"]
    assert found.bills[0].wait_s == pytest.approx(exact.wait_s, rel=0.03)


@pytest.mark.parametrize(
    "asked",
    [
        {"requests_per_day": 4800, "pattern": "bursty", "burst_size": 8},
        {"requests_per_day": 500, "pattern": "uniform"},
    ],
)
def test_requests_that_are_paid_one_by_one_are_rounded_one_by_one(asked: Any, shipped: Catalog) -> None:
    asked = {**asked, "execution_s": 2.3}
    name = "replicate/public/l40s"
    exact = bill(deployment=name, catalog=shipped, today=TODAY, **asked).result.bills[0]
    found, _ = one(shipped, name, **asked)
    assert found.total_usd == pytest.approx(exact.total_usd, rel=1e-3)
    assert seconds(found)["rounding"] / seconds(found)["GPU execution"] == pytest.approx(0.7 / 2.3)


@pytest.mark.parametrize("per_day", [200, 2000])
def test_random_lives_are_rounded_as_bill_says(per_day: int, shipped: Catalog) -> None:
    asked: dict[str, Any] = {"requests_per_day": per_day, "execution_s": 1.2, "start_s": 6.3}
    exact = bill(deployment=FLEX, catalog=shipped, today=TODAY, **asked).result.bills[0]
    found, _ = one(shipped, **asked, simulated_days=20, scaler="each-request", binding="bound")
    assert seconds(found)["rounding"] == pytest.approx(seconds(exact)["rounding"], rel=0.05)
    assert found.total_usd == pytest.approx(exact.total_usd, rel=0.01)


def test_equal_requests_wait_as_bill_says(shipped: Catalog) -> None:
    asked: dict[str, Any] = {"requests_per_day": 100_000, "execution_s": 2, "workers": 3}
    exact = bill(deployment=POD, catalog=shipped, today=TODAY, **asked).result.bills[0]
    found, _ = one(shipped, POD, **asked, simulated_days=8)
    assert found.wait_s == pytest.approx(exact.wait_s, rel=0.03)


def test_what_is_always_on_costs_what_bill_says(shipped: Catalog) -> None:
    asked: dict[str, Any] = {"requests_per_day": 20_000, "execution_s": 2, "workers": 3}
    exact = bill(deployment=POD, catalog=shipped, today=TODAY, **asked).result.bills[0]
    found, run = one(shipped, POD, **asked, simulated_days=2)
    assert found.total_usd == pytest.approx(exact.total_usd, rel=1e-12)
    assert run.policy == "fixed"
    assert run.utilisation == pytest.approx(exact.utilisation, rel=0.02)


def test_always_on_workers_carry_the_busiest_minute_unless_told(shipped: Catalog) -> None:
    _, run = one(shipped, POD, trace=AZURE, **TOKENS)
    assert run.kept_workers == 9
    _, run = one(shipped, POD, trace=AZURE, **TOKENS, workers=30)
    assert run.kept_workers == 30
    assert run.latencies["wait"].p95 == 0


def test_a_hosted_model_is_paid_per_token(shipped: Catalog) -> None:
    name = next(each for each in tokens_of(shipped))
    exact = bill(
        deployment=name,
        requests_per_day=1000,
        input_tokens=500,
        output_tokens=100,
        catalog=shipped,
        today=TODAY,
    ).result.bills[0]
    found = result(
        shipped,
        name,
        requests_per_day=1000,
        input_tokens=500,
        output_tokens=100,
        simulated_days=3,
    )
    assert found.bills[0].total_usd == pytest.approx(exact.total_usd, rel=1e-9)
    assert found.runs == ()


def tokens_of(shipped: Catalog) -> list[str]:
    from gpucost.api.deployments import Shelf
    from gpucost.domain.rules import ProductKind

    shelf = Shelf(shipped, day=TODAY)
    return [
        product + next(iter(offers)).removeprefix(shelf.price_product(product))
        for product in shipped.billing_rows
        if shelf.rule(product).kind is ProductKind.TOKENS and (offers := shelf.offers(product))
    ]


def test_the_period_only_scales_what_was_simulated(shipped: Catalog) -> None:
    day, month, year = (
        one(shipped, period=word, **MADE)[0].total_usd or 0.0 for word in ("day", "month", "year")
    )
    assert month == pytest.approx(day * 730 / 24, rel=1e-12)
    assert year == pytest.approx(month * 12, rel=1e-12)


def test_a_trace_shorter_than_the_period_says_how_much_it_stands_for(shipped: Catalog) -> None:
    report = ask(shipped, trace=AZURE, **TOKENS, start_s=20)
    assert report.result.extrapolation == pytest.approx(730 * 3600 / report.result.simulated_s)
    assert any("extrapolated × 764.8" in note.text for note in report.notes)
    whole = ask(shipped, trace=AZURE, **TOKENS, start_s=20, period="trace")
    assert whole.result.extrapolation == 1
    assert not any("extrapolated" in note.text for note in whole.notes)


def test_a_baseline_takes_requests_first_and_is_paid_as_itself(shipped: Catalog) -> None:
    alone, _ = one(shipped, trace=AZURE, **TOKENS, start_s=20)
    found, run = one(shipped, trace=AZURE, **TOKENS, start_s=20, baseline=POD, baseline_workers=3)
    lines = {each.name: each for each in found.lines}
    assert lines["baseline, always-on"].quantity == pytest.approx(3 * 730)
    assert lines["baseline, always-on"].usd_per_unit == pytest.approx(1.09)
    assert lines["GPU execution"].quantity < seconds(alone)["GPU execution"]
    assert "always-on" not in lines
    assert run.kept_workers == 3
    assert run.deployment == "3 × runpod/secure/l40s-48gb + runpod/flex/48gb-pro"


def test_undocumented_ways_are_varied_and_span_the_range(shipped: Catalog) -> None:
    found = result(shipped, "modal/functions/l40s", **MADE)
    words = {each.what for each in found.variants}
    assert words == {"routing least-recent", "bound to the started worker"}
    totals = [each.total_usd or 0.0 for each in found.variants] + [found.bills[0].total_usd or 0.0]
    assert (found.bills[0].low_usd, found.bills[0].high_usd) == (min(totals), max(totals))
    assert found.runs[0].assumed == ("routing", "binding")
    told = result(shipped, "modal/functions/l40s", routing="random", binding="bound", **MADE)
    assert told.variants == ()
    assert told.bills[0].low_usd == told.bills[0].total_usd


def test_starts_that_nobody_documents_are_varied_too(shipped: Catalog) -> None:
    asked = {name: value for name, value in MADE.items() if name != "start_s"}
    found = result(shipped, **asked)
    assert sum(each.what.startswith("starts of") for each in found.variants) == 2
    bill_ = found.bills[0]
    assert (bill_.low_usd or 0.0) < (bill_.total_usd or 0.0) < (bill_.high_usd or 0.0)


def test_the_documented_delay_counts_and_is_cited(shipped: Catalog, tmp_path: Path) -> None:
    report = ask(shipped, trace=AZURE, **TOKENS, start_s=20, variants=False)
    (cited,) = [each for each in report.evidence if each.field == "scaling.runpod/flex.delay_s"]
    assert (cited.value, cited.binding) == (4, True)
    told = ask(shipped, trace=AZURE, **TOKENS, start_s=20, queue_delay_s=4.4, variants=False)
    assert told.result.bills[0].total_usd != report.result.bills[0].total_usd
    assert not any(each.field == "scaling.runpod/flex.delay_s" for each in told.evidence)


def test_limits_decide_what_is_cheapest(shipped: Catalog) -> None:
    pair = (FLEX, POD)
    free = ask(shipped, pair, trace=AZURE, **TOKENS, start_s=20, variants=False, workers=30)
    tight = ask(
        shipped, pair, trace=AZURE, **TOKENS, start_s=20, variants=False, workers=30, slo="wait:p95<=1s"
    )
    assert not free.answered_no
    assert tight.result.cheapest == "runpod/secure/l40s-48gb"
    flex, pod = tight.result.runs
    assert (flex.meets_slo, pod.meets_slo) == (False, True)
    assert pod.slo[0].share == pytest.approx(1, abs=0.05)
    assert flex.slo[0].value_s == flex.latencies["wait"].p95
    never = ask(shipped, pair, trace=AZURE, **TOKENS, start_s=20, variants=False, slo="e2e<=1ms")
    assert never.answered_no
    assert never.result.cheapest is None


def test_a_search_finds_the_cheapest_setting_that_keeps_the_limit(shipped: Catalog) -> None:
    asked: dict[str, Any] = {"trace": AZURE, **TOKENS, "start_s": 20, "max_workers": 64, "variants": False}
    found = result(shipped, optimise="idle-timeout,min-workers", slo="ttft:p95<=10s", **asked)
    best = found.best
    assert best is not None
    assert best.meets_slo
    able = [each.total_usd or 0.0 for each in found.settings if each.meets_slo]
    assert best.total_usd == min(able)
    assert any(not each.meets_slo for each in found.settings)
    front = [each for each in found.settings if each.on_frontier]
    delays = [each.latency_s or 0.0 for each in front]
    assert delays == sorted(delays, reverse=True)
    again, run = one(
        shipped,
        **{name: value for name, value in asked.items() if name != "variants"},
        idle_timeout_s=best.idle_timeout_s,
        min_workers=best.min_workers,
    )
    assert again.total_usd == pytest.approx(best.total_usd, rel=1e-12)
    assert run.latencies["ttft"].p95 == pytest.approx(best.latency_s, rel=1e-12)
    assert found.bills[0].total_usd == best.total_usd


def test_a_search_reaches_the_workers_that_the_busiest_minute_needs(shipped: Catalog) -> None:
    """With ten workers kept on the limit holds for less than half of what long idle times cost."""
    found = result(
        shipped,
        trace=AZURE,
        **TOKENS,
        start_s=20,
        max_workers=64,
        variants=False,
        optimise="idle-timeout,min-workers",
        slo="ttft:p95<=10s",
    )
    told, run = one(
        shipped, trace=AZURE, **TOKENS, start_s=20, max_workers=64, min_workers=10, idle_timeout_s=5
    )
    assert run.latencies["ttft"].p95 < 10
    assert found.best is not None
    assert (found.best.total_usd or 0.0) <= (told.total_usd or 0.0)


def test_a_search_does_not_throw_requests_away(shipped: Catalog) -> None:
    asked: dict[str, Any] = {"requests_per_day": 20_000, "execution_s": 10, "start_s": 10, "queue_limit": 0}
    asked["scaler"] = "each-request"
    found = result(shipped, **asked, simulated_days=0.25, optimise="max-workers", variants=False)
    assert found.best is not None
    assert found.best.unserved == min(each.unserved for each in found.settings)
    assert found.best.unserved < 0.8 * max(each.unserved for each in found.settings)


def test_requests_that_a_timeout_ends_keep_no_limit_and_have_no_price(
    shipped: Catalog, tmp_path: Path
) -> None:
    path = tmp_path / "long.csv"
    path.write_text("timestamp,input_tokens,output_tokens\n0,8000,50\n60,8000,5000\n", encoding="utf-8")
    asked: dict[str, Any] = {
        "trace": path,
        **TOKENS,
        "start_s": 0,
        "execution_timeout_s": 10,
        "period": "trace",
    }
    report = ask(shipped, **asked, slo=("e2e:p95<=60s", "tpot:p95<=30ms"), span_s=100, variants=False)
    bill_, run = report.result.bills[0], report.result.runs[0]
    assert (run.timed_out, bill_.requests) == (1, 1)
    assert bill_.usd_per_request == pytest.approx(bill_.total_usd)
    assert run.latencies["ttft"].max == pytest.approx(1.02)
    assert run.latencies["tpot"].max == pytest.approx(0.02)
    assert [each.met for each in run.slo] == [False, False]
    assert report.answered_no


def test_a_floor_is_below_the_bill_of_shared_workers_with_a_timeout(shipped: Catalog) -> None:
    asked: dict[str, Any] = {"trace": AZURE, "model": "Llama-3.1-8B", "concurrency": 16, "start_s": 20}
    _, run = one(shipped, **asked, execution_timeout_s=3)
    assert run.timed_out > 100
    assert (run.floor_ratio or 0.0) > 1


def test_the_range_compares_replications_of_one_seed(shipped: Catalog) -> None:
    found = result(shipped, replications=4, **{**MADE, "requests_per_day": 2000, "execution_s": 10})
    alone = result(shipped, replications=1, **{**MADE, "requests_per_day": 2000, "execution_s": 10})
    many, few = found.bills[0], alone.bills[0]
    assert (many.high_usd or 0.0) - (many.low_usd or 0.0) == pytest.approx(
        (few.high_usd or 0.0) - (few.low_usd or 0.0)
    )


def test_a_misspelt_argument_is_an_error(shipped: Catalog) -> None:
    with pytest.raises(UsageError, match="idle_timeout_s"):
        ask(shipped, idle_timout_s=300, **MADE)
    with pytest.raises(UsageError, match="idle_timeout_s"):
        bill(deployment=FLEX, requests_per_day=1, execution_s=1, idle_timout_s=3)  # type: ignore[call-arg]


def test_inputs_hold_every_flag_that_was_given(shipped: Catalog) -> None:
    inputs = ask(shipped, queue_limit=0, routing="random", variants=False, **MADE).inputs
    assert (inputs["queue_limit"], inputs["routing"], inputs["simulated_days"]) == (0, "random", 1)


def test_an_interrupted_search_goes_on_from_its_file(
    shipped: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"trace": AZURE, **TOKENS, "start_s": 20, "variants": False}
    path = tmp_path / "search.jsonl"
    whole = result(shipped, optimise="idle-timeout", **asked)
    calls = []

    def stops(shared: Any, point: Any) -> Any:
        calls.append(point)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return run_point(shared, point)

    from gpucost.calc.replication import run_point

    monkeypatch.setattr("gpucost.api.simulation_runs.run_point", stops)
    part = result(shipped, optimise="idle-timeout", results=path, **asked)
    assert part.interrupted
    assert len(part.settings) == 3  # the one asked for is among them
    rest = result(shipped, optimise="idle-timeout", results=path, **asked)
    assert not rest.interrupted
    assert rest.settings == whole.settings
    assert len(calls) == 4 + len(whole.settings) - 3
    with pytest.raises(DataError, match="another question"):
        result(shipped, **MADE, results=path)


def test_equal_seeds_are_equal_on_any_number_of_processes(shipped: Catalog) -> None:
    asked: dict[str, Any] = {
        **MADE,
        "replications": 3,
        "deployment": FLEX,
        "catalog": shipped,
        "today": TODAY,
    }
    serial = simulate(**asked, processes=1).result
    assert simulate(**asked, processes=2).result == serial
    assert simulate(**asked, seed=1, processes=1).result != serial


def test_replications_give_intervals_that_narrow(shipped: Catalog) -> None:
    def width(count: int) -> float:
        found = result(shipped, replications=count, variants=False, **{**MADE, "simulated_days": 0.2})
        total = next(each for each in found.runs[0].intervals if each.name == "total_usd")
        assert total.low < (found.bills[0].total_usd or 0.0) < total.high
        assert found.bills[0].total_usd == pytest.approx(total.mean, rel=1e-9)
        return total.high - total.low

    assert width(24) < width(3)


def test_a_month_from_an_hour_has_the_record_rates_and_the_hour_lengths(shipped: Catalog) -> None:
    found = result(shipped, POD, trace=AZURE, profile=HOURLY, **TOKENS, workers=40, variants=False)
    assert found.source == "profile × sample"
    assert found.requests == 1_429_737
    assert found.simulated_s == 1461 * 3600
    busy = found.runs[0].utilisation * 40 * found.simulated_s / found.requests  # type: ignore[operator]
    assert busy == pytest.approx(7175.41675 / 8819, rel=0.01)


def test_a_long_file_is_streamed_to_the_same_answer(
    shipped: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"trace": AZURE, **TOKENS, "start_s": 20, "variants": False}
    held = result(shipped, **asked)
    monkeypatch.setattr("gpucost.api.traffic_source.MOST_SORTED", 1000)
    report = ask(shipped, **asked)
    assert any("streamed" in note.text for note in report.notes)
    assert report.result.bills == held.bills
    assert report.result.runs[0].latencies == held.runs[0].latencies


def test_the_time_of_a_request_may_stand_in_the_trace(shipped: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("timestamp,execution_s\n0,2\n100,4\n200,6\n", encoding="utf-8")
    found, run = one(shipped, trace=path, start_s=10, idle_timeout_s=5, period="trace")
    assert run.cold_starts == 3
    assert seconds(found) == pytest.approx({"GPU execution": 12, "cold starts": 30, "idle": 15})
    assert run.latencies["e2e"].max == 16


def test_a_model_gives_times_of_tokens_and_slows_with_company(shipped: Catalog) -> None:
    asked: dict[str, Any] = {
        "trace": AZURE,
        "model": "Llama-3.1-8B",
        "start_s": 20,
        "scaler": "request-count",
    }
    _, alone = one(shipped, **asked)
    _, shared = one(shipped, **asked, concurrency=16)
    assert set(alone.latencies) == {"wait", "ttft", "tpot", "e2e"}
    assert shared.latencies["tpot"].mean > 1.02 * alone.latencies["tpot"].mean
    assert shared.cold_starts < alone.cold_starts


def test_snapshots_make_starts_short_while_they_last(shipped: Catalog) -> None:
    asked: dict[str, Any] = {"trace": AZURE, **TOKENS, "start_s": 40, "idle_timeout_s": 5}
    _, cold = one(shipped, **asked)
    _, warm = one(shipped, **asked, hit_s=1.4, snapshot_memory_s=600)
    _, gone = one(shipped, **asked, hit_s=1.4, snapshot_memory_s=0)
    assert warm.start_s is not None
    assert 1.4 <= warm.start_s < 0.7 * 40
    assert gone.latencies["wait"].p99 == pytest.approx(cold.latencies["wait"].p99, rel=1e-9)


def test_measured_starts_are_drawn(shipped: Catalog) -> None:
    _, run = one(shipped, start_samples_s="2,4,30", **{**MADE, "start_s": None})
    assert run.start_s == pytest.approx(12, rel=0.1)


def test_a_schedule_spares_the_first_ones_their_wait(shipped: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "nine.csv"
    rows = [f"{9 * 3600 + index / 4},2" for index in range(400)]
    path.write_text("timestamp,execution_s\n0,1\n" + "\n".join(rows) + "\n", encoding="utf-8")
    asked: dict[str, Any] = {"trace": path, "start_s": 60, "idle_timeout_s": 30, "span_s": 86_400}
    _, cold = one(shipped, **asked)
    _, ready = one(shipped, **asked, schedule=("08:55-09:05=9",))
    report = ask(shipped, **asked, schedule=("11:00-12:00=9",), period="trace")
    assert not any("no time of --schedule" in note.text for note in report.notes)
    assert cold.latencies["wait"].p90 > 5
    assert ready.latencies["wait"].p90 < 1


def test_a_product_that_fails_at_zero_has_retries_and_no_queue(shipped: Catalog) -> None:
    report = ask(
        shipped,
        "aws/sagemaker/ml.g6e.xlarge",
        scale_to_zero=True,
        variants=False,
        requests_per_day=100,
        execution_s=2,
        simulated_days=5,
        start_s=300,
        retry_s=20,
    )
    run = report.result.runs[0]
    assert run.retries > run.cold_starts
    assert any("come again" in note.text or "came again" in note.text for note in report.notes)
    assert run.latencies["wait"].max >= 300


def test_a_queue_limit_rejects(shipped: Catalog) -> None:
    _, run = one(shipped, trace=AZURE, **TOKENS, start_s=20, max_workers=2, queue_limit=0)
    assert run.rejected > 1000
    assert run.requests == 8819


def test_an_execution_timeout_ends_requests(shipped: Catalog) -> None:
    found, run = one(shipped, trace=AZURE, **TOKENS, start_s=20, execution_timeout_s=5)
    with gzip.open(AZURE, "rt", encoding="utf-8") as file:
        rows = [line.strip().split(",") for line in file][1:]
    assert run.timed_out == sum(int(given) / 8000 + int(made) * 0.02 > 5 for _, given, made in rows) > 10
    assert run.latencies["e2e"].max < 60
    assert found.total_usd is not None


@pytest.mark.parametrize(
    "asked",
    [
        {"deployment": FLEX},
        {"deployment": FLEX, "requests_per_day": 10},
        {"deployment": FLEX, "trace": AZURE},
        {"deployment": FLEX, "trace": AZURE, "requests_per_day": 5, "execution_s": 1},
        {"deployment": FLEX, "trace": AZURE, "input_tokens": 5, **TOKENS},
        {"deployment": FLEX, "trace": HOURLY, "execution_s": 1},
        {"deployment": FLEX, "profile": AZURE, "execution_s": 1},
        {"deployment": FLEX, **MADE, "scaler": "magic"},
        {"deployment": FLEX, **MADE, "routing": "nearest"},
        {"deployment": FLEX, **MADE, "binding": "loose"},
        {"deployment": FLEX, **MADE, "scaler": "fixed"},
        {"deployment": FLEX, **MADE, "slo": "ttft:p95<=1s"},
        {"deployment": FLEX, **MADE, "slo": "wait>3"},
        {"deployment": FLEX, **MADE, "optimise": "colour"},
        {"deployment": (FLEX, POD), **MADE, "optimise": "idle-timeout"},
        {"deployment": POD, **MADE, "optimise": "idle-timeout"},
        {"deployment": FLEX, **MADE, "baseline": POD},
        {"deployment": POD, **MADE, "baseline": POD, "baseline_workers": 2},
        {"deployment": FLEX, **MADE, "pattern": "gamma"},
        {"deployment": FLEX, **MADE, "pattern": "gamma", "cv": -1},
        {"deployment": FLEX, **MADE, "pattern": "poisson", "cv": 3},
        {"deployment": FLEX, **MADE, "pattern": "on-off"},
        {"deployment": FLEX, **MADE, "pattern": "diurnal"},
        {"deployment": FLEX, **MADE, "pattern": "chaos"},
        {"deployment": FLEX, **MADE, "schedule": ("9-10",)},
        {"deployment": FLEX, **MADE, "schedule": ("18:00-09:00=3",)},
        {"deployment": FLEX, **MADE, "start_samples_s": "a,b"},
        {"deployment": FLEX, **MADE, "hit_s": 1.4},
        {"deployment": FLEX, **MADE, "queue_delay_s": -1},
        {"deployment": FLEX, **MADE, "queue_delay_s": float("nan")},
        {"deployment": FLEX, **MADE, "replications": 0},
        {"deployment": FLEX, **MADE, "seed": -1},
        {"deployment": FLEX, **MADE, "period": "fortnight"},
        {"deployment": FLEX, **MADE, "period": "trace"},
        {"deployment": FLEX, **MADE, "items": 4},
        {"deployment": FLEX, **MADE, "simulated_days": 0},
        {"deployment": FLEX, "trace": AZURE, **TOKENS, "span_s": 10},
        {"deployment": FLEX, "requests_per_second": 1e6, "execution_s": 1, "simulated_days": 365},
    ],
)
def test_questions_that_cannot_be_asked(asked: dict[str, Any], shipped: Catalog) -> None:
    with pytest.raises(UsageError):
        simulate(catalog=shipped, today=TODAY, processes=1, **asked)


def test_wrong_files_are_told_by_line(shipped: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("timestamp,execution_s\n0,2\nx,1\n3,-1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.csv:3") as caught:
        ask(shipped, trace=path)
    assert "bad.csv:4" in str(caught.value)
    report = ask(shipped, trace=path, skip_bad_rows=True, span_s=100)
    assert report.result.skipped_rows == 2
    with pytest.raises(DataError):
        ask(shipped, trace=tmp_path / "missing.csv", execution_s=1)


def test_an_overlay_changes_how_a_product_scales(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "sources:\n"
        "  - {id: own-measure, title: Our own runs, publisher: us, address: none, as_of: '2026-11-01',"
        " confidence: measured}\n"
        "scaling:\n"
        "  - id: runpod/flex\n"
        "    policy: queue-delay\n"
        "    routing: least-recent\n"
        "    binding: first-free\n"
        "    terms: [{term: delay_s, value: 9, source: own-measure}]\n"
        "    sources: [own-measure]\n",
        encoding="utf-8",
    )
    own = load((path,))
    found = simulate(deployment=FLEX, catalog=own, today=TODAY, processes=1, **MADE).result
    assert found.runs[0].routing == "least-recent"
    assert found.runs[0].assumed == ()
    assert found.variants == ()
