"""Macrospin (fidelity 3): Landau-Lifshitz-Gilbert-Slonczewski, equilibrium, resonance, linear spin-diode response.

m is a unit vector; fields are in A/m; γ0 = μ0 |γ_e| > 0 in m/(A s). Currents: I through the junction, positive from p
to n, and I_line through the field line. All fields and torques are gathered in one vector,

    h(m) = H_ext + 2 ku/(μ0 msat) m_x x + 2 kp/(μ0 msat) m_z z - msat N m + oe I_line + a(I) (flr p + m × p)
    a(I) = ħ pol I / (2 e μ0 msat V (1 + lam m·p)),      V = area * thick
    Gilbert:  dm/dt = -γ0 m × h + α m × dm/dt
    Landau-Lifshitz (solved for dm/dt):  dm/dt = -γ0/(1+α²) [m × h + α m × (m × h)]

The damping-like torque is thus -γ0 a m × (m × p): a POSITIVE junction current turns m TOWARDS the polariser p. The
field-like torque -γ0 a flr m × p acts like a field along +p. Resistance: R = (rp + rap)/2 - (rap - rp)/2 m·p.
Written out, the explicit form has m × (m × p) with weight a (1 + α flr) and m × p with a (flr - α).

Linearisation about an equilibrium m0 (m0 × h = 0, h0 = m0·h): in a transverse basis e1 × e2 = m0,

    dδ/dt = D δ + b i,   D = -γ0/(1+α²) (J - α) B,   B = E (∂h/∂m) Eᵀ - h0,   b = -γ0/(1+α²) (J - α) E ∂h/∂i

with J the rotation by 90°. ω0² = det D, Δω = -tr D (full width), which for B = -diag(h1, h2) is Kittel's
ω0 = γ0 √(h1 h2/(1+α²)), Δω = α γ0 (h1 + h2)/(1+α²). Phasors are peak, exp(+jωt).
Sources: J. C. Slonczewski, Phys. Rev. B 71, 024411 (2005) (lam = pol² of a symmetric junction); A. A. Tulapurkar et
al., Nature 438, 339 (2005) (spin diode); W. F. Brown, Phys. Rev. 130, 1677 (1963) (thermal field).
"""

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import Interface, check, parameter
from resonet.core.types import Array, Complex

__all__ = [
    "BOLTZMANN",
    "GAMMA0",
    "MU0",
    "LinearResponse",
    "Linearised",
    "Macrospin",
    "Terms",
    "cross",
    "diode_response",
    "effective_field",
    "equilibrium",
    "kittel_frequency",
    "linear_map",
    "linearise",
    "llgs",
    "resistance",
    "rotation_rate",
    "terms",
]

MU0 = 1.25663706127e-6  # T m/A (CODATA 2022)
GAMMA0 = 1.76085962784e11 * MU0  # m/(A s), μ0 |γ_e| of the free electron (CODATA 2022)
HBAR, CHARGE, BOLTZMANN = 1.054571817e-34, 1.602176634e-19, 1.380649e-23

IKEDA = "Ikeda et al., Nature Materials 9, 721 (2010), CoFeB/MgO junctions"
DESIGN = "chosen: 60 nm disc that resonates at 5 GHz"
DISC = "magnetometric factors of a cylinder 60 nm x 1.4 nm, Joseph, J. Appl. Phys. 37, 4639 (1966)"
IN_PLANE = "in-plane fixed layer, perpendicular free layer: Kubota et al., Appl. Phys. Express 6, 103003 (2013)"


