"""Scenario files: flags of a command as YAML, spliced into its words before they are parsed."""

from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

import typer

from gpucost.errors import DataError, UsageError

FLAG = "--scenario"


def spliced(app: typer.Typer, words: list[str], known: Container[str]) -> list[str]:
    """The words with `--scenario FILE` replaced by the flags that the file holds; `known` are the commands.

    A flag on the command line wins over the file. Raises DataError with all faults of the file at once.
    """
    asked = next((index for index, word in enumerate(words) if not word.startswith("-")), None)
    at = [index for index, word in enumerate(words) if word == FLAG or word.startswith(f"{FLAG}=")]
    if asked is None or not at or words[asked] not in known:
        return words
    if len(at) > 1:
        raise UsageError("--scenario stands twice; give one file")
    index = at[0]
    _, equals, name = words[index].partition("=")
    rest = words[:index] + words[index + (1 if equals else 2) :]
    if not equals:
        if index + 1 >= len(words):
            raise UsageError("--scenario needs a file")
        name = words[index + 1]
    own = [word for word in rest if word.startswith("-")]
    return [*rest[: asked + 1], *_words(app, words[asked], Path(name), own), *rest[asked + 1 :]]


class _Option(NamedTuple):
    spellings: list[str]
    """Empty for words that stand by themselves."""
    bare: bool
    several: bool


def _options(app: typer.Typer, command: str) -> dict[str, _Option]:
    """What a command takes, by its name with underscores."""
    group = typer.main.get_command(app)
    found = group.commands[command]  # type: ignore[attr-defined]
    return {
        each.name: _Option(
            [*each.opts, *each.secondary_opts] if hasattr(each, "is_flag") else [],
            getattr(each, "is_flag", False),
            getattr(each, "multiple", False) or each.nargs != 1,
        )
        for each in found.params
        if each.name and each.name != "scenario"
    }


def _given(option: _Option, own: list[str]) -> bool:
    """Whether the command line holds an option, also as `--flag=value` or `-fvalue`."""
    return any(
        word.partition("=")[0] == each or (len(each) == 2 and word.startswith(each))
        for word in own
        for each in option.spellings
    )


def _words(app: typer.Typer, command: str, path: Path, own: list[str]) -> list[str]:
    from gpucost.catalog.names import nearest
    from gpucost.catalog.yamlio import read_yaml

    document = read_yaml(path)
    if not isinstance(document.data, dict) or not document.data:
        raise DataError(f"{path}:1: a scenario maps flags, written with underscores, to values")
    known = _options(app, command)
    words: list[str] = []
    faults = []
    for key, value in document.data.items():
        place = f"{path}:{document.line((key,))}: {key}"
        if key not in known:
            near = nearest(str(key), list(known))
            faults.append(f"{place}: unknown key" + (f"; did you mean {', '.join(near)}?" if near else ""))
            continue
        option = known[key]
        if _given(option, own):
            continue
        values = value if isinstance(value, list) else [value]
        if any(each is None or isinstance(each, (dict, list)) for each in values):
            faults.append(f"{place}: write a value, or a list of values")
        elif option.bare:
            if not isinstance(value, bool):
                faults.append(f"{place}: write true or false")
            elif value or len(option.spellings) > 1:
                words.append(option.spellings[0] if value else option.spellings[-1])
        elif any(isinstance(each, bool) for each in values):
            faults.append(f"{place}: takes a value, not {values[0]}")
        elif len(values) > 1 and not option.several:
            faults.append(f"{place}: takes one value, not {len(values)}")
        else:
            words += [part for each in values for part in (*option.spellings[:1], str(each))]
    if faults:
        raise DataError("\n".join(faults))
    return words
