"""Compiled heart of `tree_solver`: trees solved exactly and one after another, many columns at a time.

A matrix whose graph is a forest has factors without fill: every unknown k has one parent p, and from the leaves on

    d_p <- d_p - e_k² / d_k             e: entry between k and p, real; d: the diagonal

The sweeps are block Gauss-Seidel over the trees. A tree is left alone as long as the moves of the trees that it is
coupled to, each times the strength of the coupling and all added up, would not move it by more than the tolerance.
Couplings are -(g + jw s), g and s real, so that a column costs two multiplications an entry, and each column may
have a frequency of its own. Arrays are [unknowns, 2 COLUMNS], real then imaginary parts: vector instructions.
Trees that are coupled stand near each other (`near_together`): most of the time would go into fetching them otherwise.

The precision is that of `factors`. Trees that are driven are solved once more in double precision at the end: what is
large is exact, and single precision rounds only what couplings bring.
"""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import reverse_cuthill_mckee

from resonet.core.types import Array, Bools, Complex, Ints

__all__ = [
    "COLUMNS",
    "Couplings",
    "Factors",
    "Forest",
    "Inverse",
    "clear_trees",
    "driven_trees",
    "factor_forest",
    "grow_forest",
    "near_together",
    "own_response",
    "sweep_forest",
]

