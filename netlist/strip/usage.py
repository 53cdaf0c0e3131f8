"""Which resonator uses which input, on which tone: the wiring of a layer under strip-line feed, as arrays.

A chain must not hold two inputs on one frequency. Inputs that meet in a chain are neighbours in the *conflict graph*,
and a colouring of that graph is a set of *tone classes*. For a convolution the class of the pixel (c, y, x) is (c, y
// dilation mod kernel height, x // dilation mod kernel width): within a window these differ, and as each chain needs
as many classes as it has taps, kernel area times channels is also the least there can be. Other wiring is coloured by
networkx (DSATUR: D. Brelaz, Comm. ACM 22, 251 (1979)).

**Weights and tuning lines.** All chains of an output channel share the weight of a tap, hence one tuning line a shared
weight. In a parallel convolution the resonators under it sit on different tones (the tone classes repeat with the
kernel, the positions with the stride), and one current gives them all the same field. The hardware assumption is that
each resonator is built on the frequency of its tone class, and that its shift per field scales with that frequency, so
that one current is one detuning in linewidths. Where that does not hold, the unknowns are the pairs of weight and tone
class: `tuning_pairs`.
"""

from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike, NDArray

from resonet.core.errors import InputError
from resonet.core.types import Ints
from resonet.netlist.network.cnn import Addend, Synapses

__all__ = [
    "MOST_PLACED",
    "Usage",
    "colour_inputs",
    "conflict_graph",
    "layer_usage",
    "tuning_pairs",
    "wired_usage",
]

Short = NDArray[np.int32]
MOST_PLACED = 4_000_000  # resonators of one placement, about 0.8 GB
MOST_CONFLICTS = 20_000_000  # edges that the colouring of a free wiring may look at


@dataclass(frozen=True, slots=True, eq=False)
class Usage:
    """Resonators of one layer, chain by chain and tap by tap; arrays [resonators] unless said otherwise."""

    layer: str
    blocks: int  # output channels; the chains of a block share their weights
    grid: tuple[int, int]  # rows and columns of positions in a block
    taps: int  # most resonators of one chain
    block: Short
    position: Short  # within the block, row by row
    tap: Short
    line: Short  # strip line that drives it
    weight: Short  # tuning line that shifts it
    tone: Short  # tone class of its line
    inputs: Ints  # [lines] input element that each line carries, flattened (channel, row, column)
    idle: int  # inputs that no resonator uses, and that have no line

    @property
    def chain(self) -> Short:
        """Chain of each resonator, block by block."""
        return self.block * np.int32(self.grid[0] * self.grid[1]) + self.position

    @property
    def chains(self) -> int:
        """Number of chains."""
        return self.blocks * self.grid[0] * self.grid[1]

    @property
    def weights(self) -> int:
        """Number of shared weights: of tuning lines."""
        return int(self.weight.max()) + 1

    @property
    def tones(self) -> int:
        """Number of tone classes: of frequencies."""
        return int(self.tone.max()) + 1


def _check_size(layer: str, resonators: int) -> None:
    """Refuse what would not fit in memory, before anything is allocated."""
    if resonators > MOST_PLACED:
        raise InputError(
            f"layer {layer}: {resonators:,} resonators side by side; possible: {MOST_PLACED:,}, or the arrangement "
            "sequential, which needs one set of chains"
        )
    if resonators == 0:
        raise InputError(f"layer {layer}: no resonator; a chain needs at least one")


def _lines(inputs: Ints, total: int) -> tuple[Short, Ints]:
    """Line of each resonator, and the input of each line, from the input of each resonator."""
    used = np.zeros(total, bool)
    used[inputs] = True
    number = np.cumsum(used) - 1
    return number[inputs].astype(np.int32), np.flatnonzero(used)


@dataclass(frozen=True, slots=True)
class _Part:
    """One input of a layer, and where its taps, values and tone classes begin among those of all."""

    of: Synapses | Addend
    diagonal: bool
    tap: int  # first of its taps in a chain
    column: int  # first of its taps in `Synapses.matrix`
    element: int  # first of its values in the inputs, one behind the other
    tone: int  # first of its tone classes

    @property
    def taps(self) -> int:
        """Its resonators in one chain."""
        return int(np.prod(self.of.weight.shape[1:]))


