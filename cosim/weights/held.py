"""The weights that the hardware of a layer holds."""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array

__all__ = ["HeldWeights"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeldWeights:
    """The weights that the hardware of a layer holds, in the units of the trained ones."""

    layer: str
    values: Array  # [groups, outputs per group, taps]
    trained: Array  # same shape

    @property
    def error(self) -> Array:
        """Deviation of every weight as part of the layer's largest trained weight."""
        return (self.values - self.trained) / (np.abs(self.trained).max() or 1.0)

    @property
    def rms_error(self) -> float:
        """Root mean square of `error`."""
        return float(np.sqrt(np.mean(self.error**2)))
