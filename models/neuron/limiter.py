"""What a tanh limiter leaves of a tone: its describing function, the inverse, and the 1 dB point.

A tone x cos t into tanh has at the output a fundamental of amplitude

    F(x) = (1/π) ∫₀^2π tanh(x cos t) cos t dt,        F(x) = x - x³/4 + ... ,  F(∞) = 4/π,                        (1)

and odd harmonics. Equispaced points give the integral of a periodic analytic function with an error that falls as
exp(-n asinh(π/(2x))); far out the series in 1/x is used, with η(2m) of the Fermi integrals ∫ s^(2m-1)/(e^s + 1) ds:
F = (4/π) [1 - π²/(24 x²) - 7π⁴/(1920 x⁴) - 31π⁶/(10752 x⁶)].
Source: A. Gelb and W. E. Vander Velde, Multiple-Input Describing Functions (1968), section 2.3.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array

__all__ = ["FULL", "ONE_DECIBEL", "fundamental", "fundamental_inverse"]


FULL = 4 / np.pi  # fundamental of a square wave of height 1
ONE_DECIBEL = 0.7126971287646685  # x1 with F(x1)/x1 = 10^(-1/20)
FAR = 60.0  # beyond it the series is exact to 2e-11
POINTS = 1024


def _quadrature(x: Array) -> Array:
    """Equation 1, [n]."""
    angle = (np.arange(POINTS) + 0.5) * (2 * np.pi / POINTS)
    return np.asarray(2 * np.mean(np.tanh(x[:, None] * np.cos(angle)) * np.cos(angle), axis=1))


@functools.cache
def _table() -> tuple[Any, Any]:
    """F(sinh u) and its derivative by u as splines over 0 ... asinh(FAR): a batch of images asks for millions."""
    from scipy.interpolate import CubicSpline  # heavy enough to wait until somebody compresses a tone

    u = np.linspace(0, np.arcsinh(FAR), 2001)
    spline = CubicSpline(u, _quadrature(np.sinh(u)))
    return spline, spline.derivative()


def _far(x: Array) -> Array:
    s = 1 / x**2
    return np.asarray(FULL * (1 - s * (np.pi**2 / 24 + s * (7 * np.pi**4 / 1920 + s * 31 * np.pi**6 / 10752))))


def fundamental(x: ArrayLike) -> Array:
    """F(x), eq. 1, within 1e-11; x >= 0 of any shape."""
    x = np.asarray(x, float)
    near = _table()[0](np.arcsinh(np.minimum(x, FAR)))
    return np.asarray(np.where(x > FAR, _far(np.maximum(x, FAR)), near))


def fundamental_inverse(y: ArrayLike) -> Array:
    """Drive x with F(x) = y; y in 0 ... F(FAR), of any shape, NaN outside it (4/π is never reached)."""
    y = np.asarray(y, float)
    spline, slope = _table()
    with np.errstate(invalid="ignore"):
        u = np.interp(y, spline(spline.x), spline.x, left=np.nan, right=np.nan)
        for _ in range(3):  # Newton, from within 1e-6 of the root
            u = np.clip(u - (spline(u) - y) / slope(u), 0, spline.x[-1])
    return np.asarray(np.sinh(u))
