"""Decibels."""

import numpy as np
from numpy.typing import NDArray

from resonet.core.types import Array

__all__ = ["level"]


def level(ratio: NDArray[np.generic], floor: float = 1e-15) -> Array:
    """20 lg |ratio| of amplitudes, dB, any shape; below `floor` a level is rounding, and stops there."""
    return np.asarray(20 * np.log10(np.maximum(np.abs(ratio), floor)))
