"""Macrospin in time: norm-preserving integration, thermal field, rectification by averaging, compression.

The equation is dm/dt = w(m, t) × m (models/resonator/macrospin.py), so every step is a product of rotations and keeps
|m| = 1 up to rounding without any projection. Scheme: commutator-free Lie group method of order 4, four evaluations a
step (E. Celledoni, A. Marthinsen, B. Owren, Future Gener. Comput. Syst. 19, 341 (2003)). With the thermal field held
constant over each step it converges to the Stratonovich solution, the physical one for a multiplicative field.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.resonator.macrospin import Macrospin, Terms, cross, resistance, rotation_rate, terms
from resonet.models.resonator.macrospin_linear import diode_response, linearise

__all__ = [
    "Compression",
    "compression",
    "integrate",
    "linear_power",
    "rectified_by_integration",
    "ring_down",
    "rotate",
    "steps",
]

Current = Callable[[Array], ArrayLike]
POINTS = 40  # steps a period in rectification
SETTLE = 12.0  # relaxation times before the average


def _none(time: Array) -> Array:
    return np.zeros_like(time)


def rotate(angle: Array, m: Array) -> Array:
    """exp(angle ×) m, [3, n], by Rodrigues' formula; `angle` in rad, [3, n]."""
    square = angle[0] ** 2 + angle[1] ** 2 + angle[2] ** 2
    size = np.sqrt(square)
    half = np.sinc(size / (2 * np.pi))  # sin(θ/2)/(θ/2)
    turned = cross(angle, m)
    return np.asarray(m + np.sinc(size / np.pi) * turned + 0.5 * half**2 * cross(angle, turned))


def steps(
    t: Terms,
    start: Array,
    dt: ArrayLike,
    count: int,
    junction: Current = _none,
    line: Current = _none,
    rng: np.random.Generator | None = None,
) -> Iterator[tuple[Array, Array]]:
    """(time [n], m [3, n]) after 0, 1, ... count steps of dt (s, scalar or [n]) from `start` [3, n].

    The currents are functions of the time [n] in s. With `rng` the thermal field of the devices is added: independent
    normal components of variance 2 α k T / (μ0 γ0 msat V dt), constant over a step (fluctuation-dissipation theorem).
    """
    m = np.array(start, float)
    dt = np.broadcast_to(np.asarray(dt, float), m.shape[1:])
    noise = t.thermal / np.sqrt(dt)
    time = np.zeros(m.shape[1:])
    yield time, m
    for number in range(count):
        extra = noise * rng.standard_normal(m.shape) if rng is not None else 0.0
        early, mid, late = number * dt, (number + 0.5) * dt, (number + 1) * dt
        k1 = dt * rotation_rate(m, t, junction(early), line(early), extra)
        m2 = rotate(0.5 * k1, m)
        k2 = dt * rotation_rate(m2, t, junction(mid), line(mid), extra)
        k3 = dt * rotation_rate(rotate(0.5 * k2, m), t, junction(mid), line(mid), extra)
        k4 = dt * rotation_rate(rotate(k3 - 0.5 * k1, m2), t, junction(late), line(late), extra)
        both = 2 * (k2 + k3)
        m = rotate((3 * k4 + both - k1) / 12, rotate((3 * k1 + both - k4) / 12, m))
        yield late, m


def integrate(
    t: Terms,
    start: Array,
    dt: ArrayLike,
    count: int,
    junction: Current = _none,
    line: Current = _none,
    rng: np.random.Generator | None = None,
    every: int = 1,
) -> tuple[Array, Array]:
    """Trajectory: times [points, n] and m [points, 3, n], each `every`-th step. See `steps`."""
    kept = [
        (time, m)
        for number, (time, m) in enumerate(steps(t, start, dt, count, junction, line, rng))
        if number % every == 0
    ]
    return np.array([time for time, _ in kept]), np.array([m for _, m in kept])


def ring_down(dt: float, signal: ArrayLike) -> tuple[float, float]:
    """Resonance √(det)/2π and full linewidth, both Hz, of a free decay sampled every dt s (equilibrium value removed).

    Least squares of x[n+2] = a x[n+1] + b x[n], exact for one damped oscillation; a few samples a period are best.
    """
    x = np.asarray(signal, float)
    a, b = np.linalg.lstsq(np.column_stack([x[1:-1], x[:-2]]), x[2:], rcond=None)[0]
    root = (a + np.emath.sqrt(a**2 + 4 * b)) / 2
    rate = np.log(complex(root)) / dt
    return abs(rate) / (2 * math.pi), -2 * rate.real / (2 * math.pi)


