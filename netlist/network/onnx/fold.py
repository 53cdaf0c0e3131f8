"""Running single ONNX nodes: what depends on constants only, and what only moves data.

Both use the reference implementation that comes with onnx, one node at a time, on inputs and for operators that are
chosen here; the size of the result is worked out before it is made.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.file import MAX_ACTIVATION, MAX_ELEMENTS, NUMERIC, NUMPY_OPSET, Array, decode_tensor
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.refusals import PAGE

if TYPE_CHECKING:
    import onnx

__all__ = [
    "FOLDABLE",
    "MOVES",
    "BatchError",
    "fold",
    "move",
    "move_one",
    "pad_value",
    "run_node",
    "split",
    "split_sizes",
    "without_value",
]

# fmt: off
MOVES = frozenset([
    "DepthToSpace", "Expand", "Flatten", "Gather", "Pad", "Reshape", "Slice", "SpaceToDepth", "Squeeze", "Tile",
    "Transpose", "Unsqueeze",
])
BROADCASTING = frozenset([
    "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Or",
    "Pow", "Sub", "Sum", "Where",
])
FOLDABLE = MOVES | BROADCASTING | frozenset([
    "Abs", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "DequantizeLinear", "Exp", "Floor",
    "Identity", "Log", "MatMul", "Neg", "Not", "QuantizeLinear", "Range", "Reciprocal", "ReduceL2", "ReduceMax",
    "ReduceMean", "ReduceProd", "ReduceSum", "Relu", "Round", "Shape", "Sigmoid", "Sign", "Size", "Softplus", "Sqrt",
    "Tanh",
])
# fmt: on


class BatchError(InputError):
    """The first axis does not stay the batch."""


MAX_MADE = 2**24  # values that a node may make from fewer
MAX_ALL_IMAGES = 4 * MAX_ACTIVATION  # values of a batch, where the file fixes the batch


def fold(node: Node, opset: int, inputs: Sequence[Array | None]) -> Array:
    """Compute a node whose inputs are all constants (None: optional input left out)."""
    if node.op not in FOLDABLE:
        raise InputError(
            f"computes with constants only, which this version does not; possible: constants folded before, by onnxsim "
            f"or do_constant_folding; {PAGE}"
        )
    if node.op == "Constant":
        return _constant(node)
    if opset < NUMPY_OPSET and node.op in BROADCASTING:
        if "axis" in node.attributes:
            raise InputError(f"aligns constants by an axis; possible: a file of opset {NUMPY_OPSET} or later")
        node = replace(node, attributes={})  # then they end in the same axis, as numpy has it
    given = sum(x.size for x in inputs if x is not None)
    size = _result_size(node, inputs)
    if size > min(max(MAX_MADE, given), MAX_ELEMENTS):
        raise InputError(f"would make a constant of {size} values; possible: at most {MAX_MADE}")
    return run_node(node, opset, inputs)


def split(node: Node, inputs: Sequence[Array | None]) -> list[Array]:
    """The parts of a constant."""
    x = inputs[0] if inputs else None
    axis = node.get("axis", 0)
    if x is None or not -x.ndim <= axis < x.ndim:
        raise InputError(f"splits over axis {axis}; possible: an axis of a constant")
    sizes = split_sizes(node, x.shape[axis], inputs[1] if len(inputs) > 1 else None)
    return np.split(x, np.cumsum(sizes[:-1]), axis=axis)


def split_sizes(node: Node, size: int, given: Array | None) -> list[int]:
    """Sizes of the parts of a Split along its axis of `size` values."""
    count = len(node.outputs)
    sizes = [*node.get("split", ())] if given is None else [int(n) for n in given.ravel()[: count + 1]]
    if not sizes:
        each = -(-size // count) if "num_outputs" in node.attributes else size // count
        sizes = [each] * (count - 1) + [size - each * (count - 1) if "num_outputs" in node.attributes else each]
    if len(sizes) != count or min(sizes) < 1 or sum(sizes) != size or node.get("num_outputs", count) != count:
        raise InputError(f"splits {size} values into {count} parts of {sizes[:8]}; possible: sizes that add up")
    return sizes


def move(node: Node, opset: int, shape: tuple[int, ...], batch: int, rest: Sequence[Array | None]) -> Array:
    """Index table of a node that only moves data: [*new shape] of positions in the old one, -1 for zero.

    `shape` is the moving tensor's without the batch; `rest` are the node's other inputs, which are constants.
    """
    if batch * max(math.prod(shape), 1) > MAX_ALL_IMAGES:
        raise InputError(f"runs on {batch} images at once; possible: a model exported for a batch of 1")
    if node.op == "Squeeze" and not node.get("axes", ()) and (not rest or rest[0] is None):
        batch = max(batch, 2)  # without axes it drops every axis of size 1, and the batch is not meant
    size = math.prod(shape)
    tags = np.arange(1, batch * size + 1, dtype=np.float64).reshape(batch, *shape)  # 0 is what padding adds
    inputs = [tags, *rest]
    made = _result_size(node, inputs)
    if made > min(batch * MAX_ACTIVATION, MAX_ALL_IMAGES):
        raise InputError(f"would make {made} values of {batch} images; possible: at most {MAX_ACTIVATION} of one")
    moved = run_node(node, opset, inputs)
    if moved.ndim == 0 or moved.shape[0] != batch or moved.size == 0:
        raise BatchError(f"makes {list(moved.shape)} of {list(tags.shape)}; possible: the first axis stays the batch")
    tables = moved.astype(np.int64).reshape(batch, -1) - 1
    offsets = np.arange(batch)[:, None] * size
    tables = np.where(tables < 0, -1, tables - offsets)
    if tables.max() >= size or tables.min() < -1 or (tables != tables[0]).any():
        raise InputError("mixes the images of a batch; possible: the first axis stays the batch")
    table: Array = tables[0].reshape(moved.shape[1:])
    return table


def move_one(node: Node, opset: int, shape: tuple[int, ...], rest: Sequence[Array | None], is_lost: bool) -> Array:
    """Index table of a node that takes the batch of one away, or (`is_lost`) works on what has none any more.

    The table has a first axis of 1 where the result has a batch again. Raises InputError.
    """
    size = math.prod(shape)
    tags = np.arange(1, size + 1, dtype=np.float64).reshape(shape if is_lost else (1, *shape))
    made = _result_size(node, [tags, *rest])
    if made > MAX_ACTIVATION:
        raise InputError(f"would make {made} values of an image; possible: at most {MAX_ACTIVATION}")
    moved = run_node(node, opset, [tags, *rest])
    if not moved.ndim or not moved.size:
        raise InputError(f"makes {list(moved.shape)} of {list(tags.shape)}; possible: the first axis stays the batch")
    table: Array = moved.astype(np.int64) - 1
    return table


def pad_value(node: Node, rest: Sequence[Array | None]) -> float:
    """The number that a node adds to what it moves: that of a Pad, in its constant mode (the others copy values)."""
    if node.op != "Pad" or node.get("mode", "constant") != "constant":
        return 0.0
    value = rest[1] if len(rest) > 1 else None
    if value is not None and value.size != 1:
        raise InputError(f"pads with {value.size} numbers; possible: one")
    number = node.get("value", 0.0) if value is None else float(value.ravel()[0])
    if not np.isfinite(number):
        raise InputError(
            f"pads with {number:g}, and no tone has such a power; possible: a finite number, or padding by the pool "
            "itself (its attribute pads)"
        )
    return number


def without_value(node: Node, rest: Sequence[Array | None]) -> tuple[Node, list[Array | None]]:
    """A Pad with zeros in place of its number, which `move` then finds as -1."""
    kept = {name: value for name, value in node.attributes.items() if name != "value"}
    return replace(node, attributes=kept), [None if n == 1 else x for n, x in enumerate(rest)]


def _constant(node: Node) -> Array:
    """Value of a Constant node."""
    import onnx

    [(name, value)] = node.attributes.items() if len(node.attributes) == 1 else [("", None)]
    if name == "value" and isinstance(value, onnx.TensorProto):
        return decode_tensor(value)
    types = {"value_int": np.int64, "value_ints": np.int64, "value_float": np.float32, "value_floats": np.float32}
    if name not in types or value is None:
        raise InputError("holds no number; possible: a dense tensor, integers, floats")
    return np.asarray(value, dtype=types[name])


def run_node(node: Node, opset: int, inputs: Sequence[Array | None]) -> Array:
    """Run the node; only its operator, plain attributes and our own tensor names reach the evaluator."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    _check_attributes(node)
    if node.op in ("DequantizeLinear", "QuantizeLinear"):
        opset = max(opset, 19)  # the same there for all that older files may hold, and implemented
    feeds = {f"x{i}": x for i, x in enumerate(inputs) if x is not None}
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    proto = onnx.helper.make_node(node.op, names, ["y"])
    proto.attribute.extend(_attribute(name, value) for name, value in node.attributes.items())
    ports = {name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in [*feeds, "y"]}
    graph = onnx.helper.make_graph([proto], "node", [ports[name] for name in feeds], [ports["y"]])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = cast("list[object]", ReferenceEvaluator(model).run(None, feeds))[0]
    except Exception as error:  # whatever numpy or onnx say about hostile attributes
        raise InputError(f"does not fit its inputs ({error})") from error
    if not isinstance(result, np.ndarray | np.generic):
        raise InputError("gives no tensor")
    result = np.asarray(result)
    return result if result.dtype.kind in "biuf" else result.astype(np.float32)  # bfloat16 is not numpy's own


