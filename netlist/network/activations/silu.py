"""The sigmoid-weighted linear unit, swish: exporters write it as x * Sigmoid(x)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation, Inputs, no_inputs, number
from resonet.netlist.network.activations.sigmoid import logistic
from resonet.netlist.network.activations.smooth import Smooth
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["Silu"]

TURN = -1.2784645427610738  # of z logistic(z): 1 + z (1 - logistic(z)) = 0


@dataclass(frozen=True, slots=True)
class Silu(Smooth):
    """y = z / (1 + exp(-alpha z)), alpha > 0: falls up to alpha z = -1.278."""

    NAME: ClassVar[str] = "silu"
    OPERATORS: ClassVar[tuple[str, ...]] = ("Swish",)

    alpha: float = 1.0

    def __str__(self) -> str:
        return self.NAME if self.alpha == 1 else f"{self.NAME} (alpha {self.alpha:g})"

    def function(self, z: Array) -> Array:
        """Outputs, -0.278 / alpha or more."""
        return np.asarray(z * logistic(self.alpha * z))

    @property
    def turns(self) -> tuple[float, ...]:
        """Its minimum."""
        return (TURN / self.alpha,)

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """Swish of the standard (opset 24)."""
        no_inputs(inputs)
        alpha = number(node, "alpha", 1.0)
        if alpha <= 0:
            raise InputError(f"has alpha {alpha:g}; possible: above 0")
        return cls(alpha)

    @classmethod
    def alike(cls, z: Array, y: Array) -> Iterator[Activation]:
        """The usual one, and that of the slope which y has but for a factor: y(1)/(-y(-1)) = exp(alpha)."""
        if y.ndim == 1:
            yield cls()
            up, down = np.interp([1.0, -1.0], z, y)
            if up * down < 0 and abs(up) > abs(down):
                yield cls(float(np.log(-up / down)))

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """Sigmoid and product, which any opset has."""
        import onnx

        make, steep = onnx.helper.make_node, f"{result}_steep"
        nodes = (
            []
            if self.alpha == 1
            else [
                make("Constant", [], [f"{result}_alpha"], value_float=self.alpha),
                make("Mul", [source, f"{result}_alpha"], [steep]),
            ]
        )
        gate = make("Sigmoid", [steep if nodes else source], [f"{result}_gate"])
        return [*nodes, gate, make("Mul", [source, f"{result}_gate"], [result], name=name)]
