"""The compiled part of `integrate_tones`. Imported where it is called: numba takes longer to load than most of it."""

import numba
import numpy as np

from resonet.core.types import Array, Complex

__all__ = ["integrate"]

FAST = {"contract", "nsz", "reassoc"}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _advance(cosine: Array, sine: Array, turn: Complex, peaks: Array, current: Array) -> None:
    """Turn all tones by half a step, and sum them up in every resonator."""
    current[:] = 0
    for t in range(len(cosine)):
        c, s = turn[t].real, turn[t].imag
        now = cosine[t] * c - sine[t] * s
        sine[t] = sine[t] * c + cosine[t] * s
        cosine[t] = now
        for r in range(len(current)):
            current[r] += peaks[t, r] * now


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def integrate(
    decay: Complex,
    nonlinear: Complex,
    drive: Complex,
    peaks: Array,
    phases: Array,
    turn: Complex,
    step: float,
    before: int,
    steps: int,
) -> Array:
    """Mean of Re(c) i(t) [resonators] over `steps` steps with Hann's window, after `before` steps from c = 0.

    dc/dt = l c - nonlinear |c|² c + drive i(t); decay = e^{l step/2}, nonlinear, drive [resonators]; peaks [tones,
    resonators], A; phases and turn, e^{jω step/2}, [tones]. Runge-Kutta of order 4 for e^{-l t} c.
    """
    resonators = peaks.shape[1]
    cosine, sine = np.cos(phases), np.sin(phases)
    at, half, end = np.zeros(resonators), np.zeros(resonators), np.zeros(resonators)
    for t in range(len(phases)):
        for r in range(resonators):
            at[r] += peaks[t, r] * cosine[t]
    c, out, weights = np.zeros(resonators, np.complex128), np.zeros(resonators), 0.0
    for n in range(before + steps):
        _advance(cosine, sine, turn, peaks, half)
        _advance(cosine, sine, turn, peaks, end)
        weight = 1 - np.cos(2 * np.pi * (n - before) / steps) if n >= before else 0.0
        weights += weight
        for r in range(resonators):
            x, e, g, b = c[r], decay[r], nonlinear[r], drive[r]
            out[r] += weight * x.real * at[r]
            one = b * at[r] - g * (x.real**2 + x.imag**2) * x
            y = e * (x + step / 2 * one)
            two = b * half[r] - g * (y.real**2 + y.imag**2) * y
            y = e * x + step / 2 * two
            three = b * half[r] - g * (y.real**2 + y.imag**2) * y
            y = e * (e * x + step * three)
            four = b * end[r] - g * (y.real**2 + y.imag**2) * y
            c[r] = e * e * (x + step / 6 * one) + step / 6 * (2 * e * (two + three) + four)
            at[r] = end[r]
    return out / weights
