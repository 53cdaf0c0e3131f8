"""What moves data and computes nothing."""

from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.fold import MOVES, move
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator

__all__ = ["OPERATORS"]


def _move(chain: Chain, node: Node, inputs: Inputs) -> None:
    chain.add_wiring(node, move(node, chain.opset, chain.shape, chain.batch, inputs[1:]))


OPERATORS = tuple(Operator(name, _move, neutral=True) for name in sorted(MOVES))
