"""Arrivals: laws of the gaps, rates over time, bursts; seeds are fixed, so that chance decides once."""

from itertools import pairwise
from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gpucost.calc import traffic
from gpucost.calc.arrivals import (
    jittered,
    modulated,
    modulated_chunks,
    on_off,
    renewal,
    renewal_chunks,
    resampled,
    rescaled,
    spawn,
    weibull_shape,
)
from gpucost.calc.percentiles import Floats
from gpucost.calc.profiles import busy_hours, daily_wave, diurnal, flat, weekly
from gpucost.domain.trace import Profile, Trace
from gpucost.domain.traffic import Law
from tests.calc.strategies import law as few

HOUR, DAY = 3600.0, 86400.0
ERRORS = 4.0
"""Standard errors within which a mean must lie."""
LAWS = [
    (Law.EXPONENTIAL, 1.0),
    (Law.GAMMA, 0.4),
    (Law.GAMMA, 2.5),
    (Law.WEIBULL, 0.4),
    (Law.WEIBULL, 2.5),
]
SEEDS = st.integers(0, 2**32 - 1)


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def dispersion(at: Floats, span_s: float, width_s: float) -> float:
    counts = np.histogram(at, np.arange(0.0, span_s + width_s / 2, width_s))[0]
    return float(counts.var() / counts.mean())


def follows(gaps: Floats, law: Law, cv: float, mean: float) -> bool:
    """Whether gaps are of a law, as SciPy has it, by Kolmogorov and Smirnov at 1 %.

    Only above a nanosecond: shorter gaps are lost in the precision of the arrivals.
    """
    shape = 1 / cv**2 if law is Law.GAMMA else weibull_shape(cv)
    found = np.sort(gaps)
    ranks = np.arange(1, found.size + 1) / found.size
    if law is Law.EXPONENTIAL:
        below = stats.expon.cdf(found / mean)
    elif law is Law.GAMMA:
        below = stats.gamma.cdf(found / mean * shape, shape)
    else:
        below = stats.weibull_min.cdf(found / mean * stats.weibull_min.mean(shape), shape)
    return bool(np.abs(ranks - below)[found > 1e-9].max() < 1.63 / np.sqrt(found.size))


@pytest.mark.parametrize(("law", "cv"), LAWS)
def test_gaps_have_the_law_the_mean_and_the_variation(law: Law, cv: float) -> None:
    at = renewal(generator(), rate=4.0, span_s=25_000.0, law=law, cv=cv)
    gaps = np.diff(at, prepend=0.0)
    assert at[-1] < 25_000
    assert (gaps >= 0).all()
    assert abs(gaps.mean() - 0.25) < ERRORS * 0.25 * cv / np.sqrt(gaps.size)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.02)
    assert follows(gaps, law, cv, 0.25)
    assert not follows(gaps, Law.WEIBULL if law is Law.EXPONENTIAL else law, 1.03 * cv, 0.25)
    correlation = np.corrcoef(gaps[1:], gaps[:-1])[0, 1]
    assert abs(correlation) < ERRORS / np.sqrt(gaps.size)


@few
@given(st.floats(0.02, 50.0))
def test_the_weibull_shape_gives_the_variation(cv: float) -> None:
    found = stats.weibull_min(weibull_shape(cv))
    assert found.std() / found.mean() == pytest.approx(cv, rel=1e-6)


def test_a_weibull_law_of_variation_one_is_exponential() -> None:
    assert weibull_shape(1.0) == pytest.approx(1.0, rel=1e-12)


def test_the_mean_count_is_that_of_a_start_with_a_whole_gap() -> None:
    counts = [
        renewal(rng, rate=5.0, span_s=10.0, law=Law.GAMMA, cv=2.0).size
        for rng in spawn(seed=2, replications=4000)
    ]
    error = np.std(counts) / np.sqrt(len(counts))
    assert abs(np.mean(counts) - (50 + (2.0**2 - 1) / 2)) < 3 * error
    assert 5 * error < 1.5  # so that a start in equilibrium would be seen


