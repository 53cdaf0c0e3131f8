"""Read a trained CNN from an ONNX file, or from a list of layers (`layer_list`).

The operators are followed from the input to the output: what depends on constants only is computed (`fold`),
every other operator adds to the layers (`operators`) or is refused. `onnx` is imported only when a file is read.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError, PluginError
from resonet.core.types import Ints
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.elementwise import (
    ELEMENTWISE,
    Spelled,
    Tensors,
    UnknownFunction,
    spelled_activation,
    users_of,
    uses_of,
)
from resonet.netlist.network.onnx.file import (
    MAX_ELEMENTS,
    Array,
    OnnxModel,
    decode_onnx,
    read_onnx,
)
from resonet.netlist.network.onnx.fold import split
from resonet.netlist.network.onnx.fronts import with_front
from resonet.netlist.network.onnx.graph import Graph
from resonet.netlist.network.onnx.grids import Grids, is_foldable
from resonet.netlist.network.onnx.heads import listed, select_output, side_by_side
from resonet.netlist.network.onnx.image_shape import image_shape
from resonet.netlist.network.onnx.node import Node, escape
from resonet.netlist.network.onnx.operators.base import NotHardware, Operator
from resonet.netlist.network.onnx.operators.registry import STANDARD, operators, possible
from resonet.netlist.network.onnx.refusals import unsupported
from resonet.netlist.network.pixels import BYTE, Pixels, pixels_of_scale

__all__ = ["read_bytes", "read_cnn"]


def read_cnn(path: str | PathLike[str], input_shape: tuple[int, ...] | None = None, output: str | None = None) -> Cnn:
    """Layers of the network in an ONNX file, or in a list of layers (.npz, .toml).

    `input_shape` is one image without the batch, (channels, height, width) or (features,); it fills in the sizes that
    the file leaves open. Of a file with several outputs, `output` names the one to read; what only the others need is
    left out. Without it they all are the network's, one behind the other (`Cnn.heads`). Anything that cannot be read or
    built in hardware is an `InputError` of one line.
    """
    path = Path(path)
    return _read(lambda: read_onnx(path), str(path), path.name, input_shape, output)


def read_bytes(data: bytes, name: str, output: str | None = None) -> Cnn:
    """Layers of the network in the bytes of an ONNX file, which messages call `name`; as `read_cnn`."""
    return _read(lambda: decode_onnx(data), name, name, None, output)


def _read(
    load: Callable[[], OnnxModel], where: str, name: str, input_shape: tuple[int, ...] | None, output: str | None
) -> Cnn:
    file = _one_line(where)
    model = None
    try:
        model = load()
        shape = image_shape(model.input, input_shape)
        model = select_output(model, output)
        chains, pixels = _follow(model, shape)
        heads = tuple((name, math.prod(chain.shape)) for name, chain in chains.items())
        chain = side_by_side(chains)
    except PluginError:  # no fault of the model
        raise
    except InputError as error:
        several = model is not None and output is None and len(model.outputs) > 1
        others = f"; or one output alone, by --output NAME: {listed(model.outputs)}" if model and several else ""
        raise InputError(f"{file}: {_one_line(str(error))}{others}") from error
    except Exception as error:  # the file is hostile until proven otherwise: no other error may leave
        reason = f"{type(error).__name__}: {_one_line(str(error))}"
        raise InputError(f"{file}: is damaged or not a usable ONNX file ({reason})") from error
    layers, sources, last = chain.graph.finished(chain.at)
    cnn = Cnn(
        file=_one_line(name),
        sha256=model.sha256,
        input_shape=shape,
        layers=layers,
        notes=(*chain.notes, *model.notes),
        pixels=pixels,
        sources=sources,
        output=last,
        head=output or "",
        heads=heads if len(heads) > 1 else (),
    )
    return with_front(cnn)


def _one_line(text: str, limit: int = 600) -> str:
    """Text without line breaks, control characters or great length."""
    text = re.sub(r"\s+", " ", text[: 2 * limit]).strip()
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= limit else text[: limit - 3] + "..."


@dataclass(slots=True)
class _Tensors:
    """What is known of the tensors while the operators are followed, by ONNX name."""

    paths: dict[str, Chain]  # of every tensor that depends on the image
    constants: dict[str, Array]
    uses: Counter[str]  # by how many nodes and outputs each is needed
    users: dict[str, list[int]]  # numbers of the nodes that take each
    makers: dict[str, int]  # number of the node that gives each
    folded: int = 0  # values of all computed constants
    done: set[int] = field(default_factory=set)  # numbers of nodes that are followed before their turn
    unknown: dict[int, str] = field(default_factory=dict)  # why nodes belong to a function that is not known
    grids: Grids = field(default_factory=Grids)

    def take(self, name: str, times: int = 1) -> Chain:
        """A path that goes on from a tensor, for so many of its uses."""
        path = replace(self.paths[name])
        path.graph.release(path.at, times - 1)
        return path

    def give(self, name: str, path: Chain) -> None:
        """A tensor that stands where a path has come to; its claim becomes one for each use."""
        uses = self.uses[name]
        self.paths[name] = replace(path, grid=None)
        path.graph.claim(path.at, uses)
        path.graph.release(path.at)


def _follow(model: OnnxModel, shape: tuple[int, ...]) -> tuple[dict[str, Chain], Pixels | None]:
    """Paths from the input to the outputs, by name, and what the first operators say of the pixels."""
    batch = (model.input.shape or (None,))[0] or 1
    graph = Graph(shape, model.opset, batch)
    makers = {name: number for number, node in enumerate(model.nodes) for name in node.outputs if name}
    tensors = _Tensors({}, dict(model.weights), uses_of(model.nodes, model.outputs), users_of(model.nodes), makers)
    tensors.give(model.input.name, Chain(graph, shape, is_float=model.input.is_float))
    pixels = Pixels(top=BYTE, source="the input is UINT8") if model.input.is_byte else None
    one_path = tensors.uses[model.input.name] == 1
    for number, node in enumerate(model.nodes):
        if number in tensors.done:
            continue
        try:
            _follow_node(model.nodes, number, tensors, graph)
        except NotHardware as error:
            raise InputError(tensors.unknown.get(number, f"{node.label}: {error}")) from error
        except PluginError:
            raise
        except InputError as error:
            raise InputError(f"{node.label}: {error}") from error
        if one_path and not model.input.is_byte:
            pixels = _first_scale(graph, node) or pixels
    for output in model.outputs:
        if output not in tensors.paths:
            raise InputError(f"output '{escape(output)}' does not depend on the image; possible: one that does")
    if not any(isinstance(layer, Synapses) for layer in graph.layers):
        raise InputError("holds no weighted layer; possible: Conv, Gemm, MatMul, average pools")
    return {output: tensors.paths[output] for output in model.outputs}, pixels


def _first_scale(graph: Graph, node: Node) -> Pixels | None:
    """Pixels that a network takes which begins by multiplying them; None where this is no such beginning."""
    if len(graph.names) != 1:
        return None
    match graph.layers:
        case (Synapses(kind="scale") as scale,):
            with np.errstate(all="ignore"):  # of weights that are told to be too large
                return pixels_of_scale(float(np.median(scale.weight)), float(np.median(scale.bias)), node.label)
    return None


def _follow_node(nodes: Sequence[Node], number: int, tensors: _Tensors, graph: Graph) -> None:
    """Take the paths of one node, or of the activation that it begins, to its outputs."""
    node = nodes[number]
    dynamic = _dynamic_inputs(node, tensors)
    if not dynamic or node.op in ("Shape", "Size"):
        _constant(node, tensors, graph)
        return
    if _may_be_spelled(node, dynamic, tensors) and (spelled := _spelled(nodes, number, tensors)):
        _follow_spelled(node, nodes, spelled, tensors)
        return
    operator = _check_step(node, dynamic, tensors)
    counts = Counter(node.inputs[i] for i in dynamic)
    paths = {name: tensors.take(name, times) for name, times in counts.items()}
    inputs = [tensors.constants.get(name) for name in node.inputs]
    path = tensors.grids.lend(paths[node.inputs[dynamic[0]]], node)
    if operator.split is not None:
        _follow_split(node, path, operator.split(path, node, inputs), tensors)
        return
    if operator.join is not None and len(dynamic) > 1:
        lost = all(each.lost for each in paths.values())
        path = operator.join(node, [paths.get(name) for name in node.inputs], inputs)
        path.lost = lost
    else:
        operator.handle(path, node, inputs)
    path.is_float = path.is_float or node.op in ("Cast", "DequantizeLinear")
    path.is_over = path.is_over or operator.last
    tensors.give(node.outputs[0], path)


def _follow_split(node: Node, path: Chain, tables: Sequence[Ints], tensors: _Tensors) -> None:
    """A path for each output that is needed."""
    for name, table in zip(node.outputs, tables, strict=True):
        if not name or not tensors.uses[name]:
            continue
        part = replace(path)
        path.graph.claim(path.at)
        part.add_wiring(node, table)
        tensors.give(name, part)
    path.graph.release(path.at)


def _may_be_spelled(node: Node, dynamic: list[int], tensors: _Tensors) -> bool:
    """Whether a node may be the first of an activation that is written as several."""
    x = node.inputs[dynamic[0]]
    alone = all(node.inputs[i] == x for i in dynamic) and node.domain in STANDARD
    able = tensors.paths[x].is_float and not tensors.paths[x].is_over
    return alone and able and node.op in ELEMENTWISE and (tensors.uses[x] > 1 or _operator(node) is None)


def _spelled(nodes: Sequence[Node], number: int, tensors: _Tensors) -> Spelled | None:
    """The activation that is written as several nodes from number `number` on."""
    x = next(name for name in nodes[number].inputs if name in tensors.paths)
    path = tensors.paths[x]

    def compute(at: int) -> None:
        with suppress(InputError):  # it is met again in its turn, and then named
            _constant(nodes[at], tensors, path.graph)
            tensors.done.add(at)

    known = (tensors.constants, compute, tensors.uses, tensors.users, tensors.makers)
    try:
        return spelled_activation(nodes, number, x, Tensors(path.shape, *known, path.opset))
    except UnknownFunction as error:  # its nodes may still be what hardware adds up
        for member in error.nodes:
            tensors.unknown.setdefault(member, f"{nodes[number].label}: {error}")
        return None


def _follow_spelled(node: Node, nodes: Sequence[Node], spelled: Spelled, tensors: _Tensors) -> None:
    """Take all nodes of an activation at once."""
    x = next(name for name in node.inputs if name in tensors.paths)
    path = tensors.take(x, sum(nodes[number].inputs.count(x) for number in spelled.nodes))
    path.add_activation(node, spelled.activation)
    if spelled.factor != 1:
        path.add_affine(node, np.array(spelled.factor), np.zeros(()))
    tensors.done |= spelled.nodes
    tensors.give(spelled.result, path)


def _operator(node: Node) -> Operator | None:
    """What is known of a node's operator."""
    return operators().get(("" if node.domain in STANDARD else node.domain, node.op))


