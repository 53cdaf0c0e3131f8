"""Thermal power of the precession: p_T, the mean power p without drive, one number for resonators and oscillators.

In the auto-oscillator equation (`auto_oscillator`) the energy of the precession is E p to first order, and agitation
that keeps it in equilibrium without a current is dc/dt = -Γ₊ c + f with

    <f(t) f*(t')> = 2 D δ(t - t'),   D = Γ₊(p) p_T,   p_T = kT / E                                              (1)

(two degrees of freedom of ½ kT each; then p is distributed as exp(-p / p_T)). E need not be known by itself. A
macrospin of moment m has the action (m/γ)(1 - cos θ) = 2 p m/γ, so E = 2 ω0 m/γ. A current that carries the spin
polarisation η turns it by the rate σ I of the amplitude, σ = η γ ħ / (2 e m) (each electron brings η ħ/2 to the moment
m/γ), so that the threshold I_th = Γ0/σ, Γ0 = α ω0, is the same moment once more:

    m/γ = η ħ I_th / (2 e α ω0),        E = η ħ I_th / (e α),        p_T = α e kT / (ħ η I_th).                 (2)

The frequency drops out. η is what acts along the axis of the precession: geometry and spin-Hall angle belong to it.
Sources: Slavin and Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009), sections II and VI; Slonczewski, J. Magn. Magn.
Mater. 159, L1 (1996).
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array

__all__ = [
    "BOLTZMANN",
    "CHARGE",
    "GYROMAGNETIC",
    "HBAR",
    "POLARISATION",
    "TEMPERATURE",
    "free_layer_moment",
    "thermal_power",
]

BOLTZMANN = 1.380649e-23  # J/K
CHARGE, HBAR = 1.602176634e-19, 1.054571817e-34  # C, J s
GYROMAGNETIC = 1.76085962784e11  # rad/(s T), |γ_e| of the free electron (CODATA 2022)
TEMPERATURE = 300.0  # K
POLARISATION = 0.6  # typical of CoFeB/MgO; a spin-Hall line has its own effective value


def thermal_power(
    damping: ArrayLike,
    threshold_current: ArrayLike,
    temperature: ArrayLike = TEMPERATURE,
    polarisation: ArrayLike = POLARISATION,
) -> Array:
    """p_T, dimensionless (eq. 2), of a device with that Gilbert damping and threshold current (A); shapes broadcast.

    Default device, 300 K, η = 0.6: 0.0105. Valid while small against 1.
    """
    energy = np.asarray(polarisation, float) * HBAR * np.asarray(threshold_current, float) / CHARGE
    return np.asarray(np.asarray(damping, float) * BOLTZMANN * np.asarray(temperature, float) / energy)


def free_layer_moment(
    damping: ArrayLike, threshold_current: ArrayLike, f0: ArrayLike, polarisation: ArrayLike = POLARISATION
) -> Array:
    """Moment m of the free layer, A m², that goes with a threshold current (A) at the frequency f0, Hz (eq. 2).

    A constant threshold current over frequency and damping is a moment in proportion to 1/(α f0), and a given free
    layer has a threshold in proportion to α f0.
    """
    action = np.asarray(polarisation, float) * HBAR * np.asarray(threshold_current, float) / (2 * CHARGE)
    return np.asarray(GYROMAGNETIC * action / (np.asarray(damping, float) * 2 * math.pi * np.asarray(f0, float)))