Inverse = NDArray[np.floating]  # float64 or float32
Factors = NDArray[np.complexfloating]  # [unknowns, tones] of factor_forest, of the same precision
Couplings = tuple[Ints, Ints, Inverse]  # in compressed rows
COLUMNS = 32  # right-hand sides at a time: a fetch from memory costs little more than for one
FAST = {"contract", "reassoc", "nsz", "arcp", "nnan"}
INNER = 2  # solutions of a tree at a time if it is coupled to itself


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Unknowns tree by tree, parents before children; indices are places in that order."""

    order: Ints  # [unknowns] number of the unknown at each place
    place: Ints  # [unknowns] the inverse
    parent: Ints  # [unknowns] place of the parent, -1: a root
    edge: Ints  # [unknowns] entry that ties it to its parent, -1: a root
    start: Ints  # [trees + 1]
    tree: Ints  # [unknowns] tree of each place


@numba.njit(cache=True, nogil=True)
def _grow(start: Ints, towards: Ints, entry: Ints) -> tuple[Ints, Ints, Ints, Ints, bool]:
    """Depth-first order of a graph in compressed rows, parents, entries to them, trees; False if there is a ring.

    A ladder is then in one piece in memory, and what it is coupled to is near.
    """
    count = len(start) - 1
    order, parent, edge = np.empty(count, np.int64), np.full(count, -1), np.full(count, -1)
    place, tree = np.full(count, -1), np.empty(count, np.int64)
    waiting = np.empty((len(towards) + 1, 3), np.int64)  # unknown, place of its parent, entry to it
    filled, trees = 0, 0
    for root in range(count):
        if place[root] >= 0:
            continue
        waiting[0, 0], waiting[0, 1], waiting[0, 2], left = root, -1, -1, 1  # a row at once compiles for two seconds
        while left:
            left -= 1
            here = waiting[left, 0]
            if place[here] >= 0:
                return order, parent, edge, tree, False
            order[filled], place[here], tree[filled] = here, filled, trees
            parent[filled], edge[filled] = waiting[left, 1], waiting[left, 2]
            for n in range(start[here], start[here + 1]):
                if entry[n] != edge[filled]:
                    waiting[left, 0], waiting[left, 1], waiting[left, 2] = towards[n], filled, entry[n]
                    left += 1
            filled += 1
        trees += 1
    return order, parent, edge, tree, True


def grow_forest(a: Ints, b: Ints, count: int) -> Forest | None:
    """Forest of `count` unknowns with an entry between each a and b; None where there is a ring."""
    entry = np.arange(len(a))
    rows, towards = np.concatenate([a, b]), np.concatenate([b, a])
    by_row = np.argsort(rows, kind="stable")
    start = np.searchsorted(rows[by_row], np.arange(count + 1))
    order, parent, edge, tree, is_forest = _grow(start, towards[by_row], np.concatenate([entry, entry])[by_row])
    if not is_forest:
        return None
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    return Forest(order, place, parent, edge, np.searchsorted(tree, np.arange(int(tree.max()) + 2)), tree)


def near_together(forest: Forest, a: Ints, b: Ints, first: Bools) -> Forest:
    """The forest with its trees in another order: those that a coupling between unknowns a and b ties are neighbours.

    Trees that hold one of the unknowns `first` [unknowns] come first, in the order that they have.
    """
    trees = len(forest.start) - 1
    leads = np.bincount(forest.tree, first[forest.order], trees) > 0
    i, j = forest.tree[forest.place[a]], forest.tree[forest.place[b]]
    kept, others = (i != j) & ~leads[i] & ~leads[j], np.flatnonzero(~leads)
    i, j = np.searchsorted(others, np.concatenate([[i, j], [j, i]], 1)[:, np.tile(kept, 2)])
    tied = coo_matrix((np.ones(len(i), np.int8), (i, j)), shape=(len(others),) * 2).tocsr()
    in_turn = np.concatenate([np.flatnonzero(leads), others[reverse_cuthill_mckee(tied, symmetric_mode=True)]])
    size = np.diff(forest.start)[in_turn]
    start = np.concatenate([[0], np.cumsum(size)])
    old = np.repeat(forest.start[in_turn] - start[:-1], size) + np.arange(len(forest.order))
    new, place = np.empty_like(old), np.empty_like(old)
    new[old] = np.arange(len(old))
    order, parent = forest.order[old], forest.parent[old]
    place[order] = np.arange(len(old))
    parent = np.where(parent < 0, -1, new[parent])
    return Forest(order, place, parent, forest.edge[old], start, np.repeat(np.arange(trees), size))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def factor_forest(parent: Ints, edge: Array, d: Complex) -> None:
    """In place of the diagonal d [tones, unknowns] of a forest, 1 over the diagonal that is left when it is factored.

    `edge` [unknowns] is the entry to the parent, 0 at a root; it is real and the same at all tones.
    """
    for t in range(len(d)):
        for k in range(len(parent) - 1, -1, -1):
            d[t, k] = 1 / d[t, k]
            if parent[k] >= 0:
                d[t, parent[k]] -= edge[k] * edge[k] * d[t, k]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _solve_tree(
    first: int, last: int, parent: Ints, edge: Inverse, factors: Factors, tone: Ints, w: Inverse,
    s: Couplings, g: Couplings, x: Inverse, r: Inverse, room: Inverse, step: Inverse,
) -> None:  # fmt: skip
    """Solve one tree into x for the right-hand side r [places of the tree, 2 COLUMNS] and couplings (g + jw s) x.

    `step` [2 COLUMNS] grows to the largest step of a part; `room` [2, 2 COLUMNS] is to work in.
    """
    met, inverse = room
    for k in range(last - 1, first - 1, -1):
        here, up, e = k - first, max(parent[k], first) - first, edge[k]  # a root has e = 0
        for n in range(g[0][k], g[0][k + 1]):
            j, v = g[1][n], g[2][n]
            for c in range(2 * COLUMNS):
                r[here, c] += v * x[j, c]
        met[:] = 0
        for n in range(s[0][k], s[0][k + 1]):
            j, v = s[1][n], s[2][n]
            for c in range(2 * COLUMNS):
                met[c] += v * x[j, c]
        for c in range(COLUMNS):
            inverse[c], inverse[COLUMNS + c] = factors[k, tone[c]].real, factors[k, tone[c]].imag
        for c in range(COLUMNS):
            a, b = inverse[c], inverse[COLUMNS + c]
            u, v = r[here, c] - w[c] * met[COLUMNS + c], r[here, COLUMNS + c] + w[c] * met[c]
            r[here, c] = a * u - b * v
            r[here, COLUMNS + c] = a * v + b * u
        if k > first:
            for c in range(2 * COLUMNS):
                r[up, c] -= e * r[here, c]
    for k in range(first, last):
        here, up, e = k - first, max(parent[k], first), edge[k]
        for c in range(COLUMNS):
            inverse[c], inverse[COLUMNS + c] = e * factors[k, tone[c]].real, e * factors[k, tone[c]].imag
        for c in range(COLUMNS):
            a, b = inverse[c], inverse[COLUMNS + c]
            y, z = x[up, c], x[up, COLUMNS + c]
            r[here, c] -= a * y - b * z
            r[here, COLUMNS + c] -= a * z + b * y
        for c in range(2 * COLUMNS):
            step[c] = max(step[c], abs(r[here, c] - x[k, c]))
            x[k, c] = r[here, c]


@numba.njit(cache=True, nogil=True)
def sweep_forest(
    parent: Ints, edge: Inverse, start: Ints, near: Couplings, factors: Factors, tone: Ints, w: Inverse,
    s: Couplings, g: Couplings, drive: tuple[Ints, Ints, Complex], tolerance: float, steps: int, x: Inverse,
    solved: Bools,
) -> int:  # fmt: skip
    """Sweeps made, 0 if `steps` were not enough; the solution goes into x, its trees are marked in `solved` [trees].

    x [unknowns, 2 COLUMNS] holds real then imaginary parts and is 0 before, as is `solved`.
    `drive` is place, column and value of the right-hand side, sorted by place; `near` the trees that each tree is
    coupled to, with the strength; tone and w [COLUMNS] the place in `factors` and the frequency of each column; w s
    and g (S) the couplings, all in compressed rows.
    """
    trees, widest, largest = len(start) - 1, 0, 0.0
    room = np.empty((2, 2 * COLUMNS), edge.dtype)
    driven, owed, again = np.searchsorted(drive[0], start), np.zeros(trees), np.ones(trees, np.int64)
    for t in range(trees):
        widest = max(widest, start[t + 1] - start[t])
        owed[t] = np.inf if driven[t + 1] > driven[t] else 0.0
        for m in range(near[0][t], near[0][t + 1]):
            if near[1][m] == t:
                again[t] = INNER
    r = np.empty((widest, 2 * COLUMNS), edge.dtype)
    step = np.empty(2 * COLUMNS, edge.dtype)
    for sweep in range(1, steps + 1):
        still = True
        for t in range(trees - 1, -1, -1):  # chains are first, and take longest: last
            if not owed[t] > tolerance * largest:
                continue
            still, owed[t], first, last, moved, solved[t] = False, 0.0, start[t], start[t + 1], 0.0, True
            for _ in range(again[t]):
                r[: last - first] = 0
                step[:] = 0
                for m in range(driven[t], driven[t + 1]):
                    r[drive[0][m] - first, drive[1][m]] += drive[2][m].real
                    r[drive[0][m] - first, COLUMNS + drive[1][m]] += drive[2][m].imag
                _solve_tree(first, last, parent, edge, factors, tone, w, s, g, x, r, room, step)
                moved = max(moved, float(step.max()))
            if not np.isfinite(moved):
                return 0
            largest = max(largest, moved)
            for m in range(near[0][t], near[0][t + 1]):
                owed[near[1][m]] += near[2][m] * (float(step.max()) if near[1][m] == t else moved)
        if still:
            return sweep
    return 0


@numba.njit(cache=True, nogil=True)
def clear_trees(start: Ints, solved: Bools, x: Inverse) -> None:
    """0 again where `sweep_forest` has solved trees: a new array of zeros would take as long as a sweep."""
    for t in range(len(solved)):
        if solved[t]:
            x[start[t] : start[t + 1]] = 0


@numba.njit(cache=True, nogil=True)
def own_response(parent: Ints, edge: Array, factors: Complex) -> Array:
    """Size of what one unit at an unknown does to that unknown, its tree alone, [unknowns]; factors [unknowns]."""
    full, out = factors.copy(), np.empty(len(parent))
    for k in range(len(parent)):
        if parent[k] >= 0:
            full[k] += (edge[k] * factors[k]) ** 2 * full[parent[k]]
        out[k] = abs(full[k])
    return out


@numba.njit(cache=True, nogil=True)
def _driven_tree(
    first: int, last: int, parent: Ints, edge: Inverse, inverse: Complex, w: float, s: Couplings, g: Couplings,
    column: int, x: Inverse, out: Complex,
) -> None:  # fmt: skip
    """Add to the right-hand side `out` [places of the tree] what couplings bring in one column, and solve in place."""
    for k in range(first, last):
        met, tied = 0j, 0j
        for n in range(s[0][k], s[0][k + 1]):
            met += s[2][n] * complex(x[s[1][n], column], x[s[1][n], COLUMNS + column])
        for n in range(g[0][k], g[0][k + 1]):
            tied += g[2][n] * complex(x[g[1][n], column], x[g[1][n], COLUMNS + column])
        out[k - first] += 1j * w * met + tied
    for k in range(last - 1, first - 1, -1):
        out[k - first] *= inverse[k]
        if k > first:
            out[parent[k] - first] -= edge[k] * out[k - first]
    for k in range(first + 1, last):
        out[k - first] -= edge[k] * inverse[k] * out[parent[k] - first]


@numba.njit(cache=True, nogil=True)
def driven_trees(
    parent: Ints, edge: Inverse, start: Ints, tree: Ints, factors: Complex, tone: Ints, w: Inverse,
    s: Couplings, g: Couplings, drive: tuple[Ints, Ints, Complex], x: Inverse,
) -> tuple[Ints, Ints, Complex]:  # fmt: skip
    """Places, columns, and solution in double precision of the trees that `drive` names, in those columns."""
    size = 0
    for m in range(len(drive[0])):
        size += start[tree[drive[0][m]] + 1] - start[tree[drive[0][m]]]
    place, column, out = np.empty(size, np.int64), np.empty(size, np.int64), np.zeros(size, np.complex128)
    filled = 0
    for m in range(len(drive[0])):
        at, c, value = drive[0][m], drive[1][m], drive[2][m]
        first, last = start[tree[at]], start[tree[at] + 1]
        part = out[filled : filled + last - first]
        for k in range(first, last):
            place[filled + k - first], column[filled + k - first] = k, c
        part[at - first] = value
        _driven_tree(first, last, parent, edge, factors[tone[c]], w[c], s, g, c, x, part)
        filled += last - first
    return place, column, out
