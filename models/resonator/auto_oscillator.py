"""Spin-diode and spin-torque oscillator in one equation (fidelity 2): a resonator below threshold, a source above it.

Slavin and Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009); phasors here are exp(+j2πft) and peak, so
their equation appears conjugated. State: c = X + jY, dimensionless, turning at +ω; power p = |c|².

    dc/dt = [jω(p) - Γ₊(p) + Γ₋(p, I)] c - j (ω0²/ω_d) i(t) / x1                                            (1)
    ω(p) = ω_d + 2πN p,   Γ₊ = Γ0 (1 + Q_nl p),   Γ₋ = σ I (1 - p),   σ = Γ0 / I_th,   R(t) = R0 + k x1 X

Rates are of the amplitude, in rad/s: free precession decays as exp(-Γ0 t), its power as exp(-2Γ0 t), and Γ0 = 2πα f0 is
2π times the half width at half maximum, α f0, of the resonance. ω0 = 2πf0 = Γ0/α and ω_d = ω0 √(1 - α²).

**Linear limit.** For p = 0 and I = 0 the real part of (1) is X¨ + 2Γ0 X˙ + ω0² X = ω0² i/x1 (differentiate X˙ = -Γ0 X -
ω_d Y, put in Y˙ = ω_d X - Γ0 Y - (ω0²/ω_d) i/x1, use ω_d² + Γ0² = ω0²): x1 X = chi(f) i with the chi of fidelity 1, at
every frequency and not only near resonance. That fixes the drive term.

**The scale x1.** x1 √p is the peak precession in units of chi·i, so the resistance swings by k x1 √p. Take p = 1 as the
full swing ±ΔR/2: k x1 = -½ ΔR. With k = -4 α K_SD R0 and K_SD = (ΔR/R) tan γ_p / (8√2 I_th) that is
x1 = √2 I_th / (α tan γ_p), and |c| = tan γ_p |i| / (2√2 I_th) on resonance: the torque of an RF current is
σ |i| tan γ_p / (2√2), as in the spin-diode theory behind K_SD. So fidelity 1 leaves no scale to choose. The drive does
not depend on p. What a tone does below threshold: forced_oscillation.py (eq. 2 and 3).

**Free above threshold.** (1) without drive gives, exactly, the logistic equation for the power

    dp/dt = 2 Γ0 p [(ξ - 1) - (ξ + Q_nl) p],   ξ = I / I_th,                                                   (4)

with p_s = (ξ - 1)/(ξ + Q_nl) and p(t) = p_s / (1 + (p_s/p_n - 1) e^{-2Γ0(ξ-1)t}) from the power p_n. (The DC current is
a drive as well: it displaces X by I/x1, as chi(0) = 1 says. In a transient that takes 0.4 % off p at 4 I_th.)

**Linewidth.** Thermal noise f_n with <f_n f_n*> = 2D δ(t), D = Γ₊(p) p_T, holds the mean power p_T = kT/E without
current (E p is the energy). Far above threshold the phase diffuses by D/p from the quadrature along it and ν² D/p
through the power (δp relaxes at 2Γ_p', Γ_p' = (Γ0 Q_nl + σI) p, and pulls ω by 2πN δp), so c is exponentially
correlated and the full width at half maximum is Γ₊(p_s) p_T (1 + ν²) / (2π p_s) Hz with ν = 2πN / (Γ0 Q_nl + σI) (Kim,
Tiberkevich and Slavin, Phys. Rev. Lett. 100, 017207, 2008). Below threshold it is the resonance's own,
2 (Γ0 - σI) / 2π. Not valid within a few p_T of threshold, nor for a width near Γ_p'/π.

p = 1 is full reversal, (1 - cos θ)/2, and (1) keeps the first nonlinear terms: p above some tenths is beyond the model.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, overload

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.parameters import Interface, check, parameter
from resonet.core.types import Array
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.own_diodes import OwnDiodes
from resonet.models.resonator.shared_parameters import LINEAR, LINEAR_LAW, quality, resistance, transduction

__all__ = [
    "AutoOscillator",
    "free_frequency",
    "free_power",
    "growth_rate",
    "linewidth",
    "power_after",
    "start_up_time",
]

THEORY = "Slavin and Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009)"


@overload
def oscillation_scale(device: SpinDiode) -> float: ...
@overload
def oscillation_scale(device: OwnDiodes) -> Array: ...
def oscillation_scale(device: SpinDiode | OwnDiodes) -> float | Array:
    """x1 = √2 I_th / (α tan γ_p), A; of `OwnDiodes` [resonators]."""
    return math.sqrt(2) * device.threshold_current / (device.damping * math.tan(device.torque_angle))


@dataclass(frozen=True, slots=True)
class AutoOscillator:
    """Auto-oscillator of Slavin and Tiberkevich; its linear limit is the resonator of fidelity 1."""

    SPICE: ClassVar[Interface] = Interface(
        "auto_oscillator",
        (
            ("p", "one end of the junction; the current from p to n is sensed"),
            ("n", "its other end"),
            ("x", "precession X, dimensionless; X^2 + Y^2 = p"),
            ("y", "precession Y, a quarter period behind X"),
        ),
    )

    f0: float = parameter(1e9, "Hz", 1e3, 1e13, "resonance frequency at rest", "lower edge of the band of the project")
    q: float = quality()
    r0: float = resistance()
    k: float = transduction()
    ith: float = parameter(LINEAR.threshold_current, "A", 1e-9, 1.0, "threshold current", LINEAR_LAW)
    qnl: float = parameter(2.0, "", 0.0, 1e3, "nonlinear damping", THEORY)
    nshift: float = parameter(
        0.0, "Hz", -1e13, 1e13, "frequency shift per unit of p", "0 = isochronous; " + THEORY + ": of the order of f0"
    )
    x1: float = parameter(
        oscillation_scale(LINEAR), "A", 1e-12, 1e6, "precession at p = 1, sqrt(2) ith / (alpha tan gamma_p)", THEORY
    )
    psi: float = parameter(0.0, "rad", -math.pi, math.pi, "mix angle: 0 senses X, pi/2 senses Y", LINEAR_LAW)
    kick: float = parameter(
        1e-6, "", 0.0, 0.1, "p given at the start of a transient, for start-up", "numerical; room temperature: 1e-2"
    )
    cnode: float = parameter(
        0.0, "F", 0.0, 1e-9, "capacitance of a chain node to ground, half of it at each end", "no parasitics"
    )

    def __post_init__(self) -> None:
        check(self, "auto_oscillator")

    @classmethod
    def from_spin_diode(cls, device: SpinDiode, f0: float, qnl: float = 2.0, nshift: float = 0.0) -> "AutoOscillator":
        """The oscillator whose linear limit is `device` at the resonance f0."""
        return cls(
            f0,
            device.quality,
            device.resistance,
            device.transduction,
            device.threshold_current,
            qnl,
            nshift,
            oscillation_scale(device),
        )

    @property
    def damping(self) -> float:
        """Gilbert damping α = 1 / (2 Q)."""
        return 1 / (2 * self.q)

    @property
    def gamma0(self) -> float:
        """Amplitude decay rate Γ0 = 2πα f0, rad/s."""
        return 2 * math.pi * self.damping * self.f0

    @property
    def free(self) -> float:
        """Frequency of a vanishing free precession, f0 √(1 - α²), Hz."""
        return self.f0 * math.sqrt(1 - self.damping**2)

    @property
    def drive(self) -> float:
        """A / Γ0 (A of eq. 2, forced_oscillation.py), per ampere: |C₊| at resonance and vanishing power."""
        return self.f0**2 / (2 * self.free * self.x1 * self.damping * self.f0)


def free_power(device: AutoOscillator, current: ArrayLike) -> Array:
    """Stationary p without drive at a DC current, A (any shape): (ξ - 1)/(ξ + Q_nl), 0 below threshold."""
    above = np.maximum(np.asarray(current, float) / device.ith - 1, 0)
    return np.asarray(above / (above + 1 + device.qnl))


def free_frequency(device: AutoOscillator, current: ArrayLike) -> Array:
    """Frequency at which it turns freely, Hz: f0 √(1 - α²) + N p."""
    return np.asarray(device.free + device.nshift * free_power(device, current))


def growth_rate(device: AutoOscillator, current: ArrayLike) -> Array:
    """Growth rate of a small amplitude, Γ0 (ξ - 1), 1/s, negative below threshold; the power grows twice as fast."""
    return np.asarray(device.gamma0 * (np.asarray(current, float) / device.ith - 1))


def power_after(device: AutoOscillator, current: ArrayLike, start: ArrayLike, time: ArrayLike) -> Array:
    """Power p a time (s) after p = start, eq. 4, at a constant current, A; also below threshold. Shapes broadcast."""
    xi, start = np.asarray(current, float) / device.ith, np.asarray(start, float)
    lag = 2 * growth_rate(device, current) * np.asarray(time, float)
    # p = start e^lag / (1 + start (ξ + Q_nl) (e^lag - 1)/(ξ - 1)): the same law, and regular at threshold (ξ = 1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        rate = np.where(xi == 1, 2 * device.gamma0 * np.asarray(time, float), -np.expm1(-lag) / (xi - 1))
        return np.asarray(start / (np.exp(-lag) + start * (xi + device.qnl) * rate))


def start_up_time(device: AutoOscillator, current: ArrayLike, start: ArrayLike, fraction: ArrayLike = 0.9) -> Array:
    """Time, s, in which p grows from `start` to a fraction of its stationary value; NaN where it never does.

    ln[(p_s/start - 1) fraction / (1 - fraction)] / (2 Γ0 (ξ - 1)), from eq. 4. Shapes broadcast.
    """
    goal, start, fraction = free_power(device, current), np.asarray(start, float), np.asarray(fraction, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = np.log((goal / start - 1) * fraction / (1 - fraction)) / (2 * growth_rate(device, current))
    return np.asarray(np.where((goal > 0) & (fraction * goal >= start), rise, np.nan))


def linewidth(device: AutoOscillator, current: ArrayLike, noise: ArrayLike) -> Array:
    """Full width at half maximum, Hz, of the free line: thermal above threshold, of the resonance below.

    `noise` is p_T (`thermal.thermal_power`); the module has the law, and its factor 1 + ν² of the frequency shift.
    """
    xi, p = np.asarray(current, float) / device.ith, free_power(device, current)
    nu = 2 * math.pi * device.nshift / (device.gamma0 * (device.qnl + xi))
    hwhm = device.gamma0 / (2 * math.pi)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = hwhm * (1 + device.qnl * p) * np.asarray(noise, float) / p * (1 + nu**2)
    return np.asarray(np.where(xi > 1, above, 2 * hwhm * (1 - xi)))
