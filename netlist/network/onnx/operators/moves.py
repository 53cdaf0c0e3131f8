"""What moves data and computes nothing."""

from resonet.core.types import Ints
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.constant_tones import add_constants
from resonet.netlist.network.onnx.fold import MOVES, BatchError, move, move_one, pad_value, without_value
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator

__all__ = ["OPERATORS"]


def _move(chain: Chain, node: Node, inputs: Inputs) -> None:
    rest = inputs[1:]
    number = pad_value(node, rest)
    if node.op == "Pad":
        node, rest = without_value(node, rest)
    add_constants(chain, node, _table(chain, node, rest), number)


def _table(chain: Chain, node: Node, rest: Inputs) -> Ints:
    """Index table of the moved tensor."""
    if not chain.lost:
        try:
            return move(node, chain.opset, chain.shape, chain.batch, rest)
        except BatchError:
            if chain.batch != 1:
                raise
    table = move_one(node, chain.opset, chain.shape, rest, chain.lost)
    chain.lost = table.ndim == 1 or len(table) > 1
    return table if chain.lost else table[0]


OPERATORS = tuple(Operator(name, _move, neutral=True, on_rows=True) for name in sorted(MOVES))
