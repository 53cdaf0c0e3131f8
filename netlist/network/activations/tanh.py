"""The hyperbolic tangent: what a differential pair of bipolar transistors gives of itself; here of straight pieces."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.activations.smooth import Smooth

__all__ = ["Tanh"]


@dataclass(frozen=True, slots=True)
class Tanh(Smooth):
    """y = tanh z."""

    NAME: ClassVar[str] = "tanh"
    OPERATORS: ClassVar[tuple[str, ...]] = ("Tanh",)

    def function(self, z: Array) -> Array:
        """Outputs, -1 ... 1."""
        return np.asarray(np.tanh(z))
