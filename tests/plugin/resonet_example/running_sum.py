"""CumSum of a vector as a dense layer of ones: y_i is the sum of x_1 ... x_i."""

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator


def _running_sum(chain: Chain, node: Node, inputs: Inputs) -> None:
    if len(chain.shape) != 1 or len(inputs) != 2 or inputs[1] is None or inputs[1].tolist() not in (1, -1, [1], [-1]):
        raise InputError(f"sums {list(chain.shape)} along another axis; possible: a vector along axis 1")
    (n,) = chain.shape
    chain.reserve(n * n)  # before it is allocated
    matrix = np.tril(np.ones((n, n)), -1 if node.flag("exclusive") else 0)
    matrix = matrix[::-1, ::-1] if node.flag("reverse") else matrix
    layer = Synapses("", node.source, "dense", matrix[:, :, None, None], np.zeros(n), (n, 1, 1), (n, 1, 1))
    chain.add_synapses(layer, shape=(n,))


CUM_SUM = Operator("CumSum", _running_sum)
