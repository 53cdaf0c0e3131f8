"""Capacitance and inductance of parallel and of crossing strips over a ground plane, by the method of moments.

One dielectric all around, conductors against the plane z = 0, whose image makes the Green's functions

    2-D  φ = -(σ/2πε) ∫ ln(r/r') ds,        3-D  φ = (σ/4πε) ∫ (1/r - 1/r') dA.

Panels of even charge, closer towards the edges, potential matched at their middles, integrals in closed form (R. F.
Harrington, Field Computation by Moment Methods, ch. 2; D. R. Wilton et al., IEEE Trans. Antennas Propag. 32, 276). The
inductance is that of the quasi-TEM wave, L = μ0 ε0 C0⁻¹: current on the surface. Even current in strips thinner than
the skin depth has up to about 5 % more self-inductance (geometric mean distance 0.2235 (w + t) for w/4); there the
resistance is what counts.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.line.lines import LIGHT, MU0

__all__ = ["EPSILON0", "capacitance_matrix", "crossing_capacitance", "inductance_matrix", "mutual_capacitance"]

EPSILON0 = 1 / (MU0 * LIGHT**2)  # F/m
MOST_STRIPS = 60
MOST_ASPECT = 200  # width over the gap between two strips; the error grows with it, 0.3 % at 80
PANELS = 24  # on each long face of a strip


def _check(x: Array, z: Array, width: Array, thickness: Array) -> None:
    """Refuse what is not a set of separate strips above the plane."""
    if len(x) > MOST_STRIPS:
        raise InputError(f"strips: {len(x)} in one cross-section; possible: {MOST_STRIPS}")
    if not np.all(np.isfinite([*x, *z, *width, *thickness])) or np.any(width <= 0) or np.any(thickness < 0):
        raise InputError("strips: widths must be above 0, thicknesses at least 0")
    if np.any(z - thickness / 2 <= 0):
        raise InputError(f"strips: lower face at {np.min(z - thickness / 2):g} m; the ground plane is at 0")
    near_x = np.abs(x[:, None] - x) < (width[:, None] + width) / 2
    near_z = np.abs(z[:, None] - z) <= (thickness[:, None] + thickness) / 2
    for i, j in zip(*np.nonzero(np.triu(near_x & near_z, 1)), strict=True):
        raise InputError(f"strips {i} and {j} overlap: x {x[i]:g} and {x[j]:g} m, z {z[i]:g} and {z[j]:g} m")
    apart_x = np.abs(x[:, None] - x) - (width[:, None] + width) / 2
    apart_z = np.abs(z[:, None] - z) - (thickness[:, None] + thickness) / 2
    least = np.maximum(width[:, None], width) / MOST_ASPECT
    for i, j in zip(*np.nonzero(np.triu((apart_x < least) & (apart_z < least), 1)), strict=True):
        raise InputError(f"strips {i} and {j}: closer than their width / {MOST_ASPECT}, beyond the range of the method")


def _graded(length: float, panels: int) -> Array:
    """Ends of panels on -length/2 ... length/2, closer towards both edges."""
    return np.asarray(-length / 2 * np.cos(np.linspace(0, np.pi, panels + 1)))


def _outline(x: float, z: float, width: float, thickness: float, panels: int) -> tuple[Array, Array]:
    """Starts and ends [panels, 2] of the panels on a strip's surface."""
    across = _graded(width, panels)
    flat = np.stack([across, np.zeros_like(across)], 1)
    faces = [flat]
    if thickness > 0:
        up = _graded(thickness, max(6, int(panels * min(1.0, thickness / width))))
        side = np.stack([np.zeros_like(up), up], 1)
        half = np.array([width / 2, thickness / 2])
        faces = [flat - half * [0, 1], flat + half * [0, 1], side - half * [1, 0], side + half * [1, 0]]
    centre = np.array([x, z])
    return np.concatenate([f[:-1] for f in faces]) + centre, np.concatenate([f[1:] for f in faces]) + centre


def _log_integral(points: Array, start: Array, end: Array) -> Array:
    """∫ ln r ds over panels [S, 2] -> [S, 2] from points [N, 2]; [N, S]."""
    along = end - start
    length = np.linalg.norm(along, axis=1)
    unit = along / length[:, None]
    rel = points[:, None] - (start + end) / 2
    u = (rel * unit).sum(2)
    v = np.abs(rel[..., 0] * unit[:, 1] - rel[..., 1] * unit[:, 0])

    def part(s: Array) -> Array:
        r2 = np.maximum(s**2 + v**2, 1e-300)
        return np.asarray(s * np.log(r2) / 2 - s + v * np.arctan2(s, v))

    return part(u + length / 2) - part(u - length / 2)


