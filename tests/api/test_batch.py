"""Questions from outside: what is refused, what stays inside the root, and that nothing ends a batch."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest

import gpucost
from gpucost.api import arguments
from gpucost.api.arguments import LONGEST, MOST, QUESTIONS, REFUSED, accepted, checked, paths_of, schema_of
from gpucost.api.batch import LONGEST_LINE, Answer, Asker
from gpucost.api.schema import RESULTS, schema
from gpucost.catalog.store import Catalog
from gpucost.errors import UsageError
from gpucost.view.to_json import render_answer
from tests.io.configs import LLAMA_31_8B

SIZE = {"question": "size", "model": "Qwen/Qwen3-8B", "gpu": "l4", "as_of": "2026-11-20"}
TRACE = "timestamp,input_tokens,output_tokens\n0,10,20\n1,30,40\n5,10,10\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "config.json").write_text(json.dumps(LLAMA_31_8B), encoding="utf-8")
    (folder / "trace.csv").write_text(TRACE, encoding="utf-8")
    (tmp_path / "secret.csv").write_text(TRACE, encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_31_8B), encoding="utf-8")
    return folder


@pytest.fixture
def asker(root: Path, shipped: Catalog) -> Asker:
    return Asker(root, shipped)


def refusal(answer: Answer) -> str:
    assert answer.report is None
    assert answer.error is not None
    assert (answer.error.kind, answer.exit_code) in (("usage", 2), ("data", 3))
    return answer.error.message


def test_the_questions_are_those_of_the_package() -> None:
    assert {*QUESTIONS, "__version__"} == set(gpucost.__all__)
    assert set(QUESTIONS) <= set(RESULTS)
    for question in QUESTIONS:
        assert {"id", "question"}.isdisjoint(accepted(question))
        jsonschema.Draft202012Validator.check_schema(schema_of(question))


def test_every_refused_argument_is_one_of_a_question() -> None:
    assert set(REFUSED) <= set().union(*map(accepted, QUESTIONS))


def test_arguments_that_name_files() -> None:
    assert {question: paths_of(question) for question in QUESTIONS if paths_of(question)} == {
        "bill": ("usage", "config"),
        "breakeven": ("config",),
        "check": ("scenario", "lock"),
        "cost": ("config",),
        "deploy": ("scenario",),
        "diff": ("base", "other"),
        "plan": ("scenario",),
        "simulate": ("trace", "config", "profile"),
        "size": ("config",),
        "throughput": ("config",),
        "traffic": ("file", "profile"),
        "train": ("config",),
    }


def test_an_answer_is_the_report(asker: Asker, shipped: Catalog) -> None:
    answer = asker.answer({**SIZE, "id": 7})
    plain: dict[str, Any] = {name: value for name, value in SIZE.items() if name != "question"}
    assert answer == Answer(7, 0, gpucost.size(**plain, catalog=shipped))


def test_a_no_is_an_answer(asker: Asker) -> None:
    answer = asker.answer({"question": "size", "params": 400, "gpu": "t4"})
    assert answer.exit_code == 1
    assert answer.error is None


@pytest.mark.parametrize(
    "identity", [None, 0, 1.5, "a", "", True, [1, {"a": []}], {"x": None}, "é\u202e\ud800"]
)
def test_any_id_is_echoed(asker: Asker, identity: Any) -> None:
    assert asker.answer({**SIZE, "id": identity}).id == identity
    assert asker.answer({"question": "nope", "id": identity}).id == identity
    line = render_answer({"id": identity, "exit_code": 0}, None)
    assert line.count("\n") == 1
    assert json.loads(line)["id"] == identity


class Wrong(NamedTuple):
    question: dict[str, Any]
    message: str


WRONG = [
    Wrong({}, '"question" is missing'),
    Wrong({"question": None}, '"question" is missing'),
    Wrong({"question": 1}, '"question" must be text, not 1'),
    Wrong({"question": ["size"]}, '"question" must be text'),
    Wrong({"question": "sise"}, "unknown question 'sise'; did you mean size?"),
    Wrong({"question": "__version__"}, "unknown question"),
    Wrong({"question": "load"}, "unknown question"),
    Wrong({"question": "q" * 100_000}, "unknown question"),
    Wrong({**SIZE, "modle": 1}, "unknown argument of size 'modle'; did you mean model?"),
    Wrong({**SIZE, "max-num-seqs": 1}, "did you mean max_num_seqs"),
    Wrong({**SIZE, "": 1}, "unknown argument of size ''"),
    Wrong({**SIZE, "k" * 100_000: 1}, "unknown argument of size"),
    Wrong({**SIZE, "context": "8192"}, "context must be a whole number, not text: '8192'"),
    Wrong({**SIZE, "context": True}, "context must be a whole number, not true"),
    Wrong({**SIZE, "context": 8192.0}, "context must be a whole number, not a number: 8192.0"),
    Wrong({**SIZE, "context": [1]}, "context must be a whole number, not a list"),
    Wrong({**SIZE, "context": MOST * 2}, "context is out of range"),
    Wrong({**SIZE, "context": -(10**5000)}, "context is out of range"),
    Wrong({**SIZE, "pp": None}, "pp must be a whole number, not null"),
    Wrong({**SIZE, "gpus": {}}, "gpus must be a whole number, not an object"),
    Wrong({**SIZE, "mtp": 1}, "mtp must be true or false, not a whole number: 1"),
    Wrong({**SIZE, "engine": 1}, "engine must be text, not a whole number: 1"),
    Wrong({**SIZE, "engine": None}, "engine must be text, not null"),
    Wrong({**SIZE, "gpu": 1}, "gpu must be a list of text or text"),
    Wrong({**SIZE, "gpu": ["l4", 1]}, "gpu[1] must be text, not a whole number: 1"),
    Wrong({**SIZE, "gpu": [["l4"]]}, "gpu[0] must be text, not a list"),
    Wrong({**SIZE, "gpu": "x" * (LONGEST + 1)}, "gpu is longer than 4,096 characters"),
    Wrong({**SIZE, "max_usd_per_hour": "1"}, "max_usd_per_hour must be a number"),
    Wrong({**SIZE, "max_usd_per_hour": False}, "max_usd_per_hour must be a number, not false"),
    Wrong({**SIZE, "max_usd_per_hour": math.inf}, "max_usd_per_hour is out of range"),
    Wrong({**SIZE, "max_usd_per_hour": 10**400}, "max_usd_per_hour is out of range"),
    Wrong({"question": "size", "params": math.nan}, "params is out of range"),
    Wrong({"question": "size", "params": []}, "params must be text or a number"),
    Wrong(
        {"question": "throughput", "model": "Qwen3-8B", "concurrency": 1}, "must be a list of a whole number"
    ),
    Wrong({"question": "bill", "hybrid": "runpod/flex/l40s"}, "hybrid must be a list of text"),
    Wrong({"question": "bill", "requests_per_day": "1"}, "requests_per_day must be a number"),
    Wrong({"question": "breakeven"}, "breakeven needs deployments"),
    Wrong({"question": "traffic"}, "traffic needs file"),
    Wrong({"question": "traffic", "file": None}, "file must be text, not null"),
    Wrong({**SIZE, "hf": "Qwen/Qwen3-8B"}, "hf: there is no network here"),
    Wrong({**SIZE, "catalog": ["mine.yaml"]}, "catalog: one catalogue answers all questions"),
    Wrong({**SIZE, "today": "2026-01-01"}, "today: all questions are asked today"),
    Wrong({"question": "simulate", "scheduler": "tcp://x:1"}, "scheduler: there is no network here"),
    Wrong({"question": "simulate", "results": "x.jsonl"}, "results: no file is written here"),
    Wrong({"question": "simulate", "processes": 2}, "processes: all questions"),
    Wrong({"question": "explain", "hf": "x"}, "unknown argument of explain 'hf'"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.message)
def test_what_cannot_be_asked(asker: Asker, wrong: Wrong) -> None:
    message = refusal(asker.answer(wrong.question))
    assert wrong.message in message
    assert len(message) < 1000


def test_numbers_are_what_the_command_line_makes_of_them() -> None:
    found = checked("cost", {"rps": 5, "params": 70, "gpu": ["l4"], "slo": "ttft:p95<=1s", "top": 3})
    assert found == {"rps": 5.0, "params": 70, "gpu": ("l4",), "slo": "ttft:p95<=1s", "top": 3}
    assert [type(each) for each in found.values()] == [float, int, tuple, str, int]


def test_a_check_agrees_with_the_schema_that_is_published() -> None:
    values: tuple[Any, ...] = (None, True, 1, 1.5, "a", [], ["a"], [1], {}, -1)
    for question in QUESTIONS:
        validator = jsonschema.Draft202012Validator(schema_of(question))
        least = dict.fromkeys(schema_of(question)["required"], "a")
        for name in schema_of(question)["properties"]:
            for value in values:
                asked = {**least, name: value}
                try:
                    checked(question, asked)
                except UsageError:
                    assert not validator.is_valid(asked), (question, name, value)
                else:
                    assert validator.is_valid(asked), (question, name, value)


def test_an_annotation_that_json_does_not_have() -> None:
    with pytest.raises(TypeError, match="cannot take"):
        arguments._of(set[int])


class Line(NamedTuple):
    content: bytes
    kind: str
    message: str


LINES = [
    Line(b"nope", "data", "not valid JSON"),
    Line(b"{", "data", "not valid JSON"),
    Line(b"", "data", "not valid JSON"),
    Line(b'"size"', "usage", "a question is an object"),
    Line(b'[{"question": "size"}]', "usage", "a question is an object"),
    Line(b"null", "usage", "a question is an object"),
    Line(b'{"question": "size", "params": NaN}', "data", "NaN"),
    Line(b'{"question": "size", "params": -Infinity}', "data", "Infinity"),
    Line(b'{"question": "size", "params": 1e999}', "data", "too large"),
    Line(b'{"question": "size", "context": ' + b"9" * 5000 + b"}", "data", "a number of 5,000 digits"),
    Line(b'{"question": "size", "question": "cost"}', "data", "stands twice"),
    Line(b'{"question": "size", "id": {"a": 1, "a": 2}}', "data", "stands twice"),
    Line(b'{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "data", "nested deeper"),
    Line(b'{"id": "\xff"}', "data", "not UTF-8"),
    Line(b'{"question": "size", "model": "\xed\xa0\x80"}', "data", "not UTF-8"),
    Line(b"[" + b" " * LONGEST_LINE + b"]", "data", "a line of more than 1,048,576 bytes"),
    Line(b'{"question": "size"} {"question": "size"}', "data", "not valid JSON"),
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.content[:30])
def test_lines_that_cannot_be_read(asker: Asker, line: Line) -> None:
    answer = asker.answer_line(line.content)
    assert answer.error is not None
    assert answer.error.kind == line.kind
    assert line.message in answer.error.message


def test_a_byte_order_mark_is_no_fault(asker: Asker) -> None:
    assert asker.answer_line(b"\xef\xbb\xbf" + json.dumps(SIZE).encode()).exit_code == 0


def test_a_fault_of_ours_is_an_answer(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: Any) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("gpucost.api.size.size", fails)
    answer = asker.answer({**SIZE, "id": 1})
    assert answer.error is not None
    assert (answer.id, answer.exit_code, answer.error.kind) == (1, 70, "internal")
    assert answer.error.message == "gpucost failed (ZeroDivisionError: oh)"


class TestFiles:
    def test_below_the_root(self, asker: Asker, root: Path) -> None:
        for name in ("model", "model/config.json", str(root / "model"), "../root/model", "./model/."):
            assert asker.answer({"question": "size", "config": name, "gpu": "l4"}).exit_code == 0, name
        assert asker.answer({"question": "traffic", "file": "trace.csv"}).exit_code == 0

    @pytest.mark.parametrize(
        "name", ["../secret.csv", "/etc/passwd", "model/../../secret.csv", "..", "/", "~/../../etc/passwd"]
    )
    def test_outside(self, asker: Asker, name: str) -> None:
        for question in (
            {"question": "traffic", "file": name},
            {"question": "simulate", "trace": name},
            {"question": "simulate", "profile": name},
            {"question": "size", "config": name},
            {"question": "throughput", "config": name},
            {"question": "cost", "config": name},
            {"question": "bill", "usage": name},
        ):
            assert "is outside" in refusal(asker.answer(question))

    def test_through_links(self, asker: Asker, root: Path, tmp_path: Path) -> None:
        (root / "link.csv").symlink_to(tmp_path / "secret.csv")
        (root / "away").symlink_to(tmp_path)
        (root / "loop").symlink_to(root / "loop")
        (root / "inside.csv").symlink_to(root / "trace.csv")
        for name in ("link.csv", "away/secret.csv", "away"):
            assert "is outside" in refusal(asker.answer({"question": "traffic", "file": name}))
        refusal(asker.answer({"question": "traffic", "file": "loop"}))
        assert asker.answer({"question": "traffic", "file": "inside.csv"}).exit_code == 0

    def test_what_a_scenario_names_whatever_the_file_is_called(
        self, asker: Asker, root: Path, tmp_path: Path
    ) -> None:
        load = {"input_tokens": 9, "output_tokens": 9}
        model = {"model": "meta-llama/Llama-3.1-8B"}
        for name, scenario in (
            ("trace", {"models": [model], "workload": {**load, "trace": "../secret.csv"}}),
            (
                "config",
                {"models": [{"config": "../config.json"}], "workload": {**load, "requests_per_day": 9}},
            ),
        ):
            text = json.dumps({"version": 1, "scenarios": {"one": scenario}})
            (root / f"{name}.txt").write_text(text, encoding="utf-8")
            for question in ("plan", "deploy"):
                for asked in (f"{name}.txt", f"{name}.txt:one"):
                    assert "is outside" in refusal(asker.answer({"question": question, "scenario": asked}))
        (tmp_path / "away.yaml").write_text(text, encoding="utf-8")
        (root / "link.txt").symlink_to(tmp_path / "away.yaml")
        assert "is outside" in refusal(asker.answer({"question": "plan", "scenario": "link.txt:one"}))

    def test_a_folder_whose_files_lead_out(self, asker: Asker, root: Path, tmp_path: Path) -> None:
        (root / "sly").mkdir()
        (root / "sly" / "config.json").symlink_to(tmp_path / "config.json")
        assert "is outside" in refusal(asker.answer({"question": "size", "config": "sly"}))

    def test_splits_that_lead_out(self, asker: Asker, root: Path, tmp_path: Path) -> None:
        (root / "m-00001-of-00002.gguf").write_bytes(b"GGUF")
        (root / "m-00002-of-00002.gguf").symlink_to(tmp_path / "secret.csv")
        asked = {"question": "size", "config": "m-00001-of-00002.gguf"}
        assert "is outside" in refusal(asker.answer(asked))

    @pytest.mark.parametrize("name", ["a\0b", "x" * 4000, "\ud800", " ", "nope.csv", "model", ""])
    def test_names_that_are_no_files(self, asker: Asker, name: str) -> None:
        refusal(asker.answer({"question": "traffic", "file": name}))

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_a_pipe_is_not_waited_for(self, asker: Asker, root: Path) -> None:
        os.mkfifo(root / "pipe.csv")
        assert "no regular file" in refusal(asker.answer({"question": "traffic", "file": "pipe.csv"}))

    def test_no_root(self, tmp_path: Path, shipped: Catalog) -> None:
        (tmp_path / "file").touch()
        for place, why in (("nope", "No such file"), ("file", "not a folder")):
            with pytest.raises(UsageError, match=why):
                Asker(tmp_path / place, shipped)


def test_lines_are_what_the_schema_says(asker: Asker) -> None:
    published = schema("batch")
    jsonschema.Draft202012Validator.check_schema(published)
    line = jsonschema.Draft202012Validator(published)
    asked = jsonschema.Draft202012Validator({**published, "anyOf": [{"$ref": "#/$defs/question"}]})
    answered = jsonschema.Draft202012Validator({**published, "anyOf": [{"$ref": "#/$defs/answer"}]})
    questions: list[dict[str, Any]] = [
        {**SIZE, "id": 1},
        {"question": "explain", "term": "ttft"},
        {"question": "compare", "gpu": "l4"},
        {"question": "traffic", "file": "trace.csv"},
        {
            "question": "breakeven",
            "deployments": ["runpod/flex/l40s", "runpod/secure/l40s"],
            "execution_s": 2,
        },
        {"question": "size", "hf": "x"},
    ]
    for question in questions:
        answer = asker.answer(question)
        head: dict[str, Any] = {"id": answer.id, "exit_code": answer.exit_code}
        if answer.error is not None:
            head["error"] = answer.error
        written = json.loads(render_answer(head, answer.report))
        answered.validate(written)
        line.validate(written)
        assert asked.is_valid(question) == (answer.error is None)
    assert not line.is_valid({"id": 1})
    assert not answered.is_valid({"id": 1, "exit_code": 0})


WATCHED = """
import json, sys
from pathlib import Path
from gpucost.api.batch import Asker
from gpucost.catalog.store import load

FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.remove",
             "os.rename", "os.mkdir", "os.link", "os.symlink", "os.truncate")
asker, seen = Asker(Path(sys.argv[1]), load()), []

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        name, mode = str(arguments[0]), arguments[1] or "r"
        if not name.endswith((".py", ".pyc", ".so", ".pyd")):  # modules that a question loads
            seen.append((event, name, mode))
    elif event.startswith(FORBIDDEN):
        seen.append((event, "", ""))

sys.addaudithook(watch)
codes = [asker.answer_line(line).exit_code for line in sys.stdin.buffer]
print(json.dumps([codes, seen]))
"""


def test_nothing_but_files_below_the_root_is_opened(root: Path) -> None:
    """No socket, no process, no file that is written: as the interpreter itself sees it."""
    pods = ["runpod/flex/l40s", "runpod/secure/l40s"]
    questions: list[dict[str, Any]] = [
        {"question": "size", "config": "model"},
        {"question": "size", "params": 70, "quant": "all"},
        {"question": "throughput", "config": "model", "gpu": "l40s"},
        {"question": "cost", "model": "Qwen3-8B", "quant": "fp8"},
        {"question": "bill", "deployment": pods, "requests_per_day": 1000, "execution_s": 1},
        {"question": "breakeven", "deployments": pods, "execution_s": 1},
        {"question": "compare", "gpu": "l40s", "features": True, "cold_starts": True},
        {"question": "simulate", "trace": "trace.csv", "deployment": pods, "execution_s": 1},
        {"question": "traffic", "file": "trace.csv"},
        {"question": "explain"},
        {"question": "validate", "of": "memory"},
        {"question": "size", "hf": "Qwen/Qwen3-8B"},
        {"question": "traffic", "file": "../secret.csv"},
        {"question": "simulate", "trace": "trace.csv", "results": "results.jsonl", "deployment": pods},
        {"question": "simulate", "trace": "trace.csv", "scheduler": "tcp://127.0.0.1:1", "deployment": pods},
    ]
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(root)],
        input="".join(f"{json.dumps(each)}\n" for each in questions),
        env={
            **os.environ,
            "PYTHONPATH": str(Path(gpucost.__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes, seen = json.loads(done.stdout)
    assert codes == [0] * 11 + [2] * 4
    assert seen
    for event, name, mode in seen:
        assert (event, mode) in (("open", "r"), ("open", "rb")), (event, name, mode)
        assert Path(name).is_relative_to(root), name
