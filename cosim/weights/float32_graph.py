"""The circuit of a network as an ONNX graph in float32, for a runtime: what `forward` does in float64 with numpy.

    sums = W [clip(x, -offset, F - offset) - clip(0, ...)]        F the full scale: the law of a layer (held.py)

Padding comes behind the clip, so that it is zero for any offset. Weights are constants of the graph: runtimes lay these
out for the processor once, and are then twice as fast as with weights as inputs. What the graph cannot say is
`Inexpressible`, with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.weights.held import HeldWeights, PositionWeights
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.curve import Curve
from resonet.netlist.network.cnn import IMAGE, Addend, Cnn, Layer, MaxPool, Synapses, Wiring
from resonet.netlist.network.onnx.neurons import add_activations
from resonet.netlist.planning.scales import InputScale

if TYPE_CHECKING:
    import onnx

__all__ = ["BEYOND", "Float32Graph", "Inexpressible", "float32_graph"]

OPSET, IR = 20, 9
LEAST, MOST = 1e-30, 1e15  # of the largest number of an array: sums of products stay where 32 bits hold all digits
BEYOND = 1e-9  # of full scale: how far beyond an input counts as cut off
ANY = 1e30  # stands for any sum
Shape = tuple[int, ...]


class Inexpressible(Exception):
    """What the graph cannot say, as the reason why a network is evaluated in float64."""


@dataclass(slots=True, eq=False)
class Float32Graph:
    """Nodes and constants; inputs and outputs are [n, values], flattened."""

    nodes: list["onnx.NodeProto"] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    result: str = ""
    ends: dict[str, dict[str, str]] = field(default_factory=dict)  # by layer whose inputs may be cut: high, low
    widest: int = 1  # values of one image at the widest place

    def put(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node; the name of its output."""
        import onnx

        name = f"t{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def hold(self, values: Any) -> str:
        """Add a constant, whole numbers as int64, others as float32; its name. Raises Inexpressible."""
        array = np.asarray(values)
        if array.dtype.kind == "f":
            largest = float(np.abs(array, where=~np.isinf(array), out=np.zeros(array.shape)).max(initial=0))
            if not (largest == 0 or LEAST < largest < MOST):
                raise Inexpressible(f"numbers of {largest:.2g} are too far from one for float32")
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array, np.int64 if array.dtype.kind in "iu" else np.float32)
        return name

    def reshape(self, source: str, shape: Shape) -> str:
        """[n, ...] -> [n, *shape]."""
        return self.put("Reshape", [source, self.hold(np.array([-1, *shape]))])

    def flat(self, sources: Sequence[str]) -> str:
        """Several [n, ...], flattened, one behind the other."""
        rows = [self.put("Flatten", [source], axis=1) for source in sources]
        return rows[0] if len(rows) == 1 else self.put("Concat", rows, axis=1)

    def model(self, inputs: int) -> bytes:
        """The model, serialised: input "image" [n, inputs]."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        float32 = TensorProto.FLOAT
        outputs = [self.result, *(name for ends in self.ends.values() for name in ends.values())]
        graph = helper.make_graph(
            self.nodes,
            "circuit",
            [helper.make_tensor_value_info("image", float32, ["n", inputs])],
            [helper.make_tensor_value_info(name, float32, None) for name in outputs],
            [numpy_helper.from_array(values, name) for name, values in self.constants.items()],
        )
        model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        return bytes(add_activations(model).SerializeToString())


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


def _convolved(graph: Float32Graph, layer: Synapses, parts: Sequence[str], values: Array) -> str:
    """Sums plus bias [n, *out_shape] of inputs [n, *in_shape] each."""
    total = ""
    kernels: list[Synapses | Addend] = [layer, *layer.addends]
    for part, of, (kernel, groups) in zip(parts, kernels, _kernels(layer, values), strict=True):
        bias = [] if total else [graph.hold(layer.bias)]
        if _is_dense(of, groups, layer.out_shape):
            weight = graph.hold(kernel.reshape(len(kernel), -1))
            found = graph.reshape(graph.put("Gemm", [graph.flat([part]), weight, *bias], transB=1), layer.out_shape)
        else:
            found = graph.put("Conv", [part, graph.hold(kernel), *bias], group=groups, **_window(of))
            found = _cut(graph, found, of, kernel.shape[2:], layer.out_shape)
        total = graph.put("Add", [total, found]) if total else found
    return total


def _by_position(graph: Float32Graph, layer: Synapses, parts: Sequence[str], values: Array) -> str:
    """The same with weights [groups, positions, outputs, taps] of every position's own."""
    if layer.addends or layer.groups > 1:
        raise Inexpressible(f"layer {layer.name} has weights of every position's own for several inputs")
    taps = int(np.prod(layer.weight.shape[1:]))
    pick = np.eye(taps).reshape(taps, *layer.weight.shape[1:])
    seen = graph.put("Conv", [parts[0], graph.hold(pick)], **_window(layer))
    seen = _cut(graph, seen, layer, layer.weight.shape[2:], layer.out_shape)
    seen = graph.put("Transpose", [graph.reshape(seen, (taps, layer.positions))], perm=[2, 0, 1])
    sums = graph.put("MatMul", [seen, graph.hold(values[0].swapaxes(1, 2))])  # [positions, n, outputs]
    sums = graph.reshape(graph.put("Transpose", [sums], perm=[1, 2, 0]), layer.out_shape)
    return graph.put("Add", [sums, graph.hold(layer.bias[:, None, None])])


