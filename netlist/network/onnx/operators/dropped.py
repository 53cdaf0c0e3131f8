"""What changes nothing that hardware would have to do."""

import math

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, optional

__all__ = ["OPERATORS"]


def _identity(chain: Chain, node: Node, inputs: Inputs) -> None:
    pass


def _dropout(chain: Chain, node: Node, inputs: Inputs) -> None:
    training = optional(inputs, 2)
    if (training is not None and training.any()) or not node.flag("is_test", True):
        raise InputError("is in training mode; possible: inference (export with model.eval())")
    chain.notes.append("Dropout dropped: it does nothing in inference")


def _cast(chain: Chain, node: Node, inputs: Inputs) -> None:
    import onnx

    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    if node.get("to", 0) not in floats:
        raise InputError("rounds the running tensor to another type; possible: FLOAT, DOUBLE, FLOAT16, BFLOAT16")


def _softmax(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Drop it where it normalises over all outputs of an image, so that their order stays."""
    # Before opset 13 the axis and all after it are normalised together.
    _check_axis(chain, node.get("axis", -1 if chain.opset >= 13 else 1), chain.opset < 13, "normalises")
    chain.notes.append(f"{node.op} dropped: it does not change the ranking")


def _ranking(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Drop what gives the number of the largest output: it is the class of the outputs themselves.

    Of the smallest: their opposites, of which it is the largest.
    """
    if node.op != "TopK" and node.flag("select_last_index"):
        raise InputError("takes the last of equal outputs; possible: the first (select_last_index = 0)")
    _check_axis(chain, node.get("axis", -1 if node.op == "TopK" else 0), False, "ranks")
    if node.op == "ArgMin" or not node.flag("largest", True):
        chain.add_affine(node, -np.ones(()), np.zeros(()))
        chain.notes.append(f"{node.op} as outputs of the opposite sign: the class is the number of the largest of them")
        return
    chain.notes.append(f"{node.op} dropped: the class is the number of the largest output")


def _check_axis(chain: Chain, axis: int, and_after: bool, does: str) -> None:
    """Check that an axis (and those after it) holds all outputs of an image."""
    rank = 1 + len(chain.shape)
    axis = 1 if chain.lost and axis == 0 else axis
    place = axis + rank if axis < 0 else axis
    span = chain.shape[place - 1 : None if and_after else place]
    if not 1 <= place < rank or math.prod(span) != math.prod(chain.shape):
        raise InputError(f"{does} {[1, *chain.shape]} over axis {axis}; possible: over all outputs of an image")


OPERATORS = (
    Operator("Cast", _cast, neutral=True, on_rows=True),
    Operator("Dropout", _dropout, neutral=True, on_rows=True),
    Operator("Identity", _identity, neutral=True, on_rows=True),
    *(Operator(name, _ranking, neutral=True, last=True) for name in ("ArgMax", "ArgMin", "TopK")),
    *(Operator(name, _softmax, last=True) for name in ("LogSoftmax", "Softmax")),
)
