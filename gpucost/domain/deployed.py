"""What `deploy` answers; field names are the JSON names."""

from typing import NamedTuple


class DeployFile(NamedTuple):
    """One launch file."""

    path: str
    """Below the folder that is asked for; fixed names, none from the scenario."""
    what: str
    """The target that it belongs to."""
    bytes: int
    text: str


class DeployTarget(NamedTuple):
    """A target with files, or why it has none."""

    target: str
    written: bool
    reason: str


class DeployResult(NamedTuple):
    """The answer of `deploy`; None and empty where no plan keeps every limit."""

    scenario: str
    deployment: str | None = None
    model: str | None = None
    quantization: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    concurrency: int | None = None
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    workers: str | None = None
    """How many run, in words."""
    usd_per_month: float | None = None
    files: tuple[DeployFile, ...] = ()
    targets: tuple[DeployTarget, ...] = ()
    folder: str | None = None
    """Where the files were written; None where they were only made."""
