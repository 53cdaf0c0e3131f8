"""The linear resonator with everything that sits around it (fidelity 1 complete).

Between p and n: contact resistance rc and inductance lc in series, then the junction r0 + k s(t) with the capacitance
cpar across it. The junction's own current i drives the precession of `resonator`, x = chi(f) i, and

    s = x cos ψ + y sin ψ,      y = -(1/ω0) dx/dt,  so  y = -j (f/f0) chi i                                      (1)
    V_dc = ½ Re(i conj(k s)) = ½ k |i|² [Re chi cos ψ + (f/f0) Im chi sin ψ].                                    (2)

**Sign.** y lags x by a quarter period: with c = x + jy turning at +ω (exp(+j2πft)), x = Re c = cos, y = Im c = sin =
-dx/dt/ω0. At resonance chi = -jQ, so ψ = π/2 gives the absorptive line -½ k Q |i|²: positive for the usual negative k.
At f0 exactly, and to the relative order |f/f0 - 1| beside it, (2) is ½ k |i|² Re(chi exp(-jψ)), the form of `fit` and
of `auto_oscillator`. In the circuit y costs nothing: the series tank (R = 1 ohm, L = Q/ω0, C = 1/(ω0 Q)) carries
C dx/dt = (1/Q) dx/dt/ω0, so y = -Q v(R).

**Bias.** A DC current I displaces the precession to x = I (chi(0) = 1, y = 0), and the linearised junction shows

    Z_j = r0 + k I cos ψ + k I chi (cos ψ - j (f/f0) sin ψ),   Z = rc + j2πf lc + 1 / (j2πf cpar + 1/Z_j).       (3)

**Division.** Of a current into p, i = I_p / (1 + j2πf cpar Z_j) drives the junction. At DC the junction is in series
with rc, and without load V_dc appears at p.

**Temperature.** r0, f0, q and k follow `value (1 + coefficient (tdev - tnom))`; the coefficients default to 0 because
the published simulations are at one temperature. tdev also sets the Johnson noise of r0 and rc (`noise`).
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import Interface, check, parameter
from resonet.core.types import Array, Complex
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.shared_parameters import LINEAR_LAW, quality, resistance, transduction

__all__ = ["FullResonator", "at_temperature", "impedance", "junction_current", "rectified_voltage", "sensed"]


IDEAL = "ideal contact, as in " + LINEAR_LAW
ONE_TEMPERATURE = "published simulations are at one temperature"


@dataclass(frozen=True, slots=True)
class FullResonator:
    """Spin-diode resonator, linear regime, with mix angle, contact, capacitance and temperature."""

    SPICE: ClassVar[Interface] = Interface(
        "resonator_full",
        (
            ("p", "one end of the junction, behind the contact"),
            ("n", "its other end"),
            ("x", "precession, 1 V per A of current-like drive"),
        ),
    )

    f0: float = parameter(1e9, "Hz", 1e3, 1e13, "resonance frequency", "lower edge of the band of the project")
    q: float = quality()
    r0: float = resistance()
    k: float = transduction()
    psi: float = parameter(
        0.0,
        "rad",
        -math.pi,
        math.pi,
        "mix angle: 0 dispersive, pi/2 absorptive line",
        "field-like torque, " + LINEAR_LAW,
    )
    cpar: float = parameter(0.0, "F", 0.0, 1e-9, "capacitance across the junction", IDEAL)
    rc: float = parameter(0.0, "Ohm", 0.0, 1e6, "contact resistance, in series", IDEAL)
    lc: float = parameter(0.0, "H", 0.0, 1e-3, "contact inductance, in series", IDEAL)
    cnode: float = parameter(
        0.0, "F", 0.0, 1e-9, "capacitance of a chain node to ground, half of it at each end", "no parasitics"
    )
    tdev: float = parameter(300.0, "K", 1.0, 1000.0, "temperature of the device", "room temperature")
    tnom: float = parameter(300.0, "K", 1.0, 1000.0, "temperature at which f0, q, r0 and k hold", "room temperature")
    tcr: float = parameter(0.0, "1/K", -0.1, 0.1, "relative change of r0 per kelvin", ONE_TEMPERATURE)
    tcf: float = parameter(0.0, "1/K", -0.1, 0.1, "relative change of f0 per kelvin", ONE_TEMPERATURE)
    tcq: float = parameter(0.0, "1/K", -0.1, 0.1, "relative change of q per kelvin", ONE_TEMPERATURE)
    tck: float = parameter(0.0, "1/K", -0.1, 0.1, "relative change of k per kelvin", ONE_TEMPERATURE)

    def __post_init__(self) -> None:
        check(self, "resonator_full")
        for name in ("tcr", "tcf", "tcq"):
            if 1 + getattr(self, name) * (self.tdev - self.tnom) <= 0:
                raise InputError(
                    f"resonator_full.{name} = {getattr(self, name):g}: 1 + {name} (tdev - tnom) must be positive, with "
                    f"tdev = {self.tdev:g} K and tnom = {self.tnom:g} K"
                )

    @classmethod
    def from_spin_diode(cls, device: SpinDiode, f0: float, **others: float) -> "FullResonator":
        """Resonator with the quality, resistance and transduction of a design's device; others by name."""
        return cls(f0=f0, q=device.quality, r0=device.resistance, k=device.transduction, **others)


