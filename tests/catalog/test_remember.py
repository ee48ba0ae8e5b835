from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Hashable
from typing import Any

from gpucost.catalog.remember import Latest, remember


class Book:
    def __init__(self) -> None:
        self.remembered: dict[Hashable, Callable[..., Any]] = {}
        self.asked: list[object] = []

    @remember(2)
    def of(self, word: object) -> str:
        self.asked.append(word)
        return repr(word)


def test_an_answer_is_worked_out_once_and_the_oldest_goes() -> None:
    book = Book()
    for word in ("a", "a", "b", "b", "c", "a"):
        assert book.of(word) == repr(word)
    assert book.asked == ["a", "b", "c", "a"]


def test_every_book_has_its_own_answers() -> None:
    one, other = Book(), Book()
    one.of("a")
    other.of("a")
    assert one.asked == other.asked == ["a"]


def test_equal_numbers_of_other_kinds_are_other_arguments() -> None:
    book = Book()
    assert [book.of(each) for each in (1, 1.0)] == ["1", "1.0"]
    assert book.of(True) == "True"


def test_answers_go_with_their_book() -> None:
    book = Book()
    book.of("a")
    gone = weakref.ref(book)
    del book
    gc.collect()
    assert gone() is None


def test_the_latest_entries_are_kept() -> None:
    kept: Latest[str, int] = Latest(2)
    kept["a"] = 1
    kept["b"] = 2
    kept["a"] = 3
    assert kept == {"a": 3, "b": 2}
    kept["c"] = 4
    assert kept == {"b": 2, "c": 4}
