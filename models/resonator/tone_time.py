"""Resonators under many tones in time: the equation of the auto-oscillator integrated, the referee of tone_balance.py.

Equation 1 of auto_oscillator.py without bias, driven by the full current i(t) = Σ |i_k| cos(2πf_k t + φ_k) and not by
phasors: nothing is left out, neither mirror tones nor products of mixing. Linear decay and rotation are exact; the rest
goes by a Runge-Kutta method of fourth order. The rectified voltage is the mean of k x1 Re(c) i(t) in a window of Hann:
products that lie nearer to a tone than one over its length count as the tone.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.models.resonator.auto_oscillator import oscillation_scale
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.tone_balance import Saturation

__all__ = ["integrate_tones"]

COARSE = 0.08  # of a period of the fastest rotation, f + f0: what a step may be at most
FORGOTTEN = 18.0  # decay times 1 / Γ0 of the slowest resonator before anything is measured


def integrate_tones(
    device: SpinDiode,
    law: Saturation,
    f_res: ArrayLike,
    tones: ArrayLike,
    currents: ArrayLike,
    powers: ArrayLike,
    phases: ArrayLike,
    window: float = 1e-6,
    step: float | None = None,
) -> Array:
    """Rectified voltages, V, [resonators], of resonators f_res under tones [tones], Hz, of powers, W, and phases, rad.

    `currents` as for `balance_tones`: |i|² per watt, A²/W (peak), [resonators, tones] or what broadcasts. `window` s is
    what is averaged over, after what came before has died away. InputError for a step (s) that is too long.
    """
    from resonet.models.resonator.tone_time_kernel import integrate

    f0, f = np.atleast_1d(np.asarray(f_res, float)), np.atleast_1d(np.asarray(tones, float))
    longest = COARSE / (f.max() + f0.max())
    step = longest if step is None else step
    if not 0 < step <= longest * (1 + 1e-9):
        raise InputError(f"step {step:g} s: possible: above 0, at most {longest:.3g} s for these frequencies")
    squares = np.broadcast_to(np.asarray(currents, float), (len(f0), len(f)))
    free, gamma, scale = (
        f0 * math.sqrt(1 - device.damping**2),
        2 * np.pi * device.damping * f0,
        oscillation_scale(device),
    )
    half: Complex = np.asarray(np.exp((2j * np.pi * free - gamma) * step / 2), complex)
    nonlinear: Complex = np.asarray(
        gamma * complex(law.nonlinear_damping, -law.frequency_shift / device.damping), complex
    )
    drive: Complex = np.asarray(-2j * np.pi * f0**2 / (free * scale), complex)
    mean = integrate(
        half,
        nonlinear,
        drive,
        np.ascontiguousarray(np.sqrt(squares * np.asarray(powers, float)).T),
        np.asarray(phases, float),
        np.asarray(np.exp(1j * np.pi * f * step), complex),
        step,
        math.ceil(FORGOTTEN / (gamma.min() * step)),
        math.ceil(window / step),
    )
    return np.asarray(device.transduction * scale * mean)
