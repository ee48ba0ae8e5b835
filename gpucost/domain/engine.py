"""Serving engines: defaults of their flags and constants of their memory behaviour, by version."""

from typing import NamedTuple

from gpucost.domain.deployment import Version


class EngineDefault(NamedTuple):
    """A flag's default from a version on; `when` limits it to some hardware."""

    flag: str
    value: float | int | bool | str
    since: Version | None
    when: str
    source: str
    note: str = ""


class EngineConstant(NamedTuple):
    """A constant of the memory model, and what it was derived from or fitted on."""

    name: str
    value: float
    unit: str
    since: Version | None
    method: str
    source: str
    low: float | None = None
    high: float | None = None


class EngineSpeed(NamedTuple):
    """How an engine starts kernels and mixes prompts with decoding."""

    since: Version | None
    launch: str
    """`graphs`, `native` or `python`."""
    kernels: str
    """`paged` or `ggml`."""
    prompts: str
    """`mixed`, `joined` or `first`."""
    source: str


class Engine(NamedTuple):
    """A serving engine."""

    id: str
    name: str
    latest: Version
    defaults: tuple[EngineDefault, ...]
    constants: tuple[EngineConstant, ...]
    speeds: tuple[EngineSpeed, ...] = ()
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def default(self, flag: str, *, version: Version, conditions: frozenset[str]) -> EngineDefault | None:
        """The default in force: the newest since-version not after `version`, the most specific condition."""
        valid = [
            row
            for row in self.defaults
            if row.flag == flag
            and (row.since is None or row.since <= version)
            and row.when in ("", *conditions)
        ]
        return max(valid, key=lambda row: (row.since or Version(0, 0), bool(row.when)), default=None)

    def constant(self, name: str, *, version: Version) -> EngineConstant:
        """The constant in force. Raises KeyError when the catalogue has none of that name."""
        valid = [
            row for row in self.constants if row.name == name and (row.since is None or row.since <= version)
        ]
        if not valid:
            raise KeyError(f"engine {self.id} has no constant {name}")
        return max(valid, key=lambda row: row.since or Version(0, 0))

    def speed(self, version: Version) -> EngineSpeed | None:
        """How this version runs; None where the catalogue does not say."""
        valid = [row for row in self.speeds if row.since is None or row.since <= version]
        return max(valid, key=lambda row: row.since or Version(0, 0), default=None)
