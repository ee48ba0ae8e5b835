"""Request traces: published layouts, units, order, wrong rows, and the fast path against the exact one."""

import builtins
import gzip
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucost.domain.trace import Trace
from gpucost.errors import DataError, UsageError
from gpucost.io.trace import ReadTrace, load_trace, read_trace
from gpucost.io.trace_blocks import Faults, seconds_of
from gpucost.io.trace_columns import Columns, plan_of
from gpucost.io.trace_csv import CsvSource, header_of
from gpucost.io.trace_exact import Tags, calendar, number

# Azure/AzurePublicDataset, AzureLLMInferenceTrace_code.csv: CRLF, seven decimals, no newline at the end.
AZURE_2023 = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
    "2023-11-16 18:17:03.9799600,4808,10\r\n"
    "2023-11-16 18:17:04.0319600,3180,8\r\n"
    "2023-11-16 18:17:04.0781490,110,27"
)
# The layout of Azure's traces of 2024, in which a stamp of a whole second has no decimals.
AZURE_2024 = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2024-05-10 00:00:00.009930+00:00,2162,5\n"
    "2024-05-10 00:00:01+00:00,2399,6\n"
    "2024-05-10 00:01:01.017335+00:00,76,15\n"
)
# kvcache-ai/Mooncake, FAST25-release/traces/conversation_trace.jsonl, hash_ids cut.
MOONCAKE = (
    '{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 2]}\n'
    '{"timestamp": 0, "input_length": 7322, "output_length": 490, "hash_ids": [0, 14]}\n'
    '{"timestamp": 3000, "input_length": 7236, "output_length": 794, "hash_ids": []}\n'
)
# The header of HPMLL/BurstGPT, BurstGPT_1.csv.
BURST = (
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,472,18,490,Conversation log\n"
    "45,GPT-4,1087,230,1317,API log\n"
    "45,ChatGPT,417,276,693,Conversation log\n"
)
PLAIN = "timestamp,input_tokens,output_tokens\n0.5,10,20\n1.25,11,21\n1.25,12,22\n3,13,23\n"


