"""Errors that a person can act on, each with the exit code of its kind."""


class GpucostError(Exception):
    """Base of the errors that end a command with one clear line."""

    exit_code = 70


class UsageError(GpucostError):
    """The question cannot be asked like that: unknown name, contradiction, value out of range."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that nothing in the catalogue answers to, with the nearest ones."""

    def __init__(self, kind: str, name: str, suggestions: tuple[str, ...] = (), reason: str = "") -> None:
        self.kind, self.name, self.suggestions, self.reason = kind, name, suggestions, reason
        text = f"unknown {kind} {name!r}"
        if reason:
            text += f": {reason}"
        if suggestions:
            text += f"; did you mean {', '.join(suggestions)}?"
        super().__init__(text)


class AmbiguousNameError(UsageError):
    """A name that several entries answer to; the choices are listed."""

    def __init__(self, kind: str, name: str, choices: tuple[str, ...], reason: str = "") -> None:
        self.kind, self.name, self.choices = kind, name, choices
        detail = f" ({reason})" if reason else ""
        super().__init__(f"{kind} {name!r} is ambiguous{detail}; write one of: {', '.join(choices)}")


class DataError(GpucostError):
    """A catalogue or input file is wrong; all its faults at once, a line each."""

    exit_code = 3


class RemoteError(GpucostError):
    """A remote source did not answer."""

    exit_code = 4
