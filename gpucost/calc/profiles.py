"""Rates over time, piecewise constant, whose mean is the stated one exactly."""

import numpy as np
import numpy.typing as npt

from gpucost.calc.percentiles import Floats
from gpucost.domain.trace import Profile
from gpucost.units import DAY_S, HOURS_PER_DAY

WORKDAYS, WEEK_DAYS = 5, 7


def flat(*, rate: float, span_s: float) -> Profile:
    """One rate [requests/s] over `span_s` [s].

    Raises ValueError when either is not positive.
    """
    if not (rate > 0 and span_s > 0):
        raise ValueError(f"a rate of {rate:g}/s over {span_s:g} s: both must be positive")
    return Profile(np.array([0.0, span_s]), np.array([float(rate)]))


def diurnal(*, rate: float, peak_to_mean: float, hours: float, days: int) -> Profile:
    """`hours` of each day at `peak_to_mean` times the mean `rate` [requests/s], the rest at one lower rate.

    The peak lies around noon; days begin at midnight. All requests are in it at hours × peak_to_mean = 24.
    Raises ValueError when the peak alone would hold more than all requests.
    """
    share = peak_to_mean * hours / HOURS_PER_DAY
    if not 0 < hours < HOURS_PER_DAY or peak_to_mean < 1 or share > 1 + 1e-12:
        raise ValueError(
            f"{hours:g} hours at {peak_to_mean:g} times the mean hold {share:.0%} of the requests; "
            "peak × hours / 24 must be at most 1"
        )
    high = hours / HOURS_PER_DAY
    low = max(1 - share, 0.0) / (1 - high)
    widths = np.array([(1 - high) / 2, high, (1 - high) / 2])
    return _days(rate, widths, np.array([low, peak_to_mean, low]), np.ones(_checked(days)))


def busy_hours(*, rate: float, hours: float, days: int) -> Profile:
    """All requests within `hours` of each day around noon, none in the rest; `rate` [requests/s] is the mean.

    Raises ValueError for hours outside 0 to 24.
    """
    if hours == HOURS_PER_DAY:
        return _days(rate, np.ones(1), np.ones(1), np.ones(_checked(days)))
    if not 0 < hours < HOURS_PER_DAY:
        raise ValueError(f"{hours:g} busy hours; a day has 24")
    return diurnal(rate=rate, peak_to_mean=HOURS_PER_DAY / hours, hours=hours, days=days)


def daily_wave(*, rate: float, peak_to_mean: float, days: int, windows: int = 4 * HOURS_PER_DAY) -> Profile:
    """A sine over each day, lowest at midnight, in `windows` equal steps a day.

    rate(t) = rate · (1 + (peak_to_mean − 1) · w(t)), where w = −cos(2πt/24 h) at the middle of a window, over
    its largest value, so that the highest window has `peak_to_mean` times the mean `rate` [requests/s].
    Raises ValueError for a peak outside 1 to 2 (above, the rate would be negative), or fewer than 3 windows.
    """
    if not 1 <= peak_to_mean <= 2:
        raise ValueError(f"a sine has its peak at 1 to 2 times the mean, not {peak_to_mean:g}")
    if windows < 3:
        raise ValueError("a wave needs at least 3 windows a day")
    wave = -np.cos(2 * np.pi * (np.arange(windows) + 0.5) / windows)
    levels = np.maximum(1 + (peak_to_mean - 1) * wave / wave.max(), 0.0)
    return _days(rate, np.full(windows, 1 / windows), levels, np.ones(_checked(days)))


def weekly(day: Profile, *, weekend_share: float, days: int) -> Profile:
    """The first day of a profile, each day: weekdays at one level, Saturdays and Sundays at another.

    `weekend_share` [0-1] of a whole week's requests come at the weekend (2/7: all days alike). The first day
    is a Monday. The mean over all `days` is that of `day`.
    Raises ValueError for another share, a profile shorter than a day, or when no requests are left.
    """
    if not 0 <= weekend_share <= 1:
        raise ValueError(f"{weekend_share:g} of the requests at the weekend; it must be 0 to 1")
    ends = np.minimum(np.asarray(day.edges_s, dtype=np.float64) - day.edges_s[0], DAY_S)
    if ends[-1] < DAY_S:
        raise ValueError("the shape of a week needs a profile of a day")
    widths = np.diff(ends)
    inside = widths > 0
    weekend = np.arange(_checked(days)) % WEEK_DAYS >= WORKDAYS
    levels = np.where(weekend, weekend_share / (WEEK_DAYS - WORKDAYS), (1 - weekend_share) / WORKDAYS)
    return _days(day.mean, widths[inside] / DAY_S, np.asarray(day.rates)[inside], levels)


def _checked(days: int) -> int:
    if days < 1:
        raise ValueError(f"a profile of {days} days; it needs at least one")
    return days


def _days(rate: float, widths: Floats, within: Floats, levels: npt.NDArray[np.float64]) -> Profile:
    """A shape `within` the day at a level for each day, brought to the mean `rate`; widths are shares."""
    if not rate > 0:
        raise ValueError(f"a mean rate of {rate:g}/s; it must be positive")
    ends = np.cumsum(widths) * DAY_S
    ends[-1] = DAY_S
    edges = (np.arange(levels.size)[:, None] * DAY_S + ends).ravel()
    shape = (levels[:, None] * within).ravel()
    found = Profile(np.concatenate([[0.0], edges]), shape)
    if not found.mean > 0:
        raise ValueError("a profile without any requests: its days are all at the level of 0")
    return found._replace(rates=shape * (rate / found.mean))
