"""Fake quantisation of the running tensor: what `quantised` makes of QuantizeLinear, DequantizeLinear and Quant."""

from dataclasses import replace

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.activations.clamps import Clip
from resonet.netlist.network.activations.rounded import Rounded
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.file import Array
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, optional
from resonet.netlist.network.onnx.quantised import DOMAIN

__all__ = ["OPERATORS"]


def _one(array: Array | None, what: str) -> float | None:
    if array is None:
        return None
    if not array.size or (array != array.ravel()[0]).any():
        raise InputError(f"has {array.size} numbers as {what}; possible: one for the tensor")
    return float(array.ravel()[0])


def _scale(inputs: Inputs, place: int) -> tuple[float, float]:
    """Scale and zero point from two inputs in a row."""
    scale = _one(optional(inputs, place), "scale")
    if scale is None or not 0 < scale < np.inf:
        raise InputError("has no constant scale above zero; possible: scales that are stored in the file")
    return scale, _one(optional(inputs, place + 1), "zero point") or 0.0


def _rounded(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Clamp and round to whole steps."""
    step, zero = _scale(inputs, 1)
    low, high = node.get("low", 0), node.get("high", 0)
    if low == high:  # of a QuantizeLinear: what its type holds
        point = optional(inputs, 2)
        kind = np.dtype(np.uint8) if point is None else point.dtype
        if kind.kind not in "iu" or kind.itemsize > 2:
            raise InputError(f"rounds to {kind}; possible: integers of 8 and 16 bits")
        low, high = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    activation = Rounded(step * (low - zero), step * (high - zero), step)
    chain.add_activation(replace(node, op="QuantizeLinear"), activation)
    ends = f"{activation.low:.4g} ... {activation.high:.4g}"
    note = f"quantised to steps of {step:.4g} within {ends}: hardware keeps the clamp and rounds nothing"
    if note not in chain.notes:
        chain.notes.append(note)


def _clamped(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Clamp of codes."""
    scale, zero = _scale(inputs, 3)
    low, high = (_one(optional(inputs, place), "limit") for place in (1, 2))
    ends = [end if code is None else scale * (code - zero) for code, end in ((low, -np.inf), (high, np.inf))]
    if any(np.isfinite(ends)):
        chain.add_activation(node, Clip(*ends))


def _rescaled(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Codes that are read with another scale or zero point than they were made with."""
    (scale, zero), (other, point) = _scale(inputs, 1), _scale(inputs, 3)
    if (scale, zero) != (other, point):
        chain.add_affine(node, np.array(other / scale), np.array(other * (zero - point)))


def _dequantised(chain: Chain, node: Node, inputs: Inputs) -> None:
    """An image of integers: the numbers that they stand for."""
    scale, zero = _scale(inputs, 1)
    chain.add_affine(node, np.array(scale), np.array(-scale * zero))


OPERATORS = (
    Operator("Clamped", _clamped, domain=DOMAIN, made=True),
    Operator("DequantizeLinear", _dequantised, neutral=True),
    Operator("Rescaled", _rescaled, domain=DOMAIN, made=True),
    Operator("Rounded", _rounded, domain=DOMAIN, made=True),
)
