"""The auto-oscillator equation with thermal noise, many copies in time: what noise in closed form is compared with."""

import numpy as np

from resonet.core.types import Array
from resonet.models.resonator.auto_oscillator import AutoOscillator

__all__ = ["langevin_density", "langevin_fed", "langevin_line", "langevin_many", "langevin_oscillator"]

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


def langevin_many(
    detunings: Array,
    drives: Array,
    qnl: float,
    noise: float,
    copies: int = 3000,
    step: float = 0.01,
    time: float = 100.0,
) -> float:
    """Density at 0 of Re(Σ a_k e^{-j d_k t} z), one-sided, in units of 1/Γ0, of many tones in a resonator.

    dz/dt = -j Σ a_k e^{j d_k t} - [1 + Q p] z + noise as in `langevin_density`, in the frame of the resonance; d_k are
    detunings in half-widths, not 0, and drives a_k = A |i_k| / Γ0. The drive is integrated exactly over a step.
    """
    rng = np.random.default_rng(5)
    z, sums = np.zeros(copies, complex), np.zeros(copies)
    warm, steps = round(2 * WARM_UP / step), round(time / step)
    pushes = -1j * drives * (np.exp(1j * detunings * step) - 1) / (1j * detunings)
    for turn in range(warm + steps):
        p = np.abs(z) ** 2
        kick = np.sqrt((1 + qnl * p) * noise * step) * rng.normal(size=(2, copies))
        turned = np.exp(1j * detunings * turn * step)
        if turn >= warm:
            sums += ((drives * turned.conj()).sum() * z).real * step
        z = z - step * (1 + qnl * (p - noise)) * z + (pushes * turned).sum() + kick[0] + 1j * kick[1]
    length = steps * step
    return float(2 * (length - 1) * (sums / length).var())


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


def langevin_fed(
    xi: float, qnl: float, noise: float, u: float, copies: int = 600, step: float = 0.02, time: float = 100.0
) -> float:
    """V / (P K_SD) of a linear resonator that the tone of such an oscillator feeds, as `broadened_weight`.

    The resonator has the oscillator's damping and is u half-widths below it: dc/dt = -(1 + ju) c + z in 1/Γ0, and
    2 <Im(z c*)> over <|z|²> is 2u/(1 + u²) for a steady z.
    """
    rng = np.random.default_rng(5)
    z = np.sqrt(max((xi - 1) / (xi + qnl), noise)) * np.exp(2j * np.pi * rng.random(copies))
    c, found, power = z / (1 + 1j * u), 0.0, 0.0
    warm, steps = round(2 * WARM_UP / step), round(time / step)
    for turn in range(warm + steps):
        p = np.abs(z) ** 2
        kick = np.sqrt((1 + qnl * p) * noise * step) * rng.normal(size=(2, copies))
        new = z + step * (xi * (1 - p) - 1 - qnl * (p - noise)) * z + kick[0] + 1j * kick[1]
        c += step * ((z + new) / 2 - (1 + 1j * u) * (c + step / 2 * (z - (1 + 1j * u) * c)))
        z = new
        if turn >= warm:
            found += float((z * c.conj()).imag.mean())
            power += float((np.abs(z) ** 2).mean())
    return 2 * found / power


def langevin_line(strength: float, u: float, wide: float, qnl: float, copies: int = 1500, step: float = 0.02) -> float:
    """Voltage of a saturating resonator under a tone whose phase diffuses, over that without width and saturation.

    dz/dt = -(1 + Q |z|² + ju) z - j√s e^{jφ} in 1/Γ0, s = a P; φ diffuses by 2 `wide` a unit of time; by Heun's method.
    """
    rng = np.random.default_rng(6)
    z, phase, found = np.full(copies, -1j * np.sqrt(strength) / (1 + 1j * u)), np.zeros(copies), 0.0
    warm, steps = round(WARM_UP / step), round(60 / step)
    for turn in range(warm + steps):
        later = phase + np.sqrt(2 * wide * step) * rng.normal(size=copies)
        drives = (-1j * np.sqrt(strength) * np.exp(1j * at) for at in (phase, later))
        first = next(drives) - (1 + qnl * np.abs(z) ** 2 + 1j * u) * z
        ahead = z + step * first
        z = z + step / 2 * (first + next(drives) - (1 + qnl * np.abs(ahead) ** 2 + 1j * u) * ahead)
        phase = later
        if turn >= warm:
            found += float((z * np.exp(-1j * phase)).real.mean()) / steps
    return found * (1 + u**2) / (-np.sqrt(strength) * u)