@dataclass(frozen=True, slots=True)
class Macrospin:
    """One junction with a uniformly magnetised free layer; defaults: perpendicular CoFeB/MgO, in-plane polariser."""

    SPICE: ClassVar[Interface] = Interface(
        "macrospin",
        (
            ("p", "junction, current into it turns m towards the polariser"),
            ("n", "junction, other end"),
            ("l1", "field line, current into it makes the field oe"),
            ("l2", "field line, other end (1 mOhm)"),
            ("mx", "x component of m, 1 V per 1; start with .ic and uic"),
            ("my", "y component of m"),
            ("mz", "z component of m"),
        ),
    )

    msat: float = parameter(1.26e6, "A/m", 1e3, 3e6, "saturation magnetisation", f"1.58 T, {IKEDA}")
    ku: float = parameter(0.0, "J/m^3", -1e7, 1e7, "uniaxial anisotropy, axis x", DESIGN)
    kp: float = parameter(
        9.29e5, "J/m^3", -1e7, 1e7, "perpendicular anisotropy, axis z", f"1.3 mJ/m^2 over 1.4 nm, {IKEDA}"
    )
    nx: float = parameter(0.0346, "", 0.0, 1.0, "demagnetising factor x", DISC)
    ny: float = parameter(0.0346, "", 0.0, 1.0, "demagnetising factor y", DISC)
    nz: float = parameter(0.9308, "", 0.0, 1.0, "demagnetising factor z", DISC)
    hx: float = parameter(0.0, "A/m", -1e7, 1e7, "external field x", DESIGN)
    hy: float = parameter(0.0, "A/m", -1e7, 1e7, "external field y", DESIGN)
    hz: float = parameter(9.8e4, "A/m", -1e7, 1e7, "external field z", f"123 mT, {DESIGN}")
    alpha: float = parameter(
        0.01, "", 1e-5, 1.0, "Gilbert damping", "of CoFeB/MgO at 1-2 nm: Devolder et al., Appl. Phys. Lett. 102, 022407"
    )
    area: float = parameter(2.827e-15, "m^2", 1e-18, 1e-9, "area of the junction", DESIGN)
    thick: float = parameter(1.4e-9, "m", 1e-10, 1e-6, "thickness of the free layer", DESIGN)
    pol: float = parameter(
        0.61, "", -1.0, 1.0, "spin polarisation, damping-like torque", f"TMR 120 % (Julliere), {IKEDA}"
    )
    lam: float = parameter(0.37, "", -0.99, 0.99, "torque asymmetry, 1/(1 + lam m.p)", "pol^2, Slonczewski (2005)")
    flr: float = parameter(
        0.4, "", -1e3, 1e3, "field-like over damping-like torque", "order of Sankey, Nat. Phys. 4, 67"
    )
    px: float = parameter(1.0, "", -1.0, 1.0, "polariser direction x (unit vector)", IN_PLANE)
    py: float = parameter(0.0, "", -1.0, 1.0, "polariser direction y", IN_PLANE)
    pz: float = parameter(0.0, "", -1.0, 1.0, "polariser direction z", IN_PLANE)
    oex: float = parameter(1e6, "1/m", -1e9, 1e9, "line field x, A/m per A", "1/(2w), strip of 500 nm (Ampere)")
    oey: float = parameter(0.0, "1/m", -1e9, 1e9, "line field y, A/m per A", "strip along y")
    oez: float = parameter(0.0, "1/m", -1e9, 1e9, "line field z, A/m per A", "strip along y")
    rp: float = parameter(6370.0, "Ohm", 1e-3, 1e9, "resistance, m parallel to p", f"18 Ohm um^2 over area, {IKEDA}")
    rap: float = parameter(14e3, "Ohm", 1e-3, 1e9, "resistance, m antiparallel to p", f"TMR 120 %, {IKEDA}")
    tmag: float = parameter(0.0, "K", 0.0, 2e3, "temperature of the thermal field (numpy only)", "0: deterministic")
    pull: float = parameter(0.0, "1/s", 0.0, 1e12, "rate that pulls |m| to 1 in circuit engines", "0: bare equation")

    def __post_init__(self) -> None:
        check(self, "macrospin")
        norm = math.hypot(self.px, self.py, self.pz)
        if abs(norm - 1) > 1e-6:
            raise InputError(f"macrospin.px, py, pz: length {norm:g}; the polariser must be a unit vector")

    @property
    def volume(self) -> float:
        """Volume of the free layer, m³."""
        return self.area * self.thick


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Coefficients of h(m) for one or several devices: vectors [3, devices], scalars [devices] (1 broadcasts)."""

    field: Array  # A/m, external
    stiffness: Array  # A/m, diagonal: anisotropies minus demagnetising field
    polariser: Array
    oersted: Array  # 1/m
    torque: Array  # a(I)/I at m·p = 0, A/m per A
    asymmetry: Array
    field_like: Array
    alpha: Array
    thermal: Array  # A/m √s: standard deviation of each component of the thermal field times √dt
    r_mean: Array  # Ohm
    r_half: Array  # Ohm, (rap - rp)/2


def terms(devices: "Macrospin | Sequence[Macrospin]") -> Terms:
    """Coefficients of one device, or of several side by side."""
    many = [devices] if isinstance(devices, Macrospin) else list(devices)

    def scalars(values: list[float]) -> Array:
        return np.array(values, float)

    def vectors(values: list[tuple[float, float, float]]) -> Array:
        return np.array(values, float).T

    return Terms(
        field=vectors([(d.hx, d.hy, d.hz) for d in many]),
        stiffness=vectors(
            [
                (
                    2 * d.ku / (MU0 * d.msat) - d.nx * d.msat,
                    -d.ny * d.msat,
                    2 * d.kp / (MU0 * d.msat) - d.nz * d.msat,
                )
                for d in many
            ]
        ),
        polariser=vectors([(d.px, d.py, d.pz) for d in many]),
        oersted=vectors([(d.oex, d.oey, d.oez) for d in many]),
        torque=scalars([HBAR * d.pol / (2 * CHARGE * MU0 * d.msat * d.volume) for d in many]),
        asymmetry=scalars([d.lam for d in many]),
        field_like=scalars([d.flr for d in many]),
        alpha=scalars([d.alpha for d in many]),
        thermal=scalars(
            [math.sqrt(2 * d.alpha * BOLTZMANN * d.tmag / (MU0 * GAMMA0 * d.msat * d.volume)) for d in many]
        ),
        r_mean=scalars([(d.rp + d.rap) / 2 for d in many]),
        r_half=scalars([(d.rap - d.rp) / 2 for d in many]),
    )


def cross(a: Array, b: Array) -> Array:
    """Vector product along the first axis, [3, ...] (np.cross is several times slower on short arrays)."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]
    return out


