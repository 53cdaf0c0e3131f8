"""Which chains and pieces of line belong to a window, what lies beside what, and which metals cross."""

from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools, Ints
from resonet.netlist.strip.placement import Placement

__all__ = [
    "MOST_RESONATORS",
    "Pieces",
    "beside",
    "crossing_counts",
    "crossings",
    "lattice",
    "line_pieces",
    "members",
    "neighbour_chains",
    "rail_links",
]

Flags = Bools
MOST_RESONATORS = 20_000  # of one circuit; larger layers go in windows
MOST_PAIRS = 200_000_000  # of pieces of line that are looked at for crossings, some 20 s
NEAR = 1e-12  # m, by which a bridge is taken to reach further, against rounding


def members(placement: Placement, window: ArrayLike | None) -> tuple[Ints, Ints]:
    """Chains of a window (None: all) and their resonators, chain by chain and tap by tap.

    Raises InputError for chains that do not exist, and for more than MOST_RESONATORS.
    """
    usage = placement.usage
    chains = np.unique(usage.chain if window is None else np.asarray(window)).astype(np.int64)
    if not len(chains) or chains[0] < 0 or chains[-1] >= usage.chains:
        raise InputError(f"layer {usage.layer}: window {chains[:3]}; possible: chains 0 ... {usage.chains - 1}")
    inside = np.flatnonzero(np.isin(usage.chain, chains))
    if len(inside) > MOST_RESONATORS:
        raise InputError(
            f"layer {usage.layer}: {len(inside):,} resonators in one circuit; possible: {MOST_RESONATORS:,}, the "
            "layer in windows of chains"
        )
    inside = inside[np.lexsort((usage.tap[inside], usage.chain[inside]))]
    return np.unique(usage.chain[inside]).astype(np.int64), inside


def neighbour_chains(placement: Placement, chains: ArrayLike, reach: float) -> Ints:
    """These chains and those within `reach` pitches: of stacked chains in the plane, of others along x in their row."""
    usage, g = placement.usage, placement.geometry
    chain, first = np.unique(usage.chain, return_index=True)
    in_plane = placement.arrangement.taps_up
    row = placement.xyz[first, 1] / g.pitch_y if in_plane else (usage.block[first] % placement.block_grid[0]) * 1e6
    at = np.stack([placement.xyz[first, 0] / g.pitch_x, row], 1)
    inside = np.isin(chain, np.asarray(chains))
    far, _ = cKDTree(at[inside]).query(at, distance_upper_bound=reach + 0.01)
    return np.asarray(chain[np.isfinite(far)], np.int64)


def _pairs(points: Array, reach: float) -> tuple[Ints, Ints]:
    pairs = cKDTree(points).query_pairs(reach + 0.01, output_type="ndarray").astype(np.int64).reshape(-1, 2)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return pairs[:, 0], pairs[:, 1]


def beside(placement: Placement, resonators: Ints, reach: int) -> tuple[Ints, Ints, Array]:
    """Pairs of resonators of one row and level within `reach` pitches along x, and their distance, m."""
    g, x = placement.geometry, placement.xyz[resonators, 0]
    i, j = _pairs(placement.xyz[resonators] * [1 / g.pitch_x, 1e3 / g.pitch_y, 1e3 / g.pitch_z], reach)
    return i, j, np.abs(x[i] - x[j])


def lattice(placement: Placement, resonators: Ints) -> tuple[Ints, Ints]:
    """Pairs of resonators of neighbouring chains at one tap: beside each other, of stacked chains also along y."""
    g = placement.geometry
    along = 1.0 if placement.arrangement.taps_up else 1e3
    return _pairs(placement.xyz[resonators] * [1 / g.pitch_x, along / g.pitch_y, 1e3 / g.pitch_z], 1)


