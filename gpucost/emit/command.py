"""The command line of a server, with the reason for each option, before any target writes it down."""

from typing import NamedTuple

API_KEY = "\0api-key"
"""Stands for the key in an argument list; the control character keeps texts of the user's apart from it."""
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104  inside a container that asks for a key; nothing else binds it


class Option(NamedTuple):
    """One option, and where its value comes from."""

    flag: str
    value: str | None = None
    why: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The option as arguments."""
        return (self.flag,) if self.value is None else (self.flag, self.value)


class Key(NamedTuple):
    """How a server learns the key that its clients must send."""

    variable: str
    """Environment variable that holds it."""
    flag: str | None = None
    """Option that hands it over; None where the server reads the variable by itself."""


class Command(NamedTuple):
    """A server's command line without its address."""

    start: tuple[str, ...]
    """Program, subcommand and model."""
    options: tuple[Option, ...]
    port: int
    key: Key | None
    """None where the server knows no key, so that it must stay on the loopback address."""
    notes: tuple[str, ...] = ()
    """What the command leaves out, and why."""

    def argv(self, host: str) -> list[str]:
        """Arguments of the server bound to `host`; beyond the loopback address it asks for a key."""
        words = [*self.start]
        for option in self.options:
            words.extend(option.words)
        words += ["--host", host, "--port", str(self.port)]
        if host != LOOPBACK:
            if self.key is None:
                raise ValueError(f"{self.start[0]} knows no API key: it may only listen on {LOOPBACK}")
            if self.key.flag:
                words += [self.key.flag, API_KEY]
        return words

    def reasons(self) -> list[str]:
        """A line per option that has a reason, then the notes."""
        lines = [f"{' '.join(option.words)}: {option.why}" for option in self.options if option.why]
        return [*lines, *self.notes]
