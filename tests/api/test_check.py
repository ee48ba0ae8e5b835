"""Budgets that are kept, broken or not to be told; locks that stay the same bytes and show what drifted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gpucost
from gpucost.api.batch import Answer, Asker
from gpucost.api.billed import Costing
from gpucost.api.check import check
from gpucost.api.policies import policies_of
from gpucost.api.scenario import open_scenario
from gpucost.api.snapshots import answered
from gpucost.catalog.store import Catalog
from gpucost.domain.checks import BudgetResult, PolicyResult
from gpucost.errors import DataError, UnknownNameError, UsageError
from tests.api.ci_samples import BUDGET, L4, TODAY, changed, overlay, write

DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def result(*scenarios: dict[str, Any], **asked: Any) -> BudgetResult:
    write(Path("gpucost.yaml"), *scenarios)
    found: BudgetResult = check(**{"today": DAY, **asked}).result
    return found


def of(found: BudgetResult, policy: str) -> PolicyResult:
    (one,) = [each for each in found.policies if each.policy == policy]
    return one


def test_a_budget_that_is_kept() -> None:
    write(Path("gpucost.yaml"))
    report = gpucost.check(today=DAY)
    found = report.result
    assert not report.answered_no
    assert [each.ok for each in found.policies] == [True] * (len(BUDGET) + 1)
    assert of(found, "usd_per_month").actual == pytest.approx(found.scenarios[0].usd_per_month)
    assert of(found, "max_price_age_days").actual == (DAY - date(2026, 9, 28)).days
    lines = Path("gpucost.yaml").read_text(encoding="utf-8").splitlines()
    for policy in BUDGET:
        assert lines[(of(found, policy).line or 0) - 1].strip().startswith(f"{policy}:")
        assert of(found, policy).file == "gpucost.yaml"
    assert {each.field for each in report.evidence} >= {f"chat.budget.{policy}" for policy in BUDGET}


@pytest.mark.parametrize(
    ("policy", "limit"),
    [
        ("usd_per_month", 1),
        ("usd_per_million_tokens", 0.01),
        ("ttft_p99_s", 0.001),
        ("min_headroom", 0.999),
        ("max_price_age_days", 1),
        ("providers", ["aws"]),
    ],
)
def test_each_limit_can_be_broken_and_stands_first(policy: str, limit: Any) -> None:
    write(Path("gpucost.yaml"), changed(budget={policy: limit}))
    report = check(today=DAY)
    assert report.answered_no
    assert report.result.policies[0].policy == policy
    assert [each.ok for each in report.result.policies] == [False] + [True] * len(BUDGET)
    headroom = report.result.policies[0].headroom
    assert headroom is None if policy == "providers" else headroom < 0


def test_a_limit_that_is_met_exactly_is_kept() -> None:
    month = result().scenarios[0].usd_per_month
    assert of(result(changed(budget={"usd_per_month": month})), "usd_per_month").ok


def test_what_cannot_be_told_does_not_pass() -> None:
    found = result(changed(budget={"max_increase": 0.1}))
    assert not found.ok
    assert (found.policies[0].policy, found.policies[0].ok) == ("max_increase", None)
    assert "--update-lock" in found.policies[0].text


def test_a_scenario_that_nothing_serves() -> None:
    found = result(changed(slo=["ttft:p95<=1ms"]))
    assert [each.ok for each in found.policies] == [False] + [None] * len(BUDGET)
    assert found.policies[0].policy == "plan"
    assert "nothing keeps every limit" in found.policies[0].text
    assert found.scenarios[0].deployment is None


def test_a_first_token_holds_the_start_that_more_than_a_hundredth_meets() -> None:
    rare = changed(workload={"requests_per_day": 50}, slo=None, constraints={"billing": ["flex"]})
    one = of(result(rare), "ttft_p99_s")
    assert "a start of" in one.text
    kept = changed(workload={"requests_per_day": 20000}, slo=None, constraints={"billing": ["community"]})
    other = of(result(kept), "ttft_p99_s")
    assert "for a worker" in other.text
    assert isinstance(one.actual, float)
    assert isinstance(other.actual, float)
    assert one.actual > other.actual


def test_a_start_that_nobody_documents_leaves_the_first_token_unknown(
    shipped: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    rare = changed(workload={"requests_per_day": 50}, slo=None, constraints={"billing": ["flex"]})
    scenario = open_scenario(write(Path("gpucost.yaml"), rare), shipped)
    now = answered(shipped, scenario, today=DAY)
    monkeypatch.setattr(Costing, "clock", lambda *_, **__: SimpleNamespace(start_s=0.0))
    found = policies_of(scenario, now, None, file="gpucost.yaml", line_of=lambda *_: 1)
    one = next(each for each in found if each.policy == "ttft_p99_s")
    assert (one.ok, one.actual, one.headroom) == (None, None, None)
    assert "not documented" in one.text


def test_questions_from_outside_stay_below_their_root(here: Path, shipped: Catalog) -> None:
    write(here / "gpucost.yaml")
    asker = Asker(here, shipped, today=DAY)

    def ask(**arguments: Any) -> Answer:
        return asker.answer({"question": "check", "scenario": "gpucost.yaml:chat", **arguments})

    assert ask().exit_code == 0
    refused = ask(update_lock=True).error
    assert refused is not None
    assert "no file is written here" in refused.message
    secret = here.parent / "secret.csv"
    secret.write_text("a,b\n", encoding="utf-8")
    write(here / "gpucost.yaml", changed(workload={"trace": "../secret.csv", "requests_per_day": None}))
    outside = ask().error
    assert outside is not None
    assert "is outside" in outside.message
    write(here / "gpucost.yaml")
    (here / "gpucost.lock").symlink_to(secret)
    linked = ask().error
    assert linked is not None
    assert "is outside" in linked.message


def test_a_check_of_nothing_is_no_answer() -> None:
    write(Path("gpucost.yaml"), changed(budget=None))
    with pytest.raises(UsageError, match="nothing would be checked"):
        check(today=DAY)


def test_all_scenarios_are_checked_unless_one_is_named() -> None:
    second = changed(budget=None, workload={"requests_per_day": 100})
    found = result(changed(), second)
    assert [each.scenario for each in found.scenarios] == ["chat", "batch"]
    assert [each.policy for each in found.policies if each.scenario == "batch"] == ["plan"]
    report = check(scenario="gpucost.yaml:chat", today=DAY)
    assert [each.scenario for each in report.result.scenarios] == ["chat"]
    with pytest.raises(UnknownNameError, match="chat"):
        check(scenario="gpucost.yaml:chatt", today=DAY)


def test_a_lock_is_the_same_bytes_for_the_same_inputs(tmp_path: Path) -> None:
    result(update_lock=True)
    first = Path("gpucost.lock").read_bytes()
    other = tmp_path / "elsewhere"
    other.mkdir()
    write(other / "gpucost.yaml")
    words = [sys.executable, "-m", "gpucost", "check", str(other / "gpucost.yaml"), "--update-lock"]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run(words, env=environment, capture_output=True, check=True, cwd=tmp_path)
    assert (other / "gpucost.lock").read_bytes() == first
    text = first.decode("ascii")
    assert text.endswith("}\n")
    assert str(tmp_path) not in text
    assert f'"as_of": "{TODAY}"' in text
    data = json.loads(text)
    lines = [line.strip().rstrip(",") for line in text.splitlines()]
    evidence = data["scenarios"]["chat"]["evidence"]
    assert f"prices.{L4}.usd_per_hour" in evidence
    assert all(f"{json.dumps(key)}: {json.dumps(value)}" in lines for key, value in evidence.items())


def test_nothing_drifts_from_a_lock_that_was_just_written() -> None:
    result(update_lock=True)
    before = Path("gpucost.lock").read_bytes()
    found = result(frozen=True)
    assert found.ok
    assert found.drift == ()
    assert found.lock == "gpucost.lock"
    assert (found.policies[-1].policy, found.policies[-1].ok) == ("lock", True)
    assert Path("gpucost.lock").read_bytes() == before


def test_comments_order_and_budgets_do_not_drift() -> None:
    result(update_lock=True)
    write(Path("gpucost.yaml"), dict(reversed(list(changed(budget={"usd_per_month": 1999}).items()))))
    text = Path("gpucost.yaml").read_text(encoding="utf-8")
    Path("gpucost.yaml").write_text(f"# a comment\n{text}", encoding="utf-8")
    assert check(frozen=True, today=DAY).result.drift == ()


def test_a_price_is_a_visible_drift() -> None:
    locked = result(update_lock=True)
    mine = overlay(Path("prices.yaml"))
    before = check(frozen=True, today=DAY).result
    assert before.ok
    found = check(frozen=True, today=DAY, catalog=(mine,)).result
    assert locked.scenarios[0].deployment == L4
    assert not found.ok
    assert found.policies[0].policy == "lock"
    assert {(each.what, each.cause) for each in found.drift} >= {("catalogue", "other"), ("answer", "price")}
    price = next(each for each in found.drift if each.fact == f"prices.{L4}.usd_per_hour")
    assert (price.before, price.after) == (0.44, 0.5)
    assert "quote-2026-11-10 of 2026-11-10" in price.text
    (moved,) = found.differences
    assert [each.cause for each in moved.causes] == ["price"]
    assert moved.delta_usd == pytest.approx(found.scenarios[0].usd_per_month - 730 * 0.44)


def test_the_bytes_of_a_lock_change_in_the_lines_of_a_price() -> None:
    result(update_lock=True)
    before = Path("gpucost.lock").read_text(encoding="utf-8").splitlines()
    mine = overlay(Path("prices.yaml"), usd_per_hour=0.45)
    check(update_lock=True, today=DAY, catalog=(mine,))
    after = Path("gpucost.lock").read_text(encoding="utf-8").splitlines()
    new = [line.strip() for line in after if line not in before]
    assert [line.partition(":")[0].strip('"') for line in new] == [
        "overlay/prices.yaml",
        "usd_per_month",
        "usd_per_million_tokens",
        '{"name',
        f"prices.{L4}.usd_per_hour",
    ]


@pytest.mark.parametrize(
    ("limit", "ok"), [({"max_increase_usd": 1e4}, True), ({"max_increase_usd": 1}, False)]
)
def test_an_increase_counts_from_the_lock(limit: dict[str, float], ok: bool) -> None:
    result(changed(budget=limit), update_lock=True)
    found = result(changed(budget=limit, workload={"requests_per_day": 400_000}))
    one = of(found, "max_increase_usd")
    assert one.ok is ok
    locked = found.scenarios[0].locked_usd_per_month
    assert locked is not None
    assert found.scenarios[0].usd_per_month is not None
    assert one.actual == pytest.approx(found.scenarios[0].usd_per_month - locked)
    assert found.drift
    assert {each.cause for each in found.differences[0].causes} == {"traffic"}


def test_the_first_lock_is_its_own_measure() -> None:
    assert of(result(changed(budget={"max_increase": 0.1}), update_lock=True), "max_increase").actual == 0


def test_scenarios_that_come_and_go_are_drift() -> None:
    result(changed(), changed(), update_lock=True)
    gone = result(changed(), frozen=True)
    assert [(each.scenario, each.what) for each in gone.drift] == [("batch", "scenario")]
    named = check(scenario="gpucost.yaml:chat", frozen=True, today=DAY).result
    assert named.ok
    result(changed(), update_lock=True)
    assert "not locked" in result(changed(), changed(), frozen=True).drift[0].text


def test_what_locks_refuse() -> None:
    write(Path("gpucost.yaml"))
    with pytest.raises(UsageError, match="--update-lock writes it"):
        check(frozen=True, today=DAY)
    with pytest.raises(UsageError, match="give one of them"):
        check(frozen=True, update_lock=True, today=DAY)
    with pytest.raises(UsageError, match="leave out :chat"):
        check(scenario="gpucost.yaml:chat", update_lock=True, today=DAY)
    with pytest.raises(DataError, match="no such lock"):
        check(lock="other.lock", today=DAY)
    with pytest.raises(DataError, match="is not overwritten"):
        check(lock="gpucost.yaml", update_lock=True, today=DAY)
    assert Path("gpucost.yaml").read_text(encoding="utf-8").startswith("version: 1")


def test_a_lock_that_a_merge_broke_is_written_anew() -> None:
    result(update_lock=True)
    good = Path("gpucost.lock").read_text(encoding="utf-8")
    Path("gpucost.lock").write_text(f"<<<<<<< ours\n{good}>>>>>>> theirs\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"gpucost\.lock:1: not valid JSON"):
        check(today=DAY)
    check(update_lock=True, today=DAY)
    assert Path("gpucost.lock").read_text(encoding="utf-8") == good
