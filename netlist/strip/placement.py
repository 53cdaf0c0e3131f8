"""Layout of a layer under strip-line feed: every resonator, line and tuning line in (x, y, z), as arrays.

Where the resonators stand is said by the arrangement (netlist/strip/arrangement.py); here lines, tuning lines and
chains are led through them. Over each resonator a line is straight along y (`geometry.stub`), between resonators it
goes straight at any angle. A step that passes over other chains is a *bridge* on a metal level of its own.

Heights are those of `strip_geometry`: resonators at `chain_height`, lines and tuning lines above and below them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools, Ints
from resonet.models.line.strip_geometry import Geometry
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.strip.arrangement import Arrangement, Spots, find_arrangement
from resonet.netlist.strip.usage import Usage, layer_usage

__all__ = ["Placement", "Runs", "place", "place_layer"]


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
    """Headings from the way of the lines, in their order, by the steps in y that lead to each resonator.

    Where a line comes or goes along y it runs that way; in between, to and fro, so that it goes on where it left.
    """
    come = np.sign(np.where(np.abs(along) > 1e-12, along, 0)).astype(np.int8)
    go = np.append(come[1:], 0).astype(np.int8)
    heading = np.where(come != 0, come, go)
    heading[first] = np.where(heading[first] != 0, heading[first], 1)
    last = np.maximum.accumulate(np.where(heading != 0, np.arange(len(heading)), 0))
    return np.asarray(heading[last] * (1 - 2 * ((np.arange(len(heading)) - last) % 2)), np.int8)


def _line_runs(usage: Usage, g: Geometry, arrangement: Arrangement, spots: Spots) -> tuple[Runs, NDArray[np.int8]]:
    """Lines: over each resonator a stub along y, a straight piece in between, vias between levels.

    And the headings [resonators], where the arrangement has left them to the way of the lines.
    """
    xyz, per_block = spots.xyz, usage.grid[0] * usage.grid[1]
    within = arrangement.way(usage)
    forward = np.where(usage.block % 2 == 0, within, per_block - 1 - within)
    start, order = _runs(usage.line, usage.block * np.int64(per_block) + forward)
    first = start[:-1]
    step = _steps(start, order, xyz)
    heading = spots.heading.copy()
    if not heading.any():
        heading[order] = _headings(first, step[:, 1])
    turn = heading[order].astype(float)
    before = np.roll(turn, 1)
    along = step[:, 1] - (turn + before) * g.stub / 2  # from the end of one stub to the begin of the next
    aside = np.abs(_steps(start, order, spots.column))
    bridge = np.maximum(aside, np.abs(step[:, 1]) / g.pitch_y) > 1.5 if arrangement.taps_up else aside != 1
    rise = 2 * (g.bridge_height - g.line_height)
    gap = g.stub + np.hypot(step[:, 0], along) + np.abs(step[:, 2]) + np.where(bridge, rise, 0.0)
    gap[first], bridge[first] = g.lead, False
    return Runs(start, order, gap, bridge, g.lead), heading


def _plain_runs(run: NDArray[np.int32], along: Ints, xyz: Array, lead: float) -> Runs:
    """Runs that go the straight way from resonator to resonator, with a lead at either end."""
    start, order = _runs(run, along)
    gap = np.linalg.norm(_steps(start, order, xyz), axis=1)
    gap[start[:-1]] = lead
    return Runs(start, order, gap, np.zeros(len(order), bool), lead)


def _apart(usage: Usage, g: Geometry, runs: Runs, xyz: Array, taps_up: bool) -> float:
    """Least distance, m, middle to middle, of two lines that run side by side from one chain to the next."""
    if taps_up or usage.grid == (1, 1):
        return g.pitch_y - g.stub
    step = _steps(runs.start, runs.order, xyz)
    local = ~runs.bridge & (step[:, 0] != 0)
    if not local.any():
        return np.inf
    along = np.abs(step[local, 1]) - g.stub
    away = np.minimum(g.pitch_x * np.abs(along), g.pitch_y * np.abs(step[local, 0]))
    return float((away / np.hypot(step[local, 0], along)).min())


def _check_room(usage: Usage, g: Geometry, runs: Runs, xyz: Array, taps_up: bool) -> None:
    """Raise InputError where lines touch each other, or in a stack what is above."""
    apart = _apart(usage, g, runs, xyz, taps_up)
    if apart <= g.line_width:
        raise InputError(
            f"layer {usage.layer}: lines between two chains are {apart:.3g} m apart, middle to middle, and "
            f"geometry.line_width = {g.line_width:g} m: they overlap; possible: a narrower line, a larger pitch, "
            "another geometry.stub"
        )
    if not taps_up:
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


def place(usage: Usage, arrangement: str | Arrangement, geometry: Geometry | None = None) -> Placement:
    """Lay a layer out.

    `usage` is `layer_usage(layer, arrangement.parallel)`. Raises InputError for an unknown arrangement, for lines that
    overlap, and for a layout larger than a wafer.
    """
    arrangement, g = find_arrangement(arrangement), geometry or Geometry()
    spots = arrangement.locate(usage, g)
    lines, heading = _line_runs(usage, g, arrangement, spots)
    _check_room(usage, g, lines, spots.xyz, arrangement.taps_up)
    tuning = _plain_runs(usage.weight, arrangement.way(usage), spots.xyz, g.lead)
    chains = _plain_runs(usage.chain, usage.tap.astype(np.int64), spots.xyz, 0.0)
    return Placement(arrangement, g, usage, spots.xyz, spots.column, heading, spots.block_grid, lines, tuning, chains)


def place_layer(layer: Synapses, arrangement: str | Arrangement, geometry: Geometry | None = None) -> Placement:
    """Lay a layer of the network out, all positions at once or one patch after another, as the arrangement has it."""
    arrangement = find_arrangement(arrangement)
    return place(layer_usage(layer, arrangement.parallel), arrangement, geometry)
