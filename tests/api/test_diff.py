"""Differences that sum to their causes, and reasons that are what was changed."""

from __future__ import annotations

import json
from datetime import date
from math import fsum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpucost
from gpucost.api.causes import difference
from gpucost.api.check import check
from gpucost.api.diff import diff
from gpucost.api.plan import plan
from gpucost.calc.bill_changes import effects, paired
from gpucost.domain.billing import Line
from gpucost.domain.checks import CAUSES, Difference, DiffResult, Fact, Snapshot
from gpucost.errors import DataError, UsageError
from gpucost.view.to_json import render_json
from tests.api.ci_samples import L4, changed, overlay, write

DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


AMOUNTS = st.floats(0, 1e7, allow_nan=False) | st.just(0.0)
PRICES = st.floats(-10, 1e4, allow_nan=False)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    quantity, price = draw(AMOUNTS), draw(PRICES)
    name = draw(st.sampled_from(["GPU execution", "idle", "always-on", "disk"]))
    unit = draw(st.sampled_from(["GPU-s", "GPU-h"]))
    offer = draw(st.sampled_from(["", "a/b/c", "d/e/f"]))
    return Line(name, quantity, unit, price, quantity * price, "known", offer)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    made = tuple(draw(st.lists(lines(), max_size=6)))
    inputs = {
        "requests_per_month": draw(st.sampled_from([0.0, 1000.0, 2500.0])),
        "input_tokens": draw(st.sampled_from([100, 300])),
        "slo": draw(st.sampled_from([[], ["ttft<=1s"]])),
        "models": draw(st.sampled_from([["m"], ["n"]])),
        "min_workers": draw(st.sampled_from([0, 1])),
    }
    answer = {
        "deployment": draw(st.sampled_from(["a/b/c", "d/e/f"])),
        "model": draw(st.sampled_from(["m", "n"])),
        "quantization": draw(st.sampled_from(["bf16", "fp8"])),
        "concurrency": draw(st.sampled_from([1, 8])),
    }
    facts = {
        "prices.a/b/c.usd_per_hour": Fact(draw(st.sampled_from([1.0, 2.0])), "", "2026-01-01", "s"),
        "speed.constant": Fact(draw(st.sampled_from([0.5, 0.6])), "", "2026-01-01", "t"),
    }
    total = fsum(each.usd or 0.0 for each in made)
    return Snapshot("x", inputs, answer, total, None, made, facts)


@settings(max_examples=300, deadline=None)
@given(snapshots(), snapshots())
def test_causes_and_lines_sum_to_the_difference(before: Snapshot, after: Snapshot) -> None:
    found = difference(before, after)
    assert found.delta_usd is not None
    # Quantity and price effects of a line can be far larger than the line itself: so is their rounding.
    size = fsum(abs(each.usd or 0.0) for each in (*before.lines, *after.lines))
    size += fsum(abs(each.usd) for each in found.causes)
    near = pytest.approx(found.delta_usd, abs=1e-9 * max(size, 1.0))
    assert fsum(each.usd for each in found.causes) == near
    assert fsum(each.delta_usd or 0.0 for each in found.lines) == near
    assert {each.cause for each in found.causes} <= set(CAUSES)
    assert all(each.text for each in found.causes)
    for line in found.lines:
        parts = (line.quantity_usd or 0.0) + (line.price_usd or 0.0)
        assert parts == pytest.approx(line.delta_usd, abs=1e-9 * max(size, 1.0))


@given(snapshots())
def test_nothing_differs_from_itself(one: Snapshot) -> None:
    found = difference(one, one)
    assert found.causes == ()
    assert found.facts == ()
    assert {each.state for each in found.lines} <= {"same"}


@given(st.lists(lines(), max_size=6), st.lists(lines(), max_size=6))
def test_every_line_is_in_one_pair(before: list[Line], after: list[Line]) -> None:
    pairs = paired(before, after)
    assert sorted(str(each.before) for each in pairs if each.before) == sorted(map(str, before))
    assert sorted(str(each.after) for each in pairs if each.after) == sorted(map(str, after))
    assert all(one is None or two is None or one.name == two.name for one, two in pairs)
    assert all(effects(each) is not None for each in pairs)


