"""Options that several commands take as a set, declared once."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

Command = TypeVar("Command", bound=Callable[..., None])


def takes(*sets: type, without: tuple[str, ...] = ()) -> Callable[[Command], Command]:
    """Gives a command, whose last parameter is `**flags`, the annotated attributes of `sets` as its options.

    The parser is made from a function's signature: the command gets one that names every option but those
    `without`. Of two sets with one option the last one has its way.
    """

    def give(command: Command) -> Command:
        own = [
            each
            for each in inspect.signature(command).parameters.values()
            if each.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        hints: dict[str, Any] = get_type_hints(command, include_extras=True)
        hints.pop("flags", None)
        shared: dict[str, inspect.Parameter] = {}
        for group in sets:
            for name, hint in get_type_hints(group, include_extras=True).items():
                if name in without:
                    continue
                hints[name] = hint
                shared[name] = inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=getattr(group, name), annotation=hint
                )
        own += shared.values()
        own.sort(key=lambda each: each.kind)
        command.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
        command.__annotations__ = hints
        return command

    return give