def file_of(folder: Path, content: str | bytes, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def loaded(
    folder: Path, content: str | bytes, columns: Columns | None = None, **more: Any
) -> tuple[Any, ...]:
    trace, info = load_trace(file_of(folder, content), columns, **more)
    assert all(array is None or len(array) == info.rows for array in trace)
    return trace, info


def lists(trace: Trace) -> list[Any]:
    return [None if array is None else array.tolist() for array in trace]


def error_of(folder: Path, content: str | bytes, columns: Columns | None = None, **more: Any) -> str:
    with pytest.raises(DataError) as caught:
        loaded(folder, content, columns, **more)
    return str(caught.value).replace(f"{folder}/", "").replace(f"{folder}", "folder")


def test_azure_2023(tmp_path: Path) -> None:
    trace, info = loaded(tmp_path, AZURE_2023)
    assert lists(trace) == [[0.0, 0.052, 0.098189], [4808, 3180, 110], [10, 8, 27], None, None]
    assert (info.time_unit, info.sorted_here, info.skipped) == ("iso", False, 0)
    assert info.origin_s == pytest.approx(1700158623.97996, abs=1e-6)
    assert info.columns == Columns("TIMESTAMP", "ContextTokens", "GeneratedTokens", time_unit="iso")


def test_azure_2024(tmp_path: Path) -> None:
    trace, _ = loaded(tmp_path, AZURE_2024)
    assert trace.at_s.tolist() == [0.0, 0.99007, 61.007405]


def test_seven_decimals_of_an_epoch_stamp_stay(tmp_path: Path) -> None:
    rows = "ts,execution_s\n1700158623.1234567,1\n1700158623.1234568,0.1\n1700158999.0000001,2.25\n"
    trace, info = loaded(tmp_path, rows)
    assert trace.at_s.tolist() == [0.0, 1e-7, 375.8765434]
    assert trace.execution_s.tolist() == [1.0, 0.1, 2.25]
    assert info.time_unit == "s"
    assert info.origin_s == pytest.approx(1700158623.1234567)


def test_mooncake_counts_in_milliseconds(tmp_path: Path) -> None:
    trace, info = loaded(tmp_path, MOONCAKE)
    assert lists(trace)[:3] == [[0.0, 0.0, 3.0], [6758, 7322, 7236], [500, 490, 794]]
    assert (info.time_unit, info.origin_s) == ("ms", None)


def test_burst(tmp_path: Path) -> None:
    trace, info = loaded(tmp_path, BURST)
    assert lists(trace)[:3] == [[0.0, 40.0, 40.0], [472, 1087, 417], [18, 230, 276]]
    assert [info.tags[code] for code in trace.tag] == ["ChatGPT", "GPT-4", "ChatGPT"]
    assert loaded(tmp_path, BURST, Columns(tag=""))[0].tag is None


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_plain_files(tmp_path: Path, separator: str, newline: str, packed: bool) -> None:
    text = PLAIN.replace(",", separator).replace("\n", newline).encode()
    trace, _ = loaded(tmp_path, gzip.compress(text, mtime=0) if packed else b"\xef\xbb\xbf" + text)
    assert lists(trace)[:3] == [[0.0, 0.75, 0.75, 2.5], [10, 11, 12, 13], [20, 21, 22, 23]]


def test_quotes_spaces_and_blank_lines(tmp_path: Path) -> None:
    text = '"Time Stamp",team,execution_ms\n"0.5","a, ""b""",10\n\n 1.5 ,c, 20.5\n  \n2e0,c,3e1\n'
    trace, info = loaded(tmp_path, text, Columns(timestamp="time_stamp"))
    assert trace.at_s.tolist() == [0.0, 1.0, 1.5]
    assert trace.execution_s.tolist() == [0.01, 0.0205, 0.03]
    assert [info.tags[code] for code in trace.tag] == ['a, "b"', "c", "c"]


@pytest.mark.parametrize(
    ("stamps", "unit"),
    [
        (("1700000000", "1700000001.5"), "s"),
        (("1700000000000", "1700000001500"), "ms"),
        (("1700000000000000", "1700000001500000.0"), "us"),
        (("1700000000000000000", "1700000001500000000"), "ns"),
        (("0", "1.5"), "s"),
        (("2026-01-31T23:59:59Z", "2026-02-01T00:00:00.5Z"), "iso"),
        (("2026-01-31 23:59:59+01:00", "2026-01-31 23:00:00.5Z"), "iso"),
        (("2026/01/31 23:59", "2026/01/31 23:59:01.5"), "iso"),
        (("[10/Oct/2000:13:55:36 -0700]", "[10/Oct/2000:20:55:37.5 +0000]"), "iso"),
    ],
)
def test_the_unit_is_told_by_the_stamps(tmp_path: Path, stamps: tuple[str, ...], unit: str) -> None:
    trace, info = loaded(tmp_path, "timestamp\n" + "\n".join(stamps))
    assert trace.at_s.tolist() == [0.0, 1.5]
    assert info.time_unit == unit
    assert (info.origin_s is None) == (stamps[0] == "0")


def test_a_unit_can_be_set_or_stand_in_the_name(tmp_path: Path) -> None:
    assert loaded(tmp_path, "timestamp\n0\n5\n", Columns(time_unit="us"))[0].at_s.tolist() == [0.0, 5e-6]
    assert loaded(tmp_path, "ts_ms\n0\n5\n")[0].at_s.tolist() == [0.0, 0.005]
    with pytest.raises(UsageError, match="--time-unit 'min' is not one of auto, s, ms"):
        loaded(tmp_path, PLAIN, Columns(time_unit="min"))


def test_access_logs_in_json(tmp_path: Path) -> None:
    text = (
        '{"time_iso8601": "2026-01-31T12:00:00+00:00", "request_time": "0.250", "uri": "/"}\n'
        '{"time_iso8601": "2026-01-31T12:00:02+00:00", "request_time": 0.5, "uri": "/"}\n'
    )
    trace, info = loaded(tmp_path, text)
    assert lists(trace) == [[0.0, 2.0], None, None, [0.25, 0.5], None]
    named = loaded(tmp_path, text, Columns("time_iso8601", execution_s="request_time", tag="uri"))
    assert named[1].tags == ("/",)
    assert info.columns.execution_s == "request_time"


def test_rows_out_of_order_are_sorted(tmp_path: Path) -> None:
    text = "timestamp,input_tokens\n3,1\n1,2\n2.0000000001,3\n1,4\n2,5\n"
    trace, info = loaded(tmp_path, text)
    assert trace.input_tokens.tolist() == [2, 4, 5, 3, 1]
    assert trace.at_s.tolist() == [0.0, 0.0, 1.0, 1.0000000001, 2.0]
    assert info.sorted_here
    message = error_of(tmp_path, text, most_sorted=4)
    assert message.startswith("trace.csv:3: timestamp: earlier than the row before")
    assert "sort it first" in message


def chunks_of(info: ReadTrace) -> list[list[float]]:
    return [chunk.at_s.tolist() for chunk in info.chunks]


@pytest.mark.parametrize("most_sorted", [0, 3, 100])
def test_chunks_have_the_size_that_was_asked_for(tmp_path: Path, most_sorted: int) -> None:
    path = file_of(tmp_path, "timestamp\n" + "".join(f"{n}.5\n" for n in range(7)))
    info = read_trace(path, chunk_rows=3, most_sorted=most_sorted)
    assert chunks_of(info) == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0]]
    assert info.rows == 7


