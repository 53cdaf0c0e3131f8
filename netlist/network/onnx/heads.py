"""Which of a file's outputs is read, and the operators that it needs."""

from dataclasses import replace

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.file import OnnxModel
from resonet.netlist.network.onnx.node import Node, escape

__all__ = ["select_output"]

MOST_LISTED = 8


def select_output(model: OnnxModel, name: str | None) -> OnnxModel:
    """The model with one output, and what it depends on. InputError where there are several and none is named."""
    outputs = tuple(dict.fromkeys(model.outputs))
    listed = ", ".join(f"'{escape(output)}'" for output in outputs[:MOST_LISTED])
    listed += ", ..." if len(outputs) > MOST_LISTED else ""
    if not outputs:
        raise InputError("has no output; possible: one output, the last layer")
    if name is not None and name not in outputs:
        raise InputError(f"has no output '{escape(name)}'; possible: {listed}")
    if name is None and len(outputs) > 1:
        raise InputError(f"has {len(outputs)} outputs; possible: one of them, by --output NAME: {listed}")
    chosen = outputs[0] if name is None else name
    return replace(model, outputs=(chosen,), nodes=_needed(model.nodes, chosen))


def _needed(nodes: tuple[Node, ...], output: str) -> tuple[Node, ...]:
    """Nodes that an output depends on, in order."""
    needed, kept = {output}, []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.outputs):
            kept.append(node)
            needed.update(name for name in node.inputs if name)
    return tuple(reversed(kept))
