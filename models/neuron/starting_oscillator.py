"""Oscillator neurons with their start-up: those of `oscillator` with the precession power p as a state.

The two spin-torque oscillators obey the equation of `startup` with ξ = I/I_th held within 0 ... clamp, so below
threshold they rest at the thermal power of the seed η, and η is what they start from. A reverse current would damp more
(ξ < 0); here it damps as no current does, so that ξ + Q_nl is never negative. The two-terminal one is read by its own
current: its tone follows the current's size at once and p with a delay, P_out = A (ΔR/R)² β² p R I², and a reverse
current reads nothing. The ideal ReLU relaxes to its static law,

    dp/dt = 2 Γ0 (p_static - p).

Γ0 = 2πα f0 of the free layer. Sources as in `oscillator` and `startup`.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import Interface, parameter
from resonet.core.types import Array
from resonet.models.neuron.oscillator import (
    PINS,
    IdealRelu,
    Oscillator,
    ThreeTerminalOscillator,
    TwoTerminalOscillator,
)
from resonet.models.neuron.startup import advance_power, relaxation_rate, stationary_power

__all__ = ["StartingOscillator", "StartingRelu", "StartingThreeTerminal", "StartingTwoTerminal"]


GAMMA0 = 2 * math.pi * 0.01 * 1e9
RATE = "2 pi alpha f0, alpha 0.01, 1 GHz"
LEAST = 1e-9
SEED = 0.0105
THERMAL = "models/resonator/thermal.py: alpha 0.01, ith 10 uA, 300 K, polarisation 0.6"


class StartingOscillator(Oscillator, Protocol):
    """What every transducer with a start-up offers on top; currents in A, of any shape."""

    def advance(self, p: ArrayLike, current: ArrayLike, step: float) -> Array:
        """Power p after `step` seconds at a constant current, exact; shapes broadcast."""

    def emitted(self, p: ArrayLike, current: ArrayLike) -> Array:
        """Power into a matched load, W, at that instant."""

    def rate(self, current: ArrayLike) -> Array:
        """How fast p settles, 1/s."""

    def start_time(self, current: ArrayLike, part: float = 0.9) -> Array:
        """Time from rest without current to that part of the stationary p, s."""


def _remaining(part: float) -> float:
    """1 - part, of a part in 0 ... 1."""
    if not 0 <= part < 1:
        raise InputError(f"start-up to a part {part:g} of the stationary power: possible: 0 ... 1, less than 1")
    return 1 - part


class _Starting:
    """Start-up of a spin-torque oscillator."""

    __slots__ = ()
    ith: float
    qnl: float
    clamp: float
    gamma0: float
    seed: float

    def _xi(self, current: ArrayLike) -> Array:
        """ξ within 0 ... clamp; LEAST for 0, so that ξ + Q_nl does not vanish where Q_nl does."""
        return np.asarray(np.clip(np.asarray(current, float) / self.ith, LEAST, self.clamp))

    def precession(self, current: ArrayLike) -> Array:
        """Stationary power p, with the thermal seed."""
        return stationary_power(self._xi(current), self.qnl, self.seed)

    def advance(self, p: ArrayLike, current: ArrayLike, step: float) -> Array:
        """Power p after `step` seconds at a constant current, exact; shapes broadcast."""
        return advance_power(p, self._xi(current), step, self.gamma0, self.qnl, self.seed)

    def rate(self, current: ArrayLike) -> Array:
        """How fast p settles at that current, 1/s."""
        return relaxation_rate(self._xi(current), self.gamma0, self.qnl, self.seed)

    def start_time(self, current: ArrayLike, part: float = 0.9) -> Array:
        """Time, s, from rest without current to that part of the stationary p; 0 if rest is beyond it.

        (p - p+)/(p - p-) falls as exp(-λt): t = ln[(p+ - p0)(p+ part - p-) / ((p0 - p-) p+ (1 - part))] / λ.
        """
        left, xi = _remaining(part), self._xi(current)
        rest, goal, rate = self.precession(0.0), self.precession(current), self.rate(current)
        with np.errstate(divide="ignore", invalid="ignore"):
            below = goal - rate / (2 * self.gamma0) / (xi + self.qnl)  # p-
            ratio = (goal - rest) * (goal * part - below) / ((rest - below) * goal * left)
            time = np.log(ratio) / rate
        return np.asarray(np.where(part * goal > rest, time, 0.0))

    @abstractmethod
    def emitted(self, p: ArrayLike, current: ArrayLike) -> Array:
        """Power into a matched load, W, at a precession power p and that current."""

    def power(self, current: ArrayLike) -> Array:
        """Stationary power into a matched load, W."""
        return self.emitted(self.precession(current), current)


@dataclass(frozen=True, slots=True)
class StartingTwoTerminal(_Starting, TwoTerminalOscillator):
    """Oscillator read by its own drive current, with start-up."""

    SPICE: ClassVar[Interface] = Interface("neuron_two_terminal", PINS)

    gamma0: float = parameter(GAMMA0, "1/s", 1.0, 1e14, "damping rate of the amplitude", RATE)
    seed: float = parameter(SEED, "", 1e-9, 0.1, "thermal power p_T that it starts from", THERMAL)

    def emitted(self, p: ArrayLike, current: ArrayLike) -> Array:
        """Power into a matched load, W, at a precession power p and that current."""
        read = np.clip(np.asarray(current, float), 0, self.clamp * self.ith)
        return np.asarray(self.a * (self.mr * self.beta * read) ** 2 * np.asarray(p, float) * self.r0)


@dataclass(frozen=True, slots=True)
class StartingThreeTerminal(_Starting, ThreeTerminalOscillator):
    """Oscillator driven by one current and read by a constant one, with start-up."""

    SPICE: ClassVar[Interface] = Interface("neuron_three_terminal", PINS)

    gamma0: float = parameter(GAMMA0, "1/s", 1.0, 1e14, "damping rate of the amplitude", RATE)
    seed: float = parameter(SEED, "", 1e-9, 0.1, "thermal power p_T that it starts from", THERMAL)

    def emitted(self, p: ArrayLike, current: ArrayLike) -> Array:
        """Power into a matched load, W, at a precession power p, whatever the drive current."""
        shape = np.broadcast_shapes(np.shape(p), np.shape(current))
        watts = self.a * (self.mr * self.beta * self.iread) ** 2 * np.asarray(p, float) * self.r0
        return np.asarray(np.broadcast_to(watts, shape))


@dataclass(frozen=True, slots=True)
class StartingRelu(IdealRelu):
    """Transducer whose power relaxes to a ReLU of the current."""

    SPICE: ClassVar[Interface] = Interface("neuron_relu", PINS)

    gamma0: float = parameter(GAMMA0, "1/s", 1.0, 1e14, "damping rate of the amplitude", RATE)

    def advance(self, p: ArrayLike, current: ArrayLike, step: float) -> Array:
        """Power p after `step` seconds at a constant current, exact; shapes broadcast."""
        rest = self.precession(current)
        return np.asarray(rest + (np.asarray(p, float) - rest) * math.exp(-2 * self.gamma0 * step))

    def emitted(self, p: ArrayLike, current: ArrayLike) -> Array:
        """Power into a matched load, W, at a precession power p, whatever the drive current."""
        shape = np.broadcast_shapes(np.shape(p), np.shape(current))
        return np.asarray(np.broadcast_to(self.pfull * np.asarray(p, float), shape))

    def rate(self, current: ArrayLike) -> Array:
        """How fast p settles, 1/s: 2 Γ0 whatever the current."""
        return np.full(np.shape(current), 2 * self.gamma0)

    def start_time(self, current: ArrayLike, part: float = 0.9) -> Array:
        """Time, s, from rest to that part of the stationary p; 0 where that is 0."""
        time = -math.log(_remaining(part)) / (2 * self.gamma0)
        return np.asarray(np.where(self.precession(current) > 0, time, 0.0))
