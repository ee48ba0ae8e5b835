"""A sizing answer as its tables would hold it, and texts that try to break a view."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gpucost.domain.provenance import Confidence, Evidence
from gpucost.domain.report import Note, Report
from gpucost.view.table import Bar, Column, Kind, Table

GIB = 2**30

HOSTILE = (
    "\x1b]0;owned\x07",
    "\x1b[31mred\x1b[0m",
    "[red]x[/red]",
    "[link=https://example.org]x[/link]",
    ":smile:",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@sum",
    "\tindented",
    "|<script>@alert",
    "\u202egnp.exe",
    "two\nlines\r\n",
    "`code` *bold* _em_ ~~no~~",
    "[a](javascript:x)",
    "lone \ud800 surrogate",
    "c1 \x9b31m \x85 \u2028",
    'a,b;"c"',
    "back\\slash\\|",
    "",
)


class Verdict(StrEnum):
    FITS = "fits"


@dataclass(frozen=True, slots=True)
class Candidate:
    gpu: str
    gpus: int
    total_usd: float | None
    precisions: frozenset[str] = frozenset({"fp8", "bf16"})


@dataclass(frozen=True, slots=True)
class Sizing:
    recommendation: Candidate
    candidates: tuple[Candidate, ...]
    verdict: Verdict = Verdict.FITS
    headroom: float = float("nan")


def evidence(confidence: Confidence, as_of: str = "2026-06-02", *, binding: bool = True) -> Evidence:
    return Evidence(
        field="gpus.h100-sxm-80gb.memory_gib",
        value=79.19,
        unit="GiB",
        source="driver-log",
        title="Driver log of an H100 SXM",
        address="https://example.org/h100",
        as_of=as_of,
        confidence=confidence,
        binding=binding,
    )


CANDIDATES = (
    # gpu, n, tp, fits, weights, kv, activations, overhead, memory, tokens, concurrency, offer, usd/h
    (
        "h100-sxm-80gb",
        2,
        2,
        True,
        65.72,
        10.0,
        0.9,
        1.6,
        79.2,
        134_217,
        16,
        "runpod/on-demand/h100-sxm-80gb",
        5.98,
    ),
    (
        "h200-sxm-141gb",
        1,
        1,
        True,
        131.43,
        5.0,
        0.95,
        1.6,
        139.8,
        65_536,
        8,
        "runpod/on-demand/h200-sxm-141gb",
        3.99,
    ),
    (
        "a100-pcie-80gb",
        4,
        4,
        True,
        32.86,
        20.0,
        0.85,
        1.2,
        79.25,
        268_435,
        32,
        "lambda/on-demand/a100-80gb-x4",
        7.16,
    ),
    (
        "b200-sxm-180gb",
        1,
        1,
        True,
        131.43,
        20.0,
        0.95,
        1.9,
        178.4,
        262_144,
        32,
        "aws/capacity-block/p6-b200",
        None,
    ),
    ("l40s-48gb", 2, 2, False, 65.72, 10.0, 0.7, 1.1, 44.4, 0, 0, "runpod/community/l40s", 1.58),
)


def sizing_tables(*, bars_inside: bool = False) -> list[Table]:
    columns = (
        Column("gpu", "GPU"),
        Column("gpus", "n", Kind.COUNT),
        Column("tp", "TP", Kind.COUNT, priority=2),
        Column("fits", "fits", Kind.BOOL),
        Column("weights_bytes", "weights", Kind.BYTES),
        Column("kv_bytes", "KV", Kind.BYTES),
        Column("activations_bytes", "act.", Kind.BYTES, priority=5),
        Column("overhead_bytes", "overhead", Kind.BYTES, priority=4),
        Column("free_bytes", "free", Kind.BYTES, priority=1),
        Column("kv_tokens", "KV tokens", Kind.TOKENS, priority=3),
        Column("max_concurrency", "max conc.", Kind.COUNT),
        Column("offer", "offer"),
        Column("usd_per_hour", "USD/h", Kind.USD_PER_HOUR),
    )
    rows, bars = [], []
    for gpu, n, tp, fits, w, kv, act, over, memory, tokens, conc, offer, usd in CANDIDATES:
        free = memory - w - kv - act - over
        sizes = [round(x * GIB) for x in (w, kv, act, over, free)]
        rows.append((gpu, n, tp, fits, *sizes, tokens, conc, offer, usd))
        parts = zip(("weights", "KV", "activations", "overhead"), map(float, sizes), strict=False)
        bars.append((gpu, round(memory * GIB), Bar(tuple(parts), memory * GIB)))
    memory_columns = (
        Column("gpu", "GPU"),
        Column("memory_bytes", "memory", Kind.BYTES),
        Column("memory", "use of one card", Kind.BAR),
    )
    return [
        Table(
            "Candidates",
            columns,
            rows,
            main=True,
            caption="Memory is per card; USD/h is for all cards of one replica.",
            headline="1 × h200-sxm-141gb of runpod/on-demand at 3.99 USD/h holds 8 sequences.",
            emphasis=(1,),
        ),
        Table("Memory", memory_columns, bars),
    ]


def sizing_report() -> Report:
    best = Candidate("h200-sxm-141gb", 1, 3.99)
    return Report(
        question="size",
        inputs={"model": "llama-3.3-70b", "context": 8192},
        result=Sizing(best, (best, Candidate("h100-sxm-80gb", 2, None))),
        evidence=(
            *(evidence(Confidence.PUBLISHED) for _ in range(5)),
            evidence(Confidence.MEASURED, "2026-09-01"),
            *(evidence(Confidence.ESTIMATED, "unknown") for _ in range(2)),
            Evidence("--context", 8192, "tokens", "flag", "", "", "", Confidence.USER),
        ),
        notes=(
            Note("No price of b200-sxm-180gb is known for this day."),
            Note(
                "The price of runpod/community/l40s was read 171 days ago, which is older than the 90 days "
                "that prices are taken for current; ask for prices of that day with --as-of.",
                "warning",
            ),
        ),
    )
