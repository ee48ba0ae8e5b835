"""`gpucost plan` and `gpucost deploy` as they are typed."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema
import pytest
import yaml

from gpucost.api.schema import schema
from gpucost.cli.app import run
from gpucost.cli.deploy import deploy as command
from gpucost.emit.files import TARGETS
from tests.api.scenarios import CHAT, LLAMA, QUIET, changed, written

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "06-plan" / "gpucost.yaml"
EXAMPLES = list(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["scenarios"])
SMALL = changed(CHAT, constraints={"providers": ["runpod"], "gpus": ["l40s", "rtx-4090"]})
NOTHING = changed(SMALL, constraints={"max_usd_per_month": 1.0})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scenarios in the working directory: one that has a plan, one that scales, one that has none."""
    monkeypatch.chdir(tmp_path)
    baseline = {"gpu": "h100-sxm", "usd_per_hour": 2.99, "concurrency": 16}
    return written(tmp_path, chat={**SMALL, "baseline": baseline}, quiet=QUIET, nothing=NOTHING)


def answer(capsys: Capture, *words: str, code: int = 0) -> dict[str, Any]:
    assert run([*words, "--format", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, schema(words[0]))
    return found


class TestAnswers:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("plan", "gpucost.yaml:chat"), 0),
            (("plan", "gpucost.yaml:chat", "--baseline"), 0),
            (("plan", "gpucost.yaml:quiet", "--top", "3"), 0),
            (("plan", "gpucost.yaml:nothing"), 1),
            (("deploy", "gpucost.yaml:chat"), 0),
            (("deploy", "gpucost.yaml:quiet", "--target", "command"), 0),
            (("deploy", "gpucost.yaml:nothing"), 1),
        ],
    )
    def test_every_format(self, words: tuple[str, ...], code: int, file: Path, capsys: Capture) -> None:
        answer(capsys, *words, code=code)
        assert run(list(words)) == code
        assert "─" in capsys.readouterr().out
        assert run([*words, "--format", "csv"]) == code
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert bool(rows) == (code == 0)
        assert run([*words, "--format", "markdown"]) == code
        assert "---" in capsys.readouterr().out

    def test_csv_has_the_names_of_json(self, file: Path, capsys: Capture) -> None:
        found = answer(capsys, "plan", "gpucost.yaml:chat")["result"]["plans"]
        assert run(["plan", "gpucost.yaml:chat", "--format", "csv"]) == 0
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert len(rows) == len(found)
        assert set(rows[0]) <= set(found[0])
        assert [float(row["usd_per_month"]) for row in rows] == [row["usd_per_month"] for row in found]

    @pytest.mark.parametrize(
        ("words", "field", "expected"),
        [
            (("plan", "gpucost.yaml:chat"), "result.recommendation.gpu", "rtx-4090-24gb"),
            (("plan", "gpucost.yaml:nothing"), "result.recommendation", ""),
            (("deploy", "gpucost.yaml:chat"), "result.files.0.path", "serve.sh"),
        ],
    )
    def test_one_value(
        self, words: tuple[str, ...], field: str, expected: str, file: Path, capsys: Capture
    ) -> None:
        run([*words, "--field", field])
        assert capsys.readouterr().out.strip() == (expected or "null")

    def test_a_wrong_field_says_so(self, file: Path, capsys: Capture) -> None:
        assert run(["plan", "gpucost.yaml:chat", "--field", "result.recommendation.gpus"]) == 2
        assert "--field" in capsys.readouterr().err

    def test_the_file_may_hold_one_scenario_alone(self, tmp_path: Path, capsys: Capture) -> None:
        (tmp_path / "one").mkdir()
        path = written(tmp_path / "one", only=SMALL)
        assert answer(capsys, "plan", str(path))["result"]["scenario"] == "only"

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_the_examples_have_plans(self, name: str, capsys: Capture) -> None:
        found = answer(capsys, "plan", f"{EXAMPLE}:{name}")["result"]
        assert found["recommendation"]["usd_per_month"] == found["plans"][0]["usd_per_month"]
        assert answer(capsys, "deploy", f"{EXAMPLE}:{name}")["result"]["files"]


