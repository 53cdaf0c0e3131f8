"""Read a trained CNN from an ONNX file.

The operators are followed from the input to the output: what depends on constants only is computed (`fold`),
every other operator adds to the chain of layers (`operators`), folds into it, or is refused with a word on what is
possible. `onnx` is imported only when a file is read.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import NoReturn

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.elementwise import ELEMENTWISE, Spelled, Tensors, spelled_activation, uses_of
from resonet.netlist.network.onnx.file import (
    MAX_ACTIVATION,
    MAX_ELEMENTS,
    Array,
    InputTensor,
    OnnxModel,
    read_onnx,
)
from resonet.netlist.network.onnx.fold import FOLDABLE, fold
from resonet.netlist.network.onnx.fronts import with_front
from resonet.netlist.network.onnx.node import Node, escape
from resonet.netlist.network.onnx.operators.base import Operator
from resonet.netlist.network.onnx.operators.registry import STANDARD, operators, possible
from resonet.netlist.network.pixels import BYTE, Pixels, pixels_of_scale

__all__ = ["read_cnn"]


def read_cnn(path: str | PathLike[str], input_shape: tuple[int, ...] | None = None) -> Cnn:
    """Layers of the network in an ONNX file.

    `input_shape` is one image without the batch, (channels, height, width) or (features,); it fills in the sizes that
    the file leaves open. Anything that cannot be read or built in hardware is an `InputError` of one line.
    """
    path = Path(path)
    file = _one_line(str(path))
    try:
        model = read_onnx(path)
        shape = _image_shape(model.input, input_shape)
        chain, pixels = _follow(model, shape)
    except InputError as error:
        raise InputError(f"{file}: {_one_line(str(error))}") from error
    except Exception as error:  # the file is hostile until proven otherwise: no other error may leave
        reason = f"{type(error).__name__}: {_one_line(str(error))}"
        raise InputError(f"{file}: is damaged or not a usable ONNX file ({reason})") from error
    cnn = Cnn(
        file=_one_line(path.name),
        sha256=model.sha256,
        input_shape=shape,
        layers=tuple(chain.layers),
        notes=(*chain.notes, *model.notes),
        pixels=pixels,
    )
    return with_front(cnn)


def _one_line(text: str, limit: int = 600) -> str:
    """Text without line breaks, control characters or great length."""
    text = re.sub(r"\s+", " ", text[: 2 * limit]).strip()
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _image_shape(tensor: InputTensor, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Shape of one image: the file's, completed by the caller's."""
    label = f"input '{escape(tensor.name)}' has the shape {tensor.shown}"
    hint = "pass --input-shape 1,28,28 (channels, height, width, without the batch)"
    if tensor.shape is None and given is None:
        raise InputError(f"{label}; {hint}")
    declared = (None, *[None] * len(given or ())) if tensor.shape is None else tensor.shape
    if not 2 <= len(declared) <= 4:
        raise InputError(f"{label}; possible: [batch, features] to [batch, channels, height, width]")
    image = declared[1:]
    if given is not None:
        fits = len(given) == len(image) and all(d in (None, g) for g, d in zip(given, image, strict=True))
        if not fits or min(given) < 1:
            raise InputError(f"{label}, to which the input shape {','.join(map(str, given))} does not fit; {hint}")
        image = tuple(given)
    shape = tuple(size for size in image if size is not None)
    if len(shape) < len(image):
        raise InputError(f"{label}; {hint}")
    if math.prod(shape) * (declared[0] or 1) > MAX_ACTIVATION:
        raise InputError(f"{label}; possible: at most {MAX_ACTIVATION} values")
    return shape


@dataclass(slots=True)
class _Tensors:
    """What is known of the tensors while the operators are followed, by ONNX name."""

    current: str  # the running tensor, made by the last operator of the chain
    shapes: dict[str, tuple[int, ...]]  # of every tensor that depends on the image, without the batch
    constants: dict[str, Array]
    makers: dict[str, Node] = field(default_factory=dict)
    folded: int = 0  # values of all computed constants
    done: set[int] = field(default_factory=set)  # numbers of nodes that are followed before their turn
    uses: Counter[str] = field(default_factory=Counter)  # by how many nodes and outputs each is needed


def _follow(model: OnnxModel, shape: tuple[int, ...]) -> tuple[Chain, Pixels | None]:
    """Chain of layers from the input to the output, and what its first operators say of the pixels."""
    batch = (model.input.shape or (None,))[0] or 1
    chain = Chain(shape=shape, opset=model.opset, batch=batch)
    tensors = _Tensors(model.input.name, {model.input.name: shape}, dict(model.weights))
    tensors.uses = uses_of(model.nodes, model.outputs)
    is_float, is_over = model.input.is_float, False
    pixels = Pixels(top=BYTE, source="the input is UINT8") if model.input.is_byte else None
    for number, node in enumerate(model.nodes):
        if number in tensors.done:
            continue
        try:
            dynamic = _dynamic_inputs(node, tensors)
            if not dynamic or node.op in ("Shape", "Size"):
                _constant(node, tensors, chain)
                continue
            if _may_be_spelled(node, dynamic, tensors) and is_float and not is_over:
                spelled = _spelled(model.nodes, number, tensors, chain)
                if spelled:
                    _follow_spelled(node, spelled, tensors, chain)
                    continue
            operator = _check_step(node, dynamic, tensors, is_float, is_over)
            operator.handle(chain, node, [tensors.constants.get(name) for name in node.inputs])
        except InputError as error:
            raise InputError(f"{node.label}: {error}") from error
        is_float = is_float or node.op in ("Cast", "DequantizeLinear")
        is_over = is_over or operator.last
        pixels = pixels if model.input.is_byte else _first_scale(chain, node) or pixels
        tensors.current = node.outputs[0]
        tensors.shapes[tensors.current] = chain.shape
        tensors.makers[tensors.current] = node
    _check_outputs(model, tensors)
    if not chain.synapses:
        raise InputError("holds no weighted layer; possible: Conv, Gemm, MatMul, average pools")
    return chain, pixels


