"""Break-even points are re-billed on both sides; staircases name the cheapest; prices per token count too."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucost.api.bill import bill
from gpucost.api.breakeven import breakeven
from gpucost.catalog.store import Catalog
from gpucost.domain.billing import Crossing
from gpucost.errors import UsageError

TODAY = date(2026, 11, 21)
FLEX, POD = "runpod/flex/l40s=2/h", "runpod/secure/l40s=1/h"
API = "deepinfra/api/llama-3.3-70b-instruct-turbo"


def crossings(names: list[str], shipped: Catalog, **asked: Any) -> tuple[Crossing, ...]:
    found: tuple[Crossing, ...] = breakeven(names, catalog=shipped, today=TODAY, **asked).result.crossings
    return found


def totals(names: list[str], shipped: Catalog, **asked: Any) -> list[float]:
    report = bill(deployment=names, catalog=shipped, today=TODAY, **asked)
    return [float(each.total_usd) for each in report.result.bills]


def rebilled(each: Crossing, names: list[str], shipped: Catalog, **asked: Any) -> None:
    """Both bills at the crossing, from `bill`: equal within a cent, or in another order one request later."""
    assert each.requests_per_month is not None
    here = totals(names, shipped, requests_per_month=each.requests_per_month, **asked)
    assert here == pytest.approx([each.a_usd, each.b_usd])
    if each.kind == "continuous":
        assert abs(here[0] - here[1]) < 0.01
    else:
        assert each.requests_per_month == int(each.requests_per_month)
        after = totals(names, shipped, requests_per_month=each.requests_per_month + 1, **asked)
        assert after == pytest.approx([each.a_next_usd, each.b_next_usd])
        assert (here[0] < here[1]) != (after[0] < after[1])


@settings(max_examples=25, deadline=None)
@given(
    time=st.floats(0.2, 120),
    price=st.floats(0.3, 1.2),
    start=st.sampled_from([0.0, 5.0, 30.0]),
    pattern=st.sampled_from(["poisson", "packed", "uniform"]),
)
def test_every_crossing_is_billed_on_both_sides(
    shipped: Catalog, time: float, price: float, start: float, pattern: str
) -> None:
    names = [FLEX, f"runpod/secure/l40s={price:.3f}/h"]
    asked: dict[str, Any] = {"execution_s": time, "start_s": start, "pattern": pattern}
    found = crossings(names, shipped, **asked)
    for each in found:
        if each.verdict == "crosses":
            rebilled(each, names, shipped, **asked)


def test_packed_workers_cross_at_the_price_ratio(shipped: Catalog) -> None:
    """2026-09 and later: H100 community 2.69/4.79, A100 1.59/2.72; stated in busy hours of the month."""
    for pod, flex in ((2.69, 4.79), (1.59, 2.72), (0.84, 1.75)):
        names = [f"runpod/flex/l40s={flex}/h", f"runpod/secure/l40s={pod}/h"]
        first = crossings(names, shipped)[0]
        assert first.verdict == "crosses"
        assert first.utilisation == pytest.approx(pod / flex, rel=1e-6)
        assert first.busy_hours_per_month == pytest.approx(730 * pod / flex, rel=1e-6)
        assert first.requests_per_day is None
        assert (first.cheaper_below or "").startswith("runpod/flex")


def test_all_crossings_are_listed_and_steps_flip_between_neighbours(shipped: Catalog) -> None:
    asked: dict[str, Any] = {"execution_s": 10.0, "pattern": "packed", "up_to_requests_per_day": 3 * 8640}
    found = crossings([FLEX, "runpod/secure/l40s=1.2/h"], shipped, **asked)
    assert [each.kind for each in found] == ["continuous", "step", "continuous"]
    assert [round(each.busy_hours_per_month or 0) for each in found] == [438, 730, 876]
    for each in found:
        rebilled(each, [FLEX, "runpod/secure/l40s=1.2/h"], shipped, execution_s=10.0, pattern="packed")


def test_overhead_moves_the_crossing_down(shipped: Catalog) -> None:
    report = breakeven([FLEX, POD], catalog=shipped, today=TODAY, execution_s=2.0, start_s=10.0)
    first, over = report.result.crossings[0], report.result.overhead
    assert over.packed_busy_hours == pytest.approx(365, rel=1e-6)
    assert first.busy_hours_per_month < over.packed_busy_hours
    assert first.busy_hours_per_month * over.billed_over_busy == pytest.approx(365, rel=0.02)


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        (["runpod/secure/l40s=1/h", "runpod/secure/l40=2/h"], "a_always"),
        (["runpod/secure/l40s=2/h", "runpod/secure/l40=1/h"], "b_always"),
        (["runpod/secure/l40s=1/h", "runpod/secure/l40=1/h"], "equal_always"),
    ],
)
def test_without_a_crossing_the_verdict_says_who_wins(
    names: list[str], verdict: str, shipped: Catalog
) -> None:
    (found,) = crossings(names, shipped, execution_s=1.0)
    assert found.verdict == verdict
    assert found.busy_hours_per_month is None


def test_the_staircase_is_the_cheapest_everywhere(shipped: Catalog) -> None:
    names = [FLEX, POD, "modal/functions/l40s=1.5/h", "runpod/community/l40s=0.9/h"]
    asked: dict[str, Any] = {"execution_s": 3.0, "start_s": 8.0}
    tiers = breakeven(names, catalog=shipped, today=TODAY, **asked).result.staircase
    assert tiers[0].from_requests_per_day == pytest.approx(1 / 730 * 24)
    assert tiers[-1].to_requests_per_day is None
    for one, other in pairwise(tiers):
        assert one.to_requests_per_day == other.from_requests_per_day
        assert one.deployment != other.deployment
    for tier in tiers:
        end = tier.to_requests_per_day or tier.from_requests_per_day * 2
        middle = (tier.from_requests_per_day * end) ** 0.5
        report = bill(deployment=names, catalog=shipped, today=TODAY, requests_per_day=middle, **asked)
        assert report.result.cheapest == tier.deployment


def test_tokens_against_a_card(shipped: Catalog) -> None:
    """A pod at 0.50 USD/h, 1 s requests, against 0.10 and 0.32 USD per million tokens."""
    asked: dict[str, Any] = {
        "execution_s": 1.0,
        "input_tokens": 1000,
        "output_tokens": 500,
        "pattern": "packed",
    }
    names = ["runpod/secure/l40s=0.5/h", API]
    first = crossings(names, shipped, **asked)[0]
    request = (1000 * 0.10 + 500 * 0.32) / 1e6
    assert first.requests_per_month == pytest.approx(365 / request, rel=1e-6)
    assert first.tokens_per_month == pytest.approx(365 / request * 500, rel=1e-6)
    assert first.cheaper_below == API
    rebilled(first, names, shipped, **asked)


def test_tokens_that_pay_for_a_card(shipped: Catalog) -> None:
    report = breakeven(
        "runpod/secure/h100-sxm=2.99/h", sell_usd_per_million=2.0, catalog=shipped, today=TODAY
    )
    (found,) = report.result.selling
    assert found.tokens_per_hour == pytest.approx(1_495_000)


def test_a_curve_has_the_bills(shipped: Catalog) -> None:
    report = breakeven([FLEX, POD], catalog=shipped, today=TODAY, execution_s=10.0, curve=True)
    points = report.result.curve
    assert len(points) == 61
    assert all(len(point) == 3 for point in points)
    assert points[-1][1] > points[-1][2]


@pytest.mark.parametrize(
    ("names", "asked", "says"),
    [
        ([FLEX], {}, "two deployments"),
        ([FLEX, FLEX], {}, "named twice"),
        ([FLEX, POD], {"requests_per_day": 5.0}, "what is looked for"),
        ([FLEX, POD], {"items": 5, "execution_s": 1.0}, "batch"),
        ([FLEX, API], {"execution_s": 1.0}, "--input-tokens"),
        ([FLEX, POD], {"input_tokens": 5, "output_tokens": 5}, "--execution-s"),
        ([FLEX, POD], {"sell_usd_per_million": -1.0}, "above 0"),
    ],
)
def test_questions_that_cannot_be_asked(
    names: list[str], asked: dict[str, Any], says: str, shipped: Catalog
) -> None:
    with pytest.raises(UsageError) as caught:
        breakeven(names, catalog=shipped, today=TODAY, **asked)
    assert says in str(caught.value)
