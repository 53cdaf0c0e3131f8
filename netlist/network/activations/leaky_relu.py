"""Two slopes that meet at zero: the leaky ReLU, and the parametric one with a slope for each neuron."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.network.activations.base import Activation, Fit, Inputs, Neuron, decimal, number
from resonet.netlist.network.activations.clamps import RELU
from resonet.netlist.network.activations.curve import Curve
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["LeakyRelu"]


@dataclass(frozen=True, slots=True)
class LeakyRelu(Activation):
    """y = z above 0, slope z below; one slope for all neurons, or one for each of them, which are the last axis."""

    OPERATORS: ClassVar[tuple[str, ...]] = ("LeakyRelu", "PRelu")

    slopes: tuple[float, ...] = (0.01,)

    def __post_init__(self) -> None:
        if not self.slopes or not np.isfinite(self.slopes).all():
            raise InputError("leaky ReLU with slopes that are NaN or infinite; possible: finite slopes")

    def _slope(self) -> Array:
        return np.asarray(self.slopes if len(self.slopes) > 1 else self.slopes[0])

    def __call__(self, z: ArrayLike) -> Array:
        """Outputs for sums of any shape, neurons last."""
        x = np.asarray(z, float)
        return np.asarray(np.where(x > 0, x, self._slope() * x))

    def __str__(self) -> str:
        if len(self.slopes) == 1:
            return f"leaky_relu (slope {self.slopes[0]:g})"
        return f"prelu ({len(self.slopes)} slopes, {min(self.slopes):g} ... {max(self.slopes):g})"

    @property
    def homogeneous(self) -> bool:
        """It is."""
        return True

    @property
    def rises(self) -> bool:
        """Whether no slope is negative."""
        return min(self.slopes) >= 0

    @property
    def at_zero(self) -> float:
        """Zero."""
        return 0.0

    @property
    def size(self) -> int:
        """Slopes."""
        return len(self.slopes)

    def take(self, neurons: Ints) -> Activation:
        """Slopes of some neurons."""
        return self if self.size == 1 else LeakyRelu(tuple(np.asarray(self.slopes)[neurons].tolist()))

    def range(self, low: float, high: float) -> tuple[float, float]:
        """Least and largest of all neurons: at an end, or at zero."""
        least, most = min(self.slopes), max(self.slopes)
        ends = [x if x > 0 else slope * x for x in (low, high, min(max(0.0, low), high)) for slope in (least, most)]
        return min(ends), max(ends)

    def _curve(self) -> Curve:
        zero = np.zeros(1)
        return Curve(zero, zero, self._slope(), np.ones(()))

    @property
    def straight(self) -> Curve | None:
        """Its slopes, where there are several: `write` cannot say their shape."""
        return self._curve() if self.size > 1 else None

    def neuron(self, fit: Fit | None = None) -> Neuron:
        """A transconductor of two slopes."""
        return Neuron(curve=self._curve())

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """LeakyRelu, or PRelu with slopes that broadcast to the running tensor: then one for each of its values."""
        if node.op == "LeakyRelu":
            return _of([number(node, "alpha", 0.01)])
        array = inputs[1] if len(inputs) > 1 else None
        if array is None:
            raise InputError("has no constant slope; possible: slopes stored in the file")
        try:
            values = np.broadcast_to(array.astype(float), (1, *shape)).ravel()
        except ValueError:
            raise InputError(
                f"has slopes {list(array.shape)} for {list(shape)}; possible: one, or one a channel"
            ) from None
        unique, where = np.unique(values, return_inverse=True)
        return _of(np.array([decimal(value) for value in unique.tolist()])[where].tolist())

    @classmethod
    def alike(cls, z: Array, y: Array) -> Iterator[Activation]:
        """That of the slope which y has: y(-1) / -y(1)."""
        up, down = y[np.argmin(np.abs(z - 1))], y[np.argmin(np.abs(z + 1))]
        if np.all(up != 0):
            yield _of([decimal(slope) for slope in np.ravel(-down / up).tolist()])

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """A LeakyRelu of one slope."""
        import onnx

        if self.size > 1:
            raise InputError(f"activation {self}: its slopes have no shape by themselves; possible: one slope")
        return [onnx.helper.make_node("LeakyRelu", [source], [result], name=name, alpha=self.slopes[0])]


def _of(slopes: list[float]) -> Activation:
    """One for all where they are alike; a ReLU where they are zero."""
    alike = len(set(slopes)) == 1
    return RELU if alike and slopes[0] == 0 else LeakyRelu(tuple(slopes[:1] if alike else slopes))
