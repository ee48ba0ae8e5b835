"""Measured beats estimated: looks an answer up in the benchmarks, or scales it by the nearest one.

A match has the same model, card, count, cut, format, engine, lengths and load. Failing that, the nearest
point of the same deployment scales the estimate, but only within the loads that were measured and near
its lengths.
"""

from collections.abc import Callable, Mapping
from math import log
from typing import Any, NamedTuple

from gpucost.api.benchmarks import points_of
from gpucost.api.serving import Lengths, Server
from gpucost.catalog.store import Catalog
from gpucost.domain.speed import SpeedRow

NEAR_LENGTHS = 2.0
"""A point scales requests whose input and output are within this ratio of its own."""


class Point(NamedTuple):
    """One closed-loop measurement of a deployment."""

    id: str
    source: str
    as_of: str
    engine_version: str
    input_tokens: float
    output_tokens: float
    """As stated by the source."""
    length_factor: float
    concurrency: float
    tpot_s: float
    ttft_s: float

    @property
    def lengths(self) -> Lengths:
        """Mean lengths that were run."""
        return Lengths(
            max(1, round(self.input_tokens * self.length_factor)),
            max(1, round(self.output_tokens * self.length_factor)),
        )

    @property
    def e2e_s(self) -> float:
        """The whole request [s]."""
        return self.ttft_s + (self.output_tokens * self.length_factor - 1) * self.tpot_s


class Benchmarks:
    """The closed-loop points of one model and engine."""

    def __init__(self, catalog: Catalog, *, model: str, engine: str) -> None:
        self._rows = [
            entry["row"]
            for entry in catalog.sections["benchmarks"]
            if entry["row"]["model"] == model
            and entry["row"]["engine"] == engine
            and entry["row"]["load"] == "closed"
            and "unexplained" not in entry["row"]
            and not entry["row"].get("attention_dp", False)
            and "ttft_ms" in entry["row"]["columns"]
        ]

    def points(self, server: Server, *, cache: str) -> list[Point]:
        """Points of the same deployment: card, count, cut, format and cache."""
        parallel = server.evaluation.parallel
        out: list[Point] = []
        for row in self._rows:
            same = (
                row["gpu"] == server.gpu.id
                and row["gpus"] == server.gpus
                and row["tp"] == parallel.tp
                and row.get("pp", 1) == parallel.pp
                and row.get("ep", 1) == parallel.ep
                and row["quant"] == server.evaluation.quantization.id
                and row.get("kv_dtype", cache) == cache
            )
            if same:
                out += _points(row)
        return out


def _points(row: Mapping[str, Any]) -> list[Point]:
    return [
        Point(
            id=f"{row['id']}.{number}",
            source=row["source"],
            as_of=row.get("measured", ""),
            engine_version=row.get("engine_version", ""),
            input_tokens=point["input_tokens"],
            output_tokens=point["output_tokens"],
            length_factor=row.get("length_factor", 1.0),
            concurrency=point["concurrency"],
            tpot_s=point["tpot_ms"] / 1e3,
            ttft_s=point["ttft_ms"] / 1e3,
        )
        for number, point in enumerate(points_of(row), start=1)
        if "ttft_ms" in point
    ]


def looked_up(
    row: SpeedRow, server: Server, points: list[Point], *, like: Callable[[Lengths], Server]
) -> tuple[SpeedRow, Point | None]:
    """The row as measured, scaled by the nearest point, or as it was; and the point that was used.

    `like` gives the same deployment for other lengths.
    """
    lengths = server.lengths
    exact = [
        point
        for point in points
        if (point.input_tokens, point.output_tokens) == (lengths.input_tokens, lengths.output_tokens)
        and point.concurrency == row.concurrency
    ]
    if exact:
        best = max(exact, key=lambda point: point.as_of)
        note = "" if best.length_factor == 1 else f"mean lengths {best.length_factor:g} of the stated ones"
        return _as_measured(row, server, best, note), best
    loads = [point.concurrency for point in points]
    if not loads or not min(loads) <= row.concurrency <= max(loads):
        return row, None
    near = [point for point in points if _length_ratio(point, lengths) <= NEAR_LENGTHS]
    if not near:
        return row, None
    best = min(near, key=lambda point: _distance(point, lengths, row.concurrency))
    other = like(best.lengths)
    modelled = other.round(best.concurrency)
    tpot = best.tpot_s / float(modelled.tpot_s)
    ttft = best.ttft_s / float(modelled.ttft_s)
    found = server.round(row.concurrency)
    first, each = float(found.ttft_s) * ttft, float(found.tpot_s) * tpot
    return _with_latency(row, server, first, each)._replace(
        confidence="scaled", source=best.id, note=f"TPOT × {tpot:.2f}, TTFT × {ttft:.2f}"
    ), best


def _length_ratio(point: Point, lengths: Lengths) -> float:
    given, made = point.input_tokens / lengths.input_tokens, point.output_tokens / lengths.output_tokens
    return max(given, 1 / given, made, 1 / made)


def _distance(point: Point, lengths: Lengths, concurrency: float) -> float:
    pairs = (
        (point.input_tokens, lengths.input_tokens),
        (point.output_tokens, lengths.output_tokens),
        (point.concurrency, concurrency),
    )
    return sum(abs(log(a / b)) for a, b in pairs)


def _with_latency(row: SpeedRow, server: Server, ttft_s: float, tpot_s: float) -> SpeedRow:
    """The row with these latencies, and the rates that follow by Little's law."""
    lengths = server.lengths
    e2e = ttft_s + (lengths.generated - 1) * tpot_s
    sequences = row.concurrency / e2e
    output = sequences * lengths.generated
    scale = output / row.output_tokens_per_s
    return row._replace(
        ttft_s=ttft_s,
        tpot_s=tpot_s,
        e2e_s=e2e,
        output_tokens_per_s=output,
        total_tokens_per_s=output + sequences * lengths.input_tokens,
        output_tokens_per_s_per_gpu=output / row.gpus,
        requests_per_s=sequences,
        utilisation=None if row.utilisation is None else min(1.0, row.utilisation * scale),
        low=None if row.low is None else row.low * scale,
        high=None if row.high is None else row.high * scale,
    )


def _as_measured(row: SpeedRow, server: Server, point: Point, note: str) -> SpeedRow:
    """The row with what was measured; the rates are those of the lengths that were run."""
    found = _with_latency(row, server, point.ttft_s, point.tpot_s)
    run = point.lengths
    sequences = point.concurrency / point.e2e_s
    output = sequences * run.output_tokens
    return found._replace(
        e2e_s=point.e2e_s,
        output_tokens_per_s=output,
        total_tokens_per_s=output + sequences * run.input_tokens,
        output_tokens_per_s_per_gpu=output / row.gpus,
        requests_per_s=sequences,
        prefill_tokens_per_s=None,
        decode_tokens_per_s=None,
        low=None,
        high=None,
        confidence="measured",
        source=point.id,
        note=note,
    )
