"""Exponential linear units: Elu, Celu and Selu are one law with other parameters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation, Inputs, no_inputs, number
from resonet.netlist.network.activations.smooth import Smooth
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["Elu"]

SELU = 1.67326319217681884765625, 1.05070102214813232421875  # the standard's alpha and gamma


@dataclass(frozen=True, slots=True)
class Elu(Smooth):
    """y = gain z above 0, gain alpha (exp(z/width) - 1) below; gain and width > 0."""

    NAME: ClassVar[str] = "elu"
    OPERATORS: ClassVar[tuple[str, ...]] = ("Elu", "Celu", "Selu")

    alpha: float = 1.0
    gain: float = 1.0
    width: float = 1.0

    def __str__(self) -> str:
        shown = {"alpha": self.alpha, "gain": self.gain, "width": self.width}
        return f"{self.NAME} ({', '.join(f'{k} {v:g}' for k, v in shown.items() if k == 'alpha' or v != 1)})"

    def function(self, z: Array) -> Array:
        """Outputs, -gain alpha or more."""
        return np.asarray(self.gain * np.where(z > 0, z, self.alpha * np.expm1(np.minimum(z, 0) / self.width)))

    @property
    def turns(self) -> tuple[float, ...]:
        """It falls below 0 where alpha is negative."""
        return (0.0,) if self.alpha < 0 else ()

    @property
    def kinks(self) -> tuple[float, ...]:
        """At 0, unless both slopes are the same."""
        return () if self.alpha == self.width else (0.0,)

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """Any of the three."""
        no_inputs(inputs)
        match node.op:
            case "Elu":
                return cls(number(node, "alpha", 1.0))
            case "Celu":
                alpha = number(node, "alpha", 1.0)
                if alpha <= 0:
                    raise InputError(f"has alpha {alpha:g}; possible: above 0")
                return cls(alpha, 1.0, alpha)
            case _:
                gain = number(node, "gamma", SELU[1])
                if gain <= 0:
                    raise InputError(f"has gamma {gain:g}; possible: above 0")
                return cls(number(node, "alpha", SELU[0]), gain)

    @classmethod
    def alike(cls, z: Array, y: Array) -> Iterator[Activation]:
        """That of the alpha which y has: y(-1) / -y(1) = alpha (1 - 1/e)."""
        if y.ndim == 1:
            up, down = np.interp([1.0, -1.0], z, y)
            if up and down:
                yield cls(float(-down / up / -np.expm1(-1.0)))

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """An Elu, a Celu or a Selu."""
        import onnx

        make = onnx.helper.make_node
        if self.width == self.gain == 1:
            return [make("Elu", [source], [result], name=name, alpha=self.alpha)]
        if self.width == 1:
            return [make("Selu", [source], [result], name=name, alpha=self.alpha, gamma=self.gain)]
        if self.gain == 1 and self.width == self.alpha:
            return [make("Celu", [source], [result], name=name, alpha=self.alpha)]
        raise InputError(f"activation {self}: no ONNX operator; possible: gain 1 and width alpha, or width 1")
