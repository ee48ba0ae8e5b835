"""The jobs of `examples/ci` run as they stand: their shell steps run here, with the runner's variables."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repo import documents

ROOT = Path(__file__).resolve().parents[1]
CI = ROOT / "examples" / "ci"
SCENARIO = "examples/ci/gpucost.yaml"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the jobs run in a POSIX shell")


def read(name: str) -> Any:
    return yaml.safe_load((CI / name).read_text(encoding="utf-8"))


def steps(name: str) -> list[dict[str, Any]]:
    if name == "action.yml":
        found: list[dict[str, Any]] = read(name)["runs"]["steps"]
        return found
    (job,) = read(name)["jobs"].values()
    return list(job["steps"])


def step(name: str, title: str) -> str:
    (found,) = [each["run"] for each in steps(name) if each.get("name") == title]
    return str(found)


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """Variables of a runner, with stand-ins for the programs that reach out."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (
        ("gpucost", f'exec "{sys.executable}" -m gpucost "$@"'),
        ("gh", f'echo "$@" >> "{tmp_path}/gh.txt"'),
        ("git", f'echo "$@" >> "{tmp_path}/git.txt"; cat "{tmp_path}/examples/ci/gpucost.lock"'),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    variables = documents.environment(str(tmp_path))
    shutil.copytree(CI, tmp_path / "examples" / "ci")
    (tmp_path / "examples" / "ci" / "gpucost.lock").write_text(fresh(), encoding="utf-8")
    return {
        **variables,
        "PATH": f"{programs}{os.pathsep}{variables['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "SCENARIO": SCENARIO,
        "LOCK": "examples/ci/gpucost.lock",
        "BASE_LOCK": "",
        "FROZEN": "true",
    }


@cache
def fresh() -> str:
    """The lock as it would be written now: whether the one of the example is current is asked once."""
    return documents.fresh_lock(CI / "gpucost.lock")


def bash(script: str, shell: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As GitHub's `shell: bash` and GitLab's runner call it."""
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        words, env=shell, cwd=shell["RUNNER_TEMP"], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("lock", documents.locks(), ids=lambda path: path.parent.name)
def test_the_locks_are_current(lock: Path) -> None:
    remedy = "the catalogue or the answer changed? python -m tests.repo.documents --write"
    assert lock.read_text(encoding="utf-8") == documents.fresh_lock(lock), remedy


@pytest.mark.parametrize("name", ["action.yml", "github-actions.yml"])
def test_no_expression_reaches_a_script(name: str) -> None:
    for each in steps(name):
        assert "${{" not in each.get("run", ""), "values go through env"
        if name == "action.yml":
            assert each["shell"] == "bash"


def test_the_workflow_gives_the_action_what_it_takes() -> None:
    action = read("action.yml")
    used = next(each for each in steps("github-actions.yml") if each.get("uses") == "./examples/ci")
    assert set(used["with"]) <= set(action["inputs"])
    assert (ROOT / used["with"]["scenario"]).is_file()
    text = (CI / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(action["inputs"])
    assert read("github-actions.yml")["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_the_action_installs_what_it_is_asked_for(shell: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bin" / "python3").write_text(
        '#!/bin/sh\nmkdir -p "$3/bin"\ncp "$RUNNER_TEMP/bin/pip" "$3/bin/pip"\n',
        encoding="utf-8",
    )
    (tmp_path / "bin" / "pip").write_text(
        '#!/bin/sh\necho "$@" >> "$RUNNER_TEMP/pip.txt"\n', encoding="utf-8"
    )
    for name in ("python3", "pip"):
        (tmp_path / "bin" / name).chmod(0o755)
    script = step("action.yml", "Install gpucost")
    for version in ("", "0.1.0; rm -rf /"):
        given = {
            **shell,
            "VERSION": version,
            "CHECKOUT": f"{CI}/../..",
            "GITHUB_PATH": str(tmp_path / "path"),
        }
        done = bash(script, given)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "pip.txt").read_text(encoding="utf-8").splitlines() == [
        f"install --quiet {CI}/../..",
        "install --quiet gpucost==0.1.0; rm -rf /",
    ]


def test_the_action_checks_and_comments(shell: dict[str, str], tmp_path: Path) -> None:
    base = step("github-actions.yml", "Lock of the branch that this one goes to")
    assert bash(base, {**shell, "BASE": "0123abc"}).returncode == 0
    assert (tmp_path / "git.txt").read_text(encoding="utf-8") == "show 0123abc:examples/ci/gpucost.lock\n"
    given = {**shell, "BASE_LOCK": str(tmp_path / "base.lock")}
    done = bash(step("action.yml", "Check the budgets"), given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("::notice title=gpucost check::") == 2
    body = tmp_path / "gpucost-comment.md"
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == body.read_text(encoding="utf-8")
    assert f"comment={body}" in (tmp_path / "output").read_text(encoding="utf-8")
    script = step("action.yml", "Comment on the pull request")
    assert bash(script, {**shell, "BODY": str(body), "NUMBER": "7"}).returncode == 0
    assert (tmp_path / "gh.txt").read_text(encoding="utf-8").startswith("pr comment 7 --body-file")


@pytest.mark.parametrize("frozen", ["true", "false"])
def test_the_action_fails_on_a_broken_limit(shell: dict[str, str], tmp_path: Path, frozen: str) -> None:
    text = (ROOT / SCENARIO).read_text(encoding="utf-8").replace("usd_per_month: 300", "usd_per_month: 3")
    (tmp_path / SCENARIO).write_text(text, encoding="utf-8")
    done = bash(step("action.yml", "Check the budgets"), {**shell, "FROZEN": frozen})
    assert done.returncode == 1, done.stderr
    line = text.splitlines().index(next(each for each in text.splitlines() if "usd_per_month: 3" in each)) + 1
    assert f"::error file={SCENARIO},line={line},title=chat usd_per_month broken::" in done.stdout


def test_the_gitlab_job(shell: dict[str, str], tmp_path: Path) -> None:
    (job,) = read("gitlab-ci.yml").values()
    assert job["variables"] == {name: shell[name] for name in ("SCENARIO", "LOCK")}
    done = bash("\n".join(job["script"]), shell)
    assert done.returncode == 0, done.stdout + done.stderr
    reported = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]
    assert all((tmp_path / name).stat().st_size for name in reported)


def test_the_busier_scenario_differs_in_its_traffic_alone() -> None:
    one, other = (
        (CI / name).read_text(encoding="utf-8").splitlines() for name in ("gpucost.yaml", "busier.yaml")
    )
    assert [(a, b) for a, b in zip(one, other, strict=True) if a != b] == [
        ("      requests_per_day: 20000", "      requests_per_day: 60000")
    ]
