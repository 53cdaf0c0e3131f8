"""The hard sigmoid: three straight pieces, which a transconductor makes exactly."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation, Fit, Inputs, Neuron, no_inputs, number
from resonet.netlist.network.activations.curve import Curve
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["HardSigmoid"]


@dataclass(frozen=True, slots=True)
class HardSigmoid(Activation):
    """y = min(max(alpha z + beta, 0), 1), alpha > 0."""

    OPERATORS: ClassVar[tuple[str, ...]] = ("HardSigmoid",)

    alpha: float = 0.2
    beta: float = 0.5

    def __call__(self, z: ArrayLike) -> Array:
        """Outputs, 0 ... 1."""
        return np.asarray(np.clip(self.alpha * np.asarray(z, float) + self.beta, 0, 1))

    def __str__(self) -> str:
        return f"hard_sigmoid (alpha {self.alpha:g}, beta {self.beta:g})"

    @property
    def rises(self) -> bool:
        """It does."""
        return True

    def range(self, low: float, high: float) -> tuple[float, float]:
        """The outputs at both ends."""
        return float(self(low)), float(self(high))

    def neuron(self, fit: Fit | None = None) -> Neuron:
        """A transconductor with two corners."""
        zero = np.zeros(())
        corners = np.array([-self.beta, 1 - self.beta]) / self.alpha
        return Neuron(curve=Curve(corners, np.array([0.0, 1.0]), zero, zero))

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """HardSigmoid of the standard."""
        no_inputs(inputs)
        found = cls(number(node, "alpha", 0.2), number(node, "beta", 0.5))
        if found.alpha <= 0:
            raise InputError(f"has alpha {found.alpha:g}; possible: above 0")
        return found

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """A HardSigmoid."""
        import onnx

        return [onnx.helper.make_node("HardSigmoid", [source], [result], name=name, alpha=self.alpha, beta=self.beta)]
