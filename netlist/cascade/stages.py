"""A network as parallel hardware: every position of a convolution has chains and neurons of its own.

Nothing is stored between layers, so each pixel and each neuron is one tone for as long as an image lasts. A tone goes
to every patch that its pixel lies in, and has one frequency in all of them: tones are coloured so that no chain sees
two inputs on one channel. For a kernel of kh x kw taps the colour (channel, row mod kh, column mod kw) does it, since
any window of that size holds each residue once; so the same kernel is programmed kh kw times, each time with its taps
on other channels.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import Cnn, MaxPool, Synapses, Wiring, apply_wiring, patches, pool_windows

__all__ = ["ParallelNetwork", "Pool", "Stage", "network_slice", "parallel_network"]

Pool = Literal["none", "average", "max"]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Chains, pooling and neurons between two layers of tones."""

    layer: Synapses  # of the network
    copies: (
        Synapses  # the same with each position a group of its own: group = group of the layer * positions + position
    )
    wires: Ints  # [groups, taps] the tone that feeds each tap, -1 where none does (padding)
    colours: Ints  # [groups, taps] the channel of each tap within the chain, 0 ... taps - 1
    pool: Pool
    members: Ints  # [neurons, pooled] chains whose DC voltages a neuron pools, -1 where none (padding)
    behind: str = ""  # layer whose activation the neurons have, if another than `layer`

    @property
    def chains(self) -> int:
        """Chains: groups x outputs of a group, in that order."""
        return len(self.copies.weight)

    @property
    def neurons(self) -> int:
        """Neurons: tones of the next stage, or logits."""
        return len(self.members)

    @property
    def original_group(self) -> Ints:
        """[groups] group of the network's layer that a copy stands for."""
        return np.repeat(np.arange(self.layer.groups), self.layer.positions)

    @property
    def first(self) -> Ints:
        """[neurons] a chain of each neuron: all of a pool hold the same kernel."""
        return np.asarray(self.members.max(1))

    @property
    def bias(self) -> Array:
        """[neurons] trained bias."""
        return np.asarray(self.copies.bias[self.first])

    @property
    def activation(self) -> Activation:
        """Trained activation of the neurons."""
        return self.copies.activation.take(self.first)

    @property
    def activation_layer(self) -> str:
        """Name of the layer whose activation that is."""
        return self.behind or self.layer.name


@dataclass(frozen=True, slots=True, eq=False)
class ParallelNetwork:
    """A network as stages, from the pixels' tones to the logits."""

    cnn: Cnn
    stages: tuple[Stage, ...]
    outputs: Ints  # [logits] neuron of the last stage behind each

    @property
    def copies(self) -> Cnn:
        """The chains alone, to plan and program them: what lies between them is in `stages`."""
        return replace(self.cnn, layers=tuple(stage.copies for stage in self.stages))


def _copies(synapses: Synapses) -> Synapses:
    """The layer with each position a group of its own."""
    groups, outputs, taps = synapses.matrix.shape
    channel = np.repeat(np.arange(groups * outputs).reshape(groups, outputs), synapses.positions, axis=0).ravel()
    matrix = np.repeat(synapses.matrix, synapses.positions, axis=0)  # [groups * positions, outputs, taps]
    return replace(
        synapses,
        weight=matrix.reshape(-1, taps, 1, 1),
        bias=np.repeat(synapses.bias.reshape(groups, outputs), synapses.positions, axis=0).ravel(),
        in_shape=(len(matrix) * taps, 1, 1),
        out_shape=(len(matrix) * outputs, 1, 1),
        stride=(1, 1),
        dilation=(1, 1),
        padding=(0, 0, 0, 0),
        groups=len(matrix),
        raised=None if synapses.raised is None else np.repeat(synapses.raised, synapses.positions, axis=0),
        activation=synapses.activation.take(channel),
    )


def _colours(synapses: Synapses) -> Ints:
    """[groups * positions, taps] channel of each tap."""
    channels, height, width = synapses.weight.shape[1:]
    rows, columns = synapses.out_shape[1:]
    (top, left), (down, across), (dy, dx) = synapses.padding[:2], synapses.stride, synapses.dilation
    row = (np.arange(rows)[:, None] * down - top + np.arange(height) * dy) // dy % height  # [rows, height]
    column = (np.arange(columns)[:, None] * across - left + np.arange(width) * dx) // dx % width
    colours = (
        np.arange(channels)[:, None, None] * height * width
        + row[:, None, None, :, None] * width
        + column[None, :, None, None, :]
    )
    return np.tile(colours.reshape(rows * columns, -1), (synapses.groups, 1))