LINE = Line("GPU execution", 100.0, "GPU-s", 2.0, 200.0, "known", "a/b/c")


def snapshot(line: Line = LINE, *, price: float = 2.0, speed: float = 1.0, **inputs: Any) -> Snapshot:
    facts = {
        "prices.a/b/c.usd_per_second": Fact(price, "", "2026-01-01", "quote"),
        "speed.constant": Fact(speed, "", "2026-01-01", "bench"),
    }
    given = {"requests_per_month": 1000.0, "input_tokens": 10, "output_tokens": 10, **inputs}
    return Snapshot("x", given, {"deployment": "a/b/c"}, line.usd, None, (line,), facts)


def line(quantity: float, price: float) -> Line:
    return LINE._replace(quantity=quantity, usd_per_unit=price, usd=quantity * price)


def parts(before: Snapshot, after: Snapshot) -> dict[str, float]:
    return {each.cause: each.usd for each in difference(before, after).causes}


def test_a_worked_example_of_price_traffic_and_an_assumption() -> None:
    """Twice the traffic, a tenth more per request, a price of 3 instead of 2: 200 → 660 USD."""
    after = snapshot(line(220.0, 3.0), price=3.0, speed=0.9, requests_per_month=2000.0)
    assert parts(snapshot(), after) == pytest.approx({"price": 220.0, "traffic": 200.0, "assumption": 40.0})


def test_what_moves_without_a_reason_is_other() -> None:
    assert parts(snapshot(), snapshot(line(110.0, 2.0))) == pytest.approx({"other": 20.0})
    after = snapshot(line(110.0, 3.0), price=3.0)
    assert parts(snapshot(), after) == pytest.approx({"price": 110.0, "other": 20.0})


def test_an_unknown_price_leaves_no_difference_to_divide() -> None:
    after = snapshot(LINE._replace(usd=None, usd_per_unit=None))
    found = difference(snapshot(), after)
    assert (found.delta_usd, found.causes, found.lines[0].delta_usd) == (None, (), None)


def planned(name: str, *scenarios: dict[str, Any], **asked: Any) -> Path:
    """A lock of what is planned now."""
    write(Path("gpucost.yaml"), *scenarios)
    check(update_lock=True, lock=name, today=DAY, **asked)
    return Path(name)


def one(**asked: Any) -> Difference:
    found: DiffResult = diff(**{"today": DAY, **asked}).result
    (only,) = found.differences
    assert only.delta_usd is not None
    assert fsum(each.usd for each in only.causes) == pytest.approx(only.delta_usd, abs=1e-6)
    return only


def test_traffic_is_why() -> None:
    base = planned("base.lock")
    write(Path("gpucost.yaml"), changed(workload={"requests_per_day": 500_000}))
    found = one(base=base)
    assert found.delta_usd is not None
    assert found.delta_usd > 0
    assert [each.cause for each in found.causes] == ["traffic"]
    assert "requests_per_month 608,333 → 15,208,333" in found.causes[0].text


def test_a_price_is_why_with_both_sources() -> None:
    base = planned("base.lock")
    found = one(base=base, catalog=(overlay(Path("mine.yaml"), usd_per_hour=0.45),))
    assert [each.cause for each in found.causes] == ["price"]
    assert found.delta_usd == pytest.approx(730 * (0.45 - 0.44))
    assert "runpod-pricing-2026-09-28 of 2026-09-28 → quote-2026-11-10 of 2026-11-10" in found.causes[0].text


def test_a_price_that_moves_the_plan_elsewhere_is_still_why() -> None:
    base = planned("base.lock")
    found = one(base=base, catalog=(overlay(Path("mine.yaml"), usd_per_hour=9.0),))
    assert found.deployment_before == L4
    assert found.deployment_after != L4
    assert [each.cause for each in found.causes] == ["price"]


def test_a_model_is_why() -> None:
    base = planned("base.lock")
    other = [{"model": "Qwen/Qwen3-32B", "quantizations": ["fp8"]}]
    write(Path("gpucost.yaml"), changed(models=other, slo=None))
    found = one(base=base)
    assert "model" in {each.cause for each in found.causes if each.usd}
    assert "Qwen/Qwen3-32B" in next(each.text for each in found.causes if each.cause == "model")


