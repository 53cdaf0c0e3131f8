"""Pre-warp: tones played, or tanks built, so that a circuit in trapezoidal steps answers as the true one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array
from resonet.models.resonator.linear import SpinDiode

__all__ = ["TankStep", "played"]


def played(f: ArrayLike, dt: float) -> Array:
    """Frequency, Hz, at which trapezoidal steps dt answer as the true circuit does at f; any shape."""
    return np.asarray(np.arctan(np.pi * np.asarray(f, float) * dt) / (np.pi * dt))


@dataclass(frozen=True, slots=True)
class TankStep:
    """Time step that a tank is pre-warped for: trapezoidal integration moves a resonance, so it is built elsewhere.

    With θ = π f0 dt the tank gets f0' = tan(θ) / (π dt), Q' = κ Q, k' = k / κ, κ = sin(2θ) / (2θ), so that the
    integrated tank has the frequency, the linewidth and the height of the true one.
    """

    dt: float

    def tank(self, f_res: Array, device: SpinDiode) -> tuple[Array, Array, Array]:
        """f0', Q', k' of each resonator."""
        theta = np.pi * f_res * self.dt
        kappa = np.sin(2 * theta) / (2 * theta)
        return np.tan(theta) / (np.pi * self.dt), kappa * device.quality, device.transduction / kappa