class TestGuides:
    """What two decision guides say, and what the numbers say; `examples/06-plan/README.md` explains it."""

    @pytest.mark.parametrize(
        ("name", "field", "expected"),
        [
            ("guide-70b", "gpu", "l40s-48gb"),
            ("guide-70b", "gpus_per_worker", 1),
            ("guide-8b", "gpu", "rtx-4090-24gb"),
            ("flex-first", "billing", "flex"),
            ("agents", "gpu", "l40s-48gb"),
            ("format-hopper", "quantization", "fp8"),
            ("format-ada", "quantization", "fp8"),
            ("format-ampere", "quantization", "bf16"),
            ("chain-70b", "gpu", "rtx-6000-ada-48gb"),
        ],
    )
    def test_recommendations(self, name: str, field: str, expected: object, capsys: Capture) -> None:
        found = answer(capsys, "plan", f"{EXAMPLE}:{name}")["result"]["recommendation"]
        assert found[field] == expected

    def test_the_margin_of_the_cache_is_tight(self, capsys: Capture) -> None:
        found = answer(capsys, "plan", f"{EXAMPLE}:guide-70b")["result"]["plans"][0]
        assert 2 < found["max_concurrency"] < 6

    def test_active_workers_win_with_more_traffic(self, capsys: Capture) -> None:
        changes = answer(capsys, "plan", f"{EXAMPLE}:flex-first")["result"]["changes"]
        above = next(each for each in changes if each["what"] == "traffic" and "above" in each["text"])
        assert above["then"].startswith("runpod/active/")

    def test_the_chain_from_the_start_to_the_plan(self, capsys: Capture) -> None:
        """1.87 USD per million, 63 % less by cards and format; a month that is half empty takes it back."""
        found = answer(capsys, "plan", f"{EXAMPLE}:chain-70b", "--baseline")["result"]
        steps = {each["step"]: each for each in found["waterfall"]}
        assert steps["baseline"]["usd_per_million_tokens"] == pytest.approx(1.8664, abs=1e-4)
        assert -0.75 < steps["quantization"]["delta"] < -0.55
        assert -0.45 < steps["speculation"]["delta"] < 0
        assert steps["billing"]["usd_per_million_tokens"] > 1.866
        flex = next(each for each in found["plans"] if each["billing"] == "flex")
        assert flex["usd_per_month"] > 2 * found["plans"][0]["usd_per_month"]


class TestExitCodes:
    @pytest.mark.parametrize(
        ("words", "code", "says"),
        [
            (("plan",), 2, "gpucost.yaml holds 3 scenarios; name one of"),
            (("plan", "gpucost.yaml:cha"), 2, "did you mean chat"),
            (("plan", "gpucost.yml"), 3, "gpucost.yml"),
            (("plan", "absent.yaml:chat"), 3, "absent.yaml"),
            (("plan", "."), 3, ""),
            (("plan", ""), 3, ""),
            (("plan", "gpucost.yaml:chat", "--top", "0"), 2, "--top"),
            (("plan", "gpucost.yaml:chat", "--top", "-1"), 2, "--top"),
            (("plan", "gpucost.yaml:chat", "--top", "many"), 2, "--top"),
            (("plan", "gpucost.yaml:quiet", "--baseline"), 2, "has no baseline"),
            (("plan", "gpucost.yaml:chat", "--basline"), 2, "--baseline"),
            (("plan", "gpucost.yaml:chat", "--catalog", "absent.yaml"), 3, "absent.yaml"),
            (("deploy", "gpucost.yaml:chat", "--target", "docker-compose"), 2, "did you mean compose"),
            (("deploy", "gpucost.yaml:chat", "--target", "quantise"), 2, "no recipe for bf16"),
            (("deploy", "gpucost.yaml:chat", "--deployment", "runpod/secure/l40"), 2, "did you mean"),
            (("deploy", "gpucost.yaml:chat", "--engine-version", "99.9"), 0, ""),
            (("deploy", "gpucost.yaml:chat", "--engine-version", "new"), 0, ""),
            (
                ("deploy", "gpucost.yaml:chat", "--gpu-memory-utilization", "1.5"),
                2,
                "--gpu-memory-utilization",
            ),
            (("deploy", "gpucost.yaml:chat", "--gpu-memory-utilization", "0"), 2, "--gpu-memory-utilization"),
            (("deploy", "gpucost.yaml:chat", "--max-model-len", "0"), 2, "--max-model-len"),
            (("deploy", "gpucost.yaml:chat", "--max-model-len", "99999999"), 2, "beside the weights"),
        ],
    )
    def test_exit_codes(
        self, words: tuple[str, ...], code: int, says: str, file: Path, capsys: Capture
    ) -> None:
        assert run(list(words)) == code
        assert says in " ".join(capsys.readouterr().err.split())

    def test_all_faults_of_a_file_at_once(self, tmp_path: Path, capsys: Capture) -> None:
        path = tmp_path / "wrong.yaml"
        path.write_text(
            "version: 1\nscenarios:\n  chat:\n    models: [{model: Lama-3.1-8B, quantizations: [apq]}]\n"
            "    workload: {input_tokens: 0, output_tokens: 250, requests_per_dy: 5}\n"
            "    constraints: {gpus: [l4os], engines: [vlm], providers: [rumpod], billing: [flexx]}\n",
            encoding="utf-8",
        )
        assert run(["plan", str(path)]) == 3
        shown = capsys.readouterr().err
        for line, near in (
            (4, "Llama-3.1-8B"),
            (4, "awq"),
            (5, "requests_per_day"),
            (6, "L40S"),
            (6, "vllm"),
        ):
            assert any(f"wrong.yaml:{line}:" in each and near in each for each in shown.splitlines()), near
        assert "runpod" in shown
        assert "flex" in shown

    def test_an_empty_list_of_models(self, tmp_path: Path, capsys: Capture) -> None:
        path = written(tmp_path, one={**SMALL, "models": []})
        assert run(["plan", str(path)]) == 3
        assert "models: write at least one" in capsys.readouterr().err


