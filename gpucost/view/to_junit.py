"""Limits as JUnit XML: a test suite per scenario, a test case per limit; what cannot be told is an error."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from gpucost.domain.checks import BudgetResult, PolicyResult
from gpucost.domain.report import Report
from gpucost.view.sanitize import sanitize

WHOLE = "lock"
"""Suite of what all scenarios share."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(report: Report) -> str:
    """The report of `check` for the test view of a CI system."""
    result: BudgetResult = report.result
    names = [each.scenario for each in result.scenarios]
    names += [""] if any(not each.scenario for each in result.policies) else []
    root = ET.Element("testsuites", {"name": "gpucost check", **_counts(result.policies)})
    for name in names:
        of = tuple(each for each in result.policies if each.scenario == name)
        suite = ET.SubElement(root, "testsuite", {"name": clean(name or WHOLE), **_counts(of)})
        for each in of:
            _case(suite, each)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(policies: tuple[PolicyResult, ...]) -> dict[str, str]:
    return {
        "tests": str(len(policies)),
        "failures": str(sum(each.ok is False for each in policies)),
        "errors": str(sum(each.ok is None for each in policies)),
    }


def _case(suite: ET.Element, each: PolicyResult) -> None:
    named = {"classname": clean(f"gpucost.{each.scenario or WHOLE}"), "name": clean(each.policy)}
    place = {"file": clean(each.file), **({} if each.line is None else {"line": str(each.line)})}
    case, text = ET.SubElement(suite, "testcase", {**named, **place}), clean(each.text)
    if each.ok is None:
        ET.SubElement(case, "error", message=text, type="unknown").text = text
    elif not each.ok:
        ET.SubElement(case, "failure", message=text, type=clean(each.policy)).text = text
    else:
        ET.SubElement(case, "system-out").text = text


def clean(text: str) -> str:
    """Text without characters that XML has no way to write."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", sanitize(text))
