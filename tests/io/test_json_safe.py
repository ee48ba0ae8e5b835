"""Hostile JSON ends in one DataError, quickly."""

import os
import time
from pathlib import Path

import pytest

from gpucost.errors import DataError
from gpucost.io.json_safe import load_json, load_json_object, parse_json, shown


def test_reads_plain_json() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": [1, 2.5, "[{", null, true]}', "f") == {
        "a": [1, 2.5, "[{", None, True]
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": 1,\n "b": 2,\n "a": 3}', "f:3: 'a': stands twice"),
        (b'{"x": {"a": 1}, "y": {"a": 1, "b": [],\n "a": 2}}', "f:2: 'a': stands twice"),
        (b'{"a": 1,\n "\\u0061": 3}', "f:2: 'a': stands twice"),
        (b'{"a": 1,\n "b": NaN}', "f:2: NaN is not JSON"),
        (b'{"a":\n\n -Infinity}', "f:3: -Infinity is not JSON"),
        (b'{"a":\n 1e999}', "f:2: a number that is too large"),
        (b'{"a":\n' + b"9" * 100 + b"}", "f:2: a number of 100 digits"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "f:1: a number of 100,000 digits"),
        (b'{"a": 1.' + b"9" * 100_000 + b"}", "f:1: a number that is too large or too long"),
        (b'{"a":\n 1,}', "f:2: not valid JSON"),
        (b"", "f:1: not valid JSON"),
        (b'{"a":\n \xff}', "f:2: not UTF-8"),
        (b"\n" + b"[" * 65 + b"]" * 65, "f:2: nested deeper than 64"),
        (b"[" * 1_000_000, "f:1: nested deeper than 64"),
        (b'{"a":' * 100_000, "f:1: nested deeper than 64"),
        (b"[" + b"0," * 4_000_001 + b"0]", "f:1: more than 4,000,000 values"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "f:1: a Git LFS pointer"),
    ],
)
def test_refuses(data: bytes, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_json(data, "f")
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b'\\"' * 1_000_000,
        b'"' + b'\\"' * 1_000_000 + b"\\",
        b'"' * 1_000_001,
        b"\\" * 1_000_000,
        b"]" * 1_000_000,
    ],
)
def test_odd_quotes_take_linear_time(data: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(DataError):
        parse_json(data, "f")
    assert time.monotonic() - started < 5


def test_brackets_in_text_do_not_count() -> None:
    assert parse_json(b'["' + b"[" * 1000 + b'\\"[[["]', "f") == ["[" * 1000 + '"[[[']


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("[1]")
    assert load_json(path) == [1]
    with pytest.raises(DataError, match="holds a list; a JSON object is needed"):
        load_json_object(path)
    with pytest.raises(DataError, match="larger than 0 MiB"):
        load_json(path, max_bytes=2)
    with pytest.raises(DataError, match="No such file"):
        load_json(tmp_path / "none.json")
    with pytest.raises(DataError, match="a folder"):
        load_json(tmp_path)
    with pytest.raises(DataError, match="not a usable path"):
        load_json(tmp_path / "a\0b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "config.json"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="not a regular file"):
        load_json(pipe)


def test_shown_is_one_short_line() -> None:
    assert shown("a\nb\x1b[31m\ud800") == r"'a\nb\x1b[31m\ud800'"
    assert len(shown("x" * 1000)) < 80
    assert shown([1, 2]) == "a list of 2"
    assert shown({"a": 1}) == "an object of 1"