def _carry(tones: Ints, synapses: Synapses) -> Ints:
    """Which tone each tap of each copy sees; `tones` [values of the image], -1 for none."""
    image = np.asarray(tones + 1.0, np.float64).reshape(1, *synapses.in_shape)
    return np.asarray(patches(image, synapses)[:, 0].reshape(-1, synapses.taps).round().astype(np.int64) - 1)


def _is_wired_average(before: Synapses, synapses: Synapses) -> bool:
    """Whether an average pool can be made by tying chains together.

    Nothing nonlinear and no padding may lie between, and no chain may be tied to two neurons.
    """
    reach = ((k - 1) * d + 1 for k, d in zip(synapses.weight.shape[2:], synapses.dilation, strict=True))
    alone = all(
        n == 1 or step >= size for n, step, size in zip(synapses.out_shape[1:], synapses.stride, reach, strict=True)
    )
    return synapses.kind == "average_pool" and before.activation == LINEAR and not any(synapses.padding) and alone


class _Builder:
    """Walks the layers and keeps which chain or neuron stands behind each value of the running image."""

    def __init__(self, inputs: int) -> None:
        self.stages: list[Stage] = []
        self.tones = np.arange(inputs)  # [values] tone behind each value of the running image
        self.image: Ints | None = None  # [values, pooled] chains of the open stage behind each value

    def weighted(self, synapses: Synapses) -> None:
        """A layer of chains, or an average pool that ties the open stage's chains together."""
        if self.stages and self.image is not None and _is_wired_average(self.stages[-1].layer, synapses):
            self._pool(
                patches(self._square(synapses.in_shape), synapses).reshape(-1, synapses.taps), "average", synapses
            )
            return
        self.close()
        wires = _carry(self.tones, synapses)
        copies = _copies(synapses)
        outputs = synapses.weight.shape[0] // synapses.groups
        self.stages.append(Stage(synapses, copies, wires, _colours(synapses), "none", np.empty((0, 1), np.int64)))
        chains = np.arange(len(copies.weight)).reshape(synapses.groups, synapses.positions, outputs)
        self.image = chains.swapaxes(1, 2).reshape(-1, 1)

    def max_pool(self, pool: MaxPool) -> None:
        """A maximum of the open stage's chains."""
        if self.image is None:
            raise InputError(f"layer {pool.name}: a maximum of the image itself; possible: behind a weighted layer")
        windows = pool_windows(self._square(pool.in_shape), pool)
        self._pool(windows.reshape(-1, pool.kernel[0] * pool.kernel[1]), "max", None)

    def wiring(self, wires: Wiring) -> None:
        """Wires that move values about."""
        if self.image is None:
            self.tones = _rewire(self.tones, wires)
        else:
            self.image = np.stack([_rewire(column, wires) for column in self.image.T], axis=1)

    def _square(self, shape: tuple[int, ...]) -> Array:
        """The running image as numbers from 1, 0 for none."""
        if self.image is None or self.image.shape[1] != 1:
            name = self.stages[-1].layer.name
            raise InputError(f"layer {name}: pooled twice before its neurons; possible: one pool between two layers")
        return np.asarray(self.image[:, 0] + 1.0, np.float64).reshape(1, *shape)

    def _pool(self, windows: Array, pool: Pool, average: Synapses | None) -> None:
        stage = self.stages[-1]
        self.image = np.where(np.isfinite(windows), windows, 0).round().astype(np.int64) - 1
        copies = stage.copies if average is None else _with_average(stage, average, self.image)
        self.stages[-1] = replace(stage, pool=pool, copies=copies, behind=average.name if average else "")

    def close(self) -> None:
        """Put neurons behind the values of the running image: they are the tones from here on."""
        if self.image is None:
            return
        used, where = np.unique(self.image, axis=0, return_inverse=True)
        none = np.asarray((used < 0).all(1))
        number = np.cumsum(~none) - 1
        self.tones = np.where(none[where.ravel()], -1, number[where.ravel()])
        self.stages[-1] = replace(self.stages[-1], members=used[~none])
        self.image = None


