"""What computes points, and the processes that were told of it."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from resonet.core.watching import Done, nothing

__all__ = ["Work", "Workers", "held_work", "hold_work"]

Work = Callable[[int], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that know what computes the points."""

    executor: Executor
    work: str  # name by which they know it
    width: int  # tasks that they should hold at once
    check: Done = nothing  # raises where nobody computes them any more
    lump: bool = False  # whether short points go out several in a task


_works: dict[str, Work] = {}


def hold_work(name: str, work: Work | None) -> None:
    """Have this process compute points of that name with `work` from now on; None: no more."""
    if work is None:
        _works.pop(name, None)
    else:
        _works[name] = work


def held_work(name: str) -> Work | None:
    """What computes points of that name in this process; None: it was not told."""
    return _works.get(name)
