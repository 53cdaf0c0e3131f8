"""The arctangent, which saturates later than tanh: its transconductor is made of straight pieces."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.activations.smooth import Smooth


@dataclass(frozen=True, slots=True)
class Arctangent(Smooth):
    """y = arctan(z)."""

    NAME: ClassVar[str] = "arctangent"
    OPERATORS: ClassVar[tuple[str, ...]] = ("Atan",)

    def function(self, z: Array) -> Array:
        """Outputs, -π/2 ... π/2."""
        return np.asarray(np.arctan(z))
