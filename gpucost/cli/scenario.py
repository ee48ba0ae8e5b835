"""Scenario files: what a file holds becomes words of the command line, before they are parsed.

A file of scenarios (`FILE:NAME`) gives what the command has flags for, the rest of it is for other commands.
A file without them is flags of one command as YAML. A flag on the command line wins over both.
"""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import typer

from gpucost.catalog.yamlio import YamlDocument
from gpucost.errors import DataError, UsageError

FLAG = "--scenario"
COMMANDS = ("size", "throughput", "cost", "bill", "breakeven", "compare", "simulate", "traffic", "train")
"""Commands that take the words."""
WHOLE = ("plan", "deploy")
"""Commands that read the file themselves: it is their argument."""


def spliced(app: typer.Typer, words: list[str]) -> list[str]:
    """The words with `--scenario FILE[:NAME]` replaced by flags with what the file holds.

    Raises DataError with all faults of the file at once.
    """
    asked = next((index for index, word in enumerate(words) if not word.startswith("-")), None)
    at = [index for index, word in enumerate(words) if word == FLAG or word.startswith(f"{FLAG}=")]
    if asked is None or not at or words[asked] not in (*COMMANDS, *WHOLE):
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
    own = rest[:asked] + rest[asked + 1 :]
    made = [name] if words[asked] in WHOLE else _words(app, words[asked], name, own)
    return [*rest[: asked + 1], *made, *rest[asked + 1 :]]


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


def _words(app: typer.Typer, command: str, text: str, rest: list[str]) -> list[str]:
    """Words of a file; `rest` are those of the command line without the command."""
    from gpucost.catalog.scenario_file import holds_scenarios, split_name
    from gpucost.catalog.yamlio import read_yaml

    path, name = split_name(text)
    document = read_yaml(path)
    known = _options(app, command)
    if holds_scenarios(document):
        return _of_scenario(document, name, command, known, rest)
    if name is not None:
        raise UsageError(f"{path} holds flags, no scenarios: leave :{name} out")
    return _of_flags(document, known, [word for word in rest if word.startswith("-")])


def _of_scenario(
    document: YamlDocument, name: str | None, command: str, known: dict[str, _Option], rest: list[str]
) -> list[str]:
    """Words of one scenario; `known` are the options of the command."""
    from gpucost.api.scenario import checked, lengths_in, traffic_at
    from gpucost.catalog.store import load
    from gpucost.cli.scenario_words import values_of

    own = [word for word in rest if word.startswith("-")]
    given = {key for key, option in known.items() if option.spellings and _given(option, own)}
    if _has_argument(known, rest):
        given |= {key for key, option in known.items() if not option.spellings}
    overlays = _values(known["catalog"], rest) if "catalog" in known else []
    catalog = load(tuple(Path(each) for each in overlays))
    scenario = checked(document, catalog).pick(name)
    traffic = traffic_at(scenario.workload, catalog)
    found = values_of(
        scenario,
        command,
        known,
        given,
        pattern=traffic.pattern,
        level=traffic.level,
        lengths=lengths_in,
    )
    words = []
    for key, values in found.items():
        option = known[key]
        for value in values if option.several else values[:1]:
            if option.spellings:
                words.append(f"{option.spellings[0]}={value}")
            else:
                words.append(f"./{value}" if str(value).startswith("-") else str(value))
    return words


def _has_argument(known: dict[str, _Option], words: list[str]) -> bool:
    """Whether a word stands by itself: is no flag, and no value of one."""
    takes = {each for option in known.values() if not option.bare for each in option.spellings}
    value = False
    for at, word in enumerate(words):
        if value:
            value = False
        elif word == "--":
            return at + 1 < len(words)
        elif not word.startswith("-") or word == "-":
            return True
        else:
            value = word in takes
    return False


def _values(option: _Option, words: list[str]) -> list[str]:
    """What the command line gives for an option."""
    found = []
    for word, after in pairwise([*words, ""]):
        flag, equals, value = word.partition("=")
        if flag in option.spellings:
            found.append(value if equals else after)
    return found


def _of_flags(document: YamlDocument, known: dict[str, _Option], own: list[str]) -> list[str]:
    """Words of a file of flags; `known` are the options of the command, `own` the flags of its line."""
    from gpucost.catalog.names import nearest

    path = document.path
    if not isinstance(document.data, dict) or not document.data:
        raise DataError(f"{path}:1: a scenario maps flags, written with underscores, to values")
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