@few
@given(SEEDS, st.sampled_from(LAWS), st.integers(1, 300), st.floats(0.01, 30.0))
def test_pieces_of_any_length_are_the_same_arrivals(
    seed: int, kind: tuple[Law, float], chunk: int, span_s: float
) -> None:
    law, cv = kind
    whole = renewal(generator(seed), rate=10.0, span_s=span_s, law=law, cv=cv)
    parts = list(renewal_chunks(generator(seed), rate=10.0, span_s=span_s, law=law, cv=cv, chunk=chunk))
    assert max(part.size for part in parts) <= chunk
    assert np.array_equal(np.concatenate(parts), whole)
    profile = Profile(np.array([0.0, 1.0, 2.0, 2.0 + span_s]), np.array([20.0, 0.0, 5.0]))
    pieces = modulated_chunks(generator(seed), profile, law=law, cv=cv, chunk=chunk)
    assert np.array_equal(np.concatenate(list(pieces)), modulated(generator(seed), profile, law=law, cv=cv))


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """A few windows, some of them silent, at least one not."""
    widths = draw(st.lists(st.floats(0.1, 500), min_size=1, max_size=8))
    rates = draw(
        st.lists(st.just(0.0) | st.floats(1e-3, 50), min_size=len(widths), max_size=len(widths)).filter(any)
    )
    start = draw(st.floats(-100, 100))
    return Profile(start + np.concatenate([[0.0], np.cumsum(widths)]), np.array(rates))


@few
@given(profiles(), st.lists(st.floats(0, 1, exclude_max=True), max_size=40))
def test_the_cumulative_rate_at_rescaled_times_is_the_operational_time(
    profile: Profile, shares: list[float]
) -> None:
    edges, rates = profile.edges_s - profile.edges_s[0], profile.rates
    cumulative = np.concatenate([[0.0], np.cumsum(rates * np.diff(edges))])
    operational = np.sort(np.array(shares)) * cumulative[-1]
    at = rescaled(profile, operational)
    assert (np.diff(at) >= 0).all()
    assert (at < edges[-1]).all()
    assert np.interp(at, edges, cumulative) == pytest.approx(operational, rel=1e-9, abs=1e-8)
    assert (rates[np.searchsorted(edges, at, side="right") - 1] > 0).all()


def test_the_end_of_the_operational_time_is_before_the_end_and_before_silence() -> None:
    profile = Profile(np.array([0.0, 10.0, 20.0, 30.0, 40.0]), np.array([1.0, 0.0, 1.0, 0.0]))
    at = rescaled(profile, np.array([9.9999999999999999, 10.0, 20.0]))
    assert at.tolist() == [20.0, 20.0, np.nextafter(30.0, 0)]


@pytest.mark.parametrize(("law", "cv"), LAWS)
def test_modulated_arrivals_follow_the_profile_and_keep_the_law(law: Law, cv: float) -> None:
    profile = Profile(np.arange(7) * HOUR, np.array([2.0, 0.0, 8.0, 1.0, 0.0, 4.0]))
    at = modulated(generator(3), profile, law=law, cv=cv)
    counts = np.histogram(at, profile.edges_s)[0]
    expected = profile.rates * HOUR
    assert (np.abs(counts - expected) <= ERRORS * cv * np.sqrt(expected) + (expected > 0)).all()
    back = np.interp(at, profile.edges_s, np.concatenate([[0.0], np.cumsum(expected)]))
    gaps = np.diff(back, prepend=0.0)
    assert follows(gaps, law, cv, 1.0)


def test_burstiness_stays_within_windows() -> None:
    """Counts of a renewal process have the dispersion cv² in windows of many gaps, at any rate."""
    profile = Profile(np.array([0.0, 1e5, 2e5]), np.array([2.0, 20.0]))
    at = modulated(generator(4), profile, law=Law.GAMMA, cv=3.0)
    for start, width in ((0.0, 100.0), (1e5, 10.0)):
        part = at[(at >= start) & (at < start + 1e5)] - start
        assert dispersion(part, 1e5, width) == pytest.approx(9.0, rel=0.15)


def test_bursts_have_the_mean_rate_and_the_dispersion_of_theory() -> None:
    rate, on_s, off_s, span_s = 4.0, 1.0, 4.0, 200_000.0
    at = on_off(generator(5), rate=rate, on_s=on_s, off_s=off_s, span_s=span_s)
    both = 1 / on_s + 1 / off_s
    slow = 2 * rate * off_s**2 / (on_s + off_s)
    assert abs(at.size - rate * span_s) < ERRORS * np.sqrt((1 + slow) * rate * span_s)
    assert at[-1] < span_s
    for width in (1.0, 10.0, 100.0):
        expected = 1 + slow * (1 - (1 - exp(-both * width)) / (both * width))
        assert dispersion(at, span_s, width) == pytest.approx(expected, rel=0.08), width


def test_bursts_are_in_equilibrium_from_the_start() -> None:
    """A start that is always on, or off, would give 18, or 0.4, in place of 4."""
    counts = [on_off(rng, rate=4.0, on_s=2.0, off_s=8.0, span_s=1.0).size for rng in spawn(6, 2000)]
    assert abs(np.mean(counts) - 4.0) < ERRORS * np.std(counts) / np.sqrt(len(counts))
    assert min(counts) == 0


