"""YAML as every reader takes it, and the numbers of a plan as comments above it."""

import math
import re
from collections.abc import Mapping

import yaml

from gpucost.domain.launch import Launch
from gpucost.emit.command import Command
from gpucost.emit.texts import comment

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/._-]+\Z")


class _Dumper(yaml.SafeDumper):
    """Quotes what some YAML version reads as anything but a string: `1e3` and `0o17` pass PyYAML bare."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class _Quoted(str):
    """A string that gets double quotes."""

    __slots__ = ()


def _quoted(dumper: yaml.SafeDumper, text: _Quoted) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')


_Dumper.add_representer(_Quoted, _quoted)


def _marked(value: object) -> object:
    if isinstance(value, str):
        return value if _PLAIN.match(value) else _Quoted(value)
    if isinstance(value, Mapping):
        return {key: _marked(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(each) for each in value]
    return value


def document(value: object) -> str:
    """One YAML document."""
    text: str = yaml.dump(
        _marked(value), Dumper=_Dumper, sort_keys=False, width=math.inf, default_flow_style=False
    )
    return text


def about(launch: Launch) -> list[str]:
    """Lines on the plan that a file was written from."""
    cards = f"{launch.gpus} x {launch.gpu_name}" if launch.gpus > 1 else launch.gpu_name
    engine = f"{launch.engine} {launch.engine_version}"
    lines = [f"{engine} on {cards} per replica, weights in {launch.quantization}."]
    if launch.offer is not None:
        price = (
            "" if launch.usd_per_month is None else f", {launch.usd_per_month:,.2f} USD a month in the plan"
        )
        lines.append(f"Offer {launch.offer}{price}.")
    return lines


def header(launch: Launch, server: Command, *more: str) -> str:
    """The plan and the reason of each option as comments, for files that have comments."""
    return comment(*about(launch), *server.reasons(), *more)
