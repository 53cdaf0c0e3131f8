"""The logistic function."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.activations.smooth import Smooth

__all__ = ["Sigmoid", "logistic"]


def logistic(z: Array) -> Array:
    """1 / (1 + exp(-z)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))


@dataclass(frozen=True, slots=True)
class Sigmoid(Smooth):
    """y = 1 / (1 + exp(-z))."""

    NAME: ClassVar[str] = "sigmoid"
    OPERATORS: ClassVar[tuple[str, ...]] = ("Sigmoid",)

    def function(self, z: Array) -> Array:
        """Outputs, 0 ... 1."""
        return logistic(z)
