"""The house rules: who imports whom, what is shipped, what a run loads, and documents that stay true."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from gpucost.catalog.store import load
from tests.repo import compiled, dist, documents

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "gpucost"
README = (ROOT / "README.md").read_text(encoding="utf-8")


class Layer(NamedTuple):
    """What a part of the package may import from gpucost, and from others."""

    own: frozenset[str]
    others: frozenset[str] = frozenset()


def _layer(own: str = "", others: str = "") -> Layer:
    return Layer(frozenset(own.split()), frozenset(others.split()))


LAYERS = {
    "units": _layer(),
    "errors": _layer(),
    "domain": _layer("units errors"),
    "calc": _layer("domain units errors", "numpy"),
    "catalog": _layer("domain units errors", "pydantic yaml"),
    "io": _layer("domain units errors", "huggingface_hub numpy duckdb"),
    "run": _layer("calc domain units errors", "numpy distributed"),
    "emit": _layer("domain units", "yaml"),
    "api": _layer("calc catalog io run emit domain units errors"),
    "view": _layer("domain units errors", "rich plotext"),
    "cli": _layer("api view catalog domain errors", "typer mcp"),
    "__main__": _layer("cli"),
    "__init__": _layer("api"),
}
"""`cli` takes the type of a report from `domain` to hand it from `api` to `view`."""
ONLY_IN = {"rich": {"view/to_rich.py"}, "plotext": {"view/plot.py"}, "mcp": {"cli/serve.py"}}


class Import(NamedTuple):
    """One import statement: the module that makes it and the full name that it asks for."""

    file: str
    layer: str
    name: str


def imports() -> Iterator[Import]:
    """Every import of the package, wherever in a module it stands."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        layer = file.removesuffix(".py").partition("/")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: relative import"
                base = node.module or ""
                names = [f"{base}.{alias.name}" for alias in node.names] if base == "gpucost" else [base]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            yield from (Import(file, layer, name) for name in names)


def _allowed(each: Import) -> bool:
    top, _, rest = each.name.partition(".")
    rule = LAYERS[each.layer]
    if top == "gpucost":
        inside = rest.partition(".")[0]
        return inside in rule.own | {each.layer, "", "__version__"}
    standard = top in sys.stdlib_module_names
    return standard or (top in rule.others and each.file in ONLY_IN.get(top, {each.file}))


def test_layers_import_only_what_they_may() -> None:
    found = list(imports())
    assert {each.layer for each in found} <= set(LAYERS)
    assert [f"{each.file}: {each.name}" for each in found if not _allowed(each)] == []


def test_modules_that_the_command_line_loads_by_name_exist() -> None:
    """`cli` loads commands and tables by name, which no import statement shows."""
    named = [
        word
        for path in (PACKAGE / "cli").glob("*.py")
        for word in re.findall(r'"(gpucost(?:\.\w+)+)"', path.read_text(encoding="utf-8"))
    ]
    assert named
    for name in named:
        assert (ROOT / (name.replace(".", "/") + ".py")).is_file(), name
        assert name.split(".")[1] in LAYERS["cli"].own | {"cli"}


def test_nobody_imports_click() -> None:
    """Typer carries its own; another one would answer to other classes."""
    assert [each.file for each in imports() if each.name.partition(".")[0] == "click"] == []