def at_temperature(device: FullResonator, tdev: float | None = None) -> FullResonator:
    """The same device at its temperature (or at `tdev`, K), with the values there and no coefficients left."""
    device = device if tdev is None else replace(device, tdev=tdev)
    step = device.tdev - device.tnom
    factor = {"r0": device.tcr, "f0": device.tcf, "q": device.tcq, "k": device.tck}
    values = {name: getattr(device, name) * (1 + coefficient * step) for name, coefficient in factor.items()}
    return replace(device, tnom=device.tdev, **dict.fromkeys(("tcr", "tcf", "tcq", "tck"), 0.0), **values)


def sensed(f: ArrayLike, device: FullResonator) -> Complex:
    """Ratio s / i = chi (cos ψ - j (f/f0) sin ψ), dimensionless, at the frequencies f, Hz (any shape)."""
    device = at_temperature(device)
    r = np.asarray(f, float) / device.f0
    return np.asarray((math.cos(device.psi) - 1j * r * math.sin(device.psi)) / (1 - r**2 + 1j * r / device.q))


def _junction(f: Array, device: FullResonator, bias: ArrayLike) -> Complex:
    """Z_j of eq. 3; f and bias broadcast."""
    warm = at_temperature(device)
    pulled = warm.k * np.asarray(bias, float)
    return np.asarray(warm.r0 + pulled * (math.cos(warm.psi) + sensed(f, device)))


def impedance(f: ArrayLike, device: FullResonator, bias: ArrayLike = 0.0) -> Complex:
    """Small-signal impedance between p and n, ohm, at f (Hz) under a DC current (A, p to n); they broadcast.

    Without cnode, which goes to ground and not to n.
    """
    f = np.asarray(f, float)
    s = 2j * np.pi * f
    return np.asarray(device.rc + s * device.lc + 1 / (s * device.cpar + 1 / _junction(f, device, bias)))


def junction_current(f: ArrayLike, device: FullResonator, bias: ArrayLike = 0.0) -> Complex:
    """Part of the RF current into p that flows through the junction and not through cpar (f, bias broadcast)."""
    f = np.asarray(f, float)
    return np.asarray(1 / (1 + 2j * np.pi * f * device.cpar * _junction(f, device, bias)))


def rectified_voltage(f: ArrayLike, device: FullResonator, current: ArrayLike) -> Array:
    """Rectified voltage without load and without bias, V, p against n, of an RF current into p, A peak.

    Eq. 2; f and current broadcast. From an EMF E behind Z_s the current is E / (Z_s + impedance(f, device)).
    """
    i = np.abs(np.asarray(current) * junction_current(f, device))
    return np.asarray(0.5 * at_temperature(device).k * i**2 * sensed(f, device).real)
