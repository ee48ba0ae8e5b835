"""What does a word of the answers mean?"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gpucost.catalog.names import nearest, squeeze
from gpucost.catalog.store import Catalog, opened
from gpucost.domain.report import Report
from gpucost.errors import UnknownNameError


class Term(NamedTuple):
    """A word, explained."""

    id: str
    meaning: str
    formula: str | None
    code: str | None
    """Name in JSON and in code."""
    see: tuple[str, ...]


class TermsResult(NamedTuple):
    """One word, or all of them."""

    terms: tuple[Term, ...]


def explain(term: str | None = None, *, catalog: Sequence[Path | str] | Catalog = ()) -> Report:
    """The meaning of a word by its name, alias or JSON name; all words without one.

    Raises UnknownNameError with the nearest words.
    """
    entries = opened(catalog).sections["terms"]
    rows = [entry["row"] for entry in entries]
    if term is not None:
        key = squeeze(term)
        found = [
            row
            for row in rows
            if key
            in {squeeze(each) for each in (row["id"], row.get("code", row["id"]), *row.get("aliases", ()))}
        ]
        if not found:
            known = [each for row in rows for each in (row["id"], *row.get("aliases", ()))]
            near = nearest(term, known)
            raise UnknownNameError("term", term, near, "" if near else "gpucost explain lists all of them")
        rows = found
    terms = tuple(
        Term(
            id=row["id"],
            meaning=row["meaning"],
            formula=row.get("formula"),
            code=row.get("code"),
            see=tuple(row.get("see", ())),
        )
        for row in rows
    )
    return Report(question="explain", inputs={"term": term}, result=TermsResult(terms))
