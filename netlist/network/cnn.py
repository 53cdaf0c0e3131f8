"""The trained network as plain records, and the index arithmetic that turns images into chain inputs.

Every weighted layer is a convolution: a dense layer is a 1x1 convolution on an image of 1x1 pixels, an average pool
is a depthwise convolution of equal weights. What moves data and computes nothing (flatten, transpose, pad) is a
`Wiring`: an index table.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from resonet.core.types import Array, Ints
from resonet.netlist.network.activation import Activation

__all__ = ["Cnn", "Layer", "MaxPool", "Synapses", "Wiring", "apply_wiring", "max_pool", "patches", "pool_windows"]

Shape = tuple[int, int, int]
Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Synapses:
    """One weighted layer: `y = activation(conv(x, weight) + bias)`, cross-correlation as in ONNX Conv."""

    name: str  # ours: conv1, dense1, pool1 ...; safe in file names and decks
    source: str  # the node's name in the model file, for messages only
    kind: Literal["conv", "dense", "average_pool", "scale"]
    weight: Array  # [out, in / groups, kernel_h, kernel_w]
    bias: Array  # [out]
    in_shape: Shape  # channels, height, width
    out_shape: Shape
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Sides = (0, 0, 0, 0)  # top, left, bottom, right; padded pixels are zero
    groups: int = 1
    activation: Activation = "linear"

    @property
    def matrix(self) -> Array:
        """Weights as [groups, outputs per group, taps]; a tap is (input channel of the group, row, column)."""
        return self.weight.reshape(self.groups, self.weight.shape[0] // self.groups, -1)

    @property
    def taps(self) -> int:
        """Inputs of one neuron: the number of resonators of its chain."""
        return int(np.prod(self.weight.shape[1:]))

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
    """Output element n is input element `index[n]` (both flattened, row-major), or zero where the index is -1."""

    name: str
    source: str
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    index: Ints  # [product of out_shape]


Layer = Synapses | MaxPool | Wiring


@dataclass(frozen=True, slots=True)
class Cnn:
    """A trained feed-forward network, in the order of its layers."""

    file: str
    sha256: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()  # what was folded or dropped on the way in, one line each

    @property
    def synapses(self) -> tuple[Synapses, ...]:
        """The weighted layers: those that become chains of resonators."""
        return tuple(layer for layer in self.layers if isinstance(layer, Synapses))


def apply_wiring(x: Array, layer: Wiring) -> Array:
    """Rewire a batch [n, *in_shape] to [n, *out_shape]."""
    flat = x.reshape(len(x), -1)
    out = flat[:, np.maximum(layer.index, 0)]
    out[:, layer.index < 0] = 0
    return out.reshape(len(x), *layer.out_shape)


def _windows(x: Array, kernel: Pair, layer: Synapses | MaxPool, fill: float) -> Array:
    """Sliding windows [n, channels, out_h, out_w, kernel_h, kernel_w] of a batch [n, channels, h, w] (a view)."""
    top, left, bottom, right = layer.padding
    x = x.reshape(len(x), *layer.in_shape)
    if any(layer.padding):
        x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, layer.dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    view = view[:, :, :: layer.stride[0], :: layer.stride[1], :: layer.dilation[0], :: layer.dilation[1]]
    return view[:, :, : layer.out_shape[1], : layer.out_shape[2]]


def patches(x: Array, layer: Synapses) -> Array:
    """What the chains of a layer see: batch [n, c, h, w] -> [groups, n, positions, taps] (taps ordered as `matrix`)."""
    kernel = (layer.weight.shape[2], layer.weight.shape[3])
    view = _windows(x, kernel, layer, 0.0)
    n, channels, out_h, out_w = view.shape[:4]
    view = view.reshape(n, layer.groups, channels // layer.groups, out_h, out_w, *kernel)
    return view.transpose(1, 0, 3, 4, 2, 5, 6).reshape(layer.groups, n, out_h * out_w, layer.taps)


def pool_windows(x: Array, layer: MaxPool) -> Array:
    """What each output of a pool sees: batch [n, *in_shape] -> [n, *out_shape, kernel_h, kernel_w], padding -inf."""
    return _windows(x, layer.kernel, layer, -np.inf)


def max_pool(x: Array, layer: MaxPool) -> Array:
    """Pool a batch [n, *in_shape] to [n, *out_shape]."""
    return np.asarray(pool_windows(x, layer).max(axis=(4, 5)))
