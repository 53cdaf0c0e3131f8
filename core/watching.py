"""Who watches something long: a progress bar's way in. Without numpy, so that whatever only listens stays light."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

__all__ = ["Done", "Progress", "nothing", "unwatched"]

Done: TypeAlias = Callable[[], None]  # called after each step of something long
Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Done]]  # what is done, in how many steps


def nothing() -> None:
    """The `Done` of a caller who does not watch."""


@contextmanager
def unwatched(what: str, steps: int) -> Iterator[Done]:
    """The `Progress` of a caller who does not watch."""
    del what, steps
    yield nothing
