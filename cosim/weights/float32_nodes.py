"""Nodes and constants of a float32 graph, and the neurons in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.curve import Curve
from resonet.netlist.network.onnx.neurons import add_activations

if TYPE_CHECKING:
    import onnx

__all__ = ["Float32Graph", "Inexpressible", "Shape", "activated"]

OPSET, IR = 20, 9
LEAST, MOST = 1e-30, 1e15  # of the largest number of an array: sums of products stay where 32 bits hold all digits
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
    pools: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # by pool and layer: see `diode_pooled`
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
        outputs += [name for names in self.pools.values() for name in names]
        graph = helper.make_graph(
            self.nodes,
            "circuit",
            [helper.make_tensor_value_info("image", float32, ["n", inputs])],
            [helper.make_tensor_value_info(name, float32, None) for name in outputs],
            [numpy_helper.from_array(values, name) for name, values in self.constants.items()],
        )
        model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        return bytes(add_activations(model).SerializeToString())


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


def activated(graph: Float32Graph, activation: Activation, source: str) -> str:
    """Outputs of neurons [n, channels, ...] for their sums, same shape. Raises Inexpressible."""
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
