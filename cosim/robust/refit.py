"""Calibration around known faults: what a dead resonator held is taken over by the others of its chain.

After a chip is tuned (`calibrated`), some of its weights are still wrong and cannot be helped: those of stuck, shorted
and open resonators, of dead tones. Inputs of a layer are not independent of each other, so that the weights that can
still be moved may make up for those that cannot. Layer by layer, from the image on, with what the hardware before it
really sends (x) and the sums that the trained network has for the same images (y):

    minimise over the free weights f and the bias b    E |w·x + b - y|² + λ |w_f - w_f,trained|²,
    (C_ff + λ 1) w_f = c_f - C_fh w_h + λ w_f,trained,      b = E y - w·E x,                                       (1)

C the covariance of x, c that of x and y, h the weights that are what they are; λ is a part of the mean of C's diagonal.
The chip is then tuned to these weights in the place of the trained ones, and gain of the layer and biases are trimmed
on the same images. A neuron that is lost altogether keeps the mean of its sums as its bias: a constant, which the next
layer's weights take into account; a lost output of the network the constant at which most images get the class that the
trained network gives them: it wins where all others are low. A dead oscillator sends nothing.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from resonet.core.types import Array, Bools
from resonet.cosim.calibration.chip_tuning import TuningOptions, tune_layer
from resonet.cosim.chips.neurons import neuron_errors
from resonet.cosim.chips.weights import chip_engine, chip_network
from resonet.cosim.montecarlo.levels import ChipLevel, chip_levels, limited_gain
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.held import HeldWeights
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.faulty import movable
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.forward import activate, propagate, software_layer
from resonet.netlist.planning.frequency_plan import LayerPlan
from resonet.netlist.programming.methods import LayerProgram, Method, Program

__all__ = ["MOST_IMAGES", "refitted"]

MOST_IMAGES = 1000
MOST_ROWS = 100_000  # inputs of a layer that count
LOST = 0.01  # of the largest weight: a neuron all of whose weights are below that is lost
RIDGE = 1e-3  # λ, part of the mean variance of an input


def _with_matrix(layer: Synapses, matrix: Array) -> Synapses:
    """A layer with other weights, [groups, outputs, taps]."""
    first, parts = 0, []
    for count, diagonal in layer.blocks:
        part = matrix[..., first : first + count]
        if diagonal:
            own = part.reshape(layer.groups, layer.outputs, layer.outputs, -1)
            part = np.einsum("gjjk->gjk", own)
        parts.append(part)
        first += count
    addends = tuple(
        replace(addend, weight=part.reshape(addend.weight.shape))
        for addend, part in zip(layer.addends, parts[1:], strict=True)
    )
    return replace(layer, weight=parts[0].reshape(layer.weight.shape), addends=addends)


def _rows(held: HeldWeights, synapses: Synapses, x: Array, design: Design) -> Array:
    """What the tones of a layer carry above the zero input, trained units, [groups, n * positions, taps]."""
    scale = design.scales[synapses.name]
    carried = held.carried(synapses, x, scale)
    rows = scale.full_scale * (carried - held.carried(synapses, synapses.no_input, scale))
    return np.asarray(rows.reshape(rows.shape[0], -1, rows.shape[3]))


def _fitted(rows: Array, sums: Array, trained: Array, now: Array, free: Bools) -> Array:
    """Weights of one group by eq. 1, [outputs, taps]; `now` counts where they are not free."""
    from scipy.linalg import cho_factor, cho_solve

    x, y = rows - rows.mean(0), sums - sums.mean(0)
    covariance, target = x.T @ x / len(x), y.T @ x / len(x)
    ridge = RIDGE * float(np.mean(np.diag(covariance))) or 1.0
    found = np.where(free, trained, now)
    patterns, which = np.unique(free, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        of = np.flatnonzero(which.ravel() == number)
        if not pattern.any():
            continue
        factor = cho_factor(covariance[np.ix_(pattern, pattern)] + ridge * np.eye(int(pattern.sum())))
        right = target[np.ix_(of, pattern)] - now[np.ix_(of, ~pattern)] @ covariance[np.ix_(~pattern, pattern)]
        right += ridge * trained[np.ix_(of, pattern)]
        found[np.ix_(of, pattern)] = cho_solve(factor, right.T).T
    return found


def _limited(design: Design, entry: LayerPlan, program: LayerProgram, weights: Array) -> Array:
    """Weights as far as a resonator can hold them."""
    raised = 1.0 if entry.layer.raised is None else entry.layer.raised[..., None]
    most = design.plan.device.sensitivity / (program.weight_scale * raised)
    return np.asarray(np.clip(weights, -most, most))


def _trimmed(held: HeldWeights, rows: Array, sums: Array, dark: Bools, bias: Array) -> tuple[HeldWeights, float]:
    """A layer with its gain and its biases trimmed on images, and that gain; `dark` neurons send nothing."""
    answers = np.einsum("gnt,got->gno", rows, held.values)
    off, wanted = answers - answers.mean(1, keepdims=True), sums - sums.mean(1, keepdims=True)
    lit = ~dark[:, None, :]
    product, square = float((off * wanted * lit).sum()), float((off**2 * lit).sum())
    gain = limited_gain(held.layer, product, square)
    shift = np.where(dark, -bias, sums.mean(1) - gain * answers.mean(1))
    return replace(held, values=gain * held.values, shift=shift), gain


def _constants(held: HeldWeights, logits: Array, wanted: Array, ranked: int | None) -> HeldWeights:
    """Outputs of the network that are lost, at the constants that tell most images' classes.

    logits [n, outputs] as the hardware has them, wanted [n, outputs] of the trained network.
    """
    largest = np.abs(held.values).max((0, 2))
    lost = np.flatnonzero(largest < LOST * np.abs(held.trained).max())
    lost, logits = lost[lost < (ranked or logits.shape[1])], logits[:, :ranked].copy()
    if held.shift is None or not len(lost) or logits.shape[1] < 2:
        return held
    classes, shift = wanted[:, :ranked].argmax(1), held.shift.copy()
    now = logits[:, lost].mean(0)
    logits[:, lost] = -np.inf
    for output, constant in zip(lost, now, strict=True):
        most, right = logits.max(1), logits.argmax(1) == classes
        order = np.argsort(most)
        # With a constant behind the first m of them these get the lost class, the others keep theirs.
        won = (classes == output)[order].astype(int) - right[order].astype(int)
        m = int(np.concatenate([[0], np.cumsum(won)]).argmax())
        ends = most[order]
        best = ends[0] - 1 if m == 0 else ends[-1] + 1 if m == len(ends) else (ends[m - 1] + ends[m]) / 2
        if np.isfinite(best):
            shift[0, output] += best - constant
            logits[:, output] = best
    return replace(held, shift=shift)


class _Refit:
    """Fits layer after layer while images go through the hardware."""

    def __init__(
        self, design: Design, method: Method, chip: Chip, sums: Mapping[str, Array], tuning: TuningOptions
    ) -> None:
        self.design, self.method, self.chip, self.sums = design, method, chip, sums
        self.tuning, self.engine = tuning, chip_engine(chip)
        self.first = chip_levels(design, method, chip, ("calibrated",), tuning)["calibrated"]
        self.held: dict[str, HeldWeights] = {}
        self.gains: dict[str, float] = {}
        self.programs: dict[str, LayerProgram] = {}
        self.at_end = 0

    def layer(self, synapses: Synapses, x: Array) -> Array:
        """Fit a layer for its inputs x [n, *in_shape], and what its neurons then give."""
        name, design = synapses.name, self.design
        entry, own = design.plan.layer(name), self.chip.layer(name)
        start = design.program(self.method).layer(name)
        rows, sums = _rows(self.first.held[name], synapses, x, design), self.sums[name]
        sums = sums.transpose(0, 1, 3, 2).reshape(sums.shape[0], -1, sums.shape[2])
        step = -(-rows.shape[1] // MOST_ROWS)
        rows, sums = rows[:, ::step], sums[:, ::step]
        free, now = movable(entry, self.chip), self.first.held[name].values
        wanted = np.stack([_fitted(*of) for of in zip(rows, sums, entry.layer.matrix, now, free, strict=True)])
        layer = _with_matrix(entry.layer, _limited(design, entry, start, wanted))
        tuned = tune_layer(design.plan, replace(entry, layer=layer), start, self.chip, self.engine, self.tuning)
        self.at_end += tuned.at_end
        network = chip_network(design, Program(self.method, (tuned.program,)), self.chip, tuned=True)
        held = effective_weights(network, name, self.method, engine=self.engine)
        held = replace(neuron_errors(network, held, self.chip), shift=None)
        power = own.neurons.get("oscillator_power")
        dark = np.zeros(held.values.shape[:2], bool) if power is None else power == 0
        bias = entry.layer.bias.reshape(dark.shape)
        self.held[name], self.gains[name] = _trimmed(held, rows, sums, dark, bias)
        if name == design.cnn.layers[-1].name and synapses.positions == synapses.groups == 1:
            logits = self.held[name].sums(synapses, x, design.scales[name])[0, :, :, 0] + synapses.bias
            wanted = self.sums[name][0, :, :, 0] + synapses.bias
            self.held[name] = _constants(self.held[name], logits, wanted, design.cnn.ranked)
        scale = tuned.program.weight_scale / self.gains[name]
        self.programs[name] = replace(tuned.program, weight_scale=scale)
        return activate(synapses, self.held[name].sums(synapses, x, design.scales[name]))


def refitted(
    design: Design, method: Method, chip: Chip, images: Array, tuning: TuningOptions | None = None
) -> ChipLevel:
    """A chip calibrated around its faults on images [n, *input_shape], of which the first `MOST_IMAGES` count.

    Raises InputError, EngineError.
    """
    images, sums = images[:MOST_IMAGES], dict[str, Array]()

    def trained(synapses: Synapses, x: Array) -> Array:
        held = HeldWeights(layer=synapses.name, values=synapses.matrix, trained=synapses.matrix)
        sums[synapses.name] = held.sums(synapses, x, design.scales[synapses.name])
        return software_layer(synapses, x)

    propagate(design.built, images, trained, batch=len(images))
    fit = _Refit(design, method, chip, sums, tuning or TuningOptions())
    propagate(design.built, images, fit.layer, batch=len(images))
    layers = tuple(fit.programs[entry.layer.name] for entry in design.plan.layers)
    network = chip_network(design, Program(method, layers), chip, tuned=True)
    held = {entry.layer.name: fit.held[entry.layer.name] for entry in design.plan.layers}
    return ChipLevel(network, held, fit.gains, fit.at_end)
