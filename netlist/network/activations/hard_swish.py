"""The hard swish (A. Howard et al., ICCV 2019)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.activations.smooth import Smooth

__all__ = ["HardSwish"]


@dataclass(frozen=True, slots=True)
class HardSwish(Smooth):
    """y = z min(max(z + 3, 0), 6) / 6: a parabola within -3 ... 3, with its minimum at -1.5."""

    NAME: ClassVar[str] = "hard_swish"
    OPERATORS: ClassVar[tuple[str, ...]] = ("HardSwish",)

    def function(self, z: Array) -> Array:
        """Outputs, -0.375 or more."""
        return np.asarray(z * np.clip(z + 3, 0, 6) / 6)

    @property
    def turns(self) -> tuple[float, ...]:
        """Ends of the fall."""
        return -3.0, -1.5

    @property
    def kinks(self) -> tuple[float, ...]:
        """Ends of the parabola."""
        return -3.0, 3.0
