"""Spin-diode resonator in its linear regime: susceptibility, rectified voltage, weight <-> detuning.

Conventions: frequencies in Hz, phasors are peak with exp(+j2πft), powers are time averages. A resonator carries the RF
current i and the precession x = chi(f) i; its resistance is R0 + k x(t), hence the rectified voltage

    V_dc = ½ Re(i conj(k x)) = ½ k |i|² Re chi(f),      k = -4 α K_SD R0,

and per watt of RF power P = ½ |i|² R0 dissipated in R0: V_dc / P = -4 α K_SD Re chi(f). Positive for f > f_res.
Source: Leroux et al., Phys. Rev. Applied 15, 034067 (2021); chi is the response of a damped harmonic oscillator, of
which the published Lorentzian law is the limit near resonance.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array, Complex

__all__ = [
    "SpinDiode",
    "broadened_susceptibility",
    "detuning_for_weight",
    "published_law",
    "real_susceptibility",
    "rectified_per_watt",
    "resonance_for_detuning",
    "susceptibility",
]


@dataclass(frozen=True, slots=True)
class SpinDiode:
    """Parameters that all resonators of a design share; defaults are those of the authors' published simulations."""

    damping: float = parameter(0.01, "", 1e-5, 0.2, "Gilbert damping α; linewidth Δ = 2 α f_res, Q = 1 / (2 α)")
    resistance: float = parameter(1e3, "Ohm", 1e-3, 1e9, "resistance R0 at zero bias")
    magnetoresistance: float = parameter(1.0, "", 1e-6, 100.0, "ΔR / R0")
    threshold_current: float = parameter(10e-6, "A", 1e-9, 1.0, "I_th, the bias that alone makes it oscillate")
    torque_angle: float = parameter(math.pi / 4, "rad", 1e-3, 1.57, "angle γ_p of the polariser")

    def __post_init__(self) -> None:
        check(self, "device")

    @property
    def quality(self) -> float:
        """Quality factor Q of the precession."""
        return 1 / (2 * self.damping)

    @property
    def sensitivity(self) -> float:
        """Peak rectified voltage per watt, K_SD = (ΔR/R) tan(γ_p) / (8√2 I_th), in V/W (β = 1)."""
        return self.magnetoresistance * math.tan(self.torque_angle) / (8 * math.sqrt(2) * self.threshold_current)

    @property
    def transduction(self) -> float:
        """K = -4 α K_SD R0: resistance change per unit of precession, ohm/A."""
        return -4 * self.damping * self.sensitivity * self.resistance

    @property
    def threshold_power(self) -> float:
        """½ I_th² R0, in W: one tone of that power has the peak current I_th."""
        return 0.5 * self.threshold_current**2 * self.resistance


def susceptibility(f: ArrayLike, f_res: ArrayLike, damping: float | Array) -> Complex:
    """chi(f) = f_res² / (f_res² - f² + 2jα f_res f), dimensionless; f, f_res and damping broadcast."""
    r = np.asarray(f, float) / np.asarray(f_res, float)
    return np.asarray(1 / (1 - r**2 + 2j * damping * r))


def real_susceptibility(ratio: Array, damping: float | Array) -> tuple[Array, Array]:
    """Re chi and its derivative by the ratio, both at ratio = f / f_res (any shape); damping broadcasts against it."""
    a, b = 1 - ratio**2, 2 * damping * ratio
    norm = a**2 + b**2
    slope = (-2 * ratio * (b**2 - a**2) - 4 * damping * a * b) / norm**2
    return a / norm, slope


def broadened_susceptibility(ratio: Array, damping: float, wide: float | Array) -> Array:
    """Re chi for a tone whose phase diffuses, at ratio = f / f_res; the line is 2 `wide` half-widths wide (FWHM).

    The phase forgets itself as exp(-πΔ|t|), so that chi is taken at f - jΔ/2: of its two poles,

        Re chi = [e/(e² + g²) - d/(d² + g²)] / (2 α root),   d, e = (r -+ root)/α,  root² = 1 - α²,  g = 1 + wide.
    """
    root = math.sqrt(1 - damping**2)
    near, far, square = (ratio - root) / damping, (ratio + root) / damping, (1 + wide) ** 2
    return np.asarray((far / (far**2 + square) - near / (near**2 + square)) / (2 * damping * root))


def rectified_per_watt(f: ArrayLike, f_res: ArrayLike, device: SpinDiode) -> Array:
    """Rectified voltage per watt in R0, V/W, of the resonator as a circuit: -4 α K_SD Re chi(f)."""
    square = np.square(np.asarray(f, float) / np.asarray(f_res, float))
    real = 1 - square  # in real numbers: Re chi = a / (a² + b²), a = 1 - r², b = 2αr
    return np.asarray(-4 * device.damping * device.sensitivity * real / (real * real + 4 * device.damping**2 * square))


def published_law(f: ArrayLike, f_res: ArrayLike, device: SpinDiode) -> Array:
    """Rectified voltage per watt, V/W, by the published law K_SD 2Γ(f - f_res) / ((f - f_res)² + Γ²), Γ = α f_res."""
    f, f_res = np.asarray(f, float), np.asarray(f_res, float)
    gamma = device.damping * f_res
    return np.asarray(device.sensitivity * 2 * gamma * (f - f_res) / ((f - f_res) ** 2 + gamma**2))


def detuning_for_weight(weight: ArrayLike) -> Array:
    """Detuning u = (f - f_res) / Γ, |u| <= 1, at which the published law gives weight = V / (P K_SD), |weight| <= 1.

    Inverse of weight = 2u / (1 + u²) on the near branch, in the form that keeps small weights exact.
    """
    w = np.asarray(weight, float)
    if w.size and not np.all(np.abs(w) <= 1):
        raise InputError(f"weight {np.abs(w).max():g} of the largest possible one: a resonator holds -1 ... 1")
    return np.asarray(w / (1 + np.sqrt(1 - w**2)))


def resonance_for_detuning(f: ArrayLike, detuning: ArrayLike, damping: float) -> Array:
    """Resonance frequency, Hz, that lies `detuning` half-widths Γ = α f_res below the tone f."""
    return np.asarray(np.asarray(f, float) / (1 + damping * np.asarray(detuning, float)))
