"""The trained network on resistive crossbars: effective weights, read noise, images.

Each layer is cut into arrays of at most `rows` inputs and `columns` bit lines, each as large as what it holds. `direct`
puts every weight where its conductance belongs; `compensated` reprograms the cells until the array, with its wires,
answers with the trained weights, as the program `coupled` does for the resonators. One gain per layer, by least squares
between effective and trained weights, stands for the amplifier behind it; nothing else is calibrated.

Every word line is driven, by 0 V for an activation of zero; so in a multiplication only bit lines can be unselected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.weights.held import HeldWeights
from resonet.models.circuit.crossbar import CrossbarArray, pair_conductances, pair_range, pair_states
from resonet.models.circuit.crossbar_network import Norton, norton, read_pairs, sense, solve_network
from resonet.models.resonator.thermal import BOLTZMANN
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses

__all__ = [
    "CROSSBAR_PROGRAMS",
    "CrossbarProgram",
    "CrossbarWeights",
    "NoisyCrossbar",
    "crossbar_weights",
    "fabricated_crossbars",
    "first_array",
    "noisy",
    "sneak",
]

CrossbarProgram = Literal["direct", "compensated"]
CROSSBAR_PROGRAMS: tuple[CrossbarProgram, ...] = ("direct", "compensated")
PASSES = 12  # of compensation; each leaves half of the error or less
FILLS = (1.0, 0.7, 0.5, 0.35)  # parts of the largest fill that are tried: less weight, less of it beyond the range
HELD = 1e-3  # RMS error, as part of the largest weight, at which no lower fill is tried
LEAST = 1e-3  # share of its ideal current below which a cell's answer is not made up for


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CrossbarWeights(HeldWeights):
    """Of crossbars."""

    program: CrossbarProgram
    spread: Array  # as values: of the product per unit of input and of relative noise of each cell
    gain: float  # effective over ideal current of a pair, least squares
    fill: float  # largest weight as part of what a pair can hold
    arrays: int
    thermal: Array  # [groups, outputs] of the product per √(4 k T B) and volt of read voltage, √(V²/W): all cells


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NoisyCrossbar(CrossbarWeights):
    """Of crossbars whose cells are noisy in every read."""

    noise: float  # relative standard deviation of a conductance
    johnson: float  # √(4 k T B) over the read voltage, √W/V; 0: none
    draw: np.random.Generator

    def answers(self, carried: Array) -> Array:
        """What one read gives, [groups, n, outputs, positions]."""
        mean, inputs = self.products(carried), carried.swapaxes(2, 3)
        variance = self.noise**2 * ((self.spread**2)[:, None] @ inputs**2)
        variance = variance + (self.johnson * self.thermal[:, None, :, None]) ** 2
        return np.asarray(mean + np.sqrt(variance) * self.draw.standard_normal(mean.shape))


def _cuts(size: int, most: int) -> list[slice]:
    """Slices of at most `most`, as even as they go."""
    parts = np.array_split(np.arange(size), -(-size // most))
    return [slice(int(part[0]), int(part[-1]) + 1) for part in parts]


def _tiles(synapses: Synapses, array: CrossbarArray) -> list[tuple[int, slice, list[slice]]]:
    """(group, outputs, [inputs of each array]) of the stacks of arrays that share their outputs."""
    groups, outputs, taps = synapses.matrix.shape
    rows = _cuts(taps, array.rows)
    return [(g, cut, rows) for g in range(groups) for cut in _cuts(outputs, array.columns // 2)]


def _read(equivalents: list[Norton], array: CrossbarArray) -> Array:
    """Siemens from every input of a stack of arrays to its bit lines, [taps, columns]."""
    end = read_pairs if array.unselected == "floating" else sense
    if array.sums == "digital":
        return np.concatenate([end(part, array) for part in equivalents])
    admittance = np.sum([part.admittance for part in equivalents], axis=0)
    return end(Norton(np.concatenate([part.transfer for part in equivalents]), admittance), array)


def _transfer(weights: Array, rows: list[slice], array: CrossbarArray) -> tuple[Array, Array]:
    """What a stack of arrays that holds weights [outputs, taps] (-1 ... 1) makes of 1 V, [taps, 2 outputs] S.

    Also the conductances of its cells, same shape: what it would be without wires.
    """
    cells = pair_conductances(weights, array)
    return _read([norton(cells[part], array) for part in rows], array), cells


def _difference(lines: Array) -> Array:
    """[taps, 2 outputs] -> [outputs, taps]."""
    return (lines[:, ::2] - lines[:, 1::2]).T


def _arrives(lines: Array, cells: Array) -> Array:
    """Share of the cells' ideal currents that reaches the amplifier, the lesser of each pair, [outputs, taps]."""
    share = np.maximum(lines / cells, LEAST)
    return np.minimum(share[:, ::2], share[:, 1::2]).T


