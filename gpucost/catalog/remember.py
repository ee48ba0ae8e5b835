"""Remembers what was worked out of a catalogue, for as long as that catalogue lives."""

from collections.abc import Callable, Hashable
from functools import lru_cache, partial, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class Remembering(Protocol):
    """What holds the answers about itself."""

    remembered: dict[Hashable, Callable[..., Any]]


Source = TypeVar("Source", bound=Remembering)
Key = TypeVar("Key")
Value = TypeVar("Value")


class Latest(dict[Key, Value]):
    """A dictionary of at most `most` entries: the oldest one goes for a new one."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, key: Key, value: Value) -> None:
        """Keep an entry."""
        if len(self) >= self.most and key not in self:
            del self[next(iter(self))]
        super().__setitem__(key, value)


def remember(
    most: int,
) -> Callable[
    [Callable[Concatenate[Source, Arguments], Answer]], Callable[Concatenate[Source, Arguments], Answer]
]:
    """Keeps the latest `most` answers of a function about each catalogue, its first argument.

    The answers live in the catalogue: another one has its own, and they go when it goes. Only functions
    whose answer depends on nothing but the catalogue and hashable arguments, and that nobody changes
    afterwards, may be remembered. 1, 1.0 and True are different arguments.
    """

    def give(
        ask: Callable[Concatenate[Source, Arguments], Answer],
    ) -> Callable[Concatenate[Source, Arguments], Answer]:
        @wraps(ask)
        def answer(source: Source, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
            if ask not in source.remembered:
                source.remembered[ask] = lru_cache(most, typed=True)(partial(ask, source))
            found: Answer = source.remembered[ask](*args, **kwargs)
            return found

        return answer

    return give
