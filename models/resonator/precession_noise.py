"""Noise of the precession at DC: the tone of a resonator mixes its thermal precession down; no bias is needed.

A resonator carries the tone i(t) = Re(I e^{jωt}), P = ½|I|² R0, and precesses by itself: R(t) = R0 + k x1 X, where
k x1 = -½ ΔR and X + jY = c has the thermal noise of `thermal`, an Ornstein-Uhlenbeck process around the resonance. With
z = c e^{-jωt} and u = (f - f_res)/(α f_res) the slow part of i R is v = ½ k x1 Re(I* z), and without drive

    dz/dt = -Γ0 (1 + ju) z + f,     <f f*> = 2 D δ,  D = Γ0 p_T.

The one-sided density of v at the frequency F of the DC side, per resonator and tone, Γ0 = 2πα f_res, is

    S_V(F) = R0 (ΔR/R)² p_T P / (4 Γ0) · ½ [L(u + F/h) + L(u - F/h)],   L(a) = 1/(1 + a²),  h = α f_res,          (1)

flat (and R0 (ΔR/R)² p_T P / (4 Γ0 (1 + u²)) there) for F well below the half-width h: 10 MHz at 1 GHz, 200 MHz at 20
GHz, for α = 0.01. Far from resonance the part of X that turns the other way counts too: L(u) becomes

    2 α² (1 + r²) / [(1 - r²)² + 4 α² r²],    r = f/f_res,                                                       (2)

exact at F = 0 for (1) of `auto_oscillator`, and L(u) at r = 1. Tones of different frequency add in power.

**Saturation.** With c = Σ b_i e^{jω_i t} + noise, tones far apart against Γ0, own power p_i = |b_i|² and that of the
others p_o = Σ p_k, k != i, the mean obeys b_i G = F_i and its noise, linearised, dz/dt = -Γ0 (A z + B z*) + f:

    G = 1 + ju + (Q - jn)(p_i + 2 p_o),   A = G + (Q - jn) p_i,   B = (Q - jn) p_i,   D = Γ0 p_T [1 + Q (p_i + p_o)]

with Q = Q_nl and n = N/h the frequency shift in half-widths. I is along jG for a real b_i. Solving at F = 0 for z and
projecting on I* gives (1) with L replaced by

    L_s = [1 + Q (p_i + p_o)] |A + B g*²|² / (|A|² - |B|²)²,    g = G / |G|.                                      (3)

One tone at resonance, N = 0: I is a quarter period beside b, so that the voltage shows the phase of the precession,
which relaxes by A - B = 1 + Q p, and L_s = 1/(1 + Q p). Terms of the order Q p_T, and what the beats of several tones
mix, are left out. Langevin simulations give 0.96-0.99 of (3) from 2 nW to 1 µW, one
tone, Q = 2, p_T = 0.01 (`benchmarks/show_physics.py`).
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array
from resonet.models.resonator.auto_oscillator import oscillation_scale
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.own_diodes import OwnDiodes
from resonet.models.resonator.tone_balance import Saturation, Tones

__all__ = [
    "balanced_density",
    "noise_line",
    "noise_per_precession",
    "precession_density",
    "saturated_line",
    "saturated_precession_density",
    "tones_density",
]


def noise_line(f: ArrayLike, f_res: ArrayLike, damping: ArrayLike) -> Array:
    """Eq. 2: what a tone at f (Hz) sees of the thermal precession around f_res (Hz), 1 at resonance; they broadcast."""
    square, alpha = np.square(np.asarray(f, float) / np.asarray(f_res, float)), np.asarray(damping, float)
    return np.asarray(2 * alpha**2 * (1 + square) / ((1 - square) ** 2 + 4 * alpha**2 * square))


def _scale(device: SpinDiode | OwnDiodes, f_res: ArrayLike, noise: ArrayLike) -> Array:
    """R0 (ΔR/R)² p_T / (4 Γ0), V²/Hz per watt."""
    gamma0 = 2 * math.pi * device.damping * np.asarray(f_res, float)
    return np.asarray(device.resistance * device.magnetoresistance**2 * np.asarray(noise, float) / (4 * gamma0))


def precession_density(
    device: SpinDiode, f: ArrayLike, f_res: ArrayLike, power: ArrayLike, noise: ArrayLike, at: ArrayLike = 0.0
) -> Array:
    """One-sided density, V²/Hz, of a resonator's DC voltage from a tone of f (Hz) and `power` (W); linear regime.

    `noise` is p_T (`thermal.thermal_power`); `at` is the frequency F of the DC side, Hz. All arguments broadcast.
    Linear in the power: at 1 W it is the coefficient of a sum over tones and resonators. Saturation takes 1 % off at 2
    nW and 17 % at 50 nW of the default device: `saturated_precession_density`.
    """
    f, at = np.asarray(f, float), np.asarray(at, float)
    line = (noise_line(f + at, f_res, device.damping) + noise_line(np.abs(f - at), f_res, device.damping)) / 2
    return np.asarray(_scale(device, f_res, noise) * line * np.asarray(power, float))


def saturated_line(u: ArrayLike, own: ArrayLike, others: ArrayLike, qnl: float, shift: float = 0.0) -> Array:
    """Eq. 3, 1/(1 + u²) without power; u in half-widths, precession powers p of the tone and of the others.

    `shift` is N in half-widths α f_res. Shapes broadcast.
    """
    own, others = np.asarray(own, float), np.asarray(others, float)
    bend = qnl - 1j * shift
    mean = 1 + 1j * np.asarray(u, float) + bend * (own + 2 * others)
    pulled = bend * own
    slope = mean + pulled
    turned = np.square(np.conj(mean)) / np.abs(mean) ** 2  # g*²
    found = np.abs(slope + pulled * turned) ** 2 / (np.abs(slope) ** 2 - np.abs(pulled) ** 2) ** 2
    return np.asarray((1 + qnl * (own + others)) * found)


def saturated_precession_density(
    device: SpinDiode,
    f_res: ArrayLike,
    power: ArrayLike,
    noise: ArrayLike,
    line: ArrayLike,
) -> Array:
    """One-sided density at DC, V²/Hz, of a tone of `power` (W) whose noise line is `line` (`saturated_line`)."""
    return np.asarray(_scale(device, f_res, noise) * np.asarray(line, float) * np.asarray(power, float))


def noise_per_precession(device: SpinDiode | OwnDiodes, f_res: ArrayLike) -> Array:
    """Density for p_T = 1, V²/Hz, of a tone over its precession power p without saturation.

    Both go with 1/(1 + u²) then: p = a P/(1 + u²) with the drive a = (A/(2 α root))² 2/R0 of `tone_balance`, root² =
    1 - α² and A of `oscillation_scale`. With saturation the density is that times s L_s, s = a P.
    """
    alpha = device.damping
    square = 1 / (4 * alpha**2 * (1 - alpha**2) * oscillation_scale(device) ** 2)  # a P over |i|²
    return np.asarray(_scale(device, f_res, 1.0) * 0.5 * device.resistance / square)


def balanced_density(
    device: SpinDiode | OwnDiodes,
    law: Saturation,
    f_res: ArrayLike,
    tones: ArrayLike,
    currents: ArrayLike,
    powers: Array,
    p: Array,
    paired: bool = False,
) -> Array:
    """Density for p_T = 1, V²/Hz [n, resonators], of all tones of resonators in the balance p [n, resonators, tones].

    The rest as for `balance_tones`. Eq. 3, and the part that turns the other way of eq. 2.
    """
    at, hiss = Tones.at(device, law, f_res, tones, currents), noise_per_precession(device, f_res)
    if paired:
        at, hiss = at.paired(), hiss[:, None]
    return tones_density(at, law, hiss, powers, p)


def tones_density(at: Tones, law: Saturation, hiss: Array, powers: Array, p: Array) -> Array:
    """`balanced_density` of resonators whose tones are at hand; hiss: `noise_per_precession`, [n, resonators] or so."""
    total = p.sum(-1, keepdims=True)
    line = saturated_line(at.detuning, p, total - p, law.nonlinear_damping, at.shift)
    line += (1 + law.nonlinear_damping * total) / (at.mirror**2 + 1)
    return np.asarray(hiss * (at.drive * line * powers[:, None]).sum(-1))
