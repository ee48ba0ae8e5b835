"""Percentiles: exact ones against NumPy's, those of the histogram to 0.1 %."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpucost.calc.percentiles import Floats, LogHistogram, quantiles
from tests.calc.strategies import law

VALUES = st.lists(st.just(0.0) | st.floats(1e-300, 1e300), min_size=1, max_size=60).map(np.array)
SHARES = st.floats(0, 1)
BOUND = 1e-3


def histogram(*parts: npt.NDArray[Any]) -> LogHistogram:
    found = LogHistogram()
    for part in parts:
        found.add(part)
    return found


def state(found: LogHistogram) -> list[float]:
    """Everything that can be asked of it; of values whose sums are exact in any order."""
    shares = [found.quantile(share) for share in np.linspace(0, 1, 41)] if found.count else []
    return [found.count, found.missing, found.sum, found.min, found.max, *shares]


@law
@given(VALUES, SHARES)
def test_quantiles_are_those_of_numpy(values: Floats, share: float) -> None:
    assert quantiles(values, (share,)) == [np.quantile(values, share)]
    assert quantiles(np.append(values, np.nan), (share, 1.0)) == [np.quantile(values, share), values.max()]


@law
@given(VALUES, SHARES)
@example(np.array([1.0, 1e300]), 0.5)
@example(np.array([0.0, 0.0, 1.0]), 0.6)
def test_the_histogram_is_right_to_its_bound(values: Floats, share: float) -> None:
    expected = np.quantile(values, share)
    found = histogram(values)
    assert abs(found.quantile(share) - expected) <= BOUND * expected * (1 + 1e-9)
    assert (found.quantile(0), found.quantile(1)) == (values.min(), values.max())


def test_the_bound_is_not_far_from_the_error() -> None:
    """Bins are as wide as the bound allows, so that a finer claim would be wrong."""
    values = np.sort(np.random.default_rng(1).uniform(1.0, 1.01, 2001))
    found = histogram(values)
    errors = [abs(found.quantile(rank / 2000) / value - 1) for rank, value in enumerate(values)]
    assert 0.8 * BOUND < max(errors) <= BOUND


def test_a_large_sample_is_right_at_every_percentile() -> None:
    values = np.random.default_rng(2).lognormal(0, 3, 200_000)
    found = histogram(*np.array_split(values, 7))
    shares = np.linspace(0, 1, 201)
    got = [found.quantile(share) for share in shares]
    assert got == pytest.approx(np.quantile(values, shares).tolist(), rel=BOUND)
    assert (np.diff(got) >= 0).all()
    assert found.mean == pytest.approx(values.mean())


@law
@given(st.lists(st.lists(st.integers(0, 10**9), max_size=30), min_size=1, max_size=5))
def test_merging_is_adding(parts: list[list[int]]) -> None:
    arrays = [np.array(part, dtype=np.float64) for part in parts]
    merged = LogHistogram()
    for array in arrays:
        merged.merge(histogram(array))
    whole = np.concatenate(arrays)
    assert state(merged) == state(histogram(*arrays)) == state(histogram(whole))
    assert merged.count == whole.size


def test_merging_leaves_the_other_alone() -> None:
    one, other = LogHistogram(), histogram(np.arange(1.0, 6.0))
    before = state(other)
    one.merge(other)
    one.add(np.full(9, 2.0))
    assert state(other) == before


def test_zeros_extremes_and_what_is_missing_are_exact() -> None:
    found = histogram(np.array([0.0, -0.0, np.nan, 0.3, 0.7, np.nan, 1.1]))
    assert (found.count, found.missing, found.min, found.max) == (5, 2, 0.0, 1.1)
    assert found.quantile(0) == found.quantile(0.25) == 0.0
    assert found.quantile(1) == 1.1
    assert found.sum == pytest.approx(2.1)
    only = histogram(np.full(9, 0.3))
    assert only.quantile(0.5) == 0.3


def test_integers_are_counted_too() -> None:
    assert histogram(np.arange(101)).quantile(0.5) == pytest.approx(50, rel=BOUND)


def test_ten_million_to_one_fits_into_a_hundred_kilobytes() -> None:
    assert histogram(np.geomspace(1e-3, 1e4, 10_000))._bins.nbytes < 100_000


@pytest.mark.parametrize("wrong", [-1.0, np.inf, -np.inf])
def test_values_that_have_no_bin_are_refused_and_leave_no_trace(wrong: float) -> None:
    found = histogram(np.array([1.0, np.nan]))
    before = state(found)
    with pytest.raises(ValueError, match="finite and at least 0"):
        found.add(np.array([2.0, np.nan, wrong]))
    assert state(found) == before


def test_nothing_has_no_quantile() -> None:
    empty = histogram(np.array([np.nan]))
    assert (empty.count, empty.missing) == (0, 1)
    assert np.isnan(empty.mean)
    with pytest.raises(ValueError, match="needs values"):
        empty.quantile(0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        histogram(np.ones(2)).quantile(1.1)
    with pytest.raises(ValueError, match="no values"):
        quantiles(np.array([np.nan]), (0.5,))
