"""JUnit, SARIF and GitHub annotations are well-formed whatever names and texts say."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.domain.checks import BudgetResult, CheckedScenario, Difference, DiffResult, Drift, PolicyResult
from gpucost.domain.report import Report
from gpucost.view.sanitize import is_unsafe
from gpucost.view.tables_check import check_tables, diff_tables
from gpucost.view.to_github import MARK, command, render_annotations, render_comment
from gpucost.view.to_junit import render_junit
from gpucost.view.to_sarif import RULES, render_sarif

HOSTILE = "x]]><!--\n::error::gone\r%0A,a:b<img src=x>\x1b[31m\u202e|@user `rm`\ufffe"
TEXTS = st.text(max_size=40) | st.just(HOSTILE)


def policy(name: str = "chat", **parts: object) -> PolicyResult:
    one = PolicyResult(name, "usd_per_month", False, 100.0, 120.0, "USD/month", -0.2, "over it", "a.yaml", 7)
    return one._replace(**parts)  # type: ignore[arg-type]


def report(*policies: PolicyResult, names: tuple[str, ...] = ("chat",)) -> Report:
    short = tuple(CheckedScenario(name, False, "a/b/c", 120.0, 1.0, 100.0, 20.0) for name in names)
    drift = (Drift(names[0], "answer", "price", "x", 1.0, 2.0, "it moved"),)
    result = BudgetResult(False, "a.yaml", "a.lock", policies, short, drift, ())
    return Report("check", {}, result, answered_no=True)


MANY = report(
    policy(),
    policy(policy="ttft_p99_s", ok=None, actual=None, text="nobody knows"),
    policy(policy="providers", ok=True, limit="runpod", actual="runpod", text="fine"),
    policy("", policy="lock", text="2 drifts", file="a.lock", line=1),
)


def test_junit_has_a_case_for_every_limit() -> None:
    root = ET.fromstring(render_junit(MANY))
    assert (root.tag, root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == (
        "testsuites",
        "4",
        "2",
        "1",
    )
    assert [suite.attrib["name"] for suite in root] == ["chat", "lock"]
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert [child.tag for child in cases["usd_per_month"]] == ["failure"]
    assert [child.tag for child in cases["ttft_p99_s"]] == ["error"]
    assert [child.tag for child in cases["providers"]] == ["system-out"]
    assert (cases["usd_per_month"].attrib["file"], cases["usd_per_month"].attrib["line"]) == ("a.yaml", "7")


def test_sarif_has_what_the_standard_requires() -> None:
    found = json.loads(render_sarif(MANY))
    assert found["version"] == "2.1.0"
    assert found["$schema"].endswith("sarif-2.1.0.json")
    (run,) = found["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "gpucost"
    rules = [rule["id"] for rule in driver["rules"]]
    assert rules == list(RULES)
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    assert [each["ruleId"] for each in run["results"]] == ["usd_per_month", "ttft_p99_s", "lock"]
    for each in run["results"]:
        assert rules[each["ruleIndex"]] == each["ruleId"]
        assert each["level"] == "error"
        assert each["message"]["text"]
        place = each["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] in ("a.yaml", "a.lock")
        assert place["region"]["startLine"] >= 1
        assert re.fullmatch("[0-9a-f]{32}", each["partialFingerprints"]["limit/v1"])


def test_a_finding_stays_the_same_when_its_numbers_move() -> None:
    one, other = (
        json.loads(render_sarif(report(each)))["runs"][0]["results"][0]["partialFingerprints"]
        for each in (policy(), policy(actual=130.0, text="more over it", line=9))
    )
    assert one == other


def test_annotations_name_the_line_of_the_limit() -> None:
    lines = render_annotations(MANY).splitlines()
    assert lines[0] == "::error file=a.yaml,line=7,title=chat usd_per_month broken::over it"
    assert lines[1].startswith("::error file=a.yaml,line=7,title=chat ttft_p99_s cannot be told::")
    assert lines[2].startswith("::error file=a.lock,line=1,")
    assert lines[-1].startswith("::notice title=gpucost check::2 of 4 limits broken")
    assert not any(line.startswith("::warning") for line in lines)
    alone = render_annotations(report(policy(ok=True))).splitlines()
    assert alone[0] == "::warning file=a.lock,line=1,title=gpucost drift::chat: it moved"


def test_properties_and_texts_are_escaped_as_the_runner_reads_them() -> None:
    found = command("error", "a,b:c%\n", file="d,e:f%.yaml", line=3, title="::error::")
    assert found == "::error file=d%2Ce%3Af%25.yaml,line=3,title=%3A%3Aerror%3A%3A::a,b:c%25\\n"


@given(TEXTS, TEXTS, TEXTS)
def test_no_name_or_text_breaks_out(name: str, text: str, file: str) -> None:
    hostile = report(policy(name, text=text, file=file), policy(name, ok=None, text=text), names=(name,))
    root = ET.fromstring(render_junit(hostile))
    assert len(list(root.iter("testcase"))) == 2 * len(root.findall("testsuite")) or not name
    sarif = json.loads(render_sarif(hostile))
    assert len(sarif["runs"][0]["results"]) == 2
    uri = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9_.~/%-]*", uri)
    assert unquote(uri) == file.encode("utf-8", "replace").decode() or "\ufffd" in unquote(uri)
    lines = render_annotations(hostile).split("\n")
    assert lines.pop() == ""
    assert len(lines) == 4
    for line in lines:
        kind, _, rest = line.removeprefix("::").partition(" ")
        assert kind in ("error", "warning", "notice")
        properties = rest.partition("::")[0]
        assert all(part.partition("=")[0] in ("file", "line", "title") for part in properties.split(","))
        assert not any(map(is_unsafe, line))
    body = render_comment(hostile, check_tables(hostile))
    assert "<img" not in body
    assert body.count("<!--") == 1
    assert body.startswith(MARK.format(question="check"))


def test_a_difference_is_a_notice_and_a_comment() -> None:
    moved = Difference(HOSTILE, "a", "b", 1.0, 2.0, 1.0, 1.0, (), (), ())
    given = Report("diff", {}, DiffResult("a.json", "b.json", (moved,), (), ("c",)))
    (line,) = render_annotations(given).splitlines()
    assert line.startswith("::notice title=gpucost diff::x]]><!--\\n::error::gone")
    assert "&lt;img" in render_comment(given, diff_tables(given))


@pytest.mark.parametrize("ok", [True, False, None])
def test_tables_say_what_is_kept(ok: bool | None) -> None:
    table = check_tables(report(policy(ok=ok)))[0]
    assert [column.key for column in table.columns][:2] == ["ok", "policy"]
    assert table.rows[0][0] is ok
    assert table.headline.startswith({True: "The limit is kept", False: "1 of 1", None: "1 of 1"}[ok])
