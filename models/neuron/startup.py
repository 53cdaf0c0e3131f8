"""Start-up of an oscillator: the precession power p in time and at rest, with the thermal seed that it starts from.

The power p = |c|² of the auto-oscillator equation (`auto_oscillator`) with thermal agitation obeys

    dp/dt = 2 Γ0 [(ξ - 1) p - (ξ + Q_nl) p² + η],      ξ = I / I_th,                                             (1)

where η = p_T is the thermal power (`models/resonator/thermal.py`): <d|c|²/dt> = 2 [Γ₋ - Γ₊] p + 2 d(p D)/dp with
D = Γ0 (1 + Q_nl p) p_T, and 2 Γ0 p_T is what the last term leaves at small p. (1) takes <p²> for <p>², which is
right away from threshold only: there it is up to 17 % above the mean for p_T = 0.01, 22 % for 0.001; 2 % at twice the
threshold (`oscillator_noise.power_noise` has the mean; `docs/theory/noise.md`). Its roots

    p± = {(ξ - 1) ± √[(ξ - 1)² + 4 η (ξ + Q_nl)]} / (2 (ξ + Q_nl))                                               (2)

are the stationary power (p+ >= 0) and its mirror image; for η -> 0 p+ is the published law max(ξ - 1, 0)/(ξ + Q_nl).
Equation 1 is a Riccati equation: (p - p+)/(p - p-) falls as exp(-λt), λ = 2 Γ0 √[(ξ - 1)² + 4 η (ξ + Q_nl)]. So an
oscillator is slowest at threshold, where 1/λ = 1/(4 Γ0 √(η (1 + Q_nl))): critical slowing down.
Source: Slavin and Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009), sections II and VI; Γ0 = 2π α f0.
"""

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array

__all__ = ["advance_power", "relaxation_rate", "stationary_power"]


def _root(xi: Array, qnl: float, seed: float) -> Array:
    """√[(ξ - 1)² + 4 η (ξ + Q_nl)]; the current may run backwards, ξ + Q_nl > 0 is the caller's part."""
    return np.asarray(np.sqrt((xi - 1) ** 2 + 4 * seed * (xi + qnl)))


def stationary_power(xi: ArrayLike, qnl: float, seed: float) -> Array:
    """Stationary power p+ (eq. 2), dimensionless; ξ of any shape, ξ + Q_nl > 0."""
    x = np.asarray(xi, float)
    root = _root(x, qnl, seed)
    # Below threshold the difference in eq. 2 cancels; its conjugate does not.
    with np.errstate(divide="ignore", invalid="ignore"):
        below = 2 * seed / (root - (x - 1))
    return np.asarray(np.where(x > 1, ((x - 1) + root) / (2 * (x + qnl)), np.where(root > x - 1, below, 0.0)))


def relaxation_rate(xi: ArrayLike, gamma0: float, qnl: float, seed: float) -> Array:
    """λ, 1/s: how fast the power settles at that current."""
    return 2 * gamma0 * _root(np.asarray(xi, float), qnl, seed)


def advance_power(p: ArrayLike, xi: ArrayLike, step: float, gamma0: float, qnl: float, seed: float) -> Array:
    """Power after `step` seconds at a constant ξ, exact; shapes broadcast."""
    x, start = np.asarray(xi, float), np.asarray(p, float)
    root = _root(x, qnl, seed)
    upper = stationary_power(x, qnl, seed)
    lower = upper - root / (x + qnl)
    decay = np.exp(-2 * gamma0 * root * step)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (start - upper) / (start - lower) * decay
        there = (upper - lower * ratio) / (1 - ratio)
    at_rest = start / (1 + 2 * gamma0 * (x + qnl) * step * start)  # at threshold without a seed the roots meet
    return np.asarray(np.where(root > 0, there, at_rest))
