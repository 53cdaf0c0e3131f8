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
not depend on p.

**Forced below threshold.** For i(t) = Re(i e^{jωt}) and constant p, c = C₊ e^{jωt} + C₋ e^{-jωt} with

    C₊ = -jA i / (j(ω - ω_p) + Γ_p),   C₋ = -jA i* / (-j(ω + ω_p) + Γ_p),   A = ω0² / (2 ω_d x1)               (2)

    ω_p = ω(p), Γ_p = Γ₊ - Γ₋. The precession is x1 (C₊ + C₋*); at p = 0, I = 0 the two terms are the partial fractions
of chi. The power that enters ω_p and Γ_p is p = |C₊|² (rotating wave: |C₋|² is smaller by α²/4 near resonance, and the
beat at 2ω acts on C₊ to the relative order α p). So p solves the cubic

    p [(ω - ω_d - 2πN p)² + (Γ0 - σI + (Γ0 Q_nl + σI) p)²] = A² |i|².                                         (3)

With N it folds over, and up to three p fit. `branch="low"` takes the smallest: where the device goes when the power is
raised slowly from zero, at fixed frequency. `branch="high"` takes the largest: when the power comes down from above.
The middle one is unstable. Above threshold (injection locking) the transient models answer, the functions here do not.
The rectified voltage is V = ½ Re(i conj(k x1 (C₊ + C₋*))), as in fidelity 1. A mix angle ψ
senses x1 (X cos ψ + Y sin ψ): near resonance V = ½ k |i|² Re(chi e^{-jψ}).

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
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import Interface, check, parameter
from resonet.core.types import Array
from resonet.models.resonator.linear import SpinDiode

__all__ = [
    "AutoOscillator",
    "compression_power",
    "forced_power",
    "forced_voltage",
    "forced_voltage_per_watt",
    "free_frequency",
    "free_power",
    "growth_rate",
    "linear_power",
    "linewidth",
    "power_after",
    "start_up_time",
    "thermal_power",
]

Branch = Literal["low", "high"]

BOLTZMANN = 1.380649e-23  # J/K
GYROMAGNETIC = 1.76085963e11  # rad/(s T), of the electron
ONE_DECIBEL = 1 - 10**-0.1  # the voltage is proportional to the power: 1 dB less power is 20.6 % less voltage
LINEAR = SpinDiode()
LINEAR_LAW = "Leroux et al., Phys. Rev. Applied 15, 034067 (2021)"
THEORY = "Slavin and Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009)"