def _dynamic_inputs(node: Node, tensors: _Tensors) -> list[int]:
    """Which inputs depend on the image; all inputs and outputs are checked to be sound."""
    for name in filter(None, node.inputs):
        if name not in tensors.constants and name not in tensors.paths:
            raise InputError(f"uses a tensor '{escape(name)}' that no operator before it gives")
    operator = _operator(node)
    if not (operator and operator.split) and not (node.outputs and node.outputs[0]):
        raise InputError("is needed for an output other than its first; possible: operators with one output")
    given = [name for name in node.outputs if name] if operator and operator.split else node.outputs[:1]
    twice = [name for n, name in enumerate(given) if name in tensors.constants or name in tensors.paths]
    twice += [name for name, times in Counter(given).items() if times > 1]
    if twice:
        raise InputError(f"gives the tensor '{escape(twice[0])}' a second time")
    if node.domain not in STANDARD and node.domain not in {domain for domain, _ in operators()}:
        others = [
            domain for domain in dict.fromkeys(domain for domain, _ in operators()) if domain and possible(domain)
        ]
        listed = ", ".join(f"{possible(domain)} of the domain '{domain}'" for domain in others)
        raise InputError(
            f"is of the domain '{escape(node.domain)}'; possible: standard operators (export without them), {listed}"
        )
    return [i for i, name in enumerate(node.inputs) if name in tensors.paths]


