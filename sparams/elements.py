"""Admittances of the elements over frequency: the physics that the linear engine and scikit-rf both start from.

Frequencies are the last axis: elimination runs over matrix entries, each of them an array over the frequencies.
"""

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from resonet.core.types import Array, Complex
from resonet.models.line.lines import SECTIONS, Line, LosslessLine, RlgcLine, abcd, ladder_abcd
from resonet.sparams.block import CoupledLines, Lumped, Resonators

__all__ = ["LineForm", "branch_admittance", "coupled_admittance", "line_admittance", "pieces"]

LineForm = Literal["spice", "exact"]  # spice: a leaky or coupled line is the ladder that its deck holds


def branch_admittance(element: Lumped | Resonators, f: Array) -> Complex:
    """Admittance of each branch, S, [n, frequencies]."""
    s = 2j * np.pi * f
    if isinstance(element, Resonators):
        ratio = f / element.f0[:, None]
        chi = 1 / (1 - ratio**2 + 1j * ratio / element.q[:, None])
        return np.asarray(1 / (element.r0[:, None] + (element.k * element.bias)[:, None] * (1 + chi)))
    value = element.value[:, None]
    if element.kind == "r":
        return np.asarray(np.broadcast_to(1 / value + 0j, (len(value), len(f))))
    return np.asarray(s * value if element.kind == "c" else 1 / (s * value))


def pieces(element: Line | CoupledLines, highest: float) -> int:
    """Equal pieces into which a line is cut so that none is near half a wave long, where it has no admittance.

    A ladder is cut between its sections, so the number is a power of two and at most that of the sections.
    """
    if isinstance(element, CoupledLines):
        fastest = math.sqrt(np.abs(element.l).sum(1).max() * np.abs(element.c).sum(1).max())  # bounds every mode
        wanted, most = 3 * highest * element.length * fastest, element.sections
    else:
        r, ind, g, c, length = element.rlgc
        turn = abs(np.sqrt((r + 2j * np.pi * highest * ind) * (g + 2j * np.pi * highest * c)).imag) * length
        wanted, most = 1.5 * turn / np.pi, SECTIONS if isinstance(element, RlgcLine) else 1024
    return int(min(2 ** math.ceil(math.log2(max(wanted, 1))), most))


def _piece(line: Line, cut: int) -> Line:
    return (
        replace(line, td=line.td / cut) if isinstance(line, LosslessLine) else replace(line, length=line.length / cut)
    )


def line_admittance(line: Line, f: Array, cut: int = 1, form: LineForm = "spice") -> Complex:
    """Admittance matrix [2, 2, frequencies] of one of `cut` equal pieces of a line."""
    piece = _piece(line, cut)
    ladder = form == "spice" and isinstance(line, RlgcLine)
    chain = ladder_abcd(f, piece, SECTIONS // cut) if ladder else abcd(f, piece)
    a, b, d = chain[..., 0, 0], chain[..., 0, 1], chain[..., 1, 1]
    return np.asarray([[d / b, -1 / b], [-1 / b, a / b]])


def coupled_admittance(lines: CoupledLines, f: Array, cut: int = 1, form: LineForm = "spice") -> Complex:
    """Admittance matrix [2n, 2n, frequencies] of one of `cut` equal pieces of coupled lines, a-ends first.

    With the series impedance Z and shunt admittance Y of a section, X = ZY, a section has the chain matrix A = 1 + X/2,
    B = UZ, U = 1, and two equal symmetrical networks in a row have A' = 2A² - 1, U' = 2AU. `exact` is the line itself,
    by the modes of ZY.
    """
    s, sections = (2j * np.pi * f)[:, None, None], lines.sections // cut
    z, y = np.asarray(lines.r + s * lines.l, complex), np.asarray(lines.g + s * lines.c, complex)
    piece = lines.length / cut
    if form == "exact":
        return _exact(np.asarray(z * piece, complex), np.asarray(y * piece, complex))
    z, y = z * (piece / sections), y * (piece / sections)
    unit = np.eye(len(lines.a))
    a, u = unit + z @ y / 2, np.broadcast_to(unit, z.shape).astype(complex)
    for _ in range(sections.bit_length() - 1):
        a, u = 2 * a @ a - unit, 2 * a @ u
    return _from_chain(np.asarray(a, complex), np.asarray(u @ z, complex))


def _exact(z: Complex, y: Complex) -> Complex:
    """By the eigenvectors of ZY: A = T cosh √λ T⁻¹, B = T (sinh √λ / √λ) T⁻¹ Z."""
    value, vector = np.linalg.eig(z @ y)
    turn = np.sqrt(value.astype(complex))
    back = np.linalg.inv(vector)
    a = np.asarray((vector * np.cosh(turn)[:, None, :]) @ back)
    return _from_chain(a, np.asarray((vector * (np.sinh(turn) / turn)[:, None, :]) @ back @ z))


def _from_chain(a: Complex, b: Complex) -> Complex:
    """Admittance matrix [2n, 2n, frequencies] of a symmetrical reciprocal network with the chain matrices A and B."""
    through = np.linalg.inv(b)
    own = through @ a
    full = np.concatenate([np.concatenate([own, -through], -1), np.concatenate([-through, own], -1)], -2)
    return np.ascontiguousarray(np.moveaxis(full, 0, -1))
