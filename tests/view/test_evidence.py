from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.domain.provenance import Confidence
from gpucost.view import bars
from gpucost.view.evidence import count_evidence, evidence_line
from gpucost.view.sanitize import sanitize, to_ascii
from gpucost.view.table import Bar
from tests.view.samples import HOSTILE, evidence, sizing_report

PUBLISHED, MEASURED, ESTIMATED, USER = (
    *(Confidence.PUBLISHED, Confidence.MEASURED, Confidence.ESTIMATED, Confidence.USER),
)


def test_golden() -> None:
    items = (
        [evidence(PUBLISHED, "2026-07-01")] * 5 + [evidence(MEASURED)] + [evidence(ESTIMATED, "2026-08")] * 2
    )
    line = "Inputs: 5 published · 1 measured · 2 estimated · oldest 2026-06-02 — list with --sources"
    assert evidence_line(items) == line
    assert evidence_line(items, unicode=False, hint=False) == (
        "Inputs: 5 published, 1 measured, 2 estimated, oldest 2026-06-02"
    )
    assert evidence_line([]) == ""


def test_flags_have_no_age_and_unknown_dates_are_counted() -> None:
    items = [
        evidence(PUBLISHED),
        evidence(PUBLISHED, "unknown"),
        evidence(MEASURED, ""),
        evidence(USER, "2020-01-01"),
    ]
    items.append(evidence(PUBLISHED, "2019-01-01", binding=False))
    assert evidence_line(items, hint=False) == (
        "Inputs: 2 published · 1 measured · 1 user · oldest 2026-06-02 · 2 undated · 1 not binding"
    )
    count = count_evidence([evidence(USER)])
    assert (count.oldest, count.undated) == (None, 0)


def test_counts_add_up() -> None:
    report = sizing_report()
    count = count_evidence(report.evidence)
    assert sum(n for _, n in count.by_confidence) == len(report.evidence)
    assert count_evidence([report.evidence[0]._replace(binding=False)]).by_confidence == ()


@pytest.mark.parametrize("text", HOSTILE)
def test_sanitized_text_is_one_printable_line(text: str) -> None:
    assert sanitize(text).isprintable()
    assert to_ascii(sanitize(text)).isascii()


def test_escapes_are_visible() -> None:
    assert sanitize("\x1b]0;\x07\n\u202e\U000e0041\ud800") == "\\x1b]0;\\x07\\n\\u202e\\U000e0041\\ud800"
    assert to_ascii("1 × a – b · €") == "1 x a - b | \\u20ac"


@given(st.text())
def test_sanitize_keeps_what_is_safe(text: str) -> None:
    safe = sanitize(text)
    assert len(safe.splitlines()) <= 1
    assert sanitize(safe) == safe
    safe.encode()


_BARS = st.builds(
    Bar,
    st.lists(
        st.tuples(st.sampled_from(["weights", "KV", "free", "x", "y", "z"]), st.floats(-1, 1e15)), max_size=6
    ).map(tuple),
    st.floats(-1, 1e15),
)


@given(_BARS, st.integers(2, 60))
def test_a_bar_fills_its_width(bar: Bar, width: int) -> None:
    runs = bars.cells(bar, width)
    assert sum(count for _, count in runs) == (width if bar.total > 0 else 0)
    assert all(count > 0 for _, count in runs)
    end = bars.end_of_total(bar, width)
    assert end is None or 0 <= end < width


def test_bar_parts_keep_their_proportions_and_small_ones_a_cell() -> None:
    bar = Bar((("weights", 50.0), ("KV", 25.0), ("activations", 0.1), ("gone", 0.0)), 100.0)
    assert bars.cells(bar, 20) == [("weights", 10), ("KV", 5), ("activations", 1), ("free", 4)]
    assert bars.cells(Bar((("weights", 200.0),), 100.0), 10) == [("weights", 10)]
    assert bars.end_of_total(Bar((("weights", 200.0),), 100.0), 10) == 5


def test_looks_are_distinct_with_and_without_colour() -> None:
    labels = ("free", "optimizer", "KV", "weights", "overhead", "activations", "gradients")
    key = bars.looks([Bar(tuple((label, 1.0) for label in labels), 9.0)])
    assert set(key) == set(labels)
    for attribute in ("unicode", "ascii", "style"):
        assert len({getattr(look, attribute) for look in key.values()}) == len(labels)
    assert key["weights"].unicode == "█"