def rail_links(placement: Placement, chains: Ints) -> tuple[Ints, Ints, Ints]:
    """Rail of the ground under the chains' feet: from chain, to chain (places in `chains`, -1: ground), pitches.

    One rail a row of chains side by side, on true ground one pitch beyond either end; feet outside the window carry no
    current.
    """
    usage = placement.usage
    placed, first = np.unique(usage.chain, return_index=True)
    row = (usage.block[first] % placement.block_grid[0]).astype(np.int64) * usage.chains
    if placement.arrangement.taps_up:
        row = row + usage.position[first] // usage.grid[1]
    x = placement.xyz[first, 0]
    order = np.lexsort((x, row))
    apart = (np.diff(row[order]) != 0) | (np.diff(x[order]) > 1.01 * placement.geometry.pitch_x)
    group = np.concatenate([[0], np.cumsum(apart)])
    begin, end = np.searchsorted(group, group), np.searchsorted(group, group, side="right") - 1
    at = np.flatnonzero(np.isin(placed[order], chains))
    foot = np.searchsorted(chains, placed[order][at])
    same = np.diff(group[at]) == 0
    opens, closes = np.concatenate([[True], ~same]), np.concatenate([~same, [True]])
    a = np.concatenate([foot[:-1][same], foot[opens], foot[closes]])
    b = np.concatenate([foot[1:][same], np.full(opens.sum() + closes.sum(), -1)])
    steps = np.concatenate([np.diff(at)[same], (at - begin[at] + 1)[opens], (end[at] - at + 1)[closes]])
    return a, b, steps


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Pieces of line over the resonators of a window; resonators by their place in the window, [connections] or [n]."""

    begin: Ints  # [pieces] first resonator of a piece
    end: Ints  # [pieces] last one
    source: Ints  # [connections] resonator where a connection comes from
    target: Ints  # [connections] resonator where it goes to
    length: Array  # [connections] m, without stubs
    bridge: Flags  # [connections]


def line_pieces(placement: Placement, resonators: Ints) -> Pieces:
    """Cut the lines down to a window: a piece is what follows each other on a line without a gap."""
    runs = placement.lines
    at_run = np.empty(len(runs.order), np.int64)
    at_run[runs.order] = np.arange(len(runs.order))
    order = np.argsort(at_run[resonators])
    at, line = at_run[resonators][order], placement.usage.line[resonators][order]
    joined = (np.diff(at) == 1) & (np.diff(line) == 0)
    begin, end = order[np.concatenate([[True], ~joined])], order[np.concatenate([~joined, [True]])]
    to = at[1:][joined]
    length = runs.gap[to] - placement.geometry.stub
    return Pieces(begin, end, order[:-1][joined], order[1:][joined], length, runs.bridge[to])


def _plan(placement: Placement, resonators: Ints, pieces: Pieces) -> tuple[Array, Array]:
    """Ends in plan view, m, of all stubs, then of all connections; [n + connections, 2] each."""
    centre = placement.xyz[resonators, :2]
    half = np.zeros_like(centre)
    half[:, 1] = placement.heading[resonators] * placement.geometry.stub / 2
    start = np.concatenate([centre - half, (centre + half)[pieces.source]])
    return start, np.concatenate([centre + half, (centre - half)[pieces.target]])


def _over_chains(placement: Placement, resonators: Ints, pieces: Pieces) -> tuple[Ints, Array, Ints]:
    """Bridges over resonators' chains: connection, part of its length gone, resonator."""
    g, column = placement.geometry, placement.column[resonators]
    c0, c1 = column[pieces.source], column[pieces.target]
    inner = np.where(pieces.bridge, np.maximum(np.abs(c1 - c0) - 1, 0), 0)
    link = np.repeat(np.arange(len(inner)), inner)
    step = np.arange(len(link)) - np.repeat(np.cumsum(inner) - inner, inner) + 1
    part = step / np.abs(c1 - c0)[link]
    start, end = (p[len(resonators) :] for p in _plan(placement, resonators, pieces))
    y = start[link, 1] + part * (end - start)[link, 1]
    where = c0[link] + np.sign(c1 - c0)[link] * step
    tree = cKDTree(np.stack([column * 1e3, placement.xyz[resonators, 1] / g.pitch_y], 1))
    far, nearest = tree.query(np.stack([where * 1e3, y / g.pitch_y], 1)) if len(link) else (np.empty(0), link)
    hit = far < 0.51
    return link[hit], part[hit], nearest[hit].astype(np.int64)


def _over_lines(placement: Placement, resonators: Ints, pieces: Pieces) -> tuple[Ints, Array, Ints, Array]:
    """Bridges over other lines: connection, part of its length, the other (stub, or n + connection), part of that."""
    start, end = _plan(placement, resonators, pieces)
    line = placement.usage.line[resonators]
    owner = np.concatenate([line, line[pieces.source]])
    bridges = len(resonators) + np.flatnonzero(pieces.bridge)
    if len(bridges) * len(start) > MOST_PAIRS:
        raise InputError(
            f"layer {placement.usage.layer}: {len(bridges):,} bridges and {len(start):,} pieces of line to look at for "
            "crossings; possible: smaller windows, or without line_line"
        )
    widest = float(np.abs(end - start)[:, 0].max())
    by_x = np.argsort(np.minimum(start[:, 0], end[:, 0]), kind="stable")
    both = np.arange(len(start)) >= len(resonators)
    both[len(resonators) :] &= pieces.bridge
    job = start, end, owner, both, by_x, widest, bridges
    hits = np.empty((_cross(*job, np.empty((0, 2), np.int64), np.empty((0, 2))), 2), np.int64)
    part = np.empty(hits.shape)
    _cross(*job, hits, part)
    order = np.lexsort((hits[:, 1], hits[:, 0]))
    (link, other), (t, share) = hits[order].T, part[order].T
    return link - len(resonators), t, other, share


