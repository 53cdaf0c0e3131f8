"""Resonators under many tones, below threshold: multi-tone harmonic balance of the auto-oscillator (fidelity 2).

Equation 1, signs and symbols are those of auto_oscillator.py, without bias: dc/dt = [jω_d - Γ0 - γ |c|²] c + drive,
with γ = Γ0 Q_nl - j2πN. For currents Σ Re(i_k e^{jω_k t}) of distinct frequencies put c = Σ C_k e^{jω_k t}. Of |c|² c,

    Σ C_a C_b C_c* e^{j(ω_a + ω_b - ω_c)t},

what falls on ω_i has c = b, a = i or c = a, b = i, and both are one and the same where a = b = i: Σ_k 2 |C_k|² C_i
- |C_i|² C_i. So with p_k = |C_k|², p = Σ p_k, and detunings and rates in units of Γ0, d_i = (ω_i - ω_d) / Γ0, n = 2πN / Γ0,

    p_i [(d_i - n y_i)² + (1 + Q_nl y_i)²] = a_i P_i,     y_i = 2p - p_i,     a_i P_i = A² |i_i|² / Γ0²,              (5)

A as in eq. 2: another tone saturates twice as much as the tone's own power (cross-saturation), and the power law acts
at once, so that this does not depend on how fast the tones beat. With one tone (5) is the cubic (3) of forced_oscillation.py.
The rectified voltage is V = Σ_i ½ k |i_i|² Re[(C₊ + C₋*) x1 / i_i] with eq. 2 for each tone: for vanishing powers the
exact Re chi of the linear law, not only its Lorentzian.

What is left out are the products at ω_a + ω_b - ω_c that are no tone (for channels in equal ratios none is): they carry
no current and rectify nothing, but act back on the tones to second order in Q_nl p over their detuning. How much that is
against direct integration (tone_time.py): docs/theory/saturation.md.

The motion of the amplitudes on which stability rests is dC_i/dt = -[1 + Q_nl y_i + j(d_i - n y_i)] C_i - j√(a_i P_i), in
1/Γ0. Without frequency shift (5) has one solution in reach. With it there may be several: taken is the one that the
device reaches when all powers are raised together, slowly, from zero; where that branch ends (fold-over), what the motion
leads to from its end. `jumped` says where.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array, Bools
from resonet.models.resonator.auto_oscillator import THEORY, oscillation_scale
from resonet.models.resonator.linear import SpinDiode

__all__ = ["Saturation", "ToneBalance", "Tones", "balance_tones"]


@dataclass(frozen=True, slots=True)
class Saturation:
    """What makes the resonators of a design nonlinear."""

    nonlinear_damping: float = parameter(2.0, "", 0.0, 1e3, "Q_nl: damping grows as 1 + Q_nl p", THEORY)
    frequency_shift: float = parameter(
        0.0, "", -10.0, 10.0, "N / f0: frequency shift per unit of p, part of f0", "0 = isochronous; " + THEORY
    )

    def __post_init__(self) -> None:
        check(self, "saturation")


@dataclass(frozen=True, slots=True, eq=False)
class Tones:
    """Tones at resonators, in the units of eq. 5, all [resonators, tones]."""

    detuning: Array  # d = (f - f_d) / (α f0)
    mirror: Array  # (f + f_d) / (α f0), of the part that turns against the precession
    drive: Array  # a: p D for a tone of 1 W
    volts: Array  # V = P volts Re(...): -V/W
    shift: float  # n

    @classmethod
    def at(cls, device: SpinDiode, law: Saturation, f_res: ArrayLike, tones: ArrayLike, currents: ArrayLike) -> "Tones":
        """Of f_res [resonators] and tones [tones], Hz, with |i|² of each tone per watt, A²/W (peak), [resonators, tones].

        InputError for frequencies that are not positive.
        """
        f0, f = np.atleast_1d(np.asarray(f_res, float)), np.atleast_1d(np.asarray(tones, float))
        for name, values in (("resonance frequency", f0), ("tone", f)):
            if not (np.all(values > 0) and np.all(np.isfinite(values))):
                raise InputError(f"{name} {values.min():g} Hz: possible: positive, finite frequencies")
        squares = np.broadcast_to(np.asarray(currents, float), (len(f0), len(f)))
        free, width = f0 * np.sqrt(1 - device.damping**2), device.damping * f0
        a = (f0**2 / (2 * free * width))[:, None]  # x1 A / Γ0 of eq. 2, about 1 / (2α)
        return cls(
            (f - free[:, None]) / width[:, None],
            (f + free[:, None]) / width[:, None],
            (a / oscillation_scale(device)) ** 2 * squares,
            0.5 * device.transduction * a * squares,
            law.frequency_shift / device.damping,
        )

    def voltages(self, law: Saturation, powers: Array, p: Array) -> Array:
        """Rectified voltage of every tone, V, [n, resonators, tones], for powers [n, tones] and their p."""
        y = 2 * p.sum(-1, keepdims=True) - p
        loss = 1 + law.nonlinear_damping * y
        d, b = self.detuning - self.shift * y, self.mirror + self.shift * y
        return np.asarray(powers[:, None] * self.volts * (b / (b**2 + loss**2) - d / (d**2 + loss**2)))


@dataclass(frozen=True, slots=True, eq=False)
class ToneBalance:
    """Solutions of eq. 5."""

    p: Array  # [n, resonators, tones]
    voltages: Array  # V, [n, resonators]: what the resonators rectify, tails included
    failed: Bools  # [n, resonators]: not solved; their numbers mean nothing
    jumped: Bools  # [n, resonators]: the branch from zero power had ended

    @property
    def solved(self) -> bool:
        """Whether all are."""
        return not self.failed.any()


def balance_tones(
    device: SpinDiode, law: Saturation, f_res: ArrayLike, tones: ArrayLike, currents: ArrayLike, powers: ArrayLike
) -> ToneBalance:
    """Balance of resonators f_res [resonators] under tones [tones], Hz, of powers [n, tones], W.

    `currents` is |i|² per watt of each tone in each resonator, A²/W (peak): 2 / R0 where the power is that in R0;
    [resonators, tones] or what broadcasts against it. Newton's method, to 1e-12 of the largest p: what does not get
    there is in `failed`.
    """
    from resonet.models.resonator.tone_kernel import balances

    powers = np.atleast_2d(np.asarray(powers, float))
    if not (np.all(powers >= 0) and np.all(np.isfinite(powers))):
        raise InputError(f"RF power {powers.min():g} W: possible: finite, not negative")
    at = Tones.at(device, law, f_res, tones, currents)
    p = np.zeros((len(powers), *at.detuning.shape))
    failed, jumped = np.zeros(p.shape[:2], bool), np.zeros(p.shape[:2], bool)
    balances(at.detuning, at.drive, powers, law.nonlinear_damping, at.shift, p, failed, jumped)
    return ToneBalance(p, at.voltages(law, powers, p).sum(-1), failed, jumped)
