"""What a neuron does to its weighted sum: nothing, a ReLU, or the power law of a spintronic oscillator.

The sum z drives the oscillator around its threshold, ξ = I/I_th = 1 + drive z, held within 0 ... clamp, and the power
of its tone is the output, in units of what it gives at the clamp:

    y = scale h(ξ) / h(clamp),   h = p(ξ) with three terminals (constant read current),   p(ξ) ξ² with two,

with p the stationary power of the precession (`models.startup`, eq. 2; P_out ~ p I_read² or p I², `models.oscillator`).

y is a rising function of z from 0 to `scale`: differentiating (ξ - 1) p - (ξ + Q_nl) p² + η = 0 gives
dp/dξ = p (1 - p) / √[(ξ - 1)² + 4 η (ξ + Q_nl)], and 0 <= p < 1 because the left side is η - 1 - Q_nl < 0 at p = 1.
A largest value may therefore be taken before or after it. The thermal seed η leaves y(0) > 0: a zero that is put in
before it is not a zero after it.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array
from resonet.models.neuron.startup import stationary_power

__all__ = ["KINDS", "Activation", "Kind", "OscillatorActivation", "apply_activation"]

Kind = Literal["three_terminal", "two_terminal"]
KINDS: tuple[Kind, ...] = ("three_terminal", "two_terminal")
THEORY = "Slavin and Tiberkevich, IEEE Trans. Magn. 45, 1875 (2009)"


@dataclass(frozen=True, slots=True)
class OscillatorActivation:
    """Activation of an oscillator neuron; a call maps the sums z (weights and bias), of any shape, to y.

    Raises InputError for parameters out of range. `models.oscillator` has the devices that work so.
    """

    kind: Kind
    drive: float = parameter(1.0, "", 1e-30, 1e30, "overdrive, in threshold currents, of a sum of 1")
    scale: float = parameter(1.0, "", 1e-30, 1e30, "output at the clamp")
    qnl: float = parameter(2.0, "", 0.0, 1e3, "nonlinear damping", THEORY)
    clamp: float = parameter(4.0, "", 1.001, 1e3, "largest useful current, in threshold currents")
    seed: float = parameter(1e-4, "", 0.0, 0.1, "mean thermal power without a current", THEORY)

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


Activation: TypeAlias = Literal["relu", "linear"] | OscillatorActivation


def apply_activation(activation: Activation, sums: Array) -> Array:
    """Outputs of neurons for their sums, bias included, of any shape."""
    match activation:
        case OscillatorActivation():
            return activation(sums)
        case "relu":
            return np.maximum(sums, 0)
        case "linear":
            return sums
