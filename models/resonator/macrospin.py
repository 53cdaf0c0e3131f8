"""Macrospin (fidelity 3): the device and its equation of motion, Landau-Lifshitz-Gilbert-Slonczewski.

m is a unit vector; fields are in A/m; γ0 = μ0 |γ_e| > 0 in m/(A s). Currents: I through the junction, positive from p
to n, and I_line through the field line. All fields and torques are gathered in one vector,

    h(m) = H_ext + 2 ku/(μ0 msat) m_x x + 2 kp/(μ0 msat) m_z z - msat N m + oe I_line + a(I) (flr p + m × p)
    a(I) = ħ pol I / (2 e μ0 msat V (1 + lam m·p)),      V = area * thick
    Gilbert:  dm/dt = -γ0 m × h + α m × dm/dt
    Landau-Lifshitz (solved for dm/dt):  dm/dt = -γ0/(1+α²) [m × h + α m × (m × h)]

The damping-like torque is thus -γ0 a m × (m × p): a POSITIVE junction current turns m TOWARDS the polariser p. The
field-like torque -γ0 a flr m × p acts like a field along +p. Resistance: R = (rp + rap)/2 - (rap - rp)/2 m·p.
Written out, the explicit form has m × (m × p) with weight a (1 + α flr) and m × p with a (flr - α).

Sources: J. C. Slonczewski, Phys. Rev. B 71, 024411 (2005) (lam = pol² of a symmetric junction); A. A. Tulapurkar et
al., Nature 438, 339 (2005) (spin diode); W. F. Brown, Phys. Rev. 130, 1677 (1963) (thermal field).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import Interface, check, parameter
from resonet.core.types import Array
from resonet.models.resonator.thermal import BOLTZMANN, CHARGE, GYROMAGNETIC, HBAR

__all__ = [
    "BOLTZMANN",
    "GAMMA0",
    "MU0",
    "Macrospin",
    "Terms",
    "cross",
    "effective_field",
    "llgs",
    "resistance",
    "rotation_rate",
    "terms",
]

MU0 = 1.25663706127e-6  # T m/A (CODATA 2022)
GAMMA0 = GYROMAGNETIC * MU0  # m/(A s)

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
