"""What does a trace look like: rate, peaks, quiet, bursts, lengths, and what it asks of workers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from gpucost.api.execution import MILLISECONDS
from gpucost.api.flags import rate
from gpucost.api.ledger import Ledger
from gpucost.api.traffic_source import SourceFlags, calendar, columns_of, said_of
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.report import Report
from gpucost.domain.simulated import TrafficResult
from gpucost.domain.traffic import TraceStats
from gpucost.errors import UsageError
from gpucost.io.trace import read_trace
from gpucost.io.trace_profile import is_profile, read_profile

ROUGH_STAMPS = 0.1
"""Share of equal stamps from which on the step of a clock is worth a word."""


def traffic(
    file: Path | str,
    *,
    execution_s: float | None = None,
    prefill_tokens_per_s: float | None = None,
    tpot_ms: float | None = None,
    catalog: Sequence[Path | str] | Catalog = (),
    **flags: Unpack[SourceFlags],
) -> Report:
    """Statistics of a file of requests, or of a rate over time.

    `execution_s` [s], or the times of tokens, say how long a request runs where the file does not; then the
    load in workers is known.

    Raises DataError for wrong files, UsageError for values out of range.
    """
    path = Path(file)
    for flag, value in (
        ("--execution-s", execution_s),
        ("--prefill-tokens-per-s", prefill_tokens_per_s),
        ("--tpot-ms", tpot_ms),
    ):
        rate(flag, value)
    ledger = Ledger(opened(catalog))
    inputs = {
        "file": str(path),
        "execution_s": execution_s,
        "prefill_tokens_per_s": prefill_tokens_per_s,
        "tpot_ms": tpot_ms,
    }
    if is_profile(path):
        result = _of_profile(path, flags)
    else:
        result = _of_trace(ledger, path, flags, execution_s, prefill_tokens_per_s, tpot_ms)
    return Report("traffic", inputs, result, evidence=ledger.evidence, notes=ledger.notes)


def _of_profile(path: Path, flags: SourceFlags) -> TrafficResult:
    profile = read_profile(path, model=flags.get("profile_model"))
    rates, mean = profile.rates, profile.mean
    return TrafficResult(
        file=str(path),
        kind="profile",
        skipped_rows=0,
        sorted_here=False,
        starts_at=None,
        columns={},
        time_unit="s",
        stats=None,
        offered_load_workers=None,
        tags={},
        profile_requests_per_second=mean,
        profile_peak_to_mean=float(rates.max()) / mean if mean else None,
        profile_window_s=float(profile.edges_s[1] - profile.edges_s[0]),
        profile_span_s=profile.span_s,
        profile_shape_requests_per_second=tuple(float(each) for each in _thinned(profile)),
    )


def _thinned(profile: Any) -> Any:
    """Mean rates in at most 120 groups of windows."""
    group = -(-len(profile.rates) // 120)
    whole = len(profile.rates) // group * group
    return profile.rates[:whole].reshape(-1, group).mean(axis=1)


def _of_trace(
    ledger: Ledger,
    path: Path,
    flags: SourceFlags,
    execution_s: float | None,
    prefill_tokens_per_s: float | None,
    tpot_ms: float | None,
) -> TrafficResult:
    from gpucost.calc.trace_stats import Describer
    from gpucost.calc.trace_sums import TraceSums

    info = read_trace(path, columns_of(flags), skip_bad_rows=flags.get("skip_bad_rows", False))
    describer = Describer(span_s=flags.get("span_s"))
    sums = TraceSums()
    try:
        for chunk in info.chunks:
            describer.add(chunk)
            sums.add(chunk)
        stats = describer.result()
    except ValueError as error:
        raise UsageError(f"--span-s: {error}") from None
    said_of(ledger, path, info)
    if stats.stamp_step_s is not None and (stats.equal_stamp_share or 0.0) > ROUGH_STAMPS:
        ledger.note(
            f"{path}: the stamps fall on steps of {stats.stamp_step_s:g} s, and many are equal; "
            f"simulate --jitter-s {stats.stamp_step_s:g} spreads them"
        )
    return TrafficResult(
        file=str(path),
        kind="trace",
        skipped_rows=info.skipped,
        sorted_here=info.sorted_here,
        starts_at=calendar(info.origin_s),
        columns={role: name for role, name in info.columns._asdict().items() if name and role != "time_unit"},
        time_unit=info.time_unit,
        stats=stats,
        offered_load_workers=_load(stats, execution_s, prefill_tokens_per_s, tpot_ms),
        tags={name: sums.tags.get(index, 0) for index, name in enumerate(info.tags)},
    )


def _load(
    stats: TraceStats,
    execution_s: float | None,
    prefill_tokens_per_s: float | None,
    tpot_ms: float | None,
) -> float | None:
    """Requests in execution on average: rate × time of a request."""
    if stats.requests_per_second is None:
        return None
    if execution_s is not None:
        return stats.requests_per_second * execution_s
    if prefill_tokens_per_s is None and tpot_ms is None:
        return stats.offered_load
    seconds = 0.0
    if prefill_tokens_per_s is not None:
        if stats.input_tokens is None:
            raise UsageError("--prefill-tokens-per-s needs prompt tokens; the file has none (--input-column)")
        seconds += stats.input_tokens.mean / prefill_tokens_per_s
    if tpot_ms is not None:
        if stats.output_tokens is None:
            raise UsageError("--tpot-ms needs answer tokens; the file has none (--output-column)")
        seconds += stats.output_tokens.mean * tpot_ms / MILLISECONDS
    return stats.requests_per_second * seconds
