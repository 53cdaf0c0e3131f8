"""Lines between devices: per-metre values from geometry and material, two-port functions, and the field of a strip.

A line has r, l, g, c per metre at one frequency. γ = √((r + jωl)(g + jωc)), Z = √((r + jωl)/(g + jωc)); for the
length d

    [V1]   [cosh γd      Z sinh γd] [V2]
    [I1] = [sinh γd / Z  cosh γd  ] [I2],   I1 into the near end, I2 out of the far end.

`coplanar` and `microstrip` take β, the losses α and Z (real) from scikit-rf (skrf.media.CPW, MLine): l = βZ/ω,
c = β/(Zω), r = 2 α_conductor Z, g = 2 α_dielectric / Z, which gives γ back but for (α/β)². Its conductor loss is that
of the skin effect, so for a metal thinner than 3 skin depths it is replaced by the DC resistance of the strip, ρ/(w t).
`field_strip` is the strip above a row of resonators, embedded in one dielectric, with a ground plane below: Z of
Hammerstad and Jensen (IEEE MTT-S Int. Microwave Symp. Digest 1980, 407) for a homogeneous medium, within 0.03 %,

    Z = Z_vacuum/√ε,   Z_vacuum = (η0/2π) ln(F h/w + √(1 + (2h/w)²)),   F = 6 + (2π - 6) exp(-(30.666 h/w)^0.7528),

l = Z_vacuum/c0, c = ε/(Z_vacuum c0), g = ωc tan δ, r = ρ/(w t).

Circuit forms: `LosslessLine` (T element), `RlcLine` (LTRA, exact, no leakage), `RlgcLine` (a ladder of SECTIONS).
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.parameters import Interface, check, parameter
from resonet.core.types import Array, Complex

__all__ = [
    "SECTIONS",
    "LineGeometry",
    "LosslessLine",
    "RlcLine",
    "RlgcLine",
    "abcd",
    "coplanar",
    "field_strip",
    "ladder_abcd",
    "microstrip",
    "scattering",
    "skin_depth",
    "strip_field",
]


SECTIONS = 16  # of line_rlgc.lib and of all lines in Verilog-A
LIGHT = 299792458.0  # m/s
MU0 = 1.25663706127e-6  # H/m
ENDS = (("a", "near end, against ground"), ("b", "far end, against ground"))
FIFTY = "50 ohm line at 2/3 of the speed of light"


@dataclass(frozen=True, slots=True)
class LosslessLine:
    """Lossless line."""

    SPICE: ClassVar[Interface] = Interface("line_lossless", ENDS)

    z0: float = parameter(50.0, "Ohm", 1e-3, 1e5, "characteristic impedance", "50 ohm convention")
    td: float = parameter(5e-12, "s", 1e-18, 1e-3, "delay", "1 mm at 2/3 of the speed of light")

    def __post_init__(self) -> None:
        check(self, "line_lossless")

    @property
    def rlgc(self) -> tuple[float, float, float, float, float]:
        """r, l, g, c and length; the whole line as one metre."""
        return 0.0, self.z0 * self.td, 0.0, self.td / self.z0, 1.0


@dataclass(frozen=True, slots=True)
class RlcLine:
    """Line with series loss, without leakage."""

    SPICE: ClassVar[Interface] = Interface("line_rlc", ENDS)

    r: float = parameter(1e3, "Ohm/m", 0.0, 1e12, "resistance per metre", "copper, 17 um^2")
    l: float = parameter(250e-9, "H/m", 1e-12, 1e-2, "inductance per metre", FIFTY)  # noqa: E741
    c: float = parameter(100e-12, "F/m", 1e-15, 1e-3, "capacitance per metre", FIFTY)
    length: float = parameter(1e-3, "m", 1e-9, 1e3, "length", "a chip's edge")

    def __post_init__(self) -> None:
        check(self, "line_rlc")

    @property
    def rlgc(self) -> tuple[float, float, float, float, float]:
        """r, l, g, c per metre and length, m."""
        return self.r, self.l, 0.0, self.c, self.length


@dataclass(frozen=True, slots=True)
class RlgcLine:
    """Line with series loss and leakage."""

    SPICE: ClassVar[Interface] = Interface("line_rlgc", ENDS)

    r: float = parameter(1e3, "Ohm/m", 0.0, 1e12, "resistance per metre", "copper, 17 um^2")
    l: float = parameter(250e-9, "H/m", 1e-12, 1e-2, "inductance per metre", FIFTY)  # noqa: E741
    g: float = parameter(0.0, "S/m", 0.0, 1e9, "leakage per metre, 2 pi f c tan(delta)", "dielectric without loss")
    c: float = parameter(100e-12, "F/m", 1e-15, 1e-3, "capacitance per metre", FIFTY)
    length: float = parameter(1e-3, "m", 1e-9, 1e3, "length", "a chip's edge")

    def __post_init__(self) -> None:
        check(self, "line_rlgc")

    @property
    def rlgc(self) -> tuple[float, float, float, float, float]:
        """r, l, g, c per metre and length, m."""
        return self.r, self.l, self.g, self.c, self.length


Line = LosslessLine | RlcLine | RlgcLine


@dataclass(frozen=True, slots=True)
class LineGeometry:
    """Cross-section and materials of a line on a chip; not a device of its own."""

    width: float = parameter(10e-6, "m", 1e-9, 1e-1, "width of the strip", "50 ohm on silicon, with that gap")
    gap: float = parameter(6e-6, "m", 1e-9, 1e-1, "to the ground on either side (coplanar only)", "50 ohm on silicon")
    height: float = parameter(500e-6, "m", 1e-9, 1e-1, "thickness of the dielectric under the strip", "wafer")
    thickness: float = parameter(1e-6, "m", 1e-9, 1e-2, "thickness of the metal", "top metal of a chip")
    permittivity: float = parameter(11.7, "", 1.0, 1e3, "relative permittivity of the dielectric", "silicon")
    loss_tangent: float = parameter(0.0, "", 0.0, 1.0, "loss tangent of the dielectric", "high-resistivity silicon")
    resistivity: float = parameter(1.68e-8, "Ohm m", 1e-12, 1e-2, "of the metal", "copper at room temperature")

    def __post_init__(self) -> None:
        check(self, "line")


def _sinhc(z: Complex) -> Complex:
    """sinh(z)/z, 1 at 0."""
    small = np.abs(z) < 1e-6
    safe = np.where(small, 1, z)
    return np.asarray(np.where(small, 1 + z**2 / 6, np.sinh(safe) / safe))


def _totals(f: ArrayLike, line: Line) -> tuple[Complex, Complex]:
    """Series impedance and shunt admittance of the whole line."""
    r, ind, g, c, length = line.rlgc
    jw = 2j * np.pi * np.asarray(f, float)
    return np.asarray((r + jw * ind) * length), np.asarray((g + jw * c) * length)


def _two_port(a: Complex, b: Complex, c: Complex, d: Complex) -> Complex:
    return np.stack([np.stack([a, b], -1), np.stack([c, d], -1)], -2)


def abcd(f: ArrayLike, line: Line) -> Complex:
    """Chain matrix, shape of f + [2, 2], exact."""
    series, shunt = _totals(f, line)
    turn = np.sqrt(series * shunt)
    ratio = _sinhc(turn)
    return _two_port(np.cosh(turn), series * ratio, shunt * ratio, np.cosh(turn))


def ladder_abcd(f: ArrayLike, line: Line, sections: int = SECTIONS) -> Complex:
    """Chain matrix of the ladder of equal sections that stands for a line in SPICE; shape of f + [2, 2]."""
    series, shunt = _totals(f, line)
    z, y = series / sections, shunt / sections
    return np.asarray(np.linalg.matrix_power(_two_port(1 + z * y / 2, z, y * (1 + z * y / 4), 1 + z * y / 2), sections))


def scattering(chain: ArrayLike, z0: float = 50.0) -> Complex:
    """S-parameters in the impedance z0 of chain matrices [..., 2, 2] of determinant 1; same shape."""
    m = np.asarray(chain, complex)
    a, b, c, d = m[..., 0, 0], m[..., 0, 1] / z0, m[..., 1, 0] * z0, m[..., 1, 1]
    total = a + b + c + d
    through = 2 / total
    return _two_port((a + b - c - d) / total, through, through, (-a + b - c + d) / total)


def skin_depth(f: float, resistivity: float) -> float:
    """√(ρ / (π f μ0)), m."""
    return math.sqrt(resistivity / (math.pi * f * MU0))


def _from_media(kind: str, geometry: LineGeometry, f: float, length: float) -> RlgcLine:
    """Values of a medium of scikit-rf at one frequency."""
    import skrf  # takes a second to import
    from skrf import media

    thin = geometry.thickness < 3 * skin_depth(f, geometry.resistivity)
    shared: dict[str, Any] = {
        "frequency": skrf.Frequency.from_f([f], unit="Hz"),
        "w": geometry.width,
        "h": geometry.height,
        "t": geometry.thickness,
        "ep_r": max(geometry.permittivity, 1 + 1e-6),  # MLine divides by ep_r - 1
        "tand": geometry.loss_tangent,
        "rho": 1e-30 if thin else geometry.resistivity,  # None would drop the thickness too
        "diel": "frequencyinvariant",
    }
    medium = media.CPW(s=geometry.gap, **shared) if kind == "coplanar" else media.MLine(rough=0.0, **shared)
    beta, z, w = float(medium.gamma[0].imag), float(medium.z0_characteristic[0].real), 2 * math.pi * f
    conductor, dielectric = (float(np.ravel(a)[0].real) for a in (medium.alpha_conductor, medium.alpha_dielectric))
    direct = geometry.resistivity / (geometry.width * geometry.thickness)
    return RlgcLine(
        direct if thin else 2 * conductor * z, beta * z / w, max(2 * dielectric / z, 0.0), beta / (z * w), length
    )


def coplanar(geometry: LineGeometry, f: float, length: float) -> RlgcLine:
    """Coplanar waveguide, values at f (Hz)."""
    return _from_media("coplanar", geometry, f, length)


def microstrip(geometry: LineGeometry, f: float, length: float) -> RlgcLine:
    """Microstrip line, values at f (Hz), dispersion included."""
    return _from_media("microstrip", geometry, f, length)


def field_strip(geometry: LineGeometry, f: float, length: float) -> RlgcLine:
    """Strip over a row of resonators, ground plane `height` below, one dielectric all around; loss tangent at f."""
    u = geometry.height / geometry.width
    fringe = 6 + (2 * math.pi - 6) * math.exp(-((30.666 * u) ** 0.7528))
    vacuum = MU0 * LIGHT / (2 * math.pi) * math.log(fringe * u + math.sqrt(1 + (2 * u) ** 2))
    capacitance = geometry.permittivity / (vacuum * LIGHT)
    return RlgcLine(
        geometry.resistivity / (geometry.width * geometry.thickness),
        vacuum / LIGHT,
        2 * math.pi * f * capacitance * geometry.loss_tangent,
        capacitance,
        length,
    )


def strip_field(current: ArrayLike, width: float, height: ArrayLike, lateral: ArrayLike = 0.0) -> Array:
    """Field H, A/m, in the plane of a thin strip and across it, a `height` from the strip, `lateral` off its axis.

    H = I/(2πw) [atan((d + w/2)/h) - atan((d - w/2)/h)]: Biot and Savart over a sheet of even current. I/(2w) at the
    strip, I/(2πh) far below it. Lengths in m; arguments broadcast.
    """
    d, h = np.asarray(lateral, float), np.asarray(height, float)
    edges = np.arctan2(d + width / 2, h) - np.arctan2(d - width / 2, h)
    return np.asarray(np.asarray(current, float) / (2 * np.pi * width) * edges)
