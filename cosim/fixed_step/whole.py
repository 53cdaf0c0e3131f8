"""The whole system of equations, nothing eliminated: operating point, steps of any length, and what checks the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix
from scipy.sparse.linalg import splu

from resonet.core.errors import EngineError
from resonet.core.types import Array
from resonet.cosim.fixed_step.equations import DEEPEST, MOST_CONTROLS, Equations, Laws
from resonet.cosim.fixed_step.laws import laws_at

__all__ = ["Point", "System", "energy_gap", "evaluate", "operating_point", "solve_point"]

ITERATIONS = 200
TOLERANCE = 1e-12  # of a law, of the largest value
ROUNDING = 1e-15  # of a control, as in `kernels`
SMALLEST = 1e-13  # V or mA
PARTS = 20  # of the sources, one after the other, where the operating point is not found at once


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A solution: unknowns, values of the laws, their controls."""

    y: Array
    w: Array
    c: Array


def evaluate(laws: Laws, c: Array, time: float) -> tuple[Array, Array]:
    """Values [laws] of all laws at controls c, and the derivative of each to its controls, [controls]."""
    f, gradient = np.zeros(len(laws.start) - 1), np.zeros(len(c))
    laws_at(*laws[:5], c, time, np.empty(DEEPEST), np.empty((DEEPEST, MOST_CONTROLS)), f, gradient)
    return f, gradient


def _limited(laws: Laws, new: Array, old: Array) -> Array:
    """Controls with the steps of junctions held as far as their exponentials can follow (SPICE2's rule)."""
    found = new.copy()
    for n in np.flatnonzero(laws.junction):
        width, step = laws.junction[n], new[n] - old[n]
        critical = width * np.log(width / (np.sqrt(2) * 1e-14))
        if new[n] > critical and abs(step) > 2 * width:
            if old[n] > 0:
                grown = 1 + step / width
                found[n] = old[n] + width * np.log(grown) if grown > 0 else critical
            else:
                found[n] = width * np.log(new[n] / width)
    return found


class System:
    """The whole matrix of (y, w) for one κ, in columns; only the laws' derivatives in it change."""

    def __init__(self, equations: Equations, a: float) -> None:
        size, laws, *_ = equations.widths
        self.equations, rows = equations, equations.rows(a)
        self.rest = rows[:, size + laws :]
        linear = rows[:, : size + laws].tocoo()
        control = equations.control.tocoo()
        starts = equations.laws.start.astype(np.int64)
        self.law = np.repeat(np.arange(laws), starts[1:] - starts[:-1])
        diagonal = size + np.arange(laws)
        row = np.concatenate([linear.row, diagonal, size + self.law[control.row]])
        column = np.concatenate([linear.col, diagonal, control.col])
        fixed = np.concatenate([linear.data, np.ones(laws), np.zeros(control.nnz)])
        self.size, places = size + laws, row + (size + laws) * column.astype(np.int64)
        distinct, place = np.unique(places, return_inverse=True)
        self.fixed = np.bincount(place, fixed, len(distinct))
        where = place[len(place) - control.nnz :]
        shape = (len(distinct), control.shape[0])
        self.slopes = csr_matrix((-control.data, (where, control.row)), shape=shape)
        self.indices = (distinct % self.size).astype(np.int32)
        self.starts = np.searchsorted(distinct, self.size * np.arange(self.size + 1)).astype(np.int32)

    def solve(self, gradient: Array, right: Array) -> Array:
        """(y, w) for the laws' derivatives [controls]. Raises RuntimeError where the matrix is singular."""
        data = self.fixed + self.slopes @ gradient
        matrix = csc_matrix((data, self.indices, self.starts), shape=(self.size, self.size))
        return np.asarray(splu(matrix).solve(right))


def solve_point(system: System, rest: Array, c: Array, time: float, what: str) -> Point:
    """Newton's method for all rows and w = f(c), from controls c on; `rest` [J + e]. Raises EngineError."""
    equations = system.equations
    size, laws, *_ = equations.widths
    right, law = -(system.rest @ rest), system.law
    f, gradient = evaluate(equations.laws, c, time)
    for _ in range(ITERATIONS):
        straight = f - np.bincount(law, gradient * c, laws)
        try:
            z = system.solve(gradient, np.concatenate([right, straight]))
        except RuntimeError as error:
            raise EngineError(f"fixed_step, {what}: {error}; a node without a way to ground?") from None
        y, w = z[:size], z[size:]
        new = np.asarray(equations.control @ y)
        there, slope = evaluate(equations.laws, new, time)
        terms = np.bincount(law, np.abs(slope * new), laws)  # which may cancel
        scale = np.maximum(np.abs(there), terms)
        rounded = np.bincount(law, np.abs(slope) * (abs(equations.control) @ np.abs(y)), laws)
        if np.isfinite(z).all() and (np.abs(w - there) <= TOLERANCE * scale + ROUNDING * rounded + SMALLEST).all():
            return Point(y, w, new)
        c = _limited(equations.laws, new, c)
        f, gradient = evaluate(equations.laws, c, time) if equations.laws.junction.any() else (there, slope)
    raise EngineError(f"fixed_step, {what}: no solution after {ITERATIONS} iterations at {time:g} s")


def operating_point(equations: Equations, sources: Array, what: str) -> Point:
    """Operating point at time 0, straight or with the sources rising; sources [e]. Raises EngineError."""
    _, _, stores, _ = equations.widths
    system, nothing = System(equations, 0.0), np.zeros(stores)
    c = np.zeros(equations.control.shape[0])
    try:
        return solve_point(system, np.concatenate([nothing, sources]), c, 0.0, what)
    except EngineError:
        point = Point(np.zeros(0), np.zeros(0), c)
    for part in np.arange(1, PARTS + 1) / PARTS:
        point = solve_point(system, np.concatenate([nothing, part * sources]), point.c, 0.0, what)
    return point


def energy_gap(equations: Equations, step: float, points: Sequence[Point], sources: Sequence[Array]) -> float:
    """Energy that a trapezoid of `step` s between two points loses or makes, part of all that moves in it.

    What sources, resistances and laws take in, mean voltage times mean current, and what the stores have more, ½ s K s,
    add up to nothing (Tellegen); J is not asked. sources [e] at both points.
    """
    size, _, stores, _ = equations.widths
    count, stored = len(equations.nodes), [equations.stored @ point.y for point in points]
    y = (points[0].y + points[1].y) / 2
    z = np.concatenate([y, (points[0].w + points[1].w) / 2, np.zeros(stores), (sources[0] + sources[1]) / 2])
    into = equations.constant[:count]
    inductors = equations.into.tocoo()
    branch = inductors.row[inductors.row >= count]
    taken = np.concatenate([y[:count] * (into @ z), -(equations.constant[branch, :size] @ y) * y[branch]])
    more = (stored[1] * (equations.capacity @ stored[1]) - stored[0] * (equations.capacity @ stored[0])) / 2
    moved = step * (np.abs(y[:count]) @ (abs(into) @ np.abs(z))) + np.abs(more).sum()
    return float(abs(step * taken.sum() + more.sum()) / moved) if moved else 0.0