class TestFiles:
    def test_they_are_written_below_the_folder_alone(self, file: Path, capsys: Capture) -> None:
        before = {each.name for each in file.parent.iterdir()}
        assert run(["deploy", "gpucost.yaml:chat", "--output", "out/deep"]) == 0
        assert "written below out/deep" in " ".join(capsys.readouterr().out.split())
        found = {
            each.relative_to("out/deep").as_posix() for each in Path("out/deep").rglob("*") if each.is_file()
        }
        listed = answer(capsys, "deploy", "gpucost.yaml:chat")["result"]["files"]
        assert found == {each["path"] for each in listed}
        assert {each.name for each in file.parent.iterdir()} == before | {"out"}
        for each in listed:
            assert Path("out/deep", each["path"]).read_text(encoding="utf-8") == each["text"]
        assert os.access("out/deep/serve.sh", os.X_OK)

    def test_nothing_is_overwritten_without_force(self, file: Path, capsys: Capture) -> None:
        Path("out").mkdir()
        Path("out/compose.yaml").write_text("mine", encoding="utf-8")
        assert run(["deploy", "gpucost.yaml:chat", "--output", "out"]) == 2
        shown = capsys.readouterr().err
        assert "compose.yaml" in shown
        assert "--force" in shown
        assert [each.name for each in Path("out").iterdir()] == ["compose.yaml"]
        assert Path("out/compose.yaml").read_text(encoding="utf-8") == "mine"
        assert run(["deploy", "gpucost.yaml:chat", "--output", "out", "--force"]) == 0
        assert Path("out/compose.yaml").read_text(encoding="utf-8") != "mine"

    def test_a_link_in_the_folder_is_replaced_and_not_followed(self, file: Path) -> None:
        Path("out").mkdir()
        Path("elsewhere").write_text("mine", encoding="utf-8")
        Path("out/serve.sh").symlink_to(Path("elsewhere").resolve())
        assert run(["deploy", "gpucost.yaml:chat", "--output", "out"]) == 2
        assert run(["deploy", "gpucost.yaml:chat", "--output", "out", "--force"]) == 0
        assert Path("elsewhere").read_text(encoding="utf-8") == "mine"
        assert not Path("out/serve.sh").is_symlink()

    def test_a_folder_that_leads_out_is_refused_before_anything_is_written(
        self, file: Path, capsys: Capture
    ) -> None:
        Path("out").mkdir()
        Path("elsewhere").mkdir()
        Path("out/monitoring").symlink_to(Path("elsewhere").resolve())
        for force in ((), ("--force",)):
            assert run(["deploy", "gpucost.yaml:chat", "--output", "out", *force]) == 2
            assert "leads out of" in capsys.readouterr().err
        assert [each.name for each in Path("out").iterdir()] == ["monitoring"]
        assert list(Path("elsewhere").iterdir()) == []

    def test_a_file_where_the_folder_should_be(self, file: Path, capsys: Capture) -> None:
        Path("out").write_text("mine", encoding="utf-8")
        for force in ((), ("--force",)):
            assert run(["deploy", "gpucost.yaml:chat", "--output", "out", *force]) == 2
            assert "--output out" in capsys.readouterr().err
        assert Path("out").read_text(encoding="utf-8") == "mine"

    def test_a_folder_where_a_file_should_be(self, file: Path, capsys: Capture) -> None:
        Path("out/serve.sh").mkdir(parents=True)
        assert run(["deploy", "gpucost.yaml:chat", "--output", "out", "--force"]) == 2
        assert "--output out" in capsys.readouterr().err

    @pytest.mark.skipif(os.geteuid() == 0, reason="everything is writable for root")
    def test_a_folder_that_nobody_may_write_to(self, file: Path, capsys: Capture) -> None:
        Path("out").mkdir(mode=0o500)
        assert run(["deploy", "gpucost.yaml:chat", "--output", "out"]) == 2
        assert "Permission denied" in capsys.readouterr().err

    def test_no_plan_writes_nothing(self, file: Path) -> None:
        assert run(["deploy", "gpucost.yaml:nothing", "--output", "out"]) == 1
        assert not Path("out").exists()

    def test_hostile_owners_stay_in_their_files(self, tmp_path: Path, capsys: Capture) -> None:
        model = {"model": "../../x; touch pwned $(id)/Llama-3.1-8B-Instruct", "quantizations": ["bf16"]}
        path = written(tmp_path, one={**SMALL, "models": [model]})
        assert run(["deploy", str(path), "--output", str(tmp_path / "out")]) == 0
        assert all(each.is_relative_to(tmp_path / "out") for each in (tmp_path / "out").rglob("*"))
        subprocess.run(["bash", "-n", tmp_path / "out" / "serve.sh"], check=True)

    def test_help_names_every_target(self) -> None:
        help_text = get_type_hints(command, include_extras=True)["target"].__metadata__[0].help
        assert all(name in help_text for name in TARGETS)


