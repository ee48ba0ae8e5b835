"""Functions that run in other processes; they stand at the top level of a module, as they must."""

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gpucost.run.groups import Shared


class Replication(NamedTuple):
    """A point that carries its seed."""

    seed: int
    share: float = 1.0
    takes_s: float = 0.0


def shared() -> dict[str, Any]:
    return {"at_s": np.linspace(0.0, 1.0, 10_000), "tag": None}


def points(count: int, takes_s: float = 0.0) -> list[Replication]:
    return [Replication(seed, 1 + seed / 7, takes_s) for seed in range(count)]


def mean(shared: Shared, point: Replication) -> float:
    """A number whose every bit depends on the seed, after a while."""
    time.sleep(point.takes_s)
    random = np.random.default_rng(point.seed)
    return float(random.choice(shared["at_s"], 100).sum() * point.share)


def mean_and_process(shared: Shared, point: Replication) -> tuple[float, int]:
    return mean(shared, point), os.getpid()


def spins(shared: Shared, rounds: int) -> int:
    """Work of the interpreter alone."""
    value = 1
    for _ in range(rounds):
        value = (value * 6364136223846793005 + 1442695040888963407) % 2**64
    return value


def describes(shared: Shared, point: float) -> tuple[int, str, bool, bool]:
    """Process, class of the array, whether it can be written, and whether a file is behind it."""
    time.sleep(point)
    array = shared["at_s"]
    base = array
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    return os.getpid(), type(array).__name__, array.flags.writeable, base is not None


def writes(shared: Shared, point: int) -> None:
    shared["at_s"][0] = point


def dies_once(shared: Shared, point: tuple[int, str]) -> int:
    """Ends its process the first time that a point other than the first is asked for."""
    number, marker = point
    time.sleep(0.02)
    if number == 30 and not Path(marker).exists():
        Path(marker).touch()
        os._exit(3)
    return number * number


def dies(shared: Shared, point: int) -> int:
    """Ends every process but the one that tries the first point."""
    time.sleep(0.3)
    if point:
        os._exit(3)
    return point


def fails(shared: Shared, point: int) -> int:
    time.sleep(0.02)
    if point == 40:
        raise ZeroDivisionError("point 40")
    return point


def marks(shared: Shared, point: tuple[int, str]) -> tuple[int, int]:
    """Leaves the number of its process in a folder."""
    number, folder = point
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(0.03)
    return number, os.getpid()
