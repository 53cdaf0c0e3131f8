"""The auto-oscillator under one tone below its threshold: precession, rectified voltage, where the linear law ends.

Equation 1, signs and symbols are those of auto_oscillator.py.

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
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.resonator.auto_oscillator import AutoOscillator

__all__ = [
    "ONE_DECIBEL",
    "compression_power",
    "forced_power",
    "forced_voltage",
    "forced_voltage_per_watt",
    "linear_power",
]

Branch = Literal["low", "high"]

ONE_DECIBEL = 1 - 10**-0.1  # the voltage is proportional to the power: 1 dB less power is 20.6 % less voltage


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
        per_watt = float(forced_voltage_per_watt(device, f, full * math.exp(log_power), current))
        return abs(per_watt / linear - 1) - deviation

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