def test_no_module_is_called_utils() -> None:
    names = [path.stem for folder in ("gpucost", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert [name for name in names if name in ("utils", "util", "helpers", "misc")] == []


def test_the_tree_holds_no_copy_of_the_data() -> None:
    assert not (PACKAGE / "data").exists()
    assert not list((ROOT / "data").rglob("*.py"))


def test_the_compiled_catalogue_is_current() -> None:
    assert compiled.is_current(), compiled.REMEDY


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, and the wheel made from it, of a copy of the tree as a clone has it."""
    copy = tmp_path_factory.mktemp("clone") / "gpucost"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*dist.JUNK, "dist", "build", "*.egg-info"))
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(copy / "dist"), str(copy)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy / "dist"


def test_wheel_and_sdist_hold_what_they_should(built: Path) -> None:
    assert dist.check(built) == []


def test_the_check_of_the_wheel_sees_faults() -> None:
    bad = {"gpucost/__main__.py", "gpucost/data/make.py", "tests/__init__.py"}
    faults = dist.wheel_faults(bad)
    assert "wheel lacks gpucost/py.typed" in faults
    assert "wheel holds tests/__init__.py" in faults
    assert "wheel holds code below data: gpucost/data/make.py" in faults


def loaded(*words: str, home: Path) -> set[str]:
    """Modules that Python loads for these words beyond those of a bare interpreter."""

    def names(*arguments: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *arguments],
            cwd=ROOT,
            env=documents.environment(str(home)),
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        rows = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")]
        return {row[2].strip() for row in rows}

    return names(*words) - names("-c", "pass")


HEAVY = {"pydantic", "pydantic_core", "yaml", "rich", "numpy", "huggingface_hub", "click"}


def test_a_size_run_in_json_loads_no_heavy_module(tmp_path: Path) -> None:
    """Typer from 0.29 on converts parameters by pydantic; gpucost itself must not ask for it."""
    names = loaded("-m", "gpucost", "size", "--params", "70", "--format", "json", home=tmp_path)
    brought = {"pydantic", "pydantic_core"} if find_spec("typer._adapters") else set()
    assert "gpucost.calc.memory" in names
    assert {name for name in names if name.partition(".")[0] in HEAVY - brought} == set()
    unasked = ("gpucost.io.", "gpucost.view.to_rich", "gpucost.catalog.rows", "gpucost.catalog.compile")
    assert {name for name in names if name.startswith(unasked)} == set()


def test_a_question_from_python_loads_no_heavy_module(tmp_path: Path) -> None:
    names = loaded("-c", "import gpucost; gpucost.size(params=70)", home=tmp_path)
    assert "gpucost.calc.memory" in names
    assert {name for name in names if name.partition(".")[0] in HEAVY | {"typer"}} == set()


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_loads_nothing_else(flag: str, tmp_path: Path) -> None:
    names = loaded("-m", "gpucost", flag, home=tmp_path)
    assert {name for name in names if name.partition(".")[0] in ("gpucost", "typer")} <= {"gpucost"}


def test_the_readme_starts_with_two_commands_of_a_line_each() -> None:
    install, test = (block.strip() for block in documents.blocks(README, "sh"))
    assert "\n" not in install + test
    assert install.endswith("gpucost size --params 70 --quant awq")
    assert "pytest" in test
    for command in (install, test):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")


def _console() -> list[tuple[str, documents.Run]]:
    return [
        (path.relative_to(ROOT).as_posix(), run)
        for path in documents.documents()
        for block in documents.blocks(path.read_text(encoding="utf-8"), "console")
        for run in documents.runs(block)
    ]


needs_terminal = pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
REWRITE = "changed output? python -m tests.repo.documents --write"


@needs_terminal
@pytest.mark.parametrize(("file", "run"), _console(), ids=lambda part: getattr(part, "command", part))
def test_documents_show_what_the_commands_print(file: str, run: documents.Run) -> None:
    assert run.output.strip(), f"{file}: no output below the command. {REWRITE}"
    shown = "".join(f"{line.rstrip()}\n" for line in run.output.splitlines())
    assert documents.show(run.command) == shown, f"{file}: {REWRITE}"


@needs_terminal
@pytest.mark.parametrize("folder", documents.examples(), ids=lambda folder: folder.name)
def test_examples_give_what_they_say(folder: Path) -> None:
    expected = (folder / "expected.txt").read_text(encoding="utf-8")
    assert documents.show(documents.example_command(folder), notes=False) == expected, REWRITE


def test_the_readme_states_the_measured_accuracy() -> None:
    assert documents.with_tables(README) == README, REWRITE
    for name in documents.TABLES:
        assert f"<!-- {name}:begin -->\n|" in README
    assert documents.ACCURACY.read_text(encoding="utf-8") == documents.accuracy_page(), REWRITE


def _flags(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def _help(*words: str) -> str:
    """Help without its wrapping, so that no flag is cut."""
    words = (sys.executable, "-m", "gpucost", *words, "--help")
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout


QUESTIONS = (
    "init",
    "size",
    "throughput",
    "cost",
    "bill",
    "breakeven",
    "compare",
    "simulate",
    "traffic",
    "check",
    "diff",
    "run",
    "serve",
    "train",
    "plan",
    "deploy",
)


def test_the_readme_names_every_flag_and_no_other() -> None:
    grammar = README.partition("## Grammar")[2].partition("## Output")[0]
    known = [_flags(_help(word).partition("Options:")[2]) for word in QUESTIONS]
    assert _flags(grammar) == set().union(*known) - {"--help"}


def test_the_readme_names_every_command() -> None:
    listed = set(re.findall(r"^  (\w+) ", _help().partition("Commands:")[2], re.MULTILINE))
    assert set(re.findall(r"^\| `gpucost (\w+)", README, re.MULTILINE)) == listed


def test_the_python_of_the_readme_runs() -> None:
    (block,) = documents.blocks(README, "python")
    words = [sys.executable, "-c", block]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+ \d+\n", done.stdout)


def test_links_of_the_documents_lead_somewhere() -> None:
    for path in documents.documents():
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_first_word_of_every_documented_command_is_known() -> None:
    commands = [shlex.split(run.command)[:2] for _, run in _console()]
    assert commands
    assert {words[0] for words in commands} == {"gpucost"}


def _recipes() -> list[str]:
    return documents.blocks((ROOT / "data" / "README.md").read_text(encoding="utf-8"), "yaml")


def test_the_recipes_of_the_data_load_as_overlays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPUCOST_CATALOG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = []
    for number, block in enumerate(_recipes()):
        files.append(tmp_path / f"recipe-{number}.yaml")
        files[-1].write_text(block, encoding="utf-8")
    assert len(files) == 10
    catalog = load(tuple(files))
    assert catalog.source("example-gpu-datasheet").publisher == "The vendor"
    assert catalog.entry("gpus", "l4-24gb")["file"].endswith("recipe-1.yaml")


def test_the_units_of_the_data_are_those_of_the_rows() -> None:
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Fields")[2].partition("\n## ")[0]
    rows = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "catalog").glob("rows*.py"))
    named = {
        word.rpartition(".")[2]
        for line in table.splitlines()
        if line.startswith("| `")
        for word in re.findall(r"`([\w.\[\]]+)`", line.split("|")[2])
    }
    assert {name for name in named if f"{name}:" not in rows} == set()
    assert set(re.findall(r'"(usd_per_\w+)",', rows)) <= named
