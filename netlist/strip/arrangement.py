"""Arrangements: how the chains of a layer stand under its strip lines. One record each, asked by its properties.

| arrangement | chains | tuning lines |
|---|---|---|
| sequential | one set, side by side; patches go through one after another | one a resonator |
| planar | one a position, side by side in a block an output channel | along x, across the chains of a block |
| stacked | resonators of a chain on top of each other, chains as positions in the image | one a level and block |

**Planar.** A chain runs along y with its taps in order, the chains of an output channel stand side by side (x) and
form a block. The line of a pixel then goes through a block in steps of one chain to the side and one stride of taps
back, and on to the next block; blocks stand in columns, taken up and down in turn, every other one with its taps
reversed, so that a line leaves a block where it enters the next.

**Stacked.** Levels are taps; a line goes from position to position in its level and by vias between levels.

An arrangement of somebody else is added by `ARRANGEMENTS.add(Arrangement(...))`, or under the entry-point group
`resonet.arrangements`: it says where the resonators stand (`locate`), and everything else follows (docs/extend.md).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.core.registry import Registry, named
from resonet.core.types import Array, Ints
from resonet.models.line.strip_geometry import Geometry
from resonet.netlist.strip.usage import Usage

__all__ = ["ARRANGEMENTS", "PLANAR", "SEQUENTIAL", "STACKED", "Arrangement", "Spots", "find_arrangement", "row_by_row"]

LARGEST = 0.3  # m, a wafer


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """Where the resonators of a layer stand; arrays [resonators], numbered as in `usage`."""

    xyz: Array  # [resonators, 3] m
    column: Ints  # column of chains, counted along x over the whole layout
    heading: NDArray[np.int8]  # the line runs over it towards +y (1) or -y (-1); 0: as its way leads it
    block_grid: tuple[int, int]  # rows and columns of blocks; block n stands in row n % rows


def row_by_row(usage: Usage) -> Ints:
    """Positions as they are numbered, row by row."""
    return usage.position.astype(np.int64)


def to_and_fro(usage: Usage) -> Ints:
    """Place of each resonator's position on a serpentine through the grid of positions."""
    row, column = np.divmod(usage.position.astype(np.int64), usage.grid[1])
    return row * usage.grid[1] + np.where(row % 2, usage.grid[1] - 1 - column, column)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the chains of a layer stand.

    Chains run along y, side by side along x (`taps_up` False), or upwards from a lattice in x and y (True): taps are
    then levels, each with a line and a tuning line of its own, and lines do not cross.
    """

    name: str
    locate: Callable[[Usage, Geometry], Spots]
    way: Callable[[Usage], Ints] = row_by_row  # order of positions in which lines and tuning lines go through a block
    parallel: bool = True  # every position has chains of its own; else patches go through one after another
    taps_up: bool = False

    def levels(self, usage: Usage) -> int:
        """Number of levels of resonators."""
        return usage.taps if self.taps_up else 1

    def level(self, usage: Usage, resonators: Ints) -> Ints:
        """Level of each of some resonators, from 0."""
        return usage.tap[resonators].astype(np.int64) if self.taps_up else np.zeros(len(resonators), np.int64)

    @property
    def axis(self) -> int:
        """Coordinate along which a chain runs: 1 for y, 2 for z."""
        return 2 if self.taps_up else 1

    def pitch_along(self, g: Geometry) -> float:
        """From resonator to resonator of a chain, m."""
        return g.pitch_z if self.taps_up else g.pitch_y

    def footprint(self, g: Geometry) -> float:
        """Length of a resonator's part of the chain in the plan view, m."""
        return g.chain_width if self.taps_up else g.pitch_y

    def tuning_pitch(self, g: Geometry) -> float:
        """Length of a tuning line that loads one resonator, m."""
        return g.pitch_y if self.taps_up else g.pitch_x


