"""Statistics of traces: against counting by hand, whole or in chunks, and at the edges."""

import statistics
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpucost.calc.arrivals import jittered, modulated, renewal
from gpucost.calc.percentiles import Floats
from gpucost.calc.trace_stats import Describer, describe
from gpucost.domain.trace import Profile, Trace
from gpucost.domain.traffic import Law, Spread, TraceStats
from tests.calc.strategies import law

# Quarters of a second, so that equal stamps and edges of windows are met, and all sums are exact.
STAMPS = st.lists(st.integers(0, 40_000) | st.integers(0, 40), min_size=1, max_size=80).map(
    lambda quarters: np.sort(np.array(quarters, dtype=np.float64)) / 4
)


def trace_of(at: Floats) -> Trace:
    number = np.arange(at.size)
    return Trace(at, (number * 37 + 11) % 500, number % 7, (number * 13 + 1) % 10 / 8.0)


def whole_windows(at: Floats, span_s: float, width: int) -> list[int]:
    counts = Counter(int(each // width) for each in at)
    return [counts[index] for index in range(int(span_s // width))]


def dispersion(counts: list[int]) -> float | None:
    if len(counts) < 2 or not any(counts):
        return None
    return statistics.variance(counts) / statistics.mean(counts)


def peak(counts: list[int]) -> tuple[float | None, float | None]:
    """Of counts per window, and over their mean."""
    if not counts:
        return None, None
    return max(counts), max(counts) / statistics.mean(counts) if any(counts) else None


def spread(values: list[float]) -> Spread | None:
    if not values:
        return None
    mean = statistics.fmean(values)
    p50, p90, p95, p99 = np.percentile(values, (50, 90, 95, 99)).tolist()
    return Spread(mean, statistics.pstdev(values) / mean if mean else None, p50, p90, p95, p99, max(values))


def expected(trace: Trace, span_s: float | None) -> dict[str, object]:
    """Everything but the shape and the step, counted by hand."""
    at = trace.at_s if span_s is not None else trace.at_s - trace.at_s[0]
    span = float(at[-1]) if span_s is None else span_s
    rate = at.size / span if span else None
    minutes, hours = whole_windows(at, span, 60), whole_windows(at, span, 3600)
    (minute_peak, minute_ratio), (hour_peak, hour_ratio) = peak(minutes), peak(hours)
    gaps = [float(after - before) for before, after in pairwise(at)]
    return {
        "requests": at.size,
        "span_s": span,
        "requests_per_second": rate,
        "minute_peak_requests_per_second": None if minute_peak is None else minute_peak / 60,
        "minute_peak_to_mean": minute_ratio,
        "hour_peak_requests_per_second": None if hour_peak is None else hour_peak / 3600,
        "hour_peak_to_mean": hour_ratio,
        "idle_minute_share": minutes.count(0) / len(minutes) if minutes else None,
        "gap_s": spread(gaps),
        "dispersion_1s": dispersion(whole_windows(at, span, 1)),
        "dispersion_10s": dispersion(whole_windows(at, span, 10)),
        "dispersion_60s": dispersion(minutes),
        "input_tokens": spread(trace.input_tokens.tolist()),
        "output_tokens": spread(trace.output_tokens.tolist()),
        "execution_s": spread(trace.execution_s.tolist()),
        "offered_load": trace.execution_s.sum() / span if span else None,
        "most_at_once": max(Counter(at.tolist()).values()),
        "equal_stamp_share": gaps.count(0) / len(gaps) if gaps else None,
    }


def numbers(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def agree(found: TraceStats, wanted: dict[str, object], *, rel: float = 1e-9) -> None:
    got = found._asdict()
    for name, value in wanted.items():
        for one, other in zip(numbers(got[name]), numbers(value), strict=True):
            assert (one is None) == (other is None), name
            assert one is None or one == pytest.approx(other, rel=rel, abs=1e-9), name


@law
@given(STAMPS, st.none() | st.sampled_from((0.0, 0.25, 100.0, 20_000.0)))
@example(np.array([0.0, 60.0, 3600.0]), None)
@example(np.array([5.0, 65.0, 7205.0]), 0.0)
@example(np.array([7.25]), None)
@example(np.array([7.25] * 5), None)
@example(np.array([0.0]), 0.0)
def test_statistics_are_those_counted_by_hand(at: Floats, beyond: float | None) -> None:
    span_s = None if beyond is None else float(at[-1]) + beyond
    agree(describe(trace_of(at), span_s=span_s), expected(trace_of(at), span_s))


def cut(trace: Trace, places: list[int]) -> list[Trace]:
    edges = [0, *sorted(places), trace.at_s.size]
    return [Trace(*(None if each is None else each[a:b] for each in trace)) for a, b in pairwise(edges)]


@law
@given(STAMPS, st.data(), st.none() | st.just(30_000.0), st.sampled_from((0, 10, 10**6)))
def test_chunks_of_any_length_give_the_same(
    at: Floats, data: st.DataObject, span_s: float | None, exact: int
) -> None:
    trace = trace_of(at)
    places = data.draw(st.lists(st.integers(0, at.size), max_size=6))
    parts, whole = Describer(span_s=span_s, exact=exact), Describer(span_s=span_s, exact=exact)
    whole.add(trace)
    for chunk in cut(trace, places):
        parts.add(chunk)
    wanted = whole.result()
    agree(parts.result(), wanted._asdict())
    assert parts.result() == parts.result()


@law
@given(STAMPS)
def test_a_histogram_takes_the_place_of_many_values(at: Floats) -> None:
    describer = Describer(exact=0)
    describer.add(trace_of(at))
    wanted = expected(trace_of(at), None)
    agree(describer.result(), wanted, rel=1.001e-3)
    found = describer.result().execution_s
    assert found is not None
    assert isinstance(wanted["execution_s"], Spread)
    assert (found.mean, found.max) == pytest.approx((wanted["execution_s"].mean, wanted["execution_s"].max))


@law
@given(STAMPS, st.none() | st.floats(0, 3e7))
@example(np.array([0.0, 119.75]), None)
@example(np.array([0.0, 120.0]), None)
def test_the_shape_is_counts_of_equal_windows(at: Floats, beyond: float | None) -> None:
    span_s = None if beyond is None else float(at[-1]) + beyond
    found = describe(Trace(at), span_s=span_s)
    width = int(found.shape_window_s)
    after = at if span_s is not None else at - at[0]
    counts = whole_windows(after, found.span_s, width)
    assert found.shape_requests_per_second == pytest.approx([each / width for each in counts])
    assert len(counts) <= 120
    assert width == 1 or len(counts) >= 120 // 7
    assert width in (1, 5, 15, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400, 604_800)


def test_poisson_arrivals_are_known_as_such() -> None:
    at = renewal(np.random.default_rng(1), rate=5.0, span_s=50_000.0, law=Law.EXPONENTIAL, cv=1.0)
    found = describe(Trace(at), span_s=50_000.0)
    assert found.requests_per_second == at.size / 50_000
    assert found.gap_s is not None
    assert found.gap_s.cv == pytest.approx(1, abs=0.01)
    assert found.gap_s.p50 == pytest.approx(np.log(2) / 5, rel=0.01)
    assert [found.dispersion_1s, found.dispersion_10s, found.dispersion_60s] == pytest.approx(
        [1] * 3, abs=0.15
    )
    assert found.idle_minute_share == 0
    assert found.stamp_step_s is None


def test_slow_changes_show_in_long_windows() -> None:
    hours = Profile(np.arange(11) * 3600.0, np.array([1.0, 9.0] * 5))
    found = describe(Trace(modulated(np.random.default_rng(2), hours, law=Law.EXPONENTIAL, cv=1.0)))
    assert found.dispersion_1s is not None
    assert found.dispersion_60s is not None
    # Rates of 1 and 9 have a variance of 16 about their mean 5: 1 + width × 16 / 5.
    assert found.dispersion_1s == pytest.approx(4.2, rel=0.05)
    assert found.dispersion_60s == pytest.approx(193, rel=0.05)
    assert found.hour_peak_to_mean == pytest.approx(1.8, rel=0.15)


@pytest.mark.parametrize("step_s", [0.2, 1.0, 3.0, 60.0, 3600.0])
def test_rounded_stamps_are_seen(step_s: float) -> None:
    rng = np.random.default_rng(3)
    at = renewal(rng, rate=2.0 / step_s, span_s=500 * step_s, law=Law.EXPONENTIAL, cv=1.0)
    stamps = np.floor(at / step_s) * step_s
    found = describe(Trace(stamps))
    assert found.stamp_step_s == pytest.approx(step_s)
    assert found.equal_stamp_share is not None
    assert found.equal_stamp_share > 0.5
    assert describe(Trace(at)).stamp_step_s is None
    spread_out = describe(Trace(jittered(rng, stamps, step_s)))
    assert (spread_out.stamp_step_s, spread_out.equal_stamp_share) == (None, 0.0)


def test_rounded_stamps_of_a_clock_that_drifts_are_seen() -> None:
    """Public traces have steps of 3.000 s, now and then 3.001 or 3.003 s."""
    rng = np.random.default_rng(4)
    steps = rng.choice([3.0, 3.001, 3.003, 6.001], 2000, p=[0.3, 0.04, 0.02, 0.64])
    assert describe(Trace(np.repeat(np.cumsum(steps), 3))).stamp_step_s == 3.0


@pytest.mark.parametrize("step_s", [0.1, 0.001])
def test_fine_steps_are_no_rounding(step_s: float) -> None:
    assert describe(Trace(np.arange(500) * step_s)).stamp_step_s is None


def test_one_fine_gap_in_a_later_chunk_ends_the_rounding() -> None:
    describer = Describer()
    describer.add(Trace(np.arange(20) * 2.0))
    assert describer.result().stamp_step_s == 2.0
    describer.add(Trace(np.array([40.0, 40.05])))
    describer.add(Trace(np.array([42.05])))
    assert describer.result().stamp_step_s is None


def test_too_many_different_gaps_are_no_rounding() -> None:
    assert describe(Trace(np.cumsum(np.arange(9_000.0)))).stamp_step_s == 1.0
    assert describe(Trace(np.cumsum(np.arange(11_000.0)))).stamp_step_s is None


def test_few_stamps_do_not_tell_a_step() -> None:
    assert describe(Trace(np.arange(10) * 2.0)).stamp_step_s is None
    assert describe(Trace(np.arange(11) * 2.0)).stamp_step_s == 2.0


def test_what_is_unknown_stays_unknown() -> None:
    found = describe(Trace(np.arange(5.0), np.array([1.0, np.nan, 3.0, np.nan, 5.0])))
    assert found.input_tokens is not None
    assert (found.input_tokens.mean, found.input_tokens.p50, found.input_tokens.max) == (3.0, 3.0, 5.0)
    assert (found.output_tokens, found.execution_s, found.offered_load) == (None, None, None)


def test_requests_that_all_come_at_once_have_no_rate() -> None:
    found = describe(Trace(np.full(4, 9.0), execution_s=np.ones(4)))
    assert (found.requests, found.span_s, found.most_at_once, found.equal_stamp_share) == (4, 0.0, 4, 1.0)
    assert (found.requests_per_second, found.offered_load, found.dispersion_1s) == (None, None, None)
    assert found.gap_s == Spread(0.0, None, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert found.shape_requests_per_second == ()


def test_wrong_traces_are_refused() -> None:
    with pytest.raises(ValueError, match="without requests"):
        describe(Trace(np.zeros(0)))
    for wrong in ([1.0, 0.5], [0.0, np.nan], [0.0, np.inf]):
        with pytest.raises(ValueError, match="must be finite and rise"):
            describe(Trace(np.array(wrong)))
    with pytest.raises(ValueError, match="from 0 on"):
        describe(Trace(np.array([-1.0, 2.0])), span_s=5.0)
    with pytest.raises(ValueError, match="lasts 5 s"):
        describe(Trace(np.array([0.0, 6.0])), span_s=5.0)
    describer = Describer()
    describer.add(Trace(np.array([0.0, 4.0])))
    with pytest.raises(ValueError, match="rise"):
        describer.add(Trace(np.array([3.0])))