class TestScreens:
    def test_pipes_are_plain_and_repeatable(self, file: Path) -> None:
        words = [sys.executable, "-m", "gpucost", "plan", "gpucost.yaml:quiet", "--format", "json"]
        first, second = (
            subprocess.run(words, capture_output=True, check=True, cwd=file.parent).stdout for _ in range(2)
        )
        assert first == second
        assert b"\x1b" not in first

    def test_a_closed_pipe_ends_quietly(self, file: Path) -> None:
        words = f"{sys.executable} -m gpucost plan gpucost.yaml:chat | head -n 1"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", words],
            capture_output=True,
            text=True,
            check=False,
            cwd=file.parent,
        )
        assert done.stdout.count("\n") == 1
        assert "Traceback" not in done.stderr

    def test_no_colour_where_none_is_wanted(
        self, file: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert run(["plan", "gpucost.yaml:chat"]) == 0
        assert "\x1b[3" not in capsys.readouterr().out

    def test_reasons_are_sentences_with_the_numbers_of_the_plan(self, file: Path, capsys: Capture) -> None:
        found = answer(capsys, "plan", "gpucost.yaml:chat")["result"]
        best, reasons = found["plans"][0], found["recommendation"]["reasons"]
        assert f"{best['usd_per_month']:,.2f} USD per month" in reasons[0]
        assert best["deployment"] in reasons[0]
        assert any("keeps ttft:p95<=1s" in each for each in reasons)
        assert any("a hosted API would be cheaper" in each for each in reasons)
        assert found["apis"][0]["usd_per_month"] < best["usd_per_month"]
        assert LLAMA.startswith(best["model"])
