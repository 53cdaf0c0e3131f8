"""Oscillator neurons: a DC current in, a tone of power P(I) out; three transducers with one interface.

The stationary power p and the frequency shift N p are those of `auto_oscillator`; start-up is not in these models, they
follow the current at once. The current is clamped at clamp * ith: beyond it nothing changes. Powers are what a matched
load z0 takes; the port is a source of peak EMF √(8 P z0) behind z0.

**Two terminals.** The current I that drives the oscillator also reads it. The resistance swings by δR = ½ ΔR β √p
(peak; the ½ because ΔR is from one end of the swing to the other, β <= 1 the part of ΔR that the geometry of the
precession shows), so the EMF is I δR (peak) behind R, and with ΔR = (ΔR/R) R a matched load takes (I δR)²/(8R):

    P_out = A (ΔR/R)² β² p R I²,   A = 1/32 (matched; R R_L / (8 (R + R_L)²) for a load R_L).

Above threshold P_out ~ (I - I_th) I². Source: Slavin and Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009).

**Three terminals.** The drive current flows in a heavy-metal line (spin-Hall effect), a constant current I_read reads
the junction: the same formula with I_read, so P_out ~ p, which is proportional to I - I_th just above threshold.

**Ideal ReLU.** P_out = P_full (I - I_th) / ((clamp - 1) I_th) between I_th and clamp I_th: for networks trained
elsewhere, and the reference for the other two.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.parameters import Interface, check, parameter
from resonet.core.types import Array
from resonet.models.resonator.linear import SpinDiode

__all__ = ["IdealRelu", "Oscillator", "ThreeTerminalOscillator", "TwoTerminalOscillator"]


LINEAR = SpinDiode()
LAW = "Leroux et al., Phys. Rev. Applied 15, 034067 (2021)"
THEORY = "Slavin and Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009)"
MATCHED = "matched load and a swing of half the magnetoresistance: (1/2)^2 / 8"
PINS = (
    ("p", "the drive current goes in"),
    ("n", "and out; a resistance in between"),
    ("out", "port of the tone, against ground"),
)


class Oscillator(Protocol):
    """What every transducer offers; currents in A, of any shape, results of the same shape."""

    def precession(self, current: ArrayLike) -> Array:
        """Stationary precession power p, dimensionless."""

    def power(self, current: ArrayLike) -> Array:
        """Power into a matched load, W."""

    def amplitude(self, current: ArrayLike) -> Array:
        """Peak voltage across a matched load, V."""

    def frequency(self, current: ArrayLike) -> Array:
        """Frequency of the tone, Hz."""


def _overdrive(current: ArrayLike, ith: float, clamp: float) -> Array:
    """ξ - 1 with ξ = I/ith clamped at `clamp`; 0 below threshold."""
    return np.asarray(np.clip(np.asarray(current, float) / ith, 1, clamp) - 1)


class _Port(ABC):
    """A port of impedance z0 that gives `power`."""

    __slots__ = ()
    z0: float

    @abstractmethod
    def power(self, current: ArrayLike) -> Array:
        """Available power, W, for a DC current in A."""

    def amplitude(self, current: ArrayLike) -> Array:
        """Peak voltage across a matched load, V."""
        return np.asarray(np.sqrt(2 * self.z0 * self.power(current)))


class _SpinTorque(_Port):
    """Precession and frequency of a spin-torque oscillator."""

    __slots__ = ()
    f0: float
    nshift: float
    ith: float
    qnl: float
    clamp: float

    def precession(self, current: ArrayLike) -> Array:
        """Power p = (ξ - 1)/(ξ + Q_nl), ξ = I/I_th clamped; 0 below threshold."""
        over = _overdrive(current, self.ith, self.clamp)
        return np.asarray(over / (over + 1 + self.qnl))

    def frequency(self, current: ArrayLike) -> Array:
        """Frequency f0 + N p, Hz; f0 at and below threshold."""
        return np.asarray(self.f0 + self.nshift * self.precession(current))


@dataclass(frozen=True, slots=True)
class TwoTerminalOscillator(_SpinTorque):
    """Oscillator read by its own drive current: P_out = A (ΔR/R)² β² p R I²."""

    SPICE: ClassVar[Interface] = Interface("oscillator_two_terminal", PINS)

    f0: float = parameter(1e9, "Hz", 1e3, 1e13, "frequency at threshold", "lower edge of the band of the project")
    nshift: float = parameter(0.0, "Hz", -1e13, 1e13, "frequency shift per unit of p", "0 = isochronous; " + THEORY)
    ith: float = parameter(LINEAR.threshold_current, "A", 1e-9, 1.0, "threshold current", LAW)
    qnl: float = parameter(2.0, "", 0.0, 1e3, "nonlinear damping", THEORY)
    r0: float = parameter(LINEAR.resistance, "Ohm", 1e-3, 1e9, "resistance of the junction, p to n", LAW)
    mr: float = parameter(LINEAR.magnetoresistance, "", 1e-6, 100.0, "magnetoresistance, Delta R / R", LAW)
    beta: float = parameter(1.0, "", 0.0, 1.0, "part of the magnetoresistance that the precession shows", LAW)
    a: float = parameter(1 / 32, "", 0.0, 1.0, "power factor of load and swing", MATCHED)
    z0: float = parameter(50.0, "Ohm", 1e-3, 1e9, "impedance of the port", "the usual one; transformed from r0")
    clamp: float = parameter(4.0, "", 1.001, 1e3, "largest useful current, in ith", "beyond it the law saturates")

    def __post_init__(self) -> None:
        check(self, self.SPICE.name)

    def power(self, current: ArrayLike) -> Array:
        """Power into a matched load, W."""
        drive = np.minimum(np.asarray(current, float), self.clamp * self.ith)
        return np.asarray(self.a * (self.mr * self.beta * drive) ** 2 * self.precession(current) * self.r0)


@dataclass(frozen=True, slots=True)
class ThreeTerminalOscillator(_SpinTorque):
    """Oscillator driven by one current and read by another, constant one: P_out = A (ΔR/R)² β² p R I_read²."""

    SPICE: ClassVar[Interface] = Interface("oscillator_three_terminal", PINS)

    f0: float = parameter(1e9, "Hz", 1e3, 1e13, "frequency at threshold", "lower edge of the band of the project")
    nshift: float = parameter(0.0, "Hz", -1e13, 1e13, "frequency shift per unit of p", "0 = isochronous; " + THEORY)
    ith: float = parameter(LINEAR.threshold_current, "A", 1e-9, 1.0, "threshold current in the drive line", LAW)
    qnl: float = parameter(2.0, "", 0.0, 1e3, "nonlinear damping", THEORY)
    rline: float = parameter(LINEAR.resistance, "Ohm", 1e-3, 1e9, "resistance of the drive line, p to n", "as r0")
    r0: float = parameter(LINEAR.resistance, "Ohm", 1e-3, 1e9, "resistance of the junction that is read", LAW)
    iread: float = parameter(LINEAR.threshold_current, "A", 0.0, 1.0, "read current", "as the threshold current")
    mr: float = parameter(LINEAR.magnetoresistance, "", 1e-6, 100.0, "magnetoresistance, Delta R / R", LAW)
    beta: float = parameter(1.0, "", 0.0, 1.0, "part of the magnetoresistance that the precession shows", LAW)
    a: float = parameter(1 / 32, "", 0.0, 1.0, "power factor of load and swing", MATCHED)
    z0: float = parameter(50.0, "Ohm", 1e-3, 1e9, "impedance of the port", "the usual one; transformed from r0")
    clamp: float = parameter(4.0, "", 1.001, 1e3, "largest useful current, in ith", "beyond it the law saturates")

    def __post_init__(self) -> None:
        check(self, self.SPICE.name)

    def power(self, current: ArrayLike) -> Array:
        """Power into a matched load, W."""
        return np.asarray(self.a * (self.mr * self.beta * self.iread) ** 2 * self.precession(current) * self.r0)


@dataclass(frozen=True, slots=True)
class IdealRelu(_Port):
    """Transducer whose power is a ReLU of the current, up to the clamp; its precession p is that power over pfull."""

    SPICE: ClassVar[Interface] = Interface("oscillator_relu", PINS)

    f0: float = parameter(1e9, "Hz", 1e3, 1e13, "frequency of the tone", "lower edge of the band of the project")
    ith: float = parameter(LINEAR.threshold_current, "A", 1e-9, 1.0, "current at which the tone starts", LAW)
    rin: float = parameter(LINEAR.resistance, "Ohm", 1e-3, 1e9, "input resistance, p to n", "as a junction")
    pfull: float = parameter(
        LINEAR.threshold_power, "W", 0.0, 1.0, "power at the clamp", "half ith^2 r0: one tone has the threshold current"
    )
    z0: float = parameter(50.0, "Ohm", 1e-3, 1e9, "impedance of the port", "the usual one")
    clamp: float = parameter(4.0, "", 1.001, 1e3, "largest useful current, in ith", "that of the physical oscillators")

    def __post_init__(self) -> None:
        check(self, self.SPICE.name)

    @property
    def gain(self) -> float:
        """Slope of power over current, W/A."""
        return self.pfull / ((self.clamp - 1) * self.ith)

    def precession(self, current: ArrayLike) -> Array:
        """(ξ - 1)/(clamp - 1), 0 ... 1."""
        return np.asarray(_overdrive(current, self.ith, self.clamp) / (self.clamp - 1))

    def power(self, current: ArrayLike) -> Array:
        """Power into a matched load, W."""
        return np.asarray(self.pfull * self.precession(current))

    def frequency(self, current: ArrayLike) -> Array:
        """Frequency f0, Hz, whatever the current."""
        return np.full(np.shape(current), self.f0)