def capacitance_matrix(
    x: ArrayLike, z: ArrayLike, width: ArrayLike, thickness: ArrayLike, permittivity: float = 1.0, panels: int = PANELS
) -> Array:
    """Maxwell capacitance matrix per metre, F/m, [strips, strips]: charges for unit potentials, ground plane at z = 0.

    x, z: middles of the strips, width, thickness (0 for a sheet), all in m, broadcast to [strips]. -C[i, j] is the
    mutual capacitance, the sum of a row that to ground. Within 0.3 % for gaps down to 1/80 of the width. Raises
    InputError for overlapping strips, strips in the ground plane, gaps below width / MOST_ASPECT, and too many strips.
    """
    x, z, width, thickness = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(a, float)) for a in (x, z, width, thickness))
    )
    _check(x, z, width, thickness)
    outlines = [_outline(*strip, panels) for strip in zip(x, z, width, thickness, strict=True)]
    owner = np.repeat(np.arange(len(x)), [len(start) for start, _ in outlines])
    start, end = (np.concatenate([outline[side] for outline in outlines]) for side in (0, 1))
    scale = float(width.max())  # logarithms of numbers near 1
    start, end = start / scale, end / scale
    middle, mirror = (start + end) / 2, np.array([1.0, -1.0])
    green = _log_integral(middle, start * mirror, end * mirror) - _log_integral(middle, start, end)
    potentials = (owner[:, None] == np.arange(len(x))).astype(float)
    density = np.linalg.solve(green, potentials)
    charge = potentials.T @ (density * np.linalg.norm(end - start, axis=1)[:, None])
    return np.asarray(np.pi * EPSILON0 * permittivity * (charge + charge.T))


def inductance_matrix(x: ArrayLike, z: ArrayLike, width: ArrayLike, thickness: ArrayLike) -> Array:
    """Inductance matrix per metre, H/m, [strips, strips], of the same strips with their return in the ground plane."""
    return np.asarray(MU0 * EPSILON0 * np.linalg.inv(capacitance_matrix(x, z, width, thickness)))


def mutual_capacitance(matrix: Array) -> tuple[Array, Array]:
    """To-ground [strips] and mutual [strips, strips] (zero diagonal) capacitances of a Maxwell matrix; same unit."""
    mutual = -matrix + np.diag(np.diag(matrix))
    return matrix.sum(1), mutual


def _panels_along(width: float, other: float, reach: float, mesh: int) -> tuple[Array, Array, Array, Array]:
    """Rectangles of a sheet along the first axis, finest at the edges of the other: middles, half sides."""
    inner = _graded(other, mesh)
    first = inner[1] - inner[0]
    steps = np.geomspace(first, reach, 2 * mesh)
    u = np.concatenate([-other / 2 - steps[::-1], inner, other / 2 + steps])
    v = _graded(width, mesh)
    mid_u, mid_v = np.meshgrid((u[1:] + u[:-1]) / 2, (v[1:] + v[:-1]) / 2, indexing="ij")
    half_u, half_v = np.meshgrid(np.diff(u) / 2, np.diff(v) / 2, indexing="ij")
    return mid_u.ravel(), mid_v.ravel(), half_u.ravel(), half_v.ravel()


def _inverse_distance(dx: Array, dy: Array, dz: Array, a: Array, b: Array) -> Array:
    """∫ 1/r over rectangles of half sides a, b at the offset dx, dy, dz from their middles."""

    def corner(x: Array, y: Array) -> Array:
        r = np.sqrt(x**2 + y**2 + dz**2)
        first = x * np.log(np.maximum(y + r, 1e-300)) + y * np.log(np.maximum(x + r, 1e-300))
        return np.asarray(first - dz * np.arctan2(x * y, dz * r))

    return corner(dx + a, dy + b) - corner(dx - a, dy + b) - corner(dx + a, dy - b) + corner(dx - a, dy - b)


def _crossing(size: tuple[float, float, float, float], mesh: int) -> float:
    """Mutual capacitance over 4π ε of crossing sheets: width and height of one, of the other; `mesh` across each."""
    width, height, other_width, other_height = size
    reach = 400 * max(height, other_height)  # what lies beyond adds 0.1 %, in inverse proportion to the reach
    u, v, hu, hv = _panels_along(width, other_width, reach, mesh)
    p, q, hp, hq = _panels_along(other_width, width, reach, mesh)
    x, y, z = np.concatenate([u, q]), np.concatenate([v, p]), np.repeat([height, other_height], [len(u), len(p)])
    a, b = np.concatenate([hu, hq]), np.concatenate([hv, hp])
    dx, dy = x[:, None] - x, y[:, None] - y
    green = _inverse_distance(dx, dy, np.abs(z[:, None] - z), a, b) - _inverse_distance(dx, dy, z[:, None] + z, a, b)
    upper = np.arange(len(x)) >= len(u)
    density = np.linalg.solve(green, upper.astype(float))
    return float(-(density * 4 * a * b)[~upper].sum())


@lru_cache(maxsize=256)
def crossing_capacitance(
    width: float, height: float, other_width: float, other_height: float, permittivity: float = 1.0
) -> float:
    """Mutual capacitance, F, of two long sheets that cross at right angles over the ground plane; lengths in m.

    The parallel plates of the overlap plus all fringe, within 0.5 %: two meshes, extrapolated (error ~ panels⁻²). For
    strips with a thickness take the heights of the two faces that see each other; their side walls add some per cent.
    Raises InputError where a length is not positive or the heights are equal.
    """
    size = (width, height, other_width, other_height)
    if not all(0 < length < np.inf for length in size) or height == other_height:
        raise InputError(
            f"crossing strips: widths {width:g}, {other_width:g} m, heights {height:g}, {other_height:g} m: must be "
            "above 0, and the heights different"
        )
    size = tuple(length / max(size) for length in size)  # type: ignore[assignment]
    coarse, fine = _crossing(size, 6), _crossing(size, 10)
    scale = 4 * np.pi * EPSILON0 * permittivity * max(width, height, other_width, other_height)
    return float(scale * (fine + (fine - coarse) * 36 / (100 - 36)))
