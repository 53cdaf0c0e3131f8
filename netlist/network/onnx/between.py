"""Whether a group of elementwise operators is an activation between the numbers that it was tried at, too.

What an operator bends at is known: a ReLU where its input is zero, a clamp at its limits, a comparison where its sides
are equal, a sigmoid where its input is small. So the numbers that a group is tried at follow its operators: wherever
the input of one crosses such a level, that place is tried, what lies beside it, and the middle between every two.
Between them the operators before are straight, or parabolas, so that no crossing is missed: a clamp of any width at any
place is found; smooth operators are tried over all of their bend.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.onnx.node import Node

__all__ = ["followed", "varied"]

Run = Callable[[Node, Sequence[Array | None]], Array | None]  # what a node gives of its inputs; None where it cannot
ROUNDS = 4  # of search for one operator: secants towards the crossings of what is smooth
MOST = 2**23  # numbers that a group is tried at, over all values that differ
ROUNDING = 8 * np.finfo(float).eps  # of the largest number on the way
BESIDE = 1e-7  # of a place, to both sides of it
_HALF = np.array([0.02, 0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 14.0, 20.0])
BEND = np.concatenate([-_HALF[::-1], [0.0], _HALF])  # inputs over which a smooth operator bends
POLE = np.concatenate([-np.logspace(-8, 1, 10)[::-1], [0.0], np.logspace(-8, 1, 10)])
SMOOTH = frozenset([
    "Celu", "Elu", "Erf", "Exp", "Gelu", "Mish", "Selu", "Sigmoid", "Softplus", "Softsign", "Swish", "Tanh",
])  # fmt: skip
KINKS = frozenset(["Abs", "LeakyRelu", "PRelu", "Relu", "Sign"])
POLES = frozenset(["Log", "Pow", "Reciprocal", "Sqrt"])
PAIRS = frozenset(["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min"])


def followed(
    members: Sequence[Node], x: str, constants: Mapping[str, Array], shape: tuple[int, ...], start: Array, run: Run
) -> tuple[Array, Array, Array] | None:
    """Numbers [n, *shape] that follow the operators `members` on the tensor `x`, what these make of them, how exactly.

    `start` are the first numbers [m]; each value of `shape` may have constants of its own. None where there are too
    many to try, or an operator gives nothing.
    """
    z: Array = np.broadcast_to(np.sort(start).reshape(-1, *[1] * len(shape)), (len(start), *shape))
    for place, node in enumerate(members):
        for _ in range(ROUNDS):
            known = _evaluated(members[:place], x, constants, z, run)
            if known is None:
                return None
            found = list(_bends(node, [known.get(name, constants.get(name)) for name in node.inputs], z.shape))
            more = [where for d in found for where in _crossings(z, d)]
            grown = _merged(z, more)
            if grown is None:
                return None
            if len(grown) == len(z):
                break
            z = grown
    both = _merged(z, [0.5 * (z[1:] + z[:-1])])
    known = None if both is None else _evaluated(members, x, constants, both, run)
    if both is None or known is None:
        return None
    largest = np.max([np.where(np.isfinite(y), np.abs(y), 0) for y in known.values()], axis=0)
    return both, known[members[-1].outputs[0]], ROUNDING * largest


def varied(shape: tuple[int, ...], arrays: Sequence[Array]) -> tuple[int, ...]:
    """The shape [without batch] with 1 for the axes along which none of the arrays varies."""
    axes = np.ones(len(shape), int)
    for array in arrays:
        own = (*[1] * (len(shape) + 1 - array.ndim), *array.shape)[-len(shape) :] if shape else ()
        axes = np.maximum(axes, own)
    return tuple(axes.tolist())


def _evaluated(
    members: Sequence[Node], x: str, constants: Mapping[str, Array], z: Array, run: Run
) -> dict[str, Array] | None:
    """Tensors that the operators give."""
    known = {x: z}
    for node in members:
        y = run(node, [known.get(name, constants.get(name)) if name else None for name in node.inputs])
        if y is None or y.shape != z.shape:
            return None
        known[node.outputs[0]] = y
    return known


def _bends(node: Node, inputs: Sequence[Array | None], shape: tuple[int, ...]) -> Iterator[Array]:
    """What of a node's inputs is zero where it bends, as large as its output."""
    given = [None if array is None else np.broadcast_to(array.astype(float), shape) for array in inputs]
    first = given[0] if given else None
    if first is None:
        return
    levels: Sequence[float] | Array = ()
    match node.op:
        case name if name in SMOOTH:
            levels = BEND
        case name if name in KINKS:
            levels = (0.0,)
        case name if name in POLES:
            levels = POLE
        case name if name in PAIRS:
            yield from (a - b for n, a in enumerate(given) if a is not None for b in given[:n] if b is not None)
        case "Div" if given[1] is not None:
            yield from (given[1] - level for level in POLE)
        case "Clip":
            limits = [node.attributes.get("min"), node.attributes.get("max"), *given[1:]]
            yield from (first - limit for limit in limits if limit is not None)
        case "HardSigmoid":
            steep = float(node.get("alpha", 0.2)) or 1.0
            levels = [(end - float(node.get("beta", 0.5))) / steep for end in (0, 1)]
        case "HardSwish":
            levels = (-3.0, 0.0, 3.0)
    yield from (first - level for level in levels)


