"""PLACEHOLDER until the models have these."""

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array
from resonet.models.resonator.linear import SpinDiode

BOLTZMANN, CHARGE, HBAR = 1.380649e-23, 1.602176634e-19, 1.054571817e-34


def thermal_power(damping: float, threshold: float, temperature: float, polarisation: float) -> float:
    return damping * CHARGE * BOLTZMANN * temperature / (HBAR * polarisation * threshold)


def precession_density(power: ArrayLike, f: ArrayLike, f_res: ArrayLike, device: SpinDiode, thermal: float) -> Array:
    half = device.damping * np.asarray(f_res, float)
    u = (np.asarray(f, float) - f_res) / half
    gamma0 = 2 * np.pi * half
    return np.asarray(
        device.resistance * device.magnetoresistance**2 * thermal * np.asarray(power) / (4 * gamma0 * (1 + u**2))
    )


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
