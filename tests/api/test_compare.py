"""Offers side by side, cold starts that add up, features, and what old documents state."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gpucost.api.compare import compare
from gpucost.catalog.store import Catalog
from gpucost.domain.billing import CompareResult
from gpucost.errors import UsageError

TODAY = date(2026, 11, 21)


def found(shipped: Catalog, **asked: Any) -> CompareResult:
    result: CompareResult = compare(catalog=shipped, today=TODAY, **asked).result
    return result


def test_offers_are_compared_with_the_base_of_their_group(shipped: Catalog) -> None:
    rows = {row.product: row for row in found(shipped, gpu="l40s").offers}
    flex, sage, pod, ec2 = (
        rows[name] for name in ("runpod/flex", "aws/sagemaker", "runpod/secure", "aws/ec2")
    )
    assert flex.delta_fraction is None
    assert sage.delta_fraction == pytest.approx((sage.usd_per_hour or 0) / (flex.usd_per_hour or 1) - 1)
    assert ec2.delta_fraction == pytest.approx((ec2.usd_per_hour or 0) / (pod.usd_per_hour or 1) - 1)
    assert (sage.during_start, flex.during_start, ec2.during_start) == ("failed", "queued", "ready")
    assert (flex.execution_timeout_s, flex.longest_execution_s) == (600, 604_800)
    assert (ec2.egress_usd_per_gb, flex.egress_usd_per_gb) == (0.09, 0)
    assert rows["oci/bare-metal"].egress_usd_per_gb is None
    assert rows["runpod/savings-plan"].group == "reserved"


@pytest.mark.parametrize(
    ("gpu", "product", "cards"),
    [
        ("l40s", "aws/sagemaker", 1),
        ("h100-sxm", "aws/ec2", 1),
        ("h100-sxm", "runpod/flex", 1),
        ("h200", "aws/ec2", 8),
        ("a100-sxm-80gb", "aws/ec2", 8),
        ("b200", "aws/ec2", 8),
    ],
)
def test_the_smallest_machine_that_can_be_rented(
    gpu: str, product: str, cards: int, shipped: Catalog
) -> None:
    (row,) = found(shipped, gpu=gpu, product=product).offers
    assert row.cards == cards
    assert row.usd_per_hour == pytest.approx((row.usd_per_gpu_hour or 0) * cards)


def test_by_generation_has_a_card_per_row_and_no_slices(shipped: Catalog) -> None:
    rows = {row.gpu: row for row in found(shipped, by_generation=True).generations}
    b200 = {each.product: each.cards for each in rows["b200-sxm-180gb"].offers}
    assert b200 == {"runpod/flex": 1, "runpod/secure": 1, "aws/ec2": 8}
    assert all(each.cards >= 1 for row in rows.values() for each in row.offers)
    assert rows["l40s-48gb"].architecture == "ada"


def test_workers_that_hold_a_model(shipped: Catalog) -> None:
    rows = found(shipped, model="Llama-3.3-70B", quant="awq").offers
    flex = next(row for row in rows if row.product == "runpod/flex")
    assert all(row.cards * shipped.gpus[row.gpu].memory_bytes > 36.8 * 2**30 for row in rows)
    assert flex.gpu in ("a40-48gb", "rtx-a6000-48gb")
    assert {row.group for row in rows} == {"serverless", "always-on", "reserved"}


def test_sagemaker_starts_in_1_and_1_75_and_2_28_minutes(shipped: Catalog) -> None:
    (start,) = found(shipped, cold_starts=True, product="aws/sagemaker").cold_starts
    assert [each.value_s for each in start.phases] == [pytest.approx(t * 60) for t in (1, 1.75, 2.28)]
    assert start.total_s == pytest.approx(5.03 * 60)
    assert start.unknown == ()


def test_weights_take_size_over_bandwidth(shipped: Catalog) -> None:
    (start,) = found(shipped, cold_starts=True, weights_gb=40.0, product="runpod/flex").cold_starts
    weights = next(each for each in start.phases if each.phase == "weights")
    assert [weights.low_s, weights.high_s] == pytest.approx([100, 200])
    others = sum(each.value_s or 0 for each in start.phases if each.phase in ("trigger", "provision"))
    assert start.total_s == pytest.approx(others + (weights.value_s or 0))
    assert start.snapshot_low_s == pytest.approx(0.563)
    (unsized,) = found(shipped, cold_starts=True, product="runpod/flex").cold_starts
    assert "weights" in unsized.unknown


def test_features_say_unknown_where_nobody_verified(shipped: Catalog) -> None:
    result = found(shipped, features=True, provider=["runpod", "aws"])
    rows = {row.product: row.features for row in result.features}
    assert rows["runpod/flex"]["execution-timeout"].startswith("600 s")
    assert "unknown" in rows["aws/ec2"].values()
    assert len({tuple(each) for each in rows.values()}) == 1
    assert dict(result.eliminated)["aws/sagemaker-serverless"]


def test_prices_of_the_seeds_are_marked_where_they_are_refuted(shipped: Catalog) -> None:
    rows = found(shipped, prices="seeds").seeds
    wrong = {row.offer: row.refuted for row in rows if row.refuted}
    assert wrong["runpod/pod/l40s-48gb"].startswith("S001-23")
    assert wrong["aws/sagemaker/ml.g5.xlarge"].startswith("S001-15")
    assert "runpod/flex/h100-80gb" not in wrong
    active = next(row for row in rows if row.offer == "runpod/active/48gb-pro")
    assert active.usd_per_hour == pytest.approx(1.332)
    assert active.today_usd_per_hour == pytest.approx(1.75)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "name --gpu"),
        ({"gpu": "l40z"}, "did you mean"),
        ({"gpu": "l40s", "product": "runpod/flexx"}, "runpod/flex"),
        ({"gpu": "l40s", "provider": "runpood"}, "runpod"),
        ({"cold_starts": True, "weights_gb": -1.0}, "above 0"),
        ({"gpu": "l40s", "prices": "mine"}, "catalog, seeds"),
    ],
)
def test_questions_that_cannot_be_asked(asked: dict[str, Any], says: str, shipped: Catalog) -> None:
    with pytest.raises(UsageError) as caught:
        found(shipped, **asked)
    assert says in str(caught.value)
