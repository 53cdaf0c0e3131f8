"""What changes nothing that hardware would have to do."""

import math

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, optional

__all__ = ["OPERATORS"]


def _identity(chain: Chain, node: Node, inputs: Inputs) -> None:
    pass


def _dropout(chain: Chain, node: Node, inputs: Inputs) -> None:
    training = optional(inputs, 2)
    if training is not None and training.any():
        raise InputError("is in training mode; possible: inference (export with model.eval())")
    chain.notes.append("Dropout dropped: it does nothing in inference")


def _cast(chain: Chain, node: Node, inputs: Inputs) -> None:
    import onnx

    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    if node.get("to", 0) not in floats:
        raise InputError("rounds the running tensor to another type; possible: FLOAT, DOUBLE, FLOAT16, BFLOAT16")


def _softmax(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Drop it where it normalises over all outputs of an image, so that their order stays."""
    rank = 1 + len(chain.shape)
    axis = node.get("axis", -1 if chain.opset >= 13 else 1)
    axis = axis + rank if axis < 0 else axis
    # Before opset 13 the axis and all after it are normalised together.
    span = chain.shape[axis - 1 : axis if chain.opset >= 13 else None]
    if not 1 <= axis < rank or math.prod(span) != math.prod(chain.shape):
        raise InputError(f"normalises {[1, *chain.shape]} over axis {axis}; possible: over all outputs of an image")
    chain.notes.append(f"{node.op} dropped: it does not change the ranking")


OPERATORS = (
    Operator("Cast", _cast, neutral=True),
    Operator("Dropout", _dropout, neutral=True),
    Operator("Identity", _identity, neutral=True),
    *(Operator(name, _softmax, last=True) for name in ("LogSoftmax", "Softmax")),
)
