"""No activation: the neuron gives its sum."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation, Fit, Inputs, Neuron
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["LINEAR", "Linear"]


@dataclass(frozen=True, slots=True)
class Linear(Activation):
    """y = z: needs neurons whose tone carries an offset."""

    def __call__(self, z: ArrayLike) -> Array:
        """The sums themselves."""
        return np.asarray(z, float)

    def __str__(self) -> str:
        return "linear"

    @property
    def homogeneous(self) -> bool:
        """It is."""
        return True

    @property
    def rises(self) -> bool:
        """It does."""
        return True

    @property
    def on_pixels(self) -> bool:
        """It does nothing."""
        return True

    def range(self, low: float, high: float) -> tuple[float, float]:
        """The same."""
        return low, high

    def neuron(self, fit: Fit | None = None) -> Neuron:
        """The ideal oscillator, above its threshold always."""
        return Neuron()

    def after(self, before: Activation) -> Activation | None:
        """It changes nothing."""
        return before

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """It has no operator of its own."""
        raise InputError("is no activation")

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """An Identity."""
        import onnx

        return [onnx.helper.make_node("Identity", [source], [result], name=name)]


LINEAR = Linear()
