"""RF currents of large strip-line windows: trees solved exactly, the couplings between them by iteration.

A direct factorisation fills in where bridges cross (3,600 resonators: over 6 s a tone). Without its couplings the
circuit is a forest, one tree a piece of line, a rail with its chains, and a tuning line, whose factors have no fill.
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
from scipy.sparse import coo_matrix, csc_matrix, csr_matrix
from scipy.sparse.linalg import SuperLU, splu

from resonet.core.types import Array, Bools, Complex, Ints
from resonet.cosim.strip.direct import left_open, tone_currents
from resonet.cosim.strip.forest import (
    COLUMNS,
    Forest,
    Inverse,
    driven_trees,
    factor_forest,
    grow_forest,
    own_response,
    spread,
    sweep_forest,
)
from resonet.cosim.strip.laws import CLOSED, Left
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.strip.circuit import Elements, StripCircuit
from resonet.netlist.strip.drive import drive_emf
from resonet.netlist.strip.ends import Ends, cut_ends, ends_of

__all__ = ["EXACT", "STREAMED", "Accuracy", "swept_batches", "swept_currents", "uncoupled"]

Rows = tuple[Ints, Ints, Array]  # a real matrix in compressed rows
REFERENCE = 5e9  # Hz
STEPS = 80


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Last step as part of the largest unknown, and the precision of what couplings bring."""

    tolerance: float
    kind: str  # of numpy
    most: Left  # that a solution may leave open of the laws of circuits


EXACT, STREAMED = Accuracy(1e-10, "float64", CLOSED), Accuracy(1e-7, "float32", Left(1e-6, 1e-6))


def _apart(elements: Elements, cut: Bools) -> Elements:
    """Elements with each of those in `cut` replaced by itself to ground at either end."""
    kept, zero = ~cut, np.zeros(int(cut.sum()), np.int64)
    return Elements(
        np.concatenate([elements.a[kept], elements.a[cut], elements.b[cut]]),
        np.concatenate([elements.b[kept], zero, zero]),
        *(np.concatenate([v[kept], v[cut], v[cut]]) for v in (elements.r, elements.x)),
    )


