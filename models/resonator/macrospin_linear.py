"""Macrospin at small amplitude: equilibrium, resonance, linear spin-diode response, and its fidelity 1.

Equation of motion, fields and symbols are those of macrospin.py.

Linearisation about an equilibrium m0 (m0 × h = 0, h0 = m0·h): in a transverse basis e1 × e2 = m0,

    dδ/dt = D δ + b i,   D = -γ0/(1+α²) (J - α) B,   B = E (∂h/∂m) Eᵀ - h0,   b = -γ0/(1+α²) (J - α) E ∂h/∂i

with J the rotation by 90°. ω0² = det D, Δω = -tr D (full width), which for B = -diag(h1, h2) is Kittel's
ω0 = γ0 √(h1 h2/(1+α²)), Δω = α γ0 (h1 + h2)/(1+α²). Phasors are peak, exp(+jωt).
Spin diode: A. A. Tulapurkar et al., Nature 438, 339 (2005).
"""

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.models.resonator.macrospin import GAMMA0, Macrospin, effective_field, resistance, terms

__all__ = [
    "LinearResponse",
    "Linearised",
    "diode_response",
    "equilibrium",
    "kittel_frequency",
    "linear_map",
    "linearise",
]


def _field_jacobian(m: Array, device: Macrospin, junction: float) -> Array:
    """∂h/∂m, A/m, [3, 3], at one m [3]."""
    t = terms(device)
    p = t.polariser[:, 0]
    a, lam = float(t.torque[0]) * junction, device.lam
    below = 1 + lam * float(m @ p)
    turn = np.array([[0, p[2], -p[1]], [-p[2], 0, p[0]], [p[1], -p[0], 0]])  # ∂(m × p)/∂m
    outer = np.outer(device.flr * p + np.cross(m, p), p)
    return np.asarray(np.diag(t.stiffness[:, 0]) + a / below * (turn - lam / below * outer))


def _frame(m: Array) -> Array:
    """Rows e1, e2 with e1 × e2 = m."""
    first = np.eye(3)[int(np.argmin(np.abs(m)))]
    e1 = first - (first @ m) * m
    e1 /= np.linalg.norm(e1)
    return np.array([e1, np.cross(m, e1)])


def equilibrium(
    device: Macrospin, junction: float = 0.0, line: float = 0.0, start: Sequence[float] = (0.02, 0.01, 1.0)
) -> Array:
    """Stable m0 [3] that the device relaxes to from `start` under constant currents. InputError if it finds none."""
    t = terms(device)
    m: Array = np.array(start, float) / np.linalg.norm(start)
    scale = float(np.abs(t.field).max() + np.ptp(t.stiffness) + abs(float(t.torque[0]) * junction))
    for _ in range(4000):  # overdamped relaxation: along the transverse field
        h = effective_field(m[:, None], t, junction, line)[:, 0]
        slope = h - (h @ m) * m
        m += 0.3 * slope / max(scale, 1e-300)
        m /= np.linalg.norm(m)
        if np.linalg.norm(slope) < 1e-6 * scale:
            break
    for _ in range(20):  # Newton on the transverse field
        frame = _frame(m)
        h = effective_field(m[:, None], t, junction, line)[:, 0]
        matrix = frame @ _field_jacobian(m, device, junction) @ frame.T - (h @ m) * np.eye(2)
        if np.linalg.det(matrix) == 0:
            raise InputError("macrospin: no stiffness, so no equilibrium; give it a field or an anisotropy")
        step = -np.linalg.solve(matrix, frame @ h)
        m += frame.T @ step
        m /= np.linalg.norm(m)
        if np.abs(step).max() < 1e-14:
            break
    else:
        raise InputError("macrospin: no equilibrium found; change the start direction, the fields or the current")
    lin = _linearised(m, device, junction, line)
    if np.trace(lin.matrix) >= 0 or np.linalg.det(lin.matrix) <= 0:
        raise InputError("macrospin: no stable equilibrium at this field and current; it oscillates or sits on an edge")
    return m


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """dδ/dt = D δ + b i about m0, and the resistance r0 + r·δ."""

    m0: Array  # [3]
    frame: Array  # [2, 3], transverse basis
    matrix: Array  # [2, 2], D in 1/s
    drive: Array  # [2], b per ampere of junction current, 1/(A s)
    line_drive: Array  # [2], b per ampere of line current
    readout: Array  # [2], r in Ohm
    r0: float  # Ohm, at m0

    @property
    def f_res(self) -> float:
        """√(det D)/2π, Hz."""
        return math.sqrt(float(np.linalg.det(self.matrix))) / (2 * math.pi)

    @property
    def linewidth(self) -> float:
        """Full width -tr D/2π, Hz."""
        return -float(np.trace(self.matrix)) / (2 * math.pi)

    def precession(self, f: ArrayLike, line: complex = 0.0) -> Complex:
        """δ per ampere of junction current, [2, n]; `line` is the line current over the junction current."""
        s = 2j * np.pi * np.atleast_1d(np.asarray(f, float))
        d, b = self.matrix, self.drive + line * self.line_drive
        # (s - D)^-1 = (s - tr D + D) / (s² - s tr D + det D)
        top = (s - np.trace(d))[None, :] * b[:, None] + (d @ b)[:, None]
        return np.asarray(top / (s**2 - s * np.trace(d) + np.linalg.det(d)))


