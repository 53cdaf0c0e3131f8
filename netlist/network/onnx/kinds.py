"""The kinds of layers that a list of layers may hold, and what each may say of itself.

Every kind is a function from an `Entry` to ONNX operators; what an entry holds and nobody asked for is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.node import escape

__all__ = ["ACTIVATIONS", "KINDS", "Entry", "ListedNode", "listed_nodes"]

Numbers = np.ndarray[Any, Any]
MOST = 10_000  # of a stride, a padding, a number of groups


@dataclass(frozen=True, slots=True)
class ListedNode:
    """One ONNX operator: tensors that it takes, then its own arrays in their order."""

    op: str
    name: str
    inputs: tuple[str, ...]
    output: str
    arrays: Mapping[str, Numbers] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Entry:
    """One layer of a list, which keeps account of what is asked of it."""

    def __init__(
        self, table: Mapping[str, Any], arrays: Callable[[str], Numbers], own: str, last: str, names: Mapping[str, str]
    ) -> None:
        self.table, self.arrays, self.own, self.last, self.names = table, arrays, own, last, names
        self.asked = {"kind", "name"}
        self.name = table.get("name", own)
        if not isinstance(self.name, str) or not self.name or self.name in names:
            raise InputError(f"name = '{escape(str(self.name))}'; possible: a word that no other layer has")

    def array(self, key: str, axes: tuple[int, ...]) -> Numbers:
        """The array that `key` names; it must be there."""
        found = self.optional(key, axes)
        if found is None:
            raise InputError(f"no {key}; possible: {key} = the name of an array")
        return found

    def optional(self, key: str, axes: tuple[int, ...]) -> Numbers | None:
        """The array that `key` names, or None."""
        self.asked.add(key)
        name = self.table.get(key)
        if name is None:
            return None
        if not isinstance(name, str):
            raise InputError(f"{key} = {escape(str(name))}; possible: the name of an array")
        array = self.arrays(name)
        if array.ndim not in axes:
            raise InputError(f"{key} '{escape(name)}' has the shape {list(array.shape)}; possible: {_axes(axes)} axes")
        return array

    def whole(self, key: str, default: int, least: int = 1) -> int:
        """A whole number."""
        self.asked.add(key)
        value = self.table.get(key, default)
        if type(value) is not int or not least <= value <= MOST:
            raise InputError(f"{key} = {escape(str(value))}; possible: {least} to {MOST}")
        return value

    def wholes(self, key: str, lengths: tuple[int, ...], least: int) -> tuple[int, ...] | None:
        """Whole numbers, as many as one of `lengths`; one number stands for the shortest list of it."""
        self.asked.add(key)
        value = self.table.get(key)
        if value is None:
            return None
        values = [value] * lengths[0] if type(value) is int else value
        fits = isinstance(values, list) and len(values) in lengths
        if not fits or not all(type(n) is int and least <= n <= MOST for n in values):
            possible = " or ".join(str(n) for n in lengths)
            raise InputError(f"{key} = {escape(str(value))}; possible: one whole number from {least} on, or {possible}")
        return tuple(values)

    def number(self, key: str, default: float) -> float:
        """A number."""
        self.asked.add(key)
        value = self.table.get(key, default)
        if type(value) not in (int, float) or not np.isfinite(np.float32(value)):
            raise InputError(f"{key} = {escape(str(value))}; possible: a finite number")
        return float(value)

    def flag(self, key: str) -> bool:
        """Whether something is so."""
        self.asked.add(key)
        value = self.table.get(key, False)
        if type(value) is not bool:
            raise InputError(f"{key} = {escape(str(value))}; possible: true, false")
        return value

    def input(self) -> str:
        """The tensor that a layer takes: that of the layer that it names, or of the one before."""
        self.asked.add("input")
        return self._tensor(self.table["input"]) if "input" in self.table else self.last

    def inputs(self) -> tuple[str, ...]:
        """The tensors of the layers that it names."""
        self.asked.add("inputs")
        names = self.table.get("inputs")
        if not isinstance(names, list) or len(names) < 2:
            raise InputError(f"inputs = {escape(str(names))}; possible: the names of two layers or more")
        return tuple(self._tensor(name) for name in names)

    def _tensor(self, name: Any) -> str:
        if not isinstance(name, str) or name not in self.names:
            known = ", ".join(map(escape, list(self.names)[-12:]))
            raise InputError(f"no layer '{escape(str(name))}' before it; possible: {known}")
        return self.names[name]

    def node(self, op: str, arrays: Mapping[str, Numbers | None] | None = None, **attributes: Any) -> ListedNode:
        """An operator on what the layer takes."""
        held = {key: array for key, array in (arrays or {}).items() if array is not None}
        return ListedNode(op, self.name, (self.input(),), self.own, held, attributes)

    def check_asked(self) -> None:
        """InputError for what the entry says and nobody asked for."""
        if unknown := [key for key in self.table if key not in self.asked]:
            raise InputError(f"unknown key '{escape(unknown[0])}'; possible: {', '.join(sorted(self.asked))}")


def _axes(axes: tuple[int, ...]) -> str:
    return " or ".join(map(str, axes))


def _window(entry: Entry, axes: int) -> dict[str, Any]:
    """Strides, dilations and padding over so many axes; of four paddings the order is top, left, bottom, right."""
    pads = entry.wholes("padding", (axes, 2 * axes), 0)
    found = {"strides": entry.wholes("stride", (axes,), 1), "dilations": entry.wholes("dilation", (axes,), 1)}
    found["pads"] = pads * 2 if pads and len(pads) == axes else pads
    return {key: list(values) for key, values in found.items() if values}


def _conv(entry: Entry) -> ListedNode:
    weight = entry.array("weight", (3, 4))
    arrays = {"weight": weight, "bias": entry.optional("bias", (1,))}
    return entry.node("Conv", arrays, group=entry.whole("groups", 1), **_window(entry, weight.ndim - 2))


def _dense(entry: Entry) -> ListedNode:
    return entry.node("Gemm", {"weight": entry.array("weight", (2,)), "bias": entry.optional("bias", (1,))}, transB=1)


def _pool(op: str) -> Callable[[Entry], ListedNode]:
    def made(entry: Entry) -> ListedNode:
        table = entry.table.get("kernel")
        axes = len(table) if isinstance(table, list) else 2
        kernel = entry.wholes("kernel", (axes,), 1)
        if kernel is None or axes not in (1, 2):
            raise InputError("no kernel; possible: kernel = 2, [2, 2], or [2] over one axis")
        window = {"strides": list(kernel), "kernel_shape": list(kernel)} | _window(entry, axes)
        if op == "AveragePool":
            window["count_include_pad"] = int(entry.flag("count_padding"))
        return entry.node(op, **window)

    return made


def _batch_norm(entry: Entry) -> ListedNode:
    arrays = {key: entry.array(key, (1,)) for key in ("scale", "offset", "mean", "variance")}
    return entry.node("BatchNormalization", arrays, epsilon=entry.number("epsilon", 1e-5))


def _joined(op: str) -> Callable[[Entry], ListedNode]:
    def made(entry: Entry) -> ListedNode:
        attributes = {"axis": 1} if op == "Concat" else {}
        return ListedNode(op, entry.name, entry.inputs(), entry.own, {}, attributes)

    return made


def _plain(op: str, **attributes: Any) -> Callable[[Entry], ListedNode]:
    return lambda entry: entry.node(op, **attributes)


def _with(op: str, key: str, attribute: str, default: float) -> Callable[[Entry], ListedNode]:
    return lambda entry: entry.node(op, None, **{attribute: entry.number(key, default)})


def _clip(entry: Entry) -> ListedNode:
    low, high = entry.number("low", 0.0), entry.number("high", 6.0)
    if not low < high:
        raise InputError(f"low = {low:g}, high = {high:g}; possible: the lower one first")
    return entry.node("Clip", {"low": np.array(low, np.float32), "high": np.array(high, np.float32)})


ACTIVATIONS: Mapping[str, Callable[[Entry], ListedNode]] = {
    "relu": _plain("Relu"),
    "relu6": lambda entry: entry.node("Clip", {"low": np.zeros((), np.float32), "high": np.array(6, np.float32)}),
    "leaky_relu": _with("LeakyRelu", "slope", "alpha", 0.01),
    "elu": _with("Elu", "alpha", "alpha", 1.0),
    "selu": _plain("Selu"),
    "sigmoid": _plain("Sigmoid"),
    "hard_sigmoid": _plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_swish": _plain("HardSwish"),
    "tanh": _plain("Tanh"),
    "softplus": _plain("Softplus"),
    "gelu": _plain("Gelu"),
    "clip": _clip,
}
KINDS: Mapping[str, Callable[[Entry], ListedNode]] = {
    "conv": _conv,
    "dense": _dense,
    "max_pool": _pool("MaxPool"),
    "average_pool": _pool("AveragePool"),
    "global_max_pool": _plain("GlobalMaxPool"),
    "global_average_pool": _plain("GlobalAveragePool"),
    "batch_norm": _batch_norm,
    "flatten": _plain("Flatten"),
    "add": _joined("Add"),
    "concat": _joined("Concat"),
    "softmax": _plain("Softmax", axis=-1),
    **ACTIVATIONS,
}
WITH_ACTIVATION = ("conv", "dense", "batch_norm", "add")  # may end in one, which says nothing of itself


def listed_nodes(entry: Entry) -> list[ListedNode]:
    """The operators of a layer, the last of which gives its output. Raises InputError."""
    kind = entry.table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"no such kind; possible: {', '.join(KINDS)}")
    nodes = [KINDS[kind](entry)]
    if kind in WITH_ACTIVATION:
        entry.asked.add("activation")
        name = entry.table.get("activation")
        if name is not None:
            if not isinstance(name, str) or name not in ACTIVATIONS:
                raise InputError(f"activation = '{escape(str(name))}'; possible: {', '.join(ACTIVATIONS)}")
            behind = Entry({"name": f"{entry.name} {name}"}, entry.arrays, f"{entry.own}a", entry.own, {})
            nodes.append(ACTIVATIONS[name](behind))
    entry.check_asked()
    return nodes