def _first_scale(chain: Chain, node: Node) -> Pixels | None:
    """Pixels that a network takes which begins by multiplying them; None where this is no such beginning."""
    match chain.layers:
        case [Synapses(kind="scale") as scale]:
            return pixels_of_scale(float(np.median(scale.weight)), float(np.median(scale.bias)), node.label)
    return None


def _may_be_spelled(node: Node, dynamic: list[int], tensors: _Tensors) -> bool:
    """Whether a node may be the first of an activation that is written as several."""
    alone = all(node.inputs[i] == tensors.current for i in dynamic) and node.domain in STANDARD
    return alone and node.op in ELEMENTWISE and (tensors.uses[tensors.current] > 1 or _operator(node) is None)


def _spelled(nodes: Sequence[Node], number: int, tensors: _Tensors, chain: Chain) -> Spelled | None:
    """The activation that is written as several nodes from number `number` on."""

    def compute(at: int) -> None:
        with suppress(InputError):  # it is met again in its turn, and then named
            _constant(nodes[at], tensors, chain)
            tensors.done.add(at)

    seen = Tensors(chain.shape, tensors.constants, compute, tensors.uses, chain.opset)
    return spelled_activation(nodes, number, tensors.current, seen)


def _follow_spelled(node: Node, spelled: Spelled, tensors: _Tensors, chain: Chain) -> None:
    """Take all nodes of an activation at once."""
    chain.add_activation(node, spelled.activation)
    if spelled.factor != 1:
        chain.add_affine(node, np.array(spelled.factor), np.zeros(()))
    tensors.done |= spelled.nodes
    tensors.current = spelled.result
    tensors.shapes[spelled.result] = chain.shape
    tensors.makers[spelled.result] = node


def _operator(node: Node) -> Operator | None:
    """What is known of a node's operator."""
    return operators().get(("" if node.domain in STANDARD else node.domain, node.op))


def _dynamic_inputs(node: Node, tensors: _Tensors) -> list[int]:
    """Which inputs depend on the image; all inputs and outputs are checked to be sound."""
    for name in filter(None, node.inputs):
        if name not in tensors.constants and name not in tensors.shapes:
            raise InputError(f"uses a tensor '{escape(name)}' that no operator before it gives")
    if not node.outputs or not node.outputs[0]:
        raise InputError("is needed for an output other than its first; possible: operators with one output")
    if node.outputs[0] in tensors.constants or node.outputs[0] in tensors.shapes:
        raise InputError(f"gives the tensor '{escape(node.outputs[0])}' a second time")
    if node.domain not in STANDARD and node.domain not in {domain for domain, _ in operators()}:
        others = [
            domain for domain in dict.fromkeys(domain for domain, _ in operators()) if domain and possible(domain)
        ]
        listed = ", ".join(f"{possible(domain)} of the domain '{domain}'" for domain in others)
        raise InputError(
            f"is of the domain '{escape(node.domain)}'; possible: standard operators (export without them), {listed}"
        )
    return [i for i, name in enumerate(node.inputs) if name in tensors.shapes]


def _constant(node: Node, tensors: _Tensors, chain: Chain) -> None:
    """Compute a node without the image; the shape of a running tensor is known, whatever branch it is on."""
    name = node.inputs[0] if node.inputs else ""
    inputs = [tensors.constants.get(i) for i in node.inputs]
    if name in tensors.shapes:
        shape = (chain.batch, *tensors.shapes[name])
        shape = chain.shape if chain.lost and name == tensors.current else shape
        inputs = [np.broadcast_to(np.zeros((), dtype=np.int8), shape)]
    elif node.op not in FOLDABLE and _operator(node) is None:
        _unsupported()
    result = fold(node, chain.opset, inputs)
    tensors.folded += result.size
    if tensors.folded > MAX_ELEMENTS:
        raise InputError(f"brings the computed constants above the possible {MAX_ELEMENTS} values")
    tensors.constants[node.outputs[0]] = result


def _check_step(node: Node, dynamic: list[int], tensors: _Tensors, is_float: bool, is_over: bool) -> Operator:
    """Check that this operator may follow on the running tensor."""
    if len(dynamic) > 1 or node.inputs[dynamic[0]] != tensors.current:
        raise InputError("uses a branch of the network; possible: a straight chain, each layer used by the next only")
    operator = _operator(node)
    if operator is None:
        _unsupported()
    if dynamic != [0] and not operator.any_input:
        raise InputError("has weights that depend on the image; possible: the running tensor as first input only")
    if is_over and not operator.neutral:
        raise InputError("comes after a Softmax; possible: a Softmax at the end only")
    if not is_float and not operator.neutral:
        raise InputError("computes with integers; possible: floating point, or a Cast of the input before")
    return operator


def _unsupported() -> NoReturn:
    raise InputError(f"is not supported; possible: {possible()}")


def _check_outputs(model: OnnxModel, tensors: _Tensors) -> None:
    """Check that the last tensor is the only output."""
    for name in model.outputs:
        if name == tensors.current:
            continue
        if name in tensors.makers:
            raise InputError(f"{tensors.makers[name].label}: is an output and a branch; possible: the last layer only")
        raise InputError(f"output '{escape(name)}' does not depend on the image; possible: one output, the last layer")
    if not model.outputs:
        raise InputError("has no output; possible: one output, the last layer")
