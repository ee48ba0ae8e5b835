"""The memory model of training with the catalogue's constants, and its measured cases."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gpucost.api.training_cases import model_of, setup_of
from gpucost.calc.training_memory import Counted, TrainingMemory, TrainingMemoryConstants, training_memory
from gpucost.catalog.names import resolve_model
from gpucost.catalog.store import Catalog
from gpucost.domain.model import Model
from gpucost.domain.training import TrainingSetup

PREFIX = "memory-"
COUNTED: Mapping[str, Counted] = {
    "torch-allocated": "allocated",
    "torch-active": "allocated",
    "torch-reserved": "reserved",
}
"""What a row's metric counts; a peak of unknown kind is read as the device's."""


def training_memory_constants(catalog: Catalog) -> TrainingMemoryConstants:
    """The constants of the catalogue."""
    rows = {entry["row"]["id"]: entry["row"] for entry in catalog.sections["training_constants"]}
    return TrainingMemoryConstants(
        *(rows[PREFIX + name.replace("_", "-")]["value"] for name in TrainingMemoryConstants._fields)
    )


class MemoryCase(NamedTuple):
    """A measured peak with the question that it answers."""

    row: Mapping[str, Any]
    model: Model
    setup: TrainingSetup
    counted: Counted

    def predicted(self, constants: TrainingMemoryConstants) -> TrainingMemory:
        """What the model says."""
        return training_memory(self.model, self.setup, constants, counted=self.counted)


def memory_cases(catalog: Catalog) -> Iterator[MemoryCase]:
    """Measured peaks of runs that can be reproduced."""
    for entry in catalog.sections["training_runs"]:
        row = entry["row"]
        if row["use"] == "none" or "peak_gib" not in row or "micro_batch" not in row:
            continue
        model = resolve_model(catalog, row["model"]).model
        yield MemoryCase(row, model_of(row, model), setup_of(row), COUNTED.get(row["metric"], "device"))
