"""The chain of layers while it grows, operator by operator, and what can be folded into the layers before.

An elementwise `scale * x + offset` disappears into the weighted layer before it if only wires lie between. An
activation moves back over wires (but for wires that add zeros, where its output at zero is not zero), and over maximum
pools if it never falls.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import Layer, MaxPool, Shape, Synapses, Wiring
from resonet.netlist.network.onnx.file import MAX_ACTIVATION, MAX_ELEMENTS, NUMPY_OPSET
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.window import Windows

__all__ = ["Chain"]

MAX_LAYERS = 5000  # of hardware, not of nodes: what looks back over them stays cheap


@dataclass(slots=True)
class Chain:
    """Layers so far; `shape` is what the last operator gives for one image, without the batch (ONNX's view of it)."""

    shape: tuple[int, ...]
    opset: int
    batch: int  # images per run, fixed by the file (1 if it is open)
    layers: list[Layer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: bool = False  # a vector of values, whose batch of one was reshaped away
    made: int = 0  # values of all weights and tables

    def image(self) -> Shape:
        """Give the running shape as channels, height, width; a signal [channels, length] is an image of height 1."""
        if len(self.shape) == 2:
            return self.shape[0], 1, self.shape[1]
        if len(self.shape) != 3:
            raise InputError(
                f"needs images [channels, height, width] or signals [channels, length], gets {list(self.shape)}; "
                "possible: layers over one or two axes"
            )
        return self.shape[0], self.shape[1], self.shape[2]

    def reserve(self, values: int) -> None:
        """Count the values that a layer will hold, before they are allocated."""
        self.made += values
        if self.made > MAX_ELEMENTS:
            raise InputError(f"brings the network above the possible {MAX_ELEMENTS} weights and table entries")

    def add_synapses(
        self, layer: Synapses, shape: tuple[int, ...] | None = None, windows: Windows | None = None
    ) -> None:
        """Append a weighted layer; `shape` is ONNX's view of its output.

        The layer gets its name here, and its own copy of weight and bias, which may come as views that hold less.
        """
        self._check_shape(layer.out_shape)
        self.reserve(layer.weight.size)
        if windows is not None:
            layer = replace(layer, stride=windows.stride, dilation=windows.dilation, padding=windows.padding)
        folded = _fold_scale(self.layers[-1], layer) if self.layers and isinstance(self.layers[-1], Synapses) else None
        if folded is not None:
            layer = folded
            scale = self.layers.pop()
        name = self._name("pool" if layer.kind == "average_pool" else layer.kind)
        layer = replace(layer, name=name, weight=np.array(layer.weight, order="C"), bias=np.array(layer.bias))
        self.layers.append(_finite(layer))
        if folded is not None:
            self.notes.append(f"{scale.name} folded into {layer.name}")
        self.shape = layer.out_shape if shape is None else shape

    def add_max_pool(self, node: Node, windows: Windows) -> None:
        """Append a maximum pool; behind an activation that falls somewhere it needs chains of its own to pool."""
        image = self.image()
        if any(not layer.activation.rises for layer in self.synapses[-1:]) and not isinstance(self.layers[-1], MaxPool):
            name, size = self.synapses[-1].name, math.prod(self.shape)
            self._add_scale(node, np.ones(size), np.zeros(size))
            self.notes.append(f"{self.layers[-1].name} added: the maximum of {name} is taken behind its neurons")
        out = (image[0], *windows.out)
        self._check_shape(out)
        self.layers.append(
            MaxPool(
                name=self._name("maxpool"),
                source=node.source,
                in_shape=image,
                out_shape=out,
                kernel=windows.kernel,
                stride=windows.stride,
                dilation=windows.dilation,
                padding=windows.padding,
            )
        )
        self.shape = (out[0], out[2]) if len(self.shape) == 2 else out

    def add_wiring(self, node: Node, table: Ints) -> None:
        """Append an index table [*new shape]; tables in a row become one, and one that changes nothing goes."""
        self._check_shape(table.shape)
        self.reserve(table.size)
        index, in_shape, source = table.ravel(), self.shape, node.source
        self.shape = table.shape
        if self.layers and isinstance(last := self.layers[-1], Wiring):
            self.layers.pop()
            index = np.where(index < 0, -1, last.index[np.maximum(index, 0)])
            in_shape, source = last.in_shape, last.source
        if index.size != math.prod(in_shape) or (index != np.arange(index.size)).any():
            self.layers.append(Wiring(self._name("wiring"), source, in_shape, self.shape, index))

    def add_affine(self, node: Node, scale: Array, offset: Array) -> None:
        """Apply `scale * x + offset` (both broadcast to the running shape): in the layer before, or as a new one."""
        scale, offset = (np.broadcast_to(a, self.shape).ravel() for a in (scale, offset))
        wiring = self.layers[-1] if self.layers and isinstance(self.layers[-1], Wiring) else None
        place = len(self.layers) - (1 if wiring is None else 2)
        before = self.layers[place] if place >= 0 else None
        if isinstance(before, Synapses) and before.activation == LINEAR:
            index = np.arange(scale.size) if wiring is None else wiring.index
            folded = _fold_affine(before, index, scale, offset)
            if folded is not None:
                self.layers[place] = _finite(folded)
                self.notes.append(f"{node.op} folded into {before.name}")
                return
        self._add_scale(node, scale, offset)

    def add_activation(self, node: Node, activation: Activation) -> None:
        """Give the last weighted layer an activation, if it may have this one, or else add a layer of weights 1."""
        if node.op == "PRelu" and activation.size > 1 and self.opset < NUMPY_OPSET:
            raise InputError(
                f"has several slopes in an old file; possible: one, or a file of opset {NUMPY_OPSET} or later"
            )
        if activation == LINEAR:
            self.notes.append(f"{node.op} dropped: it changes nothing")
            return
        where = np.arange(math.prod(self.shape)) if activation.size > 1 else None  # values that its neurons have
        for place in reversed(range(len(self.layers))):
            layer = self.layers[place]
            if isinstance(layer, Synapses):
                if self._give(node, place, layer, activation, where):
                    return
                break
            if isinstance(layer, MaxPool) and not (activation.rises and where is None):
                break
            if isinstance(layer, Wiring):
                if (layer.index < 0).any() and activation.at_zero != 0:
                    break
                where = None if where is None else layer.index[where]
        self._add_neurons(node, activation)

    def _give(self, node: Node, place: int, layer: Synapses, activation: Activation, where: Ints | None) -> bool:
        """Give a layer the activation of its values `where`, behind the one it has; whether that can be."""
        if where is not None:
            wired = where >= 0
            neurons = np.full(layer.weight.shape[0], -1)
            channel, own = where[wired] // layer.positions, np.flatnonzero(wired)
            neurons[channel] = own
            laws = activation.take(own), activation.take(neurons[channel])
            if laws[0] != laws[1]:
                return False  # one channel would need two
            activation = activation.take(np.where(neurons < 0, own[0], neurons))
        both = activation if layer.activation == LINEAR else activation.after(layer.activation)
        if both is None:
            return False
        if both == layer.activation:
            why = "already ends in one" if both == activation else activation.IDLE
            self.notes.append(f"{node.op} dropped: {layer.name} {why}")
        self.layers[place] = layer.with_activation(both)
        return True

    @property
    def synapses(self) -> list[Synapses]:
        """The weighted layers so far."""
        return [layer for layer in self.layers if isinstance(layer, Synapses)]

    def _add_neurons(self, node: Node, activation: Activation) -> None:
        """Layer of weights 1 that ends in the activation; with a channel for each value where it has as many."""
        size = math.prod(self.shape)
        self._add_scale(node, np.ones(size), np.zeros(size), activation.size > 1)
        last = self.layers[-1]
        assert isinstance(last, Synapses)
        self.layers[-1] = last.with_activation(activation)

    def _add_scale(self, node: Node, scale: Array, offset: Array, each: bool = False) -> None:
        """Depthwise 1x1 layer; one channel per pixel (`each`) where the factors differ within a channel."""
        shape = self._as_image()
        rows = [a.reshape(shape[0], -1) for a in (scale, offset)]
        if len(self.shape) == 2 and not all((row == row[:, :1]).all() for row in rows):
            shape = self.image()  # a signal, whose channels may differ
            rows = [a.reshape(shape[0], -1) for a in (scale, offset)]
        if each or not all((row == row[:, :1]).all() for row in rows):
            shape = (scale.size, 1, 1)
            rows = [a.reshape(-1, 1) for a in (scale, offset)]
        self.add_synapses(
            Synapses(
                name="",
                source=node.source,
                kind="scale",
                weight=rows[0][:, :1, None, None],
                bias=rows[1][:, 0],
                in_shape=shape,
                out_shape=shape,
                groups=shape[0],
            ),
            shape=self.shape,
        )

    def _as_image(self) -> Shape:
        """Give the running shape as channels, height, width; a vector is all channels, a plane is one."""
        if len(self.shape) == 3:
            return self.image()
        if len(self.shape) == 2:
            return 1, self.shape[0], self.shape[1]
        return math.prod(self.shape), 1, 1

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if not 0 < math.prod(shape) <= MAX_ACTIVATION:
            raise InputError(f"gives {list(shape)}; possible: 1 to {MAX_ACTIVATION} values of one image")

    def _name(self, kind: str) -> str:
        """Our name of the next layer of a kind: names from the file never leave it."""
        if len(self.layers) >= MAX_LAYERS:
            raise InputError(f"brings the network above the possible {MAX_LAYERS} layers")
        same = (layer.name for layer in reversed(self.layers) if layer.name.rstrip("0123456789") == kind)
        return f"{kind}{1 + int(next(same, kind).removeprefix(kind) or 0)}"  # the last one has the highest number


def _fold_affine(layer: Synapses, index: Ints, scale: Array, offset: Array) -> Synapses | None:
    """Take `scale * x + offset` after wires `index` into the layer; None if one channel needs two values."""
    if (offset[index < 0] != 0).any():
        return None  # a zero from padding would have to become the offset
    wired = index >= 0
    channel = index[wired] // layer.positions
    factor = _per_channel(scale[wired], channel, np.ones(len(layer.bias)))
    shift = _per_channel(offset[wired], channel, np.zeros(len(layer.bias)))
    if factor is None or shift is None:
        return None
    with np.errstate(all="ignore"):  # an overflow is found by the check for finite weights
        return replace(layer, weight=layer.weight * factor[:, None, None, None], bias=layer.bias * factor + shift)


def _fold_scale(scale: Synapses, layer: Synapses) -> Synapses | None:
    """Take a scale layer into the weighted layer after it; None where that is not the same.

    Spares the hardware a layer, and an input that the scale layer would make negative.
    """
    if scale.kind != "scale" or scale.activation != LINEAR:
        return None
    if scale.out_shape[0] == 1 and math.prod(scale.out_shape) == math.prod(layer.in_shape):
        channels = layer.in_shape[0]  # one factor for all, whatever shape they have
        weight, bias = np.repeat(scale.weight, channels, axis=0), np.repeat(scale.bias, channels)
        scale = replace(scale, weight=weight, bias=bias, out_shape=layer.in_shape)
    if scale.out_shape != layer.in_shape:
        return None
    if any(layer.padding) and scale.bias.any():
        return None  # padded pixels are zero after the offset, not before
    outputs, inputs = layer.weight.shape[:2]
    channel = (np.arange(outputs) // (outputs // layer.groups))[:, None] * inputs + np.arange(inputs)
    with np.errstate(all="ignore"):  # an overflow is found by the check for finite weights
        weight = layer.weight * scale.weight[:, 0, 0, 0][channel][:, :, None, None]
        bias = layer.bias + (layer.weight.sum((2, 3)) * scale.bias[channel]).sum(1)
    return replace(layer, weight=weight, bias=bias)


def _per_channel(values: Array, channel: Ints, out: Array) -> Array | None:
    """One value per channel of `out`, or None if two elements of one channel differ."""
    out[channel] = values
    return out if (out[channel] == values).all() else None


def _finite(layer: Synapses) -> Synapses:
    if not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
        raise InputError("has weights that are NaN or infinite; possible: finite weights")
    return layer
