"""The Mish function (D. Misra, arXiv:1908.08681)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.activations.smooth import Smooth

__all__ = ["Mish"]


@dataclass(frozen=True, slots=True)
class Mish(Smooth):
    """y = z tanh(ln(1 + exp z)), which falls up to z = -1.192."""

    NAME: ClassVar[str] = "mish"
    OPERATORS: ClassVar[tuple[str, ...]] = ("Mish",)

    def function(self, z: Array) -> Array:
        """Outputs, -0.309 or more."""
        return np.asarray(z * np.tanh(np.logaddexp(0, z)))

    @property
    def turns(self) -> tuple[float, ...]:
        """Its minimum."""
        return (-1.1924312145154136,)
