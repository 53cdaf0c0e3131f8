"""Types of arrays, one name each."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Bools", "Complex", "Done", "Ints", "Progress", "nothing", "unwatched"]

Array: TypeAlias = NDArray[np.float64]
Complex: TypeAlias = NDArray[np.complex128]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Done: TypeAlias = Callable[[], None]  # called after each step of something long: a progress bar's way in
Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Done]]  # what is done, in how many steps


def nothing() -> None:
    """The `Done` of a caller who does not watch."""


@contextmanager
def unwatched(what: str, steps: int) -> Iterator[Done]:
    """The `Progress` of a caller who does not watch."""
    del what, steps
    yield nothing
