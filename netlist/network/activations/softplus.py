"""The softplus."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.activations.smooth import Smooth

__all__ = ["Softplus"]


@dataclass(frozen=True, slots=True)
class Softplus(Smooth):
    """y = ln(1 + exp z)."""

    NAME: ClassVar[str] = "softplus"
    OPERATORS: ClassVar[tuple[str, ...]] = ("Softplus",)

    def function(self, z: Array) -> Array:
        """Outputs above 0."""
        return np.asarray(np.logaddexp(0, z))