def _parts(layer: Synapses) -> list[_Part]:
    found: list[_Part] = []
    tap = column = element = 0
    kernels: list[Synapses | Addend] = [layer, *layer.addends]
    for of, (count, diagonal) in zip(kernels, layer.blocks, strict=True):
        found.append(_Part(of, diagonal, tap, column, element, tap))
        tap, column = tap + found[-1].taps, column + count
        element += int(np.prod(of.in_shape))
    return found


def _one_patch(layer: Synapses) -> Usage:
    """One set of chains, through which the patches go one after another: line and tone of a tap are its own."""
    (groups, outputs, columns), series = layer.matrix.shape, layer.series
    block, tap = (a.ravel().astype(np.int32) for a in np.indices((groups * outputs, series)))
    column = np.zeros(len(block), np.int64)
    for part in _parts(layer):
        own = (tap >= part.tap) & (tap < part.tap + part.taps)
        apart = (block[own] % outputs) * part.taps if part.diagonal else 0
        column[own] = part.column + tap[own] - part.tap + apart
    line, inputs = _lines((block // outputs) * np.int64(columns) + column, groups * columns)
    weight = np.arange(len(block), dtype=np.int32)
    zero = np.zeros_like(block)
    return Usage(layer.name, groups * outputs, (1, 1), series, block, zero, tap, line, weight, tap, inputs, 0)


def layer_usage(layer: Synapses, parallel: bool = True) -> Usage:
    """Wiring of a layer: all positions at once, or one patch after another.

    A padded tap is always zero and gets no resonator. What adds up several inputs has the taps of the first nearest to
    ground, and tone classes of their own for each input. Raises InputError where a layer has more than MOST_PLACED.
    """
    blocks, series = layer.groups * layer.outputs, layer.series
    _check_size(layer.name, blocks * series * (layer.positions if parallel else 1))
    if not parallel:
        return _one_patch(layer)
    parts = _parts(layer)
    each = [_block(part, layer) for part in parts]
    position, tap, pixel, tones = (np.concatenate(arrays) for arrays in zip(*each, strict=True))
    if not len(position):
        _check_size(layer.name, 0)
    order = np.lexsort((tap, position))
    position, tap, pixel, tones = (a[order] for a in (position, tap, pixel, tones))
    block = np.repeat(np.arange(blocks, dtype=np.int32), len(tap))
    position, tap, pixel, tones = (np.tile(a, blocks) for a in (position, tap, pixel, tones))
    for part in parts:
        height, width = part.of.in_shape[1:]
        own = (tap >= part.tap) & (tap < part.tap + part.taps)
        channel = block[own] if part.diagonal else block[own] // layer.outputs * part.of.weight.shape[1]
        pixel[own] += part.element + channel * np.int64(height * width)
    total = sum(int(np.prod(part.of.in_shape)) for part in parts)
    line, inputs = _lines(pixel, total)
    weight = block * np.int32(series) + tap
    grid = layer.out_shape[1], layer.out_shape[2]
    idle = total - len(inputs)
    return Usage(layer.name, blocks, grid, series, block, position, tap, line, weight, tones, inputs, idle)


def _block(part: _Part, layer: Synapses) -> tuple[Short, Short, Ints, Short]:
    """Position, tap, value of the input (as of the first channels) and tone class of a block's resonators."""
    _, height, width = part.of.in_shape
    per_group, kh, kw = part.of.weight.shape[1:]
    (top, left, _, _), (rows, columns) = part.of.padding, layer.out_shape[1:]
    py, px, c, ky, kx = np.indices((rows, columns, per_group, kh, kw), dtype=np.int32, sparse=True)
    y = py * part.of.stride[0] + ky * part.of.dilation[0] - top
    x = px * part.of.stride[1] + kx * part.of.dilation[1] - left
    inside = np.broadcast_to((y >= 0) & (y < height) & (x >= 0) & (x < width), (rows, columns, per_group, kh, kw))
    tone = (c * kh + (y + top) // part.of.dilation[0] % kh) * kw + (x + left) // part.of.dilation[1] % kw
    pixel = (c * height + y) * np.int64(width) + x
    kept = np.flatnonzero(inside.reshape(-1, part.taps))
    position, tap = (a.astype(np.int32) for a in np.divmod(kept, part.taps))
    pixels, tones = (np.broadcast_to(a, inside.shape).ravel()[kept] for a in (pixel, tone))
    return position, tap + np.int32(part.tap), pixels, (tones + part.tone).astype(np.int32)


def conflict_graph(inputs: ArrayLike) -> nx.Graph:
    """Graph of the inputs [chains, taps] (-1: no resonator) with an edge between any two that share a chain.

    Raises InputError for a chain that holds an input twice, and where the graph would be too large.
    """
    table = np.atleast_2d(np.asarray(inputs, np.int64))
    if table.shape[0] * table.shape[1] ** 2 // 2 > MOST_CONFLICTS:
        raise InputError(f"wiring: {table.shape[0]:,} chains of {table.shape[1]:,}; possible: {MOST_CONFLICTS:,} pairs")
    graph = nx.Graph()
    for number, row in enumerate(table):
        used = row[row >= 0]
        if len(np.unique(used)) < len(used):
            raise InputError(f"wiring: chain {number} holds an input twice; possible: one resonator for each input")
        graph.add_nodes_from(used.tolist())
        first, second = np.triu_indices(len(used), 1)
        graph.add_edges_from(zip(used[first].tolist(), used[second].tolist(), strict=True))
    return graph


def colour_inputs(graph: nx.Graph) -> dict[int, int]:
    """Tone class of every input such that neighbours differ: of DSATUR and smallest-last what needs fewer."""
    colourings = [nx.greedy_color(graph, strategy=s) for s in ("saturation_largest_first", "smallest_last")]
    return min(colourings, key=lambda colours: max(colours.values(), default=-1))


def wired_usage(
    inputs: ArrayLike, weights: ArrayLike | None = None, total: int | None = None, name: str = "wiring"
) -> Usage:
    """Usage of any wiring: input [chains, taps] and shared weight [chains, taps] of each resonator, -1 for none.

    All chains form one block. `weights` are numbered from 0 without gaps; by default chains share them tap by tap.
    `total` inputs must all be used. Tone classes by `colour_inputs`. Raises InputError, also for a line that reaches no
    resonator.
    """
    table = np.atleast_2d(np.asarray(inputs, np.int64))
    _check_size(name, int((table >= 0).sum()))
    chain, tap = (a.astype(np.int32) for a in np.nonzero(table >= 0))
    input_of = table[chain, tap]
    total = int(input_of.max()) + 1 if total is None else total
    if input_of.max() >= total or total > MOST_PLACED:
        raise InputError(
            f"{name}: input {int(input_of.max()):,} of {total:,}; possible: 0 ... {min(total, MOST_PLACED) - 1:,}"
        )
    idle = np.setdiff1d(np.arange(total), input_of)
    if len(idle):
        raise InputError(
            f"{name}: the line of input {idle[0]} reaches no resonator; possible: inputs that a chain uses"
        )
    colours = colour_inputs(conflict_graph(table))
    tone = np.array([colours[n] for n in range(total)], np.int32)[input_of]
    weight = tap if weights is None else np.broadcast_to(np.asarray(weights), table.shape)[chain, tap].astype(np.int32)
    if weight.min() < 0 or len(np.unique(weight)) != weight.max() + 1:
        raise InputError(f"{name}: weights must be numbered 0, 1, 2 ... without gaps")
    line, used = _lines(input_of, total)
    zero = np.zeros_like(tap)
    return Usage(name, 1, (1, len(table)), table.shape[1], zero, chain, tap, line, weight, tone, used, 0)


def tuning_pairs(usage: Usage) -> tuple[Ints, int]:
    """Pair of shared weight and tone class of each resonator, [resonators] numbered from 0, and their number."""
    _, pair = np.unique(usage.weight * np.int64(usage.tones) + usage.tone, return_inverse=True)
    return pair, int(pair.max()) + 1
