"""Layout of a layer under strip-line feed: every resonator, line and tuning line in (x, y, z), as arrays.

| arrangement | chains | tuning lines |
|---|---|---|
| sequential | one set, side by side; patches go through one after another | one a resonator |
| planar | one a position, side by side in a block an output channel | along x, across the chains of a block |
| stacked | resonators of a chain on top of each other, chains as positions in the image | one a level and block |

**Planar.** A chain runs along y with its taps in order, the chains of an output channel stand side by side (x) and
form a block. The line of a pixel then goes through a block in steps of one chain to the side and one stride of taps
back, and on to the next block; blocks stand in columns, taken up and down in turn, every other one with its taps
reversed, so that a line leaves a block where it enters the next. Over each resonator a line is straight along y
(`geometry.stub`), between resonators it goes straight at any angle. A step that passes over other chains is a *bridge*
on a metal level of its own.

**Stacked.** Levels are taps; a line goes from position to position in its level and by vias between levels.

Heights are those of `strip_geometry`: resonators at `chain_height`, lines and tuning lines above and below them.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools, Ints
from resonet.models.line.strip_geometry import Geometry
from resonet.netlist.strip.usage import Usage

__all__ = ["ARRANGEMENTS", "Arrangement", "Placement", "Runs", "place"]

Arrangement = Literal["sequential", "planar", "stacked"]
ARRANGEMENTS: tuple[Arrangement, ...] = get_args(Arrangement)
LARGEST = 0.3  # m, a wafer


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Lines of one kind, each as a run over resonators; run n is `order[start[n]:start[n + 1]]`."""

    start: Ints  # [runs + 1]
    order: Ints  # [resonators] in the order of the run
    gap: Array  # [resonators] m, length from the previous resonator, or from the source, to this one; as `order`
    bridge: Bools  # [resonators] that piece passes over other chains; as `order`
    tail: float  # m, from the last resonator to the end

    @property
    def counts(self) -> Ints:
        """Resonators of each run, [runs]."""
        return np.diff(self.start)

    @property
    def lengths(self) -> Array:
        """Length of each run, m, [runs]."""
        return np.asarray(np.add.reduceat(self.gap, self.start[:-1]) + self.tail)

    def run(self, number: int) -> slice:
        """Where run `number` lies in `order`, `gap` and `bridge`. Raises InputError if there is no such run."""
        if not 0 <= number < len(self.start) - 1:
            raise InputError(f"line {number}: possible: 0 ... {len(self.start) - 2}")
        return slice(int(self.start[number]), int(self.start[number + 1]))


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """A layer laid out. Resonators are numbered chain by chain and tap by tap, as in `usage`."""

    arrangement: Arrangement
    geometry: Geometry
    usage: Usage
    xyz: Array  # [resonators, 3] m
    column: Ints  # [resonators] column of chains, counted along x over the whole layout
    heading: NDArray[np.int8]  # [resonators] the line runs over it towards +y (1) or -y (-1)
    block_grid: tuple[int, int]  # rows and columns of blocks
    lines: Runs
    tuning: Runs
    chains: Runs  # gaps are those between resonators; the chain's feet are on the ground rail

    @property
    def size(self) -> tuple[float, float, float]:
        """Extent in x, y and z, m: whole cells, and all metals from the ground plane up."""
        g = self.geometry
        width, depth = (float(np.ptp(self.xyz[:, n])) for n in (0, 1))
        top = float(self.xyz[:, 2].max()) + max(g.bridge_height, g.line_height) + g.line_thickness / 2
        return width + g.pitch_x, depth + g.pitch_y, top

    @property
    def area(self) -> float:
        """Footprint without leads, m²."""
        return self.size[0] * self.size[1]


