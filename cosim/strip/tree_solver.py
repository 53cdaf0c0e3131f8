"""RF currents of large strip-line windows: trees solved exactly, the couplings between them by iteration.

A direct factorisation fills in where bridges cross (3,600 resonators: over 6 s a tone). Without its couplings the
circuit is a forest, one tree a piece of line, a chain, a rail, and a tuning line, whose factors have no fill.
With A the system, P the same with each coupling element y between two of these replaced by y to ground at either end,

    P x = b + (P - A) x

converges, as couplings are weak against what they hang on. It is iterated tree by tree (`forest`), for COLUMNS
lines of a tone at once, on all cores. The result is that of the direct solution to the tolerance, or else the direct
solution. Measured: docs/theory/strip_circuit.md.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numba
import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import SuperLU, splu

from resonet.core.types import Array, Complex, Ints
from resonet.cosim.strip.direct import left_open, tone_currents
from resonet.cosim.strip.forest import (
    COLUMNS,
    Forest,
    Inverse,
    clear_trees,
    driven_trees,
    sweep_forest,
)
from resonet.cosim.strip.laws import CLOSED, Left
from resonet.cosim.strip.trees import REFERENCE, Rows, Trees, factors_of, grow_trees
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.strip.circuit import StripCircuit
from resonet.netlist.strip.drive import drive_emf
from resonet.netlist.strip.ends import Ends, cut_ends, ends_of

__all__ = ["EXACT", "STREAMED", "Accuracy", "swept_batches", "swept_currents"]

STEPS = 80
BLOCK = 16  # resonators at a time


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Last step as part of the largest unknown, and the precision of what couplings bring."""

    tolerance: float
    kind: str  # of numpy
    most: Left  # that a solution may leave open of the laws of circuits


EXACT, STREAMED = Accuracy(1e-10, "float64", CLOSED), Accuracy(1e-7, "float32", Left(1e-6, 1e-6))


def _less_fill(matrix: csc_matrix) -> SuperLU:
    """Factors of a large circuit's nodal matrix."""
    return splu(matrix, permc_spec="COLAMD", diag_pivot_thresh=0.01)


def _drive(circuit: StripCircuit, trees: Trees, lines: Ints, tone: Ints, emf: Complex) -> tuple[Ints, Ints, Complex]:
    """Places, columns and values of the sources of `lines`; emf [tones, pieces] by volt of source over ohm."""
    piece, column = np.nonzero(circuit.line[circuit.pieces.begin][:, None] == lines[None])
    by_place = np.argsort(trees.ends[0][piece], kind="stable")
    piece, column = piece[by_place], column[by_place]
    return trees.ends[0][piece], column, emf[tone[column], piece]


@numba.njit(cache=True, nogil=True)
def _currents(
    x: Inverse, head: Ints, foot: Ints, through: Array, field: Rows, stub: Rows,
    exact: tuple[Ints, Ints, Complex], out: Complex,
) -> None:  # fmt: skip
    """Junction currents out [lines, resonators] of a solution x, with what is `exact` in place of x.

    head, foot [resonators] are places, -1 ground; field is [resonators, places] in compressed rows, stub its transpose.
    """
    room = np.empty((BLOCK, 2 * COLUMNS))
    for first in range(0, len(head), BLOCK):  # a column of `out` at a time would go through memory for each resonator
        last = min(first + BLOCK, len(head))
        for n in range(first, last):
            row, h, t, k = room[n - first], through[n], foot[n], head[n]
            for c in range(2 * COLUMNS):
                row[c] = h * x[k, c]
            if t >= 0:
                for c in range(2 * COLUMNS):
                    row[c] -= h * x[t, c]
            for m in range(field[0][n], field[0][n + 1]):
                k, a = field[1][m], field[2][m]
                for c in range(2 * COLUMNS):
                    row[c] += a * x[k, c]
        for c in range(len(out)):
            for n in range(first, last):
                out[c, n] = complex(room[n - first, c], room[n - first, COLUMNS + c])
    for m in range(len(exact[0])):
        k, c = exact[0][m], exact[1][m]
        more = exact[2][m] - complex(x[k, c], x[k, COLUMNS + c])
        for n in range(stub[0][k], stub[0][k + 1]):
            out[c, stub[1][n]] += stub[2][n] * more


def _left_open(
    circuit: StripCircuit, forest: Forest, tone: tuple[float, Complex, Complex], resistance: float,
    drive: tuple[Ints, Ints, Complex], x: Inverse, exact: tuple[Ints, Ints, Complex],
) -> Left:  # fmt: skip
    """What the first column of a solution leaves open of the laws of circuits; `tone`: Hz, both ends of the lines."""
    f, before, after = tone
    column = x[:, 0] + 1j * x[:, COLUMNS]
    column[exact[0][exact[1] == 0]] = exact[2][exact[1] == 0]
    solved, injected = np.zeros((2, len(column), 1), complex)
    solved[forest.order, 0] = column
    first = drive[1] == 0
    np.add.at(injected[:, 0], forest.order[drive[0][first]], drive[2][first])
    ends = circuit.branches.a[circuit.pieces.begin], circuit.branches.b[circuit.pieces.end]
    admittances = np.concatenate([1 / before, after])
    return left_open(circuit, f, resistance, (np.concatenate(ends), admittances), injected, solved)


