"""The circuit of a network as an ONNX graph in float32, for a runtime: what `forward` does in float64 with numpy.

    sums = W [clip(x, -offset, F - offset) - clip(0, ...)]        F the full scale: the law of a layer (held.py)

Padding comes behind the clip, so that it is zero for any offset. Weights are constants of the graph: runtimes lay these
out for the processor once, and are then twice as fast as with weights as inputs. What the graph cannot say is
`Inexpressible`, with the reason.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from resonet.core.types import Array
from resonet.cosim.weights.float32_nodes import Float32Graph, Inexpressible, Shape, activated
from resonet.cosim.weights.float32_pools import diode_pooled
from resonet.cosim.weights.held import HeldWeights, PositionWeights
from resonet.cosim.weights.maxima import DiodePools
from resonet.netlist.network.cnn import IMAGE, Addend, Cnn, Layer, MaxPool, Synapses, Wiring
from resonet.netlist.planning.scales import InputScale

__all__ = ["BEYOND", "float32_graph"]

BEYOND = 1e-9  # of full scale: how far beyond an input counts as cut off
ANY = 1e30  # stands for any sum


def _reach(of: Synapses | Addend | MaxPool, kernel: Sequence[int], axis: int) -> int:
    """Outputs along an axis of an image, without those that the layer leaves out."""
    top, left, bottom, right = of.padding
    room = of.in_shape[1 + axis] + ((top + bottom), (left + right))[axis]
    return (room - (kernel[axis] - 1) * of.dilation[axis] - 1) // of.stride[axis] + 1


def _cut(graph: Float32Graph, source: str, of: Synapses | Addend | MaxPool, kernel: Sequence[int], out: Shape) -> str:
    """The first of the outputs [n, channels, height, width], as many as the layer has."""
    if (_reach(of, kernel, 0), _reach(of, kernel, 1)) == tuple(out[1:]):
        return source
    ends = [graph.hold(np.array(row)) for row in ([0, 0], list(out[1:]), [2, 3])]
    return graph.put("Slice", [source, *ends])


def _window(of: Synapses | Addend | MaxPool) -> dict[str, Any]:
    return {"strides": list(of.stride), "dilations": list(of.dilation), "pads": list(of.padding)}


def _kernels(layer: Synapses, values: Array) -> list[tuple[Array, int]]:
    """Weights [groups, outputs, taps] of a layer and of its addends as kernels [out, in / groups, h, w], and groups."""
    found, start, own = [], 0, np.arange(layer.outputs)
    kernels: list[Synapses | Addend] = [layer, *layer.addends]
    for of, (count, diagonal) in zip(kernels, layer.blocks, strict=True):
        part, groups = values[:, :, start : start + count], layer.groups
        start += count
        if diagonal:
            each = part.reshape(groups, layer.outputs, layer.outputs, -1)
            if not each[:, ~np.eye(layer.outputs, dtype=bool)].any():
                part, groups = each[:, own, own], groups * layer.outputs
        kernel = of.weight.shape[2:]
        found.append((part.reshape(layer.groups * layer.outputs, -1, *kernel), groups))
    return found


def _is_dense(layer: Synapses | Addend, groups: int, out: Shape) -> bool:
    """Whether every output takes the whole input."""
    whole = tuple(layer.weight.shape[2:]) == tuple(layer.in_shape[1:])
    return whole and groups == 1 and not any(layer.padding) and tuple(out[1:]) == (1, 1)


def _bias(layer: Synapses, held: HeldWeights) -> Array:
    """What stands on the sums of every output, [outputs of all groups]."""
    return layer.bias if held.shift is None else layer.bias + held.shift.ravel()


def _convolved(graph: Float32Graph, layer: Synapses, parts: Sequence[str], held: HeldWeights) -> str:
    """Sums plus bias [n, *out_shape] of inputs [n, *in_shape] each."""
    total = ""
    kernels: list[Synapses | Addend] = [layer, *layer.addends]
    for part, of, (kernel, groups) in zip(parts, kernels, _kernels(layer, held.values), strict=True):
        bias = [] if total else [graph.hold(_bias(layer, held))]
        if _is_dense(of, groups, layer.out_shape):
            weight = graph.hold(kernel.reshape(len(kernel), -1))
            found = graph.reshape(graph.put("Gemm", [graph.flat([part]), weight, *bias], transB=1), layer.out_shape)
        else:
            found = graph.put("Conv", [part, graph.hold(kernel), *bias], group=groups, **_window(of))
            found = _cut(graph, found, of, kernel.shape[2:], layer.out_shape)
        total = graph.put("Add", [total, found]) if total else found
    return total


def _by_position(graph: Float32Graph, layer: Synapses, parts: Sequence[str], held: HeldWeights) -> str:
    """The same with weights [groups, positions, outputs, taps] of every position's own."""
    if layer.addends or layer.groups > 1:
        raise Inexpressible(f"layer {layer.name} has weights of every position's own for several inputs")
    taps = int(np.prod(layer.weight.shape[1:]))
    pick = np.eye(taps).reshape(taps, *layer.weight.shape[1:])
    seen = graph.put("Conv", [parts[0], graph.hold(pick)], **_window(layer))
    seen = _cut(graph, seen, layer, layer.weight.shape[2:], layer.out_shape)
    seen = graph.put("Transpose", [graph.reshape(seen, (taps, layer.positions))], perm=[2, 0, 1])
    sums = graph.put("MatMul", [seen, graph.hold(held.values[0].swapaxes(1, 2))])  # [positions, n, outputs]
    sums = graph.reshape(graph.put("Transpose", [sums], perm=[1, 2, 0]), layer.out_shape)
    return graph.put("Add", [sums, graph.hold(_bias(layer, held)[:, None, None])])