def test_a_long_file_is_read_in_regions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpucost.io.trace_open.REGION_BYTES", 16)
    text = "timestamp,input_tokens\n" + "".join(f"{n},{n * 10}\n" for n in range(200)) + "200.5,7"
    for most_sorted in (10, 1000):
        trace, info = loaded(tmp_path, text, most_sorted=most_sorted)
        assert trace.at_s.tolist() == [*map(float, range(200)), 200.5]
        assert trace.input_tokens[-2:].tolist() == [1990, 7]
    late = error_of(tmp_path, text + "\n199,1\n201,1\n", most_sorted=10)
    assert late.startswith("trace.csv:203: timestamp: earlier")
    assert info.rows == 201


BAD = (
    "timestamp,input_tokens,output_tokens\n"
    "0,1,1\n"
    "x,1,-2\n"
    "1,1.5,inf\n"
    ",1,1\n"
    "2,1\n"
    "3,1,1e400\n"
    '4,"1,1\n'
    "5,2000000000,nan\n"
    "2026-01-31 10:00:00,1,1\n"
    "6,1,1\n"
)


def test_wrong_rows_are_named_at_once(tmp_path: Path) -> None:
    assert error_of(tmp_path, BAD).splitlines() == [
        "trace.csv:3: timestamp: 'x' is not a number",
        "trace.csv:3: output_tokens: -2 is not from 0 to 1,000,000,000 tokens",
        "trace.csv:4: input_tokens: 1.5 is not a whole number",
        "trace.csv:4: output_tokens: 'inf' is not a number",
        "trace.csv:5: timestamp: is empty",
        "trace.csv:6: 2 columns; the header names 3",
        "trace.csv:7: output_tokens: 1e400 is out of range",
        "trace.csv:8: no CSV (unexpected end of data)",
        "trace.csv:9: input_tokens: 2000000000 is not from 0 to 1,000,000,000 tokens",
        "trace.csv:9: output_tokens: 'nan' is not a number",
        "trace.csv:10: timestamp: '2026-01-31 10:00:00' is a date, the stamps are numbers: "
        "set --time-unit iso",
        "(--skip-bad-rows leaves wrong rows out and counts them)",
    ]


def test_wrong_rows_can_be_skipped(tmp_path: Path) -> None:
    trace, info = loaded(tmp_path, BAD, skip_bad_rows=True)
    assert trace.at_s.tolist() == [0.0, 6.0]
    assert (info.rows, info.skipped, len(info.skipped_examples)) == (2, 8, 5)
    assert info.skipped_examples[0].endswith("trace.csv:3: timestamp: 'x' is not a number")


def test_many_wrong_rows_are_counted(tmp_path: Path) -> None:
    text = error_of(tmp_path, "timestamp\n0\n" + "x\n" * 25)
    assert text.count("is not a number") == 20
    assert "trace.csv: and 5 more wrong rows\n" in text
    assert "rows after line 1002 were not read" in error_of(tmp_path, "timestamp\n0\n" + "x\n" * 5000)
    skipped = error_of(tmp_path, "timestamp\nx\ny\n", skip_bad_rows=True)
    assert skipped.startswith("trace.csv: no request in the file, all rows are wrong:\ntrace.csv:2: ")


