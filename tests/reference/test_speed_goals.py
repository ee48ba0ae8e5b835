"""The speed model against published measurements: every case predicted with constants that never saw it."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from gpucost.api.benchmarks import cases_of, points_of, predict
from gpucost.api.speed import speed_constants
from gpucost.api.validate_speed import (
    FOLDS,
    TARGETS,
    SpeedValidation,
    fold_constants,
    left_out_of,
    scheme_values,
    validate_speed,
)
from gpucost.calc.machine import SpeedConstants
from gpucost.calc.statistics import quantile
from tests.reference.fit_speed import ratios, stacks_of
from tests.reference.loading import catalog
from tests.repo.peers import compare
from tests.repo.rates import rate_points


@cache
def result() -> SpeedValidation:
    return validate_speed(catalog())


def test_the_goals_are_those_of_the_project() -> None:
    assert dict(TARGETS) == {
        ("group", "throughput"): (0.11, 0.32),
        ("group", "tpot"): (0.12, None),
        ("group", "ttft"): (0.35, None),
        ("gpu", "throughput"): (0.18, None),
        ("model", "throughput"): (0.18, None),
    }


@pytest.mark.parametrize(("scheme", "quantity"), TARGETS)
def test_left_out_cases_stay_within_the_goals(scheme: str, quantity: str) -> None:
    """Recomputed case by case, not read from the summary."""
    (name,) = (each for each in FOLDS if each == scheme)
    median, far = TARGETS[scheme, quantity]
    found = scheme_values(catalog(), cases_of(catalog())[0], name, quantity)
    errors = [abs(ratio - 1) for _, ratio in found]
    assert len(errors) > 1300
    assert quantile(errors, 0.5) <= median
    if far is not None:
        assert quantile(errors, 0.9) <= far
    (line,) = (
        each
        for each in result().summary
        if (each.scheme, each.quantity, each.by) == (scheme, quantity, "all")
    )
    assert line.within is True
    assert line.median_error == pytest.approx(quantile(errors, 0.5))


def test_the_band_holds_four_of_five_left_out_cases_and_is_not_wide() -> None:
    for band in result().bands:
        assert band.share_within >= 0.8
    widths = {band.quantity: band.median_width for band in result().bands}
    assert widths["throughput"] < 1.55
    assert widths["tpot"] < 1.55


def test_no_case_is_scored_by_constants_that_saw_its_part() -> None:
    cases, _ = cases_of(catalog())
    for scheme in FOLDS:
        folds = fold_constants(catalog(), scheme)
        assert {left_out_of(scheme, case) for case in cases} == set(folds)
        best = speed_constants(catalog())
        assert all(constants != best for constants in folds.values())


def test_like_cases_stay_on_one_side() -> None:
    sides: dict[tuple[str, str, str, int], set[str]] = {}
    for case in cases_of(catalog())[0]:
        key = (case.model, case.gpu, case.engine, case.parallel.tp)
        sides.setdefault((*key[:3], key[3]), set()).add(left_out_of("group", case) + case.source)
    shared = [parts for parts in sides.values() if len({p[0] for p in parts}) > len({p[1:] for p in parts})]
    assert not shared


def test_every_point_is_scored_or_its_absence_has_a_reason() -> None:
    points = sum(len(list(points_of(entry["row"]))) for entry in catalog().sections["benchmarks"])
    scored = {score.case for score in result().scores if score.quantity == "throughput"}
    assert len(scored) >= 0.99 * points
    assert all(reason for _, reason in result().skipped)
    assert all(math.isfinite(score.error) for score in result().scores)


def test_the_fit_uses_the_formulas_that_answer() -> None:
    """Arrays of cases give what single cases give, to rounding."""
    cases, _ = cases_of(catalog())
    constants = speed_constants(catalog())
    for stack in stacks_of(cases):
        found = ratios(stack, constants)["speed"]
        for place, value in list(zip(stack.places, found, strict=True))[:40]:
            assert value == pytest.approx(float(predict(cases[place], constants).speed), rel=1e-9)


def test_the_constants_lie_within_their_refits_and_have_a_meaning() -> None:
    rows = [entry["row"] for entry in catalog().sections["speed_constants"]]
    assert [row["id"].replace("-", "_") for row in rows] == list(SpeedConstants._fields)
    folds = [entry["row"]["values"] for entry in catalog().sections["speed_folds"]]
    spans = np.array(folds).T
    for row, column in zip(rows, spans, strict=True):
        assert row["low"] == pytest.approx(min(row["value"], *column))
        assert row["high"] == pytest.approx(max(row["value"], *column))
        assert row["meaning"]


def test_gpucost_is_closer_than_the_strongest_peer_on_cases_it_never_saw() -> None:
    ours, theirs, rule, scaled = compare(catalog())
    assert ours.cases == theirs.cases > 1300
    assert ours.tpot[0] <= 0.12
    assert ours.throughput[0] <= 0.12
    assert ours.ttft[0] <= 0.35
    for mine, other in zip(ours[2:], theirs[2:], strict=True):
        assert mine[0] < other[0]
        assert mine[1] < other[1]
    assert rule.throughput[0] > 1
    assert scaled.cases > 1000
    assert scaled.throughput[0] < ours.throughput[0] / 1.5


def test_request_rates_that_no_constant_was_fitted_on() -> None:
    """Every run that kept up with its rate is said to be possible, with TPOT within 15 % in the middle."""
    points = rate_points(catalog())
    assert len(points) == 27
    assert not any(point.refused for point in points)
    assert quantile([abs(point.tpot - 1) for point in points], 0.5) <= 0.15
    assert quantile([abs(point.ttft - 1) for point in points], 0.5) <= 0.35


def test_the_readme_counts_what_is_scored() -> None:
    cases, _ = cases_of(catalog())
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    cards, models = {case.gpu for case in cases}, {case.model for case in cases}
    assert f"{len(cases):,} published points of {len(cards)} cards and {len(models)} models" in text