def _pooled(graph: Float32Graph, layer: MaxPool, source: str) -> str:
    if any(pad >= kernel for pad, kernel in zip(layer.padding, layer.kernel * 2, strict=True)):
        raise Inexpressible(f"layer {layer.name} pools padding alone")
    found = graph.put("MaxPool", [source], kernel_shape=list(layer.kernel), **_window(layer))
    return _cut(graph, found, layer, layer.kernel, layer.out_shape)


def _wired(graph: Float32Graph, layer: Wiring, source: str) -> str:
    index = layer.index
    if not np.array_equal(index, np.arange(int(np.prod(layer.in_shape)))):
        source = graph.put("Gather", [source, graph.hold(np.maximum(index, 0))], axis=1)
        if (index < 0).any():
            source = graph.put("Mul", [source, graph.hold((index >= 0).astype(float))])
    return graph.reshape(source, layer.out_shape)


class _Writer:
    """Layers of a network into a graph, one after another."""

    def __init__(
        self,
        cnn: Cnn,
        held: Mapping[str, HeldWeights],
        scales: Mapping[str, InputScale] | None,
        sent: tuple[float, float] | None,
        maxima: DiodePools | None,
    ) -> None:
        self.held, self.scales, self.watched, self.graph = held, scales, sent is not None, Float32Graph()
        self.maxima, self.pooled = maxima, dict[int, str]()  # what maxima pool, by layer number: [n, values]
        self.values: dict[int, tuple[str, Shape]] = {IMAGE: ("image", (int(np.prod(cnn.input_shape)),))}
        self.ranges = {IMAGE: sent or (-np.inf, np.inf)}

    def inputs(self, shapes: Sequence[Shape], sources: Sequence[int]) -> list[str]:
        """Inputs of a layer, each [n, *shape], from the layers that it takes."""
        taken = [self.values[source] for source in sources]
        sizes = [int(np.prod(shape)) for shape in shapes]
        if [int(np.prod(shape)) for _, shape in taken] == sizes:
            rows = [(name, tuple(shape) == tuple(wanted)) for (name, shape), wanted in zip(taken, shapes, strict=True)]
        else:
            flat = self.graph.flat([name for name, _ in taken])
            ends = np.cumsum([0, *sizes])
            rows = [(self._part(flat, int(a), int(b), len(sizes)), False) for a, b in pairwise(ends)]
        return [
            name if same else self.graph.reshape(name, tuple(shape))
            for (name, same), shape in zip(rows, shapes, strict=True)
        ]

    def _part(self, flat: str, start: int, end: int, parts: int) -> str:
        if parts == 1:
            return flat
        return self.graph.put("Slice", [flat, *(self.graph.hold(np.array([n])) for n in (start, end, 1))])

    def layer(self, number: int, layer: Layer, sources: Sequence[int]) -> None:
        """Write one layer."""
        ends = [self.ranges[source] for source in sources]
        low, high = min(0.0, *(end[0] for end in ends)), max(0.0, *(end[1] for end in ends))
        match layer:
            case Synapses():
                parts = self.inputs(layer.inputs, sources)
                sums = self.sums(layer, parts, (low, high))
                self.pooled[number] = sums
                found = activated(self.graph, layer.activation, sums)
                known = layer.activation.exact or layer.activation.straight is not None
                low, high = layer.activation.range(-ANY, ANY) if known else (-np.inf, np.inf)
            case MaxPool():
                found = _pooled(self.graph, layer, self.inputs([layer.in_shape], sources)[0])
                if self.maxima is not None:
                    found, self.pooled[number] = diode_pooled(self.graph, layer, found, self.maxima, self.pooled)
            case Wiring():
                found = _wired(self.graph, layer, self.graph.flat([self.values[source][0] for source in sources]))
        self.values[number], self.ranges[number] = (found, layer.out_shape), (low, high)
        self.graph.widest = max(self.graph.widest, int(np.prod(layer.out_shape)))

    def sums(self, layer: Synapses, parts: Sequence[str], ends: tuple[float, float]) -> str:
        """Sums plus bias of a weighted layer by what its hardware holds."""
        held = self.held[layer.name]
        if self.scales is not None:
            parts = self._carried(layer, parts, self.scales[layer.name], ends)
        kind = type(held)
        if (kind.answers, kind.carried) != (HeldWeights.answers, HeldWeights.carried):
            raise Inexpressible(f"layer {layer.name} is of {kind.__name__}")
        if kind.products is HeldWeights.products:
            return _convolved(self.graph, layer, parts, held)
        if kind.products is PositionWeights.products:
            return _by_position(self.graph, layer, parts, held)
        raise Inexpressible(f"layer {layer.name} is of {kind.__name__}")

    def _carried(
        self, layer: Synapses, parts: Sequence[str], scale: InputScale, ends: tuple[float, float]
    ) -> list[str]:
        """What the tones carry of a layer's inputs, in its units, zero for zero."""
        low, high = -scale.offset, scale.full_scale - scale.offset
        room, watched = BEYOND * scale.full_scale, dict[str, str]()
        if self.watched:
            watched |= {"high": "ReduceMax"} if ends[1] > high + room else {}
            watched |= {"low": "ReduceMin"} if ends[0] < low - room else {}
        if watched:
            whole = self.graph.flat(parts)
            axis = self.graph.hold(np.array([1]))
            self.graph.ends[layer.name] = {
                end: self.graph.put(op, [whole, axis], keepdims=0) for end, op in watched.items()
            }
        limits = [self.graph.hold(np.float64(end)) for end in (low, high)]
        carried = [self.graph.put("Clip", [part, *limits]) for part in parts]
        zero = min(max(0.0, low), high)
        return [self.graph.put("Sub", [part, self.graph.hold(zero)]) for part in carried] if zero else carried


def float32_graph(
    cnn: Cnn,
    held: Mapping[str, HeldWeights],
    scales: Mapping[str, InputScale] | None = None,
    sent: tuple[float, float] | None = None,
    maxima: DiodePools | None = None,
) -> Float32Graph:
    """Graph of a network whose layers hold these weights, by layer name: what its sources send -> its outputs.

    With `scales` inputs are cut off as tones cut them. With the least and the largest number that is `sent`, the graph
    also gives the `ends` of every image's inputs, of those layers that may cut some off. Max pools are ideal without
    `maxima`. Raises Inexpressible.
    """
    writer = _Writer(cnn, held, scales, sent, maxima)
    for number, (layer, sources) in enumerate(zip(cnn.layers, cnn.inputs, strict=True)):
        writer.layer(number, layer, sources)
    writer.graph.result = writer.graph.flat([writer.values[cnn.last][0]])
    return writer.graph
