"""What follows from the routes of a placement: vertices, crossings, and the field of whole lines at resonators."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.models.line.field import averaged_field, segment_field
from resonet.netlist.strip.placement import Placement

__all__ = ["Crossings", "count_crossings", "line_drive", "line_path", "tuning_path"]

MOST_FIELDS = 50_000_000  # resonators times segments of one call
MOST_SPANS = 4_000_000  # steps of lines from one column of chains to the next that are looked at, some seconds


@dataclass(frozen=True, slots=True)
class Crossings:
    """How often metals pass over each other in the plan view."""

    line_line: int | None  # two RF lines; at least one of them is on a bridge. None where there are too many to count
    line_tuning: int
    line_chain: int  # a line across a chain that it does not drive, on a bridge
    line_along: int  # resonators that a bridge passes over lengthwise, from block to block
    vias: int  # levels of stacked chains that lines go up or down, and bridges


def line_path(placement: Placement, line: int) -> Array:
    """Vertices of an RF line, m, [vertices, 3], from source to termination. Raises InputError if there is no such line.

    The leads come down from above. Bridges rise at the end of one stub and come down at the begin of the next; in a
    stacked layout the via to the next level is there. Its length is that of `placement.lines`.
    """
    g, run = placement.geometry, placement.lines.run(line)
    order = placement.lines.order[run]
    centre = placement.xyz[order] + [0, 0, g.line_height]
    half = np.zeros_like(centre)
    half[:, 1] = placement.heading[order] * g.stub / 2
    entry, leave = centre - half, centre + half
    rise = np.where(placement.lines.bridge[run], g.bridge_height - g.line_height, 0.0)[1:, None] * [0, 0, 1]
    across = entry[1:].copy()
    across[:, 2] = leave[:-1, 2]
    up = np.array([0, 0, g.lead - g.stub / 2])
    pieces = np.stack([leave[:-1], leave[:-1] + rise, across + rise, across, entry[1:]], 1).reshape(-1, 3)
    path = np.concatenate([entry[:1] + up, entry[:1], pieces, leave[-1:], leave[-1:] + up])
    return np.asarray(path[np.concatenate([[True], np.any(np.diff(path, axis=0) != 0, axis=1)])])


def tuning_path(placement: Placement, line: int) -> Array:
    """Vertices of a tuning line below its resonators, m, [resonators, 3], without leads; InputError if none."""
    order = placement.tuning.order[placement.tuning.run(line)]
    return placement.xyz[order] - [0, 0, placement.geometry.tuning_depth]


def line_drive(placement: Placement, lines: ArrayLike, resonators: ArrayLike, image: float = 0.0) -> Array:
    """Drive of resonators by whole lines, relative to a straight own line; dimensionless, [resonators, lines].

    Biot and Savart along the full routes: stubs, steps, bridges, vias. Positive where the field at the resonator is
    that of a current towards -y (an own line that runs to +y gives about -1). `image` as in `strip.segment_field`.
    Raises InputError for lines that do not exist and for more than MOST_FIELDS segments times resonators.
    """
    lines, resonators = np.atleast_1d(np.asarray(lines)), np.atleast_1d(np.asarray(resonators))
    runs, g = placement.lines, placement.geometry
    segments = sum(int(runs.counts[n]) * 5 + 3 for n in lines if 0 <= n < len(runs.counts))
    if segments * len(resonators) > MOST_FIELDS:
        raise InputError(f"{len(resonators):,} resonators and {segments:,} segments; possible: {MOST_FIELDS:,} pairs")
    points = placement.xyz[resonators]
    out = np.empty((len(resonators), len(lines)))
    for n, line in enumerate(lines):
        path = line_path(placement, int(line))
        out[:, n] = segment_field(path[:-1], path[1:], points, g.line_width, image)[..., 0].sum(1)
    return out / float(averaged_field(1.0, g.line_width, g.line_height))


def _inversions(group: Ints, left: Array, right: Array) -> int:
    """Pairs within a group whose order by `left` is not that by `right`; bit by bit, N log N."""
    order = np.lexsort((left, group))
    group, right = group[order], right[order]
    by_right = np.lexsort((right, group))
    rank = np.empty(len(group), np.int64)
    rank[by_right] = np.arange(len(group))
    total = 0
    for bit in range(len(group).bit_length()):
        key = (rank >> (bit + 1)) + group * (len(group) + 1)
        stable = np.argsort(key, kind="stable")
        ones = ((rank[stable] >> bit) & 1).astype(np.int64)
        before = np.cumsum(ones) - ones
        begins = np.flatnonzero(np.diff(key[stable], prepend=-1))
        base = np.repeat(before[begins], np.diff(np.append(begins, len(key))))
        total += int(((before - base) * (1 - ones)).sum())
    return total


def _consecutive(placement: Placement) -> tuple[Ints, Ints]:
    """Resonators that follow each other on a line: from, to."""
    runs = placement.lines
    later = np.ones(len(runs.order), bool)
    later[runs.start[:-1]] = False
    to = np.flatnonzero(later)
    return runs.order[to - 1], runs.order[to]


def _tilt(placement: Placement, resonators: Ints) -> Array:
    """A hair's breadth in y, m, its own for the line of each resonator: breaks every tie the same way."""
    hair = 1e-7 * placement.geometry.pitch_y / len(placement.lines.counts)
    return np.asarray(hair * placement.usage.line[resonators])


