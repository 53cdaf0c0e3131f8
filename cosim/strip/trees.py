"""A strip-line window as trees: its parts that are solved exactly, and what ties them to each other (`tree_solver`).

Without capacitors, leaks from chain to chain, mutual inductances, and the junctions between chains and their rail, the
circuit is a forest: a piece of line, a chain, a rail, a tuning line are one tree each. Where a rail has an impedance
beside which its chains are not small, they stay with it, as one tree.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from resonet.core.types import Array, Bools, Complex, Ints
from resonet.cosim.strip.forest import Forest, factor_forest, grow_forest, near_together, own_response
from resonet.netlist.strip.circuit import Elements, StripCircuit

__all__ = ["REFERENCE", "Rows", "Trees", "factors_of", "grow_trees"]

Rows = tuple[Ints, Ints, Array]  # a real matrix in compressed rows
REFERENCE = 5e9  # Hz
LOOP = 0.1  # of a move of a rail's chains that comes back through it, up to which they are trees of their own


def _apart(elements: Elements, cut: Bools) -> Elements:
    """Elements with each of those in `cut` replaced by itself to ground at either end."""
    kept, zero = ~cut, np.zeros(int(cut.sum()), np.int64)
    return Elements(
        np.concatenate([elements.a[kept], elements.a[cut], elements.b[cut]]),
        np.concatenate([elements.b[kept], zero, zero]),
        *(np.concatenate([v[kept], v[cut], v[cut]]) for v in (elements.r, elements.x)),
    )


def _of_chain(circuit: StripCircuit) -> Bools:
    """Nodes that are an end of a resonator, [ground and nodes]."""
    of_chain = np.zeros(circuit.nodes + 1, bool)
    of_chain[circuit.head] = of_chain[circuit.foot] = True
    of_chain[0] = False
    return of_chain


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
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


def _near(forest: Forest, response: Array, *rows: Rows) -> Rows:
    """Trees that each tree is coupled to, and how much of its move these move by at most, about."""
    trees, pairs, size = len(forest.start) - 1, [], []
    for start, towards, value in rows:
        row = np.repeat(np.arange(len(start) - 1), np.diff(start))
        pairs.append(forest.tree[row] * trees + forest.tree[towards])
        size.append(np.abs(value) * response[towards])
    distinct, of = np.unique(np.concatenate(pairs), return_inverse=True)
    a, b = np.divmod(distinct, trees)
    start = np.searchsorted(a, np.arange(trees + 1)).astype(np.int64)
    return start, b, np.bincount(of, np.concatenate(size), len(distinct)).astype(float)


def _on_rail(circuit: StripCircuit) -> Bools:
    """Junctions [resonators] between a chain and its rail: the foot is an end of a branch that is no line or stub."""
    rails = slice(len(circuit.head) + len(circuit.pieces.source), None)
    of_rail = np.zeros(circuit.nodes + 1, bool)
    of_rail[circuit.branches.a[rails]] = of_rail[circuit.branches.b[rails]] = True
    of_rail[0] = False
    return of_rail[circuit.foot]


def _tree_edges(circuit: StripCircuit, resistance: float, cut: Bools) -> tuple[Ints, Ints, Array]:
    """Entries beside the diagonal of the forest: unknown, unknown, value; without the junctions `cut` [resonators]."""
    branch, count, inner, of_chain = circuit.branches, circuit.nodes, ~cut, _of_chain(circuit)
    leaks = _apart(circuit.leaks, of_chain[circuit.leaks.a] & of_chain[circuit.leaks.b])
    n = count + np.arange(len(branch.a))
    a = np.concatenate([circuit.head[inner] - 1, leaks.a - 1, branch.a - 1, branch.b - 1])
    b = np.concatenate([circuit.foot[inner] - 1, leaks.b - 1, n, n])
    ones = np.ones(len(n))
    value = np.concatenate([-1 / (resistance + circuit.wire[inner]), -leaks.x, ones, -ones])
    kept = (a >= 0) & (b >= 0)
    return a[kept], b[kept], value[kept]


def _sums(size: int, *groups: tuple[Ints, Array]) -> Array:
    """Sum of values at nodes (0: ground, left out), [size]."""
    at, value = (np.concatenate([np.asarray(group[n]) for group in groups]) for n in (0, 1))
    return np.bincount(at, value, size + 1)[1:].astype(float)


def _couplings(
    circuit: StripCircuit, across: Array, cut: Bools
) -> tuple[tuple[Ints, Ints, Array], tuple[Ints, Ints, Array]]:
    """What ties the trees: jw at REFERENCE, and conductances; unknown, unknown, S and ohm each."""
    c, leak, (i, j, m) = circuit.capacitors, circuit.leaks, circuit.mutual
    tied, of_chain = (c.a > 0) & (c.b > 0), _of_chain(circuit)
    apart = of_chain[leak.a] & of_chain[leak.b]
    reactive = (
        np.concatenate([c.a[tied] - 1, circuit.nodes + i]),
        np.concatenate([c.b[tied] - 1, circuit.nodes + j]),
        np.concatenate([c.x[tied], m]) * 2 * np.pi * REFERENCE,
    )
    real = (
        np.concatenate([leak.a[apart], circuit.head[cut]]) - 1,
        np.concatenate([leak.b[apart], circuit.foot[cut]]) - 1,
        np.concatenate([leak.x[apart], across[cut]]),
    )
    return reactive, real


def _loop(trees: Trees) -> float:
    """Largest part of a move of all the chains of a rail that comes back to them through the rail, about."""
    foot, (start, towards, strength) = trees.junctions[1], trees.near
    near = csr_matrix((strength, towards, start), shape=(len(start) - 1,) * 2)
    rails = np.unique(trees.forest.tree[foot[foot >= 0]])
    back = near.multiply(near.T).tocsr()[rails].sum(1)
    return float(back.max()) if len(rails) else 0.0


def grow_trees(circuit: StripCircuit, resistance: float) -> Trees | None:
    """A circuit as trees; None where what is left without the couplings has a ring."""
    rail, whole = _on_rail(circuit), np.zeros(len(circuit.foot), bool)
    trees = _grown(circuit, resistance, rail)
    return _grown(circuit, resistance, whole) if trees is not None and _loop(trees) > LOOP else trees


def _grown(circuit: StripCircuit, resistance: float, cut: Bools) -> Trees | None:
    """The same, with the junctions `cut` [resonators] as couplings."""
    count, branch = circuit.nodes, circuit.branches
    size, c, leak = count + len(branch.a), circuit.capacitors, circuit.leaks
    lossy = c.r > 0
    a, b, edges = _tree_edges(circuit, resistance, cut)
    forest = grow_forest(a, b, size)
    if forest is None or (lossy & (c.a > 0) & (c.b > 0)).any():
        return None
    across = 1 / (resistance + circuit.wire)
    ties = _couplings(circuit, across, cut)
    chains = np.concatenate([_of_chain(circuit)[1:], np.zeros(len(branch.a), bool)])
    forest = near_together(
        forest, np.concatenate([ties[0][0], ties[1][0]]), np.concatenate([ties[0][1], ties[1][1]]), chains
    )
    place = forest.place
    s, g = (_rows(place[a], place[b], value, size) for a, b, value in ties)
    real = _sums(count, (circuit.head, across), (circuit.foot, across), (leak.a, leak.x), (leak.b, leak.x))
    over = _sums(count, (c.a[~lossy], c.x[~lossy]), (c.b[~lossy], c.x[~lossy]))
    real, over = np.concatenate([real, -branch.r]), np.concatenate([over, -branch.x])
    at = np.concatenate([c.a[lossy], c.b[lossy]])
    there = at > 0
    rows, cols, drive = circuit.field
    drive = drive * circuit.placement.geometry.pick_up
    field = coo_matrix((drive, (rows, place[count + cols])), shape=(len(circuit.head), size)).tocsr()
    none = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    trees = Trees(
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
    factors = factors_of(trees, np.array([REFERENCE]), par.source * pieces, pieces / par.termination)[0]
    return replace(trees, near=_near(forest, own_response(forest.parent, trees.edge, factors), s, g))


def factors_of(trees: Trees, f: Array, before: Array | Complex, after: Array | Complex) -> Complex:
    """Factors of the trees at f (Hz) [tones], with the ends of lines [tones, pieces]; [tones, unknowns]."""
    forest, (at, farad, ohm), size = trees.forest, trees.lossy, len(trees.forest.order)
    jw = 2j * np.pi * f[:, None]
    diagonal = trees.diagonal[0] + jw * trees.diagonal[1]
    for row, y in zip(diagonal, jw * farad / (1 + jw * (farad * ohm)), strict=True):
        row.real += np.bincount(at, y.real, size)
        row.imag += np.bincount(at, y.imag, size)
    diagonal[:, trees.ends[0]] += 1 / before  # a node is the end of one piece only
    diagonal[:, trees.ends[1]] += after
    factor_forest(forest.parent, trees.edge, diagonal)
    return diagonal