def _scale(device: SpinDiode) -> float:
    """x1 = √2 I_th / (α tan γ_p), A."""
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
    q: float = parameter(LINEAR.quality, "", 2.5, 5e4, "quality factor, 1 / (2 alpha)", LINEAR_LAW)
    r0: float = parameter(LINEAR.resistance, "Ohm", 1e-3, 1e9, "resistance at zero bias", LINEAR_LAW)
    k: float = parameter(
        LINEAR.transduction,
        "Ohm/A",
        -1e12,
        1e12,
        "resistance change per unit of precession, -4 alpha K_SD r0 (sets the sign)",
        LINEAR_LAW,
    )
    ith: float = parameter(LINEAR.threshold_current, "A", 1e-9, 1.0, "threshold current", LINEAR_LAW)
    qnl: float = parameter(2.0, "", 0.0, 1e3, "nonlinear damping", THEORY)
    nshift: float = parameter(
        0.0, "Hz", -1e13, 1e13, "frequency shift per unit of p", "0 = isochronous; " + THEORY + ": of the order of f0"
    )
    x1: float = parameter(
        _scale(LINEAR), "A", 1e-12, 1e6, "precession at p = 1, sqrt(2) ith / (alpha tan gamma_p)", THEORY
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
            _scale(device),
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
        """A / Γ0 of eq. 2, per ampere: |C₊| at resonance and vanishing power."""
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


def thermal_power(device: AutoOscillator, moment: ArrayLike, temperature: ArrayLike = 300.0) -> Array:
    """p_T = kT/E, mean p without current: E = 2 ω0 M/γ, the energy of a macrospin of moment M (A m²) at p = 1.

    The action of a macrospin is (M/γ)(1 - cos θ) = 2 p M/γ. A disk of 1 MA/m, 50 nm wide and 2 nm thick has
    M = 3.9e-18 A m². Shapes broadcast.
    """
    energy = 2 * (2 * math.pi * device.f0) * np.asarray(moment, float) / GYROMAGNETIC
    return np.asarray(BOLTZMANN * np.asarray(temperature, float) / energy)


def linewidth(device: AutoOscillator, current: ArrayLike, noise: ArrayLike) -> Array:
    """Full width at half maximum, Hz, of the free line: thermal above threshold, of the resonance below.

    `noise` is p_T, see `thermal_power`; the module's text has the law, and its factor 1 + ν² of the frequency shift.
    """
    xi, p = np.asarray(current, float) / device.ith, free_power(device, current)
    nu = 2 * math.pi * device.nshift / (device.gamma0 * (device.qnl + xi))
    hwhm = device.gamma0 / (2 * math.pi)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = hwhm * (1 + device.qnl * p) * np.asarray(noise, float) / p * (1 + nu**2)
    return np.asarray(np.where(xi > 1, above, 2 * hwhm * (1 - xi)))


def _newton(c3: Array, c2: Array, c1: Array, s: Array, start: Array) -> Array:
    """Root of c3 p³ + c2 p² + c1 p = s that Newton's steps reach from `start` without passing it."""
    p = start
    for _ in range(200):
        with np.errstate(divide="ignore", invalid="ignore"):
            step = (((c3 * p + c2) * p + c1) * p - s) / ((3 * c3 * p + 2 * c2) * p + c1)
        step = np.where(np.isfinite(step), step, 0)
        p = p - step
        if np.all(np.abs(step) <= 2e-15 * np.abs(p)):
            break
    return p


def _cubic(detuning: Array, shift: float, loss: Array, rise: Array, s: Array, branch: Branch) -> Array:
    """Root p of p [(d - n p)² + (a + b p)²] = s >= 0, eq. 3 in units of Γ0, on a branch; shape of d.

    The cubic c3 p³ + c2 p² + c1 p - s starts at -s and rises, concave up to its inflection and convex beyond. Its
    smallest root lies in the concave part if the curve is positive at the maximum (or, without one, at the inflection),
    and Newton from 0 climbs to it without overshoot; else it lies beyond the minimum, in the convex part, and Newton
    from an upper bound falls to it. So no start value has to be guessed, and none fails.
    """
    c3, c2, c1 = shift**2 + rise**2, 2 * (loss * rise - detuning * shift), detuning**2 + loss**2
    c2 = np.where(c3 > 0, c2, 0)  # underflow
    spread = c2**2 - 3 * c3 * c1  # > 0: the curve has a maximum and a minimum
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.sqrt(np.maximum(spread, 0))
        high = np.where(spread > 0, (-c2 + width) / (3 * c3), -c2 / (3 * c3))
        low = np.where(spread > 0, c1 / (-c2 + width), high)  # product of both: c1 / (3 c3)
        bound = np.where(c2 >= 0, s / c1, 2 * np.maximum(-c2 / c3, np.cbrt(s / c3)))

    def curve(p: Array) -> Array:
        return np.asarray(((c3 * p + c2) * p + c1) * p - s)

    with np.errstate(invalid="ignore"):
        concave = (c2 < 0) & (curve(low) >= 0)
        if branch == "high":
            concave &= curve(high) > 0
    return _newton(c3, c2, c1, s, np.where(concave, 0.0, bound))


def _forced(
    device: AutoOscillator, f: ArrayLike, power: ArrayLike, current: ArrayLike, branch: Branch
) -> tuple[Array, Array, Array, Array]:
    """f, peak RF current, p and ξ, broadcast against each other."""
    if branch not in ("low", "high"):
        raise InputError(f"branch {branch!r}: possible: low, high")
    power, xi = np.asarray(power, float), np.asarray(current, float) / device.ith
    if not np.all(power >= 0):
        raise InputError(f"RF power {power.min():g} W: must not be negative")
    if not np.all(xi < 1):
        raise InputError(
            f"auto_oscillator: a bias of {np.max(xi) * device.ith:g} A is not below the threshold, {device.ith:g} A; "
            "possible: a smaller bias for the forced response, or free_power for the oscillator"
        )
    rf = np.sqrt(2 * power / device.r0)
    f, rf, xi = np.broadcast_arrays(np.asarray(f, float), rf, xi)
    width = device.damping * device.f0  # Γ0 / 2π, Hz
    detuning, shift = (f - device.free) / width, device.nshift / width
    p = _cubic(detuning, shift, 1 - xi, device.qnl + xi, (device.drive * rf) ** 2, branch)
    return f, rf, p, xi


def forced_power(
    device: AutoOscillator, f: ArrayLike, power: ArrayLike, current: ArrayLike = 0.0, branch: Branch = "low"
) -> Array:
    """Power p below threshold under one tone: f in Hz, power ½|i|²R0 in W, DC bias in A; shapes broadcast. Eq. 3."""
    return _forced(device, f, power, current, branch)[2]


def forced_voltage_per_watt(
    device: AutoOscillator, f: ArrayLike, power: ArrayLike, current: ArrayLike = 0.0, branch: Branch = "low"
) -> Array:
    """Rectified voltage per watt in R0, V/W, below threshold; for power -> 0 and no bias that of fidelity 1."""
    f, _, p, xi = _forced(device, f, power, current, branch)
    width = device.damping * device.f0
    turn, loss = device.free + device.nshift * p, width * (1 - xi + (device.qnl + xi) * p)
    a = device.f0**2 / (2 * device.free)  # x1 A of eq. 2 over 2π, Hz
    mix = np.exp(-1j * device.psi)
    forward, backward = a / (turn - f + 1j * loss), a / (turn + f - 1j * loss)
    return np.asarray(device.k / device.r0 * (mix * forward + backward / mix).real)


def forced_voltage(
    device: AutoOscillator, f: ArrayLike, power: ArrayLike, current: ArrayLike = 0.0, branch: Branch = "low"
) -> Array:
    """Rectified voltage, V: what one tone adds to the DC voltage, below threshold. Arguments as `forced_power`."""
    return np.asarray(np.asarray(power, float) * forced_voltage_per_watt(device, f, power, current, branch))


def compression_power(device: AutoOscillator, deviation: float = 0.01, side: int = 1, current: float = 0.0) -> float:
    """RF power, W, at which the rectified voltage departs by `deviation` from the linear law, at its best detuning.

    The best detuning is half a width, side * α f0, off the resonance, where the linear law has its extreme (without
    mix angle). `deviation` is of |V/V_linear - 1|, either sign: 0.01, or ONE_DECIBEL. The smallest such power, on the
    low branch; a jump (fold-over) counts. inf if there is none up to p ~ 1e4.
    """
    if side not in (1, -1):
        raise InputError(f"side {side!r}: possible: 1 (above the resonance), -1 (below)")
    from scipy.optimize import brentq  # longer to import than all the rest together

    width = device.damping * device.f0 * (1 - current / device.ith)
    f = device.free + side * width
    linear = float(forced_voltage_per_watt(device, f, 0.0, current))
    full = device.r0 / (2 * device.drive**2)  # power that a linear response turns into p = 1 at resonance

    def excess(log_power: float) -> float:
        found = float(forced_voltage_per_watt(device, f, full * math.exp(log_power), current))
        return abs(found / linear - 1) - deviation

    grid = np.linspace(math.log(1e-12), math.log(1e4), 2000)
    over = abs(forced_voltage_per_watt(device, f, full * np.exp(grid), current) / linear - 1) >= deviation
    if not over.any():
        return math.inf
    first = int(over.argmax())
    if first == 0:
        return float(full * math.exp(grid[0]))
    return float(full * math.exp(brentq(excess, grid[first - 1], grid[first], xtol=1e-12)))


def linear_power(device: AutoOscillator, error: float = 0.01) -> float:
    """Power, W, up to which no weight departs from the linear law by more than `error` of the largest weight.

    Looked for on a grid of 0.5 % steps over all detunings |u| <= 1 that programming uses, below and above resonance.
    """
    f = device.free + device.damping * device.f0 * np.linspace(-1, 1, 201)[:, None]
    power = 0.5 * device.ith**2 * device.r0 * np.logspace(-7, 2, 4501)
    linear = forced_voltage_per_watt(device, f, 0.0)
    change = np.abs(forced_voltage_per_watt(device, f, power) - linear).max(0) / np.abs(linear).max()
    return float(power[int(np.argmax(change > error))])
