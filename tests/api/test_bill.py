"""Bills: lines that add up, laws, the providers' own rules, and numbers with a source."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucost.api.bill import bill
from gpucost.catalog.store import Catalog
from gpucost.domain.billing import Bill
from gpucost.errors import DataError, UsageError

TODAY = date(2026, 11, 21)
LIFE: dict[str, Any] = {"execution_s": 1.2, "requests_per_day": 5000}
FLEX = "runpod/flex/l40s"


def one(deployment: str, shipped: Catalog, **asked: Any) -> Bill:
    """The only bill of a question."""
    report = bill(deployment=deployment, catalog=shipped, today=TODAY, **asked)
    found: Bill = report.result.bills[0]
    return found


def usd(deployment: str, shipped: Catalog, **asked: Any) -> float:
    found = one(deployment, shipped, **asked).total_usd
    assert found is not None
    return found


def lines(found: Bill) -> dict[str, float]:
    return {each.name: each.usd or 0.0 for each in found.lines}


def deployments(shipped: Catalog) -> list[str]:
    """One offer of every product that can be billed today."""
    from gpucost.api.deployments import Shelf
    from gpucost.domain.rules import ProductKind

    shelf = Shelf(shipped, day=TODAY)
    found = []
    for product in shipped.billing_rows:
        rule = shelf.rule(product)
        offers = shelf.offers(product)
        if rule.kind is not ProductKind.NONE and offers:
            named = [o for o, rows in offers.items() if rows[0].get("gpus")] or list(offers)
            found.append(product + named[0].removeprefix(shelf.price_product(product)))
    return found


def test_every_product_is_billed_and_its_lines_add_up(shipped: Catalog) -> None:
    names = deployments(shipped)
    assert len(names) >= 60
    for name in names:
        found = one(name, shipped, **LIFE, input_tokens=500, output_tokens=100)
        assert found.lines, name
        assert found.total_usd == pytest.approx(sum(each.usd or 0.0 for each in found.lines)), name
        for each in found.lines:
            assert each.usd_per_unit is not None
            assert each.usd == pytest.approx(each.quantity * each.usd_per_unit), (name, each.name)


SCALING = st.sampled_from(
    ["runpod/flex/l40s", "modal/functions/h100", "cerebrium/serverless/l40s", "gcp/cloud-run/l4-24gb@tier-1"]
)
RATE = st.floats(0.5, 2e5)
TIME = st.floats(0.05, 300)
PATTERN = st.sampled_from(["poisson", "uniform", "packed"])


@settings(max_examples=60, deadline=None)
@given(
    name=SCALING, per_day=RATE, time=TIME, pattern=PATTERN, start=st.floats(0, 120), timeout=st.floats(0, 600)
)
def test_billed_is_at_least_busy_and_totals_are_sums(
    shipped: Catalog, name: str, per_day: float, time: float, pattern: str, start: float, timeout: float
) -> None:
    found = one(
        name,
        shipped,
        requests_per_day=per_day,
        execution_s=time,
        pattern=pattern,
        start_s=start,
        idle_timeout_s=timeout,
    )
    assert found.total_usd == pytest.approx(sum(each.usd or 0.0 for each in found.lines))
    seconds = [each.quantity for each in found.lines if each.unit == "GPU-s"]
    busy = per_day * 730 / 24 * time
    assert sum(seconds) >= busy * (1 - 1e-6)
    assert found.utilisation is not None
    assert 0 < found.utilisation <= 1 + 1e-9


@settings(max_examples=40, deadline=None)
@given(per_day=RATE, time=TIME, pattern=PATTERN, more=st.floats(1.01, 3))
def test_a_bill_grows_with_price_time_traffic_and_timeout(
    shipped: Catalog, per_day: float, time: float, pattern: str, more: float
) -> None:
    """Without billed starts: with them a longer timeout, or more traffic, may save."""

    def total(name: str = f"{FLEX}=2/h", **change: Any) -> float:
        asked: dict[str, Any] = {
            "requests_per_day": per_day,
            "execution_s": time,
            "pattern": pattern,
            "start_s": 0.0,
            "idle_timeout_s": 30.0,
        }
        return usd(name, shipped, **{**asked, **change})

    base = total()
    assert total(f"{FLEX}={2 * more}/h") == pytest.approx(base * more)
    slack = base * 1e-6
    lives = per_day * 730 / 24 if pattern == "uniform" else 0.0  # that one which ends is rounded up
    assert total(execution_s=time * more) >= base - slack - lives * 2 / 3600
    if pattern != "uniform":  # at equal distances a denser stream can stay warm and idle less
        assert total(requests_per_day=per_day * more) >= base - slack
        assert total(idle_timeout_s=30 * more) >= base - slack


def test_flex_under_endless_traffic_tends_to_the_price_ratio(shipped: Catalog) -> None:
    asked: dict[str, Any] = {"execution_s": 1.0, "requests_per_second": 1e6}
    flex, pods = (usd(f"runpod/{word}", shipped, **asked) for word in ("flex/l40s=2/h", "secure/l40s=1/h"))
    assert flex / pods == pytest.approx(2, rel=0.05)


def test_a_lone_request_is_start_service_and_tail_rounded_up(shipped: Catalog) -> None:
    found = one("runpod/flex/16gb=0.00016/s", shipped, execution_s=0.221, period="request", start_s=0)
    assert found.total_usd == pytest.approx(0.00096)
    with_start = one("runpod/flex/16gb=0.00016/s", shipped, execution_s=0.221, period="request", start_s=10.5)
    assert with_start.total_usd == pytest.approx(16 * 0.00016)
    cloud = one(
        "gcp/cloud-run/l4-24gb@tier-1", shipped, execution_s=1, period="request", idle_timeout_s=0, start_s=0
    )
    gpu = cloud.lines[0].usd_per_unit or 0.0
    assert lines(cloud)["CPU"] == pytest.approx(60 * 4 * 0.000018)
    assert lines(cloud)["memory"] == pytest.approx(60 * 16 * 0.000002)
    assert cloud.total_usd == pytest.approx(60 * (gpu + 4 * 0.000018 + 16 * 0.000002))


def test_public_models_pay_for_the_prediction_alone(shipped: Catalog) -> None:
    public, private = (
        one(f"replicate/{word}/gpu-l40s", shipped, execution_s=10, period="request")
        for word in ("public", "hardware")
    )
    assert public.total_usd == pytest.approx(10 * 0.000975)
    assert set(lines(public)) == {"GPU execution"}
    assert {"cold starts", "idle"} <= set(lines(private))


def test_active_workers_cost_their_list_price_until_it_was_withdrawn(shipped: Catalog) -> None:
    asked: dict[str, Any] = {"requests_per_day": 100.0, "execution_s": 1.0}
    before = bill(deployment="runpod/active/l40s", catalog=shipped, today=TODAY, as_of="2026-05-12", **asked)
    assert before.result.bills[0].total_usd == pytest.approx(0.00037 * 3600 * 730)
    after = bill(
        deployment=["runpod/active/l40s", FLEX], catalog=shipped, today=TODAY, as_of="2026-05-13", **asked
    )
    assert after.result.bills[0].total_usd == pytest.approx(0.00053 * 3600 * 730)
    discounted = usd("runpod/active/l40s", shipped, active_discount=0.2, **asked)
    assert discounted == pytest.approx(0.8 * usd("runpod/active/l40s", shipped, **asked))


def test_always_on_takes_as_many_as_the_busiest_time_needs(shipped: Catalog) -> None:
    pod = "runpod/secure/l40s=1/h"
    assert usd(pod, shipped, requests_per_second=2.0, execution_s=1.2) == pytest.approx(3 * 730)
    assert usd(pod, shipped, requests_per_second=2.0, execution_s=1.2, concurrency=4) == pytest.approx(730)
    peak: dict[str, Any] = {"pattern": "diurnal", "peak_to_mean": 3.0, "hours": 4.0}
    assert usd(pod, shipped, requests_per_second=2.0, execution_s=1.2, **peak) == pytest.approx(8 * 730)
    assert usd(pod, shipped, requests_per_second=2.0, execution_s=1.2, workers=5) == pytest.approx(5 * 730)


def test_machines_run_a_batch_and_stop(shipped: Catalog) -> None:
    """1,000 items of 15 s a day: 4.17 h; EC2 bills at least a minute, a reserved machine the whole month."""
    job: dict[str, Any] = {"items": 1000, "execution_s": 15.0, "start_s": 0.0, "days": 30.0}
    assert usd("aws/ec2/g6e.xlarge=1/h", shipped, **job) == pytest.approx(30 * 15_000 / 3600)
    short = {**job, "items": 1}
    assert usd("aws/ec2/g6e.xlarge=1/h", shipped, **short) == pytest.approx(30 * 60 / 3600)
    assert usd("aws/capacity-block/p5.48xlarge=1/h", shipped, **job) == pytest.approx(720)


def test_storage_and_egress_come_in_tiers(shipped: Catalog) -> None:
    life: dict[str, Any] = {"requests_per_day": 1.0, "execution_s": 1.0}
    volume = one("runpod/secure/l40s", shipped, volume_gb=1500, **life)
    assert lines(volume)["network-volume"] in (pytest.approx(70), pytest.approx(25))
    assert sum(each.usd or 0 for each in volume.lines if each.name == "network-volume") == pytest.approx(95)
    out = one("aws/ec2/g6e.xlarge", shipped, egress_gb=1100, **life)
    assert sum(each.usd or 0 for each in out.lines if each.name == "egress") == pytest.approx(90)
    assert sum(each.quantity for each in out.lines if each.name == "egress") == pytest.approx(1100)
    free = one("runpod/secure/l40s", shipped, egress_gb=1100, **life)
    assert sum(each.usd or 0 for each in free.lines if each.name == "egress") == 0


def test_an_unknown_price_is_null_and_so_is_the_total(shipped: Catalog) -> None:
    found = one("oci/bare-metal/l40s", shipped, egress_gb=10, requests_per_day=1, execution_s=1)
    egress = next(each for each in found.lines if each.name == "egress")
    assert (egress.usd, egress.usd_per_unit, egress.price_state) == (None, None, "unknown")
    assert found.total_usd is None
    assert found.price_state == "unknown"
    assert found.known_usd > 0


def test_plans_cost_a_fee_and_give_credit_down_to_zero(shipped: Catalog) -> None:
    name = "modal/functions/h100"
    life: dict[str, Any] = {"requests_per_day": 1000.0, "execution_s": 1.0}
    plain = usd(name, shipped, **life)
    assert usd(name, shipped, plan="team", **life) == pytest.approx(plain + 250 - 100)
    assert usd(name, shipped, plan="starter", **life) == pytest.approx(plain - 30)
    little: dict[str, Any] = {
        "requests_per_day": 0.01,
        "execution_s": 1.0,
        "idle_timeout_s": 1.0,
        "start_s": 1.0,
    }
    assert usd(name, shipped, plan="starter", **little) == pytest.approx(0)


def test_sagemaker_is_always_on_unless_it_may_scale_to_zero(shipped: Catalog) -> None:
    name = "aws/sagemaker/ml.g6e.xlarge"
    life: dict[str, Any] = {"requests_per_day": 2.0, "execution_s": 1.0}
    kept, scaled = one(name, shipped, **life), one(name, shipped, scale_to_zero=True, **life)
    assert kept.total_usd == pytest.approx(2.61 * 730)
    assert scaled.total_usd is not None
    assert scaled.total_usd < 2.61 * 730 / 4
    assert scaled.during_start == "failed"
    report = bill(deployment=name, catalog=shipped, today=TODAY, scale_to_zero=True, **life)
    assert any("fail until one is up" in note.text for note in report.notes)


def test_waiting_for_others_is_billed(shipped: Catalog) -> None:
    found = one(FLEX, shipped, execution_s=20.0, external_ms=100, requests_per_day=10)
    assert found.execution_s == pytest.approx(20.1)


def test_a_request_beyond_the_timeout_is_said(shipped: Catalog) -> None:
    report = bill(deployment=FLEX, catalog=shipped, today=TODAY, execution_s=700.0, requests_per_day=10)
    assert any("ended after 600 s" in note.text and "604,800" in note.text for note in report.notes)


def test_the_largest_month_has_all_workers_busy(shipped: Catalog) -> None:
    found = one(f"{FLEX}=2/h", shipped, max_workers=7, **LIFE)
    assert found.max_exposure_usd == pytest.approx(7 * 2 * 730)
    assert (found.total_usd or 0) < (found.max_exposure_usd or 0)
    assert one(FLEX, shipped, **LIFE).max_workers == 3


def test_pings_keep_a_worker_at_the_flex_rate(shipped: Catalog) -> None:
    report = bill(deployment=FLEX, catalog=shipped, today=TODAY, keep_warm=True, as_of="2026-05-12", **LIFE)
    (warm,) = report.result.keep_warm
    assert warm.usd == pytest.approx(0.00053 * 3600 * 730)
    assert warm.active_usd == pytest.approx(0.00037 * 3600 * 730)
    assert warm.pings == pytest.approx(730 * 3600 / 5)


def test_growth_compounds_and_names_the_cheapest(shipped: Catalog) -> None:
    report = bill(
        deployment=[f"{FLEX}=2/h", "runpod/secure/l40s=1/h"],
        catalog=shipped,
        today=TODAY,
        requests_per_day=500.0,
        execution_s=10.0,
        growth=0.5,
        months=10,
        pattern="packed",
    )
    months = report.result.months
    assert [round(month.requests / months[0].requests, 3) for month in months[:3]] == [1, 1.5, 2.25]
    assert months[0].totals_usd[0] == pytest.approx(report.result.bills[0].total_usd)
    assert months[0].cheapest.startswith("runpod/flex")
    assert months[-1].cheapest.startswith("runpod/secure")


def test_periods_scale_and_a_request_is_a_share_of_the_month(shipped: Catalog) -> None:
    month, day, year = (
        usd(FLEX, shipped, period=word, volume_gb=100, **LIFE) for word in ("month", "day", "year")
    )
    assert day * 730 / 24 == pytest.approx(month)
    assert year == pytest.approx(12 * month)
    each = one(FLEX, shipped, period="request", volume_gb=100, **LIFE)
    assert each.total_usd == pytest.approx(month / (5000 * 730 / 24))
    assert usd("runpod/secure/l40s=1/h", shipped, days=30, **LIFE) == pytest.approx(720)


def test_hybrid_ends_are_pure_bills_and_the_best_is_the_least(shipped: Catalog) -> None:
    report = bill(
        hybrid=["runpod/secure/l40s=1/h", f"{FLEX}=2/h"],
        catalog=shipped,
        today=TODAY,
        requests_per_day=40_000.0,
        execution_s=10.0,
        peak_to_mean=3.0,
        hours=4.0,
        start_s=5.0,
    )
    hybrid = report.result.hybrid
    assert hybrid.rows[0].total_usd == pytest.approx(report.result.bills[1].total_usd)
    assert hybrid.reserved_usd == pytest.approx(report.result.bills[0].total_usd)
    best = min(hybrid.rows, key=lambda row: row.total_usd)
    assert best.baseline_workers == hybrid.best_workers
    assert 0 < hybrid.best_workers < hybrid.reserved_workers
    assert hybrid.saving_against_reserved == pytest.approx(1 - best.total_usd / hybrid.reserved_usd)
    assert 0 < hybrid.saving_against_serverless < 1
    shares = [row.overflow_share for row in hybrid.rows]
    assert shares[0] == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)


def test_a_usage_file_divides_the_bill(shipped: Catalog, tmp_path: Any) -> None:
    path = tmp_path / "usage.csv"
    path.write_text("team,gpu_seconds\nsearch,300\nchat,500\nsearch,200\n,1000\n", encoding="utf-8")
    report = bill(deployment=FLEX, catalog=shipped, today=TODAY, usage=path, **LIFE)
    shares = {each.tag: each for each in report.result.chargeback}
    assert {tag: each.quantity for tag, each in shares.items()} == {
        "(no tag)": 1000,
        "search": 500,
        "chat": 500,
    }
    assert sum(each.usd for each in shares.values()) == pytest.approx(report.result.bills[0].total_usd)
    path.write_text("team,gpu_seconds\nsearch,300\nchat,many\nchat,-1\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        bill(deployment=FLEX, catalog=shipped, today=TODAY, usage=path, **LIFE)
    assert [line.split(": ")[0].rpartition(":")[2] for line in str(caught.value).splitlines()] == ["3", "4"]


def test_a_model_gives_the_time_of_a_request(shipped: Catalog) -> None:
    asked: dict[str, Any] = {
        "model": "Llama-3.1-8B",
        "input_tokens": 500,
        "output_tokens": 200,
        "requests_per_day": 1000.0,
    }
    found = one(FLEX, shipped, concurrency=8, **asked)
    assert found.execution_s is not None
    assert 1 < found.execution_s < 30
    assert found.usd_per_million_tokens == pytest.approx(
        (found.total_usd or 0) / (1000 * 730 / 24 * 200) * 1e6
    )
    report = bill(deployment=FLEX, catalog=shipped, today=TODAY, **{**asked, "model": "Llama-3.3-70B"})
    assert report.answered_no
    assert "does not fit" in report.result.reason or "short" in report.result.reason or report.result.reason


def test_tokens_are_billed_by_the_million(shipped: Catalog) -> None:
    name = "deepinfra/api/llama-3.3-70b-instruct-turbo"
    found = one(name, shipped, requests_per_month=1e6, input_tokens=1000, output_tokens=200)
    assert lines(found) == {"input tokens": pytest.approx(100), "output tokens": pytest.approx(64)}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("banana/serverless/h100", "2024-03-31"),
        ("runpod/spot/h100", "2026-05-06"),
        ("aws/sagemaker-serverless/l4", "GPU"),
        ("runpod/flex/a10g", "no a10g"),
        ("runpod/flux/l40s", "did you mean"),
        ("runpd/flex/l40s", "did you mean runpod"),
        ("runpod/secure/a100", "a100-pcie-80gb"),
        ("runpod/flex/l40s=2", "unit is missing"),
        ("runpod/flex/l40s=2/fortnight", "/s, /min or /h"),
        ("runpod/flex/l40s=EUR 2/h", "USD"),
        ("runpod/flex/l40s=-2/h", "USD"),
        ("runpod/flex", "names no card"),
        ("l40s", "provider/product/card"),
        ("aws/ec2/g6e.xlargex2", "1 card"),
        ("", "provider/product/card"),
    ],
)
def test_names_that_cannot_be_billed_say_why(name: str, says: str, shipped: Catalog) -> None:
    with pytest.raises(UsageError) as caught:
        one(name, shipped, **LIFE)
    assert says in str(caught.value)


MOVING: dict[str, dict[str, Any]] = {
    "flex": {"deployment": FLEX, **LIFE},
    "modal": {"deployment": "modal/functions/h100", **LIFE, "plan": "team"},
    "cloud run": {"deployment": "gcp/cloud-run/l4-24gb@tier-1", "execution_s": 1.0, "requests_per_day": 5},
    "volume and egress": {"deployment": "aws/ec2/g6e.xlarge", "egress_gb": 500, "disk_gb": 100, **LIFE},
    "tokens": {"deployment": "groq/api/llama-3.1-8b-instant", "input_tokens": 9, "output_tokens": 9, **LIFE},
}


@pytest.mark.parametrize("name", MOVING)
def test_every_price_and_term_that_moves_a_bill_is_cited(name: str, shipped: Catalog) -> None:
    """Each number of prices and rules is changed by a tenth: the answer moves exactly where it is cited."""
    question = MOVING[name]
    report = bill(**question, catalog=shipped, today=TODAY)
    binding = {each.field for each in report.evidence if each.binding and each.source != "user"}
    provider, product, _ = str(question["deployment"]).split("/")
    before = report.result.bills[0]
    moved = set()
    for section in ("prices", "billing"):
        for place, entry in enumerate(shipped.sections[section]):
            row = entry["row"]
            if section == "prices" and (row["provider"] != provider or row["stated_by"] == "seed"):
                continue
            if section == "billing" and row["id"] != f"{provider}/{product}":
                continue
            units = (
                [key for key in row if key.startswith("usd_per_")]
                if section == "prices"
                else range(len(row.get("terms", ())))
            )
            for key in units:
                other = copy.deepcopy(row)
                if section == "prices":
                    other[key] *= 1.1
                    field = f"prices.{row['offer']}.{key}"
                else:
                    term = other["terms"][key]
                    if "gpus" in term:
                        continue
                    term["value"] *= 1.1
                    field = f"billing.{row['id']}.{term['term']}"
                rows = list(shipped.sections[section])
                rows[place] = {**entry, "row": other}
                changed = Catalog({**shipped.sections, section: rows})
                after = bill(**question, catalog=changed, today=TODAY)
                again: Bill = after.result.bills[0]
                if (again.total_usd, again.starts) != (before.total_usd, before.starts):
                    moved.add(field)
    assert moved
    assert moved == {field for field in binding if field.startswith(("prices.", "billing."))}