def _largest_fill(target: Array, rows: list[slice], array: CrossbarArray) -> float:
    """Fill at which every pair could hold its weight, if less weight did not change what its cells' currents meet."""
    needed = np.abs(target) / _arrives(*_transfer(target, rows, array))
    return min(1.0, 0.98 / float(needed.max() or 1.0))


def _compensated(target: Array, rows: list[slice], array: CrossbarArray) -> tuple[Array, float]:
    """Weights to program so that the array answers with the target [outputs, taps]; the squared error that is left."""
    full, weights, best, least = pair_range(array.cell), target, target, np.inf
    for _ in range(PASSES):
        lines, cells = _transfer(weights, rows, array)
        missing = target - _difference(lines) / full
        left = float(np.sum(missing**2))
        if left > 0.98 * least:
            break
        best, least = weights, left
        weights = np.clip(weights + missing / _arrives(lines, cells), -1, 1)
    return best, least


def _programmed(
    synapses: Synapses, program: CrossbarProgram, array: CrossbarArray
) -> tuple[list[tuple[int, slice, list[slice], Array]], float]:
    """Stacks of arrays with the weights that their cells hold, and the fill, which is one for the whole layer."""
    scaled = synapses.matrix / (np.abs(synapses.matrix).max() or 1.0)
    stacks = _tiles(synapses, array)
    if program == "direct":
        return [(g, cut, rows, scaled[g, cut]) for g, cut, rows in stacks], 1.0
    largest = min(_largest_fill(scaled[g, cut], rows, array) for g, cut, rows in stacks)
    best: list[Array] = []
    least, fill = np.inf, largest
    for part in FILLS:
        tried = [_compensated(part * largest * scaled[g, cut], rows, array) for g, cut, rows in stacks]
        error = np.sqrt(sum(left for _, left in tried) / scaled.size) / (part * largest)
        if error < least:
            best, least, fill = [weights for weights, _ in tried], error, part * largest
        if error < HELD:
            break
    return [(*stack, weights) for stack, weights in zip(stacks, best, strict=True)], fill


def crossbar_weights(
    design: Design, layer: str, array: CrossbarArray, program: CrossbarProgram = "direct"
) -> CrossbarWeights:
    """Effective weights of a layer on crossbars: currents of every pair of bit lines for each input, wires and all.

    Raises InputError for a layer that is not there, arrays that are too large, cells that hold no weight.
    """
    if program not in CROSSBAR_PROGRAMS:
        raise InputError(f"crossbar program {program!r}: possible: {', '.join(CROSSBAR_PROGRAMS)}")
    entry = design.plan.layer(layer).layer
    trained, full = entry.matrix, pair_range(array.cell)
    stacks, fill = _programmed(entry, program, array)
    answer, spread = np.zeros_like(trained), np.zeros_like(trained)
    thermal = np.zeros(trained.shape[:2])
    for group, cut, rows, weights in stacks:
        lines, cells = _transfer(weights, rows, array)
        thermal[group, cut] = np.sqrt(cells[:, ::2].sum(0) + cells[:, 1::2].sum(0)) / full
        answer[group, cut] = _difference(lines) / full
        spread[group, cut] = np.hypot(lines[:, ::2], lines[:, 1::2]).T / full
    power = float(np.sum(answer**2))
    scale = float(np.sum(answer * trained)) / power if power else 0.0
    largest = float(np.abs(trained).max()) or 1.0
    gain = 1 / (scale * fill) * largest if scale else 0.0
    arrays = sum(len(rows) for _, _, rows, _ in stacks)
    return CrossbarWeights(
        layer=layer,
        values=answer * scale,
        trained=trained,
        program=program,
        spread=spread * abs(scale),
        gain=gain,
        fill=fill,
        arrays=arrays,
        thermal=thermal * abs(scale),
    )


