"""What is said of a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpucost.api.traffic import traffic
from gpucost.domain.simulated import TrafficResult
from gpucost.errors import DataError, UsageError

ROOT = Path(__file__).resolve().parents[2]
AZURE = ROOT / "examples" / "05-real-traffic" / "azure_llm_2023_code.csv.gz"
HOURLY = AZURE.with_name("burstgpt1_hourly.csv")


def result(path: Path, **asked: float) -> TrafficResult:
    found: TrafficResult = traffic(path, **asked).result  # type: ignore[arg-type]
    return found


def test_the_azure_hour() -> None:
    found = result(AZURE, prefill_tokens_per_s=8000, tpot_ms=20)
    stats = found.stats
    assert stats is not None
    assert stats.requests == 8819
    assert stats.span_s == pytest.approx(3435.948056)
    assert found.starts_at == "2023-11-16T18:17:03+00:00"
    assert found.offered_load_workers == pytest.approx(7175.41675 / 3435.948056)
    assert found.columns == {
        "timestamp": "TIMESTAMP",
        "input_tokens": "ContextTokens",
        "output_tokens": "GeneratedTokens",
    }
    assert stats.dispersion_1s is not None
    assert stats.dispersion_1s > 10


def test_the_load_is_unknown_until_something_says_how_long_a_request_runs(tmp_path: Path) -> None:
    assert result(AZURE).offered_load_workers is None
    assert result(AZURE, execution_s=2).offered_load_workers == pytest.approx(2 * 8819 / 3435.948056)
    path = tmp_path / "t.csv"
    path.write_text("timestamp,execution_s,team\n0,3,a\n10,5,b\n20,1,a\n", encoding="utf-8")
    found = result(path)
    assert found.offered_load_workers == pytest.approx(3 * 3 / 20)
    assert found.tags == {"a": 2, "b": 1}


def test_a_rate_over_time_is_told_apart() -> None:
    found = result(HOURLY)
    assert (found.kind, found.stats) == ("profile", None)
    assert found.profile_requests_per_second == pytest.approx(1_429_737 / (1461 * 3600))
    assert found.profile_window_s == 3600
    assert len(found.profile_shape_requests_per_second) <= 120


def test_rounded_stamps_are_pointed_out(tmp_path: Path) -> None:
    path = tmp_path / "rounded.csv"
    rows = "\n".join(f"{3 * (index // 4)}" for index in range(200))
    path.write_text(f"timestamp\n{rows}\n", encoding="utf-8")
    report = traffic(path)
    assert any("--jitter-s 3 spreads them" in note.text for note in report.notes)


def test_one_request_and_wrong_files(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("timestamp\n5\n", encoding="utf-8")
    found = result(path)
    assert found.stats is not None
    assert found.stats.requests_per_second is None
    with pytest.raises(DataError):
        traffic(tmp_path / "none.csv")
    with pytest.raises(UsageError):
        traffic(AZURE, tpot_ms=-1)
    path.write_text("timestamp\n5\n6\n", encoding="utf-8")
    with pytest.raises(UsageError, match="--output-column"):
        traffic(path, tpot_ms=20)
    with pytest.raises(UsageError):
        traffic(AZURE, span_s=10)