def _check_attributes(node: Node) -> None:
    """Refuse what the evaluator should not see: graphs, tensors with data elsewhere, conversion to text."""
    import onnx

    for name, value in node.attributes.items():
        if value is None:
            raise InputError(f"its attribute '{name[:20]}' has a type that is not possible")
        if isinstance(value, onnx.TensorProto):
            decode_tensor(value)
    if node.op == "Cast" and node.get("to", 0) not in [onnx.TensorProto.DataType.Value(name) for name in NUMERIC]:
        raise InputError(f"converts to a type that is not possible; possible: {', '.join(NUMERIC)}")


def _attribute(name: str, value: object) -> "onnx.AttributeProto":
    """Make the attribute anew, from the value that was checked."""
    import onnx

    if value == ():  # an empty list has no type that onnx could guess
        return onnx.AttributeProto(name=name, type=onnx.AttributeProto.INTS)
    return onnx.helper.make_attribute(name, value)


def _result_size(node: Node, inputs: Sequence[Array | None]) -> int:
    """How many values the node would make, from the sizes and the shape constants alone."""
    arrays = [x for x in inputs if x is not None]
    first, second = [*arrays, None, None][:2]
    if node.op in BROADCASTING:
        return _broadcast(*(x.shape for x in arrays))
    if first is None:
        raise InputError("has no input")
    match node.op:
        case "ConstantOfShape":
            return math.prod(_whole(first))
        case "Expand" if second is not None:
            return _broadcast(first.shape, tuple(_whole(second)))
        case "Tile" if second is not None:
            return first.size * math.prod(_whole(second))
        case "Range":
            return _range_size(arrays)
        case "Gather" if second is not None:
            axis = node.get("axis", 0)
            if not -first.ndim <= axis < first.ndim:
                raise InputError(f"gathers over axis {axis} of {first.ndim} axes")
            gathered: int = first.size // max(first.shape[axis], 1) * second.size
            return gathered
        case "Pad":
            return _padded_size(node, first, inputs)
        case "MatMul" if second is not None and first.ndim and second.ndim:
            return _product_size(first.shape, second.shape)
        case "Concat":
            return sum(x.size for x in arrays)
        case _:
            return first.size