def noisy(
    weights: Mapping[str, CrossbarWeights],
    noise: float,
    seed: int = 0,
    bandwidth: float = 0.0,
    temperature: float = 300.0,
    volts: float = 1.0,
) -> dict[str, HeldWeights]:
    """The same weights with read noise, for `forward`; all layers draw from one seeded generator.

    `noise` is the relative standard deviation of every cell's conductance, new in each read: to first order its product
    with the cell's share in the current of its line, independent from cell to cell. With a noise `bandwidth` (Hz) the
    Johnson noise of all cells of a pair of lines on top, 4 k T B ΣG (A²) at the amplifier that holds the lines at
    ground, against full currents at the read voltage `volts`. Without noise what is given.
    """
    if not noise and not bandwidth:
        return dict(weights)
    draw, johnson = np.random.default_rng(seed), float(np.sqrt(4 * BOLTZMANN * temperature * bandwidth)) / volts
    arguments = {
        name: {spec.name: getattr(layer_weights, spec.name) for spec in fields(layer_weights)}
        for name, layer_weights in weights.items()
    }
    return {
        name: NoisyCrossbar(**values, noise=noise, johnson=johnson, draw=draw) for name, values in arguments.items()
    }


def fabricated_crossbars(
    weights: Mapping[str, CrossbarWeights], spread: float, seed: int = 1
) -> dict[str, CrossbarWeights]:
    """The weights of one chip whose cells' conductances have a relative standard deviation, drawn once for all reads.

    To first order in it, as read noise is: a cell moves the product by its share in the current of its line. One gain
    a layer by least squares then stands for the amplifier, as without spread.
    """
    draw, found = np.random.default_rng(seed), {}
    for name, own in weights.items():
        values = own.values + spread * own.spread * draw.standard_normal(own.values.shape)
        square = float((values**2).sum())
        scale = float((values * own.trained).sum()) / square if square else 1.0
        found[name] = replace(own, values=scale * values, spread=abs(scale) * own.spread)
    return found


def first_array(
    design: Design, layer: str, array: CrossbarArray, program: CrossbarProgram = "direct"
) -> tuple[Array, Array]:
    """States of the cells of a layer's first array, [rows, columns], and their conductances, S."""
    _, _, rows, weights = _programmed(design.plan.layer(layer).layer, program, array)[0][0]
    return pair_states(weights, array)[rows[0]], pair_conductances(weights, array)[rows[0]]


def sneak(design: Design, layer: str, array: CrossbarArray) -> float:
    """Sneak paths when one cell of a layer's first array is read alone, the farthest from driver and amplifier.

    Above 0: share of what the amplifier gets that came through other cells; below: share of the cell's current that it
    does not get. All other lines are open (`floating`) or at 0 V (`grounded`).
    """
    _, cells = first_array(design, layer, array)
    volts, row, column = np.zeros(len(cells)), np.zeros(len(cells), bool), np.zeros(cells.shape[1], bool)
    volts[0], row[0], column[-1] = array.read_voltage, True, True
    lines = (row, column) if array.unselected == "floating" else (None, None)
    solution = solve_network(cells, volts, array, *lines)
    through, got = float(solution.device[0, -1, 0]), float(solution.output[-1, 0])
    return (got - through) / max(got, through)