def _best_rows(blocks: int, width: float, height: float) -> int:
    """Rows of blocks whose outline is nearest to a square."""
    rows = np.arange(1, blocks + 1)
    aspect = rows * height / (-(-blocks // rows) * width)
    return int(rows[np.abs(np.log(aspect)).argmin()])


def _rows(usage: Usage, width: float, height: float) -> int:
    """Rows of blocks of that pitch, m. Raises InputError for a layout larger than a wafer."""
    rows = _best_rows(usage.blocks, width, height)
    columns = -(-usage.blocks // rows)
    if max(columns * width, rows * height) > LARGEST:
        raise InputError(
            f"layer {usage.layer}: {columns * width:.3g} m by {rows * height:.3g} m; possible: {LARGEST:g} m, with a "
            "smaller geometry.pitch_x, geometry.pitch_y or geometry.block_gap"
        )
    return rows


def _spots(
    usage: Usage,
    g: Geometry,
    pitch: tuple[float, float],
    cell: tuple[Ints, Ints, Array],
    per_block: int,
    heading: NDArray[np.int8],
    rows: int,
) -> Spots:
    """Spots from the block of each resonator and its cell (across, along, level) there."""
    block_column, block_row = np.divmod(usage.block.astype(np.int64), rows)
    from_bottom = np.where(block_column % 2 == 0, rows - 1 - block_row, block_row)
    across, along, level = cell
    xyz = np.empty((len(across), 3))
    xyz[:, 0] = block_column * pitch[0] + across * g.pitch_x
    xyz[:, 1] = from_bottom * pitch[1] + along * g.pitch_y
    xyz[:, 2] = g.chain_height + level * g.pitch_z
    return Spots(xyz, block_column * per_block + across, heading, (rows, -(-usage.blocks // rows)))


def locate_planar(usage: Usage, g: Geometry) -> Spots:
    """Chains side by side."""
    per_block, single = usage.grid[0] * usage.grid[1], usage.grid == (1, 1)
    pitch = per_block * g.pitch_x + (0.0 if single else g.block_gap), usage.taps * g.pitch_y + g.block_gap
    rows = _rows(usage, *pitch)
    down = usage.block.astype(np.int64) // rows % 2 == 0
    passed = np.where(usage.block % 2 == 0, usage.taps - 1 - usage.tap, usage.tap)  # taps of the block gone by
    along = np.where(down, usage.taps - 1 - passed, passed)
    cell = usage.position.astype(np.int64), along, np.zeros(len(along))
    return _spots(usage, g, pitch, cell, per_block, np.where(down, -1, 1).astype(np.int8), rows)


def locate_stacked(usage: Usage, g: Geometry) -> Spots:
    """Chains upwards, as positions in the image."""
    gap = g.block_gap if usage.grid != (1, 1) else 0.0
    pitch = usage.grid[1] * g.pitch_x + gap, usage.grid[0] * g.pitch_y + gap
    row, across = np.divmod(usage.position.astype(np.int64), usage.grid[1])
    cell = across, usage.grid[0] - 1 - row, usage.tap.astype(float)
    return _spots(usage, g, pitch, cell, usage.grid[1], np.zeros(len(row), np.int8), _rows(usage, *pitch))


SEQUENTIAL = Arrangement("sequential", locate_planar, parallel=False)
PLANAR = Arrangement("planar", locate_planar)
STACKED = Arrangement("stacked", locate_stacked, to_and_fro, taps_up=True)
OURS = (SEQUENTIAL, PLANAR, STACKED)
ARRANGEMENTS: Registry[str, Arrangement] = Registry(
    "arrangement", "resonet.arrangements", lambda: OURS, named("arrangement", Arrangement)
)


def find_arrangement(name: "str | Arrangement") -> Arrangement:
    """Arrangement of that name, or the record itself; InputError lists what there is."""
    return name if isinstance(name, Arrangement) else ARRANGEMENTS.find(name)
