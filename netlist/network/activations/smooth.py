"""Activations that hardware makes of straight pieces: what they have in common."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation, Fit, Inputs, Neuron, no_inputs
from resonet.netlist.network.activations.curve import Curve, fit_curve
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["PiecewiseLinear", "Smooth"]

SAMPLES = 401  # between two turns
TOLERANCE = 1e-7  # of the span: turns are given in decimals
ENDS = (-30.0, 30.0)  # sums between which it rises or falls


class Smooth(Activation):
    """An activation with a curve: one function of the sum for all neurons, made of straight pieces."""

    __slots__ = ()
    NAME: ClassVar[str]

    @abstractmethod
    def function(self, z: Array) -> Array:
        """Outputs for sums of any shape, 64 bits."""

    @property
    def turns(self) -> tuple[float, ...]:
        """Sums at which it stops to fall or to rise."""
        return ()

    @property
    def kinks(self) -> tuple[float, ...]:
        """Sums at which its slope jumps."""
        return ()

    def __call__(self, z: ArrayLike) -> Array:
        """Outputs for sums of any shape."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self.function(np.asarray(z, float)))

    def __str__(self) -> str:
        return self.NAME

    @property
    def rises(self) -> bool:
        """Whether it turns nowhere, and ends above where it begins."""
        return not self.turns and bool(np.diff(self(np.array(ENDS)))[0] >= 0)

    def range(self, low: float, high: float) -> tuple[float, float]:
        """Least and largest output: at an end, or where it turns."""
        at = [low, *(turn for turn in self.turns if low < turn < high), high]
        values = self(np.array(at))
        self._check_turns(np.array(at), float(np.ptp(values)))
        return float(values.min()), float(values.max())

    def _check_turns(self, at: Array, span: float) -> None:
        """InputError where it turns between two of the sums `at`, of which `turns` knows nothing."""
        if not np.isfinite(at).all():
            return
        for low, high in pairwise(at):
            z = np.linspace(low, high, SAMPLES)
            steps = np.diff(self(z))
            least = TOLERANCE * max(span, float(np.abs(steps).max(initial=0.0)))
            rising, falling = steps > least, steps < -least
            if rising.any() and falling.any():
                other = falling if rising[np.flatnonzero(rising | falling)[0]] else rising
                at_sum = float(z[int(other.argmax())])
                raise InputError(
                    f"activation {self}: it turns near {at_sum:.3g}, which its turns do not name ({self.turns}); "
                    f"possible: every sum at which it stops to fall or to rise"
                )

    @property
    def exact(self) -> bool:
        """It is fitted."""
        return False

    def neuron(self, fit: Fit | None = None) -> Neuron:
        """A transconductor of straight pieces."""
        if fit is None:
            raise InputError(f"activation {self}: no range of sums to fit it to; possible: compile again")
        return _fitted(self, fit)

    def built(self, fit: Fit | None = None) -> Activation:
        """The curve that is fitted to it."""
        return PiecewiseLinear(self, self.neuron(fit))

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """One of no parameters."""
        no_inputs(inputs)
        return cls()

    @classmethod
    def alike(cls, z: Array, y: Array) -> Iterator[Activation]:
        """The one of no parameters, or of the usual ones."""
        if y.ndim == 1:
            yield cls()

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """A node of its operator."""
        import onnx

        return [onnx.helper.make_node(self.OPERATORS[0], [source], [result], name=name)]


@lru_cache(maxsize=256)
def _fitted(activation: Smooth, fit: Fit) -> Neuron:
    activation.range(fit.low, fit.high)  # refuses turns that it does not name
    curve, error = fit_curve(activation, fit.low, fit.high, fit.pieces, activation.kinks)
    return Neuron(curve=curve, error=error)


@dataclass(frozen=True, slots=True, eq=False)
class PiecewiseLinear(Activation):
    """What a transconductor of straight pieces makes of an activation."""

    of: Activation
    made: Neuron

    def __call__(self, z: ArrayLike) -> Array:
        """Values of the curve."""
        assert self.made.curve is not None
        return self.made.curve(z)

    def __str__(self) -> str:
        assert self.made.curve is not None
        return f"{self.of} of {self.made.curve.pieces} pieces"

    @property
    def rises(self) -> bool:
        """As what it stands for: pools are placed by that."""
        return self.of.rises

    def range(self, low: float, high: float) -> tuple[float, float]:
        """Least and largest output: at an end, or at a corner."""
        assert self.made.curve is not None
        at = [low, *(corner for corner in self.made.curve.corners.tolist() if low < corner < high), high]
        values = self(np.array(at))
        return float(values.min()), float(values.max())

    @property
    def straight(self) -> Curve | None:
        """The curve."""
        return self.made.curve

    def neuron(self, fit: Fit | None = None) -> Neuron:
        """The transconductor."""
        return self.made

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """It has no operator of its own."""
        raise InputError("is no activation")

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """What it stands for."""
        return self.of.write(source, result, name)
