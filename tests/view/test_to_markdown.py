from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.domain.provenance import Confidence
from gpucost.domain.report import Note, Report
from gpucost.view.sanitize import is_unsafe
from gpucost.view.table import Column, Kind, Table
from gpucost.view.to_markdown import escape, render_markdown
from tests.view.samples import HOSTILE, evidence, sizing_report, sizing_tables


def test_golden() -> None:
    table = Table(
        "Candidates",
        (Column("gpu", "GPU"), Column("w", "weights", Kind.BYTES), Column("usd", "USD/h", Kind.USD_PER_HOUR)),
        [("a|b", 2**30, 1.75), ("h100", None, None)],
        caption="- per card",
        headline="Take a|b.",
        emphasis=(0,),
    )
    report = Report(
        "size", {}, None, (evidence(Confidence.PUBLISHED),), (Note("old price", "warning"), Note("hi"))
    )
    assert render_markdown(report, [table]) == (
        "### Candidates\n\n"
        "**Take a&#124;b.**\n\n"
        "| GPU | weights [GiB] | USD/h |\n"
        "| --- | ---: | ---: |\n"
        "| **a&#124;b** | **1.00** | **1.75** |\n"
        "| h100 | – | – |\n\n"
        "\\- per card\n\n"
        "- **warning:** old price\n"
        "- **note:** hi\n\n"
        "Inputs: 1 published · oldest 2026-06-02 — list with --sources\n"
    )


def test_sources() -> None:
    report = Report("size", {}, None, (evidence(Confidence.MEASURED, binding=False),))
    assert render_markdown(report, [], sources=True) == (
        "Inputs: 1 not binding\n\n"
        "| field | value | unit | confidence | as of | source |\n"
        "| --- | ---: | --- | --- | --- | --- |\n"
        "| gpus.h100-sxm-80gb.memory_gib | 79.19 | GiB | measured (not binding) | 2026-06-02 "
        "| [Driver log of an H100 SXM](https://example.org/h100) |\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("|<script>@alert", "&#124;&lt;script&gt;&#64;&#8203;alert"),
        ("[a](javascript:x)", "\\[a\\](javascript:x)"),
        ("`code` *b* ~~s~~", "\\`code\\` \\*b\\* \\~\\~s\\~\\~"),
        ("_em_ kv_bytes", "\\_em\\_ kv_bytes"),
        ("two\nlines", "two\\\\nlines"),
        ("\x1b]0;x\x07", "\\\\x1b\\]0;x\\\\x07"),
        ("\u202egnp", "\\\\u202egnp"),
        ("&amp; $x$", "&amp;amp; \\$x\\$"),
    ],
)
def test_escapes(text: str, expected: str) -> None:
    assert escape(text) == expected


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "https://x/)[y](z", "https://x/\u202e", "https://x/a b"]
)
def test_only_plain_web_addresses_become_links(address: str) -> None:
    item = evidence(Confidence.PUBLISHED)._replace(address=address)
    assert "](" not in render_markdown(Report("q", {}, None, (item,)), [], sources=True).replace("\\](", "")


@given(
    st.lists(st.tuples(st.text() | st.sampled_from(HOSTILE), st.floats() | st.none()), max_size=5), st.text()
)
def test_every_row_has_as_many_pipes_as_the_header(rows: list[tuple[str, float | None]], title: str) -> None:
    table = Table("", (Column("a", title), Column("b", "b", Kind.USD)), rows, emphasis=(0,))
    lines = render_markdown(Report("q", {}, None), [table]).splitlines()
    assert [line.count("|") for line in lines] == [3] * (len(rows) + 2)
    assert not any(is_unsafe(character) for line in lines for character in line)


def test_the_answer_in_full() -> None:
    output = render_markdown(sizing_report(), sizing_tables())
    assert "| **h200-sxm-141gb** | **1** |" in output
    assert "weights 94.0 %, KV 3.6 %" in output
