"""What joins several paths, or ends in several: sums, concatenations, splits."""

import math
from collections.abc import Sequence

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Ints
from resonet.netlist.network.activations.clamps import clamped
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.constant_tones import add_constants
from resonet.netlist.network.onnx.file import Array
from resonet.netlist.network.onnx.fold import split_sizes
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Join, NotHardware, Operator, fits, optional
from resonet.netlist.network.onnx.operators.pool import whole_image
from resonet.netlist.network.onnx.sums import add_up, spread

__all__ = ["JOINS", "OPERATORS"]


def _sum(node: Node, paths: Sequence[Chain | None], inputs: Inputs) -> Chain:
    """Add, Sub, Sum of paths and, behind them, constants; of one taken twice it is a factor."""
    signs = [-1.0 if node.op == "Sub" and place == 1 else 1.0 for place in range(len(paths))]
    terms: list[tuple[Chain, float]] = []
    places: dict[object, int] = {}
    ended: set[int] = set()
    for path, sign in zip(paths, signs, strict=True):
        if path is None:
            continue
        same = places.setdefault((path.at, path.shape), len(terms))
        if same == len(terms):
            terms.append((path, sign))
            continue
        other, factor = terms[same]
        terms[same] = other, factor + sign
        if path is not other and id(path) not in ended:
            ended.add(id(path))
            path.graph.release(path.at)
    if len(terms) > 1:
        chain = add_up(node, terms)
    else:
        [(chain, factor)] = terms
        if factor != 1:
            chain.add_affine(node, np.array(factor), np.zeros(()))
    shape = (1, *chain.shape)
    for constant in (x for x in inputs if x is not None):
        if not fits(constant, shape):
            raise InputError(
                f"adds a constant {list(constant.shape)} to {list(shape)}; possible: a constant per channel or pixel"
            )
        chain.add_affine(node, np.ones(()), np.broadcast_to(constant.astype(np.float64), shape)[0])
    return chain


def _axis(node: Node, chain: Chain, default: int | None = None) -> int:
    """Axis of the attribute, in a shape without the batch."""
    if default is None and "axis" not in node.attributes:
        raise InputError("has no axis; possible: an axis of the image")
    axis, rank = node.get("axis", default or 0), 1 + len(chain.shape)
    if chain.lost and axis in (0, -1):
        return 0
    if not -rank <= axis < rank or axis % rank == 0:
        raise InputError(f"works over axis {axis} of {rank}; possible: the axes of the image, not the batch (axis 0)")
    return axis % rank - 1


def _concat(node: Node, paths: Sequence[Chain | None], inputs: Inputs) -> Chain:
    """Lists of tones one behind the other; constants are tones of fixed power."""
    first = next(path for path in paths if path is not None)
    axis = _axis(node, first)
    held = {n: _constant(inputs[n], first) for n, path in enumerate(paths) if path is None}
    shapes = [held[n].shape if path is None else path.shape for n, path in enumerate(paths)]
    if len({path.lost for path in paths if path}) > 1:
        raise InputError("joins what has a batch to what has none any more; possible: both with a batch of one")
    fit = {(*shape[:axis], 0, *shape[axis + 1 :]) if len(shape) == len(first.shape) else () for shape in shapes}
    if len(fit) > 1:
        raise InputError(f"joins {', '.join(str(list(s)) for s in shapes)} along axis {axis + 1}; possible: equal rest")
    first.check_shape((sum(math.prod(shape) for shape in shapes),))
    parts: list[Ints] = []
    taken: list[Chain] = []
    starts: dict[int, int] = {}
    start = 0
    for path, shape in zip(paths, shapes, strict=True):
        if path is None:
            parts.append(np.full(shape, -1))
            continue
        if id(path) not in starts:
            starts[id(path)], start = start, start + math.prod(shape)
            taken.append(path)
        parts.append(starts[id(path)] + np.arange(math.prod(shape)).reshape(shape))
    values = [held.get(n, np.zeros(shape)) for n, shape in enumerate(shapes)]
    add_constants(first, node, np.concatenate(parts, axis=axis), np.concatenate(values, axis=axis), taken[1:])
    return first


def _constant(constant: Array | None, chain: Chain) -> Array:
    """A constant without the batch, if it is the same for each image."""
    if constant is not None and chain.lost:
        return constant.astype(np.float64)
    if constant is None or constant.ndim == 0 or constant.shape[0] != chain.batch or (constant != constant[:1]).any():
        raise InputError(
            "appends a constant that is not one for each image alike; possible: [batch, ...], the same for each image"
        )
    own: Array = constant[0].astype(np.float64)
    return own


def _split(chain: Chain, node: Node, inputs: Inputs) -> list[Ints]:
    """Index table of each output."""
    axis = _axis(node, chain, 0)
    sizes = split_sizes(node, chain.shape[axis], optional(inputs, 1))
    table = np.arange(math.prod(chain.shape)).reshape(chain.shape)
    return np.split(table, np.cumsum(sizes[:-1]), axis=axis)


def _one_split(chain: Chain, node: Node, inputs: Inputs) -> None:
    chain.add_wiring(node, _split(chain, node, inputs)[0])


def _extreme(node: Node, paths: Sequence[Chain | None], inputs: Inputs) -> Chain:
    """Max, Min of paths: maximum circuits behind chains, of negative values for a minimum; constants are clamps."""
    given = {id(path): path for path in paths if path is not None}
    taken = list(given.values())
    spread(node, taken)
    chain, shape, size = taken[0], taken[0].shape, math.prod(taken[0].shape)
    if len(taken) > 1:
        chain.add_wiring(node, np.arange(len(taken) * size).reshape(len(taken), size).T[:, :, None], taken[1:])
        if node.op == "Min":
            chain.add_affine(node, -np.ones(()), np.zeros(()))
        chain.add_max_pool(node, whole_image((len(taken), 1)))
        if node.op == "Min":
            chain.add_affine(node, -np.ones(()), np.zeros(()))
        chain.shape = shape
    for constant in (x for x in inputs if x is not None):
        if constant.size != 1:
            raise InputError(f"compares with a constant {list(constant.shape)}; possible: one number beside signals")
        limit = float(constant.ravel()[0])
        chain.add_activation(node, clamped(limit, math.inf) if node.op == "Max" else clamped(-math.inf, limit))
    return chain


def _product(node: Node, paths: Sequence[Chain | None], inputs: Inputs) -> Chain:
    raise NotHardware(
        f"{'divides' if node.op == 'Div' else 'multiplies'} two signals of the network: hardware adds signals, it does "
        "not multiply them; possible: Add, Sub, Sum, Max, Min and Concat of signals, factors that are constant"
    )


def _one_sum(chain: Chain, node: Node, inputs: Inputs) -> None:
    _sum(node, [chain, *[None] * (len(inputs) - 1)], inputs)


def _one_concat(chain: Chain, node: Node, inputs: Inputs) -> None:
    at = next((n for n, name in enumerate(inputs) if name is None), 0)
    _concat(node, [chain if n == at else None for n in range(len(inputs))], inputs)


JOINS: dict[str, Join] = {
    **{"Add": _sum, "Concat": _concat, "Div": _product, "Max": _extreme, "Min": _extreme},
    **{"Mul": _product, "Sub": _sum, "Sum": _sum},
}
OPERATORS = (
    Operator("Concat", _one_concat, any_input=True, neutral=True, join=_concat),
    Operator("Split", _one_split, neutral=True, split=_split),
    Operator("Sum", _one_sum, any_input=True, join=_sum),
)