def _broadcast(*shapes: tuple[int, ...]) -> int:
    """Size after broadcasting; sizes beyond numpy's own range are refused like all that do not fit."""
    try:
        return math.prod(np.broadcast_shapes(*shapes))
    except ValueError as error:
        raise InputError(f"has shapes that do not fit together ({', '.join(str(list(s)) for s in shapes)})") from error


def _whole(array: NDArray[np.generic]) -> list[int]:
    """Read a short list of Python integers (they do not overflow), as shapes and repeats are."""
    if array.size > 64:
        raise InputError(f"has a shape of {array.size} axes")
    return [int(value) for value in array.ravel()]


def _product_size(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Values of a product of matrices, or of stacks of them."""
    outer = a[-2] if len(a) > 1 else 1
    return outer * (b[-1] if len(b) > 1 else 1) * _broadcast(a[:-2], b[:-2])


def _range_size(arrays: list[Array]) -> int:
    start, limit, delta = (float(x.reshape(-1)[0]) for x in arrays)
    steps = (limit - start) / delta if delta else math.inf
    return math.ceil(max(steps, 0)) if math.isfinite(steps) else MAX_ELEMENTS + 1


def _padded_size(node: Node, x: Array, inputs: Sequence[Array | None]) -> int:
    given = inputs[1] if len(inputs) > 1 else None
    pads = list(node.get("pads", ())) if given is None else _whole(given)
    listed = inputs[3] if len(inputs) > 3 else None
    axes = list(range(x.ndim)) if listed is None else _whole(listed)
    if len(pads) != 2 * len(axes) or not all(-x.ndim <= axis < x.ndim for axis in axes) or min(pads, default=0) < 0:
        raise InputError(f"has the pads {pads} for {len(axes)} axes; possible: two of zero or more for each axis")
    shape = list(x.shape)
    for axis, before, after in zip(axes, pads, pads[len(axes) :], strict=False):
        shape[axis] += before + after
    return math.prod(shape)
