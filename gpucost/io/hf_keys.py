"""Typed reading of a configuration's keys; faults are collected, not raised one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gpucost.errors import DataError
from gpucost.io.json_safe import shown

MAX_LAYERS = 4096
MAX_SIZE = 2**24
MAX_EXPERTS = 2**16
MAX_CONTEXT = 2**32


class Keys:
    """One object of a configuration: the first name of several that is there and not null counts."""

    def __init__(
        self, data: Mapping[str, Any], source: str, prefix: str = "", parent: Keys | None = None
    ) -> None:
        self.data, self.source, self.prefix = data, source, prefix
        self.faults: list[str] = parent.faults if parent else []
        self.notes: list[str] = parent.notes if parent else []
        self.incomplete: list[str] = parent.incomplete if parent else []

    def fault(self, field: str, text: str) -> None:
        """Remember what is wrong with a field."""
        line = f"{self.source}: {self.prefix}{field}: {text}"
        if line not in self.faults:
            self.faults.append(line)

    def note(self, text: str) -> None:
        """Remember what a reader of the answer should know."""
        if text not in self.notes:
            self.notes.append(text)

    def unread(self, text: str) -> None:
        """Remember a part of the architecture that the model does not describe."""
        if text not in self.incomplete:
            self.incomplete.append(text)

    def raise_faults(self) -> None:
        """Raise DataError with all faults, a line each, if there are any."""
        if self.faults:
            raise DataError("\n".join(self.faults))

    def has(self, *names: str) -> bool:
        """Whether any of the names is there and not null."""
        return any(self.data.get(name) is not None for name in names)

    def _first(self, names: Sequence[str]) -> tuple[str, Any]:
        for name in names:
            if self.data.get(name) is not None:
                return name, self.data[name]
        return names[0], None

    def whole(self, *names: str, maximum: int = MAX_SIZE, minimum: int = 1) -> int | None:
        """A whole number within limits, or None where no name is given."""
        name, value = self._first(names)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self.fault(name, f"write a whole number, not {shown(value)}")
            return None
        if not minimum <= value <= maximum:
            self.fault(name, f"write a number from {minimum:,} to {maximum:,}, not {shown(value)}")
            return None
        return value

    def need(self, *names: str, maximum: int = MAX_SIZE) -> int:
        """A whole number that must be there; 1 stands in for it after a fault."""
        if not self.has(*names):
            self.fault(names[0], "missing; add it, it is needed for the size of the model")
            return 1
        return self.whole(*names, maximum=maximum) or 1

    def flag(self, *names: str, default: bool = False) -> bool:
        """True or false."""
        name, value = self._first(names)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(name, f"write true or false, not {shown(value)}")
            return default
        return value

    def text(self, *names: str) -> str:
        """Text, empty where no name is given or it is not text."""
        _, value = self._first(names)
        return value if isinstance(value, str) else ""

    def items(self, *names: str, length: int | None = None) -> list[Any] | None:
        """A list; with `length` at least that many items, of which the first `length` are given."""
        name, value = self._first(names)
        if value is None:
            return None
        if not isinstance(value, list):
            self.fault(name, f"write a list, not {shown(value)}")
            return None
        if length is None:
            return value
        if len(value) < length:
            self.fault(name, f"has {len(value):,} items for {length:,} layers; write one for each layer")
            return None
        return value[:length]

    def section(self, *names: str) -> Keys | None:
        """An object below this one, sharing faults and notes."""
        name, value = self._first(names)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.fault(name, f"write an object, not {shown(value)}")
            return None
        return Keys(value, self.source, f"{self.prefix}{name}.", self)
