"""The Gaussian error linear unit, by the error function and by the tangent that approximates it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation, Inputs, no_inputs
from resonet.netlist.network.activations.smooth import Smooth
from resonet.netlist.network.onnx.node import Node, escape

if TYPE_CHECKING:
    import onnx

__all__ = ["Gelu"]

TURNS = {"none": -0.7517915246935645, "tanh": -0.7524614220710162}


@dataclass(frozen=True, slots=True)
class Gelu(Smooth):
    """y = z/2 (1 + erf(z/√2)), or with tanh(√(2/π) (z + 0.044715 z³)) for erf: falls up to z = -0.752."""

    NAME: ClassVar[str] = "gelu"
    OPERATORS: ClassVar[tuple[str, ...]] = ("Gelu",)

    approximate: Literal["none", "tanh"] = "none"

    def __str__(self) -> str:
        return self.NAME if self.approximate == "none" else f"{self.NAME} (tanh)"

    def function(self, z: Array) -> Array:
        """Outputs, -0.17 or more."""
        if self.approximate == "tanh":
            return np.asarray(0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))))
        from scipy.special import ndtr  # heavy enough to wait until somebody asks

        return np.asarray(z * ndtr(z))

    @property
    def turns(self) -> tuple[float, ...]:
        """Its minimum."""
        return (TURNS[self.approximate],)

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """Gelu of the standard (opset 20)."""
        no_inputs(inputs)
        match node.get("approximate", "none"):
            case "none":
                return cls("none")
            case "tanh":
                return cls("tanh")
            case other:
                raise InputError(f"its attribute approximate is '{escape(other, 20)}'; possible: none, tanh")

    @classmethod
    def alike(cls, z: Array, y: Array) -> Iterator[Activation]:
        """Both."""
        if y.ndim == 1:
            yield from (cls("none"), cls("tanh"))

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """A Gelu."""
        import onnx

        return [onnx.helper.make_node("Gelu", [source], [result], name=name, approximate=self.approximate)]
