"""Types that all rows of the catalogue share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/@+:-]*$", max_length=120)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=80)]
DateText = Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2}|\d{4}-\d{2}|\d{4}|unknown)$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
CountOrZero = Annotated[int, Field(ge=0)]
Sources = Annotated[list[Id], Field(min_length=1)]


class Row(BaseModel):
    """Base: strict types, no unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
