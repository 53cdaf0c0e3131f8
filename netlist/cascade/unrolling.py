"""A weighted layer with every position of its own: copies of its kernels, their inputs, and the channels of these."""

import math
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.types import Array, Ints
from resonet.netlist.cascade.stages import Pool
from resonet.netlist.network.activations.base import PIECES, Activation, Fit
from resonet.netlist.network.cnn import Addend, Synapses, Wiring, apply_wiring, patches

__all__ = ["OpenStage", "Path", "carry", "colours", "layer_copies", "most_offset", "never_negative", "rewire"]

LARGE = 1e9  # stands for any sum


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Values that are made alike, numbered one behind the other: pixels, chains of a stage, or pools of them."""

    stage: int  # IMAGE for pixels
    kind: Pool
    members: Ints  # [values, pooled] chains of the stage, -1 for none; pixels
    base: int  # number of the first value


@dataclass(frozen=True, slots=True, eq=False)
class OpenStage:
    """Chains of a layer, while nobody knows yet who takes their sums."""

    number: int  # of the layer in the network
    layer: Synapses
    copies: Synapses  # as in `Stage`
    wires: Ints  # [groups, taps] value that feeds each tap, -1 for none
    colours: Ints  # [groups, taps]
    given: Ints  # values that the layer gets, whether a tap needs them or not
    behind: str = ""

    @property
    def kernels(self) -> Ints:
        """[chains] which output channel of the layer each computes."""
        channels = np.arange(len(self.layer.weight)).reshape(self.layer.groups, -1)
        return np.repeat(channels, self.layer.positions, axis=0).ravel()


def never_negative(activation: Activation) -> bool:
    """Whether no output is below zero."""
    return activation.range(-LARGE, LARGE)[0] >= 0


def most_offset(activation: Activation) -> float:
    """Largest offset that a neuron's tone may have: minus the least output, where the oscillator's threshold ends them.

    Infinite where a transconductor ends them, or nothing does.
    """
    low = activation.range(-LARGE, LARGE)[0]
    ended = low > -LARGE and activation.neuron(Fit(PIECES, -1.0, 1.0)).curve is None
    return max(-low, 0.0) if ended else math.inf


def _at_every_position(weight: Array, synapses: Synapses) -> Array:
    """Weights [out, ...] of a layer for each of its positions: [groups * positions * outputs, taps]."""
    kernels = weight.reshape(synapses.groups, synapses.outputs, -1)
    return np.repeat(kernels, synapses.positions, axis=0).reshape(-1, kernels.shape[2])


def _addend_copies(addend: Addend, synapses: Synapses, groups: int) -> Addend:
    """The addend of a layer whose copies have that many groups."""
    weight = _at_every_position(addend.weight, synapses)
    chains, taps = weight.shape
    shape = (chains, taps, 1) if addend.diagonal else (groups * taps, 1, 1)
    weight = weight.reshape(chains, 1, taps, 1) if addend.diagonal else weight.reshape(chains, taps, 1, 1)
    return Addend(addend.source, weight, shape, diagonal=addend.diagonal)


def layer_copies(synapses: Synapses) -> Synapses:
    """The layer with each position a group of its own."""
    groups, outputs = synapses.groups, synapses.outputs
    channel = np.repeat(np.arange(groups * outputs).reshape(groups, outputs), synapses.positions, axis=0).ravel()
    weight = _at_every_position(synapses.weight, synapses)
    copies, taps = groups * synapses.positions, weight.shape[1]
    return replace(
        synapses,
        weight=weight.reshape(-1, taps, 1, 1),
        bias=np.repeat(synapses.bias.reshape(groups, outputs), synapses.positions, axis=0).ravel(),
        in_shape=(copies * taps, 1, 1),
        out_shape=(copies * outputs, 1, 1),
        stride=(1, 1),
        dilation=(1, 1),
        padding=(0, 0, 0, 0),
        groups=copies,
        raised=None if synapses.raised is None else np.repeat(synapses.raised, synapses.positions, axis=0),
        activation=synapses.activation.take(channel),
        addends=tuple(_addend_copies(addend, synapses, copies) for addend in synapses.addends),
    )


def _colours(kernel: Synapses | Addend, channels: int, positions: tuple[int, int]) -> Ints:
    """[positions, taps] channel of each tap of a kernel over that many channels, among its own."""
    height, width = kernel.weight.shape[2:]
    rows, columns = positions
    (top, left), (down, across), (dy, dx) = kernel.padding[:2], kernel.stride, kernel.dilation
    row = (np.arange(rows)[:, None] * down - top + np.arange(height) * dy) // dy % height  # [rows, height]
    column = (np.arange(columns)[:, None] * across - left + np.arange(width) * dx) // dx % width
    found = (
        np.arange(channels)[:, None, None] * height * width
        + row[:, None, None, :, None] * width
        + column[None, :, None, None, :]
    )
    return np.asarray(found.reshape(rows * columns, -1))


def colours(synapses: Synapses) -> Ints:
    """[groups * positions, taps] channel of each tap; what is added has channels behind the layer's own input."""
    parts, first = [], 0
    kernels: list[Synapses | Addend] = [synapses, *synapses.addends]
    for kernel, (count, diagonal) in zip(kernels, synapses.blocks, strict=True):
        channels = synapses.outputs if diagonal else int(kernel.weight.shape[1])
        parts.append(first + _colours(kernel, channels, synapses.out_shape[1:]))
        first += count
    return np.tile(np.concatenate(parts, axis=1), (synapses.groups, 1))


def carry(values: Ints, synapses: Synapses) -> Ints:
    """Which value each tap of each copy sees; `values` [inputs, one behind the other], -1 for none."""
    shape = (1, -1) if synapses.addends else (1, *synapses.in_shape)
    numbered = np.asarray(values + 1.0, np.float64).reshape(shape)
    return np.asarray(patches(numbered, synapses)[:, 0].reshape(-1, synapses.taps).round().astype(np.int64) - 1)


def rewire(values: Ints, wires: Wiring) -> Ints:
    """Values behind a wiring, -1 for none."""
    moved = apply_wiring(np.asarray(values + 1.0, np.float64).reshape(1, *wires.in_shape), wires)
    return np.asarray(moved.ravel().round().astype(np.int64) - 1)
