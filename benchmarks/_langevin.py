"""The auto-oscillator equation with thermal noise, many copies in time: what noise in closed form is compared with."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from resonet.core.types import Array
from resonet.models.resonator.auto_oscillator import AutoOscillator

__all__ = ["langevin_density", "langevin_fed", "langevin_line", "langevin_many", "langevin_oscillator"]

WARM_UP = 10.0  # in 1/Γ0


State = TypeVar("State")


def march(
    state: State, stepped: Callable[[int, State], State], warm: int, steps: int
) -> Iterator[tuple[int, State, State]]:
    """Take warm + steps steps; of each but the first `warm`: how many were done before, the states before and after."""
    for done in range(warm + steps):
        before, state = state, stepped(done, state)
        if done >= warm:
            yield done, before, state


def euler(
    rng: np.random.Generator,
    qnl: float,
    noise: float,
    step: float,
    rate: Callable[[Array], Array],
    push: Callable[[int], complex] = lambda done: 0.0,
) -> Callable[[int, Array], Array]:
    """The step by Euler-Maruyama of dz/dt = -rate(p) z + noise with D = (1 + Q p) p_T, `push` added: ∫F dt over it."""

    def stepped(done: int, z: Array) -> Array:
        p = np.abs(z) ** 2
        kick = np.sqrt((1 + qnl * p) * noise * step) * rng.normal(size=(2, *z.shape))
        return z - step * rate(p) * z + push(done) + kick[0] + 1j * kick[1]

    return stepped


def started(rng: np.random.Generator, xi: float, qnl: float, noise: float, copies: int) -> Array:
    """Free oscillators of the power without noise, of phases anyhow."""
    return np.sqrt(max((xi - 1) / (xi + qnl), noise)) * np.exp(2j * np.pi * rng.random(copies))


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
    current = np.sqrt(2 * power / device.r0)
    width = device.damping * device.f0
    drive, u, shift = -1j * device.drive * current, (f - device.free) / width, device.nshift / width
    steps = round(time / step)

    def rate(p: Array) -> Array:
        return 1 + device.qnl * (p - noise) + 1j * (u - shift * p)

    stepped = euler(np.random.default_rng(seed), device.qnl, noise, step, rate, lambda done: drive * step)
    states = march(np.full(copies, drive / (1 + 1j * u)), stepped, round(WARM_UP / step), steps)
    mean = sum(z for _, _, z in states) / steps
    volts = 0.5 * device.k * device.x1 * current * mean.real
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
    steps = round(time / step)
    pushes = -1j * drives * (np.exp(1j * detunings * step) - 1) / (1j * detunings)

    def turned(done: int, tones: Array) -> complex:
        return complex((tones * np.exp(1j * detunings * done * step)).sum())

    stepped = euler(
        np.random.default_rng(5), qnl, noise, step, lambda p: 1 + qnl * (p - noise), lambda done: turned(done, pushes)
    )
    states = march(np.zeros(copies, complex), stepped, round(2 * WARM_UP / step), steps)
    sums = sum((turned(done, drives).conjugate() * z).real for done, z, _ in states) * step
    length = steps * step
    return float(2 * (length - 1) * (sums / length).var())


def langevin_oscillator(
    xi: float, qnl: float, noise: float, copies: int = 600, step: float = 0.04, time: float = 200.0, seed: int = 3
) -> tuple[float, float, float]:
    """Mean power, one-sided density of the power at frequency 0 in 1/Γ0, line width (FWHM) in Γ0, of free oscillators.

    From the scatter of means over a long time; the line width is that of a Lorentzian as high as the line.
    """
    rng = np.random.default_rng(seed)
    stepped = euler(rng, qnl, noise, step, lambda p: 1 + qnl * (p - noise) - xi * (1 - p))
    power, field, steps = np.zeros(copies), np.zeros(copies, complex), round(time / step)
    for _, before, z in march(started(rng, xi, qnl, noise, copies), stepped, round(2 * WARM_UP / step), steps):
        power += np.abs(before) ** 2 * step
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
    oscillate = euler(rng, qnl, noise, step, lambda p: 1 + qnl * (p - noise) - xi * (1 - p))

    def stepped(done: int, state: tuple[Array, Array]) -> tuple[Array, Array]:
        z, c = state
        new = oscillate(done, z)
        return new, c + step * ((z + new) / 2 - (1 + 1j * u) * (c + step / 2 * (z - (1 + 1j * u) * c)))

    start, found, power = started(rng, xi, qnl, noise, copies), 0.0, 0.0
    for _, _, (z, c) in march((start, start / (1 + 1j * u)), stepped, round(2 * WARM_UP / step), round(time / step)):
        found += float((z * c.conj()).imag.mean())
        power += float((np.abs(z) ** 2).mean())
    return 2 * found / power


def langevin_line(strength: float, u: float, wide: float, qnl: float, copies: int = 1500, step: float = 0.02) -> float:
    """Voltage of a saturating resonator under a tone whose phase diffuses, over that without width and saturation.

    dz/dt = -(1 + Q |z|² + ju) z - j√s e^{jφ} in 1/Γ0, s = a P; φ diffuses by 2 `wide` a unit of time; by Heun's method.
    """
    rng = np.random.default_rng(6)

    def slope(z: Array, phase: Array) -> Array:
        return -1j * np.sqrt(strength) * np.exp(1j * phase) - (1 + qnl * np.abs(z) ** 2 + 1j * u) * z

    def stepped(done: int, state: tuple[Array, Array]) -> tuple[Array, Array]:
        z, phase = state
        later = phase + np.sqrt(2 * wide * step) * rng.normal(size=copies)
        first = slope(z, phase)
        return z + step / 2 * (first + slope(z + step * first, later)), later

    steps = round(60 / step)
    start = np.full(copies, -1j * np.sqrt(strength) / (1 + 1j * u)), np.zeros(copies)
    states = march(start, stepped, round(WARM_UP / step), steps)
    found = sum(float((z * np.exp(-1j * phase)).real.mean()) for _, _, (z, phase) in states) / steps
    return found * (1 + u**2) / (-np.sqrt(strength) * u)