def test_wrong_lines_of_json_are_named(tmp_path: Path) -> None:
    text = MOONCAKE + '{"timestamp": 1\n[1]\n{"timestamp": true, "input_length": 1}\n\n'
    lines = error_of(tmp_path, text).splitlines()
    assert lines[0].startswith("trace.csv:4: no JSON (Expecting ',' delimiter")
    assert lines[1].startswith("trace.csv:5: no JSON object; write one object per line")
    assert lines[2] == "trace.csv:6: timestamp: 'True' is neither a number nor text"
    assert lines[3] == "trace.csv:6: output_length: is empty"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "trace.csv: the file is empty"),
        ("\n \n", "trace.csv: the file is empty"),
        ("timestamp,input_tokens\n", "trace.csv: no request in the file"),
        ("0.5,100,20\n1,90,10\n", "trace.csv:1: no names of columns; the first line must tell them"),
        ("when,tokens\n1,2\n", "it has when, tokens: set --timestamp-column"),
        ("timestamp\n1\n\xff\n".encode("latin-1"), "trace.csv:3: not UTF-8 text"),
        ("timestamp\n1\n".encode("utf-16"), "trace.csv: UTF-16 text; save it as UTF-8"),
        ("[1, 2]", "trace.csv:1: no JSON object; write one object per line"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-10], "trace.csv: not a complete gzip file"),
    ],
)
def test_files_that_are_no_trace(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in error_of(tmp_path, content)


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "directory"), (tmp_path / "no.csv", "No such file")):
        with pytest.raises(DataError, match=words):
            load_trace(path)


def test_a_column_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    text = error_of(tmp_path, PLAIN, Columns(output_tokens="completion"))
    assert text.endswith(
        "no column 'completion'; it has timestamp, input_tokens, output_tokens: set --output-column"
    )


def test_tags_are_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tags, "MOST", 2)
    text = error_of(tmp_path, "timestamp,tag\n0,a\n1,b\n2,c\n")
    assert "tag: more than 2 different tags; this names requests, not groups: set --tag-column" in text


def parquet_of(folder: Path, query: str) -> Path:
    duckdb = pytest.importorskip("duckdb")
    path = folder / "trace.parquet"
    duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    query = (
        "SELECT TIMESTAMP '2026-01-31 12:00:00' + INTERVAL (n * 250) MILLISECOND AS timestamp, "
        "n::INTEGER AS input_tokens, n * 2.0::DOUBLE AS output_tokens, "
        "CASE WHEN n % 2 = 0 THEN 'a' END AS tag FROM range(5) t(n)"
    )
    monkeypatch.setattr("gpucost.io.trace_parquet.ROWS", 2)
    trace, info = load_trace(parquet_of(tmp_path, query))
    assert lists(trace)[:3] == [[0.0, 0.25, 0.5, 0.75, 1.0], [0, 1, 2, 3, 4], [0, 2, 4, 6, 8]]
    assert [info.tags[code] for code in trace.tag] == ["a", "", "a", "", "a"]
    assert (info.time_unit, info.origin_s) == ("iso", 1769860800.0)


@pytest.mark.parametrize("kind", ["DOUBLE", "VARCHAR", "DECIMAL(12, 3)"])
def test_numbers_of_parquet(tmp_path: Path, kind: str) -> None:
    values = "(VALUES (1.5, 1), (1.75, 2), (NULL, 3), (2.5, -4)) t(stamp, input_tokens)"
    query = f"SELECT stamp::{kind} AS ts, input_tokens, 0.25::{kind} AS execution_s FROM {values}"
    path = parquet_of(tmp_path, query)
    with pytest.raises(DataError) as caught:
        load_trace(path)
    assert [line.partition("parquet:")[2] for line in str(caught.value).splitlines()[:2]] == [
        "row 3: ts: is empty",
        "row 4: input_tokens: -4 is not from 0 to 1,000,000,000 tokens",
    ]
    trace, info = load_trace(path, skip_bad_rows=True)
    assert lists(trace) == [[0.0, 0.25], [1, 2], None, [0.25, 0.25], None]
    assert (info.skipped, info.time_unit) == (2, "s")


