"""What the ends of an oscillator's range do by themselves: below threshold it gives no tone, at the clamp no more."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation, Fit, Inputs, Neuron, no_inputs, one_number
from resonet.netlist.network.activations.curve import Curve
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["RELU", "Clip", "Relu", "clamped"]

LARGEST = 1e30  # stands for any sum


@dataclass(frozen=True, slots=True)
class Relu(Activation):
    """y = max(z, 0)."""

    OPERATORS: ClassVar[tuple[str, ...]] = ("Relu",)
    IDLE: ClassVar[str] = "gives no negative output"

    def __call__(self, z: ArrayLike) -> Array:
        """Outputs, 0 or more."""
        return np.asarray(np.maximum(z, 0))

    def __str__(self) -> str:
        return "relu"

    @property
    def homogeneous(self) -> bool:
        """It is."""
        return True

    @property
    def rises(self) -> bool:
        """It does."""
        return True

    def range(self, low: float, high: float) -> tuple[float, float]:
        """Both ends cut at 0."""
        return max(low, 0.0), max(high, 0.0)

    def neuron(self, fit: Fit | None = None) -> Neuron:
        """The threshold of an oscillator."""
        return Neuron(any_oscillator=True)

    def after(self, before: Activation) -> Activation | None:
        """It changes nothing behind what gives no negative output."""
        return _both(before, 0.0, math.inf)

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """Relu has no parameters."""
        no_inputs(inputs)
        return RELU

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """A Relu."""
        import onnx

        return [onnx.helper.make_node("Relu", [source], [result], name=name)]


RELU = Relu()


@dataclass(frozen=True, slots=True)
class Clip(Activation):
    """y = min(max(z, low), high), low < high, either of which may be infinite; ReLU6 among them."""

    OPERATORS: ClassVar[tuple[str, ...]] = ("Clip", "Max", "Min")
    ANY_INPUT: ClassVar[frozenset[str]] = frozenset(["Max", "Min"])
    IDLE: ClassVar[str] = "gives nothing beyond its ends"

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:  # NaN too
            raise InputError(f"clamp within {self.low:g} ... {self.high:g}; possible: the lower end first")

    def __call__(self, z: ArrayLike) -> Array:
        """Outputs, low ... high."""
        return np.asarray(np.clip(np.asarray(z, float), self.low, self.high))

    def __str__(self) -> str:
        return f"clip ({self.low:g} ... {self.high:g})"

    @property
    def rises(self) -> bool:
        """It does."""
        return True

    def range(self, low: float, high: float) -> tuple[float, float]:
        """Both ends cut."""
        return float(self(low)), float(self(high))

    def neuron(self, fit: Fit | None = None) -> Neuron:
        """Threshold and clamp of an oscillator; where zero is not within, corners of the transconductor."""
        if self.low <= 0 < self.high:
            return Neuron(ceiling=self.high)
        corners = np.array([end for end in (self.low, self.high) if math.isfinite(end)])
        below, above = np.asarray(float(self.low == -math.inf)), np.asarray(float(self.high == math.inf))
        return Neuron(curve=Curve(corners, corners, below, above))

    def after(self, before: Activation) -> Activation | None:
        """Two clamps are one."""
        return _both(before, self.low, self.high)

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """Clip with inputs or (before opset 11) attributes; Max and Min of the running tensor and numbers."""
        low = high = None
        match node.op:
            case "Clip" if len(inputs) > 1:
                low, high = one_number(inputs, 1, "min"), one_number(inputs, 2, "max")
            case "Clip":
                low, high = node.get("min", -math.inf), node.get("max", math.inf)
            case "Max":
                low = _extreme(inputs, max)
            case _:
                high = _extreme(inputs, min)
        return clamped(-math.inf if low is None else low, math.inf if high is None else high)

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """A Clip."""
        import onnx

        names, nodes = [source], []
        for end, value in (("low", self.low), ("high", self.high)):
            if math.isfinite(value):
                nodes.append(onnx.helper.make_node("Constant", [], [f"{result}_{end}"], value_float=float(value)))
            names.append(f"{result}_{end}" if math.isfinite(value) else "")
        return [*nodes, onnx.helper.make_node("Clip", names, [result], name=name)]


def _extreme(inputs: Inputs, which: Callable[[list[float]], float]) -> float | None:
    """Largest or least of the constants among the inputs of a Max or Min."""
    found = [one_number(inputs, i, "its limit") for i, x in enumerate(inputs) if x is not None]
    if len(inputs) - len(found) > 1:
        raise InputError("compares two running tensors; possible: the running tensor and numbers")
    return which([value for value in found if value is not None]) if found else None


def clamped(low: float, high: float) -> Activation:
    """The activation of that name: a ReLU, a clamp, or none. Float limits of 32 bits stand for infinite ones."""
    largest = float(np.finfo(np.float32).max)
    low, high = -math.inf if low <= -largest else low, math.inf if high >= largest else high
    if (low, high) == (0.0, math.inf):
        return RELU
    return LINEAR if (low, high) == (-math.inf, math.inf) else Clip(low, high)


def _both(before: Activation, low: float, high: float) -> Activation | None:
    """What a clamp behind another activation makes of it: the same, one clamp, or (None) a layer of its own."""
    least, largest = before.range(-LARGEST, LARGEST)
    if least >= low and largest <= high:
        return before
    clamp = before if isinstance(before, Clip) else Clip(0.0, math.inf) if before == RELU else None
    if clamp is None:
        return before.limited(low, high)
    if clamp.high <= low or clamp.low >= high:
        return None
    return clamped(max(clamp.low, low), min(clamp.high, high))
