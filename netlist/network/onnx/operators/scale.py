"""One factor and one offset for each channel or value: batch normalisation, arithmetic with constants."""

import math

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.file import NUMPY_OPSET, Array
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, fits, fitted, floats
from resonet.netlist.network.onnx.operators.joins import JOINS

__all__ = ["OPERATORS"]


def _batch_normalization(chain: Chain, node: Node, inputs: Inputs) -> None:
    # Before opset 14 the file says so by outputs for the statistics, before 7 by is_test = 0.
    if node.flag("training_mode") or any(node.outputs[1:]) or not node.flag("is_test", True):
        raise InputError(
            "is in training mode: it normalises each batch by itself; possible: one factor and offset per channel "
            "(call model.eval() and export again, without training=TrainingMode.TRAINING)"
        )
    if not node.flag("spatial", True):
        raise InputError("has statistics of every pixel; possible: one factor and offset per channel (spatial = 1)")
    if not chain.shape:
        raise InputError("needs channels, gets one number per image")
    scale, bias, mean, variance = (
        fitted(floats(inputs, i, what), chain.shape[:1], what)
        for i, what in enumerate(("scale", "bias", "mean", "variance"), start=1)
    )
    spread = variance + node.get("epsilon", 1e-5)
    if not (spread > 0).all():
        raise InputError("has a variance that is negative or NaN; possible: variances of zero or more")
    with np.errstate(all="ignore"):  # an overflow is found by the check for finite weights
        factor = scale / np.sqrt(spread)
        shift = bias - mean * factor
    column = (-1, *[1] * (len(chain.shape) - 1))
    chain.add_affine(node, factor.reshape(column), shift.reshape(column))


def _elementwise(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Add, Sub, Mul, Div of the running tensor and a constant, in either order."""
    constant = next((x for x in inputs if x is not None), None)
    if len(inputs) != 2 or constant is None:
        raise InputError("needs two inputs; possible: the running tensor and a constant")
    shape = (1, *chain.shape)
    if chain.opset < NUMPY_OPSET:
        constant = _aligned(node, constant, len(shape), inputs[0] is None)
    if not fits(constant, shape) and (wide := _spread(shape, constant)):
        chain.check_shape(wide[1:])
        table = np.arange(math.prod(chain.shape)).reshape(chain.shape)
        chain.add_wiring(node, np.broadcast_to(table, wide[1:]))
        shape = wide
    if not fits(constant, shape):
        raise InputError(
            f"combines {list(shape)} with a constant {list(constant.shape)}; possible: a constant per channel or pixel"
        )
    c = np.broadcast_to(constant.astype(np.float64), shape)[0]
    one, zero = np.ones(()), np.zeros(())
    if node.op == "Div" and inputs[0] is not None:
        raise InputError("divides a constant by the running tensor; possible: division by a constant")
    if node.op == "Div" and (c == 0).any():
        raise InputError("divides by zero; possible: constants other than zero")
    if node.op == "Mul":
        chain.add_affine(node, c, zero)
    elif node.op == "Div":
        with np.errstate(over="ignore"):  # found by the check for finite weights
            chain.add_affine(node, 1 / c, zero)
    elif node.op == "Sub" and inputs[0] is None:
        chain.add_affine(node, one, -c)
    else:
        chain.add_affine(node, one if node.op == "Add" else -one, c)


def _spread(shape: tuple[int, ...], constant: Array) -> tuple[int, ...]:
    """The shape [1, ...] of a signal that is spread over a larger constant; empty where that is not possible."""
    try:
        wide = np.broadcast_shapes(shape, constant.shape)
    except ValueError:
        return ()
    return wide if len(wide) == len(shape) and wide[0] == 1 else ()


def _aligned(node: Node, constant: Array, rank: int, is_second: bool) -> Array:
    """A constant of an old file: its axes begin at `axis` of the running tensor, or end where those end."""
    if "axis" not in node.attributes or not node.flag("broadcast"):
        return constant
    axis = node.get("axis", 0)
    after = rank - (axis % rank) - constant.ndim
    if not is_second or not -rank <= axis < rank or after < 0:
        raise InputError(
            f"aligns a constant {list(constant.shape)} to axis {axis} of {rank}; possible: what fits there"
        )
    return constant.reshape(*constant.shape, *[1] * after)


def _negative(chain: Chain, node: Node, inputs: Inputs) -> None:
    chain.add_affine(node, -np.ones(()), np.zeros(()))


OPERATORS = (
    Operator("BatchNormalization", _batch_normalization),
    Operator("Neg", _negative, on_rows=True),
    *(
        Operator(name, _elementwise, any_input=True, on_rows=True, join=JOINS[name])
        for name in ("Add", "Div", "Mul", "Sub")
    ),
)