def _constant(node: Node, tensors: _Tensors, graph: Graph) -> None:
    """Compute a node without the image; the shape of a running tensor is known, whatever path it is on."""
    name = node.inputs[0] if node.inputs else ""
    inputs = [tensors.constants.get(i) for i in node.inputs]
    if name in tensors.paths:
        path = tensors.paths[name]
        shape = path.shape if path.lost else (graph.batch, *path.shape)
        inputs = [np.broadcast_to(np.zeros((), dtype=np.int8), shape)]
    elif not is_foldable(node) and _operator(node) is None:
        raise NotHardware(unsupported(node.op))
    results = split(node, inputs) if node.op == "Split" else [tensors.grids.folded(node, graph.opset, inputs)]
    tensors.folded += sum(result.size for result in results)
    if tensors.folded > MAX_ELEMENTS:
        raise InputError(f"brings the computed constants above the possible {MAX_ELEMENTS} values")
    tensors.constants |= {output: result for output, result in zip(node.outputs, results, strict=False) if output}


def _check_step(node: Node, dynamic: list[int], tensors: _Tensors) -> Operator:
    """Check that this operator may follow on its running tensors."""
    operator = _operator(node)
    if operator is None:
        raise NotHardware(unsupported(node.op))
    paths = [tensors.paths[node.inputs[i]] for i in dynamic]
    if len(dynamic) > 1 and operator.join is None:
        raise NotHardware(
            f"takes {len(dynamic)} tensors that depend on the image; possible there: Add, Sub, Sum, Max, Min, Concat"
        )
    if dynamic != [0] and not operator.any_input:
        raise InputError("has weights that depend on the image; possible: the running tensor as first input only")
    rows = [path.shape for path in paths if path.lost and len(path.shape) > 1]
    if rows and not operator.on_rows:
        raise InputError(
            f"works on {list(rows[0])}, rows of an image whose batch was reshaped away; possible there: dense layers, "
            "neurons, arithmetic with constants, and a Reshape back to one image first"
        )
    if any(path.is_over for path in paths) and (not operator.neutral or len(dynamic) > 1):
        raise InputError("comes after a Softmax; possible: a Softmax at the end only")
    if not operator.neutral and not all(path.is_float for path in paths):
        raise InputError("computes with integers; possible: floating point, or a Cast of the input before")
    return operator
