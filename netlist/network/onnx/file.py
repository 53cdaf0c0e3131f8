"""An ONNX file as plain records, checked before anything is allocated or believed.

The file comes from somebody else: names may hold newlines, shapes may lie, weights may point to other files. What
leaves this module is bounded in size, and every failure is an `InputError` without the file's name, which `read_cnn`
puts in front.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.netlist.network.activations.oscillator import DOMAIN, OPERATORS
from resonet.netlist.network.onnx.endings import without_endings
from resonet.netlist.network.onnx.external import MAX_FILE, embed, parse
from resonet.netlist.network.onnx.layer_list import LISTS, listed_model
from resonet.netlist.network.onnx.neurons import is_ours
from resonet.netlist.network.onnx.node import Node, escape
from resonet.netlist.network.onnx.older import opset_of, renewed
from resonet.netlist.network.onnx.quantised import without_codes

if TYPE_CHECKING:
    import onnx

__all__ = [
    "MAX_ACTIVATION",
    "MAX_ELEMENTS",
    "NUMPY_OPSET",
    "Array",
    "InputTensor",
    "OnnxModel",
    "decode_onnx",
    "decode_tensor",
    "read_onnx",
]

Array = NDArray[Any]

MAX_ELEMENTS = 200_000_000  # of one weight, and of everything made from a file in total
NUMPY_OPSET = 7  # from here on constants are broadcast as numpy does it
MAX_ACTIVATION = 2**24  # values of one image between two layers
NUMERIC = (
    *("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "BOOL"),
    *("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"),
)


@dataclass(frozen=True, slots=True)
class InputTensor:
    """The graph's real input; `shape` includes the batch, None where the file leaves a size or the rank open."""

    name: str
    shape: tuple[int | None, ...] | None
    shown: str  # the shape as the file words it, for messages
    is_float: bool
    is_byte: bool = False


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """What `read_cnn` needs of the file. Only nodes that the output depends on are kept, in the file's order."""

    sha256: str
    opset: int
    input: InputTensor
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    weights: Mapping[str, Array]
    notes: tuple[str, ...] = ()  # what was left out already
    same: Mapping[str, str] = field(default_factory=dict)  # outputs that rank as another one of `outputs` does


def read_onnx(path: Path) -> OnnxModel:
    """Read and check a file; the weights are decoded, the operators are not yet understood."""
    if path.suffix in LISTS:
        return decode_onnx(listed_model(path))
    return decode_onnx(_read_bytes(path), path.parent)


def decode_onnx(data: bytes, folder: Path | None = None) -> OnnxModel:
    """Check the bytes of a model, whose weights may lie in other files of a folder. Raises InputError."""
    model = parse(data)
    data = embed(model, folder, len(data)) or data
    graph = model.graph
    if not graph.node:
        raise InputError("is not an ONNX network: it holds no operators")
    if len(graph.sparse_initializer):
        raise InputError("holds sparse weights; possible: dense weights (save the model without sparse initializers)")
    model = renewed(model)
    graph, opset = model.graph, opset_of(model)
    named = outputs = tuple(value.name for value in graph.output)
    numbers = _numbers(graph)
    read = [_node(proto) for proto in graph.node]
    image, notes = _real_input(graph, _needed(read, outputs)[1])
    read = without_codes(read, image.name, outputs, numbers.get)
    read, outputs, dropped = without_endings(read, outputs, lambda name: numbers.get(name) == 1)
    nodes, needed = _needed(read, outputs)
    _check_functions(nodes, model.functions)
    return OnnxModel(
        sha256=hashlib.sha256(data).hexdigest(),
        opset=opset,
        input=image,
        outputs=outputs,
        nodes=nodes,
        notes=(*notes, *dropped),
        same={name: outputs[0] for name in named if name not in outputs},
        weights={w.name: _weight(w) for w in graph.initializer if w.name in needed},
    )


def _read_bytes(path: Path) -> bytes:
    """Read the file, if it is a regular file of a size one can expect."""
    if path.is_dir():
        raise InputError("is a folder; give the .onnx file in it")
    if not path.exists():
        raise InputError("does not exist; give the path of an .onnx file")
    if not path.is_file():
        raise InputError("is not a regular file; give the path of an .onnx file")
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise InputError(f"is too large ({size / 2**30:.1f} GiB); possible: at most {MAX_FILE // 2**30} GiB")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})") from error
    if not data:
        raise InputError("is empty; give an .onnx file")
    return data


def _node(proto: "onnx.NodeProto") -> Node:
    node = Node(
        op=proto.op_type,
        domain=proto.domain,
        name=proto.name,
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        attributes={attribute.name: _attribute(attribute) for attribute in proto.attribute},
    )
    if proto.overload:
        raise InputError(f"{node.label}: calls a variant '{escape(proto.overload)}'; possible: operators without one")
    if len(node.attributes) != len(proto.attribute):
        raise InputError(f"{node.label}: lists an attribute twice; possible: each once")
    return node


def _attribute(proto: "onnx.AttributeProto") -> Any:
    """Value of an attribute: int, float, str, tuple or TensorProto; None for the types that no operator here has."""
    kinds = type(proto)
    match proto.type:
        case kinds.INT:
            return proto.i
        case kinds.FLOAT:
            return proto.f
        case kinds.STRING:
            return proto.s.decode("utf-8", "replace")
        case kinds.INTS:
            return tuple(proto.ints)
        case kinds.FLOATS:
            return tuple(proto.floats)
        case kinds.TENSOR:
            return proto.t
        case _:
            return None


