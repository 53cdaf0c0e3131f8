"""Sums of several paths: chains add their voltages in series at DC, so that a sum costs no layer where one ends in it.

Weighted layers without activation that nothing else needs become one, with an `Addend` for each input behind the first.
What else is added comes in as an identity, one resonator a neuron; without a weighted layer all come in so.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import IMAGE, Addend, Synapses, Wiring
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.folding import finite, scaled
from resonet.netlist.network.onnx.node import Node

__all__ = ["add_up", "spread"]

Term = tuple[Chain, float]  # a path and its factor
Part = tuple[int, Addend]  # what a layer takes, and how


def add_up(node: Node, terms: Sequence[Term]) -> Chain:
    """The path of a sum of several, which end in it. Raises InputError where their shapes do not fit together."""
    paths = [path for path, _ in terms]
    spread(node, paths)
    wires, shape = _common_wires(paths), paths[0].shape
    if wires is not None:
        back = np.argsort(wires.index).reshape(wires.in_shape)
        for path in paths:
            path.add_wiring(node, back)
    result = _merge(node, terms)
    if wires is not None:
        result.add_wiring(node, wires.index.reshape(shape))  # theirs: the same wires may have served another shape
    return result


def spread(node: Node, paths: Sequence[Chain]) -> None:
    """Bring all paths to one shape by wires: what is as large as one pixel or channel is given to all of them."""
    shapes = [path.shape for path in paths]
    listed = ", ".join(str(list(shape)) for shape in shapes)
    if len({len(shape) for shape in shapes}) > 1:
        raise InputError(f"takes {listed} together; possible: as many axes everywhere")
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise InputError(f"takes {listed} together; possible: shapes that fit together") from error
    paths[0].check_shape(shape)
    for path in paths:
        if path.shape != shape:
            path.add_wiring(node, np.broadcast_to(np.arange(math.prod(path.shape)).reshape(path.shape), shape))


def _common_wires(paths: Sequence[Chain]) -> Wiring | None:
    """Wires that the sum is better taken before: those of a path whose weighted layer takes the others in."""
    if any(_mergeable(path, path.at) for path in paths):
        return None
    graph = paths[0].graph
    for before in (True, False):
        for path in paths if before else paths[:1]:
            wires = path.wires()
            if wires is None or not _is_permutation(wires):
                continue
            if len(graph.sources[path.at]) > 1:
                continue
            if not before or (graph.alone(path.at) and _mergeable(path, graph.sources[path.at][0])):
                return wires
    return None


def _is_permutation(wires: Wiring) -> bool:
    """Whether wires from one layer bring each value to one place."""
    size = math.prod(wires.in_shape)
    index = wires.index[wires.index >= 0]
    return index.size == wires.index.size == size == np.unique(index).size


def _mergeable(path: Chain, number: int) -> bool:
    """Whether a layer may be taken into another: without activation, and needed by nobody else.

    A scale layer costs the other as much as an identity would, whoever else needs it.
    """
    layer = path.graph.synapses(number)
    if layer is None or layer.activation != LINEAR:
        return False
    return path.graph.alone(number) or (layer.kind == "scale" and not layer.addends)


def _is_depthwise(layer: Synapses) -> bool:
    """Whether each output takes the channel of its own number only, of all inputs."""
    own = [(layer.weight, layer.in_shape), *((addend.weight, addend.in_shape) for addend in layer.addends)]
    return all(weight.shape[1] == 1 and shape[0] == len(layer.bias) == layer.groups for weight, shape in own)


def _merge(node: Node, terms: Sequence[Term]) -> Chain:
    """One weighted layer in place of those that the paths stand on."""
    result = terms[0][0]
    graph = result.graph
    base = _base(terms)
    taken: dict[int, Synapses] = {}  # by place among the terms
    for n, (path, _) in enumerate(terms):
        layer = graph.synapses(path.at)
        if layer is not None and _mergeable(path, path.at) and _fits(layer, base):
            taken[n] = layer
    parts: list[Part] = []
    bias = np.zeros(base.out_shape[0])
    # The layer that is the base comes first, so that its kernel stays the layer's own.
    for n in sorted(range(len(terms)), key=lambda n: taken.get(n) is not base):
        path, factor = terms[n]
        if n in taken:
            layer = scaled(taken[n], np.full(len(bias), factor), 0.0)
            bias = bias + layer.bias
            parts += _parts(layer, graph.sources[path.at], base)
        else:
            graph.reserve(len(bias))
            one = np.full((len(bias), 1, 1, 1), factor)
            parts.append((path.at, Addend(node.source, one, base.out_shape, diagonal=base.outputs > 1)))
    parts = _collected(parts)
    layer = _layer(base, parts, bias, node)
    shape = result.shape
    names = [graph[path.at].name if path.at != IMAGE else "image" for path, _ in terms]
    sources = tuple(source for source, _ in parts)
    for source in sources:
        graph.claim(source)
    for path, _ in terms[1:]:
        graph.release(path.at)
    result.put(finite(layer), "pool" if layer.kind == "average_pool" else layer.kind, sources)
    for source in sources:
        graph.release(source)
    result.shape = shape
    result.notes.append(f"{node.op} of {', '.join(names)}: in series in {graph[result.at].name}")
    return result


def _base(terms: Sequence[Term]) -> Synapses:
    """Layer that takes the others in: the largest that may, or else an identity of the first path."""
    found = [path.graph.synapses(path.at) for path, _ in terms if _mergeable(path, path.at)]
    layers = [layer for layer in found if layer is not None]
    if layers:
        return max(layers, key=lambda layer: (not _is_depthwise(layer), layer.weight.size))
    shape = terms[0][0].as_image()
    one = np.ones((shape[0], 1, 1, 1))
    return Synapses("", "", "sum", one, np.zeros(shape[0]), shape, shape, groups=shape[0])


def _fits(layer: Synapses, base: Synapses) -> bool:
    """Whether a layer can be part of another."""
    return layer.out_shape == base.out_shape and (layer.groups == base.groups or _is_depthwise(layer))


def _parts(layer: Synapses, sources: Sequence[int], base: Synapses) -> Iterator[Part]:
    """The inputs of a layer as those of another."""
    own = Addend(
        layer.source, layer.weight, layer.in_shape, layer.stride, layer.dilation, layer.padding, grid=layer.grid
    )
    for source, addend in zip(sources, (own, *layer.addends), strict=True):
        diagonal = addend.diagonal or layer.groups != base.groups
        yield source, replace(addend, diagonal=diagonal and base.outputs > 1)


def _collected(parts: Sequence[Part]) -> list[Part]:
    """Inputs that are taken twice in the same way become one."""
    found: dict[object, Part] = {}
    for source, addend in parts:
        kernel = addend.weight.shape
        key = (source, kernel, addend.in_shape, addend.stride, addend.dilation, addend.padding, addend.diagonal)
        if key in found:
            weight: Array = found[key][1].weight + addend.weight
            addend = replace(found[key][1], weight=weight, grid=None)
        found[key] = source, addend
    return list(found.values())


def _layer(base: Synapses, parts: Sequence[Part], bias: Array, node: Node) -> Synapses:
    """The layer of all parts; the first one is its own."""
    own, *addends = (addend for _, addend in parts)
    kind = base.kind if base.kind not in ("scale", "sum") else "sum" if addends else "scale"
    return replace(
        base,
        source=base.source or node.source,
        kind=kind,
        weight=own.weight,
        grid=own.grid,
        bias=bias,
        in_shape=own.in_shape,
        stride=own.stride,
        dilation=own.dilation,
        padding=own.padding,
        addends=tuple(addends),
    )
