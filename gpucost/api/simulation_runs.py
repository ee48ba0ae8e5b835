"""Runs points of a simulation here, on all cores or on a cluster; keeps and resumes results in a file."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from gpucost.api.traffic_source import Arriving
from gpucost.calc.fleet import Totals
from gpucost.calc.replication import Point, run_point, run_stream
from gpucost.calc.simulation import Kept, Replayed
from gpucost.domain.simulated import Latency
from gpucost.errors import UsageError
from gpucost.run.executors import Cluster, Executor, Pool, Serial, run_all


@dataclass
class Runs:
    """Where points run, and what became of them."""

    arriving: Arriving
    seed: int = 0
    processes: int | None = None
    scheduler: str | None = None
    results: Path | None = None
    progress: bool = False
    interrupted: bool = False
    """Ctrl-C ended it: what was done by then is the answer."""
    _known: dict[str, Replayed] = field(default_factory=dict)

    def run(self, points: list[Point]) -> list[Replayed | None]:
        """Results in the order of the points; None for those that an interrupt left undone."""
        if self.results is None:
            return self._run(points, None)
        from gpucost.run.results_file import ResultsFile

        with ResultsFile(self.results, self._fingerprint()) as file:
            self._known |= {key: _revived(each) for key, each in file.done.items()}
            return self._run(points, file)

    def _run(self, points: list[Point], file: Any) -> list[Replayed | None]:
        keys = [sha256(repr(point).encode()).hexdigest()[:24] for point in points]
        todo = [index for index, key in enumerate(keys) if key not in self._known]
        todo = list({keys[index]: index for index in reversed(todo)}.values())[::-1]
        try:
            for place, result in self._results([points[index] for index in todo]):
                key = keys[todo[place]]
                self._known[key] = result
                if file is not None:
                    file.append(key, _plain(result))
        except KeyboardInterrupt:
            self.interrupted = True
            if not self._known:
                raise
        return [self._known.get(key) for key in keys]

    def _results(self, points: list[Point]) -> Any:
        from gpucost.run.progress import Progress

        shown = Progress(len(points), "simulated") if self.progress else None
        try:
            for pair in self._pairs(points):
                if shown is not None:
                    shown.advance()
                yield pair
        finally:
            if shown is not None:
                shown.close()

    def _pairs(self, points: list[Point]) -> Any:
        if self.arriving.stream is not None:
            if self.scheduler is not None:
                raise UsageError("--scheduler takes traces that fit into memory (5 million rows)")
            for index, point in enumerate(points):
                yield index, run_stream(self.arriving.stream(), point)
            return
        yield from run_all(run_point, points, shared=self.arriving.shared, executor=self._where(len(points)))

    def _where(self, points: int) -> Executor:
        if self.scheduler is not None:
            return Cluster(self.scheduler)
        if points < 2 or self.processes == 1:
            return Serial()
        return Pool(self.processes)

    def _fingerprint(self) -> str:
        """What results depend on beside their points: the requests."""
        whole = sha256()
        for name, values in sorted(self.arriving.shared.items()):
            whole.update(name.encode())
            if values is not None:
                whole.update(memoryview(values).cast("B"))
        if self.arriving.stream is not None:
            for chunk in self.arriving.stream():
                for values in chunk:
                    if values is not None:
                        whole.update(memoryview(values).cast("B"))
        return whole.hexdigest()


def _plain(run: Replayed) -> dict[str, Any]:
    """A result as JSON holds it."""
    return {
        **run._asdict(),
        "totals": run.totals._asdict(),
        "latencies": {name: each._asdict() for name, each in run.latencies.items()},
        "kept": [each._asdict() for each in run.kept],
    }


def _revived(found: dict[str, Any]) -> Replayed:
    """The result that `_plain` wrote."""
    return Replayed(
        **{
            **found,
            "totals": Totals(**found["totals"]),
            "latencies": {name: Latency(**each) for name, each in found["latencies"].items()},
            "kept": tuple(Kept(**each) for each in found["kept"]),
            "workers": tuple(found["workers"]),
        }
    )