def _pieces(placement: Placement) -> tuple[Ints, Ints, Array, Array]:
    """Pieces between stubs, seen from above, left to right: columns and y of both ends."""
    g, (a, b) = placement.geometry, _consecutive(placement)
    y_a = placement.xyz[a, 1] + placement.heading[a] * g.stub / 2 + _tilt(placement, a)
    y_b = placement.xyz[b, 1] - placement.heading[b] * g.stub / 2 + _tilt(placement, b)
    flip = placement.column[a] > placement.column[b]
    first, last = np.where(flip, [b, a], [a, b])
    return placement.column[first], placement.column[last], np.where(flip, y_b, y_a), np.where(flip, y_a, y_b)


def _rows(placement: Placement) -> tuple[Array, Ints]:
    """Heights y of the rows of resonators, ascending, and the row of each resonator."""
    step = placement.geometry.pitch_y / 64
    _, first, row = np.unique(np.round(placement.xyz[:, 1] / step), return_index=True, return_inverse=True)
    return placement.xyz[first, 1], row.astype(np.int64)


def _over_stubs(placement: Placement, column: Ints, y: Array) -> int:
    """How many of the points (column, y) lie over the stub of a line."""
    heights, row = _rows(placement)
    near = np.searchsorted((heights[1:] + heights[:-1]) / 2, y)
    spots = placement.column * len(heights) + row
    order = np.argsort(spots)
    spot = column * len(heights) + near
    nearest = order[np.minimum(np.searchsorted(spots, spot, sorter=order), len(order) - 1)]
    close = np.abs(placement.xyz[nearest, 1] + _tilt(placement, nearest) - y) < placement.geometry.stub / 2
    return int((close & (spots[nearest] == spot)).sum())


def _under_connections(placement: Placement, column: Ints, y: Array) -> int:
    """How often the points (column, y) lie within a connection from block to block, which runs along its column."""
    c0, c1, y0, y1 = _pieces(placement)
    same = c0 == c1
    tall = 4 * (float(np.ptp(placement.xyz[:, 1])) + placement.geometry.pitch_y)
    low, high = (np.sort(c0[same] * tall + end(y0, y1)[same]) for end in (np.minimum, np.maximum))
    at = column * tall + y
    return int((np.searchsorted(low, at) - np.searchsorted(high, at)).sum())


def _line_line(placement: Placement) -> int | None:
    """Crossings of RF lines: swaps between two columns of chains, bridges over stubs and over connections."""
    c0, c1, y0, y1 = _pieces(placement)
    span = c1 - c0
    if span.sum() > MOST_SPANS:
        return None
    piece = np.repeat(np.arange(len(span)), span)
    step = np.arange(len(piece)) - np.repeat(np.cumsum(span) - span, span)
    x = np.zeros(int(placement.column.max()) + 1)
    x[placement.column] = placement.xyz[:, 0]  # not even: blocks keep a gap
    column = c0[piece] + step
    slope = (y1 - y0) / np.where(span > 0, x[c1] - x[c0], 1)
    left, right = (y0[piece] + slope[piece] * (x[at] - x[c0[piece]]) for at in (column, column + 1))
    inside = step > 0
    passed = column[inside], left[inside]
    swaps = _inversions(column, left, right)
    return swaps + _over_stubs(placement, *passed) + _under_connections(placement, *passed)


def count_crossings(placement: Placement) -> Crossings:
    """Crossings of a placement in plan view; of a stacked one, whose lines are on different levels, only the vias."""
    runs, usage = placement.lines, placement.usage
    a, b = _consecutive(placement)
    bridges = 2 * int(runs.bridge.sum())
    if placement.arrangement.taps_up:
        levels = int(np.abs(usage.tap[a].astype(np.int64) - usage.tap[b]).sum())
        return Crossings(0, len(runs.order), 0, 0, levels + bridges)
    _, row = _rows(placement)
    passed, aside = np.abs(row[a] - row[b]), np.abs(placement.column[a] - placement.column[b])
    tuning = int(np.maximum(passed, 1).sum()) + len(runs.counts)  # beside a column at the same row: its tuning line
    along = int(np.maximum(passed - 1, 0)[aside == 0].sum())
    return Crossings(_line_line(placement), tuning, int(np.maximum(aside - 1, 0).sum()), along, bridges)
