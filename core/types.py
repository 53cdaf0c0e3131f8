"""Types of arrays, one name each."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Bools", "Complex", "Done", "Ints", "nothing"]

Array: TypeAlias = NDArray[np.float64]
Complex: TypeAlias = NDArray[np.complex128]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Done: TypeAlias = Callable[[], None]  # called after each step of something long: a progress bar's way in


def nothing() -> None:
    """The `Done` of a caller who does not watch."""