def uncoupled(circuit: StripCircuit) -> StripCircuit:
    """The circuit as ladders: capacitors, leaks from chain to chain and mutual inductances tie nothing together."""
    of_chain = np.zeros(circuit.nodes + 1, bool)
    of_chain[circuit.head] = of_chain[circuit.foot] = True
    of_chain[0] = False
    none = np.empty(0, np.int64)
    return replace(
        circuit,
        capacitors=_apart(circuit.capacitors, (circuit.capacitors.a > 0) & (circuit.capacitors.b > 0)),
        leaks=_apart(circuit.leaks, of_chain[circuit.leaks.a] & of_chain[circuit.leaks.b]),
        mutual=(none, none, np.empty(0)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sweeper:
    """What all tones of a circuit share; unknowns are nodes, then branches, in the order of the forest."""

    forest: Forest
    diagonal: tuple[Array, Array]  # [unknowns] real part; imaginary part over jw
    lossy: tuple[Ints, Array, Array]  # capacitors with a resistance in series: place, F, ohm
    s: Rows  # couplings at REFERENCE, S and ohm: no number is too small for single precision
    g: Rows  # couplings, S
    near: Rows  # [trees, trees] how strongly they are coupled
    edge: Array  # [unknowns] entry to the parent, 0 at a root
    junctions: tuple[Ints, Ints]  # [resonators] places of head and foot, -1 ground
    field: Rows  # [resonators, unknowns] A per A of stub
    stub: Rows  # its transpose
    ends: tuple[Ints, Ints]  # [pieces] places of the nodes before and behind each piece of line


def _rows(i: Ints, j: Ints, value: Array, size: int) -> Rows:
    """Symmetric matrix with `value` at (i, j) and (j, i), in compressed rows."""
    both = coo_matrix((np.tile(value, 2), (np.concatenate([i, j]), np.concatenate([j, i]))), shape=(size, size))
    return _compressed(both.tocsr())


def _compressed(matrix: csr_matrix) -> Rows:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data


def _near(forest: Forest, response: Array, part_of: Ints, *rows: Rows) -> Rows:
    """Trees that each tree is coupled to, and how much of its move these move by at most, about.

    `part_of` [unknowns] are parts of trees that move by themselves: chains on their rail.
    """
    trees, parts = len(forest.start) - 1, int(part_of.max()) + 1
    pairs, size = [], []
    for start, towards, value in rows:
        row = np.repeat(np.arange(len(start) - 1), np.diff(start))
        pairs.append(forest.tree[row] * parts + part_of[towards])
        size.append(np.abs(value) * response[towards])
    distinct, of = np.unique(np.concatenate(pairs), return_inverse=True)
    moved, tree_of = np.bincount(of, np.concatenate(size), len(distinct)), np.zeros(parts, np.int64)
    tree_of[part_of] = forest.tree
    both, of = np.unique(distinct // parts * trees + tree_of[distinct % parts], return_inverse=True)
    strength = np.zeros(len(both))
    np.maximum.at(strength, of, moved)
    a, b = np.divmod(both, trees)
    return np.searchsorted(a, np.arange(trees + 1)), b, strength


def _tree_edges(circuit: StripCircuit, leaks: Elements, resistance: float) -> tuple[Ints, Ints, Array]:
    """Entries beside the diagonal of the uncoupled system: unknown, unknown, value."""
    branch, count = circuit.branches, circuit.nodes
    n = count + np.arange(len(branch.a))
    a = np.concatenate([circuit.head - 1, leaks.a - 1, branch.a - 1, branch.b - 1])
    b = np.concatenate([circuit.foot - 1, leaks.b - 1, n, n])
    ones = np.ones(len(n))
    value = np.concatenate([-1 / (resistance + circuit.wire), -leaks.x, ones, -ones])
    kept = (a >= 0) & (b >= 0)
    return a[kept], b[kept], value[kept]


def _sums(size: int, *groups: tuple[Ints, Array]) -> Array:
    """Sum of values at nodes (0: ground, left out), [size]."""
    at, value = (np.concatenate([np.asarray(group[n]) for group in groups]) for n in (0, 1))
    return np.bincount(at, value, size + 1)[1:].astype(float)


def _sweeper(circuit: StripCircuit, resistance: float) -> _Sweeper | None:
    """What all tones share; None where the uncoupled circuit has a ring."""
    weak, count, branch = uncoupled(circuit), circuit.nodes, circuit.branches
    size = count + len(branch.a)
    a, b, edges = _tree_edges(circuit, weak.leaks, resistance)
    forest = grow_forest(a, b, size)
    if forest is None:
        return None
    place, c, leak = forest.place, circuit.capacitors, circuit.leaks
    lossy = c.r > 0
    tied = (c.a > 0) & (c.b > 0)
    if (lossy & tied).any():
        return None
    across = 1 / (resistance + circuit.wire)
    real = _sums(count, (circuit.head, across), (circuit.foot, across), (leak.a, leak.x), (leak.b, leak.x))
    over = _sums(count, (c.a[~lossy], c.x[~lossy]), (c.b[~lossy], c.x[~lossy]))
    real, over = np.concatenate([real, -branch.r]), np.concatenate([over, -branch.x])
    i, j, m = circuit.mutual
    first = np.concatenate([c.a[tied] - 1, count + i])
    s = _rows(
        place[first],
        place[np.concatenate([c.b[tied] - 1, count + j])],
        np.concatenate([c.x[tied], m]) * 2 * np.pi * REFERENCE,
        size,
    )
    of_chain = np.isin(np.arange(count + 1), np.concatenate([circuit.head, circuit.foot]))
    of_chain[0] = False
    apart = of_chain[leak.a] & of_chain[leak.b]
    g = _rows(place[leak.a[apart] - 1], place[leak.b[apart] - 1], leak.x[apart], size)
    at = np.concatenate([c.a[lossy], c.b[lossy]])
    there = at > 0
    rows, cols, drive = circuit.field
    drive = drive * circuit.placement.geometry.pick_up
    field = coo_matrix((drive, (rows, place[count + cols])), shape=(len(circuit.head), size)).tocsr()
    none = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    sweeper = _Sweeper(
        forest,
        (real[forest.order], over[forest.order]),
        (place[at[there] - 1], np.tile(c.x[lossy], 2)[there], np.tile(c.r[lossy], 2)[there]),
        s,
        g,
        none,
        np.where(forest.edge >= 0, edges[forest.edge], 0.0),
        (place[circuit.head - 1], np.where(circuit.foot > 0, place[circuit.foot - 1], -1)),
        _compressed(field),
        _compressed(field.T.tocsr()),
        (place[branch.a[circuit.pieces.begin] - 1], place[branch.b[circuit.pieces.end] - 1]),
    )
    par, pieces = circuit.parasitics, np.ones((1, len(circuit.pieces.begin)))
    factors = _factors(sweeper, np.array([REFERENCE]), par.source * pieces, pieces / par.termination)[0]
    part_of = forest.tree.copy()
    part_of[place[circuit.head - 1]] = len(forest.start) + circuit.chain
    return replace(sweeper, near=_near(forest, own_response(forest.parent, sweeper.edge, factors), part_of, s, g))


def _factors(sweeper: _Sweeper, f: Array, before: Array | Complex, after: Array | Complex) -> Complex:
    """Factors of the trees at f (Hz) [tones], with the ends of lines [tones, pieces]; [tones, unknowns]."""
    forest, (at, farad, ohm), size = sweeper.forest, sweeper.lossy, len(sweeper.forest.order)
    jw = 2j * np.pi * f[:, None]
    diagonal = sweeper.diagonal[0] + jw * sweeper.diagonal[1]
    for row, y in zip(diagonal, jw * farad / (1 + jw * (farad * ohm)), strict=True):
        row.real += np.bincount(at, y.real, size)
        row.imag += np.bincount(at, y.imag, size)
    diagonal[:, sweeper.ends[0]] += 1 / before  # a node is the end of one piece only
    diagonal[:, sweeper.ends[1]] += after
    factor_forest(forest.parent, sweeper.edge, diagonal)
    return diagonal


def _less_fill(matrix: csc_matrix) -> SuperLU:
    """Factors of a large circuit's nodal matrix."""
    return splu(matrix, permc_spec="COLAMD", diag_pivot_thresh=0.01)


def _drive(
    circuit: StripCircuit, sweeper: _Sweeper, lines: Ints, tone: Ints, emf: Complex
) -> tuple[Ints, Ints, Complex]:
    """Places, columns and values of the sources of `lines`; emf [tones, pieces] by volt of source over ohm."""
    piece, column = np.nonzero(circuit.line[circuit.pieces.begin][:, None] == lines[None])
    by_place = np.argsort(sweeper.ends[0][piece], kind="stable")
    piece, column = piece[by_place], column[by_place]
    return sweeper.ends[0][piece], column, emf[tone[column], piece]


@numba.njit(cache=True, nogil=True)
def _currents(
    x: Inverse, head: Ints, foot: Ints, through: Array, field: Rows, stub: Rows,
    exact: tuple[Ints, Ints, Complex], out: Complex,
) -> None:  # fmt: skip
    """Junction currents out [lines, resonators] of a solution x, with what is `exact` in place of x.

    head, foot [resonators] are places, -1 ground; field is [resonators, places] in compressed rows, stub its transpose.
    """
    for n in range(len(head)):
        for c in range(len(out)):
            out[c, n] = through[n] * complex(x[head[n], c], x[head[n], COLUMNS + c])
            if foot[n] >= 0:
                out[c, n] -= through[n] * complex(x[foot[n], c], x[foot[n], COLUMNS + c])
        for m in range(field[0][n], field[0][n + 1]):
            k, a = field[1][m], field[2][m]
            for c in range(len(out)):
                out[c, n] += a * complex(x[k, c], x[k, COLUMNS + c])
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
    circuit: StripCircuit, sweeper: _Sweeper, lines: Ints, f: Array, resistance: float, accuracy: Accuracy, ends: Ends
) -> Complex | None:
    """Junction currents of at most COLUMNS lines at f (Hz) [lines], [lines, resonators].

    None without convergence, or where what has converged breaks the laws of circuits.
    """
    forest, kind = sweeper.forest, np.dtype(accuracy.kind).type
    frequencies, tone = np.unique(f, return_inverse=True)
    emf, before, after = (np.stack(part) for part in zip(*(ends(circuit, float(v)) for v in frequencies), strict=True))
    factors = _factors(sweeper, frequencies, before, after)
    padded = np.concatenate([tone, np.full(COLUMNS - len(tone), tone[-1])])
    inverse = np.empty((len(forest.order), 2 * COLUMNS), kind)
    spread(factors, padded, inverse)
    drive = _drive(circuit, sweeper, lines, tone, emf / before * drive_emf(circuit, resistance))
    trees = forest.parent, sweeper.edge.astype(kind), forest.start
    s, g = ((*rows[:2], rows[2].astype(kind)) for rows in (sweeper.s, sweeper.g))
    w = (frequencies[padded] / REFERENCE).astype(kind)
    tolerance = accuracy.tolerance / max(1.0, float(w.max()))
    x, sweeps = sweep_forest(*trees, sweeper.near, inverse, w, s, g, drive, tolerance, STEPS)
    if not sweeps:
        return None
    exact = driven_trees(*trees, forest.tree, factors, padded, w, s, g, drive, x)
    first = frequencies[tone[0]], before[tone[0]], after[tone[0]]
    if not _left_open(circuit, forest, first, resistance, drive, x, exact).within(accuracy.most):
        return None
    out = np.empty((len(lines), len(circuit.head)), complex)
    through = circuit.turn / (resistance + circuit.wire)
    _currents(x, *sweeper.junctions, through, sweeper.field, sweeper.stub, exact, out)
    return out


def swept_batches(
    circuit: StripCircuit, lines: Ints, tones: Ints, frequencies: Array, device: SpinDiode,
    accuracy: Accuracy = EXACT, ends: Ends = cut_ends,
) -> Iterator[tuple[Ints, Callable[[], Complex]]]:  # fmt: skip
    """For some of the lines at a time: their places in `lines`, and a call that gives [those, resonators], A/√W."""
    f, resistance = np.asarray(frequencies, float)[tones], device.resistance
    sweeper = _sweeper(circuit, resistance)

    def solve(which: Ints) -> Complex:
        currents = None
        for better in dict.fromkeys((accuracy, replace(accuracy, kind=EXACT.kind))):  # rounding may keep steps large
            if sweeper is not None and currents is None:
                currents = _swept(circuit, sweeper, lines[which], f[which], resistance, better, ends)
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
