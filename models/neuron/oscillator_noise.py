"""Thermal noise of an oscillator's tone: its power, its line, and what a resonator makes of both.

The auto-oscillator with the current ξ = I/I_th and the agitation of `thermal`, D = Γ₊(p) p_T, is a diffusion of p:

    drift 2 [Γ₋ - Γ₊] p + 2 d(p D)/dp,   <noise noise> = 4 p D,   Γ₊ = Γ0 (1 + Q p),   Γ₋ = Γ0 ξ (1 - p).

Its stationary density is w(p) ~ exp(-∫ (Γ₊ - Γ₋)/(Γ₊ p_T) dp) (Slavin and Tiberkevich, IEEE Trans. Magn. 45, 1875,
section VI), and the one-sided density of p at the frequency 0 is, for any one-dimensional diffusion,

    S_p(0) = 4 ∫ [∫_0^p (p' - <p>) w dp']² / (2 p D w) dp.                                                        (1)

`power_noise` does both integrals. Above threshold that is a linear oscillator's noise, 8 p D / λ² with
λ = 2 (Γ0 Q + σI) p; below it that of thermal light, <δp²> = <p>² and λ = 2 Γ0 (1 - ξ). Within a few √p_T of threshold
neither holds. The static law of `startup`, which takes <p²> for <p>², is there up to 17 % above the mean for p_T = 0.01
(at 1.1 I_th; 2 % at twice the threshold).

**Line width.** Δ, Hz, the full width at half maximum of the Lorentzian that is as high as the line: Δ = 1/(π τ) with
τ = ∫_0^∞ <c*(0) c(t)> dt / <p>. Isochronous, τ <p> = <c* g> where g(|c|) e^{jφ} solves

    1/(2 w r) d/dr [r w D dg/dr] - D g / (2 r²) = -r,      r² = p,                                                (2)

the same diffusion in the plane; `isochronous_width` solves it on a grid. Above threshold it is Γ₊(p) p_T / (2π p), the
law of Kim, Tiberkevich and Slavin (Phys. Rev. Lett. 100, 017207, 2008), below it the resonance's own width,
2 (Γ0 - σI)/2π. A frequency shift N adds Γ₊(p) p_T ν² / (2π p) above threshold, far from it (`auto_oscillator`). White
frequency noise of that line has the one-sided density Δ/π, Hz²/Hz.

**In a resonator that the tone feeds.** Power fluctuations that it follows (slower than its half-width h = α f_res) pass
with its weight: δV = W δP. So do frequency fluctuations with its slope: δV = P (dW/df) δf. And the line is not sharp:
the mean voltage of a tone of width Δ is that of a resonator of the half-width h + Δ/2 and as much less of a peak,

    V = P K_SD 2 h d / (d² + (h + Δ/2)²),   d = f - f_res,                                                        (3)

because the phase forgets itself as exp(-πΔ|t|) while the precession forgets as exp(-2πh t).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array
from resonet.models.neuron.startup import relaxation_rate, stationary_power

__all__ = [
    "amplitude_density",
    "broadened_weight",
    "frequency_density",
    "isochronous_width",
    "linewidth",
    "power_noise",
]

POINTS, TABLE = 2001, 161
VARIANCE, DENSITY, WIDTH = 1, 2, 3  # columns of the table, behind its currents
LEAST = 1e-6  # of the threshold current
BELOW, ABOVE = 12.0, 30.0  # how far to integrate, in standard deviations of p


def _density(low: float, high: float, xi: float, qnl: float, noise: float) -> tuple[Array, Array]:
    """Middles p of POINTS cells between two powers, and w there, its largest value 1."""
    p = np.asarray(low + (high - low) / POINTS * (np.arange(POINTS) + 0.5), float)
    return p, np.exp(_exponent(p, xi, qnl, noise))


def _exponent(p: Array, xi: float, qnl: float, noise: float) -> Array:
    """Logarithm of w(p), its largest value 0."""
    # ∫ (1 - p)/(1 + Q p) dp
    gained = -p / qnl + (1 + 1 / qnl) / qnl * np.log1p(qnl * p) if qnl > 0 else p - p**2 / 2
    exponent = -(p - xi * gained) / noise
    return np.asarray(exponent - exponent.max())


def _span(xi: float, qnl: float, noise: float) -> tuple[float, float]:
    """Powers between which all but nothing of w lies."""
    p = float(stationary_power(xi, qnl, noise))
    rate = float(relaxation_rate(xi, 1.0, qnl, noise))
    spread = p * min(1.0, np.sqrt(2 * (1 + qnl * p) * noise / (p * rate)))
    return max(0.0, p - BELOW * spread), p + ABOVE * spread


def power_noise(xi: float, qnl: float, noise: float) -> tuple[float, float, float]:
    """Mean of p, its variance, and one-sided density S_p(0) in units of 1/Γ0, at a current ξ; `noise` is p_T > 0."""
    p, weight = _density(*_span(xi, qnl, noise), xi, qnl, noise)
    step = p[1] - p[0]
    weight /= weight.sum()
    mean = float((weight * p).sum())
    deviation = weight * (p - mean)
    below = np.cumsum(deviation) - deviation / 2
    heavy = weight > 1e-12 * weight.max()
    integrand = below[heavy] ** 2 / (2 * p[heavy] * (1 + qnl * p[heavy]) * noise * weight[heavy])
    return mean, float((deviation * (p - mean)).sum()), float(4 * integrand.sum() * step**2)


def isochronous_width(xi: float, qnl: float, noise: float) -> float:
    """Δ of an isochronous oscillator in units of Γ0 (eq. 2)."""
    from scipy.linalg import solveh_banded  # longer to import than all the rest together

    low, high = (np.sqrt(p) for p in _span(xi, qnl, noise))
    step = (high - low) / POINTS
    face = low + step * np.arange(POINTS + 1)  # cells between them; nothing flows through the first and the last
    r = face[:-1] + step / 2
    exponent = _exponent(np.concatenate([face, r]) ** 2, xi, qnl, noise)
    weight = np.maximum(np.exp(exponent), 1e-40)  # so that the matrix has no empty rows
    flow = face * weight[: POINTS + 1] * (1 + qnl * face**2) * noise / (2 * step**2)
    flow[[0, -1]] = 0
    inside = weight[POINTS + 1 :]
    loss = inside * (1 + qnl * r**2) * noise / (2 * r)
    matrix = np.zeros((2, POINTS))
    matrix[1] = flow[:-1] + flow[1:] + loss
    matrix[0, 1:] = -flow[1:-1]
    g = solveh_banded(matrix, inside * r**2)
    return float((inside * r**3).sum() / (np.pi * (inside * r**2 * g).sum()))


@lru_cache(maxsize=32)
def _table(qnl: float, noise: float, highest: float) -> tuple[Array, Array, Array, Array]:
    """ξ, dense around the threshold; relative variance, relative density times Γ0 and Δ/Γ0 at each."""
    wide = np.linspace(LEAST, highest, TABLE)
    near = 1 + 8 * np.sqrt(noise) * np.linspace(-1, 1, TABLE)
    xi = np.unique(np.concatenate([wide, near[(near > LEAST) & (near < highest)]]))
    mean, variance, density = np.array([power_noise(float(x), qnl, noise) for x in xi]).T
    return xi, variance / mean**2, density / mean**2, np.array([isochronous_width(float(x), qnl, noise) for x in xi])


def _looked_up(xi: ArrayLike, qnl: float, noise: float, *columns: int) -> list[Array]:
    """Columns of `_table`, by number, at currents ξ >= 0 of any shape."""
    x = np.maximum(np.asarray(xi, float), LEAST)
    table = _table(qnl, noise, float(np.ceil(max(x.max(initial=2.0), 2.0))))
    return [np.asarray(np.exp(np.interp(x, table[0], np.log(table[column])))) for column in columns]


def amplitude_density(xi: ArrayLike, gamma0: ArrayLike, qnl: float, noise: float) -> tuple[Array, Array]:
    """Relative intensity noise of the tone: one-sided density of δP/P at low frequency, 1/Hz, and its corner, Hz.

    ξ (>= 0) and Γ0 (1/s) broadcast; `noise` is p_T. The spectrum is taken as one pole with that density and the whole
    variance: density * corner * π/2 = <δp²>/<p>².
    """
    variance, density = _looked_up(xi, qnl, noise, VARIANCE, DENSITY)
    low = density / np.asarray(gamma0, float)
    return np.asarray(low), np.asarray(variance / low * 2 / np.pi)


def linewidth(xi: ArrayLike, gamma0: ArrayLike, qnl: float, noise: float, shift: float = 0.0) -> Array:
    """Full width at half maximum of the tone, Hz; ξ (>= 0) and Γ0 (1/s) broadcast, `shift` is N, Hz."""
    x, rate = np.maximum(np.asarray(xi, float), LEAST), np.asarray(gamma0, float)
    width = _looked_up(x, qnl, noise, WIDTH)[0] * rate
    if not shift:
        return np.asarray(width)
    p, nu = stationary_power(x, qnl, noise), 2 * np.pi * shift / (rate * (qnl + x))
    return np.asarray(width + np.where(x > 1, rate * (1 + qnl * p) * noise / (2 * np.pi * p) * nu**2, 0.0))


def frequency_density(width: ArrayLike) -> Array:
    """One-sided density of a tone's frequency, Hz²/Hz, white, for its full width at half maximum, Hz: Δ/π."""
    return np.asarray(np.asarray(width, float) / np.pi)


def broadened_weight(detuning: ArrayLike, width: ArrayLike) -> Array:
    """V / (P K_SD) of a line (eq. 3), 2u/(1 + u²) if sharp; detuning and full width Δ in half-widths h."""
    u = np.asarray(detuning, float)
    return np.asarray(2 * u / (u**2 + (1 + np.asarray(width, float) / 2) ** 2))
