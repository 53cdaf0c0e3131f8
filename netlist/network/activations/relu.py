"""The ReLU: an oscillator gives no tone below its threshold."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation, Inputs, Neuron, no_inputs
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["RELU", "Relu"]

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
    def rises(self) -> bool:
        """It does."""
        return True

    def range(self, low: float, high: float) -> tuple[float, float]:
        """Both ends cut at 0."""
        return max(low, 0.0), max(high, 0.0)

    def neuron(self) -> Neuron:
        """The threshold of an oscillator."""
        return Neuron(any_oscillator=True)

    def after(self, before: Activation) -> Activation | None:
        """It changes nothing behind what gives no negative output."""
        return before if before.range(-LARGEST, LARGEST)[0] >= 0 else None

    @classmethod
    def read(cls, node: Node, inputs: Inputs) -> Activation:
        """Relu has no parameters."""
        no_inputs(inputs)
        return RELU

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """A Relu."""
        import onnx

        return [onnx.helper.make_node("Relu", [source], [result], name=name)]


RELU = Relu()
