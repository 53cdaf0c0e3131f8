"""The trained network as a directed graph of plain records, and the index arithmetic from images to chain inputs.

Every weighted layer is a convolution: a dense layer is a 1x1 convolution on an image of 1x1 pixels, an average pool
is a depthwise convolution of equal weights. What moves data and computes nothing (flatten, transpose, pad) is a
`Wiring`: an index table. A residual sum is no layer either: chains add their voltages in series at DC, so what is added
to a layer's sums is an `Addend` of that layer, with weights and resonators of its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from resonet.core.types import Array, Bools, Ints
from resonet.netlist.network.activations.base import Activation, Fit
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.front import Front
from resonet.netlist.network.pixels import Pixels
from resonet.netlist.network.weight_grid import WeightGrid

if TYPE_CHECKING:
    import networkx as nx

__all__ = [
    "IMAGE",
    "Addend",
    "Cnn",
    "Layer",
    "MaxPool",
    "Synapses",
    "Wiring",
    "apply_wiring",
    "built_network",
    "fitted_layers",
    "inner_layers",
    "max_pool",
    "patches",
    "pool_windows",
    "split_inputs",
]

Shape = tuple[int, int, int]
Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Addend:
    """A second input of a weighted layer: `conv(x, weight)` is added to its sums, by resonators in the same chains.

    Of a `diagonal` one each output takes the channel of its own number only, `weight` [out, 1, kernel_h, kernel_w]: an
    identity is one resonator a neuron.
    """

    source: str  # the node's name in the model file, for messages only
    weight: Array  # [out, in / groups of the layer, kernel_h, kernel_w]
    in_shape: Shape
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Sides = (0, 0, 0, 0)
    diagonal: bool = False
    grid: WeightGrid | None = None  # that its weights were trained on


@dataclass(frozen=True, slots=True, eq=False)
class Synapses:
    """One weighted layer: `y = activation(conv(x, weight) + addends + bias)`, cross-correlation as in ONNX Conv."""

    name: str  # ours: conv1, dense1, pool1 ...; safe in file names and decks
    source: str  # the node's name in the model file, for messages only
    kind: Literal["conv", "dense", "average_pool", "scale", "sum"]
    weight: Array  # [out, in / groups, kernel_h, kernel_w]
    bias: Array  # [out]
    in_shape: Shape  # channels, height, width
    out_shape: Shape
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Sides = (0, 0, 0, 0)  # top, left, bottom, right; padded pixels are zero
    groups: int = 1
    activation: Activation = LINEAR
    addends: tuple[Addend, ...] = ()  # of its inputs behind the first
    raised: Array | None = None  # [groups, outputs] how much more than the layer's scale says its chains hold; None: 1
    grid: WeightGrid | None = None  # that its own weights were trained on

    @property
    def held(self) -> Array:
        """Weights as its chains hold them, [groups, outputs per group, taps] in units of the layer's scale."""
        return self.matrix if self.raised is None else self.matrix * self.raised[..., None]

    @property
    def matrix(self) -> Array:
        """Weights as [groups, outputs per group, taps]; a tap is (input channel of the group, row, column).

        The taps of the addends follow; of a diagonal one all but the output's own are zero, and not in the hardware.
        """
        parts = [self.weight.reshape(self.groups, self.outputs, -1)]
        for addend in self.addends:
            part = addend.weight.reshape(self.groups, self.outputs, -1)
            if addend.diagonal:
                part = (part[:, :, None, :] * np.eye(self.outputs)[:, :, None]).reshape(self.groups, self.outputs, -1)
            parts.append(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)

    @property
    def wired(self) -> Bools:
        """Which of `matrix` have resonators, same shape: all but the zeros off diagonals."""
        parts = [np.ones((self.outputs, count), bool) for count, _ in self.blocks]
        for mask, (count, diagonal) in zip(parts, self.blocks, strict=True):
            if diagonal:
                mask[:] = np.repeat(np.eye(self.outputs, dtype=bool), count // self.outputs, axis=1)
        found = np.concatenate(parts, axis=1)
        return np.broadcast_to(found, (self.groups, *found.shape))

    @property
    def resonator_weights(self) -> Array:
        """Weights that have resonators, [neurons * series], neuron by neuron."""
        return np.asarray(self.matrix[self.wired])

    @property
    def grids(self) -> tuple[WeightGrid, ...]:
        """Grids of its own weights and of its addends', of those that have one."""
        found = (self.grid, *(addend.grid for addend in self.addends))
        return tuple(grid for grid in found if grid is not None)

    @property
    def no_input(self) -> Array:
        """Zeros as a batch of one input, or of all inputs one behind the other."""
        return np.zeros((1, *self.in_shape) if not self.addends else (1, sum(math.prod(s) for s in self.inputs)))

    @property
    def outputs(self) -> int:
        """Outputs of a group."""
        return int(self.weight.shape[0]) // self.groups

    @property
    def blocks(self) -> tuple[tuple[int, bool], ...]:
        """Taps of the layer's own input and of each addend, and whether they are diagonal."""
        own = (int(np.prod(self.weight.shape[1:])), False)
        counts = (int(np.prod(a.weight.shape[1:])) * (self.outputs if a.diagonal else 1) for a in self.addends)
        return own, *((count, a.diagonal) for count, a in zip(counts, self.addends, strict=True))

    @property
    def taps(self) -> int:
        """Inputs that the chains of a group see together."""
        return sum(count for count, _ in self.blocks)

    @property
    def series(self) -> int:
        """Resonators of one neuron, in series at DC: its taps, but of a diagonal addend only its own."""
        return sum(count // (self.outputs if diagonal else 1) for count, diagonal in self.blocks)

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """Shapes of its inputs."""
        return self.in_shape, *(addend.in_shape for addend in self.addends)

    @property
    def positions(self) -> int:
        """How often the same kernel is used across the image (1 for a dense layer)."""
        return self.out_shape[1] * self.out_shape[2]

    def with_activation(self, activation: Activation) -> "Synapses":
        """Copy of the layer with that activation."""
        return replace(self, activation=activation)


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Largest value of each window; padded pixels never win. In hardware: a DC maximum circuit before the neuron."""

    name: str
    source: str
    in_shape: Shape
    out_shape: Shape
    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Sides = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """Output element n is input element `index[n]` (both flattened, row-major), or zero where the index is -1.

    Of several inputs, one lies behind the other, flattened; `in_shape` is then their number of values.
    """

    name: str
    source: str
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    index: Ints  # [product of out_shape]


Layer = Synapses | MaxPool | Wiring


IMAGE = -1  # the input of a layer that takes the image itself


@dataclass(frozen=True, slots=True)
class Cnn:
    """A trained feed-forward network: a directed acyclic graph of layers.

    `sources` holds the numbers of the layers that each layer takes, IMAGE for the image; empty for a chain, where each
    takes the one before. `output` is the number of the layer whose output is the network's.
    """

    file: str
    sha256: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()  # what was folded or dropped on the way in, one line each
    pixels: Pixels | None = None  # what it takes, where its own operators say so
    sources: tuple[tuple[int, ...], ...] = ()
    output: int = IMAGE  # IMAGE: the last layer
    head: str = ""  # name of the file's output that was asked for, where it has several
    heads: tuple[tuple[str, int], ...] = ()  # names and numbers of values of the outputs, where there are several
    front: Front | None = None  # what the sources make of a pixel; None: they send it as it is

    def sent(self, images: Array) -> Array:
        """What the sources of the pixels' tones send for images [n, *input_shape], same shape."""
        x = np.asarray(images, float)
        return x if self.front is None else self.front(x.reshape(len(x), *self.input_shape))

    @property
    def ranked(self) -> int | None:
        """How many of the outputs, from the first on, tell the class of an image; None for all of them."""
        return self.heads[0][1] if self.heads else None

    @property
    def synapses(self) -> tuple[Synapses, ...]:
        """The weighted layers: those that become chains of resonators."""
        return tuple(layer for layer in self.layers if isinstance(layer, Synapses))

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the layers that each layer takes, chain or not."""
        return self.sources or tuple((number - 1,) for number in range(len(self.layers)))

    @property
    def is_chain(self) -> bool:
        """Whether each layer takes the one before, and nothing else."""
        alone = all(not layer.addends for layer in self.synapses)
        return (
            alone
            and all(taken == (n - 1,) for n, taken in enumerate(self.inputs))
            and self.last == len(self.layers) - 1
        )

    @property
    def last(self) -> int:
        """Number of the layer whose output is the network's."""
        return len(self.layers) - 1 if self.output == IMAGE else self.output

    def graph(self) -> "nx.DiGraph[str]":
        """The layers by name, "image" first, as a networkx graph; an edge for each input, with its place `input`."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_node("image", kind="image", shape=self.input_shape)
        names = [layer.name for layer in self.layers] + ["image"]
        for layer, inputs in zip(self.layers, self.inputs, strict=True):
            graph.add_node(layer.name, kind=type(layer).__name__.lower(), shape=layer.out_shape)
            for place, number in enumerate(inputs):
                graph.add_edge(names[number], layer.name, input=place)
        return graph


def inner_layers(cnn: Cnn) -> tuple[Synapses, ...]:
    """Weighted layers with neurons behind them: those that another weighted layer takes, over pools and wires."""
    needed: set[int] = set()
    for number in reversed(range(len(cnn.layers))):
        if isinstance(cnn.layers[number], Synapses) or number in needed:
            needed.update(cnn.inputs[number])
    taken = (cnn.layers[number] for number in sorted(needed) if number != IMAGE)
    return tuple(layer for layer in taken if isinstance(layer, Synapses))


def fitted_layers(cnn: Cnn) -> list[str]:
    """Layers whose neurons are fitted to their activation: behind those that only the output needs there are none."""
    return [layer.name for layer in inner_layers(cnn) if not layer.activation.exact]


def built_network(cnn: Cnn, fits: Mapping[str, Fit]) -> Cnn:
    """The network with the activations that the hardware has where it fits them; `fits` by layer name."""
    layers = tuple(
        layer.with_activation(layer.activation.built(fits[layer.name]))
        if isinstance(layer, Synapses) and layer.name in fits
        else layer
        for layer in cnn.layers
    )
    return replace(cnn, layers=layers)


def apply_wiring(x: Array, layer: Wiring) -> Array:
    """Rewire a batch [n, *in_shape] to [n, *out_shape]."""
    flat = x.reshape(len(x), -1)
    out = flat[:, np.maximum(layer.index, 0)]
    out[:, layer.index < 0] = 0
    return out.reshape(len(x), *layer.out_shape)


def _windows(x: Array, kernel: Pair, layer: Synapses | Addend | MaxPool, out: Pair, fill: float) -> Array:
    """Sliding windows [n, channels, out_h, out_w, kernel_h, kernel_w] of a batch [n, channels, h, w] (a view)."""
    top, left, bottom, right = layer.padding
    x = x.reshape(len(x), *layer.in_shape)
    if any(layer.padding):
        x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, layer.dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    view = view[:, :, :: layer.stride[0], :: layer.stride[1], :: layer.dilation[0], :: layer.dilation[1]]
    return view[:, :, : out[0], : out[1]]


def split_inputs(x: Array, layer: Synapses) -> list[Array]:
    """The inputs of a layer, each [n, *shape], from the batch [n, ...] in which they lie one behind the other."""
    if not layer.addends:
        return [x]
    ends = np.cumsum([int(np.prod(shape)) for shape in layer.inputs])
    parts = np.split(x.reshape(len(x), -1), ends[:-1], axis=1)
    return [part.reshape(len(x), *shape) for part, shape in zip(parts, layer.inputs, strict=True)]


def patches(x: Array, layer: Synapses, padded: float = 0.0) -> Array:
    """What the chains of a layer see: batch [n, c, h, w] -> [groups, n, positions, taps] (taps ordered as `matrix`).

    Of a layer with addends, x [n, ...] holds all inputs, one behind the other. Padded pixels are `padded`.
    """
    found = []
    kernels: list[Synapses | Addend] = [layer, *layer.addends]
    for part, of in zip(split_inputs(x, layer), kernels, strict=True):
        kernel = (of.weight.shape[2], of.weight.shape[3])
        view = _windows(part, kernel, of, layer.out_shape[1:], padded)
        n, channels, out_h, out_w = view.shape[:4]
        view = view.reshape(n, layer.groups, channels // layer.groups, out_h, out_w, *kernel)
        found.append(view.transpose(1, 0, 3, 4, 2, 5, 6).reshape(layer.groups, n, out_h * out_w, -1))
    return found[0] if len(found) == 1 else np.concatenate(found, axis=3)


def pool_windows(x: Array, layer: MaxPool) -> Array:
    """What each output of a pool sees: batch [n, *in_shape] -> [n, *out_shape, kernel_h, kernel_w], padding -inf."""
    return _windows(x, layer.kernel, layer, layer.out_shape[1:], -np.inf)


def max_pool(x: Array, layer: MaxPool) -> Array:
    """Pool a batch [n, *in_shape] to [n, *out_shape]."""
    return np.asarray(pool_windows(x, layer).max(axis=(4, 5)))
