"""S between its frequencies: the delay taken out, a cubic spline, the delay put back; and how far that may be off.

A line of delay τ turns S by 2π τ δf between two samples; straight lines between them cut the corners of that circle
(2 ns in steps of 100 MHz: 0.73 for 0.9). Without the mean delay of the entry only the rest turns. How far the result
may be off is seen where every other sample is left out: interpolated there, the error of a cubic is 2⁴ times larger.
"""

import numpy as np

from resonet.core.types import Array, Complex

__all__ = ["COARSE", "interpolated", "sampling_error"]

COARSE = 0.01  # |ΔS| beyond which interpolation between samples is worth a warning
CAUTION = 4.0  # of the 16 by which the error falls, the part that is counted on


def _delays(f: Array, s: Complex) -> Array:
    """Mean delay (s) of each entry [entries], by the turn from sample to sample, weighed by its strength."""
    step = np.diff(f)
    turn = s[1:] * s[:-1].conj()
    mean = np.median(step)
    even = np.abs(step - mean) < 1e-3 * mean
    if even.sum() > len(step) // 2:
        return np.asarray(-np.angle(turn[even].sum(0)) / (2 * np.pi * mean))
    weight = np.abs(turn)
    delay = -np.angle(turn) / (2 * np.pi * step[:, None])
    return np.asarray((weight * delay).sum(0) / np.maximum(weight.sum(0), 1e-300))


def interpolated(f: Array, s: Complex, at: Array, delay: Array | None = None) -> Complex:
    """S [frequencies, entries] at other frequencies (Hz) within f, [at, entries]; what f holds stays as it is.

    `delay` (s) of each entry, by default from S itself, which knows it up to a turn from sample to sample.
    """
    if len(f) < 4:
        found = [np.interp(at, f, x.real) + 1j * np.interp(at, f, x.imag) for x in s.T]
        return np.stack(found, -1)
    from scipy.interpolate import CubicSpline

    delay = _delays(f, s) if delay is None else delay
    still = s * np.exp(2j * np.pi * f[:, None] * delay)
    found = CubicSpline(f, still)(at) * np.exp(-2j * np.pi * at[:, None] * delay)
    exact = np.minimum(np.searchsorted(f, at), len(f) - 1)
    same = f[exact] == at
    found[same] = s[exact[same]]
    return np.asarray(found)


def sampling_error(f: Array, s: Complex) -> float:
    """|ΔS| that interpolation of S [frequencies, entries] may be off by; infinite where nothing can be said."""
    if len(f) < 9:
        return np.inf
    odd = slice(1, len(f) - 1 + len(f) % 2 - 1, 2)
    off = np.abs(interpolated(f[::2], s[::2], f[odd], _delays(f, s)) - s[odd]).max()
    return float(off / CAUTION)
