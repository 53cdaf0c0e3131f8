"""The softplus, with the sharpness that some exporters write out."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.smooth import Smooth

if TYPE_CHECKING:
    import onnx

__all__ = ["Softplus"]


@dataclass(frozen=True, slots=True)
class Softplus(Smooth):
    """y = ln(1 + exp(beta z)) / beta, beta > 0."""

    NAME: ClassVar[str] = "softplus"
    OPERATORS: ClassVar[tuple[str, ...]] = ("Softplus",)

    beta: float = 1.0

    def __str__(self) -> str:
        return self.NAME if self.beta == 1 else f"{self.NAME} (beta {self.beta:g})"

    def function(self, z: Array) -> Array:
        """Outputs above 0."""
        return np.asarray(np.logaddexp(0, self.beta * z) / self.beta)

    @classmethod
    def alike(cls, z: Array, y: Array) -> Iterator[Activation]:
        """The usual one, and that of the beta which y has: y(1) - y(-1) = 1, y(0) = ln 2 / beta, but for a factor."""
        if y.ndim == 1:
            yield cls()
            down, zero, up = np.interp([-1.0, 0.0, 1.0], z, y)
            if zero and (up - down) / zero > 0:
                yield cls(float(math.log(2) * (up - down) / zero))

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """A Softplus, between two products where it is another than the usual one."""
        import onnx

        make = onnx.helper.make_node
        if self.beta == 1:
            return [make("Softplus", [source], [result], name=name)]
        beta, steep, soft = (f"{result}_{part}" for part in ("beta", "steep", "soft"))
        return [
            make("Constant", [], [beta], value_float=self.beta),
            make("Mul", [source, beta], [steep]),
            make("Softplus", [steep], [soft]),
            make("Div", [soft, beta], [result], name=name),
        ]