def _crossings(z: Array, d: Array) -> Iterator[Array]:
    """Places [n, ...] at which d, known at the rising numbers z, is zero on a line, or turns beside zero; NaN: none."""
    with np.errstate(all="ignore"):
        low, high = d[:-1], d[1:]
        at = z[:-1] - low * (z[1:] - z[:-1]) / (high - low)
        crosses = (low * high < 0) & (at > z[:-1]) & (at < z[1:])
        beside = np.where(crosses, BESIDE * np.maximum(np.abs(at), 1e-6), np.nan)
        at = np.where(crosses, at, np.nan)
        touch = np.where(d == 0, z, np.nan)
        around = BESIDE * np.maximum(np.abs(touch), 1e-6)
        yield from (at, at - beside, at + beside, touch - around, touch + around)
        # The parabola through three points: a vertex on the other side of zero is two crossings.
        (h1, h2), (s1, s2) = (z[1:-1] - z[:-2], z[2:] - z[1:-1]), (d[1:-1] - d[:-2], d[2:] - d[1:-1])
        s1, s2 = s1 / h1, s2 / h2
        bend = (s2 - s1) / (h1 + h2)
        slope = s1 + bend * h1
        step = -slope / (2 * bend)
        value = d[1:-1] + 0.5 * slope * step
        inside = (step > -h1) & (step < h2) & (value * d[1:-1] < 0)
        yield np.where(inside, z[1:-1] + step, np.nan)


def _merged(z: Array, more: Sequence[Array]) -> Array | None:
    """The numbers and more of them, rising along the first axis; as they were where there is nothing new."""
    rows = np.concatenate([row for row in more if len(row)] or [np.full_like(z[:1], np.nan)])
    rows = np.sort(np.where(np.isfinite(rows), rows, np.nan), axis=0)
    most = int(np.isfinite(rows).reshape(len(rows), -1).sum(0).max(initial=0))
    if not most:
        return z
    if (len(z) + most) * z[0].size > MOST:
        return None
    rows = np.where(np.isfinite(rows[:most]), rows[:most], z[:1])
    both = np.sort(np.concatenate([z, rows]), axis=0)
    new = (np.diff(both, axis=0) > 0).reshape(len(both) - 1, -1).any(1)
    # A row that is everywhere the same as the one before says nothing more.
    kept = both[np.concatenate([[True], new])]
    return z if len(kept) <= len(z) else kept
