from __future__ import annotations

import time
from pathlib import Path

import pytest

from gpucost.catalog.yamlio import MAX_BYTES, MAX_DEPTH, parse_yaml, read_yaml
from gpucost.errors import DataError

FILE = Path("rows.yaml")


def fault(text: str) -> str:
    with pytest.raises(DataError) as caught:
        parse_yaml(text, FILE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-3", -3),
        ("010", 10),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("'NO'", "NO"),
        ('"1"', "1"),
        ("true", True),
        ("~", None),
        ("", None),
    ],
)
def test_scalars_are_what_they_look_like(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}", FILE).data["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("word", ["NO", "no", "Yes", "on", "OFF"])
def test_words_that_other_readers_take_for_booleans_are_refused(word: str) -> None:
    assert fault(f"a: 1\nb: {word}") == (
        f"rows.yaml:2: {word}: write true or false, or quote it if the word is meant"
    )


def test_equal_keys_name_both_lines() -> None:
    assert fault("a: 1\nb: 2\na: 3") == "rows.yaml:3: a: stands twice (first on line 1); remove one"


def test_equal_keys_of_a_nested_row() -> None:
    assert "rows.yaml:4: id: stands twice (first on line 2)" in fault(
        "rows:\n  - id: x\n    name: y\n    id: z"
    )


def test_quoted_and_plain_keys_are_the_same_key() -> None:
    assert "stands twice" in fault('1: a\n"1": b')


def test_anchors_and_aliases_are_refused() -> None:
    assert fault("a: &x 1") == "rows.yaml:1: anchors and aliases (&, *x) are not allowed; write the value out"


def test_a_billion_laughs_end_at_the_first() -> None:
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    start = time.perf_counter()
    assert fault("\n".join(lines)).startswith("rows.yaml:1: anchors")
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_ends_soon(opening: str) -> None:
    start = time.perf_counter()
    text = fault(opening * 100_000)
    assert f"nested deeper than {MAX_DEPTH} levels" in text
    assert time.perf_counter() - start < 2


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(10 * 2**20)
    with pytest.raises(DataError, match="larger than 8 MiB; split the file"):
        read_yaml(path)


def test_a_large_text_is_not_parsed() -> None:
    assert "larger than 8 MiB" in fault("#" * (MAX_BYTES + 1))


@pytest.mark.parametrize(("text", "line"), [("\ta: 1", 1), ("a:\n\t- 1", 2), ("a: [1,\n", 2), ("a: b: c", 1)])
def test_syntax_faults_have_a_line(text: str, line: int) -> None:
    assert fault(text).startswith(f"rows.yaml:{line}: not valid YAML")


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert parse_yaml("\ufeffa: 1", FILE).data == {"a": 1}


def test_two_documents_are_refused() -> None:
    assert fault("a: 1\n---\nb: 2") == "rows.yaml:3: a second document; keep one document in a file"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_holds_nothing(text: str) -> None:
    assert parse_yaml(text, FILE).data is None


@pytest.mark.parametrize("text", ["? [a]\n: 1", "true: 1", "~: 1"])
def test_keys_are_plain_text(text: str) -> None:
    assert "keys must be plain text" in fault(text)


def test_tags_run_nothing() -> None:
    assert parse_yaml("a: !!python/object/apply:os.system ['x']", FILE).data == {"a": ["x"]}


def test_control_characters_are_refused() -> None:
    assert "not valid YAML" in fault("a: \x00")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("a: café".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8 text; save it as UTF-8"):
        read_yaml(path)


def test_a_missing_file_is_a_fault_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_yaml(tmp_path / "none.yaml")


def test_lines_of_every_key_and_item() -> None:
    document = parse_yaml("rows:\n  - id: x\n    link:\n      kind: y\n\n  - id: z\n", FILE)
    assert document.line(("rows", 0, "link", "kind")) == 4
    assert document.line(("rows", 1)) == 6
    assert document.line(("rows", 1, "unknown")) == 6
    assert document.line(("other",)) == 1
