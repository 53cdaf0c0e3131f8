"""Which of a file's outputs are read, and the operators that they need."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.file import OnnxModel
from resonet.netlist.network.onnx.node import Node, escape

__all__ = ["listed", "select_output", "side_by_side"]

MOST_LISTED = 8


def select_output(model: OnnxModel, name: str | None) -> OnnxModel:
    """The model with the output of that name and what it depends on, or with all of them. Raises InputError."""
    outputs = tuple(dict.fromkeys(model.outputs))
    if not outputs:
        raise InputError("has no output; possible: one output, the last layer, or several")
    if name is None:
        return replace(model, outputs=outputs)
    chosen = model.same.get(name, name)
    if chosen not in outputs:
        raise InputError(f"has no output '{escape(name)}'; possible: {listed((*outputs, *model.same))}")
    return replace(model, outputs=(chosen,), nodes=_needed(model.nodes, chosen))


def listed(outputs: Sequence[str]) -> str:
    """Names of outputs for messages."""
    shown = ", ".join(f"'{escape(output)}'" for output in outputs[:MOST_LISTED])
    return shown + (", ..." if len(outputs) > MOST_LISTED else "")


def side_by_side(chains: Mapping[str, Chain]) -> Chain:
    """The path of all outputs, one behind the other, in which theirs end; the first is what an image is ranked by."""
    first, *others = chains.values()
    if not others:
        return first
    sizes = {name: math.prod(chain.shape) for name, chain in chains.items()}
    first.add_wiring(Node("Concat", "", "outputs", (), ("outputs",), {}), np.arange(sum(sizes.values())), others)
    told = ", ".join(f"'{escape(name)}' ({size})" for name, size in [*sizes.items()][:MOST_LISTED])
    first.notes.append(f"{len(sizes)} outputs one behind the other: {told}; the class is that of the first")
    return first


def _needed(nodes: tuple[Node, ...], output: str) -> tuple[Node, ...]:
    """Nodes that an output depends on, in order."""
    needed, kept = {output}, []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.outputs):
            kept.append(node)
            needed.update(name for name in node.inputs if name)
    return tuple(reversed(kept))