def _with_average(stage: Stage, average: Synapses, members: Ints) -> Synapses:
    """Chains of a stage whose average is taken: bias and activation of the pool are theirs."""
    channel = np.arange(len(average.bias)).repeat(len(members) // len(average.bias))
    bias = stage.copies.bias.copy()
    bias[members] += average.bias[channel][:, None]
    its = np.zeros(len(bias), np.int64)
    its[members] = channel[:, None]
    return replace(stage.copies, bias=bias, activation=average.activation.take(its))


def _rewire(values: Ints, wires: Wiring) -> Ints:
    moved = apply_wiring(np.asarray(values + 1.0, np.float64).reshape(1, *wires.in_shape), wires)
    return np.asarray(moved.ravel().round().astype(np.int64) - 1)


def _check_colours(stage: Stage) -> None:
    """One tone, one channel."""
    used = stage.wires >= 0
    pairs = np.unique(np.stack([stage.wires[used], stage.colours[used]]), axis=1)
    if len(np.unique(pairs[0])) < pairs.shape[1]:
        raise InputError(
            f"layer {stage.layer.name}: a tone would need two frequencies at once; possible: wiring that uses each "
            "value once"
        )


def parallel_network(cnn: Cnn) -> ParallelNetwork:
    """Stages of a network. Raises InputError where the layers cannot follow each other without memory."""
    if not cnn.is_chain:
        raise InputError(
            f"{cnn.file}: layers branch or add up; possible as parallel hardware of this version: a chain of layers "
            "(all other commands take branches)"
        )
    builder = _Builder(int(np.prod(cnn.input_shape)))
    for layer in cnn.layers:
        match layer:
            case Synapses():
                builder.weighted(layer)
            case MaxPool():
                builder.max_pool(layer)
            case Wiring():
                builder.wiring(layer)
    builder.close()
    for stage in builder.stages:
        _check_colours(stage)
    return ParallelNetwork(cnn, tuple(builder.stages), builder.tones)


def network_slice(cnn: Cnn, outputs: int, position: tuple[int, int] | None = None, inputs: int | None = None) -> Cnn:
    """The first two convolutions of a network, cut down to one position of the second and its first `outputs`.

    position: row and column in the second layer's output, default its middle; `inputs` keeps the first channels of the
    first layer only (default all). The result takes a whole image and gives the second layer's sums before its
    activation. Raises InputError where the network does not begin with two convolutions.
    """
    weighted = cnn.synapses[:2]
    if [synapses.kind for synapses in weighted] != ["conv", "conv"] or cnn.layers[:2] != weighted:
        raise InputError(f"{cnn.file}: a slice needs two convolutions in a row at the start of the network")
    first, second = weighted
    if first.groups * second.groups != 1 or any(first.padding) or any(second.padding):
        raise InputError(f"{cnn.file}: a slice needs convolutions without groups and padding")
    row, column = (n // 2 for n in second.out_shape[1:]) if position is None else position
    keep = first.weight.shape[0] if inputs is None else inputs
    limits = (second.out_shape[1], second.out_shape[2], first.weight.shape[0] + 1, second.weight.shape[0] + 1)
    if not all(0 <= n < limit for n, limit in zip((row, column, keep, outputs), limits, strict=True)) or not (
        keep and outputs
    ):
        raise InputError(
            f"{cnn.file}: slice at row {row}, column {column} of {keep} inputs and {outputs} outputs; possible: below "
            f"{limits[0]}, {limits[1]}, 1 ... {limits[2] - 1}, 1 ... {limits[3] - 1}"
        )
    reach = [(k - 1) * d + 1 for k, d in zip(second.weight.shape[2:], second.dilation, strict=True)]
    pixels = [
        (r - 1) * s + (k - 1) * d + 1
        for r, s, k, d in zip(reach, first.stride, first.weight.shape[2:], first.dilation, strict=True)
    ]
    corner = [n * a * b for n, a, b in zip((row, column), second.stride, first.stride, strict=True)]
    channels, height, width = first.in_shape
    grid = np.arange(channels * height * width).reshape(channels, height, width)
    grid = grid[:, corner[0] : corner[0] + pixels[0], corner[1] : corner[1] + pixels[1]]
    crop = Wiring("crop1", first.source, first.in_shape, grid.shape, grid.ravel())
    first = replace(
        first,
        raised=None if first.raised is None else first.raised[:, :keep],
        weight=first.weight[:keep],
        bias=first.bias[:keep],
        in_shape=(channels, pixels[0], pixels[1]),
        out_shape=(keep, reach[0], reach[1]),
    )
    second = replace(
        second,
        raised=None if second.raised is None else second.raised[:, :outputs],
        weight=second.weight[:outputs, :keep],
        bias=second.bias[:outputs],
        in_shape=first.out_shape,
        out_shape=(outputs, 1, 1),
        activation=LINEAR,
    )
    return replace(cnn, layers=(crop, first, second), notes=(*cnn.notes, "a slice of two convolutions"))