def rectified_by_integration(
    f: ArrayLike,
    device: Macrospin,
    power: ArrayLike,
    line: complex = 0.0,
    periods: int = 20,
    settle: float = SETTLE,
) -> Array:
    """Rectified voltage, V, by time integration: the average of i(t) R(m(t)) over whole periods.

    f (Hz) and power (W, P = ½ |i|² R0) broadcast; `line` is the line current over the junction current. Starts on the
    linear response, waits `settle` relaxation times, then averages over `periods`.
    """
    shape = np.broadcast_shapes(np.shape(f), np.shape(power))
    f = np.broadcast_to(np.asarray(f, float), shape).ravel()
    power = np.broadcast_to(np.asarray(power, float), shape).ravel()
    lin, t = linearise(device), terms(device)
    current = np.sqrt(2 * power / lin.r0)
    delta = np.real(lin.precession(f, line) * current)
    start = lin.m0[:, None] + lin.frame.T @ (delta / np.maximum(1, np.linalg.norm(delta, axis=0)))
    start /= np.linalg.norm(start, axis=0)
    waiting = max(1, math.ceil(settle / (math.pi * lin.linewidth) * float(f.max())))
    dt = 1 / (f * POINTS)

    def junction(time: Array) -> Array:
        return np.asarray(current * np.cos(2 * np.pi * f * time))

    def wire(time: Array) -> Array:
        return np.asarray(np.real(line * current * np.exp(2j * np.pi * f * time)))

    total = np.zeros(f.size)
    run = steps(t, start, dt, POINTS * (waiting + periods) - 1, junction, wire if line else _none)
    for number, (time, m) in enumerate(run):
        if number >= POINTS * waiting:
            total += junction(time) * (resistance(m, t) - lin.r0)  # r0 averages to nothing
    return np.asarray((total / (POINTS * periods)).reshape(shape))


@dataclass(frozen=True, slots=True)
class Compression:
    """RF powers in R0, W, at which the rectified voltage per watt leaves its small-signal value, at one frequency."""

    frequency: float  # Hz, where the small-signal response is largest
    small_signal: float  # V/W, by integration at the lowest power
    one_percent: float  # W, deviation of 1 % (either sign)
    one_db: float  # W, deviation of 1 dB (either sign)


def _first(powers: Array, excess: Array) -> float:
    """Power, W, at which `excess` first reaches 1, both [n]; between two powers it follows a power law."""
    outside = excess >= 1
    if not outside.any():
        raise InputError("macrospin: no compression within the powers searched; widen the span")
    after = int(np.argmax(outside))
    if after == 0:
        raise InputError("macrospin: compressed at the lowest power already; widen the span")
    low, high = max(float(excess[after - 1]), 1e-12), float(excess[after])
    share = -math.log(low) / (math.log(high) - math.log(low))
    return float(powers[after - 1] * (powers[after] / powers[after - 1]) ** share)


def _search(device: Macrospin, points: int, span: Sequence[float]) -> tuple[float, float, Array]:
    """Frequency, Hz, and size, V/W, of the largest small-signal response; powers, W, that `span` covers."""
    lin = linearise(device)
    near = lin.f_res + lin.linewidth * np.linspace(-2, 2, 4001)
    line = np.abs(diode_response(near, device))
    f = float(near[np.argmax(line)])
    angle = float(np.linalg.norm(lin.precession(f)))  # rad per A
    return f, float(line.max()), 0.5 * lin.r0 / angle**2 * np.geomspace(span[0], span[1], points)


def compression(device: Macrospin, points: int = 48, span: Sequence[float] = (1e-6, 1.0)) -> Compression:
    """Powers of 1 % and 1 dB deviation by time integration at the detuning of the largest small-signal response.

    The powers searched are `span` times the one at which the linear response would reach a precession angle of 1 rad.
    """
    f, _, powers = _search(device, points, span)
    gain = rectified_by_integration(f, device, powers) / powers
    ratio = np.abs(gain / gain[0])
    decibel = np.abs(20 * np.log10(np.maximum(ratio, 1e-12)))
    return Compression(f, float(gain[0]), _first(powers, np.abs(ratio - 1) / 0.01), _first(powers, decibel))


def linear_power(
    device: Macrospin, share: float = 0.01, points: int = 32, span: Sequence[float] = (1e-6, 1.0), reach: float = 0.5
) -> float:
    """Largest RF power in R0, W, whose rectified voltage per watt is linear within `share` of the peak response.

    At every detuning up to `reach` linewidths (0.5: where a weight may lie), hence smaller than the compression at the
    extreme of the line: there a shift of the resonance with power does nothing to first order, on the flanks it does.
    """
    lin = linearise(device)
    _, peak, powers = _search(device, points, span)
    f = lin.f_res + lin.linewidth * np.linspace(-reach, reach, 9)
    gain = rectified_by_integration(f[:, None], device, powers) / powers
    return _first(powers, np.abs(gain - gain[:, :1]).max(axis=0) / (share * peak))