def _needed(nodes: list[Node], outputs: tuple[str, ...]) -> tuple[tuple[Node, ...], set[str]]:
    """Nodes that the outputs depend on, and the names of all tensors that these use."""
    needed = {name for name in outputs if name}
    kept = []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.outputs):
            kept.append(node)
            needed.update(name for name in node.inputs if name)
    return tuple(reversed(kept)), needed


def _check_functions(nodes: tuple[Node, ...], functions: "Sequence[onnx.FunctionProto]") -> None:
    """Check that what computes the nodes is what their names say, not a function of the file's own.

    A function may call standard operators, so that none of these may be another in this file.
    """
    for function in functions:
        if function.domain in ("", "ai.onnx"):
            raise InputError(f"redefines the standard operator '{escape(function.name)}'; possible: the standard's own")
    for node in nodes:
        if node.domain != DOMAIN:
            continue  # the standard's own, or refused when the operators are followed
        if node.op not in OPERATORS:
            raise InputError(f"{node.label}: is not of the domain '{DOMAIN}'; possible: {', '.join(OPERATORS)}")
        found = [f for f in functions if (f.domain, f.name) == (DOMAIN, node.op)]
        if len(found) != 1:
            raise InputError(f"{node.label}: {len(found)} functions of that name in the file; possible: exactly one")
        if not is_ours(found[0]):
            raise InputError(
                f"{node.label}: the function of that name in the file computes something else than an oscillator "
                "neuron of this version; possible: the one that resonet.netlist.network.onnx.neurons writes"
            )


def _numbers(graph: "onnx.GraphProto") -> dict[str, float]:
    """Weights of one number each."""
    found = {}
    for tensor in graph.initializer:
        if math.prod(tensor.dims) == 1:
            with suppress(InputError):  # it is named where it is needed
                found[tensor.name] = float(decode_tensor(tensor).ravel()[0])
    return found


def _weight(tensor: "onnx.TensorProto") -> Array:
    try:
        return decode_tensor(tensor)
    except InputError as error:
        raise InputError(f"weight '{escape(tensor.name)}' {error}") from error


def decode_tensor(tensor: "onnx.TensorProto") -> Array:
    """Values of a stored tensor, after checking that the file really holds as many as its shape says."""
    import onnx

    if tensor.data_location == onnx.TensorProto.EXTERNAL or len(tensor.external_data):
        raise InputError("is kept in another file; possible: weights of the graph and its nodes beside the model")
    if tensor.data_type not in onnx.TensorProto.DataType.values():
        raise InputError(f"has the unknown data type {tensor.data_type}")
    kind = onnx.TensorProto.DataType.Name(tensor.data_type)
    if kind not in NUMERIC:
        raise InputError(f"has the data type {kind}; possible: {', '.join(NUMERIC)}")
    dims = tuple(tensor.dims)
    if any(d < 0 for d in dims) or math.prod(dims) > MAX_ELEMENTS:
        raise InputError(f"has the shape {_show(dims)}; possible: at most {MAX_ELEMENTS} values")
    if tensor.HasField("raw_data"):
        held = len(tensor.raw_data) // onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    else:
        held = len(getattr(tensor, onnx.helper.tensor_dtype_to_field(tensor.data_type)))
    if held != math.prod(dims):
        raise InputError(f"holds {held} values, but its shape {_show(dims)} needs {math.prod(dims)}")
    values = onnx.numpy_helper.to_array(tensor)
    # numpy has no bfloat16 of its own; float32 holds every bfloat16.
    return values.astype(np.float32) if kind == "BFLOAT16" else values


def _show(dims: tuple[object, ...]) -> str:
    return f"[{', '.join(map(str, dims[:8]))}{', ...' if len(dims) > 8 else ''}]"


def _real_input(graph: "onnx.GraphProto", needed: set[str]) -> tuple[InputTensor, list[str]]:
    """Find the one input that is no weight (old files list them, too) and that an output needs, and notes of others."""
    import onnx

    weights = {w.name for w in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    spare = [value.name for value in inputs if value.name not in needed]
    if len(inputs) - len(spare) == 1:
        inputs = [value for value in inputs if value.name in needed]
    if len(inputs) != 1:
        names = ", ".join(f"'{escape(value.name)}'" for value in inputs[:4])
        raise InputError(f"has {len(inputs)} inputs{f' ({names})' if names else ''}; possible: exactly one, the image")
    [value] = inputs
    if not value.type.HasField("tensor_type"):
        raise InputError(f"input '{escape(value.name)}' is not a tensor; possible: one image tensor")
    kind = value.type.tensor_type.elem_type
    if kind not in [onnx.TensorProto.DataType.Value(name) for name in NUMERIC]:
        raise InputError(f"input '{escape(value.name)}' is not numeric; possible: {', '.join(NUMERIC)}")
    shape: tuple[int | None, ...] | None = None
    shown = "unknown"
    if value.type.tensor_type.HasField("shape"):
        dims = value.type.tensor_type.shape.dim
        # Some exporters write -1 or 0 for a size that is left open.
        shape = tuple(d.dim_value if d.dim_value > 0 else None for d in dims[:8])
        shown = _show(tuple(d.dim_value if d.dim_value > 0 else escape(d.dim_param or "?", 20) for d in dims[:8]))
    is_float = onnx.TensorProto.DataType.Name(kind).endswith(("FLOAT", "DOUBLE", "FLOAT16"))
    notes = [f"input '{escape(name)}' left out: no output depends on it" for name in spare if name != value.name]
    return InputTensor(value.name, shape, shown, is_float, kind == onnx.TensorProto.UINT8), notes
