"""Numbers that stand beside what depends on the image: tones of fixed power, or biases."""

from collections.abc import Sequence

import numpy as np

from resonet.core.types import Array, Ints
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import IMAGE
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.node import Node

__all__ = ["add_constants"]


def add_constants(chain: Chain, node: Node, table: Ints, values: Array | float, others: Sequence[Chain] = ()) -> None:
    """As `Chain.add_wiring`, with `values` (broadcast to the table) in place of the zeros where the table is -1.

    One number is an offset before the wires and its opposite behind them, where the layers before take it in: it then
    folds into what follows. Else those values are the biases of a layer of one resonator a value.
    """
    values = np.broadcast_to(np.asarray(values, float), table.shape)
    added, one = values[table < 0], np.ones(())
    if added.size and (added == added[0]).all() and added[0] != 0 and not others and _takes_offset(chain):
        chain.add_affine(node, one, np.array(-added[0]))
        chain.add_wiring(node, table)
        chain.add_affine(node, one, np.array(added[0]))
        return
    chain.add_wiring(node, table, others)
    if added.any():
        chain.add_affine(node, one, np.where(table < 0, values, 0.0))


def _takes_offset(chain: Chain) -> bool:
    """Whether one offset for all values costs no layer: the image's sources take it, or the one layer right before."""
    layer = chain.graph.synapses(chain.at)
    alone = layer is not None and layer.activation == LINEAR and chain.graph.alone(chain.at)
    return chain.at == IMAGE or alone