@numba.njit(cache=True, nogil=True)
def _cross(
    start: Array, end: Array, owner: Ints, bridge: Flags, by_x: Ints, widest: float, bridges: Ints, hits: Ints,
    part: Array,
) -> int:  # fmt: skip
    """Number of crossings of bridges with other lines; fills in `hits` (bridge, other) and how far along each it is.

    Pieces come in the order `by_x` of their left ends, so that only those are looked at which can reach a bridge; a
    pair of bridges counts once.
    """
    left = np.minimum(start[by_x, 0], end[by_x, 0])
    count = 0
    for i in bridges:
        px, py = start[i]
        dx, dy = end[i, 0] - px, end[i, 1] - py
        low, high = min(px, px + dx) - NEAR, max(px, px + dx) + NEAR
        below, above = min(py, py + dy) - NEAR, max(py, py + dy) + NEAR
        first, last = np.searchsorted(left, np.array([low - widest, high]))
        for j in by_x[first:last]:
            if (bridge[j] and j <= i) or owner[i] == owner[j]:
                continue
            qx, qy = start[j]
            ex, ey = end[j, 0] - qx, end[j, 1] - qy
            if max(qx, qx + ex) < low or max(qy, qy + ey) < below or min(qy, qy + ey) > above:
                continue
            cross = dx * ey - dy * ex
            if cross == 0:
                continue
            t = ((qx - px) * ey - (qy - py) * ex) / cross
            s = ((qx - px) * dy - (qy - py) * dx) / cross
            if 0 < t < 1 and 0 < s < 1:
                if count < len(hits):
                    hits[count, 0], hits[count, 1], part[count, 0], part[count, 1] = i, j, t, s
                count += 1
    return count


def crossings(
    placement: Placement, resonators: Ints, pieces: Pieces, lines: bool, chains: bool
) -> tuple[tuple[Ints, Array, Ints, Array], tuple[Ints, Array, Ints]]:
    """Crossings of bridges in a window in plan view: with lines, and with chains; empty where not asked for.

    Connection, part of its length gone there, and the other (stub or n + connection, with its part; or resonator).
    A stacked layout has its lines on different levels, and no crossings.
    """
    none, part = np.empty(0, np.int64), np.empty(0)
    flat = not placement.arrangement.taps_up
    over = _over_lines(placement, resonators, pieces) if lines and flat else (none, part, none, part)
    under = _over_chains(placement, resonators, pieces) if chains and flat else (none, part, none)
    return over, under


@lru_cache(maxsize=4)
def crossing_counts(placement: Placement) -> tuple[Array, Array, Array]:
    """Crossings of the stub over each resonator and of the connection that comes to it; chains under the latter.

    [resonators] each: lines over or under a stub, lines over or under a connection, chains under it. From the first two
    blocks, which all others repeat; connections from block to block are left out.
    """
    usage, total = placement.usage, len(placement.usage.line)
    stub, link, chains = np.zeros(total), np.zeros(total), np.zeros(total)
    if placement.arrangement.taps_up:
        return stub, link, chains
    for block in range(min(2, usage.blocks)):
        inside = np.flatnonzero(usage.block == block)
        pieces, count = line_pieces(placement, inside), len(inside)
        (over, _, other, _), (bridge, _, _) = crossings(placement, inside, pieces, True, True)
        hits = np.concatenate([np.bincount(over + count, minlength=count + len(pieces.target)), [0]])[:-1]
        hits = hits + np.bincount(other, minlength=len(hits))
        same = np.arange(block, usage.blocks, 2)
        alike = np.stack([np.flatnonzero(usage.block == n) for n in same])
        stub[alike] = hits[:count]
        link[alike[:, pieces.target]] = hits[count:]
        chains[alike[:, pieces.target]] = np.bincount(bridge, minlength=len(pieces.target))
    return stub, link, chains
