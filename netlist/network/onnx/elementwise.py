"""Activations that an exporter wrote as several operators: x * Sigmoid(x), a Gelu by Erf, Max(x, 0.1 x), ...

Exporters spell one function in many orders of operators, so what is recognised is the function: a group of elementwise
operators that begins and ends in one tensor is run at some numbers, and compared with the activations that may be like
it. A factor at the end is let through: it folds into the next layer.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.activations.registry import activations
from resonet.netlist.network.onnx.between import followed, varied
from resonet.netlist.network.onnx.file import MAX_ACTIVATION, Array
from resonet.netlist.network.onnx.fold import run_node
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.refusals import PAGE

__all__ = ["ELEMENTWISE", "Spelled", "Tensors", "UnknownFunction", "spelled_activation", "users_of", "uses_of"]

# fmt: off
ELEMENTWISE = frozenset([
    "Abs", "Add", "Cast", "Celu", "Clip", "Div", "Elu", "Erf", "Exp", "Gelu", "Greater", "GreaterOrEqual",
    "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Min", "Mish", "Mul",
    "Neg", "Not", "PRelu", "Pow", "Reciprocal", "Relu", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt",
    "Sub", "Sum", "Swish", "Tanh", "Where",
])
# fmt: on
MOST_NODES = 32  # of one activation
MOST_VALUES = 2**22  # at all probes
# Numbers at which functions are compared, ±1 among them; few where large constants differ from value to value.
PROBES = np.array([-25.0, *np.arange(-90, 91) / 10, 25.0])
FEW_PROBES = np.array([-3.0, -1.0, -0.25, 0.0, 0.5, 1.0, 2.0])
# Where what is recognised must still be the same, whatever the unit of the numbers: beyond a limit, beside a shift.
_SIZES = np.array([1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 12.0, 30.0, 50.0, 100.0, 300.0, 1e3, 1e4, 1e6])
ELSEWHERE = np.concatenate([-_SIZES[::-1], _SIZES])
CLOSE = 3e-6  # of the largest value: constants have 32 bits


@dataclass(frozen=True, slots=True)
class Spelled:
    """An activation times a factor, written as several nodes."""

    activation: Activation
    factor: float
    nodes: frozenset[int]  # numbers of the nodes that it stands for
    result: str  # tensor that the last one gives


@dataclass(frozen=True, slots=True)
class Tensors:
    """What a group may use of the file."""

    shape: tuple[int, ...]  # of the running tensor, without the batch
    constants: Mapping[str, Array]
    compute: Callable[[int], None]  # computes the node of that number, which depends on no image
    uses: Mapping[str, int]  # by how many nodes and outputs a tensor is needed
    users: Mapping[str, Sequence[int]]  # numbers of the nodes that take a tensor
    makers: Mapping[str, int]  # number of the node that gives a tensor
    opset: int


@dataclass(slots=True)
class _Group:
    """Elementwise nodes so far, and the values of their tensors at the probes."""

    z: Array  # [n]
    values: dict[str, Array]
    open: Counter[str] = field(default_factory=Counter)  # uses that are still to come
    members: list[int] = field(default_factory=list)

    def closed(self, result: str, x: str) -> bool:
        """Whether nothing but `result` is needed by what follows; x, in which it begins, may be."""
        return all(name in (result, x) for name, left in self.open.items() if left > 0)


def uses_of(nodes: Sequence[Node], outputs: Sequence[str]) -> Counter[str]:
    """By how many nodes and outputs each tensor is needed; not by those that ask for its shape only."""
    return Counter([*(name for node in nodes if node.op not in ("Shape", "Size") for name in node.inputs), *outputs])


def users_of(nodes: Sequence[Node]) -> dict[str, list[int]]:
    """Numbers of the nodes that take each tensor, but for those that ask for its shape only."""
    users: dict[str, list[int]] = {}
    for number, node in enumerate(nodes):
        for name in dict.fromkeys(node.inputs if node.op not in ("Shape", "Size") else ()):
            users.setdefault(name, []).append(number)
    return users


def spelled_activation(nodes: Sequence[Node], first: int, x: str, tensors: Tensors) -> Spelled | None:
    """The activation that the nodes from number `first` on make of the tensor `x`; None where they make no function.

    Where all uses of x are among them, the first group that is an activation without a factor wins, or else the first
    that is one with a factor; where x has others beside, the largest without a factor. Raises UnknownFunction where
    they make one that we do not know.
    """
    found: Spelled | None = None
    part: Spelled | None = None  # beside which x is used
    unknown: list[int] = []
    for shape in dict.fromkeys([(1,) * len(tensors.shape), tensors.shape]):
        for group, result in _groups(nodes, first, x, tensors, shape):
            spelled = _recognise(group, result)
            if spelled and not _holds_between(spelled, [nodes[n] for n in group.members], group, x, tensors):
                spelled = None
            if group.open[x] > 0:
                part = spelled if spelled and (spelled.factor == 1 or part is None) else part
                continue
            if spelled and spelled.factor == 1:
                return spelled
            found, unknown = found or spelled, list(group.members)
        if part and len(part.nodes) > 1 and not found:
            return part
    if found:
        return found
    if len(unknown) > 1:
        operators = ", ".join(dict.fromkeys(nodes[number].op for number in unknown))
        raise UnknownFunction(
            f"begins a function of {operators} that is that of no neuron; possible: those of the neurons (Relu, Clip, "
            f"Silu, Gelu, ...: {PAGE})",
            unknown,
        )
    return part


class UnknownFunction(InputError):
    """A group of elementwise nodes, by number, that is no activation."""

    def __init__(self, text: str, nodes: Sequence[int]) -> None:
        super().__init__(text)
        self.nodes = tuple(nodes)


def _compute_constants(nodes: Sequence[Node], names: Sequence[str], tensors: Tensors) -> None:
    """Compute tensors that depend on no image; those that do stay unknown."""
    left, wanted = list(names), set[int]()
    while left and len(wanted) < 2 * MOST_NODES:
        name = left.pop()
        number = tensors.makers.get(name) if name and name not in tensors.constants else None
        if number is not None and number not in wanted:
            wanted.add(number)
            left += nodes[number].inputs
    for number in sorted(wanted):
        if all(not name or name in tensors.constants for name in nodes[number].inputs):
            tensors.compute(number)


def _groups(
    nodes: Sequence[Node], first: int, x: str, tensors: Tensors, shape: tuple[int, ...]
) -> Iterator[tuple[_Group, str]]:
    """Groups that begin in `x` and end in one tensor, growing; x holds the probes in every value of `shape`."""
    many = math.prod(shape) * len(PROBES) <= MOST_VALUES
    z = np.concatenate([PROBES if many else FEW_PROBES, ELSEWHERE])
    if math.prod(shape) * len(z) > MAX_ACTIVATION:
        return
    start = np.broadcast_to(z.reshape(-1, *[1] * len(shape)), (len(z), *shape))
    group = _Group(z, {x: start}, Counter({x: tensors.uses[x]}))
    users = tensors.users[x]
    begin = bisect_left(users, first)
    left = list(users[begin : begin + 1 + (MOST_NODES if len(users) <= MOST_NODES else 0)])
    seen, inside = set(left), {first}  # inside: what takes more than x
    while left:
        node = nodes[number := heappop(left)]
        if not (y := _values(node, nodes, group, tensors, start.shape)):
            if number in inside:
                return
            continue  # another path that begins here
        group.open.subtract(name for name in node.inputs if name in group.values)
        group.values[node.outputs[0]] = y[0]
        group.open[node.outputs[0]] = tensors.uses[node.outputs[0]]
        group.members.append(number)
        if group.closed(node.outputs[0], x):
            yield group, node.outputs[0]
        users = tensors.users.get(node.outputs[0], ())[:MOST_NODES]
        inside.update(users)
        for user in users:
            if user not in seen:
                seen.add(user)
                heappush(left, user)


def _values(node: Node, nodes: Sequence[Node], group: _Group, tensors: Tensors, shape: tuple[int, ...]) -> list[Array]:
    """What a node gives at the probes, if it can be of the group; else nothing."""
    if node.op not in ELEMENTWISE or node.domain or max(len(group.members), len(node.inputs)) >= MOST_NODES:
        return []
    unknown = [name for name in node.inputs if name and name not in group.values and name not in tensors.constants]
    _compute_constants(nodes, unknown, tensors)
    if any(name not in tensors.constants for name in unknown):
        return []
    inputs = [_wide(group.values.get(name, tensors.constants.get(name))) if name else None for name in node.inputs]
    try:
        y = _wide(run_node(node, tensors.opset, inputs))
    except InputError:
        return []
    return [] if y is None or y.shape != shape else [y]


def _wide(array: Array | None) -> Array | None:
    """Numbers with 64 bits, so that all of a group have as many."""
    return array if array is None or array.dtype.kind != "f" else array.astype(np.float64)


def _recognise(group: _Group, result: str) -> Spelled | None:
    """The activation that a group computes, times a factor."""
    whole = np.asarray(group.values[result], float).reshape(len(group.z), -1)
    y, z = whole[: -len(ELSEWHERE)], group.z[: -len(ELSEWHERE)]
    if not np.isfinite(y).all() or not y.any():
        return None
    if ((whole == whole[:, :1]) | np.isnan(whole)).all():
        whole, y = whole[:, 0], y[:, 0]
    if _is_straight(z, y):
        return None
    best = min(_candidates(z, y), key=lambda found: found[0], default=None)
    if best is None or best[0] > CLOSE or not _holds_elsewhere(best[1], best[2], whole):
        return None
    return Spelled(best[1], best[2], frozenset(group.members), result)


def _holds_elsewhere(activation: Activation, factor: float, whole: Array) -> bool:
    """Whether an activation times a factor is the function at `ELSEWHERE`, too, where that is finite.

    Held against its own size there, and against its largest value at the probes, less in proportion below these.
    """
    y, probes = whole[-len(ELSEWHERE) :], whole[: -len(ELSEWHERE)]
    z = ELSEWHERE if y.ndim == 1 else np.broadcast_to(ELSEWHERE[:, None], y.shape)
    own, size = factor * activation(z), np.abs(probes).max() * np.minimum(np.abs(z) / PROBES[-1], 1)
    finite = np.isfinite(y) & np.isfinite(own)
    return bool(np.all(np.abs(own - y)[finite] <= 3 * CLOSE * np.maximum(np.abs(y), size)[finite]))


def _holds_between(spelled: Spelled, members: list[Node], group: _Group, x: str, tensors: Tensors) -> bool:
    """Whether an activation times a factor is the function where its operators bend, too."""
    inputs = {name for node in members for name in node.inputs if name and name not in group.values}
    constants = {name: array for name in inputs if (array := _wide(tensors.constants[name])) is not None}
    shape = group.values[x].shape[1:]
    one = varied(shape, list(constants.values()))
    size = spelled.activation.size
    if size > 1 and size != math.prod(one):
        one = shape  # parameters of a value each, though they are alike

    def run(node: Node, given: Sequence[Array | None]) -> Array | None:
        try:
            return _wide(run_node(node, tensors.opset, given))
        except InputError:
            return None

    found = followed(members, x, constants, one, group.z, run)
    if found is None:
        return False
    z, y, rounding = (array.reshape(len(array), -1) for array in found)
    own = spelled.factor * (spelled.activation(z) if size > 1 else spelled.activation(z.ravel()).reshape(z.shape))
    largest = np.abs(np.asarray(group.values[spelled.result], float)[: -len(ELSEWHERE)]).max()
    finite = np.isfinite(y) & np.isfinite(own)
    room = 3 * CLOSE * np.maximum(np.abs(y), largest * np.minimum(np.abs(z) / PROBES[-1], 1))
    return bool(np.all(np.abs(own - y)[finite] <= (room + rounding)[finite]))


def _is_straight(z: Array, y: Array) -> bool:
    """Whether a function is a factor and an offset only, which other layers take in."""
    slope = (y[-1] - y[0]) / (z[-1] - z[0])
    off = y.T - (y[0] + np.multiply.outer(z - z[0], slope)).T
    return bool(np.abs(off).max() <= CLOSE * np.abs(y).max())


def _candidates(z: Array, y: Array) -> Iterator[tuple[float, Activation, float]]:
    """How far activations are off y, part of its largest value, and the factor that each is taken with."""
    scale = float(np.abs(y).max())
    for kind in activations():
        for activation in kind.alike(z, y):
            own = activation(z if y.ndim == 1 else np.broadcast_to(z[:, None], y.shape))
            if activation == LINEAR or not own.any():
                continue
            factor = float((own * y).sum() / (own * own).sum())
            factor = 1.0 if abs(factor - 1) < CLOSE else factor
            yield float(np.abs(factor * own - y).max()) / scale, activation, factor