def _linearised(m: Array, device: Macrospin, junction: float, line: float) -> Linearised:
    t, frame = terms(device), _frame(m)
    h0 = float(effective_field(m[:, None], t, junction, line)[:, 0] @ m)
    rate = -GAMMA0 / (1 + device.alpha**2) * (np.array([[0.0, -1.0], [1.0, 0.0]]) - device.alpha * np.eye(2))
    p = t.polariser[:, 0]
    per_ampere = float(t.torque[0]) / (1 + device.lam * float(m @ p)) * (device.flr * p + np.cross(m, p))
    return Linearised(
        m0=m,
        frame=frame,
        matrix=rate @ (frame @ _field_jacobian(m, device, junction) @ frame.T - h0 * np.eye(2)),
        drive=rate @ (frame @ per_ampere),
        line_drive=rate @ (frame @ t.oersted[:, 0]),
        readout=-float(t.r_half[0]) * (frame @ p),
        r0=float(resistance(m[:, None], t)[0]),
    )


def linearise(
    device: Macrospin, junction: float = 0.0, line: float = 0.0, start: Sequence[float] = (0.02, 0.01, 1.0)
) -> Linearised:
    """Small motion about the equilibrium that the device relaxes to from `start`, under constant currents."""
    return _linearised(equilibrium(device, junction, line, start), device, junction, line)


def kittel_frequency(device: Macrospin) -> float:
    """γ0/2π √((hz + Hz - Hx)(hz + Hz - Hy)), Hz, of a layer magnetised along +z; H = anisotropy minus demagnetising."""
    a = terms(device).stiffness[:, 0]
    return GAMMA0 / (2 * math.pi) * math.sqrt((device.hz + a[2] - a[0]) * (device.hz + a[2] - a[1]))


def diode_response(f: ArrayLike, device: Macrospin, line: complex = 0.0) -> Array:
    """Rectified voltage per watt in R0, V/W, small signal and no bias: Re(r·δ(f)) / R0, P = ½ |i|² R0."""
    lin = linearise(device)
    per_watt = np.real(lin.readout @ lin.precession(f, line)) / lin.r0
    return np.asarray(per_watt.reshape(np.shape(f)))


@dataclass(frozen=True, slots=True)
class LinearResponse:
    """Fidelity 1 of a macrospin: V/P = -4 α K_SD Re(exp(-jψ) chi(f)), near the resonance; ψ as in auto_oscillator.

    The sign is in K_SD, the mix angle lies in (-π/2, π/2]: ψ = 0 is the dispersive line, ±π/2 the absorptive one.
    """

    f_res: float  # Hz
    damping: float  # α_eff = full width / (2 f_res)
    sensitivity: float  # K_SD, V/W
    psi: float  # mix angle ψ, rad
    resistance: float  # Ohm, R0 at the equilibrium


def linear_map(device: Macrospin, line: complex = 0.0) -> LinearResponse:
    """f_res, α_eff, K_SD and ψ. The susceptibility has the form (n0 + jω n1)/(ω0² - ω² + jωΔω): taken at ω0."""
    lin = linearise(device)
    f_res, damping = lin.f_res, lin.linewidth / (2 * lin.f_res)
    # At resonance chi = 1/(2jα), so r·δ = k exp(-jψ) / (2jα) with k = -4 α K_SD R0.
    k = 2j * damping * complex((lin.readout @ lin.precession(f_res, line))[0])
    sensitivity, psi = abs(k) / (4 * damping * lin.r0), -cmath.phase(-k)
    if not -math.pi / 2 < psi <= math.pi / 2:
        sensitivity, psi = -sensitivity, psi - math.copysign(math.pi, psi)
    return LinearResponse(f_res, damping, sensitivity, psi, lin.r0)