def test_a_stricter_limit_is_why() -> None:
    base = planned("base.lock")
    write(Path("gpucost.yaml"), changed(constraints={"gpus": ["l40s"]}))
    assert [each.cause for each in one(base=base).causes] == ["limits"]


def test_reports_of_plan_and_locks_go_together() -> None:
    base = planned("base.lock")
    report = plan(scenario="gpucost.yaml", today=DAY)
    Path("plan.json").write_text(render_json(report), encoding="utf-8")
    for first, second in (("plan.json", base), (base, "plan.json"), ("plan.json", "gpucost.yaml")):
        found = one(base=first, other=second)
        assert found.delta_usd == pytest.approx(0, abs=1e-6)
        assert not any(each.cause in ("price", "assumption", "traffic") for each in found.facts)


def test_bills_line_by_line() -> None:
    asked = {"deployment": "runpod/flex/l40s", "execution_s": 1.2, "as_of": "2026-11-20"}
    for name, traffic in (("few", 5000), ("many", 20000)):
        report = gpucost.bill(requests_per_day=traffic, **asked)  # type: ignore[arg-type]
        Path(f"{name}.json").write_text(render_json(report), encoding="utf-8")
    found = one(base="few.json", other="many.json")
    assert [each.cause for each in found.causes] == ["traffic"]
    assert {each.line for each in found.lines} >= {"GPU execution", "cold starts", "idle"}
    assert all(each.state == "changed" and each.price_usd == 0 for each in found.lines)


def test_scenarios_go_together_by_name() -> None:
    base = planned("base.lock", changed(), changed(workload={"requests_per_day": 100}))
    write(Path("gpucost.yaml"), changed(), changed(), names=("batch", "new"))
    found = diff(base=base, today=DAY).result
    assert [each.name for each in found.differences] == ["batch"]
    assert found.only_base == ("chat",)
    write(Path("gpucost.yaml"), changed(), changed(), names=("x", "y"))
    with pytest.raises(UsageError, match="no name is in both"):
        diff(base=base, today=DAY)


WRONG = [
    (b"", "not valid JSON"),
    (b"{", "not valid JSON"),
    (b"[]", "no object cannot be compared"),
    (b"\xff\xfe", "not UTF-8"),
    (b"{}", "None cannot be compared"),
    (b'{"question": "size", "schema_version": "1.0"}', "'size' cannot be compared"),
    (b'{"question": "plan", "schema_version": "2.0"}', "'2.0' is not read here"),
    (b'{"question": "plan", "schema_version": 1}', "1 is not read here"),
    (b'{"question": "plan", "schema_version": "1.0"}', "inputs: should be an object"),
    (b'{"gpucost_lock": 2}', r"should be 1 \(2\)"),
    (b'{"gpucost_lock": true}', r"should be 1 \(True\)"),
    (b'{"gpucost_lock": 1}', "catalogue: should be an object"),
]


@pytest.mark.parametrize(("content", "message"), WRONG)
def test_foreign_files_are_told(content: bytes, message: str) -> None:
    write(Path("gpucost.yaml"))
    Path("base.json").write_bytes(content)
    with pytest.raises(DataError, match=message) as fault:
        diff(base="base.json", today=DAY)
    assert str(fault.value).startswith("base.json:")
    assert fault.value.exit_code == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"usd_per_month": 1.0}, "its lines add up to"),
        ({"usd_per_month": "1"}, "should be a number"),
        ({"usd_per_month": 1e300}, "should be a number up to"),
        ({"lines": [{"name": "x"}]}, "lacks quantity or usd"),
        ({"lines": {}}, "should be a list"),
        ({"evidence": {"a": {"value": []}}}, "should be a number or text"),
        ({"inputs": 1}, "should be an object"),
    ],
)
def test_a_lock_that_was_edited_is_told(change: dict[str, Any], message: str) -> None:
    base = planned("base.lock")
    data = json.loads(base.read_text(encoding="utf-8"))
    data["scenarios"]["chat"] |= change
    base.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        diff(base=base, today=DAY)


def test_a_base_that_is_not_there() -> None:
    with pytest.raises(DataError, match="No such file"):
        diff(base="base.json", today=DAY)
