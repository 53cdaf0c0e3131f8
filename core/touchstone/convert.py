"""Numbers of a file -> S: pairs, matrix formats, mixed modes, Y, Z, H and G, other references.

All kinds are one linear relation A v + B i = 0 between voltages and currents (i into the ports):

    Z:  v - Z i = 0     Y:  i - Y v = 0     H:  v1 - h11 i1 - h12 v2 = 0,  i2 - h21 i1 - h22 v2 = 0     G: its dual

With v = √R (a + b) and i = (a - b)/√R it reads (P - Q) b = -(P + Q) a, P = A √R, Q = B/√R, so S = -(P - Q)⁻¹ (P + Q).
Version 1 normalises to R: z = Z/R, y = Y R, h11 = H11/R, h22 = H22 R, g11 = G11 R, g22 = G22/R; version 2 does not.
Mixed modes by the standard's appendix A: S = Mᵀ Smm M, Z = (K⁻¹M)ᵀ Zmm (K⁻¹M), Y = (KM)ᵀ Ymm (KM).
"""

from dataclasses import replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.touchstone.keywords import Mode
from resonet.core.touchstone.record import Touchstone, Waves
from resonet.core.types import Array, Complex
from resonet.core.validity import warn

__all__ = ["matrices", "pairs", "real_reference", "single_ended", "to_s", "unnormalised"]

HALF = np.sqrt(0.5)


def pairs(values: Array, form: str) -> Complex:
    """Complex numbers of pairs [..., 2n] -> [..., n]: real and imaginary, magnitude or decibels and degrees."""
    first, second = values[..., 0::2], values[..., 1::2]
    if form == "ri":
        return np.ascontiguousarray(values).view(np.complex128)
    size = 10 ** (first / 20) if form == "db" else first
    return np.asarray(np.where(size == 0, 0, size * np.exp(1j * np.radians(second))))


def matrices(entries: Complex, ports: int, matrix: str, swapped: bool) -> Complex:
    """Entries of every frequency as matrices [frequencies, ports, ports]; swapped: a two-port in the order 21, 12."""
    if matrix == "full":
        found = entries.reshape(-1, ports, ports)
        return found.transpose(0, 2, 1) if swapped else found
    found = np.zeros((len(entries), ports, ports), complex)
    rows, columns = np.tril_indices(ports) if matrix == "lower" else np.triu_indices(ports)
    found[:, rows, columns] = entries
    found[:, columns, rows] = entries
    return found


def _mode_rows(modes: tuple[Mode, ...]) -> tuple[Array, Array]:
    """M [modes, ports] of the waves, and the diagonal of K [modes] of the voltages."""
    rows = np.zeros((len(modes), len(modes)))
    scale = np.ones(len(modes))
    for n, mode in enumerate(modes):
        if mode.letter == "S":
            rows[n, mode.ports[0]] = 1
        else:
            first, second = mode.ports
            rows[n, first], rows[n, second] = HALF, -HALF if mode.letter == "D" else HALF
            scale[n] = 1 / HALF if mode.letter == "D" else HALF
    return rows, scale


def single_ended(values: Complex, kind: str, modes: tuple[Mode, ...]) -> Complex:
    """Mixed-mode S, Y or Z [frequencies, modes, modes] as those of the single ports."""
    rows, scale = _mode_rows(modes)
    if kind == "z":
        rows = rows / scale[:, None]
    elif kind == "y":
        rows = rows * scale[:, None]
    return np.asarray(rows.T @ values @ rows)


def _relation(values: Complex, kind: str) -> tuple[Complex, Complex]:
    """A and B of A v + B i = 0, [frequencies, ports, ports]."""
    one = np.broadcast_to(np.eye(values.shape[1]), values.shape).astype(complex)
    if kind == "z":
        return one, -values
    if kind == "y":
        return -values, one
    a, b = np.zeros_like(values), np.zeros_like(values)
    own, other = (a, b) if kind == "h" else (b, a)  # G is H with voltages and currents exchanged
    own[:, 0, 0] = other[:, 1, 1] = 1
    other[:, :, 0] -= values[:, :, 0]
    own[:, :, 1] -= values[:, :, 1]
    return a, b


def unnormalised(values: Complex, kind: str, r: float) -> Complex:
    """Parameters of version 1, which are normalised to r, in ohm and siemens."""
    if kind == "z":
        return values * r
    if kind == "y":
        return values / r
    if kind in "hg":
        power = r if kind == "h" else 1 / r
        return np.asarray(values * np.array([[power, 1], [1, 1 / power]]))
    return values


def to_s(values: Complex, kind: str, z0: Array) -> Complex:
    """S in the real impedances z0 [ports] of parameters in ohm and siemens. InputError where there is none."""
    if kind == "s":
        return values
    a, b = _relation(values, kind)
    root = np.sqrt(z0)
    return _solved(a * root, b / root, f"{kind.upper()}-parameters")


def _solved(p: Complex, q: Complex, what: str) -> Complex:
    """-(P - Q)⁻¹ (P + Q)."""
    try:
        with np.errstate(all="ignore"):
            found = -np.linalg.solve(p - q, p + q)
    except np.linalg.LinAlgError:
        found = np.full_like(p, np.nan)
    if not np.isfinite(found).all():
        raise InputError(f"{what} that no S-parameters belong to (a singular matrix)")
    return np.asarray(found)


def _port_waves(s: Complex, z: Complex, waves: Waves) -> tuple[Complex, Complex]:
    """Voltages and currents of the ports for unit waves a, [frequencies, ports, ports], z [frequencies, ports]."""
    one = np.eye(s.shape[1])
    z = z[:, :, None]
    with np.errstate(all="ignore"):
        if waves == "power":
            root = np.sqrt(z.real)
            return np.asarray((z.conj() * one + z * s) / root), np.asarray((one - s) / root)
        if waves == "pseudo":
            scale = np.abs(z) / np.sqrt(z.real)
            return np.asarray(scale * (one + s)), np.asarray(scale / z * (one - s))
        root = np.sqrt(z)
        return np.asarray(root * (one + s)), np.asarray((one - s) / root)


def real_reference(data: Touchstone, fallback: float = 50.0) -> Touchstone:
    """The same network in real impedances that no frequency changes; warns where S had to be renormalised.

    Impedances that already are stay as they are, port by port equal or not; else all ports get `fallback`, ohm.
    """
    if not np.any(data.z0.imag) and not np.any(data.z0 != data.z0[0]):
        return data
    v, i = _port_waves(data.s, data.z0, data.waves)
    root = np.sqrt(fallback)
    ahead, back = v / root + root * i, v / root - root * i
    try:
        s = np.linalg.solve(ahead.transpose(0, 2, 1), back.transpose(0, 2, 1)).transpose(0, 2, 1)
    except np.linalg.LinAlgError:
        s = np.full_like(data.s, np.nan)
    if not np.isfinite(s).all():
        raise InputError(f"{data.file}: port impedances in which no S-parameters can be renormalised")
    kind = "complex" if np.any(data.z0.imag) else "different at every frequency"
    words = f"{data.file}: port impedances are {kind}: renormalised to {fallback:g} ohm ({data.waves} waves)"
    first = abs(complex(data.z0[0, 0]))
    warn("touchstone-renormalised", words, first, fallback, "Ohm")
    return replace(data, s=np.asarray(s), z0=np.full(data.z0.shape, fallback, complex))