def _bent(graph: Float32Graph, curve: Curve, source: str) -> str:
    """Straight pieces, each a clip between its corners: no large numbers that cancel."""
    corners, slopes = curve.corners, np.diff(curve.values) / np.diff(curve.corners)
    first, last = corners[0], corners[-1]
    parts = [(curve.below, "Min", [first]), (curve.above, "Max", [last])]
    parts += [(s, "Clip", [*ends]) for s, *ends in zip(slopes, corners[:-1], corners[1:], strict=True)]
    rest = curve.values[0] - curve.below * first - curve.above * last - float(slopes @ corners[:-1])
    column = (-1, 1, 1)
    terms = []
    for slope, op, ends in parts:
        if np.any(slope):
            piece = graph.put(op, [source, *(graph.hold(np.float64(end)) for end in ends)])
            terms.append(graph.put("Mul", [piece, graph.hold(np.reshape(slope, column))]))
    return graph.put("Sum", [*terms, graph.hold(np.reshape(rest, column))])


def _activated(graph: Float32Graph, activation: Activation, source: str) -> str:
    if activation.jumps:
        raise Inexpressible(f"activation {activation} jumps")
    if activation.straight is not None:
        return _bent(graph, activation.straight, source)
    name = f"a{len(graph.nodes)}"
    try:
        graph.nodes += activation.write(source, name)
    except InputError as error:
        raise Inexpressible(str(error)) from None
    return name


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
    ) -> None:
        self.held, self.scales, self.watched, self.graph = held, scales, sent is not None, Float32Graph()
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
                found = _activated(self.graph, layer.activation, self.sums(layer, parts, (low, high)))
                known = layer.activation.exact or layer.activation.straight is not None
                low, high = layer.activation.range(-ANY, ANY) if known else (-np.inf, np.inf)
            case MaxPool():
                found = _pooled(self.graph, layer, self.inputs([layer.in_shape], sources)[0])
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
            return _convolved(self.graph, layer, parts, held.values)
        if kind.products is PositionWeights.products:
            return _by_position(self.graph, layer, parts, held.values)
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
) -> Float32Graph:
    """Graph of a network whose layers hold these weights, by layer name: what its sources send -> its outputs.

    With `scales` inputs are cut off as tones cut them. With the least and the largest number that is `sent`, the graph
    also gives the `ends` of every image's inputs, of those layers that may cut some off. Raises Inexpressible.
    """
    writer = _Writer(cnn, held, scales, sent)
    for number, (layer, sources) in enumerate(zip(cnn.layers, cnn.inputs, strict=True)):
        writer.layer(number, layer, sources)
    writer.graph.result = writer.graph.flat([writer.values[cnn.last][0]])
    return writer.graph
