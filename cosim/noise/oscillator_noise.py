"""PLACEHOLDER until the models have these."""

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array


def amplitude_density(xi: ArrayLike, gamma0: ArrayLike, qnl: float, thermal: float) -> tuple[Array, Array]:
    """Relative power noise density of oscillators 1/Hz at 0, and its corner Hz."""
    x = np.asarray(xi, float)
    root = np.sqrt((x - 1) ** 2 + 4 * thermal * (x + qnl))
    p = ((x - 1) + root) / (2 * (x + qnl))
    rate = 2 * np.asarray(gamma0) * root
    return 8 * np.asarray(gamma0) * (1 + qnl * p) * thermal / (p * rate**2), rate / (2 * np.pi)


def linewidth(xi: ArrayLike, gamma0: ArrayLike, qnl: float, thermal: float) -> Array:
    """FWHM Hz."""
    x = np.asarray(xi, float)
    root = np.sqrt((x - 1) ** 2 + 4 * thermal * (x + qnl))
    p = ((x - 1) + root) / (2 * (x + qnl))
    return np.asarray(gamma0) * (1 + qnl * p) * thermal / (2 * np.pi * p)
