"""Outputs rounded to whole steps within a clamp, as networks trained for integers have: fake quantisation.

Neurons are analogue: hardware keeps the clamp and rounds nothing. What that leaves out, half a step at most, is the
error of the neuron in the design; the trained network itself rounds, so `accuracy` has it, too.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation, Fit, Inputs, Neuron
from resonet.netlist.network.activations.clamps import RELU, Clip, clamped
from resonet.netlist.network.activations.curve import CurveError, fit_curve
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.activations.smooth import PiecewiseLinear, Smooth
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["Rounded"]


@dataclass(frozen=True, slots=True)
class Rounded(Activation):
    """y = step round(min(max(of(z), low), high) / step): low and high are whole steps, halves go to even numbers."""

    low: float
    high: float
    step: float
    of: Activation = LINEAR  # one function for all neurons

    def __post_init__(self) -> None:
        if not (
            0 < self.step < math.inf and -math.inf < self.low <= 0 <= self.high < math.inf and self.low < self.high
        ):
            raise InputError(
                f"rounds to steps of {self.step:g} within {self.low:g} ... {self.high:g}; possible: finite steps above "
                "zero, a range that holds zero"
            )

    def clamp(self, z: ArrayLike) -> Array:
        """Outputs without the rounding."""
        return np.asarray(np.clip(self.of(z), self.low, self.high))

    def __call__(self, z: ArrayLike) -> Array:
        """Outputs, whole steps; divided with 32 bits, as runtimes do, so that halves are halves for both."""
        with np.errstate(over="ignore", invalid="ignore"):
            steps = np.rint(np.asarray(self.of(z), np.float32) / np.float32(self.step)).astype(float)
        return np.asarray(np.clip(steps * self.step, self.low, self.high))

    def __str__(self) -> str:
        inner = "" if self.of == LINEAR else f"{self.of}, "
        return f"{inner}rounded to {self.step:.6g} ({self.low:.6g} ... {self.high:.6g})"

    @property
    def rises(self) -> bool:
        """As what it rounds."""
        return self.of.rises

    def range(self, low: float, high: float) -> tuple[float, float]:
        """Ends of what it rounds, rounded."""
        low, high = replace(self, of=LINEAR)(np.array(self.of.range(low, high))).tolist()
        return low, high

    @property
    def jumps(self) -> bool:
        """It does."""
        return True

    @property
    def exact(self) -> bool:
        """Nothing is rounded in hardware."""
        return False

    @property
    def on_pixels(self) -> bool:
        """Sources are set by numbers of some bits."""
        return self.of.on_pixels

    def neuron(self, fit: Fit | None = None) -> Neuron:
        """The clamp alone, or a transconductor fitted to what is clamped; the rounding is its error."""
        if fit is None:
            raise InputError(f"activation {self}: no range of sums to fit it to; possible: compile again")
        return _made(self, fit)

    def built(self, fit: Fit | None = None) -> Activation:
        """What it is without rounding."""
        if self.of == LINEAR:
            return clamped(self.low, self.high)
        return PiecewiseLinear(self, self.neuron(fit))

    def after(self, before: Activation) -> Activation | None:
        """Rounding of clamps, and of what is rounded to the same steps, is one; else it rounds what is before."""
        if self.of != LINEAR:
            return None
        if isinstance(before, Rounded):
            if before.step != self.step:
                return None
            return before.limited(self.low, self.high)
        if before == RELU:
            return self.limited(0.0, math.inf)
        if isinstance(before, Clip):
            return self.limited(before.low, before.high)
        return replace(self, of=before) if before.size == 1 else None

    def limited(self, low: float, high: float) -> Activation | None:
        """A clamp before or behind it, whose ends are rounded as all numbers are."""
        ends = replace(self, of=LINEAR)(np.array([low, high])).tolist()
        if not ends[0] < ends[1] or not ends[0] <= 0 <= ends[1]:
            return None
        return self if ends == [self.low, self.high] else replace(self, low=ends[0], high=ends[1])

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """It has no operator of its own: see netlist/network/onnx/quantised.py."""
        raise InputError("is no activation")

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """Division, Round, product and Clip, behind what it rounds."""
        import onnx

        values = {"step": self.step, "low": self.low, "high": self.high}
        nodes = [
            onnx.helper.make_node("Constant", [], [f"{result}_{name}"], value_float=value)
            for name, value in values.items()
        ]
        nodes += self.of.write(source, f"{result}_of")
        rows = [
            ("Div", [f"{result}_of", f"{result}_step"], f"{result}_d"),
            ("Round", [f"{result}_d"], f"{result}_r"),
            ("Mul", [f"{result}_r", f"{result}_step"], f"{result}_m"),
        ]
        nodes += [onnx.helper.make_node(op, inputs, [out]) for op, inputs, out in rows]
        ends = [f"{result}_m", f"{result}_low", f"{result}_high"]
        return [*nodes, onnx.helper.make_node("Clip", ends, [result], name=name)]


@lru_cache(maxsize=256)
def _made(activation: Rounded, fit: Fit) -> Neuron:
    """Of equal parts of a step, the rounding is off by up to a half and by 1/√12 in the mean."""
    low, high = activation.of.range(fit.low, fit.high)
    span = float(np.ptp(np.clip([low, high], activation.low, activation.high))) or 1.0
    rounding = CurveError(0.5 * activation.step / span, activation.step / math.sqrt(12) / span)
    if activation.of == LINEAR:
        return replace(clamped(activation.low, activation.high).neuron(), error=rounding)
    kinks = activation.of.kinks if isinstance(activation.of, Smooth) else (0.0,)
    curve, error = fit_curve(activation.clamp, fit.low, fit.high, fit.pieces, kinks)
    both = CurveError(error.largest + rounding.largest, math.hypot(error.rms, rounding.rms))
    return Neuron(curve=curve, error=both)
