"""Measured beats estimated: looks an answer up in the benchmarks, or scales it by the nearest one.

A match has the same model, card, count, cut, format, engine, lengths and load. Failing that, the nearest
point of the same deployment scales the estimate, but only within the loads that were measured and near
its lengths.
"""

from collections.abc import Callable, Mapping
from math import log
from typing import Any, NamedTuple

from gpucost.api.benchmarks import points_of
from gpucost.api.request import Lengths
from gpucost.api.serving import Server
from gpucost.catalog.store import Catalog
from gpucost.domain.speed import SpeedRow

NEAR_LENGTHS = 2.0
"""A point scales requests whose input and output are within this ratio of its own."""


MOST_SCALE = 3.0
"""A point that differs more than this from the estimate was run with settings that it does not state."""


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
                out += points_in(row)
        return out


def points_in(row: Mapping[str, Any]) -> list[Point]:
    """The points of a closed-loop series that state a TTFT."""
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


class Match(NamedTuple):
    """A point that speaks for a load: measured just so, or near enough to scale the estimate."""

    point: Point
    exact: bool
    tpot: float
    ttft: float
    """Measured over estimated latency at the point."""

    @property
    def plausible(self) -> bool:
        """Whether the point may have been run with the settings that are estimated."""
        return max(self.tpot, 1 / self.tpot, self.ttft, 1 / self.ttft) <= MOST_SCALE


class LookUp:
    """What was measured of one deployment."""

    def __init__(self, server: Server, points: list[Point], *, like: Callable[[Lengths], Server]) -> None:
        """`like` gives the same deployment for other lengths."""
        self.server, self.points, self._like = server, points, like

    def match(self, concurrency: float) -> Match | None:
        """The point that speaks for a load, or None."""
        lengths = self.server.lengths
        exact = [
            point
            for point in self.points
            if (point.input_tokens, point.output_tokens) == (lengths.input_tokens, lengths.output_tokens)
            and point.concurrency == concurrency
        ]
        if exact:
            return Match(max(exact, key=lambda point: point.as_of), True, 1.0, 1.0)
        loads = [point.concurrency for point in self.points]
        if not loads or not min(loads) <= concurrency <= max(loads):
            return None
        near = [
            self._compared(point) for point in self.points if _length_ratio(point, lengths) <= NEAR_LENGTHS
        ]
        usable = [
            each for each in near if max(each.tpot, 1 / each.tpot, each.ttft, 1 / each.ttft) <= MOST_SCALE
        ]
        if not usable:
            return None
        return min(usable, key=lambda each: _distance(each.point, lengths, concurrency))

    def _compared(self, point: Point) -> Match:
        modelled = self._like(point.lengths).round(point.concurrency)
        return Match(
            point, False, point.tpot_s / float(modelled.tpot_s), point.ttft_s / float(modelled.ttft_s)
        )

    def calibrated(self, load: Callable[[Server], float | None]) -> tuple[Server, Match | None]:
        """The deployment as its measurements have it at the load that is asked for, and the point.

        `load` gives the concurrency that a rate or a limit takes on a server. Where that lies beyond what
        was measured the estimate stays.
        """
        first = load(self.server)
        found = None if first is None else self.match(first)
        if found is None:
            return self.server, None
        if found.exact:
            found = self._compared(found.point)
        server = self.server.scaled(found.tpot, found.ttft)
        second = load(server)
        loads = [point.concurrency for point in self.points]
        if second is None or not min(loads) <= second <= max(loads):
            return self.server, None
        return server, found

    def row(self, concurrency: float) -> tuple[SpeedRow, Match | None]:
        """The row as measured, scaled by the nearest point, or estimated; and the point that was used."""
        found = self.match(concurrency)
        if found is None:
            return self.server.row(concurrency), None
        if found.exact:
            point = found.point
            note = "" if point.length_factor == 1 else f"mean lengths {point.length_factor:g} of those stated"
            return _as_measured(self.server.row(concurrency), self.server, point, note), found
        return said(self.server.scaled(found.tpot, found.ttft).row(concurrency), found), found


def said(row: SpeedRow, found: Match) -> SpeedRow:
    """The row of a scaled server, with the point that scaled it."""
    note = f"TPOT × {found.tpot:.2f}, TTFT × {found.ttft:.2f}"
    return row._replace(confidence="scaled", source=found.point.id, note=note)


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


def _as_measured(row: SpeedRow, server: Server, point: Point, note: str) -> SpeedRow:
    """The row with what was measured; the rates are those of the lengths that were run."""
    run = point.lengths
    requests = point.concurrency / point.e2e_s
    output = requests * run.output_tokens
    return row._replace(
        ttft_s=point.ttft_s,
        tpot_s=point.tpot_s,
        e2e_s=point.e2e_s,
        output_tokens_per_s=output,
        total_tokens_per_s=output + requests * run.input_tokens,
        output_tokens_per_s_per_gpu=output / row.gpus,
        requests_per_s=requests,
        utilisation=min(1.0, requests / server.limit_per_s),
        prefill_tokens_per_s=None,
        decode_tokens_per_s=None,
        low=None,
        high=None,
        confidence="measured",
        source=point.id,
        note=note,
    )
