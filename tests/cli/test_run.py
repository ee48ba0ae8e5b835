"""`gpucost run`: the answers of the commands, line by line, whatever stands between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gpucost.cli.app import run

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]
DAY = "2026-11-20"
SIZE: dict[str, Any] = {"question": "size", "model": "Qwen/Qwen3-8B", "gpu": "l4", "as_of": DAY}
TRACE = "timestamp,input_tokens,output_tokens\n0,10,20\n1,30,40\n5,10,10\n9,800,100\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "trace.csv").write_text(TRACE, encoding="utf-8")
    return folder


def write(*questions: Any, name: str = "questions.jsonl") -> str:
    text = "".join(f"{json.dumps(each)}\n" for each in questions)
    Path(name).write_text(text, encoding="utf-8")
    return name


class Same(NamedTuple):
    """A question, and the words of the command that asks the same."""

    question: dict[str, Any]
    words: tuple[str, ...]


def _size(words: str, **more: Any) -> Same:
    return Same({"question": "size", "as_of": DAY, **more}, ("size", "--as-of", DAY, *words.split()))


PAIR = "--deployment runpod/flex/l40s --deployment runpod/secure/l40s"
SAME = [
    _size("--params 70 --quant awq --top 4", params=70, quant="awq", top=4),
    _size("--params 8x7B --range", params="8x7B", scenarios=True),
    _size("--model Llama-3.1-8B --quant all --sort gpus", model="Llama-3.1-8B", quant="all", sort="gpus"),
    _size("--model Llama-3.3-70B --gpu h100-sxm --gpus 4", model="Llama-3.3-70B", gpu="h100-sxm", gpus=4),
    _size("--model Llama-3.3-70B --gpu h100-sxm --gpus 8", model="Llama-3.3-70B", gpu=["h100-sxm"], gpus=8),
    _size("--model gpt-oss-120b --gpu h200 --gpu mi300x", model="gpt-oss-120b", gpu=["h200", "mi300x"]),
    _size("--model gemma-3-27b --gpu l40s --explain", model="gemma-3-27b", gpu="l40s", explain=True),
    _size("--model gemma-3-27b --gpu l40s --context 32768", model="gemma-3-27b", gpu="l40s", context=32768),
    _size("--model Qwen3-8B --engine sglang --gpu l4", model="Qwen3-8B", engine="sglang", gpu="l4"),
    _size("--model Qwen3-8B --engine llama.cpp --gpu l4", model="Qwen3-8B", engine="llama.cpp", gpu="l4"),
    _size("--model Qwen3-8B --engine-version 0.6", model="Qwen3-8B", engine_version="0.6"),
    _size("--params 400 --gpu t4", params=400, gpu="t4"),
    _size("--model DeepSeek-V3 --gpu h200 --tp 8", model="DeepSeek-V3", gpu="h200", tp=8),
    _size("--params 8 --max-usd-per-hour 1", params=8, max_usd_per_hour=1),
    _size("--params 8 --prices seeds --provider runpod", params=8, prices="seeds", provider="runpod"),
    _size("--model Qwen3-8B --billing spot --billing flex", model="Qwen3-8B", billing=["spot", "flex"]),
    Same(
        {"question": "throughput", "model": "Qwen3-8B", "gpu": "l40s", "rps": 2},
        ("throughput", "--model", "Qwen3-8B", "--gpu", "l40s", "--rps", "2"),
    ),
    Same(
        {"question": "throughput", "model": "Qwen3-8B", "gpu": "l40s", "concurrency": [1, 16]},
        ("throughput", "--model", "Qwen3-8B", "--gpu", "l40s", "--concurrency", "1,16"),
    ),
    Same(
        {"question": "cost", "model": "Qwen3-8B", "quant": "fp8", "utilization": 0.5, "as_of": DAY},
        ("cost", "--model", "Qwen3-8B", "--quant", "fp8", "--utilization", "0.5", "--as-of", DAY),
    ),
    Same(
        {
            "question": "bill",
            "deployment": ["runpod/flex/l40s", "runpod/secure/l40s"],
            "requests_per_day": 5000,
            "execution_s": 1,
            "as_of": DAY,
        },
        ("bill", *PAIR.split(), "--requests-per-day", "5000", "--execution-s", "1", "--as-of", DAY),
    ),
    Same(
        {
            "question": "breakeven",
            "deployments": ["runpod/flex/h100", "runpod/community/h100-sxm"],
            "as_of": DAY,
        },
        ("breakeven", "runpod/flex/h100", "runpod/community/h100-sxm", "--as-of", DAY),
    ),
    Same({"question": "compare", "gpu": "l40s", "as_of": DAY}, ("compare", "--gpu", "l40s", "--as-of", DAY)),
    Same(
        {
            "question": "simulate",
            "trace": "trace.csv",
            "deployment": "runpod/flex/l40s",
            "execution_s": 2,
            "as_of": DAY,
        },
        ("simulate", "trace.csv", "-d", "runpod/flex/l40s", "--execution-s", "2", "--as-of", DAY),
    ),
    Same(
        {"question": "traffic", "file": "trace.csv", "execution_s": 2},
        ("traffic", "trace.csv", "--execution-s", "2"),
    ),
    Same({"question": "explain"}, ("explain",)),
    Same(
        {"question": "validate", "of": "memory", "case": "llama"},
        ("validate", "--of", "memory", "--case", "llama"),
    ),
]


def test_answers_are_those_of_the_commands_byte_by_byte(capsys: Capture) -> None:
    """Twice, and among each other: what was remembered for one question does not show in another."""
    expected = []
    for each in SAME:
        code = run([*each.words, "--format", "json"])
        expected.append((code, capsys.readouterr().out))
        assert code in (0, 1), each.words
    questions = [each.question for each in SAME]
    assert run(["run", write(*questions, *reversed(questions))]) == 0
    lines = capsys.readouterr().out.splitlines(keepends=True)
    for (code, text), line in zip([*expected, *reversed(expected)], lines, strict=True):
        whole = f'{{"id":null,"exit_code":{code},{text[1:]}'
        assert line == whole or without_inputs(line) == without_inputs(whole)


def without_inputs(line: str) -> dict[str, Any]:
    """Of `simulate`, whose inputs repeat the flags that were given: the command gives their defaults too."""
    found: dict[str, Any] = json.loads(line)
    assert found["question"] == "simulate"
    del found["inputs"]
    return found


def test_errors_stand_in_place(capsys: Capture) -> None:
    name = write(
        {**SIZE, "id": 1}, {**SIZE, "id": 2, "modle": 1}, {"question": "explain", "term": "ttft", "id": 3}
    )
    assert run(["run", name]) == 2
    out, err = capsys.readouterr()
    first, second, third = map(json.loads, out.splitlines())
    assert (first["id"], first["exit_code"], first["question"]) == (1, 0, "size")
    message = "unknown argument of size 'modle'; did you mean model?"
    assert second == {"id": 2, "exit_code": 2, "error": {"kind": "usage", "message": message}}
    assert (third["id"], third["question"]) == (3, "explain")
    assert err == "error: 1 of 3 questions have no answer, the first on line 2\n"


def test_what_lines_end_with_and_what_stands_between_them(capsys: Capture) -> None:
    term = b'{"question": "explain", "term": "ttft"}'
    content = b"\xef\xbb\xbf" + term + b"\r\n\r\n  \n" + b"\xff\n" + b'{"id": "\xe2\x80\xa8"}\n' + term
    Path("q.jsonl").write_bytes(content)
    assert run(["run", "q.jsonl"]) == 2
    out, err = capsys.readouterr()
    assert [json.loads(line)["exit_code"] for line in out.splitlines()] == [0, 3, 2, 0]
    assert err == "error: 2 of 4 questions have no answer, the first on line 4\n"


def test_a_line_without_end_is_skipped(capsys: Capture) -> None:
    long = b'{"id": "' + b"x" * 5_000_000 + b'"}'
    Path("q.jsonl").write_bytes(long + b"\n" + json.dumps(SIZE).encode() + b"\n" + long)
    assert run(["run", "q.jsonl"]) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["exit_code"] for line in lines] == [3, 0, 3]
    assert "a line of more than" in lines[0]["error"]["message"]


def test_the_longest_line_is_read(capsys: Capture) -> None:
    from gpucost.api.batch import LONGEST_LINE

    term = b'{"question": "explain", "term": "ttft"'
    Path("q.jsonl").write_bytes(term + b" " * (LONGEST_LINE - len(term) - 1) + b"}\r\n" + term + b"}\n")
    assert run(["run", "q.jsonl"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_an_empty_file_asks_nothing(capsys: Capture) -> None:
    assert run(["run", write()]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_root_is_the_folder_of_the_file(here: Path, capsys: Capture) -> None:
    (here / "below").mkdir()
    question = {"question": "traffic", "file": "trace.csv"}
    assert run(["run", write(question, name="below/q.jsonl")]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "data"
    outside = {"question": "traffic", "file": "../trace.csv"}
    assert run(["run", write(outside, name="below/q.jsonl")]) == 2
    assert "is outside below" in json.loads(capsys.readouterr().out)["error"]["message"]
    assert run(["run", "below/q.jsonl", "--root", "."]) == 2
    assert run(["run", write(question, name="below/q.jsonl"), "--root", "."]) == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nope.jsonl"], 3, "nope.jsonl: No such file"),
        (["."], 3, "Is a directory"),
        (["questions.jsonl", "--root", "nope"], 2, "--root nope: No such file"),
        (["questions.jsonl", "--root", "trace.csv"], 2, "not a folder"),
        (["questions.jsonl", "--output", "nope/x"], 2, "--output nope/x: No such file"),
        (["questions.jsonl", "--output", "questions.jsonl"], 2, "is the file of the questions"),
        (["questions.jsonl", "--catalog", "nope.yaml"], 3, "no such catalogue file"),
    ],
)
def test_what_cannot_be_run(words: list[str], code: int, message: str, capsys: Capture) -> None:
    before = Path(write(SIZE)).read_bytes()
    assert run(["run", *words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert Path("questions.jsonl").read_bytes() == before


def test_answers_in_a_file(capsys: Capture) -> None:
    name = write(SIZE, {"question": "nope"})
    assert run(["run", name]) == 2
    shown = capsys.readouterr().out
    assert run(["run", name, "--output", "answers.jsonl"]) == 2
    assert capsys.readouterr().out == ""
    assert Path("answers.jsonl").read_bytes().decode() == shown


def spawned(*words: str, given: bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "gpucost", "run", *words],
        input=given,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_questions_from_stdin() -> None:
    done = spawned("-", given=json.dumps({"question": "traffic", "file": "trace.csv"}).encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["question"] == "traffic"


def test_an_answer_comes_before_the_next_question() -> None:
    words = [sys.executable, "-m", "gpucost", "run", "-"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in (1, 2):
            process.stdin.write(
                json.dumps({"question": "explain", "term": "ttft", "id": number}).encode() + b"\n"
            )
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_stream_that_shows_ascii_only() -> None:
    done = spawned(
        "-",
        given='{"id": "é€😀\\ud800", "question": "size", "params": 70}'.encode(),
        PYTHONIOENCODING="ascii",
        PYTHONUTF8="0",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    answer = json.loads(done.stdout)
    assert answer["id"] == "é€😀\ud800"
    assert "×" in json.dumps(answer, ensure_ascii=False)


@pytest.mark.skipif(os.name == "nt", reason="POSIX shell")
def test_a_closed_pipe_ends_quietly() -> None:
    name = write(*[SIZE] * 200)
    command = f"{sys.executable} -m gpucost run {name} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    first, code = done.stdout.splitlines()
    assert json.loads(first)["question"] == "size"
    assert (code, done.stderr) == ("0", "")
