"""The auto-oscillator equation with thermal noise, many copies in time: what noise in closed form is compared with."""

import numpy as np

from resonet.models.resonator.auto_oscillator import AutoOscillator

__all__ = ["langevin_density"]

WARM_UP = 10.0  # in 1/Γ0


def langevin_density(
    device: AutoOscillator,
    f: float,
    power: float,
    noise: float,
    copies: int = 1500,
    step: float = 0.05,
    time: float = 50.0,
    seed: int = 7,
) -> float:
    """One-sided density at DC, V²/Hz, of ½ k x1 Re(I* z): Euler-Maruyama in the frame of the tone, then long means.

    dz/dt = F - [1 + Q p + j (u - n p)] z + noise, in units of 1/Γ0, with D = (1 + Q p) p_T: what keeps exp(-p/p_T) in
    equilibrium without a tone, so that in Ito's sense dD/dp z = Q p_T z belongs to the drift.
    """
    rng = np.random.default_rng(seed)
    current = np.sqrt(2 * power / device.r0)
    width = device.damping * device.f0
    drive, u, shift = -1j * device.drive * current, (f - device.free) / width, device.nshift / width
    z, sums = np.full(copies, drive / (1 + 1j * u)), np.zeros(copies, complex)
    warm, steps = round(WARM_UP / step), round(time / step)
    for turn in range(warm + steps):
        p = np.abs(z) ** 2
        kick = np.sqrt((1 + device.qnl * p) * noise * step) * rng.normal(size=(2, copies))
        rate = 1 + device.qnl * (p - noise) + 1j * (u - shift * p)
        z = z + step * (drive - rate * z) + kick[0] + 1j * kick[1]
        if turn >= warm:
            sums += z * step
    volts = 0.5 * device.k * device.x1 * current * (sums / (steps * step)).real
    return float(2 * (steps * step - 1) / device.gamma0 * volts.var())  # a mean over T lacks a part 1/(Γ0 T)


def langevin_oscillator(
    xi: float, qnl: float, noise: float, copies: int = 600, step: float = 0.04, time: float = 200.0, seed: int = 3
) -> tuple[float, float, float]:
    """Mean power, one-sided density of the power at frequency 0 in 1/Γ0, line width (FWHM) in Γ0, of free oscillators.

    From the scatter of means over a long time; the line width is that of a Lorentzian as high as the line.
    """
    rng = np.random.default_rng(seed)
    p = max((xi - 1) / (xi + qnl), noise)
    z = np.sqrt(p) * np.exp(2j * np.pi * rng.random(copies))
    warm, steps = round(2 * WARM_UP / step), round(time / step)
    power, field = np.zeros(copies), np.zeros(copies, complex)
    for turn in range(warm + steps):
        p = np.abs(z) ** 2
        kick = np.sqrt((1 + qnl * p) * noise * step) * rng.normal(size=(2, copies))
        z = z + step * (xi * (1 - p) - 1 - qnl * (p - noise)) * z + kick[0] + 1j * kick[1]
        if turn >= warm:
            power += p * step
            field += z * step
    length = steps * step
    mean = float(power.mean() / length)
    height = float((np.abs(field) ** 2).mean() / length / mean)  # 2 τ [1 - (1 - e^(-T/τ)) τ/T] of exp(-t/τ)
    decay = height / 2
    for _ in range(20):
        decay = height / 2 / (1 - (1 - np.exp(-length / decay)) * decay / length)
    return mean, float(2 * power.var() / length), 1 / (np.pi * decay)
