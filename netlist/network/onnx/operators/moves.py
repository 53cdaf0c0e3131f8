"""What moves data and computes nothing."""

from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.fold import MOVES, BatchError, move, move_one
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator

__all__ = ["OPERATORS"]


def _move(chain: Chain, node: Node, inputs: Inputs) -> None:
    rest = inputs[1:]
    if not chain.lost:
        try:
            chain.add_wiring(node, move(node, chain.opset, chain.shape, chain.batch, rest))
            return
        except BatchError:
            if chain.batch != 1:
                raise
    table = move_one(node, chain.opset, chain.shape, rest, chain.lost)
    chain.lost = table.ndim == 1
    chain.add_wiring(node, table if chain.lost else table[0])


OPERATORS = tuple(Operator(name, _move, neutral=True) for name in sorted(MOVES))