def _best_rows(blocks: int, width: float, height: float) -> int:
    """Rows of blocks whose outline is nearest to a square."""
    rows = np.arange(1, blocks + 1)
    aspect = rows * height / (-(-blocks // rows) * width)
    return int(rows[np.abs(np.log(aspect)).argmin()])


def _outline(usage: Usage, g: Geometry, stacked: bool) -> tuple[int, float, float]:
    """Rows of blocks, and the pitch of blocks in x and y. Raises InputError for a layout larger than a wafer."""
    gap = g.block_gap if usage.grid != (1, 1) else 0.0
    across, along = (usage.grid[1], usage.grid[0]) if stacked else (usage.grid[0] * usage.grid[1], usage.taps)
    width = across * g.pitch_x + gap
    height = along * g.pitch_y + (gap if stacked or usage.grid != (1, 1) else g.block_gap)
    rows = _best_rows(usage.blocks, width, height)
    columns = -(-usage.blocks // rows)
    if max(columns * width, rows * height) > LARGEST:
        raise InputError(
            f"layer {usage.layer}: {columns * width:.3g} m by {rows * height:.3g} m; possible: {LARGEST:g} m, with a "
            "smaller geometry.pitch_x, geometry.pitch_y or geometry.block_gap"
        )
    return rows, width, height


def _serpentine(usage: Usage) -> Ints:
    """Place of each resonator's position on a serpentine through the grid of positions."""
    row, column = np.divmod(usage.position.astype(np.int64), usage.grid[1])
    return row * usage.grid[1] + np.where(row % 2, usage.grid[1] - 1 - column, column)


def _locate(usage: Usage, g: Geometry, stacked: bool) -> tuple[Array, Ints, NDArray[np.int8], tuple[int, int]]:
    """xyz, column of chains, heading of the line, and the grid of blocks."""
    rows, width, height = _outline(usage, g, stacked)
    block_column, block_row = np.divmod(usage.block.astype(np.int64), rows)
    down = block_column % 2 == 0
    from_bottom = np.where(down, rows - 1 - block_row, block_row)
    if stacked:
        row, across = np.divmod(usage.position.astype(np.int64), usage.grid[1])
        per_block, along = usage.grid[1], usage.grid[0] - 1 - row
        heading = np.zeros(len(row), np.int8)  # depends on the way of each line: see _headings
        level = usage.tap.astype(float)
    else:
        across, per_block = usage.position.astype(np.int64), usage.grid[0] * usage.grid[1]
        passed = np.where(usage.block % 2 == 0, usage.taps - 1 - usage.tap, usage.tap)  # taps of the block gone by
        along = np.where(down, usage.taps - 1 - passed, passed)
        heading = np.where(down, -1, 1).astype(np.int8)
        level = np.zeros(len(across))
    xyz = np.empty((len(across), 3))
    xyz[:, 0] = block_column * width + across * g.pitch_x
    xyz[:, 1] = from_bottom * height + along * g.pitch_y
    xyz[:, 2] = g.chain_height + level * g.pitch_z
    return xyz, block_column * per_block + across, heading, (rows, -(-usage.blocks // rows))


def _runs(run: NDArray[np.int32], place_on_run: Ints) -> tuple[Ints, Ints]:
    """Starts [runs + 1] and order [resonators] of runs, sorted by their place on the run."""
    span = int(place_on_run.max()) + 1
    order = np.argsort(run * np.int64(span) + place_on_run, kind="stable")
    counts = np.bincount(run)
    return np.concatenate([[0], np.cumsum(counts)]), order


def _steps(start: Ints, order: Ints, values: NDArray[np.generic]) -> Array:
    """values[this] - values[previous on the run] as `order`; 0 at the first of each run."""
    ordered = np.asarray(values, float)[order]
    step = np.diff(ordered, axis=0, prepend=ordered[:1])
    step[start[:-1]] = 0
    return step


def _headings(first: Ints, along: Array) -> NDArray[np.int8]:
    """Headings in a stacked layout, in the order of the lines, from the steps in y that lead to each resonator.

    Where a line comes or goes along y it runs that way; in between, to and fro, so that it goes on where it left.
    """
    come = np.sign(np.where(np.abs(along) > 1e-12, along, 0)).astype(np.int8)
    go = np.append(come[1:], 0).astype(np.int8)
    given = np.where(come != 0, come, go)
    given[first] = np.where(given[first] != 0, given[first], 1)
    known = np.maximum.accumulate(np.where(given != 0, np.arange(len(given)), 0))
    return np.asarray(given[known] * (1 - 2 * ((np.arange(len(given)) - known) % 2)), np.int8)


def _line_runs(usage: Usage, g: Geometry, xyz: Array, column: Ints, heading: NDArray[np.int8]) -> Runs:
    """Lines: over each resonator a stub along y, a straight piece in between, vias between levels.

    Fills in the `heading` of a stacked layout.
    """
    stacked = bool(np.ptp(xyz[:, 2]) > 0)
    per_block = usage.grid[0] * usage.grid[1]
    within = _serpentine(usage) if stacked else usage.position.astype(np.int64)
    forward = np.where(usage.block % 2 == 0, within, per_block - 1 - within)
    start, order = _runs(usage.line, usage.block * np.int64(per_block) + forward)
    first = start[:-1]
    step = _steps(start, order, xyz)
    if stacked:
        heading[order] = _headings(first, step[:, 1])
    turn = heading[order].astype(float)
    before = np.roll(turn, 1)
    along = step[:, 1] - (turn + before) * g.stub / 2  # from the end of one stub to the begin of the next
    aside = np.abs(_steps(start, order, column))
    bridge = np.maximum(aside, np.abs(step[:, 1]) / g.pitch_y) > 1.5 if stacked else aside != 1
    rise = 2 * (g.bridge_height - g.line_height)
    gap = g.stub + np.hypot(step[:, 0], along) + np.abs(step[:, 2]) + np.where(bridge, rise, 0.0)
    gap[first], bridge[first] = g.lead, False
    return Runs(start, order, gap, bridge, g.lead)


def _plain_runs(run: NDArray[np.int32], along: Ints, xyz: Array, lead: float) -> Runs:
    """Runs that go the straight way from resonator to resonator, with a lead at either end."""
    start, order = _runs(run, along)
    gap = np.linalg.norm(_steps(start, order, xyz), axis=1)
    gap[start[:-1]] = lead
    return Runs(start, order, gap, np.zeros(len(order), bool), lead)


def _apart(usage: Usage, g: Geometry, runs: Runs, xyz: Array, stacked: bool) -> float:
    """Least distance, m, middle to middle, of two lines that run side by side from one chain to the next."""
    if stacked or usage.grid == (1, 1):
        return g.pitch_y - g.stub
    step = _steps(runs.start, runs.order, xyz)
    local = ~runs.bridge & (step[:, 0] != 0)
    if not local.any():
        return np.inf
    along = np.abs(step[local, 1]) - g.stub
    away = np.minimum(g.pitch_x * np.abs(along), g.pitch_y * np.abs(step[local, 0]))
    return float((away / np.hypot(step[local, 0], along)).min())


def _check_room(usage: Usage, g: Geometry, runs: Runs, xyz: Array, stacked: bool) -> None:
    """Raise InputError where lines touch each other, or in a stack what is above."""
    apart = _apart(usage, g, runs, xyz, stacked)
    if apart <= g.line_width:
        raise InputError(
            f"layer {usage.layer}: lines between two chains are {apart:.3g} m apart, middle to middle, and "
            f"geometry.line_width = {g.line_width:g} m: they overlap; possible: a narrower line, a larger pitch, "
            "another geometry.stub"
        )
    if not stacked:
        return
    room, need = g.pitch_z - g.tuning_depth - g.bridge_height, (g.line_thickness + g.tuning_thickness) / 2
    if room <= need:
        least = g.tuning_depth + g.bridge_height + need
        raise InputError(
            f"geometry.pitch_z = {g.pitch_z:g} m: bridges touch the tuning line of the level above; "
            f"possible: above {least:g} m"
        )
    if g.stub <= g.tuning_width + g.line_thickness:
        raise InputError(
            f"geometry.stub = {g.stub:g} m: vias, of the line's thickness in width, touch the tuning lines; possible: "
            f"above {g.tuning_width + g.line_thickness:g} m"
        )


def place(usage: Usage, arrangement: Arrangement, geometry: Geometry | None = None) -> Placement:
    """Lay a layer out.

    `usage` is `layer_usage(layer, parallel)` with parallel False for `sequential`. Raises InputError for an unknown
    arrangement, for lines that overlap, and for a layout larger than a wafer.
    """
    if arrangement not in ARRANGEMENTS:
        raise InputError(f"arrangement {str(arrangement)[:40]!r}: possible: {', '.join(ARRANGEMENTS)}")
    g, stacked = geometry or Geometry(), arrangement == "stacked"
    xyz, column, heading, grid = _locate(usage, g, stacked)
    lines = _line_runs(usage, g, xyz, column, heading)
    _check_room(usage, g, lines, xyz, stacked)
    tuning = _plain_runs(usage.weight, _serpentine(usage) if stacked else usage.position.astype(np.int64), xyz, g.lead)
    chains = _plain_runs(usage.chain, usage.tap.astype(np.int64), xyz, 0.0)
    return Placement(arrangement, g, usage, xyz, column, heading, grid, lines, tuning, chains)