def test_parquet_without_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file_of(tmp_path, b"PAR1 and more")
    with pytest.raises(DataError, match="no Parquet file"):
        load_trace(path)
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "duckdb":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "duckdb", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'gpucost\[parquet\]'"):
        load_trace(path)


def blocks_of(text: bytes, unit: str, *, fast: bool, size: int) -> tuple[list[Any], list[str]]:
    """Rows of a CSV with their lines, and what is wrong with the others."""
    path = Path("t.csv")
    file = io.BytesIO(text)
    names, delimiter = header_of(path, file.readline().decode().strip("\r\n"), 1)
    faults = Faults(path, skip=True)
    faults.SHOWN = 10**6
    source = CsvSource(path, file, plan_of(path, names, Columns(time_unit=unit)), delimiter, 2, faults)
    rows: list[Any] = []
    for block in source.blocks(fast=fast, size=size):
        count = len(block.ns)
        rest = np.zeros(count) if block.rest is None else block.rest
        columns = [block.ns, rest, block.input_tokens, block.output_tokens, block.execution_s]
        arrays = [array.tolist() for array in columns]
        tags = [source.tags.names[code] for code in block.tag.tolist()]
        rows += zip(*arrays, tags, map(block.line, range(count)), strict=True)
    return rows, faults.messages


NUMBERS = st.one_of(
    st.from_regex(r"[0-9]{1,20}(\.[0-9]{0,26})?", fullmatch=True),
    st.floats(0, 1e12).map(repr),
    st.floats(0, 1e6).map(lambda value: f"{value:.6f}"),
    st.from_regex(r"1700000[0-9]{3}\.[0-9]{3,7}", fullmatch=True),
)
DATES = st.one_of(
    st.datetimes().map(str),
    st.datetimes().map(lambda at: at.isoformat(timespec="milliseconds") + "Z"),
    st.datetimes().map(lambda at: at.isoformat() + "+01:30"),
    st.from_regex(
        r"20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{0,18})?)?",
        fullmatch=True,
    ),
)
COUNTS = st.integers(0, 200_000).map(str)
ODD = st.text(alphabet='0123456789.,-+eE"\r :TZx/;é', max_size=12)


def mixed(usual: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 19).flatmap(lambda n: usual if n else ODD)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), unit=st.sampled_from(["s", "ms", "us", "ns", "iso", "auto"]))
def test_the_fast_path_reads_what_the_exact_one_reads(data: st.DataObject, unit: str) -> None:
    stamps = DATES if unit == "iso" else NUMBERS
    row = st.tuples(mixed(stamps), mixed(COUNTS), mixed(COUNTS), mixed(NUMBERS), mixed(st.just("a")))
    rows = data.draw(st.lists(row, min_size=1, max_size=30))
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    lines = ["timestamp,input_tokens,output_tokens,execution_ms,tag", *map(",".join, rows)]
    text = (newline.join(lines) + data.draw(st.sampled_from(["", newline]))).encode()
    size = data.draw(st.sampled_from([16, 200, 5000]))
    assert blocks_of(text, unit, fast=True, size=size) == blocks_of(text, unit, fast=False, size=size)


@given(value=st.floats(0, 1e6))
def test_numbers_are_right_to_the_last_place(value: float) -> None:
    exact = number(repr(value), "s")
    read = float(seconds_of(np.int64(exact.ns), np.float64(exact.rest)))
    assert abs(read - value) <= 2 * np.spacing(value) + 1e-16


def test_most_rows_take_the_fast_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published layouts must not fall back, which would be thirty times slower."""
    monkeypatch.setattr("gpucost.io.trace_csv.exact_rows", lambda *_: pytest.fail("one by one"))
    for text in (AZURE_2023, AZURE_2024, BURST, PLAIN):
        loaded(tmp_path, text)


def test_calendar_stamps() -> None:
    assert calendar("1970-01-01T00:00:00Z") == (0, 0.0)
    assert calendar("1969-12-31 23:59:59.75").ns == -250_000_000
    assert calendar("2000-10-10 13:55:36.0000000005-07:00") == (971211336 * 10**9, 0.5)
    for text in ("2026-02-30", "2026-01-01 24:00", "1500-01-01", "10/Foo/2000:13:55:36 +0000", "2026-01/01"):
        with pytest.raises(ValueError, match=r"calendar|out of range|not a date"):
            calendar(text)
