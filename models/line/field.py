"""Strip lines over resonators: field, coupling to the resonators below and beside, drive and frequency shift.

**Field.** A thin strip of width w along +y carries the even current I; the point is h below it, d to the side. Biot and
Savart over the sheet (J. D. Jackson, Classical Electrodynamics, 3rd ed., sec. 5.3) gives H = -(A x + N z) with

    A = I/(2πw) [atan((d + w/2)/h) - atan((d - w/2)/h)]              across the strip, in its plane       (1)
    N = I/(4πw) ln( ((d + w/2)² + h²) / ((d - w/2)² + h²) )          normal to its plane                  (2)

with the limits A = I/(2w) for h << w, d = 0, and |H| = I/(2πr) far away. (1) averaged over a square pillar of side e:

    A_e = I/(2πwe) [Φ(d + (w+e)/2) - Φ(d + (w-e)/2) - Φ(d - (w-e)/2) + Φ(d - (w+e)/2)],
    Φ(s) = s atan(s/h) - (h/2) ln(s² + h²)                                                                 (3)

(1) is `lines.strip_field`. It holds where the line is straight for some times h to either side and its return current
is far; `segment_field` adds up straight pieces of any route, and an image for the return current in a ground plane.

**Drive.** The field turns the magnetisation as a current through the junction would. In the law of `resonator`
(x = chi(f) i) a line current I_line stands for the junction current

    i = κ a I_line,    a = A(d)/A(0),                                                                       (4)

where κ, A per A, is the resonator's own line straight above it, and the dimensionless `field_ratio` a is all that the
layout adds. For a torque field h_t = a(I)/I of `macrospin` (A/m per A), κ = A(0)/(I h_t); `drive_ratio` is the exact
complex ratio of the two responses. Rectification needs a current in the junction, ½ Re(i conj(k x)): the hardware
assumption is that the junction takes up its own share of each line's current, in phase and in proportion to the same
field (a loop through the line), so that V = ½ k |κ a I_line|² Re chi: a neighbour's line counts with a² in the weight.

**Tuning.** A DC line shifts the resonance by δf = (∂f/∂H) A. For a layer magnetised along the field,
∂f/∂H = γ0/2π (perpendicular, circular), or Kittel's γ0/2π (2H + M)/(2√(H(H + M))) for a film in its plane.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.models.line.lines import MU0, skin_depth, strip_field
from resonet.models.resonator.macrospin import GAMMA0, Macrospin, terms
from resonet.models.resonator.macrospin_linear import linearise

__all__ = [
    "COLLINEAR_SLOPE",
    "averaged_field",
    "drive_ratio",
    "field_components",
    "field_ratio",
    "film_slope",
    "image_strength",
    "line_slope",
    "segment_field",
    "slab_resistance",
    "torque_field",
]

COLLINEAR_SLOPE = GAMMA0 / (2 * math.pi)  # Hz per A/m, 28 GHz/T
FILAMENTS = 4  # of a strip in segment_field, at Gauss points across its width


def _positive(**lengths: ArrayLike) -> None:
    for name, value in lengths.items():
        array = np.asarray(value, float)
        if not np.all(np.isfinite(array) & (array > 0)):
            raise InputError(f"strip: {name} = {array.min():g} m: must be above 0")


def field_components(current: ArrayLike, width: float, height: ArrayLike, lateral: ArrayLike) -> tuple[Array, Array]:
    """Fields A across and N normal to a strip, A/m, equations (1) and (2); arguments broadcast, lengths in m.

    Raises InputError unless width and height are positive.
    """
    _positive(width=width, height=height)
    d, h = np.asarray(lateral, float), np.asarray(height, float)
    ratio = ((d + width / 2) ** 2 + h**2) / ((d - width / 2) ** 2 + h**2)
    return strip_field(current, width, h, d), np.asarray(current, float) / (4 * np.pi * width) * np.log(ratio)


def averaged_field(
    current: ArrayLike, width: float, height: ArrayLike, lateral: ArrayLike = 0.0, extent: float = 0.0
) -> Array:
    """Field A across a strip, A/m, averaged over a square pillar of side `extent` (m), equation (3); broadcasts."""
    if extent == 0:
        return strip_field(current, width, height, lateral)
    _positive(width=width, height=height, extent=extent)
    d, h = np.asarray(lateral, float), np.asarray(height, float)

    def phi(s: Array) -> Array:
        return np.asarray(s * np.arctan(s / h) - h / 2 * np.log(s**2 + h**2))

    wide, narrow = (width + extent) / 2, (width - extent) / 2
    total = phi(d + wide) - phi(d + narrow) - phi(d - narrow) + phi(d - wide)
    return np.asarray(np.asarray(current, float) / (2 * np.pi * width * extent) * total)


def field_ratio(width: float, height: ArrayLike, lateral: ArrayLike, extent: float = 0.0) -> Array:
    """Drive of a resonator `lateral` off a line's axis by that of the line's own, a of equation (4); dimensionless."""
    return np.asarray(
        averaged_field(1.0, width, height, lateral, extent) / averaged_field(1.0, width, height, 0.0, extent)
    )


def _filament_field(start: Array, end: Array, points: Array) -> Array:
    """H per ampere, 1/m, of straight filaments [S, 3] -> [S, 3] at points [N, 3]; [N, S, 3]."""
    along = end - start
    length = np.linalg.norm(along, axis=1)
    unit = along / np.where(length > 0, length, 1)[:, None]
    from_start, from_end = points[:, None] - start, points[:, None] - end
    turn = np.cross(unit, from_start)  # unit x r, of length rho
    rho2 = np.maximum((turn**2).sum(2), 1e-60)
    cosines = (from_start * unit).sum(2) / np.linalg.norm(from_start, axis=2)
    cosines = cosines - (from_end * unit).sum(2) / np.linalg.norm(from_end, axis=2)
    return np.asarray(turn * (cosines * (length > 0) / (4 * np.pi * rho2))[..., None])


def segment_field(start: ArrayLike, end: ArrayLike, points: ArrayLike, width: float, image: float = 0.0) -> Array:
    """H per ampere of line current, 1/m, of straight strip segments at points; [points, segments, 3].

    start, end [segments, 3] and points [points, 3] in m, z upwards, ground plane at z = 0; a strip of `width` lies
    level (a via, which runs along z, is a filament). Biot and Savart over FILAMENTS filaments. `image` of the current
    returns mirrored in the ground plane: 0 for none, as at DC, 1 for a perfect conductor (see `image_strength`).
    """
    _positive(width=width)
    start, end, points = (np.atleast_2d(np.asarray(a, float)) for a in (start, end, points))
    side = np.stack([-(end - start)[:, 1], (end - start)[:, 0], np.zeros(len(start))], 1)
    norm = np.linalg.norm(side, axis=1, keepdims=True)
    side = np.where(norm > 0, side / np.where(norm > 0, norm, 1), 0)
    total = np.zeros((len(points), len(start), 3))
    mirror = np.array([1.0, 1.0, -1.0])
    for node, weight in zip(*np.polynomial.legendre.leggauss(FILAMENTS), strict=True):
        shift = side * node * width / 2
        total += weight / 2 * _filament_field(start + shift, end + shift, points)
        if image:  # a current that comes back below: level parts reversed, vertical parts not
            below = _filament_field((end + shift) * mirror, (start + shift) * mirror, points)
            total += weight / 2 * image * below
    return total


def image_strength(f: ArrayLike, sheet_resistance: float, wavenumber: ArrayLike) -> Complex:
    """Part of a line's current that a thin ground plane mirrors at the spatial wavenumber k (1/m); complex, 0 ... 1.

    1 / (1 + 2 k R / (jωμ0)): eddy currents in a sheet of R ohm per square (J. C. Maxwell, Treatise, art. 654 ff.). With
    k about 1 over the height of the line it tells whether the plane is one (1) or is not there for the field (0).
    """
    omega = 2 * np.pi * np.asarray(f, float)
    loss = 2 * np.asarray(wavenumber, float) * sheet_resistance
    return np.asarray(1j * omega * MU0 / (1j * omega * MU0 + loss))


def slab_resistance(f: ArrayLike, resistivity: float, thickness: float) -> Array:
    """Resistance of a strip above its ground plane, ohm per square: current on one face of a slab, all frequencies.

    Re[(1 + j) ρ/δ coth((1 + j) t/δ)], the one-dimensional skin effect (Ramo, Whinnery, Van Duzer, Fields and Waves, 3rd
    ed., sec. 3.17): ρ/t for t << δ, ρ/δ for t >> δ. Holds while the width is over the thickness; f = 0 allowed.
    """
    _positive(thickness=thickness)
    f = np.asarray(f, float)
    turn = 2 * thickness / np.array([skin_depth(x, resistivity) if x > 0 else np.inf for x in f.ravel()])
    thin, deep = turn < 1e-2, turn > 100  # (sinh + sin)/(cosh - cos): 2/u (1 + u⁴/180) for small u, 1 for large
    u = np.where(thin | deep, 1.0, turn)
    middle = (np.sinh(u) + np.sin(u)) / (np.cosh(u) - np.cos(u))
    ratio = np.where(thin, 1.0, np.where(deep, turn / 2, turn / 2 * middle))
    return np.asarray(resistivity / thickness * ratio).reshape(f.shape)


def torque_field(device: Macrospin) -> float:
    """Field of the damping-like torque per ampere of junction current, ħ pol / (2 e μ0 msat V), 1/m."""
    return float(terms(device).torque[0])


def drive_ratio(device: Macrospin, field: tuple[float, float, float], f: float | None = None) -> complex:
    """κ of equation (4): junction current that a line current stands for, A per A, phase included.

    `field` (1/m) is the line's field per ampere at the junction, x, y, z; f in Hz, by default the resonance.
    """
    device = replace(device, oex=field[0], oey=field[1], oez=field[2])
    lin = linearise(device)
    at = lin.f_res if f is None else f
    of_current = lin.readout @ lin.precession(at)
    return complex(((lin.readout @ lin.precession(at, 1.0) - of_current) / of_current)[0])


def film_slope(field: ArrayLike, magnetisation: float) -> Array:
    """∂f/∂H, Hz per A/m, of a film magnetised in its plane along H (A/m): γ0/2π (2H + M)/(2√(H(H + M)))."""
    h = np.asarray(field, float)
    if not np.all(h > 0):
        raise InputError(f"film_slope: field {h.min():g} A/m: must be above 0, so that the film is magnetised along it")
    return np.asarray(COLLINEAR_SLOPE * (2 * h + magnetisation) / (2 * np.sqrt(h * (h + magnetisation))))


def line_slope(device: Macrospin, field: tuple[float, float, float], current: float = 1e-4) -> float:
    """∂f_res/∂I of a macrospin under a line, Hz per A, by central difference over ±current (A)."""
    device = replace(device, oex=field[0], oey=field[1], oez=field[2])
    up, down = (linearise(device, line=sign * current).f_res for sign in (1, -1))
    return (up - down) / (2 * current)
