"""`gpucost deploy`."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from gpucost.cli.options import CatalogOption, FieldOption, Format, FormatOption, SourcesOption
from gpucost.cli.output import emit
from gpucost.cli.plan import ScenarioArgument
from gpucost.domain.deployed import DeployFile
from gpucost.domain.scenario import SCENARIO_FILE
from gpucost.errors import UsageError

SCRIPT = 0o755


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("deploy")(deploy)


def deploy(
    scenario: ScenarioArgument = SCENARIO_FILE,
    output: Annotated[
        Path | None, Option("--output", "-o", help="Folder for the files; without it they are only listed.")
    ] = None,
    force: Annotated[bool, Option("--force", help="Overwrite files that are there.")] = False,
    target: Annotated[
        list[str] | None,
        Option(
            help="Only these: command, download, quantise, compose, kubernetes, monitoring, runpod, "
            "sagemaker, modal, replicate; repeatable."
        ),
    ] = None,
    deployment: Annotated[str | None, Option(help="Another plan than the recommended one.")] = None,
    engine_version: Annotated[str | None, Option(help="Syntax of this version of the engine.")] = None,
    gpu_memory_utilization: Annotated[float | None, Option(help="The engine's share of the card.")] = None,
    max_model_len: Annotated[
        int | None, Option(help="Longest sequence [tokens]; the scenario's otherwise.")
    ] = None,
    format: FormatOption = Format.TABLE,
    sources: SourcesOption = False,
    field: FieldOption = None,
    catalog: CatalogOption = None,
) -> None:
    """Launch files for the plan of a scenario: engine command, containers, endpoints, monitoring.

    Writes nothing outside of --output, and overwrites nothing without --force. Secrets are read from the
    environment.
    """
    from gpucost.api.deploy import deploy as answer

    report = answer(
        scenario=scenario,
        deployment=deployment,
        target=tuple(target or ()),
        engine_version=engine_version,
        gpu_memory_utilization=gpu_memory_utilization,
        max_model_len=max_model_len,
        catalog=tuple(catalog or ()),
    )
    if output is not None and not report.answered_no:
        _write(output, report.result.files, force=force)
        report = report._replace(result=report.result._replace(folder=str(output)))
    emit(report, "deploy", format=format, sources=sources, field=field)


def _write(folder: Path, files: tuple[DeployFile, ...], *, force: bool) -> None:
    """Writes the files below a folder; none where one is there already or leads out. Raises UsageError."""
    root = folder.resolve()
    wanted = [(root / each.path, each.text) for each in files]
    there = [path for path, _ in wanted if path.exists() or path.is_symlink()]
    if there and not force:
        names = ", ".join(str(path.relative_to(root)) for path in there[:4])
        more = f" and {len(there) - 4} more" if len(there) > 4 else ""
        raise UsageError(f"--output {folder}: {names}{more} is there already; --force overwrites")
    try:
        for path, _ in wanted:
            _inside(root, path)
        for path, text in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink():
                path.unlink()  # a link could lead out of the folder
            path.write_text(text, encoding="utf-8", newline="\n")
            if path.suffix == ".sh":
                path.chmod(SCRIPT)
    except OSError as error:
        raise UsageError(f"--output {folder}: {error.strerror or error}") from None


def _inside(root: Path, path: Path) -> None:
    """Raises UsageError where a folder on the way leads out of the root."""
    if not path.parent.resolve().is_relative_to(root):
        raise UsageError(f"--output: {path.parent} leads out of {root}")
