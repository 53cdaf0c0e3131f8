"""The power law of a spintronic oscillator, for networks that were trained with it.

The sum z drives the oscillator around its threshold, ξ = I/I_th = 1 + drive z, held within 0 ... clamp, and the power
of its tone is the output, in units of what it gives at the clamp:

    y = scale h(ξ) / h(clamp),   h = p(ξ) with three terminals (constant read current),   p(ξ) ξ² with two,

with p the stationary power of the precession (`models.startup`, eq. 2; P_out ~ p I_read² or p I², `models.oscillator`).

y is a rising function of z from 0 to `scale`: differentiating (ξ - 1) p - (ξ + Q_nl) p² + η = 0 gives
dp/dξ = p (1 - p) / √[(ξ - 1)² + 4 η (ξ + Q_nl)], and 0 <= p < 1 because the left side is η - 1 - Q_nl < 0 at p = 1.
A largest value may therefore be taken before or after it. The thermal seed η leaves y(0) > 0: a zero that is put in
before it is not a zero after it.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array
from resonet.models.neuron.startup import stationary_power
from resonet.netlist.network.activations.base import (
    KINDS,
    Activation,
    Fit,
    Inputs,
    Kind,
    Neuron,
    TrainedOscillator,
    decimal,
)
from resonet.netlist.network.onnx.node import Node, escape

if TYPE_CHECKING:
    import onnx

__all__ = ["ATTRIBUTES", "DOMAIN", "KINDS", "OPERATORS", "Kind", "OscillatorActivation"]

DOMAIN = "resonet"
OPERATORS: dict[str, Kind] = {"ThreeTerminal": "three_terminal", "TwoTerminal": "two_terminal"}
ATTRIBUTES = ("drive", "scale", "qnl", "clamp", "seed")
THEORY = "Slavin and Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009)"
THERMAL = "models/resonator/thermal.py: alpha 0.01, 10 uA, 300 K, polarisation 0.6"


@dataclass(frozen=True, slots=True)
class OscillatorActivation(Activation):
    """Activation of an oscillator neuron; a call maps the sums z (weights and bias), of any shape, to y.

    Raises InputError for parameters out of range. `models.oscillator` has the devices that work so.
    """

    DOMAIN: ClassVar[str] = DOMAIN
    OPERATORS: ClassVar[tuple[str, ...]] = tuple(OPERATORS)

    kind: Kind
    drive: float = parameter(1.0, "", 1e-30, 1e30, "overdrive, in threshold currents, of a sum of 1")
    scale: float = parameter(1.0, "", 1e-30, 1e30, "output at the clamp")
    qnl: float = parameter(2.0, "", 0.0, 1e3, "nonlinear damping", THEORY)
    clamp: float = parameter(4.0, "", 1.001, 1e3, "largest useful current, in threshold currents")
    seed: float = parameter(0.0105, "", 0.0, 0.1, "mean thermal power p_T without a current", THERMAL)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"activation.kind = {str(self.kind)[:40]!r}: possible: {', '.join(KINDS)}")
        check(self, "activation")

    def __str__(self) -> str:
        numbers = ", ".join(f"{name} {getattr(self, name):g}" for name in ("drive", "scale", "qnl", "clamp", "seed"))
        return f"{self.kind} ({numbers})"

    def current(self, z: ArrayLike) -> Array:
        """Drive current ξ in units of the threshold, within 0 ... clamp."""
        with np.errstate(over="ignore"):  # what overflows is at an end anyway
            return np.asarray(np.clip(1 + self.drive * np.asarray(z, float), 0, self.clamp))

    def _power(self, xi: Array) -> Array:
        """h(ξ): power of the tone in arbitrary units."""
        with np.errstate(invalid="ignore"):  # at ξ = Q_nl = 0 the branch that is not taken divides by zero
            p = stationary_power(xi, self.qnl, self.seed)
        return p if self.kind == "three_terminal" else p * xi**2

    def __call__(self, z: ArrayLike) -> Array:
        """Output y of the neuron, 0 ... scale; NaN stays NaN."""
        xi = self.current(z)
        y = self.scale * (self._power(xi) / self._power(np.asarray(self.clamp)))
        return np.where(np.isnan(xi), np.nan, y)  # the stationary power of NaN is 0

    @property
    def rises(self) -> bool:
        """It does: see above."""
        return True

    def range(self, low: float, high: float) -> tuple[float, float]:
        """The outputs at both ends."""
        least, largest = map(float, self([low, high]))
        return least, largest

    def neuron(self, fit: Fit | None = None) -> Neuron:
        """That oscillator."""
        return Neuron(TrainedOscillator(*(getattr(self, spec.name) for spec in fields(self))))

    @classmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Activation:
        """A call of one of our functions; that the function in the file is ours was checked when the file was read."""
        if sorted(node.attributes) != sorted(ATTRIBUTES) or len(inputs) != 1:
            given = ", ".join(escape(name, 20) for name in list(node.attributes)[:8]) or "none"
            raise InputError(
                f"has {len(inputs)} inputs and the attributes {given}; possible: 1, {', '.join(ATTRIBUTES)}"
            )
        numbers = {name: decimal(node.get(name, 0.0)) for name in ATTRIBUTES}
        return cls(OPERATORS[node.op], **numbers)

    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """A call of the function of its kind, which `onnx.neurons.add_activations` adds to the model."""
        import onnx

        operator = next(name for name, kind in OPERATORS.items() if kind == self.kind)
        numbers: dict[str, Any] = {attribute: float(getattr(self, attribute)) for attribute in ATTRIBUTES}
        return [onnx.helper.make_node(operator, [source], [result], name=name, domain=DOMAIN, **numbers)]
