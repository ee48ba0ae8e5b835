"""Collects the evidence and notes of an answer while it is worked out."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from gpucost.catalog.store import Catalog
from gpucost.domain.provenance import Confidence, Evidence
from gpucost.domain.report import Note


class Ledger:
    """Evidence by field: the first statement wins, and binds if any does; notes without repetition."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._evidence: dict[str, Evidence] = {}
        self._notes: dict[str, Note] = {}

    def cite(
        self,
        field: str,
        value: float | int | str,
        unit: str,
        source: str,
        *,
        as_of: str | None = None,
        confidence: Confidence | None = None,
        binding: bool = True,
        note: str = "",
    ) -> None:
        """Record a catalogue number and its source."""
        first = self._evidence.get(field)
        if first is not None:
            if binding and not first.binding:
                self._evidence[field] = first._replace(binding=True)
            return
        known = self.catalog.source(source)
        self._evidence[field] = Evidence(
            field=field,
            value=value,
            unit=unit,
            source=source,
            title=known.title,
            address=known.address,
            as_of=as_of or known.as_of,
            confidence=confidence or known.confidence,
            binding=binding,
            note=note,
        )

    def add(self, evidence: Iterable[Evidence]) -> None:
        """Record what another ledger cites."""
        for each in evidence:
            first = self._evidence.setdefault(each.field, each)
            if each.binding and not first.binding:
                self._evidence[each.field] = first._replace(binding=True)

    def binds(self, field: str) -> bool:
        """Whether a number is cited already as one that moves the answer."""
        known = self._evidence.get(field)
        return known is not None and known.binding

    def loosen(self, field: str) -> None:
        """Mark a cited number as one that cannot move this answer."""
        if field in self._evidence:
            self._evidence[field] = self._evidence[field]._replace(binding=False)

    def user(self, flag: str, value: float | int | str, unit: str = "") -> None:
        """Record a number that the user gave."""
        self._evidence.setdefault(
            flag,
            Evidence(
                field=flag,
                value=value,
                unit=unit,
                source="user",
                title="given by the user",
                address="",
                as_of="",
                confidence=Confidence.USER,
            ),
        )

    def cite_row(
        self,
        field: str,
        row: Mapping[str, Any],
        source: str,
        *,
        skip: Container[str] = (),
        only: Container[str] | None = None,
    ) -> None:
        """Record every number of a row, nested ones by their path; `only` keeps those of these names."""
        for key, value in row.items():
            if key in skip:
                continue
            path = f"{field}.{key}"
            if isinstance(value, (bool, int, float)):
                if only is None or key in only:
                    self.cite(path, int(value) if isinstance(value, bool) else value, "", source)
            elif isinstance(value, Mapping):
                self.cite_row(path, value, source, only=only)
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, Mapping):
                        self.cite_row(f"{path}.{index}", item, source, only=only)

    def note(self, text: str, level: str = "info") -> None:
        """Record something the reader must know, once."""
        if text:
            self._notes.setdefault(text, Note(text, level))

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All evidence in the order of use."""
        return tuple(self._evidence.values())

    @property
    def notes(self) -> tuple[Note, ...]:
        """All notes, warnings first."""
        return tuple(sorted(self._notes.values(), key=lambda note: note.level == "info"))