@pytest.fixture(scope="module")
def sample() -> Trace:
    """Some 20 minutes of short bursts, every request with a length of its own."""
    at = on_off(generator(7), rate=10.0, on_s=0.5, off_s=1.5, span_s=1200.0) + 5.0
    number = np.arange(at.size)
    return Trace(at, number + 1, 3 * number, None, (number % 3).astype(np.int32))


def test_resampled_requests_are_as_many_as_the_profile_holds_and_follow_it(sample: Trace) -> None:
    profile = Profile(np.arange(9) * HOUR, np.array([10.0, 20.0, 0.0, 5.0, 0.5, 40.0, 10.0, 3.00001]))
    made = resampled(generator(8), profile, sample)
    assert made.at_s.size == round(profile.mean * profile.span_s)
    assert (np.diff(made.at_s) >= 0).all()
    assert made.at_s[0] >= 0
    assert made.at_s[-1] < profile.span_s
    counts = np.histogram(made.at_s, profile.edges_s)[0]
    # What is left of the ups and downs is shorter than one of the sample's minutes, 600 requests.
    assert np.abs(counts - profile.rates * HOUR).max() < 150
    assert counts[2] == 0


def test_resampled_requests_keep_their_lengths_and_their_order(sample: Trace) -> None:
    size = sample.at_s.size
    made = resampled(generator(9), flat(rate=10.0, span_s=3 * HOUR), sample)
    number = made.input_tokens - 1
    assert np.array_equal(made.output_tokens, 3 * number)
    assert np.array_equal(made.tag, number % 3)
    assert made.execution_s is None
    times_used = np.bincount(number, minlength=size)
    assert set(times_used) == {made.at_s.size // size, made.at_s.size // size + 1}
    breaks = np.flatnonzero((number[1:] - number[:-1]) % size != 1)
    assert np.array_equal(breaks, np.arange(1, made.at_s.size // size + 1) * size - 1)
    first = number[np.concatenate([[0], breaks + 1])]
    assert len(set(first.tolist())) > 5  # each copy begins elsewhere


def test_resampled_bursts_are_those_of_the_sample(sample: Trace) -> None:
    span_s = sample.at_s[-1] - sample.at_s[0]
    rate = sample.at_s.size / span_s
    made = resampled(generator(10), flat(rate=rate, span_s=10 * HOUR), sample)
    for width in (0.1, 1.0):
        before = dispersion(sample.at_s - sample.at_s[0], np.floor(span_s), width)
        assert before > 3
        assert dispersion(made.at_s, 10 * HOUR, width) == pytest.approx(before, rel=0.1)
    # Hours of a sample whose bursts are short are all alike: the profile alone moves them.
    assert dispersion(made.at_s, 10 * HOUR, HOUR) < 0.2


def test_resampled_replications_differ(sample: Trace) -> None:
    first, second = (resampled(rng, flat(rate=2.0, span_s=HOUR), sample) for rng in spawn(11, 2))
    assert first.at_s.size == second.at_s.size == 7200
    assert not np.array_equal(first.input_tokens, second.input_tokens)


def test_slow_changes_of_the_sample_do_not_stay() -> None:
    """A sample that is ten times as busy in its second half is even when it is resampled evenly."""
    steps = Profile(np.array([0.0, 1800.0, 3600.0]), np.array([1.0, 10.0]))
    sample = Trace(modulated(generator(12), steps, law=Law.EXPONENTIAL, cv=1.0))
    made = resampled(generator(13), flat(rate=5.0, span_s=10 * HOUR), sample)
    assert dispersion(sample.at_s, 3600.0, 300.0) > 500
    assert dispersion(made.at_s, 10 * HOUR, 300.0) < 1


@few
@given(SEEDS, st.lists(st.integers(0, 20), min_size=1, max_size=50), st.sampled_from([0.5, 3.0]))
def test_jitter_stays_within_the_step_and_keeps_the_order(seed: int, steps: list[int], step_s: float) -> None:
    stamps = np.sort(np.array(steps)) * step_s
    at = jittered(generator(seed), stamps, step_s)
    assert (np.diff(at) >= 0).all()
    assert ((at >= stamps) & (at < stamps + step_s)).all()


def test_jitter_is_even() -> None:
    shares = jittered(generator(), np.zeros(20_000), 3.0) / 3.0
    assert stats.kstest(shares, "uniform").pvalue > 0.01


def test_generators_are_reproducible_and_independent() -> None:
    few_, many = ([rng.random(4).tolist() for rng in spawn(5, count)] for count in (2, 4))
    assert few_ == many[:2]
    assert len({tuple(each) for each in many}) == 4
    assert spawn(6, 1)[0].random(4).tolist() != many[0]


SHAPES = [
    diurnal(rate=3.0, peak_to_mean=2.5, hours=8, days=3),
    diurnal(rate=3.0, peak_to_mean=3.0, hours=8, days=1),
    busy_hours(rate=3.0, hours=9, days=2),
    busy_hours(rate=3.0, hours=24, days=2),
    daily_wave(rate=3.0, peak_to_mean=1.7, days=4),
    daily_wave(rate=3.0, peak_to_mean=2.0, days=1, windows=24),
    weekly(daily_wave(rate=3.0, peak_to_mean=1.7, days=1), weekend_share=0.1, days=30),
    weekly(diurnal(rate=3.0, peak_to_mean=2.0, hours=6, days=1), weekend_share=0.0, days=7),
    weekly(busy_hours(rate=3.0, hours=9, days=2), weekend_share=1.0, days=7),
    weekly(flat(rate=3.0, span_s=10 * DAY), weekend_share=0.5, days=6),
]


@pytest.mark.parametrize("profile", SHAPES)
def test_profiles_keep_the_mean_rate_and_are_profiles(profile: Profile) -> None:
    assert profile.mean == pytest.approx(3.0, rel=1e-12)
    assert profile.span_s % DAY == 0
    assert profile.edges_s[0] == 0
    assert (profile.rates >= 0).all()
    assert (np.diff(profile.edges_s) > 0).all()


def rate_at(profile: Profile, at_s: float) -> float:
    return float(profile.rates[np.searchsorted(profile.edges_s, at_s, side="right") - 1])


@few
@given(st.floats(1, 23), st.floats(0, 1), st.integers(1, 3))
def test_a_diurnal_profile_is_that_of_the_formulas(hours: float, part: float, days: int) -> None:
    peak = 1 + part * (24 / hours - 1)
    profile = diurnal(rate=2.0, peak_to_mean=peak, hours=hours, days=days)
    formula = traffic.diurnal(peak_to_mean=peak, hours=hours, arrivals=traffic.Arrivals.POISSON)
    high, low = formula.stretches
    widths = np.diff(profile.edges_s)
    assert profile.span_s == days * DAY
    for day in range(days):
        noon = (day + 0.5) * DAY
        assert rate_at(profile, noon) == pytest.approx(2.0 * high.of_requests / high.of_time)
        assert rate_at(profile, day * DAY) == pytest.approx(2.0 * low.of_requests / low.of_time, abs=1e-9)
        assert widths[3 * day + 1] == pytest.approx(hours * HOUR)


@pytest.mark.parametrize("windows", [4, 24, 96, 25])
def test_a_wave_is_highest_at_noon_and_lowest_at_midnight(windows: int) -> None:
    profile = daily_wave(rate=10.0, peak_to_mean=1.8, days=2, windows=windows)
    assert profile.rates.size == 2 * windows
    assert profile.rates.max() == pytest.approx(18.0, rel=1e-12)
    assert rate_at(profile, 1.5 * DAY) == pytest.approx(18.0)
    assert rate_at(profile, DAY) == pytest.approx(profile.rates.min())
    assert profile.rates.min() >= 2.0 - 1e-9
    up = profile.rates[: windows // 2]
    assert (np.diff(up) > 0).all()
    assert profile.rates[:windows] == pytest.approx(profile.rates[:windows][::-1])


def test_a_week_has_its_share_at_the_weekend_and_begins_on_a_monday() -> None:
    day = daily_wave(rate=5.0, peak_to_mean=1.5, days=1, windows=24)
    profile = weekly(day, weekend_share=0.1, days=14)
    by_day = (profile.rates * np.diff(profile.edges_s)).reshape(14, 24).sum(axis=1)
    of_week = by_day[:7] / by_day[:7].sum()
    assert of_week == pytest.approx([0.18] * 5 + [0.05] * 2)
    assert by_day[7:] == pytest.approx(by_day[:7])
    assert profile.rates[:24] / day.rates == pytest.approx(np.full(24, 0.18 * 7))
    even = weekly(day, weekend_share=2 / 7, days=7)
    assert even.rates == pytest.approx(np.tile(day.rates, 7))


POISSON = {"law": Law.EXPONENTIAL, "cv": 1.0}
SILENT = Profile(np.array([0.0, 1.0]), np.array([0.0]))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: renewal(generator(), rate=0, span_s=1, law=Law.GAMMA, cv=1), "both must be positive"),
        (lambda: renewal(generator(), rate=1, span_s=-1, law=Law.GAMMA, cv=1), "both must be positive"),
        (lambda: renewal(generator(), rate=np.nan, span_s=1, law=Law.GAMMA, cv=1), "both must be positive"),
        (lambda: renewal(generator(), rate=1, span_s=np.inf, law=Law.GAMMA, cv=1), "both must be positive"),
        (lambda: renewal(generator(), rate=1, span_s=1, law=Law.EXPONENTIAL, cv=2), "of 1, not 2"),
        (lambda: renewal(generator(), rate=1, span_s=1, law=Law.GAMMA, cv=0), "0.01 to 100"),
        (lambda: renewal(generator(), rate=1, span_s=1, law=Law.WEIBULL, cv=101), "0.01 to 100"),
        (lambda: renewal(generator(), rate=1, span_s=1, law=Law.GAMMA, cv=np.nan), "0.01 to 100"),
        (lambda: modulated(generator(), SILENT, law=Law.GAMMA, cv=1), "without any requests"),
        (lambda: rescaled(SILENT, np.zeros(1)), "without any requests"),
        (lambda: rescaled(Profile(np.array([0.0, 1.0, 1.0]), np.ones(2)), np.zeros(1)), "rising edges"),
        (lambda: rescaled(Profile(np.array([0.0, 1.0]), np.ones(2)), np.zeros(1)), "one more of them"),
        (lambda: rescaled(Profile(np.array([0.0, 1.0]), -np.ones(1)), np.zeros(1)), "at least 0"),
        (lambda: on_off(generator(), rate=1, on_s=0, off_s=1, span_s=1), "must be positive"),
        (lambda: resampled(generator(), flat(rate=1, span_s=9), Trace(np.zeros(5))), "different times"),
        (lambda: resampled(generator(), SILENT, Trace(np.arange(5.0))), "without any requests"),
        (lambda: jittered(generator(), np.zeros(1), 0.0), "must be positive"),
        (lambda: flat(rate=1, span_s=0), "must be positive"),
        (lambda: diurnal(rate=1, peak_to_mean=4, hours=8, days=1), "133% of the requests"),
        (lambda: diurnal(rate=1, peak_to_mean=0.9, hours=8, days=1), "at most 1"),
        (lambda: diurnal(rate=1, peak_to_mean=2, hours=8, days=0), "at least one"),
        (lambda: diurnal(rate=-1, peak_to_mean=2, hours=8, days=1), "must be positive"),
        (lambda: busy_hours(rate=1, hours=0, days=1), "a day has 24"),
        (lambda: daily_wave(rate=1, peak_to_mean=2.1, days=1), "1 to 2 times the mean"),
        (lambda: daily_wave(rate=1, peak_to_mean=1.5, days=1, windows=2), "at least 3 windows"),
        (lambda: weekly(flat(rate=1, span_s=DAY), weekend_share=1.1, days=7), "must be 0 to 1"),
        (lambda: weekly(flat(rate=1, span_s=HOUR), weekend_share=0.1, days=7), "a profile of a day"),
        (lambda: weekly(flat(rate=1, span_s=DAY), weekend_share=1.0, days=5), "without any requests"),
    ],
)
def test_wrong_numbers_are_refused(wrong: object, says: str) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=says):
        wrong()


def test_short_spans_may_stay_without_arrivals() -> None:
    assert renewal(generator(), rate=1e-6, span_s=1.0, law=Law.EXPONENTIAL, cv=1.0).size == 0
    assert on_off(generator(), rate=1.0, on_s=1e-9, off_s=1.0, span_s=1e-3).size == 0
    made = resampled(generator(), flat(rate=0.1, span_s=1.0), Trace(np.arange(5.0), np.arange(5)))
    assert made.at_s.size == made.input_tokens.size == 0


def test_a_sample_that_is_longer_than_what_is_made_gives_a_part_in_order() -> None:
    sample = Trace(np.arange(1000.0), np.arange(1000))
    made = resampled(generator(), flat(rate=1.0, span_s=20.0), sample)
    assert all((after - before) % 1000 == 1 for before, after in pairwise(made.input_tokens.tolist()))
    gap = made.at_s[1] - made.at_s[0]
    assert gap == pytest.approx(1.0, rel=0.05)
    assert np.diff(made.at_s) == pytest.approx(np.full(19, gap))
    assert made.at_s[-1] + gap == pytest.approx(20.0)  # the next one comes when the profile ends