def _swept(
    circuit: StripCircuit, trees: Trees, lines: Ints, f: Array, resistance: float, accuracy: Accuracy, ends: Ends,
    x: Inverse,
) -> Complex | None:  # fmt: skip
    """Junction currents of at most COLUMNS lines at f (Hz) [lines], [lines, resonators]; x is 0 before and after.

    None without convergence, or where what has converged breaks the laws of circuits.
    """
    forest, kind = trees.forest, np.dtype(accuracy.kind).type
    frequencies, tone = np.unique(f, return_inverse=True)
    emf, before, after = (np.stack(part) for part in zip(*(ends(circuit, float(v)) for v in frequencies), strict=True))
    factors = factors_of(trees, frequencies, before, after)
    padded = np.concatenate([tone, np.full(COLUMNS - len(tone), tone[-1])])
    inverse = np.ascontiguousarray(factors.T, np.result_type(kind, np.complex64))
    drive = _drive(circuit, trees, lines, tone, emf / before * drive_emf(circuit, resistance))
    parts = forest.parent, trees.edge.astype(kind, copy=False), forest.start
    s, g = ((*rows[:2], rows[2].astype(kind, copy=False)) for rows in (trees.s, trees.g))
    w = (frequencies[padded] / REFERENCE).astype(kind)
    tolerance = accuracy.tolerance / max(1.0, float(w.max()))
    solved = np.zeros(len(forest.start) - 1, bool)
    if not sweep_forest(*parts, trees.near, inverse, padded, w, s, g, drive, tolerance, STEPS, x, solved):
        clear_trees(forest.start, solved, x)
        return None
    exact = driven_trees(*parts, forest.tree, factors, padded, w, s, g, drive, x)
    first = frequencies[tone[0]], before[tone[0]], after[tone[0]]
    out = None
    if _left_open(circuit, forest, first, resistance, drive, x, exact).within(accuracy.most):
        out = np.empty((len(lines), len(circuit.head)), complex)
        through = circuit.turn / (resistance + circuit.wire)
        _currents(x, *trees.junctions, through, trees.field, trees.stub, exact, out)
    clear_trees(forest.start, solved, x)
    return out


def swept_batches(
    circuit: StripCircuit, lines: Ints, tones: Ints, frequencies: Array, device: SpinDiode,
    accuracy: Accuracy = EXACT, ends: Ends = cut_ends,
) -> Iterator[tuple[Ints, Callable[[], Complex]]]:  # fmt: skip
    """For some of the lines at a time: their places in `lines`, and a call that gives [those, resonators], A/√W."""
    f, resistance = np.asarray(frequencies, float)[tones], device.resistance
    trees = grow_trees(circuit, resistance)
    unused: dict[str, list[Inverse]] = {accuracy.kind: [], EXACT.kind: []}  # by arithmetic; all 0

    def swept(which: Ints, trees: Trees, accuracy: Accuracy) -> Complex | None:
        try:
            x = unused[accuracy.kind].pop()
        except IndexError:
            x = np.zeros((len(trees.forest.order), 2 * COLUMNS), accuracy.kind)
        currents = _swept(circuit, trees, lines[which], f[which], resistance, accuracy, ends, x)
        unused[accuracy.kind].append(x)
        return currents

    def solve(which: Ints) -> Complex:
        currents = None
        for better in dict.fromkeys((accuracy, replace(accuracy, kind=EXACT.kind))):  # rounding may keep steps large
            if trees is not None and currents is None:
                currents = swept(which, trees, better)
        if currents is not None:
            return currents
        out = np.empty((len(which), len(circuit.head)), complex)
        for v in np.unique(f[which]):
            out[f[which] == v] = tone_currents(circuit, lines[which[f[which] == v]], float(v), resistance, _less_fill).T
        return out

    by_tone = np.argsort(tones, kind="stable")  # lines of one tone share its factors
    for which in np.split(by_tone, range(COLUMNS, len(lines), COLUMNS)):
        yield which, partial(solve, which)


def swept_currents(circuit: StripCircuit, lines: Ints, tones: Ints, frequencies: Array, device: SpinDiode) -> Complex:
    """Junction currents of each line at its tone, A/√W, [lines, resonators]: `linear_phasors` for large circuits."""
    out = np.zeros((len(lines), len(circuit.head)), complex)
    ends = ends_of(circuit, np.unique(np.asarray(frequencies, float)[tones]))

    def put(batch: tuple[Ints, Callable[[], Complex]]) -> None:
        out[batch[0]] = batch[1]()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(put, swept_batches(circuit, lines, tones, frequencies, device, ends=ends)))
    return out
