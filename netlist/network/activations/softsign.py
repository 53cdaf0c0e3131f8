"""The softsign."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.activations.smooth import Smooth

__all__ = ["Softsign"]


@dataclass(frozen=True, slots=True)
class Softsign(Smooth):
    """y = z / (1 + |z|)."""

    NAME: ClassVar[str] = "softsign"
    OPERATORS: ClassVar[tuple[str, ...]] = ("Softsign",)

    def function(self, z: Array) -> Array:
        """Outputs, -1 ... 1."""
        return np.asarray(z / (1 + np.abs(z)))
