"""Dense layers: 1x1 convolutions on an image of one pixel."""

import math

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.file import Array
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, fitted, floats, optional
from resonet.netlist.network.onnx.operators.joins import JOINS

__all__ = ["OPERATORS"]


def _add_dense(chain: Chain, node: Node, matrix: Array, bias: Array, shape: tuple[int, ...]) -> None:
    """Append `matrix` [out, in] as a 1x1 convolution."""
    out, features = matrix.shape
    layer = Synapses(
        name="",
        source=node.source,
        kind="dense",
        weight=matrix[:, :, None, None],
        bias=bias,
        in_shape=(features, 1, 1),
        out_shape=(out, 1, 1),
    )
    chain.add_synapses(layer, shape=shape)


def _gemm(chain: Chain, node: Node, inputs: Inputs) -> None:
    weight = floats(inputs, 1, "weight")
    if node.flag("transA"):
        raise InputError("has transA = 1, which mixes the images of a batch; possible: transA = 0")
    matrix, order = (weight, "[out, in]") if node.flag("transB") else (weight.T, "[in, out]")
    rows = chain.lost and len(chain.shape) == 2  # of one image, each a vector
    if matrix.ndim != 2 or chain.shape[rows:] != matrix.shape[1:]:
        raise InputError(f"has weights {list(weight.shape)} for an input {list(chain.shape)}; possible: {order}")
    bias = np.zeros(1) if optional(inputs, 2) is None else floats(inputs, 2, "bias")
    bias = fitted(bias, (1, len(matrix)), "bias")[0]
    with np.errstate(all="ignore"):  # an overflow is found by the check for finite weights
        matrix, bias = node.get("alpha", 1.0) * matrix, node.get("beta", 1.0) * bias
    if rows:
        _add_pointwise(chain, node, matrix, bias)
    else:
        _add_dense(chain, node, matrix, bias, (len(matrix),))


def _matmul(chain: Chain, node: Node, inputs: Inputs) -> None:
    matrix = floats(inputs, 1, "weight")
    *rest, features = chain.shape or (0,)
    if matrix.ndim != 2 or features != matrix.shape[0] or not matrix.shape[1]:
        raise InputError(
            f"multiplies {list(chain.shape)} by {list(matrix.shape)}; possible: vectors [..., in] by a matrix [in, out]"
        )
    out = matrix.shape[1]
    if math.prod(rest) == 1:
        _add_dense(chain, node, matrix.T, np.zeros(out), (*rest, out))
    else:
        _add_pointwise(chain, node, matrix.T, np.zeros(out))


def _add_pointwise(chain: Chain, node: Node, matrix: Array, bias: Array) -> None:
    """Append `matrix` [out, in] for each of the vectors [..., in] of a tensor: a 1x1 convolution between wires."""
    *rest, features = chain.shape
    out, positions = len(matrix), math.prod(rest)
    height, width = (rest[0], rest[1]) if len(rest) == 2 else (1, positions)
    chain.add_wiring(node, np.arange(positions * features).reshape(-1, features).T.reshape(features, height, width))
    layer = Synapses(
        name="",
        source=node.source,
        kind="conv",
        weight=matrix[:, :, None, None],
        bias=bias,
        in_shape=(features, height, width),
        out_shape=(out, height, width),
    )
    chain.add_synapses(layer)
    chain.add_wiring(node, np.arange(out * positions).reshape(out, positions).T.reshape(*rest, out))


OPERATORS = (
    Operator("Gemm", _gemm, on_rows=True, join=JOINS["Mul"]),
    Operator("MatMul", _matmul, on_rows=True, join=JOINS["Mul"]),
)
