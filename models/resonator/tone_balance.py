"""Resonators under many tones, below threshold: multi-tone harmonic balance of the auto-oscillator (fidelity 2).

Equation 1, signs and symbols are those of auto_oscillator.py, without bias: dc/dt = [jω_d - Γ0 - γ |c|²] c + drive,
with γ = Γ0 Q_nl - j2πN. For currents Σ Re(i_k e^{jω_k t}) of distinct frequencies put c = Σ C_k e^{jω_k t}. Of |c|² c,

    Σ C_a C_b C_c* e^{j(ω_a + ω_b - ω_c)t},

what falls on ω_i has c = b, a = i or c = a, b = i, and both are one where a = b = i: (Σ_k 2 |C_k|² - |C_i|²) C_i. So
with p_k = |C_k|², p = Σ p_k, and detunings and rates in units of Γ0, d_i = (ω_i - ω_d) / Γ0 and n = 2πN / Γ0,

    p_i (u_i² + g_i²) = a_i P_i = A² |i_i|² / Γ0²,   g_i + j u_i = 1 + Q_nl y_i + j (d_i - n y_i) + K_i,             (5)

with y_i = 2p - p_i and A of eq. 2: another tone saturates twice as much as the tone's own power (cross-saturation). The
power acts at once, so that this does not depend on how fast the tones beat. With one tone (5) is the cubic (3) of
forced_oscillation.py. The rectified voltage is V = Σ_i ½ k |i_i|² Re[(C₊ + C₋*) x1 / i_i] with eq. 2 for each tone: for
vanishing powers the exact Re chi of the linear law, not only its Lorentzian. y_i holds twice the power of the mirror
tones C₋ of all other tones as well, 1/(f_k + f_d)² in the place of 1/(f_k - f_d)²: 0.2 % of y_i for 48 tones.

**Mixing.** Products at ω_a + ω_b - ω_c carry no current and rectify nothing (for channels in equal ratios none of them
is a tone), but act back. Of a, b, c they are M = -γ' s C_a C_b C_c* / D with D = 1 + 2γ' p + j (d_a + d_b - d_c),
γ' = γ / Γ0 = Q_nl - jn and s = 1 for a = b, else 2; what M gives in |c|² c at a tone i, over C_i, is K_i. Counted are
those of the strongest tone o (of the linear law) and the two beside it, l and h, that are largest: 2ω_o - ω_l,
2ω_o - ω_h, and ω_l + ω_h - ω_o, which for channels in nearly equal steps is almost in resonance:

    K_o = -2γ'² p_o (p_l / D_ool + p_h / D_ooh) - 4|γ'|² p_l p_h / D_lho*
    K_l = -|γ'|² p_o² / D_ool* - 4γ'² p_h p_o / D_lho,    and K_h with l and h exchanged.                            (6)

What (5) with (6) and without are off against direct integration (tone_time.py): docs/theory/saturation.md.

The slow motion of the amplitudes, on which stability rests, is in 1/Γ0

    dC_i/dt = -[g_i + j u_i] C_i - j √(a_i P_i).                                                                     (7)

**Line width.** A tone whose phase diffuses, of the line width Δ (FWHM), forgets it as exp(-πΔ|t|). For the means
<C_i i_i*> and p_i, with x = πΔ/Γ0 (half the line width in half-widths) and as p fluctuates little,

    dm/dt = -(g + x + ju) m - j √(aP),   dp/dt = -2 g p - 2 √(aP) Im m:
    p_i (u_i² + (g_i + x_i)²) = (1 + x_i/g_i) a_i P_i                                                                (8)

with m = <C_i i_i*> / |i_i|; and the rectified voltage is that of the loss g + x. Without saturation: a resonator of the
half-width h + Δ/2.

Without frequency shift (5) has one solution in reach. With it there may be several: taken is the one that the device
reaches when all powers are raised together, slowly, from zero; where that branch ends (fold-over), what the motion
leads to from its end. `jumped` says where.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array, Bools, Ints
from resonet.core.validity import warn
from resonet.models.resonator.auto_oscillator import THEORY, oscillation_scale
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.own_diodes import OwnDiodes

__all__ = ["MIXING", "Saturation", "ToneBalance", "Tones", "balance_tones", "balanced", "neighbours", "warn_mixing"]

MIXING = 0.3  # of |γ'| p_o / |D|: resonators near it are off by 0.5 % of K_SD P, rms (docs/theory/saturation.md)


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
    drive: Array  # a: p (u² + g²) for a tone of 1 W
    mirrored: Array  # p of the mirror tone for a tone of 1 W
    volts: Array  # V = P volts [b / (b² + g²) - u / (u² + g²)], b the mirror
    shift: float  # n

    @classmethod
    def at(
        cls, device: SpinDiode | OwnDiodes, law: Saturation, f_res: ArrayLike, tones: ArrayLike, currents: ArrayLike
    ) -> "Tones":
        """Of f_res [resonators] and tones [tones], Hz; `currents` [resonators, tones]: |i|² per watt, A²/W (peak).

        Of `OwnDiodes` every resonator has its own, [resonators].

        InputError for frequencies that are not positive, and for `OwnDiodes` under a law with a frequency shift.
        """
        if law.frequency_shift and isinstance(device, OwnDiodes):
            raise InputError("resonators of their own with saturation.frequency_shift; possible: 0 of it, or all alike")
        f0, f = np.atleast_1d(np.asarray(f_res, float)), np.atleast_1d(np.asarray(tones, float))
        for name, values in (("resonance frequency", f0), ("tone", f)):
            if not (np.all(values > 0) and np.all(np.isfinite(values))):
                raise InputError(f"{name} {values.min():g} Hz: possible: positive, finite frequencies")
        squares = np.broadcast_to(np.asarray(currents, float), (len(f0), len(f)))
        free, width = f0 * np.sqrt(1 - device.damping**2), device.damping * f0
        a = (f0**2 / (2 * free * width))[:, None]  # x1 A / Γ0 of eq. 2, about 1 / (2α)
        mirror = (f + free[:, None]) / width[:, None]
        drive = (a / np.reshape(oscillation_scale(device), (-1, 1))) ** 2 * squares
        return cls(
            (f - free[:, None]) / width[:, None],
            mirror,
            drive,
            drive / (mirror**2 + 1),
            0.5 * np.reshape(device.transduction, (-1, 1)) * a * squares,
            law.frequency_shift / float(np.mean(device.damping)),
        )

    def paired(self) -> "Tones":
        """The same as [resonators, 1, tones]: every resonator with tones of its own."""
        return self.rows((slice(None), None))

    def rows(self, chosen: Any) -> "Tones":
        """Some of the resonators, as an index of numpy has them."""
        names = ("detuning", "mirror", "drive", "mirrored", "volts")
        return replace(self, **{one: getattr(self, one)[chosen] for one in names})

    def voltages(self, powers: Array, loss: Array, detuning: Array) -> Array:
        """Rectified voltage of every tone, V, for powers [n, tones], g + x (8) and u, [n, resonators, tones]."""
        b = self.mirror + self.detuning - detuning
        return np.asarray(powers[:, None] * self.volts * (b / (b**2 + loss**2) - detuning / (detuning**2 + loss**2)))


def neighbours(tones: Array) -> Ints:
    """Every tone and those beside it in frequency, [tones, 3]; the number of tones where there is none."""
    order = np.argsort(tones)
    beside = np.full((len(tones), 3), len(tones))
    beside[:, 0] = np.arange(len(tones))
    beside[order[1:], 1] = order[:-1]
    beside[order[:-1], 2] = order[1:]
    return beside


@dataclass(frozen=True, slots=True, eq=False)
class ToneBalance:
    """Solutions of eq. 5."""

    p: Array  # [n, resonators, tones]
    voltages: Array  # V, [n, resonators]: what the resonators rectify, tails included
    failed: Bools  # [n, resonators]: not solved; their numbers mean nothing
    jumped: Bools  # [n, resonators]: the branch from zero power had ended
    mixing: Array  # [n, resonators]: |γ'| p_o / |D|, what eq. 6 is an expansion in; see MIXING

    @property
    def solved(self) -> bool:
        """Whether all are."""
        return not self.failed.any()


def balance_tones(
    device: SpinDiode | OwnDiodes,
    law: Saturation,
    f_res: ArrayLike,
    tones: ArrayLike,
    currents: ArrayLike,
    powers: ArrayLike,
    widths: ArrayLike = 0.0,
    paired: bool = False,
) -> ToneBalance:
    """Balance of resonators f_res [resonators] under tones [tones], Hz, of powers [n, tones], W.

    `currents` is |i|² per watt of each tone in each resonator, A²/W (peak): 2 / R0 where the power is that in R0;
    [resonators, tones] or what broadcasts against it; `widths` x of eq. 8, like the powers. `paired`: resonator n is
    under powers n alone, and [n, resonators] is [n, 1] in what is found. Newton's method, to 1e-10 of p: what does not
    get there is in `failed`. Warns (tone-mixing) beyond the range of eq. 6.
    """
    powers = np.atleast_2d(np.asarray(powers, float))
    if not (np.all(powers >= 0) and np.all(np.isfinite(powers))):
        raise InputError(f"RF power {powers.min():g} W: possible: finite, not negative")
    at, wide = Tones.at(device, law, f_res, tones, currents), np.broadcast_to(np.asarray(widths, float), powers.shape)
    found = balanced(at, law, neighbours(np.atleast_1d(np.asarray(tones, float))), powers, wide, paired)
    warn_mixing(found.mixing.max(initial=0.0))
    return found


def balanced(at: Tones, law: Saturation, near: Ints, powers: Array, widths: Array, paired: bool = False) -> ToneBalance:
    """`balance_tones` of resonators whose tones are at hand: near [tones, 3] of `neighbours`, powers and widths alike.

    [n, tones]. Neither checks the powers nor warns.
    """
    from resonet.models.resonator.tone_kernel import balances

    p = np.zeros((len(powers), 1 if paired else len(at.detuning), powers.shape[1]))
    loss, detuning = np.ones_like(p), np.zeros_like(p)
    failed, jumped = np.zeros(p.shape[:2], bool), np.zeros(p.shape[:2], bool)
    beside = near[:, 1:]
    beside = np.ascontiguousarray(np.where(beside == len(beside), -1, beside))
    inputs = (at.detuning, at.drive, at.mirrored, powers, np.ascontiguousarray(widths), beside)
    balances(*inputs, law.nonlinear_damping, at.shift, paired, p, loss, detuning, failed, jumped)
    own = at.paired() if paired else at
    voltages = own.voltages(powers, loss + widths[:, None], detuning).sum(-1)
    return ToneBalance(p, voltages, failed, jumped, _mixing(own, law, p, beside))


def warn_mixing(most: float) -> None:
    """Warn (tone-mixing) of the largest mixing that was met."""
    if most > MIXING:
        warn("tone-mixing", "resonators whose tones mix: the balance is off by 0.5 % of K_SD P, or more", most, MIXING)


def _mixing(at: Tones, law: Saturation, p: Array, beside: Ints) -> Array:
    """|γ'| p_o / |D| of the strongest tone and the nearer of those beside it, [n, resonators]."""
    gamma, total, o = complex(law.nonlinear_damping, -at.shift), p.sum(-1), p.argmax(-1)
    d, strongest = np.broadcast_to(at.detuning, p.shape), p.max(-1)
    own = np.take_along_axis(d, o[..., None], -1)[..., 0]
    found = np.zeros_like(total)
    for side in range(2):
        other = beside[o, side]
        apart = 2 * own - np.take_along_axis(d, np.maximum(other, 0)[..., None], -1)[..., 0]
        share = abs(gamma) * strongest / np.abs(1 + 2 * gamma * total + 1j * apart)
        found = np.where(other >= 0, np.maximum(found, share), found)
    return np.asarray(found)
