"""Up to which tone power a resonator answers as the linear law says.

Criterion: no weight that programming uses (detunings |u| <= 1, both sides of the resonance) departs from the linear law
by more than 1.0 % of the largest weight, in two digits as it is printed, that is by 1.05 %, with one tone alone and no
bias, by the auto-oscillator (fidelity 2) whose linear limit the device is, with nonlinear damping 2 and no frequency
shift. Several tones saturate it sooner: the damping grows with the power of all. The frequency is of no consequence.

The two digits are there for the default: its 2 nW depart by 1.002 %, and a limit of 1 % sharp would warn of them.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from resonet.core.types import Array
from resonet.models.resonator.auto_oscillator import AutoOscillator
from resonet.models.resonator.forced_oscillation import forced_voltage_per_watt
from resonet.models.resonator.linear import SpinDiode

__all__ = ["LINEAR_ERROR", "LinearRange", "linear_limit", "linear_range"]

LINEAR_ERROR = 0.0105  # of the largest weight
FREQUENCY = 1e9  # Hz
HALVINGS = 40
BEYOND = 1e3  # threshold powers: far from linear


@dataclass(frozen=True, slots=True)
class LinearRange:
    """A tone power and the linear range of its device."""

    power: float  # W, in the resonator
    limit: float  # W, up to which the response is linear; inf where it lies beyond `power`
    departure: float  # largest departure of a weight at `power`, as part of the largest weight


def _departure(oscillator: AutoOscillator, power: Array) -> Array:
    """Largest departure of a weight from the linear law, as part of the largest weight; W, [n] -> [n]."""
    f = oscillator.free + oscillator.damping * oscillator.f0 * np.linspace(-1, 1, 201)[:, None]
    linear = forced_voltage_per_watt(oscillator, f, 0.0)
    change = np.abs(forced_voltage_per_watt(oscillator, f, power) - linear)
    return np.asarray(change.max(0) / np.abs(linear).max())


@lru_cache(maxsize=64)
def linear_range(device: SpinDiode, power: float) -> LinearRange:
    """Where a tone power (W, above 0) lies against the linear power of a device."""
    oscillator = AutoOscillator.from_spin_diode(device, FREQUENCY)
    powers = power * np.geomspace(1e-12, 1, 121)
    departure = _departure(oscillator, powers)
    if departure.max() <= LINEAR_ERROR:
        return LinearRange(power, float("inf"), float(departure[-1]))
    first = int((departure > LINEAR_ERROR).argmax())
    low, high = (np.log(powers[max(first - 1, 0)]), np.log(powers[first]))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = _departure(oscillator, np.exp([middle]))[0] > LINEAR_ERROR
        low, high = (low, middle) if above else (middle, high)
    return LinearRange(power, float(np.exp(low)), float(departure[-1]))


def linear_limit(device: SpinDiode) -> float:
    """Tone power, W, up to which the response of a device is linear."""
    return linear_range(device, BEYOND * device.threshold_power).limit