def effective_field(m: Array, t: Terms, junction: ArrayLike = 0.0, line: ArrayLike = 0.0) -> Array:
    """h(m) in A/m, [3, n], for m [3, n], junction and line current in A, [n]: all fields and both torques."""
    mp = m[0] * t.polariser[0] + m[1] * t.polariser[1] + m[2] * t.polariser[2]
    a = t.torque * np.asarray(junction, float) / (1 + t.asymmetry * mp)
    h = t.field + t.stiffness * m + a * (t.field_like * t.polariser + cross(m, t.polariser))
    return np.asarray(h + t.oersted * np.asarray(line, float))


def rotation_rate(
    m: Array, t: Terms, junction: ArrayLike = 0.0, line: ArrayLike = 0.0, extra: ArrayLike = 0.0
) -> Array:
    """Angular velocity w, rad/s, [3, n]: dm/dt = w × m, w = γ0/(1+α²)(h + α m × h). `extra` [3, n], A/m, adds to h."""
    h: Array = effective_field(m, t, junction, line) + np.asarray(extra, float)
    return np.asarray(GAMMA0 / (1 + t.alpha**2) * (h + t.alpha * cross(m, h)))


def llgs(m: Array, t: Terms, junction: ArrayLike = 0.0, line: ArrayLike = 0.0) -> Array:
    """dm/dt in 1/s, [3, n]: -γ0/(1+α²) [m × h + α m × (m × h)]."""
    mh = cross(m, effective_field(m, t, junction, line))
    return np.asarray(-GAMMA0 / (1 + t.alpha**2) * (mh + t.alpha * cross(m, mh)))


def resistance(m: Array, t: Terms) -> Array:
    """Resistance in Ohm, [n], of m [3, n]."""
    mp = m[0] * t.polariser[0] + m[1] * t.polariser[1] + m[2] * t.polariser[2]
    return np.asarray(t.r_mean - t.r_half * mp)


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
