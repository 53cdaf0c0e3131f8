"""What stands behind the last layer and leaves the ranking of the outputs as it is, so that hardware need not do it.

A Sigmoid, the Log of probabilities, labels out of an ArgMax: exporters of classifiers put them there, sklearn as two
outputs. What is left is the last layer's own outputs, of which the largest is the class; of one output alone, the class
is whether it is above zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from resonet.netlist.network.onnx.node import Node

__all__ = ["without_endings"]

MOVES = frozenset(["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"])
NORMALISING = frozenset(["LogSoftmax", "Softmax"])  # and ranking: their handlers check that they see all outputs
RANKING = frozenset(["ArgMax", "TopK"])
CLASSES = frozenset(["ArrayFeatureExtractor", "Gather"])  # names of classes by their numbers
KNOWN = MOVES | NORMALISING | RANKING | CLASSES | {"Log", "Sigmoid", "ZipMap", "Concat"}
DOMAINS = ("", "ai.onnx", "ai.onnx.ml")


@dataclass(frozen=True, slots=True)
class _Ending:
    root: str  # the tensor whose ranking an output has
    kept: tuple[Node, ...]  # what is still to be read between it and the output
    dropped: tuple[Node, ...]


def without_endings(
    nodes: Sequence[Node], outputs: Sequence[str], is_one: Callable[[str], bool]
) -> tuple[list[Node], tuple[str, ...], list[str]]:
    """Nodes, outputs and notes of a file without what ends its outputs; `is_one` tells of a constant whether it is 1.

    Outputs that rank the same layer (its labels and its probabilities) become the first of them.
    """
    makers = {name: node for node in nodes for name in node.outputs if name}
    endings = {name: _ending(makers, name, is_one) for name in outputs}
    if len({ending.root for ending in endings.values()}) == 1:
        endings = dict(list(endings.items())[:1])
    replaced: set[int] = set()
    added: list[Node] = []
    notes: list[str] = []
    for output, ending in endings.items():
        if not ending.dropped:
            continue
        replaced.add(id(makers[output]))
        link = ending.root
        for number, node in enumerate(ending.kept):
            name = f"{output}\0{number}"
            added.append(replace(node, inputs=(link, *node.inputs[1:]), outputs=(name,)))
            link = name
        added.append(Node("Identity", "", makers[output].name, (link,), (output,), {}))
        notes += [f"{op} dropped: it does not change the ranking" for op in _telling(ending.dropped)]
    left = [_without(node, endings) if id(node) in replaced else node for node in nodes]
    return [*left, *added], tuple(endings) or tuple(outputs), list(dict.fromkeys(notes))


def _telling(dropped: Sequence[Node]) -> list[str]:
    return [node.op for node in dropped if node.op in ("Log", "Sigmoid", "Concat")]


def _without(node: Node, outputs: Mapping[str, _Ending]) -> Node:
    """The node, which gives the tensors that are made anew no longer."""
    return replace(node, outputs=tuple("" if name in outputs else name for name in node.outputs))


def _ending(makers: Mapping[str, Node], output: str, is_one: Callable[[str], bool]) -> _Ending:
    """Walk back from an output as far as its ranking stays the same."""
    trail: list[Node] = []
    tensor = output
    while (node := makers.get(tensor)) and node.op in KNOWN and node.domain in DOMAINS and len(trail) < len(makers):
        if node.op == "Concat":
            both = _both_classes(makers, node, is_one)
            if both is None:
                break
            trail.append(node)
            tensor = both
            continue
        place = 1 if node.op in CLASSES else 0
        if len(node.inputs) <= place:
            break
        trail.append(node)
        tensor = node.inputs[place]
    return _sorted_out(trail[::-1], tensor)


def _both_classes(makers: Mapping[str, Node], node: Node, is_one: Callable[[str], bool]) -> str | None:
    """The probability p of which a Concat makes [1 - p, p]; None where it joins something else."""
    first, second = node.inputs if len(node.inputs) == 2 else ("", "")
    sub = makers.get(first)
    if sub is None or sub.op != "Sub" or len(sub.inputs) != 2 or sub.inputs[1] != second or not is_one(sub.inputs[0]):
        return None
    return second


def _sorted_out(trail: list[Node], root: str) -> _Ending:
    """What of the nodes from a root to an output is kept. A node that may not be here is the root of what follows."""
    kept: list[Node] = []
    dropped: list[Node] = []
    is_probability = False
    for number, node in enumerate(trail):
        if node.op in ("Sigmoid", "ZipMap") or (node.op in ("Log", "Concat") and is_probability):
            dropped.append(node)
            is_probability = is_probability or node.op == "Sigmoid"
        elif node.op in RANKING:
            return _Ending(root, (*kept, replace(node, domain="")), (*dropped, *trail[number:]))
        elif node.op in CLASSES or node.op in ("Log", "Concat"):
            root, kept, dropped = node.outputs[0], [], []
        else:
            kept.append(node)
            is_probability = is_probability or node.op == "Softmax"
    return _Ending(root, tuple(kept), tuple(dropped))
