"""Launch files for the plan of a scenario, from the numbers that it was computed with."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from gpucost.api.deploy_launch import QUANTISED_FOLDER, launch_of
from gpucost.api.flags import share, whole
from gpucost.api.ledger import Ledger
from gpucost.api.plan import MOST, Planned, planned
from gpucost.api.plan_bills import Costed
from gpucost.api.scenario import open_scenario
from gpucost.api.sizing import Load, longest_context
from gpucost.catalog.names import nearest, several
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.deployed import DeployFile, DeployResult, DeployTarget
from gpucost.domain.launch import Launch
from gpucost.domain.report import Report
from gpucost.domain.scenario import SCENARIO_FILE, Scenario
from gpucost.emit.files import TARGETS, launch_files
from gpucost.errors import UnknownNameError, UsageError


def deploy(
    *,
    scenario: Path | str = SCENARIO_FILE,
    deployment: str | None = None,
    target: Sequence[str] | str = (),
    engine_version: str | None = None,
    gpu_memory_utilization: float | None = None,
    max_model_len: int | None = None,
    catalog: Sequence[Path | str] | Catalog = (),
    today: date | None = None,
) -> Report:
    """Launch files of a scenario's plan: nothing is written, `result.files` holds their texts.

    `deployment` takes another plan than the recommended one, by the name that `plan` shows; `target` only
    some kinds of files; `engine_version` the syntax of another version of the engine.

    Raises UsageError for a question that cannot be asked and for values that a target cannot hold, DataError
    for a wrong scenario file. A report whose `answered_no` is true has no plan to launch.
    """
    share("--gpu-memory-utilization", gpu_memory_utilization)
    whole("--max-model-len", max_model_len, 1, 100_000_000)
    cat = opened(catalog)
    asked = open_scenario(scenario, cat)
    made = planned(cat, asked, today=today)
    if made.best is None:
        inputs = {"scenario": asked.name, "target": list(several(target)), "engine_version": engine_version}
        return Report("deploy", inputs, DeployResult(asked.name), answered_no=True)
    chosen = made.best if deployment is None else _named(made, deployment)
    if chosen is None and deployment is not None:
        chosen = _named(planned(cat, asked, today=today, keep=MOST), deployment)
    if chosen is None:
        known = list(dict.fromkeys(each.bill.deployment for each in made.found))
        near = nearest(str(deployment), known) or tuple(known[:8])
        raise UnknownNameError("--deployment", str(deployment), near)
    _checked(chosen, made.scenario, max_model_len)
    launch = launch_of(
        chosen,
        made.scenario,
        engine_version=engine_version,
        utilization=gpu_memory_utilization,
        max_model_len=max_model_len,
    )
    names = several(target)
    files, targets = _files(launch, names)
    ledger = chosen.setup.ledger
    _notes(ledger, chosen, launch, made.scenario if max_model_len is None else None)
    result = DeployResult(
        scenario=asked.name,
        deployment=chosen.bill.deployment,
        model=launch.model,
        quantization=launch.quantization,
        engine=launch.engine.value,
        engine_version=str(launch.engine_version),
        concurrency=launch.max_num_seqs,
        max_model_len=launch.max_model_len,
        gpu_memory_utilization=launch.gpu_memory_utilization,
        workers=_workers(launch),
        usd_per_month=chosen.usd,
        files=files,
        targets=targets,
    )
    return Report(
        question="deploy",
        inputs={"scenario": asked.name, "target": list(names), "engine_version": engine_version},
        result=result,
        evidence=ledger.evidence,
        notes=ledger.notes,
    )


def _named(made: Planned, deployment: str) -> Costed | None:
    """The cheapest plan at a deployment, `LABEL` or `LABEL in FORMAT`."""
    label, _, form = deployment.partition(" in ")
    return next(
        (
            each
            for each in made.found
            if each.bill.deployment == label and (not form or each.option.quantization.id == form)
        ),
        None,
    )


def _checked(chosen: Costed, scenario: Scenario, max_model_len: int | None) -> None:
    """Raises UsageError for a longest sequence that the plan cannot hold, or that is too short for it."""
    if max_model_len is None:
        return
    load = scenario.workload
    least = max(load.max_context or 0, load.input_tokens + load.output_tokens)
    if max_model_len < least:
        raise UsageError(
            f"--max-model-len must be at least the scenario's {least:,} tokens, not {max_model_len}"
        )
    held = longest_context(chosen.option.server.evaluation, Load(1, 1), max_model_len)
    if held < max_model_len:
        raise UsageError(
            f"--max-model-len {max_model_len}: the cache of {chosen.bill.deployment} holds {held:,} tokens "
            "beside the weights"
        )


def _notes(ledger: Ledger, chosen: Costed, launch: Launch, scenario: Scenario | None) -> None:
    """What a reader must know before launching; `scenario` where it sets the longest sequence."""
    if launch.model == QUANTISED_FOLDER:
        made = TARGETS["quantise"].unfit(launch) is None
        who = "quantise.py makes them" if made else "nothing here makes them"
        ledger.note(
            f"{QUANTISED_FOLDER} stands for weights in {launch.quantization}: {who}; "
            "a repository that has them can be the model of the scenario instead",
            "info" if made else "warning",
        )
    planned_with = chosen.option.server.evaluation.settings.utilization
    if launch.gpu_memory_utilization != planned_with:
        ledger.note(f"the plan was computed with {planned_with:g} of the card", "warning")
    if scenario is not None and scenario.workload.max_context is None:
        ledger.note(
            f"requests of more than {launch.max_model_len:,} tokens, prompt and answer, are refused: "
            "max_context or --max-model-len allows longer ones"
        )
    ledger.note("secrets are read from the environment and stand in no file")


def _workers(launch: Launch) -> str:
    if launch.scaling is None:
        return f"{launch.replicas} always on"
    return f"{launch.scaling.min_workers} to {launch.scaling.max_workers}, {launch.scaling.scaler}"


def _files(launch: Launch, names: Sequence[str]) -> tuple[tuple[DeployFile, ...], tuple[DeployTarget, ...]]:
    """The texts by target, and which targets have none. Raises UsageError, UnknownNameError."""
    for name in names:
        if name not in TARGETS:
            raise UnknownNameError("--target", name, nearest(name, list(TARGETS)) or tuple(TARGETS))
    files, targets = [], []
    for name, target in TARGETS.items():
        reason = target.unfit(launch) or ("for another provider" if target.elsewhere(launch) else "")
        wanted = name in names if names else not reason
        if not wanted:
            targets.append(DeployTarget(name, False, reason or "not asked for"))
            continue
        try:
            texts = launch_files(launch, (name,))
        except ValueError as error:
            raise UsageError(f"deploy: {error}") from None
        targets.append(DeployTarget(name, True, ""))
        files += [DeployFile(path, name, len(text.encode()), text) for path, text in texts.items()]
    return tuple(files), tuple(targets)
