"""Rates over time: the layouts of published files, gaps, choices and faults."""

from pathlib import Path
from typing import Any

import pytest

from gpucost.domain.trace import Profile
from gpucost.errors import DataError, UnknownNameError, UsageError
from gpucost.io.trace_profile import is_profile, read_profile

# Requests per hour of BurstGPT_1.csv (HPMLL/BurstGPT).
HOURLY = "hour,start_s,requests\n0,0,38\n1,3600,47\n2,7200,0\n"
# Client rates of alibaba/ServeGen added up by model and window.
TOTALS = (
    "model,window_start_s,rate_rps,active_clients\n"
    "m-large,0,212.78,43\nm-large,600,179.698,40\nm-large,1200,187.722,43\n"
    "m-small,0,2.5,1\nm-small,600,0.5,1\n"
)


def profile_of(folder: Path, text: str, **more: Any) -> Profile:
    path = folder / "rates.csv"
    path.write_text(text, encoding="utf-8")
    return read_profile(path, **more)


def lists(profile: Profile) -> tuple[list[float], list[float]]:
    return profile.edges_s.tolist(), profile.rates.tolist()


def test_counts_per_hour(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, HOURLY)
    assert lists(profile) == ([0.0, 3600.0, 7200.0, 10800.0], [38 / 3600, 47 / 3600, 0.0])
    assert profile.mean * profile.span_s == pytest.approx(85)


def test_rates_of_one_model(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, TOTALS, model="m-large")
    assert lists(profile) == ([0.0, 600.0, 1200.0, 1800.0], [212.78, 179.698, 187.722])
    with pytest.raises(UsageError, match="set --profile-model to one of m-large, m-small"):
        profile_of(tmp_path, TOTALS)
    with pytest.raises(UnknownNameError, match="did you mean m-large, m-small"):
        profile_of(tmp_path, TOTALS, model="m-mid")
    with pytest.raises(UsageError, match="no column to pick 'm-mid' from"):
        profile_of(tmp_path, HOURLY, model="m-mid")


@pytest.mark.parametrize(
    ("text", "edges", "rates"),
    [
        ("start_s,rate_rps\n10,1\n20,2\n", [10, 20, 30], [1, 2]),
        ("start_s;requests\r\n0;10\r\n\r\n30;10\r\n10;20", [0, 10, 20, 30, 40], [1, 2, 0, 1]),
        ("hour,requests\n5,3600\n", [18000, 21600], [1]),
        ('"Hour","Requests"\n0,1800\n2,3600\n3,0\n', [0, 3600, 7200, 10800, 14400], [0.5, 0, 1, 0]),
        ("timestamp,rps\n1970-01-01 01:00,1\n1970-01-01 02:00,3\n", [3600, 7200, 10800], [1, 3]),
    ],
)
def test_windows(tmp_path: Path, text: str, edges: list[float], rates: list[float]) -> None:
    assert lists(profile_of(tmp_path, text)) == (edges, rates)
    assert is_profile(tmp_path / "rates.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("start_s,requests\n", "no requests in the file"),
        ("start_s,requests\n0,0\n1,0\n", "no requests in the file"),
        ("start_s,requests\n0,1\n", "one window only"),
        ("start_s,size\n0,1\n", "needs a start .* and has start_s, size"),
        ("start_s,requests\n0,1\n10,1\n15,1\n22,2\n", "windows of 5 s and others; 22 s is not on their grid"),
        ("start_s,requests\n0,1\n1,1\n900000000,1\n", "900,000,001 windows of 1 s; the gaps are too large"),
        ("start_s,requests\n0\n", ":2: 1 columns; the header names 2"),
        ('start_s,requests\n0,"1\n1,2\n', ":2: no CSV"),
    ],
)
def test_files_that_are_no_profile(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        profile_of(tmp_path, text)


def test_wrong_rows_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        profile_of(tmp_path, "start_s,rate_rps\n0,-1\n0,1\n0,2\nx,inf\n")
    assert [line.rpartition("rates.csv:")[2] for line in str(caught.value).splitlines()] == [
        "2: rate_rps: -1 is not from 0 to 1,000,000,000",
        "4: start_s: a second row of 0; add them up first",
        "5: start_s: 'x' is not a date with time such as 2026-01-31 13:45:00.25",
        "5: rate_rps: 'inf' is not a number",
    ]


@pytest.mark.parametrize("text", ["timestamp,input_tokens\n0,1\n", '{"requests": 1}', "a,b\n", "", "PAR1"])
def test_other_files_are_no_profile(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other"
    path.write_text(text, encoding="utf-8")
    assert not is_profile(path)
    assert not is_profile(tmp_path)
