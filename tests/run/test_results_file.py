import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucost.errors import DataError
from gpucost.run.results_file import ResultsFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sweep.jsonl"


def fill(path: Path) -> None:
    with ResultsFile(path, "question") as file:
        file.append("a", {"usd": 0.1 + 0.2})
        file.append("b", [1e-320, 1.7976931348623157e308, None])


FILLED = {"a": {"usd": 0.30000000000000004}, "b": [1e-320, 1.7976931348623157e308, None]}


def test_results_are_there_when_it_is_opened_again(path: Path) -> None:
    fill(path)
    with ResultsFile(path, "question") as file:
        assert file.done == FILLED
        file.append("c", 3)
        assert file.done["c"] == 3
    with ResultsFile(path, "question") as file:
        assert file.done == {**FILLED, "c": 3}


def test_the_file_is_lines_of_json_below_a_header(path: Path) -> None:
    fill(path)
    header, *entries = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    assert header == {"fingerprint": "question", "version": 1}
    assert [each["key"] for each in entries] == ["a", "b"]


def test_a_result_is_in_the_file_at_once(path: Path) -> None:
    with ResultsFile(path, "question") as file:
        file.append("a", 1)
        with ResultsFile(path, "question") as other:
            assert other.done == {"a": 1}


@given(st.floats())
def test_numbers_keep_every_bit(tmp_path_factory: pytest.TempPathFactory, value: float) -> None:
    path = tmp_path_factory.mktemp("file") / "sweep.jsonl"
    with ResultsFile(path, "question") as file:
        file.append("a", value)
    with ResultsFile(path, "question") as file:
        back = file.done["a"]
    assert back == value or (math.isnan(back) and math.isnan(value))
    assert math.copysign(1, back) == math.copysign(1, value) or math.isnan(value)


def test_a_cut_is_mended_wherever_it_falls(path: Path) -> None:
    fill(path)
    whole = path.read_bytes()
    ends = [number + 1 for number, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        with ResultsFile(path, "question") as file:
            assert len(file.done) == max(0, sum(end <= length for end in ends) - 1)
            for key in FILLED.keys() - file.done.keys():
                file.append(key, FILLED[key])
        with ResultsFile(path, "question") as file:
            assert file.done == FILLED


def test_the_last_result_of_a_key_counts(path: Path) -> None:
    with ResultsFile(path, "question") as file:
        file.append("a", 1)
        file.append("a", 2)
    with ResultsFile(path, "question") as file:
        assert file.done == {"a": 2}


def test_another_question_is_refused(path: Path) -> None:
    fill(path)
    before = path.read_bytes()
    with pytest.raises(DataError, match="another question; ask the same question again"):
        ResultsFile(path, "other")
    assert path.read_bytes() == before


def test_another_format_is_refused(path: Path) -> None:
    path.write_text('{"fingerprint": "question", "version": 2}\n', "utf-8")
    with pytest.raises(DataError, match="format 2, this gpucost writes 1"):
        ResultsFile(path, "question")


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"hello\n",
        b"\xff\xfe\n",
        b"[1]\n",
        b"{}\n",
        b"null\n",
        b"\n",
        b'{"a": 1}\n',
        b"[" * 10**5 + b"\n",
    ],
)
def test_what_is_no_such_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a file of results; name another"):
        ResultsFile(path, "question")
    assert path.read_bytes() == content


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"key": 1, "result": 1}', '{"key": "a"}', "[]"])
def test_a_wrong_line_is_named(path: Path, line: str) -> None:
    fill(path)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    with pytest.raises(DataError, match=r"sweep\.jsonl:4: no result; remove this line"):
        ResultsFile(path, "question")


def test_a_result_that_json_cannot_hold_leaves_the_file_whole(path: Path) -> None:
    with ResultsFile(path, "question") as file:
        with pytest.raises(TypeError):
            file.append("a", object())
        file.append("b", 1)
    with ResultsFile(path, "question") as file:
        assert file.done == {"b": 1}


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "file"):
        with pytest.raises(DataError, match="cannot keep results here"):
            ResultsFile(path, "question")
